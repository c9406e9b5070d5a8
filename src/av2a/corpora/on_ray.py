"""The engine for clusters: the same workers as actors of Ray Data, on one machine or many (Ray enters here only).

A video that kills its process kills a child of the actor, never the actor, so that Ray has nothing to retry. An actor that is lost with
its node is restarted, and its video done again; one that is lost with three actors has failed. What is tried once more, alone, is a task.
Ray's driver is a child process of its own: without its node it waits for ever, or ends itself without a word.
"""

import logging
import multiprocessing
import os
import pickle
import re
import signal
import socket
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from av2a.corpora.isolation import AnySetup, IsolatedWorker, WorkerLimits, end_with_parent
from av2a.corpora.jobs import VideoJob
from av2a.corpora.processes import Begun
from av2a.corpora.worker import DIED, VideoOutcome
from av2a.errors import Av2aError, BrokenPlugin, MissingDependency, one_line
from av2a.installation import install_command
from av2a.types import BackboneInfo

MOST_BEGINNINGS = 3
"""How often a video may be begun: more mean that it takes its node with it."""
POLL_SECONDS = 0.5
CONNECT_SECONDS = 10.0
"""How long an address may take to answer."""
START_SECONDS = 300.0
"""How long it may take to start a cluster, or to join one."""
LOST_SECONDS = 45.0
"""How long the driver's node may be missing, or Ray may not answer, before the run ends."""
NODE_SECONDS = 2.0
"""How often the node is looked for."""
END_SECONDS = 20.0
"""How long leaving a cluster may take."""
_GO_ON = "give the same command again, it goes on where it stopped"


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
    _driver: "_DriverProcess | None" = None

    def prepare(self, videos: int) -> BackboneInfo:
        """Load the models once, where the workers will: here while the cluster starts here, or on the cluster.

        Raises:
            MissingDependency: Ray is not installed.
            BrokenPlugin: Ray cannot be reached, or gives up.
            Av2aError: the models are not available.
        """
        _imported()
        if self.options.address is not None:
            return self._started().info()
        if videos > 0:
            self._started()
        return _models(IsolatedWorker(self.setup, self.limits))

    def run(self, jobs: Iterable[VideoJob], begun: Begun, *, alone: bool = False) -> Iterator[VideoOutcome]:
        """The outcomes in the order in which they come; ``alone``: one job at a time, each in a fresh process.

        Raises:
            BrokenPlugin: Ray cannot be started or reached, or gives up.
        """
        yield from self._started().outcomes({job.key: job for job in jobs}, begun, alone)

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        if self._driver is not None:
            self._driver.close()
            self._driver = None

    def _started(self) -> "_DriverProcess":
        if self._driver is None:
            self._driver = _DriverProcess(self.setup, self.limits, self.options)
        return self._driver


class _Message(Enum):
    """What the driver's process sends."""

    ALIVE = "alive"
    INFO = "info"
    BEGUN = "begun"
    OUTCOME = "outcome"
    END = "end"
    FAILED = "failed"


class _DriverProcess:
    """Ray's driver in a process that may be lost."""

    def __init__(self, setup: AnySetup, limits: WorkerLimits, options: RayOptions) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_drive, args=(theirs, setup, limits, options), daemon=True, name="av2a Ray driver"
        )
        self._process.start()
        theirs.close()
        # It begins with connecting, which may take long.
        self._is_idle = False

    def info(self) -> BackboneInfo:
        """The models of a worker on the cluster.

        Raises:
            BrokenPlugin: Ray cannot be started or reached, or gives up, or its node is lost.
            Av2aError: the models are not available there.
        """
        [(_, info)] = self._messages(_Driver.report_models)
        return info

    def outcomes(self, jobs: dict[str, VideoJob], begun: Begun, alone: bool) -> Iterator[VideoOutcome]:
        """The outcomes of a run.

        Raises:
            BrokenPlugin: Ray cannot be started or reached, or gives up, or its node is lost.
        """
        for message, about in self._messages(_Driver.run, list(jobs.values()), alone):
            if message is _Message.OUTCOME:
                yield about
            else:
                begun(jobs[about])

    def _messages(self, command: Callable[..., None], *arguments: Any) -> Iterator[tuple[_Message, Any]]:
        """What the driver sends while it does as it is told."""
        self._is_idle = False
        # A process that has ended is noticed when its answer is read.
        with suppress(OSError):
            self._connection.send((command, arguments))
        while True:
            try:
                if not self._connection.poll(LOST_SECONDS):
                    raise BrokenPlugin(f"Ray gave up (its node did not answer for {LOST_SECONDS:.0f} s): {_GO_ON}")
                message, about = self._connection.recv()
            except (EOFError, OSError) as ended:
                raise BrokenPlugin(
                    f"Ray gave up (its driver ended by itself, so its node may be lost): {_GO_ON}"
                ) from ended
            self._is_idle = message in (_Message.FAILED, _Message.END)
            if message is _Message.FAILED:
                raise about
            if message is _Message.END:
                return
            if message is not _Message.ALIVE:
                yield message, about

    def close(self) -> None:
        """End it; in mid-run, or where it cannot leave its cluster, by force."""
        self._connection.close()
        if not self._is_idle:
            self._process.terminate()
        self._process.join(END_SECONDS)
        self._process.kill()
        self._process.join()


def _drive(connection: Connection, setup: AnySetup, limits: WorkerLimits, options: RayOptions) -> None:
    """The driver's process: connects, and runs one command after the other until nobody sends more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, name="av2a parent", daemon=True).start()
    with Path(os.devnull).open("wb") as nowhere:
        # What Ray prints of a lost node is many screens; it is in its logs as well.
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    driver = _Driver(connection, setup, limits, options)
    threading.Thread(target=driver.report_node, name="av2a own node", daemon=True).start()
    driver.connect()
    with suppress(EOFError, OSError):
        while True:
            command, arguments = connection.recv()
            driver.obey(command, *arguments)
    driver.leave()


class _Driver:
    """Runs jobs on a cluster, and tells the parent process of each."""

    def __init__(self, connection: Connection, setup: AnySetup, limits: WorkerLimits, options: RayOptions) -> None:
        self.setup, self.limits, self.options = setup, limits, options
        self._connection, self._lock = connection, threading.Lock()
        self._ray: Any = None
        self._desk: Any = None
        self._node = ""
        self._refusal: BrokenPlugin | None = None
        self._began = time.monotonic()

    def tell(self, message: _Message, about: Any = None) -> None:
        """Send one message, from any thread."""
        with self._lock:
            self._connection.send((message, about))

    def report_node(self) -> None:
        """Say that the own node is alive, as long as it is."""
        with suppress(OSError):
            while True:
                if self._node_is_alive():
                    self.tell(_Message.ALIVE)
                time.sleep(NODE_SECONDS)

    def connect(self) -> None:
        """Start a cluster, or join one; the first command reports why that cannot be."""
        ray = _imported()
        from ray.data import DataContext
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

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
        except Exception as error:  # noqa: BLE001 - the first command reports it
            self._refusal = BrokenPlugin(f"Ray cannot be started or reached ({one_line(str(error), 200)})")
            return
        context = DataContext.get_current()
        context.enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        self._ray, self._node = ray, ray.get_runtime_context().get_node_id()
        here = NodeAffinitySchedulingStrategy(self._node, soft=False)
        self._desk = ray.remote(num_cpus=0, max_restarts=0)(_Desk).options(scheduling_strategy=here).remote()

    def obey(self, command: Callable[..., None], *arguments: Any) -> None:
        """Run one of the commands below, and report its end."""
        try:
            if self._refusal is not None:
                raise self._refusal
            command(self, *arguments)
        except Av2aError as refusal:
            self.tell(_Message.FAILED, refusal)
        except Exception as error:  # noqa: BLE001 - it is raised again in the parent
            words = f"Ray gave up ({one_line(str(_first_cause(error)), 200)}): {_GO_ON}"
            self.tell(_Message.FAILED, BrokenPlugin(words))
        else:
            self.tell(_Message.END)

    def report_models(self) -> None:
        """Send the models that a worker has on the cluster, which may have devices that this machine has not."""
        loaded = self._ray.remote(**self._resources(), max_retries=-1)(models_or_refusal)
        models = pickle.loads(self._ray.get(loaded.remote(pickle.dumps((self.setup, self.limits)))))
        if isinstance(models, Av2aError):
            raise models
        self.tell(_Message.INFO, models)

    def run(self, jobs: list[VideoJob], alone: bool) -> None:
        """Run jobs, and send the beginning and the outcome of each."""
        self._desk.open.remote()
        ended = threading.Event()
        report = threading.Thread(target=self._report, args=(ended,), name="av2a beginnings", daemon=True)
        report.start()
        try:
            for outcome in (self._alone if alone else self._side_by_side)(jobs):
                self.tell(_Message.OUTCOME, pickle.loads(outcome))
        finally:
            ended.set()
        report.join()

    def leave(self) -> None:
        """End a cluster that was started here, leave any other."""
        if self._ray is not None:
            self._ray.shutdown()

    def _node_is_alive(self) -> bool:
        if not self._node:
            return time.monotonic() - self._began < START_SECONDS
        with suppress(Exception):
            return any(node["NodeID"] == self._node and node["Alive"] for node in self._ray.nodes())
        return False

    def _report(self, ended: threading.Event) -> None:
        while not ended.wait(POLL_SECONDS):
            with suppress(Exception):
                for key in self._ray.get(self._desk.begun.remote(), timeout=30):
                    self.tell(_Message.BEGUN, key)

    def _resources(self) -> dict[str, Any]:
        """What a worker takes of its node."""
        memory = self.options.memory_bytes
        return {
            "num_cpus": self.options.cpus,
            "num_gpus": self.options.gpus or None,
            **({} if memory is None else {"memory": memory}),
        }

    def _alone(self, jobs: list[VideoJob]) -> Iterator[bytes]:
        """A task a job: a second run of Ray Data would take seconds to plan and to start its actors."""
        answered = self._ray.remote(**self._resources(), max_retries=-1)(_answered_alone)
        for job in jobs:
            yield self._ray.get(answered.remote(pickle.dumps((self.setup, self.limits, job)), self._desk))

    def _side_by_side(self, jobs: list[VideoJob]) -> Iterator[bytes]:
        from ray.data import ActorPoolStrategy, from_items

        workers = max(1, min(self.options.workers, len(jobs)))
        # A block a job, so that a lost node costs the jobs that it had in hand.
        items = from_items([{"job": pickle.dumps(job)} for job in jobs], override_num_blocks=len(jobs))
        # How actors outlive their nodes has no parameter of its own yet.
        warnings.filterwarnings("ignore", message=".*ray_remote_args")
        answered = items.map_batches(
            RayWorker,
            fn_constructor_args=(pickle.dumps((self.setup, self.limits)), self._desk),
            batch_size=1,
            batch_format="numpy",
            # An elastic pool: with a fixed one Ray waits for the actors of a lost node for ever.
            compute=ActorPoolStrategy(min_size=1, initial_size=workers, max_size=workers),
            max_restarts=-1,
            max_task_retries=-1,
            **self._resources(),
        )
        for batch in answered.iter_batches(batch_size=1, batch_format="numpy", prefetch_batches=0):
            yield batch["outcome"][0]


def _first_cause(error: BaseException) -> BaseException:
    """What was raised in a worker, which Ray wraps more than once."""
    while (inner := getattr(error, "cause", None) or error.__cause__) is not None:
        error = inner
    return error


def _require_listening(address: str | None) -> None:
    """Refuse an address at which nothing listens; Ray itself tries it for minutes, or for ever.

    Raises:
        OSError: nothing listens there.
    """
    if named := re.fullmatch(r"(?:ray://)?\[?([^\[\]]+)\]?:(\d+)", address or ""):
        with socket.create_connection((named[1], int(named[2])), CONNECT_SECONDS):
            pass


class RayWorker:
    """An actor: a worker in a child process, which is replaced when a job has cost it."""

    def __init__(self, start: bytes, desk: Any) -> None:
        (self._setup, self._limits), self._desk = pickle.loads(start), desk
        # It loads its models while Ray hands out the first job, or the next.
        self._worker = _child(self._setup, self._limits)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        """The outcomes of a batch of jobs."""
        return {"outcome": [pickle.dumps(self._outcome(pickle.loads(job))) for job in batch["job"]]}

    def _outcome(self, job: VideoJob) -> VideoOutcome:
        outcome = _answered(job, self._worker, self._desk)
        if outcome.crashed or self._worker.is_used_up:
            self._worker.close()
            self._worker = _child(self._setup, self._limits)
        return outcome


def _answered_alone(start: bytes, desk: Any) -> bytes:
    """A task: the outcome of one job in a fresh child process."""
    setup, limits, job = pickle.loads(start)
    worker = _child(setup, limits)
    try:
        return pickle.dumps(_answered(job, worker, desk))
    finally:
        worker.close()


def _child(setup: AnySetup, limits: WorkerLimits) -> IsolatedWorker:
    """A worker in a child of one of Ray's processes."""
    # A child runs its parent's main module again; Ray's would take a second and much memory, for nothing.
    vars(sys.modules["__main__"]).pop("__file__", None)
    return IsolatedWorker(setup, limits)


def _answered(job: VideoJob, worker: IsolatedWorker, desk: Any) -> VideoOutcome:
    """The outcome of a job, unless it was begun too often."""
    if _imported().get(desk.begin.remote(job.key)) > MOST_BEGINNINGS:
        return VideoOutcome(job.key, DIED, f"its node or actor was lost {MOST_BEGINNINGS} times while it ran")
    return worker.answer(job)


def models_or_refusal(start: bytes) -> bytes:
    """A task: the models of a worker, or why there are none; Ray would wrap what is raised."""
    try:
        return pickle.dumps(_models(_child(*pickle.loads(start))))
    except Av2aError as refusal:
        return pickle.dumps(refusal)


def _models(worker: IsolatedWorker) -> BackboneInfo:
    try:
        return worker.info
    finally:
        worker.close()


class _Desk:
    """Counts how often each job was begun in a run, beside the driver."""

    def __init__(self) -> None:
        self.open()

    def open(self) -> None:
        """Begin a run."""
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


def _imported() -> Any:
    # Read when it is imported: nothing is sent to its makers.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
    except ImportError as missing:
        raise MissingDependency(f"--engine ray needs 'ray': {install_command('ray')}") from missing
    return ray
