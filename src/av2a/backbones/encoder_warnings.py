"""Collects the warnings of encoders as values, so that an answer can carry them: a batch that did not fit, a precision that overflowed.

A collector hears what its own thread's calls warn of and nothing else, whatever is logged, printed or filtered.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

log = logging.getLogger(__name__)

COLLECTED: ContextVar[list[str] | None] = ContextVar("av2a_encoder_warnings", default=None)
"""The list that warnings of this thread's calls go to; None where nobody collects them."""


def warn(message: str) -> None:
    """Give a warning to the collector around this call, each once; without a collector it is logged."""
    collected = COLLECTED.get()
    if collected is None:
        log.warning("%s", message)
    elif message not in collected:
        collected.append(message)


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
    token = COLLECTED.set(collected)
    try:
        yield collected
    finally:
        COLLECTED.reset(token)
