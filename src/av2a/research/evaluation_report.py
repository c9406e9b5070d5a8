"""An evaluation written down: JSON for programs, CSV for tables of one's own, Markdown for pages.

All but the timing is the same in every run on the same input. Percentages are whole floating-point numbers in JSON and CSV, and have two decimals in Markdown.
"""

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from enum import Enum
from pathlib import Path
from typing import Any

from av2a import __version__
from av2a.datasets.dataset import of_videos
from av2a.datasets.rows import counted, some
from av2a.errors import one_line
from av2a.exports.files import check_file, write_whole
from av2a.features.store import Intervals
from av2a.metrics.parsing import ParsingMetrics
from av2a.research.evaluate import Evaluation, Reading, SourceKind, Timing
from av2a.research.watching import LeftOut
from av2a.settings import PROFILES, TABLE_1, Settings

SCHEMA = "av2a/evaluation/1"

TRUE_AUDIO, AS_RELEASED = "audio as predicted", "audio := visual, as released"
"""The two readings of the ten numbers (behaviour 36)."""

MOST_REASONS, MOST_REMARKS = 10, 20
"""Lines that a reader is shown of why videos were left out, and of remarks; JSON has all."""

CSV_HEADER = (
    *("dataset", "split", "videos", "total", "reading", "category", "metric", "percent"),
    *("split_total", "made_by", "settings"),
)


def as_dict(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation as plain values; what is not a number is None."""
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
        "numbers": _numbers(evaluation.numbers),
        "numbers_as_released": _numbers(evaluation.numbers_as_released),
        "accuracy": None if evaluation.readings is None else [_reading(each) for each in evaluation.readings],
        "per_category": [
            {"category": category, "reading": reading, **_plain(values)}
            for reading, category, values in _by_category(evaluation)
        ],
        "backbone": None if evaluation.backbone is None else asdict(evaluation.backbone),
        "parameters": evaluation.parameters,
        "scores": _place(evaluation, SourceKind.SCORES),
        "predictions": _place(evaluation, SourceKind.PREDICTIONS),
        "profile": None if evaluation.settings is None else evaluation.settings.profile,
        "settings": None if evaluation.settings is None else evaluation.settings.as_dict(),
        "timing": None if evaluation.timing is None else _timing(evaluation.timing),
        "versions": {"av2a": __version__},
    }


def as_json(evaluation: Evaluation) -> str:
    """The evaluation as JSON text, indented, with a line break at its end."""
    return json.dumps(as_dict(evaluation), ensure_ascii=False, allow_nan=False, indent=2) + "\n"


def as_csv(evaluation: Evaluation) -> str:
    """One row for each number, those of single categories included."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(CSV_HEADER)
    head = (evaluation.dataset, evaluation.split, evaluation.videos, evaluation.total)
    split_total = evaluation.total if evaluation.split_total is None else evaluation.split_total
    settings = "" if evaluation.settings is None else settings_line(evaluation.settings, repr)
    tail = (split_total, _made_by(evaluation), settings)
    for reading, category, values in [*_overall(evaluation), *_by_category(evaluation)]:
        for metric, value in values.items():
            percentage = "" if math.isnan(value) else repr(value)
            table.writerow((*head, reading, category, metric, percentage, *tail))
    return text.getvalue()


def as_markdown(evaluation: Evaluation) -> str:
    """The tables, with what they were measured on and with."""
    parts = [f"## {title(evaluation)}", "", *(f"* {line}" for line in facts(evaluation))]
    tables = [main_table(evaluation), category_table(evaluation)]
    return "\n".join(parts) + "\n\n" + "\n".join(_markdown_table(table) for table in tables if len(table) > 1)


WRITERS: dict[str, Callable[[Evaluation], str]] = {".json": as_json, ".csv": as_csv, ".md": as_markdown}
"""By the ending of the file."""


def write(evaluation: Evaluation, path: Path, *, overwrite: bool = False) -> None:
    """The evaluation in the format that the ending of ``path`` asks for; the file appears whole.

    Raises:
        UnknownName: no format has that ending.
        OutputRefused: the place cannot be written, or is taken and ``overwrite`` is not set.
    """
    check_file(path, WRITERS, overwrite=overwrite)
    # A lone surrogate (of a file name that is not Unicode) has no UTF-8.
    content = WRITERS[path.suffix.lower()](evaluation).encode("utf-8", "backslashreplace")
    write_whole(path, content)


# What a reader is shown, here and on the terminal.


def title(evaluation: Evaluation) -> str:
    """What was measured, on how many videos."""
    unknown = not evaluation.videos and evaluation.predicted
    of_all = of_videos(evaluation.predicted if unknown else evaluation.videos, evaluation.total, evaluation.split_total)
    said = f"predictions of {of_all}; none has a known truth" if unknown else of_all
    return f"{evaluation.dataset}, {evaluation.split}: {said}"


def facts(evaluation: Evaluation) -> Iterator[str]:
    """With what, how fast, and what to know about it, one line each."""
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
    yield from evaluation.remarks[:MOST_REMARKS]
    if (more := len(evaluation.remarks) - MOST_REMARKS) > 0:
        yield f"{more} more remarks, which -o FILE.json tells"
    yield from left_out_lines(evaluation.left_out)


def settings_line(settings: Settings, number: Callable[[float], str] = "{:.6g}".format) -> str:
    """The profile, the hyper-parameters of Table 1, and whatever else is not as the profile has it.

    >>> from av2a.settings import Settings
    >>> settings_line(Settings.released().replace(audio_weight=0.4, keep_best=False))
    'profile released: audio_weight=0.4, category_threshold=0.55, initial_threshold=0.75, confidence_threshold=0.75, decay=2.5, keep_best=false'
    """
    profile = PROFILES[settings.profile].as_dict()
    values = settings.as_dict()
    # A trained parser has settings that no profile knows; they are told where they are not the usual ones.
    usual = {field.name: field.default for field in fields(settings)} | profile
    changed = [name for name, value in values.items() if name not in TABLE_1 and value != _plain_value(usual[name])]
    told = (f"{name}={_setting(values[name], number)}" for name in (*TABLE_1, *changed))
    return f"profile {settings.profile}: {', '.join(told)}"


def _plain_value(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def _setting(value: Any, number: Callable[[float], str]) -> str:
    """A setting's value in a line; of background concepts, of which there are many, how many."""
    if isinstance(value, list):
        return counted(len(value), "name")
    if isinstance(value, bool) or value is None:
        return "none" if value is None else str(value).lower()
    return number(value) if isinstance(value, float) else str(value)


def left_out_lines(left_out: Sequence[LeftOut]) -> Iterator[str]:
    """How many videos are left out for which reason, the most frequent first."""
    reasons: dict[str, list[str]] = {}
    for each in left_out:
        reasons.setdefault(each.reason, []).append(each.name)
    in_order = sorted(reasons.items(), key=lambda item: -len(item[1]))
    for reason, names in in_order[:MOST_REASONS]:
        yield f"{counted(len(names), 'video')} left out ({some(names)}): {reason}"
    if more := sum(len(names) for _, names in in_order[MOST_REASONS:]):
        yield f"{counted(more, 'video')} left out for other reasons, which -o FILE.json tells"


Table = list[list[str]]
"""Rows of cells, the heading first."""


def main_table(evaluation: Evaluation) -> Table:
    """The ten numbers in two lines for each reading, or the four accuracies."""
    if evaluation.readings is not None:
        return [
            ["truth", "timeline", "accuracy"],
            *(
                [_words(each.truth.value), _words(each.timeline.value), percent(each.accuracy)]
                for each in evaluation.readings
            ),
        ]
    table = [["F1 in percent", "audio", "visual", "both", "Type@AV", "Event@AV"]]
    for reading, numbers in ((TRUE_AUDIO, evaluation.numbers), (AS_RELEASED, evaluation.numbers_as_released)):
        if numbers is not None:
            table.append([f"segments, {reading}", *map(percent, numbers[:5])])
            table.append([f"events, {reading}", *map(percent, numbers[5:])])
    return table


def category_table(evaluation: Evaluation) -> Table:
    """The same for each category: of the ten numbers those of the three streams, segments / events."""
    if evaluation.readings is not None:
        heading = [f"{_words(each.truth.value)}, {_words(each.timeline.value)}" for each in evaluation.readings]
        columns = [[percent(value) for value in each.per_category.tolist()] for each in evaluation.readings]
        names = [*evaluation.categories, "(background)"]
        return [["category", *heading], *(list(row) for row in zip(names, *columns, strict=True))]
    if evaluation.per_category is None:
        return []
    rows = zip(evaluation.categories, evaluation.per_category.tolist(), strict=True)
    return [
        ["category, segments / events", "audio", "visual", "both"],
        *([name, *(f"{percent(row[at])} / {percent(row[at + 5])}" for at in range(3))] for name, row in rows),
    ]


def percent(value: float) -> str:
    """Two decimals; a dash for what is not a number.

    >>> percent(12.3456), percent(float("nan"))
    ('12.35', '–')
    """
    return "–" if math.isnan(value) else f"{value:.2f}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _timing_words(timing: Timing, videos: int) -> Iterator[str]:
    if timing.observed:
        others = ", the others came from the store" if timing.observed < videos else ""
        every = ", every interval included" if timing.asked is Intervals.ALL else ""
        yield (
            f"seconds a video: {timing.decode:.3f} decoding, {timing.encode:.3f} encoding{every} "
            f"({timing.observed} of {videos}{others})"
        )
    else:
        yield "nothing was decoded or encoded: all embeddings came from the store"
    if timing.asked is Intervals.ASKED:
        yield f"{timing.intervals:.3f} s decoding and encoding candidates"
    yield f"{timing.method:.3f} s for the method"


def _markdown_table(table: Table) -> str:
    lines = ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in table]
    rule = "|" + "|".join("---" if place == 0 else "---:" for place in range(len(table[0]))) + "|"
    return "\n".join([lines[0], rule, *lines[1:]]) + "\n"


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


# Plain values.

Values = Mapping[str, float]


def _overall(evaluation: Evaluation) -> Iterator[tuple[str, str, Values]]:
    for reading, numbers in ((TRUE_AUDIO, evaluation.numbers), (AS_RELEASED, evaluation.numbers_as_released)):
        if numbers is not None:
            yield reading, "", numbers.as_dict()
    for each in evaluation.readings or ():
        yield _named(each), "", {"accuracy": each.accuracy}


def _by_category(evaluation: Evaluation) -> Iterator[tuple[str, str, Values]]:
    if evaluation.per_category is not None:
        for category, row in zip(evaluation.categories, evaluation.per_category.tolist(), strict=True):
            yield TRUE_AUDIO, category, dict(zip(ParsingMetrics._fields, row, strict=True))
    for each in evaluation.readings or ():
        for category, value in zip((*evaluation.categories, "(background)"), each.per_category.tolist(), strict=True):
            yield _named(each), category, {"accuracy": value}


def _made_by(evaluation: Evaluation) -> str:
    """Whose work the numbers judge; empty where that is not known."""
    if evaluation.source is not None:
        return f"{evaluation.source.kind.value}: {one_line(evaluation.source.place, 300)}"
    return "" if evaluation.backbone is None else evaluation.backbone.name


def _place(evaluation: Evaluation, kind: SourceKind) -> str | None:
    source = evaluation.source
    return source.place if source is not None and source.kind is kind else None


def _named(reading: Reading) -> str:
    return f"{reading.truth.value}, {reading.timeline.value}"


def _numbers(numbers: ParsingMetrics | None) -> dict[str, float | None] | None:
    return None if numbers is None else _plain(numbers.as_dict())


def _plain(values: Values) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in values.items()}


def _reading(reading: Reading) -> dict[str, Any]:
    return {"truth": reading.truth.value, "timeline": reading.timeline.value, "accuracy": reading.accuracy}


def _timing(timing: Timing) -> dict[str, Any]:
    seconds = {"decode": timing.decode, "encode": timing.encode, "intervals": timing.intervals, "method": timing.method}
    return {
        **{f"{name}_seconds": value for name, value in _plain(seconds).items()},
        "observed_videos": timing.observed,
        "intervals": timing.asked.value,
    }
