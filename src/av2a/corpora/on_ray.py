"""The engine for clusters: the same workers as actors of Ray Data, on one machine or many (Ray enters here only).

A video that kills its process kills a child of the actor, never the actor, so that Ray has nothing to retry. An actor that is lost with
its node is restarted, and its video done again; one that is lost with three actors has failed. Ray's driver is a child process of its own:
without its node it waits for ever, or ends itself without a word.
"""

import logging
import multiprocessing
import os
import pickle
import re
import signal
import socket
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
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
from av2a.errors import BrokenPlugin, MissingDependency, one_line
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
        if self._driver is None:
            self._driver = _DriverProcess(self.setup, self.limits, self.options)
        yield from self._driver.outcomes({job.key: job for job in jobs}, begun, alone)

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        if self._driver is not None:
            self._driver.close()
            self._driver = None


class _Message(Enum):
    """What the driver's process sends."""

    ALIVE = "alive"
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
        self._is_idle = True

    def outcomes(self, jobs: dict[str, VideoJob], begun: Begun, alone: bool) -> Iterator[VideoOutcome]:
        """The outcomes of a run.

        Raises:
            BrokenPlugin: Ray cannot be started or reached, or gives up, or its node is lost.
        """
        self._is_idle = False
        self._connection.send((list(jobs.values()), alone))
        while True:
            try:
                if not self._connection.poll(LOST_SECONDS):
                    raise BrokenPlugin(f"Ray gave up (its node did not answer for {LOST_SECONDS:.0f} s): {_GO_ON}")
                message, about = self._connection.recv()
            except (EOFError, OSError) as ended:
                raise BrokenPlugin(
                    f"Ray gave up (its driver ended by itself, so its node may be lost): {_GO_ON}"
                ) from ended
            if message is _Message.OUTCOME:
                yield about
            elif message is _Message.BEGUN:
                begun(jobs[about])
            elif message is _Message.FAILED:
                self._is_idle = True
                raise BrokenPlugin(about)
            elif message is _Message.END:
                self._is_idle = True
                return

    def close(self) -> None:
        """End it; in mid-run, or where it cannot leave its cluster, by force."""
        self._connection.close()
        if not self._is_idle:
            self._process.terminate()
        self._process.join(END_SECONDS)
        self._process.kill()
        self._process.join()


def _drive(connection: Connection, setup: AnySetup, limits: WorkerLimits, options: RayOptions) -> None:
    """The driver's process: one run after the other until nobody asks for more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, name="av2a parent", daemon=True).start()
    with Path(os.devnull).open("wb") as nowhere:
        # What Ray prints of a lost node is many screens; it is in its logs as well.
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    driver = _Driver(connection, setup, limits, options)
    threading.Thread(target=driver.report_node, name="av2a own node", daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            driver.run(*connection.recv())
    driver.leave()


class _Driver:
    """Runs jobs on a cluster, and tells the parent process of each."""

    def __init__(self, connection: Connection, setup: AnySetup, limits: WorkerLimits, options: RayOptions) -> None:
        self.setup, self.limits, self.options = setup, limits, options
        self._connection, self._lock = connection, threading.Lock()
        self._ray: Any = None
        self._node = ""
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

    def run(self, jobs: list[VideoJob], alone: bool) -> None:
        """One run."""
        ended = threading.Event()
        try:
            ray = self._connected()
            desk = ray.remote(num_cpus=0, max_restarts=0)(_Desk).options(scheduling_strategy=_here(self._node)).remote()
            report = threading.Thread(target=self._report, args=(desk, ended), name="av2a beginnings", daemon=True)
            report.start()
            for outcome in self._outcomes(jobs, desk, alone):
                self.tell(_Message.OUTCOME, pickle.loads(outcome))
            ended.set()
            report.join()
            ray.kill(desk)
        except BrokenPlugin as refusal:
            self.tell(_Message.FAILED, str(refusal))
        except Exception as error:  # noqa: BLE001 - it is raised again in the parent
            self.tell(_Message.FAILED, f"Ray gave up ({one_line(str(_first_cause(error)), 200)}): {_GO_ON}")
        else:
            self.tell(_Message.END)
        finally:
            ended.set()

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

    def _report(self, desk: Any, ended: threading.Event) -> None:
        while not ended.wait(POLL_SECONDS):
            with suppress(Exception):
                for key in self._ray.get(desk.begun.remote(), timeout=30):
                    self.tell(_Message.BEGUN, key)

    def _outcomes(self, jobs: list[VideoJob], desk: Any, alone: bool) -> Iterator[bytes]:
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
            yield batch["outcome"][0]

    def _connected(self) -> Any:
        if self._ray is not None:
            return self._ray
        ray = _imported()
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
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        self._ray, self._node = ray, ray.get_runtime_context().get_node_id()
        return ray


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
    """An actor: a worker in a child process, and what is left of its jobs where it was lost before."""

    def __init__(self, setup: bytes, limits: WorkerLimits, desk: Any, alone: bool) -> None:
        self._setup, self._limits, self._desk, self._alone = pickle.loads(setup), limits, desk, alone
        # It loads its models while Ray hands out the first job, or the next.
        self._worker = IsolatedWorker(self._setup, self._limits)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        """The outcomes of a batch of jobs."""
        return {"outcome": [pickle.dumps(self._outcome(pickle.loads(job))) for job in batch["job"]]}

    def _outcome(self, job: VideoJob) -> VideoOutcome:
        ray = _imported()
        if ray.get(self._desk.begin.remote(job.key)) > MOST_BEGINNINGS:
            return VideoOutcome(job.key, DIED, f"its node or actor was lost {MOST_BEGINNINGS} times while it ran")
        outcome = self._worker.answer(job)
        if outcome.crashed or self._alone or self._worker.is_used_up:
            self._worker.close()
            self._worker = IsolatedWorker(self._setup, self._limits)
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


def _here(node: str) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node, soft=False)


def _imported() -> Any:
    # Read when it is imported: nothing is sent to its makers.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
        import ray.data
    except ImportError as missing:
        raise MissingDependency(f"--engine ray needs 'ray': {install_command('ray')}") from missing
    return ray
