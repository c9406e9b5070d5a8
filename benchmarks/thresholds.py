"""Dynamic thresholds: a long video with many names, twice its length, and a tuner's batch.

Bars: T = 3600, C = 500, at most 20 active, one core: under 1 s, twice the length 1.8 to 2.2 times the time; 200 videos (10 × 25) × 1000 settings under 60 s.
"""

import os

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")

from concurrent.futures import ProcessPoolExecutor  # noqa: E402
from statistics import median  # noqa: E402
from time import perf_counter  # noqa: E402

import numpy as np  # noqa: E402

from av2a.methods.av2a.thresholds import dynamic_thresholds  # noqa: E402
from benchmarks.report import machine, table  # noqa: E402


def long_video(segments: int) -> float:
    """Seconds for one video of 500 names, 20 of which are ever present."""
    rng = np.random.default_rng(0)
    scores = rng.beta(0.3, 2, (segments, 500))
    scores[:, 20:] *= 0.5
    features = rng.normal(size=(segments, 512)) + 1
    start = perf_counter()
    thresholds = dynamic_thresholds(scores, features, initial_threshold=0.75, decay=1.0)
    spent = perf_counter() - start
    assert (scores > thresholds).any(axis=0).sum() == 20
    return spent


def batch(videos: range) -> float:
    """Seconds for these of 200 videos of 10 segments and 25 names under 1000 settings each."""
    rng = np.random.default_rng(videos.start)
    start = perf_counter()
    for _ in videos:
        scores = rng.beta(0.4, 0.8, (10, 25))
        features = rng.normal(size=(10, 512)) + 1
        dynamic_thresholds(
            scores, features, initial_threshold=rng.uniform(0.4, 0.9, 1000), decay=rng.uniform(0.2, 3, 1000)
        )
    return perf_counter() - start


def main() -> None:
    """Print the tables."""
    long_video(600)
    singles, doubles = [], []
    for _ in range(5):
        singles.append(long_video(3600))
        doubles.append(long_video(7200))
    ratios = [double / single for single, double in zip(singles, doubles, strict=True)]
    start = perf_counter()
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(batch, [range(100), range(100, 200)]))
    both = perf_counter() - start
    table(
        f"Dynamic thresholds ({machine()}; medians of 5)",
        ["what", "bar", "measured"],
        [
            ["T = 3600, C = 500, 20 active, one core", "< 1 s", f"{median(singles):.2f} s"],
            ["T = 7200 against T = 3600", "1.8–2.2", f"{median(ratios):.2f}"],
            ["200 videos (10 × 25) × 1000 settings, 2 cores", "< 60 s", f"{both:.1f} s"],
        ],
    )


if __name__ == "__main__":
    main()
