"""Where annotation files and rendered clips lie on this machine."""

import os
from pathlib import Path

from av2a.errors import UsageError
from av2a.paths import users_cache

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
