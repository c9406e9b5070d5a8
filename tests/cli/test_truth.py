import json
from pathlib import Path

import pytest

from av2a.cli.demo import scene_truth
from av2a.datasets.true_events import truth_of
from av2a.types import Event, Modality
from av2a.world import make_scene, write_dataset
from tests.cli.calling import Call

SEED = 2_000_001


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of the generated world, with its annotations beside it."""
    (path,) = write_dataset(tmp_path_factory.mktemp("truth") / "world", clips=1, seed=SEED)
    return path


def test_the_truth_of_a_generated_folder_is_that_of_its_scenes(clip: Path) -> None:
    assert truth_of([clip], clip.parent) == {clip: scene_truth(make_scene(SEED))}


def test_what_is_heard_and_seen_at_once_is_both() -> None:
    for event in (events := scene_truth(make_scene(SEED))):
        if event.modality is Modality.AUDIO_VISUAL:
            assert any(
                other.modality is Modality.AUDIO
                and other.label == event.label
                and other.start_seconds <= event.start_seconds
                and event.stop_seconds <= other.stop_seconds
                for other in events
            )


def test_a_table_as_for_evaluate_is_read_with_its_fractions_of_seconds(tmp_path: Path) -> None:
    table = tmp_path / "truth.tsv"
    table.write_text(
        "filename\tonset\toffset\tevent_label\tmodality\n"
        "kitchen.mp4\t0.5\t3.25\tblender\taudio\n"
        "kitchen\t2\t7\tblender\tvisual\n"
        "kitchen\t3.25\t4\tblender\taudio\n"
        "other\t0\t1\tdog\n"
    )
    kitchen = tmp_path / "kitchen.mp4"
    assert truth_of([kitchen, tmp_path / "unnamed.mp4"], table) == {
        kitchen: [
            Event("blender", Modality.AUDIO, 0.5, 4.0, 1.0),
            Event("blender", Modality.VISUAL, 2.0, 7.0, 1.0),
            Event("blender", Modality.AUDIO_VISUAL, 2.0, 4.0, 1.0),
        ]
    }


def test_truth_is_drawn_only_where_it_is_named(av2a: Call, clip: Path, tmp_path: Path) -> None:
    names = ",".join(sorted({event.label for event in scene_truth(make_scene(SEED))}))
    detect = ("detect", clip, "--events", names)
    plain = av2a(*detect, "-o", tmp_path / "plain.html")
    assert plain.status == 0
    assert "truth" not in plain.out
    outcome = av2a(*detect, "-o", tmp_path / "page.html", "--truth", clip.parent)
    assert outcome.status == 0
    assert "truth" in outcome.out
    assert "truth" in (tmp_path / "page.html").read_text()


def test_truth_that_is_not_there_is_refused_before_any_work(av2a: Call, clip: Path, tmp_path: Path) -> None:
    outcome = av2a("detect", clip, "-l", "dog", "--truth", tmp_path / "gone.tsv", "-o", tmp_path / "a.json")
    assert (outcome.status, outcome.out) == (3, "")
    assert "error[E_DATA]: no annotations in " in outcome.err
    assert not (tmp_path / "a.json").exists()


def test_the_answer_is_the_same_with_truth_and_without(av2a: Call, clip: Path) -> None:
    plain, with_truth = (
        av2a("detect", clip, "-l", "dog barking, violin", "--json", *more) for more in ((), ("--truth", clip.parent))
    )
    assert json.loads(plain.out) == json.loads(with_truth.out)
