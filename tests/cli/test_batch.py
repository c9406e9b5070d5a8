"""``av2a batch``, ``library`` and ``search`` as a user calls them; what they do is tested in ``tests/corpora``."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from pyarrow import parquet

from av2a.world import make_scene, write_clip
from tests.cli.calling import Call

LABELS = ["church bell", "dog barking"]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips, in one of which a bell rings."""
    folder = tmp_path_factory.mktemp("scenes")
    for seed in (2, 3):
        write_clip(make_scene(seed, duration_seconds=4), folder / f"clip-{seed}.mp4")
    return folder


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "names.txt"
    path.write_text("# what to look for\nchurch bell\ndog barking\n")
    return path


@pytest.fixture
def store(scenes: Path, av2a: Call, tmp_path: Path) -> Path:
    """A store with both clips."""
    folder = tmp_path / "store"
    assert av2a("library", "add", scenes, "--store", folder).status == 0
    return folder


def test_a_batch_is_run_looked_at_searched_and_found_done(
    av2a: Call, scenes: Path, names: Path, tmp_path: Path
) -> None:
    call = [
        "batch",
        scenes,
        tmp_path / "missing.mp4",
        "--labels",
        names,
        "-o",
        tmp_path / "out",
        "--store",
        tmp_path / "store",
    ]
    ran = av2a(*call)
    assert ran.status == 1, ran.err
    assert "3 videos: 2 done, 1 failed; " in ran.out
    assert "E_NO_SUCH_FILE                  1 ####" in ran.out
    assert "missing.mp4: E_NO_SUCH_FILE: no such file" in ran.err
    again = av2a(*call, "--json")
    assert again.status == 1
    assert "3 of 3 videos are known already" in again.err
    [summary] = [json.loads(line)["summary"] for line in again.out.splitlines()]
    assert summary["videos"] == 3 and summary["statuses"]["done"] == 2 and summary["reasons"] == {"E_NO_SUCH_FILE": 1}
    status = av2a("batch", "status", tmp_path / "out", "--json")
    assert json.loads(status.out)["summary"] == summary
    assert parquet.read_table(tmp_path / "out" / "videos.parquet").num_rows == 3
    found = av2a("search", "church bell", "--store", tmp_path / "store", "--top", 3, "--json")
    assert found.status == 0
    hits = [json.loads(line) for line in found.out.splitlines()]
    assert len(hits) == 3 and {Path(hit["file"]).name for hit in hits} == {"clip-2.mp4"}
    assert [hit["confidence"] for hit in hits] == sorted((hit["confidence"] for hit in hits), reverse=True)


def test_json_has_a_line_a_video_and_a_summary(av2a: Call, scenes: Path, tmp_path: Path) -> None:
    ran = av2a("batch", "run", scenes, "-l", "church bell, dog barking", "-o", tmp_path / "out", "--no-store", "--json")
    assert ran.status == 0, ran.err
    *videos, summary = [json.loads(line) for line in ran.out.splitlines()]
    assert [line["done"] for line in videos] == [1, 2]
    assert {line["status"] for line in videos} == {"done"} and videos[-1]["seconds_left"] == 0
    assert summary["summary"]["events"] == sum(line["events"] for line in videos)
    # The answers are av2a's own: reports are made from them.
    assert av2a("report", tmp_path / "out" / videos[0]["answer"]).status == 0


def test_shards_are_merged(av2a: Call, scenes: Path, names: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        call = [
            "batch",
            scenes,
            "--labels",
            names,
            "-o",
            tmp_path / f"part-{number}",
            "--no-store",
            "--shard",
            f"{number}/2",
        ]
        assert av2a(*call).status == 0
    merged = av2a("batch", "merge", tmp_path / "part-1", tmp_path / "part-2", "-o", tmp_path / "all")
    assert "2 videos: 2 done" in merged.out


def test_other_labels_in_one_folder_are_refused(av2a: Call, scenes: Path, names: Path, tmp_path: Path) -> None:
    clip = scenes / "clip-3.mp4"
    assert av2a("batch", clip, "--labels", names, "-o", tmp_path / "out", "--no-store").status == 0
    refused = av2a("batch", clip, "-l", "rain", "-o", tmp_path / "out", "--no-store")
    assert refused.status == 2
    assert "was made with other labels" in refused.err and "--restart" in refused.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["batch", "x", "-l", "a", "-o", "o", "--engine", "rai"], "unknown engine 'rai': did you mean 'ray'?"),
        (["batch", "x", "-l", "a", "-o", "o", "--ray-address", "auto"], "--ray-address is of --engine ray"),
        (["batch", "x", "-l", "a", "-o", "o", "--shard", "3/2"], "a shard is i/n"),
        (["batch", "x", "-l", "a", "-o", "o", "--memory-limit", "much"], "a size is a number and a unit"),
        (["batch", "x", "-l", "a"], "missing option '--output'"),
        (["batch", "x", "-o", "o"], "no event names"),
        (["batch", "missing.csv", "-l", "a", "-o", "o"], "cannot read 'missing.csv'"),
        (["batch", "status", "."], "there is no batch in '.'"),
        (["search", "--store", "s"], "name an event, or an example"),
        (["search", "a", "--like", "b@1-2", "--store", "s"], "name an event, or an example"),
        (["search", "a", "--stream", "smelt", "--store", "s"], "unknown stream 'smelt'"),
        (["search", "--like", "b.mp4", "--store", "s"], "an example is a video and seconds"),
        (["search", "a", "-o", "x.pdf", "--store", "s"], "unknown output ending '.pdf'"),
        (["search", "a", "--store", "s"], "no video was embedded with mini"),
        (["search", "a"], "name a store with --store DIR"),
        (["library", "info"], "name a store with --store DIR"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_is_refused_with_what_to_do(
    av2a: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = av2a(*arguments)
    assert refused.status == 2, refused.err
    assert message in refused.err
    assert "Traceback" not in refused.err and refused.err.count("\n") == 1


def test_all_videos_failing_is_no_usable_input(av2a: Call, tmp_path: Path) -> None:
    (tmp_path / "garbage.mp4").write_bytes(b"garbage")
    ran = av2a("batch", tmp_path / "garbage.mp4", "-l", "rain", "-o", tmp_path / "out", "--no-store")
    assert ran.status == 4


def test_the_library_lists_checks_and_forgets(av2a: Call, scenes: Path, tmp_path: Path) -> None:
    folder, store = tmp_path / "scenes", tmp_path / "store"
    shutil.copytree(scenes, folder)
    added = av2a("library", "add", folder, folder / "missing.mp4", "--store", store)
    assert added.status == 1
    assert "2 of 3 videos are in the library" in added.err and "E_NO_SUCH_FILE" in added.err
    info = av2a("library", "info", "--store", store)
    assert "2 videos (2 contents)" in info.out and "8 heard rows" in info.out
    [plain] = json.loads(av2a("library", "info", "--store", store, "--json").out)
    assert plain["videos"] == 2 and plain["rows"] == {"seen": 16, "heard": 8}
    (folder / "clip-2.mp4").rename(folder / "renamed.mp4")
    (folder / "clip-3.mp4").unlink()
    checked = av2a("library", "check", "--store", store)
    assert f"moved: {folder / 'clip-2.mp4'} to {folder / 'renamed.mp4'}\n" in checked.out
    assert f"gone: {folder / 'clip-3.mp4'}\n" in checked.out
    assert "forgot 2 videos" in av2a("library", "remove", folder, "--store", store).err
    refused = av2a("library", "remove", folder, "--store", store)
    assert refused.status == 4 and "the library has none of these videos" in refused.err


def test_what_detect_stores_is_searched(av2a: Call, scenes: Path, tmp_path: Path) -> None:
    assert av2a("detect", scenes / "clip-2.mp4", "-l", "rain", "--store", tmp_path / "store").status == 0
    assert list((tmp_path / "store").glob("*/library/index.jsonl"))
    found = av2a("search", "church bell", "--store", tmp_path / "store")
    assert found.status == 0 and "clip-2.mp4" in found.out
    assert "answers from 1 video\n" in found.err


def test_hits_are_written_in_each_format(av2a: Call, store: Path, tmp_path: Path) -> None:
    outputs = [tmp_path / f"hits.{ending}" for ending in ("json", "jsonl", "csv", "parquet")]
    call = ["search", "church bell", "--store", store, *(part for path in outputs for part in ("-o", path))]
    assert av2a(*call).status == 0
    plain = json.loads(outputs[0].read_text())
    assert plain
    assert [json.loads(line) for line in outputs[1].read_text().splitlines()] == plain
    with outputs[2].open(newline="") as stream:
        assert [row["file"] for row in csv.DictReader(stream)] == [hit["file"] for hit in plain]
    assert [row["start"] for row in parquet.read_table(outputs[3]).to_pylist()] == [hit["start"] for hit in plain]
    assert av2a(*call).status == 2
    assert av2a(*call, "--overwrite").status == 0


def test_moments_like_an_example_are_found(av2a: Call, store: Path, scenes: Path) -> None:
    found = av2a("search", "--like", f"{scenes / 'clip-2.mp4'}@0-2", "--store", store, "--json")
    assert found.status == 0, found.err
    hits = [json.loads(line) for line in found.out.splitlines()]
    assert {Path(hit["file"]).name for hit in hits} == {"clip-2.mp4", "clip-3.mp4"}
    assert hits[0]["label"] == "like clip-2.mp4@0-2"
