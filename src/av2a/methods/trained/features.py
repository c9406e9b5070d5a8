"""Reads the feature files of the parsers: one file for each video and kind, named by the video's id.

Source: the archive that AVVP-ECCV20 publishes, for ten seconds of each video. ``vggish/`` has one VGGish embedding a second, ``res152/`` one ResNet-152
feature for each of eight frames a second, ``r2plus1d_18/`` one R(2+1)D-18 feature a second.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from av2a.errors import MediaError, MissingFile, one_line

KINDS: dict[str, tuple[int, int]] = {"vggish": (10, 128), "res152": (80, 2048), "r2plus1d_18": (10, 512)}
"""The folders, and the shape of every file in each."""

ID_CHARACTERS = 11
"""Length of a YouTube id, with which the name of every clip begins; ids contain ``_`` and ``-``."""

_FLOATS = ("float16", "float32", "float64")
_AS_PUBLISHED = "files must be as AVVP-ECCV20 publishes them (docs/parsers.md)"


@dataclass(frozen=True)
class Features:
    """The features of one video, or of several along a leading axis."""

    audio: Float32[np.ndarray, "*video 10 128"]
    pictures: Float32[np.ndarray, "*video 80 2048"]
    motion: Float32[np.ndarray, "*video 10 512"]


def together(videos: Sequence[Features]) -> Features:
    """Several videos as one batch."""
    return Features(
        audio=np.stack([video.audio for video in videos]),
        pictures=np.stack([video.pictures for video in videos]),
        motion=np.stack([video.motion for video in videos]),
    )


@dataclass(frozen=True)
class FeatureFolder:
    """The three folders of feature files; a file is read when it is needed."""

    path: Path

    @classmethod
    def opened(cls, path: Path) -> "FeatureFolder":
        """The folder, after a check that it has all three.

        Raises:
            MissingFile: one is missing.
        """
        lacking = [kind for kind in KINDS if not (path / kind).is_dir()]
        if lacking:
            raise MissingFile(
                f"{one_line(str(path))!r} has no folder {', '.join(lacking)}: name the folder that contains {', '.join(KINDS)}"
            )
        return cls(path)

    def missing(self, name: str) -> list[str]:
        """The kinds of features that a clip has no file of."""
        return [kind for kind in KINDS if not self._file(kind, name).is_file()]

    def features(self, name: str) -> Features:
        """The features of a clip, by the id with which its ``name`` begins.

        Raises:
            MissingFile: one of the three files is missing.
            MediaError: a file is damaged, of another shape, or has values that are not finite.
        """
        lacking = [f"no {kind}/{self._file(kind, name).name}" for kind in self.missing(name)]
        if lacking:
            raise MissingFile(f"{', '.join(lacking)} among the features: make or fetch them, or leave the clip out")
        audio, pictures, motion = (_array(self._file(kind, name), shape) for kind, shape in KINDS.items())
        return Features(audio, pictures, motion)

    def _file(self, kind: str, name: str) -> Path:
        return self.path / kind / f"{name[:ID_CHARACTERS]}.npy"


def _array(file: Path, shape: tuple[int, int]) -> Float32[np.ndarray, "row feature"]:
    shown = f"{file.parent.name}/{one_line(file.name)}"
    stored = _stored(file, shown)
    if stored.shape != shape:
        raise MediaError(f"{shown} holds an array of shape {stored.shape}, not {shape}: {_AS_PUBLISHED}")
    # The networks compute in float32. Narrower and wider floats are the same features, stored in another type.
    if stored.dtype.name not in _FLOATS:
        raise MediaError(
            f"{shown} holds {stored.dtype}, not float32 (float16 and float64 are taken too): {_AS_PUBLISHED}"
        )
    with np.errstate(over="ignore"):
        array = np.array(stored, dtype=np.float32)
    if not np.isfinite(array).all():
        raise MediaError(f"{shown} holds numbers that are not finite: make it again")
    return array


def _stored(file: Path, shown: str) -> np.ndarray:
    try:
        # Mapped, so that only the header of a wrong file is read.
        stored = np.load(file, mmap_mode="r", allow_pickle=False)
    # A damaged header raises anything.
    except Exception as damage:
        raise MediaError(
            f"{shown} is no array that can be read ({one_line(str(damage))}): make or fetch it again"
        ) from damage
    if not isinstance(stored, np.ndarray):
        stored.close()
        raise MediaError(f"{shown} is an archive of arrays, not one array: {_AS_PUBLISHED}")
    return stored
