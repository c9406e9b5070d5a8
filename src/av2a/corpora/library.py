"""``Library``: new labels, or an example, asked of everything that was embedded into a store, without opening a video."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path

import numpy as np

from av2a import media
from av2a.corpora.label_gate import gate_of
from av2a.corpora.library_folder import MATRIX_FOLDER, LibraryFolder, SeenVideo, state_of
from av2a.corpora.likeness import SearchExample, likeness_of, most_alike
from av2a.corpora.matrix import Matrix, MatrixDamaged
from av2a.corpora.search import Best, Hit, SearchAnswer, SearchGate
from av2a.detector import Detector, Video, chosen_settings, events_of, opened_clip
from av2a.embeddings import ClipFeatures, MissingIntervals, Vocabulary
from av2a.errors import MissingFile, UsageError, one_line
from av2a.features import FeatureSource, Store
from av2a.features.catalogue import Sighting
from av2a.features.extract import models_of
from av2a.methods.av2a.method import av2a, parse_all
from av2a.methods.av2a.scores import PartScores
from av2a.settings import Settings, SettingsLike
from av2a.timeline import Grid
from av2a.types import Detection, Event, Modality, Parsing

ASKED_TOGETHER = 16
"""How many clips the method answers at a time."""


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
        best, asked = Best(top), 0
        # What is not in the matrix, as that cannot be written, may have any confidence.
        waiting = chain(
            ((entry, np.inf) for entry in self._paths if entry not in matrix),
            ((matrix.entries[number], highest) for number, highest in gate.in_order()),
        )
        known = ((entry, highest) for entry, highest in waiting if entry in self._paths)
        while entries := [entry for entry, highest in islice(known, ASKED_TOGETHER) if best.lowest < highest]:
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


def _entry_name(store: Store, source: FeatureSource) -> str:
    return store.path(source.made_by()).name
