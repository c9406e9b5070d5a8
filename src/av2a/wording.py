"""Numbers and lists of names, as sentences have them."""

from collections.abc import Iterable, Sequence

from av2a.errors import one_line


def counted(number: int, what: str) -> str:
    """A number of things.

    >>> counted(1, "row"), counted(6, "row")
    ('1 row', '6 rows')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"


def first_few(names: Sequence[str], most: int) -> str:
    """The first ``most``, and how many more there are.

    >>> first_few(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def some(names: Iterable[str]) -> str:
    """The first ten, each once and shortened where it is long, and how many more there are.

    >>> some(["a", "b", "a"])
    'a, b'
    """
    return first_few([one_line(name) for name in dict.fromkeys(names)], 10)
