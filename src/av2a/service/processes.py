"""The worker process seen from the server: started when it is needed, started again when it died, ended to cancel."""

import asyncio
import itertools
import multiprocessing
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from av2a.errors import Av2aError
from av2a.service.worker import ModelChoice, TaskFailure, TaskReply, TaskRequest
from av2a.service.worker import main as worker_main

PATIENCE_SECONDS = 0.3
"""How long a cancelled task may go on before its process is ended."""

Report = Callable[[str, int, int], None]


class WorkFailed(Av2aError):
    """A task that the worker refused, or that ended with it."""

    def __init__(self, failure: TaskFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure


GONE = TaskFailure(
    "E_WORKER",
    "the process that decodes ended unexpectedly: the file may be damaged; convert it (ffmpeg -i FILE fixed.mp4), or try again",
)


@dataclass
class _Call:
    future: "asyncio.Future[Any]"
    report: Report | None


class WorkerProcess:
    """One process, at most one of it. All methods are called from the event loop's thread."""

    def __init__(self, options: ModelChoice) -> None:
        self.options = options
        self._numbers = itertools.count(1)
        self._calls: dict[int, _Call] = {}
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    @property
    def pid(self) -> int | None:
        """The process's id; None while there is none."""
        return None if self._process is None else self._process.pid

    async def call(self, task: str, report: Report | None = None, **arguments: Any) -> Any:
        """Run a task.

        Raises:
            WorkFailed: it was refused, or the process died.
            asyncio.CancelledError: it was cancelled; the task has ended when this is raised.
        """
        loop = asyncio.get_running_loop()
        self._start(loop)
        number = next(self._numbers)
        call = self._calls[number] = _Call(loop.create_future(), report)
        assert self._pipe is not None
        try:
            await asyncio.to_thread(self._pipe.send, TaskRequest(number, task, arguments))
        except OSError:
            self._ended(self._pipe)
        try:
            return await asyncio.shield(call.future)
        except asyncio.CancelledError:
            await self._stop(number, call)
            raise

    async def _stop(self, number: int, call: _Call) -> None:
        """End a task: it is asked to, then its process is ended and with it whatever else ran there; callers of that try again."""
        if self._pipe is None or call.future.done():
            return
        with suppress(OSError):
            self._pipe.send(TaskRequest(0, "cancel", {"number": number}))
        with suppress(WorkFailed, asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(call.future), PATIENCE_SECONDS)
        if not call.future.done():
            self.end()
        with suppress(WorkFailed):
            await call.future

    def end(self) -> None:
        """End the process at once; what it was doing fails."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._ended(self._pipe)

    def restart_with(self, options: ModelChoice) -> None:
        """Other models: the next call starts a new process."""
        self.end()
        self.options = options

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._process is not None and self._process.is_alive() and self._pipe is not None:
            return
        # Spawned, not forked: a fork would take the server's threads along half alive.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._process = context.Process(
            target=worker_main, args=(theirs, self.options), name="av2a worker", daemon=True
        )
        self._process.start()
        theirs.close()
        self._pipe = ours
        threading.Thread(target=self._listen, args=(ours, loop), name="av2a replies", daemon=True).start()

    def _listen(self, pipe: Connection, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(RuntimeError):  # The loop has ended.
            while True:
                try:
                    reply = pipe.recv()
                except (EOFError, OSError):
                    loop.call_soon_threadsafe(self._ended, pipe)
                    return
                loop.call_soon_threadsafe(self._received, reply)

    def _received(self, reply: TaskReply) -> None:
        call = self._calls.get(reply.number)
        if call is None:
            return
        if reply.kind == "progress":
            if call.report is not None:
                call.report(*reply.value)
            return
        del self._calls[reply.number]
        if call.future.done():
            return
        if reply.kind == "done":
            call.future.set_result(reply.value)
        else:
            call.future.set_exception(WorkFailed(reply.value))

    def _ended(self, pipe: Connection) -> None:
        if pipe is not self._pipe:
            return
        self._pipe, self._process = None, None
        calls, self._calls = self._calls, {}
        for call in calls.values():
            if not call.future.done():
                call.future.set_exception(WorkFailed(GONE))
                # Nobody may be waiting any more.
                call.future.exception()
