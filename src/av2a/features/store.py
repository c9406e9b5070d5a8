"""Clips' features on disk, keyed by what made them: other labels, settings and methods decode and encode nothing again.

One safetensors file for a clip and way of sampling: the format is small, has no dependency, is read by any language, and runs nothing
when it is read. It has no checksum; ours is in its header.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from av2a import atomic
from av2a.digests import FileIdentity
from av2a.embeddings import ClipFeatures, EmbeddingTable
from av2a.errors import OutputRefused, one_line
from av2a.features.appended import AppendedLines
from av2a.features.catalogue import Catalogue
from av2a.types import Clip

STORE_VERSION = 2
"""Changes when what is kept changes, or how it is sampled."""

ENDING = ".safetensors"
DIGESTS = "digests.txt"
"""One line for each file whose features are stored: its identity and its SHA-256."""
HEADER = "av2a"
"""One entry in the file's own header, as that does not keep the order of several."""

LIMIT_FILE = "limit.txt"
"""The most bytes that entries may take, as a number; there is no limit without it."""

MadeBy = Mapping[str, Any]
"""Everything that an entry depends on, as plain values."""


@dataclass(frozen=True)
class StoredEntry:
    """The file of one clip in a store."""

    path: Path
    size_bytes: int
    last_used: float
    """In seconds since the epoch."""


@dataclass(eq=False)
class Store:
    """A folder of entries. Any number of processes may use it at once."""

    folder: Path
    warn: Callable[[str], None] = lambda message: None
    """Told once of each thing that the user should know about the store."""
    must_keep: bool = True
    """Whether an entry that cannot be written is an error; otherwise it is a warning."""
    _said: set[str] = field(default_factory=set)
    _digests: dict[str, str] = field(default_factory=dict)
    """SHA-256 by the text of a file's identity."""
    _sizes: set[int] = field(default_factory=set)
    """Of those files, in bytes."""
    _catalogues: dict[str, Catalogue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._digest_lines = AppendedLines(self.folder / DIGESTS)

    def path(self, made_by: MadeBy) -> Path:
        """Where the entry is: a folder for each backbone and way of sampling, in it a file for each clip.

        The store's version is no part of the name, so that an entry of another version is met and replaced.
        """
        clip = made_by["clip"]
        name = f"{clip['size_bytes']}-{clip['sha256'][:16]}-{_digest(clip)[:16]}{ENDING}"
        return self.models_folder(made_by) / name

    def may_hold(self, size_bytes: int) -> bool:
        """Whether a file of this size was stored; if not, its digest need not be computed."""
        self._known_digests()
        return size_bytes in self._sizes

    def known_digest(self, identity: FileIdentity | None) -> str | None:
        """The SHA-256 of a file whose features are stored, by its identity: a file seen before is not read again."""
        return None if identity is None else self._known_digests().get(_identity_line(identity))

    def catalogue(self, models_folder: Path) -> Catalogue:
        """The videos whose entries are in one folder of the store."""
        return self._catalogues.setdefault(models_folder.name, Catalogue(models_folder))

    def note(self, made_by: MadeBy, clip: Clip) -> None:
        """Remember where the clip of an entry was seen. A store that cannot be written answers all the same."""
        path = self.path(made_by)
        with suppress(OSError):
            # A file that was seen before is not read again for its digest.
            if clip.identity is not None and clip.address is None and self.known_digest(clip.identity) is None:
                self._note_digest(clip.identity, clip.sha256)
            self.catalogue(path.parent).note(path.name, clip)

    def models_folder(self, made_by: MadeBy) -> Path:
        """The folder of the entries of one backbone and way of sampling."""
        models = {name: made_by[name] for name in ("backbone", "sampling")}
        return self.folder / f"{made_by['backbone']['name']}-{_digest(models)[:16]}"

    def _known_digests(self) -> dict[str, str]:
        replaced, lines = self._digest_lines.new_lines()
        if replaced:
            self._digests.clear()
        for line in lines:
            name, _, digest = line.partition(" ")
            # The last one counts; a line that was cut by a kill has no digest.
            if len(digest) == 64 and name.count(":") == 3:
                self._digests[name] = digest
                self._sizes.add(int(name.split(":")[2]))
        return self._digests

    def _note_digest(self, identity: FileIdentity, digest: str) -> None:
        if self.known_digest(identity) != digest:
            self._digest_lines.append(f"{_identity_line(identity)} {digest}")

    def read(self, made_by: MadeBy) -> ClipFeatures | None:
        """The entry that was made by just this; None when there is none, and it is to be made anew when it is not whole."""
        path = self.path(made_by)
        if not path.is_file():
            return None
        try:
            features = self._checked(path, made_by)
        except (OSError, ValueError, KeyError, TypeError):
            self._say_once(f"{one_line(str(path))!r} is damaged and is made anew")
            return None
        with suppress(OSError):
            # What was not used for longest is removed first.
            os.utime(path)
        return features

    def read_entry(self, path: Path) -> ClipFeatures | None:
        """The entry in a file of this store; None where it is gone, damaged, or of another version."""
        try:
            said, arrays = _read(path)
            if said["made_by"]["version"] != STORE_VERSION or self.path(said["made_by"]) != path:
                return None
            return _features(said, arrays)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, made_by: MadeBy, features: ClipFeatures, identity: FileIdentity | None = None) -> None:
        """Keep an entry, and the digest of the file with ``identity``: all of it or nothing. The same entry has the same bytes, whoever writes it.

        Raises:
            OutputRefused: it cannot be written, and ``must_keep`` is set.
        """
        from safetensors.numpy import save

        path, arrays = self.path(made_by), _arrays(features)
        said = {"made_by": made_by, "warnings": features.warnings, "sha256": _digest_of(arrays)}
        content = save(arrays, metadata={HEADER: json.dumps(said, sort_keys=True)})
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # First: an entry of a file whose digest is not known would not be looked for, and be made again.
            if identity is not None:
                self._note_digest(identity, made_by["clip"]["sha256"])
            atomic.write_bytes(path, content)
            if (limit := self.limit_bytes) is not None:
                self.shrink(limit, keep=path)
        except OSError as refusal:
            message = (
                f"cannot write into the store {one_line(str(self.folder))!r} ({refusal.strerror}): what it holds is whole; "
                "make room there, or name another folder with --store"
            )
            if self.must_keep:
                raise OutputRefused(message) from refusal
            self._say_once(message)

    @property
    def limit_bytes(self) -> int | None:
        """The most bytes that entries may take; None for any number."""
        try:
            return int((self.folder / LIMIT_FILE).read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None

    def set_limit(self, limit_bytes: int | None) -> None:
        """Keep the entries within a limit from now on, also those that other processes write; None lifts it.

        Raises:
            OSError: the store cannot be written.
        """
        file = self.folder / LIMIT_FILE
        if limit_bytes is None:
            file.unlink(missing_ok=True)
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            atomic.write_bytes(file, f"{limit_bytes}\n".encode())

    def entries(self) -> list[StoredEntry]:
        """All entries, those that were not used for longest first."""
        found = []
        for path in self.folder.glob(f"*/*{ENDING}"):
            with suppress(OSError):
                stat = path.stat()
                found.append(StoredEntry(path, stat.st_size, stat.st_mtime))
        return sorted(found, key=lambda entry: (entry.last_used, entry.path))

    def shrink(self, limit_bytes: int, *, models: str = "", keep: Path | None = None) -> list[StoredEntry]:
        """Remove the entries that were not used for longest until the others are within the limit; those removed.

        Args:
            limit_bytes: what all entries together may take; 0 removes them all.
            models: only entries of folders whose names begin so are counted and removed.
            keep: an entry that is not removed.
        """
        entries = [entry for entry in self.entries() if entry.path.parent.name.startswith(models)]
        total, removed = sum(entry.size_bytes for entry in entries), []
        for entry in entries:
            if total <= limit_bytes:
                break
            if entry.path != keep:
                with suppress(OSError):
                    entry.path.unlink()
                    total -= entry.size_bytes
                    removed.append(entry)
        return removed

    def _checked(self, path: Path, made_by: MadeBy) -> ClipFeatures | None:
        said, arrays = _read(path)
        if said["made_by"]["version"] != made_by["version"]:
            self._say_once(
                f"the store {one_line(str(self.folder))!r} holds entries of another version: they are made anew"
            )
            return None
        if said["made_by"] != json.loads(json.dumps(made_by)):
            raise ValueError("made by something else")
        return _features(said, arrays)

    def _say_once(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            self.warn(message)


_STREAMS = ("visual", "audio")
_COLUMNS = ("rows", "keys", "is_there", "views", "stops")


def _arrays(features: ClipFeatures) -> dict[str, np.ndarray]:
    arrays = {"parts": features.parts, "window_of": features.window_of}
    for stream in _STREAMS:
        arrays |= {f"{stream}.{column}": getattr(getattr(features, stream), column) for column in _COLUMNS}
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Our header, and the arrays of a safetensors file.

    Raises:
        ValueError, KeyError: the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return json.loads(file.metadata()[HEADER]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as damaged:
        raise ValueError(str(damaged)) from damaged


def _features(said: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> ClipFeatures:
    """What an entry holds.

    Raises:
        ValueError, KeyError, TypeError: the entry is damaged.
    """
    if said["sha256"] != _digest_of(arrays):
        raise ValueError("other bytes than were written")
    visual, audio = (
        EmbeddingTable(**{column: arrays[f"{stream}.{column}"] for column in _COLUMNS}) for stream in _STREAMS
    )
    return ClipFeatures(visual, audio, arrays["parts"], arrays["window_of"], tuple(said["warnings"]))


def _identity_line(identity: FileIdentity) -> str:
    return f"{identity.device}:{identity.inode}:{identity.size_bytes}:{identity.modified_ns}"


def _digest(plain: Any) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _digest_of(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
