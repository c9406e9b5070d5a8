"""JSON: everything needed to repeat the run, and back."""

import copy
import functools
import json as standard_json
import operator
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from av2a.detector import detect
from av2a.errors import MissingFile, NotMedia
from av2a.exports import json
from av2a.settings import Settings
from av2a.types import Detection
from av2a.world import make_scene, write_clip
from tests.detections import agreeing, clip, detection, empty, hostile, park
from tests.exports.answers import Recipe, made, recipes


@pytest.fixture(scope="module")
def small_scene_answer(tmp_path_factory: pytest.TempPathFactory) -> Detection:
    """What ``mini`` found in a scene of the generated world."""
    path = tmp_path_factory.mktemp("scene") / "scene.mp4"
    scene = make_scene(3, duration_seconds=6)
    write_clip(scene, path)
    return detect(path, [*dict.fromkeys(each.label for each in scene.occurrences), "kettle"], backbone="mini")


def valid(plain: object, root: Path) -> None:
    schema = standard_json.loads((root / "src/av2a/exports/detection.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(plain)


@given(recipes())
def test_an_answer_comes_back_equal_with_and_without_its_traces(recipe: Recipe) -> None:
    answer = made(recipe)
    text = json.dumps(answer, traces=True)
    back = json.loads(text)
    assert json.dumps(back, traces=True) == text
    assert (back, hash(back)) == (answer, hash(answer))
    assert type(back.settings) is type(answer.settings)
    assert (back.events, back.caution) == (answer.events, answer.caution)
    assert json.loads(json.dumps(answer)) == replace(answer, traces=())


def test_what_a_real_detection_found_comes_back_equal(small_scene_answer: Detection) -> None:
    assert small_scene_answer.events
    back = json.loads(json.dumps(small_scene_answer, traces=True))
    assert back == small_scene_answer
    assert json.loads(json.dumps(small_scene_answer)) == replace(small_scene_answer, traces=())


@settings(max_examples=50)
@given(recipes(), st.floats(1e-3, 11.0))
def test_no_event_ends_beyond_the_duration_in_the_same_document(recipe: Recipe, duration_seconds: float) -> None:
    answer = made(recipe)
    events = [
        replace(each, stop_seconds=duration_seconds) for each in answer.events if each.start_seconds < duration_seconds
    ]
    plain = json.as_dict(replace(answer, clip=clip(duration_seconds), events=tuple(events)))
    for each in plain["events"]:
        assert 0 <= each["start"] < each["end"] <= plain["media"]["duration_seconds"]


def test_a_setting_that_is_newer_than_the_file_has_its_profiles_value() -> None:
    for profile, expected in (("released", True), ("mine", False)):
        plain = json.as_dict(replace(park(), settings=Settings.released().replace(decay=0.5)))
        plain["settings"]["profile"] = profile
        del plain["settings"]["keep_best"]
        settings = json.loads(standard_json.dumps(plain)).settings
        assert (settings.profile, settings.keep_best, settings.decay) == (profile, expected, 0.5)


def test_what_models_ran_on_comes_back_and_older_answers_without_it_are_read() -> None:
    answer = park()
    answer = replace(answer, backbone=replace(answer.backbone, device="cuda:0", precision="bfloat16"))
    text = json.dumps(answer)
    assert json.loads(text).backbone == answer.backbone
    plain = standard_json.loads(text)
    del plain["backbone"]["device"], plain["backbone"]["precision"]
    older = json.loads(standard_json.dumps(plain)).backbone
    assert (older.device, older.precision) == ("cpu", "float32")


@pytest.mark.parametrize("answer", [park(), empty(), hostile(), detection(of=clip(picture=False))])
@pytest.mark.parametrize("traces", [False, True])
def test_the_schema_describes_every_answer(answer: Detection, traces: bool, root: Path) -> None:
    valid(standard_json.loads(json.dumps(answer, traces=traces)), root)


@pytest.mark.parametrize("missing", ["events", "labels", "settings", "media"])
def test_the_schema_refuses_an_answer_with_a_part_missing(missing: str, root: Path) -> None:
    plain = json.as_dict(park())
    del plain[missing]
    with pytest.raises(jsonschema.ValidationError, match=missing):
        valid(plain, root)


def test_the_schema_refuses_an_unknown_modality(root: Path) -> None:
    plain = json.as_dict(park())
    plain["events"][0]["modality"] = "smelled"
    with pytest.raises(jsonschema.ValidationError, match="smelled"):
        valid(plain, root)


def test_traces_come_back_with_their_gaps() -> None:
    back = json.loads(json.dumps(park(), traces=True))
    for trace, original in zip(back.traces, park().traces, strict=True):
        assert trace.modality is original.modality
        assert trace.rejected == original.rejected
        assert np.array_equal(trace.selected, original.selected)
        assert np.allclose(trace.scores, original.scores, atol=6e-5, equal_nan=True)
        assert np.allclose(trace.thresholds, original.thresholds, atol=6e-5, equal_nan=True)
    derived = [trace.derived for trace in json.loads(json.dumps(agreeing(), traces=True)).traces]
    assert derived == [trace.derived for trace in agreeing().traces]


def test_nothing_tells_where_or_when_the_run_was_made(tmp_path: Path) -> None:
    here, there = tmp_path / "here" / "park.mp4", Path("/elsewhere/park.mp4")
    texts = {json.dumps(detection(of=clip(path=path)), traces=True) for path in (here, there)}
    assert len(texts) == 1
    assert str(tmp_path) not in texts.pop()


def test_what_is_not_a_number_is_null() -> None:
    text = json.dumps(park(), traces=True)
    assert "NaN" not in text
    assert "null" in text
    assert "Infinity" not in text


def test_a_file_name_that_is_not_unicode_is_written_and_read(tmp_path: Path) -> None:
    answer = detection(of=clip(path=Path("caf\udce9.mp4")))
    json.write(answer, tmp_path / "out.json")
    assert json.read(tmp_path / "out.json").clip.name == "caf\udce9.mp4"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "av2a/detection/2"}', "not json", "3"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(NotMedia, match="not an av2a detection"):
        json.loads(text)


def test_a_setting_of_another_version_is_refused() -> None:
    plain = json.as_dict(park())
    plain["settings"]["temperature"] = 0.5
    with pytest.raises(NotMedia, match="temperature"):
        json.loads(standard_json.dumps(plain))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="no such file"):
        json.read(tmp_path / "out.json")


# Damaged and hostile files.

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=5) | st.just("../x"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_PLAIN = {name: json.as_dict(answer, traces=True) for name, answer in {"found": park(), "nothing": empty()}.items()}


def _places(plain: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    entries = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    for key, value in entries:
        yield (*path, key)
        # The scores are all alike.
        if key not in ("scores", "thresholds", "selected", "window_scores", "background"):
            yield from _places(value, (*path, key))


@pytest.mark.usefixtures("without_shape_checks")
@settings(max_examples=400)
@given(st.data())
def test_a_changed_file_is_refused_in_one_line_or_read_as_an_answer_that_can_be_written(data: st.DataObject) -> None:
    plain = copy.deepcopy(_PLAIN[data.draw(st.sampled_from(sorted(_PLAIN)))])
    *path, last = data.draw(st.sampled_from(list(_places(plain))))
    inner = functools.reduce(operator.getitem, path, plain)
    if data.draw(st.booleans()):
        inner[last] = data.draw(_JSON)
    else:
        del inner[last]
    try:
        answer = json.loads(standard_json.dumps(plain))
    except NotMedia:
        return
    assert json.loads(json.dumps(answer, traces=True)) == answer
    assert hash(answer) == hash(answer)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "", "a/b.mp4"])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    plain = json.as_dict(park())
    plain["media"]["name"] = name
    with pytest.raises(NotMedia, match="is no file name"):
        json.loads(standard_json.dumps(plain))


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(NotMedia):
        json.loads("[" * 100_000)
