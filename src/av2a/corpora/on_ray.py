"""The engine for clusters: the same workers as actors of Ray Data, on one machine or many (Ray enters here only).

A video that kills its process kills a child of the actor, never the actor, so that Ray has nothing to retry. An actor that is lost with
its node is restarted, and its video done again; one that is lost with three actors has failed.
"""

import logging
import os
import pickle
import re
import socket
import threading
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from av2a.corpora.isolation import AnySetup, IsolatedWorker, WorkerLimits
from av2a.corpora.jobs import VideoJob
from av2a.corpora.processes import Begun
from av2a.corpora.worker import DIED, VideoOutcome
from av2a.errors import BrokenPlugin, MissingDependency, one_line
from av2a.installation import install_command
from av2a.types import BackboneInfo

MOST_BEGINNINGS = 3
"""How often a video may be begun: more mean that it takes its node with it."""
POLL_SECONDS = 0.5
CONNECT_SECONDS = 10.0
"""How long an address may take to answer."""


@dataclass(frozen=True)
class RayOptions:
    """Where Ray runs, and what it may take."""

    address: str | None = None
    """Of a running cluster, or ``auto``; None starts one on this machine."""
    workers: int = 1
    """The most actors at a time."""
    cpus: float = 1.0
    """Of each worker."""
    gpus: float = 0.0
    """Of each worker; fractions share a GPU."""
    object_store_bytes: int = 200_000_000
    """Of a cluster that is started here."""
    memory_bytes: int | None = None
    """That each worker reserves; also the limit of its child, where one is set."""


@dataclass(eq=False)
class RayEngine:
    """Runs jobs on a Ray cluster; the driver gets outcomes, and writes everything."""

    setup: AnySetup
    limits: WorkerLimits
    options: RayOptions = field(default_factory=RayOptions)
    _started: bool = False

    def prepare(self) -> BackboneInfo:
        """Load the models once on the driver's machine.

        Raises:
            MissingDependency: Ray is not installed.
            Av2aError: the models are not available.
        """
        _imported()
        worker = IsolatedWorker(self.setup, self.limits)
        try:
            return worker.info
        finally:
            worker.close()

    def run(self, jobs: Iterable[VideoJob], begun: Begun, *, alone: bool = False) -> Iterator[VideoOutcome]:
        """The outcomes in the order in which they come; ``alone``: one job at a time, each in a fresh process.

        Raises:
            BrokenPlugin: Ray cannot be started or reached, or gives up.
        """
        ray = self._connected()
        by_key = {job.key: job for job in jobs}
        desk = ray.remote(num_cpus=0, max_restarts=0)(_Desk).options(scheduling_strategy=_here(ray)).remote()
        ended = threading.Event()
        watch = threading.Thread(
            target=_report, args=(ray, desk, by_key, begun, ended), name="av2a beginnings", daemon=True
        )
        watch.start()
        try:
            for row in self._rows(ray, list(by_key.values()), desk, alone):
                yield pickle.loads(row["outcome"])
        except Exception as error:
            if isinstance(error, ray.exceptions.RayError) or type(error).__module__.startswith("ray"):
                raise BrokenPlugin(
                    f"Ray gave up ({one_line(str(error), 200)}): give the same command again, it goes on where it stopped"
                ) from error
            raise
        finally:
            ended.set()
            watch.join()
            with suppress(Exception):
                ray.kill(desk)

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        if self._started:
            _imported().shutdown()
            self._started = False

    def _rows(self, ray: Any, jobs: list[VideoJob], desk: Any, alone: bool) -> Iterator[dict[str, Any]]:
        from ray.data import ActorPoolStrategy, from_items

        # A block a job, so that a lost node costs the jobs that it had in hand.
        items = from_items([{"job": pickle.dumps(job)} for job in jobs], override_num_blocks=len(jobs))
        # How actors outlive their nodes has no parameter of its own yet.
        warnings.filterwarnings("ignore", message=".*ray_remote_args")
        reserved = {} if self.options.memory_bytes is None else {"memory": self.options.memory_bytes}
        answered = items.map_batches(
            RayWorker,
            fn_constructor_args=(pickle.dumps(self.setup), self.limits, desk, alone),
            batch_size=1,
            batch_format="numpy",
            # An elastic pool: with a fixed one Ray waits for the actors of a lost node for ever.
            compute=ActorPoolStrategy(min_size=1, max_size=1 if alone else max(1, self.options.workers)),
            num_cpus=self.options.cpus,
            num_gpus=self.options.gpus or None,
            max_restarts=-1,
            max_task_retries=-1,
            **reserved,
        )
        for batch in answered.iter_batches(batch_size=1, batch_format="numpy", prefetch_batches=0):
            yield {"outcome": batch["outcome"][0]}

    def _connected(self) -> Any:
        ray = _imported()
        if ray.is_initialized():
            return ray
        given: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
        if self.options.address is None:
            given |= {
                "num_cpus": max(1, round(self.options.workers * self.options.cpus)),
                "object_store_memory": self.options.object_store_bytes,
                "include_dashboard": False,
            }
        else:
            given["address"] = self.options.address
        try:
            _require_listening(self.options.address)
            ray.init(**given)
        except Exception as error:
            raise BrokenPlugin(f"Ray cannot be started or reached ({one_line(str(error), 200)})") from error
        self._started = True
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        return ray


def _require_listening(address: str | None) -> None:
    """Refuse an address at which nothing listens; Ray itself tries it for minutes, or for ever.

    Raises:
        OSError: nothing listens there.
    """
    if named := re.fullmatch(r"(?:ray://)?\[?([^\[\]]+)\]?:(\d+)", address or ""):
        with socket.create_connection((named[1], int(named[2])), CONNECT_SECONDS):
            pass


class RayWorker:
    """An actor: a worker in a child process, and what is left of its jobs where it was lost before."""

    def __init__(self, setup: bytes, limits: WorkerLimits, desk: Any, alone: bool) -> None:
        self._setup, self._limits, self._desk, self._alone = pickle.loads(setup), limits, desk, alone
        self._worker: IsolatedWorker | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        """The outcomes of a batch of jobs."""
        return {"outcome": [pickle.dumps(self._outcome(pickle.loads(job))) for job in batch["job"]]}

    def _outcome(self, job: VideoJob) -> VideoOutcome:
        ray = _imported()
        if ray.get(self._desk.begin.remote(job.key)) > MOST_BEGINNINGS:
            return VideoOutcome(job.key, DIED, f"its node or actor was lost {MOST_BEGINNINGS} times while it ran")
        if self._worker is None:
            self._worker = IsolatedWorker(self._setup, self._limits)
        worker = self._worker
        outcome = worker.answer(job)
        if outcome.crashed or self._alone or worker.is_used_up:
            worker.close()
            self._worker = None
        return outcome


class _Desk:
    """Counts how often each job was begun, beside the driver."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._new: list[str] = []

    def begin(self, key: str) -> int:
        """Note a beginning; how many there were of this job."""
        self._counts[key] += 1
        self._new.append(key)
        return self._counts[key]

    def begun(self) -> list[str]:
        """The jobs that were begun since the last call."""
        new, self._new = self._new, []
        return new


def _report(ray: Any, desk: Any, jobs: dict[str, VideoJob], begun: Begun, ended: threading.Event) -> None:
    with suppress(Exception):
        while not ended.wait(POLL_SECONDS):
            for key in ray.get(desk.begun.remote(), timeout=30):
                begun(jobs[key])


def _here(ray: Any) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)


def _imported() -> Any:
    # Read when it is imported: nothing is sent to its makers.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
        import ray.data
    except ImportError as missing:
        raise MissingDependency(f"--engine ray needs 'ray': {install_command('ray')}") from missing
    return ray
