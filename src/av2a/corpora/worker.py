"""``VideoWorker``: answers one video after the other and never raises; the same class runs under every engine."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from av2a import media
from av2a.corpora.addresses import fetched
from av2a.corpora.jobs import VideoJob, is_address
from av2a.detector import Detector
from av2a.errors import Av2aError, one_line
from av2a.exports.json import dumps
from av2a.features import Store
from av2a.settings import Settings
from av2a.types import BackboneInfo, Clip, Detection

UNEXPECTED = "E_UNEXPECTED"
DIED = "E_WORKER_DIED"
"""The process of the worker ended while it had this video."""
TOO_SLOW = "E_TIME_LIMIT"
TOO_MUCH_MEMORY = "E_MEMORY_LIMIT"
CRASHES = (DIED, TOO_SLOW, TOO_MUCH_MEMORY)
"""After these a video is tried once more, alone."""


@dataclass(frozen=True)
class VideoOutcome:
    """What became of one job: an answer, or why there is none."""

    key: str
    code: str | None = None
    """The code of the error; None for an answer."""
    error: str | None = None
    seconds: float = 0.0
    answer: bytes = b""
    """The answer as JSON."""
    properties: dict[str, Any] = field(default_factory=dict)
    """What the manifest and the table of videos say of a video."""
    warnings: tuple[str, ...] = ()

    @property
    def crashed(self) -> bool:
        """Whether its worker was lost with it."""
        return self.code in CRASHES


@dataclass(frozen=True)
class WorkerSetup:
    """Everything that a worker needs, as plain values that go to another process or machine."""

    labels: tuple[str, ...]
    settings: Settings
    backbone: str
    device: str = "auto"
    precision: str = "auto"
    weights: Path | None = None
    visual_model: str | None = None
    audio_model: str | None = None
    store: Path | None = None
    limits: media.Limits = field(default_factory=media.Limits)
    traces: bool = False
    """Whether answers have all scores and thresholds."""

    def worker(self) -> "VideoWorker":
        """A worker with its models loaded.

        Raises:
            Av2aError: the models are not available.
        """
        return VideoWorker(self)


class VideoWorker:
    """One backbone, loaded once, and the answers to any number of jobs."""

    def __init__(self, setup: WorkerSetup) -> None:
        from av2a.backbones.registry import load_backbone

        self.setup = setup
        self._said: list[str] = []
        # A store that cannot be written costs time later, and no answer now.
        store = None if setup.store is None else Store(setup.store, warn=self._said.append, must_keep=False)
        backbone = load_backbone(
            setup.backbone,
            device=setup.device,
            precision=setup.precision,
            weights=setup.weights,
            visual_model=setup.visual_model,
            audio_model=setup.audio_model,
        )
        self.detector = Detector(backbone, store=store)

    @property
    def info(self) -> BackboneInfo:
        """The models, for the fingerprint of the batch."""
        return self.detector.backbone.info

    def answer(self, job: VideoJob) -> VideoOutcome:
        """The answer to one job, or why there is none."""
        began = time.monotonic()
        self._said.clear()
        try:
            with self._opened(job) as clip:
                labels = job.labels or self.setup.labels
                detection = self.detector(clip, labels, self.setup.settings, limits=self.setup.limits)
                text = dumps(detection, traces=self.setup.traces)
        except Av2aError as refusal:
            return VideoOutcome(job.key, refusal.code, str(refusal), time.monotonic() - began)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other videos are answered
            words = f"unexpected {type(error).__name__} ({one_line(str(error), 200)})"
            return VideoOutcome(job.key, UNEXPECTED, words, time.monotonic() - began)
        return VideoOutcome(
            job.key,
            seconds=time.monotonic() - began,
            # A lone surrogate of a name that is not UTF-8 has no bytes of its own.
            answer=text.encode("utf-8", "backslashreplace"),
            properties=_properties(detection),
            warnings=tuple(dict.fromkeys([*detection.warnings, *self._said])),
        )

    @contextmanager
    def _opened(self, job: VideoJob) -> Iterator[Clip]:
        streams = {"video_stream": job.video_stream, "audio_stream": job.audio_stream}
        if is_address(job.path):
            with fetched(job.path, self.setup.limits.file_bytes) as copy:
                yield replace(media.open_clip(copy, limits=self.setup.limits, **streams), address=job.path)
        else:
            yield media.open_clip(Path(job.path), limits=self.setup.limits, **streams)


def _properties(detection: Detection) -> dict[str, Any]:
    clip = detection.clip
    return {
        "duration": round(clip.duration_seconds, 6),
        "sha256": clip.sha256,
        "size_bytes": clip.size_bytes,
        "container": clip.container,
        "video_codec": None if clip.video is None else clip.video.codec,
        "width": None if clip.video is None else clip.video.width,
        "height": None if clip.video is None else clip.video.height,
        "audio_codec": None if clip.audio is None else clip.audio.codec,
        "sample_rate_hz": None if clip.audio is None else clip.audio.sample_rate_hz,
        "events": len(detection.events),
    }
