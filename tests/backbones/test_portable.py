"""Weights carried to another machine, and checked there."""

import json
from pathlib import Path

import pytest
import torch

from av2a.backbones.checkpoints import Checkpoint
from av2a.backbones.portable import Verdict, refuse_damaged, verify, write_portable
from av2a.backbones.weights import MANIFEST, Folder, Origin, Sources, resolve
from av2a.errors import OutputRefused, WeightsUnavailable
from tests.backbones.small_hub import COMMIT, SmallHub, repository

WEIGHTS = "model.safetensors"


@pytest.fixture
def cached(tmp_path: Path) -> Folder:
    """A model in the hub's cache."""
    with SmallHub({"owner/model": repository()}) as hub:
        return resolve(Checkpoint("owner/model"), Sources(cache=tmp_path / "hub", endpoint=hub.url))


def verdicts(folder: Folder) -> dict[str, Verdict]:
    return {finding.file.name: finding.verdict for finding in verify(folder)}


def carried(cached: Folder, to: Path) -> Folder:
    return Folder(write_portable(cached, to), "owner/model", COMMIT, Origin.FOLDER)


def test_what_is_carried_is_plain_files_and_a_manifest(cached: Folder, tmp_path: Path) -> None:
    there = write_portable(cached, tmp_path / "stick")
    assert sorted(path.name for path in there.iterdir()) == [
        MANIFEST,
        "config.json",
        WEIGHTS,
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert not any(path.is_symlink() for path in there.rglob("*"))
    manifest = json.loads((there / MANIFEST).read_text())
    assert (manifest["repo"], manifest["revision"]) == ("owner/model", COMMIT)


def test_what_is_there_already_is_not_copied_again(cached: Folder, tmp_path: Path) -> None:
    write_portable(cached, tmp_path / "stick")
    damaged = bytes((cached.path / WEIGHTS).stat().st_size)
    (tmp_path / "stick/owner/model" / WEIGHTS).write_bytes(damaged)
    copied: list[int] = []
    write_portable(cached, tmp_path / "stick", copied.append)
    assert sum(copied) == len(damaged)
    assert set(verdicts(carried(cached, tmp_path / "stick")).values()) == {Verdict.WHOLE}


def test_damaged_files_are_not_carried_on_as_whole(cached: Folder, tmp_path: Path) -> None:
    stick = carried(cached, tmp_path / "stick")
    (stick.path / WEIGHTS).write_bytes((stick.path / WEIGHTS).read_bytes()[:1000])
    with pytest.raises(WeightsUnavailable, match=r"model\.safetensors is damaged .its digest is not .*: copy it again"):
        write_portable(stick, tmp_path / "out")
    assert not (tmp_path / "out/owner/model" / MANIFEST).exists()
    assert not (tmp_path / "out/owner/model" / WEIGHTS).exists()


@pytest.mark.parametrize("manifest", [True, False])
def test_a_users_folder_is_refused_when_a_file_in_it_is_damaged(cached: Folder, tmp_path: Path, manifest: bool) -> None:
    stick = carried(cached, tmp_path / "stick")
    if not manifest:
        (stick.path / MANIFEST).unlink()
    refuse_damaged([stick])
    (stick.path / WEIGHTS).write_bytes((stick.path / WEIGHTS).read_bytes()[:1000])
    with pytest.raises(
        WeightsUnavailable, match=r"damaged in .*: model\.safetensors; .*leave --weights and AV2A_WEIGHTS out"
    ):
        refuse_damaged([stick])


@pytest.mark.parametrize("content", ["[]", '{"files": []}', '{"files": {"model.safetensors": 3}}', "{"])
def test_a_manifest_of_another_form_states_nothing(cached: Folder, tmp_path: Path, content: str) -> None:
    stick = carried(cached, tmp_path / "stick")
    (stick.path / MANIFEST).write_text(content)
    assert set(verdicts(stick).values()) == {Verdict.READABLE}


def test_a_place_that_cannot_be_written_is_refused(cached: Folder, tmp_path: Path) -> None:
    (tmp_path / "stick").write_text("a file")
    with pytest.raises(OutputRefused, match="choose another place with --to"):
        write_portable(cached, tmp_path / "stick")


@pytest.mark.parametrize("where", ["cache", "stick"])
@pytest.mark.parametrize("name", ["config.json", WEIGHTS, "tokenizer.json"])
def test_one_changed_byte_is_found(cached: Folder, tmp_path: Path, where: str, name: str) -> None:
    folder = cached if where == "cache" else carried(cached, tmp_path / "stick")
    assert set(verdicts(folder).values()) == {Verdict.WHOLE}
    file = (folder.path / name).resolve()
    content = file.read_bytes()
    file.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
    assert [name for name, verdict in verdicts(folder).items() if verdict is Verdict.DAMAGED] == [name]


def test_without_a_digest_files_are_read(tmp_path: Path) -> None:
    folder = Folder(tmp_path, "owner/model", None, Origin.FOLDER)
    (tmp_path / "config.json").write_text("{}")
    torch.save({"a": torch.ones(1000)}, tmp_path / "pytorch_model.bin")
    assert set(verdicts(folder).values()) == {Verdict.READABLE}
    file = tmp_path / "pytorch_model.bin"
    file.write_bytes(file.read_bytes()[:-50])
    assert verdicts(folder) == {"config.json": Verdict.READABLE, "pytorch_model.bin": Verdict.DAMAGED}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_parameters_that_are_no_numbers_are_damaged(tmp_path: Path, value: float) -> None:
    (tmp_path / "config.json").write_text("{}")
    torch.save({"places": torch.arange(3), "layer.weight": torch.tensor([1.0, value])}, tmp_path / "pytorch_model.bin")
    found = {finding.file.name: finding for finding in verify(Folder(tmp_path, "owner/model", None, Origin.FOLDER))}
    assert found["pytorch_model.bin"].verdict is Verdict.DAMAGED
    assert "layer.weight holds NaN or infinity" in found["pytorch_model.bin"].detail
