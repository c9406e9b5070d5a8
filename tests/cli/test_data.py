"""``av2a data``, as a user calls it."""

import json
from pathlib import Path

import pytest

from av2a.datasets.sources import SOURCES
from tests.cli.calling import Call, environment, shell
from tests.datasets.small_files import ave_files, llp_files
from tests.datasets.small_server import SmallServer


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where annotations are looked for."""
    monkeypatch.setenv("AV2A_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def videos(tmp_path: Path, video: Path) -> Path:
    """One of two clips of LLP, and one that is damaged."""
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "a_b-c_d_e_12.mp4").write_bytes(video.read_bytes())
    (folder / "quietly_is_5_15.mp4").write_bytes(b"no video")
    return folder


def test_fetched_from_the_network_and_found_again(av2a: Call, shared: Path, data: Path, videos: Path) -> None:
    source = SOURCES["llp"]
    files = {
        f"/{source.address(file, source.revisions[0])}": (shared / "annotations" / "llp" / file.name).read_bytes()
        for file in source.files
    }
    with SmallServer(files) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AV2A_RAW_GITHUB", server.url)
        fetched = av2a("data", "fetch", "llp")
    assert (fetched.status, fetched.out) == (0, "")
    assert fetched.err == f"results: 5 annotation files in {data / 'llp'}\n"
    status = av2a("data", "status", "llp", "--videos", videos, "--split", "test", "--quiet")
    assert status.out.splitlines()[1].split() == ["test", "1200", "0", "1200", "0", "0", "0", "0"]


def test_copied_from_a_folder_to_another(av2a: Call, shared: Path, tmp_path: Path) -> None:
    copied = av2a("data", "fetch", "ave", "--from", shared / "annotations" / "ave", "--to", tmp_path / "ave", "-v")
    assert copied.status == 0
    assert f"copied: {tmp_path / 'ave' / 'testSet.txt'}" in copied.err
    assert f"name them with --annotations {tmp_path / 'ave'}" in copied.err


def test_without_a_network_the_status_is_3_and_one_line_says_the_ways_out(tmp_path: Path) -> None:
    # Nothing listens on the port that is meant for discarding.
    nowhere = environment(AV2A_RAW_GITHUB="http://127.0.0.1:9", AV2A_DATA=str(tmp_path))
    refused = shell("data", "fetch", "llp", env=nowhere)
    assert (refused.status, refused.out) == (3, "")
    [line] = refused.err.splitlines()
    assert line.startswith(
        "av2a: error[E_DATA]: cannot fetch AVVP_train.csv (http://127.0.0.1:9/YapengTian/AVVP-ECCV20/"
    )
    assert "av2a data fetch llp --from DIR" in line


def test_a_table_counts_every_clip(av2a: Call, data: Path, videos: Path, tmp_path: Path) -> None:
    llp_files(tmp_path)
    status = av2a("data", "status", "llp", "--videos", videos, "--annotations", tmp_path / "llp")
    assert status.status == 0
    header, *rows = status.out.splitlines()
    assert header.split("  ")[0] == "split"
    assert [row.split() for row in rows] == [
        ["train", "1", "0", "1", "0", "0", "0", "0"],
        ["validation", "1", "0", "1", "0", "0", "0", "0"],
        ["test", "2", "1", "0", "1", "0", "0", "1"],
    ]
    assert "note: AVVP_eval_audio.csv: left out 1 row whose offset is not after the onset (line 4)" in status.err


def test_names_are_listed_when_they_are_asked_for(av2a: Call, videos: Path, tmp_path: Path) -> None:
    asked = ("data", "status", "llp", "--videos", videos, "--annotations", llp_files(tmp_path))
    assert "quietly_is_5_15" not in av2a(*asked).out
    listed = av2a(*asked, "-v").out
    assert "train missing: BjCEufrlXm4_20_30\n" in listed
    assert "test broken: quietly_is_5_15: " in listed
    assert "test of other length: a_b-c_d_e_12_0_10\n" in listed


def test_json_names_every_clip_that_is_not_simply_present(av2a: Call, videos: Path, tmp_path: Path) -> None:
    asked = ("data", "status", "llp", "--videos", videos, "--annotations", llp_files(tmp_path), "--json")
    answer = json.loads(av2a(*asked).out)
    assert (answer["schema"], answer["dataset"]) == ("av2a/data_status/1", "llp")
    train, validation, test = answer["splits"]
    assert (train["missing"], validation["clips"]) == (["BjCEufrlXm4_20_30"], 1)
    assert (test["split"], test["clips"], test["present"], test["missing"]) == ("test", 2, 1, [])
    assert [each["clip"] for each in test["broken"]] == ["quietly_is_5_15"]
    assert test["of_other_length"] == [{"clip": "a_b-c_d_e_12_0_10", "seconds": pytest.approx(2, abs=0.1)}]
    assert len(test["remarks"]) == 4


def test_ave_and_a_folder_have_a_status_too(av2a: Call, videos: Path, tmp_path: Path) -> None:
    ave = av2a("data", "status", "ave", "--videos", videos, "--annotations", ave_files(tmp_path), "--split", "val")
    assert ave.out.splitlines()[1].split()[:3] == ["validation", "1", "0"]
    own = av2a("data", "status", videos)
    assert own.out.splitlines()[1].split() == ["all", "2", "1", "0", "1", "0", "0", "0"]


def test_the_generated_world_s_status_renders_nothing(av2a: Call, data: Path) -> None:
    status = av2a("data", "status", "synthetic")
    assert [row.split()[:4] for row in status.out.splitlines()[1:]] == [
        ["validation", "200", "0", "200"],
        ["test", "200", "0", "200"],
    ]
    assert not data.exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ("status", "llp"),
            "error[E_USAGE]: the folder of the videos is missing: av2a data status llp --videos DIR",
        ),
        (("status", "llp", "--videos", "."), "error[E_DATA]: the annotations of llp are not on this machine"),
        (("status", "lpl"), "error[E_UNKNOWN_NAME]: unknown dataset 'lpl': did you mean 'llp'?"),
        (("fetch", "synthetic"), "error[E_UNKNOWN_NAME]: unknown benchmark 'synthetic': known: ave, llp"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(av2a: Call, data: Path, words: tuple[str, ...], line: str) -> None:
    refused = av2a("data", *words)
    assert refused.out == ""
    [said] = refused.err.splitlines()
    assert line in said


def test_a_dataset_of_generated_clips_under_real_names_goes_from_fetch_to_truth(
    av2a: Call, shared: Path, data: Path, tmp_path: Path
) -> None:
    """LLP and AVE as their users have them: published annotation files, and a few of the videos."""
    from av2a import media
    from av2a.datasets import open_dataset, truth_masks, truth_timeline
    from av2a.world import make_scene, write_clip

    videos = tmp_path / "few"
    videos.mkdir()
    for seed, name in enumerate(("4YdbENYcIyE_23_33", "KSRjje7GH44", "EsfJpLbBeb4")):
        write_clip(make_scene(seed), videos / f"{name}.mp4")
    (videos / "BjCEufrlXm4_20_30.mp4").write_bytes((shared / "media" / "dog_and_speech.mp4").read_bytes())
    for name in ("llp", "ave"):
        assert av2a("data", "fetch", name, "--from", shared / "annotations" / name).status == 0
    counted = json.loads(av2a("data", "status", "llp", "--videos", videos, "--json").out)
    assert [(split["clips"], split["present"]) for split in counted["splits"]] == [(10000, 1), (649, 0), (1200, 2)]

    test = open_dataset("llp", split="test", videos=videos)
    assert [clip.name for clip in test.at_hand] == ["4YdbENYcIyE_23_33", "KSRjje7GH44_60_70"]
    heard, seen = truth_masks(test.at_hand[1], test.categories, 10)
    assert (int(heard.sum()), int(seen.sum())) == (10, 10)
    [bell] = open_dataset("ave", videos=videos).at_hand
    assert truth_timeline(bell, open_dataset("ave").categories, 10).tolist() == [0] * 10
    for clip in (*test.at_hand, bell, *open_dataset("llp", split="train", videos=videos).at_hand):
        assert clip.path is not None
        assert media.open_clip(clip.path).duration_seconds == pytest.approx(10, abs=0.1)
