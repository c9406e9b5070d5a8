"""Which clips of a data set can be used: each video opened once, and what it lacks."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from av2a import media
from av2a.datasets.dataset import Dataset, LabelledClip
from av2a.errors import Av2aError
from av2a.types import Clip

LENGTH_TOLERANCE_SECONDS = 0.5
"""Cutting at key frames and packets makes files a little longer or shorter than the clip they are."""


class State(Enum):
    """What has become of a clip."""

    PRESENT = "present"
    MISSING = "missing"
    BROKEN = "broken"
    """A file is there, and cannot be used."""


@dataclass(frozen=True)
class Finding:
    """What was found of one clip. Of a missing or broken one nothing else is known."""

    name: str
    state: State
    path: Path | None = None
    error: str = ""
    """Why it is broken, in one line."""
    has_sound: bool = False
    has_picture: bool = False
    seconds: float | None = None
    """How long its file is."""


@dataclass(frozen=True)
class Status:
    """One split, clip by clip in its order."""

    dataset: Dataset
    findings: tuple[Finding, ...]

    def of(self, state: State) -> tuple[Finding, ...]:
        """The clips in that state."""
        return tuple(each for each in self.findings if each.state is state)

    @property
    def without_sound(self) -> tuple[Finding, ...]:
        """Present, and nothing can be heard: no error, but nothing will be found in it by ear."""
        return tuple(each for each in self.of(State.PRESENT) if not each.has_sound)

    @property
    def without_picture(self) -> tuple[Finding, ...]:
        """Present, and nothing can be seen."""
        return tuple(each for each in self.of(State.PRESENT) if not each.has_picture)

    @property
    def of_other_length(self) -> tuple[Finding, ...]:
        """Present, and longer or shorter than what was annotated: cut elsewhere, or not at all."""
        wanted = self.dataset.clip_seconds
        if wanted is None:
            return ()
        return tuple(
            each
            for each in self.of(State.PRESENT)
            if each.seconds is not None and abs(each.seconds - wanted) > LENGTH_TOLERANCE_SECONDS
        )


def examined(dataset: Dataset) -> Iterator[Finding]:
    """Each clip in turn. A file is opened, and the first picture and the first sound are decoded, no more."""
    return map(_examined, dataset.clips)


def _examined(clip: LabelledClip) -> Finding:
    if clip.path is None:
        return Finding(clip.name, State.MISSING)
    try:
        return _finding(clip.name, media.open_clip(clip.path))
    except Av2aError as refusal:
        return Finding(clip.name, State.BROKEN, clip.path, str(refusal))


def _finding(name: str, opened: Clip) -> Finding:
    return Finding(
        name=name,
        state=State.PRESENT,
        path=opened.path,
        has_sound=opened.audio is not None,
        has_picture=opened.video is not None,
        seconds=opened.duration_seconds,
    )
