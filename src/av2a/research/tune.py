"""The hyper-parameters of Table 1 searched on stored embeddings, as the paper did on 200 videos of the LLP validation split.

The paper does not state which 200, which ranges and which number (docs/experiments.md), so the result states each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from statistics import fmean
from typing import Any

from av2a.backbones.base import Backbone
from av2a.datasets import Dataset, Task
from av2a.errors import NoClips, UsageError
from av2a.research.evaluate import parsing_numbers, score
from av2a.research.replay import Replay, Replayable
from av2a.research.results import Results, Table
from av2a.research.search import SPACE, Progress, SearchResult, Space, search
from av2a.research.watching import Watch
from av2a.settings import Settings
from av2a.types import BackboneInfo
from av2a.wording import counted

SCHEMA = "av2a/tuning/1"

VIDEOS = 200
"""How many videos the paper tuned on."""
TRIALS = 500


class Objective(Enum):
    """The number that is maximised, in percent."""

    TYPE = "type"
    """The mean of Type@AV by segments and by events."""
    SEGMENT_TYPE = "segment-type"
    EVENT_TYPE = "event-type"
    ALL = "all"
    """The mean of the ten numbers."""
    ACCURACY = "accuracy"
    """Of localization, of the first candidate alone."""

    @classmethod
    def of(cls, task: Task) -> "Objective":
        """The default objective of a task."""
        return cls.ACCURACY if task is Task.LOCALIZATION else cls.TYPE

    def check(self, task: Task) -> None:
        """Refuse an objective that a data set does not have.

        Raises:
            UsageError: accuracy of parsing, or one of the ten numbers of localization.
        """
        if (self is Objective.ACCURACY) != (task is Task.LOCALIZATION):
            raise UsageError(
                f"objective {self.value!r} does not fit {task.value}: use {Objective.of(task).value!r}, or leave it out"
            )

    @property
    def words(self) -> str:
        """What it measures, for a reader."""
        return _MEANINGS[self]

    def measured(self, replay: Replayable, settings: Settings) -> float:
        """Its value for these settings."""
        predictions = replay.predictions(settings)
        if self is Objective.ACCURACY:
            # The first reading is that of the listed truth and the first candidate.
            [first, *_] = score(predictions, replay.dataset, segment_seconds=settings.segment_seconds).readings or ()
            return first.accuracy
        numbers = parsing_numbers(predictions, replay.dataset, settings.segment_seconds)
        return fmean(numbers if self is Objective.ALL else [getattr(numbers, name) for name in _MEANS[self]])


_MEANINGS = {
    Objective.TYPE: "mean of segment and event Type@AV",
    Objective.SEGMENT_TYPE: "segment Type@AV",
    Objective.EVENT_TYPE: "event Type@AV",
    Objective.ALL: "mean of the ten numbers",
    Objective.ACCURACY: "accuracy of the first candidate",
}
_MEANS = {
    Objective.TYPE: ("segment_type", "event_type"),
    Objective.SEGMENT_TYPE: ("segment_type",),
    Objective.EVENT_TYPE: ("event_type",),
}
"""The numbers whose mean an objective is."""


@dataclass(frozen=True)
class Tuning:
    """The best settings, and how they were found."""

    dataset: str
    split: str
    names: tuple[str, ...]
    """The videos that were tuned on."""
    total: int
    """How many the split has."""
    backbone: BackboneInfo
    objective: Objective
    space: Space
    seed: int
    search: SearchResult

    @property
    def settings(self) -> Settings:
        """The best settings."""
        return self.search.best


def tuning_results(found: Tuning) -> Results:
    """The best settings and every trial; the ``settings`` of the JSON are read by ``--settings``."""
    search, best = found.search, found.search.best_trial
    resumed = f", {search.resumed} of them kept from an earlier run" if search.resumed else ""
    ranges = {name: f"of [{low:g}, {high:g}]" for name, (low, high) in found.space.items()}
    return Results(
        plain={
            "schema": SCHEMA,
            "settings": found.settings.as_dict(),
            "tuned": {
                "values": dict(best.values),
                "value_percent": best.value,
                "objective": found.objective.value,
                "objective_meaning": found.objective.words,
                "space": {name: list(ends) for name, ends in found.space.items()},
                "sampler": "multivariate TPE (Optuna)",
                "seed": found.seed,
                "dataset": found.dataset,
                "split": found.split,
                "videos": len(found.names),
                "total": found.total,
                "names": list(found.names),
                "backbone": {"name": found.backbone.name, "digest": found.backbone.digest},
            },
            "trials": [{"value_percent": trial.value, **trial.values} for trial in search.trials],
        },
        tables=(Table(tuple((name, f"{value:.4f}", ranges[name]) for name, value in best.values.items())),),
        facts=(f"{counted(len(search.trials), 'trial')}{resumed}; {found.objective.words}: {best.value:.2f} %",),
        header=("value_percent", *found.space),
        records=tuple((trial.value, *(trial.values[name] for name in found.space)) for trial in search.trials),
    )


def some_videos(dataset: Dataset, count: int) -> Dataset:
    """The first ``count`` videos that are available.

    Raises:
        NoClips: none is.
    """
    if not dataset.at_hand:
        raise NoClips(
            f"none of the {len(dataset.clips)} videos of {dataset.name} {dataset.split} is available: name their folder with --videos"
        )
    return replace(dataset, clips=dataset.at_hand[:count])


def tune(
    replay: Replayable,
    backbone: BackboneInfo,
    base: Settings,
    *,
    space: Space = SPACE,
    objective: Objective | None = None,
    trials: int = TRIALS,
    seed: int = 0,
    starts: Sequence[Mapping[str, float]] = (),
    journals: Path | None = None,
    progress: Progress | None = None,
) -> Tuning:
    """Search the best settings on clips that were embedded with the sampling of ``base``.

    ``starts`` are values to try first. ``journals`` is a folder in which every trial is kept as it is done, so that the same call finishes what an earlier one began.

    Raises:
        MissingDependency: Optuna is not installed.
        UsageError: the objective does not fit the data set, or the space has no effect.
        OutputRefused: the journal cannot be written.
    """
    dataset = replay.dataset
    objective = objective or Objective.of(dataset.task)
    objective.check(dataset.task)
    found = search(
        lambda settings: objective.measured(replay, settings),
        base,
        space,
        trials=trials,
        seed=seed,
        starts=starts,
        journal=None if journals is None else journals / f"{dataset.name}-{backbone.name}.log".replace("/", "-"),
        about=_about(dataset, replay.names, backbone, objective),
        progress=progress,
    )
    searched = {name: space[name] for name in found.best_trial.values}
    return Tuning(
        dataset.name, dataset.split, replay.names, len(dataset.clips), backbone, objective, searched, seed, found
    )


def _about(dataset: Dataset, names: tuple[str, ...], backbone: BackboneInfo, objective: Objective) -> Mapping[str, Any]:
    return {
        "dataset": dataset.name,
        "split": dataset.split,
        "names": names,
        "labels": dataset.labels,
        "backbone": [backbone.name, backbone.digest, backbone.precision],
        "objective": objective.value,
    }


def replayed(watched: Watch, dataset: Dataset, backbone: Backbone, settings: Settings) -> Replay:
    """The clips that could be used, ready to be parsed.

    Raises:
        NoClips: there is none.
    """
    if not watched.watched:
        reasons = sorted({each.reason for each in watched.left_out})
        raise NoClips(
            f"no video of {dataset.name} {dataset.split} can be used ({reasons[0] if reasons else 'there is none'}): "
            "see av2a data status"
        )
    return Replay(watched.watched, dataset, backbone, settings)
