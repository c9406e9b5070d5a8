"""``av2a tune``, ``ablate``, ``compare-fusion``, ``probe`` and ``tables`` as they are typed."""

import csv
import json
from pathlib import Path

import pytest

from av2a import world as generated_world
from av2a.datasets import open_dataset
from tests.cli.calling import Call, Outcome

COMMANDS = ("tune", "ablate", "compare-fusion", "probe")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where clips are rendered and embeddings are kept, for all tests here."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def on_three(av2a: Call, data: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """A subcommand on three clips of the built-in world."""
    monkeypatch.setenv("AV2A_DATA", str(data / "clips"))

    def call(*arguments: str | Path) -> Outcome:
        return av2a(*arguments, "--clips", "3", "--store", data / "store")

    return call


def test_tuned_settings_are_taken_up_by_other_commands(on_three: Call, av2a: Call, tmp_path: Path) -> None:
    best = tmp_path / "best.json"
    tuned = on_three("tune", "synthetic", "--profile", "released", "--trials", "4", "-o", best)
    assert tuned.status == 0
    assert [line.split()[0] for line in tuned.out.splitlines()] == [
        "audio_weight",
        "category_threshold",
        "initial_threshold",
        "confidence_threshold",
        "decay",
    ]
    assert "4 trials; mean of segment and event Type@AV" in tuned.err
    written = json.loads(best.read_text())
    assert len(written["tuned"]["names"]) == 3
    printed = av2a("detect", "--settings", best, "--print-settings")
    assert json.loads(printed.out) == written["settings"]
    again = on_three("tune", "synthetic", "--profile", "released", "--trials", "4", "--json")
    assert json.loads(again.out) == written
    resumed = on_three("tune", "synthetic", "--profile", "released", "--trials", "5")
    assert "5 trials, 4 of them kept from an earlier run" in resumed.err


def test_a_space_of_ones_own_is_searched(on_three: Call, tmp_path: Path) -> None:
    space = tmp_path / "space.toml"
    space.write_text("initial_threshold = [0.8, 0.9]\n")
    done = on_three(
        "tune", "synthetic", "--trials", "3", "--space", space, "--objective", "event-type", "--seed", "5", "--json"
    )
    tuned = json.loads(done.out)["tuned"]
    assert (tuned["space"], tuned["objective"], tuned["seed"]) == ({"initial_threshold": [0.8, 0.9]}, "event-type", 5)
    assert 0.8 <= tuned["values"]["initial_threshold"] <= 0.9


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--objective", "types"], "did you mean 'type'"),
        (["--objective", "accuracy"], "does not fit parsing"),
        (["-o", "best.txt"], "unknown output ending '.txt'"),
        (["--space", "none.toml"], "cannot read settings from 'none.toml'"),
        (["--set", "decai=1"], "did you mean 'decay'"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_a_clip_is_rendered(
    av2a: Call, arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AV2A_DATA", str(tmp_path))
    refused = av2a("tune", "synthetic", "--clips", "1", *arguments)
    assert refused.status == 2
    assert said in refused.err


def test_ablations_are_shown_as_a_table_and_written_as_files(on_three: Call, tmp_path: Path) -> None:
    page, table = tmp_path / "t.md", tmp_path / "t.csv"
    done = on_three("ablate", "synthetic", "--profile", "released", "-o", page, "-o", table)
    assert done.status == 0
    assert page.read_text() == done.out
    assert "## Table 5: Ablation" in done.out and "say nothing about real video" in done.out
    assert "synthetic, test: 3 of the first 3 of 200 videos" in done.err
    measured = [row for row in csv.DictReader(table.read_text().splitlines()) if row["measured"]]
    assert len(measured) == 5 * 2 * 10


def test_fusions_are_compared(on_three: Call) -> None:
    done = on_three("compare-fusion", "synthetic", "--profile", "released", "--json")
    read = json.loads(done.out)
    assert (read["about"]["videos"], read["about"]["profile"]) == ("3 of the first 3 of 200", "released")
    assert [line["name"] for line in read["tables"][0]["lines"] if line["runs"]] == [
        "late fusion",
        "score-level fusion",
    ]


def test_a_probe_is_trained_on_one_split_and_measured_on_another(on_three: Call) -> None:
    done = on_three("probe", "synthetic")
    assert done.status == 0
    assert "mini on synthetic, visual embeddings" in done.out and "trained on 3 videos" in done.out
    refused = on_three("probe", "synthetic", "--train-split", "test")
    assert refused.status == 2 and "both splits are 'test'" in refused.err


def test_a_folder_cannot_be_probed(av2a: Call, tmp_path: Path) -> None:
    refused = av2a("probe", tmp_path)
    assert refused.status == 2 and "no split to train on" in refused.err


def test_all_tables_are_filled_from_nothing_and_again_from_what_was_kept(on_three: Call, tmp_path: Path) -> None:
    page = tmp_path / "tables.md"
    first = on_three("tables", "--trials", "3", "--seeds", "1", "-o", page)
    assert first.status == 0
    assert page.read_text() == first.out
    assert first.out.count("## Table") == 8 and "## Efficiency" in first.out
    assert "mini" in first.out and "on synthetic test: 3 of 3" in first.out
    again = on_three("tables", "--trials", "3", "--seeds", "1")
    # Times differ, everything else is as it was.
    assert again.out.partition("## Efficiency")[0] == first.out.partition("## Efficiency")[0]


def test_a_model_that_is_not_at_hand_does_not_stop_the_others(
    on_three: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    arguments = ("tables", "--trials", "3", "--seeds", "1", "--backbone", "languagebind")
    both = on_three(*arguments, "--backbone", "mini")
    assert both.status == 1
    assert "error[E_WEIGHTS]" in both.err and "mini on synthetic, with AV²A" in both.out
    alone = on_three(*arguments)
    assert (alone.status, alone.out) == (3, "")


@pytest.mark.slow
def test_tables_of_llp_and_ave_run_on_the_videos_that_are_there(av2a: Call, tmp_path: Path, shared: Path) -> None:
    arguments: list[str | Path] = []
    for name in ("llp", "ave"):
        annotations = shared / "annotations" / name
        for split in ("test", "validation"):
            for number, clip in enumerate(open_dataset(name, split=split, annotations=annotations).clips[:2]):
                (tmp_path / name).mkdir(exist_ok=True)
                scene = generated_world.make_scene(generated_world.SPLITS["test"].seeds[number])
                generated_world.write_clip(scene, tmp_path / name / f"{clip.name}.mp4")
        arguments += ["--dataset", f"{name}={tmp_path / name}", "--annotations", f"{name}={annotations}"]
    done = av2a(
        "tables", *arguments, "--backbone", "mini", "--trials", "2", "--seeds", "1", "--store", tmp_path / "store"
    )
    assert done.status == 0
    assert "on llp test: 2 of 1200 videos" in done.out and "on ave test: 2 of 402 videos" in done.out
    assert "mini on ave, with AV²A: first candidate, first annotation as truth" in done.out
    assert "answers about real video mean nothing" in done.err and "answers about real video mean nothing" in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--dataset", "kinetics"], "--dataset 'kinetics' is none of synthetic, llp, ave"),
        (["--dataset", "synthetic", "--dataset", "synthetic"], "a data set is given twice"),
        (["--annotations", "llp=x"], "add --dataset llp"),
        (["--annotations", "llp"], "--annotations needs NAME=PATH"),
        (["--parser", "mgn=x.pt"], "--parser and --features go together"),
        (["--parser", "mgn=x.pt", "--features", "x"], "the parsers know LLP only"),
        (["--backbone", "minni"], "did you mean 'mini'"),
        (["-o", "tables.html"], "unknown output ending '.html'"),
    ],
)
def test_tables_that_cannot_be_meant_are_refused(av2a: Call, arguments: list[str], said: str) -> None:
    refused = av2a("tables", *arguments)
    assert refused.status == 2
    assert said in refused.err


@pytest.mark.parametrize("command", [*COMMANDS, "tables"])
def test_every_one_explains_itself(av2a: Call, command: str) -> None:
    shown = av2a(command, "--help")
    assert shown.status == 0
    assert f"av2a {command}" in shown.out and "Examples:" in shown.out and "Exit status:" in shown.out


def test_the_world_has_enough_scenes_for_what_is_trained_and_tuned_on() -> None:
    assert min(len(generated_world.SPLITS[name].seeds) for name in ("train", "validation", "test")) >= 200
