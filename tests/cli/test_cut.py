"""``av2a cut``: what is written, what is printed, and what is refused."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from av2a.exports.json import write
from av2a.media import open_clip
from tests.cli.calling import Call
from tests.detections import BOTH, HEARD, SEEN, detection, event
from tests.media_makers import Pictures, Sound, clicks, even_times, write_media


def answer_about(video: Path, *, picture: bool = True) -> Path:
    """An answer beside its video."""
    events = [
        event("dog barking", HEARD, 0.5, 1.5),
        event("dog barking", BOTH, 0.5, 1.2),
        event("rain/snow", HEARD, 2, 3),
    ]
    if picture:
        events.append(event("dog barking", SEEN, 2, 2.5))
    path = video.with_suffix(".json")
    write(detection(events, ["dog barking", "rain/snow", "siren"], of=open_clip(video)), path)
    return path


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = write_media(
        tmp_path_factory.mktemp("scene") / "park.mp4", Pictures(even_times(90), group=45), Sound(clicks(3, 48_000))
    )
    return answer_about(made).parent


@pytest.fixture
def kept(scene: Path, tmp_path: Path) -> Path:
    """An answer, in a folder of its own with its video."""
    shutil.copytree(scene, tmp_path / "in")
    return tmp_path / "in" / "park.json"


NAMES = [
    "park_00-00.500_dog-barking_both.mp4",
    "park_00-00.500_dog-barking_heard.mp4",
    "park_00-02.000_dog-barking_seen.mp4",
    "park_00-02.000_rain-snow_heard.mp4",
]


def test_every_event_becomes_a_clip_and_the_files_are_listed(av2a: Call, kept: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "clips"
    outcome = av2a("cut", kept, "-o", out)
    assert (outcome.status, outcome.err) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == NAMES
    assert sorted(outcome.out.splitlines()) == [str(out / name) for name in NAMES]
    assert open_clip(out / NAMES[1]).duration_seconds == pytest.approx(1.0, abs=0.03)


def test_json_says_how_each_was_made(av2a: Call, kept: Path, tmp_path: Path) -> None:
    out = tmp_path / "clips"
    chosen = ("--label", "dog barking", "--stream", "heard", "--stream", "seen", "--pad", "0.25")
    outcome = av2a("cut", kept, "-o", out, *chosen, "--json", "--sheet", tmp_path / "s.png")
    told = json.loads(outcome.out)
    assert (told["schema"], told["failed"]) == ("av2a/cut/1", 0)
    [one] = told["answers"]
    assert (one["answer"], one["video"]) == (str(kept), str(kept.with_suffix(".mp4")))
    assert (one["sheet"], one["reel"]) == (str(tmp_path / "s.png"), None)
    assert [clip["modality"] for clip in one["clips"]] == ["audio", "visual"]
    assert one["clips"][0] == {
        "file": str(out / NAMES[1]),
        "label": "dog barking",
        "modality": "audio",
        "start": 0.5,
        "end": 1.5,
        "confidence": 0.97,
        "clip_start": 0.25,
        "clip_end": 1.75,
        "method": "copied",
        "starts_early_seconds": 0.0,
        "ends_late_seconds": 0.0,
        "video": True,
        "audio": True,
        "note": None,
    }
    encoded = json.loads(av2a("cut", kept, "-o", out, *chosen, "--json", "--exact", "--overwrite").out)
    assert {clip["method"] for clip in encoded["answers"][0]["clips"]} == {"encoded"}


def test_sheet_and_reel_are_made_without_clips(av2a: Call, kept: Path, tmp_path: Path) -> None:
    sheet, reel = tmp_path / "out" / "s.jpg", tmp_path / "out" / "r.mp4"
    outcome = av2a("cut", kept, "--sheet", sheet, "--reel", reel, "--label", "dog barking")
    assert (outcome.status, outcome.out) == (0, f"{sheet}\n{reel}\n")
    with Image.open(sheet) as picture:
        assert picture.width > 2 * 256
    # Heard and both overlap, and are shown once.
    assert open_clip(reel).duration_seconds == pytest.approx(1.0 + 0.5, abs=0.03)


def test_nothing_is_overwritten_unless_it_is_asked_for(av2a: Call, kept: Path, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    mine = tmp_path / "clips" / NAMES[3]
    mine.write_text("mine")
    outcome = av2a("cut", kept, "-o", tmp_path / "clips")
    assert (outcome.status, outcome.out) == (2, "")
    assert "already there" in outcome.err
    # The refusal came before any work.
    assert list((tmp_path / "clips").iterdir()) == [mine] and mine.read_text() == "mine"
    assert av2a("cut", kept, "-o", tmp_path / "clips", "--overwrite").status == 0
    assert open_clip(mine).audio is not None


@pytest.mark.parametrize("option", ["--reel", "--sheet"])
def test_the_video_itself_is_never_replaced(av2a: Call, kept: Path, option: str) -> None:
    video = kept.with_suffix(".mp4")
    before = video.read_bytes()
    link = kept.with_name("link.mp4" if option == "--reel" else "link.png")
    link.hardlink_to(video)
    outcome = av2a("cut", kept, option, link, "--overwrite", "--label", "dog barking")
    assert outcome.status == 2 and "is the video itself" in outcome.err
    assert video.read_bytes() == before


def test_a_video_that_was_moved_can_be_named(av2a: Call, kept: Path, tmp_path: Path) -> None:
    moved = kept.with_suffix(".mp4").rename(tmp_path / "elsewhere.mp4")
    outcome = av2a("cut", kept, "-o", tmp_path / "clips")
    assert outcome.status == 2 and "name it with --video FILE" in outcome.err
    assert not (tmp_path / "clips").exists()
    assert av2a("cut", kept, "-o", tmp_path / "clips", "--video", moved).status == 0
    assert sorted(path.name for path in (tmp_path / "clips").iterdir()) == NAMES


def test_another_file_of_that_name_is_not_taken_for_the_video(av2a: Call, kept: Path, tmp_path: Path) -> None:
    video = kept.with_suffix(".mp4")
    write_media(video, Pictures(even_times(60), group=45))
    outcome = av2a("cut", kept, "-o", tmp_path / "clips")
    assert outcome.status == 2 and "another file of that name" in outcome.err
    named = av2a("cut", kept, "-o", tmp_path / "clips", "--video", video)
    # It ends at 2 s, where two of the events begin.
    assert named.status == 1 and "is not the file that the answer is about" in named.err
    assert named.err.count("error[E_SETTING]") == 2
    assert sorted(path.name for path in (tmp_path / "clips").iterdir()) == NAMES[:2]


def test_a_copy_that_starts_early_says_so(av2a: Call, tmp_path: Path) -> None:
    video = write_media(tmp_path / "park.webm", Pictures(even_times(90), group=45, codec="libvpx"))
    outcome = av2a("cut", answer_about(video), "-o", tmp_path / "clips", "--label", "rain/snow")
    assert outcome.status == 0
    assert "park_00-02.000_rain-snow_heard.mkv: starts 0.500 s early; cut it with --exact to avoid that" in outcome.err


def test_without_a_picture_clips_are_audio_and_a_sheet_is_refused(av2a: Call, tmp_path: Path) -> None:
    answer = answer_about(write_media(tmp_path / "park.m4a", Sound(clicks(3, 48_000))), picture=False)
    assert av2a("cut", answer, "-o", tmp_path / "clips").status == 0
    assert {path.suffix for path in (tmp_path / "clips").iterdir()} == {".m4a"}
    refused = av2a("cut", answer, "--sheet", tmp_path / "s.png")
    assert refused.status == 4 and "has no picture" in refused.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nothing to write"),
        (("-o", "clips", "--label", "siern"), "did you mean 'siren'"),
        (("--reel", "r.mp4"), "a reel joins the moments of one label, and there are 2"),
        (("--reel", "r.avi", "--label", "siren"), "unknown output ending '.avi'"),
        (("--sheet", "s.gif"), "unknown output ending '.gif'"),
        (("-o", "clips", "--stream", "smelled"), "unknown stream 'smelled': known: both, heard, seen"),
        (("-o", "clips", "--pad", "-1"), "invalid value for '--pad'"),
        (("--sheet", "s.png", "--reel", "s.png"), "output 's.png' is named twice"),
        (("--sheet", "{video}.png"), "only {name} is replaced"),
        (("park.json", "-o", "clips", "--video", "park.mp4"), "--video names one file for several answers"),
        (("other.json", "--sheet", "s.png"), "would both be written to 's.png': put {name} into"),
        (("-o", "clips", "--video", "nowhere.mp4"), "no such file: 'nowhere.mp4'"),
    ],
)
def test_what_cannot_be_done_is_refused(
    av2a: Call, kept: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(kept.parent)
    outcome = av2a("cut", kept, *words)
    assert (outcome.status, outcome.out) == (2, "")
    assert said in outcome.err and len(outcome.err.splitlines()) == 1
    assert {path.name for path in kept.parent.iterdir()} == {"park.json", "park.mp4"}


def test_an_answer_without_events_is_no_failure(av2a: Call, kept: Path, tmp_path: Path) -> None:
    outcome = av2a("cut", kept, "-o", tmp_path / "clips", "--label", "siren", "--reel", tmp_path / "r.mp4")
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "no events to cut\n")
    assert list((tmp_path / "clips").iterdir()) == [] and not (tmp_path / "r.mp4").exists()
    [told] = json.loads(av2a("cut", kept, "-o", tmp_path / "clips", "--label", "siren", "--json").out)["answers"]
    assert told["clips"] == []


def test_the_help_says_that_several_answers_are_taken(av2a: Call) -> None:
    assert "Usage: av2a cut [OPTIONS] ANSWER...\n" in av2a("cut", "--help").out


def test_what_is_no_answer_is_refused(av2a: Call, kept: Path, tmp_path: Path) -> None:
    kept.write_text("{}")
    assert av2a("cut", kept, "-o", tmp_path / "clips").status == 4
    assert "no such file" in av2a("cut", tmp_path / "none.json", "-o", tmp_path / "clips").err


@pytest.fixture
def three(kept: Path, tmp_path: Path) -> list[Path]:
    """An answer, one that cannot be read, and one about a video of the same name in another folder."""
    (tmp_path / "in" / "broken.json").write_text("{}")
    shutil.copytree(kept.parent, tmp_path / "other", ignore=shutil.ignore_patterns("broken.json"))
    (tmp_path / "other" / "park.json").rename(tmp_path / "other" / "again.json")
    return [kept, kept.with_name("broken.json"), tmp_path / "other" / "again.json"]


def test_several_answers_go_into_one_folder_and_a_broken_one_stops_none(
    av2a: Call, three: list[Path], tmp_path: Path
) -> None:
    out, chosen = tmp_path / "clips", ("--label", "dog barking", "--stream", "seen", "--json")
    outcome = av2a("cut", *three, "-o", out, "--sheet", tmp_path / "{name}.png", *chosen)
    assert outcome.status == 1
    assert outcome.err.count("error[") == 1 and "1 failure in 3 answers" in outcome.err
    told = json.loads(outcome.out)
    assert told["failed"] == 1
    assert [(one["answer"], one["video"]) for one in told["answers"]] == [
        (str(answer), str(answer.with_name("park.mp4"))) for answer in (three[0], three[2])
    ]
    names = ["park_00-02.000_dog-barking_seen.mp4", "park_00-02.000_dog-barking_seen-2.mp4"]
    assert [clip["file"] for one in told["answers"] for clip in one["clips"]] == [str(out / name) for name in names]
    assert {path.name for path in out.iterdir()} == set(names)
    assert [one["sheet"] for one in told["answers"]] == [str(tmp_path / f"{name}.png") for name in ("park", "again")]
    assert all(Path(one["sheet"]).is_file() for one in told["answers"])


def test_of_several_answers_none_is_cut_where_a_file_would_be_replaced(
    av2a: Call, three: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "again.png").write_text("mine")
    outcome = av2a("cut", three[0], three[2], "-o", tmp_path / "clips", "--sheet", tmp_path / "{name}.png")
    assert outcome.status == 2 and "already there" in outcome.err
    assert not (tmp_path / "clips").exists() and not (tmp_path / "park.png").exists()


def test_the_folder_of_the_videos_can_be_named(av2a: Call, three: list[Path], tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    for answer in (three[0], three[2]):
        answer.with_name("park.mp4").rename(tmp_path / "videos" / "park.mp4")
    chosen = ("-o", tmp_path / "clips", "--label", "dog barking", "--stream", "seen")
    missing = av2a("cut", three[0], three[2], *chosen)
    assert missing.status == 2 and missing.err.count("cannot find the video") == 2
    assert not (tmp_path / "clips").exists()
    assert av2a("cut", three[0], three[2], *chosen, "--video", tmp_path / "videos").status == 0
    assert len(list((tmp_path / "clips").iterdir())) == 2
