"""Options that choose models: which, where their weights are, and where they run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from av2a.backbones.checkpoints import BACKBONES, NAMED_PAIRS, VISION
from av2a.backbones.choices import DEVICE_KINDS, Precision
from av2a.cli.command import option

if TYPE_CHECKING:
    from av2a.backbones.base import Backbone
    from av2a.cli.terminal import Report, Terminal

MODELS = "Models"


def _backbone_names() -> list[str]:
    named = {vision for vision, _ in NAMED_PAIRS.values()}
    return [*BACKBONES, "light", "mini", *(f"{vision}+clap" for vision in VISION if vision not in named)]


BackboneOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        envvar="AV2A_BACKBONE",
        autocompletion=_backbone_names,
        help="The models that embed frames and audio: clip-clap unless another is named, light, or a pair such as siglip2+clap; "
        "'av2a backbones' lists them.",
        rich_help_panel=MODELS,
    ),
]
FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        metavar="DIR",
        help="Look here first for weights: a copy of the hub's cache, or a folder for each model. [AV2A_WEIGHTS]",
        rich_help_panel=MODELS,
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        autocompletion=lambda: ["auto", *DEVICE_KINDS],
        help="Where models run: auto, cpu, cuda, cuda:1, mps, or openvino (compiled for the CPU: twice as fast or more, after "
        "some seconds of preparation).",
        rich_help_panel=MODELS,
    ),
]
PrecisionOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        autocompletion=lambda: [each.value for each in Precision],
        help="What models compute with: float32, bfloat16, float16, or auto, the fastest that stays close to float32. "
        "Default: auto, and float32 in the released and paper profiles.",
        rich_help_panel=MODELS,
    ),
]


@dataclass(frozen=True)
class ModelOptions:
    """Which models compute the embeddings, and where they run."""

    panel = MODELS
    backbone: BackboneOption = None
    visual_model: str | None = option(
        "NAME", "Another checkpoint of the same family for frames: owner/name[@revision], or a folder."
    )
    audio_model: str | None = option("NAME", "Likewise for audio.")
    weights: FolderOption = None
    device: DeviceOption = "auto"
    precision: PrecisionOption = None

    # The registry loads NumPy, which help does not need: it is imported by the methods.

    @property
    def name(self) -> str:
        """The backbone's own name; that of the default backbone where none is named."""
        from av2a.backbones.registry import DEFAULT_BACKBONE, check_choices

        return check_choices(self.backbone or DEFAULT_BACKBONE)

    def check(self) -> None:
        """Refuse invalid names, as far as that is possible without loading a model.

        Raises:
            UsageError: an unknown name, or options that this backbone does not have.
            MissingFile: there is no such folder of weights.
        """
        from av2a.backbones.registry import BACKBONES, check_choices
        from av2a.backbones.weights import Sources

        check_choices(self.backbone or self.name, precision=self.precision or "auto", **self._choices())
        if self.name not in BACKBONES:
            Sources.chosen(self.weights)

    def check_available(self, profile: str) -> None:
        """Refuse what loading would refuse, as far as that is known without loading or downloading.

        Raises:
            WeightsUnavailable: a library or weights are missing and cannot be had.
            InvalidSetting: this machine has no such device.
        """
        from av2a.backbones.registry import check_available, default_precision

        precision = self.precision or default_precision(profile)
        check_available(self.name, precision=precision, weights=self.weights, **self._choices())

    def loaded(self, profile: str, terminal: "Terminal") -> "Backbone":
        """The backbone, downloaded where it is not on this machine, with progress shown.

        Raises:
            WeightsUnavailable: it is not available.
            InvalidSetting: this machine has no such device.
        """
        from av2a.backbones.registry import default_precision, load_backbone

        precision = self.precision or default_precision(profile)
        with terminal.progress(f"loading {self.name}") as report:
            return load_backbone(
                self.name,
                precision=precision,
                weights=self.weights,
                progress=in_megabytes(report),
                **self._choices(),
            )

    def _choices(self) -> dict[str, Any]:
        return {"device": self.device, "visual_model": self.visual_model, "audio_model": self.audio_model}


def in_megabytes(report: "Report") -> Callable[[str, int, int], None]:
    """Progress in bytes, reported in megabytes."""
    return lambda name, done, total: report(f"{name}, MB", done // 1_000_000, max(1, total // 1_000_000))
