"""Weights found on this machine, read, and told apart."""

import hashlib
import json
import os
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from av2a.backbones.checkpoints import TOWERS, Checkpoint, checkpoint_named
from av2a.backbones.portable import write_portable
from av2a.backbones.weights import (
    FOLDER_VARIABLE,
    Folder,
    Origin,
    Sources,
    digest,
    load_strictly,
    read_config,
    read_state,
    resolve,
    resolve_all,
)
from av2a.errors import MissingFile, WeightsUnavailable
from tests.backbones.small_hub import COMMIT, SmallHub, parameters, repository

CHECKPOINT = Checkpoint("owner/model")
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hub's cache with one model in it."""
    folder = tmp_path_factory.mktemp("cache")
    with SmallHub({"owner/model": repository()}) as hub:
        resolve(CHECKPOINT, Sources(cache=folder, endpoint=hub.url))
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model's files, plain."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name, content in repository().items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[Path]:
    """An empty cache."""
    (tmp_path / "nothing").mkdir()
    yield tmp_path / "nothing"
    assert not list((tmp_path / "nothing").iterdir())


def found(folder: Path, nowhere: Path, checkpoint: Checkpoint = CHECKPOINT) -> Folder:
    return resolve(checkpoint, Sources(folder=folder, cache=nowhere, download=False))


# Where they are found.


@pytest.mark.parametrize("layout", ["owner/model", "model", "owner--model"])
def test_one_folder_a_model_is_found_by_its_name(layout: str, model: Path, tmp_path: Path, nowhere: Path) -> None:
    shutil.copytree(model, tmp_path / "weights" / layout)
    folder = found(tmp_path / "weights", nowhere)
    assert folder == Folder(tmp_path / "weights" / layout, "owner/model", None, Origin.FOLDER)


@pytest.mark.parametrize("inside", ["", "hub"])
@pytest.mark.parametrize("links", [True, False])
def test_a_copy_of_the_hubs_cache_is_found_with_and_without_its_links(
    cache: Path, tmp_path: Path, nowhere: Path, inside: str, links: bool
) -> None:
    shutil.copytree(cache, tmp_path / "copy" / inside, symlinks=links)
    folder = found(tmp_path / "copy", nowhere)
    assert (folder.revision, folder.origin) == (COMMIT, Origin.FOLDER)
    assert digest(folder.path) == digest(found(cache, nowhere).path)


def test_a_folder_made_to_be_copied_is_found_and_has_the_same_digest(
    cache: Path, tmp_path: Path, nowhere: Path
) -> None:
    original = found(cache, nowhere)
    write_portable(original, tmp_path / "stick")
    folder = found(tmp_path / "stick", nowhere)
    assert folder == Folder(tmp_path / "stick/owner/model", "owner/model", COMMIT, Origin.FOLDER)
    assert digest(folder.path) == digest(original.path)


def test_the_folder_comes_before_the_cache_and_the_cache_serves_what_it_lacks(
    cache: Path, model: Path, tmp_path: Path
) -> None:
    shutil.copytree(model, tmp_path / "weights/owner/model")
    both = Sources(folder=tmp_path / "weights", cache=cache, download=False)
    assert resolve(CHECKPOINT, both).origin is Origin.FOLDER
    (tmp_path / "weights/owner/model/config.json").unlink()
    assert resolve(CHECKPOINT, both).origin is Origin.CACHE


def test_the_environment_names_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert Sources.chosen().folder == tmp_path
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "absent"))
    with pytest.raises(MissingFile, match=r"there is no folder .*absent.* check --weights and AV2A_WEIGHTS"):
        Sources.chosen()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"HF_HUB_CACHE": "/a"}, "/a"),
        ({"HF_HOME": "/b"}, "/b/hub"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
        ({}, "~/.cache/huggingface/hub"),
    ],
)
def test_the_cache_is_the_hubs_own(variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Sources().hub_cache() == Path(expected).expanduser()


def test_another_revision_is_not_taken_in_silence(cache: Path, tmp_path: Path, nowhere: Path) -> None:
    pinned = Checkpoint("owner/model", "a" * 40)
    with pytest.raises(WeightsUnavailable, match=rf"model@aaaaaaaaaaaa \(not in .*, only its revision {COMMIT[:12]}\)"):
        resolve(pinned, Sources(cache=cache, download=False))
    write_portable(found(cache, nowhere), tmp_path / "stick")
    with pytest.raises(WeightsUnavailable, match=rf"revision {COMMIT[:12]} in "):
        found(tmp_path / "stick", nowhere, pinned)


def test_all_that_is_missing_is_named_in_one_error_with_the_command_that_fetches_it(nowhere: Path) -> None:
    clip, clap = checkpoint_named("openai/clip-vit-base-patch32"), checkpoint_named("laion/clap-htsat-unfused")
    with pytest.raises(WeightsUnavailable) as refusal:
        resolve_all([clip, clap], Sources(cache=nowhere, download=False))
    words = str(refusal.value)
    for part in (
        clip.repo,
        clap.repo,
        str(nowhere),
        "av2a weights fetch clip-clap",
        "--to DIR",
        "AV2A_WEIGHTS",
        "HF_HOME",
    ):
        assert part in words
    assert len(words.splitlines()) == 3


def test_ones_own_checkpoints_are_fetched_by_their_names(nowhere: Path) -> None:
    clip = checkpoint_named("openai/clip-vit-base-patch32")
    own, other = checkpoint_named("my/clap@v2"), checkpoint_named("openai/clip-vit-base-patch32@main")
    nothing = Sources(cache=nowhere, download=False)
    with pytest.raises(WeightsUnavailable, match=r"download them: av2a weights fetch my/clap@v2 \(") as refusal:
        resolve(own, nothing)
    assert "BACKBONE" not in str(refusal.value)
    with pytest.raises(
        WeightsUnavailable, match=rf"fetch {clip.repo}@{clip.revision} && av2a weights fetch my/clap@v2 "
    ):
        resolve_all([clip, own], nothing)
    with pytest.raises(WeightsUnavailable, match=rf"download them: av2a weights fetch {clip.repo}@main "):
        resolve(other, nothing)


def test_what_a_folder_lacks_is_said(model: Path, nowhere: Path) -> None:
    (model / WEIGHTS).unlink()
    (model / "tokenizer.json").unlink()
    with pytest.raises(WeightsUnavailable) as refusal:
        found(model.parent, nowhere)
    assert "no weights (model.safetensors or pytorch_model.bin)" in str(refusal.value)
    assert "no tokenizer (tokenizer.json or vocab.json with merges.txt)" in str(refusal.value)
    (model / "pytorch_model.bin").touch()
    assert found(model.parent, nowhere, Checkpoint("owner/model", None, TOWERS)).path == model


def test_a_users_own_folder_is_taken_as_it_is(model: Path, nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model.parent)
    assert found(nowhere, nowhere, checkpoint_named("model")).path == model
    (model / "config.json").unlink()
    with pytest.raises(
        WeightsUnavailable, match=r"no config\.json.*a folder is not downloaded\ncopy the folder here again"
    ):
        resolve(checkpoint_named("model"), Sources(cache=nowhere))


def test_what_is_damaged_in_the_hubs_own_cache_is_fetched_again_by_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    folder = tmp_path / "models--owner--model/snapshots" / COMMIT
    folder.mkdir(parents=True)
    (folder / WEIGHTS).write_bytes(b"noise")
    with pytest.raises(
        WeightsUnavailable, match=r"is damaged .*: fetch it again with 'av2a weights fetch owner/model'"
    ):
        read_state(folder)


# Reading.


def test_safetensors_and_pickled_tensors_give_the_same(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones((), dtype=torch.int64)}
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    save_file(tensors, tmp_path / "one" / WEIGHTS)
    torch.save(tensors, tmp_path / "two/pytorch_model.bin")
    torch.save(tensors, tmp_path / "three/pytorch_model.bin", _use_new_zipfile_serialization=False)
    for name in ("one", "two", "three"):
        state = read_state(tmp_path / name)
        assert state.keys() == tensors.keys()
        assert all(torch.equal(state[key], tensors[key]) for key in tensors)


def test_shards_are_put_together(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "model-00001-of-00002.safetensors")
    save_file({"b": torch.zeros(3)}, tmp_path / "model-00002-of-00002.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert read_state(tmp_path).keys() == {"a", "b"}
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(WeightsUnavailable, match="has no weights"):
        read_state(tmp_path)


@pytest.mark.parametrize("shard", ["../../secret", "/etc/passwd", "other.safetensors", 3])
def test_an_index_that_points_elsewhere_is_refused(tmp_path: Path, shard: object) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": shard}}))
    with pytest.raises(WeightsUnavailable, match=r"is damaged .it names no shards"):
        read_state(tmp_path)


def overlapping() -> bytes:
    header = {name: {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]} for name in "ab"}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(16)


@pytest.mark.parametrize(
    "content",
    [b"", parameters(0)[:5], parameters(0)[:60], parameters(0)[:-1], b"\xff" * 8 + b"{}", b"x" * 1000, overlapping()],
    ids=["empty", "in the length", "in the header", "one byte short", "length of 2^64", "noise", "overlapping"],
)
def test_damaged_safetensors_are_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / WEIGHTS).write_bytes(content)
    with pytest.raises(WeightsUnavailable, match=r"model\.safetensors is damaged .*: copy it again$") as refusal:
        read_state(tmp_path)
    assert "\n" not in str(refusal.value)


def test_damaged_pickles_are_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "pytorch_model.bin"
    torch.save({"a": torch.ones(1000)}, file)
    whole = file.read_bytes()
    for content in (b"", whole[:100], whole[:-30], b"noise" * 100):
        file.write_bytes(content)
        with pytest.raises(WeightsUnavailable, match=r"pytorch_model\.bin is damaged"):
            read_state(tmp_path)


class Evil:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.target),))


@pytest.mark.parametrize("new", [True, False])
def test_a_pickle_that_would_run_code_is_refused_and_runs_none(tmp_path: Path, new: bool) -> None:
    content = {"a": torch.ones(1), "b": Evil(tmp_path / "done")}
    torch.save(content, tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=new)
    with pytest.raises(WeightsUnavailable, match="could run code, so it is not read"):
        read_state(tmp_path)
    assert not (tmp_path / "done").exists()


def test_a_pickle_of_something_else_is_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": torch.ones(1)}}, tmp_path / "pytorch_model.bin")
    with pytest.raises(WeightsUnavailable, match="no table of tensors"):
        read_state(tmp_path)


def test_a_configuration_of_another_architecture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    assert read_config(tmp_path)["model_type"] == "bert"
    with pytest.raises(WeightsUnavailable, match=r"of type 'bert', and 'clip' or 'siglip' is needed"):
        read_config(tmp_path, "clip", "siglip")


@pytest.mark.parametrize("content", ["", "{", "[]", "[" * 100_000, "\ud800"])
def test_a_damaged_configuration_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(WeightsUnavailable, match=r"config\.json is damaged"):
        read_config(tmp_path)


def test_a_missing_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match=r"config\.json is missing"):
        read_config(tmp_path)


def test_a_model_gets_all_its_weights_and_no_others(tmp_path: Path) -> None:
    module = torch.nn.Linear(3, 2)
    state = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}
    load_strictly(module, {**state, "embeddings.position_ids": torch.arange(3)}, tmp_path)
    assert torch.equal(module.weight, state["weight"])
    for wrong, words in (
        ({"weight": state["weight"]}, "missing: bias"),
        ({**state, "more": torch.ones(1)}, "unexpected: more"),
        ({**state, "bias": torch.zeros(5)}, r"wrong shape: bias is \(5,\), not \(2,\)"),
    ):
        with pytest.raises(WeightsUnavailable, match=rf"contradict each other \({words}\)"):
            load_strictly(module, wrong, tmp_path)


# Digests.


def test_the_digest_changes_with_every_file_that_matters_and_with_no_other(model: Path) -> None:
    before = digest(model)
    (model / "README.md").write_text("another text")
    assert digest(model) == before
    for name in ("config.json", WEIGHTS, "tokenizer.json"):
        content = (model / name).read_bytes()
        (model / name).write_bytes(content[:-1] + b"\n")
        assert digest(model) != before
        (model / name).write_bytes(content)
    assert digest(model) == before


def test_the_digest_is_sha_256_over_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b"{}")
    line = f"{hashlib.sha256(b'{}').hexdigest()}  config.json\n"
    assert digest(tmp_path) == hashlib.sha256(line.encode()).hexdigest()
