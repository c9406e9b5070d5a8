import platform
import re
from pathlib import Path

import av
import pytest

from av2a import __version__
from av2a.cli.app import COMMANDS, command_paths, main_command
from tests.cli.calling import Call, environment, shell

PATHS = command_paths()
HEAVY = {"torch", "transformers", "huggingface_hub", "av", "numpy", "matplotlib", "PIL", "jaxtyping"}


def test_the_version_names_all_that_a_report_needs(av2a: Call) -> None:
    outcome = av2a("--version")
    assert outcome.status == 0
    assert outcome.out == (
        f"av2a {__version__} (Python {platform.python_version()}, PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info})\n"
    )


@pytest.mark.parametrize("command", PATHS)
def test_help_shows_examples_first_and_exit_statuses_last(av2a: Call, command: tuple[str, ...]) -> None:
    outcome = av2a(*command, "--help")
    assert outcome.status == 0
    headings = re.findall(r"^(\S.*):$", outcome.out, flags=re.MULTILINE)
    assert headings[0] == "Examples"
    assert headings[-1] == "Exit status"
    for status in (0, 1, 2, 3, 4, 130):
        assert re.search(rf"^  {status}\s+\w", outcome.out, flags=re.MULTILINE)


@pytest.mark.parametrize("command", PATHS)
def test_every_command_s_help_is_in_the_docs(
    root: Path, av2a: Call, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    words = ["av2a", *command, "--help"]
    page = (root / "docs" / "cli.md").read_text(encoding="utf-8")
    assert f"```console\n$ {' '.join(words)}\n{av2a(*words[1:]).out}```" in page


def test_no_command_is_usage_and_shows_the_help_on_stderr(av2a: Call) -> None:
    outcome = av2a()
    assert (outcome.status, outcome.out) == (2, "")
    assert "Usage: av2a" in outcome.err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["detct"], "av2a: error[E_USAGE]: no such command 'detct'. Did you mean 'detect'?; see av2a --help"),
        (["--versoin"], "av2a: error[E_USAGE]: no such option: --versoin"),
        (["synth"], "av2a: error[E_USAGE]: missing argument 'OUT'; see av2a synth --help"),
        (["synth", "out", "--clips", "none"], "av2a: error[E_USAGE]: invalid value for '--clips': "),
        (["demo", "-o"], "av2a: error[E_USAGE]: option '-o' requires an argument"),
        (["doctor", "--jsn"], "av2a: error[E_USAGE]: no such option: --jsn"),
    ],
)
def test_a_slip_is_one_line_with_a_suggestion_and_status_two(av2a: Call, words: list[str], line: str) -> None:
    outcome = av2a(*words)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(line)
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize(("slip", "meant"), [("--versoin", "--version"), ("--jsn", "--json")])
def test_a_slip_in_an_option_is_answered_with_the_option(av2a: Call, slip: str, meant: str) -> None:
    command = [] if meant == "--version" else ["doctor"]
    assert meant in av2a(*command, slip).err


def test_a_shell_completes_commands_and_profiles() -> None:
    commands = shell(env=environment(_AV2A_COMPLETE="complete_bash", COMP_WORDS="av2a d", COMP_CWORD="1"))
    assert commands.out.split() == ["detect", "demo", "data", "doctor"]
    profiles = shell(
        env=environment(_AV2A_COMPLETE="complete_bash", COMP_WORDS="av2a detect --profile p", COMP_CWORD="3")
    )
    assert profiles.out.split() == ["practical", "paper"]


def test_each_line_of_the_command_s_help_is_that_of_the_subcommand() -> None:
    for name, command in main_command().commands.items():
        loaded = command.loaded()
        assert loaded.name == name
        assert loaded.get_short_help_str(limit=200) == COMMANDS[name][1]


LOADED_AT_EXIT = "import atexit; atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))"


def loaded_by(*words: str, **changes: str) -> set[str]:
    """The modules that a call has imported."""
    return set(shell(*words, first=LOADED_AT_EXIT, env=environment(**changes)).err.split())


@pytest.mark.parametrize("words", [("--help",), ("detect", "--help")])
def test_help_loads_no_heavy_library(words: tuple[str, ...]) -> None:
    loaded = loaded_by(*words)
    assert "typer" in loaded
    assert not loaded & HEAVY


def test_help_and_completion_import_no_subcommand() -> None:
    completed = {"_AV2A_COMPLETE": "complete_bash", "COMP_WORDS": "av2a d", "COMP_CWORD": "1"}
    modules = {f"av2a.cli.{module}" for module, _ in COMMANDS.values()}
    assert not modules & loaded_by("--help")
    assert not modules & loaded_by(**completed)
    assert modules & loaded_by("doctor", "--help") == {"av2a.cli.doctor"}
