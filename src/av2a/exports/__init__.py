"""Output formats, one file each; the ending of the output's name chooses the format.

Every output is written beside its destination and moved there when it is complete, so that no reader meets a part of a file.
"""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, cast

from av2a.errors import MissingDependency, UnknownName
from av2a.exports.files import check_file, write_whole
from av2a.plugins import Plugin, PluginKind, plugin_named
from av2a.types import Detection, Event

WRITERS: dict[str, str] = {
    ".json": "av2a.exports.json",
    ".csv": "av2a.exports.csv",
    ".vtt": "av2a.exports.webvtt",
    ".png": "av2a.figures.timeline",
    ".svg": "av2a.figures.timeline",
    ".html": "av2a.figures.report",
}
"""The module that writes each ending. It is imported when it is used: pictures need a library that texts do not."""

_NEEDED_LIBRARY = {".png": "matplotlib", ".svg": "matplotlib"}


class Writer(Protocol):
    """What a module in ``WRITERS`` offers."""

    def write(self, detection: Detection, path: Path, truth: Sequence[Event] = ()) -> None:
        """``detection`` into the file ``path``, whose ending is one of this module's; ``truth`` where the format shows it."""
        ...


def write(detection: Detection, path: str | Path, *, overwrite: bool = False, truth: Sequence[Event] = ()) -> None:
    """Writes ``detection`` in the format that the ending of ``path`` names; ``truth`` is drawn where the format draws.

    Raises:
        UnknownName: no format has that ending.
        OutputRefused: the file cannot be written, or exists and ``overwrite`` is not set.
        MissingDependency: the format needs a library that is not installed.
    """
    path = Path(path)
    check_output(path, overwrite=overwrite)
    ending = path.suffix.lower()
    if ending in WRITERS:
        writer = cast(Writer, import_module(WRITERS[ending]))
        write_whole(path, lambda partial: writer.write(detection, partial, truth), overwrite=overwrite)
        return
    plugin = _plugin(ending)
    writer = plugin.load()
    plugin.check(callable(getattr(writer, "write", None)), "it has no function 'write'")

    def write_partial(partial: Path) -> None:
        with plugin.guarded(OSError):
            writer.write(detection, partial, truth)

    write_whole(path, write_partial, overwrite=overwrite)


def _plugin(ending: str) -> Plugin:
    return plugin_named(PluginKind.EXPORTER, ending, UnknownName.among("output ending", ending, WRITERS))


def check_output(path: str | Path, *, overwrite: bool = False) -> None:
    """Refuses an output that :func:`write` would refuse, before any work is done for it.

    Raises:
        UnknownName: no format has that ending.
        OutputRefused: the file cannot be written, or exists and ``overwrite`` is not set.
        MissingDependency: the format needs a library that is not installed.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in WRITERS:
        _plugin(ending).load()
    check_file(path, {ending}, overwrite=overwrite)
    library = _NEEDED_LIBRARY.get(ending)
    if library is not None and find_spec(library) is None:
        raise MissingDependency(f"output ending {ending!r} needs {library!r}: pip install 'av2a[plots]'")
