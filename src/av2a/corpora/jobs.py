"""Which videos a batch is about: folders, patterns, lists, and tables of paths, with labels and tracks for a row where they are given."""

import csv
import glob
import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from av2a.errors import MissingFile, UsageError, one_line
from av2a.media import AUDIO_ENDINGS, VIDEO_ENDINGS

LIST_ENDINGS = (".txt", ".lst")
TABLE_ENDINGS = (".csv", ".tsv", ".parquet")
PATH_COLUMNS = ("path", "video", "file", "filename", "url")
LARGEST_LIST_BYTES = 1_000_000_000

_MEDIA = frozenset((*VIDEO_ENDINGS, *AUDIO_ENDINGS))


@dataclass(frozen=True)
class VideoJob:
    """One video of a batch, and what is asked of it where that differs from the others."""

    path: str
    """An absolute path, or an address that fsspec opens."""
    labels: tuple[str, ...] = ()
    """Its own labels; empty: those of the batch."""
    video_stream: int | None = None
    audio_stream: int | None = None

    @property
    def key(self) -> str:
        """Names the job in the manifest and its answer on disk."""
        plain = [self.path, self.labels, self.video_stream, self.audio_stream]
        return hashlib.sha256(json.dumps(plain).encode("ascii")).hexdigest()[:20]


@dataclass(frozen=True)
class SkippedRow:
    """A row of a list or table that is no job."""

    path: str
    reason: str


def jobs_of(sources: Iterable[str]) -> tuple[list[VideoJob], list[SkippedRow]]:
    """The jobs that ``sources`` name, each once and in their order, and what is no job.

    Raises:
        MissingFile: a list or table cannot be read, or a folder or pattern has no media file.
        UsageError: a table has no column of paths.
    """
    jobs: dict[str, VideoJob] = {}
    skipped = []
    for source in sources:
        for each in _found(source):
            if isinstance(each, SkippedRow):
                skipped.append(each)
            elif each.key in jobs:
                skipped.append(SkippedRow(each.path, "listed before"))
            else:
                jobs[each.key] = each
    return list(jobs.values()), skipped


def in_shard(job: VideoJob, shard: tuple[int, int]) -> bool:
    """Whether a job belongs to shard i of n, counted from one."""
    number, shards = shard
    return int(job.key, 16) % shards == number - 1


def read_shard(text: str) -> tuple[int, int]:
    """The shard that ``i/n`` names.

    Raises:
        UsageError: it names none.

    >>> read_shard("2/8")
    (2, 8)
    """
    number, _, shards = text.partition("/")
    if not (number.isdecimal() and shards.isdecimal() and 1 <= int(number) <= int(shards)):
        raise UsageError(f"a shard is i/n, such as 1/8 for the first of eight; got {one_line(text)!r}")
    return int(number), int(shards)


def is_address(path: str) -> bool:
    """Whether it is an address such as ``s3://bucket/clip.mp4``, and not a path."""
    return "://" in path


def _found(source: str) -> Iterator[VideoJob | SkippedRow]:
    ending = Path(source).suffix.lower()
    if is_address(source):
        yield from _at_address(source) if glob.has_magic(source) else [VideoJob(source)]
    # Functions of os.path: those of Path raise where a folder above may not be entered.
    elif os.path.isdir(source):  # noqa: PTH112
        yield from _some(source, _below(source))
    elif not os.path.exists(source) and glob.has_magic(source):  # noqa: PTH110
        found = sorted(glob.glob(source, recursive=True))  # noqa: PTH207 - names need not be UTF-8
        yield from _some(source, [VideoJob(os.path.abspath(path)) for path in found])
    elif ending in LIST_ENDINGS:
        base = os.path.dirname(os.path.abspath(source))  # noqa: PTH120
        lines = os.fsdecode(_content(source)).replace("\r\n", "\n").split("\n")
        yield from (_job({"path": line}, base) for line in lines if line.strip() and not line.startswith("#"))
    elif ending in TABLE_ENDINGS:
        base = os.path.dirname(os.path.abspath(source))  # noqa: PTH120
        yield from (_job(row, base) for row in _table(source, ending))
    else:
        yield VideoJob(os.path.abspath(source))


def _some(source: str, found: Sequence[VideoJob | SkippedRow]) -> Sequence[VideoJob | SkippedRow]:
    if not found:
        raise MissingFile(f"no media file is in {one_line(source, 200)!r}: check the name")
    return found


def _below(folder: str) -> list[VideoJob | SkippedRow]:
    found: list[VideoJob | SkippedRow] = []
    unread: list[OSError] = []
    for above, folders, files in os.walk(folder, onerror=unread.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        # Endings are compared as text: a name need not be valid UTF-8.
        media = (name for name in files if os.path.splitext(name)[1].lower() in _MEDIA)  # noqa: PTH122
        shown = (os.path.join(above, name) for name in sorted(media) if not name.startswith("."))  # noqa: PTH118
        found += [VideoJob(os.path.abspath(path)) for path in shown]
    return found + [SkippedRow(os.path.abspath(each.filename), f"cannot be read ({each.strerror})") for each in unread]


def _at_address(pattern: str) -> list[VideoJob]:
    from av2a.corpora.addresses import file_system

    system, path = file_system(pattern)
    found = sorted(system.glob(path))
    if not found:
        raise MissingFile(f"no file is at {one_line(pattern, 200)!r}: check the address")
    return [VideoJob(system.unstrip_protocol(each)) for each in found]


def _content(source: str) -> bytes:
    try:
        with open(source, "rb") as stream:  # noqa: PTH123
            content = stream.read(LARGEST_LIST_BYTES + 1)
    except OSError as refusal:
        raise MissingFile(f"cannot read {one_line(source, 200)!r} ({refusal.strerror}): check the name") from refusal
    if len(content) > LARGEST_LIST_BYTES:
        raise UsageError(f"{one_line(source, 200)!r} is larger than a gigabyte: it is no list of videos")
    return content


def _table(source: str, ending: str) -> Iterator[Mapping[str, Any]]:
    if ending == ".parquet":
        from av2a.corpora.parquet_files import read_rows

        columns, rows = read_rows(Path(source))
    else:
        text = os.fsdecode(_content(source)).removeprefix("\ufeff")
        # Strict: a quote that is never closed would take the rest of the table for one path.
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter="\t" if ending == ".tsv" else ",", strict=True)
        try:
            columns, rows = list(reader.fieldnames or ()), iter(list(reader))
        except csv.Error as wrong:
            raise UsageError(
                f"{one_line(source, 200)!r} has an invalid row after line {reader.line_num} ({wrong}): mend or remove it"
            ) from wrong
    name = next((name for name in PATH_COLUMNS if name in columns), None)
    if name is None:
        raise UsageError(
            f"{one_line(source, 200)!r} has no column {' or '.join(PATH_COLUMNS)}: name the column of paths so"
        )
    return ({**row, "path": row[name]} for row in rows)


def _job(row: Mapping[str, Any], base: str) -> VideoJob | SkippedRow:
    path = row["path"]
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    if not isinstance(path, str) or not path.strip():
        return SkippedRow(str(path or ""), "the row has no path")
    if "\0" in path or "\n" in path:
        return SkippedRow(path, "no file can have this name")
    try:
        tracks = [_track(row.get(name)) for name in ("video_stream", "audio_stream")]
        labels = _labels(row.get("labels"))
    except ValueError as wrong:
        return SkippedRow(path, str(wrong))
    if not is_address(path):
        # As a table's paths are written: beside the table, unless they begin at the root.
        path = os.path.abspath(os.path.join(base, path.strip()))  # noqa: PTH118
    return VideoJob(path, labels, *tracks)


def _track(value: Any) -> int | None:
    if value is None or value != value or value == "":
        return None
    if (
        (isinstance(value, str) and not value.strip().isdecimal())
        or float(value) < 0
        or float(value) != int(float(value))
    ):
        raise ValueError(f"{one_line(str(value))!r} is no index of a stream")
    return int(value)


def _labels(value: Any) -> tuple[str, ...]:
    if value is None or value != value:
        return ()
    if isinstance(value, str):
        value = value.split(";" if ";" in value else ",")
    try:
        names = [str(name).strip() for name in value]
    except TypeError as wrong:
        raise ValueError("labels are neither text nor a list") from wrong
    return tuple(name for name in names if name)
