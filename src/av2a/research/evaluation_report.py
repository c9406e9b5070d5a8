"""Turns an evaluation into results to print and write.

Everything but the timing is the same in every run on the same input.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields
from enum import Enum
from itertools import chain
from typing import Any

from av2a import __version__
from av2a.datasets.dataset import of_videos
from av2a.errors import one_line
from av2a.metrics.parsing import ParsingMetrics
from av2a.research.evaluate import AccuracyReading, Evaluation, SourceKind, Timing
from av2a.research.results import MOST_LINES, Results, Table, left_out_lines
from av2a.settings import PROFILES, TABLE_1, Settings
from av2a.wording import counted

SCHEMA = "av2a/evaluation/1"

TRUE_AUDIO, AS_RELEASED = "audio as predicted", "audio := visual, as released"
"""The two readings of the ten numbers (behaviour 36)."""

CSV_HEADER = (
    *("dataset", "split", "videos", "total", "reading", "category", "metric", "percent"),
    *("split_total", "made_by", "settings"),
)

Values = dict[str, float]


def results_of(evaluation: Evaluation) -> Results:
    """The evaluation as tables, JSON and CSV records."""
    return Results(
        plain=_plain(evaluation),
        tables=tuple(table for table in (_main_table(evaluation), _category_table(evaluation)) if table.rows),
        title=title(evaluation),
        facts=tuple(facts(evaluation)),
        header=CSV_HEADER,
        records=tuple(_records(evaluation)),
    )


# For a reader.


def title(evaluation: Evaluation) -> str:
    """What was measured, on how many videos."""
    unknown = not evaluation.videos and evaluation.predicted
    of_all = of_videos(evaluation.predicted if unknown else evaluation.videos, evaluation.total, evaluation.split_total)
    said = f"predictions of {of_all}; none has a known truth" if unknown else of_all
    return f"{evaluation.dataset}, {evaluation.split}: {said}"


def facts(evaluation: Evaluation) -> Iterator[str]:
    """The backbone, the settings, the timing and the remarks, one line each."""
    if evaluation.source is not None:
        yield _made_by(evaluation)
    if evaluation.backbone is not None:
        size = "" if evaluation.parameters is None else f", {evaluation.parameters:,} parameters"
        info = evaluation.backbone
        yield f"{info.name} ({info.visual}, {info.audio}{size}), {info.precision} on {info.device}"
    if evaluation.settings is not None:
        yield settings_line(evaluation.settings)
    if evaluation.timing is not None:
        yield "; ".join(_timing_words(evaluation.timing, max(evaluation.predicted, evaluation.videos)))
    yield from evaluation.remarks[:MOST_LINES]
    if (more := len(evaluation.remarks) - MOST_LINES) > 0:
        yield f"{counted(more, 'more remark')}, which JSON lists"
    yield from left_out_lines(("", each) for each in evaluation.left_out)


def settings_line(settings: Settings, number: Callable[[float], str] = "{:.6g}".format) -> str:
    """The profile, the hyper-parameters of Table 1, and whatever else is not as the profile has it.

    >>> from av2a.settings import Settings
    >>> settings_line(Settings.released().replace(audio_weight=0.4, keep_best=False))
    'profile released: audio_weight=0.4, category_threshold=0.55, initial_threshold=0.75, confidence_threshold=0.75, decay=2.5, keep_best=false'
    """
    values = settings.as_dict()
    # The settings of a trained parser that no profile has are listed where they are not at their defaults.
    usual = {field.name: field.default for field in fields(settings)} | PROFILES[settings.profile].as_dict()
    plain = {name: value.value if isinstance(value, Enum) else value for name, value in usual.items()}
    changed = [name for name, value in values.items() if name not in TABLE_1 and value != plain[name]]
    parts = (f"{name}={_setting(values[name], number)}" for name in (*TABLE_1, *changed))
    return f"profile {settings.profile}: {', '.join(parts)}"


def _setting(value: Any, number: Callable[[float], str]) -> str:
    """A setting's value in a line; of background concepts, of which there are many, their number."""
    if isinstance(value, list):
        return counted(len(value), "name")
    if isinstance(value, bool) or value is None:
        return "none" if value is None else str(value).lower()
    return number(value) if isinstance(value, float) else str(value)


def percent(value: float) -> str:
    """Two decimals; a dash for NaN.

    >>> percent(12.3456), percent(float("nan"))
    ('12.35', '–')
    """
    return "–" if math.isnan(value) else f"{value:.2f}"


def _main_table(evaluation: Evaluation) -> Table:
    """The ten numbers in two rows for each reading, or the accuracies."""
    if evaluation.readings is not None:
        accuracies = tuple((*_words(each), percent(each.accuracy)) for each in evaluation.readings)
        return Table(accuracies, ("truth", "timeline", "accuracy"))
    rows = tuple(
        (f"{what}, {reading}", *map(percent, half))
        for reading, numbers in _parsing(evaluation)
        for what, half in (("segments", numbers[:5]), ("events", numbers[5:]))
    )
    return Table(rows, ("F1 in percent", "audio", "visual", "both", "Type@AV", "Event@AV"))


def _category_table(evaluation: Evaluation) -> Table:
    """The same for each category: of the ten numbers those of the three streams, segments / events."""
    if evaluation.readings is not None:
        columns = [map(percent, each.per_category.tolist()) for each in evaluation.readings]
        names = (*evaluation.categories, "(background)")
        heading = ("category", *(", ".join(_words(each)) for each in evaluation.readings))
        return Table(tuple(zip(names, *columns, strict=True)), heading)
    if evaluation.per_category is None:
        return Table(())
    rows = zip(evaluation.categories, evaluation.per_category.tolist(), strict=True)
    return Table(
        tuple((name, *(f"{percent(row[at])} / {percent(row[at + 5])}" for at in range(3))) for name, row in rows),
        ("category, segments / events", "audio", "visual", "both"),
    )


def _words(reading: AccuracyReading) -> tuple[str, str]:
    return reading.truth.value.replace("_", " "), reading.timeline.value.replace("_", " ")


def _timing_words(timing: Timing, videos: int) -> Iterator[str]:
    if timing.observed:
        others = ", the others came from the store" if timing.observed < videos else ""
        every = ", every interval included" if timing.every_interval else ""
        yield (
            f"seconds a video: {timing.decode:.3f} decoding, {timing.encode:.3f} encoding{every} "
            f"({timing.observed} of {videos}{others})"
        )
    else:
        yield "nothing was decoded or encoded: all embeddings came from the store"
    if not timing.every_interval:
        yield f"{timing.intervals:.3f} s decoding and encoding candidates"
    yield f"{timing.method:.3f} s for the method"


# For programs.


def _plain(evaluation: Evaluation) -> dict[str, Any]:
    """Everything as plain values; NaN is None."""
    source, settings, numbers = evaluation.source, evaluation.settings, dict(_parsing(evaluation))
    places = {kind.value: source.place if source is not None and source.kind is kind else None for kind in SourceKind}
    return {
        "schema": SCHEMA,
        "dataset": evaluation.dataset,
        "split": evaluation.split,
        "task": evaluation.task.value,
        "videos": evaluation.videos,
        "total": evaluation.total,
        "split_total": evaluation.total if evaluation.split_total is None else evaluation.split_total,
        "predicted": evaluation.predicted,
        "left_out": [{"name": each.name, "reason": each.reason} for each in evaluation.left_out],
        "remarks": list(evaluation.remarks),
        "numbers": _numbers(numbers.get(TRUE_AUDIO)),
        "numbers_as_released": _numbers(numbers.get(AS_RELEASED)),
        "accuracy": None
        if evaluation.readings is None
        else [
            {"truth": each.truth.value, "timeline": each.timeline.value, "accuracy": each.accuracy}
            for each in evaluation.readings
        ],
        "per_category": [
            {"category": category, "reading": reading, **_finite(values)}
            for reading, category, values in _by_category(evaluation)
        ],
        "backbone": None if evaluation.backbone is None else asdict(evaluation.backbone),
        "parameters": evaluation.parameters,
        **places,
        "profile": None if settings is None else settings.profile,
        "settings": None if settings is None else settings.as_dict(),
        "timing": None if evaluation.timing is None else _timing(evaluation.timing),
        "versions": {"av2a": __version__},
    }


def _records(evaluation: Evaluation) -> Iterator[tuple[str | int | float | None, ...]]:
    """One row a number, those of single categories included."""
    head = (evaluation.dataset, evaluation.split, evaluation.videos, evaluation.total)
    split_total = evaluation.total if evaluation.split_total is None else evaluation.split_total
    settings = "" if evaluation.settings is None else settings_line(evaluation.settings, repr)
    for reading, category, values in chain(_overall(evaluation), _by_category(evaluation)):
        for metric, value in values.items():
            yield (*head, reading, category, metric, value, split_total, _made_by(evaluation), settings)


def _parsing(evaluation: Evaluation) -> Iterator[tuple[str, ParsingMetrics]]:
    for reading, numbers in ((TRUE_AUDIO, evaluation.numbers), (AS_RELEASED, evaluation.numbers_as_released)):
        if numbers is not None:
            yield reading, numbers


def _overall(evaluation: Evaluation) -> Iterator[tuple[str, str, Values]]:
    for reading, numbers in _parsing(evaluation):
        yield reading, "", numbers.as_dict()
    for each in evaluation.readings or ():
        yield f"{each.truth.value}, {each.timeline.value}", "", {"accuracy": each.accuracy}


def _by_category(evaluation: Evaluation) -> Iterator[tuple[str, str, Values]]:
    if evaluation.per_category is not None:
        for category, row in zip(evaluation.categories, evaluation.per_category.tolist(), strict=True):
            yield TRUE_AUDIO, category, dict(zip(ParsingMetrics._fields, row, strict=True))
    for each in evaluation.readings or ():
        for category, value in zip((*evaluation.categories, "(background)"), each.per_category.tolist(), strict=True):
            yield f"{each.truth.value}, {each.timeline.value}", category, {"accuracy": value}


def _made_by(evaluation: Evaluation) -> str:
    """Who made the predictions; empty where that is not known."""
    if evaluation.source is not None:
        return f"{evaluation.source.kind.value}: {one_line(evaluation.source.place, 300)}"
    return "" if evaluation.backbone is None else evaluation.backbone.name


def _numbers(numbers: ParsingMetrics | None) -> dict[str, float | None] | None:
    return None if numbers is None else _finite(numbers.as_dict())


def _finite(values: Values) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in values.items()}


def _timing(timing: Timing) -> dict[str, Any]:
    seconds = {"decode": timing.decode, "encode": timing.encode, "intervals": timing.intervals, "method": timing.method}
    return {
        **{f"{name}_seconds": value for name, value in _finite(seconds).items()},
        "observed_videos": timing.observed,
        "intervals": "all" if timing.every_interval else "asked",
    }
