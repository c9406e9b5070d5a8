"""The generated world as a data set."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from av2a import media
from av2a.datasets import truth_masks
from av2a.datasets.splits import Split
from av2a.errors import OutputRefused
from av2a.world import NAMES, SPLITS, make_scene, truth
from av2a.world.dataset import read_generated, render_generated, world_digest
from av2a.world.rendering import clip_file, rendered


def test_a_split_has_the_scenes_of_its_seeds_and_their_truth(tmp_path: Path) -> None:
    dataset = read_generated(Split.TEST, tmp_path)
    assert len(dataset.clips) == 200
    assert (dataset.name, dataset.split, dataset.categories, dataset.labels) == ("synthetic", "test", NAMES, NAMES)
    assert dataset.at_hand == () and list(tmp_path.iterdir()) == [], "reading renders nothing"
    for seed, clip in list(zip(SPLITS["test"].seeds, dataset.clips, strict=True))[:20]:
        heard, seen = truth(make_scene(seed))
        found = truth_masks(clip, NAMES, 10)
        assert np.array_equal(found[0], heard) and np.array_equal(found[1], seen)


def test_no_clip_is_in_two_splits(tmp_path: Path) -> None:
    names = [clip.name for split in Split for clip in read_generated(split, tmp_path, limit=200).clips]
    assert len(set(names)) == 600


def test_missing_clips_are_rendered_and_those_that_are_there_kept(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    [clip] = render_generated(Split.VALIDATION, tmp_path, limit=1).clips
    assert clip.path is not None
    before = clip.path.stat()
    dataset = render_generated(
        Split.VALIDATION, tmp_path, limit=2, progress=lambda done, total: told.append((done, total))
    )
    assert told == [(1, 1)]
    assert clip.path.stat() == before
    assert len(dataset.at_hand) == 2
    opened = media.open_clip(clip.path)
    assert (opened.audio is not None, opened.video is not None, round(opened.duration_seconds)) == (True, True, 10)
    assert clip.path.parent.name == f"world-{world_digest()}"
    assert sorted(path.suffix for path in clip.path.parent.iterdir()) == [".mp4", ".mp4"]


def test_two_processes_render_the_same_bytes_as_one(tmp_path: Path) -> None:
    scenes = [make_scene(seed, duration_seconds=2) for seed in range(3)]
    content = []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        assert len(list(rendered(scenes, folder, processes))) == 3
        content.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert content[0] == content[1]
    assert set(content[0]) == {f"{scene.name}.mp4" for scene in scenes}


def test_a_clip_that_another_run_wrote_meanwhile_is_kept(tmp_path: Path) -> None:
    scene = make_scene(1, duration_seconds=2)
    clip_file(scene, tmp_path).write_bytes(b"the very same clip")
    assert len(list(rendered([scene], tmp_path, 1))) == 1
    assert clip_file(scene, tmp_path).read_bytes() == b"the very same clip"


@pytest.mark.parametrize("processes", [1, 2])
def test_a_clip_that_cannot_be_written_is_named_whoever_renders_it(tmp_path: Path, processes: int) -> None:
    scenes = [make_scene(seed, duration_seconds=2) for seed in range(2)]
    with pytest.raises(OutputRefused, match=r"cannot write .*syn00000\d_0_2\.mp4"):
        list(rendered(scenes, tmp_path / "absent", processes))


RENDERS_FOR_LONG = """
from pathlib import Path
from av2a.world.rendering import rendered
from av2a.world import make_scene
for _ in rendered([make_scene(seed, duration_seconds=2) for seed in range(500)], Path({folder!r}), 2):
    print("one", flush=True)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_when_the_caller_ends_its_processes_end_and_whole_clips_stay(tmp_path: Path, how: signal.Signals) -> None:
    # A program read from standard input could not be imported by another process.
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-"], text=True, stdin=pipe, stdout=pipe, stderr=pipe) as caller:
        assert caller.stdin is not None and caller.stdout is not None and caller.stderr is not None
        caller.stdin.write(RENDERS_FOR_LONG.format(folder=str(tmp_path)))
        caller.stdin.close()
        assert caller.stdout.readline() == "one\n"
        caller.send_signal(how)
        # Its processes have the same standard error: it closes when the last of them has ended.
        said = caller.stderr.read()
    assert caller.returncode != 0
    assert "BrokenPipe" not in said
    made = [path.name for path in tmp_path.iterdir()]
    assert 0 < len(made) < 50
    for name in made:
        assert round(media.open_clip(tmp_path / name).duration_seconds) == 2


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputRefused, match="cannot make folder"):
        render_generated(Split.TEST, tmp_path / "file", limit=1)
