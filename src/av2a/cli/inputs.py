"""The videos given: what is missing or no media is found out before any model is loaded."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from av2a.errors import MissingFile, UsageError, one_line


def check_given(videos: Sequence[Path]) -> None:
    """Refuse a call without videos, and one in which none of them exists.

    Raises:
        UsageError: no videos.
        MissingFile: none exists; one that is missing among others is that video's failure, not the call's.
    """
    if not videos:
        raise UsageError("no video given: av2a detect clip.mp4 --events 'dog barking, speech'")
    if len(videos) == 1:
        check_exists(videos[0])


def check_exists(video: Path) -> None:
    """Refuse a name that no file has, with the nearest one that there is.

    Raises:
        MissingFile: no such file.
    """
    if _exists(video):
        return
    if "://" in str(video) or str(video).startswith(("http:", "https:")):
        raise MissingFile(f"{one_line(str(video))!r} is a URL: download it first, addresses are not opened")
    close = get_close_matches(video.name, _neighbours(video), n=1)
    hint = f"did you mean {str(video.with_name(close[0]))!r}?" if close else "check the name"
    raise MissingFile(f"no such file: {one_line(str(video))!r}: {hint}")


def _exists(video: Path) -> bool:
    try:
        return video.exists()
    except OSError:
        # A name too long, a folder closed to us: opening says it better.
        return True


def _neighbours(video: Path) -> Iterator[str]:
    try:
        yield from sorted(entry.name for entry in video.parent.iterdir())
    except OSError:
        return
