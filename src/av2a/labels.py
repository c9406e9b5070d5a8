"""Checks the labels that a user gives: which collections are accepted, and what a label may be."""

from collections.abc import Iterable, Mapping, Sized
from itertools import islice

from av2a.errors import InvalidLabels, one_line

LONGEST_LABEL = 200
MOST_LABELS = 1000


def checked_labels(labels: Iterable[str], most: int = MOST_LABELS) -> tuple[str, ...]:
    """The labels in their order and case: those of a list, tuple, generator, NumPy array or any other ordered collection.

    Raises:
        InvalidLabels: no labels, too many, no ordered collection, or a label that is no text, empty, too long or given twice.

    >>> checked_labels(name for name in ("dog barking", "siren"))
    ('dog barking', 'siren')
    """
    names = ordered_names(labels, most + 1)
    if not names:
        raise InvalidLabels("no event names given: name at least one, such as 'dog barking'")
    if len(names) > most:
        count = len(labels) if isinstance(labels, Sized) else len(names)
        raise InvalidLabels(
            f"{count} event names given, more than the limit of {most}: ask for fewer at a time, "
            f"or move the limit: --limit labels={count}"
        )
    seen: set[str] = set()
    for number, label in enumerate(names, start=1):
        if not label.strip():
            raise InvalidLabels(f"event name {number} is empty: leave it out or fill it in")
        if len(label) > LONGEST_LABEL:
            raise InvalidLabels(
                f"event name {number} ({one_line(label, 30)!r}) has {len(label)} characters: use at most {LONGEST_LABEL}"
            )
        if label in seen:
            raise InvalidLabels(f"event name {one_line(label)!r} is given twice: leave one out")
        seen.add(label)
    return names


def ordered_names(names: object, most: int | None = None) -> tuple[str, ...]:
    """The first ``most`` strings of an ordered collection, as plain ``str``.

    Raises:
        InvalidLabels: a single string, a collection without an order of its own, no collection, or an entry that is no text.
    """
    kind = type(names).__name__
    if isinstance(names, (str, bytes)):
        raise InvalidLabels("labels must be a list of names, got one string: put it in a list")
    if isinstance(names, (set, frozenset)):
        # The order of a set of strings differs from run to run, and with it the order of the answer.
        raise InvalidLabels(f"labels must have an order, which a {kind} has not: give sorted(labels)")
    if isinstance(names, Mapping) or not isinstance(names, Iterable):
        raise InvalidLabels(f"labels must be a list of names, got {_a(kind)}")
    try:
        entries = tuple(islice(names, most))
    except TypeError as wrong:
        # An array without axes calls itself iterable.
        raise InvalidLabels(f"labels must be a list of names, got {_a(kind)} ({one_line(str(wrong))})") from wrong
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, str):
            raise InvalidLabels(f"event name {number} must be text, got {one_line(repr(entry), 40)}")
    # NumPy's strings are a subclass of str.
    return tuple(str(entry) for entry in entries)


def _a(kind: str) -> str:
    return f"{'an' if kind[:1] in 'aeiouAEIOU' else 'a'} {kind}"
