"""Praat TextGrids: a tier for each label and modality, named "dog barking (heard)".

Source: Praat's manual, "TextGrid file formats". Reading follows its rule for both the long and the short form: only quoted texts,
free-standing numbers and ``<exists>`` count. An interval tier covers the whole clip, with empty intervals between the events.
Line breaks in labels become spaces: Praat takes them, other readers do not.
"""

import re
from collections.abc import Iterator, Sequence

from av2a.exports.rows import NOTE, EventRow, cell, invalid, seconds, track_modality, tracks
from av2a.types import Detection, Event, Modality

# A text that nothing closes is a token as well: it would be looked for again from each of its quotes.
_TOKEN = re.compile(r'"(?:[^"]++|"")*+"?|(?<!\S)(?:<exists>|<absent>|-?[\d.][^\s"]*+)(?=\s|$)')
_INTERVALS, _POINTS = "IntervalTier", "TextTier"


def dumps(detection: Detection) -> str:
    """The TextGrid in its long form."""
    events = detection.rounded_events
    end = repr(max([detection.clip.duration_seconds, *(event.stop_seconds for event in events)]))
    tiers = tracks(events)
    if detection.caution is not None:
        tiers.insert(0, ("note", [Event(NOTE, Modality.AUDIO_VISUAL, 0.0, float(end), 0.0)]))
    exist = "<exists>" if tiers else "<absent>"
    head = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {end}", f"tiers? {exist}"]
    if tiers:
        head += [f"size = {len(tiers)}", "item []:"]
    body = [line for number, (name, track) in enumerate(tiers, start=1) for line in _tier(number, name, track, end)]
    return "\n".join(head + body) + "\n"


def _tier(number: int, name: str, track: Sequence[Event], end: str) -> Iterator[str]:
    intervals = list(_tiled(track, end))
    yield f"    item [{number}]:"
    yield f'        class = "{_INTERVALS}"'
    yield f"        name = {_quoted(name)}"
    yield "        xmin = 0"
    yield f"        xmax = {end}"
    yield f"        intervals: size = {len(intervals)}"
    for place, (start, stop, text) in enumerate(intervals, start=1):
        yield f"        intervals [{place}]:"
        yield f"            xmin = {start}"
        yield f"            xmax = {stop}"
        yield f"            text = {_quoted(text)}"


def _tiled(track: Sequence[Event], end: str) -> Iterator[tuple[str, str, str]]:
    """The events and, between them, empty intervals; a time has the same digits wherever it stands."""
    reached = "0"
    for event in track:
        start, stop = repr(event.start_seconds) if event.start_seconds else "0", repr(event.stop_seconds)
        if start != reached:
            yield reached, start, ""
        yield start, stop, cell(event.label)
        reached = stop
    if reached != end:
        yield reached, end, ""


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def event_rows(text: str, filename: str) -> Iterator[EventRow]:
    """The intervals with a text, of all interval tiers.

    Raises:
        InvalidAnnotations: the text is no TextGrid, or ends early.
    """
    tokens = _Tokens(text)
    if tokens.text() != "ooTextFile" or tokens.text() != "TextGrid":
        raise invalid(1, "a TextGrid begins with 'File type = \"ooTextFile\"' and 'Object class = \"TextGrid\"'")
    tokens.number(), tokens.number()
    if tokens.next() != "<exists>":
        return
    for _ in range(int(tokens.number())):
        kind, name = tokens.text(), tokens.text()
        if kind not in (_INTERVALS, _POINTS):
            raise invalid(tokens.line, f"a tier must be an {_INTERVALS} or a {_POINTS}, got {kind!r}")
        tokens.number(), tokens.number()
        reached = 0.0
        for _ in range(int(tokens.number())):
            if kind == _POINTS:
                tokens.number(), tokens.text()
                continue
            start, stop, label = tokens.number(), tokens.number(), tokens.text()
            if start < reached:
                raise invalid(tokens.line, "the interval begins before the one above it ends: put it on another tier")
            reached = stop
            if label.strip() and label != NOTE:
                yield EventRow(filename, label, track_modality(name), start, stop, line=tokens.line)


class _Tokens:
    """The texts and numbers of a TextGrid, one after the other."""

    def __init__(self, text: str) -> None:
        self._text, self._found = text, _TOKEN.finditer(text)
        self._counted, self.line = 0, 1

    def next(self) -> str:
        """The next token as it stands in the file."""
        token = next(self._found, None)
        if token is None:
            raise invalid(self._text.count("\n") + 1, "the TextGrid ends early")
        self.line += self._text.count("\n", self._counted, token.start())
        self._counted = token.start()
        return token[0]

    def text(self) -> str:
        """The next token, which must be a text."""
        token = self.next()
        if not token.startswith('"'):
            raise invalid(self.line, f"expected a text in quotes, got {token[:40]!r}")
        if len(token) < 2 or not token.endswith('"'):
            raise invalid(self.line, f"a text without its closing quote: {token[:40]!r}")
        return token[1:-1].replace('""', '"')

    def number(self) -> float:
        """The next token, which must be a number, 0 or more."""
        return seconds(self.next(), self.line)
