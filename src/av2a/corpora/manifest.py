"""The manifest of a batch: what is known of every video, one JSON object a line, on disk before anything depends on it."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from av2a.corpora.jobs import SkippedRow, VideoJob
from av2a.errors import OutputRefused, UsageError, one_line

FORMAT = 1
ANSWERS = "answers"


class JobStatus(Enum):
    """What has become of a video."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class JobRecord:
    """The newest that the manifest says of a video."""

    key: str
    path: str
    status: JobStatus
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def crashes(self) -> int:
        """How many workers were lost with it."""
        return int(self.about.get("crashes", 0))

    @property
    def answer(self) -> str | None:
        """The file of its answer, below the folder of the batch."""
        return self.about.get("answer")


@dataclass(eq=False)
class Manifest:
    """The manifest in a file, and what it says."""

    path: Path
    fingerprint: dict[str, Any] = field(default_factory=dict)
    records: dict[str, JobRecord] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The folder of the batch."""
        return self.path.parent

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """The manifest in a file; an empty one where there is no file. A line that was cut by a kill does not count.

        Raises:
            UsageError: the file is something else.
        """
        manifest = cls(path)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return manifest
        except OSError as refusal:
            raise OutputRefused(f"cannot read {one_line(str(path), 200)!r} ({refusal.strerror})") from refusal
        for number, line in enumerate(content[: content.rfind(b"\n") + 1].splitlines()):
            try:
                said = json.loads(line)
                if number == 0:
                    if said["av2a_batch"] != FORMAT:
                        raise ValueError("of another version")
                    manifest.fingerprint = said["fingerprint"]
                else:
                    manifest._take(said)
            except (ValueError, KeyError, TypeError) as wrong:
                if number and line.strip():
                    # Two appends after a cut line share it.
                    continue
                raise UsageError(
                    f"{one_line(str(path), 200)!r} is no manifest of a batch ({one_line(str(wrong))}): choose another folder"
                ) from wrong
        return manifest

    def begin(self, fingerprint: dict[str, Any]) -> None:
        """Write the first line; the fingerprint says what all answers were made with.

        Raises:
            OutputRefused: it cannot be written.
        """
        self.fingerprint = fingerprint
        self._append([{"av2a_batch": FORMAT, "fingerprint": fingerprint}])

    def add(self, jobs: Iterable[VideoJob], skipped: Iterable[SkippedRow]) -> None:
        """Take in the videos that are not known yet, as waiting or skipped.

        Raises:
            OutputRefused: it cannot be written.
        """
        lines = []
        for job in jobs:
            if job.key not in self.records:
                about = {"labels": job.labels, "video_stream": job.video_stream, "audio_stream": job.audio_stream}
                given = {name: value for name, value in about.items() if value not in (None, ())}
                lines.append({"key": job.key, "path": job.path, "status": JobStatus.WAITING.value, **given})
        for row in skipped:
            key = f"skipped {row.path} {row.reason}"
            if key not in self.records:
                lines.append(
                    {
                        "key": key,
                        "path": row.path,
                        "status": JobStatus.SKIPPED.value,
                        "code": "E_SKIPPED",
                        "error": row.reason,
                    }
                )
        if lines:
            self.write(lines)

    def write(self, lines: Iterable[Mapping[str, Any]], *, durable: bool = True) -> None:
        """Append what has become of videos; on disk when this returns, unless it need not be ``durable``.

        Raises:
            OutputRefused: it cannot be written.
        """
        lines = list(lines)
        self._append(lines, durable=durable)
        for line in lines:
            self._take(line)

    def counts(self) -> Counter[JobStatus]:
        """How many videos there are of each status."""
        return Counter(record.status for record in self.records.values())

    def reasons(self) -> Counter[tuple[JobStatus, str]]:
        """How many failed or were skipped for which reason, by the code of the error."""
        return Counter(
            (record.status, str(record.about.get("code")))
            for record in self.records.values()
            if record.status in (JobStatus.FAILED, JobStatus.SKIPPED)
        )

    def is_whole(self, record: JobRecord) -> bool:
        """Whether the answer of a video that is done is on disk as it was written."""
        if record.answer is None:
            return False
        try:
            return (self.folder / record.answer).stat().st_size == record.about["bytes"]
        except OSError:
            return False

    def _take(self, said: Mapping[str, Any]) -> None:
        key = said["key"]
        known = self.records.get(key)
        about = {**(known.about if known else {}), **{name: value for name, value in said.items() if name != "key"}}
        self.records[key] = JobRecord(key, about["path"], JobStatus(said["status"]), about)

    def _append(self, lines: Iterable[Mapping[str, Any]], *, durable: bool = True) -> None:
        content = "".join(json.dumps(line) + "\n" for line in lines).encode("ascii")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as stream:
                end = stream.seek(0, os.SEEK_END)
                if end:
                    stream.seek(end - 1)
                    # A line that was cut by a kill or a full disk ends here.
                    content = content if stream.read(1) == b"\n" else b"\n" + content
                stream.write(content)
                stream.flush()
                if durable:
                    os.fsync(stream.fileno())
        except OSError as refusal:
            raise OutputRefused(
                f"cannot write {one_line(str(self.path), 200)!r} ({refusal.strerror}): make room, then give the same command "
                "again; it goes on where it stopped"
            ) from refusal


def differences(one: Mapping[str, Any], other: Mapping[str, Any], above: str = "") -> list[str]:
    """The names of the values that differ, with those of the mappings that they are in.

    >>> differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}, "d": 4})
    ['a.c', 'd']
    """
    found = []
    for name in sorted(one.keys() | other.keys()):
        a, b = one.get(name), other.get(name)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += differences(a, b, f"{above}{name}.")
        elif a != b:
            found.append(f"{above}{name}")
    return found
