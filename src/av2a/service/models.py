"""The models of the page: whether they are here, how far their download is, and what to do where they are missing."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from av2a.backbones.checkpoints import BACKBONES, chosen_checkpoints
from av2a.backbones.registry import check_available
from av2a.backbones.weights import Sources, search
from av2a.errors import Av2aError, WeightsUnavailable
from av2a.service.processes import WorkerProcess, WorkFailed


class ModelLoading:
    """Loads a backbone in the worker, and keeps what the page shows of it.

    Args:
        worker: the process that has the models.
        changed: is given the state after each change.

    Attributes:
        state: the backbone's ``name``, ``state`` (``loading``, ``ready``, ``missing``) and ``message``; while it loads, how many
            bytes are ``done`` of a ``total``.
    """

    def __init__(self, worker: WorkerProcess, changed: Callable[[dict[str, Any]], None]) -> None:
        self.worker, self._changed = worker, changed
        name = worker.options.backbone
        self.state: dict[str, Any] = {"name": name, "state": "loading", "message": "", "note": None}
        self._loading: asyncio.Task[None] | None = None

    @property
    def are_ready(self) -> bool:
        """Whether they are loaded."""
        return bool(self.state["state"] == "ready")

    def require(self) -> None:
        """Nothing is downloaded that was not asked for.

        Raises:
            WeightsUnavailable: the models are missing.
        """
        if self.state["state"] == "missing":
            raise WeightsUnavailable(f"{self.state['message']}: get them, or look at the demo scene")

    async def begin(self) -> None:
        """Load them where they are here; else say whether they can be fetched, and from where they can be had otherwise."""
        name = self.state["name"]
        if await asyncio.to_thread(self._is_here, name):
            self.load(name)
            return
        size = sum(part.megabytes for part in BACKBONES.get(name, ()))
        try:
            await asyncio.to_thread(check_available, name, weights=self.worker.options.weights)
        except Av2aError as refusal:
            self._say(state="missing", message=str(refusal), can_fetch=False, megabytes=size)
        else:
            words = f"the models of {name} are not on this machine"
            self._say(state="missing", message=words, can_fetch=True, megabytes=size)

    def load(self, name: str) -> None:
        """Load a backbone, fetching its weights where they are not here."""
        self.stop()
        if name != self.worker.options.backbone:
            self.worker.restart_with(replace(self.worker.options, backbone=name))
        self._loading = asyncio.get_running_loop().create_task(self._load(name))

    def stop(self) -> None:
        """Do not wait for what is being loaded."""
        if self._loading is not None:
            self._loading.cancel()

    async def _load(self, name: str) -> None:
        self._say(name=name, state="loading", message="", note=None, done=0, total=0)

        def report(stage: str, done: int, total: int) -> None:
            self._say(message=stage, done=done, total=total)

        try:
            loaded = await self.worker.call("load", report)
        except WorkFailed as refusal:
            self._say(state="missing", message=str(refusal))
        else:
            self._say(state="ready", message="", **loaded)

    def _is_here(self, name: str) -> bool:
        """Whether a backbone can be loaded without a download."""
        try:
            if name not in BACKBONES and "+" not in name:
                return True
            sources = Sources.chosen(self.worker.options.weights)
            return all(search(each, sources).found is not None for each in chosen_checkpoints(name, None, None))
        except Av2aError:
            return False

    def _say(self, **changes: Any) -> None:
        self.state = self.state | changes
        self._changed(self.state)
