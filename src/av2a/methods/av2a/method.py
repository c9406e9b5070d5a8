"""AV²A, as section 3 of the paper reads: scores, selection, thresholds that move with the video, candidates, validation."""

from collections.abc import Sequence

from av2a.embeddings import ClipFeatures, Vocabulary
from av2a.methods.av2a.candidates import answer, candidate_intervals, interval_scores, validated
from av2a.methods.av2a.scores import PartScores, selected_scores, stream_scores
from av2a.methods.av2a.thresholds import moving_thresholds, moving_thresholds_together
from av2a.settings import Fusion, Settings
from av2a.types import Modality, Parsing, ScoredClip


def av2a(features: ClipFeatures, vocabulary: Vocabulary, settings: Settings) -> tuple[Parsing, ...]:
    """The events of each part of a clip.

    Raises:
        MissingIntervals: candidates have to be embedded by themselves (Eq. 9) that the features do not hold yet.
    """
    return tuple(parse(PartScores(features, part, vocabulary), settings) for part in range(len(features)))


def parse(source: PartScores | ScoredClip, settings: Settings) -> Parsing:
    """The events of one part of a clip by the encoders' similarities, or of a clip by the scores of any other model.

    Of another model's scores a candidate's own score (Eq. 9) is the mean of its segments' scores; they are taken as they are, so
    ``renormalise_survivors`` changes nothing.
    """
    streams = [stream_scores(source, modality, settings) for modality in _parsed(settings)]  # Eq. 1 to 4
    selected = [selected_scores(stream, settings) for stream in streams]  # Eq. 5
    thresholds = [moving_thresholds(scores, settings) for scores in selected]  # Eq. 6 to 8
    candidates = [candidate_intervals(*pair, settings) for pair in zip(selected, thresholds, strict=True)]  # S_k
    own_scores = interval_scores(source, candidates, settings)  # P′ of Eq. 9
    found = [validated(*pair, settings) for pair in zip(candidates, own_scores, strict=True)]  # Eq. 9
    return answer(source, found, settings)


def parse_all(sources: Sequence[PartScores | ScoredClip], settings: Settings) -> list[Parsing]:
    """What :func:`parse` gives for each, many times faster, as all thresholds move together.

    Decisions are those of :func:`parse`; a threshold may differ from its in the last bits.
    """
    modalities = _parsed(settings)
    streams = [stream_scores(source, modality, settings) for source in sources for modality in modalities]
    selected = [selected_scores(stream, settings) for stream in streams]
    thresholds = moving_thresholds_together(selected, settings)
    candidates = [candidate_intervals(*pair, settings) for pair in zip(selected, thresholds, strict=True)]
    parsings = []
    for number, source in enumerate(sources):
        own = candidates[number * len(modalities) : (number + 1) * len(modalities)]
        own_scores = interval_scores(source, own, settings)
        parsings.append(
            answer(source, [validated(*pair, settings) for pair in zip(own, own_scores, strict=True)], settings)
        )
    return parsings


def _parsed(settings: Settings) -> list[Modality]:
    """The streams that are parsed by themselves; late fusion makes the third of two."""
    streams = [Modality.VISUAL, Modality.AUDIO]
    return [*streams, Modality.AUDIO_VISUAL] if settings.fusion is Fusion.SCORE else streams
