"""A worker in a process of its own, so that a video that kills its process or hangs takes nothing else with it."""

import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from av2a import atomic
from av2a.corpora.jobs import VideoJob
from av2a.corpora.worker import DIED, TOO_MUCH_MEMORY, TOO_SLOW, UNEXPECTED, VideoOutcome
from av2a.errors import Av2aError, BrokenPlugin
from av2a.types import BackboneInfo

START_SECONDS = 900.0
"""A worker that has not loaded its models by then does not start."""
STARTS = 3
"""A process that is killed while it loads its models, as by the system for lack of memory, is started so often."""
TICK_SECONDS = 1.0
"""How often memory is looked at."""

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@runtime_checkable
class AnyWorker(Protocol):
    """What a setup makes: something that answers jobs."""

    @property
    def info(self) -> BackboneInfo:
        """The models."""
        ...

    def answer(self, job: VideoJob) -> VideoOutcome:
        """The answer to one job."""
        ...


@runtime_checkable
class AnySetup(Protocol):
    """What goes to the worker's process and makes the worker there."""

    def worker(self) -> AnyWorker:
        """A worker with its models loaded."""
        ...


@dataclass(frozen=True)
class WorkerLimits:
    """What a worker may take."""

    seconds: float = 3600.0
    """Of wall clock for one video."""
    memory_bytes: int | None = None
    """Resident memory of the worker's process, where the system says what that is."""
    videos: int = 500
    """After so many its process is replaced, against leaks."""
    threads: int = 1
    """Of the libraries that compute."""


class IsolatedWorker:
    """A process with a worker, and at most one job that it has."""

    def __init__(self, setup: AnySetup, limits: WorkerLimits) -> None:
        self.setup, self.limits = setup, limits
        self.job: VideoJob | None = None
        self.answered = self._starts = 0
        self._info: BackboneInfo | None = None
        self._start()

    def _start(self) -> None:
        self._starts += 1
        self._started = self._began = time.monotonic()
        # Never forked: libraries have threads of their own.
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        # For its temporary files, such as fetched videos: removed when it ends, also if it is killed.
        self._scratch = tempfile.TemporaryDirectory(prefix="av2a-worker-", ignore_cleanup_errors=True)
        arguments = (theirs, self.setup, self._scratch.name)
        self._process = context.Process(target=_serve, args=arguments, daemon=True, name="av2a worker")
        with _threads(self.limits.threads):
            self._process.start()
        theirs.close()

    @property
    def info(self) -> BackboneInfo:
        """The models, once they are loaded.

        Raises:
            Av2aError: they are not available, or the process ended before it had them.
        """
        while self._info is None:
            self._load(TICK_SECONDS)
        return self._info

    def _load(self, seconds: float) -> None:
        """Wait so long for the models; a process that is killed meanwhile is started again, with its job."""
        if not self.connection.poll(seconds):
            if time.monotonic() - self._started > START_SECONDS:
                self.close()
                raise BrokenPlugin(f"a worker did not load its models within {START_SECONDS:.0f} s")
            return
        try:
            loaded = self.connection.recv()
        except (EOFError, OSError) as ended:
            how, was_killed = self._end(), (self._process.exitcode or 0) < 0
            self.close()
            if not was_killed or self._starts == STARTS:
                raise BrokenPlugin(f"a worker {how} while it loaded its models") from ended
            self._start()
            if self.job is not None:
                self.begin(self.job)
            return
        if isinstance(loaded, Exception):
            raise loaded
        self._info = loaded

    @property
    def is_used_up(self) -> bool:
        """Whether its process is to be replaced."""
        return self.answered >= self.limits.videos

    def begin(self, job: VideoJob) -> None:
        """Give it a job, also while it loads its models; the job's time limit runs from now, or from their end."""
        self.job, self._began = job, time.monotonic()
        # A process that has ended is noticed when its answer is read.
        with suppress(OSError):
            self.connection.send(job)

    def outcome(self) -> VideoOutcome | None:
        """The answer to its job, or its end; None while it works. After an end the worker is closed.

        Raises:
            Av2aError: its models are not available, or the process ended before it had them.
        """
        assert self.job is not None
        if self._info is None:
            self._load(0.0)
            if self._info is None:
                return None
            self._began = time.monotonic()
        if self.connection.poll():
            try:
                found: VideoOutcome = self.connection.recv()
            except (EOFError, OSError):
                return self._lost(DIED, f"the worker {self._end()}: the file may be one that crashes a decoder")
            self.answered += 1
            self.job = None
            return found
        if (spent := time.monotonic() - self._began) > self.limits.seconds:
            return self._lost(TOO_SLOW, f"it took more than {self.limits.seconds:g} s: raise --time-limit", spent)
        used, allowed = _resident_bytes(self._process.pid), self.limits.memory_bytes
        if allowed is not None and used > allowed:
            return self._lost(TOO_MUCH_MEMORY, f"it took more than {allowed:,} bytes of memory: raise --memory-limit")
        return None

    def wait_seconds(self) -> float:
        """How long its answer may be waited for before it is to be looked at again."""
        if self._info is None:
            return TICK_SECONDS
        return min(TICK_SECONDS, max(0.0, self._began + self.limits.seconds - time.monotonic()) + 0.01)

    def answer(self, job: VideoJob) -> VideoOutcome:
        """The answer to one job, waited for."""
        self.begin(job)
        while (found := self.outcome()) is None:
            self.connection.poll(self.wait_seconds())
        return found

    def close(self) -> None:
        """End the process, whatever it does."""
        with suppress(OSError, ValueError):
            self._process.kill()
            self._process.join()
        self._scratch.cleanup()
        self.connection.close()

    def _lost(self, code: str, error: str, seconds: float | None = None) -> VideoOutcome:
        assert self.job is not None
        key, self.job = self.job.key, None
        self.close()
        return VideoOutcome(key, code, error, time.monotonic() - self._began if seconds is None else seconds)

    def _end(self) -> str:
        self._process.join(5)
        code = self._process.exitcode
        if code is not None and code < 0:
            return f"was killed by signal {-code} ({signal.strsignal(-code) or 'unknown'})"
        return f"ended with status {code}"


def _serve(connection: Connection, setup: AnySetup, scratch: str) -> None:
    """The worker's process: answers jobs until nobody sends any. Its temporary files are in ``scratch``."""
    # The parent ends it; Ctrl-C in a terminal reaches both.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tempfile.tempdir = scratch
    threading.Thread(target=end_with_parent, args=(scratch,), name="av2a parent", daemon=True).start()
    try:
        worker = setup.worker()
        connection.send(worker.info)
    except Exception as error:  # noqa: BLE001 - it is raised again in the parent
        with suppress(OSError):
            connection.send(error if isinstance(error, Av2aError) else BrokenPlugin(f"a worker cannot start: {error}"))
        return
    while True:
        try:
            job = connection.recv()
        except (EOFError, OSError):
            return
        try:
            outcome = worker.answer(job)
        except Exception as error:  # noqa: BLE001 - as above
            outcome = VideoOutcome(job.key, UNEXPECTED, str(error))
        connection.send(outcome)


def end_with_parent(scratch: str | None = None) -> None:
    """Wait for the parent's end, remove what this process has begun and its temporary files in ``scratch``, and end it."""
    parent: Any = multiprocessing.parent_process()
    parent.join()
    atomic.abandon()
    if scratch is not None:
        shutil.rmtree(scratch, ignore_errors=True)
    os._exit(1)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Within, a process that starts computes with so many threads, unless the user has said otherwise."""
    free = [name for name in THREAD_VARIABLES if name not in os.environ]
    os.environ.update(dict.fromkeys(free, str(count)))
    try:
        yield
    finally:
        for name in free:
            del os.environ[name]


def _resident_bytes(pid: int | None) -> int:
    """0 where the system does not say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
