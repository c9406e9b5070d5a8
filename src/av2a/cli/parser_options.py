"""Options that put a trained parser in the place of a backbone: which, its checkpoint and features, and how it decides."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from av2a.cli.command import option
from av2a.cli.dataset_options import ClipOptions
from av2a.cli.inputs import lines_in
from av2a.cli.model_options import ModelOptions
from av2a.cli.setting_options import SettingOptions
from av2a.cli.terminal import Terminal
from av2a.datasets import Dataset
from av2a.datasets.rows import composed
from av2a.errors import InvalidAnnotations, UsageError
from av2a.methods.trained import load_parser
from av2a.methods.trained.features import FeatureFolder
from av2a.methods.trained.registry import PARSERS, Kind, parser_named
from av2a.methods.trained.rules import Gate
from av2a.methods.trained.settings import ParserSettings, Thresholds
from av2a.research.parsed import Parsed, only, parsed
from av2a.settings import Fusion


@dataclass(frozen=True)
class RequestedParser:
    """A parser as it was requested, checked."""

    kind: Kind
    checkpoint: Path
    features: Path
    only: tuple[str, ...] | None
    settings: ParserSettings
    device: str

    def parsed(self, dataset: Dataset, terminal: Terminal) -> Parsed:
        """Its probabilities for the clips.

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
            return parsed(clips, parser, features, self.settings, progress=report)


@dataclass(frozen=True)
class ParserOptions:
    """A trained parser."""

    panel = "A trained parser instead of a backbone"
    parser: str | None = option(
        "NAME",
        f"Which: {', '.join(PARSERS)}. It reads feature files, and needs no videos.",
        autocompletion=lambda: [*PARSERS],
    )
    checkpoint: Path | None = option("FILE", "The checkpoint that its authors publish.")
    features: Path | None = option(
        "DIR", "The folder of vggish/, res152/ and r2plus1d_18/, with a .npy file for each video."
    )
    thresholds: str | None = option(
        "NAME", "static, as the parser's authors evaluate it, or dynamic, with AV²A on top. Default: dynamic."
    )
    fusion: str | None = option("NAME", "late, as the parser's authors evaluate it, or score. Default: score.")
    only: Path | None = option("FILE", "The clips that a text file names, one a line.")

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
        options = {"thresholds": self.thresholds, "fusion": self.fusion}
        values = how.in_file() | {name: value for name, value in options.items() if value is not None}
        values.pop("profile", None)
        assigned = how.assigned()
        settings = kind.settings.replace(**values).replace(**assigned)
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


# Settings by what they act on.
_ENCODERS_ONLY = (
    "background synonym_similarity renormalise_survivors unit_labels sound segment_sound sampling frames_per_segment "
    "silence_dbfs blank_contrast selection select_categories category_threshold window_seconds strictness"
).split()
_VALIDATION = "confidence_threshold validation_rule validate_single keep_best".split()
_DYNAMIC_ONLY = (
    "initial_threshold decay threshold_rule ridge ratio_times_scores cosine_for_audio minimum_duration_seconds "
    "merge_gap_seconds merge_first segment_seconds frame_vector validate"
).split() + _VALIDATION


def refuse_without_effect(names: Iterable[str], kind: Kind, settings: ParserSettings) -> None:
    """Refuse settings that were given by name and that change nothing beside the others.

    Raises:
        UsageError: naming the first of them, and what would give it an effect.
    """
    kind_name, shared = kind.name, kind.rule.gate is Gate.SHARED
    static, late = settings.thresholds is Thresholds.STATIC, settings.fusion is Fusion.LATE
    obstacles: list[tuple[Sequence[str], bool, str]] = [
        (_ENCODERS_ONLY, True, "on a parser, which has its own gate and features: take a backbone"),
        (["attention_map"], kind_name != "mgn", f"on {kind_name}: take --parser mgn"),
        (["visual_gate"], kind.rule.visual_gate_by_category is None, f"on {kind_name}: take --parser cmpae"),
        (["audio_visual_gate"], shared, f"on {kind_name}, which has one gate for both: take --parser jomold or cmpae"),
        (_DYNAMIC_ONLY, static, "with static thresholds: take --thresholds dynamic"),
        (["audio_weight", "audio_visual_gate"], late, "with late fusion: take --fusion score"),
        (["segment_threshold"], not static, "with dynamic thresholds: take --thresholds static"),
        (_VALIDATION, not settings.validate, "without validation: add --set validate=true"),
    ]
    for name in names:
        for idle, stands, why in obstacles:
            if stands and name in idle:
                raise UsageError(f"--set {name} has no effect {why}, or leave it out")


def clip_names_in(file: Path) -> tuple[str, ...]:
    """The clips that a text file names, one a line; blank lines and lines that start with # are left out.

    Raises:
        MissingFile: no such file.
        InvalidAnnotations: it is not a short text, or names no clip.
    """
    return tuple(map(composed, lines_in(file, "clips' names", option="--only", refusal=InvalidAnnotations)))
