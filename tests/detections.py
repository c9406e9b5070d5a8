"""Answers made by hand, for tests of what is written and drawn from them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from av2a.settings import Settings
from av2a.timeline import Grid
from av2a.types import (
    AudioStream,
    BackboneInfo,
    Candidate,
    Clip,
    ClosestMiss,
    Detection,
    Event,
    Modality,
    Trace,
    VideoStream,
)

HEARD, SEEN, BOTH = Modality.AUDIO, Modality.VISUAL, Modality.AUDIO_VISUAL
HOSTILE_LABELS = (
    "</script><script>document.title='broken'</script>",
    "<img src=x onerror=\"document.title='broken'\">",
    "a \"quoted\" 'name' & more",
    "00:01 --> 00:02",
    "tab\tand\nline\r\nbreak\rand\u2028separator",
    "🐕‍🦺 barking 🔊",
    "كلب ينبح",
    "$\\frac{1}{2}$ maths_{x}",
    "=1+1",
    "-- <!-- ]]>",
    "x" * 10_000,
)


def clip(
    duration_seconds: float = 10.0, *, path: Path = Path("park.mp4"), picture: bool = True, sound: bool = True
) -> Clip:
    """A clip that was never opened."""
    video = VideoStream(index=0, codec="h264", width=1280, height=720, frame_rate_hz=25.0) if picture else None
    audio = AudioStream(index=1, codec="aac", sample_rate_hz=44100, channels=2, language="eng") if sound else None
    return Clip(
        path=path,
        known_sha256="0123456789abcdef" * 4,
        size_bytes=1_234_567,
        container="mov,mp4,m4a,3gp,3g2,mj2" if picture else "wav",
        duration_seconds=duration_seconds,
        start_seconds=0.0,
        video=video,
        audio=audio,
        video_streams=(video,) if video else (),
        audio_streams=(audio,) if audio else (),
        warnings=("sound ends at 9.8 s",),
    )


def event(label: str, modality: Modality, start: float, stop: float, confidence: float = 0.97) -> Event:
    """An event, with less to write."""
    return Event(label, modality, float(start), float(stop), confidence)


def trace(modality: Modality, labels: int, segments: int, *, unselected: Sequence[int] = ()) -> Trace:
    """Smooth scores that cross a slowly moving threshold; the columns of ``unselected`` were never looked for."""
    time = np.arange(segments)[:, None]
    scores = 0.5 + 0.49 * np.sin(time / 2.0 + np.arange(labels)[None, :])
    thresholds = 0.9 + 0.05 * np.cos(time / 3.0) * np.ones((1, labels))
    selected = np.ones((segments, labels), dtype=bool)
    windows = np.repeat(scores.max(axis=0, keepdims=True), (segments + 9) // 10, axis=0)
    for column in unselected:
        selected[:, column] = False
        scores[:, column] = np.nan
        thresholds[:, column] = np.nan
        windows[:, column] = 0.3
    return Trace(modality, windows, selected, scores, thresholds)


def detection(
    events: Sequence[Event] = (),
    labels: Sequence[str] = ("dog barking", "speech", "siren"),
    *,
    of: Clip | None = None,
    settings: Settings | None = None,
    closest: ClosestMiss | None = None,
    rejected: Mapping[Modality, Sequence[tuple[Candidate, float]]] = {},
    derived: Mapping[Modality, Sequence[Candidate]] = {},
) -> Detection:
    """An answer with traces for the three streams; the last of several labels was not selected."""
    of = of or clip()
    grid = Grid(of.duration_seconds)
    unselected = [len(labels) - 1] if len(labels) > 1 else []
    traces = tuple(
        replace(
            trace(modality, len(labels), grid.segments, unselected=unselected),
            rejected=tuple(rejected.get(modality, ())),
            derived=tuple(derived.get(modality, ())),
        )
        for modality in Modality
    )
    return Detection(
        clip=of,
        labels=tuple(labels),
        grid=grid,
        backbone=BackboneInfo("mini", "mini-visual", "mini-audio", "ab" * 32),
        settings=settings or Settings(),
        events=tuple(events),
        traces=traces,
        warnings=("the backbone 'mini' knows only its own generated world",),
        closest=closest,
    )


def park() -> Detection:
    """Something heard, something seen, something both, and a candidate that was rejected."""
    return detection(
        [
            event("dog barking", SEEN, 0.0, 7.0),
            event("speech", HEARD, 1.0, 4.0),
            event("dog barking", HEARD, 3.0, 5.0),
            event("dog barking", BOTH, 3.0, 5.0),
            event("speech", HEARD, 8.0, 10.0, 0.9312),
        ],
        rejected={SEEN: [(Candidate(0, 8, 10), 0.7123)]},
    )


def agreeing() -> Detection:
    """An answer of which a part of each modality comes from the other two."""
    return detection(
        [event("dog barking", modality, 1.0, 6.0) for modality in Modality],
        derived={SEEN: [Candidate(0, 1, 2)], HEARD: [Candidate(0, 4, 6)], BOTH: [Candidate(0, 3, 4)]},
    )


def park_truth() -> list[Event]:
    """What :func:`park` should have found."""
    return [
        event("dog barking", HEARD, 3.0, 6.0, 1.0),
        event("dog barking", SEEN, 0.0, 8.0, 1.0),
        event("dog barking", BOTH, 3.0, 6.0, 1.0),
        event("siren", HEARD, 6.0, 7.0, 1.0),
    ]


def empty() -> Detection:
    """Nothing found, and what came closest."""
    return detection(closest=ClosestMiss("siren", HEARD, 4.0, 5.0, 0.8712, 0.9293))


def hostile() -> Detection:
    """Every label that could break a format, each found in every stream."""
    events = [event(label, modality, 1.0, 2.5) for label in HOSTILE_LABELS for modality in Modality]
    return detection(events, HOSTILE_LABELS)


def crowded(names: int, duration_seconds: float) -> Detection:
    """Many names over a long time, each in every stream several times."""
    labels = [f"name number {index}" for index in range(names)]
    step = duration_seconds / 7
    events = [
        event(label, modality, start, start + max(1.0, step / (2 + index % 3)))
        for start in (index * step for index in range(6))
        for index, label in enumerate(labels)
        for modality in Modality
    ]
    return detection(events, labels, of=clip(duration_seconds))


def _ordered(events: Sequence[Event]) -> list[Event]:
    return sorted(events, key=lambda each: (each.start_seconds, each.stop_seconds))


def many_labels(labels: int, found: int, *, of: Clip | None = None) -> Detection:
    """Many labels, of which the first ``found`` have a few events each, at times that differ."""
    of = of or clip(60.0)
    rng = np.random.default_rng(0)
    names = [f"{('dog', 'bell', 'engine', 'violin')[index % 4]} number {index}" for index in range(labels)]
    last = of.duration_seconds - 5
    events = [
        event(name, modality, start, start + length, float(confidence))
        for name in names[:found]
        for modality in [list(Modality)[place] for place in rng.permutation(3)[:2]]
        for start, length, confidence in zip(
            rng.choice(int(last / 6), 2, replace=False) * 6, rng.integers(1, 5, 2), rng.uniform(0.9, 1, 2), strict=True
        )
    ]
    return detection(_ordered(events), names, of=of)


def long_recording(duration_seconds: float, *, events: int, of: Clip | None = None) -> Detection:
    """Events of one to three seconds with gaps as short, in bouts: so many that bars merge on a page."""
    rng = np.random.default_rng(0)
    labels = [f"sound {index}" for index in range(12)]
    drawn: list[Event] = []
    lanes = [(label, modality) for label in labels for modality in Modality]
    for index, (label, modality) in enumerate(lanes):
        share = events // len(lanes) + (index < events % len(lanes))
        lengths = rng.integers(1, 4, share)
        # Long pauses between bouts of short ones.
        pauses = np.where(rng.random(share) < 0.06, rng.integers(200, 800, share), rng.integers(1, 6, share))
        starts = np.cumsum(pauses) + np.cumsum(lengths) - lengths
        starts = starts * (duration_seconds - 5) // starts[-1]
        drawn += [
            event(label, modality, start, start + length)
            for start, length in zip(starts, lengths, strict=True)
            if start + length <= duration_seconds
        ]
    return detection(_ordered(drawn), labels, of=of or clip(duration_seconds))
