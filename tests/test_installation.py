"""The commands that add libraries, for each way in which av2a is installed."""

import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from av2a import installation
from av2a.installation import install_command, library_command

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment with av2a from a wheel."""
    environment = tmp_path / "av2a"
    (environment / "bin").mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(environment))
    monkeypatch.setattr(sys, "executable", str(environment / "bin/python"))
    monkeypatch.setattr(installation, "_checkout", lambda: None)
    monkeypatch.setattr(installation, "_PACKAGE", ROOT)
    installation._tested_versions.cache_clear()
    return environment


def test_a_checkout_installs_itself_with_its_constraints(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "executable", str(ROOT / ".venv/bin/python"))
    assert install_command("models") == "./.venv/bin/python -m pip install -c ./constraints.txt -e '.[models]'"
    monkeypatch.chdir(tmp_path)
    *_, option, constraints, editable, project = shlex.split(install_command("models"))
    assert (option, editable) == ("-c", "-e")
    assert (constraints, project) == (str(ROOT / "constraints.txt"), f"{ROOT}[models]")


def test_a_wheel_in_a_virtual_environment_is_given_the_tested_versions(prefix: Path) -> None:
    command = install_command("plots")
    assert command == f"{prefix}/bin/python -m pip install matplotlib=={PINS['matplotlib']}"
    assert library_command("av", again=True).endswith(f"pip install --force-reinstall av=={PINS['av']}")


def test_pipx_and_uv_install_into_their_own_environments(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = f"matplotlib=={PINS['matplotlib']}"
    (prefix / "pipx_metadata.json").touch()
    assert install_command("plots") == f"pipx inject av2a {pinned}"
    assert library_command("matplotlib", again=True) == f"pipx inject --force av2a {pinned}"
    (prefix / "pipx_metadata.json").unlink()
    (prefix / "uv-receipt.toml").touch()
    assert install_command("plots") == f"uv pip install --python {prefix}/bin/python {pinned}"
    (prefix / "uv-receipt.toml").unlink()
    monkeypatch.setattr(installation, "find_spec", lambda name: None)
    assert library_command("x", again=True) == f"uv pip install --python {prefix}/bin/python --reinstall x"


# The tools for work on the project come with its checkout.
@pytest.mark.parametrize("extra", sorted(PROJECT["optional-dependencies"].keys() - {"dev"}))
def test_every_extra_has_its_libraries_and_never_av2a_from_an_index(prefix: Path, extra: str) -> None:
    installed = {part.partition("==")[0] for part in shlex.split(install_command(extra))[4:]}

    def expected(name: str) -> set[str]:
        lines = PROJECT["optional-dependencies"][name]
        own = {re.split(r"[<>=]", line)[0].replace("-", "_") for line in lines if not line.startswith("av2a")}
        nested = {part for line in lines if line.startswith("av2a") for part in line[5:-1].split(",")}
        return own.union(*map(expected, nested))

    assert installed == expected(extra)


def test_a_wheel_carries_the_constraints() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {"constraints.txt": "av2a/constraints.txt"}
