"""Embeds each split of a data set with a backbone once, and tunes settings once, for all tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from av2a.backbones.base import Backbone
from av2a.datasets import Annotation, Dataset, Task, truth_masks
from av2a.datasets.opening import PUBLISHED
from av2a.features import Progress
from av2a.features.store import Store
from av2a.research.comparisons import STATIC, Changes
from av2a.research.evaluate import dataset_settings
from av2a.research.published import AV2A, NAIVE
from av2a.research.replay import Replay
from av2a.research.search import SPACE, Space
from av2a.research.tune import VIDEOS, Tuning, replayed, some_videos, tune
from av2a.research.watching import LeftOut, Watch, watch
from av2a.settings import PAPER_SETTINGS, Settings
from av2a.timeline import Grid, runs
from av2a.types import Modality


@dataclass(frozen=True)
class Splits:
    """The splits of a data set that experiments use."""

    test: Dataset
    validation: Dataset | None = None
    """To tune on; None where none of its videos is available."""
    train: Dataset | None = None
    """To train a classifier on: clips whose truth is known by the second."""
    tuning: Dataset | None = None
    """Another data set's validation split that is tuned on in place of this one's, as the paper did for AVE with LLP's."""


@dataclass(frozen=True)
class Plan:
    """How much is searched."""

    seeds: int = 3
    """Searches for each tuned line; its numbers are the means of what they found."""
    trials: int = 100
    """Of each search."""
    space: Space = field(default_factory=lambda: SPACE)
    videos: int = VIDEOS
    """Of the validation split, to tune on."""


@dataclass
class Bench:
    """A backbone on a data set. Clips are embedded and settings tuned when they are needed, once."""

    splits: Splits
    backbone: Backbone
    store: Store | None
    plan: Plan
    progress: Progress
    counts: dict[str, str] = field(default_factory=dict)
    """How many videos of each split were used."""
    left_out: dict[str, tuple[LeftOut, ...]] = field(default_factory=dict)
    """The videos of each split that were not used, and why."""

    @property
    def dataset(self) -> Dataset:
        """The test split."""
        return self.splits.test

    @cached_property
    def released(self) -> "Reading":
        """The released reading, with the values of Table 1 where the backbone is in it."""
        name = self.backbone.info.name
        return Reading(self, name, dataset_settings(self.dataset, name, "released"))

    @cached_property
    def practical(self) -> "Reading":
        """The practical reading: its thresholds are set by what they mean, and its scores heard second by second."""
        return Reading(self, f"{self.backbone.info.name}, practical", Settings.practical())

    @property
    def has_published_settings(self) -> bool:
        """Whether Table 1 gives values for this backbone on this data set."""
        return self.dataset.name in PUBLISHED and self.backbone.info.name in PAPER_SETTINGS

    def watched(self, dataset: Dataset, settings: Settings) -> Watch:
        """The embedded clips of a split, from the store where possible."""
        what = f"{dataset.name} {dataset.split}"

        def report(stage: str, done: int, total: int) -> None:
            self.progress(f"{what}, {settings.profile} sampling: {stage}", done, total)

        found = watch(dataset, self.backbone, settings, self.store, progress=report)
        self.counts[what] = f"{len(found.watched)} of {found.total} videos"
        # A split is watched once for each way of sampling.
        self.left_out[what] = tuple(dict.fromkeys((*self.left_out.get(what, ()), *found.left_out)))
        return found


@dataclass
class Reading:
    """One profile of the method on a bench: its sampled clips, its settings, and its tuned settings."""

    bench: Bench
    method: str
    """The name of the method in its lines."""
    base: Settings
    _tuned: dict[str, list[Tuning]] = field(default_factory=dict)

    @cached_property
    def watched(self) -> Watch:
        """The test split."""
        return self.bench.watched(self.bench.dataset, self.base)

    @cached_property
    def test(self) -> Replay:
        """The test split, ready to be parsed."""
        return replayed(self.watched, self.bench.dataset, self.bench.backbone, self.base)

    @cached_property
    def validation(self) -> Replay | None:
        """The clips to tune on; None where there are none."""
        split = self.bench.splits.tuning or self.bench.splits.validation
        if split is None:
            return None
        watched = self.bench.watched(some_videos(split, self.bench.plan.videos), self.base)
        return replayed(watched, split, self.bench.backbone, self.base)

    def tuned(self, name: str, changes: Changes) -> list[Settings]:
        """The best settings with some changes, one for each seed; none where there is nothing to tune on."""
        # How candidates are validated belongs to what is measured, not to what was tuned on.
        rule = self.base.validation_rule
        return [replace(each.settings, validation_rule=rule) for each in self.tunings(name, changes)]

    def tunings(self, name: str, changes: Changes) -> list[Tuning]:
        """The searches behind these settings, one for each seed; ``name`` identifies them."""
        if name not in self._tuned:
            starts = [self._as_static(each) for each in self.tunings(NAIVE, STATIC)] if name == AV2A else []
            self._tuned[name] = [
                self._tune(self.validation, name, changes, seed, starts)
                for seed in range(self.bench.plan.seeds)
                if self.validation is not None
            ]
        return self._tuned[name]

    def tuned_values(self) -> dict[str, list[dict[str, float]]]:
        """The best values of every search by its name, one entry for each seed."""
        return {name: [dict(each.search.best_trial.values) for each in found] for name, found in self._tuned.items()}

    def _as_static(self, naive: Tuning) -> Mapping[str, float]:
        """The method as near to tuned static thresholds as its hyper-parameters allow: it need never do worse where it is tuned."""
        space = self.bench.plan.space
        open_gates = {name: space[name][0] for name in ("category_threshold", "confidence_threshold") if name in space}
        still = {"decay": space["decay"][1]} if "decay" in space else {}
        return {**naive.search.best_trial.values, **open_gates, **still}

    def _tune(
        self, replay: Replay, name: str, changes: Changes, seed: int, starts: Sequence[Mapping[str, float]]
    ) -> Tuning:
        bench, tuning = self.bench, self.bench.splits.tuning
        # How candidates are validated belongs to the data set that is tuned on.
        own = (
            {}
            if tuning is None
            else {"validation_rule": dataset_settings(tuning, None, self.base.profile).validation_rule}
        )
        return tune(
            replay,
            bench.backbone.info,
            self.base.replace(**own).replace(**changes),
            space=bench.plan.space,
            trials=bench.plan.trials,
            seed=seed,
            starts=starts,
            journals=None if bench.store is None else bench.store.folder / "tuning",
            progress=lambda done, total: bench.progress(f"{self.method}, {name}, seed {seed}: trials", done, total),
        )


def as_localization(dataset: Dataset) -> Dataset:
    """The clips in which exactly one category is both heard and seen, with that alone as their truth, as in AVE.

    Raises:
        ValueError: a clip's length is not known.
    """
    if dataset.clip_seconds is None:
        raise ValueError(f"the clips of {dataset.name} have no common length")
    segments, clips = Grid(dataset.clip_seconds).segments, []
    for clip in dataset.clips:
        if clip.annotations is None:
            continue
        heard, seen = truth_masks(clip, dataset.categories, segments)
        both = heard & seen
        present = np.flatnonzero(both.any(axis=0))
        if len(present) == 1:
            label = dataset.categories[int(present[0])]
            annotations = tuple(
                Annotation(label, Modality.AUDIO_VISUAL, float(start), float(stop))
                for start, stop in runs(both[:, present[0]])
            )
            clips.append(replace(clip, annotations=annotations))
    return replace(dataset, task=Task.LOCALIZATION, clips=tuple(clips))
