"""The four networks against what the published ones give, stage by stage."""

from math import prod

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from av2a.methods.trained.cmpae import Cmpae, evidence, probability, uncertainty
from av2a.methods.trained.grouping import attention_map
from av2a.methods.trained.han import Han
from av2a.methods.trained.jomold import Jomold
from av2a.methods.trained.mgn import Mgn
from av2a.methods.trained.networks import NetworkOutputs, parameters
from av2a.methods.trained.registry import PARSERS, published_parameters, unread
from av2a.methods.trained.settings import AttentionMap
from av2a.research.published import TRAINED_PARAMETERS
from tests.methods.trained.golden import Golden, noted

PROBABILITY = 2e-5
REST = 1e-4

FILES = {"han": "han_jomold", "mgn": "mgn", "jomold": "han_jomold", "cmpae": "cmpae"}
NETWORKS: dict[str, type[nn.Module]] = {"han": Han, "mgn": Mgn, "jomold": Jomold, "cmpae": Cmpae}


def close(found: Tensor, expected: np.ndarray, tolerance: float) -> bool:
    assert found.shape == expected.shape
    return bool(np.abs(found.numpy() - expected).max() <= tolerance)


def by_modality(audio: Tensor, visual: Tensor) -> Tensor:
    """As the published networks have it: (video, second, modality, category)."""
    return torch.stack([audio, visual], dim=2)


@pytest.mark.parametrize(("name", "prefix"), [("han", ""), ("jomold", "ca_")])
def test_han_and_jomold_give_the_published_probabilities(golden: Golden, name: str, prefix: str) -> None:
    answers: NetworkOutputs = golden.loaded(NETWORKS[name](), "han_jomold")(*golden.inputs)
    expected = golden.outputs(name)
    assert close(by_modality(answers.audio, answers.visual), expected[f"{prefix}frame_prob"], PROBABILITY)
    assert close(answers.whole, expected[f"{prefix}global_prob"], PROBABILITY)
    assert close(answers.whole_audio, expected[f"{prefix}a_prob"], PROBABILITY)
    assert close(answers.whole_visual, expected[f"{prefix}v_prob"], PROBABILITY)


@pytest.mark.parametrize(("cross", "prefix"), [(True, "ca_"), (False, "noca_")])
def test_jomold_gives_the_published_sequences_with_and_without_the_other_stream(
    golden: Golden, cross: bool, prefix: str
) -> None:
    network = golden.loaded(Jomold(), "han_jomold")
    expected = golden.outputs("jomold")
    before = network.embedded(*golden.inputs)
    after = network.hat_encoder(*before, cross=cross)
    for at, sequences in (("in", before), ("out", after)):
        for stream, found in zip(("audio", "visual"), sequences, strict=True):
            # What goes in is recorded once, what comes out for each kind of pass.
            key = f"enc_{at}_{stream}"
            assert close(found, expected.get(f"{prefix}{key}", expected.get(key, np.empty(0))), REST)
    answers = network.answered(before[1], *after)
    assert close(by_modality(answers.audio, answers.visual), expected[f"{prefix}frame_prob"], PROBABILITY)
    assert close(answers.whole, expected[f"{prefix}global_prob"], PROBABILITY)
    assert close(similarities(*after), expected[f"{prefix}sims_after"], REST)


def similarities(audio: Tensor, visual: Tensor) -> Tensor:
    """What the published training compares: (video · second, second)."""
    return (functional.normalize(audio, dim=-1) @ functional.normalize(visual, dim=-1).transpose(1, 2) / 0.2).flatten(
        0, 1
    )


def test_cmpae_gives_the_published_probabilities_of_both_passes_blended(golden: Golden) -> None:
    answers: NetworkOutputs = golden.loaded(Cmpae(), "cmpae")(*golden.inputs)
    expected = golden.outputs("cmpae")
    assert close(by_modality(answers.audio, answers.visual), expected["fused_frame_prob"], PROBABILITY)
    assert close(answers.whole_audio, expected["fused_a_prob"], PROBABILITY)
    assert close(answers.whole_visual, expected["fused_v_prob"], PROBABILITY)
    assert close(answers.whole, expected["ca_global_prob"], PROBABILITY)


@pytest.mark.parametrize("crossed", [True, False])
def test_cmpae_gives_the_published_evidence_and_uncertainty_of_each_pass(golden: Golden, crossed: bool) -> None:
    network = golden.loaded(Cmpae(), "cmpae")
    expected = golden.outputs("cmpae")
    prefix = "ca_" if crossed else "noca_"
    before = network.embedded(*golden.inputs)
    assert close(before[0], expected["enc_in_audio"], REST) and close(before[1], expected["enc_in_visual"], REST)
    sequences = network.attended(*before)[0 if crossed else 1]
    found = network.judged(*sequences)
    assert close(found.seconds, expected[f"{prefix}frame_logit"], REST)
    assert close(found.whole[:, 0], expected[f"{prefix}a_logit"], REST)
    assert close(found.whole[:, 1], expected[f"{prefix}v_logit"], REST)
    assert close(probability(found.seconds), expected[f"{prefix}frame_prob"], PROBABILITY)
    assert close(probability(found.whole[:, 1]), expected[f"{prefix}v_prob"], PROBABILITY)
    assert close(uncertainty(found.seconds), expected[f"{prefix}frame_uct"], PROBABILITY)
    assert close(uncertainty(found.whole[:, 0]), expected[f"{prefix}a_uct"], PROBABILITY)
    assert close(similarities(*sequences), expected[f"{prefix}sims_after"], REST)
    overall = network.overall(*before).mean(dim=1)
    assert close(25 / (evidence(overall) + 1).sum(dim=1), expected[f"{prefix}global_uct"], PROBABILITY)


def test_mgn_gives_the_published_probabilities(golden: Golden) -> None:
    answers: NetworkOutputs = golden.loaded(Mgn(), "mgn")(*golden.inputs)
    expected = golden.outputs("mgn")
    assert close(answers.audio, expected["a_frame_prob"], PROBABILITY)
    assert close(answers.visual, expected["v_frame_prob"], PROBABILITY)
    assert close(answers.whole, expected["global_prob"], PROBABILITY)
    assert close(answers.whole_audio, expected["a_prob"], PROBABILITY)
    assert close(answers.whole_visual, expected["v_prob"], PROBABILITY)


def test_mgn_gives_the_published_tokens_and_maps(golden: Golden) -> None:
    network = golden.loaded(Mgn(), "mgn")
    expected = golden.outputs("mgn")
    before = network.embedded(*golden.inputs)
    assert close(before[0], expected["in_audio"], REST) and close(before[1], expected["in_visual"], REST)
    grouped = network.grouped(*before)
    assert close(grouped.audio, expected["audio_tokens"], REST)
    assert close(grouped.visual, expected["visual_tokens"], REST)
    assert close(grouped.joint, expected["av_tokens"], REST)
    for stream, shares in (("audio", grouped.audio_shares), ("visual", grouped.visual_shares)):
        assert close(attention_map(shares, AttentionMap.SECONDS), expected[f"{stream}_soft_attn"], REST)
    # What tells the tokens apart in training is no answer, but its parameters are checked along.
    assert close(network.fc_cls(network.audio_token), expected["aud_cls_prob"], REST)
    assert close(network.fc_cls(network.visual_token), expected["vis_cls_prob"], REST)


def test_the_code_that_mgns_checkpoint_was_committed_with_says_the_same_in_every_second(golden: Golden) -> None:
    flat: NetworkOutputs = golden.loaded(Mgn(spread=AttentionMap.FLAT), "mgn")(*golden.inputs)
    assert torch.equal(flat.audio, flat.whole_audio[:, None].expand(-1, 10, -1))
    spread: NetworkOutputs = golden.loaded(Mgn(), "mgn")(*golden.inputs)
    ratio = spread.visual / flat.visual
    assert 1.039 < ratio.min() < ratio.max() < 1.232


@pytest.mark.parametrize("name", NETWORKS)
def test_a_video_gets_the_same_answer_in_a_batch_of_any_size(golden: Golden, name: str) -> None:
    network = golden.loaded(NETWORKS[name](), FILES[name])
    together: NetworkOutputs = network(*golden.inputs)
    many: NetworkOutputs = network(*(each.repeat(7, 1, 1) for each in golden.inputs))
    for video in range(3):
        alone: NetworkOutputs = network(*(each[video : video + 1] for each in golden.inputs))
        for field in ("audio", "visual", "whole_audio", "whole_visual", "whole"):
            assert torch.allclose(getattr(alone, field)[0], getattr(together, field)[video], rtol=0, atol=1e-5)
            assert torch.allclose(getattr(alone, field)[0], getattr(many, field)[18 + video], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_have_the_published_names_and_shapes(name: str) -> None:
    published = noted("state_dict_keys")[name]["keys"]
    expected = {key: tuple(each["shape"]) for key, each in published.items()}
    assert published_parameters(PARSERS[name]) == expected
    assert parameters(NETWORKS[name]()).keys() == {key for key, each in published.items() if each["read_in_forward"]}
    assert unread(PARSERS[name]).keys() == {key for key, each in published.items() if not each["read_in_forward"]}


def test_the_paper_quotes_the_number_of_parameters_of_the_published_checkpoints() -> None:
    counts = {kind.name: sum(map(prod, published_parameters(kind).values())) for kind in PARSERS.values()}
    assert counts == {"han": 9_307_723, "mgn": 4_366_065, "jomold": 4_571_723, "cmpae": 5_660_822}
    # Cut off, not rounded: "~4.3M", "~4.5M", "~5.6M".
    quoted = {kind.name: TRAINED_PARAMETERS[kind.in_table_1] for kind in PARSERS.values() if kind.in_table_1}
    assert {name: counts[name] // 100_000 / 10 for name in quoted} == {
        name: count / 1e6 for name, count in quoted.items()
    }
