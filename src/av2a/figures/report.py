"""The report: the answer as one HTML page that opens from disk without a network.

The page holds everything: the video (when it is small enough), the time line, the table of events, the scores beside their
thresholds, and the settings and versions. It reads without JavaScript; with it, video and time line move together. Its content
security policy admits only its own style and script, by their hashes.
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
from av2a.figures.lanes import grid_lines, ruler, timeline_rows
from av2a.figures.looks import LOOKS
from av2a.figures.markup import data_island, label_link, name, text
from av2a.figures.rows import (
    LabelRow,
    all_rows,
    closest_words,
    derived_words,
    found_lengths,
    found_words,
    lone_both_words,
    printable,
    sentence,
)
from av2a.types import Clip, Detection, Event, KnownLabel, Modality

EMBEDDED_BYTES = 40_000_000
"""A media file up to this size becomes part of the page; a larger one is linked."""

_TYPES = {
    # part of FFmpeg's container name: (type with video, type of audio alone)
    "mp4": ("video/mp4", "audio/mp4"),
    "webm": ("video/webm", "audio/webm"),
    "ogg": ("video/ogg", "audio/ogg"),
    "mp3": ("video/mpeg", "audio/mpeg"),
    "wav": ("video/x-msvideo", "audio/wav"),
    "flac": ("video/x-flac", "audio/flac"),
}


_SUMMARISED = 8
"""More labels than this are not listed beside the video, or are folded away there."""
_MANY_ROWS = 20

_NOTHING = '<p class="row nothing">Nothing was found. The scores below show how near each label came.</p>'


def write_report(detection: Detection, path: Path, truth: Sequence[Event] = ()) -> None:
    """Write the page; ``truth`` is outlined beneath each lane. A linked media file is named relative to the page."""
    path.write_bytes(utf8(page(detection, truth, folder=path.parent)))


write = write_report


def page(detection: Detection, truth: Sequence[Event], folder: Path) -> str:
    """The page's text, for a page in ``folder``."""
    style, script = _colours() + _resource("report.css"), _resource("report.js")
    every = all_rows(detection, truth)
    shown = [row for row in every if not row.is_empty]
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
        caution=_caution(detection),
        work_kind="" if " controls " in media else " without",
        media=media,
        answer=text(sentence(found_words(detection))),
        found=_found(every, detection),
        missed=_missed(every),
        streams=_streams(every),
        legend=_legend(every, with_truth=bool(truth)),
        lone_both=_hint(lone_both_words(detection)),
        timeline_kind=" many" if len(shown) > _MANY_ROWS else "",
        grid=grid_lines(duration),
        ruler=ruler(duration),
        rows=timeline_rows(shown, detection.grid) or _NOTHING,
        events=_events(detection),
        charts=_charts(detection, every),
        folds=_folds(detection),
        version=text(__version__),
        data=data_island(as_dict(detection)),
    )


def _colours() -> str:
    """The colours of heard, seen and both as CSS variables, on light and on dark paper."""
    light = "".join(f"--{one.value}:{look.colour};--{one.value}-tint:{look.tint};" for one, look in LOOKS.items())
    dark = "".join(
        f"--{one.value}:{look.dark_colour};--{one.value}-tint:{look.dark_tint};" for one, look in LOOKS.items()
    )
    return f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


def _resource(file: str) -> str:
    return files("av2a.figures").joinpath(file).read_text(encoding="utf-8")


def _source_hash(source: str) -> str:
    """The hash by which a content security policy admits an inline source."""
    return f"sha256-{b64encode(sha256(source.encode()).digest()).decode()}"


def _caution(detection: Detection) -> str:
    if detection.caution is None:
        return ""
    return f'<p class="caution" role="note"><b>Do not rely on this answer:</b> {text(detection.caution)}.</p>'


def _about(clip: Clip) -> str:
    parts = [clock(clip.duration_seconds)]
    if clip.video is not None:
        rate = f", {clip.video.frame_rate_hz:.4g} frames/s" if clip.video.frame_rate_hz else ""
        parts.append(f"{clip.video.width} × {clip.video.height} {clip.video.codec}{rate}")
    if clip.audio is not None:
        channels = {1: "mono", 2: "stereo"}.get(clip.audio.channels, f"{clip.audio.channels} channels")
        parts.append(f"{clip.audio.codec} {clip.audio.sample_rate_hz / 1000:.4g} kHz {channels}")
    silent = [] if clip.audio is not None else ["no sound"]
    blind = [] if clip.video is not None else ["no video"]
    return " · ".join([*parts, *silent, *blind])


def _media(clip: Clip, folder: Path) -> str:
    """The player, or why there is none."""
    source, note = _source(clip, folder)
    note_text = f'<p class="note">{text(note)}</p>' if note else ""
    if not source:
        return note_text
    tag = "video" if clip.video is not None else "audio"
    extras = " playsinline" if tag == "video" else ""
    player = f'<{tag} controls preload="metadata"{extras} src="{text(source)}" aria-label="The clip"></{tag}>'
    unplayable = "This browser cannot play the file. The time line and the table below do not need it."
    return f'{player}<p class="note" id="unplayable" hidden>{unplayable}</p>{note_text}'


def _source(clip: Clip, folder: Path) -> tuple[str, str]:
    """Where the player finds the clip, and what the reader should know about that; each may be empty."""
    try:
        if not clip.path.is_file():
            return "", f"{printable(clip.name)} was not found when this page was made, so it cannot be played here."
        if clip.path.stat().st_size <= EMBEDDED_BYTES:
            return f"data:{_media_type(clip)};base64,{b64encode(clip.path.read_bytes()).decode()}", ""
    except OSError:
        return "", f"{printable(clip.name)} could not be read when this page was made, so it cannot be played here."
    limit = EMBEDDED_BYTES // 1_000_000
    return _link(
        clip.path, folder
    ), f"The file is larger than {limit} MB, so it is played from its place beside this page."


def _media_type(clip: Clip) -> str:
    with_video = clip.video is not None
    for key, (video, audio) in _TYPES.items():
        if key in clip.container:
            return video if with_video else audio
    return "video/mp4" if with_video else "audio/mpeg"


def _link(media: Path, folder: Path) -> str:
    try:
        relative = os.path.relpath(media.resolve(), folder.resolve())
    except ValueError:
        # On another drive there is no way from here to there.
        return media.resolve().as_uri()
    return "./" + quote(Path(relative).as_posix())


def _found(rows: Sequence[LabelRow], detection: Detection) -> str:
    found = [row for row in rows if row.is_found]
    if not found:
        closest = closest_words(detection)
        return f'<p class="closest">{text(sentence(closest))}.</p>' if closest else ""
    items = "".join(
        f'<li>{label_link(row.label, row.index)} <span class="how">{found_lengths(row)}</span></li>'
        for row in found[:_SUMMARISED]
    )
    rest = len(found) - _SUMMARISED
    more = f'<p class="missed">and {rest} more in the time line</p>' if rest > 0 else ""
    return f'<ul class="found">{items}</ul>{more}'


def _missed(rows: Sequence[LabelRow]) -> str:
    missed = [label_link(row.label, row.index) for row in rows if not row.is_found]
    if len(missed) <= _SUMMARISED:
        return f'<p class="missed">Not found: {", ".join(missed)}</p>' if missed else ""
    return f'<details class="missed"><summary>{len(missed)} labels not found</summary>{", ".join(missed)}</details>'


def _streams(rows: Sequence[LabelRow]) -> str:
    """What can be shown and hidden."""
    kinds = [(modality.value, modality.word, " checked") for modality in Modality]
    if any(lane.rejected for row in rows for lane in row.lanes):
        kinds.append(("rejected", "rejected", ""))
    return "".join(
        f'<label><input type="checkbox" value="{kind}"{checked}><i class="swatch {kind}"></i>{word}</label>'
        for kind, word, checked in kinds
    )


def _legend(rows: Sequence[LabelRow], *, with_truth: bool) -> str:
    streams = [f'<li class="in-tools"><i class="swatch {one.value}"></i>{one.word}</li>' for one in Modality]
    if words := derived_words(rows):
        streams.append(f'<li><i class="swatch derived"></i>{words}</li>')
    return "".join(streams) + ('<li><i class="swatch truth"></i>truth</li>' if with_truth else "")


def _hint(words: str) -> str:
    return f'<p class="hint">{text(sentence(words))}.</p>' if words else ""


def _events(detection: Detection) -> str:
    if not detection.events:
        return '<p class="hint">No event was found.</p>'
    head = (
        '<tr><th scope="col" class="number">Start</th><th scope="col" class="number">End</th><th scope="col">Label</th>'
        '<th scope="col">Modality</th><th scope="col" class="number">Confidence</th></tr>'
    )
    indexes = {label: index for index, label in enumerate(detection.labels)}
    body = "".join(_event_row(number, event, indexes[event.label]) for number, event in enumerate(detection.events))
    return (
        '<div class="pane" tabindex="0" role="region" aria-labelledby="events-title">'
        f"<table><thead>{head}</thead><tbody>{body}</tbody></table></div>"
    )


def _event_row(number: int, event: Event, index: int) -> str:
    start, kind = clock(event.start_seconds), event.modality.value
    return (
        f'<tr data-event="{number}" data-label="{index}" data-stream="{kind}">'
        f'<td class="number"><button type="button" data-start="{event.start_seconds:.3f}" '
        f'aria-label="Play from {start}">{start}</button></td><td class="number">{clock(event.stop_seconds)}</td>'
        f'<td>{name(event.label)}</td><td><i class="swatch {kind}"></i>{event.modality.word}</td>'
        f'<td class="number">{event.confidence:.3f}</td></tr>'
    )


def _charts(detection: Detection, rows: Sequence[LabelRow]) -> str:
    """The charts of what was found, then, folded, those of the other labels."""
    if not detection.traces:
        return '<p class="hint">The scores were not kept with this result.</p>'
    found, rest = [row for row in rows if row.is_found], [row for row in rows if not row.is_found]
    charts = chart_rows(detection, found)
    if not rest:
        return charts
    title = f"Labels that were not found ({len(rest)})"
    folded = f'<details class="scores" id="rest"{"" if found else " open"}><summary>{title}</summary>'
    return f"{charts}{folded}{chart_rows(detection, rest)}</details>"


def _folds(detection: Detection) -> str:
    plain = as_dict(detection)
    warnings = list(dict.fromkeys([*detection.clip.warnings, *detection.warnings]))
    media = {key: value for key, value in plain["media"].items() if key != "warnings"}
    labels = {"labels": list(detection.labels)}
    return (
        _warnings(warnings)
        + _known(detection.known)
        + _fold("Settings", {**labels, **plain["settings"]})
        + _fold("Models and versions", {**plain["backbone"], **plain["versions"]})
        + _fold("The file", media)
    )


def _warnings(warnings: Sequence[str]) -> str:
    if not warnings:
        return ""
    items = "".join(f"<li>{text(printable(warning))}</li>" for warning in warnings)
    return f"<details open><summary>Notes ({len(warnings)})</summary><ul>{items}</ul></details>"


def _known(known: Sequence[KnownLabel]) -> str:
    """What each label is heard and seen as, by a backbone that knows only some things."""
    if not known:
        return ""
    head = '<tr><th scope="col">Label</th><th scope="col">Heard as</th><th scope="col">Seen as</th></tr>'
    rows = "".join(
        f"<tr><td>{name(each.label)}</td><td>{_known_as(each.heard_as)}</td><td>{_known_as(each.seen_as)}</td></tr>"
        for each in known
    )
    return f"<details><summary>What the labels are known as</summary><table><thead>{head}</thead><tbody>{rows}</tbody></table></details>"


def _known_as(tag: str | None) -> str:
    return "<i>not known to this backbone</i>" if tag is None else text(printable(tag))


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
