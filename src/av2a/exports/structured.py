"""Writes and reads the formats that are JSON: each event has a line, and what is wrong is an error that names the line."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from math import isfinite
from typing import Any

from av2a.errors import InvalidAnnotations, one_line
from av2a.exports.rows import EventRow, invalid

_LATEST_SECONDS = 1e9


def json_text(plain: Any, depth: int, level: int = 0) -> str:
    """A document with a line for each record at ``depth``, and a line break at its end.

    >>> print(json_text({"a": [{"b": 1, "c": 2}, {"b": 3}]}, depth=2), end="")
    {
     "a": [
      {"b": 1, "c": 2},
      {"b": 3}
     ]
    }
    """
    end = "" if level else "\n"
    if level == depth or not plain or not isinstance(plain, (dict, list)):
        return json.dumps(plain, ensure_ascii=False) + end
    parts = [json_text(each, depth, level + 1) for each in (plain.values() if isinstance(plain, dict) else plain)]
    if isinstance(plain, dict):
        parts = [f"{json.dumps(key, ensure_ascii=False)}: {part}" for key, part in zip(plain, parts, strict=True)]
    first, last = ("{", "}") if isinstance(plain, dict) else ("[", "]")
    inner = "\n" + " " * (level + 1)
    return f"{first}{inner}{(',' + inner).join(parts)}{inner[:-1]}{last}{end}"


def json_rows(text: str, tool: str, key: str, rows: Callable[[Any], Iterable[EventRow]]) -> Iterator[EventRow]:
    """What ``rows`` makes of a JSON document, with the line of each event's ``key``, which every event has once.

    Raises:
        InvalidAnnotations: the text is no JSON, or not in the form of ``tool``.
    """
    try:
        plain = json.loads(text)
    except json.JSONDecodeError as wrong:
        raise invalid(wrong.lineno, f"no whole JSON document ({wrong.msg})") from wrong
    except (RecursionError, ValueError) as wrong:
        raise invalid(1, f"no usable JSON document ({type(wrong).__name__})") from wrong
    events = 0
    try:
        for row in rows(plain):
            events += row.is_event
            yield row
    except InvalidAnnotations:
        raise
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as wrong:
        problem = f"not in {tool} form ({type(wrong).__name__}: {one_line(str(wrong), 100)})"
        raise invalid(_line_of(text, key, events), problem) from wrong


def _line_of(text: str, key: str, events: int) -> int:
    """The line of the key of the event that follows so many good ones. Within a text of JSON its quotes would be escaped."""
    places = re.finditer(rf'(?<!\\)"{re.escape(key)}"\s*:', text)
    place = next((place.start() for number, place in enumerate(places) if number == events), len(text))
    return text.count("\n", 0, place) + 1


def event_row(
    filename: object, label: object, modality: Any, start: Any, stop: Any, confidence: Any = None
) -> EventRow:
    """An event of plain values.

    Raises:
        ValueError, TypeError: they are none.
    """
    times = float(start), float(stop)
    if not isinstance(label, str) or not isinstance(filename, str):
        raise TypeError(f"expected texts for clip and label, got {filename!r} and {label!r}")
    if not all(0 <= time < _LATEST_SECONDS for time in times):
        raise ValueError(f"a time must be 0 or more seconds, got {times[0]:g} and {times[1]:g}")
    if confidence is not None and not isfinite(confidence):
        confidence = None
    return EventRow(filename, label, modality, *times, None if confidence is None else float(confidence))
