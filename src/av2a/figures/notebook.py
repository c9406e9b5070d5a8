"""The time line of an answer as HTML for notebooks: inline styles only, no script."""

from collections.abc import Iterator, Sequence

from av2a.figures.axis import clock, span
from av2a.figures.markup import name, text
from av2a.types import Detection, Event, Modality

MOST_LABELS = 30
_COLOURS = {Modality.AUDIO: "#c44e00", Modality.VISUAL: "#0067a5", Modality.AUDIO_VISUAL: "#00795a"}


def lanes(detection: Detection) -> str:
    """One row a label with events, each with a lane for heard, seen and both; at most :data:`MOST_LABELS` rows."""
    labels = [label for label in detection.labels if detection[label]]
    parts = [f"<b>{name(detection.clip.name)}</b>, {clock(detection.clip.duration_seconds)}: {len(detection)} events"]
    if detection.caution is not None:
        parts.append(f"<div><b>{text(detection.caution)}</b></div>")
    parts += [_row(detection, label) for label in labels[:MOST_LABELS]]
    if len(labels) > MOST_LABELS:
        parts.append(f"<div>and {len(labels) - MOST_LABELS} more labels</div>")
    return f'<div style="font: 13px sans-serif; max-width: 60em">{"".join(parts)}</div>'


def _row(detection: Detection, label: str) -> str:
    found = [(modality, [event for event in detection[label] if event.modality is modality]) for modality in Modality]
    drawn = "".join(_lane(events, modality, detection.clip.duration_seconds) for modality, events in found if events)
    return (
        '<div style="display: flex; margin: 4px 0"><div style="flex: 0 0 12em; overflow: hidden">'
        f'{name(label)}</div><div style="flex: 1">{drawn}</div></div>'
    )


def _lane(events: Sequence[Event], modality: Modality, duration_seconds: float) -> str:
    return (
        '<div style="display: flex; height: 16px"><div style="flex: 0 0 4em">'
        f'{modality.word}</div><div style="flex: 1; position: relative; background: #8882">'
        f"{''.join(_bars(events, _COLOURS[modality], duration_seconds))}</div></div>"
    )


def _bars(events: Sequence[Event], colour: str, duration_seconds: float) -> Iterator[str]:
    for event in events:
        left = 100 * event.start_seconds / duration_seconds
        width = 100 * (event.stop_seconds - event.start_seconds) / duration_seconds
        hint = f"{span(event.start_seconds, event.stop_seconds)}, confidence {event.confidence:.3f}"
        yield (
            f'<div title="{hint}" style="position: absolute; top: 2px; bottom: 2px; left: {left:.3f}%; '
            f'width: {width:.3f}%; min-width: 2px; background: {colour}"></div>'
        )
