"""The user's folders, and the environment variables that name them."""

import os
import sys
from pathlib import Path

from av2a.errors import UsageError, one_line

CACHE_VARIABLE = "AV2A_CACHE"
"""The folder of embeddings that can be computed again; set to nothing, none are kept."""
DATA_VARIABLE = "AV2A_DATA"
"""The folder of annotation files and rendered clips."""
WORK_VARIABLE = "AV2A_WORK"
"""The folder of what a user made in the page: corrections, lists of labels, dropped files."""


def users_cache() -> Path:
    """The folder in which the user's programs keep what they can make again.

    Raises:
        RuntimeError: the user has no home folder.
    """
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    # The XDG specification says that a relative path is to be ignored.
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return named if named.is_absolute() else Path.home() / ".cache"


def cache_folder() -> Path | None:
    """``AV2A_CACHE``, else ``av2a`` in the user's cache; None when the variable is empty or the user has no home folder."""
    named = os.environ.get(CACHE_VARIABLE)
    try:
        if named is not None:
            return Path(named).expanduser() if named.strip() else None
        return users_cache() / "av2a"
    except RuntimeError:
        return None


def hub_cache() -> Path:
    """The cache of the Hugging Face hub, as the variables of its own client name it; the client need not be installed.

    Raises:
        UsageError: no variable names it, and the user has no home folder.
    """
    home = os.environ.get("HF_HOME") or f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or f"{home}/hub"
    try:
        return Path(os.path.expandvars(named)).expanduser()
    except RuntimeError as homeless:
        raise UsageError("this user has no home folder: name a folder for weights with HF_HOME") from homeless


def shown(path: Path) -> str:
    """A path as messages show it: on one line, and with ~ for the user's home folder."""
    try:
        inside = path.relative_to(Path.home())
    except (RuntimeError, ValueError):
        return one_line(str(path))
    return one_line(f"~/{inside}")


def embeddings_folder() -> Path | None:
    """The default store of clips' embeddings, in :func:`cache_folder`; None when there is none."""
    folder = cache_folder()
    return None if folder is None else folder / "embeddings"


def data_folder() -> Path:
    """``AV2A_DATA``, else ``av2a/data`` in the user's cache: all of it can be fetched or rendered again.

    Raises:
        UsageError: the variable is not set, and the user has no home folder.
    """
    named = os.environ.get(DATA_VARIABLE, "").strip()
    try:
        return Path(named).expanduser() if named else users_cache() / "av2a" / "data"
    except RuntimeError as homeless:
        raise UsageError(f"this user has no home folder: name a folder for data with {DATA_VARIABLE}") from homeless


def work_folder() -> Path | None:
    """``AV2A_WORK``, else ``av2a`` in the user's data: it cannot be made again; None when the user has no home folder."""
    if named := os.environ.get(WORK_VARIABLE, "").strip():
        return Path(named).expanduser()
    try:
        if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
            return Path(local) / "av2a"
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Application Support" / "av2a"
        given = Path(os.environ.get("XDG_DATA_HOME", ""))
        return (given if given.is_absolute() else Path.home() / ".local" / "share") / "av2a"
    except RuntimeError:
        return None
