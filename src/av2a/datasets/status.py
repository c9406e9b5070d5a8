"""Which clips of a data set can be used: opens each video once and reports what it lacks."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from av2a import media
from av2a.datasets.dataset import Dataset, LabelledClip
from av2a.errors import one_line
from av2a.types import Clip

LENGTH_TOLERANCE_SECONDS = 0.5
"""Cutting at key frames and packets makes files a little longer or shorter than the clip they are."""


class ClipState(Enum):
    """Whether a clip can be used."""

    PRESENT = "present"
    MISSING = "missing"
    BROKEN = "broken"
    """The file cannot be used."""


@dataclass(frozen=True)
class ClipStatus:
    """Whether one clip can be used; of a missing or broken one nothing else is known."""

    name: str
    state: ClipState
    path: Path | None = None
    error: str = ""
    """Why it is broken, in one line."""
    has_sound: bool = False
    has_picture: bool = False
    seconds: float | None = None
    """How long its file is."""


@dataclass(frozen=True)
class SplitStatus:
    """One split, clip by clip in its order."""

    dataset: Dataset
    clips: tuple[ClipStatus, ...]

    def of(self, state: ClipState) -> tuple[ClipStatus, ...]:
        """The clips in that state."""
        return tuple(each for each in self.clips if each.state is state)

    @property
    def without_sound(self) -> tuple[ClipStatus, ...]:
        """Present, without usable audio: not an error, but nothing will be heard in it."""
        return tuple(each for each in self.of(ClipState.PRESENT) if not each.has_sound)

    @property
    def without_picture(self) -> tuple[ClipStatus, ...]:
        """Present, without usable video."""
        return tuple(each for each in self.of(ClipState.PRESENT) if not each.has_picture)

    @property
    def of_other_length(self) -> tuple[ClipStatus, ...]:
        """Present, and longer or shorter than what was annotated: cut elsewhere, or not at all."""
        wanted = self.dataset.clip_seconds
        if wanted is None:
            return ()
        return tuple(
            each
            for each in self.of(ClipState.PRESENT)
            if each.seconds is not None and abs(each.seconds - wanted) > LENGTH_TOLERANCE_SECONDS
        )


def examined(dataset: Dataset) -> Iterator[ClipStatus]:
    """The status of each clip. A file is opened, and its first frame and first audio are decoded, no more."""
    return map(_examined, dataset.clips)


def _examined(clip: LabelledClip) -> ClipStatus:
    if clip.path is None:
        return ClipStatus(clip.name, ClipState.MISSING)
    try:
        return _present(clip.name, media.open_clip(clip.path))
    except Exception as error:  # noqa: BLE001 - whatever it is, the other clips are examined
        return ClipStatus(clip.name, ClipState.BROKEN, clip.path, one_line(str(error) or type(error).__name__, 300))


def _present(name: str, opened: Clip) -> ClipStatus:
    return ClipStatus(
        name=name,
        state=ClipState.PRESENT,
        path=opened.path,
        has_sound=opened.audio is not None,
        has_picture=opened.video is not None,
        seconds=opened.duration_seconds,
    )
