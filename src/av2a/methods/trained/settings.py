"""How a trained parser's probabilities become events: AV²A's settings, and what the sources leave open.

Each open point (A1 to A9 of ``docs/parsers.md``) is a field here or in :class:`av2a.settings.Settings`; the defaults are the readings that
seem most likely.
"""

from dataclasses import dataclass
from enum import Enum

from av2a.settings import PAPER_SETTINGS, Settings, setting


class Thresholds(Enum):
    """What decides each second."""

    STATIC = "static"
    """The parser's own thresholds, as its authors evaluate it: at least."""
    DYNAMIC = "dynamic"
    """AV²A's, which move (Eq. 6 to 8): above."""


class AudioVisualGate(Enum):
    """Which labels the audio-visual stream looks for, where each stream has a gate of its own (A2)."""

    BOTH = "both"
    """Those that pass both gates: the labels that late fusion could find."""
    EITHER = "either"
    """Those that pass one."""
    FUSED = "fused"
    """Those whose fused probability (Eq. 3) reaches the gates' thresholds fused likewise."""


class FrameVector(Enum):
    """x_t, whose cosine from second to second moves the thresholds (A4)."""

    MOTION = "motion"
    """R(2+1)D-18's row."""
    PICTURE = "picture"
    """The mean of ResNet-152's rows."""
    PICTURE_AND_MOTION = "picture-and-motion"
    """Both, one behind the other."""
    FUSED = "fused"
    """What the network makes of both before attention."""
    ATTENDED = "attended"
    """What attention makes of that."""


class VisualGate(Enum):
    """What CMPAE's visual video-level probabilities must reach (A7)."""

    BY_CATEGORY = "by-category"
    """The thresholds published with its checkpoint, one a label."""
    UNIFORM = "uniform"
    """0.45 for every label, as while it is trained."""


class AttentionMap(Enum):
    """How MGN spreads a label's probability over the seconds; its code changed after its checkpoint (A1)."""

    SECONDS = "seconds"
    """By 1 + a softmax over the seconds: the code since 23 December 2022."""
    FLAT = "flat"
    """Evenly: the code before, which took the softmax over a batch of one."""


@dataclass(frozen=True)
class ParserSettings(Settings):
    """AV²A's settings, and beside them what only concerns a trained parser.

    Of AV²A's own, ``cosine_for_audio`` is A5 and ``minimum_duration_seconds`` A9; what concerns similarities, sampling and validation has no effect.
    """

    thresholds: Thresholds = setting(Thresholds.DYNAMIC, "What decides each second.")
    segment_threshold: float = setting(0.5, "What a second's score must reach with static thresholds (A3).", lowest=0)
    audio_visual_gate: AudioVisualGate = setting(
        AudioVisualGate.BOTH, "Which labels the audio-visual scores are searched for (A2)."
    )
    visual_gate: VisualGate = setting(
        VisualGate.BY_CATEGORY, "What CMPAE's visual video-level probabilities must reach (A7)."
    )
    frame_vector: FrameVector = setting(FrameVector.MOTION, "The vectors whose cosine moves the thresholds (A4).")
    attention_map: AttentionMap = setting(
        AttentionMap.SECONDS, "How MGN distributes a label's probability over the seconds (A1)."
    )


def table_1(name: str | None) -> ParserSettings:
    """AV²A on a parser with the values of Table 1; ``name`` as there, None for a parser that is not in it.

    One-second events are kept and no holes are filled, unlike what the released code does to foundation models (A9).

    >>> table_1("jomold").audio_weight
    0.4
    """
    # Of a parser that is not in the table nothing was tuned: the middle for α and τ⁰, and the λ that all others have.
    untuned = {} if name is not None else {"audio_weight": 0.5, "initial_threshold": 0.5}
    base = ParserSettings.of(PAPER_SETTINGS["jomold" if name is None else name])
    return base.replace(minimum_duration_seconds=0.0, merge_gap_seconds=0.0, **untuned)
