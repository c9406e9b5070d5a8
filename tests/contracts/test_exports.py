"""What every format that is written and read promises: out and in again, the events are the same."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from av2a import exports
from av2a.errors import InvalidAnnotations, MissingFile, OutputRefused, UnknownName
from av2a.exports import elan, rttm
from av2a.exports.rows import EventRow, cell
from av2a.types import CAUTION, Detection
from tests.detections import HEARD, SEEN, clip, detection, empty, event, hostile, park
from tests.exports.answers import Recipe, made, recipes

MODULES = {
    ending: import_module(place)
    for ending, place in exports.WRITERS.items()
    if hasattr(import_module(place), "event_rows")
}

# How a label is written where a format cannot hold it as it is; docs/formats.md says so.
WRITTEN: dict[str, Callable[[str], str]] = {
    **dict.fromkeys([".txt", ".tsv", ".cvat.tsv", ".selections.txt", ".textgrid", ".vtt"], cell),
    ".srt": lambda label: cell(label).translate(str.maketrans("<>", "‹›")),
    ".rttm": rttm.written_label,
    ".eaf": elan.written_label,
}
NAMED = {".json", ".csv", ".tsv"}
"""Formats that have the clip's whole file name."""
SURE = {".json", ".csv", ".cvat.tsv", ".selections.txt", ".rttm", ".activitynet.json"}
"""Formats with a place for the confidence."""


@pytest.fixture(params=MODULES)
def ending(request: pytest.FixtureRequest) -> str:
    """One format that is written and read."""
    ending: str = request.param
    return ending


def back(answer: Detection, ending: str) -> list[EventRow]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"park{ending}"
        exports.write(answer, path)
        return exports.read_events(path)


def expected(answer: Detection, ending: str) -> list[tuple[object, ...]]:
    rule = WRITTEN.get(ending, str)
    name = answer.clip.name if ending in NAMED else answer.clip.path.stem
    return sorted(
        (
            each.start_seconds,
            each.stop_seconds,
            each.modality.value,
            rule(each.label),
            name,
            sure(each.confidence, ending),
        )
        for each in answer.events
    )


def sure(confidence: float | None, ending: str) -> float | None:
    return confidence if ending in SURE else None


def plain(rows: list[EventRow]) -> list[tuple[object, ...]]:
    return sorted(
        (row.start_seconds, row.stop_seconds, row.modality.value, row.label, row.filename, row.confidence)
        for row in rows
        if row.modality is not None
    )


@settings(max_examples=40)
@given(recipes())
def test_out_and_in_again_the_events_are_the_same(recipe: Recipe) -> None:
    answer = made(recipe)
    for ending, module in MODULES.items():
        rows = list(module.event_rows(module.dumps(answer), "park"))
        assert plain(rows) == expected(answer, ending), ending


@pytest.mark.parametrize("answer", [park(), empty(), hostile()], ids=["some", "none", "hostile"])
def test_the_same_holds_for_labels_that_could_break_a_format(ending: str, answer: Detection) -> None:
    assert plain(back(answer, ending)) == expected(answer, ending)


@pytest.mark.usefixtures("without_shape_checks")
def test_twenty_thousand_events_come_back(ending: str) -> None:
    events = [event(f"label {index % 50}", HEARD, index / 10, index / 10 + 0.1) for index in range(20_000)]
    answer = detection(events, [f"label {index}" for index in range(50)], of=clip(2_000.0))
    assert len(back(answer, ending)) == 20_000


def test_several_answers_go_into_one_file_where_the_format_holds_several(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"all{ending}"
    if ending not in exports.SEVERAL:
        with pytest.raises(OutputRefused, match=r"has the answer for one video: take \.csv, \.tsv"):
            exports.write_several([park(), hostile()], path)
        return
    exports.write_several([park(), empty(), hostile()], path)
    both = sorted(expected(park(), ending) + expected(hostile(), ending))
    assert plain(exports.read_events(path)) == both


def test_a_worthless_answer_says_so_in_every_format_and_has_the_same_events(ending: str, tmp_path: Path) -> None:
    answer = replace(park(), warnings=(CAUTION,))
    exports.write(answer, tmp_path / f"park{ending}")
    assert CAUTION in (tmp_path / f"park{ending}").read_text(encoding="utf-8")
    assert plain(exports.read_events(tmp_path / f"park{ending}")) == expected(park(), ending)


# Bad input.


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n\n",
        "no such thing",
        "a\tb\tc\td\te\tf\tg\th\ti\n" * 3,
        "1.0\t-2.0\tdog\n",
        "nan\t2.0\tdog\n",
        "1e400\t2.0\tdog\n",
        '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        "<ANNOTATION_DOCUMENT>",
        '{"results": {"clip": [{"label": 3, "segment": [1]}]}}',
        '{"results": []}',
        "[" * 100_000,
        "WEBVTT\n\n00:00:01.000 --> 00:99\n",
        "1\n00:00:01,000 --> x\n",
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0 5 <exists> 1 "IntervalTier" "a" 0 5 1000000',
        "SPEAKER a 1 -1 2 <NA> <NA> dog\n",
        "filename\tonset\toffset\tevent_label\na\t-1\t2\tdog\n",
        "filename,onset,offset,event_label\na,1\n",
        'filename,onset,offset,event_label\n"a',
        "start\tstop\tlabel\n1\t2\tdog\n",
        "x" * 1_000_000,
        "\ud800".encode("utf-16", "surrogatepass").decode("latin-1"),
    ],
    ids=lambda text: text[:30].encode("ascii", "backslashreplace").decode(),
)
def test_bad_input_is_refused_in_one_line_that_names_the_line_or_has_no_events(
    ending: str, tmp_path: Path, text: str
) -> None:
    path = tmp_path / f"bad{ending}"
    path.write_text(text, encoding="utf-8")
    try:
        rows = exports.read_events(path)
    except InvalidAnnotations as refusal:
        problem = str(refusal)
    else:
        problem = f"{str(path)!r}, line 1: {len(rows)} rows"
        assert all(0 <= row.start_seconds < 1e9 and 0 <= row.stop_seconds < 1e9 for row in rows)
    assert "\n" not in problem and len(problem) < 400
    assert ", line " in problem


@settings(max_examples=60)
@given(st.data())
def test_damage_anywhere_is_refused_or_harmless(data: st.DataObject) -> None:
    ending = data.draw(st.sampled_from(sorted(MODULES)))
    content = bytearray(MODULES[ending].dumps(park()).encode())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[place:]
    else:
        content[place] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"park{ending}"
        path.write_bytes(content)
        try:
            exports.read_events(path)
        except InvalidAnnotations as refusal:
            assert "\n" not in str(refusal)  # noqa: PT017 - some damage is harmless


def test_a_file_that_is_not_there_too_large_or_of_another_format_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MissingFile, match="cannot read"):
        exports.read_events(tmp_path / "none.txt")
    with pytest.raises(UnknownName, match=r"unknown file ending '\.xlsx'"):
        exports.read_events(tmp_path / "none.xlsx")
    (tmp_path / "large.txt").write_text("1\t2\tdog\n" * 10)
    monkeypatch.setattr(exports, "LARGEST_FILE_BYTES", 50)
    with pytest.raises(InvalidAnnotations, match="name a file of events"):
        exports.read_events(tmp_path / "large.txt")


def test_an_ending_may_be_named_for_a_file_that_ends_otherwise(tmp_path: Path) -> None:
    exports.write(park(), tmp_path / "labels", ending=".txt")
    assert plain(exports.read_events(str(tmp_path / "labels"), ending=".txt"))[0][3] == "dog barking"


def example(ending: str) -> str:
    """The answer that the page on formats shows, in one format."""
    events = [event("dog barking", SEEN, 0.0, 7.0), event("dog barking", HEARD, 3.0, 5.0)]
    text: str = MODULES[ending].dumps(detection(events, ["dog barking"]))
    return text


def test_the_page_shows_every_ending_and_an_example_of_each_format_of_other_tools(root: Path) -> None:
    page = (root / "docs" / "formats.md").read_text(encoding="utf-8")
    assert [ending for ending in exports.WRITERS if f"`{ending}`" not in page.lower()] == []
    shown = [ending for ending in MODULES if ending not in (".json", ".csv", ".vtt")]
    assert len(shown) >= 9
    assert [ending for ending in shown if f"\n{example(ending)}```\n" not in page] == []
