from pathlib import Path

from av2a.cli.known_truth import known_truth, scene_truth
from av2a.types import Modality
from av2a.world import make_scene, write_dataset
from tests.cli.calling import Call


def test_the_truth_of_a_generated_video_is_found_beside_it(tmp_path: Path) -> None:
    (clip,) = write_dataset(tmp_path / "world", clips=1, seed=2_000_001)
    assert known_truth(clip) == scene_truth(make_scene(2_000_001))


def test_what_is_heard_and_seen_at_once_is_both() -> None:
    for event in (events := scene_truth(make_scene(2_000_001))):
        if event.modality is Modality.AUDIO_VISUAL:
            assert any(
                other.modality is Modality.AUDIO
                and other.label == event.label
                and other.start_seconds <= event.start_seconds
                and event.stop_seconds <= other.stop_seconds
                for other in events
            )


def test_other_videos_have_no_known_truth(tmp_path: Path) -> None:
    assert known_truth(tmp_path / "mine.mp4") == []
    (tmp_path / "labels.tsv").write_text("something else\n")
    assert known_truth(tmp_path / "mine.mp4") == []


def test_detect_draws_the_truth_beneath_what_it_found(av2a: Call, tmp_path: Path) -> None:
    (clip,) = write_dataset(tmp_path / "world", clips=1, seed=2_000_001)
    names = ",".join(sorted({event.label for event in known_truth(clip)}))
    outcome = av2a("detect", clip, "--backbone", "mini", "--events", names, "-o", tmp_path / "page.html")
    assert outcome.status == 0
    assert "truth" in outcome.out
    assert "truth" in (tmp_path / "page.html").read_text()
