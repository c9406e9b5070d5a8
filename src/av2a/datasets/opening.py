"""Opens data sets by name."""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import cast

from av2a.datasets.ave import read_ave
from av2a.datasets.dataset import Dataset
from av2a.datasets.folder import SPLIT, read_folder
from av2a.datasets.llp import read_llp
from av2a.datasets.splits import Split
from av2a.errors import DataUnavailable, UnknownName, UsageError, one_line
from av2a.paths import DATA_VARIABLE, data_folder
from av2a.plugins import PluginKind, plugin_named

Progress = Callable[[int, int], None]
"""Called with how many clips are rendered, and how many there are."""

PUBLISHED = {"llp": read_llp, "ave": read_ave}
"""Benchmarks whose annotation files are fetched, and whose videos are the user's to bring."""

GENERATED = "synthetic"


def open_dataset(
    name: str | Path,
    *,
    split: str | None = None,
    videos: Path | None = None,
    annotations: Path | None = None,
    labels: Sequence[str] = (),
    limit: int | None = None,
    processes: int | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """A split of ``llp``, ``ave`` or ``synthetic``, or a folder of videos; its first ``limit`` clips if that is given.

    ``split`` is train, validation (val) or test, which is the default; a folder has none. ``annotations`` is the folder of the published files, by
    default where ``av2a data fetch`` puts them; for a folder of videos, the file of their events. ``videos`` is a
    folder; for ``synthetic`` the one to render into, which is done here by ``processes`` at a time
    (:func:`av2a.world.dataset.render_generated`), ``progress`` being called. ``labels`` are for folders alone.

    Raises:
        UnknownName: there is no such data set or split.
        UsageError: an argument that does not apply to this data set.
        DataUnavailable: the annotations are not available.
        InvalidAnnotations: they are malformed.
        InvalidLabels: a label is given twice.
        MissingFile: there is no such folder of videos.
        OutputRefused: a clip cannot be rendered.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"a limit of {limit} clips leaves none: give 1 or more")
    if name == GENERATED:
        _refuse(str(name), labels, annotations)
        # Imported on demand: the generated world is one dataset among others, in a higher layer than this file.
        world = import_module("av2a.world.dataset")
        part = Split.named(split or "test")
        made: Dataset = world.render_generated(part, videos, limit=limit, processes=processes, progress=progress)
        return made
    if name in PUBLISHED:
        _refuse(str(name), labels)
        files = annotation_folder(str(name)) if annotations is None else annotations
        dataset = PUBLISHED[str(name)](Split.named(split or "test"), files, videos)
    elif Path(name).is_dir():
        dataset = _folder(Path(name), split, videos, annotations, labels)
    else:
        dataset = _from_plugin(str(name), split, videos, annotations, labels)
    return dataset if limit is None else dataset.first(limit)


def annotation_folder(name: str) -> Path:
    """Where a benchmark's annotation files are looked for.

    Raises:
        DataUnavailable: they are not there.
    """
    folder = data_folder() / name
    if not folder.is_dir():
        raise DataUnavailable(
            f"the annotations of {name} are not on this machine (looked in {one_line(str(folder), 120)}): run 'av2a data fetch {name}', "
            f"or name their folder with --annotations DIR or its parent with {DATA_VARIABLE}"
        )
    return folder


def _from_plugin(
    name: str, split: str | None, videos: Path | None, annotations: Path | None, labels: Sequence[str]
) -> Dataset:
    """The dataset that a plug-in's function returns.

    Raises:
        UnknownName: no dataset has that name.
        BrokenPlugin: it fails, or returns something else.
    """
    unknown = UnknownName.among("dataset", name, [*PUBLISHED, GENERATED])
    plugin = plugin_named(PluginKind.DATASET, name, UnknownName(f"{unknown}, or a folder of videos that is there"))
    _refuse(name, labels)
    read = plugin.load()
    with plugin.guarded():
        dataset = read(split=split, videos=videos, annotations=annotations)
    plugin.check(isinstance(dataset, Dataset), f"it returned {type(dataset).__name__}, not Dataset")
    return cast(Dataset, dataset)


def _folder(
    folder: Path, split: str | None, videos: Path | None, annotations: Path | None, labels: Sequence[str]
) -> Dataset:
    if split not in (None, SPLIT):
        raise UsageError(f"a folder of videos has no split {one_line(split or '')!r}: leave out --split")
    # A folder named beside --videos holds the annotations of those.
    truth = annotations if annotations is not None or videos is None else folder
    return read_folder(folder if videos is None else videos, truth=truth, labels=labels)


def _refuse(name: str, labels: Sequence[str], annotations: Path | None = None) -> None:
    """No option is dropped in silence."""
    if labels:
        raise UsageError(f"{name} has its own categories: leave out the event names, or name a folder of videos")
    if annotations is not None:
        raise UsageError(f"{name} knows its own truth: leave out --annotations")
