"""The parsers by name, each loaded when it is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from av2a.digests import sha256
from av2a.errors import InvalidSetting, MissingDependency, UnknownName, WeightsUnavailable, one_line
from av2a.installation import install_command
from av2a.methods.trained import rules
from av2a.methods.trained.rules import Rule
from av2a.methods.trained.settings import AttentionMap, FrameVector, ParserSettings, table_1
from av2a.types import BackboneInfo

if TYPE_CHECKING:
    from torch import Tensor

    from av2a.methods.trained.features import Features
    from av2a.methods.trained.probabilities import Probabilities


@dataclass(frozen=True)
class Kind:
    """One of the four, as it is known."""

    name: str
    title: str
    rule: Rule
    in_table_1: str | None
    """Its name in the paper's Table 1, as in ``PAPER_SETTINGS``."""
    published_as: str
    """The checkpoint that its authors publish."""
    network: str
    """The class, as ``module.Name``."""

    @property
    def settings(self) -> ParserSettings:
        """AV²A on top, as the paper has it as far as it says."""
        return table_1(self.in_table_1).replace(segment_threshold=self.rule.segment_threshold)


PARSERS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("han", "HAN", rules.HAN, None, "MMIL_Net.pt", "han.Han"),
        Kind("mgn", "MGN", rules.MGN, "mgn-ma", "MGN_Net.pt", "mgn.Mgn"),
        Kind("jomold", "JoMoLD", rules.JOMOLD, "jomold", "JoMoLD.pt", "jomold.Jomold"),
        Kind("cmpae", "CMPAE", rules.CMPAE, "cmpae", "cmpae_s0.pt", "cmpae.Cmpae"),
    )
}
"""Every parser by its name."""

ALSO_CALLED = {"mgn-ma": "mgn"}
"""As the AV²A paper's tables call it; the MA in it changes labels and training, not the network."""


def parser_named(name: str) -> Kind:
    """The parser of that name.

    Raises:
        UnknownName: there is none.
    """
    known = ALSO_CALLED.get(name, name)
    if known not in PARSERS:
        raise UnknownName.among("parser", name, PARSERS)
    return PARSERS[known]


@dataclass(frozen=True)
class Parser:
    """A parser that answers."""

    kind: Kind
    network: Any
    """As :class:`av2a.methods.trained.networks.Network`, a module of PyTorch."""
    info: BackboneInfo
    """Which checkpoint answers, as written in outputs."""

    @property
    def learnt(self) -> int:
        """How many numbers its checkpoint holds, those that are never read among them, as the paper quotes it."""
        from av2a.methods.trained.networks import parameters

        return sum(map(prod, (*parameters(self.network).values(), *unread(self.kind).values())))

    def probabilities(self, features: "Features", frame_vector: FrameVector) -> "Probabilities":
        """What it says of a batch of videos. A video's numbers vary with the batch in the seventh digit at most.

        Args:
            features: with a leading axis of videos.
            frame_vector: which vectors become x_t.
        """
        from av2a.methods.trained.answering import answered

        return answered(self.network, features, frame_vector, self.info.device)


def load_parser(
    name: str,
    checkpoint: Path,
    *,
    attention_map: AttentionMap = AttentionMap.SECONDS,
    device: str = "cpu",
) -> Parser:
    """The parser called ``name`` with the parameters of a checkpoint, in float32.

    Args:
        name: ``han``, ``mgn``, ``jomold`` or ``cmpae``.
        checkpoint: as its authors publish it, or with the same parameters in safetensors.
        attention_map: which reading of MGN (A1); nothing to the others.
        device: ``cpu``, ``cuda``, ``mps``, or ``auto`` for the fastest of them.

    Raises:
        UnknownName: no parser has that name.
        MissingFile: there is no such checkpoint.
        WeightsUnavailable: it cannot be read, or is not that parser's; what differs is named.
        InvalidSetting: this machine has no such device, or a parser does not run on it.
        MissingDependency: PyTorch is not installed.
    """
    kind = parser_named(name)
    try:
        from av2a.backbones.device import placement
        from av2a.methods.trained.checkpoints import fitting, read_checkpoint
        from av2a.methods.trained.networks import parameters
    except ModuleNotFoundError as missing:
        raise MissingDependency(f"parsers need {missing.name!r}: {install_command('models')}") from missing
    if device == "openvino":
        raise InvalidSetting("a parser runs in torch: choose --device cpu or auto")
    where = placement(device, "float32")
    state = read_checkpoint(checkpoint)
    refuse_another(kind, state, checkpoint)
    network = new_network(kind, {key: tuple(tensor.shape) for key, tensor in state.items()}, attention_map)
    shown = f"{one_line(str(checkpoint))!r} is no checkpoint of {kind.title}"
    network.load_state_dict(fitting(state, parameters(network), unread(kind), shown), assign=True)
    network.eval().requires_grad_(False).to(where.device)
    return Parser(kind, network, _info(kind, checkpoint, str(where.device)))


def _info(kind: Kind, checkpoint: Path, device: str) -> BackboneInfo:
    return BackboneInfo(
        name=kind.name,
        visual=f"{checkpoint.name} on ResNet-152 and R(2+1)D-18",
        audio=f"{checkpoint.name} on VGGish",
        digest=sha256(checkpoint),
        device=device,
    )


def refuse_another(kind: Kind, state: "Mapping[str, Tensor]", checkpoint: Path) -> None:
    """Refuse the whole checkpoint of another parser: HAN's and JoMoLD's differ only in what neither reads.

    Raises:
        WeightsUnavailable: naming the parser that it is of.
    """
    owners = [other for other in PARSERS.values() if state.keys() == published_parameters(other).keys()]
    if owners and kind not in owners:
        [owner] = owners
        raise WeightsUnavailable(
            f"{one_line(str(checkpoint))!r} is a checkpoint of {owner.title}, not of {kind.title}: give it for {owner.name}"
        )


def published_parameters(kind: Kind) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all parameters of the published checkpoint, those that are never read among them."""
    from av2a.methods.trained.networks import parameters

    return {**parameters(new_network(kind)), **unread(kind)}


def unread(kind: Kind) -> dict[str, tuple[int, ...]]:
    """Names and shapes of those parameters of the published checkpoint that no forward pass reads."""
    return dict(_module(kind).UNREAD)


def _module(kind: Kind) -> Any:
    return import_module(f"av2a.methods.trained.{kind.network.partition('.')[0]}")


def new_network(
    kind: Kind,
    shapes: "Mapping[str, tuple[int, ...]] | None" = None,
    attention_map: AttentionMap = AttentionMap.SECONDS,
) -> Any:
    """A parser's network without values: nothing is drawn or allocated for parameters that a checkpoint has.

    ``shapes`` are those of a checkpoint, which tell how large an MGN was trained; without them it is of the published size.
    """
    import torch

    module = _module(kind)
    build = getattr(module, kind.network.partition(".")[2])
    with torch.device("meta"):
        return build(module.Sizes.of(shapes or {}), spread=attention_map) if kind.name == "mgn" else build()
