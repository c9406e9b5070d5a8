"""Tuning on stored embeddings: 500 trials on 200 clips of the generated world, refinement on, in one process.

Bars: under 5 minutes; nothing decoded or encoded (the encoders refuse).
"""

import os

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")

import argparse  # noqa: E402
import tempfile  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from copy import copy  # noqa: E402
from dataclasses import replace  # noqa: E402
from pathlib import Path  # noqa: E402
from time import perf_counter  # noqa: E402
from typing import NoReturn, TypeVar  # noqa: E402

from av2a.backbones.base import Backbone  # noqa: E402
from av2a.backbones.registry import load_backbone  # noqa: E402
from av2a.datasets import Dataset, open_dataset  # noqa: E402
from av2a.detector import vocabulary_of  # noqa: E402
from av2a.features.store import Store  # noqa: E402
from av2a.research.predictions import predict  # noqa: E402
from av2a.research.replay import Replay  # noqa: E402
from av2a.research.tune import tune  # noqa: E402
from av2a.research.watching import watch  # noqa: E402
from av2a.settings import Settings  # noqa: E402
from benchmarks.report import machine, table  # noqa: E402

Encoder = TypeVar("Encoder")


def refusing(backbone: Backbone) -> Backbone:
    """The same backbone, which from now on only reads labels."""
    return replace(backbone, visual=_refusing(backbone.visual), audio=_refusing(backbone.audio))


def _refusing(encoder: Encoder) -> Encoder:
    quiet = copy(encoder)
    for name in ("embed_frames", "embed_clips", "embed_sounds"):
        if hasattr(encoder, name):
            object.__setattr__(quiet, name, _refuse)
    return quiet


def _refuse(*asked: object) -> NoReturn:
    raise AssertionError("something was encoded")


def row(dataset: Dataset, backbone: Backbone, store: Store, base: Settings, trials: int) -> Sequence[object]:
    """One profile."""
    watch(dataset, backbone, base, store)
    quiet = refusing(backbone)
    start = perf_counter()
    watched = watch(dataset, quiet, base, store).watched
    replay = Replay(watched, dataset, quiet, base)
    found = tune(replay, quiet.info, base, trials=trials)
    spent = perf_counter() - start
    start = perf_counter()
    predict(watched, vocabulary_of(quiet, dataset.labels, base), base)
    alone = perf_counter() - start
    best = found.search.best_trial.value
    return [base.profile, f"{spent:.0f} s", f"{spent / trials:.2f} s", f"{alone:.2f} s", f"{best:.1f} %"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--folder", type=Path, help="where clips and embeddings are kept (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        dataset = open_dataset("synthetic", split="validation", videos=folder / "clips", limit=options.clips)
        backbone, store = load_backbone("mini"), Store(folder / "embeddings")
        table(
            f"Tuning: {options.trials} trials on {options.clips} stored clips, one process (bar: < 5 min; {machine()})",
            ["profile", "all", "a trial", "the same without a replay", "objective reached"],
            [
                row(dataset, backbone, store, Settings.of(name, "mini"), options.trials)
                for name in ("released", "practical")
            ],
        )


if __name__ == "__main__":
    main()
