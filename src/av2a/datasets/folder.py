"""A user's own videos and their annotations.

The annotations, if there are any, are ``annotations.tsv`` in the folder, or a file named by the user: tab-separated, in the form of DCASE (``filename``,
``onset``, ``offset``, ``event_label``), with a ``modality`` column if audio and video are annotated apart, or in any form that
:mod:`av2a.exports` reads. They may be a folder with a file for each clip, named as the clip is. A folder that ``av2a synth`` wrote is read as
well: its tables have LLP's form.
"""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from av2a.datasets.annotated import Annotated, split_labels
from av2a.datasets.dataset import Annotation, Dataset, LabelledClip, Task
from av2a.datasets.event_files import event_rows, has_event_files
from av2a.datasets.rows import EVENT_COLUMNS, AnnotationRow, UnusedRows, composed, read_rows
from av2a.datasets.videos import ENDINGS, Videos
from av2a.errors import DataUnavailable, InvalidLabels, one_line
from av2a.types import Modality
from av2a.wording import counted, some

TRUTH_FILE = "annotations.tsv"
SPLIT = "all"
"""A folder has no splits."""

_LLP_LABELS, _LLP_EVENTS = "labels.tsv", {"eval_audio.tsv": Modality.AUDIO, "eval_visual.tsv": Modality.VISUAL}

ModalRow = tuple[AnnotationRow, Modality | None]
"""A row and its modality; None where the row only records that a clip is annotated."""


def read_folder(videos: Path, *, truth: Path | None = None, labels: Sequence[str] = ()) -> Dataset:
    """All videos in a folder and in the folders in it, by name, with their truth.

    ``truth`` is a file or a folder with one of the forms above; by default the videos' own folder. ``labels`` are the
    categories in their order; by default those of the truth in alphabetical order, none without a truth. Clips are
    named as their files are, without the ending; one in a folder of its own as ``folder/clip``.

    Raises:
        MissingFile: there is no such folder.
        DataUnavailable: the named annotations are missing.
        InvalidAnnotations: the truth is malformed; the error names its line.
        InvalidLabels: a label is given twice.
    """
    labels = tuple(map(composed, labels))
    if len(set(labels)) != len(labels):
        raise InvalidLabels(f"a label is given twice among {some(labels)}: name each once")
    listed = Videos.of(videos)
    files, same_name = _by_clip_name(listed)
    rows = list(_modal_rows(videos if truth is None else truth, files, required=truth is not None))
    categories = labels or _labels_of(rows)
    truths = _Truths(_Names(files), categories)
    for row, modality in rows:
        truths.take(row, modality)
    clips = [truths.clip(name, files.get(name)) for name in dict.fromkeys([*files, *truths.annotated.found])]
    return Dataset(
        name=videos.resolve().name,
        split=SPLIT,
        task=Task.PARSING,
        categories=categories,
        labels=categories,
        clips=tuple(clips),
        remarks=(
            *truths.annotated.left_out.remarks(),
            *listed.remarks,
            *same_name,
            *_without_truth(clips if rows else []),
        ),
    )


def read_truth(truth: Path, names: Collection[str]) -> dict[str, tuple[Annotation, ...]]:
    """What a file or a folder, in one of the forms above, has for clips; those that it does not name are left out.

    Raises:
        DataUnavailable: there are no annotations.
        InvalidAnnotations: it is malformed; the error names its line.
    """
    rows = list(_modal_rows(truth, names, required=True))
    truths = _Truths(_Names(dict.fromkeys(names, truth)), _labels_of(rows))
    for row, modality in rows:
        truths.take(row, modality)
    return {name: truths.annotated.of(name) for name in names if name in truths.annotated.found}


def _by_clip_name(videos: Videos) -> tuple[dict[str, Path], tuple[str, ...]]:
    """The files by the names of their clips, in alphabetical order, and a remark on those that share a name with another."""
    found: dict[str, Path] = {}
    shadowed: list[str] = []
    for path in videos.files:
        name = composed(path.relative_to(videos.folder).with_suffix("").as_posix())
        if found.setdefault(name, path) is not path:
            shadowed.append(path.relative_to(videos.folder).as_posix())
    remarks = (f"{counted(len(shadowed), 'file')} left out that share a name with another ({some(shadowed)})",)
    return dict(sorted(found.items())), remarks if shadowed else ()


class _Names:
    """What annotation files may call a clip: its name, with its ending or without, with its folder or, where one clip has it, without."""

    def __init__(self, files: dict[str, Path]) -> None:
        self.files = files
        short: dict[str, list[str]] = {}
        for name in files:
            short.setdefault(name.rpartition("/")[2], []).append(name)
        self.by_short = {name: names[0] for name, names in short.items() if len(names) == 1}

    def of(self, written: str) -> str:
        """The clip's name; where there is no such file, the name as it is written."""
        written = written.strip().replace("\\", "/").removeprefix("./")
        stem, dot, ending = written.rpartition(".")
        bare = stem if dot and f".{ending.lower()}" in ENDINGS else written
        for name in (written, bare):
            if name in self.files:
                return name
        return self.by_short.get(bare, bare)


class _Truths:
    """Annotations and weak labels of each clip."""

    def __init__(self, names: _Names, categories: tuple[str, ...]) -> None:
        self.names = names
        self.annotated = Annotated(categories, UnusedRows())
        self.weak: dict[str, tuple[str, ...]] = {}

    def take(self, row: AnnotationRow, modality: Modality | None) -> None:
        """Add an event; or, without a modality, the labels of a whole clip, maybe none."""
        if not row["filename"].strip():
            raise row.wrong("no clip is named: write its file's name")
        name = self.names.of(row["filename"])
        self.annotated.mention(name)
        if modality is not None:
            self.annotated.add(name, row, modality)
        elif row["event_label"]:
            self.weak[name] = split_labels(row, self.annotated.known, self.annotated.left_out)

    def clip(self, name: str, path: Path | None) -> LabelledClip:
        """A clip with its annotations; its truth is unknown where no row names it."""
        known = name in self.annotated.found
        annotations = self.annotated.of(name) if known else None
        return LabelledClip(name, path, annotations, weak_labels=self.weak.get(name, ()))


def _modal_rows(truth: Path, clips: Collection[str], *, required: bool) -> Iterator[ModalRow]:
    """The rows of the annotations with their modalities."""
    file = truth / TRUTH_FILE if truth.is_dir() else truth
    if file.is_file():
        yield from map(_with_modality, event_rows(file, clips))
    elif all((truth / name).is_file() for name in _LLP_EVENTS):
        yield from _as_llp(truth)
    elif required and truth.is_dir() and has_event_files(truth, clips):
        yield from map(_with_modality, event_rows(truth, clips))
    elif required:
        raise DataUnavailable(
            f"no annotations in {one_line(str(truth), 120)!r}: name a tab-separated file with {', '.join(EVENT_COLUMNS)}, "
            f"a file of another tool (docs/formats.md), or a folder with {TRUTH_FILE} or with a file named as each clip"
        )


def _with_modality(row: AnnotationRow) -> ModalRow:
    return row, row.modality(empty=Modality.AUDIO_VISUAL) if row.has_event else None


def _as_llp(folder: Path) -> Iterator[ModalRow]:
    if (folder / _LLP_LABELS).is_file():
        yield from ((row, None) for row in read_rows(folder / _LLP_LABELS, ("filename", "event_label")))
    for name, modality in _LLP_EVENTS.items():
        yield from ((row, modality) for row in read_rows(folder / name, EVENT_COLUMNS))


def _labels_of(rows: Sequence[ModalRow]) -> tuple[str, ...]:
    names = {row["event_label"].strip() for row, modality in rows if modality is not None}
    return tuple(sorted(names - {""}))


def _without_truth(clips: Sequence[LabelledClip]) -> tuple[str, ...]:
    unknown = [clip.name for clip in clips if clip.annotations is None]
    if not unknown:
        return ()
    return (
        f"{counted(len(unknown), 'video')} without a line in the annotations, so that the truth is unknown ({some(unknown)}); "
        "a line with the name alone says that nothing happens",
    )
