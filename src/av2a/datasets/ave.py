"""The Audio-Visual Event dataset (AVE): ten-second clips of AudioSet, 28 categories, events that are heard and seen at once.

Source: Tian, Shi, Li, Duan, Xu, "Audio-Visual Event Localization in Unconstrained Videos", ECCV 2018; text files with ``&`` between
their fields. Two truths are in use, see :class:`av2a.datasets.dataset.GroundTruth`; a clip carries both.
"""

from collections.abc import Iterator
from pathlib import Path

from av2a.datasets.annotated import Annotated
from av2a.datasets.dataset import Annotation, Dataset, LabelledClip, Task
from av2a.datasets.rows import AnnotationRow, UnusedRows, read_lines
from av2a.datasets.splits import Split
from av2a.datasets.videos import Videos, several_files
from av2a.errors import InvalidAnnotations, one_line
from av2a.types import Modality

CATEGORIES: tuple[str, ...] = (
    "Church bell", "Male speech, man speaking", "Bark", "Fixed-wing aircraft, airplane", "Race car, auto racing",
    "Female speech, woman speaking", "Helicopter", "Violin, fiddle", "Flute", "Ukulele", "Frying (food)", "Truck", "Shofar",
    "Motorcycle", "Acoustic guitar", "Train horn", "Clock", "Banjo", "Goat", "Baby cry, infant cry", "Bus", "Chainsaw", "Cat",
    "Horse", "Toilet flush", "Rodents, rats, mice", "Accordion", "Mandolin",
)  # fmt: skip
"""The official order, fixed here: the released code's depends on Python's hash seed (behaviour 41)."""

LABELS = tuple(name.lower() for name in CATEGORIES)
"""The labels that the released code puts into its prompts (behaviour 1)."""

CLIP_SECONDS = 10.0

ALL_FILE = "Annotations.txt"
SPLIT_FILES = {Split.TRAIN: "trainSet.txt", Split.VALIDATION: "valSet.txt", Split.TEST: "testSet.txt"}

HEADER = ("Category", "VideoID", "Quality", "StartTime", "EndTime")
"""The first line of ``Annotations.txt`` as some publish it, and not in the original repository: both are read."""

_COLUMNS = ("event_label", "filename", "quality", "onset", "offset")


def read_ave(split: Split, annotations: Path, videos: Path | None = None) -> Dataset:
    """One split, its clips in the order in which they come up in the split's list.

    ``annotations`` is the folder of the list and of ``Annotations.txt``, ``videos`` a folder of ``<id>`` with any media ending; None for
    no videos.

    Raises:
        DataUnavailable: a file is missing.
        InvalidAnnotations: a file is malformed, or a listed clip has no line in ``Annotations.txt``; the error names the line.
        MissingFile: there is no such folder of videos.
    """
    left_out = UnusedRows()
    listed = Annotated(CATEGORIES, left_out)
    names: dict[str, AnnotationRow] = {}
    for row in _rows(annotations / SPLIT_FILES[split]):
        listed.add(row["filename"], row, Modality.AUDIO_VISUAL)
        names.setdefault(row["filename"], row)
    first = _first_annotations(annotations / ALL_FILE, names)
    at_hand = None if videos is None else Videos.of(videos)
    files = {name: () if at_hand is None else at_hand.named(name) for name in names}
    return Dataset(
        name="ave",
        split=split.value,
        task=Task.LOCALIZATION,
        categories=CATEGORIES,
        labels=LABELS,
        clips=tuple(
            LabelledClip(name, next(iter(files[name]), None), listed.of(name), first_annotation=first[name])
            for name in names
        ),
        remarks=(*left_out.remarks(), *(() if at_hand is None else at_hand.remarks), *several_files(files)),
        clip_seconds=CLIP_SECONDS,
    )


def _first_annotations(file: Path, names: dict[str, AnnotationRow]) -> dict[str, tuple[Annotation, ...]]:
    """The first line of each clip in the file of all annotations; an unknown label or an empty interval makes it background."""
    first: dict[str, tuple[Annotation, ...]] = {}
    for row in _rows(file):
        name = row["filename"]
        if name in names and name not in first:
            one = Annotated(CATEGORIES, UnusedRows())
            one.add(name, row, Modality.AUDIO_VISUAL)
            first[name] = one.of(name)
    for name, row in names.items():
        if name not in first:
            raise row.wrong(f"clip {name!r} has no line in {file.name}: take both files from one source")
    return first


def _rows(file: Path) -> Iterator[AnnotationRow]:
    for number, line in read_lines(file):
        fields = tuple(field.strip() for field in line.split("&"))
        if fields == HEADER:
            continue
        if len(fields) != len(_COLUMNS) or not fields[1]:
            raise InvalidAnnotations(
                f"{one_line(str(file), 120)}, line {number}: {one_line(line)!r} is not {'&'.join(HEADER)}: take the published file"
            )
        yield AnnotationRow(file, number, dict(zip(_COLUMNS, fields, strict=True)))
