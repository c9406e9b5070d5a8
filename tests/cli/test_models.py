"""``av2a detect`` with fetched models: tiny checkpoints of the published layout, from a folder and from a small hub."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from av2a.backbones.checkpoints import CLAP, CLIP_B32, SIGLIP2, parts_of
from av2a.backbones.languagebind.configuration import TowerKind
from av2a.installation import install_command
from tests.backbones import tiny_models
from tests.backbones.languagebind import tiny
from tests.backbones.small_hub import SmallHub
from tests.cli.calling import Call, Outcome, environment, shell


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each model, as ``av2a weights fetch --to`` writes it."""
    folder = tmp_path_factory.mktemp("weights")
    for part, make in ((CLIP_B32, tiny_models.clip), (SIGLIP2, tiny_models.siglip2), (CLAP, tiny_models.clap)):
        make(folder / part.checkpoint.repo)
    for checkpoint, made in zip(parts_of("languagebind"), tiny.write_backbone(folder), strict=True):
        (folder / checkpoint.checkpoint.repo).parent.mkdir(exist_ok=True)
        made.rename(folder / checkpoint.checkpoint.repo)
    return folder


@pytest.fixture
def by_default(av2a: Call, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The command with nothing in the environment that chooses a backbone."""
    monkeypatch.delenv("AV2A_BACKBONE")
    return av2a


def answer(outcome: Outcome) -> dict[str, dict[str, str]]:
    assert outcome.status == 0, outcome.err
    found: dict[str, dict[str, str]] = json.loads(outcome.out)
    return found


ON_CPU = ("--device", "cpu", "--precision", "float32", "--json")

FEW_NAMES = ("-l", "dog, cat, dogs", "--profile", "released")
"""Without the background vocabulary, whose names are longer than the tiny text encoders take."""


def test_clip_and_clap_answer_when_nothing_else_is_asked_for(by_default: Call, video: Path, weights: Path) -> None:
    backbone = answer(by_default("detect", video, "-l", "dog, siren", "--weights", weights, *ON_CPU))["backbone"]
    assert backbone["name"] == "clip-clap"
    assert backbone["visual"] == "openai/clip-vit-base-patch32, revision unknown"
    assert (backbone["device"], backbone["precision"]) == ("cpu", "float32")
    assert len(backbone["digest"]) == 64


@pytest.mark.parametrize("name", ["clip+clap", "siglip2+clap", "languagebind"])
def test_a_backbone_is_chosen_by_its_name_and_found_by_the_environment(
    av2a: Call, video: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("AV2A_WEIGHTS", str(weights))
    backbone = answer(av2a("detect", video, *FEW_NAMES, "--backbone", name, *ON_CPU))["backbone"]
    assert backbone["name"] == {"clip+clap": "clip-clap"}.get(name, name)


def test_another_checkpoint_of_the_family_is_taken_and_recorded_without_its_path(
    av2a: Call, video: Path, weights: Path, tmp_path: Path
) -> None:
    own = tiny.write_checkpoint(tmp_path / "mine", TowerKind.AUDIO, seed=7)
    asked = ("detect", video, *FEW_NAMES, "--backbone", "languagebind", "--weights", weights, *ON_CPU)
    plain, changed = answer(av2a(*asked)), answer(av2a(*asked, "--audio-model", own))
    assert changed["backbone"]["audio"] == "mine (a folder)"
    assert changed["backbone"]["digest"] != plain["backbone"]["digest"]
    assert str(tmp_path) not in json.dumps(changed)


@pytest.mark.parametrize(
    ("words", "change", "code"),
    [
        ((), {}, None),
        (("--device", "cuda:77"), {}, "E_SETTING"),
        (("--backbone", "siglip2+clap", "--weights", "{empty}"), {"HF_HUB_OFFLINE": "1"}, "E_WEIGHTS"),
        (
            ("--visual-model", "owner/none", "--backbone", "clip+clap"),
            {"HF_ENDPOINT": "http://127.0.0.1:9"},
            "E_WEIGHTS",
        ),
    ],
)
def test_a_dry_run_fails_where_the_run_would(
    video: Path, weights: Path, tmp_path: Path, words: tuple[str, ...], change: dict[str, str], code: str | None
) -> None:
    env = environment(AV2A_WEIGHTS=str(weights), AV2A_BACKBONE="clip-clap", HF_HOME=str(tmp_path), **change)
    call: tuple[str | Path, ...] = (
        "detect",
        video,
        "-l",
        "dog",
        *(word.replace("{empty}", str(tmp_path)) for word in words),
    )
    run, dry = (shell(*call, *more, env=env) for more in ((), ("--dry-run",)))
    assert run.status == dry.status
    errors = [line for line in run.err.splitlines() if "error[" in line]
    assert [line for line in dry.err.splitlines() if "error[" in line] == errors
    assert (f"error[{code}]" in run.err) if code else (run.status == 0)


def test_the_released_profile_computes_in_float32_unless_told_otherwise(av2a: Call, video: Path, weights: Path) -> None:
    released = (
        "detect",
        video,
        *FEW_NAMES,
        "--backbone",
        "clip-clap",
        "--weights",
        weights,
        "--device",
        "cpu",
        "--json",
    )
    assert answer(av2a(*released))["backbone"]["precision"] == "float32"
    assert answer(av2a(*released, "--precision", "bfloat16"))["backbone"]["precision"] == "bfloat16"


@pytest.fixture
def hub(weights: Path) -> Iterator[SmallHub]:
    """Both models of clip-clap; a hub of the tests has one commit only, so the second is asked for by name."""
    repositories = {
        repo: {file.name: file.read_bytes() for file in (weights / repo).iterdir()}
        for repo in (CLIP_B32.checkpoint.repo, CLAP.checkpoint.repo)
    }
    with SmallHub(repositories, commit=str(CLIP_B32.checkpoint.revision)) as served:
        yield served


def plain_environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "AV2A_"))}
    return {**kept, "HF_HOME": str(home), "AV2A_CACHE": "", **more}


def test_weights_that_are_not_here_are_fetched_once_and_then_used_without_the_hub(
    hub: SmallHub, video: Path, tmp_path: Path
) -> None:
    sound = f"{CLAP.checkpoint.repo}@main"
    asked = ("detect", video, "-l", "dog", "--audio-model", sound, *ON_CPU)
    fetched = shell(*asked, env=plain_environment(tmp_path, HF_ENDPOINT=hub.url))
    assert answer(fetched)["backbone"]["name"] == "clip-clap"
    hub.asked.clear()
    again = shell(*asked, env=plain_environment(tmp_path, HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="1"))
    assert (again.out, hub.asked) == (fetched.out, [])


def test_without_weights_and_network_three_lines_say_the_ways_out(video: Path, tmp_path: Path) -> None:
    outcome = shell("detect", video, "-l", "dog", env=plain_environment(tmp_path, HF_HUB_OFFLINE="1"))
    assert (outcome.status, outcome.out) == (3, "")
    first, *ways = outcome.err.splitlines()
    assert first.startswith(
        "av2a: error[E_WEIGHTS]: weights are not on this machine: openai/clip-vit-base-patch32 and "
    )
    assert len(ways) == 2
    for way in ("av2a weights fetch clip-clap", "--to DIR", "--weights DIR", "HF_HOME", "av2a demo", "--backbone mini"):
        assert way in " ".join(ways)
    assert max(map(len, outcome.err.splitlines())) < 250


@pytest.mark.parametrize(
    ("name", "library"), [("clip-clap", "torch"), ("siglip2+clap", "transformers"), ("clip+clap", "torch")]
)
def test_a_library_that_is_missing_is_named_with_the_command_that_installs_it(
    video: Path, tmp_path: Path, name: str, library: str
) -> None:
    absent = f"sys.modules['{library}'] = None"
    outcome = shell("detect", video, "-l", "dog", "--backbone", name, first=absent, env=plain_environment(tmp_path))
    assert outcome.status == 3
    [line] = outcome.err.splitlines()
    assert line.startswith(f"av2a: error[E_DEPENDENCY]: backbone '{name.replace('clip+clap', 'clip-clap')}' needs ")
    assert install_command("models") in line


def test_a_library_of_another_age_is_said_to_be_unfit(video: Path, weights: Path) -> None:
    lacking = "sys.modules['transformers.models.clap'] = sys.modules['transformers.models.clap.modeling_clap'] = None"
    asked = ("detect", video, *FEW_NAMES, "--backbone", "clip-clap", "--weights", weights, *ON_CPU)
    outcome = shell(*asked, first=lacking)
    assert outcome.status == 3
    [line] = outcome.err.splitlines()
    assert "the libraries of backbone 'clip-clap' do not fit together (" in line
    assert f"{install_command('models')}, and see av2a doctor" in line


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--backbone", "clip-clab"), "error[E_UNKNOWN_NAME]: unknown backbone 'clip-clab': did you mean 'clip-clap'? "),
        (("--backbone", "siglip+clap"), "error[E_UNKNOWN_NAME]: unknown vision model 'siglip': did you mean 'siglip2'? "),
        (("--device", "gpu"), "error[E_UNKNOWN_NAME]: unknown device 'gpu'"),
        (("--precision", "float61"), "error[E_UNKNOWN_NAME]: unknown precision 'float61': did you mean 'float16'? "),
        (("--device", "cuda"), "error[E_SETTING]: backbone 'mini' runs on the CPU in float32: leave "),
        (("--visual-model", "a/b"), "error[E_USAGE]: backbone 'mini' takes no --visual-model: "),
        (("--backbone", "clip-clap", "--audio-model", "a b"), "error[E_USAGE]: 'a b' is neither a folder nor a checkpoint's name"),
        (("--backbone", "clip-clap", "--weights", "absent"), "error[E_NO_SUCH_FILE]: there is no folder 'absent' with weights"),
    ],
)  # fmt: skip
def test_models_that_cannot_be_meant_are_refused_before_the_video_is_opened(
    av2a: Call, tmp_path: Path, words: tuple[str, ...], line: str
) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("opening this would be another refusal")
    outcome = av2a("detect", text, "-l", "dog", *words)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(f"av2a: {line}")
    assert len(outcome.err.splitlines()) == 1
