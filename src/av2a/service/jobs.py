"""Videos that wait to be decoded and embedded: one at a time, in their order; what was waiting is there again after a crash."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from av2a.errors import Av2aError
from av2a.service.catalogue import Video

MOST_WAITING = 200


class TooMany(Av2aError):
    """The queue is full."""

    code = "E_BUSY"


@dataclass
class PageJob:
    """One video's turn."""

    video: Video
    stage: str = "waiting"
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)
    _stage_began: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """What the page is told."""
        return {
            "video": self.video.id,
            "stage": self.stage,
            "done": self.done,
            "total": self.total,
            "seconds_left": self.seconds_left,
        }

    def report(self, stage: str, done: int, total: int) -> None:
        """Note how far it is; the time left is that of this stage, from its own speed."""
        now = time.monotonic()
        if stage != self.stage:
            self._stage_began = now
        self.stage, self.done, self.total = stage, done, total
        share = done / total if total else 0.0
        elapsed = now - self._stage_began
        self.seconds_left = round(elapsed * (1 - share) / share, 1) if share > 0.02 and elapsed > 0.5 else None


class JobQueue:
    """Runs jobs one after the other.

    Args:
        work: does one job; it raises an :class:`Av2aError` whose message is for the user.
        changed: called with a video whose state changed.
        progressed: called with a job that got on.
    """

    def __init__(
        self,
        work: Callable[[PageJob], Awaitable[None]],
        changed: Callable[[Video], None],
        progressed: Callable[[PageJob], None],
    ) -> None:
        self._work, self._changed, self._progressed = work, changed, progressed
        self.waiting: list[PageJob] = []
        self.running: PageJob | None = None
        self._wake = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work."""
        self._runner = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Stop; what is running stays "working" in the list, and so begins again with the next server."""
        for task in (self._runner, None if self.running is None else self.running.task):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def of(self, video: Video) -> PageJob | None:
        """The job of a video; None when it has none."""
        jobs = [*self.waiting, *([self.running] if self.running else [])]
        return next((job for job in jobs if job.video is video), None)

    def add(self, video: Video) -> PageJob:
        """Queue a video; one that is queued or running keeps its turn.

        Raises:
            TooMany: the queue is full.
        """
        if (job := self.of(video)) is not None:
            return job
        if len(self.waiting) >= MOST_WAITING:
            raise TooMany(f"{MOST_WAITING} videos are waiting: add more when some are done")
        job = PageJob(video)
        self.waiting.append(job)
        video.message, video.state = "", "waiting"
        self._changed(video)
        self._wake.set()
        return job

    async def cancel(self, video: Video) -> bool:
        """Take a video's job back; whether it had one. What was running has ended when this returns."""
        job = self.of(video)
        if job is None:
            return False
        self.waiting = [each for each in self.waiting if each.video is not video]
        video.state = "cancelled"
        self._changed(video)
        if self.running is not None and self.running.video is video and self.running.task is not None:
            task = self.running.task
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        return True

    async def _run(self) -> None:
        while True:
            while not self.waiting:
                self._wake.clear()
                await self._wake.wait()
            job = self.running = self.waiting.pop(0)
            job.video.state = "working"
            self._changed(job.video)
            job.task = asyncio.get_running_loop().create_task(self._worked(job))
            await asyncio.wait([job.task])
            self.running = None
            self._changed(job.video)

    async def _worked(self, job: PageJob) -> None:
        video = job.video
        try:
            await self._work(job)
        except Av2aError as refusal:
            video.state, video.message = "failed", str(refusal)
        except OSError as refusal:
            video.state, video.message = "failed", f"the disk refused ({refusal.strerror}): make room, then try again"
        else:
            video.state = "done"

    def progress(self, job: PageJob, stage: str, done: int, total: int) -> None:
        """Note and tell how far a job is."""
        job.report(stage, done, total)
        self._progressed(job)
