"""The videos whose embeddings are stored: where each was seen, and which entry of the store has its embeddings.

One file beside the entries of a backbone and sampling, ``clips.jsonl``; a line for each time that a video is met for the first time,
under another name, or changed. What is needed to list videos stands first in a line, what is needed to make an answer after a tab.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from av2a.digests import FileIdentity
from av2a.features.appended import AppendedLines
from av2a.types import AudioStream, Clip, VideoStream

CATALOGUE = "clips.jsonl"

Place = tuple[str, int | None, int | None]
"""A path or address, and the indexes of the video and of the audio stream in use."""


@dataclass(frozen=True, eq=False)
class Sighting:
    """One video under one of its names."""

    path: str
    """An absolute path, or the address that the file was fetched from."""
    video_stream: int | None
    audio_stream: int | None
    entry: str
    """The name of the store's file with its embeddings."""
    identity: FileIdentity | None
    """The file as it was when it was embedded; None for an address."""
    _clip_json: str

    @property
    def place(self) -> Place:
        """What a newer sighting of the same video has in common with this one."""
        return self.path, self.video_stream, self.audio_stream

    @cached_property
    def clip(self) -> Clip:
        """The video as it was opened, without opening it again."""
        return _clip_of(self, json.loads(self._clip_json))

    @property
    def is_address(self) -> bool:
        """Whether it was fetched from an address such as ``s3://bucket/clip.mp4``."""
        return "://" in self.path


@dataclass(eq=False)
class Catalogue:
    """All sightings of one backbone and sampling. Any number of processes may use it at once."""

    folder: Path
    """The folder of the entries."""
    changes: int = 0
    """Grows whenever the sightings have changed."""
    _sightings: dict[Place, Sighting] = field(default_factory=dict)
    _lines: AppendedLines = field(init=False)

    def __post_init__(self) -> None:
        self._lines = AppendedLines(self.folder / CATALOGUE)

    def sightings(self) -> Mapping[Place, Sighting]:
        """The newest sighting at each place."""
        replaced, lines = self._lines.new_lines()
        self.changes += replaced or bool(lines)
        if replaced:
            self._sightings.clear()
        for place, sighting in _read(lines):
            self._sightings.pop(place, None)
            if sighting is not None:
                self._sightings[place] = sighting
        return self._sightings

    def note(self, entry: str, clip: Clip) -> None:
        """Remember that the embeddings of ``clip`` are in ``entry``, unless that is known.

        Raises:
            OSError: it cannot be written.
        """
        path = clip.address or str(clip.path.absolute())
        video, audio = (None if stream is None else stream.index for stream in (clip.video, clip.audio))
        place = path, video, audio
        identity = None if clip.address else clip.identity
        known = self.sightings().get(place)
        if known is None or (known.entry, known.identity) != (entry, identity):
            head = [*place, entry, None if identity is None else list(asdict(identity).values())]
            self._lines.append(f"{json.dumps(head)}\t{json.dumps(_plain(clip))}")

    def forget(self, place: Place) -> None:
        """Remove what is known of a place.

        Raises:
            OSError: it cannot be written.
        """
        self._lines.append(json.dumps([*place, None, None]))


def _read(lines: list[str]) -> Iterator[tuple[Place, Sighting | None]]:
    for line in lines:
        head, _, clip = line.partition("\t")
        try:
            path, video, audio, entry, identity = json.loads(head)
        except ValueError:
            # Cut by a kill.
            continue
        place = path, video, audio
        if entry is None:
            yield place, None
        elif clip.endswith("}"):
            known = None if identity is None else FileIdentity(*identity)
            yield place, Sighting(path, video, audio, entry, known, clip)


_PLAIN = ("size_bytes", "container", "duration_seconds", "start_seconds", "generated")


def _plain(clip: Clip) -> dict[str, Any]:
    return {name: getattr(clip, name) for name in _PLAIN} | {
        "sha256": clip.sha256,
        "video_streams": [asdict(each) for each in clip.video_streams],
        "audio_streams": [asdict(each) for each in clip.audio_streams],
        "warnings": list(clip.warnings),
    }


def _clip_of(sighting: Sighting, plain: Mapping[str, Any]) -> Clip:
    video = tuple(VideoStream(**each) for each in plain["video_streams"])
    audio = tuple(AudioStream(**each) for each in plain["audio_streams"])
    return Clip(
        path=Path(sighting.path.rpartition("/")[2] if sighting.is_address else sighting.path),
        **{name: plain[name] for name in _PLAIN},
        video=next((each for each in video if each.index == sighting.video_stream), None),
        audio=next((each for each in audio if each.index == sighting.audio_stream), None),
        video_streams=video,
        audio_streams=audio,
        warnings=tuple(plain["warnings"]),
        identity=sighting.identity,
        known_sha256=plain["sha256"],
        address=sighting.path if sighting.is_address else None,
    )
