"""What encoders remark on while they answer, handed to whoever asked: a batch that did not fit, a precision that did not suffice.

They log it as any library does. A run listens while it asks, so that its answer can carry what concerns it.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOGGER = "av2a.backbones"

HANDED_OVER = "av2a_handed_over"
"""An attribute of log records that a run has taken up, so that what is told with the answer is not told twice."""


@contextmanager
def remarks_to(say: Callable[[str], None]) -> Iterator[None]:
    """Have every warning of the encoders said to ``say``, each once, until the context is left.

    Runs at the same time in one process hear each other's: which of them a shared model was answering is not told.

    >>> heard = []
    >>> with remarks_to(heard.append):
    ...     logging.getLogger("av2a.backbones.device").warning("memory does not suffice for %d at a time", 16)
    >>> heard
    ['memory does not suffice for 16 at a time']
    """
    listener = _Listener(say)
    logger = logging.getLogger(LOGGER)
    logger.addHandler(listener)
    try:
        yield
    finally:
        logger.removeHandler(listener)


class _Listener(logging.Handler):
    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._say = say
        self._said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        setattr(record, HANDED_OVER, True)
        message = record.getMessage()
        if message not in self._said:
            self._said.add(message)
            self._say(message)
