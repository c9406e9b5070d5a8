"""Options of where embeddings are stored."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from av2a.errors import UsageError
from av2a.paths import embeddings_folder

if TYPE_CHECKING:
    from av2a.cli.terminal import Terminal
    from av2a.features.store import Store

KEPT = "Embeddings"


@dataclass(frozen=True)
class StoreOptions:
    """Where embeddings are stored."""

    store: Annotated[
        Path | None,
        typer.Option(
            "--store",
            metavar="DIR",
            help="Store embeddings here instead of in the user's cache (AV2A_CACHE).",
            rich_help_panel=KEPT,
        ),
    ] = None
    no_store: Annotated[bool, typer.Option("--no-store", help="Store no embeddings.", rich_help_panel=KEPT)] = False

    def opened(self, terminal: "Terminal", *, must_keep: bool = True) -> "Store | None":
        """The store; None for none. Unless it ``must_keep``, one that cannot be written is a warning.

        Raises:
            UsageError: both options are given.
        """
        # It loads NumPy, which help does not need.
        from av2a.features.store import Store

        if self.no_store and self.store is not None:
            raise UsageError("--store and --no-store exclude each other: leave one out")
        folder = None if self.no_store else self.store or embeddings_folder()
        return None if folder is None else Store(folder, warn=terminal.warn, must_keep=must_keep)
