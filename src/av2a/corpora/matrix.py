"""One memory-mapped float32 matrix a stream with the embeddings of all clips of one backbone and sampling, and their background statistics.

Rows are appended first, then the line of the index that counts them, so a kill leaves at most rows that nobody counts, which the next
writer overwrites. A matrix is never changed otherwise: removing clips writes a new generation of files, and readers keep the old one.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64

from av2a import atomic
from av2a.corpora.locks import locked
from av2a.features.appended import AppendedLines

FORMAT = 2
INDEX = "index.jsonl"
STREAMS = ("seen", "heard")
CHUNK_ROWS = 65_536
"""How many rows are multiplied at a time."""
CACHED_ROWS = 2048
"""How many rows a processor's cache holds, so that several products read them once from memory."""
FEW_NAMES = 4
"""Up to so many names a product each is faster than one of matrices."""


class MatrixDamaged(Exception):
    """The files do not fit together; the matrix is to be made anew from the store."""


@dataclass(frozen=True)
class ClipRows:
    """The embeddings of one clip's segments, in their order; zeros where nothing was seen or heard, and no rows where nothing is anywhere."""

    entry: str
    seen: Float32[np.ndarray, "view feature"]
    """The views of the first segment, those of the second, and so on."""
    heard: Float32[np.ndarray, "segment audio_feature"]
    views: int
    """How many each segment has; 0 where a clip has several parts, or a segment that looks the opposite of the one before it."""


@dataclass(frozen=True, eq=False)
class BackgroundStatistics:
    """What a label's score needs of the background, for each row: sums over the concepts, so that some may be left out.

    With p the row's products with the concepts: Σ p, Σ p², and Σ p · p̄, where p̄ is the mean of p over the clip's rows.
    """

    sums: Float64[np.ndarray, "row 3"]
    concepts: int


@dataclass(eq=False)
class Matrix:
    """The rows of all clips; opened at one moment, and grown by :meth:`append`."""

    folder: Path
    entries: list[str] = field(default_factory=list)
    generation: int = 0
    widths: tuple[int, int] = (0, 0)
    _stops: dict[str, list[int]] = field(default_factory=lambda: {stream: [] for stream in STREAMS})
    _views: list[int] = field(default_factory=list)
    _checksums: list[int] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._index = AppendedLines(self.folder / INDEX)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, entry: str) -> bool:
        return entry in self._known

    def refresh(self) -> None:
        """Take in what other processes have appended.

        Raises:
            MatrixDamaged: the files do not fit together.
        """
        replaced, lines = self._index.new_lines()
        if replaced:
            self._clear()
        for line in lines:
            self._take(line)
        for stream in STREAMS:
            if self.rows_of(stream) and self._size(stream) < self.rows_of(stream) * self._width(stream) * 4:
                raise MatrixDamaged(f"{self._file(stream).name} is shorter than its index says")

    def rows_of(self, stream: str) -> int:
        """How many rows a stream has."""
        return self._stops[stream][-1] if self._stops[stream] else 0

    def stops(self, stream: str) -> Int64[np.ndarray, " clip"]:
        """Where each clip's rows end."""
        return np.array(self._stops[stream], dtype=np.int64)

    def counts(self, stream: str) -> Int64[np.ndarray, " clip"]:
        """How many rows each clip has."""
        return np.diff(self.stops(stream), prepend=0)

    @property
    def views(self) -> Int64[np.ndarray, " clip"]:
        """How many views each segment of a clip has, see :class:`ClipRows`."""
        return np.array(self._views, dtype=np.int64)

    def rows(self, stream: str) -> Float32[np.ndarray, "row feature"]:
        """All rows of a stream, mapped into memory."""
        return self._mapped(self._file(stream), np.float32, self.rows_of(stream), self._width(stream))

    def append(self, clips: Iterable[ClipRows]) -> int:
        """Add clips that are not there yet, under the matrix's lock; how many were added.

        Raises:
            OSError: it cannot be written.
            MatrixDamaged: the files do not fit together.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.lock():
            self.refresh()
            return self._append(clips)

    def replace(self, clips: Iterable[ClipRows]) -> None:
        """Make the matrix anew of just these clips.

        Raises:
            OSError: it cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.lock():
            # From the names, as the index may be damaged.
            number = max((_generation_of(path) for path in self.folder.iterdir()), default=0) + 1
            fresh = Matrix(self.folder, generation=number)
            fresh._index = AppendedLines(self.folder / f"index-{number}.part")
            for path in (self.folder / f"index-{number}.part", *(fresh._file(stream) for stream in STREAMS)):
                path.unlink(missing_ok=True)
            fresh._append(clips)
            if fresh._index.path.exists():
                fresh._index.path.replace(self.folder / INDEX)
            else:
                (self.folder / INDEX).unlink(missing_ok=True)
            for path in self.folder.iterdir():
                if 0 < _generation_of(path) < number:
                    with suppress(OSError):
                        path.unlink()
        self.refresh()

    def damaged_entries(self) -> list[str]:
        """The clips whose rows are not those that were written; all bytes are read."""
        seen, heard = self.rows("seen"), self.rows("heard")
        return [
            entry
            for entry, (views, segments), checksum in zip(self.entries, self._spans(), self._checksums, strict=True)
            if _checksum(seen[views], heard[segments]) != checksum
        ]

    def background(self, stream: str, concepts: Float[np.ndarray, "concept feature"]) -> BackgroundStatistics:
        """The statistics of all rows over a background; those that are not on disk are computed, and kept where possible."""
        concepts = np.ascontiguousarray(concepts, np.float32)
        digest = hashlib.sha256(concepts.tobytes()).hexdigest()[:16]
        file = self.folder / f"{stream}-{self.generation}-{digest}.f64"
        count = self.rows_of(stream)
        kept = self._statistics_kept(file, stream, count)
        if len(kept) < count:
            more = np.concatenate([kept, *self._statistics(stream, concepts, len(kept))])
            with suppress(OSError), self.lock():
                # Another process may have been faster; a file of the same size has the same numbers.
                if self.generation_on_disk() == self.generation and _size(file) < more.nbytes:
                    atomic.write_bytes(file, more.tobytes(), durable=False)
            kept = more
        return BackgroundStatistics(kept, len(concepts))

    def generation_on_disk(self) -> int:
        """The generation that the index names now."""
        try:
            with (self.folder / INDEX).open(encoding="utf-8") as stream:
                return int(json.loads(stream.readline())["generation"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Held while the matrix is written."""
        with locked(self.folder / "lock"):
            yield

    def _append(self, clips: Iterable[ClipRows]) -> int:
        added = 0
        with ExitStack() as opened:
            files: list[BinaryIO] = []
            for clip in clips:
                if clip.entry in self:
                    continue
                if not self.entries:
                    self._start((clip.seen.shape[1], clip.heard.shape[1]))
                if not files:
                    files = [opened.enter_context(self._opened(stream)) for stream in STREAMS]
                first = [self.rows_of(stream) for stream in STREAMS]
                for file, rows in zip(files, (clip.seen, clip.heard), strict=True):
                    file.write(np.ascontiguousarray(rows, np.float32).tobytes())
                    # Before the line that counts them.
                    file.flush()
                counts = [len(clip.seen), len(clip.heard)]
                line = json.dumps([clip.entry, *first, *counts, clip.views, _checksum(clip.seen, clip.heard)])
                self._index.append(line)
                self._take(line)
                added += 1
        # What was appended here is not new.
        self._index.new_lines()
        return added

    def _opened(self, stream: str) -> BinaryIO:
        """The file of a stream's rows, ready for more: rows that a killed writer left uncounted are cut off."""
        path = self._file(stream)
        file = path.open("r+b" if path.exists() else "w+b")
        file.seek(self.rows_of(stream) * self._width(stream) * 4)
        file.truncate()
        return file

    def _start(self, widths: tuple[int, int]) -> None:
        generation = max(self.generation, 1)
        line = json.dumps({"format": FORMAT, "generation": generation, "widths": widths})
        if not _size(self._index.path):
            self._index.append(line)
        self._take(line)

    def _take(self, line: str) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            # Cut by a kill: nobody counts its rows. Of any other line the next one's first rows would tell.
            return
        try:
            if isinstance(said, dict):
                if said["format"] != FORMAT:
                    raise MatrixDamaged("the matrix is of another version")
                self.generation, self.widths = int(said["generation"]), (int(said["widths"][0]), int(said["widths"][1]))
                return
            entry, *ends, views, checksum = said
            for stream, first, count in zip(STREAMS, ends[:2], ends[2:], strict=True):
                if first != self.rows_of(stream):
                    raise MatrixDamaged("a line of the index is missing")
                self._stops[stream].append(first + count)
        except (ValueError, KeyError, TypeError) as wrong:
            raise MatrixDamaged("the index cannot be read") from wrong
        if not self.generation:
            raise MatrixDamaged("the index has no first line")
        self.entries.append(entry)
        self._known.add(entry)
        self._views.append(views)
        self._checksums.append(checksum)

    def _clear(self) -> None:
        self.entries, self.generation, self.widths = [], 0, (0, 0)
        self._stops, self._known = {stream: [] for stream in STREAMS}, set()
        self._views, self._checksums = [], []

    def _spans(self) -> Iterator[tuple[slice, slice]]:
        ends = zip(*(self._stops[stream] for stream in STREAMS), strict=True)
        before = (0, 0)
        for stop in ends:
            yield slice(before[0], stop[0]), slice(before[1], stop[1])
            before = stop

    def _file(self, stream: str) -> Path:
        return self.folder / f"{stream}-{max(self.generation, 1)}.f32"

    def _width(self, stream: str) -> int:
        return self.widths[STREAMS.index(stream)]

    def _size(self, stream: str) -> int:
        return _size(self._file(stream))

    def _mapped(self, file: Path, kind: type, rows: int, width: int) -> np.ndarray:
        if not rows * width:
            return np.empty((rows, width), kind)
        return np.memmap(file, kind, "r", shape=(rows, width))

    def _statistics_kept(self, file: Path, stream: str, count: int) -> np.ndarray:
        """Of whole clips only: p̄ needs all rows of a clip."""
        stored = min(_size(file) // 24, count)
        ends = self.stops(stream)
        whole = int(ends[np.searchsorted(ends, stored, side="right") - 1]) if len(ends) and stored >= ends[0] else 0
        return self._mapped(file, np.float64, whole, 3)

    def _statistics(self, stream: str, concepts: np.ndarray, first: int) -> Iterator[np.ndarray]:
        rows, ends = self.rows(stream), self.stops(stream)
        for start, stop in _chunks(first, ends):
            products = np.asarray(rows[start:stop] @ concepts.T, np.float64)
            within = ends[(ends > start) & (ends <= stop)] - start
            counts = np.diff(np.concatenate([[0], within]))
            clip_of = np.repeat(np.arange(len(within)), counts)
            means = np.zeros((len(within), len(concepts)))
            np.add.at(means, clip_of, products)
            means /= np.maximum(counts, 1)[:, None]
            yield np.stack(
                [
                    products.sum(axis=1),
                    np.einsum("rc,rc->r", products, products),
                    np.einsum("rc,rc->r", products, means[clip_of]),
                ],
                axis=1,
            )


def products_of(
    rows: Float32[np.ndarray, "row feature"], names: Float[np.ndarray, "name feature"]
) -> Float32[np.ndarray, "row name"]:
    """Inner products of all rows with a few names, a part of the matrix at a time."""
    names = np.ascontiguousarray(names, np.float32)
    products = np.empty((len(rows), len(names)), np.float32)
    if len(names) > FEW_NAMES:
        for start in range(0, len(rows), CHUNK_ROWS):
            np.matmul(rows[start : start + CHUNK_ROWS], names.T, out=products[start : start + CHUNK_ROWS])
        return products
    # Reading the rows is what takes the time: once from memory for all names.
    for start in range(0, len(rows), CACHED_ROWS):
        part = rows[start : start + CACHED_ROWS]
        for number, name in enumerate(names):
            products[start : start + CACHED_ROWS, number] = part @ name
    return products


def highest_of_clips(
    values: Float64[np.ndarray, " row"], stops: Int64[np.ndarray, " clip"]
) -> Float64[np.ndarray, " clip"]:
    """The highest value among each clip's rows; −∞ for a clip without rows."""
    highest = np.full(len(stops), -np.inf)
    starts = np.concatenate([[0], stops[:-1]])
    filled = stops > starts
    if filled.any():
        highest[filled] = np.maximum.reduceat(values, starts[filled])
    return highest


def _chunks(first: int, ends: Int64[np.ndarray, " clip"]) -> Iterator[tuple[int, int]]:
    """Ranges of rows from ``first`` that end where clips end."""
    start = first
    total = int(ends[-1]) if len(ends) else 0
    while start < total:
        within = ends[(ends > start) & (ends <= start + CHUNK_ROWS)]
        # A clip that is longer than a chunk is one by itself.
        stop = int(within[-1]) if len(within) else int(ends[np.searchsorted(ends, start, side="right")])
        yield start, stop
        start = stop


def _checksum(*arrays: np.ndarray) -> int:
    checksum = 0
    for array in arrays:
        checksum = zlib.crc32(np.ascontiguousarray(array, np.float32).tobytes(), checksum)
    return checksum


def _generation_of(path: Path) -> int:
    parts: Sequence[str] = path.stem.split("-")
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
