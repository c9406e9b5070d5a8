"""Collects the warnings of encoders as values, so that an answer can carry them: a batch that did not fit, a precision that overflowed.

A collector hears what its own thread's calls warn of and nothing else, whatever is logged, printed or filtered.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

log = logging.getLogger(__name__)

_collector: ContextVar[Callable[[str], None] | None] = ContextVar("av2a_encoder_warnings", default=None)


def warn(message: str) -> None:
    """Give a warning to the collector around this call; without one it is logged."""
    collector = _collector.get()
    if collector is None:
        log.warning("%s", message)
    else:
        collector(message)


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """Collects each different warning once, in order. Not around a ``yield``: the caller of a generator shares its context.

    >>> with collected_warnings() as warnings:
    ...     warn("memory does not suffice for 16 at a time")
    ...     warn("memory does not suffice for 16 at a time")
    >>> warnings
    ['memory does not suffice for 16 at a time']
    """
    collected: list[str] = []
    with remarks_to(collected.append):
        yield collected


@contextmanager
def remarks_to(say: Callable[[str], None]) -> Iterator[None]:
    """Calls ``say`` with each different warning once."""
    said: set[str] = set()

    def collect(message: str) -> None:
        if message not in said:
            said.add(message)
            say(message)

    token = _collector.set(collect)
    try:
        yield
    finally:
        _collector.reset(token)
