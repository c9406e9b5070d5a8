"""Turns frames upright: phones store them sideways, with a matrix that says how to turn and mirror them."""

import numpy as np
from jaxtyping import UInt8

from av2a.media.reading import Frame, Matrix, display_matrix


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
