"""Workers for tests that kill their process, hang, or do a real worker's job, by the name of the video."""

import os
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from av2a.corpora.jobs import VideoJob
from av2a.corpora.worker import VideoOutcome, VideoWorker, WorkerSetup
from av2a.errors import UsageError


@dataclass(frozen=True)
class PoisonSetup(WorkerSetup):
    """As :class:`WorkerSetup`, but some videos take their worker with them."""

    begun: Path | None = None
    """A file with a line for each job that a worker was given."""
    least_seconds: float = 0.0
    """How long a job takes at least."""
    needs_gpu: bool = False
    """Whether models load only where a GPU may be used; of Ray's nodes those that were given one."""

    def worker(self) -> "PoisonWorker":
        if self.needs_gpu and not os.environ.get("CUDA_VISIBLE_DEVICES"):
            raise UsageError("there is no GPU here: choose --device cpu")
        return PoisonWorker(self)


class PoisonWorker(VideoWorker):
    """Dies of ``poison``, hangs at ``hang``, and eats memory at ``glutton``."""

    setup: PoisonSetup

    def answer(self, job: VideoJob) -> VideoOutcome:
        name = Path(job.path).name
        if self.setup.begun is not None:
            with self.setup.begun.open("a") as stream:
                stream.write(f"{name}\n")
        if "poison" in name:
            os.kill(os.getpid(), signal.SIGKILL)
        if "hang" in name:
            time.sleep(3600)
        if "glutton" in name:
            eaten = bytearray(b"x") * 800_000_000
            time.sleep(3600 + len(eaten))
        time.sleep(self.setup.least_seconds)
        return super().answer(job)


class KilledWhileItFetches(WorkerSetup):
    """A worker that is killed while it has a temporary file, as one of a video at an address; or its parent, by the video's name."""

    def worker(self) -> "_KilledWhileItFetches":
        return _KilledWhileItFetches(self)


class _KilledWhileItFetches(VideoWorker):
    def answer(self, job: VideoJob) -> VideoOutcome:
        Path(tempfile.mkdtemp(), "clip.mp4").write_bytes(b"fetched")
        os.kill(os.getppid() if "parent" in job.path else os.getpid(), signal.SIGKILL)
        time.sleep(3600)
        return super().answer(job)
