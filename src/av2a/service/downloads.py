"""Answers as files to take along: exports of one or several videos, and archives of clips."""

import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from av2a import exports
from av2a.types import Detection


def exported(detections: Sequence[Detection], ending: str, stem: str) -> bytes:
    """One or several answers in one file.

    Raises:
        UsageError, OutputRefused, MissingDependency.
    """
    with tempfile.TemporaryDirectory(prefix="av2a-") as folder:
        path = Path(folder) / f"{stem}{ending}"
        if len(detections) > 1 or stem == "all":
            exports.write_several(detections, path, ending=ending)
        else:
            exports.write(detections[0], path, ending=ending)
        return path.read_bytes()


def archived(detections: Sequence[Detection], ending: str) -> bytes:
    """Several answers as an archive with a file for each."""
    with tempfile.TemporaryDirectory(prefix="av2a-") as folder:
        archive = Path(folder) / "all.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as pack:
            for number, detection in enumerate(detections):
                stem = Path(detection.clip.name).stem
                pack.writestr(f"{number + 1:03d} {stem}{ending}", exported([detection], ending, stem))
        return archive.read_bytes()


def add_clips(archive: Path, clips: Iterable[Path], folder: str) -> None:
    """Add files to an archive, in a folder of it; media do not get smaller, so nothing is compressed."""
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_STORED) as pack:
        for path in clips:
            pack.write(path, f"{folder}/{path.name}" if folder else path.name)
