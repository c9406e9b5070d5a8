"""A lock that one process holds at a time; the system releases it when the process ends, however it ends."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of the file ``path`` within the block.

    Raises:
        BlockingIOError: another process holds it, and ``wait`` is not set.
        OSError: the file cannot be made.
    """
    with path.open("ab") as stream:
        if sys.platform == "win32":
            stream.seek(0)
            try:
                msvcrt.locking(stream.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
            except OSError as taken:
                raise BlockingIOError(str(path)) from taken
        else:
            fcntl.flock(stream, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
