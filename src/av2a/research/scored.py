"""Runs the method on another model's scores over a data set, one file a clip."""

from pathlib import Path
from time import perf_counter

from av2a.datasets import Dataset, LabelledClip
from av2a.datasets.rows import composed
from av2a.errors import InvalidScores, MissingFile, one_line
from av2a.exports.scores import ScoreFile, read_scores
from av2a.features import Progress
from av2a.methods.av2a.method import parse
from av2a.research.predictions import ClipPredictions, MethodSeconds, Predictions
from av2a.research.watching import TRUTH_UNKNOWN, LeftOut
from av2a.settings import Settings
from av2a.timeline import Grid

ENDING = ".npz"


def predict_scored(
    folder: Path, dataset: Dataset, settings: Settings, *, progress: Progress | None = None
) -> tuple[Predictions, tuple[LeftOut, ...]]:
    """Run the method on each clip whose scores are in ``folder`` as ``<clip name>.npz``; the others are left out, with the reason.

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
    files = {composed(str(path.relative_to(folder))): path for path in folder.rglob(f"*{ENDING}")}
    found: list[ClipPredictions] = []
    left_out: list[LeftOut] = []
    for number, clip in enumerate(dataset.clips, start=1):
        path = files.get(composed(str(Path(f"{clip.name}{ENDING}"))))
        if clip.annotations is None:
            left_out.append(LeftOut(clip.name, TRUTH_UNKNOWN))
        elif path is None:
            left_out.append(LeftOut(clip.name, "no scores of it are available"))
        else:
            file = _scores(clip, path, dataset, settings)
            if isinstance(file, LeftOut):
                left_out.append(file)
            else:
                began = perf_counter()
                parsing = parse(file.scored, settings)
                seconds = MethodSeconds(intervals=0.0, method=perf_counter() - began)
                found.append(ClipPredictions.joined(clip.name, [parsing], file.segments, seconds))
        if progress is not None:
            progress("clips", number, len(dataset.clips))
    if not found:
        reason = f"{left_out[0].name}: {left_out[0].reason}" if left_out else "it has none"
        raise InvalidScores(f"no clip of {dataset.name} {dataset.split} can be used: {reason}")
    return Predictions.of(found, len(dataset.categories)), tuple(left_out)


def _scores(clip: LabelledClip, path: Path, dataset: Dataset, settings: Settings) -> ScoreFile | LeftOut:
    try:
        file = _in_order(read_scores(path), dataset)
        end = dataset.end_of(clip)
        if end is not None:
            Grid(end, settings.segment_seconds).check_rows(file.segments, path.name)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other clips count
        return LeftOut(clip.name, one_line(str(error) or type(error).__name__, 300), has_failed=True)
    return file


def _in_order(file: ScoreFile, dataset: Dataset) -> ScoreFile:
    for names in (dataset.categories, dataset.labels):
        if set(names) <= set(file.labels):
            return file.only(names)
    lacking = next(name for name in dataset.categories if name not in file.labels)
    raise InvalidScores(
        f"{file.path.name} has no column for the category {one_line(lacking)!r}: score all {len(dataset.categories)} of {dataset.name}"
    )
