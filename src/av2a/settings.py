"""Hyper-parameters and switches of the method, and the profiles that name their combinations.

``docs/method.md`` has a row for each switch: what the paper says, what the released code does, what each profile does and why.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import Enum
from math import exp, isfinite
from statistics import NormalDist
from typing import Any

from av2a.background import BACKGROUND
from av2a.errors import InvalidSetting, UnknownName


class ThresholdRule(Enum):
    """How thresholds move from segment to segment (Eq. 7 and 8; behaviour 19)."""

    STATIC = "static"
    """They do not: the naive baseline."""
    RATIO = "ratio"
    """By the label-shift ratio alone: the paper's "w/o cosine"."""
    COSINE = "cosine"
    """By the cosine alone: in the released code, in none of the tables."""
    RATIO_COSINE = "ratio-cosine"
    """By both: the paper's method."""


class Fusion(Enum):
    """How sound and picture become one answer."""

    SCORE = "score"
    """Scores are summed with weights before any decision (Eq. 3 and 4)."""
    LATE = "late"
    """What is both heard and seen after all decisions (Table 6)."""


class Selection(Enum):
    """What a category's score over a window is (Eq. 5)."""

    WHOLE = "whole"
    """The score of the window as the encoders embed it whole (Eq. 1)."""
    PEAK = "peak"
    """The score of the window's strongest segment: what is short is not averaged away in what is long."""


class SoundScope(Enum):
    """What a segment's audio score is heard in."""

    SEGMENT = "segment"
    """A window around that segment (Eq. 2)."""
    CLIP = "clip"
    """The whole clip, repeated for each segment, as released (behaviour 8)."""


class SegmentSound(Enum):
    """How a segment is heard (``sound`` by segment)."""

    WINDOWS = "windows"
    """Each by itself, one pass of the encoder a segment."""
    SLICES = "slices"
    """As its part of one pass over at most ten seconds, for encoders that tell moments apart."""


class Channels(Enum):
    """Which channels of an audio stream are heard."""

    MEAN = "mean"
    """The mean of all channels."""
    FIRST = "first"
    """The first channel alone, resampled as the released code resamples for LanguageBind (behaviour 33)."""


class Sampling(Enum):
    """How frames are chosen."""

    TIME = "time"
    """The pictures shown at times spread evenly within each segment, right at any frame rate."""
    INDEX = "index"
    """By frame number over the whole clip, as released (behaviours 9 and 10)."""


class ValidationRule(Enum):
    """When a candidate interval is kept (Eq. 9; behaviour 27)."""

    CONFIDENCE = "confidence"
    """Its own score is above ``confidence_threshold``."""
    ARGMAX = "argmax"
    """It is the strongest category of its interval: the released rule for AVE."""


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


@dataclass(frozen=True)
class Settings:
    """Everything that decides how similarities become events.

    The defaults are the ``practical`` profile.

    >>> Settings().initial_threshold == score_exceeded_by(0.02)
    True
    >>> profile_settings("released", "languagebind").decay
    2.5
    """

    profile: str = "practical"

    # The five hyper-parameters of Table 1.
    audio_weight: float = 0.5
    """α of Eq. 3 and 4: the share of sound in the audio-visual score."""
    category_threshold: float = score_exceeded_by(0.0001)
    """τ_f of Eq. 5: a category is looked for in a window when the window's score is above."""
    initial_threshold: float = score_exceeded_by(0.02)
    """τ⁰ of Eq. 6: the threshold of every category in the first segment."""
    confidence_threshold: float = score_exceeded_by(0.02)
    """τ_r: a candidate is kept when its own score is above."""
    decay: float = 2.0
    """λ of Eq. 8: how fast a category's threshold stops moving as it is detected again."""

    # Ablations (Table 5) and fusion (Table 6).
    threshold_rule: ThresholdRule = ThresholdRule.RATIO_COSINE
    select_categories: bool = True
    validate: bool = True
    fusion: Fusion = Fusion.SCORE

    # Where the paper, the released code and practice differ (docs/method.md).
    background: tuple[str, ...] = BACKGROUND
    """Names of everyday sights and sounds that scores are normalised against; empty: against the labels themselves."""
    synonym_similarity: float = 0.95
    """A background concept whose text embedding is nearer than this cosine to a label is left out for that label."""
    selection: Selection = Selection.PEAK
    """What a category's score over a window is."""
    renormalise_survivors: bool = False
    """Normalise scores again over the selected categories only (behaviour 12)."""
    ridge: float = 1.0
    """Ridge of the least-squares ratio (behaviour 17); 0 is the Moore–Penrose inverse of Eq. 7."""
    ratio_times_scores: bool = True
    """Multiply the ratio by the scores once more (behaviour 17)."""
    cosine_for_audio: bool = False
    """Apply the picture's cosine in the audio stream as well (behaviour 18)."""
    unit_labels: bool = True
    """Labels' rows are brought to unit length; the released code takes CLIP's as they are (behaviour 5)."""
    sound: SoundScope = SoundScope.SEGMENT
    segment_sound: SegmentSound = SegmentSound.WINDOWS
    channels: Channels = Channels.MEAN
    """Which channels of the audio stream are heard."""
    sampling: Sampling = Sampling.TIME
    frames_per_segment: int = 2
    """Pictures looked at in each segment (``sampling`` by time; by index it is always one)."""
    validation_rule: ValidationRule = ValidationRule.CONFIDENCE
    validate_single: bool = True
    """Validate also when there is one candidate only (behaviour 28)."""
    keep_best: bool = False
    """When no candidate is valid, keep the best one all the same (behaviour 29)."""
    minimum_duration_seconds: float = 1.0
    """Shorter events are dropped."""
    merge_gap_seconds: float = 0.0
    """Holes up to this length within an event are filled."""
    merge_first: bool = True
    """Fill holes before dropping what is short; the released code drops first (behaviour 23)."""
    hold_threshold: float | None = None
    """Hysteresis: an event goes on where its score falls below the threshold but stays above this. None: it ends there."""
    consistent: bool = False
    """"Both" implies heard and seen, and heard and seen imply "both"."""
    silence_dbfs: float | None = -70.0
    """Sound whose level stays below this is silence: nothing is heard in it. None: silence is scored like any sound."""
    blank_contrast: float | None = 1.0
    """A picture whose brightness varies less (standard deviation, of 255) shows nothing. None: blank pictures are scored."""

    # The grid.
    segment_seconds: float = 1.0
    window_seconds: float = 10.0
    """The stretch of a video over which categories are selected; by index, the clip that is parsed by itself."""

    def __post_init__(self) -> None:
        for name in ("audio_weight", "category_threshold", "initial_threshold", "confidence_threshold"):
            _check(0 <= getattr(self, name) <= 1, name, "must lie in [0, 1]", getattr(self, name))
        for name in ("decay", "ridge", "minimum_duration_seconds", "merge_gap_seconds"):
            value = getattr(self, name)
            _check(value >= 0 and isfinite(value), name, "must be 0 or more", value)
        for name in ("segment_seconds", "window_seconds"):
            value = getattr(self, name)
            _check(value > 0 and isfinite(value), name, "must be above 0", value)
        _check(self.segment_seconds >= 0.05, "segment_seconds", "must be 0.05 or more", self.segment_seconds)
        _check(
            self.window_seconds >= self.segment_seconds,
            "window_seconds",
            f"must be at least segment_seconds ({self.segment_seconds})",
            self.window_seconds,
        )
        if self.hold_threshold is not None:
            _check(0 <= self.hold_threshold <= 1, "hold_threshold", "must lie in [0, 1]", self.hold_threshold)
        _check(1 <= self.frames_per_segment <= 64, "frames_per_segment", "must lie in [1, 64]", self.frames_per_segment)
        _check(-1 <= self.synonym_similarity <= 1, "synonym_similarity", "must lie in [-1, 1]", self.synonym_similarity)
        _check(
            len(self.background) != 1,
            "background",
            "must have two names or more, or none",
            len(self.background),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as written in outputs and read by :meth:`from_dict`."""
        plain = asdict(self)
        return {
            name: value.value if isinstance(value, Enum) else list(value) if isinstance(value, tuple) else value
            for name, value in plain.items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Settings":
        """The settings that :meth:`as_dict` wrote; names that are absent keep their profile's values.

        >>> Settings.from_dict(Settings(decay=2.0).as_dict()).decay
        2.0
        """
        base = profile_settings(str(values.get("profile", "practical")))
        return base.changed({name: value for name, value in values.items() if name != "profile"})

    def changed(self, values: Mapping[str, Any]) -> "Settings":
        """These settings with some values replaced, given as plain values.

        Raises:
            UnknownName: no setting, or no choice of a setting, has that name.
            InvalidSetting: a value of the wrong kind or out of range.
        """
        kinds = {field.name: type(getattr(self, field.name)) for field in fields(self)}
        converted: dict[str, Any] = {}
        for name, value in values.items():
            if name not in kinds or name == "profile":
                raise UnknownName.among("setting", name, set(kinds) - {"profile"})
            converted[name] = _converted(name, kinds[name], value)
        return replace(self, **converted)


def _check(good: bool, name: str, rule: str, value: object) -> None:
    if not good:
        raise InvalidSetting(f"{name} {rule}, got {value}")


_MAY_BE_NONE = {"silence_dbfs", "blank_contrast", "hold_threshold"}


def _converted(name: str, kind: type, value: Any) -> Any:
    if issubclass(kind, Enum):
        if isinstance(value, kind):
            return value
        try:
            return kind(value)
        except ValueError as unknown:
            raise UnknownName.among(name, str(value), [choice.value for choice in kind]) from unknown
    if name == "background":
        if not isinstance(value, (list, tuple)) or not all(isinstance(entry, str) for entry in value):
            raise InvalidSetting(f"background must be a list of names, got {value!r}")
        return tuple(value)
    if name in _MAY_BE_NONE:
        if value is None:
            return None
        kind = float
    if kind is bool:
        if not isinstance(value, bool):
            raise InvalidSetting(f"{name} must be true or false, got {value!r}")
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidSetting(f"{name} must be a number, got {value!r}")
    if not isfinite(value):
        raise InvalidSetting(f"{name} must be finite, got {value!r}")
    if kind is int:
        if value != int(value):
            raise InvalidSetting(f"{name} must be a whole number, got {value!r}")
        return int(value)
    # An int initial threshold would make integer thresholds (behaviour 14).
    return float(value)


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
    frames_per_segment=1,
    validate_single=False,
    keep_best=True,
    minimum_duration_seconds=2.0,
    merge_gap_seconds=1.0,
    merge_first=False,
    silence_dbfs=None,
    blank_contrast=None,
)

_PAPER = replace(
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

_PARSER = replace(_RELEASED, select_categories=False, validate=False, decay=0.5)

PAPER_SETTINGS: dict[str, Settings] = {
    "clip-clap": replace(_RELEASED, audio_weight=0.45, category_threshold=0.5, decay=1.0),
    "languagebind": _RELEASED,
    "mgn-ma": replace(_PARSER, audio_weight=0.3, initial_threshold=0.55),
    "jomold": replace(_PARSER, audio_weight=0.4, initial_threshold=0.5),
    "cmpae": replace(_PARSER, audio_weight=0.45, initial_threshold=0.5),
}
"""Table 1, by backbone or parser. The parsers have no τ_f and no τ_r: they select and validate nothing here."""

PROFILES = {"practical": Settings(), "released": _RELEASED, "paper": _PAPER}

TABLE_1 = ("audio_weight", "category_threshold", "initial_threshold", "confidence_threshold", "decay")
"""The hyper-parameters that Table 1 gives for each backbone, and that tuning moves."""


def profile_settings(profile: str, backbone: str | None = None) -> Settings:
    """A profile's settings, with the Table 1 values of ``backbone`` where the profile takes them.

    ``released`` and ``paper`` take Table 1's (LanguageBind's for a backbone that is not in it); ``practical`` sets its
    thresholds by what they mean and is the same for all.

    Raises:
        UnknownName: no such profile.

    >>> profile_settings("paper", "clip-clap").audio_weight
    0.45
    """
    if profile not in PROFILES:
        raise UnknownName.among("profile", profile, PROFILES)
    settings = PROFILES[profile]
    if profile == "practical" or backbone not in PAPER_SETTINGS:
        return settings
    table = PAPER_SETTINGS[backbone]
    return replace(settings, **{name: getattr(table, name) for name in TABLE_1})
