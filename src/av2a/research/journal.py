"""Keeps the trials of searches in a file, one JSON object a line, so that a killed search can be continued."""

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from math import isfinite
from pathlib import Path

from av2a.errors import OutputRefused, one_line

_log = logging.getLogger(__name__)

SAME_PERCENT = 1e-6
"""Measures of the same settings differ by less, on any machine; one segment of one video moves the mean by far more."""


@dataclass(frozen=True)
class Trial:
    """One try of a search."""

    values: Mapping[str, float]
    """Of the hyper-parameters that are searched."""
    value: float
    """The measure for them."""


def kept_trials(
    journal: Path | None,
    name: str,
    space: Mapping[str, tuple[float, float]],
    measure_again: Callable[[Trial], float],
) -> tuple[str, list[Trial]]:
    """The trials of this search, which is over ``space``, in the journal, and the name under which they are there.

    Trials whose best one measures otherwise today stay in the journal, and the search begins anew under another name.
    """
    if journal is None:
        return name, []
    with _locked(journal):
        searches = _searches(journal, name, space)
    for number in count(1):
        own = name if number == 1 else f"{name}-{number}"
        kept = searches.get(own, [])
        if not kept and number > 1:
            _log.warning("what %s holds was measured otherwise: it is kept, and the search begins anew", journal)
        best = max(kept, key=lambda trial: trial.value, default=None)
        if best is None or abs(best.value - measure_again(best)) <= SAME_PERCENT:
            return own, kept
    raise AssertionError


def _searches(journal: Path, own: str, space: Mapping[str, tuple[float, float]]) -> dict[str, list[Trial]]:
    """The trials by search. A journal that cannot be read is set aside; then there are none."""
    content = journal.read_bytes() if journal.exists() else b""
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        # A killed process did not finish its line.
        os.truncate(journal, len(whole))
    searches: dict[str, list[Trial]] = {}
    for number, line in enumerate(whole.split(b"\n")[:-1], start=1):
        try:
            entry = json.loads(line)
            values = {str(name): float(value) for name, value in entry["values"].items()}
            name, trial = str(entry["search"]), Trial(values, float(entry["value"]))
            if not isfinite(trial.value) or (name.partition("-")[0] == own and not _is_within(values, space)):
                raise ValueError("no trial of this search")
            searches.setdefault(name, []).append(trial)
        except (ValueError, TypeError, KeyError, AttributeError) as damage:
            aside = _set_aside(journal)
            _log.warning(
                "%s is damaged (line %d: %s): it is set aside as %s, and a new one begun",
                *(journal, number, one_line(str(damage)), aside.name),
            )
            return {}
    return searches


def _is_within(values: Mapping[str, float], space: Mapping[str, tuple[float, float]]) -> bool:
    return values.keys() == space.keys() and all(low <= values[name] <= high for name, (low, high) in space.items())


def _set_aside(journal: Path) -> Path:
    """Rename a journal to a free name beside it."""
    for number in count(1):
        aside = journal.with_name(f"{journal.name}.damaged{'' if number == 1 else f'-{number}'}")
        if not aside.exists():
            return journal.rename(aside)
    raise AssertionError


def append(journal: Path, name: str, trial: Trial) -> None:
    """Add a trial of a search; it is on disk when this returns.

    Raises:
        OutputRefused: the journal cannot be written.
    """
    line = json.dumps({"search": name, "values": dict(trial.values), "value": trial.value}) + "\n"
    with _locked(journal), journal.open("ab") as file:
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _locked(journal: Path) -> Iterator[None]:
    """Keep other processes from the journal for a moment. The system frees the lock of a process that is killed.

    Raises:
        OutputRefused: the journal cannot be read or written.
    """
    from filelock import FileLock

    try:
        journal.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{journal}.lock"):
            yield
    except OSError as refusal:
        raise OutputRefused(
            f"cannot write the journal of trials {one_line(str(journal))!r} ({refusal.strerror}): make room there, or name "
            "another folder with --store"
        ) from refusal


@contextmanager
def alone(journal: Path | None, name: str) -> Iterator[None]:
    """Keep other processes from the same search, as long as it lasts: their trials would mix."""
    if journal is None:
        yield
        return
    from filelock import FileLock, Timeout

    with _locked(journal):
        lock = FileLock(journal.parent / f"{name}.lock", blocking=False)
        try:
            lock.acquire()
        except Timeout as taken:
            raise OutputRefused(
                "another process is at this very search, and keeps its trials there: wait for it, or name another folder with --store"
            ) from taken
    try:
        yield
    finally:
        lock.release()
