"""Which moments of an answer are cut, and what their clips are called."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from av2a.errors import InvalidSetting, UnknownLabel
from av2a.media import moments, united
from av2a.media.clip_names import clip_name, folded
from tests.detections import BOTH, HEARD, HOSTILE_LABELS, SEEN, clip, detection, event

FORBIDDEN = set('<>:"/\\|?* ') | {chr(number) for number in range(32)}
DEVICES = {"con", "prn", "aux", "nul", *(f"{kind}{number}" for kind in ("com", "lpt") for number in range(10))}

ANSWER = detection(
    [
        event("dog barking", HEARD, 2, 5),
        event("dog barking", SEEN, 0, 3),
        event("dog barking", BOTH, 2, 3),
        event("speech", HEARD, 8, 10),
    ]
)


def is_safe(name: str) -> bool:
    """Whether Windows, macOS and Linux take a file of this name and an ending."""
    return (
        not FORBIDDEN & set(name)
        and not any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn") for letter in name)
        and name.partition(".")[0].lower() not in DEVICES
        and name[0] not in ".-"
        and name[-1] not in ". "
        and len(name.encode()) <= 138
    )


@settings(max_examples=50)
@given(st.text(), st.floats(0, 90_000), st.text(), st.sampled_from(["heard", "seen", "both"]))
def test_every_name_is_safe(video: str, start: float, label: str, stream: str) -> None:
    assert is_safe(clip_name(video, start, label, stream))


@pytest.mark.parametrize(
    "label", [*HOSTILE_LABELS, "", ".", "..", "CON", "../../etc", "\ud800", "👩‍👩‍👧" * 40, "犬の鳴き声" * 30]
)
@pytest.mark.parametrize(
    "video", ["park", "nul", "NUL.mp4", ".hidden", "-rf", "a" * 300, "видео", "مقطع\u202e", "\U0001f415"]
)
def test_hostile_words_make_safe_names(video: str, label: str) -> None:
    assert is_safe(clip_name(video, 1.5, label, "heard"))


@pytest.mark.parametrize("name", ["nul", "con.x", "a:b", "a/b", ".a", "a.", "-a", "a\u202eb", "é" * 70, "a\n"])
def test_an_unsafe_name_is_noticed(name: str) -> None:
    assert not is_safe(name)


@pytest.mark.parametrize(
    ("label", "part"),
    [
        ("dog barking", "dog-barking"),
        ("犬の鳴き声", "犬の鳴き声"),
        ("كلب ينبح", "كلب-ينبح"),
        ("e\u0301tude", "étude"),
        ("🐕 barking", "dog-barking"),
        ("don't", "dont"),
        ("=1+1", "1-1"),
        ("???", "event"),
    ],
)
def test_names_keep_what_can_be_read(label: str, part: str) -> None:
    assert clip_name("park", 12.3, label, "heard") == f"park_00-12.300_{part}_heard"


@given(st.lists(st.text(alphabet="aAäÄ?!. ß", max_size=3), max_size=12))
def test_no_two_names_of_an_answer_are_one_file(labels: list[str]) -> None:
    taken: set[str] = set()
    for label in labels:
        name = clip_name("park", 1.0, label, "heard", taken)
        assert folded(name) not in taken and is_safe(name)
        taken.add(folded(name))


def test_moments_come_in_the_order_of_their_starts() -> None:
    found = moments(ANSWER)
    assert [moment.name for moment in found] == [
        "park_00-00.000_dog-barking_seen",
        "park_00-02.000_dog-barking_both",
        "park_00-02.000_dog-barking_heard",
        "park_00-08.000_speech_heard",
    ]
    assert [(moment.start_seconds, moment.stop_seconds) for moment in found] == [(0, 3), (2, 3), (2, 5), (8, 10)]


def test_labels_and_streams_choose() -> None:
    assert len(moments(ANSWER, labels=["speech"])) == 1
    assert [moment.event.modality for moment in moments(ANSWER, streams=[SEEN, BOTH])] == [SEEN, BOTH]
    assert moments(ANSWER, labels=["siren"]) == []
    with pytest.raises(UnknownLabel, match="did you mean 'speech'"):
        moments(ANSWER, labels=["speach"])


def test_padding_ends_with_the_clip() -> None:
    found = moments(ANSWER, pad_seconds=0.5)
    assert [(moment.start_seconds, moment.stop_seconds) for moment in found] == [
        (0, 3.5),
        (1.5, 3.5),
        (1.5, 5.5),
        (7.5, 10),
    ]
    for wrong in (-0.1, float("nan"), float("inf")):
        with pytest.raises(InvalidSetting, match="pad_seconds must be 0 or more"):
            moments(ANSWER, pad_seconds=wrong)


def test_intervals_that_overlap_are_united() -> None:
    assert united(moments(ANSWER)) == [(0, 5), (8, 10)]
    assert united([]) == []


def test_events_that_differ_in_nothing_have_names_of_their_own() -> None:
    twice = detection([event("a?", HEARD, 1, 2), event("A!", HEARD, 1, 2)], ["a?", "A!"], of=clip(path=Path("x.mp4")))
    assert [moment.name for moment in moments(twice)] == ["x_00-01.000_a_heard", "x_00-01.000_A_heard-2"]
