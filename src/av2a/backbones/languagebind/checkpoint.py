"""Loads the weights of a LanguageBind checkpoint: all that the model has, and no others.

The released code loads the weights that fit and leaves the rest random; here every difference is an error that names it.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from av2a.backbones.languagebind.configuration import Configuration
from av2a.backbones.languagebind.towers import LanguageBindModel
from av2a.backbones.weights import check_fit, misfit

State = Mapping[str, Tensor]
"""Tensors by the names of parameters."""

LORA = re.compile(r"(?P<layer>.+)\.lora_(?P<side>[AB])\.[^.]+\.weight")


def load_model(configuration: Configuration, state: State, where: str, *, with_text: bool = True) -> LanguageBindModel:
    """The model with the weights, in evaluation mode, in float32 on the CPU.

    Raises:
        WeightsUnavailable: the weights are not those of the configuration; ``where`` and what differs are named.
    """
    with torch.device("meta"):
        model = LanguageBindModel(configuration)
    fitting = merged(plain_names(state), configuration, where)
    check_fit({name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}, fitting, where)
    if not with_text:
        model.drop_text()
    model.load_state_dict({name: fitting[name].float() for name in model.state_dict()}, assign=True)
    if model.text_model is not None:
        # The one buffer that no checkpoint has a value for.
        positions = torch.arange(configuration.text["max_position_embeddings"])
        model.text_model.embeddings.register_buffer("position_ids", positions[None], persistent=False)
    return model.eval().requires_grad_(False)


def plain_names(state: State) -> dict[str, Tensor]:
    """The weights without ``position_ids``, which are constants, and without the names that peft wraps around an encoder's own."""
    return {
        name.replace(".encoder.base_model.model.", ".encoder.").replace(".base_layer.", "."): tensor
        for name, tensor in state.items()
        if not name.endswith(".position_ids")
    }


def merged(state: State, configuration: Configuration, where: str) -> dict[str, Tensor]:
    """The weights with low-rank updates (LoRA) added: W + alpha / rank · B · A.

    Whether there are any is decided by the names of the weights: configurations that say nothing mean a rank of 2 to the released
    classes, also where there is none.

    Raises:
        WeightsUnavailable: half an update, one that fits no weight, or another rank than the configuration's.
    """
    updates = {name: found for name in state if (found := LORA.fullmatch(name))}
    whole = {name: tensor for name, tensor in state.items() if name not in updates}
    halves: dict[str, dict[str, Tensor]] = {}
    for name, found in updates.items():
        halves.setdefault(found["layer"], {})[found["side"]] = state[name]
    for layer, sides in halves.items():
        weight = whole.get(f"{layer}.weight")
        if sides.keys() != {"A", "B"} or weight is None:
            raise misfit(where, f"LoRA of {layer} is incomplete")
        rank = len(sides["A"])
        if configuration.lora_rank not in (None, rank):
            raise misfit(where, f"lora_r is {configuration.lora_rank} and the rank of {layer} is {rank}")
        if (sides["B"].shape[0], sides["A"].shape[1]) != tuple(weight.shape) or sides["B"].shape[1] != rank:
            raise misfit(where, f"LoRA of {layer} does not fit its weight")
        update = sides["B"].float() @ sides["A"].float()
        whole[f"{layer}.weight"] = weight.float() + configuration.lora_alpha / rank * update
    return whole
