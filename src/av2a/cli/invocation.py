"""How the user calls this copy of the command."""

import shutil
import sys
from pathlib import Path
from shlex import quote


def this_command() -> str:
    """The words that a shell takes for this copy of the command: ``av2a`` where that finds it, else a path.

    A copy in an environment that is not active is not on PATH, and another copy may be.
    """
    beside = shutil.which("av2a", path=str(Path(sys.executable).parent))
    if beside is None:
        return f"{quote(sys.executable)} -m av2a"
    found = shutil.which("av2a")
    return "av2a" if found is not None and Path(found).samefile(beside) else quote(beside)
