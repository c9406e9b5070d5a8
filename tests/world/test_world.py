"""The built-in world: its truth is what is drawn and sounded, and it is the same wherever it is made."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from av2a.errors import MissingFile, OutputRefused
from av2a.types import Modality
from av2a.world import (
    NAMES,
    PARAPHRASES,
    SPLITS,
    annotations,
    demo_scene,
    draw_frame,
    make_scene,
    read_annotations,
    render_sound,
    truth,
    write_clip,
    write_dataset,
)
from av2a.world.pen import Pen, look_of
from av2a.world.pictures import DRAWERS
from av2a.world.scene import Spans
from av2a.world.voices import SOUNDERS

seeds = st.integers(0, 2**40)
RATE_HZ = 8000
JUST_BEFORE = 0.999


def test_there_are_at_least_24_names_each_with_two_other_wordings() -> None:
    assert len(NAMES) >= 24
    assert min(len(wordings) for wordings in PARAPHRASES.values()) >= 2


def test_no_wording_belongs_to_two_names() -> None:
    wordings = Counter(wording for name, others in PARAPHRASES.items() for wording in {name, *others})
    assert set(wordings.values()) == {1}


def test_no_name_or_wording_holds_what_separates_labels_in_files() -> None:
    wordings = [*NAMES, *(wording for others in PARAPHRASES.values() for wording in others)]
    assert not [wording for wording in wordings if set(wording) & set(",\t\n")]


def test_every_name_can_be_drawn_and_sounded() -> None:
    assert set(DRAWERS) == set(SOUNDERS) == set(NAMES)


def test_no_scene_is_in_two_splits() -> None:
    numbers = [seed for split in SPLITS.values() for seed in split.seeds]
    assert len(numbers) == len(set(numbers))
    assert SPLITS["train"].clips >= 4000
    assert SPLITS["validation"].clips == SPLITS["test"].clips == 200


@given(seeds, st.integers(2, 60))
@examples(max_examples=200)
def test_a_scene_is_well_formed(seed: int, duration: int) -> None:
    scene = make_scene(seed, duration_seconds=duration)
    labels = [each.label for each in scene.occurrences]
    assert set(labels) <= set(NAMES)
    assert len(labels) == len(set(labels))
    for each in scene.occurrences:
        assert each.heard or each.seen
        _assert_in_order(each.heard, duration)
        _assert_in_order(each.seen, duration)
        assert -26 <= each.level_dbfs <= -6
        assert 0.15 <= each.placement.size <= 1
    assert scene.shots[0].start == 0
    assert all(0 <= shot.start < duration for shot in scene.shots)


def _assert_in_order(spans: Spans, duration: int) -> None:
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(set(edges)), "stretches are in order, apart from one another and not empty"
    assert not edges or 0 <= edges[0] < edges[-1] <= duration


@given(seeds)
def test_the_same_seed_gives_the_same_scene(seed: int) -> None:
    assert make_scene(seed) == make_scene(seed)


@given(seeds)
def test_truth_marks_each_annotated_second_and_no_other(seed: int) -> None:
    scene = make_scene(seed)
    marked = {
        (NAMES[category], modality, int(second))
        for rows, modality in zip(truth(scene), (Modality.AUDIO, Modality.VISUAL), strict=True)
        for second, category in np.argwhere(rows)
    }
    said = {
        (each.label, each.modality, second) for each in annotations(scene) for second in range(each.onset, each.offset)
    }
    assert marked == said


@pytest.mark.parametrize("seed", range(16))
def test_a_label_changes_pixels_exactly_in_its_seen_seconds(seed: int) -> None:
    scene = make_scene(seed)
    _, seen = truth(scene)
    for each in scene.occurrences:
        bare = scene.without(each.label)
        for second in range(scene.duration_seconds):
            expected = bool(seen[second, NAMES.index(each.label)])
            for now in (float(second), second + 0.5, second + JUST_BEFORE):
                changed = np.any(draw_frame(scene, now) != draw_frame(bare, now), axis=2).sum()
                assert (changed >= 15) if expected else (changed == 0), (each.label, now, changed)


@pytest.mark.parametrize("seed", range(24))
def test_a_label_changes_samples_exactly_in_its_heard_seconds(seed: int) -> None:
    scene = make_scene(seed)
    heard, _ = truth(scene)
    for each in scene.occurrences:
        with_it, without = render_sound(scene, RATE_HZ), render_sound(scene.without(each.label), RATE_HZ)
        seconds = (with_it - without).reshape(scene.duration_seconds, RATE_HZ)
        for second, expected in enumerate(heard[:, NAMES.index(each.label)]):
            if expected:
                # Even a clock's ticks hold more than a thousandth of their peak's power, averaged over a second.
                below_peak_db = 10 * np.log10(np.mean(seconds[second] ** 2)) - each.level_dbfs
                assert below_peak_db > -36, (each.label, second)
            else:
                assert not seconds[second].any(), (each.label, second)


@pytest.mark.parametrize("name", NAMES)
def test_individuals_of_a_name_differ_in_look_and_sound(name: str) -> None:
    looks = {_portrait(name, seed).tobytes() for seed in range(4)}
    sounds = {_solo(name, seed).tobytes() for seed in range(4)}
    assert len(looks) == len(sounds) == 4


def _portrait(name: str, seed: int) -> Image.Image:
    image = Image.new("RGB", (96, 96), (128, 140, 130))
    DRAWERS[name](Pen(ImageDraw.Draw(image, "RGBA"), 48.0, 48.0, 40.0), look_of(seed), 0.4)
    return image


def _solo(name: str, seed: int, rate_hz: int = 16_000) -> np.ndarray:
    """Two seconds of one name alone, without noise."""
    scene = demo_scene()
    quiet = replace(scene.ambience, level_dbfs=-200.0, extras=())
    one = replace(
        scene.occurrences[0], label=name, heard=((0, 2),), seen=(), sound_seed=seed, look_seed=seed, level_dbfs=-6.0
    )
    return render_sound(replace(scene, duration_seconds=2, occurrences=(one,), ambience=quiet), rate_hz)


@pytest.mark.parametrize("name", NAMES)
def test_a_lone_sound_reaches_its_level(name: str) -> None:
    assert np.abs(_solo(name, 3)).max() == pytest.approx(10 ** (-6 / 20), rel=0.02)


@pytest.mark.parametrize("name", ["dog barking", "man speaking", "hammer pounding", "piano", "drum"])
def test_sound_happens_at_the_same_times_at_any_sample_rate(name: str) -> None:
    for seed in range(3):
        low, high = (_loudness(_solo(name, seed, rate)) for rate in (16_000, 32_000))
        assert np.corrcoef(low, high)[0, 1] > 0.8


def _loudness(sound: np.ndarray) -> np.ndarray:
    """Of each twentieth of two seconds."""
    return np.std(sound.reshape(40, -1), axis=1)


@given(seeds)
@examples(max_examples=15)
def test_sound_is_within_full_scale_and_of_the_scenes_length(seed: int) -> None:
    scene = make_scene(seed)
    sound = render_sound(scene, RATE_HZ)
    assert sound.shape == (scene.duration_seconds * RATE_HZ,)
    assert np.abs(sound).max() <= 1


@given(seeds, st.floats(0, 12))
@examples(max_examples=40)
def test_a_picture_can_be_drawn_at_any_time(seed: int, seconds: float) -> None:
    scene = make_scene(seed)
    frame = draw_frame(scene, seconds)
    assert frame.shape == (scene.height, scene.width, 3)
    assert np.array_equal(frame, draw_frame(scene, seconds))


def test_all_kinds_of_occurrence_are_common() -> None:
    kinds = Counter(
        (bool(each.heard), bool(each.seen), each.heard == each.seen)
        for seed in range(400)
        for each in make_scene(seed).occurrences
    )
    heard_only, seen_only, together, apart = (
        kinds[key] / kinds.total()
        for key in ((True, False, False), (False, True, False), (True, True, True), (True, True, False))
    )
    assert min(heard_only, seen_only, together, apart) > 0.12


def test_every_name_occurs() -> None:
    counts = Counter(each.label for seed in range(400) for each in make_scene(seed).occurrences)
    assert set(counts) == set(NAMES)


def test_the_demo_shows_heard_only_seen_only_and_both() -> None:
    kinds = {(bool(each.heard), bool(each.seen)) for each in demo_scene().occurrences}
    assert kinds == {(True, False), (False, True), (True, True)}


_DIGEST = """
import hashlib, sys
from av2a.world import annotations, draw_frame, make_scene, render_sound
digest = hashlib.sha256()
for seed in range(6):
    scene = make_scene(seed)
    digest.update(repr(scene).encode() + repr(annotations(scene)).encode())
    digest.update(draw_frame(scene, 3.3).tobytes() + render_sound(scene, 8000).tobytes())
print(digest.hexdigest(), "av" in sys.modules)
"""


def _digest(hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    ran = subprocess.run(
        [sys.executable, "-c", _DIGEST], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    return ran.stdout


def test_hash_seeds_change_nothing_and_rendering_needs_no_pyav() -> None:
    first, second = _digest("1"), _digest("2")
    assert first == second
    assert first.endswith(" False\n")


def test_a_written_clip_opens_and_shows_and_sounds_what_was_drawn(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    scene = make_scene(5, duration_seconds=3)
    write_clip(scene, tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert container.duration == pytest.approx(3e6, abs=5e4)
        assert [stream.codec_context.name for stream in container.streams] == ["h264", "aac"]
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert len(pictures) == 3 * scene.frame_rate_hz
    with av.open(str(tmp_path / "clip.mp4")) as container:
        rate_hz = container.streams.audio[0].rate
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    for number in (0, len(pictures) // 2, len(pictures) - 1):
        drawn = draw_frame(scene, number / scene.frame_rate_hz)
        assert np.abs(pictures[number].astype(int) - drawn).mean() < 8
    made = render_sound(scene, rate_hz)
    assert np.corrcoef(sound[: len(made)], made)[0, 1] > 0.95, "no sample is early or late"


def test_a_clip_is_written_with_the_same_bytes_each_time(tmp_path: Path) -> None:
    for number in range(3):
        write_clip(make_scene(21, duration_seconds=2), tmp_path / f"{number}.mp4")
    assert len({(tmp_path / f"{number}.mp4").read_bytes() for number in range(3)}) == 1


def test_a_clip_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"mine")
    with pytest.raises(OutputRefused, match="is there already"):
        write_clip(make_scene(1, duration_seconds=2), path)
    assert path.read_bytes() == b"mine"


def test_a_clip_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputRefused, match=r"cannot write .*clip\.mp4") as refused:
        write_clip(make_scene(1, duration_seconds=2), tmp_path / "no such folder" / "clip.mp4")
    assert "\n" not in str(refused.value)


def test_annotations_beside_the_clips_are_the_scenes_truth(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    paths = write_dataset(
        tmp_path / "world", clips=5, seed=40, duration_seconds=3, progress=lambda done, of: told.append((done, of))
    )
    scenes = [make_scene(seed, duration_seconds=3) for seed in range(40, 45)]
    assert [path.name for path in paths] == [f"syn{seed:06d}_0_3.mp4" for seed in range(40, 45)]
    assert read_annotations(tmp_path / "world") == {scene.name: list(annotations(scene)) for scene in scenes}
    assert told == [(number, 5) for number in range(1, 6)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["world"], "nothing is left beside it"


def test_files_read_as_llp_has_them(tmp_path: Path) -> None:
    write_dataset(tmp_path / "world", clips=2, seed=20, duration_seconds=3)
    assert (tmp_path / "world/labels.tsv").read_text().splitlines()[0] == "filename\tevent_labels"
    for name in ("eval_audio.tsv", "eval_visual.tsv"):
        header, *rows = (tmp_path / "world" / name).read_text().splitlines()
        assert header == "filename\tonset\toffset\tevent_labels"
        assert all(row.split("\t")[3] in NAMES for row in rows)


def test_two_processes_write_the_same_bytes_as_one(tmp_path: Path) -> None:
    for processes in (1, 2):
        write_dataset(tmp_path / str(processes), clips=3, seed=7, duration_seconds=2, processes=processes)
    contents = [{path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()} for folder in ("1", "2")]
    assert contents[0] == contents[1]


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputRefused, match="not an empty folder"):
        write_dataset(tmp_path, clips=1, seed=0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_files_are_as_readable_as_the_user_s_other_files_and_the_process_s_mask_is_never_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.umask", None)
    (clip,) = write_dataset(tmp_path / "world", clips=1, seed=0, duration_seconds=2)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    assert clip.parent.stat().st_mode == (tmp_path / "folder").stat().st_mode
    assert clip.stat().st_mode == (tmp_path / "file").stat().st_mode


def test_a_stopped_run_leaves_nothing_behind(tmp_path: Path) -> None:
    def stop(done: int, _: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path / "world", clips=3, seed=0, duration_seconds=2, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    assert write_dataset(tmp_path, clips=1, seed=0, duration_seconds=2)[0].is_file()


def test_missing_annotations_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"labels\.tsv"):
        read_annotations(tmp_path)


def test_scenes_shorter_than_two_seconds_are_refused() -> None:
    with pytest.raises(ValueError, match="duration_seconds must be 2 or more, got 1"):
        make_scene(0, duration_seconds=1)


@pytest.mark.parametrize(("clips", "seed", "processes"), [(0, 0, 1), (1, -1, 1), (1, 0, 0)])
def test_counts_out_of_range_are_refused(tmp_path: Path, clips: int, seed: int, processes: int) -> None:
    with pytest.raises(ValueError, match=f"got {clips}, {processes}, {seed}"):
        write_dataset(tmp_path / "world", clips=clips, seed=seed, processes=processes)
