"""Reads and writes tables of predictions.

The format is that of DCASE, ``filename onset offset event_label`` separated by tabs, in seconds, with a column ``modality``: audio, visual or
audio_visual. A clip in which nothing was found has a row with its name alone; where that is so for a stream of all clips, a row with a name and the
modality alone says that it was looked for. Audio-visual rows of a clip stand in the order in which the method gave them, as accuracy is also
taken of the first one alone.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from av2a.datasets import Dataset, Task
from av2a.datasets.dataset import touched_segments
from av2a.datasets.event_files import event_rows, has_event_files
from av2a.datasets.rows import EVENT_COLUMNS, AnnotationRow, UnusedRows, Why
from av2a.datasets.videos import ENDINGS
from av2a.errors import MediaError, MissingFile, OutputRefused, one_line
from av2a.exports.files import check_file, write_whole
from av2a.research.predictions import STREAMS, ClipPredictions, Predictions, by_time, painted
from av2a.timeline import Grid
from av2a.types import Candidate, Modality
from av2a.wording import counted, some

HEADER = (*EVENT_COLUMNS, "modality")
ENDING = ".tsv"

NO_END = 2**31
"""The number of segments of a clip whose length is not known."""
LONGEST_SECONDS = 86_400.0
"""What lies beyond is no time within a clip: memory would be needed for all before it."""


def dumps(predictions: Predictions, categories: Sequence[str], segment_seconds: float = 1.0) -> str:
    """The table, header included.

    Raises:
        OutputRefused: a name holds a tab or a line break, or is not Unicode.
    """
    rows = [HEADER]
    for video, name in enumerate(predictions.names):
        events = [(modality, each) for modality in STREAMS for each in predictions.candidates(video, modality)]
        rows += [_row(name, modality, each, categories, segment_seconds) for modality, each in events]
        rows += [] if events else [(name, "", "", "", "")]
    both = Modality.AUDIO_VISUAL.value
    if predictions.names and all(row[-1] != both for row in rows):
        rows.append((predictions.names[-1], "", "", "", both))
    _check_names(field for row in rows for field in row)
    return "".join("\t".join(map(_field, row)) + "\n" for row in rows)


def _field(text: str) -> str:
    """A field as :func:`av2a.datasets.rows.read_rows` reads it; quotes at its start would be taken for those of a spreadsheet."""
    return '"' + text.replace('"', '""') + '"' if text.startswith('"') else text


def _row(
    name: str, modality: Modality, each: Candidate, categories: Sequence[str], segment_seconds: float
) -> tuple[str, str, str, str, str]:
    onset, offset = each.start * segment_seconds, each.stop * segment_seconds
    return name, f"{onset:.3f}", f"{offset:.3f}", categories[each.label], modality.value


def write(
    predictions: Predictions,
    categories: Sequence[str],
    path: Path,
    *,
    segment_seconds: float = 1.0,
    overwrite: bool = False,
) -> None:
    """The table into a file, which appears whole.

    Raises:
        OutputRefused: the place cannot be written, or is taken and ``overwrite`` is not set.
        UnknownName: the ending is not ``.tsv``.
    """
    check_file(path, [ENDING], overwrite=overwrite)
    content = dumps(predictions, categories, segment_seconds).encode()
    write_whole(path, content)


@dataclass(frozen=True)
class PredictionTable:
    """Somebody's predictions, and what of their table is not used."""

    predictions: Predictions
    remarks: tuple[str, ...]
    """Counted rows, one line for each reason."""
    not_named: tuple[str, ...]
    """Clips of the data set that the table does not name."""


def read(file: Path, dataset: Dataset, *, segment_seconds: float = 1.0, only_named: bool = False) -> PredictionTable:
    """Predictions for the clips of a data set, from a table, from a file of another tool or from a folder with one a clip, cut at the end of each clip whose length is known.

    Clips that it does not name count as nothing found, as the official script counts them; with ``only_named`` they do not count. Where no row is
    audio_visual, what is both heard and seen is taken, as the official script does. An event is in every segment that it touches.

    Raises:
        MissingFile: there is no such file.
        InvalidLabels: the data set names no events.
        InvalidAnnotations: it is no such table, or has an invalid time; the error names the line.
        MediaError: it names clips, and none of them is in the data set.
    """
    dataset.check_labels()
    names_known = [clip.name for clip in dataset.clips]
    if not file.is_file() and not (file.is_dir() and has_event_files(file, names_known)):
        raise MissingFile(f"no table of predictions at {one_line(str(file), 120)!r}: check --predictions")
    rows = _Rows(file, dataset, segment_seconds)
    for row in event_rows(file, names_known):
        rows.add(row)
    rows.check_any_known()
    names = [clip.name for clip in dataset.clips if clip.name in rows.events or not only_named]
    not_named = tuple(clip.name for clip in dataset.clips if clip.name not in rows.events)
    found = [rows.predictions(name) for name in names]
    return PredictionTable(
        Predictions.of(found, len(dataset.categories)),
        tuple(rows.remarks(() if only_named else not_named)),
        not_named,
    )


PredictedEvent = tuple[Modality, Candidate]


@dataclass
class _Rows:
    """The events of a table by clip, and counters of rows that are not used."""

    file: Path
    dataset: Dataset
    segment_seconds: float
    events: dict[str, list[PredictedEvent]] = field(default_factory=dict)
    unused: UnusedRows = field(default_factory=UnusedRows)
    strangers: list[str] = field(default_factory=list)
    """Names of no clip of the data set, one for each of their rows."""
    both_given: bool = False
    """Whether any row is audio_visual, if only to say that there are none."""

    def __post_init__(self) -> None:
        self.ends = {clip.name: self.dataset.end_of(clip) for clip in self.dataset.clips}

    def add(self, row: AnnotationRow) -> None:
        """Take one row, whose values are checked whichever clip it is of.

        Raises:
            InvalidAnnotations: a value is invalid.
        """
        usual = Modality.AUDIO_VISUAL if self.dataset.task is Task.LOCALIZATION else None
        modality = row.modality(empty=usual) if row.has_event else None
        onset, offset = (row.seconds(column) if row.has_event else 0.0 for column in ("onset", "offset"))
        if offset > LONGEST_SECONDS:
            raise row.wrong(f"offset {offset:g} is beyond a day: times are seconds from the clip's start")
        name = _name(row["filename"].strip(), self.ends)
        if name is None:
            self.strangers.append(row["filename"].strip())
            return
        events = self.events.setdefault(name, [])
        self.both_given |= Modality.AUDIO_VISUAL.value in (row["modality"].strip(), modality and modality.value)
        if modality is not None and (event := self._event(row, self.ends[name], onset, offset)) is not None:
            events.append((modality, event))

    def _event(self, row: AnnotationRow, end: float | None, onset: float, offset: float) -> Candidate | None:
        label, categories = row["event_label"].strip(), self.dataset.categories
        segments = NO_END if end is None else Grid(end, self.segment_seconds).segments
        start, stop = touched_segments(onset, offset, segments, self.segment_seconds)
        if label not in categories:
            self.unused.add(row, Why.UNKNOWN_LABEL, label or "no label")
        elif onset >= offset:
            self.unused.add(row, Why.EMPTY)
        elif end is not None and onset >= end:
            self.unused.add(row, Why.BEYOND)
        else:
            if end is not None and offset > end and stop > segments:
                self.unused.add(row, Why.CUT)
            return Candidate(categories.index(label), start, min(stop, segments))
        return None

    def check_any_known(self) -> None:
        """Refuse to take a table of other clips for one in which nothing was found.

        Raises:
            MediaError: all clips are others'.
        """
        if self.strangers and not self.events:
            names = len(set(self.strangers))
            none = f"none of the {names} clips" if names > 1 else "not even the one clip"
            raise MediaError(
                f"{none} named in {one_line(str(self.file), 120)} is in {_whole(self.dataset)}: check --split and names"
            )

    @cached_property
    def segments(self) -> int:
        """The number of segments of the masks, once all rows are taken."""
        if self.dataset.clip_seconds is not None:
            return Grid(self.dataset.clip_seconds, self.segment_seconds).segments
        return max((each.stop for events in self.events.values() for _, each in events), default=1)

    def predictions(self, name: str) -> ClipPredictions:
        """The events of one clip; where the table has no audio_visual rows, audio-visual is what is both heard and seen."""
        rows = self.events.get(name, [])
        events = {modality: [each for kind, each in rows if kind is modality] for modality in STREAMS}
        if not self.both_given:
            shape = self.segments, len(self.dataset.categories)
            heard, seen = (painted(events[modality], shape) for modality in (Modality.AUDIO, Modality.VISUAL))
            events[Modality.AUDIO_VISUAL] = list(by_time(heard & seen))
        return ClipPredictions(name, events, self.segments)

    def remarks(self, nothing_found: Sequence[str]) -> Iterator[str]:
        """What is not used, and what was assumed; ``nothing_found`` are clips that count although they are not named."""
        name = one_line(self.file.name)
        yield from self.unused.remarks()
        if self.strangers:
            rows = counted(len(self.strangers), "row")
            yield f"{name}: left out {rows} of clips that are not in {_whole(self.dataset)} ({some(self.strangers)})"
        if nothing_found:
            yield (
                f"{name}: {counted(len(nothing_found), 'clip')} not named, in which therefore nothing was found "
                f"({some(nothing_found)}); --only-named leaves them out"
            )
        if not self.both_given and any(self.events.values()):
            yield f"{name}: no row is audio_visual: what is both heard and seen is taken, as the official script does"


def _whole(dataset: Dataset) -> str:
    """What a table is held against, as a sentence says it."""
    whole = f"{dataset.name} {dataset.split}"
    limited = dataset.split_clips is not None and dataset.split_clips > len(dataset.clips)
    return f"the first {counted(len(dataset.clips), 'clip')} of {whole}" if limited else whole


def _name(written: str, known: Collection[str]) -> str | None:
    """The clip that a row is about, with or without the ending of a media file; None where there is no such clip."""
    stem, dot, ending = written.rpartition(".")
    for name in (written, stem if dot and f".{ending.lower()}" in ENDINGS else written):
        if name in known:
            return name
    return None


def _check_names(fields: Iterable[str]) -> None:
    for text in fields:
        if any(mark in text for mark in "\t\r\n"):
            raise OutputRefused(f"{one_line(text)!r} holds a tab or a line break, which a table cannot: rename it")
        # What a file name that is not Unicode is read as.
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise OutputRefused(f"{one_line(text)!r} is not Unicode, which a table is: rename it")
