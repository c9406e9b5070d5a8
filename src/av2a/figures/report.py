"""The answer as one HTML page that opens from disk without a network.

The page holds everything: the video (when it is small enough), the time line, the table of events, the scores against their
thresholds, and what was asked of whom. It reads without JavaScript; with it, video and time line move together. Its content
security policy lets in nothing but its own style and script, by their hashes.
"""

import os
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from av2a import __version__
from av2a.exports.fields import utf8
from av2a.exports.json import as_dict
from av2a.figures.axis import clock
from av2a.figures.charts import chart_rows
from av2a.figures.lanes import axis, grid_lines, timeline_rows
from av2a.figures.markup import data_island, name, text
from av2a.figures.rows import Row, all_rows, closest_words, counted, missed_labels, printable, sentence
from av2a.types import Clip, Detection, Event, Modality

EMBEDDED_BYTES = 40_000_000
"""A media file up to this size becomes part of the page; a larger one is linked."""

_TYPES = {
    # FFmpeg's container name holds: (type with pictures, type of sound alone)
    "mp4": ("video/mp4", "audio/mp4"),
    "webm": ("video/webm", "audio/webm"),
    "ogg": ("video/ogg", "audio/ogg"),
    "mp3": ("video/mpeg", "audio/mpeg"),
    "wav": ("video/x-msvideo", "audio/wav"),
    "flac": ("video/x-flac", "audio/flac"),
}


_SUMMARISED = 8
"""Names told beside the video; the time line has them all."""

_NOTHING = '<p class="row nothing">Nothing was found. The scores below show how near each name came.</p>'


def write_report(detection: Detection, path: Path, truth: Sequence[Event] = ()) -> None:
    """The page into ``path``; ``truth`` is outlined beneath each lane. A linked media file is named relative to the page."""
    path.write_bytes(utf8(page(detection, truth, folder=path.parent)))


write = write_report


def page(detection: Detection, truth: Sequence[Event], folder: Path) -> str:
    """The page's text, for a page in ``folder``."""
    style, script = _resource("report.css"), _resource("report.js")
    shown = [row for row in all_rows(detection, truth) if not row.is_empty]
    duration = detection.grid.duration_seconds
    media = _media(detection.clip, folder)
    return Template(_resource("report.html")).substitute(
        style_hash=_source_hash(style),
        script_hash=_source_hash(script),
        title=text(f"{printable(detection.clip.name)} · av2a"),
        style=style,
        script=script,
        heading=name(detection.clip.name),
        about=text(_about(detection.clip)),
        top_kind=_arrangement(detection.clip, media),
        media=media,
        answer=text(sentence(counted(detection))),
        found=_found(shown, detection),
        missed=_missed(detection),
        legend=_legend(with_truth=bool(truth)),
        grid=grid_lines(duration),
        axis=axis(duration),
        rows=timeline_rows(shown, duration) or _NOTHING,
        duration=f"{duration:.3f}",
        events=_events(detection),
        charts=_charts(detection, truth),
        folds=_folds(detection),
        version=text(__version__),
        data=data_island(as_dict(detection)),
    )


def _resource(file: str) -> str:
    return files("av2a.figures").joinpath(file).read_text(encoding="utf-8")


def _source_hash(source: str) -> str:
    """What a content security policy names an inline source by."""
    return f"sha256-{b64encode(sha256(source.encode()).digest()).decode()}"


def _has_picture(clip: Clip) -> bool:
    return clip.video is not None


def _arrangement(clip: Clip, media: str) -> str:
    """How player and answer share the page: side by side, or one below the other when the player is flat or missing."""
    if "<video" in media:
        return ""
    return " flat" if "<audio" in media else " flat without"


def _about(clip: Clip) -> str:
    parts = [clock(clip.duration_seconds)]
    if clip.video is not None:
        rate = f", {clip.video.frame_rate_hz:.4g} pictures a second" if clip.video.frame_rate_hz else ""
        parts.append(f"{clip.video.width} × {clip.video.height} {clip.video.codec}{rate}")
    if clip.audio is not None:
        channels = {1: "mono", 2: "stereo"}.get(clip.audio.channels, f"{clip.audio.channels} channels")
        parts.append(f"{clip.audio.codec} {clip.audio.sample_rate_hz / 1000:.4g} kHz {channels}")
    silent = [] if clip.audio is not None else ["no sound"]
    blind = [] if clip.video is not None else ["no picture"]
    return " · ".join([*parts, *silent, *blind])


def _media(clip: Clip, folder: Path) -> str:
    """The player, or why there is none."""
    source, note = _source(clip, folder)
    note_text = f'<p class="note">{text(note)}</p>' if note else ""
    if not source:
        return note_text
    tag = "video" if _has_picture(clip) else "audio"
    extras = " playsinline" if tag == "video" else ""
    player = f'<{tag} controls preload="metadata"{extras} src="{text(source)}" aria-label="The clip"></{tag}>'
    unplayable = "This browser cannot play the file. The time line and the table below do not need it."
    return f'{player}<p class="note" id="unplayable" hidden>{unplayable}</p>{note_text}'


def _source(clip: Clip, folder: Path) -> tuple[str, str]:
    """Where the player finds the clip, and what the reader should know about that; each may be empty."""
    try:
        if not clip.path.is_file():
            return "", f"{printable(clip.name)} was not at hand when this page was made, so it cannot be played here."
        if clip.path.stat().st_size <= EMBEDDED_BYTES:
            return f"data:{_media_type(clip)};base64,{b64encode(clip.path.read_bytes()).decode()}", ""
    except OSError:
        return "", f"{printable(clip.name)} could not be read when this page was made, so it cannot be played here."
    limit = EMBEDDED_BYTES // 1_000_000
    return _link(
        clip.path, folder
    ), f"The file is larger than {limit} MB, so it is played from its place beside this page."


def _media_type(clip: Clip) -> str:
    with_picture = _has_picture(clip)
    for key, (video, audio) in _TYPES.items():
        if key in clip.container:
            return video if with_picture else audio
    return "video/mp4" if with_picture else "audio/mpeg"


def _link(media: Path, folder: Path) -> str:
    try:
        relative = os.path.relpath(media.resolve(), folder.resolve())
    except ValueError:
        # On another drive there is no way from here to there.
        return media.resolve().as_uri()
    return "./" + quote(Path(relative).as_posix())


def _found(rows: Sequence[Row], detection: Detection) -> str:
    found = [row for row in rows if _how(row)]
    if not found:
        closest = closest_words(detection)
        return f'<p class="closest">{text(sentence(closest))}.</p>' if closest else ""
    items = "".join(f'<li>{name(row.label)} <span class="how">{_how(row)}</span></li>' for row in found[:_SUMMARISED])
    rest = len(found) - _SUMMARISED
    more = f'<p class="missed">and {rest} more in the time line below</p>' if rest > 0 else ""
    return f'<ul class="found">{items}</ul>{more}'


def _how(row: Row) -> str:
    """In which streams, and how long, a name was found."""
    parts = [
        f"{lane.modality.word} {_length(sum(event.stop_seconds - event.start_seconds for event in lane.found))}"
        for lane in row.lanes
        if lane.found
    ]
    return ", ".join(parts)


def _length(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds < 60 else clock(float(round(seconds)))


def _missed(detection: Detection) -> str:
    missed = missed_labels(detection)
    if not missed:
        return ""
    return f'<p class="missed">Not found: {", ".join(map(name, missed))}</p>'


def _legend(*, with_truth: bool) -> str:
    kinds = [(f"bar {modality.value}", modality.word) for modality in Modality]
    kinds += [("bar truth", "truth")] if with_truth else []
    return "".join(
        f'<li><svg aria-hidden="true"><rect class="{kind}" width="100%" height="100%" rx="2"/></svg>{word}</li>'
        for kind, word in kinds
    )


def _events(detection: Detection) -> str:
    if not detection.events:
        return '<p class="hint">No event was found.</p>'
    head = (
        '<tr><th scope="col">Name</th><th scope="col">Stream</th><th scope="col" class="number start">Start</th>'
        '<th scope="col" class="number">End</th><th scope="col" class="number">Confidence</th>'
        '<th scope="col" class="js">Play</th></tr>'
    )
    body = "".join(_event_row(index, event) for index, event in enumerate(detection.events))
    return f'<div class="scroll"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _event_row(index: int, event: Event) -> str:
    start, word = clock(event.start_seconds), event.modality.word
    return (
        f'<tr data-event="{index}"><td>{name(event.label)}</td>'
        f'<td><i class="swatch {event.modality.value}"></i>{word}</td>'
        f'<td class="number start">{start}</td><td class="number">{clock(event.stop_seconds)}</td>'
        f'<td class="number">{event.confidence:.3f}</td>'
        f'<td class="js"><button type="button" data-start="{event.start_seconds:.3f}" '
        f'aria-label="Play from {start}"><span class="long">Play from </span>{start}</button></td></tr>'
    )


def _charts(detection: Detection, truth: Sequence[Event]) -> str:
    """Charts of what was found in full view, those of the rest folded away."""
    if not detection.traces:
        return '<p class="hint">The scores were not kept with this result.</p>'
    every = all_rows(detection, truth)
    found = [row for row in every if any(lane.found for lane in row.lanes)]
    rest = [row for row in every if not any(lane.found for lane in row.lanes)]
    charts = chart_rows(detection, found)
    if not rest:
        return charts
    unfolded = "" if found else " open"
    title = "Names that were not found"
    return f'{charts}<details class="more"{unfolded}><summary>{title} ({len(rest)})</summary>{chart_rows(detection, rest)}</details>'


def _folds(detection: Detection) -> str:
    plain = as_dict(detection)
    warnings = list(dict.fromkeys([*detection.clip.warnings, *detection.warnings]))
    media = {key: value for key, value in plain["media"].items() if key != "warnings"}
    asked = {"labels": list(detection.labels)}
    return (
        _warnings(warnings)
        + _fold("How it was asked: settings", {**asked, **plain["settings"]})
        + _fold("Who answered: models and versions", {**plain["backbone"], **plain["versions"]})
        + _fold("The file", media)
    )


def _warnings(warnings: Sequence[str]) -> str:
    if not warnings:
        return ""
    items = "".join(f"<li>{text(printable(warning))}</li>" for warning in warnings)
    return f"<details open><summary>Worth knowing ({len(warnings)})</summary><ul>{items}</ul></details>"


def _fold(title: str, values: Mapping[str, Any]) -> str:
    items = "".join(f"<dt>{text(key.replace('_', ' '))}</dt><dd>{_value(value)}</dd>" for key, value in values.items())
    return f"<details><summary>{text(title)}</summary><dl>{items}</dl></details>"


def _value(value: Any) -> str:
    """A setting or property as a reader writes it."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return "; ".join(f"{text(key.replace('_', ' '))} {_value(one)}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(_value(one) for one in value) or "none"
    return name(value) if isinstance(value, str) else text(value)
