"""Searches the hyper-parameters of Table 1 for the highest value of a measure (Optuna is imported here only).

The method is multivariate TPE. Each trial has a sampler of its own, made from the seed and the number of trials before it, so a search that was killed and
continued has the same trials as one that was not.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import get_ident
from typing import Any

import numpy as np

from av2a.errors import InvalidSetting, MissingDependency, UnknownName, one_line
from av2a.installation import install_command
from av2a.research.journal import Trial, alone, append, kept_trials
from av2a.settings import TABLE_1, Fusion, Settings, ThresholdRule, ValidationRule

Space = Mapping[str, tuple[float, float]]
"""Lowest and highest value of each hyper-parameter that is searched; the others stay as they are."""

SPACE: Space = {
    "audio_weight": (0.1, 0.9),
    "category_threshold": (0.05, 0.995),
    "initial_threshold": (0.4, 0.99),
    "confidence_threshold": (0.3, 0.99),
    "decay": (0.1, 5.0),
}
"""The default. Scores are σ(z), so thresholds of 0.4 to 0.99 lie between z = −0.4 and z = 4.6; selection may be stricter."""

LEAST = {"category_threshold": 0, "confidence_threshold": 0, "decay": 1}
"""For each hyper-parameter the bound (0: lowest, 1: highest) that disables its stage."""

Measure = Callable[[Settings], float]
"""The value of settings; higher is better."""

Progress = Callable[[int, int], None]
"""Called with the number of trials done, and of all."""


@dataclass(frozen=True)
class SearchResult:
    """The trials in their order, and the best one."""

    base: Settings
    trials: tuple[Trial, ...]
    resumed: int = 0
    """How many of the trials were kept from an earlier run."""

    @property
    def best_trial(self) -> Trial:
        """The first of the best."""
        return max(self.trials, key=lambda trial: trial.value)

    @property
    def best(self) -> Settings:
        """The base with the best values."""
        return self.base.replace(**self.best_trial.values)


def effective(settings: Settings) -> tuple[str, ...]:
    """The hyper-parameters of Table 1 that can change any answer of these settings.

    >>> effective(Settings(threshold_rule=ThresholdRule.STATIC, select_categories=False, validate=False))
    ('audio_weight', 'initial_threshold')
    """
    idle = {
        "audio_weight": settings.fusion is Fusion.LATE,
        "category_threshold": not settings.select_categories,
        "confidence_threshold": not settings.validate or settings.validation_rule is ValidationRule.ARGMAX,
        "decay": settings.threshold_rule is ThresholdRule.STATIC,
    }
    return tuple(name for name in TABLE_1 if not idle.get(name, False))


def checked_space(given: Mapping[str, Any]) -> Space:
    """A space as a file gives it: ``name = [lowest, highest]``.

    Raises:
        UnknownName: a name that is no hyper-parameter of Table 1.
        InvalidSetting: an entry is no range, or the space is empty.
    """
    if not given:
        raise InvalidSetting("the space is empty: give at least one range, such as decay = [0.1, 5.0]")
    space: dict[str, tuple[float, float]] = {}
    for name, ends in given.items():
        if name not in TABLE_1:
            raise UnknownName.among("hyper-parameter", name, TABLE_1)
        space[name] = _range(name, ends)
    return space


def _range(name: str, ends: Any) -> tuple[float, float]:
    numbers = ends if isinstance(ends, (list, tuple)) else ()
    if len(numbers) != 2 or any(isinstance(end, bool) or not isinstance(end, (int, float)) for end in numbers):
        raise InvalidSetting(f"{name} must be [lowest, highest], got {one_line(repr(ends))}")
    low, high = float(numbers[0]), float(numbers[1])
    if not low < high:
        raise InvalidSetting(f"{name} must have lowest < highest, got [{low}, {high}]")
    # Both ends must be values that the settings take.
    for end in (low, high):
        Settings().replace(**{name: end})
    return low, high


def search(
    measure: Measure,
    base: Settings,
    space: Space = SPACE,
    *,
    trials: int,
    seed: int = 0,
    starts: Sequence[Mapping[str, float]] = (),
    journal: Path | None = None,
    about: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> SearchResult:
    """Try settings until there are ``trials``; the base itself and ``starts`` come first, where they lie in the space.

    Args:
        measure: must give the same for the same settings.
        base: what is not searched.
        space: what is; hyper-parameters without any effect on the base are left out.
        seed: the same seed gives the same trials.
        starts: values worth trying, from what is known otherwise.
        journal: a file to which every trial is written as it is done; trials of this very search that it has are not done again.
        about: plain values that, with the other arguments, tell this search from others in the journal.
        progress: called after each trial.

    Raises:
        MissingDependency: Optuna is not installed.
        OutputRefused: the journal cannot be written, or another process is at the same search.
    """
    require_optuna()
    searched = {name: space[name] for name in effective(base) if name in space}
    if not searched:
        raise InvalidSetting("nothing in the space has an effect on these settings: search another hyper-parameter")
    own = {name: float(getattr(base, name)) for name in TABLE_1}
    first = [each for start in (own, *starts) if (each := _within(searched, {**own, **start})) is not None]
    known = {"base": base.as_dict(), "space": searched, "seed": seed, "first": first, "about": dict(about or {})}
    name = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:16]
    with alone(journal, name):
        name, done = kept_trials(journal, name, searched, lambda trial: measure(base.replace(**trial.values)))
        kept = len(done)
        sampler = _Sampler(searched, seed, done)
        while len(done) < trials:
            values = first[len(done)] if len(done) < len(first) else sampler.values(len(done))
            trial = Trial(values, measure(base.replace(**values)))
            sampler.add(trial)
            done.append(trial)
            if journal is not None:
                append(journal, name, trial)
            if progress is not None:
                progress(len(done), trials)
    return SearchResult(base, tuple(done[:trials]), resumed=min(kept, trials))


def _within(searched: Space, values: Mapping[str, float]) -> dict[str, float] | None:
    """The searched ones of these values; None where one lies outside the space."""
    inside = all(low <= values[name] <= high for name, (low, high) in searched.items())
    return {name: values[name] for name in searched} if inside else None


class _Sampler:
    """Suggests values by multivariate TPE from the trials so far."""

    def __init__(self, searched: Space, seed: int, trials: Sequence[Trial]) -> None:
        import optuna

        self._searched, self._seed = searched, seed
        # Optuna logs each new study on stderr. Its verbosity is that of the whole process, so only this thread's records are dropped.
        thread = get_ident()
        logger = logging.getLogger("optuna.storages._in_memory")
        logger.addFilter(is_elsewhere := lambda record: record.thread != thread)
        try:
            self._study: optuna.Study = optuna.create_study(direction="maximize")
        finally:
            logger.removeFilter(is_elsewhere)
        for trial in trials:
            self.add(trial)

    def add(self, trial: Trial) -> None:
        """Take account of a trial."""
        from optuna.distributions import BaseDistribution, FloatDistribution
        from optuna.trial import create_trial

        ranges: dict[str, BaseDistribution] = {name: FloatDistribution(*ends) for name, ends in self._searched.items()}
        self._study.add_trial(create_trial(params=dict(trial.values), distributions=ranges, value=trial.value))

    def values(self, number: int) -> dict[str, float]:
        """The values of the trial of that number."""
        from optuna.samplers import TPESampler
        from optuna.trial import TrialState

        own = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
        # Trials that are not finished must not count, or a resumed search would differ.
        self._study.sampler = TPESampler(seed=own, constant_liar=False)
        suggested = self._study.ask()
        values = {name: suggested.suggest_float(name, *ends) for name, ends in self._searched.items()}
        self._study.tell(suggested, state=TrialState.FAIL)
        return values


def require_optuna() -> None:
    """Refuse before anything is done for a search.

    Raises:
        MissingDependency: Optuna is not installed.
    """
    if find_spec("optuna") is None:
        raise MissingDependency(f"tuning needs 'optuna': {install_command('tune')}")
