from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from av2a.backbones.languagebind.checkpoint import load_model
from av2a.backbones.languagebind.configuration import TowerKind
from av2a.errors import WeightsUnavailable
from tests.backbones.languagebind import tiny

State = dict[str, Tensor]

CLASS = "vision_model.embeddings.class_embedding"
PATCHES = "vision_model.embeddings.patch_embedding.weight"
POSITIONS = "vision_model.embeddings.position_embedding.weight"
QUERY = "vision_model.encoder.layers.1.self_attn.q_proj"


def without(state: State, name: str) -> State:
    return {each: values for each, values in state.items() if each != name}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: without(state, CLASS), rf"missing: {CLASS}\)"),
        (lambda state: without(state, "text_projection.weight"), r"missing: text_projection.weight\)"),
        (lambda state: state | {"head.bias": torch.zeros(3)}, r"unexpected: head.bias\)"),
        (
            lambda state: state | {POSITIONS: torch.zeros(26, 32)},
            rf"wrong shape: {POSITIONS} is \(26, 32\), not \(17, 32\)\)",
        ),
        (
            lambda state: without(state, CLASS) | {"head.bias": torch.zeros(3), "logit_scale": torch.zeros(1)},
            rf"missing: {CLASS}; unexpected: head.bias; wrong shape: logit_scale is \(1,\), not \(\)\)",
        ),
        (lambda state: {}, r"missing: logit_scale, text_model.embed\S+, text_model.embed\S+ and 75 more\)"),
    ],
)
def test_weights_that_do_not_fit_are_named(change: Callable[[State], State], words: str) -> None:
    configuration = tiny.configuration(TowerKind.IMAGE)
    with pytest.raises(
        WeightsUnavailable, match=f"the configuration and the weights in here contradict each other .*{words}"
    ):
        load_model(configuration, change(tiny.state(configuration)), "here")


@pytest.mark.parametrize(
    ("kind", "says", "has", "name"),
    [
        (TowerKind.VIDEO, {"add_time_attn": False}, {}, "temporal_"),
        (TowerKind.VIDEO, {}, {"add_time_attn": False}, "temporal_"),
        (TowerKind.VIDEO, {"num_frames": 8}, {}, "temporal_embedding is"),
        (TowerKind.VIDEO, {"clip_type": "vl_new"}, {}, "class_embedding is"),
        (TowerKind.AUDIO, {"target_length": 1036}, {}, POSITIONS),
        (TowerKind.IMAGE, {"image_size": 224}, {}, POSITIONS),
        (TowerKind.IMAGE, {"num_hidden_layers": 3}, {}, "missing: vision_model.encoder.layers.2"),
        (TowerKind.IMAGE, {"num_hidden_layers": 1}, {}, "unexpected: vision_model.encoder.layers.1"),
    ],
)
def test_a_configuration_that_contradicts_its_weights_is_refused(
    kind: TowerKind, says: dict[str, object], has: dict[str, object], name: str
) -> None:
    with pytest.raises(WeightsUnavailable, match=name):
        load_model(tiny.configuration(kind, **says), tiny.state(tiny.configuration(kind, **has)), "tiny")


def test_position_numbers_are_passed_over_whatever_they_are() -> None:
    configuration = tiny.configuration(TowerKind.AUDIO)
    state = tiny.state(configuration)
    numbers = {"vision_model.embeddings.position_ids": torch.full((1, 5), 7)}
    plain, numbered = (load_model(configuration, each, "tiny").state_dict() for each in (state, state | numbers))
    assert plain.keys() == numbered.keys()
    assert all(torch.equal(plain[name], numbered[name]) for name in plain)


def test_weights_of_half_precision_are_computed_with_in_float32() -> None:
    configuration = tiny.configuration(TowerKind.IMAGE)
    state = {name: values.half() for name, values in tiny.state(configuration).items()}
    model = load_model(configuration, state, "tiny")
    assert {values.dtype for values in model.state_dict().values()} == {torch.float32}


def test_nothing_is_learned_or_dropped_while_answering() -> None:
    configuration = tiny.configuration(TowerKind.VIDEO, force_patch_dropout=0.5)
    model = load_model(configuration, tiny.state(configuration), "tiny")
    clip = torch.ones(1, 3, 4, 32, 32)
    assert not model.training
    assert not model.clip_rows(clip).requires_grad
    assert torch.equal(model.clip_rows(clip), model.clip_rows(clip))


# Low-rank updates.


def wrapped(state: State, updates: State) -> State:
    """As peft names the weights of an encoder; the text tower is never adapted."""
    plain, peft = "vision_model.encoder.", "vision_model.encoder.base_model.model."
    return {name.replace(plain, peft): values for name, values in (state | updates).items()}


def update(rank: int = 2) -> State:
    generator = torch.Generator().manual_seed(1)
    return {
        f"{QUERY}.lora_A.default.weight": torch.randn(rank, 32, generator=generator),
        f"{QUERY}.lora_B.default.weight": torch.randn(32, rank, generator=generator),
    }


@pytest.mark.parametrize("said", [{}, {"lora_r": 2}, {"lora_r": 2, "lora_alpha": 4}])
def test_an_update_is_added_to_its_weight(said: dict[str, int]) -> None:
    configuration = tiny.configuration(TowerKind.IMAGE, **said)
    state, low_rank = tiny.state(configuration), update()
    model = load_model(configuration, wrapped(state, low_rank), "tiny")
    first, second = low_rank.values()
    expected = state[f"{QUERY}.weight"] + said.get("lora_alpha", 16) / 2 * second @ first
    merged = model.state_dict()[f"{QUERY}.weight"]
    assert (merged - expected).abs().max() < 1e-5
    assert (merged - state[f"{QUERY}.weight"]).abs().max() > 0.1


def test_the_spelling_of_newer_peft_is_the_same_checkpoint() -> None:
    configuration = tiny.configuration(TowerKind.IMAGE)
    old = wrapped(tiny.state(configuration), update())
    new = {
        name.replace("self_attn.q_proj.", "self_attn.q_proj.base_layer.") if "lora" not in name else name: values
        for name, values in old.items()
    }
    assert old.keys() != new.keys()
    both = [load_model(configuration, state, "tiny").state_dict() for state in (old, new)]
    assert all(torch.equal(both[0][name], both[1][name]) for name in both[0])


@pytest.mark.parametrize("said", [{}, {"lora_r": 0}, {"lora_r": 2}])
def test_names_not_the_configuration_say_whether_there_are_updates(said: dict[str, int]) -> None:
    configuration = tiny.configuration(TowerKind.IMAGE, **said)
    state = tiny.state(configuration)
    loaded = load_model(configuration, state, "tiny").state_dict()
    assert all(torch.equal(loaded[name], state[name]) for name in state)


@pytest.mark.parametrize(
    ("said", "updates", "words"),
    [
        ({"lora_r": 3}, update(), "lora_r is 3 and the rank of .*q_proj is 2"),
        ({}, without(update(), f"{QUERY}.lora_B.default.weight"), "LoRA of .*q_proj is incomplete"),
        ({}, {name.replace("q_proj", "z_proj"): values for name, values in update().items()}, "z_proj is incomplete"),
        ({}, update() | {f"{QUERY}.lora_B.default.weight": torch.zeros(31, 2)}, "q_proj does not fit its weight"),
    ],
)
def test_updates_that_do_not_fit_are_refused(said: dict[str, int], updates: State, words: str) -> None:
    configuration = tiny.configuration(TowerKind.IMAGE, **said)
    with pytest.raises(WeightsUnavailable, match=words):
        load_model(configuration, wrapped(tiny.state(configuration), updates), "tiny")
