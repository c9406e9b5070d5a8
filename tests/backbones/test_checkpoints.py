"""The table of published checkpoints."""

from pathlib import Path

import pytest

from av2a.backbones.checkpoints import (
    BACKBONES,
    COMMIT,
    LANGUAGEBIND_IMAGE,
    PUBLISHED,
    TOKENIZER,
    TOWERS,
    WEIGHTS,
    Checkpoint,
    backbone_with,
    checkpoint_named,
    chosen_checkpoints,
    own_name,
    pairs,
    parts_of,
    published,
)
from av2a.errors import UnknownName, UsageError


def test_every_checkpoint_is_named_once_and_pinned_to_a_commit_or_to_nothing() -> None:
    repos = [entry.checkpoint.repo for entry in PUBLISHED]
    assert len(repos) == len(set(repos))
    assert all(entry.checkpoint.revision is None or COMMIT.fullmatch(entry.checkpoint.revision) for entry in PUBLISHED)


def test_every_backbone_has_weights_and_a_tokenizer() -> None:
    for name in (*BACKBONES, *pairs()):
        entries = {entry for part in parts_of(name) for entry in part.checkpoint.files}
        assert {"config.json", WEIGHTS, TOKENIZER} <= entries


def test_a_backbone_is_found_by_what_it_is_made_of() -> None:
    for name in (*BACKBONES, "siglip2+clap-larger"):
        found = backbone_with([part.checkpoint for part in parts_of(name)])
        assert found == name
    assert backbone_with([Checkpoint("my/model")]) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("clip_clap", "unknown backbone 'clip_clap': did you mean 'clip-clap'"),
        ("siglip+clap", "unknown vision model 'siglip': did you mean 'siglip2'"),
        ("clip", "unknown backbone 'clip': did you mean"),
        ("clip+klap", "unknown sound model 'klap': did you mean 'clap'"),
    ],
)
def test_a_misspelt_backbone_is_answered_with_the_nearest(name: str, words: str) -> None:
    with pytest.raises(UnknownName, match=words):
        parts_of(name)


def test_a_known_repository_comes_in_its_pinned_revision_unless_another_is_asked_for() -> None:
    pinned = next(entry.checkpoint for entry in PUBLISHED if entry.checkpoint.revision)
    assert checkpoint_named(pinned.repo).revision == pinned.revision
    assert checkpoint_named(f"{pinned.repo}@main").revision == "main"
    assert checkpoint_named("my/model", TOWERS) == Checkpoint("my/model", None, TOWERS)
    assert published(Checkpoint("my/model")) is None


def test_a_folder_is_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert checkpoint_named("a/b").repo == str(tmp_path / "a/b")


@pytest.mark.parametrize("text", ["", "model", "a/b/c", "../etc/x", "a/..", "a/b@", "a/b@ x", "http://host/a", "a b/c"])
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is neither a folder nor a checkpoint's name"):
        checkpoint_named(text)


def test_other_checkpoints_take_the_place_of_those_of_the_table() -> None:
    pair = chosen_checkpoints("siglip2+clap", audio_model="my/clap")
    assert [checkpoint.repo for checkpoint in pair] == ["google/siglip2-base-patch16-224", "my/clap"]
    image, video, audio = chosen_checkpoints("languagebind", "LanguageBind/LanguageBind_Video", "my/audio@v1")
    assert image == LANGUAGEBIND_IMAGE.checkpoint
    assert video == Checkpoint("LanguageBind/LanguageBind_Video", None, TOWERS)
    assert audio == Checkpoint("my/audio", "v1", TOWERS)


def test_a_pair_with_a_name_of_its_own_is_known_by_it() -> None:
    assert [own_name(name) for name in ("clip+clap", "pe-av+pe-a-frame", "clip+clap-larger", "mini")] == [
        "clip-clap",
        "pe-av",
        "clip+clap-larger",
        "mini",
    ]


def test_a_folder_is_recorded_by_its_own_name_only(tmp_path: Path) -> None:
    assert checkpoint_named(str(tmp_path)).recorded == f"{tmp_path.name} (a folder)"
    assert Checkpoint("my/model", "v1").recorded == "my/model@v1"
