"""The examples in README.md and docs/ are true: Python ones run, commands exist and take these options, ``--help`` is as shown."""

import doctest
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from av2a.background import BACKGROUND
from av2a.settings import TABLE_1, Settings

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELLS = {"console", "sh", "bash", "shell"}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str
    line: int


@dataclass(frozen=True)
class Command:
    """A line to type, and what is shown beneath it (only in a ``console`` block)."""

    words: tuple[str, ...]
    shown: str


def blocks(page: str) -> list[Block]:
    return [Block(found[1], found[2], page.count("\n", 0, found.start()) + 1) for found in FENCE.finditer(page)]


def python_failures(page: str, name: str) -> list[str]:
    """What goes wrong when the Python blocks of a page are run in their order, as one program."""
    failures: list[str] = []
    names: dict[str, object] = {}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for block in blocks(page):
        if block.language != "python":
            continue
        if ">>>" not in block.text:
            compile(block.text, f"{name}:{block.line}", "exec")
            continue
        test = doctest.DocTestParser().get_doctest(block.text, names, name, name, block.line)
        runner.run(test, out=failures.append, clear_globs=False)
        names = test.globs
    return failures


def commands(page: str) -> Iterator[Command]:
    for block in blocks(page):
        if block.language == "console":
            for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                typed, _, shown = part.partition("\n")
                yield Command(tuple(shlex.split(typed, comments=True)), shown)
        elif block.language in SHELLS:
            joined = block.text.replace("\\\n", " ")
            yield from (Command(tuple(shlex.split(line, comments=True)), "") for line in joined.splitlines())


@cache
def printed(words: tuple[str, ...]) -> str:
    """What ``av2a`` prints for these words, on a terminal of 80 columns."""
    plain = {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "av2a", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | plain, check=False, timeout=60)
    return done.stdout if done.returncode == 0 else f"{done.stdout}{done.stderr}(exit status {done.returncode})"


def command_failure(command: Command) -> str | None:
    """What is wrong with a command on a page, if anything is."""
    match command.words:
        case ("av2a", *words):
            return _av2a_failure(tuple(words), command.shown)
        case (script, *_) if script.startswith("scripts/"):
            return None if os.access(ROOT / script, os.X_OK) else f"there is no {script}"
    return None


def _av2a_failure(words: tuple[str, ...], shown: str) -> str | None:
    if words[-1:] in (("--help",), ("--version",)):
        actual = printed(words)
        if shown and _squeezed(shown) != _squeezed(actual):
            return f"av2a {shlex.join(words)} prints\n{actual}"
    depth = 2 if words[:1] in (("weights",), ("data",), ("batch",), ("library",)) else 1
    subcommand = tuple(word for word in words[:depth] if not word.startswith("-"))
    known = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", printed((*subcommand, "--help"))))
    asked = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    unknown = sorted(asked - known - {"--help"})
    return f"av2a {' '.join(subcommand)} has no {', '.join(unknown)}" if unknown else None


def _squeezed(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_examples_are_true(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert not python_failures(page.read_text(encoding="utf-8"), page.name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist_and_print_what_is_shown(page: Path) -> None:
    failures = [command_failure(command) for command in commands(page.read_text(encoding="utf-8"))]
    assert not [failure for failure in failures if failure]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert not [target for target in targets if not (page.parent / target).exists()]


def long_lines(page: str) -> list[str]:
    """The lines of prose (not of tables or fenced blocks) with more than 120 characters."""
    prose = re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
    return [line for line in prose.splitlines() if len(line) > 120 and not line.startswith("|")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_of_prose_are_at_most_120_characters(page: Path) -> None:
    assert long_lines(page.read_text(encoding="utf-8")) == []


def test_a_long_line_is_noticed_outside_tables_and_fences() -> None:
    words = "word " * 30
    assert long_lines(f"| {words} |\n```sh\n{words}\n```\n* {words}\n") == [f"* {words}"]


def test_a_wrong_python_example_is_noticed() -> None:
    page = "```python\n>>> number = 1\n```\n\n```python\n>>> number + 1\n3\n```\n"
    assert "Expected:\n    3\nGot:\n    2" in python_failures(page, "page")[0]


def test_an_option_that_does_not_exist_is_noticed() -> None:
    [command] = commands("```sh\nav2a detect my.mp4 \\\n  --evnts 'dog barking'  # a comment\n```\n")
    assert command_failure(command) == "av2a detect has no --evnts"


def test_help_that_is_out_of_date_is_noticed() -> None:
    [command] = commands("```console\n$ av2a --help\nUsage: something else\n```\n")
    assert "av2a --help prints" in (command_failure(command) or "")


def test_a_script_that_does_not_exist_is_noticed() -> None:
    [command] = commands("```sh\nscripts/instal\n```\n")
    assert command_failure(command) == "there is no scripts/instal"


# docs/method.md: the settings and the numbered behaviours of the released code.

METHOD_PAGE = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
POINTER = re.compile(r"\b[Bb]ehaviours? (\d+(?:(?:, | and | to |–)\d+)*)")
PROFILES = ("released", "paper", "practical")


def table_rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table after a line that begins with ``heading``, without its two head lines."""
    lines = page[page.index(f"\n{heading}") + 1 :].splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("|"))
    stop = next((index for index in range(start, len(lines)) if not lines[index].startswith("|")), len(lines))
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[start + 2 : stop]]


def behaviours_pointed_to(text: str) -> set[int]:
    """The numbers in "(behaviour 12)", "behaviours 9, 10 and 26" and "behaviours 16 to 18", the ends of a range included."""
    return {int(number) for found in POINTER.findall(text) for number in re.findall(r"\d+", found)}


def shown(name: str, profile: str) -> str:
    """The value of a setting in a profile, as the page writes it."""
    if name in TABLE_1 and profile != "practical":
        return "Table 1"
    value = Settings.of(profile).as_dict()[name]
    if value == list(BACKGROUND):
        return "`BACKGROUND`"
    if value is None or isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:.3g}`" if isinstance(value, float) else f"`{value}`"


def test_the_method_page_has_every_setting_with_its_value_in_each_profile() -> None:
    rows = {row[0].strip("`"): row[2:5] for row in table_rows(METHOD_PAGE, "## Three profiles")}
    names = [name for name in Settings.practical().as_dict() if name != "profile"]
    assert sorted(rows) == sorted(names)
    assert {name: [shown(name, profile) for profile in PROFILES] for name in names} == rows


def test_the_behaviours_of_the_released_code_are_numbered_without_a_gap() -> None:
    rows = table_rows(METHOD_PAGE, "## What the released code does")
    assert [row[0] for row in rows] == [str(number) for number in range(1, 45)]
    assert all(len(row) == 5 and all(row) for row in rows)


def test_every_pointer_to_a_behaviour_is_in_the_table() -> None:
    known = {int(row[0]) for row in table_rows(METHOD_PAGE, "## What the released code does")}
    sources = [path for folder in ("src", "tests", "benchmarks", "training") for path in (ROOT / folder).rglob("*.py")]
    sources += PAGES
    pointers = {str(path): behaviours_pointed_to(path.read_text(encoding="utf-8")) for path in sources}
    assert {name: numbers - known for name, numbers in pointers.items() if numbers - known} == {}
    assert set().union(*pointers.values()) >= {3, 12, 17, 29}


def test_every_number_in_the_settings_table_is_that_of_a_behaviour() -> None:
    rows = table_rows(METHOD_PAGE, "## Three profiles")
    numbers = {int(number) for row in rows if ";" in row[1] for number in re.findall(r"\d+", row[1].partition(";")[2])}
    assert numbers <= set(range(1, 45))
    assert len(numbers) > 15


def test_the_files_named_on_the_method_page_exist() -> None:
    prose = re.sub(r"^```.*?^```$", "", METHOD_PAGE, flags=re.MULTILINE | re.DOTALL)
    files = set(re.findall(r"`([\w/]+(?:/|\.py))`", prose))
    assert len(files) > 15
    assert [
        name for name in files if not any((folder / name).exists() for folder in (ROOT / "src" / "av2a", ROOT))
    ] == []


def test_pointers_in_every_form_are_read() -> None:
    assert behaviours_pointed_to("(behaviour 12); behaviours 9, 10 and 26; Behaviours 16 to 18") == {
        9,
        10,
        12,
        16,
        18,
        26,
    }
    assert behaviours_pointed_to("its behaviour at 3 Hz") == set()
