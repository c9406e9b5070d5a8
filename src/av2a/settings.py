"""Hyper-parameters and switches of the method, and the profiles that name their combinations.

``docs/method.md`` has a row for each switch: what the paper says, what the released code does, what each profile does and why.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from math import exp, inf, isfinite
from numbers import Real
from statistics import NormalDist
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from av2a.background import BACKGROUND
from av2a.errors import InvalidLabels, InvalidSetting, UnknownName, one_line
from av2a.labels import ordered_names


class ThresholdRule(Enum):
    """How thresholds move from segment to segment (Eq. 7 and 8; behaviour 19)."""

    STATIC = "static"
    """Not at all: the naive baseline."""
    RATIO = "ratio"
    """By the label-shift ratio alone: the paper's "w/o cosine"."""
    COSINE = "cosine"
    """By the cosine alone: in the released code, in none of the tables."""
    RATIO_COSINE = "ratio-cosine"
    """By both: the paper's method."""


class Fusion(Enum):
    """How audio and video become one audio-visual answer."""

    SCORE = "score"
    """Scores are summed with weights before any decision (Eq. 3 and 4)."""
    LATE = "late"
    """An event is audio-visual where it is both heard and seen after all decisions (Table 6)."""


class Selection(Enum):
    """How a label's score over a window is computed (Eq. 5)."""

    WHOLE = "whole"
    """From the embeddings of the whole window (Eq. 1)."""
    PEAK = "peak"
    """The highest score of the window's segments, so that a short event is not averaged away."""


class SoundScope(Enum):
    """The audio that a segment's audio score is computed from."""

    SEGMENT = "segment"
    """A window around that segment (Eq. 2)."""
    CLIP = "clip"
    """The whole clip, repeated for each segment, as released (behaviour 8)."""


class SegmentSound(Enum):
    """How a segment's audio is embedded (with ``sound`` = segment)."""

    WINDOWS = "windows"
    """Each segment by itself: one pass of the encoder for each."""
    SLICES = "slices"
    """Several segments (at most ten seconds) in one pass, for encoders that give frame-level embeddings."""


class IntervalFeatures(Enum):
    """What a candidate interval is scored by (Eq. 9)."""

    EMBEDDED = "embedded"
    """The interval decoded and embedded by itself, as in the paper."""
    SEGMENTS = "segments"
    """The embeddings of its segments: nothing more is decoded or embedded, whatever the labels and the settings."""


class Channels(Enum):
    """Which channels of an audio stream are used."""

    MEAN = "mean"
    """The mean of all channels."""
    FIRST = "first"
    """The first channel alone, resampled as the released code resamples for LanguageBind (behaviour 33)."""


class Sampling(Enum):
    """How frames are chosen."""

    TIME = "time"
    """The frames shown at times spread evenly within each segment; correct at any frame rate."""
    INDEX = "index"
    """By frame number over the whole clip, as released (behaviours 9 and 10)."""


class ValidationRule(Enum):
    """When a candidate interval is kept (Eq. 9; behaviour 27)."""

    CONFIDENCE = "confidence"
    """The score of the whole interval is above ``confidence_threshold``."""
    ARGMAX = "argmax"
    """It is the label with the highest score in its interval: the released rule for AVE."""


def score_exceeded_by(chance: float) -> float:
    """The score that a background concept exceeds with probability ``chance``.

    Scores are σ(z), z being counted in standard deviations of the background concepts' similarities, so for normally
    distributed similarities the score is σ(Φ⁻¹(1 − chance)).

    >>> round(score_exceeded_by(0.001), 4)
    0.9565
    """
    if not 0 < chance < 1:
        raise ValueError(f"chance must lie in (0, 1), got {chance}")
    return 1 / (1 + exp(-NormalDist().inv_cdf(1 - chance)))


def setting(
    default: Any, meaning: str, *, lowest: int | float | None = None, highest: int | float | None = None
) -> Any:
    """A field of :class:`Settings` with its meaning in one line and, for a number, the range that it must lie in."""
    return dataclasses.field(default=default, metadata={"help": meaning, "lowest": lowest, "highest": highest})


def shifted_score(score: float, deviations: float) -> float:
    """The score of what lies so many standard deviations of the background higher: σ(σ⁻¹(score) + deviations).

    >>> round(shifted_score(0.5, 2.0), 4), shifted_score(0.9, 0.0), shifted_score(1.0, -3.0)
    (0.8808, 0.9, 1.0)
    """
    if deviations == 0 or not 0 < score < 1:
        return score
    return 1 / (1 + (1 - score) / score * exp(-deviations))


_S = TypeVar("_S", bound="Settings")


@dataclass(frozen=True)
class Settings:
    """Everything that decides how similarities become events; the defaults are the ``practical`` profile.

    Values are converted and checked in every way of making settings, the constructor too. Enums may be given by their value.
    ``dataclasses.fields`` gives each field's one-line meaning as ``field.metadata["help"]``.

    >>> Settings.practical(threshold_rule="ratio").threshold_rule
    <ThresholdRule.RATIO: 'ratio'>
    >>> Settings.released("languagebind").decay, Settings.released("clip-clap", decay=1.5).decay
    (2.5, 1.5)
    """

    profile: str = setting("practical", "Name of the combination of settings, for the record.")

    # The five hyper-parameters of Table 1.
    audio_weight: float = setting(
        0.5, "Weight of the audio score in the audio-visual score (α of Eq. 3 and 4).", lowest=0, highest=1
    )
    category_threshold: float = setting(
        score_exceeded_by(0.0001),
        "A label is searched for in a window whose score for it is above this (τ_f of Eq. 5).",
        lowest=0,
        highest=1,
    )
    initial_threshold: float = setting(
        score_exceeded_by(0.02), "Threshold of every label in the first segment (τ⁰ of Eq. 6).", lowest=0, highest=1
    )
    confidence_threshold: float = setting(
        score_exceeded_by(0.02),
        "A candidate interval is kept when the score of the whole interval is above this (τ_r).",
        lowest=0,
        highest=1,
    )
    decay: float = setting(
        2.0, "How fast a label's threshold stops moving as the label is detected again (λ of Eq. 8).", lowest=0
    )

    strictness: tuple[tuple[str, float], ...] = setting(
        (),
        'Standard deviations more that heard, seen, both, a label, or "label (heard)" must reach; negative: fewer.',
        lowest=-10,
        highest=10,
    )

    # Ablations (Table 5) and fusion (Table 6).
    threshold_rule: ThresholdRule = setting(ThresholdRule.RATIO_COSINE, "How thresholds move (Eq. 7 and 8).")
    select_categories: bool = setting(True, "Search only for labels whose window score is high enough (Eq. 5).")
    validate: bool = setting(True, "Score each candidate interval again as a whole (Eq. 9).")
    fusion: Fusion = setting(Fusion.SCORE, "How audio and video become one audio-visual answer.")

    # Where the paper, the released code and practice differ (docs/method.md).
    background: tuple[str, ...] = setting(
        BACKGROUND, "Everyday sights and sounds that scores are normalised against; empty: the labels themselves."
    )
    synonym_similarity: float = setting(
        0.95,
        "A background concept is left out for labels whose text embedding has a higher cosine with its own.",
        lowest=-1,
        highest=1,
    )
    selection: Selection = setting(Selection.PEAK, "How a label's score over a window is computed.")
    renormalise_survivors: bool = setting(False, "Normalise scores again over the selected labels only (behaviour 12).")
    ridge: float = setting(
        1.0, "Ridge of the least-squares ratio (behaviour 17); 0 is the Moore-Penrose inverse of Eq. 7.", lowest=0
    )
    ratio_times_scores: bool = setting(True, "Multiply the ratio by the scores once more (behaviour 17).")
    cosine_for_audio: bool = setting(False, "Apply the cosine of the frames to audio as well (behaviour 18).")
    unit_labels: bool = setting(
        True, "Scale text embeddings to unit length; the released code does not for CLIP (behaviour 5)."
    )
    sound: SoundScope = setting(SoundScope.SEGMENT, "The audio that a segment's audio score is computed from.")
    segment_sound: SegmentSound = setting(
        SegmentSound.WINDOWS, "How a segment's audio is embedded (with sound = segment)."
    )
    channels: Channels = setting(Channels.MEAN, "Which channels of the audio stream are used.")
    sampling: Sampling = setting(Sampling.TIME, "How frames are chosen.")
    frames_per_segment: int = setting(
        2, "Frames embedded in each segment (with sampling = time; otherwise one).", lowest=1, highest=64
    )
    interval_features: IntervalFeatures = setting(
        IntervalFeatures.SEGMENTS, "What a candidate interval is scored by (Eq. 9)."
    )
    validation_rule: ValidationRule = setting(
        ValidationRule.CONFIDENCE, "When a candidate interval is kept (Eq. 9; behaviour 27)."
    )
    validate_single: bool = setting(True, "Validate also when there is only one candidate (behaviour 28).")
    keep_best: bool = setting(False, "Keep the best candidate when none passes validation (behaviour 29).")
    minimum_duration_seconds: float = setting(1.0, "Shorter events are dropped.", lowest=0)
    merge_gap_seconds: float = setting(0.0, "Gaps up to this length within an event are filled.", lowest=0)
    merge_first: bool = setting(
        True, "Fill gaps before short events are dropped; the released code drops first (behaviour 23)."
    )
    hold_threshold: float | None = setting(
        0.65,
        "A heard or seen event lasts one segment longer where its score stays above this (hysteresis); none: it ends.",
        lowest=0,
        highest=1,
    )
    consistent: bool = setting(True, '"Both" implies heard and seen, and heard and seen imply "both".')
    silence_dbfs: float | None = setting(
        -70.0, "Audio whose level stays below this is silence, in which nothing is heard; none: silence is scored."
    )
    blank_contrast: float | None = setting(
        1.0,
        "A frame whose brightness varies less (standard deviation, of 255) shows nothing; none: it is scored.",
    )

    # The grid.
    segment_seconds: float = setting(1.0, "Length of a segment.", lowest=0.05)
    window_seconds: float = setting(
        10.0, "Length of the windows over which labels are selected; with sampling = index, of the clips parsed alone."
    )

    @classmethod
    def practical(cls: type[_S], /, **changes: Any) -> _S:
        """The profile for any video and any labels, with some values replaced.

        Raises:
            UnknownName: no setting, or no choice of a setting, has that name.
            InvalidSetting: a value of the wrong kind or out of range.
        """
        return cls._like(PROFILES["practical"], changes)

    @classmethod
    def released(cls: type[_S], backbone: str | None = None, /, **changes: Any) -> _S:
        """The released code, with Table 1's values for ``backbone`` (LanguageBind's for one that is not in it)."""
        return cls._like(_with_table_1(PROFILES["released"], backbone), changes)

    @classmethod
    def paper(cls: type[_S], backbone: str | None = None, /, **changes: Any) -> _S:
        """The equations as printed, with Table 1's values for ``backbone`` (LanguageBind's for one that is not in it)."""
        return cls._like(_with_table_1(PROFILES["paper"], backbone), changes)

    @classmethod
    def of(cls: type[_S], value: "SettingsLike", backbone: str | None = None) -> _S:
        """Settings from whatever names them: settings, a profile's name, a mapping as :meth:`as_dict` gives, or None.

        None is the ``practical`` profile. A mapping changes the profile that its key ``profile`` names; a mapping with every
        setting may have a profile name of its own. ``released`` and ``paper`` take Table 1's values for ``backbone``.

        Raises:
            UnknownName: no profile, setting or choice has that name.
            InvalidSetting: a value of the wrong kind or out of range.

        >>> Settings.of({"profile": "paper", "decay": 1}) == Settings.paper(decay=1)
        True
        """
        if value is None or isinstance(value, str):
            value = {"profile": "practical" if value is None else value}
        if isinstance(value, Settings):
            return value if isinstance(value, cls) else cls._like(value, {})
        if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
            raise InvalidSetting(
                f"settings must be Settings, a profile's name or a mapping of names to values, got {_shown(value)}"
            )
        profile = value.get("profile", "practical")
        if not isinstance(profile, str):
            raise InvalidSetting(f"profile must be a name, got {_shown(profile)}")
        if profile not in PROFILES and {field.name for field in dataclasses.fields(Settings)} - value.keys():
            raise UnknownName.among("profile", str(profile), PROFILES)
        base = _with_table_1(PROFILES.get(profile, PROFILES["practical"]), backbone)
        return cls._like(base, value)

    def replace(self: _S, /, **changes: Any) -> _S:
        """These settings with some values replaced.

        Raises:
            UnknownName: no setting, or no choice of a setting, has that name.
            InvalidSetting: a value of the wrong kind or out of range, or the name of another profile, whose values these are not.
        """
        return self._like(self, changes)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as written in outputs and read by :meth:`of`."""
        plain = dataclasses.asdict(self)
        plain["strictness"] = dict(self.strictness)
        return {
            name: value.value if isinstance(value, Enum) else list(value) if isinstance(value, tuple) else value
            for name, value in plain.items()
        }

    @classmethod
    def _like(cls: Any, base: "Settings", changes: Mapping[str, Any]) -> Any:
        """The values of ``base`` with ``changes``; fields that ``base`` lacks have their defaults."""
        kinds = {field.name: (field, kind) for field, kind in _kinds(cls).items()}
        for name in changes:
            if name not in kinds:
                raise UnknownName.among("setting", name, kinds)
        values = {field.name: getattr(base, field.name) for field in dataclasses.fields(base) if field.name in kinds}
        values |= {name: _checked(*kinds[name], value) for name, value in changes.items()}
        profile = values["profile"]
        if profile != base.profile and profile in PROFILES:
            raise InvalidSetting(
                f"these are not the settings of profile {profile!r}: begin with that profile "
                f"(--profile {profile}, or Settings.{profile}() in Python)"
            )
        return cls(**values)

    def __post_init__(self) -> None:
        cls: Any = type(self)
        for field, kind in _kinds(cls).items():
            object.__setattr__(self, field.name, _checked(field, kind, getattr(self, field.name)))
        if self.window_seconds < self.segment_seconds:
            raise InvalidSetting(
                f"window_seconds must be at least segment_seconds ({self.segment_seconds}), got {self.window_seconds}"
            )
        if len(self.background) == 1:
            raise InvalidSetting("background must have two names or more, or none, got 1")


@cache
def _kinds(cls: Any) -> dict["dataclasses.Field[Any]", Any]:
    """The fields with their annotations: a value's kind is that of its field, not of the value that it replaces."""
    hints = get_type_hints(cls)
    return {field: hints[field.name] for field in dataclasses.fields(cls)}


def _checked(field: "dataclasses.Field[Any]", kind: Any, value: Any) -> Any:
    """The value as its field's kind, within the field's range."""
    if isinstance(kind, UnionType):
        if value is None:
            return None
        kind = get_args(kind)[0]
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        # A number of NumPy or PyTorch.
        value = value.item()
    if kind in (float, int):
        return _number(field, kind, value)
    if kind is bool:
        if not isinstance(value, bool):
            raise InvalidSetting(f"{field.name} must be true or false, got {_shown(value)}")
        return value
    if kind is str:
        if not isinstance(value, str) or not value:
            raise InvalidSetting(f"{field.name} must be a name, got {_shown(value)}")
        return str(value)
    if get_origin(kind) is tuple and get_origin(get_args(kind)[0]) is tuple:
        return _numbers_by_name(field, value)
    if get_origin(kind) is tuple:
        try:
            return ordered_names(value)
        except InvalidLabels as wrong:
            raise InvalidSetting(f"{field.name} must be a list of names, got {_shown(value)}") from wrong
    try:
        return kind(value)
    except ValueError as unknown:
        raise UnknownName.among(field.name, str(value), [choice.value for choice in kind]) from unknown


def _numbers_by_name(field: "dataclasses.Field[Any]", value: Any) -> tuple[tuple[str, float], ...]:
    """Names and their numbers in the order of the names, from a mapping or from pairs; a number of 0 says nothing."""
    try:
        pairs = dict(value)
    except (TypeError, ValueError):
        raise InvalidSetting(f"{field.name} must map names to numbers, got {_shown(value)}") from None
    if not all(isinstance(name, str) and name for name in pairs):
        raise InvalidSetting(f"{field.name} must map names to numbers, got {_shown(value)}")
    numbers = {name: float(_number(field, float, number)) for name, number in pairs.items()}
    return tuple(sorted((name, number) for name, number in numbers.items() if number))


def _number(field: "dataclasses.Field[Any]", kind: type, value: Any) -> int | float:
    name, lowest, highest = field.name, field.metadata["lowest"], field.metadata["highest"]
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InvalidSetting(f"{name} must be a number, got {_shown(value)}")
    try:
        # An int initial threshold would make integer thresholds (behaviour 14).
        number = float(value)
    except OverflowError:
        number = inf
    if not isfinite(number):
        raise InvalidSetting(f"{name} must be finite, got {_shown(value)}")
    if kind is int and number != int(number):
        raise InvalidSetting(f"{name} must be a whole number, got {_shown(value)}")
    if not (lowest is None or number >= lowest) or not (highest is None or number <= highest):
        rule = f"be {lowest} or more" if highest is None else f"lie in [{lowest}, {highest}]"
        raise InvalidSetting(f"{name} must {rule}, got {_shown(value)}")
    return int(number) if kind is int else number


def _shown(value: object) -> str:
    return one_line(repr(value), 60)


_RELEASED = Settings(
    profile="released",
    audio_weight=0.5,
    category_threshold=0.55,
    initial_threshold=0.75,
    confidence_threshold=0.75,
    decay=2.5,
    background=(),
    selection=Selection.WHOLE,
    renormalise_survivors=True,
    ridge=1.0,
    ratio_times_scores=True,
    cosine_for_audio=False,
    unit_labels=False,
    sound=SoundScope.CLIP,
    sampling=Sampling.INDEX,
    interval_features=IntervalFeatures.EMBEDDED,
    frames_per_segment=1,
    validate_single=False,
    keep_best=True,
    minimum_duration_seconds=2.0,
    merge_gap_seconds=1.0,
    merge_first=False,
    hold_threshold=None,
    consistent=False,
    silence_dbfs=None,
    blank_contrast=None,
)

_PAPER = dataclasses.replace(
    _RELEASED,
    profile="paper",
    renormalise_survivors=False,
    ridge=0.0,
    ratio_times_scores=False,
    cosine_for_audio=True,
    sound=SoundScope.SEGMENT,
    validate_single=True,
    keep_best=False,
    minimum_duration_seconds=0.0,
    merge_gap_seconds=0.0,
)

SettingsLike = Settings | str | Mapping[str, Any] | None
"""What :meth:`Settings.of` accepts."""

_SCORES = Settings(
    profile="scores",
    category_threshold=0.3,
    initial_threshold=0.3,
    confidence_threshold=0.5,
    hold_threshold=0.15,
)

PROFILES = {"practical": Settings(), "released": _RELEASED, "paper": _PAPER, "scores": _SCORES}
"""``scores`` is ``practical`` with thresholds for another model's probabilities, measured on real clips (docs/scores.md)."""

_PARSER = _RELEASED.replace(select_categories=False, validate=False, decay=0.5)

PAPER_SETTINGS: dict[str, Settings] = {
    "clip-clap": _RELEASED.replace(audio_weight=0.45, category_threshold=0.5, decay=1.0),
    "languagebind": _RELEASED,
    "mgn-ma": _PARSER.replace(audio_weight=0.3, initial_threshold=0.55),
    "jomold": _PARSER.replace(audio_weight=0.4, initial_threshold=0.5),
    "cmpae": _PARSER.replace(audio_weight=0.45, initial_threshold=0.5),
}
"""Table 1, by backbone or parser. The parsers have no τ_f and no τ_r: they neither select nor validate."""

TABLE_1 = ("audio_weight", "category_threshold", "initial_threshold", "confidence_threshold", "decay")
"""The hyper-parameters that Table 1 gives for each backbone, and that tuning moves."""


def _with_table_1(settings: Settings, backbone: str | None) -> Settings:
    """With Table 1's values for the backbone, in the two profiles that are the paper's; the others have thresholds of their own."""
    if settings.profile not in ("released", "paper") or backbone not in PAPER_SETTINGS:
        return settings
    table = PAPER_SETTINGS[backbone]
    changes = {name: getattr(table, name) for name in TABLE_1}
    if settings.profile == "released" and backbone == "languagebind":
        # The released code hears the mean for its other backbone (behaviours 32 and 33).
        changes["channels"] = Channels.FIRST
    return settings.replace(**changes)
