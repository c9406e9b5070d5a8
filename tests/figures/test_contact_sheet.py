"""The contact sheet: a tile for each event, whatever its label."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from av2a.errors import InvalidSetting
from av2a.figures.contact_sheet import MOST_TILES, Tile, check_count, write_sheet
from tests.detections import BOTH, HEARD, HOSTILE_LABELS, SEEN, event


def coloured(colour: tuple[int, int, int], height: int = 90, width: int = 160) -> np.ndarray:
    return np.broadcast_to(np.array(colour, dtype=np.uint8), (height, width, 3)).copy()


def test_tiles_stand_in_rows_in_their_order(tmp_path: Path) -> None:
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    tiles = [Tile.of(event("dog", SEEN, index, index + 1), coloured(colour)) for index, colour in enumerate(colours)]
    write_sheet(tiles, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as sheet:
        width, height = sheet.size
        places = [(width // 4, height // 4), (3 * width // 4, height // 4), (width // 4, 3 * height // 4)]
        assert [sheet.getpixel(place) for place in places] == colours


def test_any_label_and_shape_is_drawn(tmp_path: Path) -> None:
    shapes = [(90, 160), (400, 20), (1, 1)]
    tiles = [
        Tile.of(event(label, modality, 0, 1), coloured((9, 9, 9), *shapes[index % 3]) if index % 4 else None)
        for index, (label, modality) in enumerate(
            (label, modality) for label in HOSTILE_LABELS for modality in (HEARD, BOTH)
        )
    ]
    write_sheet(tiles, tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as sheet:
        assert sheet.format == "JPEG" and sheet.width > 1000


def test_different_labels_look_different(tmp_path: Path) -> None:
    for name in ("dog", "cat", "x" * 100, "x" * 100 + "y"):
        write_sheet([Tile.of(event(name, SEEN, 0, 1), None)], tmp_path / f"{len(name)}{name[0]}.png")
    bytes_of = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert bytes_of["3d.png"] != bytes_of["3c.png"]
    # Cut to the width of a tile.
    assert bytes_of["100x.png"] == bytes_of["101x.png"]


def test_too_many_events_are_refused() -> None:
    check_count(MOST_TILES)
    with pytest.raises(InvalidSetting, match="choose some with --label"):
        check_count(MOST_TILES + 1)
