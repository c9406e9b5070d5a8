"""The report page in a real browser, at the size of a laptop and of a phone. Skipped where there is no Chromium."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from av2a import world as generated_world
from av2a.figures.report import write_report
from av2a.types import Detection
from tests.detections import (
    BOTH,
    HEARD,
    HOSTILE_LABELS,
    SEEN,
    clip,
    detection,
    event,
    hostile,
    long_recording,
    many_labels,
    park,
    park_truth,
)
from tests.media_makers import write_wave

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on this machine")

LAPTOP, PHONE = (1280, 720), (360, 640)
QUIET = ["no-sandbox", "disable-gpu", "disable-background-networking", "disable-component-update", "disable-sync"]

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=BROWSER, args=[f"--{flag}" for flag in QUIET])
        yield running
        running.close()


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "park.mp4"
    generated_world.write_clip(generated_world.make_scene(1), path)
    return path


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Opens an answer's page. Whatever the console says, an error, or a request to any place but the page's own fails the test."""
    wrong: list[str] = []
    contexts = []

    def open_page(answer: Detection, size: tuple[int, int] = LAPTOP, *, dark: bool = False, **features: Any) -> Any:
        path = tmp_path / "report.html"
        write_report(answer, path, park_truth() if answer.labels == park().labels else ())
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light", **features
        )
        # A loaded machine is no failure.
        context.set_default_timeout(180_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: wrong.extend(outside([request.url])))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def outside(addresses: list[str]) -> list[str]:
    """Those that are not of this page."""
    return [address for address in addresses if not address.startswith(("file:", "data:"))]


def on(answer: Detection, video: Path) -> Detection:
    """The answer, of a video that can be played."""
    return replace(answer, clip=replace(answer.clip, path=video))


def box(page: Any, selector: str) -> dict[str, float]:
    found: dict[str, float] = page.locator(selector).first.bounding_box()
    return found


def test_hostile_labels_run_nothing_and_add_no_element(opened: Open) -> None:
    page = opened(hostile())
    assert page.title() == "park.mp4 · av2a"
    assert page.locator("html.scripted").count() == 1
    assert page.locator("script").count() == 2
    assert page.locator("img").count() == 0


def test_a_label_that_is_not_escaped_would_be_noticed(browser: Any, tmp_path: Path) -> None:
    broken = f"<!doctype html><title>whole</title><body><p>{HOSTILE_LABELS[0]}{HOSTILE_LABELS[1]}</p>"
    (tmp_path / "broken.html").write_text(broken)
    page = browser.new_page()
    page.goto((tmp_path / "broken.html").as_uri())
    assert page.title() == "broken"
    page.close()


@pytest.mark.parametrize(("labels", "found"), [(309, 300), (1000, 3), (1000, 991)])
def test_however_many_labels_the_video_is_on_the_first_screen(
    opened: Open, video: Path, labels: int, found: int
) -> None:
    page = opened(on(replace(many_labels(labels, found, of=clip(60.0)), traces=()), video))
    for size in (LAPTOP, PHONE):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        video_box = box(page, "video")
        assert video_box["y"] + video_box["height"] <= size[1]


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_play_from_keeps_the_readers_place_and_the_video_in_view(
    opened: Open, video: Path, size: tuple[int, int]
) -> None:
    page = opened(on(long_recording(10.0, events=90, of=clip(10.0)), video), size)
    button = page.locator("button[data-start]").nth(60)
    button.scroll_into_view_if_needed()
    before = page.evaluate("() => scrollY"), button.bounding_box()
    button.click()
    page.wait_for_function("() => document.querySelector('video').currentTime > 0")
    assert (page.evaluate("() => scrollY"), button.bounding_box()) == before
    video_box = box(page, "video")
    assert video_box["y"] >= 0 and video_box["y"] + video_box["height"] <= size[1]


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_a_player_of_sound_alone_stays_in_view(opened: Open, tmp_path: Path, size: tuple[int, int]) -> None:
    sound = write_wave(tmp_path / "park.wav", np.zeros((1, 80_000)), 8000, sample_bytes=2)
    answer = long_recording(10.0, events=90, of=clip(10.0, path=sound, picture=False))
    page = opened(answer, size)
    page.locator("#scores-5").scroll_into_view_if_needed()
    assert page.evaluate("() => scrollY") > 0
    player = box(page, "audio")
    assert player["y"] >= 0 and player["y"] + player["height"] <= size[1]


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_the_position_is_aligned_with_the_lanes(opened: Open, size: tuple[int, int]) -> None:
    page = opened(park(), size)
    slider, lane = box(page, "[role=slider]"), box(page, ".row:not(.top) .track")
    assert (slider["x"], slider["width"]) == pytest.approx((lane["x"], lane["width"]), abs=0.5)
    page.mouse.click(slider["x"] + slider["width"] * 0.3, slider["y"] + 5)
    bar = box(page, "rect.bar.audio")
    assert box(page, "#playhead")["x"] == pytest.approx(bar["x"], abs=2.0)


def test_an_arrow_key_moves_one_segment(opened: Open) -> None:
    page = opened(park())
    slider = page.get_by_role("slider")
    slider.focus()
    positions = []
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "End", "Home", "Shift+ArrowRight", "PageDown"):
        page.keyboard.press(key)
        positions.append(float(slider.get_attribute("aria-valuenow")))
    assert positions == [1, 2, 1, 10, 0, 10, 0]
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert page.locator("#now").text_content() == "speech (heard)"
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.locator("#now").text_content() == "dog barking (heard, seen, both), speech (heard)"


def test_start_times_can_be_read_on_a_phone(opened: Open) -> None:
    labels = ["a label with a good many words in it", "unbreakable" * 7]
    events = [event(label, BOTH, 3601 + at, 3603 + at) for label in labels for at in (0, 5)]
    page = opened(detection(events, labels, of=clip(7200.0)), PHONE)
    for row in page.locator("td.number button").all():
        cell = row.bounding_box()
        assert cell["x"] >= 0 and cell["x"] + cell["width"] <= PHONE[0]
    assert page.evaluate("() => document.documentElement.scrollWidth") == PHONE[0]
    assert page.locator("td button").first.text_content() == "1:00:01"
    # So that common words are not cut in two.
    assert box(page, "td:has(.label)")["width"] > 70


def test_the_filter_narrows_rows_and_table(opened: Open) -> None:
    answer = replace(long_recording(7200.0, events=4211), traces=())
    page = opened(answer)
    total = page.locator("tr[data-event]").count()
    assert total > 4000
    page.fill("#filter", "SOUND 11")
    visible = page.evaluate("() => document.querySelectorAll('tr[data-event]:not([hidden])').length")
    assert visible == len(answer["sound 11"])
    assert page.locator(".row[data-label]:visible h3").all_text_contents() == ["sound 11"]
    assert page.locator("#match-count").text_content() == "1 of 12"
    page.locator(".tools input[value=audio]").uncheck()
    assert page.locator("tr[data-stream=audio]:visible").count() == 0
    assert page.locator("tr[data-stream=visual]:visible").count() > 0


def test_the_filter_narrows_charts(opened: Open) -> None:
    page = opened(park())
    assert page.locator(".scores[data-label]:visible").count() == 2
    page.fill("#filter", "spee")
    assert page.locator(".scores[data-label]:visible").get_attribute("id") == "scores-1"


def test_zoom_turns_shades_into_bars_and_follows_the_position(opened: Open) -> None:
    answer = replace(long_recording(7200.0, events=2000), traces=())
    page = opened(answer)
    first = "() => document.querySelectorAll('.row[data-label=\"0\"] [data-stream=audio] .bar.audio').length"
    assert page.locator(".shade").count() > 0
    page.get_by_role("slider").focus()
    page.keyboard.press("End")
    for _ in range(6):
        page.keyboard.press("+")
    assert page.locator(".shade").count() == 0
    assert page.evaluate(first) == sum((one.label, one.modality) == ("sound 0", HEARD) for one in answer.events)
    playhead, pane = box(page, "#playhead"), box(page, "#pane")
    assert pane["x"] <= playhead["x"] <= pane["x"] + pane["width"]
    # The ruler has times within the view at every zoom.
    assert page.locator(".ruler text").count() > 100
    page.keyboard.press("Home")
    assert page.evaluate("() => document.getElementById('pane').scrollLeft") == 0


def test_shades_of_the_script_are_those_of_the_page(opened: Open, browser: Any, tmp_path: Path) -> None:
    answer = replace(long_recording(7200.0, events=2000), traces=())
    drawn = "() => [...document.querySelectorAll('.shade')].map((bar) => ['x', 'width', 'opacity'].map((key) => parseFloat(bar.getAttribute(key) ?? 1)))"
    with_script = opened(answer).evaluate(drawn)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((tmp_path / "report.html").as_uri())
    assert with_script == [pytest.approx(each, abs=2e-3) for each in page.evaluate(drawn)]
    context.close()


def test_rejected_candidates_are_shown_on_request(opened: Open) -> None:
    page = opened(park())
    assert not page.locator(".lane .rejected").first.is_visible()
    page.get_by_label("rejected").check()
    assert page.locator(".lane .rejected").first.is_visible()


def test_a_label_leads_to_its_folded_scores(opened: Open) -> None:
    page = opened(many_labels(40, 30))
    assert page.locator("#scores-35").get_attribute("open") is None
    page.goto(page.url + "#scores-35")
    assert page.locator("#scores-35 .charts").is_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_reaches_beyond_the_page(opened: Open, dark: bool) -> None:
    for answer in (park(), hostile(), detection([event("犬が吠える" * 9, SEEN, 1, 2)], ["犬が吠える" * 9])):
        page = opened(answer, dark=dark)
        for size in (LAPTOP, PHONE):
            page.set_viewport_size({"width": size[0], "height": size[1]})
            assert page.evaluate("() => document.documentElement.scrollWidth") <= size[0]


def test_without_javascript_the_page_reads(opened: Open) -> None:
    page = opened(park(), java_script_enabled=False)
    assert page.locator("tr[data-event]").first.is_visible()
    assert page.locator("rect.bar.audio").first.is_visible()
    assert not page.locator(".tools").is_visible()
    assert page.locator(".legend li").count() == 4


def test_with_reduced_motion_nothing_moves_but_the_position(opened: Open, video: Path) -> None:
    page = opened(on(park(), video), reduced_motion="reduce")
    page.locator("button[data-start]").nth(2).click()
    page.wait_for_function("() => document.querySelector('video').currentTime > 3.3")
    page.wait_for_function("() => document.querySelector('#clock').textContent > '0:03.0'")
