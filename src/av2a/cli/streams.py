"""Standard streams that fail in one known way: closed, full or abandoned by its reader, none ends work that goes elsewhere."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

from av2a.errors import ReaderGone, StdoutFailed


@contextmanager
def guarded() -> Iterator[None]:
    """Within, ``sys.stdout`` raises :class:`StdoutFailed` when it cannot be written, and ``sys.stderr`` is given up silently.

    A stream that the caller closed (``>&-``) takes everything and keeps nothing.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # The lowest free descriptor is the stream's own, so that no other file takes it.
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - open until the process ends
    before = sys.stdout, sys.stderr
    for stream in before:
        # A name that the terminal cannot show is escaped, instead of ending the run.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = cast(TextIO, _Stdout(sys.stdout)), cast(TextIO, _Stderr(sys.stderr))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class _Guarded:
    """A stream whose writing is guarded; everything else is the stream's own."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _failed(self, refusal: OSError) -> None:
        """Called once: afterwards what is written goes nowhere."""

    def write(self, text: str) -> int:
        """Write, as the stream does."""
        if text == "":
            # Typer tries a stream in this way, and hides that it fails.
            return 0
        try:
            written: int = self._stream.write(text)
            return written
        except OSError as refusal:
            self._give_up(refusal)
            return len(text)

    def flush(self) -> None:
        """Flush, as the stream does."""
        try:
            self._stream.flush()
        except OSError as refusal:
            self._give_up(refusal)

    def _give_up(self, refusal: OSError) -> None:
        """Send what is still to be written nowhere, and with it what Python flushes when it ends."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
        self._failed(refusal)


class _Stderr(_Guarded):
    """There is no place left to report that it failed."""


class _Stdout(_Guarded):
    def _failed(self, refusal: OSError) -> None:
        if isinstance(refusal, BrokenPipeError):
            raise ReaderGone("nobody reads stdout any more: what was found is lost unless --output names a file")
        raise StdoutFailed(f"cannot write to stdout ({refusal.strerror}): make room, or use --output") from refusal
