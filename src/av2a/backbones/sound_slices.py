"""Sound as equal slices of time, heard in overlapping chunks: where chunks start, and which slices make up a span.

An audio encoder takes a span of time and describes each slice of it. Longer sound goes in chunks that overlap, and each
slice is described by the chunk in which it lies farthest from an edge, where it has most sound around it.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32

from av2a.backbones.base import Span


def chunk_starts(slices: int, chunk: int, hop: int) -> list[int]:
    """The first slice of each chunk: as few as stand at most ``hop`` apart, evenly spread, the last ending with the sound.

    >>> chunk_starts(20, chunk=32, hop=26), chunk_starts(70, chunk=32, hop=26)
    ([0], [0, 19, 38])
    """
    beyond = slices - chunk
    steps = -(-beyond // hop)
    return [beyond * step // steps for step in range(steps + 1)] if beyond > 0 else [0]


def most_central(slices: int, starts: Sequence[int], chunk: int) -> list[tuple[int, int]]:
    """For each slice of the sound, its chunk and its place in that chunk.

    >>> most_central(6, starts=[0, 2], chunk=4)
    [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (1, 3)]
    """
    centres = np.array(starts) + chunk / 2
    nearest = [int(np.abs(centres - (place + 0.5)).argmin()) for place in range(slices)]
    return [(chosen, place - starts[chosen]) for place, chosen in enumerate(nearest)]


def span_means(
    rows: Float32[np.ndarray, "slice feature"], spans: Sequence[Span], slice_seconds: float
) -> Float32[np.ndarray, "span feature"]:
    """The mean of the slices in each span, a slice that lies partly in it counting for that part.

    Raises:
        ValueError: a span is empty or holds no part of the sound.

    >>> span_means(np.array([[0], [3], [6]], np.float32), [(0.5, 2.0)], slice_seconds=1.0).tolist()
    [[2.0]]
    """
    edges = np.arange(len(rows) + 1) * slice_seconds
    weights = np.stack([_overlap(edges, span) for span in spans]) if spans else np.empty((0, len(rows)))
    return (weights @ rows.astype(np.float64)).astype(np.float32)


def _overlap(edges: Float[np.ndarray, " edge"], span: Span) -> Float[np.ndarray, " slice"]:
    start, stop = span
    shared = np.maximum(0, np.minimum(edges[1:], stop) - np.maximum(edges[:-1], start))
    if not shared.sum() > 0:
        raise ValueError(f"a span must hold a part of the sound (0 to {edges[-1]:.3f} s), got [{start}, {stop})")
    return shared / shared.sum()
