"""Plug-ins of other packages: one that adds one of each kind, and broken ones that harm nothing."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import av
import numpy as np
import pytest

import av2a
from av2a.errors import BrokenPlugin, UnknownName
from av2a.plugins import PluginKind, installed_plugins, plugin_named
from tests.cli.calling import Outcome, environment, shell

EXAMPLE = Path(__file__).parent / "plugin"


def install(site: Path, name: str, groups: dict[str, dict[str, str]]) -> None:
    """Declare a package as an installer does; its modules must lie on the path themselves."""
    folder = site / f"{name.replace('-', '_')}-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    sections = [
        f"[{group}]\n" + "".join(f"{entry} = {value}\n" for entry, value in entries.items())
        for group, entries in groups.items()
    ]
    (folder / "entry_points.txt").write_text("\n".join(sections), encoding="utf-8")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed packages with the example in it."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    install(tmp_path / "site", project["name"], project["entry-points"])
    return tmp_path / "site"


def run(site: Path, *words: str | Path) -> Outcome:
    """``av2a`` in a process of its own that finds the packages in ``site``."""
    return shell(*words, env=found_in(site))


def found_in(site: Path) -> dict[str, str]:
    """The environment of a process that finds the packages in ``site``."""
    path = [str(site), str(EXAMPLE), *filter(None, sys.path)]
    return environment(PYTHONPATH=os.pathsep.join(path))


def red_clip(path: Path) -> Path:
    """Three seconds of plain red, without sound."""
    path.parent.mkdir(exist_ok=True)
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        pixels = np.zeros((64, 64, 3), dtype=np.uint8)
        pixels[..., 0] = 255
        for _ in range(30):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


# What the example adds.


def test_a_backbone_and_an_exporter_of_another_package_are_used_by_name(site: Path, tmp_path: Path) -> None:
    clip = red_clip(tmp_path / "videos" / "clip.mp4")
    words = ("--events", "red, green, blue", "--backbone", "colours", "--profile", "paper")
    outcome = run(site, "detect", clip, *words, "-o", tmp_path / "clip.lab", "-o", tmp_path / "clip.json")
    assert outcome.status == 0, outcome.err
    assert (tmp_path / "clip.lab").read_text(encoding="utf-8") == "0.0 3.0 red\n"
    answer = json.loads((tmp_path / "clip.json").read_text(encoding="utf-8"))
    assert answer["backbone"]["name"] == "colours"


def test_a_method_of_another_package_is_used_by_name(site: Path, tmp_path: Path) -> None:
    program = (
        "import sys, av2a\n"
        "detector = av2a.Detector('colours', method='nearest')\n"
        "for event in detector(sys.argv[1], ['green', 'red', 'blue'], 'paper'):\n"
        "    print(event.label, event.modality.word, event.start_seconds, event.stop_seconds, event.confidence)\n"
    )
    clip = red_clip(tmp_path / "videos" / "clip.mp4")
    done = subprocess.run(
        [sys.executable, "-c", program, str(clip)], capture_output=True, text=True, env=found_in(site), check=False
    )
    assert done.stdout.startswith("red seen 0.0 3.0 "), done.stderr
    assert len(done.stdout.splitlines()) == 1


def test_a_dataset_of_another_package_is_evaluated_by_name(site: Path, tmp_path: Path) -> None:
    for name in ("red", "green", "blue"):
        red_clip(tmp_path / "videos" / f"{name}.mp4")
    words = ("--videos", tmp_path / "videos", "--backbone", "colours", "--profile", "paper", "--no-store", "--json")
    outcome = run(site, "evaluate", "named-clips", *words)
    assert outcome.status == 0, outcome.err
    answer = json.loads(outcome.out)
    assert (answer["dataset"], answer["videos"]) == ("named-clips", 3)
    assert answer["numbers"]["segment_visual"] == pytest.approx(100 / 3, abs=0.01)


def test_what_plug_ins_add_is_listed(site: Path, tmp_path: Path) -> None:
    names = [row["name"] for row in json.loads(run(site, "backbones", "--json").out)]
    assert names[0] == "mini" and names[-1] == "colours"
    clip = red_clip(tmp_path / "videos" / "clip.mp4")
    unknown = run(site, "detect", clip, "--events", "red", "--backbone", "colour")
    assert unknown.status == 2
    assert "from plug-ins: colours" in unknown.err


def test_doctor_lists_plug_ins_with_their_package(site: Path) -> None:
    checks = {check["name"]: check for check in json.loads(run(site, "doctor", "--json").out)["checks"]}
    for name in ("av2a.backbones colours", "av2a.methods nearest", "av2a.datasets named-clips", "av2a.exporters .lab"):
        assert checks[name]["state"] == "works"
        assert checks[name]["detail"].startswith("av2a-example 1.0, av2a_example")


def test_the_promises_of_every_backbone_are_checked_on_that_of_another_package(site: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-k", "colours", "tests/contracts/test_backbones.py"]
    root = EXAMPLE.parents[1]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, env=found_in(site), check=False)
    assert re.search(r"\b\d\d passed", done.stdout), done.stdout


# Broken ones.


@pytest.fixture
def broken(site: Path) -> Path:
    """The example beside a package whose plug-ins do not work, in several ways."""
    (site / "unfit.py").write_text(
        "NUMBER = 3\n\n\ndef load(**options):\n    return 'no backbone'\n\n\ndef fail(**options):\n    raise RuntimeError('boom')\n",
        encoding="utf-8",
    )
    (site / "ending.py").write_text("raise SystemExit(0)\n", encoding="utf-8")
    backbones = {
        "missing": "no_such_module:load",
        "text": "unfit:load",
        "failing": "unfit:fail",
        "ending": "ending:load",
        "wrong": "not a reference",
        "mini": "no_such_module:load",
    }
    exporters = {".csv": "no_such_module", ".mute": "unfit:NUMBER", "nameless": "unfit"}
    groups = {"av2a.backbones": backbones, "av2a.exporters": exporters, "av2a.datasets": {"number": "unfit:NUMBER"}}
    install(site, "unfit", groups)
    return site


def test_a_broken_plug_in_is_reported_by_doctor_with_its_package(broken: Path) -> None:
    outcome = run(broken, "doctor", "--json")
    assert outcome.status == 1
    checks = {check["name"]: check for check in json.loads(outcome.out)["checks"]}
    for name in ("missing", "ending", "wrong"):
        found = checks[f"av2a.backbones {name}"]
        assert found["state"] == "broken"
        assert "of the package unfit 1.0 is broken" in found["detail"]
    assert "No module named 'no_such_module'" in checks["av2a.backbones missing"]["detail"]
    assert "it is int, which cannot be called" in checks["av2a.datasets number"]["detail"]
    assert "it has no function 'write'" in checks["av2a.exporters .mute"]["detail"]
    assert "its name is no ending" in checks["av2a.exporters nameless"]["detail"]
    assert checks["av2a.backbones colours"]["state"] == "works"
    for name in ("av2a.backbones mini", "av2a.exporters .csv"):
        assert checks[name]["state"] == "absent"
        assert checks[name]["detail"] == "unfit 1.0: not used, the name is taken already"


def test_built_in_names_win(broken: Path, tmp_path: Path) -> None:
    clip = red_clip(tmp_path / "videos" / "clip.mp4")
    outcome = run(broken, "detect", clip, "--events", "siren", "--backbone", "mini", "-o", tmp_path / "clip.csv")
    assert outcome.status == 0, outcome.err
    assert (tmp_path / "clip.csv").read_text(encoding="utf-8").startswith("filename,onset")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("missing", "No module named 'no_such_module'"),
        ("text", "it returned str, not Backbone"),
        ("failing", "RuntimeError: boom"),
        ("ending", "SystemExit: 0"),
        ("wrong", "does not have the form 'module:attribute'"),
    ],
)
def test_asking_for_a_broken_plug_in_is_an_error_of_one_line(
    broken: Path, tmp_path: Path, name: str, problem: str
) -> None:
    clip = red_clip(tmp_path / "videos" / "clip.mp4")
    outcome = run(broken, "detect", clip, "--events", "siren", "--backbone", name)
    assert (outcome.status, outcome.out) == (3, "")
    [line] = [line for line in outcome.err.splitlines() if "E_PLUGIN" in line]
    assert f"av2a.backbones '{name}' of the package unfit 1.0 is broken" in line
    assert problem in line


def test_what_goes_wrong_in_a_method_names_its_package(
    tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site / "failing_method.py").write_text("def fail(features, vocabulary, settings):\n    return 1 / 0\n", "utf-8")
    install(site, "failing", {"av2a.methods": {"failing": "failing_method:fail"}})
    monkeypatch.syspath_prepend(str(site))
    detector = av2a.Detector("mini", method="failing")
    with pytest.raises(BrokenPlugin, match=r"'failing' of the package failing 1\.0 is broken \(ZeroDivisionError"):
        detector(red_clip(tmp_path / "videos" / "clip.mp4"), ["siren"])


def test_damaged_metadata_harms_no_other_plug_in(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("malformed", b"[av2a.backbones]\nno entry\n"), ("binary", b"[av2a.backbones]\n\xff\xfe")):
        folder = site / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "entry_points.txt").write_bytes(text)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.syspath_prepend(str(EXAMPLE))
    found = {plugin.name: plugin for plugin in installed_plugins(PluginKind.BACKBONE)}
    assert found["colours"].load().__name__ == "load"
    with pytest.raises(BrokenPlugin, match="malformed"):
        found["entry_points.txt"].load()


def test_an_unknown_name_is_refused_with_the_names_of_plug_ins(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = UnknownName.among("output ending", ".labs", [".json"])
    with pytest.raises(UnknownName, match=r"known: \.json$"):
        plugin_named(PluginKind.METHOD, ".labs", unknown)
    monkeypatch.syspath_prepend(str(site))
    with pytest.raises(UnknownName, match=r"known: \.json; from plug-ins: \.lab$"):
        plugin_named(PluginKind.EXPORTER, ".labs", unknown)


def test_built_in_names_read_no_metadata(tmp_path: Path) -> None:
    program = (
        "import importlib.metadata as m; m.distributions = None\n"
        "import av2a.plugins as p; p.distributions = None\n"
        "from av2a.backbones.registry import load_backbone; load_backbone('mini')\n"
        "from av2a.backbones.registry import check_choices; check_choices('siglip2+clap')\n"
        "from av2a.methods.registry import load_method; load_method()\n"
        "from pathlib import Path; from av2a.exports import check_output; check_output(Path('x.json'))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr


def test_the_example_on_the_page_of_plug_ins_is_the_one_tested_here() -> None:
    page = (EXAMPLE.parents[1] / "docs" / "plugins.md").read_text(encoding="utf-8")
    for language, name in (("toml", "pyproject.toml"), ("python", "av2a_example.py")):
        assert f"```{language}\n{(EXAMPLE / name).read_text(encoding='utf-8')}```\n" in page
