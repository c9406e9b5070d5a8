"""``av2a cache``: the embeddings that are stored on this machine."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from av2a.cli.command import argument, command, command_group, option
from av2a.cli.common_options import JsonOptions, TalkOptions
from av2a.cli.help_text import Example
from av2a.cli.sizes import bytes_of, size_text
from av2a.errors import OutputRefused, UsageError, one_line
from av2a.features.store import Store, StoredEntry
from av2a.paths import embeddings_folder
from av2a.wording import counted

LIST_EXAMPLE = Example("av2a cache list", "how much is stored, and for which models")
CLEAR_EXAMPLE = Example("av2a cache clear --backbone clip-clap", "remove what one backbone has computed")
LIMIT_EXAMPLE = Example("av2a cache limit 10GB", "keep no more than that, from now on")


@dataclass(frozen=True)
class CacheOptions:
    """Which store."""

    folder: Path | None = option("DIR", "This store instead of that in the user's cache (AV2A_CACHE).", "--store")

    def store(self) -> Store:
        """The store.

        Raises:
            UsageError: none is named, and the user's cache is switched off.
        """
        folder = self.folder or embeddings_folder()
        if folder is None:
            raise UsageError("no embeddings are stored, as AV2A_CACHE is empty: name a store with --store DIR")
        return Store(folder)


@command(LIST_EXAMPLE, Example("av2a cache list --json", "for a script"), name="list")
def list_(where: CacheOptions, output: JsonOptions, talk: TalkOptions) -> None:
    """Say how much is stored, for which models, and what the limit is.

    Embeddings of a video serve all labels and settings; they are computed again when they are missing.
    """
    terminal, store = talk.terminal(), where.store()
    entries = sorted(store.entries(), key=lambda entry: entry.path.parent)
    models = [_summary(name, found) for name, found in groupby(entries, lambda entry: entry.path.parent.name)]
    total = sum(entry.size_bytes for entry in entries)
    if output.as_json:
        terminal.show_json(
            {"folder": str(store.folder), "bytes": total, "limit_bytes": store.limit_bytes, "models": models}
        )
        return
    terminal.show_rows(
        (each["models"], counted(each["clips"], "clip"), size_text(each["bytes"]), each["last_used"]) for each in models
    )
    terminal.show(f"{size_text(total)} in {store.folder}, {_limit(store)}")


@command(CLEAR_EXAMPLE, Example("av2a cache clear", "remove all of it; the trials of searches stay"), name="clear")
def clear(
    *,
    where: CacheOptions,
    backbone: str = option("NAME", "Only the embeddings of this backbone.", default=""),
    talk: TalkOptions,
) -> None:
    """Remove stored embeddings. They are computed again when they are needed."""
    from av2a.corpora.library_folder import libraries

    store = where.store()
    removed = store.shrink(0, models=f"{backbone}-" if backbone else "")
    for library in libraries(store):
        # Its matrix has embeddings, too.
        library.matrix()
    talk.terminal().say(_removed(removed))


@command(LIMIT_EXAMPLE, Example("av2a cache limit none", "lift the limit"), name="limit")
def limit(
    *, size: str = argument("SIZE", "Such as 500MB, 10GB or none."), where: CacheOptions, talk: TalkOptions
) -> None:
    """Keep stored embeddings within a size: what was not used for longest is removed.

    It holds for every later run as well.
    """
    terminal, store, limit_bytes = talk.terminal(), where.store(), bytes_of(size)
    try:
        store.set_limit(limit_bytes)
    except OSError as refusal:
        raise OutputRefused(
            f"cannot write into the store {one_line(str(store.folder))!r} ({refusal.strerror}): choose another with --store"
        ) from refusal
    if limit_bytes is not None:
        terminal.say(_removed(store.shrink(limit_bytes)))
    terminal.say(_limit(store))


cache = command_group(
    "cache",
    "Show, clear and limit the embeddings that are stored.",
    {"list": list_, "clear": clear, "limit": limit},
    (LIST_EXAMPLE, CLEAR_EXAMPLE, LIMIT_EXAMPLE),
)


def _summary(models: str, entries: Iterable[StoredEntry]) -> dict[str, Any]:
    found = list(entries)
    last_used = time.localtime(max(entry.last_used for entry in found))
    return {
        "models": models,
        "clips": len(found),
        "bytes": sum(entry.size_bytes for entry in found),
        "last_used": time.strftime("%Y-%m-%d", last_used),
    }


def _limit(store: Store) -> str:
    return "no limit" if store.limit_bytes is None else f"at most {size_text(store.limit_bytes)}"


def _removed(entries: list[StoredEntry]) -> str:
    return f"removed the embeddings of {counted(len(entries), 'clip')}, {size_text(sum(entry.size_bytes for entry in entries))}"
