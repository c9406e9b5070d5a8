"""Ends the edit lists of an MP4 or MOV file at a given time, so that players do not show the frames after it.

Source: ISO/IEC 14496-12, boxes ``mvhd``, ``tkhd`` and ``elst``. FFmpeg's muxer lets each edit list end with the last packet, and
PyAV offers no way to mark packets as hidden.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_PARENTS = (b"moov", b"trak", b"edts")


class _Box(NamedTuple):
    """A box of the file: its kind, and where its content starts and stops."""

    kind: bytes
    start: int
    stop: int


def end_edits(path: Path, ticks: int) -> None:
    """Shortens what lasts longer than ``ticks`` of the movie's clock: the movie, its tracks and their edit lists.

    Raises:
        OSError: the file cannot be changed.
    """
    with path.open("r+b") as file:
        at = 0
        while header := file.read(16):
            size, kind = struct.unpack(">I4s", header[:8])
            size = struct.unpack(">Q", header[8:])[0] if size == 1 else size
            if kind == b"moov":
                file.seek(at)
                movie = bytearray(file.read(size))
                for box in _boxes(movie, 0, len(movie)):
                    _shorten(movie, box, ticks)
                file.seek(at)
                file.write(movie)
                return
            if size < 8:
                return
            at += size
            file.seek(at)


def _boxes(movie: bytearray, start: int, stop: int) -> Iterator[_Box]:
    """The boxes between two places, and those inside of them."""
    while start + 8 <= stop:
        size, kind = struct.unpack(">I4s", movie[start : start + 8])
        if size < 8:
            return
        yield _Box(kind, start + 8, start + size)
        if kind in _PARENTS:
            yield from _boxes(movie, start + 8, start + size)
        start += size


def _shorten(movie: bytearray, box: _Box, ticks: int) -> None:
    wide = box.kind in (b"mvhd", b"tkhd", b"elst") and movie[box.start] == 1
    word = ">Q" if wide else ">I"
    if box.kind in (b"mvhd", b"tkhd"):
        # Version and flags, two dates, and the clock of the movie, or the track's number and a reserved word.
        _cap(movie, box.start + 4 + (16 if wide else 8) + (4 if box.kind == b"mvhd" else 8), word, ticks)
    if box.kind == b"elst":
        (count,) = struct.unpack(">I", movie[box.start + 4 : box.start + 8])
        for index in range(count):
            ticks -= _cap(movie, box.start + 8 + index * (20 if wide else 12), word, ticks)


def _cap(movie: bytearray, at: int, word: str, ticks: int) -> int:
    """Write the smaller of a number and ``ticks`` in its place; that smaller one."""
    (number,) = struct.unpack_from(word, movie, at)
    capped = min(int(number), max(0, ticks))
    struct.pack_into(word, movie, at, capped)
    return capped
