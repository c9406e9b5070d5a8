"""What the page asks for, done: videos, answers, scores, corrections, exports, search; the routes are thin over it."""

import asyncio
import hashlib
import io
import json
import tempfile
import time
import zipfile
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote
from typing import Any

from av2a import __version__, atomic, exports
from av2a.backbones.checkpoints import BACKBONES, chosen_checkpoints
from av2a.backbones.registry import check_available
from av2a.backbones.weights import Sources, search
from av2a.background import BACKGROUND
from av2a.detector import chosen_settings
from av2a.errors import Av2aError, InvalidSetting, UsageError, WeightsUnavailable
from av2a.features.extract import sampling_of
from av2a.figures.rows import closest_words, sentence
from av2a.labels import checked_labels
from av2a.media import PEAKS_A_SECOND, Limits
from av2a.service.catalogue import Video, VideoCatalogue, safe_name
from av2a.service.corrections import CorrectionFiles, corrected_detection
from av2a.service.events import Broadcast
from av2a.service.jobs import JobQueue, PageJob
from av2a.service.processes import WorkerProcess, WorkFailed
from av2a.service.scores import STREAMS, moves_in_page
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
        self.backbone: dict[str, Any] = {
            "name": options.worker.backbone,
            "state": "loading",
            "message": "",
            "note": None,
        }
        self._answers: OrderedDict[str, Remembered] = OrderedDict()
        self._scores: OrderedDict[str, bytes] = OrderedDict()
        self._loading: asyncio.Task[None] | None = None

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
        if await asyncio.to_thread(self._is_here, self.backbone["name"]):
            self.load(self.backbone["name"])
        else:
            await self._say_missing()

    async def stop(self) -> None:
        """End everything; nothing is left running."""
        self.events.close()
        await self.queue.stop()
        if self._loading is not None:
            self._loading.cancel()
        self.worker.end()

    # What there is.

    def state(self) -> dict[str, Any]:
        """Everything that a page shows before a video is opened."""
        return {
            "version": __version__,
            "videos": [video.as_dict() for video in self.catalogue],
            "jobs": [job.as_dict() for job in (*self.queue.waiting, self.queue.running) if job is not None],
            "backbone": self.backbone,
            "folder": None if self.options.folder is None else self.options.folder.name or str(self.options.folder),
            "formats": self.formats(),
            "lists": self._lists(),
            "suggestions": list(NAMES if self.backbone["name"] == BUILT_IN else BACKGROUND),
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

    # Models.

    def load(self, name: str) -> None:
        """Load a backbone, fetching its weights where they are not here; the page is told how far it is."""
        if self._loading is not None:
            self._loading.cancel()
        if name != self.worker.options.backbone:
            self.worker.restart_with(replace(self.worker.options, backbone=name))
            self._answers.clear()
            self._scores.clear()
        self._loading = asyncio.get_running_loop().create_task(self._load(name))

    async def _load(self, name: str) -> None:
        self._say_backbone(name=name, state="loading", message="", note=None, done=0, total=0)

        def report(stage: str, done: int, total: int) -> None:
            self._say_backbone(message=stage, done=done, total=total)

        try:
            loaded = await self.worker.call("load", report)
        except WorkFailed as refusal:
            self._say_backbone(state="missing", message=str(refusal))
        else:
            self._say_backbone(state="ready", message="", **loaded)

    def _is_here(self, name: str) -> bool:
        """Whether a backbone can be loaded without a download."""
        try:
            if name not in BACKBONES and "+" not in name:
                return True
            sources = Sources.chosen(self.options.worker.weights)
            return all(search(each, sources).found is not None for each in chosen_checkpoints(name, None, None))
        except Av2aError:
            return False

    async def _say_missing(self) -> None:
        """Whether the models can be fetched, and from where they can be had otherwise."""
        name = self.backbone["name"]
        size = sum(part.megabytes for part in BACKBONES.get(name, ()))
        try:
            await asyncio.to_thread(check_available, name, weights=self.options.worker.weights)
        except Av2aError as refusal:
            self._say_backbone(state="missing", message=str(refusal), can_fetch=False, megabytes=size)
        else:
            words = f"the models of {name} are not on this machine"
            self._say_backbone(state="missing", message=words, can_fetch=True, megabytes=size)

    def _require_models(self) -> None:
        """Nothing is downloaded that was not asked for.

        Raises:
            WeightsUnavailable: the models are missing.
        """
        if self.backbone["state"] == "missing":
            raise WeightsUnavailable(f"{self.backbone['message']}: get them, or look at the demo scene")

    def _say_backbone(self, **changes: Any) -> None:
        self.backbone = self.backbone | changes
        self.events.send("backbone", self.backbone)

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
        return chosen_settings(plain or {}, self.backbone["name"])

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
        self._require_models()
        # While models are loading the video waits for its turn, and the page stays free.
        if self.queue.of(video) is None and self.backbone["state"] == "ready":
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
        self._require_models()
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
        self._require_models()
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
            "command": self.command_line(video, detection),
        }

    def _scores_key(self, video: Video, labels: Sequence[str], settings: Settings) -> str:
        made_by = [settings.background, settings.synonym_similarity, settings.unit_labels, sampling_of(settings)]
        return _digest([video.id, video.size_bytes, list(labels), made_by, self.backbone.get("digest")])

    def remembered(self, key: str) -> Remembered:
        """An answer by its key.

        Raises:
            Gone: it is not remembered any more.
        """
        if key not in self._answers:
            raise Gone("this answer is not remembered any more: it is computed again")
        self._answers.move_to_end(key)
        return self._answers[key]

    def command_line(self, video: Video, detection: Detection) -> str:
        """The command that gives the same answer."""
        words = [self.options.command, "detect", quote(video.name)]
        words += ["--backbone", quote(detection.backbone.name)]
        for label in detection.labels:
            words += ["--event", quote(label)]
        for name, value in _changes(detection.settings).items():
            words += ["--set", quote(f"{name}={_toml(value)}")]
        return " ".join(words)

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

    # What is taken along.

    async def export(self, key: str, ending: str, *, with_corrections: bool) -> tuple[str, bytes]:
        """An answer as a file: its name and content.

        Raises:
            Gone, UsageError, OutputRefused, MissingDependency.
        """
        known = self.remembered(key)
        detection = self._corrected(known) if with_corrections else known.detection
        stem = Path(detection.clip.name).stem
        return f"{stem}{ending}", await asyncio.to_thread(_exported, [detection], ending, stem)

    async def moments(self, key: str, *, with_corrections: bool) -> tuple[str, bytes]:
        """Clips of the events of an answer, in an archive: its name and content.

        Raises:
            Gone: the answer is not remembered.
            UsageError: it has no events.
            WorkFailed: the file cannot be cut.
        """
        known = self.remembered(key)
        detection = self._corrected(known) if with_corrections else known.detection
        if not detection.events:
            raise UsageError("there are no events to cut")
        with tempfile.TemporaryDirectory(prefix="av2a-") as folder:
            files: list[Path] = await self.worker.call("cut", detection=detection, folder=Path(folder))
            content = await asyncio.to_thread(_packed, files)
        return f"{Path(detection.clip.name).stem} moments.zip", content

    async def export_all(self, ending: str, *, with_corrections: bool) -> tuple[str, bytes]:
        """The answers for all videos that were seen, in one file where the format holds several, else in an archive."""
        detections = []
        self._require_models()
        for video in list(self.catalogue):
            if video.state == "done" and video.labels and self.catalogue.get(video.id):
                arguments = {"labels": video.labels, "settings": self.settings_of(video.settings), "stored_only": True}
                answered = await self._patiently("answer", clip=await self.clip(video), **arguments)
                if answered is not None:
                    known = Remembered(video.id, answered.detection, answered.sha256, "")
                    detections.append(self._corrected(known) if with_corrections else known.detection)
        if not detections:
            raise UsageError("no video was seen yet: open one first")
        if ending in exports.SEVERAL:
            return f"all{ending}", await asyncio.to_thread(_exported, detections, ending, "all")
        return "all.zip", await asyncio.to_thread(_archived, detections, ending)

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


def plain_answer(detection: Detection) -> dict[str, Any]:
    """An answer as the page has it: streams by their number (heard, seen, both), labels by theirs, times in seconds."""
    labels = {label: number for number, label in enumerate(detection.labels)}
    grid, settings = detection.grid, detection.settings
    closest = None if detection.events else closest_words(detection)
    traces = {trace.modality: trace for trace in detection.traces}
    return {
        "labels": list(detection.labels),
        "duration": grid.duration_seconds,
        "segments": grid.segments,
        "segment_seconds": grid.segment_seconds,
        "settings": settings.as_dict() | {"background": None},
        "moves": moves_in_page(settings),
        "events": [
            [
                labels[event.label],
                STREAMS.index(event.modality),
                event.start_seconds,
                event.stop_seconds,
                event.confidence,
            ]
            for event in detection.events
        ],
        "rejected": [
            [
                each.label,
                number,
                *grid.seconds(each.start, each.stop),
                score if score == score and abs(score) < 2 else None,
            ]
            for number, stream in enumerate(STREAMS)
            if stream in traces
            for each, score in traces[stream].rejected
        ],
        "derived": [
            [each.label, number, *grid.seconds(each.start, each.stop)]
            for number, stream in enumerate(STREAMS)
            if stream in traces
            for each in traces[stream].derived
        ],
        "closest": sentence(closest) + "." if closest else None,
        "warnings": list(dict.fromkeys(detection.warnings)),
        "caution": detection.caution,
        "unknown": [
            [labels[each.label], number]
            for each in detection.known
            for number, known_as in enumerate((each.heard_as, each.seen_as))
            if known_as is None
        ],
    }


def _changes(settings: Settings) -> dict[str, Any]:
    """What differs from the profile's own values."""
    own = chosen_settings({"profile": settings.profile}, "mini").as_dict()
    return {name: value for name, value in settings.as_dict().items() if value != own.get(name)}


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{json.dumps(name, ensure_ascii=False)} = {_toml(each)}" for name, each in value.items())
            + "}"
        )
    if isinstance(value, list | str | bool):
        return json.dumps(value, ensure_ascii=False)
    return "none" if value is None else repr(value)


def _exported(detections: Sequence[Detection], ending: str, stem: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="av2a-") as folder:
        path = Path(folder) / f"{stem}{ending}"
        if len(detections) > 1 or stem == "all":
            exports.write_several(detections, path, ending=ending)
        else:
            exports.write(detections[0], path, ending=ending)
        return path.read_bytes()


def _archived(detections: Sequence[Detection], ending: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="av2a-") as folder:
        archive = Path(folder) / "all.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as pack:
            for number, detection in enumerate(detections):
                stem = Path(detection.clip.name).stem
                pack.writestr(f"{number + 1:03d} {stem}{ending}", _exported([detection], ending, stem))
        return archive.read_bytes()


def _packed(files: Sequence[Path]) -> bytes:
    """Files in an archive; media do not get smaller."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as pack:
        for path in files:
            pack.write(path, path.name)
    return content.getvalue()


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
