"""An answer for a reader: a table of events by name, then the time line."""

from collections.abc import Iterator, Sequence
from math import floor

from rich import box
from rich.table import Table
from rich.text import Text

from av2a.cli.safe_text import terminal_safe
from av2a.cli.terminal import Terminal
from av2a.figures.axis import clock
from av2a.figures.looks import LOOKS
from av2a.figures.rows import found_words
from av2a.figures.terminal import timeline_text
from av2a.settings import Settings
from av2a.types import Clip, ClosestMiss, Detection, Event, Modality


def show_answer(terminal: Terminal, detection: Detection, truth: Sequence[Event] = (), *, apart: bool = False) -> None:
    """Title, table and time line on stdout, or what came closest; ``apart`` from the next answer by a blank line."""
    terminal.show(title(detection), "bold")
    if detection.caution is not None:
        terminal.show(detection.caution, "bold yellow")
    if detection.events:
        terminal.show(events_table(detection))
    if detection.events or truth:
        terminal.show()
    for sense, names in known_words(detection):
        terminal.show(f"{sense} as: {terminal_safe(names)}")
    line = timeline_text(detection, terminal.data.width, ascii_only=terminal.ascii_only, truth=truth)
    terminal.show(_coloured(line))
    if apart:
        terminal.show()


def title(detection: Detection) -> str:
    """The file, its length, and how much of what was asked for is in it (the time line says it when it is nothing)."""
    count = f"  {found_words(detection)}" if detection.events else ""
    return f"{detection.clip.name}  {clock(detection.clip.duration_seconds)}{count}"


def events_table(detection: Detection) -> Table:
    """A row an event, grouped by name in the order asked."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("name", overflow="fold")
    table.add_column("is", no_wrap=True)
    for heading in ("from", "to", "confidence"):
        table.add_column(heading, justify="right", no_wrap=True)
    for label in detection.labels:
        for row, event in enumerate(_of(detection, label)):
            name = Text(terminal_safe(label)) if row == 0 else Text()
            table.add_row(name, *_cells(event))
    return table


def known_words(detection: Detection) -> list[tuple[str, str]]:
    """What the labels are heard and seen as, by a backbone that knows only some things; its warnings name the others."""
    heard = [(each.label, each.heard_as) for each in detection.known if each.heard_as]
    seen = [(each.label, each.seen_as) for each in detection.known if each.seen_as]
    return [
        (sense, "; ".join(label if tag.casefold() == label.casefold() else f"{label} as {tag}" for label, tag in pairs))
        for sense, pairs in (("heard", heard), ("seen", seen))
        if pairs
    ]


def _of(detection: Detection, label: str) -> Iterator[Event]:
    for modality in Modality:
        yield from (event for event in detection.events_of(modality) if event.label == label)


def _cells(event: Event) -> tuple[Text, str, str, str]:
    word = Text(event.modality.word, style=LOOKS[event.modality].terminal_style)
    return word, clock(event.start_seconds), clock(event.stop_seconds), f"{event.confidence:.2f}"


def _coloured(time_line: str) -> Text:
    text = Text(time_line)
    text.highlight_regex("[·─┼]+", "dim")
    for look in LOOKS.values():
        text.highlight_regex(f"{look.ink}+", look.terminal_style)
    return text


def how_to_lower_the_bar(closest: ClosestMiss, settings: Settings) -> str:
    """The options with which what came closest would have been found."""
    options = " ".join(f"--set {name}={value:g}" for name, value in _lower(closest, settings).items())
    return f"to lower the bar below it: {options}"


def _lower(closest: ClosestMiss, settings: Settings) -> dict[str, float]:
    if closest.score > closest.threshold:
        return {"minimum_duration_seconds": settings.segment_seconds}
    below = _hundredths_below(closest.score)
    names = ("category_threshold", "initial_threshold", "confidence_threshold")
    too_high = {name: below for name in names if getattr(settings, name) > below}
    # A threshold that has moved up from a lower start comes down with its start.
    moved = settings.initial_threshold - (closest.threshold - closest.score)
    return too_high or {"initial_threshold": _hundredths_below(moved)}


def _hundredths_below(value: float) -> float:
    return max(0.0, floor(value * 100 - 1e-6) / 100)


def streams_line(clip: Clip) -> str:
    """What of a file will be looked at and listened to."""
    return "; ".join((_picture(clip), _sound(clip), f"{clock(clip.duration_seconds)} of {clip.container}"))


def _picture(clip: Clip) -> str:
    if clip.video is None:
        return "no picture"
    rate = "" if clip.video.frame_rate_hz is None else f" at {clip.video.frame_rate_hz:.4g} frames/s"
    chosen = _chosen(clip.video.index, len(clip.video_streams))
    return f"picture {clip.video.codec} {clip.video.width}x{clip.video.height}{rate}{chosen}"


def _sound(clip: Clip) -> str:
    if clip.audio is None:
        return "no sound"
    chosen = _chosen(clip.audio.index, len(clip.audio_streams))
    return f"sound {clip.audio.codec} {clip.audio.sample_rate_hz} Hz, {clip.audio.channels} channels{chosen}"


def _chosen(index: int, count: int) -> str:
    return f" (stream {index}, chosen of {count})" if count > 1 else ""
