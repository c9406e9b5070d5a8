"""A server of the page in this process, and a client for its API."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from av2a.service.desk import DeskOptions
from av2a.service.serving import Address, bound, server_on
from av2a.service.worker import ModelChoice

PATIENCE_SECONDS = 180
"""A loaded machine is no failure."""


@dataclass
class Running:
    """A server that runs, and how to talk to it."""

    address: str
    home: Path
    client: httpx.Client = field(repr=False)

    @property
    def base(self) -> str:
        """The address without its token."""
        return self.address.partition("#")[0].rstrip("/")

    @property
    def token(self) -> str:
        """What the address carries."""
        return self.address.partition("token=")[2]

    def call(self, method: str, path: str, plain: Any = None, **more: Any) -> httpx.Response:
        """A request with the token."""
        return self.client.request(method, path, json=plain, **more)

    def upload(self, file: Path, name: str | None = None) -> dict[str, Any]:
        """A file, sent; the video that it became."""
        answer = self.client.put("/api/uploads", params={"name": name or file.name}, content=file.read_bytes())
        assert answer.status_code == 201, answer.text
        video: dict[str, Any] = answer.json()
        return video

    def videos(self) -> dict[str, dict[str, Any]]:
        """All videos by their ids."""
        return {video["id"]: video for video in self.call("GET", "/api/state").json()["videos"]}

    def state_of(self, video: str, *wanted: str) -> dict[str, Any]:
        """A video, once it is in one of these states."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            found: dict[str, Any] = self.call("GET", f"/api/videos/{video}").json()
            if found.get("state") in wanted:
                return found
            time.sleep(0.05)
        raise AssertionError(f"{found} is not {wanted} after {PATIENCE_SECONDS} s")

    def answer(self, video: str, labels: list[str], settings: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer, waited for."""
        body = {"labels": labels, "settings": settings or {}}
        reply = self.call("POST", f"/api/videos/{video}/answer", body)
        if reply.status_code == 202:
            self.state_of(video, "done")
            reply = self.call("POST", f"/api/videos/{video}/answer", body)
        assert reply.status_code == 200, reply.text
        answer: dict[str, Any] = reply.json()
        return answer


@contextmanager
def running(home: Path, **options: Any) -> Iterator[Running]:
    """A server with the built-in models, on a free port."""
    worker = options.pop("worker", ModelChoice("mini", store=home / "embeddings"))
    listening = bound(Address())
    ready: list[str] = []
    came = threading.Event()

    def is_ready(address: str) -> None:
        ready.append(address)
        came.set()

    server = server_on(
        listening,
        DeskOptions(home=home, worker=worker, **options),
        Address(),
        is_ready,
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])), name="server", daemon=True)
    thread.start()
    assert came.wait(PATIENCE_SECONDS)
    base, _, token = ready[0].partition("/#token=")
    # Proxies of the environment are not for this machine.
    with httpx.Client(
        base_url=base, headers={"X-Av2a-Token": token}, timeout=PATIENCE_SECONDS, trust_env=False
    ) as client:
        yield Running(ready[0], home, client)
    server.handle_exit(signal.SIGTERM, None)
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def kill_workers() -> None:
    """Kill the processes in which the servers of this process open media."""
    _signal_workers(signal.SIGKILL)


@contextmanager
def stopped_workers() -> Iterator[None]:
    """Within it nothing is computed, and what is asked for waits."""
    _signal_workers(signal.SIGSTOP)
    try:
        yield
    finally:
        _signal_workers(signal.SIGCONT)


def _signal_workers(number: signal.Signals) -> None:
    children = Path(f"/proc/{os.getpid()}/task")
    if not children.is_dir():
        pytest.skip("this system does not list child processes under /proc")
    pids = {int(pid) for task in children.iterdir() for pid in (task / "children").read_text().split()}
    workers = [pid for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert workers, "no process opens media: nothing is shown"
    for pid in workers:
        os.kill(pid, number)
