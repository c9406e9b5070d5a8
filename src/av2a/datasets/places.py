"""Where annotation files and rendered clips lie on this machine."""

import os
import sys
from pathlib import Path

from av2a.errors import UsageError

FOLDER_VARIABLE = "AV2A_DATA"


def data_folder() -> Path:
    """``AV2A_DATA``, else a folder in the user's own cache: all of it can be fetched or rendered again.

    Raises:
        UsageError: the variable is not set, and the user has no home.
    """
    named = os.environ.get(FOLDER_VARIABLE, "").strip()
    if named:
        return Path(named).expanduser()
    try:
        return users_cache() / "av2a" / "data"
    except RuntimeError as homeless:
        raise UsageError(f"this user has no home folder: name a place for data with {FOLDER_VARIABLE}") from homeless


def users_cache() -> Path:
    """Where programs keep what they can make again.

    Raises:
        RuntimeError: the user has no home.
    """
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    # By the XDG rules what is no absolute path does not count.
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return named if named.is_absolute() else Path.home() / ".cache"
