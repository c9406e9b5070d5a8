"""Thresholds that stay, and thresholds that move with the video (Eq. 6 to 8).

The moving ones estimate, at each segment, how far the scores have shifted from what the past predicts, and lower (or raise) each label's
threshold accordingly. A label that was never detected has a zero column in the soft confusion matrix M, so
its ratio is zero and its threshold has not moved yet; the system to solve is only as large as the set of labels detected so
far. M is a running sum. One step therefore costs O(C·a + a³) with a labels active, whatever the segment's number.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from av2a.methods.av2a.scores import SelectedScores, lowered
from av2a.settings import Settings, ThresholdRule

_EPSILON = 1e-8  # keeps the cosine of an all-zero vector at 0
_CHUNK = 2048  # parsings advanced together: bounds memory, still hides the interpreter's cost


def cosine(
    first: Float[np.ndarray, "*batch feature"], second: Float[np.ndarray, "*batch feature"]
) -> Float[np.ndarray, "*batch"]:
    """cos(x_t, x_{t−1}) of Eq. 7 along the last axis; 0 where a row is all zero. Not clipped (behaviour 18).

    >>> cosine(np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]])).round(4)
    array([0.7071])
    """
    first, second = first.astype(np.float64), second.astype(np.float64)
    lengths = [np.maximum(np.sqrt(np.einsum("...f,...f->...", rows, rows)), _EPSILON) for rows in (first, second)]
    return np.asarray(np.einsum("...f,...f->...", first, second) / (lengths[0] * lengths[1]))


class ThresholdTracker:
    """The thresholds of a batch of parsings, advanced one segment at a time.

    A stream calls :meth:`step` for each segment as it arrives; :func:`dynamic_thresholds` calls it over a whole clip. Both get the
    same numbers.

    Attributes are arrays over (batch, …): ``threshold`` τ_t, ``times_predicted`` z, ``present`` y_t.
    """

    def __init__(
        self,
        initial_threshold: Float[np.ndarray, " batch"] | Float[np.ndarray, "batch label"],
        decay: Float[np.ndarray, " batch"],
        labels: int,
        *,
        rule: ThresholdRule = ThresholdRule.RATIO_COSINE,
        ridge: float = 1.0,
        ratio_times_scores: bool = True,
    ) -> None:
        batch = len(initial_threshold)
        self.rule = rule
        self.ridge = ridge
        self.ratio_times_scores = ratio_times_scores
        self.initial_threshold = initial_threshold.astype(np.float64).reshape(batch, -1)
        self.decay = decay.astype(np.float64)[:, None]
        self.threshold = np.array(np.broadcast_to(self.initial_threshold, (batch, labels)))
        self.times_predicted = np.zeros((batch, labels))
        self.present = np.zeros((batch, labels), dtype=bool)
        self._segments = np.zeros(batch, dtype=np.int64)
        self._past = _SoftConfusion(batch, labels)

    def step(
        self,
        scores: Float[np.ndarray, "batch label"],
        similarity: Float[np.ndarray, " batch"] | None = None,
        *,
        allowed: Bool[np.ndarray, "batch label"] | None = None,
        observed: Bool[np.ndarray, " batch"] | None = None,
    ) -> Float[np.ndarray, "batch label"]:
        """Thresholds of the segment that ``scores`` belong to; decides the segment and remembers it.

        Source: Eq. 8, τ_t = τ_{t−1} − τ_1 e^(−λz) · ŵ_t, in the order of behaviour 16.

        Args:
            scores: P^t.
            similarity: cos(x_t, x_{t−1}) of this segment with the one observed before it, see :func:`cosine`; None for a
                stream without one (behaviour 18). Not looked at in the first segment.
            allowed: labels that may be present in this segment at all.
            observed: False where this segment has nothing to score (no picture, no sound): it decides nothing, is not remembered, and
                thresholds pass over it unchanged.
        """
        if observed is None:
            observed = np.ones(len(scores), dtype=bool)
        if self.rule is not ThresholdRule.STATIC:
            moving = observed & (self._segments > 0)
            if moving.any():
                lowered = self.threshold - self._offset(scores, similarity)
                self.threshold = lowered if moving.all() else np.where(moving[:, None], lowered, self.threshold)
        with np.errstate(invalid="ignore"):
            self.present = (scores > self.threshold) & observed[:, None]
        if allowed is not None:
            self.present &= allowed
        self.times_predicted += self.present
        self._segments += observed
        if self.rule in (ThresholdRule.RATIO, ThresholdRule.RATIO_COSINE):
            self._past.add(scores, self.present, observed)
        return self.threshold

    def _offset(
        self, scores: Float[np.ndarray, "batch label"], similarity: Float[np.ndarray, " batch"] | None
    ) -> Float[np.ndarray, "batch label"]:
        scale = self.initial_threshold
        if self.rule is not ThresholdRule.RATIO and similarity is not None:
            scale = scale * similarity[:, None]
        offset = scale * np.exp(-self.decay * self.times_predicted)
        if self.rule is not ThresholdRule.COSINE:
            offset *= self._past.ratio(scores, np.maximum(self._segments, 1), self.ridge)
            if self.ratio_times_scores:
                offset *= scores
        return offset


class _SoftConfusion:
    """M of Eq. 7 as a running sum: only the columns of labels that were detected, each in a slot of its own."""

    def __init__(self, batch: int, labels: int) -> None:
        self.slot_of = np.full((batch, labels), -1)
        self.used = np.zeros(batch, dtype=np.int64)
        self.label_in = np.zeros((batch, 0), dtype=np.int64)
        self.columns = np.zeros((batch, labels, 0))  # Σ p yᵀ
        self.gram = np.zeros((batch, 0, 0))  # columnsᵀ · columns
        # One undefined score makes every product with it undefined, as in the released code (behaviour 4).
        self.undefined = np.zeros(batch, dtype=bool)

    def add(
        self,
        scores: Float[np.ndarray, "batch label"],
        present: Bool[np.ndarray, "batch label"],
        observed: Bool[np.ndarray, " batch"],
    ) -> None:
        """One more segment: M grows by p yᵀ."""
        self.undefined |= observed & ~np.isfinite(scores).all(axis=1)
        grows = present.any(axis=1) & ~self.undefined
        if not grows.any():
            return
        touched = _indexes(grows)
        self._open_slots(present & ~self.undefined[:, None])
        slots = self.label_in[touched]
        in_use = np.arange(slots.shape[1]) < self.used[touched, None]
        y = (np.take_along_axis(present[touched], slots, axis=1) & in_use).astype(np.float64)
        p = scores[touched].astype(np.float64, copy=False)
        predicted = np.matmul(p[:, None, :], self.columns[touched])[:, 0]
        energy = (p * p).sum(axis=1)[:, None, None]
        rank_two = predicted[:, :, None] * y[:, None, :]
        self.gram[touched] += rank_two + rank_two.transpose(0, 2, 1) + energy * (y[:, :, None] * y[:, None, :])
        self.columns[touched] += p[:, :, None] * y[:, None, :]

    def _open_slots(self, present: Bool[np.ndarray, "batch label"]) -> None:
        rows, labels = np.nonzero(present & (self.slot_of < 0))
        if not len(rows):
            return
        first_of_row = np.searchsorted(rows, rows)
        slots = self.used[rows] + np.arange(len(rows)) - first_of_row
        self._grow(int(slots.max()) + 1)
        self.slot_of[rows, labels] = slots
        self.label_in[rows, slots] = labels
        np.add.at(self.used, rows, 1)

    def _grow(self, needed: int) -> None:
        more = needed - self.label_in.shape[1]
        if more <= 0:
            return
        self.label_in = np.pad(self.label_in, ((0, 0), (0, more)))
        self.columns = np.pad(self.columns, ((0, 0), (0, 0), (0, more)))
        self.gram = np.pad(self.gram, ((0, 0), (0, more), (0, more)))

    def ratio(
        self,
        scores: Float[np.ndarray, "batch label"],
        segments: Int[np.ndarray, " batch"],
        ridge: float,
    ) -> Float[np.ndarray, "batch label"]:
        """ŵ_t without the cosine: how far each label's score has moved from what the past predicts.

        Source: Eq. 7, M⁻¹ P^t. M is singular until every label was detected, so the system is solved by least squares with a
        ``ridge`` (behaviour 17); 0 gives the Moore–Penrose inverse.
        """
        ratio = np.zeros(scores.shape)
        undefined = self.undefined | ~np.isfinite(scores).all(axis=1)
        ratio[undefined] = np.nan
        # Parsings with about as many active labels are solved together, none padded to more than twice its size.
        sizes = np.frexp(np.where(undefined, 0, self.used).astype(np.float64))[1]
        for size in np.unique(sizes[sizes > 0]):
            group = sizes == size
            rows = _indexes(group)
            width = int(self.used[rows].max())
            solved = self._solved(rows, width, scores[rows].astype(np.float64, copy=False), segments[rows], ridge)
            batch_row, slot = np.nonzero(np.arange(width) < self.used[rows, None])
            row = np.flatnonzero(group)[batch_row]
            ratio[row, self.label_in[row, slot]] = solved[batch_row, slot]
        return ratio

    def _solved(
        self,
        rows: "Int[np.ndarray, ' rows'] | slice",
        width: int,
        scores: Float[np.ndarray, "rows label"],
        segments: Int[np.ndarray, " rows"],
        ridge: float,
    ) -> Float[np.ndarray, "rows slot"]:
        columns = self.columns[rows, :, :width] / segments[:, None, None]
        if ridge == 0:
            return np.asarray(np.matmul(np.linalg.pinv(columns, rcond=1e-10), scores[:, :, None])[:, :, 0])
        right = np.matmul(scores[:, None, :], columns)[:, 0]
        normal = self.gram[rows, :width, :width] / (segments**2)[:, None, None] + ridge * np.eye(width)
        return np.asarray(np.linalg.solve(normal, right[:, :, None])[:, :, 0])


def _indexes(chosen: Bool[np.ndarray, " batch"]) -> "Int[np.ndarray, ' chosen'] | slice":
    """The places of the chosen ones; all of them as a slice, so that nothing is copied."""
    return slice(None) if chosen.all() else np.flatnonzero(chosen)


def dynamic_thresholds(
    scores: Float[np.ndarray, "*batch segment label"],
    frame_embeddings: Float[np.ndarray, "*frame_batch segment feature"] | None,
    *,
    initial_threshold: float | Float[np.ndarray, "*first_batch"],
    decay: float | Float[np.ndarray, "*second_batch"],
    rule: ThresholdRule = ThresholdRule.RATIO_COSINE,
    ridge: float = 1.0,
    ratio_times_scores: bool = True,
    allowed: Bool[np.ndarray, "*third_batch segment label"] | None = None,
    observed: Bool[np.ndarray, "*fourth_batch segment"] | None = None,
) -> Float[np.ndarray, "*result_batch segment label"]:
    """The threshold of every label in every segment, τ_t (Eq. 7 and 8).

    Segment t is present where ``scores[t] > result[t]``. Leading axes (videos, settings) are batched and broadcast against each other.

    Args:
        scores: P^t; needs no more than the real line.
        frame_embeddings: x_t for the cosine; None for a stream without one (behaviour 18).
        initial_threshold: τ⁰, one number or one for each parsing of the batch.
        decay: λ, likewise.
        allowed: False where a label may not be present whatever its score.
        observed: False for segments with nothing to score.

    >>> scores = np.full((4, 1), 0.8)
    >>> dynamic_thresholds(scores, None, initial_threshold=0.75, decay=2.5)[:, 0].round(4)
    array([0.75  , 0.7308, 0.7292, 0.7291])
    """
    settings = np.broadcast_shapes(np.shape(initial_threshold), np.shape(decay))
    leads = [scores.shape[:-2], settings]
    leads += [given.shape[:-2] for given in (frame_embeddings, allowed) if given is not None]
    leads += [observed.shape[:-1]] if observed is not None else []
    lead = np.broadcast_shapes(*leads)
    batch = lead or (1,)
    segments, labels = scores.shape[-2:]
    _check_segments(segments, frame_embeddings, observed)
    wide = np.broadcast_to(scores, (*batch, segments, labels))
    similarity = _broadcast(step_similarity(frame_embeddings, observed), batch, 1)
    permitted = None if allowed is None else np.broadcast_to(allowed, (*batch, segments, labels))
    present_at_all = _broadcast(observed, batch, 1)
    initial = np.broadcast_to(np.asarray(initial_threshold, dtype=np.float64), batch)
    decays = np.broadcast_to(np.asarray(decay, dtype=np.float64), batch)
    result = np.empty((*batch, segments, labels))
    for part in _parts(batch):
        result[part] = _advanced(
            ThresholdTracker(
                initial[part], decays[part], labels, rule=rule, ridge=ridge, ratio_times_scores=ratio_times_scores
            ),
            wide[part],
            None if similarity is None else similarity[part],
            None if permitted is None else permitted[part],
            None if present_at_all is None else present_at_all[part],
        )
    return result.reshape(*lead, segments, labels)


def _check_segments(segments: int, *others: np.ndarray | None) -> None:
    features, observed = others
    counts = [] if features is None else [features.shape[-2]]
    counts += [] if observed is None else [observed.shape[-1]]
    if any(count != segments for count in counts):
        raise ValueError(
            f"all inputs must cover the same segments, got {segments} of scores and {counts} of the others"
        )


def _broadcast(given: np.ndarray | None, lead: tuple[int, ...], own_axes: int) -> np.ndarray | None:
    return None if given is None else np.broadcast_to(given, (*lead, *given.shape[-own_axes:]))


def _parts(batch: tuple[int, ...]) -> list[tuple[np.ndarray, ...]]:
    """Indexes into the leading axes, a bounded number of parsings each."""
    total = int(np.prod(batch, dtype=np.int64))
    return [np.unravel_index(np.arange(first, min(first + _CHUNK, total)), batch) for first in range(0, total, _CHUNK)]


def step_similarity(
    frame_embeddings: Float[np.ndarray, "*batch segment feature"] | None,
    observed: Bool[np.ndarray, "*other segment"] | None,
) -> Float[np.ndarray, "*result segment"] | None:
    """cos(x_t, x_{t−1}) of each segment with the one observed before it; 1 where there is none."""
    if frame_embeddings is None:
        return None
    if observed is None or observed.all():
        result = np.ones(frame_embeddings.shape[:-1])
        result[..., 1:] = cosine(frame_embeddings[..., 1:, :], frame_embeddings[..., :-1, :])
        return result
    features = np.broadcast_to(frame_embeddings, (*observed.shape, frame_embeddings.shape[-1]))
    places = np.where(observed, np.arange(observed.shape[-1]), 0)
    before = np.zeros_like(places)
    before[..., 1:] = np.maximum.accumulate(places, axis=-1)[..., :-1]
    return cosine(features, np.take_along_axis(features, before[..., None], axis=-2))


def _advanced(
    tracker: ThresholdTracker,
    scores: Float[np.ndarray, "batch segment label"],
    similarity: Float[np.ndarray, "batch segment"] | None,
    allowed: Bool[np.ndarray, "batch segment label"] | None,
    observed: Bool[np.ndarray, "batch segment"] | None,
) -> Float[np.ndarray, "batch segment label"]:
    result = np.empty(scores.shape)
    scores = scores.astype(np.float64, copy=False)
    for t in range(scores.shape[1]):
        result[:, t] = tracker.step(
            scores[:, t],
            None if similarity is None else similarity[:, t],
            allowed=None if allowed is None else allowed[:, t],
            observed=None if observed is None else observed[:, t],
        )
    return result


def moving_thresholds(selected: SelectedScores, settings: Settings) -> Float[np.ndarray, "segment kept"]:
    """The thresholds of one stream's selected labels (Eq. 6 to 8)."""
    if selected.stream.strictness is not None:
        return _moved_by_label(selected, settings)
    return _moved(selected.scores, selected.frame_embeddings, selected.allowed, selected.stream.observed, settings)


def moving_thresholds_together(
    streams: Sequence[SelectedScores], settings: Settings
) -> list[Float[np.ndarray, "segment _"]]:
    """What :func:`moving_thresholds` gives for each; streams with as many segments and features advance together.

    Those with fewer labels than others get columns in which nothing is ever present.
    """
    if settings.strictness:
        return [moving_thresholds(each, settings) for each in streams]
    alike: dict[tuple[int, int | None], list[int]] = {}
    for index, each in enumerate(streams):
        features = None if each.frame_embeddings is None else each.frame_embeddings.shape[1]
        alike.setdefault((len(each.scores), features), []).append(index)
    thresholds: dict[int, np.ndarray] = {}
    for indexes in alike.values():
        group = [streams[index] for index in indexes]
        most = max(each.scores.shape[1] for each in group)
        frames = [each.frame_embeddings for each in group if each.frame_embeddings is not None]
        moved = _moved(
            np.stack([_widened(each.scores, most) for each in group]),
            np.stack(frames) if frames else None,
            np.stack([_widened(each.allowed, most) for each in group]),
            np.stack([each.stream.observed for each in group]),
            settings,
        )
        for index, each, own in zip(indexes, group, moved, strict=True):
            thresholds[index] = own[:, : each.scores.shape[1]]
    return [thresholds[index] for index in range(len(streams))]


def _moved(
    scores: Float[np.ndarray, "*batch segment label"],
    frame_embeddings: Float[np.ndarray, "*batch segment feature"] | None,
    allowed: Bool[np.ndarray, "*batch segment label"],
    observed: Bool[np.ndarray, "*batch segment"],
    settings: Settings,
) -> Float[np.ndarray, "*batch segment label"]:
    return dynamic_thresholds(
        scores,
        frame_embeddings,
        initial_threshold=settings.initial_threshold,
        decay=settings.decay,
        rule=settings.threshold_rule,
        ridge=settings.ridge,
        ratio_times_scores=settings.ratio_times_scores,
        allowed=allowed,
        observed=observed,
    )


def _moved_by_label(selected: SelectedScores, settings: Settings) -> Float[np.ndarray, "segment kept"]:
    """Thresholds of labels that do not all begin at the same one."""
    assert selected.stream.strictness is not None
    initial = lowered(settings.initial_threshold, selected.stream.strictness[selected.kept])
    tracker = ThresholdTracker(
        initial[None],
        np.array([settings.decay]),
        selected.scores.shape[1],
        rule=settings.threshold_rule,
        ridge=settings.ridge,
        ratio_times_scores=settings.ratio_times_scores,
    )
    observed = selected.stream.observed
    similarity = _broadcast(step_similarity(selected.frame_embeddings, observed), (1,), 1)
    return _advanced(tracker, selected.scores[None], similarity, selected.allowed[None], observed[None])[0]


def _widened(values: np.ndarray, labels: int) -> np.ndarray:
    """With columns of zeros up to so many labels."""
    missing = labels - values.shape[1]
    return np.pad(values, ((0, 0), (0, missing))) if missing else values
