from pathlib import Path

import pytest

from av2a.cli.outputs import OutputOptions, planned_outputs, scores_of
from av2a.errors import OutputRefused, UnknownName


def test_each_video_has_its_own_files_where_the_name_is_put_in() -> None:
    plan = planned_outputs([Path("in/a.mp4"), Path("b.mov")], ["out/{name}.json", "{name}.vtt"])
    assert plan == [(Path("out/a.json"), Path("a.vtt")), (Path("out/b.json"), Path("b.vtt"))]


@pytest.mark.parametrize("output", ["{stem}.json", "{}.json", "{0}/{name}.json", "{Name}.json", "{ name }.json"])
def test_an_unknown_placeholder_is_refused(output: str) -> None:
    with pytest.raises(OutputRefused, match=r"unknown placeholder '\{.*\}' in .*: only \{name\} is replaced"):
        planned_outputs([Path("a.mp4")], [output])
    with pytest.raises(OutputRefused, match="unknown placeholder"):
        scores_of(Path("a.mp4"), output, several=False)


def test_braces_in_a_video_s_own_name_are_no_placeholders() -> None:
    assert planned_outputs([Path("{x}.mp4")], ["{name}.json"]) == [(Path("{x}.json"),)]


def test_two_videos_for_one_output_are_refused_with_the_cure() -> None:
    with pytest.raises(
        OutputRefused, match=r"'a.mp4' and 'b.mp4' would both be written to 'all.json': put \{name\} into"
    ):
        planned_outputs([Path("a.mp4"), Path("b.mp4")], ["all.json"])


def test_two_videos_of_one_name_are_refused() -> None:
    with pytest.raises(OutputRefused, match=r"'x/a.mp4' and 'y/a.mp4' would both be written"):
        planned_outputs([Path("x/a.mp4"), Path("y/a.mp4")], ["{name}.json"])


def test_one_output_asked_for_twice_is_refused() -> None:
    with pytest.raises(OutputRefused, match="named twice"):
        planned_outputs([Path("a.mp4")], ["a.json", "{name}.json"])


def test_a_video_is_never_its_own_output(tmp_path: Path) -> None:
    video = tmp_path / "clip.json"
    video.touch()
    with pytest.raises(OutputRefused, match="is the video itself"):
        planned_outputs([video], [str(tmp_path / "{name}.json")])


def test_an_output_in_no_known_format_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"unknown output ending '\.jsn': did you mean '\.json'\?"):
        OutputOptions([str(tmp_path / "a.jsn")]).plan([Path("a.mp4")])


def test_stdout_as_an_output_is_answered_with_the_option_for_it() -> None:
    with pytest.raises(OutputRefused, match="for JSON on stdout use --json"):
        planned_outputs([Path("a.mp4")], ["-"])
