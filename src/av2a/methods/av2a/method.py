"""The method on what was observed, or on scores from anywhere: selection, thresholds, candidates, validation.

``parse`` asks an observation for what the encoders made of a clip; ``parse_scores`` takes the scores of any model. Both come to the
same decisions by the same steps (Eq. 3 to 9).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from av2a.features import Observation
from av2a.methods.av2a.localize import Localization, Located, localize, located_in, located_in_all
from av2a.methods.av2a.scores import Vocabulary
from av2a.methods.av2a.streams import Evidence, observed_stream, scored_stream
from av2a.methods.av2a.validation import answered, interval_scores, mean_scores, wanted_intervals
from av2a.settings import Fusion, Settings
from av2a.types import Candidate, Modality, Parsing, ScoredClip, Trace

__all__ = [
    "Evidence",
    "Localization",
    "localize",
    "parse",
    "parse_all",
    "parse_all_scores",
    "parse_scores",
]


def parse(observation: Observation, words: Vocabulary, settings: Settings) -> Parsing:
    """The whole method on what was observed: selection, thresholds, candidates, validation, for each stream."""
    evidence = Evidence(observation, words)
    located = {
        stream: located_in(observed_stream(stream, evidence, settings), settings) for stream in _judged(settings)
    }
    return _confirmed(evidence, located, settings)


def parse_all(evidence: Sequence[Evidence], settings: Settings) -> list[Parsing]:
    """What :func:`parse` answers for each. All thresholds move together, which is many times faster.

    Decisions are those of :func:`parse`; a threshold may differ from its in the last bits.
    """
    judged = _judged(settings)
    located = iter(
        located_in_all([observed_stream(stream, each, settings) for each in evidence for stream in judged], settings)
    )
    return [_confirmed(each, {stream: next(located) for stream in judged}, settings) for each in evidence]


def _confirmed(evidence: Evidence, located: Mapping[Modality, Located], settings: Settings) -> Parsing:
    """Eq. 9: each candidate's own interval is looked at and listened to."""
    scored = evidence.intervals(wanted_intervals(located, settings))

    def own_scores(trace: Trace, found: Candidate) -> Float[np.ndarray, " category"]:
        return interval_scores(trace, scored[found.start, found.stop], settings)

    return Parsing(answered(located, own_scores, settings), evidence.observation.first_segment)


def parse_scores(scored: ScoredClip, settings: Settings) -> Parsing:
    """The method on the scores of any model: a trained parser's, a file's.

    What only encoders could answer is taken from the scores: a candidate's own score (Eq. 9) is the mean of its segments' scores. Scores are
    taken as they are, so ``renormalise_survivors`` changes nothing.
    """
    located = {
        modality: located_in(scored_stream(modality, scored, settings), settings) for modality in _judged(settings)
    }
    return Parsing(answered(located, mean_scores, settings))


def parse_all_scores(scored: Sequence[ScoredClip], settings: Settings) -> list[Parsing]:
    """What :func:`parse_scores` answers for each. All thresholds move together, as in :func:`parse_all`."""
    judged = _judged(settings)
    streams = [scored_stream(stream, each, settings) for each in scored for stream in judged]
    located = iter(located_in_all(streams, settings))
    return [Parsing(answered({stream: next(located) for stream in judged}, mean_scores, settings)) for _ in scored]


def _judged(settings: Settings) -> list[Modality]:
    """The streams that are parsed by themselves; late fusion makes the third of two."""
    streams = [Modality.VISUAL, Modality.AUDIO]
    return [*streams, Modality.AUDIO_VISUAL] if settings.fusion is Fusion.SCORE else streams
