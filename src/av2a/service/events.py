"""Server-sent events: what changed, to every page that listens; one stream a page carries everything."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

QUIET_SECONDS = 15.0
"""A comment is sent after so much silence, so that nothing between takes the connection for dead."""
MOST_WAITING = 1000
"""Messages for a page that does not read; beyond them it is sent away, and begins anew with a snapshot when it comes back."""


class Broadcast:
    """Messages to all listeners; each first gets a snapshot of the whole state, so none needs to know what it missed."""

    def __init__(self, snapshot: Callable[[], Any]) -> None:
        self._snapshot = snapshot
        self._queues: set[asyncio.Queue[tuple[str, Any] | None]] = set()
        self._number = 0
        self._closed = False

    def send(self, kind: str, value: Any) -> None:
        """Tell every listener."""
        for queue in list(self._queues):
            if queue.qsize() >= MOST_WAITING:
                self._queues.discard(queue)
                queue.put_nowait(None)
            else:
                queue.put_nowait((kind, value))

    def close(self) -> None:
        """End all streams: an open one would hold the server."""
        self._closed = True
        for queue in self._queues:
            queue.put_nowait(None)

    async def stream(self) -> AsyncIterator[bytes]:
        """The text of an event stream."""
        queue: asyncio.Queue[tuple[str, Any] | None] = asyncio.Queue()
        self._queues.add(queue)
        try:
            yield self._text("state", self._snapshot())
            while not self._closed:
                try:
                    message = await asyncio.wait_for(queue.get(), QUIET_SECONDS)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if message is None:
                    return
                yield self._text(*message)
        finally:
            self._queues.discard(queue)

    def _text(self, kind: str, value: Any) -> bytes:
        self._number += 1
        return f"id: {self._number}\nevent: {kind}\ndata: {json.dumps(value)}\n\n".encode()
