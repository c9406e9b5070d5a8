"""Files at addresses such as ``s3://bucket/clip.mp4``, fetched through fsspec for as long as they are needed."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from av2a.errors import MissingDependency, MissingFile, TooLarge, one_line
from av2a.installation import install_command


def file_system(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it.

    Raises:
        MissingDependency: fsspec, or what it needs for this kind of address, is not installed.
        MissingFile: there is no such kind of address.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError as missing:
        raise MissingDependency(f"addresses need 'fsspec': {install_command('batch')}") from missing
    try:
        system, path = url_to_fs(address)
    except ImportError as missing:
        raise MissingDependency(
            f"{one_line(address, 200)!r} needs a library: {one_line(str(missing), 200)}"
        ) from missing
    except ValueError as unknown:
        raise MissingFile(
            f"{one_line(address, 200)!r} is of a kind that is not known ({one_line(str(unknown))})"
        ) from unknown
    return system, path


@contextmanager
def fetched(address: str, largest_bytes: int) -> Iterator[Path]:
    """A copy of the file at an address, under its own name, deleted when the block ends.

    Raises:
        MissingFile: it cannot be fetched.
        TooLarge: it is larger than ``largest_bytes``; nothing is fetched.
    """
    system, path = file_system(address)
    shown = one_line(address, 200)
    with tempfile.TemporaryDirectory(prefix="av2a-") as folder:
        copy = Path(folder) / (path.rstrip("/").rpartition("/")[2] or "video")
        try:
            size = system.size(path)
            if size is not None and size > largest_bytes:
                raise TooLarge(f"{shown!r} has {size:,} bytes, more than {largest_bytes:,}: raise --limit file_bytes")
            with system.open(path, "rb") as source, copy.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
        except OSError as refusal:
            raise MissingFile(f"cannot fetch {shown!r} ({one_line(str(refusal))}): check the address") from refusal
        yield copy
