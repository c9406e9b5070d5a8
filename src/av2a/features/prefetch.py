"""Work done ahead by a thread of its own, so that decoding goes on while models compute."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from queue import Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

Item = TypeVar("Item")

LOOK_SECONDS = 0.1
"""How often a thread with nowhere to put its work looks whether anybody still wants it."""


@contextmanager
def ahead(source: Iterable[Item], most: int) -> Iterator[Iterator[Item]]:
    """The items of ``source``, made by a thread of its own, at most ``most`` of them waiting.

    What the source raises is raised here, after the items before it. At the end of the block the thread has ended, whether it
    was the last item, an error or Ctrl-C.

    >>> with ahead(range(3), most=1) as items:
    ...     list(items)
    [0, 1, 2]
    """
    with closing(_items(source, most)) as items:
        yield items


def _items(source: Iterable[Item], most: int) -> Generator[Item, None, None]:
    making = _Making(source, Queue(most))
    thread = Thread(target=making.run, name="av2a ahead", daemon=True)
    thread.start()
    try:
        while (made := making.queue.get()) is not None:
            if isinstance(made, _Failed):
                raise made.error
            yield made.item
    finally:
        making.unwanted.set()
        thread.join()


@dataclass(frozen=True)
class _Made(Generic[Item]):
    item: Item


@dataclass(frozen=True)
class _Failed:
    error: BaseException


@dataclass(frozen=True)
class _Making(Generic[Item]):
    """The thread's side: None is put behind the last item."""

    source: Iterable[Item]
    queue: "Queue[_Made[Item] | _Failed | None]"
    unwanted: Event = field(default_factory=Event)

    def run(self) -> None:
        items = iter(self.source)
        try:
            for item in items:
                if not self._put(_Made(item)):
                    return
            self._put(None)
        except BaseException as error:  # noqa: BLE001 - raised again where the items are asked for
            self._put(_Failed(error))
        finally:
            # Files are closed by the thread that reads them.
            if hasattr(items, "close"):
                items.close()

    def _put(self, made: "_Made[Item] | _Failed | None") -> bool:
        """Whether somebody still wants it."""
        while not self.unwanted.is_set():
            try:
                self.queue.put(made, timeout=LOOK_SECONDS)
            except Full:
                continue
            return True
        return False
