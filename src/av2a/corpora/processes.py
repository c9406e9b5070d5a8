"""The engine for one machine: workers in processes, one video in flight each, replaced when they are lost."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait

from av2a.corpora.isolation import AnySetup, IsolatedWorker, WorkerLimits
from av2a.corpora.jobs import VideoJob
from av2a.corpora.worker import VideoOutcome
from av2a.types import BackboneInfo

Begun = Callable[[VideoJob], None]


@dataclass(eq=False)
class ProcessEngine:
    """Runs jobs in ``workers`` processes of this machine."""

    setup: AnySetup
    limits: WorkerLimits
    workers: int = 1

    def __post_init__(self) -> None:
        self._idle: list[IsolatedWorker] = []
        self._busy: list[IsolatedWorker] = []

    def prepare(self, videos: int) -> BackboneInfo:
        """Start the workers that so many videos need, which load their models side by side; the models of the first.

        Raises:
            Av2aError: they are not available.
        """
        for _ in range(max(1, min(self.workers, videos))):
            self._idle.append(IsolatedWorker(self.setup, self.limits))
        return self._idle[0].info

    def run(self, jobs: Iterable[VideoJob], begun: Begun, *, alone: bool = False) -> Iterator[VideoOutcome]:
        """The outcomes in the order in which they come; ``alone``: one job at a time, each in a fresh process."""
        waiting = iter(jobs)
        most = 1 if alone else self.workers
        if alone:
            self.close()
        try:
            more = True
            while more or self._busy:
                while more and len(self._busy) < most:
                    job = next(waiting, None)
                    more = job is not None
                    if job is not None:
                        worker = self._idle.pop() if self._idle else IsolatedWorker(self.setup, self.limits)
                        # It is listed first, so that whatever happens it is closed.
                        self._busy.append(worker)
                        begun(job)
                        worker.begin(job)
                yield from self._outcomes(alone)
        finally:
            self.close()

    def close(self) -> None:
        """End all workers."""
        for worker in (*self._busy, *self._idle):
            with suppress(OSError):
                worker.close()
        self._busy.clear()
        self._idle.clear()

    def _outcomes(self, alone: bool) -> Iterator[VideoOutcome]:
        if not self._busy:
            return
        wait([worker.connection for worker in self._busy], min(worker.wait_seconds() for worker in self._busy))
        for worker in list(self._busy):
            outcome = worker.outcome()
            if outcome is None:
                continue
            self._busy.remove(worker)
            if not outcome.crashed:
                if alone or worker.is_used_up:
                    worker.close()
                else:
                    self._idle.append(worker)
            yield outcome
