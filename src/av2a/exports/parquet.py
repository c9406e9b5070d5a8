"""A Parquet table with one row an event, of any number of clips, with the columns of the CSV (extra ``table``).

Names and labels are dictionary-encoded, times are float64 seconds, confidences float32. A clip without events has one row, null but for
its name. The schema's metadata has a key ``av2a``, with what there is to say of worthless answers.
"""

import json
from collections.abc import Iterator
from typing import Any

from av2a.errors import one_line
from av2a.exports.csv import HEADER
from av2a.exports.rows import EventRow, clip_alone, invalid
from av2a.exports.structured import event_row
from av2a.types import Detection, Modality

BINARY = True


def dumps(*detections: Detection) -> bytes:
    """The table of all answers."""
    # Optional, and imported where it is needed.
    import pyarrow as pa
    from pyarrow import parquet

    words, schema = pa.dictionary(pa.int32(), pa.string()), []
    kinds = [words, pa.float64(), pa.float64(), words, words, pa.float32()]
    rows = [row for detection in detections for row in _rows(detection)]
    schema = pa.schema(list(zip(HEADER, kinds, strict=True)), {"av2a": json.dumps(_about(detections))})
    columns = [[row[place] for row in rows] for place in range(len(HEADER))]
    table = pa.Table.from_arrays([pa.array(*each) for each in zip(columns, kinds, strict=True)], schema=schema)
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink)
    return bytes(sink.getvalue())


def _about(detections: tuple[Detection, ...]) -> dict[str, Any]:
    cautions = {_unicode(each.clip.name): each.caution for each in detections if each.caution}
    return {"schema": "av2a/events/1", "cautions": cautions}


def _rows(detection: Detection) -> Iterator[tuple[Any, ...]]:
    name = _unicode(detection.clip.name)
    if not detection.events:
        yield (name, *[None] * (len(HEADER) - 1))
    for each in detection.rounded_events:
        yield name, each.start_seconds, each.stop_seconds, _unicode(each.label), each.modality.value, each.confidence


def _unicode(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def event_rows(content: bytes, filename: str) -> Iterator[EventRow]:
    """The events of a table.

    Raises:
        InvalidAnnotations: it is no such table.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(pa.BufferReader(content), columns=list(HEADER))
        for name, start, stop, label, modality, confidence in zip(*table.to_pydict().values(), strict=True):
            if start is None and label is None:
                yield clip_alone(name)
            else:
                sure = None if confidence is None else round(confidence, 4)
                yield event_row(name, label, modality and Modality(modality), start, stop, sure)
    except (pa.ArrowException, OSError, TypeError, ValueError) as wrong:
        raise invalid(1, f"no Parquet table of events ({one_line(str(wrong), 100)})") from wrong
