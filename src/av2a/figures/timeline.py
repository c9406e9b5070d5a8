"""The time line as a picture for papers and pages: PNG and SVG, by matplotlib (the extra ``plots``).

Heard, seen and both differ in their place in the row, in colour and in pattern. Identical input gives identical bytes on
a machine; other machines may have other fonts for emoji and for Chinese, Japanese and Korean.
"""

from __future__ import annotations

import logging
from bisect import bisect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock, get_ident
from typing import TYPE_CHECKING, Any
from unicodedata import category

from av2a.errors import MissingDependency
from av2a.figures.axis import clock, ticks_seconds
from av2a.figures.looks import LOOKS
from av2a.figures.rows import (
    LabelRow,
    Lane,
    closest_words,
    derived_words,
    found_words,
    lone_both_words,
    missed_labels,
    not_drawn_words,
    printable,
    rows,
    sentence,
    shades,
)
from av2a.installation import install_command
from av2a.timeline import Grid
from av2a.types import Detection, Event, Modality

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ROWS = 150
"""More labels than this are counted, not drawn: programs do not open pictures that are taller."""

_FONT = "DejaVu Sans"
_FALLBACK_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei", "Droid Sans Fallback",
    "Hiragino Sans", "PingFang SC", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Apple SD Gothic Neo",
    "Noto Emoji", "Segoe UI Emoji", "Symbola",
)  # fmt: skip
"""Fonts for what the first one, which comes with matplotlib, cannot draw. Colour emoji fonts are of no use to matplotlib."""

_INVISIBLE = {"Cf", "Mn"}  # joiners and selectors of emoji
_DOTS_PER_INCH = 150
_WIDTH = 10.0
_MARGIN, _RIGHT, _TOP, _BOTTOM = 0.25, 0.35, 0.85, 0.95
_WORDS, _LONGEST_LABEL = 0.5, 2.2
_LABEL_SIZE = 9.5
_CAUTION = 0.32
_EDGE = 0.96  # points: two dots of the picture, so that edges are crisp
_LANE, _GAP, _BAR = 0.17, 0.16, 0.13
_TRUTH, _TRUTH_BAR = 0.09, 0.055
_INK, _MUTED, _RULE, _BAND, _ALARM = "#1d2129", "#5b6370", "#d9dce1", "#f6f7f9", "#a33a00"


def write(detection: Detection, path: Path, truth: Sequence[Event] = ()) -> None:
    """Draw the picture as PNG or SVG, by the ending of ``path``; ``truth`` is outlined beneath each lane.

    Raises:
        MissingDependency: matplotlib is not installed.
    """
    with _plain_matplotlib():
        figure = _figure(detection, truth)
        if path.suffix.lower() == ".svg":
            figure.savefig(path, format="svg", metadata={"Date": None, "Creator": "av2a"})
        else:
            figure.savefig(path, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": "av2a"})


@contextmanager
def _plain_matplotlib() -> Iterator[None]:
    """Matplotlib with its defaults instead of the user's configuration, with fallback fonts and without random identifiers."""
    try:
        import matplotlib
    except ModuleNotFoundError as missing:
        raise MissingDependency(f"the time line needs {missing.name!r}: {install_command('plots')}") from missing
    # Matplotlib reads its parameters from one place while it draws, so drawings of several threads take turns. What the
    # program itself draws at the same time in another thread would still see these parameters.
    with _DRAWING, matplotlib.rc_context(), _without_font_weight_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.hashsalt": "av2a", "font.family": _families(), "hatch.linewidth": 0.6})
        yield


_DRAWING = Lock()


@contextmanager
def _without_font_weight_warnings() -> Iterator[None]:
    """Fallback fonts need not exist in every weight; matplotlib logs a warning where one does not."""
    thread = get_ident()

    def is_other(record: logging.LogRecord) -> bool:
        return record.thread != thread or "Failed to find font weight" not in record.getMessage()

    logger = logging.getLogger("matplotlib.font_manager")
    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


def _families() -> list[str]:
    """The fonts of the picture that are installed."""
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return [_FONT, *(name for name in _FALLBACK_FONTS if name in installed)]


def _figure(detection: Detection, truth: Sequence[Event]) -> Figure:
    from matplotlib.figure import Figure

    found = rows(detection, truth)
    shown = found[:MOST_ROWS]
    pitch = _LANE + (_TRUTH if truth else 0.0)
    row_height = 3 * pitch + _GAP
    body = max(len(shown) * row_height, 1.0)
    labels = [_fitted(printable(row.label), _LONGEST_LABEL * 72, size=_LABEL_SIZE) for row in shown]
    left = _MARGIN + max((_points(label, _LABEL_SIZE) / 72 + 0.25 for label in labels), default=-_WORDS) + _WORDS
    top = _TOP + (_CAUTION if detection.caution else 0.0)
    figure = Figure(figsize=(_WIDTH, top + body + _BOTTOM), facecolor="white")
    height = figure.get_figheight()
    axes = figure.add_axes((left / _WIDTH, _BOTTOM / height, (_WIDTH - left - _RIGHT) / _WIDTH, body / height))
    _seconds_axis(axes, detection.grid.duration_seconds, body)
    for index, (row, label) in enumerate(zip(shown, labels, strict=True)):
        top = index * row_height
        if index % 2 == 0:
            axes.axhspan(top, top + row_height, facecolor=_BAND, zorder=0)
        _write(axes, _MARGIN - left, top + row_height / 2, label, size=_LABEL_SIZE, color=_INK)
        for place, lane in enumerate(row.lanes):
            _draw_lane(axes, lane, top + _GAP / 2 + place * pitch, detection.grid)
    if not shown:
        _draw_nothing(axes, detection, body)
    _draw_words(figure, detection, shown, unseen=len(found) - len(shown))
    _draw_legend(figure, with_truth=bool(truth))
    return figure


def _seconds_axis(axes: Axes, duration_seconds: float, body: float) -> None:
    # The vertical unit is the inch, downwards, so that lanes are as thick in a tall picture as in a short one.
    axes.set(xlim=(0, duration_seconds), ylim=(body, 0), yticks=[])
    ticks = ticks_seconds(duration_seconds, most=9)
    axes.set_xticks(ticks, [clock(tick) for tick in ticks], fontsize=8.0, color=_MUTED)
    axes.tick_params(length=3, color=_RULE)
    axes.grid(axis="x", color=_RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_RULE)


def _draw_lane(axes: Axes, lane: Lane, top: float, grid: Grid) -> None:
    _write(axes, -0.42, top + _LANE / 2, lane.modality.word, size=6.5, color=_MUTED)
    bar = (top + (_LANE - _BAR) / 2, _BAR)
    shaded = shades(lane.found, grid.duration_seconds, grid.segment_seconds)
    for each in shaded:
        extent = (each.start_seconds, each.stop_seconds - each.start_seconds)
        look = _face(lane.modality) | {"linewidth": 0, "hatch": 2 * LOOKS[lane.modality].hatch}
        axes.broken_barh([extent], bar, **look, alpha=each.opacity, zorder=3)
    if not shaded:
        # The edge keeps an event visible that is shorter than a dot of the picture.
        axes.broken_barh([_start_and_length(event) for event in lane.found], bar, **_face(lane.modality), zorder=3)
        derived = [(start, stop - start) for start, stop in lane.derived]
        pale = {"facecolor": LOOKS[lane.modality].tint, "hatch": ""}
        axes.broken_barh(derived, bar, **_face(lane.modality) | pale, zorder=3)
    axes.broken_barh(
        [_start_and_length(event) for event in lane.true],
        (top + _LANE, _TRUTH_BAR),
        facecolor="none",
        edgecolor=_INK,
        linewidth=_EDGE,
        zorder=3,
    )


def _face(modality: Modality) -> dict[str, Any]:
    """The colour and the pattern of a modality."""
    look = LOOKS[modality]
    face = look.tint if look.hatch else look.colour
    return {"facecolor": face, "edgecolor": look.colour, "hatch": look.hatch, "linewidth": _EDGE}


def _start_and_length(event: Event) -> tuple[float, float]:
    return event.start_seconds, event.stop_seconds - event.start_seconds


def _draw_nothing(axes: Axes, detection: Detection, body: float) -> None:
    words: dict[str, Any] = {"ha": "center", "va": "center", "transform": axes.get_yaxis_transform()}
    words["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 3}
    axes.text(0.5, body * 0.4, sentence(found_words(detection)), fontsize=11, color=_INK, **words)
    closest = _fitted(closest_words(detection), (_WIDTH - _MARGIN - _RIGHT) * 72, size=8.0)
    axes.text(0.5, body * 0.7, closest, fontsize=8.0, color=_MUTED, parse_math=False, **words)


def _draw_words(figure: Figure, detection: Detection, shown: Sequence[LabelRow], unseen: int) -> None:
    room = (_WIDTH - _MARGIN - _RIGHT) * 72
    # Bold letters are about an eighth wider than the measured ones.
    title = _fitted(printable(detection.clip.name), room * 0.85, size=13.0)
    _note(figure, 0.32, title, size=13.0, color=_INK, from_top=True, weight="bold")
    about = (
        f"{sentence(found_words(detection))} in {clock(detection.grid.duration_seconds)} · {detection.backbone.name}"
    )
    _note(figure, 0.58, f"{about} · {detection.settings.profile} profile", size=8.5, color=_MUTED, from_top=True)
    if detection.caution:
        caution = _fitted(f"Do not rely on this answer: {detection.caution}", room * 0.87, size=9.5)
        _note(figure, 0.84, caution, size=9.5, color=_ALARM, from_top=True, weight="bold")
    missed = ", ".join(printable(label) for label in missed_labels(detection))
    lines = [
        sentence(lone_both_words(detection)),
        sentence(derived_words(shown)),
        f"Not found: {missed}" if missed else "",
        not_drawn_words(unseen),
    ]
    _note(figure, 0.22, _fitted("; ".join(filter(None, lines)), room, size=8.0), size=8.0, color=_MUTED)


def _note(
    figure: Figure, inches: float, text: str, *, size: float, color: str, from_top: bool = False, weight: str = "normal"
) -> None:
    height = figure.get_figheight()
    vertical = (height - inches if from_top else inches) / height
    figure.text(
        _MARGIN / _WIDTH, vertical, text, fontsize=size, color=color, weight=weight, va="center", parse_math=False
    )


def _write(axes: Axes, inches_from_axis: float, vertical: float, text: str, *, size: float, color: str) -> None:
    axes.annotate(
        text,
        xy=(0, vertical),
        xycoords=axes.get_yaxis_transform(),
        xytext=(inches_from_axis * 72, 0),
        textcoords="offset points",
        fontsize=size,
        color=color,
        va="center",
        annotation_clip=False,
        parse_math=False,
    )


def _draw_legend(figure: Figure, *, with_truth: bool) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(**_face(modality), label=modality.word) for modality in Modality]
    if with_truth:
        handles.append(Patch(facecolor="none", edgecolor=_INK, linewidth=_EDGE, label="truth"))
    place = ((_WIDTH - _RIGHT) / _WIDTH, 0.50 / figure.get_figheight())
    figure.legend(
        handles=handles,
        loc="center right",
        bbox_to_anchor=place,
        ncols=len(handles),
        fontsize=8.0,
        labelcolor=_MUTED,
        frameon=False,
        handlelength=2.4,
        borderaxespad=0,
        borderpad=0,
    )


def _fitted(text: str, points: float, *, size: float) -> str:
    """``text`` in characters that a font has, cut with … to a width in points."""
    known = _known_characters(tuple(_families()))
    drawable = "".join(
        character if ord(character) in known else "" if category(character) in _INVISIBLE else "▯"
        for character in text[:400]
    )

    def cut(length: int) -> str:
        return drawable if length == len(drawable) and len(text) <= 400 else drawable[:length].rstrip() + "…"

    def fits(length: int) -> bool:
        return _points(cut(length), size) <= points

    shorter = range(len(drawable))
    # The first length that is too long is one more than the longest that fits.
    length = len(drawable) if fits(len(drawable)) else bisect(shorter, False, key=lambda length: not fits(length)) - 1
    return cut(max(length, 0))


@cache
def _known_characters(families: tuple[str, ...]) -> frozenset[int]:
    return frozenset().union(*(_font(10.0, family).get_charmap() for family in families))


def _points(text: str, size: float) -> float:
    """The width of ``text``."""
    font = _font(size, *_families())
    font.set_text(text)
    return float(font.get_width_height()[0] / 64)


def _font(size: float, *families: str) -> Any:
    from matplotlib.font_manager import findfont, get_font

    font = get_font([findfont(family) for family in families])
    font.set_size(size, 72)
    return font
