"""The report page: complete in itself, safe whatever the labels, readable without JavaScript."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from av2a.exports.json import as_dict
from av2a.figures import report
from av2a.figures.looks import LOOKS
from av2a.figures.report import write_report
from av2a.settings import Fusion, Settings, ValidationRule
from av2a.types import CAUTION, Detection, Event
from tests.detections import (
    BOTH,
    HEARD,
    HOSTILE_LABELS,
    agreeing,
    clip,
    crowded,
    detection,
    empty,
    event,
    hostile,
    long_recording,
    many_labels,
    park,
    park_truth,
)

VOID = {"meta", "input", "br", "img", "link"}


class Page(HTMLParser):
    """A page as a parser sees it: its elements, and the text inside each kind of element."""

    def __init__(self, source: str, *, strict: bool = True) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.strict = strict
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        last = self.open.pop() if self.open else None
        assert not self.strict or last == tag, f"</{tag}> closes {last}"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and all(attributes.get(key.rstrip("_")) == value for key, value in wanted.items())
        ]

    def inside(self, tag: str) -> list[str]:
        return [data for name, data in self.texts if name == tag]


def source(answer: Detection, folder: Path, truth: Sequence[Event] = ()) -> str:
    write_report(answer, folder / "report.html", truth)
    return (folder / "report.html").read_text(encoding="utf-8")


def page(answer: Detection, folder: Path, truth: Sequence[Event] = ()) -> Page:
    return Page(source(answer, folder, truth))


def test_every_element_is_closed(tmp_path: Path) -> None:
    for answer in (park(), empty(), hostile(), replace(park(), traces=()), detection(of=clip(picture=False))):
        assert page(answer, tmp_path, park_truth()).open == []


def test_every_event_has_a_row_and_a_button_that_plays_from_it(tmp_path: Path) -> None:
    read = page(park(), tmp_path)
    buttons = [button for button in read.all("button") if "data-start" in button]
    assert [float(button["data-start"]) for button in buttons] == [one.start_seconds for one in park().events]
    assert buttons[2]["aria-label"] == "Play from 0:03"
    assert len(read.all("tr")) == 1 + len(park().events)


def test_every_event_is_a_bar_at_its_place(tmp_path: Path) -> None:
    bars = [bar for bar in page(park(), tmp_path).all("rect") if bar.get("class") == "bar audio" and "x" in bar]
    assert [(bar["x"], bar["width"]) for bar in bars] == [("30%", "20%"), ("10%", "30%"), ("80%", "20%")]


def test_truth_is_outlined_where_it_is_known(tmp_path: Path) -> None:
    def outlines(truth: Sequence[Event]) -> int:
        return sum("x" in bar for bar in page(park(), tmp_path, truth).all("rect", class_="bar truth"))

    assert outlines(park_truth()) == len(park_truth())
    assert outlines(()) == 0


def test_each_lane_says_in_words_what_it_shows(tmp_path: Path) -> None:
    spoken = [svg["aria-label"] for svg in page(park(), tmp_path).all("svg", class_="lane")]
    assert spoken[:3] == [
        "dog barking, heard: 0:03 to 0:05",
        "dog barking, seen: 0:00 to 0:07",
        "dog barking, both: 0:03 to 0:05",
    ]


def test_each_label_and_modality_has_its_scores_and_threshold(tmp_path: Path) -> None:
    read = page(park(), tmp_path)
    # Two labels of three were selected, in three modalities.
    assert len(read.all("path", class_="score")) == len(read.all("path", class_="threshold")) == 6
    assert sum("Not selected: its best score over a window, 0.300" in text for text in read.inside("p")) == 3


def test_an_empty_answer_says_what_came_closest(tmp_path: Path) -> None:
    words = page(empty(), tmp_path).inside("p")
    assert "None of the labels was found" in words
    assert "Closest: 'siren' heard at 0:04–0:05, score 0.871 against a threshold of 0.929." in words


def test_warnings_are_open_to_see(tmp_path: Path) -> None:
    assert "the backbone 'mini' knows only its own generated world" in page(park(), tmp_path).inside("li")
    assert "sound ends at 9.8 s" in page(park(), tmp_path).inside("li")


def test_the_page_holds_the_answer_for_programs(tmp_path: Path) -> None:
    for answer in (park(), hostile()):
        (island,) = re.findall(r'<script type="application/json" id="result">(.*?)</script>', source(answer, tmp_path))
        assert json.loads(island) == as_dict(answer)


def test_the_page_asks_nothing_of_a_network(tmp_path: Path) -> None:
    read = page(hostile(), tmp_path, park_truth())
    assert read.all("link") == []
    addresses = [
        attributes[key] for _, attributes in read.elements for key in ("src", "href", "action") if key in attributes
    ]
    assert addresses
    assert all(re.fullmatch(r"#scores-\d+", address) for address in addresses)
    assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", report._resource("report.css"))


def test_the_policy_admits_the_pages_own_style_and_script_and_no_other(tmp_path: Path) -> None:
    read = page(park(), tmp_path)
    (policy,) = (meta["content"] for meta in read.all("meta") if "http-equiv" in meta)
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for kind in ("style", "script"):
        own = read.inside(kind)[-1]
        digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_no_element_carries_code_or_style_of_its_own(tmp_path: Path) -> None:
    for _, attributes in page(hostile(), tmp_path, park_truth()).elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]


def test_hostile_labels_add_no_element(tmp_path: Path) -> None:
    read = page(hostile(), tmp_path)
    assert len(read.all("script")) == 2
    assert read.all("img") == []
    titles = {element.get("title") for element in read.all("bdi")}
    assert set(HOSTILE_LABELS) <= titles


def test_a_hostile_file_name_adds_no_element(tmp_path: Path) -> None:
    read = page(detection(of=clip(path=Path("<img src=x onerror=alert(1)>.mp4"))), tmp_path)
    assert read.all("img") == []
    assert "<img src=x onerror=alert(1)>.mp4 · av2a" in read.inside("title")


def test_a_label_of_ten_thousand_characters_is_cut_for_the_eye(tmp_path: Path) -> None:
    shown = [text for text in page(hostile(), tmp_path).inside("bdi") if text.startswith("xxx")]
    assert shown
    assert {len(text) for text in shown} == {80}


def test_a_small_video_becomes_part_of_the_page(tmp_path: Path) -> None:
    (tmp_path / "park.mp4").write_bytes(b"moving pictures")
    (video,) = page(detection(of=clip(path=tmp_path / "park.mp4")), tmp_path).all("video")
    assert video["src"] == "data:video/mp4;base64," + base64.b64encode(b"moving pictures").decode()


def test_a_large_video_is_linked_from_where_the_page_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "EMBEDDED_BYTES", 10)
    (tmp_path / "my clips").mkdir()
    (tmp_path / "pages").mkdir()
    file = tmp_path / "my clips" / "park #1?.mp4"
    file.write_bytes(b"moving pictures")
    read = page(detection(of=clip(path=file)), tmp_path / "pages")
    assert read.all("video")[0]["src"] == "./../my%20clips/park%20%231%3F.mp4"
    assert any("played from its place" in text for text in read.inside("p"))


def test_sound_alone_gets_a_sound_player(tmp_path: Path) -> None:
    (tmp_path / "bark.wav").write_bytes(b"RIFF")
    answer = detection([event("dog barking", HEARD, 1, 2)], of=clip(path=tmp_path / "bark.wav", picture=False))
    read = page(answer, tmp_path)
    assert read.all("video") == []
    assert read.all("audio")[0]["src"].startswith("data:audio/wav;base64,")


def test_a_file_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    read = page(park(), tmp_path)
    assert read.all("video") == read.all("audio") == []
    assert any("park.mp4 was not found" in text for text in read.inside("p"))


def test_three_hours_of_sixty_labels_stay_a_page_that_opens(tmp_path: Path) -> None:
    assert len(source(crowded(60, 10_800.0), tmp_path)) < 6_000_000


def test_an_answer_without_traces_says_so(tmp_path: Path) -> None:
    words = page(replace(park(), traces=()), tmp_path).inside("p")
    assert "The scores were not kept with this result." in words


def test_late_fusion_has_no_scores_of_both_and_says_so(tmp_path: Path) -> None:
    late = detection([], ["siren", "speech"], settings=Settings(fusion=Fusion.LATE))
    heard, seen, both = late.traces
    without = replace(both, scores=np.full_like(both.scores, np.nan), window_scores=both.window_scores * np.nan)
    words = page(replace(late, traces=(heard, seen, without)), tmp_path).inside("p")
    assert sum("late fusion has no score of its own" in text for text in words) == 2


def test_rejected_candidates_are_drawn_and_told_with_their_score(tmp_path: Path) -> None:
    read = page(park(), tmp_path)
    (bar,) = read.all("rect", class_="bar rejected")
    assert (bar["x"], bar["width"]) == ("80%", "20%")
    assert "rejected 0:08–0:10, score 0.712" in read.inside("title")
    (words,) = (text for text in read.inside("p") if text.startswith("Rejected: "))
    assert "0:08–0:10 (score 0.712); the whole interval does not score above 0.886" in words
    strongest = replace(park(), settings=Settings(validation_rule=ValidationRule.ARGMAX))
    assert any("another label is stronger" in text for text in page(strongest, tmp_path).inside("p"))


def test_parts_that_come_from_the_other_modalities_are_pale_and_explained(tmp_path: Path) -> None:
    read = page(agreeing(), tmp_path)
    pale = {bar["class"]: (bar["x"], bar["width"]) for bar in read.all("rect") if "derived" in bar.get("class", "")}
    assert pale == {
        "bar derived audio": ("40%", "20%"),
        "bar derived visual": ("10%", "10%"),
        "bar derived audio_visual": ("30%", "10%"),
    }
    words = read.inside("p")
    assert "From the fused score: 0:04–0:06." in words
    assert "From heard and seen: 0:03–0:04." in words
    assert any(text.startswith("pale: ") for text in read.inside("li"))
    assert not any(text.startswith("pale: ") for text in page(park(), tmp_path).inside("li"))


def test_mini_on_a_real_video_has_a_banner_under_the_title(tmp_path: Path) -> None:
    def banner(answer: Detection) -> str:
        header = source(answer, tmp_path).partition("<header>")[2].partition("</header>")[0]
        return header.partition("</h1>")[2]

    assert CAUTION in banner(replace(park(), warnings=(CAUTION,)))
    assert "caution" not in banner(park())


def test_bars_that_would_merge_are_shaded_by_coverage(tmp_path: Path) -> None:
    read = page(long_recording(7200.0, events=4211), tmp_path)
    bars = [bar for bar in read.all("rect") if "bar" in bar.get("class", "").split() and "x" in bar]
    shaded = [bar for bar in bars if "shade" in bar["class"]]
    assert len({bar["opacity"] for bar in shaded}) > 2
    # Bins, not one bar an event.
    assert len(bars) < 4211 / 2
    assert not any("shade" in bar.get("class", "") for bar in page(park(), tmp_path).all("rect"))


def test_a_long_list_of_labels_not_found_is_folded(tmp_path: Path) -> None:
    few, many = page(park(), tmp_path), page(many_labels(309, 3), tmp_path)
    assert few.all("details", class_="missed") == []
    (folded,) = many.all("details", class_="missed")
    assert "open" not in folded
    assert "306 labels not found" in many.inside("summary")


def test_both_alone_is_explained_in_one_line(tmp_path: Path) -> None:
    def explained(answer: Detection) -> int:
        return sum("score of its own here" in text for text in page(answer, tmp_path).inside("p"))

    assert explained(park()) == 0
    assert explained(detection([event("siren", BOTH, 1, 2)], ["siren"])) == 1


def test_the_page_uses_the_colours_of_pictures_and_terminal(tmp_path: Path) -> None:
    style = page(park(), tmp_path).inside("style")[0]
    for modality, look in LOOKS.items():
        assert f"--{modality.value}:{look.colour}" in style
        assert f"--{modality.value}:{look.dark_colour}" in style
