"""Where a user's own files lie on this machine."""

import os
import sys
from pathlib import Path


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
