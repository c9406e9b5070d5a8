"""The page in a real browser: each step of the job, by mouse and by keyboard, and what it looks like to a screen reader."""

import functools
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from av2a import Detector, exports, media
from av2a.features import FeatureSource
from av2a.figures.looks import LOOKS
from av2a.service.answers import plain_answer
from av2a.service.desk import rendered_demo
from av2a.service.scores import STREAMS, SegmentScores
from av2a.settings import Settings
from tests.service.running import Running, kill_workers, running, stopped_workers

pytestmark = pytest.mark.slow

LABELS = ["rooster crowing", "helicopter flying", "dog barking", "bus passing", "violin"]
HOSTILE = ["<img src=x onerror=alert(1)>", "نباح الكلب", "狗叫声", "🚑 siren", 'a "quoted", label']
AXE = Path(__file__).parent / "vendor" / "axe-4.10.3.min.js"

Open = Callable[..., Any]


def dropped(page: Any, *files: Path) -> None:
    page.set_input_files("#files", [str(file) for file in files])


def asked(page: Any, labels: str) -> None:
    """Type labels, press Enter, and wait for the confirmed answer."""
    page.fill("#labels-text", labels)
    page.press("#labels-text", "Enter")
    page.wait_for_function("() => window.av2a.watch.answer !== null")
    settled(page)


def settled(page: Any) -> None:
    """Wait until the server has confirmed what is shown, and the scores are there."""
    page.wait_for_function(
        """() => { const w = window.av2a.watch;
        return w.answer && !w.isPreview && document.getElementById("stage-of-answer").textContent === "" && (w.scoresKey === w.answer.scores || !w.answer.moves) && !w.busy && !["saving", "stale"].includes(w.corrections.state); }"""
    )


def shown(page: Any) -> list[Any]:
    """The events on the lanes."""
    events: list[Any] = page.evaluate(
        "() => window.av2a.watch.events.map((e) => [e.label, e.stream, e.start, e.stop, e.touched ?? ''])"
    )
    return events


@functools.cache
def looked_through(path: Path) -> tuple[Detector, FeatureSource]:
    detector = Detector("mini")
    return detector, detector.source(media.open_clip(path), Settings())


def expected(path: Path, labels: list[str], settings: dict[str, Any]) -> list[Any]:
    detector, source = looked_through(path)
    answer = plain_answer(detector.answer(source, labels, Settings.of(settings)))
    return [[labels[event[0]], event[1], event[2], event[3], ""] for event in answer["events"]]


def in_order(events: list[Any]) -> list[Any]:
    return sorted(events, key=lambda event: (event[2], event[3], event[0], event[1]))


@pytest.fixture(scope="module")
def with_demo(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Puts the demo scene, which is rendered once, into a server's folder."""
    path = rendered_demo(tmp_path_factory.mktemp("demo"))

    def put(home: Path) -> Path:
        (home / "demo").mkdir(parents=True)
        shutil.copy(path, home / "demo")
        return home

    return put


@pytest.fixture
def watching(opened: Open, server: Running, scenes: list[Path]) -> Any:
    """The page with a scene opened and looked through."""
    known = next((video for video in server.videos().values() if video["name"] == scenes[0].name), None)
    video = known or server.upload(scenes[0])
    server.answer(video["id"], LABELS)
    path = f"/api/videos/{video['id']}/corrections"
    revision = server.call("GET", path).json()["revision"]
    server.call("PUT", path, {"revision": revision, "operations": []})
    page = opened()
    page.goto(f"{server.base}/#/video/{video['id']}")
    settled(page)
    return page


def test_a_dropped_file_is_looked_through_and_other_labels_are_quick(
    opened: Open, server: Running, scenes: list[Path]
) -> None:
    page = opened()
    dropped(page, scenes[1])
    page.wait_for_selector("#watch:not([hidden])")
    asked(page, ", ".join(LABELS))
    assert shown(page) == in_order(expected(scenes[1], LABELS, {}))
    # What is dropped next is looked through for the same.
    page.wait_for_function("(labels) => window.av2a.state.lists[0]?.join() === labels", arg=",".join(LABELS))
    asked(page, "rain\nviolin")
    page.wait_for_function("() => window.av2a.watch.answer.labels.length === 2")
    settled(page)
    assert shown(page) == in_order(expected(scenes[1], ["rain", "violin"], {}))
    # Back to all videos and forward again; then the page is loaded anew.
    page.go_back()
    page.wait_for_selector("#home:not([hidden])")
    page.go_forward()
    page.wait_for_selector("#watch:not([hidden])")
    page.reload()
    settled(page)
    assert page.evaluate("() => window.av2a.watch.answer.labels") == ["rain", "violin"]


def test_several_files_queue_up_and_are_shown_with_their_state(
    opened: Open, server: Running, scenes: list[Path]
) -> None:
    server.answer(server.upload(scenes[0], "first.mp4")["id"], LABELS)
    page = opened()
    dropped(page, scenes[1], scenes[2])
    page.wait_for_function("() => [...window.av2a.state.videos.values()].filter((v) => v.state === 'done').length >= 3")
    page.wait_for_function("() => document.querySelectorAll('#chips button').length > 1")
    chip = page.locator("#chips button").first
    chip.click()
    page.wait_for_function("() => document.querySelector('#chips [aria-pressed=true]')")
    [label] = page.evaluate(
        "() => [...document.querySelectorAll('#chips [aria-pressed=true] bdi')].map((b) => b.textContent)"
    )
    chosen = [video for video in server.videos().values() if video["found"].get(label)]
    with page.expect_download() as download:
        page.click("#all-moments")
    with zipfile.ZipFile(download.value.path()) as pack:
        folders = {name.partition("/")[0][4:] for name in pack.namelist()}
        assert folders == {Path(video["name"]).stem for video in chosen} or len(chosen) == 1
        assert len(pack.namelist()) == sum(sum(map(sum, video["found"].values())) for video in chosen)
    page.fill("#search-labels", "violin")
    page.press("#search-labels", "Enter")
    page.wait_for_function("() => /video/.test(document.getElementById('hits-title').textContent)")


def test_the_videos_of_a_folder_are_looked_through_together_beside_the_demo(
    opened: Open, scenes: list[Path], tmp_path: Path, with_demo: Callable[[Path], Path]
) -> None:
    folder, outside = tmp_path / "holidays", tmp_path / "secret.mp4"
    folder.mkdir()
    shutil.copy(scenes[2], outside)
    for path in scenes[:2]:
        shutil.copy(path, folder)
    shutil.copy(scenes[2], folder / "later gone.mp4")
    (folder / "link.mp4").symlink_to(outside)
    with running(with_demo(tmp_path / "work"), folder=folder, demo=True) as own:
        # The demo scene is shown at once.
        page = opened(own, allowed=("404",), first="#watch:not([hidden])")
        settled(page)
        assert page.inner_text("#title") == "demo.mp4" and len(shown(page)) > 5
        page.click(".brand")
        page.wait_for_selector("#unseen:not([hidden])")
        assert set(page.locator("#videos a").all_inner_texts()) == {
            "demo.mp4",
            "scene 1.mp4",
            "scene 2.mp4",
            "later gone.mp4",
        }
        # Neither the page nor the API knows where anything lies.
        assert str(tmp_path) not in page.evaluate("async () => (await fetch('/api/state')).text()")
        (folder / "later gone.mp4").unlink()
        page.click("text=later gone.mp4")
        page.wait_for_function("() => /not there any more/.test(document.getElementById('player-note').textContent)")
        page.click(".brand")
        page.fill("#unseen-labels", ", ".join(LABELS))
        page.press("#unseen-labels", "Enter")
        page.wait_for_function(
            "() => [...window.av2a.state.videos.values()].filter((v) => v.state === 'done').length === 3"
        )
        page.fill("#search-labels", "violin")
        page.click("#search-form button")
        page.wait_for_function("() => /videos searched/.test(document.getElementById('hits-title').textContent)")
        found = {each["name"] for each in own.call("POST", "/api/search", {"labels": ["violin"]}).json()["hits"]}
        assert {
            text.split(" in ")[1].split("\n")[0].strip() for text in page.locator("#hits a").all_inner_texts()
        } == found
        with page.expect_download() as download:
            page.click("#all-save")
        assert all(path.name in Path(download.value.path()).read_text() for path in scenes[:2])


def test_what_is_no_media_is_said_beside_its_name(opened: Open, server: Running, tmp_path: Path) -> None:
    wrong = tmp_path / "<b>notes.mp4"
    wrong.write_text("no media")
    page = opened(allowed=("422",))
    dropped(page, wrong)
    page.wait_for_selector("#uploads .failed")
    assert "is not in a format that can be read" in page.inner_text("#uploads .failed")
    assert str(server.home) not in page.inner_text("#uploads .failed")
    assert page.locator("#uploads b").count() == 0


def test_thresholds_move_at_once_and_are_confirmed_by_the_server(watching: Any, scenes: list[Path]) -> None:
    page = watching
    page.evaluate(
        "() => { const w = window.av2a.watch, show = w.showPreview; w.previews = 0; w.showPreview = (data) => { w.previews += 1; show.call(w, data); }; }"
    )
    rng = np.random.default_rng(3)
    for _ in range(4):
        settings = {
            "initial_threshold": round(float(rng.uniform(0.6, 0.95)), 3),
            "confidence_threshold": round(float(rng.uniform(0.6, 0.95)), 3),
            "category_threshold": round(float(rng.uniform(0.7, 0.98)), 3),
            "strictness": {
                "heard": round(float(rng.uniform(-2, 2)), 1),
                "rooster crowing": round(float(rng.uniform(-1, 1)), 1),
            },
            "merge_gap_seconds": float(rng.integers(0, 3)),
            # Each stream by itself: what is seen is exact in the page, what is heard there is close.
            "consistent": False,
        }
        page.evaluate(
            "(settings) => { window.av2a.watch.previews = 0; for (const [name, value] of Object.entries(settings)) window.av2a.watch.sliders.set(name, value); }",
            settings,
        )
        settled(page)
        page.wait_for_function(
            "(wanted) => window.av2a.watch.answer.settings.initial_threshold === wanted",
            arg=settings["initial_threshold"],
        )
        settled(page)
        confirmed = shown(page)
        assert confirmed == in_order(expected(scenes[0], LABELS, settings))
        # Lanes followed before the server had said anything, also after it has once confirmed an answer.
        assert page.evaluate("() => window.av2a.watch.previews") > 0
        rows = page.evaluate("() => [...window.av2a.watch.ranEvents]")
        own = {(LABELS[int(rows[i])], rows[i + 2], rows[i + 3]) for i in range(0, len(rows), 6) if rows[i + 1] == 1}
        assert own == {(each[0], each[2], each[3]) for each in confirmed if each[1] == 1}, settings


METHOD = {
    "audio_weight": 0.4,
    "initial_threshold": 0.9,
    "category_threshold": 0.95,
    "confidence_threshold": 0.87,
    "decay": 3,
}


def test_sliders_are_moved_by_keys_and_named_in_terms_of_chance(watching: Any) -> None:
    page = watching
    before = len(shown(page))
    page.focus("#sure-heard")
    for _ in range(25):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("() => window.av2a.watch.answer.settings.strictness.heard === 2.5")
    settled(page)
    assert page.get_attribute("#sure-heard", "aria-valuetext").startswith("by chance 1 in ")
    assert len(shown(page)) <= before
    # One slider is of the opened label alone.
    page.click(".names button >> nth=0")
    page.focus(f"[id='sure-{LABELS[0]}']")
    page.keyboard.press("ArrowLeft")
    for slider in ("shortest", "gap"):
        page.focus(f"#{slider}")
        page.keyboard.press("ArrowRight")
    page.click("#method summary")
    for name, value in METHOD.items():
        page.fill(f"#method-{name} ~ input, .slider:has(#method-{name}) input[type=number]", str(value))
        page.keyboard.press("Tab")
    page.wait_for_function("() => window.av2a.watch.answer.settings.decay === 3")
    settled(page)
    changed = page.evaluate("() => window.av2a.watch.answer.settings")
    assert changed["strictness"] == {"heard": 2.5, LABELS[0]: -0.1}
    assert (changed["minimum_duration_seconds"], changed["merge_gap_seconds"]) == (1.5, 0.5)
    assert {name: changed[name] for name in METHOD} == METHOD
    page.click("#settings-reset")
    page.wait_for_function("() => Object.keys(window.av2a.watch.answer.settings.strictness).length === 0")
    settled(page)
    assert len(shown(page)) == before


def test_corrections_are_a_layer_that_is_undone_redone_saved_and_kept(watching: Any, server: Running) -> None:
    page = watching
    machine = shown(page)
    page.evaluate("() => { const w = window.av2a.watch; w.seek(5.2); w.lanes.rows.length; }")
    page.keyboard.press("n")
    settled(page)
    added = [event for event in shown(page) if event[4] == "added"]
    assert added == [["rooster crowing", 2, 5.0, 6.0, "added"]]
    page.keyboard.press("1")
    settled(page)
    page.evaluate("() => window.av2a.watch.seek(7.5)")
    page.keyboard.press("]")
    settled(page)
    [moved] = [event for event in shown(page) if event[4]]
    assert moved[:3] == ["rooster crowing", 0, 5.0] and abs(moved[3] - 7.5) < 0.05
    page.fill("#editor-label", "cat meowing")
    page.press("#editor-label", "Tab")
    settled(page)
    assert [event[0] for event in shown(page) if event[4]] == ["cat meowing"]
    for _ in range(4):
        page.keyboard.press("Control+z") if page.evaluate("() => document.activeElement.blur() || true") else None
    settled(page)
    assert shown(page) == machine
    page.keyboard.press("Control+Shift+z")
    settled(page)
    page.reload()
    settled(page)
    page.wait_for_function("() => window.av2a.watch.corrections.operations.length === 1")
    assert [event for event in shown(page) if event[4] == "added"] == [["rooster crowing", 2, 5.0, 6.0, "added"]]


def test_events_are_confirmed_rejected_and_deleted_by_keys_and_corrections_without_an_event_are_listed(
    watching: Any,
) -> None:
    page, first, second, third = watching, *shown(watching)[:3]
    for key, number in (("c", 0), ("x", 1), ("Delete", 1)):
        # What was rejected is no event any more, so the third is the second then.
        page.evaluate(
            "(n) => { const w = window.av2a.watch; w.select(w.events[n]); document.activeElement.blur(); }", number
        )
        page.keyboard.press(key)
        settled(page)
    now = shown(page)
    assert [*first[:4], "confirmed"] in now and not {tuple(second[:4]), tuple(third[:4])} & {tuple(e[:4]) for e in now}
    gone = "() => window.av2a.watch.lanes.rejected.all().filter((e) => e.touched).map((e) => [e.label, e.stream, e.start, e.stop])"
    assert second[:4] in page.evaluate(gone)
    asked(page, "tuba")
    page.wait_for_function("() => window.av2a.watch.answer.labels.includes('tuba')")
    settled(page)
    page.click("#tab-notes")
    notes = page.locator("#unmatched li").all_inner_texts()
    assert len(notes) == 3 and f"confirmed {first[0]}" in " ".join(notes)


def test_edges_are_dragged_and_snap_to_segments(watching: Any) -> None:
    page = watching
    place = page.evaluate(
        """() => { const { lanes, events } = window.av2a.watch, event = events.find((e) => e.stop < 9), box = lanes.holder.getBoundingClientRect();
        return { x: box.left + lanes.x(event.stop), y: box.top + lanes.topOf(lanes.byRow.get(event.label)) + 5 + event.stream * 11 + 4, second: lanes.x(1) - lanes.x(0), label: event.label, stream: event.stream, start: event.start, stop: event.stop }; }"""
    )
    page.mouse.move(place["x"] - 2, place["y"])
    page.mouse.down()
    page.mouse.move(place["x"] + place["second"] * 0.9, place["y"], steps=5)
    page.mouse.up()
    settled(page)
    changed = [event for event in shown(page) if event[4] == "changed"]
    assert changed == [[place["label"], place["stream"], place["start"], place["stop"] + 1, "changed"]]


def test_a_second_tab_is_told_and_nothing_of_either_is_lost(watching: Any, opened: Open, server: Running) -> None:
    first = watching
    second = opened(allowed=("409",))
    second.goto(first.url)
    settled(second)
    first.evaluate("() => { window.av2a.watch.seek(1); window.av2a.watch.addEvent(); }")
    settled(first)
    second.evaluate("() => { window.av2a.watch.seek(8); window.av2a.watch.addEvent(); }")
    second.wait_for_selector("#keep-mine:not([hidden])")
    assert second.inner_text("#saved") == "changed in another tab"
    second.evaluate(
        "() => { const w = window.av2a.watch; document.getElementById('keep-mine').click(); w.seek(4); w.addEvent(); }"  # before the other tab's have come
    )
    settled(second)
    assert sorted(event[2] for event in shown(second) if event[4] == "added") == [1.0, 4.0, 8.0]
    second.reload()
    settled(second)
    assert sorted(event[2] for event in shown(second) if event[4] == "added") == [1.0, 4.0, 8.0]


def test_the_review_deck_judges_with_four_keys_and_learns_a_threshold(watching: Any) -> None:
    page = watching
    scores = [0.99, 0.98, 0.97, 0.95, 0.93, 0.92, 0.91, 0.90]
    page.evaluate(
        """(scores) => { const w = window.av2a.watch; w.answer.events = scores.map((score, i) => [0, 0, i, i + 1, score]); w.answer.derived = []; w.deckIsStale = true; w.show(); }""",
        scores,
    )
    page.click("#tab-review")
    page.select_option("#deck-label", index=1)
    page.evaluate("() => document.activeElement.blur()")
    for key in (
        "ArrowUp",
        "ArrowUp",
        "ArrowUp",
        "ArrowDown",
        "ArrowLeft",
        "ArrowUp",
        "ArrowRight",
        "ArrowDown",
        "ArrowDown",
    ):
        page.keyboard.press(key)
    settled(page)
    assert page.inner_text("#deck-counts") == "2 events to judge · 4 right · 2 wrong"
    assert "90 % right from a score of 0.9" in page.inner_text("#deck-learned")
    assert "95 % interval" in page.inner_text("#deck-learned")
    page.click("#deck-take")
    page.wait_for_function("() => window.av2a.watch.answer.settings.strictness['rooster crowing (heard)'] > 0")
    settled(page)


def test_logistic_regression_is_the_maximum_of_its_penalised_likelihood(opened: Open) -> None:
    rng = np.random.default_rng(5)
    scores = rng.uniform(0.8, 1, 60)
    rights = rng.random(60) < 1 / (1 + np.exp(-40 * (scores - 0.9)))
    a, b, score = opened().evaluate(
        "async ([scores, rights]) => { const { logistic, scoreAt } = await import('/review.js'); const model = logistic(scores, rights); return [model.a, model.b, scoreAt(model, 0.9).score]; }",
        [scores.tolist(), rights.tolist()],
    )
    x = (scores - scores.mean()) / scores.std()
    # The likelihood is strictly concave: where both slopes are zero, and nowhere else, is its maximum.
    missed = rights - 1 / (1 + np.exp(-(a + b * x)))
    assert missed.sum() == pytest.approx(0, abs=1e-8) and (missed * x).sum() - 0.05 * b == pytest.approx(0, abs=1e-8)
    assert score == pytest.approx(scores.mean() + scores.std() * (np.log(9) - a) / b)


def test_zoom_pan_keys_and_help(watching: Any) -> None:
    page = watching
    page.evaluate("() => document.activeElement.blur()")
    view = "() => window.av2a.watch.lanes.view"
    for _ in range(9):
        page.keyboard.press("+")
    start, stop = page.evaluate(view)
    assert stop - start == pytest.approx(1)
    page.keyboard.press(".")
    assert page.evaluate(view)[0] > start
    page.keyboard.press("0")
    assert page.evaluate(view) == [0, 10]
    box = page.locator(".canvases").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 100)
    page.mouse.wheel(0, -400)
    page.wait_for_function("() => window.av2a.watch.lanes.view[1] < 9.9")
    start, stop = page.evaluate(view)
    assert start + (stop - start) / 4 == pytest.approx(2.5, abs=0.1)
    page.keyboard.down("Shift")
    page.mouse.wheel(0, 60)
    page.keyboard.up("Shift")
    page.wait_for_function("(before) => window.av2a.watch.lanes.view[0] > before", arg=start)
    moved = page.evaluate(view)
    assert moved[1] - moved[0] == pytest.approx(stop - start)
    # With Alt the wheel is the browser's.
    page.keyboard.down("Alt")
    page.mouse.wheel(0, 60)
    page.keyboard.up("Alt")
    page.evaluate("() => new Promise(requestAnimationFrame)")
    assert page.evaluate(view) == moved
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 10)
    page.wait_for_function("() => window.av2a.watch.time > 2.6")
    page.keyboard.press("?")
    assert page.is_visible("#help")
    page.keyboard.press("Escape")


def test_the_words_of_a_job_say_how_far_it_is_and_the_time_left(watching: Any) -> None:
    jobs = [
        {"stage": "waiting"},
        {"stage": "pictures", "done": 1, "total": 3, "seconds_left": None},
        {"stage": "pictures", "done": 1, "total": 3, "seconds_left": 75.4},
        {"stage": "sound", "done": 2, "total": 4, "seconds_left": 3725.0},
        {"stage": "thresholds", "done": 0, "total": 0, "seconds_left": None},
    ]
    words = watching.evaluate("async (jobs) => jobs.map((await import('/dom.js')).stageWords)", jobs)
    assert words == [
        "waiting",
        "pictures 33 %",
        "pictures 33 %, 1:15 left",
        "sound 50 %, 1:02:05 left",
        "thresholds",
    ]


# The colour at the middle of each lane's first wide event, and inside a rejected one.
COLOURS = """() => { const { lanes, events } = window.av2a.watch, ratio = lanes.canvas.width / lanes.width, copy = document.createElement("canvas");
  [copy.width, copy.height] = [lanes.canvas.width, lanes.canvas.height];
  const c = copy.getContext("2d", { willReadFrequently: true });
  c.drawImage(lanes.canvas, 0, 0);
  const at = (e) => { const y = lanes.topOf(lanes.byRow.get(e.label)) + 5 + e.stream * 11, x = lanes.x(e.start), wide = lanes.x(e.stop) - x;
    const { data } = c.getImageData((x + 1) * ratio, (y + 1) * ratio, (wide - 2) * ratio, 7 * ratio), found = new Set();
    for (let i = 0; i < data.length; i += 4) found.add("#" + [...data.slice(i, i + 3)].map((v) => v.toString(16).padStart(2, "0")).join(""));
    return [...found]; };
  return [0, 1, 2].map((stream) => events.filter((e) => e.stream === stream && !e.derived).map(at)); }"""


def test_lanes_have_the_colour_and_the_pattern_of_their_stream(watching: Any) -> None:
    lanes = watching.evaluate(COLOURS)
    for found, look in zip(lanes, (LOOKS[each] for each in STREAMS), strict=True):
        assert found and all(look.colour in colours for colours in found)
    # Stripes and dots show their tint between them; both is of one colour.
    assert all(
        LOOKS[each].tint in colours for each, found in zip(STREAMS[:2], lanes, strict=False) for colours in found
    )
    assert not any(LOOKS[STREAMS[2]].tint in colours for colours in lanes[2])


def test_the_playhead_follows_events_loop_and_an_opened_label_shows_its_scores(watching: Any) -> None:
    page = watching
    assert page.evaluate("() => { const { values, perSecond } = window.av2a.watch.lanes.peaks; return values.length / 2 / perSecond; }") == pytest.approx(10, abs=0.1)  # fmt: skip
    page.evaluate("() => { const w = window.av2a.watch; w.lanes.zoom(0.2, 0); w.select(w.events.find((e) => e.start >= 3 && e.stop < 9)); document.activeElement.blur(); }")  # fmt: skip
    start, stop = page.evaluate(
        "() => { const { selected } = window.av2a.watch; return [selected.start, selected.stop]; }"
    )
    page.keyboard.press("Enter")
    page.evaluate(f"() => {{ window.av2a.watch.media.currentTime = {stop} - 0.1; }}")
    # It plays past the end, and goes on at the start; the lanes show where.
    page.wait_for_function(
        f"() => window.av2a.watch.time > {start} && window.av2a.watch.time < {stop} - 0.3 && !window.av2a.watch.media.paused"
    )
    low, high = page.evaluate("() => window.av2a.watch.lanes.view")
    assert low <= page.evaluate("() => window.av2a.watch.time") + 0.2 and low > 0 and high - low < 3
    page.keyboard.press("Space")
    page.wait_for_function("() => window.av2a.watch.media.paused")
    page.keyboard.press("o")
    page.wait_for_function("() => window.av2a.watch.lanes.chart")
    charts = page.evaluate(
        "() => window.av2a.watch.lanes.chart.streams.map(({ scores, thresholds }) => [scores.length, thresholds ? thresholds.length : 10])"
    )
    assert charts == [[10, 10]] * 3
    page.keyboard.press("Escape")
    page.keyboard.press("0")
    box = page.locator(".canvases").bounding_box()
    page.mouse.dblclick(box["x"] + box["width"] * (start + stop) / 20, box["y"] + page.evaluate(
        "(start) => { const { lanes, events } = window.av2a.watch, e = events.find((e) => e.start === start); return lanes.topOf(lanes.byRow.get(e.label)) + 9 + e.stream * 11; }", start))  # fmt: skip
    low, high = page.evaluate("() => window.av2a.watch.lanes.view")
    assert 0 < low <= start and stop <= high and high - low < 10


def test_labels_are_pasted_suggested_and_recalled(watching: Any) -> None:
    page = watching
    page.fill("#labels-text", 'one\n"two, three"\n\nfour, one')
    assert page.evaluate("() => window.av2a.watch.field.labels") == ["one", "two, three", "four"]
    page.select_option("#labels-earlier", index=1)
    assert page.input_value("#labels-text") == ", ".join(page.evaluate("() => window.av2a.state.lists[0]"))
    page.fill("#labels-text", "")
    page.type("#labels-text", "rain, roos")
    page.wait_for_selector("#labels-suggested li")
    # The list covers no button.
    page.click("#labels-go", trial=True)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.input_value("#labels-text") == "rain, rooster crowing, "


def test_labels_are_sorted_and_filtered_and_what_came_closest_is_said(watching: Any) -> None:
    page = watching
    labels = "() => window.av2a.watch.lanes.rows.map((row) => row.label)"
    page.select_option("#label-sort", "name")
    assert page.evaluate(labels) == sorted(LABELS)
    page.select_option("#label-sort", "count")
    counts = page.evaluate("() => window.av2a.watch.lanes.rows.map((row) => row.count)")
    assert counts == sorted(counts, reverse=True) and counts[0] > 0
    page.fill("#label-filter", "ing")
    assert sorted(page.evaluate(labels)) == sorted(label for label in LABELS if "ing" in label)
    page.fill("#label-filter", "")
    asked(page, "tuba, typewriter")
    page.wait_for_function("() => window.av2a.watch.answer.labels.includes('tuba')")
    settled(page)
    assert shown(page) == [] and page.inner_text("#summary") == "Nothing was found"
    assert page.inner_text("#nothing").startswith("What came closest: ")


def test_settings_are_copied_as_a_command_and_saved_as_a_file(watching: Any) -> None:
    page = watching
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("() => window.av2a.watch.sliders.setStrictness('heard', 1.5)")
    page.wait_for_function("() => window.av2a.watch.answer.settings.strictness.heard === 1.5")
    settled(page)
    with page.expect_download() as download:
        page.click("#settings-save")
    saved = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert Settings.of(saved) == Settings.practical(strictness={"heard": 1.5})
    page.click("#settings-copy")
    page.wait_for_function("() => document.getElementById('said').textContent === 'copied'")
    command = page.evaluate("() => navigator.clipboard.readText()")
    assert command.startswith("av2a detect 'scene 1.mp4'") and "--set 'strictness={\"heard\" = 1.5}'" in command


def test_a_video_that_waits_survives_a_reload_and_is_cancelled(
    opened: Open, server: Running, scenes: list[Path], tmp_path: Path
) -> None:
    # Each of other content, as what was seen before does not wait: a box that players skip, with its number.
    ids = []
    for number in range(12):
        path = tmp_path / f"waiting {number}.mp4"
        path.write_bytes(scenes[number % 3].read_bytes() + b"\0\0\0\x10free" + f"page{number:04d}".encode())
        ids.append(server.upload(path)["id"])
    page = opened()
    page.goto(f"{server.base}/#/video/{ids[-1]}")
    page.wait_for_selector("#watch:not([hidden])")
    for video in ids:
        server.call("POST", f"/api/videos/{video}/answer", {"labels": LABELS})
    page.wait_for_selector("#progress:not([hidden])")
    page.reload()
    page.wait_for_selector("#progress:not([hidden])")
    with stopped_workers():  # however slow the browser, the last still waits
        page.click("#progress-cancel")
        server.state_of(ids[-1], "cancelled")
    page.wait_for_selector("#progress", state="hidden")
    page.click("#labels-go")
    page.wait_for_function("() => window.av2a.watch.answer !== null")
    settled(page)
    assert shown(page)


def test_the_process_that_opens_media_may_die_and_the_page_goes_on(watching: Any, scenes: list[Path]) -> None:
    page = watching
    kill_workers()
    asked(page, "thunder, cow mooing")
    page.wait_for_function("() => window.av2a.watch.answer.labels.length === 2")
    settled(page)
    assert shown(page) == in_order(expected(scenes[0], ["thunder", "cow mooing"], {}))


def test_what_is_gone_is_computed_again_or_said(opened: Open, server: Running, watching: Any) -> None:
    page = opened(allowed=("404",))
    page.goto(watching.url)
    settled(page)
    page.evaluate("() => { window.av2a.watch.answer.answer = 'forgotten'; }")
    page.click("#tab-take")
    with page.expect_download() as download:
        page.click("#export")
    assert json.loads(Path(download.value.path()).read_text(encoding="utf-8"))["events"]
    page.goto(f"{server.base}/#/video/0123456789abcdef")
    page.wait_for_selector("#home:not([hidden])")
    assert page.inner_text("#said") == "this video is not there any more"


def test_pinching_zooms_between_the_fingers(opened: Open, watching: Any) -> None:
    page = opened(has_touch=True)
    page.goto(watching.url)
    settled(page)
    box, view = page.locator(".canvases").bounding_box(), "() => window.av2a.watch.lanes.view"
    # A touchpad's pinch comes as a wheel with Ctrl.
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 100)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -60)
    page.keyboard.up("Control")
    page.wait_for_function("() => window.av2a.watch.lanes.view[1] < 9")
    start, stop = page.evaluate(view)
    assert (start + stop) / 2 == pytest.approx(5, abs=0.05)
    page.evaluate("() => window.av2a.watch.lanes.fit()")
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *shares: float) -> None:
        points = [
            {"x": box["x"] + box["width"] * share, "y": box["y"] + 100, "id": n} for n, share in enumerate(shares)
        ]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    # Two fingers at 4 s and 6 s move to where 2 s and 8 s were: the view is a third as long, and 5 s stays in its middle.
    touch("touchStart", 0.4)
    touch("touchStart", 0.4, 0.6)
    for step in range(1, 5):
        touch("touchMove", 0.4 - 0.05 * step, 0.6 + 0.05 * step)
    touch("touchEnd")
    assert page.evaluate(view) == pytest.approx([5 - 10 / 6, 5 + 10 / 6], abs=0.05)


def test_what_is_saved_is_what_the_exporters_write(watching: Any) -> None:
    page = watching
    page.click("#tab-take")
    offered = page.evaluate("() => [...document.getElementById('format').options].map((option) => option.value)")
    assert offered == list(exports.usable())
    page.select_option("#format", ".csv")
    with page.expect_download() as download:
        page.click("#export")
    assert download.value.suggested_filename == "scene 1.csv"
    assert "rooster crowing" in Path(download.value.path()).read_text()
    with page.expect_download() as download:
        page.click("#report")
    assert "<!doctype html>" in Path(download.value.path()).read_text().lower()
    with page.expect_download() as download:
        page.click("#moments")
    with zipfile.ZipFile(download.value.path()) as pack:
        assert len(pack.namelist()) == len(shown(page)) and all(name.endswith(".mp4") for name in pack.namelist())


def test_a_video_that_the_browser_cannot_play_is_played_from_a_copy(
    opened: Open, server: Running, tmp_path: Path, scenes: list[Path]
) -> None:
    import av

    path = tmp_path / "stream.ts"
    with av.open(str(scenes[2])) as source, av.open(str(path), "w", format="mpegts") as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    page = opened(allowed=("DEMUXER", "Failed to load"))
    dropped(page, path)
    page.wait_for_function(
        "() => /container|smaller copy of it/.test(document.getElementById('player-note').textContent)"
    )
    page.wait_for_function("() => window.av2a.watch.media.readyState >= 1 && window.av2a.watch.media.videoWidth > 0")


def test_hostile_labels_are_texts(watching: Any) -> None:
    page = watching
    text = ", ".join('"' + label.replace('"', '""') + '"' for label in HOSTILE)
    asked(page, text)
    page.wait_for_function("(label) => window.av2a.watch.answer.labels.includes(label)", arg=HOSTILE[0])
    settled(page)
    assert page.evaluate("() => window.av2a.watch.answer.labels") == HOSTILE
    assert page.locator("main img[src='x']").count() == 0
    assert page.locator(".names bdi").all_inner_texts() == HOSTILE


@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_hidden_from_those_who_cannot_see_or_point(watching: Any, dark: bool) -> None:
    page = watching
    page.emulate_media(color_scheme="dark" if dark else "light")
    page.evaluate("() => window.av2a.watch.select(window.av2a.watch.events[0])")
    script = AXE.read_text(encoding="utf-8")
    for view in ("watch", "review", "take", "notes", "home"):
        if view == "home":
            page.goto(page.url.partition("#")[0] + "#/")
            page.wait_for_selector("#home:not([hidden])")
        elif view != "watch":
            page.click(f"#tab-{view}")
        page.evaluate(script)
        found = page.evaluate(
            "async (rules) => (await axe.run(document, { resultTypes: ['violations'], ...rules })).violations.map((v) => [v.id, v.nodes.map((n) => n.target.join(' '))])",
            # Of the rules only that of contrast depends on the colours.
            {"runOnly": ["color-contrast"]} if dark else {},
        )
        assert found == [], (view, found)


def test_the_table_mirrors_the_lanes_and_is_walked_by_keys(watching: Any) -> None:
    page = watching
    events = shown(page)
    page.focus("#table")
    assert page.get_attribute("#table", "aria-rowcount") == str(len(events) + 1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    chosen = page.get_attribute("#table", "aria-activedescendant")
    assert chosen == "event-1" and page.get_attribute("#event-1", "aria-selected") == "true"
    assert events[1][0] in page.inner_text("#event-1")


def test_a_phone_shows_it_without_scrolling_sideways(opened: Open, server: Running, watching: Any) -> None:
    page = opened(size=(375, 700), has_touch=True)
    for address in (server.base + "/#/", watching.url):
        page.goto(address)
        page.wait_for_timeout(300)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 375
    moves = "() => parseFloat(getComputedStyle(document.getElementById('said')).transitionDuration)"
    assert page.evaluate(moves) > 0
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(moves) == 0


def test_the_first_load_is_small_and_in_one_round(opened: Open) -> None:
    page = opened()
    loaded = page.evaluate(
        """() => performance.getEntriesByType("resource").filter((e) => /\\.(js|css|svg)$/.test(e.name)).map((e) => [new URL(e.name).pathname.slice(1), e.initiatorType, e.encodedBodySize, e.decodedBodySize])"""
    )
    sources = {path.name for path in Path("src/av2a/service/page").glob("*.js")} - {"worker.js", "docs.js"}
    # Each module is named in the page itself: none waits for another one to be read.
    assert {name for name, kind, _, _ in loaded if name.endswith(".js") and kind != "script"} == sources - {"main.js"}
    assert all(sent < size for _, _, sent, size in loaded)
    assert sum(sent for _, _, sent, _ in loaded) < 150_000


def test_colours_are_those_of_the_report(root: Path) -> None:
    style = (root / "src/av2a/service/page/style.css").read_text(encoding="utf-8")
    light, dark = style.partition("@media")[0], style.partition("@media")[2]
    for modality, look in LOOKS.items():
        assert f"--{modality.value}: {look.colour}; --{modality.value}-tint: {look.tint};" in light
        assert f"--{modality.value}: {look.dark_colour}; --{modality.value}-tint: {look.dark_tint};" in dark


def hour(labels: int, segments: int = 3600) -> tuple[dict[str, Any], bytes]:
    """The answer and the scores of a long recording, made up."""
    rng = np.random.default_rng(1)
    noise = rng.normal(0.3, 1, (2, segments, labels)) + 2.2 * (rng.random((2, segments, labels)) < 0.03)
    heard, seen = (1 / (1 + np.exp(-noise * 1.4))).astype(np.float32)
    there = np.ones(segments, dtype=bool)
    scores = SegmentScores(heard, seen, there, there, np.arange(segments) // 10, rng.uniform(0.7, 1, (3, segments)))
    settings = Settings().as_dict() | {"background": None}
    events = [[int(n % labels), int(n % 3), int(n * 1.15), int(n * 1.15) + 2, 0.9] for n in range(3000)]
    answer = {
        "answer": "0", "scores": "long", "video": "", "sha256": "0" * 64, "labels": [f"label {n}" for n in range(labels)],
        "duration": float(segments), "segments": segments, "segment_seconds": 1.0, "settings": settings, "moves": True,
        "events": events, "rejected": [], "derived": [], "closest": None, "warnings": [], "caution": None, "command": "", "unknown": [],
    }  # fmt: skip
    return answer, scores.packed()


def opened_long(page: Any, labels: int) -> None:
    answer, scores = hour(labels)
    page.route("**/answer", lambda route: route.fulfill(content_type="application/json", body=json.dumps(answer)))
    page.route("**/scores", lambda route: route.fulfill(content_type="application/octet-stream", body=scores))
    page.reload()
    page.wait_for_function("() => window.av2a.watch.answer?.segments === 3600")
    settled(page)


def test_an_hour_with_thirty_labels_follows_a_slider_while_the_page_stays_free(watching: Any) -> None:
    page = watching
    opened_long(page, 30)
    page.evaluate(
        """async () => { const w = window.av2a.watch; w.lanes.frames = { count: 0, busy: 0, longest: 0 };
        for (let i = 0; i < 8; i++) { w.sliders.set("initial_threshold", 0.85 + i * 0.01); await new Promise((done) => setTimeout(done, 120)); } }"""
    )
    settled(page)
    frames, run = page.evaluate("() => [window.av2a.watch.lanes.frames, window.av2a.watch.lastRun]")
    # The bars of a quiet machine are in benchmarks; these hold on a loaded one.
    assert run < 3000 and frames["count"] > 0 and frames["busy"] / frames["count"] < 100


def test_models_that_are_missing_are_offered_beside_the_demo(
    opened: Open, tmp_path: Path, with_demo: Callable[[Path], Path]
) -> None:
    from av2a.service.worker import ModelChoice

    nowhere = tmp_path / "weights"
    nowhere.mkdir()
    choice = ModelChoice("clip-clap", weights=nowhere, store=tmp_path / "store")
    with running(with_demo(tmp_path / "work"), worker=choice) as own:
        page = opened(own)
        page.wait_for_selector("#missing:not([hidden])")
        assert page.inner_text("#missing p").startswith("The models “clip-clap” are not ready.")
        assert "false" not in page.inner_text("#missing")
        page.click("#missing summary")
        assert "av2a weights fetch" in page.inner_text("#missing details")
        # While they are downloaded the page shows how far that is.
        state = own.call("GET", "/api/state").json()
        state["backbone"] |= {"state": "loading", "message": "clip", "done": 30_000_000, "total": 120_000_000}
        page.evaluate("(state) => window.av2a.took(state)", state)
        assert page.inner_text("#missing p") == "Getting clip-clap: clip, 30 of 120 MB"
        assert page.evaluate("() => document.querySelector('#missing progress').position") == 0.25
        page.evaluate("(state) => window.av2a.took(state)", own.call("GET", "/api/state").json())
        page.click("text=Show the demo scene")
        page.wait_for_selector("#watch:not([hidden])")
        page.wait_for_function("() => window.av2a.watch.answer !== null")
        assert page.evaluate("() => window.av2a.watch.events.length") > 5
