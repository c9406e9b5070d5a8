"""What the page shows once the server has confirmed it, against ``detect`` with the same settings."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from av2a import Detector, media
from av2a.service.answers import plain_answer
from av2a.settings import Settings
from av2a.world import NAMES
from tests.service.running import Running

SEEN = 1

CHANGE = """async (changes) => {
  const w = window.av2a.watch;
  w.sliders.begin(w.sliders.defaults, changes);
  await w.ask(w.answer.labels);
  while (w.busy || w.again) await new Promise((done) => setTimeout(done, 1));
  const core = [];
  for (let i = 0; i < w.ranEvents.length; i += 6) core.push([w.answer.labels[w.ranEvents[i]], ...w.ranEvents.slice(i + 1, i + 5)]);
  return { shown: w.events.map((e) => [e.label, e.stream, e.start, e.stop, e.score]), core };
}"""


def random_changes(rng: np.random.Generator, labels: Sequence[str]) -> dict[str, Any]:
    """What a user may have set: each slider somewhere."""
    return {
        "initial_threshold": round(float(rng.uniform(0.55, 0.95)), 3),
        "confidence_threshold": round(float(rng.uniform(0.55, 0.95)), 3),
        "category_threshold": round(float(rng.uniform(0.6, 0.98)), 4),
        "audio_weight": round(float(rng.uniform(0.2, 0.8)), 2),
        "decay": round(float(rng.uniform(0, 5)), 1),
        "minimum_duration_seconds": float(rng.integers(0, 3)),
        "merge_gap_seconds": float(rng.integers(0, 3)),
        "strictness": {"heard": round(float(rng.uniform(-2, 2)), 1), labels[0]: round(float(rng.uniform(-1, 1)), 1)},
        "consistent": bool(rng.random() < 0.5),
    }


def agreement(page: Any, server: Running, clips: Sequence[Path], settings: int) -> tuple[int, int]:
    """Compares each clip under so many random settings; how many events agreed, and how many the page's own preview missed.

    Raises:
        AssertionError: the page shows other events than ``detect``, or its preview of what is seen is another.
    """
    rng, detector, events, missed = np.random.default_rng(29), Detector("mini"), 0, 0
    for path in clips:
        labels = [str(label) for label in rng.choice(NAMES, 6, replace=False)]
        video = server.upload(path)["id"]
        server.answer(video, labels)
        page.goto(f"{server.base}/#/video/{video}")
        page.wait_for_function(
            "(id) => { const w = window.av2a.watch; return w.video?.id === id && w.answer && w.worker && !w.busy; }",
            arg=video,
        )
        source = detector.source(media.open_clip(path), Settings())
        for _ in range(settings):
            changes = random_changes(rng, labels)
            expected = plain_answer(detector.answer(source, labels, Settings.of(changes)))
            answer = page.evaluate(CHANGE, changes)
            wanted = sorted([labels[event[0]], *event[1:]] for event in expected["events"])
            assert sorted(answer["shown"]) == wanted, changes
            events += len(wanted)
            if not changes["consistent"]:
                own = {tuple(event[:4]) for event in answer["core"]}
                confirmed = {tuple(event[:4]) for event in wanted}
                # What is seen is exact in the page; what is heard is close.
                assert {event for event in own if event[1] == SEEN} == {
                    event for event in confirmed if event[1] == SEEN
                }
                missed += len(own ^ confirmed)
    return events, missed


@pytest.mark.slow
def test_the_page_shows_what_detect_finds_with_the_same_settings(
    opened: Callable[..., Any], server: Running, scenes: list[Path]
) -> None:
    events, _ = agreement(opened(), server, scenes[:2], settings=10)
    assert events > 50
