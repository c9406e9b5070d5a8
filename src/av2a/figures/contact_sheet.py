"""A contact sheet: one frame of each event, with its label, stream and time; drawn with Pillow alone."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from math import ceil, sqrt
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from av2a.errors import InvalidSetting
from av2a.figures.axis import span
from av2a.figures.looks import LOOKS
from av2a.figures.rows import printable
from av2a.types import Event

MOST_TILES = 1000
"""A sheet of more is larger than most programs open."""

_WIDTH, _HEIGHT, _CAPTION, _GAP, _BAR = 256, 144, 42, 10, 4
_PAPER, _INK, _MUTED, _EMPTY = "#ffffff", "#1d2129", "#5b6370", "#e6e8eb"
_SIZE = 14
_FONTS = (
    "DejaVuSans.ttf", "NotoSansCJK-Regular.ttc", "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf", "NotoSansArabic-Regular.ttf",
    "NotoSansHebrew-Regular.ttf", "NotoSansDevanagari-Regular.ttf", "NotoSansThai-Regular.ttf", "arial.ttf", "msyh.ttc",
    "malgun.ttf", "PingFang.ttc", "AppleSDGothicNeo.ttc", "Arial Unicode.ttf", "Symbola_hint.ttf", "Symbola.ttf",
)  # fmt: skip
"""For labels that Pillow's own font, which is Latin, cannot draw: the first that is installed and has all characters."""

Pixels = UInt8[np.ndarray, "height width 3"]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class Tile:
    """An event and its frame, None where the video shows none."""

    event: Event
    thumbnail: Image.Image | None

    @classmethod
    def of(cls, event: Event, pixels: Pixels | None) -> "Tile":
        """A tile that keeps a small copy of the frame."""
        if pixels is None:
            return cls(event, None)
        picture = Image.fromarray(pixels)
        picture.thumbnail((_WIDTH, _HEIGHT))
        return cls(event, picture)


def check_count(events: int) -> None:
    """Refuses a sheet of too many events.

    Raises:
        InvalidSetting: there are more than fit on one.
    """
    if events > MOST_TILES:
        raise InvalidSetting(f"{events} events do not fit on a contact sheet of {MOST_TILES}: choose some with --label")


def write_sheet(tiles: Sequence[Tile], path: Path) -> None:
    """Draws the tiles, row by row, as a picture in the format of the ending of ``path``."""
    columns = max(1, min(len(tiles), ceil(sqrt(len(tiles)))))
    lines = max(1, ceil(len(tiles) / columns))
    step_across, step_down = _WIDTH + _GAP, _HEIGHT + _CAPTION + _GAP
    sheet = Image.new("RGB", (columns * step_across + _GAP, lines * step_down + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for index, tile in enumerate(tiles):
        line, column = divmod(index, columns)
        _draw_tile(sheet, draw, tile, _GAP + column * step_across, _GAP + line * step_down)
    sheet.save(path)


def _draw_tile(sheet: Image.Image, draw: ImageDraw.ImageDraw, tile: Tile, left: int, top: int) -> None:
    draw.rectangle((left, top, left + _WIDTH - 1, top + _HEIGHT - 1), fill=_EMPTY)
    if tile.thumbnail is not None:
        across, down = (_WIDTH - tile.thumbnail.width) // 2, (_HEIGHT - tile.thumbnail.height) // 2
        sheet.paste(tile.thumbnail, (left + across, top + down))
    else:
        draw.text((left + _GAP, top + _GAP), "no picture", fill=_MUTED, font=_latin())
    event = tile.event
    bottom = top + _HEIGHT
    draw.rectangle((left, bottom, left + _WIDTH - 1, bottom + _BAR - 1), fill=LOOKS[event.modality].colour)
    label, font = _fitted(draw, printable(event.label))
    draw.text((left, bottom + _BAR + 2), label, fill=_INK, font=font)
    times = f"{event.modality.word} {span(event.start_seconds, event.stop_seconds)}"
    draw.text((left, bottom + _BAR + 20), times.replace("–", "-"), fill=_MUTED, font=_latin())


def _fitted(draw: ImageDraw.ImageDraw, text: str) -> tuple[str, Font]:
    """A text cut to the width of a tile, and the font that has its characters."""
    font = next((font for font in _fonts() if not _missing(font, text)), _latin())
    text = "".join("?" if _missing(font, letter) else letter for letter in text[:200])
    if draw.textlength(text, font=font) <= _WIDTH:
        return text, font
    while text and draw.textlength(f"{text}...", font=font) > _WIDTH:
        text = text[:-1]
    return f"{text}...", font


@cache
def _latin() -> Font:
    return ImageFont.load_default(_SIZE)


def _fonts() -> Iterator[Font]:
    yield _latin()
    for name in _FONTS:
        with suppress(OSError):
            yield _opened(name)


@cache
def _opened(name: str) -> Font:
    return ImageFont.truetype(name, _SIZE)


def _missing(font: Font, text: str) -> bool:
    """Whether a font lacks a character of a text: it draws the same box for all of these."""
    box = bytes(font.getmask("\U0010fffd"))
    return any(not letter.isspace() and bytes(font.getmask(letter)) == box for letter in set(text))
