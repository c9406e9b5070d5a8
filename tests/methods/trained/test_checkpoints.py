"""Published checkpoints are read without running anything, and others are refused by what differs."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from av2a.errors import MissingFile, UnknownName, WeightsUnavailable
from av2a.methods.trained import PARSERS, load_parser
from av2a.methods.trained.checkpoints import read_checkpoint
from av2a.methods.trained.features import Features
from av2a.methods.trained.mgn import Mgn, Sizes
from av2a.methods.trained.settings import AttentionMap, FrameVector
from tests.methods.trained.checkpoint_files import NUMPY_NAMES, published, seeded, wrapped, write_checkpoint
from tests.methods.trained.golden import noted


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published checkpoint of each parser."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for name in PARSERS:
        published(folder / name, name)
    return folder


def checkpoint(folder: Path, name: str) -> Path:
    return folder / name / PARSERS[name].published_as


def features(videos: int = 2) -> Features:
    rng = np.random.default_rng(0)
    shapes = {"audio": (10, 128), "pictures": (80, 2048), "motion": (10, 512)}
    return Features(**{name: rng.random((videos, *shape), dtype=np.float32) for name, shape in shapes.items()})


@pytest.mark.parametrize("name", PARSERS)
def test_a_published_checkpoint_answers(folder: Path, name: str) -> None:
    file = checkpoint(folder, name)
    parser = load_parser(name, file)
    assert (parser.info.name, parser.info.device) == (name, "cpu")
    assert parser.info.visual.startswith(file.name) and parser.info.audio.startswith(file.name)
    assert len(parser.info.digest) == 64
    assert parser.learnt == noted("state_dict_keys")[name]["parameters"]
    answers = parser.probabilities(features(), FrameVector.MOTION)
    assert answers.audio.shape == answers.visual.shape == (2, 10, 25)
    assert 0 < answers.audio.min() < answers.audio.max() < 1.24
    assert answers.audio.std() > 0.01


@pytest.mark.parametrize("numpy_name", NUMPY_NAMES)
def test_random_states_beside_the_parameters_are_read_under_both_of_numpys_names(
    tmp_path: Path, numpy_name: str
) -> None:
    state = seeded("jomold")
    file = write_checkpoint(tmp_path / "JoMoLD.pt", wrapped(state), numpy_name=numpy_name)
    assert f"c{numpy_name}\n".encode() in file.read_bytes()
    read = read_checkpoint(file)
    assert read.keys() == state.keys()
    assert all(torch.equal(read[key], state[key]) for key in state)


def test_bare_wrapped_old_and_portable_files_give_the_same_parameters(tmp_path: Path) -> None:
    state = seeded("han")
    files = [write_checkpoint(tmp_path / "bare.pt", state), write_checkpoint(tmp_path / "wrapped.pt", wrapped(state))]
    torch.save(state, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    torch.save(wrapped(state), tmp_path / "old_wrapped.pt", _use_new_zipfile_serialization=False)
    save_file(state, tmp_path / "portable.safetensors")
    files += [tmp_path / name for name in ("old.pt", "old_wrapped.pt", "portable.safetensors")]
    for file in files:
        read = read_checkpoint(file)
        assert read.keys() == state.keys()
        assert all(torch.equal(read[key], state[key]) for key in state)


def test_han_answers_alike_without_the_parameters_that_it_never_reads(folder: Path, tmp_path: Path) -> None:
    whole = load_parser("han", checkpoint(folder, "han"))
    read = {key: value for key, value in seeded("han").items() if key in dict(whole.network.named_parameters())}
    assert len(read) == 30
    bare = load_parser("han", write_checkpoint(tmp_path / "mine.pt", read))
    one, other = (each.probabilities(features(), FrameVector.FUSED) for each in (whole, bare))
    assert np.array_equal(one.audio, other.audio) and np.array_equal(one.frame_embeddings, other.frame_embeddings)


@pytest.mark.parametrize(
    ("given", "asked"), [("jomold", "han"), ("han", "jomold"), ("mgn", "cmpae"), ("cmpae", "mgn"), ("cmpae", "jomold")]
)
def test_another_parsers_checkpoint_is_called_by_its_name(folder: Path, given: str, asked: str) -> None:
    words = f"is a checkpoint of {PARSERS[given].title}, not of {PARSERS[asked].title}: give it for {given}"
    with pytest.raises(WeightsUnavailable, match=words):
        load_parser(asked, checkpoint(folder, given))


def without(state: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in state.items() if key not in names}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            lambda state: without(state, "fc_prob.bias"),
            r"JoMoLD \(missing: fc_prob\.bias\): get it again from its authors",
        ),
        (lambda state: {**state, "fc_new.weight": torch.ones(1)}, r"\(unexpected: fc_new\.weight\)"),
        (
            lambda state: {**state, "fc_a.weight": torch.ones(512, 127)},
            r"\(wrong shape: fc_a\.weight is \(512, 127\), not \(512, 128\)\)",
        ),
        (
            lambda state: {f"module.{key}": value for key, value in state.items()},
            r"\(missing: .* and 27 more; unexpected: module\.\S+, module\.\S+, module\.\S+ and 31 more\)",
        ),
        (
            lambda state: {**without(state, "fc_a.bias"), "fc_v.bias": torch.ones(3), "other": torch.ones(1)},
            r"missing: fc_a\.bias; unexpected: other; wrong shape: fc_v\.bias is \(3,\), not \(512,\)",
        ),
        (
            lambda state: {**state, "fc_a.bias": torch.full((512,), float("nan"))},
            r"\(not finite: fc_a\.bias\)",
        ),
        (
            lambda state: {**state, "fc_a.bias": torch.ones(512, dtype=torch.int64)},
            r"\(not floating: fc_a\.bias\)",
        ),
        (lambda state: {}, "has no table of tensors, neither at the top nor under 'model'"),
        (lambda state: {"net": state}, "has no table of tensors"),
    ],
    ids=[
        "missing",
        "unexpected",
        "shape",
        "wrapped in a module",
        "all at once",
        "not finite",
        "whole",
        "empty",
        "deep",
    ],
)
def test_what_differs_from_the_published_parameters_is_named(tmp_path: Path, changed: Any, words: str) -> None:
    file = write_checkpoint(tmp_path / "mine.pt", changed(seeded("jomold")))
    with pytest.raises(WeightsUnavailable, match=words) as refusal:
        load_parser("jomold", file)
    assert "\n" not in str(refusal.value)
    assert refusal.value.exit_status == 3


def test_a_parameter_that_is_never_read_may_have_any_value(tmp_path: Path) -> None:
    state = {**seeded("jomold"), "hat_encoder.norm1.weight": torch.full((512,), float("nan"))}
    assert load_parser("jomold", write_checkpoint(tmp_path / "mine.pt", state)).kind.name == "jomold"


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("length", [100, -100])
def test_a_truncated_file_is_refused_by_name(tmp_path: Path, suffix: str, length: int) -> None:
    file = tmp_path / f"cut{suffix}"
    if suffix == ".pt":
        write_checkpoint(file, seeded("mgn"))
    else:
        save_file(seeded("mgn"), file)
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(WeightsUnavailable, match=rf"cut\{suffix}' is damaged .*: get it again") as refusal:
        load_parser("mgn", file)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.pt", b"", "is empty"),
        ("empty.safetensors", b"", "is empty"),
        ("notes.pt", b"where the checkpoint is to be had\n", "is no checkpoint"),
        ("page.pt", b"<!DOCTYPE html><html></html>", "is no checkpoint"),
    ],
)
def test_a_file_that_never_was_a_checkpoint_is_not_called_damaged(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(WeightsUnavailable, match=f"{name}' {words}: get it again from its authors"):
        load_parser("mgn", file)


class Evil:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.target),))


def test_a_file_that_could_run_code_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "evil.pt"
    torch.save({"model": seeded("jomold"), "numpy_rng": Evil(tmp_path / "made")}, file)
    with pytest.raises(WeightsUnavailable, match=r"contains more than tensors \(posix\.mkdir\) and could run code"):
        load_parser("jomold", file)
    assert not (tmp_path / "made").exists()


def test_no_more_of_numpy_is_let_in_than_a_random_state_needs(tmp_path: Path) -> None:
    file = tmp_path / "other.pt"
    for value in (np.float64(1.0), np.random.default_rng(0), np.arange(3, dtype=np.int64)):
        torch.save({"model": seeded("jomold"), "numpy_rng": value}, file)
        with pytest.raises(WeightsUnavailable, match=r"contains more than tensors \(numpy\.|is damaged"):
            load_parser("jomold", file)


def test_a_checkpoint_that_is_not_there_and_a_parser_that_is_unknown_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"there is no checkpoint '.*none\.pt': check its path"):
        load_parser("han", tmp_path / "none.pt")
    with pytest.raises(MissingFile, match="is a folder: name the checkpoint in it"):
        load_parser("han", tmp_path)
    with pytest.raises(UnknownName, match="unknown parser 'jomould': did you mean 'jomold'"):
        load_parser("jomould", tmp_path / "none.pt")


def test_the_papers_name_of_mgn_is_understood(folder: Path) -> None:
    assert load_parser("mgn-ma", checkpoint(folder, "mgn")).kind is PARSERS["mgn"]


@pytest.mark.parametrize("sizes", [Sizes(width=32, audio_depth=1, visual_depth=2, joint_depth=1, inner_tokens=16)])
def test_an_mgn_of_another_size_is_read_as_it_was_trained(tmp_path: Path, sizes: Sizes) -> None:
    network = Mgn(sizes)
    torch.nn.init.normal_(network.audio_token)
    torch.nn.init.normal_(network.visual_token)
    file = write_checkpoint(tmp_path / "small.pt", network.state_dict())
    parser = load_parser("mgn", file)
    with torch.inference_mode():
        given = features()
        inputs = [torch.from_numpy(each) for each in (given.audio, given.pictures, given.motion)]
        expected = network.eval()(*inputs).audio.numpy()
    assert parser.probabilities(given, FrameVector.MOTION).audio == pytest.approx(expected, abs=1e-6)
    assert parser.learnt == sum(each.numel() for each in network.parameters()) < 1_000_000


def test_the_older_code_of_mgn_is_a_choice(folder: Path) -> None:
    flat = load_parser("mgn", checkpoint(folder, "mgn"), attention_map=AttentionMap.FLAT)
    answers = flat.probabilities(features(), FrameVector.MOTION)
    assert np.array_equal(answers.audio, np.repeat(answers.whole_audio[:, None], 10, axis=1))


@pytest.mark.parametrize(
    ("frame_vector", "width"),
    [
        (FrameVector.MOTION, 512),
        (FrameVector.PICTURE, 2048),
        (FrameVector.PICTURE_AND_MOTION, 2560),
        (FrameVector.FUSED, 512),
        (FrameVector.ATTENDED, 512),
    ],
)
def test_each_choice_of_x_t_is_a_vector_a_second(folder: Path, frame_vector: FrameVector, width: int) -> None:
    given = features(1)
    found = load_parser("cmpae", checkpoint(folder, "cmpae")).probabilities(given, frame_vector).frame_embeddings
    assert found.shape == (1, 10, width)
    motion = given.motion
    pictures = given.pictures.reshape(1, 10, 8, 2048).mean(axis=2)
    if frame_vector is FrameVector.MOTION:
        assert np.array_equal(found, motion)
    elif frame_vector is FrameVector.PICTURE:
        assert found == pytest.approx(pictures, abs=1e-6)
    elif frame_vector is FrameVector.PICTURE_AND_MOTION:
        assert found == pytest.approx(np.concatenate([pictures, motion], axis=2), abs=1e-6)


def test_the_networks_own_vectors_differ_before_and_after_attention(folder: Path) -> None:
    for name in PARSERS:
        parser = load_parser(name, checkpoint(folder, name))
        before, after = (
            parser.probabilities(features(1), each).frame_embeddings
            for each in (FrameVector.FUSED, FrameVector.ATTENDED)
        )
        assert before.shape == after.shape and np.abs(before - after).max() > 0.1
