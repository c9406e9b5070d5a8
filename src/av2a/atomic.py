"""Writes files and folders that appear whole or not at all.

Content goes into a partial file beside its destination (same file system, a name that no other writer uses), which is moved
to the destination when it is complete. A reader meets the old file or the new one, never a part of one.
"""

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

LEFT_SECONDS = 3600.0
"""A partial file or folder that was not written to for this long belongs to a run that was killed."""

_unfinished: set[Path] = set()
"""Partial files and folders of this process."""

_PARTIAL_NAME = re.compile(r"\.av2a-[0-9a-f]{16}\.part(\.\w+)?")


@contextmanager
def whole_file(path: Path, *, overwrite: bool = True, durable: bool = True) -> Iterator[Path]:
    """Yields an empty file beside ``path``, with the same ending, and moves it to ``path`` when the block ends.

    After an error in the block nothing is left behind, and ``path`` is as it was.

    Args:
        path: the destination, in a folder that exists.
        overwrite: replace what is there; otherwise a file that appeared at ``path`` in the meantime is kept.
        durable: the content is on disk before the file is moved, so that a power cut cannot leave an empty file.

    Raises:
        FileExistsError: ``path`` exists and ``overwrite`` is not set.
        OSError: the file cannot be written.
    """
    remove_left_over(path.parent)
    partial = _partial(path)
    _unfinished.add(partial)
    try:
        # Created as any new file is, so that it has the permissions that the user gives to new files.
        partial.open("xb").close()
        yield partial
        if durable:
            with partial.open("rb+") as stream:
                os.fsync(stream.fileno())
        (os.replace if overwrite else _move_to_free_name)(partial, path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        _unfinished.discard(partial)


def write_bytes(path: Path, content: bytes, *, overwrite: bool = True, durable: bool = True) -> None:
    """Writes ``content`` to ``path``: all of it or nothing; arguments and errors as for :func:`whole_file`."""
    with whole_file(path, overwrite=overwrite, durable=durable) as partial:
        partial.write_bytes(content)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yields a new folder beside ``path`` and renames it to ``path`` when the block ends; an empty folder there is replaced.

    Raises:
        OSError: the folder cannot be made, or ``path`` is there and not an empty folder.
    """
    with scratch_folder(path.parent) as partial:
        yield partial
        with suppress(FileNotFoundError):
            path.rmdir()
        partial.rename(path)


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Yields a new folder in ``parent``, removed when the block ends; one that a killed run leaves is removed by a later run.

    Raises:
        OSError: the folder cannot be made.
    """
    remove_left_over(parent)
    folder = _partial(parent / "scratch")
    folder.mkdir()
    _unfinished.add(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _unfinished.discard(folder)


def abandon() -> None:
    """Removes what this process has not finished: for one that ends at once, without the ends of its blocks."""
    for partial in list(_unfinished):
        _remove(partial)


# One look at a folder for each process: a folder may hold very many files.
@lru_cache(maxsize=256)
def remove_left_over(folder: Path) -> None:
    """Removes partial files and folders that killed runs have left in ``folder``; younger ones are still being written."""
    with suppress(OSError):
        for path in folder.iterdir():
            if _PARTIAL_NAME.fullmatch(path.name):
                with suppress(OSError):
                    if time.time() - _last_written(path) > LEFT_SECONDS:
                        _remove(path)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink() if path.is_symlink() or not path.is_dir() else shutil.rmtree(path)


def _last_written(path: Path) -> float:
    inside = path.iterdir() if path.is_dir() and not path.is_symlink() else ()
    return max(each.lstat().st_mtime for each in (path, *inside))


def _partial(path: Path) -> Path:
    return path.with_name(f".av2a-{secrets.token_hex(8)}.part{path.suffix.lower()}")


def _move_to_free_name(partial: Path, path: Path) -> None:
    try:
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError:
        # The file system has no hard links: an empty file reserves the name.
        path.open("xb").close()
        os.replace(partial, path)
