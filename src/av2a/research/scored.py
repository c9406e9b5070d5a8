"""The method on another model's scores over a data set, one file a clip."""

from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from av2a.datasets import Dataset, LabelledClip
from av2a.datasets.rows import composed
from av2a.errors import InvalidScores, MissingFile, one_line
from av2a.exports.scores import ScoreFile, read_scores
from av2a.features import Progress
from av2a.methods.av2a.method import parse
from av2a.research.predictions import STREAMS, Found, MethodSeconds, Predictions, gathered, painted
from av2a.research.watching import TRUTH_UNKNOWN, LeftOut
from av2a.settings import Settings
from av2a.timeline import Grid
from av2a.types import Modality

ENDING = ".npz"


def predict_scored(
    folder: Path, dataset: Dataset, settings: Settings, *, progress: Progress | None = None
) -> tuple[Predictions, tuple[LeftOut, ...]]:
    """What the method finds in each clip whose scores lie in ``folder`` as ``<clip name>.npz``, and why others are left out.

    Columns are found by the data set's categories, or by its labels; files may hold others, in any order. File names are compared in NFC.
    Where a clip's length is known, a file must have a row for each of its segments.

    Raises:
        InvalidLabels: the data set names no events.
        MissingFile: no such folder.
        InvalidScores: no clip is left.
    """
    dataset.check_labels()
    if not folder.is_dir():
        raise MissingFile(f"no such folder of scores: {one_line(str(folder))!r}; check the name")
    found: list[Found] = []
    left_out: list[LeftOut] = []
    for number, each in enumerate(_each(folder, dataset, settings), start=1):
        (found if isinstance(each, Found) else left_out).append(each)  # type: ignore[arg-type]
        if progress is not None:
            progress("clips", number, len(dataset.clips))
    if not found:
        reason = f"{left_out[0].name}: {left_out[0].reason}" if left_out else "it has none"
        raise InvalidScores(f"no clip of {dataset.name} {dataset.split} can be used: {reason}")
    return gathered(found, categories=len(dataset.categories)), tuple(left_out)


def _each(folder: Path, dataset: Dataset, settings: Settings) -> Iterator[Found | LeftOut]:
    files = {composed(str(path.relative_to(folder))): path for path in folder.rglob(f"*{ENDING}")}
    for clip in dataset.clips:
        path = files.get(composed(str(Path(f"{clip.name}{ENDING}"))))
        if clip.annotations is None:
            yield LeftOut(clip.name, TRUTH_UNKNOWN)
        elif path is None:
            yield LeftOut(clip.name, "no scores of it are at hand")
        else:
            yield _found(clip, path, dataset, settings)


def _found(clip: LabelledClip, path: Path, dataset: Dataset, settings: Settings) -> Found | LeftOut:
    try:
        file = _in_order(read_scores(path), dataset)
        end = dataset.end_of(clip)
        if end is not None:
            Grid(end, settings.segment_seconds).check_rows(file.segments, path.name)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other clips count
        return LeftOut(clip.name, one_line(str(error) or type(error).__name__, 300), has_failed=True)
    began = perf_counter()
    streams = parse(file.scored, settings).streams
    spent = perf_counter() - began
    shape = len(dataset.categories), file.segments
    return Found(
        name=clip.name,
        masks={modality: painted(streams[modality].found, shape) for modality in STREAMS},
        in_order=streams[Modality.AUDIO_VISUAL].found,
        seconds=MethodSeconds(intervals=0.0, method=spent),
    )


def _in_order(file: ScoreFile, dataset: Dataset) -> ScoreFile:
    for names in (dataset.categories, dataset.labels):
        if set(names) <= set(file.labels):
            return file.only(names)
    lacking = next(name for name in dataset.categories if name not in file.labels)
    raise InvalidScores(
        f"{file.path.name} has no column for the category {one_line(lacking)!r}: score all {len(dataset.categories)} of {dataset.name}"
    )
