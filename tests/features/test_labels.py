"""Rows of labels on disk: made once, right whatever happens to the files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from av2a.backbones.base import Backbone
from av2a.embeddings import LabelEmbeddings
from av2a.features.labels import cached_label_embeddings
from tests.counting import Counted, counted
from tests.tiny_backbones import pair

__all__ = ["pair"]  # a fixture

LABELS = ["dog", "a cat", "ünï 🐕"]


@pytest.fixture
def asked(pair: Backbone) -> Counted:
    return counted(pair)


def remembered(backbone: Backbone, labels: list[str], folder: Path | None) -> LabelEmbeddings:
    """With this folder as the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AV2A_CACHE", "" if folder is None else str(folder))
        return cached_label_embeddings(backbone, labels)


def same(one: LabelEmbeddings, other: LabelEmbeddings) -> bool:
    return one.visual.tobytes() == other.visual.tobytes() and one.audio.tobytes() == other.audio.tobytes()


def reads(asked: Counted) -> int:
    return sum(asked.visual.labels.values()) + sum(asked.audio.labels.values())


def test_a_vocabulary_is_read_once_by_each_encoder(tmp_path: Path, asked: Counted) -> None:
    first = remembered(asked.backbone, LABELS, tmp_path)
    again = remembered(asked.backbone, LABELS, tmp_path)
    assert same(first, again)
    assert reads(asked) == 2 * len(LABELS)


def test_another_backbone_precision_prompt_or_order_is_read_anew(tmp_path: Path, asked: Counted) -> None:
    backbone = asked.backbone
    others = [
        replace(backbone, info=replace(backbone.info, digest="0" * 64)),
        replace(backbone, info=replace(backbone.info, precision="bfloat16")),
        replace(backbone, prompts_version=99),
    ]
    for each in [backbone, *others]:
        remembered(each, LABELS, tmp_path)
    remembered(backbone, LABELS[::-1], tmp_path)
    assert reads(asked) == 2 * len(LABELS) * 5
    assert len(list((tmp_path / "labels").iterdir())) == 5


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 nothing", b"half"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, asked: Counted, damage: bytes) -> None:
    first = remembered(asked.backbone, LABELS, tmp_path)
    [file] = (tmp_path / "labels").iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if damage == b"half" else damage)
    assert same(first, remembered(asked.backbone, LABELS, tmp_path))
    assert file.read_bytes() == whole


def test_rows_that_do_not_fit_the_question_are_made_anew(tmp_path: Path, asked: Counted) -> None:
    first = remembered(asked.backbone, LABELS, tmp_path)
    [file] = (tmp_path / "labels").iterdir()
    for rows in (first.visual[:1], np.full_like(first.visual, np.nan)):
        with file.open("wb") as stream:
            np.savez(stream, visual=rows, audio=first.audio)
        assert same(first, remembered(asked.backbone, LABELS, tmp_path))


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path, asked: Counted) -> None:
    taken = tmp_path / "file"
    taken.touch()
    assert len(remembered(asked.backbone, LABELS, taken).visual) == len(LABELS)
    assert len(remembered(asked.backbone, LABELS, None).visual) == len(LABELS)
    assert taken.read_bytes() == b""


def test_nothing_but_whole_files_is_left(tmp_path: Path, asked: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **arrays: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    assert len(remembered(asked.backbone, LABELS, tmp_path).visual) == len(LABELS)
    assert list((tmp_path / "labels").iterdir()) == []
