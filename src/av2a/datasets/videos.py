"""The media files in a folder and in its subfolders, by name without ending."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from av2a.datasets.rows import composed
from av2a.errors import MissingFile, one_line
from av2a.media import AUDIO_ENDINGS, VIDEO_ENDINGS
from av2a.wording import counted, some

ENDINGS = {ending: rank for rank, ending in enumerate(VIDEO_ENDINGS + AUDIO_ENDINGS)}
"""Files of one name are used in this order: audio that was extracted from a video often lies beside it."""


@dataclass(frozen=True)
class Videos:
    """The media files of a folder."""

    folder: Path
    files: tuple[Path, ...]
    """By depth, then ending, then name."""
    by_name: dict[str, tuple[Path, ...]]
    """The same by their names without ending, in NFC."""
    remarks: tuple[str, ...] = ()
    """Subfolders that cannot be read."""

    @classmethod
    def of(cls, folder: Path) -> "Videos":
        """List a folder and its subfolders, hidden ones left out. No file is opened.

        Raises:
            MissingFile: there is no such folder, or it cannot be read.
        """
        if not folder.is_dir():
            raise MissingFile(f"there is no folder {one_line(str(folder))!r} of videos: check the name")
        unread: list[str] = []
        files = tuple(sorted(_media_files(folder, unread), key=lambda path: _order(path, folder)))
        by_name: dict[str, tuple[Path, ...]] = {}
        for path in files:
            name = composed(path.stem)
            by_name[name] = (*by_name.get(name, ()), path)
        remarks = (f"{counted(len(unread), 'subfolder')} cannot be read ({some(unread)})",) if unread else ()
        return cls(folder, files, by_name, remarks)

    def named(self, *names: str) -> tuple[Path, ...]:
        """The files of the first of these names that has any."""
        return next((self.by_name[name] for name in map(composed, names) if name in self.by_name), ())


def several_files(files: Mapping[str, tuple[Path, ...]]) -> tuple[str, ...]:
    """A remark on clips for which there are several files."""
    doubtful = [f"{name}: {paths[0].name}" for name, paths in files.items() if len(paths) > 1]
    return (
        (f"{counted(len(doubtful), 'clip')} with several files, the first is used ({some(doubtful)})",)
        if doubtful
        else ()
    )


def _media_files(folder: Path, unread: list[str]) -> Iterator[Path]:
    try:
        entries = _entries(folder)
    except OSError as refusal:
        raise MissingFile(
            f"cannot read folder {one_line(str(folder))!r} ({refusal.strerror}): check its permissions"
        ) from refusal
    for entry in entries:
        if _is_media(entry):
            yield Path(entry.path)
        elif _is(entry.is_dir):
            try:
                below = _entries(Path(entry.path))
            except OSError:
                unread.append(entry.name)
                continue
            yield from (Path(each.path) for each in below if _is_media(each))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return [entry for entry in entries if not entry.name.startswith(".")]


def _is_media(entry: os.DirEntry[str]) -> bool:
    return os.path.splitext(entry.name)[1].lower() in ENDINGS and _is(entry.is_file)  # noqa: PTH122 - no Path for each of many


def _is(kind: Callable[[], bool]) -> bool:
    """Whether an entry is of a kind; a link that leads in a circle is of none."""
    try:
        return kind()
    except OSError:
        return False


def _order(path: Path, folder: Path) -> tuple[int, int, str]:
    return len(path.relative_to(folder).parts), ENDINGS[path.suffix.lower()], str(path)
