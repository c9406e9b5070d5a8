"""How this copy of av2a is installed, and the commands that add libraries to it.

No command names av2a to an index, where the name is free for anybody to take. Libraries come at the versions in
``constraints.txt``, which were tested together.
"""

import re
import shlex
import shutil
import sys
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

CONSTRAINTS = "constraints.txt"
"""At the root of a checkout; a wheel has a copy in the package."""

_PACKAGE = Path(__file__).parent
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(\[(?P<extras>[\w.,-]+)\])?[^;]*; *extra == ['\"](?P<of>[\w.-]+)['\"]")


def this_command() -> str:
    """The words that a shell takes for this copy of the command: ``av2a`` where that finds it, else a path.

    A copy in an environment that is not active is not on PATH, and another copy may be.
    """
    beside = shutil.which("av2a", path=str(Path(sys.executable).parent))
    if beside is None:
        return f"{shlex.quote(sys.executable)} -m av2a"
    found = shutil.which("av2a")
    return "av2a" if found is not None and Path(found).samefile(beside) else shlex.quote(beside)


def install_command(extra: str) -> str:
    """The command that installs the libraries of an extra, such as ``plots``, beside this copy."""
    checkout = _checkout()
    if checkout is None:
        return library_command(*_libraries_of(extra))
    return shlex.join([*_pip(), "install", "-c", _shown(checkout / CONSTRAINTS), "-e", f"{_shown(checkout)}[{extra}]"])


def library_command(*libraries: str, again: bool = False) -> str:
    """The command that installs libraries beside this copy; ``again`` replaces what is there."""
    versions = _tested_versions()
    pinned = [f"{name}=={versions[name]}" if name in versions else name for name in libraries]
    if Path(sys.prefix, "pipx_metadata.json").is_file():
        return shlex.join(["pipx", "inject", *(["--force"] if again else []), Path(sys.prefix).name, *pinned])
    if _is_without_pip():
        return shlex.join(
            [
                "uv",
                "pip",
                "install",
                "--python",
                _shown(Path(sys.executable)),
                *(["--reinstall"] if again else []),
                *pinned,
            ]
        )
    return shlex.join([*_pip(), "install", *(["--force-reinstall"] if again else []), *pinned])


def _checkout() -> Path | None:
    """The root of the checkout that this code is in; None where it was installed from a wheel."""
    root = _PACKAGE.parent.parent
    files = (root / "pyproject.toml", root / CONSTRAINTS)
    return root if _PACKAGE.parent.name == "src" and all(file.is_file() for file in files) else None


def _is_without_pip() -> bool:
    """The environments of ``uv tool`` and of ``uv venv``."""
    return Path(sys.prefix, "uv-receipt.toml").is_file() or find_spec("pip") is None


def _pip() -> list[str]:
    return [_shown(Path(sys.executable)), "-m", "pip"]


def _shown(path: Path) -> str:
    """A path as the user would type it from here."""
    here = Path.cwd()
    return f"./{path.relative_to(here)}".removesuffix("/.") if path.is_relative_to(here) else str(path)


@cache
def _tested_versions() -> dict[str, str]:
    checkout = _checkout()
    file = (_PACKAGE if checkout is None else checkout) / CONSTRAINTS
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    pins = (line.split("==", 1) for line in lines if "==" in line and not line.startswith("#"))
    return {name.replace("-", "_"): version for name, version in pins}


def _libraries_of(extra: str) -> list[str]:
    """The names of an extra's libraries, those of the extras that it is made of included."""
    found = [match for line in metadata.requires("av2a") or () if (match := _REQUIREMENT.match(line))]
    of_this = [match for match in found if match["of"] == extra]
    nested = [part for match in of_this if match["name"] == "av2a" for part in match["extras"].split(",")]
    # Metadata may spell a name with another hyphen than the constraints.
    libraries = [match["name"].replace("-", "_") for match in of_this if match["name"] != "av2a"]
    return list(dict.fromkeys([*libraries, *(name for part in nested for name in _libraries_of(part))]))
