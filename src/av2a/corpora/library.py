"""``Library``: everything that was embedded into a store, and new labels asked of all of it without opening a video."""

import os
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from av2a import media
from av2a.corpora.matrix import ClipRows, Matrix, MatrixDamaged
from av2a.corpora.search import (
    FIRST_ASKED,
    MOST_ASKED,
    Best,
    Hit,
    SearchAnswer,
    SearchExample,
    SearchGate,
    gate_of,
    likeness_of,
    most_alike,
)
from av2a.detector import Detector, Video, chosen_settings, events_of, opened_clip
from av2a.digests import FileIdentity
from av2a.embeddings import ClipFeatures, InputKey, InputKind, MissingIntervals, Vocabulary
from av2a.errors import MissingFile, OutputRefused, UsageError, one_line
from av2a.features import FeatureSource, Store
from av2a.features.catalogue import Catalogue, Sighting
from av2a.features.extract import models_of
from av2a.methods.av2a.method import av2a, parse_all
from av2a.methods.av2a.scores import PartScores
from av2a.settings import Settings, SettingsLike
from av2a.timeline import Grid
from av2a.types import BackboneInfo, Detection, Event, Modality, Parsing

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
    from av2a.features.catalogue import CATALOGUE

    return [LibraryFolder(store, path.parent) for path in sorted(store.folder.glob(f"*/{CATALOGUE}"))]


class Library:
    """All videos that one backbone has embedded into a store, with one way of sampling.

    >>> library = Library("embeddings/", "clip-clap")  # doctest: +SKIP
    >>> for hit in library.search("glass breaking").hits:  # doctest: +SKIP
    ...     print(hit.confidence, hit.path, hit.event.start_seconds)

    Args:
        store: the folder of the embeddings.
        detector: a detector, or the name of a backbone.
        settings: settings, a profile's name or a mapping; those that decide how videos are sampled choose the library, the
            others decide what is found.

    Raises:
        UsageError: a name that does not exist.
        WeightsUnavailable: the backbone's weights or libraries are not available.
    """

    def __init__(
        self,
        store: str | Path | Store,
        detector: str | Detector = "clip-clap",
        settings: SettingsLike = None,
    ) -> None:
        self.detector = detector if isinstance(detector, Detector) else Detector(detector)
        self.store = store if isinstance(store, Store) else Store(Path(store))
        self.settings = chosen_settings(settings, self.detector.backbone)
        self._models = models_of(self.detector.backbone.info, self.settings)
        self.folder = LibraryFolder(self.store, self.store.models_folder(self._models))
        self._matrix = Matrix(self.folder.folder / MATRIX_FOLDER)
        self._is_grown = False
        """Whether the matrix has all that the catalogue had when it was read last."""
        self._paths: dict[str, list[Sighting]] = {}
        self._changes = -1

    def videos(self) -> list[SeenVideo]:
        """All videos, in the order in which they were added."""
        return self.folder.videos()

    def refresh(self) -> Matrix:
        """Take in what was stored since, here or by other processes."""
        sightings = self.folder.sightings()
        if self.folder.catalogue.changes != self._changes:
            by_entry: dict[str, list[Sighting]] = defaultdict(list)
            for each in sightings.values():
                by_entry[each.entry].append(each)
            self._paths, self._changes = dict(by_entry), self.folder.catalogue.changes
            self._is_grown = False
        try:
            self._matrix.refresh()
        except MatrixDamaged:
            self._is_grown = False
        if not self._is_grown:
            self._matrix = self.folder.matrix()
            self._is_grown = True
        return self._matrix

    def add(
        self,
        videos: Iterable[Video],
        *,
        limits: media.Limits | None = None,
        failed: Callable[[Video, Exception], None] = lambda video, error: None,
    ) -> int:
        """Embed videos, without asking anything; how many were added or known already. One that fails is reported to ``failed``."""
        added = sum([self.embed(video, limits=limits, failed=failed) for video in videos])
        self.refresh()
        return added

    def embed(self, video: Video, *, limits: media.Limits | None, failed: Callable[[Video, Exception], None]) -> bool:
        """Embed one video into the store; whether that was done or not needed. The next search takes it in."""
        try:
            clip = opened_clip(video, None, None, limits)
            source = FeatureSource(clip, self.detector.backbone, self.settings, self.store)
            # Having them is what embeds and keeps them.
            assert len(source.features) >= 0
        except Exception as error:  # noqa: BLE001 - whatever it is, the other videos are added
            failed(video, error)
            return False
        return True

    def search(
        self,
        labels: str | Sequence[str],
        *,
        top: int = 50,
        modality: Modality | None = None,
        settings: SettingsLike = None,
    ) -> SearchAnswer:
        """The events of new labels in all videos, those with the highest confidence first.

        They are the events that :class:`Detector` gives for these labels from the store: the matrix only tells which videos cannot have
        one that belongs among the first.

        Args:
            labels: one label, or several that are asked together, as of a detector.
            top: how many events are wanted.
            modality: only events that are heard, seen, or both.
            settings: other settings of the same sampling.

        Raises:
            UsageError: invalid labels, or settings that sample otherwise.
        """
        labels = [labels] if isinstance(labels, str) else list(labels)
        chosen = self.settings if settings is None else chosen_settings(settings, self.detector.backbone)
        if models_of(self.detector.backbone.info, chosen) != self._models:
            raise UsageError("these settings sample videos otherwise: open a Library with them")
        matrix = self.refresh()
        vocabulary = self.detector.vocabulary(labels, chosen)
        gate = gate_of(matrix, vocabulary, chosen, modality)
        return self._collected(
            gate, matrix, top, lambda entries: self._events(entries, vocabulary, labels, chosen, modality)
        )

    def like(self, example: SearchExample, *, top: int = 50, modality: Modality | None = None) -> SearchAnswer:
        """The moments of all videos that are most like an example, as long as it is, one a video.

        The confidence is the mean cosine of their segments' embeddings with those of the example, segment by segment in their order; for
        both, fused as scores are (Eq. 3).

        Raises:
            UsageError: the example's interval is empty or outside of the clip, or nothing is heard or seen in it.
        """
        clip = opened_clip(example.video, None, None, None)
        source = FeatureSource(clip, self.detector.backbone, self.settings, self.store)
        matrix = self.refresh()
        likeness = likeness_of(source.features, source.grid, example, self.settings, modality)
        own = _entry_name(self.store, source)

        def windows(entries: Sequence[str]) -> Iterator[Sequence[Event] | None]:
            for entry in entries:
                features = self.folder.features(entry)
                without = likeness.interval if entry == own else None
                clip = self._paths[entry][0].clip
                yield (
                    None if features is None else most_alike(features, clip, self.settings, likeness, without=without)
                )

        return self._collected(likeness.gate(matrix), matrix, top, windows)

    def detection(self, path: str | Path, labels: str | Sequence[str], settings: SettingsLike = None) -> Detection:
        """The whole answer for one video of the library, from its embeddings; the video is not opened.

        Raises:
            MissingFile: the library has no such video, or its embeddings are no longer stored.
            UsageError: invalid labels or settings.
        """
        wanted = str(path) if "://" in str(path) else os.path.abspath(path)
        for each in self.folder.sightings().values():
            features = self.folder.features(each.entry) if each.path == wanted else None
            if features is not None:
                labels = [labels] if isinstance(labels, str) else labels
                return self.detector.of_features(each.clip, features, labels, settings or self.settings)
        raise MissingFile(f"{one_line(str(path), 200)!r} is not in the library: add it with av2a library add")

    def _events(
        self,
        entries: Sequence[str],
        vocabulary: Vocabulary,
        labels: Sequence[str],
        settings: Settings,
        modality: Modality | None,
    ) -> Iterator[Sequence[Event] | None]:
        """The events of some clips as the method finds them; None for one that cannot be asked."""
        features = [self.folder.features(entry) for entry in entries]
        parsings = self._parsed(features, vocabulary, settings)
        for entry, found in zip(entries, parsings, strict=True):
            if found is None:
                yield None
                continue
            grid = Grid(self._paths[entry][0].clip.duration_seconds, settings.segment_seconds)
            yield [event for event in events_of(found, labels, grid) if modality in (None, event.modality)]

    def _parsed(
        self, features: Sequence[ClipFeatures | None], vocabulary: Vocabulary, settings: Settings
    ) -> list[Sequence[Parsing] | None]:
        """What the method decides about some clips: together where it can, as that is many times faster and decides the same."""
        parts = [range(0 if each is None else len(each)) for each in features]
        sources = [
            PartScores(each, part, vocabulary)
            for each, numbers in zip(features, parts, strict=True)
            for part in numbers
            if each is not None
        ]
        if self.detector.method is av2a:
            with suppress(MissingIntervals):
                together = iter(parse_all(sources, settings))
                found = [[next(together) for _ in numbers] for numbers in parts]
                return [None if each is None else own for each, own in zip(features, found, strict=True)]
        return [None if each is None else self._parsed_alone(each, vocabulary, settings) for each in features]

    def _parsed_alone(
        self, features: ClipFeatures, vocabulary: Vocabulary, settings: Settings
    ) -> Sequence[Parsing] | None:
        try:
            return self.detector.method(features, vocabulary, settings)
        except MissingIntervals:
            # Only the video itself can answer.
            return None

    def _collected(
        self,
        gate: SearchGate,
        matrix: Matrix,
        top: int,
        answers: Callable[[Sequence[str]], Iterator[Sequence[Event] | None]],
    ) -> SearchAnswer:
        """The best events, from the clip that may have the best one on, until no other clip can have one among them."""
        found: list[tuple[Event, str]] = []
        unanswered: list[str] = []
        best, asked, size = Best(top), 0, FIRST_ASKED
        # What is not in the matrix, as that cannot be written, may have any confidence.
        waiting = deque((entry, np.inf) for entry in self._paths if entry not in matrix)
        waiting.extend(
            (matrix.entries[number], float(gate.highest[number]))
            for number in gate.order
            if matrix.entries[number] in self._paths
        )
        while waiting and best.lowest < waiting[0][1]:
            entries = [waiting.popleft()[0] for _ in range(min(size, len(waiting)))]
            size = min(size + FIRST_ASKED, MOST_ASKED)
            asked += len(entries)
            for entry, events in zip(entries, answers(entries), strict=True):
                if events is None:
                    unanswered += [each.path for each in self._paths[entry]]
                for event in events or ():
                    found.append((event, entry))
                    best.add(event.confidence)
        found.sort(key=lambda each: (-each[0].confidence, each[1], each[0].start_seconds, each[0].label))
        hits = [
            Hit(sighting.path, event, event.confidence, state_of(sighting).value)
            for event, entry in found[:top]
            for sighting in self._paths[entry]
        ]
        return SearchAnswer(
            tuple(hits[:top]), sum(len(each) for each in self._paths.values()), asked, tuple(unanswered)
        )


def grow(store: Store, info: BackboneInfo, settings: Settings) -> None:
    """Take what was stored with these models and this sampling into the matrix; where it cannot be written, a search does."""
    with suppress(OutputRefused):
        LibraryFolder(store, store.models_folder(models_of(info, settings))).matrix()


def clip_rows(entry: str, features: ClipFeatures) -> ClipRows:
    """The rows of a clip's segments, each distinct embedding once."""
    rows = []
    for table in (features.visual, features.audio):
        keys = [
            InputKey(part, InputKind.SEGMENT, t, t + 1)
            for part, (_, segments, _) in enumerate(features.parts.tolist())
            for t in range(segments)
        ]
        numbers = np.array([table.index[tuple(key)] for key in keys], dtype=np.int64)
        there = numbers[table.is_there[numbers]]
        firsts = np.concatenate([[0], table.stops])[there]
        views = [table.views[first:stop] for first, stop in zip(firsts, table.stops[there], strict=True)]
        chosen = np.unique(np.concatenate(views)) if views else np.empty(0, np.int64)
        rows.append(table.rows[chosen])
    return ClipRows(entry, *rows)


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
    from av2a.digests import sha256

    try:
        return sha256(path)
    except OSError:
        return ""


def _entry_name(store: Store, source: FeatureSource) -> str:
    return store.path(source.made_by()).name
