"""Promises about the project itself. Each comes with the proof that it can fail."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest

import av2a

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "av2a"

HEAVY = {"PIL", "av", "matplotlib", "numpy", "rich", "torch", "transformers", "typer"}


def imported_by(statement: str) -> set[str]:
    """The heavy libraries that a fresh interpreter holds after the statement."""
    program = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return HEAVY & set(done.stdout.split())


def test_importing_the_package_stays_light() -> None:
    assert imported_by("import av2a") == set()


def test_a_heavy_import_is_noticed() -> None:
    assert imported_by("import av2a.timeline") == {"numpy"}


def test_every_offered_name_is_there() -> None:
    assert [name for name in av2a.__all__ if getattr(av2a, name, None) is None] == []
    assert set(av2a.__all__) <= set(dir(av2a))


def test_a_name_that_is_not_offered_is_refused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'detct'"):
        _ = av2a.detct


def test_the_package_says_that_it_is_typed() -> None:
    assert files("av2a").joinpath("py.typed").is_file()


# The map.


def mapped(page: str) -> set[str]:
    """The files that the map in a page names: the lines of the fence that begins with ``src/av2a/``, by their indents."""
    found = re.search(r"^```\w*\nsrc/av2a/\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    paths: set[str] = set()
    folders: list[str] = []
    for line in (found[1] if found else "").splitlines():
        name = line.split(maxsplit=1)[0]
        depth = (len(line) - len(line.lstrip())) // 2 - 1
        folders[depth:] = [name] if name.endswith("/") else []
        paths.add("".join(folders) if name.endswith("/") else "".join(folders) + name)
    return paths


def on_disk(package: Path) -> set[str]:
    modules = {path.relative_to(package) for path in package.rglob("*.py")}
    folders = {f"{path.parent.as_posix()}/" for path in modules if path.parent != Path()}
    return folders | {path.as_posix() for path in modules if path.name != "__init__.py"}


def test_the_map_in_the_architecture_page_is_the_tree_on_disk() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert mapped(page) == on_disk(PACKAGE)


def test_the_layers_in_the_architecture_page_are_those_that_are_checked() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    [layers] = [contract["layers"] for contract in contracts if contract["id"] == "layers"]
    assert "```\n" + "\n".join(layers) + "\n```" in page


def test_a_file_that_is_not_on_the_map_is_noticed(tmp_path: Path) -> None:
    page = (
        "```\nsrc/av2a/\n  errors.py    every refusal\n  figures/     pictures\n    axis.py    ticks\n  media.py\n```\n"
    )
    for name in ("__init__.py", "errors.py", "media.py", "figures/__init__.py", "figures/axis.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert mapped(page) == on_disk(tmp_path)
    (tmp_path / "figures" / "stray.py").touch()
    assert on_disk(tmp_path) - mapped(page) == {"figures/stray.py"}


# The text.

# Put together here, so that this file does not hold what it looks for.
MACHINE_PATHS = re.compile("|".join(f"(?<![\\w.])/{place}/" for place in ("work", "root", "home", "Users", "tmp/bash")))
UNFINISHED = re.compile(
    rf"\b({'|'.join(['TO' + 'DO', 'FIX' + 'ME', 'X' * 3, 'HA' + 'CK', 'NotImplemented' + 'Error'])})\b"
)
FOLDERS = (".ci", "benchmarks", "docs", "scripts", "src", "tests")


def texts() -> dict[str, str]:
    """Every text of the project by its path; pictures and weights are none."""
    inside = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts]
    found: dict[str, str] = {}
    for path in sorted([*ROOT.iterdir(), *inside]):
        if path.is_file():
            try:
                found[path.relative_to(ROOT).as_posix()] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
    return found


def test_no_path_of_a_machine_is_in_the_project() -> None:
    assert [name for name, text in texts().items() if MACHINE_PATHS.search(text)] == []


def test_nothing_is_left_unfinished() -> None:
    assert [name for name, text in texts().items() if UNFINISHED.search(text)] == []


def test_paths_of_a_machine_and_unfinished_words_are_noticed() -> None:
    assert MACHINE_PATHS.search("open('/" + "home/someone/clip.mp4')")
    assert UNFINISHED.search("# TO" + "DO: later")
    assert not MACHINE_PATHS.search("https://example.org/" + "work/")
    assert {"README.md", "src/av2a/errors.py", "scripts/install"} <= set(texts())


# What stands in more than one place.


def normal(requirement: str) -> str:
    name = re.match(r"[\w.-]+", requirement)
    return name[0].lower().replace("_", "-") if name else requirement


def test_constraints_pin_the_direct_dependencies_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = [entry for entries in project["optional-dependencies"].values() for entry in entries]
    direct = {normal(entry) for entry in [*project["dependencies"], *optional]} - {"av2a"}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in pinned)
    assert {normal(line) for line in pinned} == direct


def test_the_citation_and_the_changelog_know_the_version() -> None:
    assert f"\nversion: {av2a.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {av2a.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_command_stands_where_the_package_says() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "av2a", "--version"], capture_output=True, text=True, check=True, timeout=60
    )
    assert av2a.__version__ in done.stdout


# The words (docs use the terms of the field; a private word costs every reader a lookup).

PRIVATE_WORDS = {
    r"cannot be meant": "invalid",
    r"\bat hand\b": "available, installed, cached",
    r"\bfact.sheet\b": "docs/method.md",
    r"\bstands? above\b": "overrides; is in a higher layer",
    r"\bstretch(?:es)? of\b|\b(?:each|every|one|a) stretch\b": "interval, span, part",
}


def private_words(text: str) -> list[str]:
    flat = " ".join(text.split())
    return [found[0] for pattern in PRIVATE_WORDS for found in re.finditer(pattern, flat, re.IGNORECASE)]


def test_private_words_do_not_come_back() -> None:
    readable = {
        name: text for name, text in texts().items() if name.startswith(("src/", "docs/")) or name.endswith(".md")
    }
    found = {name: private_words(text) for name, text in readable.items()}
    assert {name: words for name, words in found.items() if words} == {}


def test_a_private_word_is_noticed() -> None:
    assert private_words("a value that cannot be\nmeant") == ["cannot be meant"]
    assert private_words("each stretch is scored") == ["each stretch"]
    assert private_words("the scale is stretched near 0 and 1") == []


def class_names(package: Path) -> list[str]:
    """Every class at the top of a module, private ones left out."""
    modules = [ast.parse(path.read_text(encoding="utf-8")) for path in package.rglob("*.py")]
    return [node.name for module in modules for node in module.body if isinstance(node, ast.ClassDef)]


def test_a_class_name_is_used_once_in_the_package() -> None:
    names = Counter(name for name in class_names(PACKAGE) if not name.startswith("_"))
    assert [name for name, count in names.items() if count > 1] == []


def test_a_class_name_that_is_used_twice_is_noticed(tmp_path: Path) -> None:
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text("class Kind:\n    pass\n", encoding="utf-8")
    assert class_names(tmp_path) == ["Kind", "Kind"]
