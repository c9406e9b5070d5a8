"""What a person changed of an answer: a layer of its own, saved whole or not at all, and replayed over any later answer.

An operation names the event that it is about by label, stream and times, so that it finds the event again in an answer with other
thresholds: the same label and stream, and an overlap of half or more. Operations that find nothing are listed, never dropped.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from av2a import atomic
from av2a.errors import Av2aError, UsageError, one_line
from av2a.types import Detection, Event, Modality

SCHEMA = "av2a/corrections/1"
KINDS = ("added", "removed", "changed", "confirmed", "rejected")
LEAST_OVERLAP = 0.5
MOST_OPERATIONS = 20_000


class StaleCorrections(Av2aError):
    """Another tab or program saved meanwhile."""

    code = "E_STALE"


@dataclass(frozen=True)
class Corrections:
    """The operations about one media file, in the order in which they were made."""

    sha256: str
    revision: int = 0
    operations: tuple[dict[str, Any], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As files and the page have them."""
        return {
            "schema": SCHEMA,
            "media": {"sha256": self.sha256},
            "revision": self.revision,
            "operations": list(self.operations),
        }


@dataclass(frozen=True)
class Corrected:
    """Events after the operations, and the operations that found no event."""

    events: tuple[Event, ...]
    unmatched: tuple[dict[str, Any], ...]
    touched: int
    """How many operations changed something."""


class CorrectionFiles:
    """One file for each media file, by its SHA-256."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, sha256: str) -> Corrections:
        """What was saved, none at first.

        Raises:
            UsageError: the file is not one of ours; it is left as it is.
        """
        path = self._path(sha256)
        if not path.is_file():
            return Corrections(sha256)
        try:
            plain = json.loads(path.read_bytes())
            return Corrections(sha256, int(plain["revision"]), tuple(map(checked_operation, plain["operations"])))
        except (OSError, ValueError, LookupError, TypeError) as wrong:
            raise UsageError(
                f"the saved corrections cannot be read ({one_line(str(wrong))}): move {path.name} away"
            ) from wrong

    def save(self, sha256: str, revision: int, operations: Sequence[Any]) -> Corrections:
        """Replace what is there, if it is still what the caller saw.

        Raises:
            StaleCorrections: it is not.
            UsageError: an invalid operation.
            OSError: nothing could be written, and nothing changed.
        """
        current = self.read(sha256)
        if current.revision != revision:
            raise StaleCorrections(
                "these corrections were changed in another tab: look at them there, or load them here"
            )
        if len(operations) > MOST_OPERATIONS:
            raise UsageError(f"at most {MOST_OPERATIONS} corrections of one video, got {len(operations)}")
        saved = Corrections(sha256, revision + 1, tuple(map(checked_operation, operations)))
        self.folder.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(self._path(sha256), json.dumps(saved.as_dict(), ensure_ascii=False, indent=1).encode())
        return saved

    def _path(self, sha256: str) -> Path:
        if not (len(sha256) == 64 and set(sha256) <= set("0123456789abcdef")):
            raise UsageError("a media file is named by its SHA-256")
        return self.folder / f"{sha256}.json"


def checked_operation(plain: Any) -> dict[str, Any]:
    """An operation with nothing but what it must have.

    Raises:
        UsageError: it is invalid.
    """
    with suppress(TypeError, KeyError, ValueError, AttributeError):
        kind = plain["kind"]
        before = None if kind == "added" else _plain(_event(plain["before"]))
        after = _plain(_event(plain["after"])) if kind in ("added", "changed") else None
        if kind in KINDS and isinstance(plain["id"], str) and 0 < len(plain["id"]) <= 64:
            return {"id": plain["id"], "kind": kind, "before": before, "after": after}
    raise UsageError(f"not a correction: {one_line(str(plain))}")


def corrected(events: Sequence[Event], operations: Sequence[dict[str, Any]]) -> Corrected:
    """The events after the operations, in the order of time.

    >>> rain = Event("rain", Modality.AUDIO, 0.0, 2.0, 0.9)
    >>> moved = {"id": "1", "kind": "changed", "before": _plain(rain), "after": _plain(replace(rain, stop_seconds=2.5))}
    >>> corrected([replace(rain, stop_seconds=3.0)], [moved]).events[0].stop_seconds
    2.5
    """
    current, unmatched, touched = list(events), [], 0
    for operation in operations:
        kind = operation["kind"]
        if kind == "added":
            current.append(_event(operation["after"]))
            touched += 1
            continue
        index = _nearest(current, _event(operation["before"]))
        if index is None:
            unmatched.append(operation)
            continue
        touched += 1
        if kind in ("removed", "rejected"):
            del current[index]
        elif kind == "changed":
            after = _event(operation["after"])
            current[index] = replace(after, confidence=current[index].confidence)
    order = {
        modality: number for number, modality in enumerate((Modality.AUDIO, Modality.VISUAL, Modality.AUDIO_VISUAL))
    }
    current.sort(key=lambda event: (event.start_seconds, event.stop_seconds, event.label, order[event.modality]))
    return Corrected(tuple(current), tuple(unmatched), touched)


def corrected_detection(detection: Detection, operations: Sequence[dict[str, Any]]) -> Detection:
    """An answer with its corrections in it; its notes say which events a person touched."""
    if not operations:
        return detection
    result = corrected(detection.events, operations)
    end = detection.grid.duration_seconds
    events = tuple(
        replace(event, stop_seconds=min(event.stop_seconds, end))
        for event in result.events
        if event.start_seconds < end
    )
    labels = tuple(dict.fromkeys([*detection.labels, *(event.label for event in events)]))
    traces = detection.traces if labels == detection.labels else ()
    notes = [_note(operation) for operation in operations if operation not in result.unmatched]
    notes += [f"a correction found no event in this answer: {_note(operation)}" for operation in result.unmatched]
    return replace(
        detection,
        labels=labels,
        events=events,
        traces=traces,
        warnings=(*detection.warnings, *notes),
        closest=None if events else detection.closest,
    )


def _nearest(events: Sequence[Event], wanted: Event) -> int | None:
    """The event of the same label and stream that overlaps most, if by half or more; the first of equals."""
    best, index = 0.0, None
    for number, event in enumerate(events):
        if (event.label, event.modality) == (wanted.label, wanted.modality):
            overlap = _overlap(event, wanted)
            if overlap >= LEAST_OVERLAP and overlap > best:
                best, index = overlap, number
    return index


def _overlap(one: Event, other: Event) -> float:
    """Intersection over union."""
    common = min(one.stop_seconds, other.stop_seconds) - max(one.start_seconds, other.start_seconds)
    whole = max(one.stop_seconds, other.stop_seconds) - min(one.start_seconds, other.start_seconds)
    return max(0.0, common) / whole


def _event(plain: Any) -> Event:
    label = plain["label"]
    if not isinstance(label, str) or not 0 < len(label) <= 500:
        raise ValueError("a label is a text")
    # A person's events have no score of the method; 1 is the highest that there is.
    confidence = float(plain.get("confidence", 1.0))
    return Event(label, Modality(plain["modality"]), float(plain["start"]), float(plain["stop"]), confidence)


def _plain(event: Event) -> dict[str, Any]:
    return {
        "label": event.label,
        "modality": event.modality.value,
        "start": event.start_seconds,
        "stop": event.stop_seconds,
        "confidence": event.confidence,
    }


def _note(operation: dict[str, Any]) -> str:
    def words(plain: dict[str, Any]) -> str:
        return f"{plain['label']} ({Modality(plain['modality']).word}) {plain['start']:.3f}–{plain['stop']:.3f} s"

    kind, before, after = operation["kind"], operation["before"], operation["after"]
    if kind == "added":
        return f"added by hand: {words(after)}"
    if kind == "changed":
        return f"changed by hand: {words(before)} became {words(after)}"
    return f"{kind} by hand: {words(before)}"
