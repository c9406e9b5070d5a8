"""Turns frames upright: phones store them sideways, with a matrix that says how to turn and mirror them."""

import numpy as np
from jaxtyping import Int, UInt8

from av2a.media.reading import Frame

Matrix = Int[np.ndarray, "2 2"]
"""Where a step to the right and a step down, as stored, lead on the screen: rows are (x, y) of the two steps."""

TURNS: dict[int, list[list[int]]] = {
    0: [[1, 0], [0, 1]],
    90: [[0, -1], [1, 0]],
    180: [[-1, 0], [0, -1]],
    270: [[0, 1], [-1, 0]],
}
"""The matrix of each counter-clockwise turn."""


def display_matrix(frame: Frame) -> Matrix | None:
    """The turn (and mirror) that a decoded frame carries, None for none.

    Source: AV_FRAME_DATA_DISPLAYMATRIX of FFmpeg, nine 32-bit numbers (a, b, u, c, d, v, x, y, w): a stored point (x, y) is
    shown at (a·x + c·y, b·x + d·y), up to a shift.
    """
    from av.sidedata.sidedata import Type

    try:
        data = frame.side_data.get(Type.DISPLAYMATRIX)
    except ValueError:
        # The frame also carries side data of a kind that PyAV has no name for (EXIF, views of spatial video). Its rotation can
        # still be read, only a mirror cannot.
        rotation = rotation_degrees(frame)
        return np.array(TURNS[rotation]) if rotation else None
    if data is None or data.buffer_size < 36:
        return None
    matrix: Matrix = np.frombuffer(bytes(data), dtype=np.int32, count=9).reshape(3, 3)[:2, :2].astype(np.int64)
    return matrix


def upright(
    pixels: UInt8[np.ndarray, "stored_height stored_width 3"], matrix: Matrix
) -> UInt8[np.ndarray, "height width 3"]:
    """``pixels`` turned and mirrored to the nearest multiple of 90 degrees.

    Equals ``np.rot90(pixels, k=frame.rotation // 90)`` for a plain turn, as FFmpeg's autorotate does; mirrors are kept too.
    """
    turned = is_sideways(matrix)
    shown = pixels.transpose(1, 0, 2) if turned else pixels
    along_x, along_y = (matrix[1, 0], matrix[0, 1]) if turned else (matrix[0, 0], matrix[1, 1])
    shown = shown[:, ::-1] if along_x < 0 else shown
    shown = shown[::-1] if along_y < 0 else shown
    return np.ascontiguousarray(shown)


def is_sideways(matrix: Matrix) -> bool:
    """Whether width and height change places."""
    return bool(abs(matrix[0, 1]) > abs(matrix[0, 0]))


def rotation_degrees(frame: Frame) -> int:
    """The counter-clockwise turn that makes a frame upright: 0, 90, 180 or 270."""
    # frame.rotation cuts 89.99 down to 89.
    return int(round(frame.rotation / 90) * 90 % 360)


class Turner:
    """Turns the frames of one stream upright, one after another."""

    def __init__(self) -> None:
        self._rotation: int | None = None
        self._matrix: Matrix | None = None

    def upright(
        self, frame: Frame, pixels: UInt8[np.ndarray, "stored_height stored_width 3"]
    ) -> UInt8[np.ndarray, "height width 3"]:
        """``pixels`` of ``frame`` as they are meant to be seen."""
        # frame.side_data ties frame and data into a cycle, which keeps whole frames in memory until the garbage collector
        # comes by: 600 MB after a minute of 720p. So it is read only when the rotation changes.
        if frame.rotation != self._rotation:
            self._rotation, self._matrix = frame.rotation, display_matrix(frame)
        return pixels if self._matrix is None else upright(pixels, self._matrix)
