"""Predictions as a table that others can score, and other people's tables as predictions.

The form is that of DCASE, ``filename onset offset event_label`` separated by tabs, in seconds, with a column ``modality``: audio, visual or
audio_visual. A clip in which nothing was found has a row with its name alone; where that is so for a stream of all clips, a row with a name and the
modality alone says that it was looked for. Audio-visual rows of a clip stand in the order in which the method gave them, as accuracy is also
taken of the first one alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path

from av2a.datasets import Dataset, Task
from av2a.datasets.rows import EVENT_COLUMNS, LeftOut, Row, Why, counted, read_rows, some
from av2a.datasets.videos import ENDINGS
from av2a.errors import MissingFile, OutputRefused, one_line
from av2a.experiments.predictions import STREAMS, Found, Predictions, by_time, gathered, painted
from av2a.formats.files import check_file, write_whole
from av2a.records import Candidate, Modality
from av2a.timeline import Grid

HEADER = (*EVENT_COLUMNS, "modality")
ENDING = ".tsv"

LONGEST_SECONDS = 86_400.0
"""What lies beyond is no time within a clip: memory would be needed for all before it."""


def dumps(predictions: Predictions, categories: Sequence[str], segment_seconds: float = 1.0) -> str:
    """The table, header included.

    Raises:
        OutputRefused: a name holds a tab or a line break, or is not Unicode.
    """
    rows = [HEADER]
    for video, name in enumerate(predictions.names):
        events = [(modality, each) for modality in STREAMS for each in _events(predictions, video, modality)]
        rows += [_row(name, modality, each, categories, segment_seconds) for modality, each in events]
        rows += [] if events else [(name, "", "", "", "")]
    both = Modality.AUDIO_VISUAL.value
    if predictions.names and all(row[-1] != both for row in rows):
        rows.append((predictions.names[-1], "", "", "", both))
    _check_names(field for row in rows for field in row)
    return "".join("\t".join(row) + "\n" for row in rows)


def _row(
    name: str, modality: Modality, each: Candidate, categories: Sequence[str], segment_seconds: float
) -> tuple[str, str, str, str, str]:
    onset, offset = each.start * segment_seconds, each.stop * segment_seconds
    return name, f"{onset:.3f}", f"{offset:.3f}", categories[each.category], modality.value


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
    write_whole(path, lambda part: _fill(part, content))


@dataclass(frozen=True)
class Read:
    """Somebody's predictions, and what of their table is not used."""

    predictions: Predictions
    remarks: tuple[str, ...]
    """Counted rows, one line for each reason."""
    not_named: tuple[str, ...]
    """Clips of the data set that the table does not name."""


def read(file: Path, dataset: Dataset, *, segment_seconds: float = 1.0, only_named: bool = False) -> Read:
    """A table of predictions for the clips of a data set.

    Clips that it does not name count as nothing found, as the official script counts them; with ``only_named`` they do not count. Where no row is
    audio_visual, what is both heard and seen is taken, as the official script does. A segment is one in which an event is when the event touches it.

    Raises:
        MissingFile: there is no such file.
        InvalidAnnotations: it is no such table, or a time in it is none; the error names the line.
    """
    if not file.is_file():
        raise MissingFile(f"no table of predictions at {one_line(str(file), 120)!r}: check --predictions")
    rows = _Rows.of(file, dataset, segment_seconds)
    names = [clip.name for clip in dataset.clips if clip.name in rows.events or not only_named]
    not_named = tuple(clip.name for clip in dataset.clips if clip.name not in rows.events)
    segments = rows.segments(dataset)
    shape = len(dataset.categories), segments
    found = [_found(name, rows.events.get(name, []), shape, both_told=rows.both_told) for name in names]
    return Read(
        gathered(found, len(dataset.categories)), tuple(rows.remarks(not_named, only_named=only_named)), not_named
    )


Told = tuple[Modality, Candidate]


@dataclass
class _Rows:
    """What a table says, by clip."""

    file: Path
    events: dict[str, list[Told]]
    left_out: LeftOut
    strangers: list[str]
    """Names of no clip of the data set."""
    segment_seconds: float
    both_told: bool = False
    """Whether any row is audio_visual, if only to say that there are none."""

    @classmethod
    def of(cls, file: Path, dataset: Dataset, segment_seconds: float) -> "_Rows":
        rows = cls(file, {}, LeftOut(), [], segment_seconds)
        known = {clip.name for clip in dataset.clips}
        for row in read_rows(file, EVENT_COLUMNS, optional=("modality",)):
            rows._add(row, known, dataset)
        return rows

    def _add(self, row: Row, known: set[str], dataset: Dataset) -> None:
        name = _name(row["filename"].strip(), known)
        if name is None:
            self.strangers.append(row["filename"].strip())
            return
        events = self.events.setdefault(name, [])
        self.both_told |= row["modality"].strip() == Modality.AUDIO_VISUAL.value
        if any(row[column].strip() for column in ("onset", "offset", "event_label")):
            self._add_event(row, events, dataset)

    def _add_event(self, row: Row, events: list[Told], dataset: Dataset) -> None:
        modality = _modality(row, dataset.task)
        self.both_told |= modality is Modality.AUDIO_VISUAL
        onset, offset, label = row.seconds("onset"), row.seconds("offset"), row["event_label"].strip()
        if offset > LONGEST_SECONDS:
            raise row.wrong(f"offset {offset:g} is beyond a day: times are seconds from the clip's start")
        if label not in dataset.categories:
            self.left_out.add(row, Why.UNKNOWN_LABEL, label or "no label")
        elif onset >= offset:
            self.left_out.add(row, Why.EMPTY)
        else:
            start, stop = floor(onset / self.segment_seconds + 1e-6), ceil(offset / self.segment_seconds - 1e-6)
            events.append((modality, Candidate(dataset.categories.index(label), start, max(stop, start + 1))))

    def segments(self, dataset: Dataset) -> int:
        """How many segments the arrays need."""
        if dataset.clip_seconds is not None:
            return Grid(dataset.clip_seconds, self.segment_seconds).segments
        return max((each.stop for events in self.events.values() for _, each in events), default=1)

    def remarks(self, not_named: Sequence[str], *, only_named: bool) -> Iterator[str]:
        """What is not used, and what was taken as said although it was not."""
        name = one_line(self.file.name)
        yield from self.left_out.remarks()
        if self.strangers:
            yield f"{name}: left out {counted(len(self.strangers), 'row')} of clips that are not in the data set ({some(self.strangers)})"
        if not_named and not only_named:
            yield (
                f"{name}: {counted(len(not_named), 'clip')} not named, in which therefore nothing was found ({some(not_named)}); "
                "--only-named leaves them out"
            )
        if not self.both_told and any(self.events.values()):
            yield f"{name}: no row is audio_visual: what is both heard and seen is taken, as the official script does"


def _name(written: str, known: set[str]) -> str | None:
    """The clip that a row is about, with or without the ending of a media file; None where there is no such clip."""
    stem, dot, ending = written.rpartition(".")
    for name in (written, stem if dot and f".{ending.lower()}" in ENDINGS else written):
        if name in known:
            return name
    return None


def _modality(row: Row, task: Task) -> Modality:
    text = row["modality"].strip()
    if not text and task is Task.LOCALIZATION:
        return Modality.AUDIO_VISUAL
    if text not in [modality.value for modality in Modality]:
        raise row.wrong(f"modality must be audio, visual or audio_visual, got {one_line(text, 40)!r}: correct it")
    return Modality(text)


def _found(name: str, told: Sequence[Told], shape: tuple[int, int], *, both_told: bool) -> Found:
    masks = {modality: painted([each for told_of, each in told if told_of is modality], shape) for modality in STREAMS}
    in_order = [
        Candidate(each.category, each.start, min(each.stop, shape[1]))
        for told_of, each in told
        if told_of is Modality.AUDIO_VISUAL and each.start < shape[1]
    ]
    if not both_told:
        masks[Modality.AUDIO_VISUAL] = masks[Modality.AUDIO] & masks[Modality.VISUAL]
        in_order = list(by_time(masks[Modality.AUDIO_VISUAL]))
    return Found(name, masks, tuple(in_order))


def _events(predictions: Predictions, video: int, modality: Modality) -> Sequence[Candidate]:
    if modality is Modality.AUDIO_VISUAL:
        return predictions.candidates(video)
    return by_time(predictions.masks[modality][video])


def _check_names(fields: Iterable[str]) -> None:
    for field in fields:
        if any(mark in field for mark in "\t\r\n"):
            raise OutputRefused(f"{one_line(field)!r} holds a tab or a line break, which a table cannot: rename it")
        # What a file name that is not Unicode is read as.
        if any("\ud800" <= letter <= "\udfff" for letter in field):
            raise OutputRefused(f"{one_line(field)!r} is not Unicode, which a table is: rename it")


def _fill(path: Path, content: bytes) -> None:
    path.write_bytes(content)
