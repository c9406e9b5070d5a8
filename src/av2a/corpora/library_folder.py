"""A library on disk: which videos it has, what has become of their files, and its matrix, grown and mended from the store."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from av2a import media
from av2a.corpora.matrix import ClipRows, Matrix, MatrixDamaged
from av2a.digests import FileIdentity, sha256
from av2a.embeddings import ClipFeatures
from av2a.errors import OutputRefused, one_line
from av2a.features import Store
from av2a.features.catalogue import CATALOGUE, Catalogue, Sighting
from av2a.features.extract import models_of
from av2a.methods.av2a.thresholds import step_similarity
from av2a.settings import Settings
from av2a.types import BackboneInfo

MATRIX_FOLDER = "library"


class FileState(Enum):
    """What has become of a video's file since it was embedded."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    """Another content: answers are about the former one."""
    MOVED = "moved"
    """The same content has another name now."""
    GONE = "gone"
    NOT_CHECKED = "not checked"
    """It is at an address, which is not opened."""


@dataclass(frozen=True)
class SeenVideo:
    """A video of the library under one of its names."""

    path: str
    duration_seconds: float
    state: FileState
    sha256: str
    is_answered: bool
    """Whether its embeddings are still stored."""


@dataclass(frozen=True)
class LibraryFinding:
    """What :meth:`Library.check` says about one file."""

    path: str
    state: FileState
    moved_to: str | None = None


@dataclass(frozen=True)
class LibraryReport:
    """The outcome of :meth:`Library.check`."""

    findings: tuple[LibraryFinding, ...]
    damaged: int
    """Clips whose rows in the matrix were not those that had been written; they are made anew."""
    not_stored: int
    """Clips whose embeddings are no longer in the store."""


@dataclass(frozen=True)
class LibraryFolder:
    """The videos of one backbone and sampling, as far as that is known without loading a model."""

    store: Store
    folder: Path

    @property
    def catalogue(self) -> Catalogue:
        """Where the videos are."""
        return self.store.catalogue(self.folder)

    @property
    def name(self) -> str:
        """The name of the folder, which begins with that of the backbone."""
        return self.folder.name

    def sightings(self) -> Mapping[Any, Sighting]:
        """The newest sighting of each video."""
        return self.catalogue.sightings()

    def matrix(self) -> Matrix:
        """The matrix, grown by what was stored since, and made anew where it is damaged or mostly of clips that are gone.

        Where it cannot be written it has what it had: the other clips are asked one by one.
        """
        matrix = Matrix(self.folder / MATRIX_FOLDER)
        stored = self._stored_entries()
        wanted = [each for each in dict.fromkeys(each.entry for each in self.sightings().values()) if each in stored]
        try:
            try:
                matrix.refresh()
            except MatrixDamaged as damaged:
                self.store.warn(f"the library's matrix is damaged ({damaged}) and is made anew from the store")
                matrix = Matrix(matrix.folder)
                matrix.replace(self._rows(wanted))
                return matrix
            if len(set(matrix.entries).difference(wanted)) * 4 > len(matrix):
                matrix.replace(self._rows(wanted))
            elif missing := [entry for entry in wanted if entry not in matrix]:
                matrix.append(self._rows(missing))
        except OSError as refusal:
            self.store.warn(f"the library cannot be written ({refusal.strerror}): searches take longer")
        return matrix

    def rebuilt(self) -> Matrix:
        """The matrix made anew from the store.

        Raises:
            OutputRefused: it cannot be written.
        """
        matrix = Matrix(self.folder / MATRIX_FOLDER)
        try:
            matrix.replace(self._rows(list(dict.fromkeys(each.entry for each in self.sightings().values()))))
        except OSError as refusal:
            raise OutputRefused(
                f"cannot write the library in {one_line(str(self.folder), 200)!r} ({refusal.strerror}): make room, or "
                "name another store with --store"
            ) from refusal
        return matrix

    def features(self, entry: str) -> ClipFeatures | None:
        """The embeddings of one entry; None where they are no longer stored, or damaged."""
        return self.store.read_entry(self.folder / entry)

    def videos(self) -> list[SeenVideo]:
        """All videos, in the order in which they were added; their files are looked at, not read."""
        return [
            SeenVideo(
                each.path,
                each.clip.duration_seconds,
                state_of(each),
                each.clip.sha256,
                (self.folder / each.entry).is_file(),
            )
            for each in self.sightings().values()
        ]

    def remove(self, paths: Iterable[str | Path]) -> list[str]:
        """Forget videos, and delete the embeddings that no other name needs; the names that were forgotten.

        Raises:
            OutputRefused: the store cannot be written.
        """
        wanted = {str(path) if "://" in str(path) else os.path.abspath(path) for path in paths}
        chosen = [
            each
            for each in self.sightings().values()
            if each.path in wanted or any(each.path.startswith(f"{folder}{os.sep}") for folder in wanted)
        ]
        try:
            for each in chosen:
                self.catalogue.forget(each.place)
            still = {each.entry for each in self.sightings().values()}
            for entry in {each.entry for each in chosen} - still:
                (self.folder / entry).unlink(missing_ok=True)
        except OSError as refusal:
            raise OutputRefused(
                f"cannot write into the store {one_line(str(self.store.folder))!r} ({refusal.strerror})"
            ) from refusal
        return [each.path for each in chosen]

    def check(self, folders: Sequence[Path] = ()) -> LibraryReport:
        """Compare the library with the disk: files that changed, moved or are gone, and rows that are damaged.

        Files that moved are looked for in the folders of the others and in ``folders``, by size, then by content.
        """
        sightings = list(self.sightings().values())
        states = {each.place: state_of(each, by_content=True) for each in sightings}
        gone = [each for each in sightings if states[each.place] is FileState.GONE]
        places = {Path(each.path).parent for each in sightings if not each.is_address} | set(folders)
        moved = _moved(gone, places) if gone else {}
        for each in sightings:
            if each.place in moved:
                states[each.place] = FileState.MOVED
                with suppress(OSError):
                    self.catalogue.forget(each.place)
                    self.catalogue.note(each.entry, moved[each.place])
        findings = tuple(
            LibraryFinding(each.path, states[each.place], str(moved[each.place].path) if each.place in moved else None)
            for each in sightings
        )
        try:
            matrix = Matrix(self.folder / MATRIX_FOLDER)
            matrix.refresh()
            damaged = len(matrix.damaged_entries())
            if damaged:
                self.rebuilt()
        except MatrixDamaged:
            damaged = len(sightings)
            self.rebuilt()
        missing = sum(not (self.folder / entry).is_file() for entry in {each.entry for each in sightings})
        return LibraryReport(findings, damaged, missing)

    def _stored_entries(self) -> set[str]:
        with suppress(OSError), os.scandir(self.folder) as entries:
            return {entry.name for entry in entries}
        return set()

    def _rows(self, entries: Iterable[str]) -> Iterator[ClipRows]:
        for entry in entries:
            features = self.features(entry)
            if features is not None:
                yield clip_rows(entry, features)


def libraries(store: Store) -> list[LibraryFolder]:
    """The libraries in a store, one for each backbone and sampling."""
    return [LibraryFolder(store, path.parent) for path in sorted(store.folder.glob(f"*/{CATALOGUE}"))]


def grow(store: Store, info: BackboneInfo, settings: Settings) -> None:
    """Take what was stored with these models and this sampling into the matrix; where it cannot be written, a search does."""
    with suppress(OutputRefused):
        LibraryFolder(store, store.models_folder(models_of(info, settings))).matrix()


def clip_rows(entry: str, features: ClipFeatures) -> ClipRows:
    """The rows of a clip's segments."""
    parts = [features.segments(part) for part in range(len(features))]
    seen = np.concatenate([np.where(each.seen[:, None, None], each.visual, 0) for each in parts])
    heard = np.concatenate([np.where(each.heard[:, None], each.audio, 0) for each in parts])
    segments, views, width = seen.shape
    is_plain = len(parts) == 1 and all(
        _never_turns(features, observed) for observed in (parts[0].seen, parts[0].heard, parts[0].seen & parts[0].heard)
    )
    return ClipRows(
        entry,
        seen.reshape(segments * views, width) if seen.any() else np.empty((0, width), np.float32),
        heard if heard.any() else heard[:0],
        views if is_plain else 0,
    )


def _never_turns(features: ClipFeatures, observed: Bool[np.ndarray, " segment"]) -> bool:
    similarity = step_similarity(features.frame_embeddings(0), observed)
    assert similarity is not None
    return bool(np.greater_equal(similarity, 0).all())


def state_of(sighting: Sighting, *, by_content: bool = False) -> FileState:
    """What has become of a file; one that was only touched is read to tell, where ``by_content`` allows it."""
    if sighting.is_address:
        return FileState.NOT_CHECKED
    path = Path(sighting.path)
    try:
        status = path.stat()
    except OSError:
        return FileState.GONE
    if FileIdentity.of(status) == sighting.identity:
        return FileState.UNCHANGED
    if status.st_size != sighting.clip.size_bytes or not by_content:
        return FileState.CHANGED
    return FileState.UNCHANGED if _digest(path) == sighting.clip.sha256 else FileState.CHANGED


def _moved(gone: Sequence[Sighting], folders: Iterable[Path]) -> dict[Any, Any]:
    """Where the files that are gone are now."""
    wanted: dict[int, list[Sighting]] = defaultdict(list)
    for each in gone:
        wanted[each.clip.size_bytes].append(each)
    moved = {}
    for folder in sorted(folders):
        with suppress(OSError):
            for path in sorted(folder.iterdir()):
                with suppress(OSError):
                    status = path.stat()
                    if not path.is_file() or status.st_size not in wanted:
                        continue
                    digest = _digest(path)
                    for each in wanted[status.st_size]:
                        if each.place not in moved and each.clip.sha256 == digest:
                            moved[each.place] = media.open_clip(path)
    return moved


def _digest(path: Path) -> str:
    try:
        return sha256(path)
    except OSError:
        return ""
