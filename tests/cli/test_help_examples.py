"""Every example of every help text, run as it stands: in a folder with the files that it names, on small clips and models."""

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from av2a import exports
from av2a.backbones.checkpoints import CLAP, CLIP_B32, SIGLIP2, parts_of
from av2a.cli.app import EXAMPLES, main_command
from av2a.datasets import open_dataset
from av2a.datasets.sources import SOURCES
from av2a.detector import detect
from av2a.exports.scores import write_scores
from av2a.settings import Settings
from av2a.world import make_scene, write_clip
from tests.backbones import tiny_models
from tests.backbones.languagebind import tiny
from tests.backbones.light.weights import light_weights
from tests.cli.calling import environment
from tests.datasets.small_files import ave_files, llp_files
from tests.datasets.small_server import SmallServer
from tests.methods.trained.checkpoint_files import published, write_features

SECONDS = 2
SHRUNK = """
import sys
from dataclasses import replace
from av2a.world import SPLITS
SPLITS.update({name: replace(split, clips=2) for name, split in SPLITS.items()})
if sys.argv[1] in ("tune", "tables"):
    import av2a.research.search as search
    searched = search.search
    search.search = lambda *given, trials, **more: searched(*given, trials=min(trials, 3), **more)
from av2a.cli import main
if __name__ == "__main__":
    main(sys.argv[1:])
"""
"""The command on a generated world of two clips a split; searches end after three trials."""
LONG = {"batch", "tune", "ablate", "compare-fusion", "probe", "tables", "synth"}


def all_examples() -> list[str]:
    """The lines of all help texts, each once."""
    examples = [*EXAMPLES]
    for lazy in main_command().commands.values():
        loaded = lazy.loaded()
        examples += [
            example for each in (loaded, *getattr(loaded, "commands", {}).values()) for example in each.examples
        ]
    return list(dict.fromkeys(example.line for example in examples))


def marked(line: str) -> object:
    return pytest.param(line, marks=pytest.mark.slow) if line.split()[1] in LONG else line


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small models of the published layout, a folder for each."""
    folder = tmp_path_factory.mktemp("weights")
    for part, make in ((CLIP_B32, tiny_models.clip), (SIGLIP2, tiny_models.siglip2), (CLAP, tiny_models.clap)):
        make(folder / part.checkpoint.repo)
    with pytest.MonkeyPatch.context() as patch:
        # A token a letter: longer than what its other tests embed.
        patch.setitem(tiny.TEXT, "max_position_embeddings", 77)
        languagebind = tiny.write_backbone(folder)
    for checkpoint, made in zip(parts_of("languagebind"), languagebind, strict=True):
        (folder / checkpoint.checkpoint.repo).parent.mkdir(exist_ok=True)
        made.rename(folder / checkpoint.checkpoint.repo)
    return folder


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Path:
    """A user's folder: all files that examples name."""
    folder = tmp_path_factory.mktemp("user")
    scene = make_scene(3, duration_seconds=SECONDS)
    write_clip(scene, folder / "clip.mp4")
    (folder / "world").mkdir()
    write_clip(scene, folder / "world" / "scene.mp4")
    (folder / "names.txt").write_text("dog barking\nsiren\n")
    _data(folder)
    _scores(folder / "clip.npz", ("dog barking", "siren"))
    for name, settings in (
        ("siren.json", Settings()),
        ("best.json", Settings.released()),
        ("mine.json", Settings()),
    ):
        (folder / name).write_text(json.dumps(settings.as_dict()))
    (folder / "out").mkdir()
    ran = run("av2a batch clip.mp4 --labels names.txt -o done --no-store", folder, environment())
    assert ran.returncode == 0, ran.stderr
    for answer in ("answer.json", "out/clip.json"):
        detect(folder / "clip.mp4", ["dog barking", "siren"], "mini").save(folder / answer)
    _annotations_of_other_tools(folder)
    (folder / "space.toml").write_text("decay = [0.1, 5.0]\n")
    shutil.copytree(weights, folder / "stick")
    return folder


def _data(folder: Path) -> None:
    """Benchmarks of two clips, one's own videos, and what other models say of them."""
    data = folder / "data"
    data.mkdir()
    llp_files(data)
    ave_files(data)
    (folder / "my-videos").mkdir()
    shutil.copy(folder / "clip.mp4", folder / "my-videos")
    header = "filename\tonset\toffset\tevent_label\tmodality\n"
    (folder / "truth.tsv").write_text(f"{header}clip\t0\t1\tdog barking\taudio\nclip\t0\t2\tviolin\tvisual\n")
    shutil.copy(folder / "truth.tsv", folder / "my-videos" / "annotations.tsv")
    (folder / "theirs.tsv").write_text(f"{header}a_b-c_d_e_12_0_10\t0\t2\tSpeech\taudio\nquietly_is_5_15\t\t\t\t\n")
    (folder / "scores").mkdir()
    write_clip(make_scene(4, duration_seconds=10), folder / "scene.mp4")
    for benchmark, videos in (("llp", "llp-videos"), ("ave", "AVE")):
        (folder / videos).mkdir()
        for split in ("train", "validation", "test"):
            dataset = open_dataset(benchmark, split=split, annotations=data / benchmark)
            for clip in dataset.clips:
                shutil.copy(folder / "scene.mp4", folder / videos / f"{clip.name}.mp4")
                _scores(folder / "scores" / f"{clip.name}.npz", dataset.labels, 10)
    names = [path.stem for path in (folder / "llp-videos").iterdir()]
    write_features(folder / "feats", names)
    for parser in ("jomold", "mgn"):
        published(folder, parser)


def _annotations_of_other_tools(folder: Path) -> None:
    found = detect(folder / "clip.mp4", ["dog barking", "siren"], "mini")
    (folder / "labels").mkdir()
    exports.write(found, folder / "park.eaf")
    for name in ("labels/park.txt", "heard.txt", "seen.txt"):
        exports.write(found, folder / name)
    exports.write(found, folder / "project-1.json", ending=".labelstudio.json")


def _scores(path: Path, labels: tuple[str, ...], segments: int = SECONDS) -> None:
    values = np.full((segments, len(labels)), 0.9)
    write_scores(path, labels, values, values, overwrite=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """What is kept from one command to the next: data, generated clips, embeddings."""
    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(template / "data", folder / "data")
    return folder


def serves(line: str) -> bool:
    """Whether an example runs until it is interrupted."""
    return line.split()[1] == "serve"


# One test for all, as some of them take the same port.
@pytest.mark.slow
def test_the_examples_that_serve_print_an_address_and_end_with_ctrl_c(
    weights: Path, home: Path, tmp_path: Path
) -> None:
    env = environment(AV2A_WEIGHTS=str(weights), AV2A_CACHE=str(home / "cache"), BROWSER="true")
    (tmp_path / "holidays").mkdir()
    (tmp_path / "command.py").write_text(SHRUNK)
    for line in filter(serves, all_examples()):
        words = [sys.executable, "command.py", *shlex.split(line)[1:], "--home", str(tmp_path / "work")]
        with subprocess.Popen(words, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True) as served:
            assert served.stdout is not None
            assert re.match(r"http://127\.0\.0\.1:\d+/#token=", served.stdout.readline()), line
            served.send_signal(signal.SIGINT)
            assert served.wait(60) == 0, line


@pytest.mark.parametrize("line", [marked(line) for line in all_examples() if not serves(line)])
def test_an_example_runs_when_it_is_copied(
    line: str, template: Path, weights: Path, home: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = tmp_path / "user"
    shutil.copytree(template, folder)
    made = [line.split()[2]] if line.startswith("av2a synth") else re.findall(r"-o ([\w.-]+)", line)
    for name in made:
        # What the example makes is not there yet.
        shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink(missing_ok=True)
    env = environment(AV2A_WEIGHTS=str(weights), AV2A_DATA=str(home / "data"), AV2A_CACHE=str(home / "cache"))
    if "--backbone light" in line:
        # No small model can stand for it: what it knows of a label is what it has learned.
        env["AV2A_WEIGHTS"] = str(light_weights(request.getfixturevalue("shared"), tmp_path / "light"))
    if line.startswith("av2a data fetch"):
        shared: Path = request.getfixturevalue("shared")
        benchmark = line.split()[3]
        shutil.copytree(shared / "annotations" / benchmark, folder / "downloads")
        source = SOURCES[benchmark]
        found = {
            f"/{source.address(each, source.revisions[0])}": folder / "downloads" / each.name for each in source.files
        }
        with SmallServer({address: file.read_bytes() for address, file in found.items()}) as server:
            ran = run(line, folder, env | {"AV2A_RAW_GITHUB": server.url, "AV2A_DATA": str(tmp_path / "other")})
    else:
        if line.startswith(("av2a search", "av2a library")):
            # In a library that has something.
            assert run("av2a library add my-videos", folder, env).returncode == 0
        ran = run(line, folder, env)
    assert ran.returncode == 0, ran.stderr
    assert "error[" not in ran.stderr
    assert all((folder / name).exists() for name in made), made


def run(line: str, folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The line in a shell, as a user pastes it."""
    (folder / "command.py").write_text(SHRUNK)
    script = f'av2a() {{ "{sys.executable}" command.py "$@"; }}\nset -o pipefail\n{line}\n'
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True, timeout=600, check=False
    )
