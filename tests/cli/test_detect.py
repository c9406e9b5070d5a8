import json
import os
import shutil
import stat
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from av2a import exports
from av2a.background import BACKGROUND
from av2a.errors import one_line
from av2a.world import make_scene, write_clip
from tests.cli.calling import Call, environment, shell
from tests.media_makers import Pictures, cut, write_media

EVERYTHING = [
    word
    for name in ("category_threshold", "initial_threshold", "confidence_threshold")
    for word in ("--set", f"{name}=0")
]
"""A bar so low that whatever is asked for is found."""


def test_one_command_without_configuration_answers(av2a: Call, video: Path) -> None:
    outcome = av2a("detect", video, "-l", "dog barking, siren", *EVERYTHING)
    assert outcome.status == 0
    title, _, heading, *_ = outcome.out.splitlines()
    assert title == "clip.mp4  0:02  2 of 2 labels found"
    assert heading.split() == ["name", "is", "from", "to", "confidence"]
    assert "dog barking   heard   0:00   0:02" in outcome.out
    assert "┼" in outcome.out


def test_what_it_says_of_itself_goes_to_stderr(av2a: Call, video: Path) -> None:
    outcome = av2a("detect", video, "-l", "dog barking", *EVERYTHING)
    assert "\x1b" not in outcome.out + outcome.err
    assert outcome.err.splitlines()[-1].startswith("clip.mp4: 3 events, 2.0 s of media in ")


def test_quiet_says_nothing_and_still_answers(av2a: Call, video: Path) -> None:
    outcome = av2a("detect", video, "-l", "dog barking", "-q", *EVERYTHING)
    assert (outcome.status, outcome.err) == (0, "")
    assert "dog barking" in outcome.out


def test_verbose_says_what_was_chosen(av2a: Call, video: Path) -> None:
    err = av2a("detect", video, "-l", "dog barking", "-v").err
    assert "clip.mp4: picture h264 160x96 at 10 frames/s; sound aac 48000 Hz" in err
    assert "backbone mini: " in err


def test_json_is_one_document_and_nothing_else(av2a: Call, video: Path) -> None:
    answer = json.loads(av2a("detect", video, "-l", "dog barking", "--json", *EVERYTHING).out)
    assert answer["schema"] == "av2a/detection/1"
    assert {event["label"] for event in answer["events"]} == {"dog barking"}


def test_json_of_several_is_one_line_each(av2a: Call, video: Path, silence: Path) -> None:
    lines = av2a("detect", video, silence, "-l", "dog", "--json").out.splitlines()
    assert [json.loads(line)["media"]["name"] for line in lines] == ["clip.mp4", "silence.wav"]


def test_names_keep_their_order_and_case(av2a: Call, video: Path) -> None:
    outcome = av2a("detect", video, "-l", "Zebra, apple, Dog", "--json")
    assert json.loads(outcome.out)["labels"] == ["Zebra", "apple", "Dog"]


STRANGE_NAMES = ['it\'s "quoted"', "\U0001f415 barking", "<b onclick='x'>", "two\nlines", "rain, heavy", "[red]x[/red]"]


def test_strange_names_come_back_as_they_were_given(av2a: Call, video: Path) -> None:
    words = [word for name in STRANGE_NAMES for word in ("--event", name)]
    assert json.loads(av2a("detect", video, *words, "--json").out)["labels"] == STRANGE_NAMES


def test_strange_names_stay_within_their_line_of_the_table(av2a: Call, video: Path) -> None:
    words = [word for name in STRANGE_NAMES for word in ("--event", name)]
    out = av2a("detect", video, *words, *EVERYTHING).out
    for shown in (
        'it\'s "quoted"',
        "\U0001f415 barking",
        "<b onclick='x'>",
        "two\\nlines",
        "rain, heavy",
        "[red]x[/red]",
    ):
        assert any(line.startswith(f"{shown} ") for line in out.splitlines()), shown


def test_an_empty_answer_says_what_came_closest_and_how_to_find_it(av2a: Call, video: Path) -> None:
    empty = av2a("detect", video, "-l", "violin", "--json", *tight())
    assert empty.status == 0
    assert json.loads(empty.out)["events"] == []
    plain = av2a("detect", video, "-l", "violin", *tight())
    assert "closest: 'violin' " in plain.out
    hint = next(line for line in plain.err.splitlines() if line.startswith("to lower the bar"))
    again = av2a("detect", video, "-l", "violin", "--json", *tight(), *hint.partition(": ")[2].split())
    assert json.loads(again.out)["events"]


def tight() -> list[str]:
    """A bar so high that hardly anything passes."""
    return [word.replace("=0", "=0.999") for word in EVERYTHING]


def test_silence_without_picture_is_an_answer_too(av2a: Call, silence: Path) -> None:
    outcome = av2a("detect", silence, "-l", "dog barking")
    assert outcome.status == 0
    assert "the label was not found" in outcome.out
    assert "av2a: warning: silence.wav: there is no picture in this file, so nothing is seen" in outcome.err


def test_many_formats_are_written_at_once_and_named_in_the_last_line(av2a: Call, video: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"clip{ending}" for ending in (".json", ".csv", ".vtt", ".png", ".svg", ".html")]
    words = [
        word
        for ending in (".json", ".csv", ".vtt", ".png", ".svg", ".html")
        for word in ("-o", f"{tmp_path}/{{name}}{ending}")
    ]
    outcome = av2a("detect", video, "-l", "dog barking", *EVERYTHING, *words)
    assert outcome.status == 0
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    assert outcome.err.splitlines()[-1] == f"results: {', '.join(map(str, paths))}"


def test_a_result_says_how_to_repeat_itself(av2a: Call, video: Path, tmp_path: Path) -> None:
    first = tmp_path / "first.json"
    av2a("detect", video, "-l", "dog barking", "--profile", "released", "--set", "decay=1.5", "-o", first)
    second = tmp_path / "second.json"
    av2a("detect", video, "-l", "dog barking", "--settings", first, "-o", second)
    assert second.read_bytes() == first.read_bytes()


def test_an_existing_output_is_never_overwritten_unasked(av2a: Call, video: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text("mine")
    refused = av2a("detect", video, "-l", "dog", "-o", path)
    assert refused.status == 2
    assert (
        refused.err
        == f"av2a: error[E_OUTPUT]: output {one_line(str(path), 200)!r} is already there: choose another name, or ask for it with --overwrite\n"
    )
    assert path.read_text() == "mine"
    assert av2a("detect", video, "-l", "dog", "-o", path, "--overwrite").status == 0
    assert json.loads(path.read_text())["labels"] == ["dog"]


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """A folder in which nobody may write, not even root."""
    if os.geteuid() == 0:
        return Path("/proc")
    (tmp_path / "locked").mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
    return tmp_path / "locked"


def test_a_read_only_folder_is_refused_before_any_work(av2a: Call, video: Path, locked: Path) -> None:
    outcome = av2a("detect", video, "-l", "dog", "-o", locked / "a.json")
    assert outcome.status == 2
    [line] = outcome.err.splitlines()
    assert line.startswith(f"av2a: error[E_OUTPUT]: cannot write {one_line(str(locked / 'a.json'))!r} (")


def test_an_output_folder_that_is_not_there_is_made(av2a: Call, video: Path, tmp_path: Path) -> None:
    outcome = av2a("detect", video, "-l", "dog", "-o", tmp_path / "none" / "a.json")
    assert outcome.status == 0
    assert json.loads((tmp_path / "none" / "a.json").read_text())["labels"] == ["dog"]


def test_several_answers_go_into_one_file_where_the_format_has_room(
    av2a: Call, video: Path, silence: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_text("this is text")
    both = ("detect", bad, video, silence, "-l", "dog barking")
    outcome = av2a(*both, "-o", tmp_path / "all.tsv", "-o", tmp_path / "{name}.json")
    assert outcome.status == 1
    written = [tmp_path / name for name in (f"{video.stem}.json", f"{silence.stem}.json", "all.tsv")]
    assert f"results: {', '.join(map(str, written))}" in outcome.err
    assert {row.filename for row in exports.read_rows(tmp_path / "all.tsv")} == {video.name, silence.name}
    # From the answers, as well.
    assert av2a("report", *written[:2], "-o", tmp_path / "again.tsv").status == 0
    assert (tmp_path / "again.tsv").read_bytes() == (tmp_path / "all.tsv").read_bytes()
    assert (
        f"all: would write {tmp_path / 'new.tsv'}"
        in av2a(*both[:-1], "dog", "-o", tmp_path / "new.tsv", "--dry-run").out
    )


def test_what_was_answered_before_an_interruption_is_in_the_file_of_all(
    av2a: Call, video: Path, silence: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    # What is said after the first answer.
    monkeypatch.setattr("av2a.cli.detect_videos._summary", interrupted)
    outcome = av2a("detect", video, silence, "-l", "dog barking", "-o", tmp_path / "all.tsv")
    assert outcome.status == 130
    assert {row.filename for row in exports.read_rows(tmp_path / "all.tsv")} == {video.name}


@pytest.mark.parametrize(
    ("outputs", "problem"),
    [
        (["all.json"], "a .json file has the answer for one video: put {name} into its name, or take one of .csv"),
        (["all.tsv", "all.tsv"], "output 'all.tsv' is named twice"),
        (["{name}.tsv", "clip.tsv"], "output 'clip.tsv' is named twice"),
        (["{video}.tsv"], "unknown placeholder '{video}'"),
        (["all.doc"], "unknown output ending '.doc'"),
        (["-"], "output '-' names no format"),
        (["taken.csv"], "output 'taken.csv' is already there"),
    ],
)
def test_one_file_for_several_answers_is_refused_before_any_work(
    av2a: Call, video: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, outputs: list[str], problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken.csv").write_text("mine")
    words = [word for output in outputs for word in ("-o", output)]
    outcome = av2a("detect", tmp_path / "clip.mp4", video, "-l", "dog", *words)
    assert (outcome.status, outcome.out) == (2, "") and problem in " ".join(outcome.err.split())
    assert (tmp_path / "taken.csv").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1


def test_a_bad_video_never_stops_the_others_and_is_named_at_the_end(av2a: Call, video: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_text("this is text")
    outcome = av2a("detect", bad, video, tmp_path / "gone.mp4", "-l", "dog", "-o", f"{tmp_path}/{{name}}.json")
    assert outcome.status == 1
    assert (tmp_path / "clip.json").exists()
    assert not (tmp_path / "bad.json").exists()
    assert "clip.mp4" in outcome.out
    assert outcome.err.splitlines()[-1] == (
        f"av2a: 2 of 3 files failed: {bad} (E_MEDIA_FORMAT), {tmp_path / 'gone.mp4'} (E_NO_SUCH_FILE)"
    )


def test_only_bad_videos_are_no_usable_input(av2a: Call, tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_text("text")
    outcome = av2a("detect", tmp_path / "a.mp4", tmp_path / "b.mp4", "-l", "dog")
    assert (outcome.status, outcome.out) == (4, "")
    assert "mini" not in outcome.err


def a_text_file(folder: Path, _: Path) -> Path:
    (folder / "text.mp4").write_text("this is no video")
    return folder / "text.mp4"


def an_empty_file(folder: Path, _: Path) -> Path:
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def a_folder(folder: Path, _: Path) -> Path:
    return folder


def a_pipe(folder: Path, _: Path) -> Path:
    os.mkfifo(folder / "pipe.mp4")
    return folder / "pipe.mp4"


def a_cut_file(folder: Path, video: Path) -> Path:
    return cut(video, folder / "cut.mp4", share=0.5)


def a_playlist(folder: Path, video: Path) -> Path:
    (folder / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:2,\n{video}\n#EXT-X-ENDLIST\n")
    return folder / "list.m3u8"


def years_long(folder: Path, _: Path) -> Path:
    pictures = Pictures([0.0, 1.0, 1e8], rate_hz=Fraction(1), time_base=Fraction(1, 1000))
    return write_media(folder / "years.mkv", pictures)


BAD_MEDIA: list[tuple[Callable[[Path, Path], Path], str]] = [
    (a_text_file, "E_MEDIA_FORMAT"),
    (an_empty_file, "E_MEDIA_FORMAT"),
    (a_folder, "E_MEDIA_FORMAT"),
    (a_pipe, "E_MEDIA_FORMAT"),
    (a_cut_file, "E_MEDIA_FORMAT"),
    (a_playlist, "E_MEDIA_FORMAT"),
    (years_long, "E_MEDIA_LIMIT"),
]


@pytest.mark.parametrize(("make", "code"), BAD_MEDIA, ids=lambda value: getattr(value, "__name__", str(value)))
def test_a_file_that_is_no_media_is_one_line_and_status_four(
    av2a: Call, video: Path, tmp_path: Path, make: Callable[[Path, Path], Path], code: str
) -> None:
    bad = make(tmp_path, video)
    outcome = av2a("detect", bad, "-l", "dog", "-o", tmp_path / "out.json")
    assert (outcome.status, outcome.out) == (4, "")
    [line] = outcome.err.splitlines()
    assert line.startswith(f"av2a: error[{code}]: ")
    assert bad.name in line
    assert not (tmp_path / "out.json").exists()


def test_a_frame_above_a_stated_limit_is_refused_and_the_limit_can_be_stated(av2a: Call, video: Path) -> None:
    outcome = av2a("detect", video, "-l", "dog", "--limit", "frame_pixels=1000")
    assert outcome.status == 4
    assert "error[E_MEDIA_LIMIT]: " in outcome.err
    assert "160x96, more than the limit of 1000 pixels" in outcome.err
    assert av2a("detect", video, "-l", "dog", "--limit", "frame_pixels=20000").status == 0


BAD_CALLS: list[tuple[list[str], str]] = [
    ([], "error[E_USAGE]: no video given: av2a detect clip.mp4 --events 'dog barking, speech'"),
    (["gone.mp4", "-l", "dog"], "error[E_NO_SUCH_FILE]: no such file: 'gone.mp4': check the name"),
    (["{video}"], "error[E_LABELS]: no event names: give some with --events 'dog barking, speech' or --events-file names.txt"),
    (["{video}", "-l", ""], "error[E_LABELS]: event name 1 is empty: leave it out or fill it in"),
    (["{video}", "-l", "dog,,cat"], "error[E_LABELS]: event name 2 is empty: leave it out or fill it in"),
    (["{video}", "-l", "dog, cat, dog"], "error[E_LABELS]: event name 'dog' is given twice: leave one out"),
    (["{video}", "-l", "d" * 10_000], "error[E_LABELS]: event name 1 ('dddddddddddddd…dddddddddddddd') has 10000 characters: use at most 200"),
    (["{video}", "-l", ",".join(map(str, range(1001)))], "error[E_LABELS]: 1001 event names given, more than the limit of 1000: ask for fewer at a time, or move the limit: --limit labels=1001"),
    (["{video}", "-l", "dog", "--backbone", "minni"], "error[E_UNKNOWN_NAME]: unknown backbone 'minni': did you mean 'mini'? known: "),
    (["{video}", "-l", "dog", "--profile", "relesed"], "error[E_UNKNOWN_NAME]: unknown profile 'relesed': did you mean 'released'? known: "),
    (["{video}", "-l", "dog", "-o", "a.jsn"], "error[E_UNKNOWN_NAME]: unknown output ending '.jsn': did you mean '.json'? known: "),
    (["{video}", "-l", "dog", "--set", "audio_weight=1.5"], "error[E_SETTING]: audio_weight must lie in [0, 1], got 1.5"),
    (["{video}", "-l", "dog", "--set", "initial_treshold=0.5"], "error[E_UNKNOWN_NAME]: unknown setting 'initial_treshold': did you mean 'initial_threshold'?"),
    (["{video}", "-l", "dog", "--settings", "gone.toml"], "error[E_NO_SUCH_FILE]: cannot read settings from 'gone.toml' (No such file or directory): check --settings"),
    (["{video}", "--events-file", "gone.txt"], "error[E_NO_SUCH_FILE]: cannot read event names from 'gone.txt' (No such file or directory): check --events-file"),
    (["{video}", "-l", "dog", "--evnts", "x"], "error[E_USAGE]: no such option: --evnts"),
    (["{video}", "-l", "dog", "--video-stream", "x"], "error[E_USAGE]: invalid value for '--video-stream': "),
    (["{video}", "-l", "dog", "--video-stream", "7"], "error[E_USAGE]: "),
    (["{video}", "{video}", "-l", "dog", "-o", "a.json"], "error[E_OUTPUT]: "),
]  # fmt: skip


@pytest.mark.parametrize(("words", "line"), BAD_CALLS, ids=[line[6:70] for _, line in BAD_CALLS])
def test_a_call_that_cannot_be_meant_is_one_line_and_status_two(
    av2a: Call, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = av2a("detect", *(word.replace("{video}", str(video)) for word in words))
    assert (outcome.status, outcome.out) == (2, "")
    assert len(outcome.err.splitlines()) == 1
    assert outcome.err.startswith(f"av2a: {line}")
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_says_what_would_be_done_and_does_nothing(av2a: Call, video: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    outcome = av2a("detect", video, "-l", "dog", "-o", path, "--dry-run")
    assert outcome.status == 0
    first, second = outcome.out.splitlines()
    assert first.startswith("clip.mp4: picture h264 160x96")
    assert second == f"  would write {path}"
    assert not path.exists()
    assert "mini" not in outcome.err


def test_printed_settings_are_read_back_as_settings(av2a: Call, tmp_path: Path) -> None:
    first = av2a("detect", "--profile", "released", "--set", "decay=0.25", "--print-settings")
    assert first.status == 0
    file = tmp_path / "mine.json"
    file.write_text(first.out)
    assert av2a("detect", "--settings", file, "--print-settings").out == first.out


def test_the_environment_gives_what_the_options_leave_open(av2a: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AV2A_PROFILE", "paper")
    assert json.loads(av2a("detect", "--print-settings").out)["profile"] == "paper"
    assert json.loads(av2a("detect", "--print-settings", "--profile", "practical").out)["background"] == list(
        BACKGROUND
    )


def test_a_file_name_may_be_anything(av2a: Call, video: Path, tmp_path: Path) -> None:
    strange = tmp_path / "a 'b' $(c) \U0001f415 [red] {name}\n.mp4"
    shutil.copy(video, strange)
    outcome = av2a("detect", strange, "-l", "dog", "--json", "-o", f"{tmp_path}/{{name}}.json")
    assert outcome.status == 0
    assert json.loads(outcome.out)["media"]["name"] == strange.name
    assert strange.with_suffix(".json").exists()


def test_thousands_of_names_can_be_asked_when_the_limit_is_moved(av2a: Call, video: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("\n".join(f"thing {number}" for number in range(1001)), encoding="utf-8")
    words = ["detect", video, "--events-file", tmp_path / "names.txt", "--json"]
    refused = av2a(*words)
    assert refused.status == 2
    assert "more than the limit of 1000" in refused.err
    assert len(json.loads(av2a(*words, "--limit", "labels=1001").out)["labels"]) == 1001


# What a full disk does to outputs that are larger: their last bytes are refused.
SMALL_FILES_ONLY = (
    "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))"
)


def test_an_output_that_cannot_be_written_loses_neither_answer_nor_other_outputs(video: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    outputs = [out / name for name in ("a.html", "a.vtt", "a.csv")]
    outcome = shell(
        "detect", video, "-l", "dog", "-q", *(word for path in outputs for word in ("-o", path)), first=SMALL_FILES_ONLY
    )
    assert outcome.status == 1
    assert outcome.out.startswith("clip.mp4")
    assert sorted(path.name for path in out.iterdir()) == ["a.csv", "a.vtt"]
    [line] = outcome.err.splitlines()
    assert line.startswith(f"av2a: error[E_OUTPUT]: cannot write {str(outputs[0])!r} (File too large)")


def test_a_batch_with_an_output_that_cannot_be_written_answers_every_video(
    video: Path, silence: Path, tmp_path: Path
) -> None:
    outcome = shell(
        "detect", video, silence, "-l", "dog", "--json", "-o", tmp_path / "{name}.html", first=SMALL_FILES_ONLY
    )
    assert outcome.status == 1
    assert len(outcome.out.splitlines()) == 2
    assert outcome.err.count("error[E_OUTPUT]: cannot write") == 2


def test_labels_are_embedded_once_for_all_videos(video: Path, silence: Path) -> None:
    first = (
        "import atexit, av2a.backbones.mini as mini; calls = []; embed = mini.MiniVisual.embed_labels; "
        "mini.MiniVisual.embed_labels = lambda self, labels: calls.append(list(labels)) or embed(self, labels); "
        "atexit.register(lambda: print(calls.count(['dog', 'cat']), file=sys.stderr))"
    )
    outcome = shell("detect", video, silence, video, "-l", "dog, cat", "--json", "-q", first=first)
    assert (outcome.status, outcome.err) == (0, "1\n")


def test_mini_on_a_real_video_says_on_stdout_that_its_answer_means_nothing(av2a: Call, video: Path) -> None:
    line = "mini knows only the generated world: its answers about real video mean nothing"
    assert av2a("detect", video, "-l", "dog", "-q").out.splitlines()[1] == line
    assert line in json.loads(av2a("detect", video, "-l", "dog", "-q", "--json").out)["warnings"]


def test_mini_on_a_video_of_its_world_says_nothing_of_the_kind(av2a: Call, tmp_path: Path) -> None:
    path = tmp_path / "scene.mp4"
    write_clip(make_scene(3, duration_seconds=2), path)
    outcome = av2a("detect", path, "-l", "dog barking")
    assert outcome.status == 0
    assert "mean nothing" not in outcome.out + outcome.err


def test_a_name_that_is_too_long_is_refused_before_any_work(av2a: Call, tmp_path: Path, video: Path) -> None:
    long = tmp_path / f"{'n' * 247}.mp4"
    long.symlink_to(video)
    outcome = av2a("detect", long, "-l", "dog", "-o", str(tmp_path / "{name}-and-more.html"))
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("av2a: error[E_OUTPUT]: cannot write ")
    assert "(File name too long)" in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == [long.name]


ENCODERS_REFUSE = """
import av2a.backbones.mini as mini
def refuse(*given): raise AssertionError("an encoder was called")
mini.MiniVisual.embed_frames = mini.MiniAudio.embed_sounds = refuse
"""


def test_other_labels_and_settings_for_a_video_seen_before_encode_nothing(
    video: Path, silence: Path, tmp_path: Path
) -> None:
    env = environment(AV2A_CACHE=str(tmp_path / "cache"))
    detect = ("detect", video, silence, "--json", "-q")
    assert shell(*detect, "-l", "dog, cat", env=env).status == 0
    again = shell(*detect, "-l", "violin, dog", "--set", "initial_threshold=0.7", first=refusing(), env=env)
    assert (again.status, again.err) == (0, "")
    plain = shell(*detect, "-l", "violin, dog", "--set", "initial_threshold=0.7", "--no-store", env=env)
    assert again.out == plain.out


@pytest.mark.parametrize("words", [("--no-store",), ("--store", "{other}")])
def test_embeddings_are_stored_where_the_user_says(video: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    cache, other = tmp_path / "cache", tmp_path / "other"
    env = environment(AV2A_CACHE=str(cache))
    named = [word.replace("{other}", str(other)) for word in words]
    assert shell("detect", video, "-l", "dog, cat", *named, env=env).status == 0
    assert len(list(other.rglob("*.safetensors"))) == len(words) - 1
    assert not list(cache.rglob("*.safetensors"))


def test_a_store_that_cannot_be_written_loses_no_answer(video: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = shell("detect", video, "-l", "dog, cat", env=environment(AV2A_CACHE=str(tmp_path / "file")))
    assert outcome.status == 0
    assert outcome.out.startswith("clip.mp4")
    assert outcome.err.count("av2a: warning: cannot write into the store") == 1


def refusing() -> str:
    """Python for one line of a shell: encoders that refuse every input."""
    return f"exec({ENCODERS_REFUSE!r})"
