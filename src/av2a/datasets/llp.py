"""Look, Listen and Parse (LLP): ten-second clips of AudioSet, 25 categories, annotated by the second for audio and for video.

Source: Tian, Li, Xu, "Unified Multisensory Perception", ECCV 2020; five tab-separated files. The training split has weak labels only.
The audio-visual truth is not a file: it is what is heard and seen at once.
"""

from collections.abc import Collection
from pathlib import Path

from av2a.datasets.annotated import Annotated, split_labels
from av2a.datasets.dataset import Dataset, LabelledClip, Task
from av2a.datasets.rows import EVENT_COLUMNS, AnnotationRow, UnusedRows, Why, read_rows
from av2a.datasets.splits import Split
from av2a.datasets.videos import Videos, several_files
from av2a.types import Modality

CATEGORIES: tuple[str, ...] = (
    "Speech", "Car", "Cheering", "Dog", "Cat", "Frying_(food)", "Basketball_bounce", "Fire_alarm", "Chainsaw", "Cello", "Banjo",
    "Singing", "Chicken_rooster", "Violin_fiddle", "Vacuum_cleaner", "Baby_laughter", "Accordion", "Lawn_mower", "Motorcycle",
    "Helicopter", "Acoustic_guitar", "Telephone_bell_ringing", "Baby_cry_infant_cry", "Blender", "Clapping",
)  # fmt: skip
"""The official order. These strings are the labels, as in the released code (behaviour 1); where that code gave a backbone no underscores, the backbone replaces them."""

CLIP_SECONDS = 10.0

SPLIT_FILES = {Split.TRAIN: "AVVP_train.csv", Split.VALIDATION: "AVVP_val_pd.csv", Split.TEST: "AVVP_test_pd.csv"}
"""Clips and their weak labels."""

EVENT_FILES = {Modality.AUDIO: "AVVP_eval_audio.csv", Modality.VISUAL: "AVVP_eval_visual.csv"}
"""The audio and the visual events of validation and test clips."""


def read_llp(split: Split, annotations: Path, videos: Path | None = None) -> Dataset:
    """One split, its clips in the order of the split's file.

    ``annotations`` is the folder of the five files (the other splits' may be absent), ``videos`` a folder of ``<name>`` or ``<id>``
    with any media ending; None for no videos.

    Raises:
        DataUnavailable: a file is missing.
        InvalidAnnotations: a file is malformed; the error names its line.
        MissingFile: there is no such folder of videos.
    """
    left_out = UnusedRows()
    weak = _weak_labels(annotations / SPLIT_FILES[split], left_out)
    events = None if split is Split.TRAIN else _events(annotations, weak, left_out)
    at_hand = None if videos is None else Videos.of(videos)
    clips = tuple(
        LabelledClip(
            name=name,
            path=next(iter(_files(at_hand, name)), None),
            annotations=None if events is None else events.of(name),
            weak_labels=labels,
        )
        for name, labels in weak.items()
    )
    return Dataset(
        name="llp",
        split=split.value,
        task=Task.PARSING,
        categories=CATEGORIES,
        labels=CATEGORIES,
        clips=clips,
        remarks=(
            *left_out.remarks(),
            *(() if at_hand is None else at_hand.remarks),
            *several_files({name: _files(at_hand, name) for name in weak}),
        ),
        clip_seconds=CLIP_SECONDS,
    )


def video_id(clip: str) -> str:
    """The YouTube id of a clip: its name without start and end, which are cut off at the right as ids hold "_" themselves.

    >>> video_id("a_b-c_d_e_12_120_130")
    'a_b-c_d_e_12'
    """
    return clip.rsplit("_", 2)[0]


def _files(videos: Videos | None, clip: str) -> tuple[Path, ...]:
    return () if videos is None else videos.named(clip, video_id(clip))


def _weak_labels(file: Path, left_out: UnusedRows) -> dict[str, tuple[str, ...]]:
    """The clips of a split with their labels, in order."""
    found: dict[str, tuple[str, ...]] = {}
    for row in read_rows(file, ("filename", "event_label")):
        name = _clip_name(row)
        if name in found:
            left_out.add(row, Why.DUPLICATE, name)
        found.setdefault(name, split_labels(row, CATEGORIES, left_out))
    return found


def _events(annotations: Path, clips: Collection[str], left_out: UnusedRows) -> Annotated:
    """The events of these clips. Rows of clips in another split are skipped; those of clips in no split are counted."""
    events = Annotated(CATEGORIES, left_out)
    elsewhere = _names_of_all_splits(annotations)
    for modality, file in EVENT_FILES.items():
        for row in read_rows(annotations / file, EVENT_COLUMNS):
            name = row["filename"].strip()
            if name in clips:
                events.add(name, row, modality)
            elif name not in elsewhere:
                left_out.add(row, Why.NO_SPLIT, name)
    return events


def _names_of_all_splits(annotations: Path) -> set[str]:
    files = [annotations / name for name in SPLIT_FILES.values()]
    return {_clip_name(row) for file in files if file.is_file() for row in read_rows(file, ("filename",))}


def _clip_name(row: AnnotationRow) -> str:
    name = row["filename"].strip()
    if not name:
        raise row.wrong("no clip is named: correct it, or take the published file")
    return name
