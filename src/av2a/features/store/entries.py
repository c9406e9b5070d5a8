"""The files of a store: what made them, whether they are whole, and how they come to be.

safetensors, as it is small, has no dependency, runs nothing when it is read, and can be mapped into memory: an entry takes memory only for
what is used of it, and no open file. It has no checksum, so ours is in its header.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from av2a import atomic
from av2a.errors import OutputRefused, one_line
from av2a.features.store.packing import Packed
from av2a.features.store.tables import LoadedRows, Table

STORE_VERSION = 1
"""Changes when what is kept changes, or how it is asked of the encoders."""

ENDING = ".safetensors"
HEADER = "av2a"
"""One entry in the file's own header, as that does not keep the order of several."""

MadeBy = Mapping[str, Any]
"""Everything that an entry depends on, as plain values."""


@dataclass(eq=False)
class Store:
    """A folder of entries. Any number of processes may use it at once."""

    folder: Path
    warn: Callable[[str], None] = lambda message: None
    """Told once of each thing that the user should know about the store."""
    _said: set[str] = field(default_factory=set)

    def path(self, made_by: MadeBy) -> Path:
        """Where the entry is: a folder for each backbone and way of sampling, in it a file for each clip.

        The store's version is no part of the name, so that an entry of another version is met and replaced.
        """
        clip, models = made_by["clip"], {name: made_by[name] for name in ("backbone", "sampling")}
        folder = f"{made_by['backbone']['name']}-{_digest(models)[:16]}"
        return self.folder / folder / f"{clip['sha256'][:16]}-{_digest(clip)[:16]}{ENDING}"

    def read(self, made_by: MadeBy) -> Packed | None:
        """The entry that was made by just this; None when there is none, and it is to be made anew when it is not whole."""
        from safetensors import SafetensorError, safe_open

        path = self.path(made_by)
        if not path.is_file():
            return None
        try:
            return self._checked(path, safe_open(path, framework="numpy"), made_by)
        except (SafetensorError, OSError, ValueError, KeyError, TypeError):
            self._say_once(f"{one_line(str(path))!r} is damaged and is made anew")
            return None

    def write(self, made_by: MadeBy, clip: Packed) -> None:
        """Keep an entry: all of it or nothing. The same entry has the same bytes, whoever writes it.

        Raises:
            OutputRefused: it cannot be written.
        """
        from safetensors.numpy import save

        path, arrays = self.path(made_by), _arrays(clip)
        said = {"made_by": made_by, "warnings": clip.warnings, "sha256": _digest_of(arrays)}
        content = save(arrays, metadata={HEADER: json.dumps(said, sort_keys=True)})
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic.write_bytes(path, content)
        except OSError as refusal:
            raise OutputRefused(
                f"cannot write into the store {one_line(str(self.folder))!r} ({refusal.strerror}): what it holds is whole; "
                "make room there, or name another folder with --store"
            ) from refusal

    def _checked(self, path: Path, entry: Any, made_by: MadeBy) -> Packed | None:
        said = json.loads(entry.metadata()[HEADER])
        if said["made_by"]["version"] != made_by["version"]:
            self._say_once(
                f"the store {one_line(str(self.folder))!r} holds entries of another version: they are made anew"
            )
            return None
        if said["made_by"] != json.loads(json.dumps(made_by)):
            raise ValueError("made by something else")
        if said["sha256"] != _digest_of({name: entry.get_tensor(name) for name in entry.keys()}):  # noqa: SIM118 - no mapping
            raise ValueError("other bytes than were written")
        return _packed(entry, tuple(said["warnings"]))

    def _say_once(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            self.warn(message)


@dataclass(frozen=True)
class MappedRows:
    """Rows in a file, read when they are wanted. Memory is taken only meanwhile."""

    entry: Any
    name: str

    def all(self) -> Float32[np.ndarray, "row feature"]:
        """Every row."""
        return np.asarray(self.entry.get_tensor(self.name))

    def __reduce__(self) -> tuple[type[LoadedRows], tuple[Float32[np.ndarray, "row feature"]]]:
        """To another process go the rows themselves."""
        return LoadedRows, (self.all(),)


_TABLES = ("visual", "audio")
_COLUMNS = ("places", "there", "views", "stops")


def _arrays(clip: Packed) -> dict[str, np.ndarray]:
    arrays = {"stretches": clip.stretches, "window_of": clip.window_of}
    for stream in _TABLES:
        table: Table = getattr(clip, stream)
        arrays[f"{stream}.rows"] = table.rows.all()
        arrays |= {f"{stream}.{column}": getattr(table, column) for column in _COLUMNS}
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _packed(entry: Any, warnings: tuple[str, ...]) -> Packed:
    tables = {
        stream: Table(
            rows=MappedRows(entry, f"{stream}.rows"),
            **{column: entry.get_tensor(f"{stream}.{column}") for column in _COLUMNS},
        )
        for stream in _TABLES
    }
    return Packed(
        visual=tables["visual"],
        audio=tables["audio"],
        stretches=entry.get_tensor("stretches"),
        window_of=entry.get_tensor("window_of"),
        warnings=warnings,
    )


def _digest(plain: Any) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _digest_of(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
