"""Weights carried to another machine, and checked there."""

import json
from pathlib import Path

import pytest
import torch

from av2a.encoders.checkpoints import Checkpoint
from av2a.encoders.portable import Verdict, verify, write_portable
from av2a.encoders.weights import MANIFEST, Folder, Origin, Sources, resolve
from av2a.errors import OutputRefused
from tests.encoders.small_hub import COMMIT, SmallHub, repository

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
