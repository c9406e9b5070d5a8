"""Events as rows, as the files of other tools have them, and what their readers and writers share."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from urllib.parse import unquote

from av2a.errors import InvalidAnnotations, one_line
from av2a.exports.fields import single_line
from av2a.types import CAUTION, Event, Modality

NOTE = f"note: {CAUTION}"
"""Stands over the whole clip where the answer is worthless, in formats without a place for notes; no event when read."""

WORDS = {modality.word: modality for modality in Modality}
"""Heard, seen and both, as files for people have them."""

_SECONDS = re.compile(r"\d+(?:[.,]\d*)?(?:[eE][-+]?\d+)?|[.,]\d+")
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d*)?)")
_IN_PARENTHESES = re.compile(rf"(.*) \(({'|'.join(WORDS)})\)(?: \d+)?", re.DOTALL)


@dataclass(frozen=True)
class EventRow:
    """One event of a file. Not every format has a modality or a confidence; the interval may be empty."""

    filename: str
    """The clip's name, or that of the file where the format names no clip."""
    label: str
    modality: Modality | None
    start_seconds: float
    stop_seconds: float
    confidence: float | None = None
    line: int = 0
    """Where in the file the event is, counted from 1; 0 where a format has no lines."""

    @property
    def is_event(self) -> bool:
        """False for a row that only says that a clip was looked at (:func:`clip_alone`)."""
        return bool(self.label) or self.stop_seconds > 0


def clip_alone(filename: str, line: int = 0) -> EventRow:
    """The row of a clip in which nothing happens."""
    return EventRow(filename, "", None, 0.0, 0.0, line=line)


def media_name(address: object) -> str:
    r"""The name of the media file that an address or a path leads to; empty where there is none.

    >>> media_name("file:///C:/my%20videos/the%20park.mp4"), media_name("C:\\videos\\park.mp4"), media_name(None)
    ('the park.mp4', 'park.mp4', '')
    """
    return unquote(re.split(r"[/\\]", address)[-1]) if isinstance(address, str) else ""


def invalid(line: int, problem: str) -> InvalidAnnotations:
    """The error for a line of a file; its reader adds the file's name."""
    return InvalidAnnotations(f"line {line}: {problem}")


def seconds(text: str, line: int) -> float:
    """A time in seconds, with a point or a comma, 0 or more.

    Raises:
        InvalidAnnotations: it is none.
    """
    if not _SECONDS.fullmatch(text.strip()):
        raise invalid(line, f"a time must be a number of seconds, 0 or more, got {one_line(text, 40)!r}")
    return _possible(float(text.replace(",", ".")), line)


def clock_seconds(text: str, line: int) -> float:
    """A time as ``hours:minutes:seconds`` or ``minutes:seconds``.

    Raises:
        InvalidAnnotations: it is none.
    """
    found = _CLOCK.fullmatch(text.strip())
    if not found:
        raise invalid(line, f"a time must look like 00:01:02.500, got {one_line(text, 40)!r}")
    hours, minutes, rest = found.groups()
    return _possible(round(3600 * int(hours or 0) + 60 * int(minutes) + float(rest.replace(",", ".")), 6), line)


def clock(seconds: float, point: str = ".") -> str:
    """Whole milliseconds as ``hours:minutes:seconds``.

    >>> clock(3723.5), clock(1.0, ",")
    ('01:02:03.500', '00:00:01,000')
    """
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02d}:{minute:02d}:{second:02d}{point}{milliseconds:03d}"


def cell(label: str) -> str:
    """A label for formats of one line or one cell each: line breaks and tabs are spaces, and it is never empty.

    >>> cell("a\\tb\\r\\nc"), cell("")
    ('a b c', '�')
    """
    return (
        single_line(label).replace("\t", " ").replace("\0", "\N{REPLACEMENT CHARACTER}") or "\N{REPLACEMENT CHARACTER}"
    )


def prefixed(event: Event) -> str:
    """The label behind its modality, for formats with one track: "heard: dog barking"."""
    return f"{event.modality.word}: {cell(event.label)}"


def without_prefix(text: str) -> tuple[Modality | None, str]:
    """Undoes :func:`prefixed`; text without a modality is a label.

    >>> without_prefix("heard: dog: large"), without_prefix("dog")
    ((<Modality.AUDIO: 'audio'>, 'dog: large'), (None, 'dog'))
    """
    word, colon, label = text.partition(": ")
    return (WORDS[word], label) if colon and word in WORDS else (None, text)


def tracks(events: Sequence[Event]) -> list[tuple[str, list[Event]]]:
    """Tracks of one label and one modality, in which no event overlaps another, by name: "dog barking (heard)"."""
    of_one_kind: dict[tuple[str, Modality], list[Event]] = {}
    for event in sorted(events, key=lambda each: (each.start_seconds, each.stop_seconds)):
        of_one_kind.setdefault((event.label, event.modality), []).append(event)
    named: dict[str, list[Event]] = {}
    for (label, modality), of_kind in of_one_kind.items():
        name, number = f"{cell(label)} ({modality.word})", 1
        for track in _without_overlaps(of_kind):
            # Another label may differ only in what a name cannot have.
            while (full := name + (f" {number}" if number > 1 else "")) in named:
                number += 1
            named[full] = track
    return list(named.items())


def _without_overlaps(events: Iterable[Event]) -> list[list[Event]]:
    """Events, ordered by start, on as few tracks as need be; each on the first that is free."""
    tracks: list[list[Event]] = []
    busy: list[tuple[float, int]] = []
    free: list[int] = []
    for event in events:
        while busy and busy[0][0] <= event.start_seconds:
            heappush(free, heappop(busy)[1])
        number = heappop(free) if free else len(tracks)
        if number == len(tracks):
            tracks.append([])
        tracks[number].append(event)
        heappush(busy, (event.stop_seconds, number))
    return tracks


def track_modality(name: str) -> Modality | None:
    """The modality in a track's name."""
    found = _IN_PARENTHESES.fullmatch(name)
    return WORDS[found[2]] if found else None


def lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, numbered from 1."""
    # Not splitlines: it would also split at characters that a label may have.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line.removesuffix("\r")


def _possible(seconds: float, line: int) -> float:
    if not seconds < 1e9:
        raise invalid(line, f"a time of {seconds:g} seconds is no time")
    return seconds
