"""The process that opens media and runs models: it may die, and be ended, without the server.

Requests come over a pipe; each runs in a thread of its own, so that a question about stored embeddings is answered while another
video is decoded. When the pipe closes, the server is gone, and the process ends.
"""

import os
import signal
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from av2a import atomic, media
from av2a.backbones.base import Backbone
from av2a.backbones.registry import load_backbone
from av2a.corpora.library import Library
from av2a.detector import Detector
from av2a.errors import Av2aError, WeightsUnavailable, one_line
from av2a.features import FeatureSource, Store
from av2a.features.extract import sampling_of
from av2a.labels import checked_labels
from av2a.service.scores import SegmentScores
from av2a.settings import Settings
from av2a.types import Clip, Detection, Event

MOST_SOURCES = 4
"""Clips whose features stay in memory."""

MOST_HITS = 2000
"""Events of one search."""

REPORT_SECONDS = 0.1
"""Progress of one stage is reported no more often than this."""


@dataclass(frozen=True)
class ModelChoice:
    """What the process is started with."""

    backbone: str
    device: str = "auto"
    precision: str | None = None
    weights: Path | None = None
    store: Path | None = None


@dataclass(frozen=True)
class TaskRequest:
    """A call of one of :class:`TaskRunner`'s tasks."""

    number: int
    task: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class TaskReply:
    """Progress of a request, its result, or why there is none."""

    number: int
    kind: str
    """``progress``, ``done`` or ``failed``."""
    value: Any


@dataclass(frozen=True)
class TaskFailure:
    """An error that can travel."""

    code: str
    message: str


@dataclass(frozen=True)
class Answered:
    """An answer, and the SHA-256 of the file that it is about."""

    detection: Detection
    sha256: str


@dataclass(frozen=True)
class Found:
    """Events of a search with the paths of their videos, and how many videos were searched."""

    events: tuple[tuple[str, Event], ...]
    searched: int


class TaskCancelled(Exception):
    """The request is no longer wanted."""


class TaskRunner:
    """Runs tasks in threads; the backbone is loaded once, by the first task that needs it."""

    def __init__(self, pipe: Connection, options: ModelChoice) -> None:
        self.pipe, self.options = pipe, options
        self._sending = threading.Lock()
        self._loading = threading.Lock()
        self._detector: Detector | None = None
        self._sources: OrderedDict[tuple[Any, ...], FeatureSource] = OrderedDict()
        self._cancelled: set[int] = set()

    def run(self) -> None:
        """Take requests until the server is gone."""
        while True:
            try:
                request = self.pipe.recv()
            except (EOFError, OSError):
                # Threads may be deep in a decoder: nothing waits for them.
                atomic.abandon()
                os._exit(0)
            if request.task == "cancel":
                self._cancelled.add(request.arguments["number"])
            else:
                threading.Thread(target=self._run, args=[request], name=f"av2a {request.task}", daemon=True).start()

    def _run(self, request: TaskRequest) -> None:
        try:
            result = getattr(self, f"task_{request.task}")(self._progress_of(request.number), **request.arguments)
        except TaskCancelled:
            self._send(TaskReply(request.number, "failed", TaskFailure("E_CANCELLED", "cancelled")))
        except Av2aError as refusal:
            failure = TaskFailure(refusal.code, _without_folder(str(refusal), request.arguments))
            self._send(TaskReply(request.number, "failed", failure))
        except OSError as refusal:
            words = f"the disk refused ({refusal.strerror or refusal}): make room, then try again"
            self._send(TaskReply(request.number, "failed", TaskFailure("E_DISK", one_line(words, 300))))
        except Exception as fault:  # noqa: BLE001 - one request that fails must not take the process with it
            words = f"a fault of av2a itself ({type(fault).__name__}: {one_line(str(fault), 200)}): please report it"
            self._send(TaskReply(request.number, "failed", TaskFailure("E_FAULT", words)))
        else:
            self._send(TaskReply(request.number, "done", result))
        self._cancelled.discard(request.number)

    def _send(self, reply: TaskReply) -> None:
        with self._sending, suppress(OSError):
            self.pipe.send(reply)

    def _progress_of(self, number: int) -> Callable[[str, int, int], None]:
        last: dict[str, float] = {}

        def report(stage: str, done: int, total: int) -> None:
            if number in self._cancelled:
                raise TaskCancelled
            now = time.monotonic()
            if done >= total or now - last.get(stage, 0.0) >= REPORT_SECONDS:
                last[stage] = now
                self._send(TaskReply(number, "progress", (stage, int(done), int(total))))

        return report

    # Tasks. Each takes a function that is told of progress, and plain arguments.

    def task_load(self, progress: Callable[[str, int, int], None]) -> dict[str, Any]:
        """Load the backbone, fetching its weights where they are not here."""
        backbone = self._loaded(progress).backbone
        unknown = getattr(backbone, "unknown_labels", None)
        return {
            "name": backbone.info.name,
            "note": backbone.note,
            "digest": backbone.info.digest,
            "tells": unknown is not None,
        }

    def task_open(self, progress: Callable[[str, int, int], None], path: Path) -> Clip:
        """Open a media file."""
        return media.open_clip(path)

    def task_answer(
        self,
        progress: Callable[[str, int, int], None],
        clip: Clip,
        labels: list[str],
        settings: Settings,
        stored_only: bool,
    ) -> Answered | None:
        """When each label is heard, seen or both; None where that needs decoding and ``stored_only`` is set."""
        detector = self._loaded(progress)
        source = self._source(clip, settings, progress)
        if stored_only and not source.was_stored:
            return None
        detection = detector.answer(source, labels, settings)
        self._remember(clip, settings, source)
        return Answered(detection, self._digest(clip))

    def task_scores(
        self, progress: Callable[[str, int, int], None], clip: Clip, labels: list[str], settings: Settings
    ) -> bytes:
        """The scores of the segments, packed for the page."""
        detector = self._loaded(progress)
        source = self._source(clip, settings, progress)
        checked = checked_labels(labels, media.Limits().labels)
        return SegmentScores.of(source.features, detector.vocabulary(checked, settings)).packed()

    def task_peaks(self, progress: Callable[[str, int, int], None], clip: Clip) -> bytes:
        """The outline of the sound."""
        return media.sound_peaks(clip).tobytes()

    def task_playable(self, progress: Callable[[str, int, int], None], clip: Clip, path: Path) -> str:
        """A file that browsers play."""
        return media.write_playable(clip, path, progress)

    def task_search(
        self, progress: Callable[[str, int, int], None], paths: list[str], labels: list[str], settings: Settings
    ) -> Found:
        """Events of the labels in those of the videos that were seen before, the highest confidence first."""
        detector = self._loaded(progress)
        if detector.store is None:
            return Found((), 0)
        library, wanted = Library(detector.store, detector, settings), set(paths)
        answer = library.search(labels, top=MOST_HITS, settings=settings)
        events = tuple((hit.path, hit.event) for hit in answer.hits if hit.path in wanted)
        return Found(events, len(wanted & {video.path for video in library.videos()}))

    def task_cut(self, progress: Callable[[str, int, int], None], detection: Detection, folder: Path) -> list[Path]:
        """A clip of each event, in a folder."""
        clip, wanted = detection.clip, media.moments(detection)
        files = []
        for number, moment in enumerate(wanted):
            progress("cutting", number, len(wanted))
            path = folder / (moment.name + media.cut_ending(clip))
            files.append(media.cut(clip, moment.start_seconds, moment.stop_seconds, path).path)
        return files

    def _loaded(self, progress: Callable[[str, int, int], None]) -> Detector:
        with self._loading:
            if self._detector is None:
                self._detector = Detector(self._backbone(progress), store=self._store())
            return self._detector

    def _backbone(self, progress: Callable[[str, int, int], None]) -> Backbone:
        options = self.options
        try:
            return load_backbone(
                options.backbone,
                device=options.device,
                precision=options.precision or "auto",
                weights=options.weights,
                progress=lambda name, done, total: progress(name, done, total),
            )
        except OSError as refusal:
            raise WeightsUnavailable(f"weights cannot be read or fetched ({refusal.strerror or refusal})") from refusal

    def _store(self) -> Store | None:
        return None if self.options.store is None else Store(self.options.store, must_keep=False)

    def _source(self, clip: Clip, settings: Settings, progress: Callable[[str, int, int], None]) -> FeatureSource:
        """The features of a clip: those in memory, else a new source, which reads the store."""
        key = _source_key(clip, settings)
        if key in self._sources:
            self._sources.move_to_end(key)
            return self._sources[key]
        assert self._detector is not None
        source = self._detector.source(clip, settings, progress)
        if source.was_stored:
            self._remember(clip, settings, source)
        return source

    def _remember(self, clip: Clip, settings: Settings, source: FeatureSource) -> None:
        # From here on it is as good as stored, also where there is no store.
        source.was_stored = True
        self._sources[_source_key(clip, settings)] = source
        while len(self._sources) > MOST_SOURCES:
            self._sources.popitem(last=False)

    def _digest(self, clip: Clip) -> str:
        detector = self._detector
        known = None if detector is None or detector.store is None else detector.store.known_digest(clip.identity)
        return known or clip.sha256


def _without_folder(words: str, arguments: dict[str, Any]) -> str:
    """A message with the name of the file that a task was about: where it lies is not the page's concern."""
    clip = arguments.get("clip") or getattr(arguments.get("detection"), "clip", None)
    path = arguments.get("path") or getattr(clip, "path", None)
    return words if path is None else words.replace(f"{Path(path).parent}{os.sep}", "")


def _source_key(clip: Clip, settings: Settings) -> tuple[Any, ...]:
    return clip.path, clip.identity, tuple(sorted((name, str(value)) for name, value in sampling_of(settings).items()))


def main(pipe: Connection, options: ModelChoice) -> None:
    """The process."""
    # Ctrl-C reaches every process of a terminal; the server says when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    TaskRunner(pipe, options).run()
