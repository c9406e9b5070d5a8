"""Runs the application on a socket of this machine until it is told to stop."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType

import uvicorn

from av2a.errors import UsageError
from av2a.service.app import application
from av2a.service.desk import Desk, DeskOptions
from av2a.service.security import LOOPBACK_HOSTS, Secrets

GRACE_SECONDS = 2
"""How long requests that run when the server stops may go on."""


@dataclass(frozen=True)
class Address:
    """Where the server listens."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes any free one."""
    more_hosts: tuple[str, ...] = ()
    """Other names under which it may be addressed."""


def bound(address: Address) -> socket.socket:
    """A listening socket.

    Raises:
        UsageError: the address is taken or not of this machine.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    # A server that ended a moment ago must not hold the port; on Windows the option would let two servers share it.
    if hasattr(socket, "SO_REUSEPORT"):
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((address.host, address.port))
    except OSError as refusal:
        listening.close()
        raise UsageError(
            f"cannot listen on {address.host}:{address.port} ({refusal.strerror}): choose another with --port, or 0 for any"
        ) from refusal
    return listening


def serve(options: DeskOptions, address: Address, ready: Callable[[str], None]) -> None:
    """Run until Ctrl-C or SIGTERM; ``ready`` gets the address of the page, with its token, once connections are accepted.

    Raises:
        UsageError: the address cannot be used.
    """
    listening = bound(address)
    # Ctrl-C is how a server is ended: it is no interruption.
    with suppress(KeyboardInterrupt):
        asyncio.run(server_on(listening, options, address, ready).serve(sockets=[listening]))


def server_on(
    listening: socket.socket, options: DeskOptions, address: Address, ready: Callable[[str], None]
) -> uvicorn.Server:
    """The server of a socket, which is not running yet; its ``handle_exit`` stops it."""
    host, port = listening.getsockname()[:2]
    keys = Secrets(port)
    desk = Desk(options)
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    hosts = tuple(each.lower() for each in (*LOOPBACK_HOSTS, shown, *address.more_hosts))
    config = uvicorn.Config(
        application(desk, keys, hosts),
        access_log=False,  # It would have the token.
        log_level="warning",
        timeout_graceful_shutdown=GRACE_SECONDS,
        lifespan="on",
        server_header=False,
    )
    return _Server(config, desk, lambda: ready(f"http://{shown}:{port}/#token={keys.token}"))


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, desk: Desk, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._desk, self._ready = desk, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # An open event stream would hold the server for all of its grace.
        self._desk.events.close()
        super().handle_exit(sig, frame)
