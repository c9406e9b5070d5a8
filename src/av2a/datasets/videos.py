"""The videos of a folder by their names: whatever their ending, in the folder itself or one level below it."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from av2a.datasets.rows import counted, some
from av2a.errors import MissingFile, one_line

VIDEO_ENDINGS = tuple(".mp4 .mkv .webm .mov .m4v .avi .flv .mpg .mpeg .ts .mts .3gp .wmv .ogv .mxf .gif".split())
SOUND_ENDINGS = tuple(".wav .flac .mp3 .m4a .aac .ogg .oga .opus .aiff".split())
ENDINGS = {ending: rank for rank, ending in enumerate(VIDEO_ENDINGS + SOUND_ENDINGS)}
"""Names of one clip are taken in this order: sound that was taken out of a video often lies beside it."""


@dataclass(frozen=True)
class Videos:
    """The media files of a folder."""

    folder: Path
    files: tuple[Path, ...]
    """By depth, then ending, then name."""
    by_name: dict[str, tuple[Path, ...]]
    """The same by their names without ending."""

    @classmethod
    def of(cls, folder: Path) -> "Videos":
        """Look into a folder and the folders in it; hidden ones are left out. No file is opened.

        Raises:
            MissingFile: there is no such folder.
        """
        if not folder.is_dir():
            raise MissingFile(f"there is no folder {one_line(str(folder))!r} of videos: check the name")
        files = tuple(sorted(_media_files(folder), key=lambda path: _order(path, folder)))
        by_name: dict[str, tuple[Path, ...]] = {}
        for path in files:
            by_name[path.stem] = (*by_name.get(path.stem, ()), path)
        return cls(folder, files, by_name)

    def named(self, *names: str) -> tuple[Path, ...]:
        """The files of the first of these names that has any."""
        return next((self.by_name[name] for name in names if name in self.by_name), ())


def several_files(files: Mapping[str, tuple[Path, ...]]) -> tuple[str, ...]:
    """A remark on clips that more than one file could be."""
    doubtful = [f"{name}: {paths[0].name}" for name, paths in files.items() if len(paths) > 1]
    return (
        (f"{counted(len(doubtful), 'clip')} with several files, the first is used ({some(doubtful)})",)
        if doubtful
        else ()
    )


def _media_files(folder: Path) -> Iterator[Path]:
    for entry in _entries(folder):
        if entry.is_dir():
            yield from (Path(below.path) for below in _entries(Path(entry.path)) if _is_media(below))
        elif _is_media(entry):
            yield Path(entry.path)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from (entry for entry in entries if not entry.name.startswith("."))
    except OSError as refusal:
        raise MissingFile(
            f"cannot look into folder {one_line(str(folder))!r} ({refusal.strerror}): check its permissions"
        ) from refusal


def _is_media(entry: os.DirEntry[str]) -> bool:
    return os.path.splitext(entry.name)[1].lower() in ENDINGS and entry.is_file()  # noqa: PTH122 - no Path for each of many


def _order(path: Path, folder: Path) -> tuple[int, int, str]:
    return len(path.relative_to(folder).parts), ENDINGS[path.suffix.lower()], str(path)
