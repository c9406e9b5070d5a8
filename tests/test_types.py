"""An answer is a collection of its events, compared by content, and turned into what other tools take."""

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from av2a import exports
from av2a.errors import MissingDependency, UnknownLabel
from av2a.exports import json
from av2a.types import Detection, Trace
from tests.detections import BOTH, HEARD, SEEN, clip, detection, empty, event, park
from tests.exports.answers import Recipe, made, recipes


def test_an_answer_is_a_collection_of_its_events() -> None:
    answer = park()
    assert list(answer) == list(answer.events)
    assert len(answer) == 5
    assert [each.modality for each in answer["dog barking"]] == [SEEN, HEARD, BOTH]
    assert answer["siren"] == ()
    assert answer.events[0] in answer and "speech" in answer and "siren" not in answer
    assert empty() and len(empty()) == 0


def test_a_label_that_was_not_asked_for_is_refused_in_one_line_as_a_key_error() -> None:
    with pytest.raises(UnknownLabel) as refusal:
        park()["dog braking"]
    assert isinstance(refusal.value, KeyError)
    assert (
        str(refusal.value)
        == "unknown label 'dog braking': did you mean 'dog barking'? known: dog barking, siren, speech"
    )


# Comparison.


def changed(trace: Trace) -> Trace:
    scores = trace.scores.copy()
    scores[0, 0] += 0.01
    return replace(trace, scores=scores)


def test_answers_are_compared_by_content_wherever_the_video_lies() -> None:
    answer = park()
    elsewhere = replace(answer, clip=clip(path=Path("/elsewhere/park.mp4")))
    assert answer == park() == elsewhere
    assert len({answer, park(), elsewhere}) == 1
    assert answer != "park" and answer != answer.to_dict()


@pytest.mark.parametrize(
    "other",
    [
        replace(park(), labels=("dog barking", "speech")),
        replace(park(), events=park().events[1:]),
        replace(park(), events=(*park().events[1:], replace(park().events[0], confidence=0.5))),
        replace(park(), clip=clip(path=Path("other.mp4"))),
        replace(park(), settings=park().settings.replace(decay=2.000001)),
        replace(park(), warnings=()),
        replace(park(), traces=()),
        replace(park(), traces=(changed(park().traces[0]), *park().traces[1:])),
        replace(park(), traces=park().traces[::-1]),
    ],
)
def test_any_difference_makes_answers_unequal(other: Detection) -> None:
    assert park() != other
    assert replace(park(), warnings=("other",)) != park()


def test_traces_are_equal_where_nothing_was_scored() -> None:
    [one, other] = [park().traces[0] for _ in range(2)]
    assert np.isnan(one.scores).any()
    assert one == other and hash(one) == hash(other)


@given(recipes())
def test_an_answer_equals_itself_after_pickling(recipe: Recipe) -> None:
    answer = made(recipe)
    back = pickle.loads(pickle.dumps(answer))
    assert (back, hash(back)) == (answer, hash(answer))


# Into other tools.


def test_its_repr_is_short_and_says_what_matters() -> None:
    assert repr(park()) == "<Detection 'park.mp4' (10 s): 5 events of 3 labels, 3 heard, 1 seen, 1 both>"
    one = replace(park(), events=park().events[:1])
    assert repr(one).startswith("<Detection 'park.mp4' (10 s): 1 event of 3 labels, ")
    many = detection([event("x", HEARD, 0, 1)] * 1000, [f"label {number}" for number in range(1000)])
    assert len(repr(many)) < 120


def test_its_columns_are_equally_long_and_in_the_events_order() -> None:
    columns = park().columns()
    assert list(columns) == ["filename", "label", "modality", "start_seconds", "stop_seconds", "confidence"]
    rows = list(zip(*columns.values(), strict=True))
    assert rows[2] == ("park.mp4", "dog barking", "audio", 3.0, 5.0, 0.97)
    assert len(rows) == 5
    assert all(column == [] for column in empty().columns().values())


@pytest.mark.parametrize("answer", [park(), empty()], ids=["events", "no events"])
def test_a_data_frame_has_the_same_types_with_and_without_events(answer: Detection) -> None:
    pandas = pytest.importorskip("pandas")
    frame = answer.to_pandas()
    assert list(frame.columns) == list(answer.columns())
    assert len(frame) == len(answer)
    kinds = pandas.DataFrame({"text": ["a"]}).astype("str").dtypes["text"]
    assert [str(kind) for kind in frame.dtypes] == [str(kinds)] * 3 + ["float64"] * 3


def test_without_pandas_the_refusal_names_it_and_the_way_without(root: Path) -> None:
    program = (
        "import sys; sys.modules['pandas'] = None\n"
        "from tests.detections import park\n"
        "from av2a.errors import MissingDependency\n"
        "try:\n    park().to_pandas()\nexcept MissingDependency as refusal:\n    print(refusal)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, env={"PYTHONPATH": f"{root / 'src'}:{root}"},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == "to_pandas needs 'pandas': install it, or use columns()\n"
    assert issubclass(MissingDependency, Exception)


def test_it_is_saved_by_a_path_or_its_name_in_the_format_of_the_ending(tmp_path: Path) -> None:
    park().save(tmp_path / "one.json")
    park().save(str(tmp_path / "two.json"))
    exports.write(park(), str(tmp_path / "three.json"))
    exports.check_output(str(tmp_path / "four.json"))
    assert len({(tmp_path / f"{name}.json").read_bytes() for name in ("one", "two", "three")}) == 1
    assert json.read(tmp_path / "one.json") == replace(park(), traces=())


def test_its_plain_values_are_those_of_the_json_file() -> None:
    assert park().to_dict() == json.as_dict(park())
    assert "streams" in park().to_dict(traces=True)
