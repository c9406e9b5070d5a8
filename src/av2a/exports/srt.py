"""SubRip subtitles: "heard: dog barking", "seen: …", "both: …".

SubRip has no specification and no escapes. Players may read ``<i>`` as markup, so ``<`` and ``>`` become ``‹`` and ``›``.
"""

import re
from collections.abc import Iterator

from av2a.exports.rows import NOTE, EventRow, clock, clock_seconds, invalid, prefixed, without_prefix
from av2a.types import Detection

_TIMES = re.compile(r"(\S+)\s*-->\s*(\S+).*")
_BRACKETS = str.maketrans("<>", "‹›")


def dumps(detection: Detection) -> str:
    """The subtitles, in the events' order."""
    shown = [
        (event.start_seconds, event.stop_seconds, prefixed(event).translate(_BRACKETS))
        for event in detection.rounded_events
    ]
    if detection.caution is not None:
        shown.insert(0, (0.0, detection.clip.duration_seconds, NOTE))
    return "\n".join(
        f"{number}\n{clock(start, ',')} --> {clock(stop, ',')}\n{text}\n"
        for number, (start, stop, text) in enumerate(shown, start=1)
    )


def event_rows(text: str, filename: str) -> Iterator[EventRow]:
    """The events of subtitles.

    Raises:
        InvalidAnnotations: a block has no times.
    """
    for number, payload, start, stop in blocks(text):
        modality, label = without_prefix(payload)
        if label != NOTE:
            yield EventRow(filename, label, modality, start, stop, line=number)


def blocks(text: str) -> Iterator[tuple[int, str, float, float]]:
    """The blocks with times: the number of that line, the text below it as one line, start and stop in seconds."""
    rows = text.replace("\r\n", "\n").split("\n")
    number = 0
    while number < len(rows):
        number += 1
        line = rows[number - 1].strip()
        times = _TIMES.fullmatch(line) if "-->" in line else None
        if times is None:
            # A block's number stands alone above its times.
            if line and (number == len(rows) or "-->" not in rows[number]):
                raise invalid(
                    number, "a block needs its times in the first or second line, such as 00:00:01,000 --> 00:00:02,000"
                )
            continue
        first = number
        while number < len(rows) and rows[number] != "":
            number += 1
        start, stop = (clock_seconds(time, first) for time in times.groups())
        yield first, " ".join(rows[first:number]), start, stop
