"""A search over the hyper-parameters of Table 1, whatever is to be maximised (Optuna enters here only).

Multivariate TPE. Each trial's sampler is made anew from the seed and the number of trials before it, so a search that was killed and taken up
again makes the same trials as one that was not.
"""

import hashlib
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from av2a.errors import InvalidSetting, MissingDependency, OutputRefused, UnknownName, one_line
from av2a.settings import TABLE_1, Fusion, Settings, ThresholdRule, ValidationRule

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage

_log = logging.getLogger(__name__)

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
"""At which end of its range a hyper-parameter leaves its stage with the least to do."""

SAME_PERCENT = 1e-6
"""Measures of the same settings differ by less, on any machine; one segment of one video moves the mean by far more."""

LOCK_SECONDS = 5
"""A journal's lock that is older than this was left by a process that was killed; one is held for milliseconds."""

Measure = Callable[[Settings], float]
"""How good settings are; higher is better."""

Progress = Callable[[int, int], None]
"""Told how many trials are done, of how many."""


@dataclass(frozen=True)
class Trial:
    """Settings that were tried."""

    values: Mapping[str, float]
    """Of the hyper-parameters that are searched."""
    value: float
    """What they measured."""


@dataclass(frozen=True)
class SearchResult:
    """What was tried, in its order, and the best of it."""

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
        journal: a file that keeps every trial as it is done; what it already holds of this very search is not done again.
        about: plain values that, with the other arguments, tell this search from others in the journal.

    Raises:
        MissingDependency: Optuna is not installed.
        OutputRefused: the journal cannot be written.
    """
    searched = {name: space[name] for name in effective(base) if name in space}
    if not searched:
        raise InvalidSetting("nothing in the space has an effect on these settings: search another hyper-parameter")
    own = {name: float(getattr(base, name)) for name in TABLE_1}
    first = [each for start in (own, *starts) if (each := _within(searched, {**own, **start})) is not None]
    known = {"base": base.as_dict(), "space": searched, "seed": seed, "first": first, "about": dict(about or {})}
    name = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:16]
    with _quiet_optuna(), _written(journal), _alone(journal, name):
        study = _study(journal, name, measure, base)
        done = _finished(study)
        resumed = len(done)
        while len(done) < trials:
            number = len(done)
            if number < len(first):
                done.append(_started(study, measure, base, searched, first[number]))
            else:
                done.append(_sampled(study, measure, base, searched, _sampler(seed, number)))
            if progress is not None:
                progress(len(done), trials)
    return SearchResult(base, tuple(done[:trials]), resumed=min(resumed, trials))


def _within(searched: Space, values: Mapping[str, float]) -> dict[str, float] | None:
    """The searched ones of these values; None where one lies outside the space."""
    inside = all(low <= values[name] <= high for name, (low, high) in searched.items())
    return {name: values[name] for name in searched} if inside else None


def _started(
    study: "optuna.Study", measure: Measure, base: Settings, searched: Space, values: Mapping[str, float]
) -> Trial:
    """A trial of given values. It comes into the study when it is done, so that an interrupted one leaves nothing."""
    from optuna.distributions import BaseDistribution, FloatDistribution
    from optuna.trial import create_trial

    value = measure(base.replace(**values))
    distributions: dict[str, BaseDistribution] = {name: FloatDistribution(*ends) for name, ends in searched.items()}
    study.add_trial(create_trial(params=dict(values), distributions=distributions, value=value))
    return Trial(values, value)


def _sampled(
    study: "optuna.Study", measure: Measure, base: Settings, searched: Space, sampler: "optuna.samplers.TPESampler"
) -> Trial:
    study.sampler = sampler
    asked = study.ask()
    values = {name: asked.suggest_float(name, *ends) for name, ends in searched.items()}
    value = measure(base.replace(**values))
    study.tell(asked, value)
    return Trial(values, value)


def _sampler(seed: int, number: int) -> "optuna.samplers.TPESampler":
    from optuna.samplers import TPESampler

    own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    # What an interrupted run left half done must not count, or a resumed search would differ.
    return TPESampler(multivariate=True, seed=own, constant_liar=False)


def _finished(study: "optuna.Study") -> list[Trial]:
    from optuna.trial import TrialState

    for abandoned in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(abandoned.number, state=TrialState.FAIL)
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return [Trial(dict(each.params), float(each.value or 0.0)) for each in complete]


def _study(journal: Path | None, name: str, measure: Measure, base: Settings) -> "optuna.Study":
    """The study of this search in the journal, or a new one.

    A study whose best trial measures otherwise today stays in the journal, and the search begins anew under the next name.
    """
    storage = _storage(journal)
    for number in count(1):
        study = _named_study(storage, name if number == 1 else f"{name}-{number}")
        best = max(_finished(study), key=lambda trial: trial.value, default=None)
        if best is None and number > 1:
            _log.warning("what %s holds was measured otherwise: it is kept, and the search begins anew", journal)
        if best is None or abs(best.value - measure(base.replace(**best.values))) <= SAME_PERCENT:
            return study
    raise AssertionError


def _named_study(storage: "BaseStorage", name: str) -> "optuna.Study":
    import optuna

    return optuna.create_study(storage=storage, study_name=name, direction="maximize", load_if_exists=True)


def _storage(journal: Path | None) -> "BaseStorage":
    """Where trials are kept. A journal that cannot be read is set aside, and a new one begun."""
    from optuna.storages import InMemoryStorage, JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    if journal is None:
        return InMemoryStorage()
    lock = JournalFileOpenLock(str(journal), grace_period=LOCK_SECONDS)
    # Another search may be writing to the same journal.
    lock.acquire()
    try:
        _cut_unfinished_line(journal)
        if journal.exists() and (damage := _damage(journal)):
            aside = _set_aside(journal)
            _log.warning("%s is damaged (%s): it is set aside as %s, and a new one begun", journal, damage, aside.name)
    finally:
        lock.release()
    return JournalStorage(JournalFileBackend(str(journal), lock))


def _cut_unfinished_line(journal: Path) -> None:
    """Remove a last line that was not written to its end, as a killed process leaves it."""
    if journal.exists():
        content = journal.read_bytes()
        if not content.endswith(b"\n"):
            with journal.open("r+b") as file:
                file.truncate(content.rfind(b"\n") + 1)


def _damage(journal: Path) -> str:
    """Why a journal cannot be read, in one line; empty if it can."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    number = 0
    try:
        with journal.open("rb") as lines:
            for number, line in enumerate(lines, start=1):  # noqa: B007 - named in the error
                json.loads(line)
        JournalStorage(JournalFileBackend(str(journal)))
    except OSError:
        raise
    except ValueError as error:
        return f"line {number}: {one_line(str(error))}"
    except Exception as error:  # noqa: BLE001 - Optuna's reader fails in many ways on lines that are JSON and no journal
        return f"{type(error).__name__}: {one_line(str(error))}"
    return ""


def _set_aside(journal: Path) -> Path:
    """Rename a journal to a free name beside it."""
    for number in count(1):
        aside = journal.with_name(f"{journal.name}.damaged{'' if number == 1 else f'-{number}'}")
        if not aside.exists():
            return journal.rename(aside)
    raise AssertionError


def require_optuna() -> None:
    """Refuse before anything is done for a search.

    Raises:
        MissingDependency: Optuna is not installed.
    """
    if find_spec("optuna") is None:
        raise MissingDependency("tuning needs 'optuna': pip install 'av2a[tune]'")


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    require_optuna()
    import optuna

    said = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Multivariate TPE is marked as experimental, for years.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(said)


@contextmanager
def _alone(journal: Path | None, name: str) -> Iterator[None]:
    """Keep other processes from the same search: their trials would mix. Held by the system, so that a killed one leaves it free."""
    if journal is None:
        yield
        return
    from filelock import FileLock, Timeout

    journal.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(journal.parent / f"{name}.lock", blocking=False):
            yield
    except Timeout as taken:
        raise OutputRefused(
            "another process is at this very search, and keeps its trials there: wait for it, or name another folder with --store"
        ) from taken


@contextmanager
def _written(journal: Path | None) -> Iterator[None]:
    try:
        yield
    except OSError as refusal:
        if journal is None:
            raise
        raise OutputRefused(
            f"cannot write the journal of trials {one_line(str(journal))!r} ({refusal.strerror}): make room there, or name "
            "another folder with --store"
        ) from refusal
