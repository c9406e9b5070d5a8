"""What every format that is written and read promises: out and in again, the events are the same."""

import contextlib
import tempfile
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from av2a import exports
from av2a.errors import InvalidAnnotations, MissingFile, OutputRefused, UnknownName
from av2a.exports import edl, markup, rttm
from av2a.exports.rows import EventRow, cell
from av2a.types import CAUTION, Detection, Event, KnownLabel
from tests.detections import HEARD, clip, detection, empty, event, hostile, park
from tests.exports.answers import Recipe, made, recipes
from tests.exports.format_page import page

MODULES = {
    ending: import_module(place)
    for ending, place in exports.WRITERS.items()
    if hasattr(import_module(place), "event_rows")
}

# How a label is written where a format cannot hold it as it is; docs/formats.md says so.
WRITTEN: dict[str, Callable[[str], str]] = {
    **dict.fromkeys([".txt", ".tsv", ".cvat.tsv", ".selections.txt", ".textgrid", ".vtt"], cell),
    **dict.fromkeys([".otio", ".kdenlive.json"], cell),
    **dict.fromkeys([".eaf", ".labelstudio.json"], markup.written_label),
    ".srt": lambda label: cell(label).translate(str.maketrans("<>", "‹›")),
    ".rttm": lambda label: rttm.written_label(label).replace("_", " "),
    ".edl": edl.written_label,
    ".xml": lambda label: markup.written_label(cell(label)),
}
NAMED = {
    ".json",
    ".csv",
    ".tsv",
    ".parquet",
    ".labelstudio.json",
    ".jsonld",
    ".otio",
    ".xml",
    ".eaf",
    ".selections.txt",
}
"""Formats that have the clip's whole file name."""
SURE = {".json", ".csv", ".cvat.tsv", ".selections.txt", ".rttm", ".activitynet.json", ".parquet"} | {
    *(".labelstudio.json", ".jsonld", ".metadata.vtt", ".kdenlive.json", ".otio", ".xml")
}
"""Formats with a place for the confidence."""
IN_FRAMES = {".labelstudio.json", ".edl", ".otio", ".xml", ".kdenlive.json"}
"""Formats that count frames, of which the clip has 25 in a second."""


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
            *times(each, ending),
            each.modality.value,
            rule(each.label),
            name,
            sure(each.confidence, ending),
        )
        for each in answer.events
    )


def times(each: Event, ending: str) -> tuple[float, float]:
    if ending not in IN_FRAMES:
        return each.start_seconds, each.stop_seconds
    first, last = ((2 * round(1000 * time) + 40) // 80 for time in (each.start_seconds, each.stop_seconds))
    return first / 25, max(first + 1, last) / 25


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


def partly_known() -> Detection:
    """An answer of a backbone that knows only some labels: one that is known as something else, one that is not seen, one unknown."""
    dog, speech, siren = park().labels
    return replace(
        park(), known=(KnownLabel(dog, "Bark", "dog"), KnownLabel(speech, "<Speech> & 犬"), KnownLabel(siren))
    )


@pytest.mark.parametrize(
    "answer", [park(), empty(), hostile(), partly_known()], ids=["some", "none", "hostile", "partly known"]
)
def test_the_same_holds_for_labels_that_could_break_a_format(ending: str, answer: Detection) -> None:
    assert plain(back(answer, ending)) == expected(answer, ending)


@pytest.mark.usefixtures("without_shape_checks")
def test_two_thousand_events_that_overlap_come_back(ending: str) -> None:
    events = [event(f"label {index % 2}", HEARD, index / 10, index / 10 + 90) for index in range(2_000)]
    answer = detection(events, ["label 0", "label 1"], of=clip(2_000.0))
    began = process_time()
    assert len(back(answer, ending)) == 2_000
    # 20,000 take less than 2 s on a machine that does nothing else (benchmarks/formats.py); a time that grew by their square would show.
    assert process_time() - began < 2


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
    said = rttm.written_label(CAUTION) if ending == ".rttm" else CAUTION
    assert said.encode() in (tmp_path / f"park{ending}").read_bytes()
    assert plain(exports.read_events(tmp_path / f"park{ending}")) == expected(park(), ending)


# Bad input.


def elan_tier(*times: str) -> str:
    """A document with two annotations in one tier, on its lines 5 and 6."""
    slots = "".join(f'<TIME_SLOT TIME_SLOT_ID="t{number}" TIME_VALUE="{time}"/>' for number, time in enumerate(times))
    annotations = "\n".join(
        f'<ANNOTATION><ALIGNABLE_ANNOTATION TIME_SLOT_REF1="t{first}" TIME_SLOT_REF2="t{first + 1}"/></ANNOTATION>'
        for first in (0, 2)
    )
    return f'<ANNOTATION_DOCUMENT>\n<TIME_ORDER>{slots}</TIME_ORDER>\n\n<TIER TIER_ID="a">\n{annotations}</TIER></ANNOTATION_DOCUMENT>'


def textgrid_tier(times: str) -> str:
    """A TextGrid with two intervals in one tier, the second on its line 3."""
    first, second = times[:3], times[4:]
    return f'"ooTextFile" "TextGrid" 0 9 <exists> 1 "IntervalTier" "a" 0 9 2\n{first} "b"\n{second} "c"\n'


OPENED = {".vtt", ".srt", ".textgrid", ".tsv", ".cvat.tsv", ".selections.txt", ".csv", ".metadata.vtt", ".edl"}
"""Formats of which a file goes on after its last event."""


BAD_TEXTS = [
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
    "LEXEME a 1 1 2 dog lex <NA> <NA> <NA>\n",
    "filename\tonset\toffset\tevent_label\na\t-1\t2\tdog\n",
    "filename,onset,offset,event_label\na,1\n",
    'filename,onset,offset,event_label\n"a',
    "start\tstop\tlabel\n1\t2\tdog\n",
    "x" * 1_000_000,
    "\ud800".encode("utf-16", "surrogatepass").decode("latin-1"),
]


def test_bad_input_is_refused_in_one_line_that_names_the_line_or_has_no_events(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"bad{ending}"
    for text in BAD_TEXTS:
        path.write_text(text, encoding="utf-8")
        try:
            rows = exports.read_events(path)
        except InvalidAnnotations as refusal:
            problem = str(refusal)
        else:
            problem = f"{str(path)!r}, line 1: {len(rows)} rows"
            assert all(0 <= row.start_seconds < 1e9 and 0 <= row.stop_seconds < 1e9 for row in rows), text[:60]
        assert "\n" not in problem and len(problem) < 400, text[:60]
        assert ", line " in problem, text[:60]


@settings(max_examples=60)
@given(st.data())
def test_damage_anywhere_is_refused_or_harmless(data: st.DataObject) -> None:
    ending = data.draw(st.sampled_from(sorted(MODULES)))
    whole: str | bytes = MODULES[ending].dumps(park())
    content = bytearray(whole.encode() if isinstance(whole, str) else whole)
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
    (tmp_path / "sheet.xlsx").touch()
    with pytest.raises(UnknownName, match=r"unknown file ending '\.xlsx'"):
        exports.read_events(tmp_path / "sheet.xlsx")
    (tmp_path / "large.txt").write_text("1\t2\tdog\n" * 10)
    monkeypatch.setattr(exports, "LARGEST_FILE_BYTES", 50)
    with pytest.raises(InvalidAnnotations, match="name a file of events"):
        exports.read_events(tmp_path / "large.txt")
    if Path("/dev/zero").is_char_device():
        with pytest.raises(InvalidAnnotations, match="name a file of events"):
            exports.read_events("/dev/zero", ending=".txt")


def test_an_ending_may_be_named_for_a_file_that_ends_otherwise(tmp_path: Path) -> None:
    exports.write(park(), tmp_path / "labels", ending=".txt")
    [first, *_] = plain(exports.read_events(str(tmp_path / "labels"), ending=".txt"))
    assert first[3:5] == ("dog barking", "labels")


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.eaf", elan_tier("1000", "3000", "2000", "4000"), "line 6: overlaps the annotation of line 5 in its tier"),
        ("a.eaf", elan_tier("1000", "3000", "-5", "4000"), "line 6: a time must be a number of seconds, 0 or more"),
        ("a.textgrid", textgrid_tier("0 2 1 4"), "line 3: the interval begins before the one above it ends"),
        ("a.textgrid", textgrid_tier("0 2 -3 4"), "line 3: a time must be a number of seconds, 0 or more"),
        (
            "a.json",
            '{\n"results": {"b": [\n{"label": "c", "segment": [0, 1]},\n{"label": "c", "segment": [-1, 1]}]}}',
            "line 4: ",
        ),
        (
            "a.json",
            '[{"data": {"video": "b"}, "annotations": [\n{"result": [{"from_name": "c", "value": 3}]}]}]',
            "line 2: ",
        ),
        ("a.jsonld", '{"items": [\n{"target": {"selector": 1}}]}', "line 2: not in Web Annotation's form"),
        ("a.kdenlive.json", '[\n{"comment": "b",\n"pos": -20, "duration": 2}]', "line 3: not in Kdenlive's form"),
        ("a.metadata.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\n<b>\n", "line 3: a cue needs JSON"),
        (
            "a.edl",
            "TITLE: b\n\n001  001  V  C  00:00:01:00 00:00:02:00 00:00:01:00 00:00:02:00\n",
            "line 3: the time code",
        ),
        (
            "a.xml",
            "<xmeml>\n<clipitem><name>b</name>\n<marker><in>-3</in><out>4</out></marker></clipitem></xmeml>",
            "line 3: ",
        ),
        ("a.xml", "<xmeml>\n<a " + "b" * 12_000_000, "line 2: no XML document: a tag of more than 10 MB"),
        ("a.csv", "x" * 200_000, "line 1: no table separated by commas"),
        ("a.csv", "filename,onset,offset,event_label\na,1,2," + "x" * 200_000, "line 2: no table separated by commas"),
        ("a.rttm", "SPEAKER a 1 1 2 <NA> <NA> dog\nspeaker a 1 1 2", "line 2: an RTTM line begins with its type"),
        ("a.selections.txt", "Begin Time (s)\tEnd Time (s)\n1\t2\n", "line 1: no column Annotation with the labels"),
        (
            "a.selections.txt",
            "Begin Time (s)\tEnd Time (s)\tFile Offset (s)\tAnnotation\n1\t2\t-1\tdog\n",
            "line 2: a time must be a number of seconds, 0 or more",
        ),
        ("a.xml", '<!DOCTYPE a [\n<!ENTITY b "c">]>\n<xmeml/>', "line 2: entities are refused"),
        (
            "a.eaf",
            '<!DOCTYPE a SYSTEM "file:///etc/passwd">\n<b/>',
            "line 2: expected an XML document ANNOTATION_DOCUMENT",
        ),
        ("a.eaf", "<ANNOTATION_DOCUMENT>\n<TIER>", "line 2: no whole XML document"),
    ],
    ids=lambda text: text[:40].encode("ascii", "backslashreplace").decode(),
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, name: str, text: str, problem: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InvalidAnnotations) as refusal:
        exports.read_events(tmp_path / name)
    assert f"{name}, {problem}" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("letter", ["x", '"', "<", "1", "\t", "[", "|", ":"])
def test_a_line_of_millions_of_letters_takes_linear_time(letter: str) -> None:
    for ending, module in MODULES.items():
        if getattr(module, "BINARY", False):
            continue
        # What makes each reader go on to its rows.
        opening = module.dumps(park())[:-1].encode("utf-8") + b"\n" if ending in OPENED else b""
        began = process_time()
        with contextlib.suppress(InvalidAnnotations):
            list(module.event_rows(opening.decode() + letter * 2_000_000, "park"))
        assert process_time() - began < 0.5, ending


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("export.json", ".labelstudio.json"),
        ("results.json", ".activitynet.json"),
        ("annotations.json", ".unav.json"),
        ("guides.json", ".kdenlive.json"),
        ("page.json", ".jsonld"),
        ("annotations.tsv", ".cvat.tsv"),
        ("table.txt", ".selections.txt"),
        ("truth.txt", ".tsv"),
    ],
)
def test_a_format_whose_ending_others_use_is_known_by_its_first_lines(tmp_path: Path, name: str, like: str) -> None:
    (tmp_path / name).write_text(MODULES[like].dumps(park()), encoding="utf-8")
    assert len(exports.read_events(tmp_path / name)) == len(park())


def test_a_clip_without_events_is_still_a_clip(ending: str, tmp_path: Path) -> None:
    exports.write(empty(), tmp_path / f"park{ending}")
    rows = exports.read_rows(tmp_path / f"park{ending}")
    # A page of annotations has no place for a clip alone.
    assert [(row.filename.removesuffix(".mp4"), row.is_event) for row in rows] == (
        [] if ending == ".jsonld" else [("park", False)]
    )
    assert exports.read_events(tmp_path / f"park{ending}") == []


UNNAMED = {".vtt", ".srt", ".txt", ".textgrid", ".cvat.tsv", ".metadata.vtt", ".kdenlive.json"}
"""Formats that do not say which clip they are about."""


@pytest.mark.parametrize("answer", [park(), empty()], ids=["some", "none"])
def test_the_clip_is_the_one_that_the_format_names_else_the_file(
    ending: str, tmp_path: Path, answer: Detection
) -> None:
    path = tmp_path / f"corrected{ending}"
    exports.write(answer, path)
    # A table of selections names its recordings in its rows.
    unnamed = ending in UNNAMED or (ending == ".selections.txt" and not len(answer))
    expected = {"corrected"} if unnamed else {"park.mp4" if ending in NAMED else "park"}
    names = {row.filename for row in exports.read_rows(path)}
    assert names == (set() if not len(answer) and ending == ".jsonld" else expected)


EDL_MARKER = (
    "001  001      V     C        01:00:01:00 01:00:01:01 01:00:01:00 01:00:01:01\n |C:ResolveColorRed |M:b |D:2\n"
)


@pytest.mark.parametrize(
    ("name", "text", "clips"),
    [
        ("a.eaf", '<ANNOTATION_DOCUMENT><HEADER MEDIA_FILE=""/></ANNOTATION_DOCUMENT>', ["a"]),
        (
            "a.eaf",
            '<ANNOTATION_DOCUMENT><HEADER><MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/my%20files/b%25.mp4"/>'
            '<MEDIA_DESCRIPTOR MEDIA_URL="file:///c.wav"/></HEADER></ANNOTATION_DOCUMENT>',
            ["b%.mp4"],
        ),
        ("a.edl", f"TITLE: Timeline 1\n{EDL_MARKER}", ["a"]),
        ("a.edl", f"TITLE: Timeline 1\n{EDL_MARKER}* FROM CLIP NAME: b c.mov \r\n{EDL_MARKER}", ["b c.mov"] * 2),
        ("a.edl", f"TITLE: x\n{EDL_MARKER}* FROM CLIP NAME: b.mov\n{EDL_MARKER}* FROM CLIP NAME: c.mov\n", ["a"] * 2),
        (
            "a.xml",
            '<xmeml><clipitem><name>Interview</name><file id="f"><pathurl>file://localhost/C%3a/b%20c.mp4</pathurl></file>'
            '</clipitem><clipitem><name>Again</name><file id="f"/></clipitem><clipitem><name>d</name></clipitem></xmeml>',
            ["b c.mp4", "b c.mp4", "d"],
        ),
        (
            "a.otio",
            '{"tracks": {"OTIO_SCHEMA": "Stack.1", "children": ['
            '{"OTIO_SCHEMA": "Clip.1", "name": "x", "media_reference": {"target_url": "file:///b.mp4"}},'
            '{"OTIO_SCHEMA": "Clip.2", "name": "y", "media_references": {"D": {"target_url": "C:\\\\c.mp4"}}, '
            '"active_media_reference_key": "D"}, {"OTIO_SCHEMA": "Clip.2", "name": "d.mp4", "media_reference": null}]}}',
            ["b.mp4", "c.mp4", "d.mp4"],
        ),
        ("a.labelstudio.json", '[{"data": {"audio": "s3://x/b.wav"}, "annotations": []}]', ["b.wav"]),
        (
            "a.txt",
            "Selection\tBegin Time (s)\tEnd Time (s)\tBegin File\tBegin Path\tAnnotation\n"
            "1\t1\t2\tb.wav\tD:\\x\\b.wav\tdog\n2\t1\t2\t\tD:\\my files\\c 1.wav\tdog\n3\t1\t2\t\t\tdog\n",
            ["b.wav", "c 1.wav", "a"],
        ),
    ],
    ids=lambda value: value[:40].encode("ascii", "backslashreplace").decode() if isinstance(value, str) else None,
)
def test_the_name_of_the_media_file_is_taken_from_what_editors_write(
    tmp_path: Path, name: str, text: str, clips: list[str]
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert [row.filename for row in exports.read_rows(tmp_path / name)] == clips


def test_ravens_times_are_those_in_the_recording_that_a_selection_begins_in(tmp_path: Path) -> None:
    second = replace(park(), clip=clip(path=Path("street.mp4")))
    exports.write_several([park(), second], tmp_path / "all.selections.txt")
    table = (tmp_path / "all.selections.txt").read_text().splitlines()
    assert table[-1].split("\t")[3:9] == ["18.000", "20.000", "0.0", "22050.0", "street.mp4", "8.000"]
    assert plain(exports.read_events(tmp_path / "all.selections.txt")) == sorted(
        expected(park(), ".selections.txt") + expected(second, ".selections.txt")
    )
    # BirdNET's names.
    (tmp_path / "b.txt").write_text(
        "Selection\tBegin Time (s)\tEnd Time (s)\tCommon Name\tConfidence\tBegin Path\tFile Offset (s)\n"
        "1\t63.0\t66.5\tRobin\t0.81\t/a/b/birds.wav\t3.0\n2\t70.0\t69.0\tRobin\t\t/a/b/birds.wav\t0.5\n"
    )
    rows = exports.read_events(tmp_path / "b.txt")
    assert [(row.filename, row.label, row.start_seconds, row.stop_seconds, row.confidence) for row in rows] == [
        ("birds.wav", "Robin", 3.0, 6.5, 0.81),
        ("birds.wav", "Robin", 0.5, 0.0, None),
    ]


def test_formats_have_names() -> None:
    assert [exports.ending_named(name) for name in ("audacity", "TextGrid", ".lab", "unav.json")] == [
        ".txt",
        ".textgrid",
        ".lab",
        ".unav.json",
    ]
    with pytest.raises(UnknownName, match="unknown format 'audacty': did you mean 'audacity'"):
        exports.ending_named("audacty")


def test_the_page_on_formats_is_what_the_modules_say(root: Path) -> None:
    text = (root / "docs" / "formats.md").read_text(encoding="utf-8")
    assert page(text) == text, "run scripts/write_docs"
    assert [ending for ending in exports.WRITERS if f"| `{ending}` |" not in text.lower()] == []
    assert text.count("\n### `.") == len([each for each in exports.WRITERS.values() if "exports" in each]) - 3
