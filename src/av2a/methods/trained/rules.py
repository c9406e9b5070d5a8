"""How each parser decides: its gate on the whole video, then its threshold on each second.

All comparisons are "at least", as in the published evaluations (exact ties do occur); AV²A's own are "above".
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from jaxtyping import Bool, Float, Float32

from av2a.methods.av2a.scores import fused
from av2a.methods.trained.probabilities import Probabilities
from av2a.methods.trained.settings import AudioVisualGate, ParserSettings, VisualGate
from av2a.settings import Fusion
from av2a.types import Modality, ScoredClip, Scores


class Gate(Enum):
    """What a label must pass before any second is looked at."""

    SHARED = "shared"
    """One for both streams, on the probability that it is there at all."""
    OWN = "own"
    """One for each stream, on that stream's probability."""


@dataclass(frozen=True)
class Rule:
    """A parser's published thresholds."""

    gate: Gate
    audio_gate: float = 0.5
    visual_gate: float = 0.5
    segment_threshold: float = 0.5
    visual_gate_by_category: tuple[float, ...] | None = None
    """In place of ``visual_gate``, where a parser has one for each label."""


CMPAE_VISUAL_GATE = (
    *(0.70, 0.40, 0.70, 0.30, 0.30),  # Speech, Car, Cheering, Dog, Cat
    *(0.70, 0.70, 0.60, 0.55, 0.70),  # Frying_(food), Basketball_bounce, Fire_alarm, Chainsaw, Cello
    *(0.50, 0.70, 0.70, 0.70, 0.45),  # Banjo, Singing, Chicken_rooster, Violin_fiddle, Vacuum_cleaner
    *(0.45, 0.60, 0.55, 0.40, 0.55),  # Baby_laughter, Accordion, Lawn_mower, Motorcycle, Helicopter
    *(0.65, 0.40, 0.55, 0.70, 0.30),  # Acoustic_guitar, Telephone_bell_ringing, Baby_cry_infant_cry, Blender, Clapping
)
"""θ, published with CMPAE's checkpoint: chosen on the validation split, one label at a time."""

HAN = MGN = Rule(Gate.SHARED)
JOMOLD = Rule(Gate.OWN)
CMPAE = Rule(
    Gate.OWN,
    audio_gate=0.45,
    visual_gate=0.45,
    segment_threshold=0.25,
    visual_gate_by_category=CMPAE_VISUAL_GATE,
)


def gated(
    answers: Probabilities, rule: Rule, settings: ParserSettings
) -> dict[Modality, Bool[np.ndarray, "*video label"]]:
    """Ĉ: the labels that each stream looks for, by the parser's own gate in place of Eq. 5."""
    if rule.gate is Gate.SHARED:
        passed = answers.whole >= rule.audio_gate
        return dict.fromkeys(Modality, passed)
    visual_gate = _visual_gate(rule, settings)
    heard = answers.whole_audio >= rule.audio_gate
    seen = answers.whole_visual >= visual_gate
    return {
        Modality.AUDIO: heard,
        Modality.VISUAL: seen,
        Modality.AUDIO_VISUAL: _both(answers, heard, seen, rule.audio_gate, visual_gate, settings),
    }


def _visual_gate(rule: Rule, settings: ParserSettings) -> Float[np.ndarray, " *label"]:
    by_category = settings.visual_gate is VisualGate.BY_CATEGORY and rule.visual_gate_by_category is not None
    return np.asarray(rule.visual_gate_by_category if by_category else rule.visual_gate)


def _both(
    answers: Probabilities,
    heard: Bool[np.ndarray, "*video label"],
    seen: Bool[np.ndarray, "*video label"],
    audio_gate: float,
    visual_gate: Float[np.ndarray, " *label"],
    settings: ParserSettings,
) -> Bool[np.ndarray, "*video label"]:
    if settings.audio_visual_gate is AudioVisualGate.BOTH:
        return heard & seen
    if settings.audio_visual_gate is AudioVisualGate.EITHER:
        return heard | seen
    weight = settings.audio_weight
    return fused(answers.whole_audio, answers.whole_visual, weight) >= weight * audio_gate + (1 - weight) * visual_gate


def decided(
    answers: Probabilities, rule: Rule, settings: ParserSettings
) -> dict[Modality, Bool[np.ndarray, "*video second label"]]:
    """Where each label is, by the parser's own thresholds.

    What is heard and seen is as the parser's authors evaluate it. What is both is the two together (late fusion), or has a fused score
    (Eq. 4) that reaches the same threshold (score-level fusion, Table 6).
    """
    threshold = settings.segment_threshold
    passed = {modality: gate[..., None, :] for modality, gate in gated(answers, rule, settings).items()}
    heard = (answers.audio >= threshold) & passed[Modality.AUDIO]
    seen = (answers.visual >= threshold) & passed[Modality.VISUAL]
    if settings.fusion is Fusion.LATE:
        both = heard & seen
    else:
        scores = fused(answers.audio, answers.visual, settings.audio_weight)
        both = (scores >= threshold) & passed[Modality.AUDIO_VISUAL]
    return {Modality.AUDIO: heard, Modality.VISUAL: seen, Modality.AUDIO_VISUAL: both}


def scored_clip(answers: Probabilities, rule: Rule, settings: ParserSettings) -> ScoredClip:
    """One video's answers as scores for ``av2a.methods.av2a.method.parse``, like those of any other source."""
    return ScoredClip(
        audio=_scores(answers.whole_audio, answers.audio),
        visual=_scores(answers.whole_visual, answers.visual),
        frame_embeddings=answers.frame_embeddings,
        chosen=gated(answers, rule, settings),
    )


def _scores(whole: Float32[np.ndarray, " label"], seconds: Float32[np.ndarray, "second label"]) -> Scores:
    return Scores(whole=whole[None], segments=seconds)
