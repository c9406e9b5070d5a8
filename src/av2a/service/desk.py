"""What the page asks for, done: videos, answers, scores, corrections, exports, search; the routes are thin over it."""

import asyncio
import hashlib
import json
import os
import tempfile
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from av2a import __version__, atomic, exports
from av2a.background import BACKGROUND
from av2a.detector import chosen_settings
from av2a.errors import Av2aError, InvalidSetting, UsageError
from av2a.features.extract import sampling_of
from av2a.labels import checked_labels
from av2a.media import PEAKS_A_SECOND, Limits
from av2a.service.answers import command_line, plain_answer
from av2a.service.catalogue import Video, VideoCatalogue, safe_name
from av2a.service.corrections import CorrectionFiles, corrected_detection
from av2a.service.downloads import add_clips, archived, exported
from av2a.service.events import Broadcast
from av2a.service.jobs import JobQueue, PageJob
from av2a.service.models import ModelLoading
from av2a.service.processes import WorkerProcess, WorkFailed
from av2a.service.scores import STREAMS
from av2a.service.worker import Answered, Found, ModelChoice
from av2a.settings import Settings
from av2a.types import Clip, Detection
from av2a.world import NAMES, demo_scene, write_clip

MOST_ANSWERS = 32
"""Answers that are remembered for export; an older one is computed again from the store."""
MOST_SCORES = 8
MOST_LISTS = 20
"""Lists of labels that are offered again."""
BUILT_IN = "mini"


class Gone(Av2aError):
    """An id of something that is not there, or not any more."""

    code = "E_GONE"


class UploadRefused(Av2aError):
    """A file that is too large, or for which there is no room."""

    code = "E_UPLOAD"


@dataclass(frozen=True)
class DeskOptions:
    """What the server is started with."""

    home: Path
    folder: Path | None = None
    worker: ModelChoice = field(default_factory=lambda: ModelChoice(BUILT_IN))
    largest_upload_bytes: int = 20 * 10**9
    demo: bool = False
    command: str = "av2a"


@dataclass(frozen=True)
class Remembered:
    """An answer, for which video it is, and what its scores depend on."""

    video: str
    detection: Detection
    sha256: str
    scores: str


class Desk:
    """Everything behind the routes. All methods are called from the event loop's thread."""

    def __init__(self, options: DeskOptions) -> None:
        self.options = options
        options.home.mkdir(parents=True, exist_ok=True)
        self.catalogue = VideoCatalogue(options.home, options.folder)
        self.corrections = CorrectionFiles(options.home / "corrections")
        self.worker = WorkerProcess(options.worker)
        self.events = Broadcast(self.state)
        self.queue = JobQueue(self._work, self._changed, lambda job: self.events.send("job", job.as_dict()))
        self.models = ModelLoading(self.worker, lambda state: self.events.send("backbone", state))
        self._answers: OrderedDict[str, Remembered] = OrderedDict()
        self._scores: OrderedDict[str, bytes] = OrderedDict()

    # Beginning and end.

    async def start(self) -> None:
        """Take up what was interrupted, and load the models if they are here."""
        self.queue.start()
        for video in self.catalogue:
            if video.state in ("waiting", "working"):
                video.state = "new"
                self.queue.add(video)
        if self.options.demo:
            await self.add_demo()
        await self.models.begin()

    async def stop(self) -> None:
        """End everything; nothing is left running."""
        self.events.close()
        await self.queue.stop()
        self.models.stop()
        self.worker.end()

    # What there is.

    def state(self) -> dict[str, Any]:
        """Everything that a page shows before a video is opened."""
        return {
            "version": __version__,
            "videos": [video.as_dict() for video in self.catalogue],
            "jobs": [job.as_dict() for job in (*self.queue.waiting, self.queue.running) if job is not None],
            "backbone": self.models.state,
            "folder": None if self.options.folder is None else self.options.folder.name or str(self.options.folder),
            "formats": self.formats(),
            "lists": self._lists(),
            "suggestions": list(NAMES if self.models.state["name"] == BUILT_IN else BACKGROUND),
            "largest_upload_bytes": self.options.largest_upload_bytes,
            "peaks_a_second": PEAKS_A_SECOND,
            "demo": self._demo_id() if self.options.demo else None,
            "settings": Settings().as_dict() | {"background": None},
        }

    @staticmethod
    def formats() -> list[dict[str, Any]]:
        """The endings of the exporters that can be used here."""
        names = {ending: name for name, ending in exports.format_names().items()}
        return [
            {"ending": ending, "name": names.get(ending, ""), "several": ending in exports.SEVERAL}
            for ending in exports.usable()
        ]

    def _demo_id(self) -> str | None:
        return next((video.id for video in self.catalogue if video.origin == "demo"), None)

    def video(self, number: str) -> Video:
        """The video with this id.

        Raises:
            Gone: there is none, or its file is gone.
        """
        video = self.catalogue.get(number)
        if video is None:
            raise Gone("this video is not there any more: it was moved or removed")
        return video

    async def refresh(self) -> None:
        """Look into the folder again."""
        if self.catalogue.refresh():
            self.events.send("state", self.state())

    def _changed(self, video: Video) -> None:
        self._keep()
        self.events.send("video", video.as_dict())

    def _keep(self) -> None:
        try:
            self.catalogue.keep()
        except OSError as refusal:
            self.events.send("note", f"the list of videos cannot be saved ({refusal.strerror}): make room on the disk")

    def load(self, name: str) -> None:
        """Load a backbone, fetching its weights where they are not here; the page is told how far it is."""
        if name != self.worker.options.backbone:
            self._answers.clear()
            self._scores.clear()
        self.models.load(name)

    # Videos.

    async def add_demo(self) -> Video:
        """The demo scene, rendered if need be, with its answer."""
        path = await asyncio.to_thread(rendered_demo, self.options.home)
        video = self.catalogue.add_file(path, "demo")
        video.labels = video.labels or list(NAMES)
        if video.state != "done":
            self.queue.add(video)
        self._changed(video)
        return video

    async def receive(self, name: str, length: int | None, chunks: AsyncIterator[bytes]) -> Video:
        """A dropped file, written to disk as it comes.

        Raises:
            UploadRefused: it is too large, or the disk is full.
            WorkFailed: it is no media file.
        """
        limit = self.options.largest_upload_bytes
        if length is not None and length > limit:
            raise UploadRefused(_too_large(limit))
        folder = self.catalogue.uploads / hashlib.sha256(f"{name}{time.time_ns()}".encode()).hexdigest()[:16]
        path = folder / safe_name(name)
        try:
            folder.mkdir(parents=True)
            with atomic.whole_file(path, durable=False) as partial, partial.open("wb") as file:
                await _written(file, chunks, limit)
            clip = await self.worker.call("open", path=path)
        except BaseException as refusal:
            with suppress(OSError):
                path.unlink(missing_ok=True)
                folder.rmdir()
            if isinstance(refusal, OSError):
                raise UploadRefused(
                    f"the disk refused the file ({refusal.strerror}): make room, then drop it again"
                ) from refusal
            raise
        video = self.catalogue.add_file(path, "upload")
        self._opened(video, clip)
        self.events.send("video", video.as_dict())
        return video

    async def remove(self, video: Video) -> None:
        """Cancel what a dropped file waits for, and remove it. A file of the user's folder is left alone."""
        if video.origin != "upload":
            raise UsageError("only files that were dropped here are removed: this one is in your folder")
        await self.queue.cancel(video)
        self.catalogue.remove(video)
        self.events.send("removed", video.id)

    async def clip(self, video: Video) -> Clip:
        """The video, opened once."""
        if video.clip is None:
            self._opened(video, await self.worker.call("open", path=video.path))
        assert video.clip is not None
        return video.clip

    def _opened(self, video: Video, clip: Clip) -> None:
        video.clip, video.duration_seconds = clip, clip.duration_seconds
        video.has_video, video.has_audio = clip.video is not None, clip.audio is not None

    async def peaks(self, video: Video) -> bytes:
        """The outline of the sound, computed once."""
        clip = await self.clip(video)
        path = self.options.home / "peaks" / f"{video.id}-{video.size_bytes}.bin"
        if not path.is_file():
            content = await self._patiently("peaks", clip=clip)
            path.parent.mkdir(exist_ok=True)
            atomic.write_bytes(path, content, durable=False)
            return bytes(content)
        return path.read_bytes()

    async def make_playable(self, video: Video) -> str:
        """A copy that browsers play, made once; how it was made."""
        clip, path = await self.clip(video), self.catalogue.playable_path(video)
        if path.is_file():
            return "stored"
        path.parent.mkdir(exist_ok=True)

        def report(stage: str, done: int, total: int) -> None:
            self.events.send("playable", {"video": video.id, "done": done, "total": total})

        return str(await self.worker.call("playable", report, clip=clip, path=path))

    # Answers.

    def settings_of(self, plain: Any) -> Settings:
        """Settings from a request.

        Raises:
            UsageError: they are invalid.
        """
        if plain is not None and not isinstance(plain, dict):
            raise InvalidSetting("settings must be a mapping of names to values")
        return chosen_settings(plain or {}, self.models.state["name"])

    async def answer(self, video: Video, labels: Iterable[str], plain_settings: Any) -> dict[str, Any] | None:
        """The answer from what is stored; None where the video must be decoded first, and then it is queued.

        Raises:
            UsageError: invalid labels or settings.
            WorkFailed: the worker refused.
        """
        settings = self.settings_of(plain_settings)
        checked = list(checked_labels(labels, Limits().labels))
        self._remember_list(checked)
        video.labels, video.settings = checked, dict(plain_settings or {})
        answered = None
        self.models.require()
        # While models are loading the video waits for its turn, and the page stays free.
        if self.queue.of(video) is None and self.models.are_ready:
            clip = await self.clip(video)
            answered = await self._patiently("answer", clip=clip, labels=checked, settings=settings, stored_only=True)
        if answered is None:
            self.queue.add(video)
            self._changed(video)
            return None
        video.state = "done"
        return self._told(video, answered)

    async def scores(self, video: Video, labels: Sequence[str], plain_settings: Any) -> bytes:
        """The scores that a video's answer is made of, packed."""
        settings, clip = self.settings_of(plain_settings), await self.clip(video)
        key = self._scores_key(video, labels, settings)
        if key not in self._scores:
            self._scores[key] = await self._patiently("scores", clip=clip, labels=list(labels), settings=settings)
            while len(self._scores) > MOST_SCORES:
                self._scores.popitem(last=False)
        return self._scores[key]

    async def search(self, labels: Iterable[str], plain_settings: Any) -> dict[str, Any]:
        """Events of new labels in every video that was seen before."""
        settings = self.settings_of(plain_settings)
        checked = list(checked_labels(labels, Limits().labels))
        self.models.require()
        videos = [video for video in self.catalogue if video.state == "done" and self.catalogue.get(video.id)]
        by_path = {str(video.path.absolute()): video for video in videos}
        found: Found = await self._patiently("search", paths=list(by_path), labels=checked, settings=settings)
        hits = [
            {
                "video": by_path[path].id,
                "name": by_path[path].name,
                "label": event.label,
                "modality": event.modality.value,
                "start": event.start_seconds,
                "stop": event.stop_seconds,
                "confidence": event.confidence,
            }
            for path, event in found.events
        ]
        return {"labels": checked, "searched": found.searched, "hits": hits}

    async def _work(self, job: PageJob) -> None:
        """One job: the video is decoded, embedded and answered."""
        video = job.video
        self.models.require()
        clip = await self.clip(video)
        settings = self.settings_of(video.settings)

        def report(stage: str, done: int, total: int) -> None:
            self.queue.progress(job, stage, done, total)

        arguments = {"clip": clip, "labels": list(video.labels), "settings": settings, "stored_only": False}
        answered = await self.worker.call("answer", report, **arguments)
        self._told(video, answered)

    async def _patiently(self, task: str, **arguments: Any) -> Any:
        """A quick task; when the process was ended for another one's sake, it is asked again, once."""
        try:
            return await self.worker.call(task, **arguments)
        except WorkFailed as refusal:
            if refusal.failure.code != "E_WORKER":
                raise
            return await self.worker.call(task, **arguments)

    def _told(self, video: Video, answered: Answered) -> dict[str, Any]:
        """Remember an answer, and give it as the page has it."""
        detection = answered.detection
        video.sha256 = answered.sha256
        counts = {label: [0, 0, 0] for label in detection.labels}
        for event in detection.events:
            counts[event.label][STREAMS.index(event.modality)] += 1
        video.found = {label: count for label, count in counts.items() if any(count)}
        self._changed(video)
        settings = detection.settings
        key = _digest([video.id, video.size_bytes, detection.labels, settings.as_dict(), detection.backbone.digest])
        scores = self._scores_key(video, detection.labels, settings)
        self._answers[key] = Remembered(video.id, detection, answered.sha256, scores)
        while len(self._answers) > MOST_ANSWERS:
            self._answers.popitem(last=False)
        return {
            "answer": key,
            "scores": scores,
            "video": video.id,
            "sha256": answered.sha256,
            **plain_answer(detection),
        } | {
            "command": command_line(detection, video.name, self.options.command),
        }

    def _scores_key(self, video: Video, labels: Sequence[str], settings: Settings) -> str:
        made_by = [settings.background, settings.synonym_similarity, settings.unit_labels, sampling_of(settings)]
        return _digest([video.id, video.size_bytes, list(labels), made_by, self.models.state.get("digest")])

    def remembered(self, key: str) -> Remembered:
        """An answer by its key.

        Raises:
            Gone: it is not remembered any more.
        """
        if key not in self._answers:
            raise Gone("this answer is not remembered any more: it is computed again")
        self._answers.move_to_end(key)
        return self._answers[key]

    # Lists of labels.

    def _lists(self) -> list[list[str]]:
        try:
            lists = json.loads((self.options.home / "labels.json").read_bytes())
        except (OSError, ValueError):
            return []
        return [each for each in lists if isinstance(each, list) and all(isinstance(label, str) for label in each)]

    def _remember_list(self, labels: list[str]) -> None:
        lists = self._lists()
        if lists[:1] == [labels]:
            return
        lists = [labels, *(each for each in lists if each != labels)][:MOST_LISTS]
        with suppress(OSError):
            atomic.write_bytes(self.options.home / "labels.json", json.dumps(lists).encode(), durable=False)
        self.events.send("lists", lists)

    # What is taken along.

    async def export(self, key: str, ending: str, *, with_corrections: bool) -> tuple[str, bytes]:
        """An answer as a file: its name and content.

        Raises:
            Gone, UsageError, OutputRefused, MissingDependency.
        """
        known = self.remembered(key)
        detection = self._corrected(known) if with_corrections else known.detection
        stem = Path(detection.clip.name).stem
        return f"{stem}{ending}", await asyncio.to_thread(exported, [detection], ending, stem)

    async def moments(self, key: str, *, with_corrections: bool) -> tuple[str, Path]:
        """Clips of the events of an answer, in an archive: its name, and a file that the caller removes.

        Raises:
            Gone: the answer is not remembered.
            UsageError: it has no events.
            WorkFailed: the file cannot be cut.
        """
        known = self.remembered(key)
        detection = self._corrected(known) if with_corrections else known.detection
        return f"{Path(detection.clip.name).stem} moments.zip", await self._cut([detection])

    async def moments_all(self, videos: Iterable[str], *, with_corrections: bool) -> tuple[str, Path]:
        """Clips of the events of several videos, a folder each; of all that were seen where none is named.

        Raises:
            UsageError: there are no events.
            WorkFailed: a file cannot be cut.
        """
        return "moments.zip", await self._cut(await self._seen(videos, with_corrections))

    async def _cut(self, detections: Sequence[Detection]) -> Path:
        wanted = [detection for detection in detections if detection.events]
        if not wanted:
            raise UsageError("there are no events to cut")
        handle, name = tempfile.mkstemp(prefix="av2a-", suffix=".zip")
        os.close(handle)
        archive = Path(name)
        try:
            for number, detection in enumerate(wanted):
                # One video at a time: the clips of all would fill the disk twice.
                with tempfile.TemporaryDirectory(prefix="av2a-") as folder:
                    files: list[Path] = await self.worker.call("cut", detection=detection, folder=Path(folder))
                    within = f"{number + 1:03d} {Path(detection.clip.name).stem}" if len(detections) > 1 else ""
                    await asyncio.to_thread(add_clips, archive, files, within)
        except BaseException:
            archive.unlink(missing_ok=True)
            raise
        return archive

    async def export_all(self, ending: str, videos: Iterable[str], *, with_corrections: bool) -> tuple[str, bytes]:
        """The answers for several videos, in one file where the format holds several, else in an archive.

        Args:
            ending: of an export format.
            videos: the ids of those wanted; all that were seen where none is named.
            with_corrections: whether what a person changed is in them.
        """
        detections = await self._seen(videos, with_corrections)
        if ending in exports.SEVERAL:
            return f"all{ending}", await asyncio.to_thread(exported, detections, ending, "all")
        return "all.zip", await asyncio.to_thread(archived, detections, ending)

    async def _seen(self, videos: Iterable[str], with_corrections: bool) -> list[Detection]:
        """The answers for these videos from what is stored; for all that were seen where none is named."""
        self.models.require()
        wanted = [self.video(number) for number in videos] or list(self.catalogue)
        detections = []
        for video in wanted:
            if video.state == "done" and video.labels and self.catalogue.get(video.id):
                arguments = {"labels": video.labels, "settings": self.settings_of(video.settings), "stored_only": True}
                answered = await self._patiently("answer", clip=await self.clip(video), **arguments)
                if answered is not None:
                    known = Remembered(video.id, answered.detection, answered.sha256, "")
                    detections.append(self._corrected(known) if with_corrections else known.detection)
        if not detections:
            raise UsageError("no video was seen yet: open one first")
        return detections

    def _corrected(self, known: Remembered) -> Detection:
        return corrected_detection(known.detection, self.corrections.read(known.sha256).operations)


def rendered_demo(home: Path) -> Path:
    """The demo scene's file, rendered if need be.

    Raises:
        OutputRefused: it cannot be written.
    """
    path = home / "demo" / "demo.mp4"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_clip(demo_scene(), path, overwrite=True)
    return path


async def _written(file: Any, chunks: AsyncIterator[bytes], limit: int) -> None:
    """Write what comes, in pieces of a megabyte; the server's loop never waits for the disk."""
    total, pending = 0, bytearray()
    async for chunk in chunks:
        total += len(chunk)
        if total > limit:
            raise UploadRefused(_too_large(limit))
        pending += chunk
        if len(pending) >= 1 << 20:
            await asyncio.to_thread(file.write, bytes(pending))
            pending.clear()
    await asyncio.to_thread(file.write, bytes(pending))


def _too_large(limit: int) -> str:
    return f"the file has more than {limit / 1e9:g} GB: put it into the folder of av2a serve, or raise --largest-upload"


def _digest(plain: Any) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=list).encode()).hexdigest()[:24]
