"""The videos that the page knows: those of the user's folder and those that were dropped, with what is known of each.

What must outlive the server is one file, ``videos.json``, written whole after each change. Dropped files lie in a folder each, so
that a file which is there but in no list (the server was killed just then) is found again when the server starts.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from av2a import atomic
from av2a.datasets.videos import Videos
from av2a.errors import Av2aError
from av2a.types import Clip

LONGEST_NAME_BYTES = 180


@dataclass
class Video:
    """A media file of the page."""

    id: str
    name: str
    path: Path
    origin: str
    """``folder``, ``upload`` or ``demo``."""
    size_bytes: int = 0
    state: str = "new"
    message: str = ""
    """Why it failed."""
    labels: list[str] = field(default_factory=list)
    """Those that were asked for last."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Changes of the settings that were asked for last."""
    found: dict[str, list[int]] = field(default_factory=dict)
    """How many events of each label were heard, seen and both."""
    duration_seconds: float | None = None
    has_video: bool = True
    has_audio: bool = True
    sha256: str = ""
    clip: Clip | None = field(default=None, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """What the page is told; never where the file is."""
        hidden = {"path", "clip"}
        plain = {name: value for name, value in vars(self).items() if name not in hidden}
        return plain | {"removable": self.origin == "upload"}

    def kept(self) -> dict[str, Any]:
        """What ``videos.json`` keeps."""
        return {name: value for name, value in vars(self).items() if name != "clip"} | {"path": str(self.path)}


class VideoCatalogue:
    """All videos, by their ids."""

    def __init__(self, home: Path, folder: Path | None) -> None:
        self.home, self.folder = home, None if folder is None else folder.resolve()
        self.uploads = home / "uploads"
        self.videos: dict[str, Video] = {}
        self.uploads.mkdir(parents=True, exist_ok=True)
        self._read()
        self._adopt_uploads()
        self.refresh()

    def __iter__(self) -> Iterator[Video]:
        return iter(self.videos.values())

    def get(self, number: str) -> Video | None:
        """The video with this id; None where there is none, or its file is gone or leads out of the folder."""
        video = self.videos.get(number)
        return video if video is not None and self._is_inside(video) else None

    def refresh(self) -> bool:
        """Look for new files in the folder, and forget those that are gone; whether anything changed."""
        before = {number: (video.name, video.size_bytes) for number, video in self.videos.items()}
        if self.folder is not None:
            files: tuple[Path, ...] = ()
            with suppress(Av2aError):
                files = Videos.of(self.folder).files
            for path in files:
                self._add_from_folder(self.folder, path)
        for video in list(self):
            if not video.path.is_file() and video.state not in ("waiting", "working"):
                del self.videos[video.id]
        return before != {number: (video.name, video.size_bytes) for number, video in self.videos.items()}

    def add_file(self, path: Path, origin: str) -> Video:
        """A file that was dropped, or the demo's."""
        number = _id(path)
        video = self.videos.setdefault(number, Video(number, path.name, path, origin))
        video.size_bytes = path.stat().st_size
        self.keep()
        return video

    def remove(self, video: Video) -> None:
        """Forget a dropped file and remove it."""
        if video.origin == "upload":
            shutil.rmtree(video.path.parent, ignore_errors=True)
        self.playable_path(video).unlink(missing_ok=True)
        self.videos.pop(video.id, None)
        self.keep()

    def playable_path(self, video: Video) -> Path:
        """Where a copy that browsers play is, once it was made."""
        return self.home / "playable" / f"{video.id}.mp4"

    def keep(self) -> None:
        """Write the list.

        Raises:
            OSError: it cannot be written; the old one is whole.
        """
        kept = [video.kept() for video in self if video.origin != "folder" or video.state != "new"]
        content = json.dumps({"schema": "av2a/videos/1", "videos": kept}, indent=1).encode()
        atomic.write_bytes(self.home / "videos.json", content, durable=False)

    def _add_from_folder(self, folder: Path, path: Path) -> None:
        try:
            real, size = path.resolve(), path.stat().st_size
        except OSError:
            return
        # A link may lead anywhere.
        if not real.is_relative_to(folder):
            return
        number = _id(path)
        name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
        video = self.videos.setdefault(number, Video(number, name, path, "folder"))
        if video.size_bytes != size:
            video.size_bytes, video.clip = size, None

    def _is_inside(self, video: Video) -> bool:
        roots = {"folder": self.folder, "upload": self.uploads.resolve()}
        root = roots.get(video.origin, self.home.resolve())
        with suppress(OSError):
            return root is not None and video.path.resolve(strict=True).is_relative_to(root)
        return False

    def _read(self) -> None:
        try:
            kept = json.loads((self.home / "videos.json").read_bytes())["videos"]
        except (OSError, ValueError, LookupError, TypeError):
            return
        known = {name for name in Video.__dataclass_fields__ if name != "clip"}
        for each in kept:
            with suppress(TypeError, ValueError):
                values = {name: value for name, value in each.items() if name in known}
                video = Video(**values | {"path": Path(each["path"])})
                if video.origin != "folder" or self._is_inside(video):
                    self.videos[video.id] = video

    def _adopt_uploads(self) -> None:
        """Files that were moved into place just before the server was killed are taken; parts of files are removed."""
        known = {video.path for video in self}
        for folder in self.uploads.iterdir():
            files = [path for path in folder.iterdir() if not path.name.startswith(".av2a-")] if folder.is_dir() else []
            if not files:
                shutil.rmtree(folder, ignore_errors=True)
            for path in folder.glob(".av2a-*"):
                path.unlink(missing_ok=True)
            for path in files:
                if path not in known:
                    number = _id(path)
                    self.videos[number] = Video(number, path.name, path, "upload", path.stat().st_size)


def safe_name(name: str) -> str:
    """A file name that a browser sent, fit for any file system; it is shown, and never leads anywhere.

    >>> safe_name("../../etc/passwd"), safe_name(""), safe_name("a\\\\b:c.mp4")
    ('passwd', 'video', 'b_c.mp4')
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join("_" if each in '<>:"|?*' or not each.isprintable() else each for each in last).strip(" .")
    stem, dot, ending = kept.rpartition(".")
    ending = f"{dot}{ending}" if dot and len(ending) < 10 else ""
    stem = stem if ending else kept
    while len((stem + ending).encode()) > LONGEST_NAME_BYTES:
        stem = stem[:-1]
    return stem + ending or "video"


def _id(path: Path) -> str:
    """Opaque, and the same each time."""
    return hashlib.sha256(str(path.absolute()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
