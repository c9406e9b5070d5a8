"""Options of several subcommands: what is reported on stderr, JSON, and where embeddings are stored."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from av2a.cli.command import flag, option
from av2a.errors import UsageError
from av2a.paths import embeddings_folder

if TYPE_CHECKING:
    from av2a.cli.terminal import Terminal
    from av2a.features.store import Store

WHERE = "Where the answer goes"
"""The heading of options about outputs."""


@dataclass(frozen=True)
class TalkOptions:
    """How much is printed on stderr."""

    quiet: bool = flag("Print nothing on stderr but errors.", "--quiet -q")
    verbose: bool = flag("Print on stderr what was chosen, too.", "--verbose -v")
    debug: bool = flag("Show where an error comes from.", "--debug")

    def terminal(self) -> "Terminal":
        """Where the subcommand prints."""
        # Rich is imported by a subcommand that runs, not by one whose help is shown.
        from av2a.cli.terminal import Terminal

        return Terminal(quiet=self.quiet, verbose=self.verbose)


@dataclass(frozen=True)
class JsonOptions:
    """The form of what is printed on stdout."""

    as_json: bool = flag("JSON on stdout.", "--json")


@dataclass(frozen=True)
class StoreOptions:
    """Where embeddings are stored."""

    panel = "Embeddings"
    store: Path | None = option("DIR", "Store embeddings here instead of in the user's cache (AV2A_CACHE).")
    no_store: bool = flag("Store no embeddings.", "--no-store")

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
        if folder is None:
            return None
        terminal.detail(f"embeddings are stored in {folder}")
        return Store(folder, warn=terminal.warn, must_keep=must_keep)
