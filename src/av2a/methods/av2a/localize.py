"""From the scores of a stream to candidate intervals: selection, thresholds that move, runs (Eq. 5 to 8 and S_k)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from jaxtyping import Bool, Float

from av2a.methods.av2a.candidates import candidates
from av2a.methods.av2a.scores import selected_categories
from av2a.methods.av2a.streams import Stream
from av2a.methods.av2a.thresholds import dynamic_thresholds
from av2a.settings import Settings
from av2a.types import Candidate, Modality, Scores, Trace


@dataclass(frozen=True)
class Localization:
    """What one stream found before validation: its thresholds and its candidates."""

    thresholds: Float[np.ndarray, "segment category"]
    candidates: list[Candidate]


def localize(
    scores: Scores,
    frame_embeddings: Float[np.ndarray, "segment feature"] | None,
    settings: Settings,
    *,
    selected: Bool[np.ndarray, "segment category"] | None = None,
    observed: Bool[np.ndarray, " segment"] | None = None,
) -> Localization:
    """Candidate intervals of one stream from its scores, whatever made them (Eq. 6 to 8 and S_k).

    Args:
        scores: of the categories to look for.
        frame_embeddings: x_t for the cosine; None for a stream without one.
        settings: thresholds, their rule, and the rules for intervals.
        selected: where each category may be present; everywhere when None.
        observed: False for segments without anything to score.
    """
    thresholds = _moving_thresholds(scores.segments, frame_embeddings, settings, selected, observed)
    return Localization(thresholds, _above(scores.segments, thresholds, settings, selected, observed))


def _moving_thresholds(
    scores: Float[np.ndarray, "*batch segment category"],
    frame_embeddings: Float[np.ndarray, "*batch segment feature"] | None,
    settings: Settings,
    selected: Bool[np.ndarray, "*batch segment category"] | None,
    observed: Bool[np.ndarray, "*batch segment"] | None,
) -> Float[np.ndarray, "*batch segment category"]:
    return dynamic_thresholds(
        scores,
        frame_embeddings,
        initial_threshold=settings.initial_threshold,
        decay=settings.decay,
        rule=settings.threshold_rule,
        ridge=settings.ridge,
        ratio_times_scores=settings.ratio_times_scores,
        allowed=selected,
        observed=observed,
    )


def _above(
    scores: Float[np.ndarray, "segment category"],
    thresholds: Float[np.ndarray, "segment category"],
    settings: Settings,
    selected: Bool[np.ndarray, "segment category"] | None,
    observed: Bool[np.ndarray, " segment"] | None,
) -> list[Candidate]:
    with np.errstate(invalid="ignore"):
        present = scores > thresholds
    if selected is not None:
        present &= selected
    if observed is not None:
        present &= observed[:, None]
    return candidates(
        present,
        minimum_segments=max(1, ceil(settings.minimum_duration_seconds / settings.segment_seconds - 1e-6)),
        merge_gap_segments=floor(settings.merge_gap_seconds / settings.segment_seconds + 1e-6),
        merge_first=settings.merge_first,
    )


@dataclass(frozen=True)
class Located:
    """What one stream found before validation, and how it came to it."""

    trace: Trace
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class _Judged:
    """One stream's scores of the categories that it looks for."""

    stream: Stream
    selected: Bool[np.ndarray, "segment category"]
    kept: Bool[np.ndarray, " category"]
    scores: Float[np.ndarray, "segment kept"]
    frame_embeddings: Float[np.ndarray, "segment feature"] | None

    @classmethod
    def of(cls, stream: Stream, settings: Settings) -> "_Judged":
        selected = _selected(stream, settings)
        kept = np.asarray(selected.any(axis=0))
        with_cosine = stream.modality is not Modality.AUDIO or settings.cosine_for_audio
        return cls(stream, selected, kept, stream.survivors(kept), stream.frame_embeddings if with_cosine else None)

    def located(self, thresholds: Float[np.ndarray, "segment kept"], settings: Settings) -> Located:
        """Its candidates, and how it came to them."""
        stream, kept = self.stream, self.kept
        columns = np.flatnonzero(kept)
        found = _above(self.scores, thresholds, settings, self.selected[:, kept], stream.observed)
        return Located(
            Trace(
                modality=stream.modality,
                window_scores=np.where(stream.has_whole[:, None], stream.whole, np.nan),
                selected=self.selected,
                scores=_spread(self.scores, kept, stream.observed),
                thresholds=_spread(thresholds, kept, stream.observed),
            ),
            tuple(Candidate(int(columns[each.category]), each.start, each.stop) for each in found),
        )


def located_in(stream: Stream, settings: Settings) -> Located:
    """The candidates of one stream."""
    judged = _Judged.of(stream, settings)
    selected = judged.selected[:, judged.kept]
    thresholds = _moving_thresholds(judged.scores, judged.frame_embeddings, settings, selected, stream.observed)
    return judged.located(thresholds, settings)


def located_in_all(streams: Iterable[Stream], settings: Settings) -> list[Located]:
    """What :func:`located_in` gives for each; thresholds of streams with as many segments and features advance together."""
    judged = [_Judged.of(stream, settings) for stream in streams]
    alike: dict[tuple[int, int | None], list[int]] = {}
    for place, each in enumerate(judged):
        features = None if each.frame_embeddings is None else each.frame_embeddings.shape[1]
        alike.setdefault((len(each.scores), features), []).append(place)
    located: dict[int, Located] = {}
    for places in alike.values():
        group = [judged[place] for place in places]
        together = zip(places, group, _thresholds_together(group, settings), strict=True)
        located.update((place, each.located(thresholds, settings)) for place, each, thresholds in together)
    return [located[place] for place in range(len(judged))]


def _thresholds_together(judged: Sequence[_Judged], settings: Settings) -> list[Float[np.ndarray, "segment kept"]]:
    """Where some look for fewer categories than others, they get columns in which nothing is ever present."""
    most = max(each.scores.shape[1] for each in judged)
    frames = [each.frame_embeddings for each in judged if each.frame_embeddings is not None]
    moved = _moving_thresholds(
        np.stack([_widened(each.scores, most) for each in judged]),
        np.stack(frames) if frames else None,
        settings,
        np.stack([_widened(each.selected[:, each.kept], most) for each in judged]),
        np.stack([each.stream.observed for each in judged]),
    )
    return [own[:, : each.scores.shape[1]] for own, each in zip(moved, judged, strict=True)]


def _widened(values: np.ndarray, categories: int) -> np.ndarray:
    """With columns of zeros up to so many categories."""
    return np.pad(values, ((0, 0), (0, categories - values.shape[1])))


def _selected(stream: Stream, settings: Settings) -> Bool[np.ndarray, "segment category"]:
    """Where each category is looked for."""
    if stream.chosen is not None:
        return np.broadcast_to(stream.chosen, stream.segments.shape) & stream.has_whole[stream.window_of][:, None]
    chosen = _chosen(stream.whole, settings) & stream.has_whole[:, None]
    return np.asarray(chosen[stream.window_of])


def _chosen(whole: Float[np.ndarray, "window category"], settings: Settings) -> Bool[np.ndarray, "window category"]:
    """Where each category is looked for: also beside a window in which it stands out, as events run on across windows."""
    if not settings.select_categories:
        return np.ones(whole.shape, dtype=bool)
    chosen = selected_categories(whole, settings.category_threshold)
    beside = chosen.copy()
    beside[1:] |= chosen[:-1]
    beside[:-1] |= chosen[1:]
    return beside


def _spread(
    values: Float[np.ndarray, "segment kept"],
    kept: Bool[np.ndarray, " category"],
    observed: Bool[np.ndarray, " segment"],
) -> Float[np.ndarray, "segment category"]:
    spread = np.full((len(values), len(kept)), np.nan)
    spread[:, kept] = np.where(observed[:, None], values, np.nan)
    return spread
