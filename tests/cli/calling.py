"""The command called from tests: in this process, or as a user's shell would."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """What a call left: its exit status and what it printed."""

    status: int
    out: str
    err: str


Call = Callable[..., Outcome]

BEFORE_MAIN = "import sys; {first}; from av2a.cli import main; main(sys.argv[1:])"


def environment(**changes: str) -> dict[str, str]:
    """A plain environment: the built-in backbone, and nothing of the caller's own that colours or resizes what is printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AV2A_", "COLUMNS", "NO_COLOR"))}
    return {**kept, "AV2A_BACKBONE": "mini", "AV2A_CACHE": "", **changes}


def shell(*arguments: str | Path, first: str | None = None, env: Mapping[str, str] | None = None) -> Outcome:
    """``av2a`` in a process of its own; ``first`` is Python that runs before it."""
    start = ["-m", "av2a"] if first is None else ["-c", BEFORE_MAIN.format(first=first)]
    ran = subprocess.run(
        [sys.executable, *start, *map(str, arguments)],
        capture_output=True,
        env=environment() if env is None else dict(env),
        timeout=120,
        check=False,
    )
    return Outcome(ran.returncode, ran.stdout.decode(), ran.stderr.decode())
