"""The tables of a batch as Parquet: events, one row each, and videos, one row each."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from av2a.corpora.manifest import JobRecord, Manifest
from av2a.corpora.parquet_files import shown_path, write_rows
from av2a.corpora.search import Hit

EVENTS = "events.parquet"
VIDEOS = "videos.parquet"

EVENT_COLUMNS = {
    "key": "string",
    "filename": "string",
    "event_label": "label",
    "modality": "label",
    "onset": "float64",
    "offset": "float64",
    "confidence": "float32",
}
VIDEO_COLUMNS = {
    "key": "string",
    "filename": "string",
    "status": "label",
    "code": "label",
    "error": "string",
    "events": "int32",
    "seconds": "float64",
    "duration": "float64",
    "size_bytes": "int64",
    "sha256": "string",
    "container": "label",
    "video_codec": "label",
    "width": "int32",
    "height": "int32",
    "audio_codec": "label",
    "sample_rate_hz": "int32",
    "warnings": "texts",
    "answer": "string",
}

HIT_COLUMNS = {
    "file": "string",
    "label": "label",
    "modality": "label",
    "start": "float64",
    "end": "float64",
    "confidence": "float32",
    "state": "label",
}


def write_tables(manifest: Manifest) -> None:
    """Both tables, from the manifest and the answers that it names; each appears whole.

    Raises:
        MissingDependency: pyarrow is not installed.
        OSError: they cannot be written.
    """
    about = json.dumps(manifest.fingerprint)
    write_rows(manifest.folder / EVENTS, EVENT_COLUMNS, _events(manifest), about)
    write_rows(manifest.folder / VIDEOS, VIDEO_COLUMNS, map(_video, manifest.records.values()), about)


def write_hits(path: Path, hits: Iterable[Hit]) -> None:
    """The hits of a search as Parquet.

    Raises:
        MissingDependency: pyarrow is not installed.
        OSError: the file cannot be written.
    """
    rows = (row | {"file": shown_path(row["file"])} for row in (hit.as_dict() for hit in hits))
    write_rows(path, HIT_COLUMNS, rows, "{}")


def _events(manifest: Manifest) -> Iterator[dict[str, Any]]:
    for record in manifest.records.values():
        if record.answer is not None and manifest.is_whole(record):
            answer = json.loads((manifest.folder / record.answer).read_bytes())
            for event in answer["events"]:
                yield {
                    "key": record.key,
                    "filename": shown_path(record.path),
                    "event_label": event["label"],
                    "modality": event["modality"],
                    "onset": event["start"],
                    "offset": event["end"],
                    "confidence": event["confidence"],
                }


def _video(record: JobRecord) -> dict[str, Any]:
    row = {name: record.about.get(name) for name in VIDEO_COLUMNS}
    error = row["error"]
    return row | {
        "key": shown_path(record.key),
        "filename": shown_path(record.path),
        "status": record.status.value,
        "error": None if error is None else shown_path(error),
        "warnings": [shown_path(each) for each in record.about.get("warnings", ())],
    }
