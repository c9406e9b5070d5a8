"""Options that put a trained parser in the place of a backbone: which, its checkpoint and features, and how it decides."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from av2a.cli.dataset_options import ClipOptions
from av2a.cli.model_options import ModelOptions
from av2a.cli.setting_options import SettingOptions, assignment, settings_in
from av2a.cli.terminal import Terminal
from av2a.datasets import Dataset
from av2a.datasets.rows import composed
from av2a.errors import InvalidAnnotations, MissingFile, UsageError, one_line
from av2a.methods.trained import load_parser
from av2a.methods.trained.features import FeatureFolder
from av2a.methods.trained.registry import PARSERS, Kind, parser_named
from av2a.methods.trained.rules import Gate
from av2a.methods.trained.settings import ParserSettings, Thresholds
from av2a.research.parsed import Parsed, parsed
from av2a.research.parser_replay import only
from av2a.settings import Fusion

_PANEL = "A trained parser instead of a backbone"


def _names() -> list[str]:
    return list(PARSERS)


@dataclass(frozen=True)
class RequestedParser:
    """A parser as it was requested, checked."""

    kind: Kind
    checkpoint: Path
    features: Path
    only: tuple[str, ...] | None
    settings: ParserSettings
    device: str

    def parsed(self, dataset: Dataset, terminal: Terminal) -> tuple[Parsed, Dataset]:
        """Its probabilities for the clips, and the clips.

        Raises:
            UsageError: a list of clips that are not there, a data set of other categories.
            WeightsUnavailable: the checkpoint cannot be used.
            MissingFile: there is no such checkpoint or folder of features.
            NoClips: no clip has features.
        """
        features = FeatureFolder.opened(self.features)
        clips = dataset if self.only is None else only(dataset, self.only)
        parser = load_parser(
            self.kind.name, self.checkpoint, attention_map=self.settings.attention_map, device=self.device
        )
        with terminal.progress(f"{clips.name}, {clips.split}") as report:
            return parsed(clips, parser, features, self.settings, progress=report), clips


@dataclass(frozen=True)
class ParserOptions:
    """A trained parser."""

    parser: Annotated[
        str | None,
        typer.Option(
            "--parser",
            metavar="NAME",
            autocompletion=_names,
            help=f"Which: {', '.join(PARSERS)}. It reads feature files, and needs no videos.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint", metavar="FILE", help="The checkpoint that its authors publish.", rich_help_panel=_PANEL
        ),
    ] = None
    features: Annotated[
        Path | None,
        typer.Option(
            "--features",
            metavar="DIR",
            help="The folder of vggish/, res152/ and r2plus1d_18/, with a .npy file for each video.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    thresholds: Annotated[
        str | None,
        typer.Option(
            "--thresholds",
            metavar="NAME",
            help="static, as the parser's authors evaluate it, or dynamic, with AV²A on top. Default: dynamic.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    fusion: Annotated[
        str | None,
        typer.Option(
            "--fusion",
            metavar="NAME",
            help="late, as the parser's authors evaluate it, or score. Default: score.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    only: Annotated[
        Path | None,
        typer.Option(
            "--only", metavar="FILE", help="The clips that a text file names, one a line.", rich_help_panel=_PANEL
        ),
    ] = None

    def requested(self, how: SettingOptions, device: str) -> RequestedParser | None:
        """The parser, checked as far as that is possible without reading its files; None where none is named.

        Its settings are those of Table 1, changed by the file's, then by ``thresholds`` and ``fusion``, then by each ``name=value``.

        Raises:
            UsageError: an invalid name or value, a ``--set`` without effect, or a part of what a parser needs is missing.
            MissingFile: no such file of settings or names.
        """
        if self.parser is None:
            for name in ("checkpoint", "features", "thresholds", "fusion", "only"):
                if getattr(self, name) is not None:
                    raise UsageError(f"--{name} is about a trained parser: name one with --parser, or leave it out")
            return None
        kind = parser_named(self.parser)
        if self.checkpoint is None or self.features is None:
            lacking = "--checkpoint FILE" if self.checkpoint is None else "--features DIR"
            raise UsageError(
                f"--parser {kind.name} needs {lacking}: its authors publish both ({kind.published_as} is the checkpoint)"
            )
        values = {} if how.settings_file is None else settings_in(how.settings_file)
        values.pop("profile", None)
        options = {"thresholds": self.thresholds, "fusion": self.fusion}
        chosen = {name: value for name, value in options.items() if value is not None}
        assigned = dict(assignment(text, option="--set") for text in how.assignments)
        settings = kind.settings.replace(**values | chosen).replace(**assigned)
        # Those of a file may have no effect: a written result holds all there are.
        refuse_without_effect(assigned, kind, settings)
        names = None if self.only is None else clip_names_in(self.only)
        return RequestedParser(kind, self.checkpoint, self.features, names, settings, device)


def refuse_beside_parser(clips: ClipOptions, models: ModelOptions, how: SettingOptions, **others: object) -> None:
    """Refuse options that choose what a parser replaces, unless an environment variable gave them.

    Raises:
        UsageError: naming the first of them.
    """
    given = {
        "videos": clips.videos,
        "events": clips.events,
        "backbone": None if models.backbone == os.environ.get("AV2A_BACKBONE") else models.backbone,
        "visual_model": models.visual_model,
        "audio_model": models.audio_model,
        "weights": models.weights,
        "precision": models.precision,
        "profile": None if how.profile == os.environ.get("AV2A_PROFILE") else how.profile,
        **others,
    }
    for name, value in given.items():
        if value:
            option = name.replace("_", "-")
            raise UsageError(f"--{option} has no meaning beside --parser, which reads feature files: leave it out")


_ENCODERS_ONLY = (
    *("background", "synonym_similarity", "renormalise_survivors", "unit_labels", "sound", "segment_sound", "sampling"),
    *("frames_per_segment", "silence_dbfs", "blank_contrast", "selection", "select_categories", "category_threshold"),
    "window_seconds",
)
_VALIDATION = ("confidence_threshold", "validation_rule", "validate_single", "keep_best")
_DYNAMIC_ONLY = (
    *("initial_threshold", "decay", "threshold_rule", "ridge", "ratio_times_scores", "cosine_for_audio"),
    *("minimum_duration_seconds", "merge_gap_seconds", "merge_first", "segment_seconds", "frame_vector", "validate"),
    *_VALIDATION,
)
_FUSED_ONLY = ("audio_weight", "audio_visual_gate")


def refuse_without_effect(names: Iterable[str], kind: Kind, settings: ParserSettings) -> None:
    """Refuse settings that were given by name and that change nothing beside the others.

    Raises:
        UsageError: naming the first of them, and what would give it an effect.
    """
    obstacles = _obstacles(kind, settings)
    for name in names:
        for idle, why in obstacles:
            if name in idle:
                raise UsageError(f"--set {name} has no effect {why}, or leave it out")


def _obstacles(kind: Kind, settings: ParserSettings) -> list[tuple[Sequence[str], str]]:
    """Settings without effect, and why: the part of a sentence that ends with what would give them one."""
    static = settings.thresholds is Thresholds.STATIC
    cases: list[tuple[Sequence[str], bool, str]] = [
        (_ENCODERS_ONLY, True, "on a parser, which has its own gate and features: take a backbone"),
        (("attention_map",), kind.name != "mgn", f"on {kind.name}: take --parser mgn"),
        (("visual_gate",), kind.rule.visual_gate_by_category is None, f"on {kind.name}: take --parser cmpae"),
        (
            ("audio_visual_gate",),
            kind.rule.gate is Gate.SHARED,
            f"on {kind.name}, which has one gate for both: take --parser jomold or cmpae",
        ),
        (_DYNAMIC_ONLY, static, "with static thresholds: take --thresholds dynamic"),
        (_FUSED_ONLY, settings.fusion is Fusion.LATE, "with late fusion: take --fusion score"),
        (("segment_threshold",), not static, "with dynamic thresholds: take --thresholds static"),
        (_VALIDATION, not settings.validate, "without validation: add --set validate=true"),
    ]
    return [(names, why) for names, stands, why in cases if stands]


LARGEST_FILE_BYTES = 1_000_000
"""LLP's longest split has ten thousand names of at most 20 characters."""


def clip_names_in(file: Path) -> tuple[str, ...]:
    """The clips that a text file names, one a line; blank lines and lines that start with # are left out.

    Raises:
        MissingFile: no such file.
        InvalidAnnotations: it is not a short text, or names no clip.
    """
    shown = one_line(str(file))
    try:
        with file.open("rb") as handle:
            text = handle.read(LARGEST_FILE_BYTES + 1).decode("utf-8-sig")
    except OSError as refusal:
        raise MissingFile(f"cannot read clips' names from {shown!r} ({refusal.strerror}): check --only") from refusal
    except UnicodeDecodeError as wrong:
        raise InvalidAnnotations(f"{shown!r} is not UTF-8 text: write the clips' names one a line") from wrong
    # A "#" cannot begin the id of a video.
    names = tuple(composed(line.strip()) for line in text.splitlines() if line.strip() and not line.startswith("#"))
    if not names or len(text) > LARGEST_FILE_BYTES:
        raise InvalidAnnotations(f"{shown!r} is no list of clips: write their names one a line")
    return names
