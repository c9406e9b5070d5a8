"""The ten numbers on 1200 videos, against a loop over videos and categories written from their definition.

Bars: under 1 s; at least 20 times faster than the loop; the same numbers within 1e-9.
"""

import os

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")

from collections.abc import Sequence  # noqa: E402

import numpy as np  # noqa: E402

from av2a.metrics.parsing import parsing_metrics  # noqa: E402
from benchmarks.report import machine, seconds, table  # noqa: E402

VIDEOS, CATEGORIES, SEGMENTS = 1200, 25, 10

Counted = tuple[int, int, int]
"""True positives, false positives, false negatives."""


def events(rng: np.random.Generator) -> np.ndarray:
    """Masks (video, category, segment) about as full as LLP's truth: two or three events a video, of any length."""
    masks = np.zeros((VIDEOS, CATEGORIES, SEGMENTS), dtype=bool)
    for video in range(VIDEOS):
        for _ in range(int(rng.integers(0, 5))):
            start = int(rng.integers(0, SEGMENTS))
            masks[video, rng.integers(0, CATEGORIES), start : start + int(rng.integers(1, SEGMENTS + 1))] = True
    return masks


def by_loops(masks: Sequence[np.ndarray]) -> list[float]:
    """The ten numbers as they are defined: per video, per category, per segment or event."""
    truth_audio, truth_visual, audio, visual, both = masks
    each = []
    for video in range(len(truth_audio)):
        row = []
        truth_both = truth_audio[video] & truth_visual[video]
        for count in (segments_counted, events_counted):
            heard = [count(*pair) for pair in zip(truth_audio[video], audio[video], strict=True)]
            seen = [count(*pair) for pair in zip(truth_visual[video], visual[video], strict=True)]
            at_once = [count(*pair) for pair in zip(truth_both, both[video], strict=True)]
            pooled = [tuple(a + b for a, b in zip(*pair, strict=True)) for pair in zip(heard, seen, strict=True)]
            streams = [f1(counted) for counted in (heard, seen, at_once)]
            row += [*streams, sum(streams) / 3, f1(pooled)]
        each.append(row)
    return [100 * float(column) for column in np.mean(each, axis=0)]


def segments_counted(truth: np.ndarray, found: np.ndarray) -> Counted:
    """Segment by segment."""
    right = wrong = missed = 0
    for is_true, is_found in zip(truth, found, strict=True):
        right += bool(is_true and is_found)
        wrong += bool(is_found and not is_true)
        missed += bool(is_true and not is_found)
    return right, wrong, missed


def events_counted(truth: np.ndarray, found: np.ndarray) -> Counted:
    """Event by event, with an overlap of one half."""
    true_events, found_events = stretches(truth), stretches(found)
    right = sum(any(overlap(event, other) >= 0.5 for other in true_events) for event in found_events)
    missed = sum(not any(overlap(event, other) >= 0.5 for other in found_events) for event in true_events)
    return right, len(found_events) - right, missed


def stretches(mask: np.ndarray) -> list[tuple[int, int]]:
    """The runs of True as half-open intervals."""
    found, start = [], None
    for segment, is_there in enumerate([*mask, False]):
        if is_there and start is None:
            start = segment
        elif not is_there and start is not None:
            found.append((start, segment))
            start = None
    return found


def overlap(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Intersection over union."""
    common = max(0, min(one[1], other[1]) - max(one[0], other[0]))
    return common / (one[1] - one[0] + other[1] - other[0] - common)


def f1(counted: Sequence[Sequence[int]]) -> float:
    """The mean over the categories that are there or were found; 1 where there are none."""
    values = [2 * right / (2 * right + wrong + missed) for right, wrong, missed in counted if right + wrong + missed]
    return sum(values) / len(values) if values else 1.0


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(0)
    masks = [events(rng) for _ in range(5)]
    # Predictions that are right now and then.
    masks[2] = np.where(rng.random((VIDEOS, 1, 1)) < 0.5, masks[0], masks[2])
    fast = seconds(lambda: parsing_metrics(*masks))
    slow = seconds(lambda: by_loops(masks), runs=3, warm_up=0)
    apart = max(abs(a - b) for a, b in zip(parsing_metrics(*masks), by_loops(masks), strict=True))
    table(
        f"The ten numbers on {VIDEOS} videos ({machine()}; one thread, medians)",
        ["what", "bar", "measured"],
        [
            ["vectorised", "< 1 s", f"{fast:.3f} s"],
            ["by loops, from the definition", "", f"{slow:.2f} s"],
            ["times faster", "≥ 20", f"{slow / fast:.0f}"],
            ["largest difference of any number", "≤ 1e-9", f"{apart:.1e}"],
        ],
    )


if __name__ == "__main__":
    main()
