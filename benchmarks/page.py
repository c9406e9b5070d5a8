"""The page: sliders and scrolling on long recordings, its memory, the first load, answers, agreement with detect, an upload.

``--only`` runs some of them; ``--minutes`` is how long memory is watched. Needs playwright and Chromium (``av2a[dev]``). Bars, on a quiet machine: lanes within 150 ms and 4 ms of the
main thread a frame while a threshold moves, 6 ms while scrolling, 500 ms and 150 kB for the first load, 300 ms for new
labels, 60 MB for an upload of 2 GB.
"""

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from av2a import world
from tests.service.conftest import BROWSER, QUIET
from tests.service.running import Running, running
from tests.service.test_page import hour, settled
from tests.service.test_page_agreement import agreement

UPLOAD_GIGABYTES = 2.0
AGREEMENT_CLIPS, AGREEMENT_SETTINGS = 10, 50

SLIDE = """async () => {
  const w = window.av2a.watch, waits = [], tasks = [];
  new PerformanceObserver((list) => tasks.push(...list.getEntries().map((e) => e.duration))).observe({ type: "longtask" });
  let ticks = 0, shown = 0;
  const show = w.showPreview;
  w.showPreview = (data) => ((shown += 1), show.call(w, data));
  for (let i = 0; i < 30; i++) {
    const began = performance.now();
    w.sliders.set("initial_threshold", 0.8 + (i % 15) * 0.01);
    while (w.busy || w.again) await new Promise(requestAnimationFrame), (ticks += 1);
    waits.push(performance.now() - began);
  }
  delete w.showPreview;
  return { waits, tasks, ticks, shown };
}"""

SCROLL = """async (seconds) => {
  const { lanes } = window.av2a.watch, until = performance.now() + seconds * 1000;
  lanes.frames = { count: 0, busy: 0, longest: 0 };
  for (let i = 0; performance.now() < until; i++) {
    lanes.board.scrollTop = (i * 7) % (lanes.board.scrollHeight - lanes.board.clientHeight);
    const length = 60 + 1700 * (1 + Math.sin(i / 90)), start = (3600 - length) * (0.5 + 0.5 * Math.sin(i / 50));
    lanes.setView(start, start + length);
    await new Promise(requestAnimationFrame);
  }
  return lanes.frames;
}"""


def metrics(session: Any) -> dict[str, float]:
    """Chromium's own counters: time of the main thread, memory."""
    return {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}


def long_recording(page: Any, labels: int) -> None:
    """Put an hour with so many labels into the page."""
    answer, scores = hour(labels)
    page.unroute_all()
    page.route("**/answer", lambda route: route.fulfill(content_type="application/json", body=json.dumps(answer)))
    page.route("**/scores", lambda route: route.fulfill(content_type="application/octet-stream", body=scores))
    page.reload()
    page.wait_for_function("(n) => window.av2a.watch.answer?.labels.length === n", arg=labels)
    settled(page)


@contextmanager
def opened_page(server: Running) -> Iterator[Any]:
    """The page of a server in a browser of its own; what its first load took is printed."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=[f"--{flag}" for flag in QUIET])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(120_000)
        # A page of its own warms the browser up, which is not part of the load.
        browser.new_page().goto("about:blank")
        page.goto(server.address)
        page.wait_for_selector("#home:not([hidden])")
        timing = page.evaluate("() => performance.getEntriesByType('navigation')[0].toJSON()")
        size = page.evaluate(
            "() => performance.getEntriesByType('resource').reduce((sum, e) => sum + e.encodedBodySize, 0)"
        )
        print(f"first load: {timing['loadEventEnd']:.0f} ms, {size / 1000:.0f} kB sent")
        yield page
        browser.close()


def opened_video(page: Any, server: Running, video: str) -> Any:
    """Open a video; a session that reads the browser's counters."""
    page.goto(f"{server.base}/#/video/{video}")
    settled(page)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    return session


def measure_sliders(page: Any, session: Any) -> None:
    """A threshold that moves on a long recording."""
    long_recording(page, 30)
    before = metrics(session)
    slid = page.evaluate(SLIDE)
    spent = (metrics(session)["TaskDuration"] - before["TaskDuration"]) * 1000 / slid["ticks"]
    waits = sorted(slid["waits"])
    print(
        f"1 h x 30 labels x 3 streams, a threshold moves: median {statistics.median(waits):.0f} ms, longest {waits[-1]:.0f} ms; "
        f"main thread {spent:.1f} ms a frame, lanes drawn {slid['shown']} times for {len(waits)} moves; longest task {max(slid['tasks'], default=0):.0f} ms (0: none over 50)"
    )


def measure_scrolling(page: Any, session: Any, seconds: float) -> None:
    """Scrolling and zooming a long recording, and what the heap holds after each tenth of the time."""
    long_recording(page, 100)
    heap, count, spent = [], 0, 0.0
    for _ in range(10):
        before = metrics(session)
        count += page.evaluate(SCROLL, seconds / 10)["count"]
        spent += metrics(session)["TaskDuration"] - before["TaskDuration"]
        session.send("HeapProfiler.collectGarbage")
        heap.append(metrics(session)["JSHeapUsedSize"] / 1e6)
    print(
        f"1 h x 100 labels, 3,000 events, scrolled and zoomed for {seconds:.0f} s: main thread {spent * 1000 / count:.1f} ms a frame, "
        f"{count / seconds:.0f} frames/s; heap {heap[0]:.1f} MB after a tenth, {heap[-1]:.1f} MB at the end"
    )


def measure_agreement(page: Any, server: Running, folder: Path) -> None:
    """What the page shows after the server's confirmation, against detect."""
    clips = [folder / f"clip {seed}.mp4" for seed in range(100, 100 + AGREEMENT_CLIPS)]
    for seed, path in enumerate(clips, start=100):
        world.write_clip(world.make_scene(seed), path)
    events, missed = agreement(page, server, clips, AGREEMENT_SETTINGS)
    print(
        f"the page against detect, {AGREEMENT_SETTINGS} settings x {AGREEMENT_CLIPS} clips: {events} events, all equal; "
        f"the preview while a slider moves differed in {missed} (heard and both, before the server confirms)"
    )


def measure_answers(server: Running, video: str) -> None:
    """New labels for a video that was seen before."""
    waits = []
    for number in range(20):
        began = time.perf_counter()
        server.call("POST", f"/api/videos/{video}/answer", {"labels": [f"violin {number}", "dog"]})
        waits.append((time.perf_counter() - began) * 1000)
    print(f"new labels for a stored 10-s video: median {statistics.median(waits):.0f} ms, longest {max(waits):.0f} ms")


def measure_upload(server: Running, gigabytes: float) -> None:
    """Memory of the server's process while a large file comes."""
    resident = lambda: int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6  # noqa: E731
    highest, done = [resident()], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            highest.append(resident())

    def pieces() -> Iterator[bytes]:
        block = bytes(1 << 20)
        for _ in range(int(gigabytes * 1e9) >> 20):
            yield block

    threading.Thread(target=watch, daemon=True).start()
    began = time.perf_counter()
    reply = server.client.put("/api/uploads", params={"name": "large.mp4"}, content=pieces())
    done.set()
    print(
        f"upload of {gigabytes:g} GB ({reply.status_code}, as it is no media): {time.perf_counter() - began:.1f} s, memory +{max(highest) - highest[0]:.0f} MB"
    )


PARTS = ("sliders", "scrolling", "answers", "agreement", "upload")


def main() -> None:
    """Measure everything, a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--minutes", type=float, default=0.33, help="how long the page is scrolled")
    chosen = parser.parse_args()
    wanted = set(chosen.only or PARTS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scene = folder / "scene.mp4"
        world.write_clip(world.make_scene(1), scene)
        with running(folder / "work") as server:
            video = server.upload(scene)["id"]
            server.answer(video, ["dog barking", "violin"])
            if "answers" in wanted:
                measure_answers(server, video)
            if wanted & {"sliders", "scrolling", "agreement"}:
                with opened_page(server) as page:
                    session = opened_video(page, server, video)
                    if "sliders" in wanted:
                        measure_sliders(page, session)
                    if "scrolling" in wanted:
                        measure_scrolling(page, session, chosen.minutes * 60)
                    page.unroute_all()
                    if "agreement" in wanted:
                        measure_agreement(page, server, folder)
            if "upload" in wanted:
                measure_upload(server, UPLOAD_GIGABYTES)


if __name__ == "__main__":
    main()
