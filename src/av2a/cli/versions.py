"""What is installed, in which version."""

import platform
from importlib import import_module, metadata

from av2a import __version__

NOT_INSTALLED = "not installed"


def version_of(distribution: str) -> str | None:
    """The installed version of a distribution, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def ffmpeg_version() -> str:
    """The version of the FFmpeg libraries inside PyAV."""
    return str(import_module("av").ffmpeg_version_info)


def versions_line() -> str:
    """The versions that a report of a fault needs."""
    try:
        ffmpeg = f"FFmpeg {ffmpeg_version()}"
    except ImportError:
        ffmpeg = "no FFmpeg"
    return (
        f"av2a {__version__} (Python {platform.python_version()}, PyAV {version_of('av') or NOT_INSTALLED}, {ffmpeg})"
    )
