"""``light`` on real clips: how right it is, what it knows, how fast it is, and what each stage of the method does there.

    python -m benchmarks real BED [--weights DIR] [--store DIR]

BED holds ``clips/``, ``truth.tsv`` (filename, onset, offset, event_label, modality), ``ignore.tsv`` (pairs that could not be judged)
and ``absent.tsv`` (labels that are nowhere, and of which stream). A second counts as an event's when at least half of it is.
Intervals are 95 % of 2000 bootstrap samples of clips.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np

from av2a.backbones.base import Backbone
from av2a.backbones.registry import load_backbone
from av2a.datasets import ave, llp
from av2a.detector import Detector, known_labels
from av2a.metrics.event_level import event_counts
from av2a.metrics.segment_level import segment_counts
from av2a.settings import Settings
from av2a.types import Detection, Modality
from benchmarks.report import machine, table

STREAMS = (Modality.AUDIO, Modality.VISUAL)
SAMPLES = 2000
MOST_FALSE = 0.003
RUNS = 3
"""Processes of which the middle one counts for speed."""

CHANGES: dict[str, dict[str, object]] = {
    "as shipped": {},
    "static thresholds": {"threshold_rule": "static"},
    "without the cosine": {"threshold_rule": "ratio"},
    "decay 0.5": {"decay": 0.5},
    "without selection": {"select_categories": False},
    "without validation": {"validate": False},
    "without hysteresis": {"hold_threshold": None},
    "static, without hysteresis": {"threshold_rule": "static", "hold_threshold": None},
    "late fusion": {"fusion": "late"},
    "gaps of 1 s filled": {"merge_gap_seconds": 1.0},
    "2 s at least": {"minimum_duration_seconds": 2.0},
    "without a background": {"background": ()},
}


@dataclass(frozen=True)
class Bed:
    """Clips with their truth."""

    clips: tuple[Path, ...]
    labels: tuple[str, ...]
    truth: dict[tuple[str, str, str], list[tuple[float, float]]]
    ignored: frozenset[tuple[str, str, str]]
    absent: dict[str, tuple[str, ...]]
    """Labels that are nowhere, by the value of the modality in which they could be."""


@dataclass(frozen=True)
class Figure:
    """Counts of each clip, and F1 over all of them."""

    counts: np.ndarray
    """(clip, 3): true positives, false positives, false negatives."""

    @property
    def f1(self) -> float:
        """In percent, over all clips at once (micro)."""
        return _f1(self.counts.sum(axis=0))

    def __str__(self) -> str:
        chosen = np.random.default_rng(0).integers(0, len(self.counts), (SAMPLES, len(self.counts)))
        low, high = np.percentile([_f1(self.counts[each].sum(axis=0)) for each in chosen], [2.5, 97.5])
        return f"{self.f1:.1f} [{low:.0f}–{high:.0f}]"


def _f1(counts: np.ndarray) -> float:
    found, wrong, missed = counts
    return 100 * 2 * found / max(2 * found + wrong + missed, 1)


def read_bed(folder: Path, labels: Sequence[str] | None = None) -> Bed:
    """The clips, the labels that are asked for (those of the scores beside the clips), and what is true."""
    truth = defaultdict(list)
    for row in _rows(folder / "truth.tsv"):
        if row["event_label"]:
            truth[row["filename"], row["event_label"], row["modality"]].append(
                (float(row["onset"]), float(row["offset"]))
            )
    ignored = frozenset((row["filename"], row["event_label"], row["modality"]) for row in _rows(folder / "ignore.tsv"))
    absent = _rows(folder / "absent.tsv")
    first = min((folder / "scores").glob("*.npz"))
    with np.load(first, allow_pickle=False) as scores:
        named = tuple(map(str, scores["labels"]))
    return Bed(
        clips=tuple(sorted((folder / "clips").iterdir())),
        labels=tuple(labels or named),
        truth=dict(truth),
        ignored=ignored,
        absent={
            "audio": tuple(row["name"] for row in absent if row["of"] == "sounds"),
            "visual": tuple(dict.fromkeys(row["name"] for row in absent if row["of"] != "sounds")),
        },
    )


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def figures(
    bed: Bed, answers: Sequence[Detection], stream: Modality, known: frozenset[str] | None = None
) -> tuple[Figure, Figure]:
    """Segments and events of one stream, over the pairs that could be judged; of ``known`` labels only, if given."""
    segments: list[list[int]] = []
    events: list[list[int]] = []
    for answer in answers:
        if (answer.clip.audio if stream is Modality.AUDIO else answer.clip.video) is None:
            continue
        true, found = masks(bed, answer, stream, known)
        for counted, counts in ((segments, segment_counts), (events, event_counts)):
            each = counts(true[None], found[None])
            counted.append([each.true_positives.sum(), each.false_positives.sum(), each.false_negatives.sum()])
    return Figure(np.array(segments)), Figure(np.array(events))


def masks(bed: Bed, answer: Detection, stream: Modality, known: frozenset[str] | None) -> tuple[np.ndarray, np.ndarray]:
    """What is true and what was found, (label, segment)."""
    edges = answer.grid.edges_seconds
    true, found = (np.zeros((len(bed.labels), answer.grid.segments), dtype=bool) for _ in range(2))
    for row, label in enumerate(bed.labels):
        key = answer.clip.name, label, stream.value
        if key in bed.ignored or (known is not None and label not in known):
            continue
        for intervals, mask in (
            (bed.truth.get(key, []), true),
            ([(e.start_seconds, e.stop_seconds) for e in answer[label] if e.modality is stream], found),
        ):
            for start, stop in intervals:
                shared = np.minimum(edges[1:], stop) - np.maximum(edges[:-1], start)
                mask[row] |= shared >= np.diff(edges) / 2
    return true, found


def main() -> None:
    """Measure everything and print it as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bed", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--store", type=Path, help="a folder in which embeddings are kept from run to run")
    given = parser.parse_args()
    bed = read_bed(given.bed)
    # First: a process's peak of memory begins at that of the one that starts it.
    _fast(bed, given.weights)
    backbone = load_backbone("light", weights=given.weights)
    with tempfile.TemporaryDirectory() as folder:
        detector = Detector(backbone, store=given.store or Path(folder))
        answers = [detector(clip, bed.labels) for clip in bed.clips]
        _right(bed, answers)
        _false(bed, detector)
        _known(backbone)
        _stages(bed, detector, answers)


def _right(bed: Bed, answers: Sequence[Detection]) -> None:
    known = {
        Modality.AUDIO: frozenset(each.label for each in answers[0].known if each.heard_as),
        Modality.VISUAL: frozenset(each.label for each in answers[0].known if each.seen_as),
    }
    rows = []
    for stream in STREAMS:
        everything, of_known = figures(bed, answers, stream), figures(bed, answers, stream, known[stream])
        rows.append([stream.word, *everything, *of_known])
    seconds = sum(each.clip.duration_seconds for each in answers)
    title = f"Micro F1, {len(answers)} clips ({seconds:.0f} s), {len(bed.labels)} labels asked at once, practical as shipped"
    table(title, ["", "segments", "events", "known labels: segments", "events"], rows)


def _false(bed: Bed, detector: Detector) -> None:
    rows, total, pairs = [], 0, 0
    for stream in STREAMS:
        labels = bed.absent[stream.value]
        answers = [detector(clip, labels) for clip in bed.clips]
        heard = [
            each for each in answers if (each.clip.audio if stream is Modality.AUDIO else each.clip.video) is not None
        ]
        found = [f"{event.label} in {each.clip.name}" for each in heard for event in each.events_of(stream)]
        pairs_of_stream = len(heard) * len(labels)
        rows.append([stream.word, len(set(found)), pairs_of_stream, f"{100 * len(set(found)) / pairs_of_stream:.2f} %"])
        total, pairs = total + len(set(found)), pairs + pairs_of_stream
    rows.append(["both together", total, pairs, f"{100 * total / pairs:.2f} % (bar {100 * MOST_FALSE:.1f} %)"])
    table("(clip, absent label) pairs with any event", ["", "with an event", "pairs", "share"], rows)


def _known(backbone: Backbone) -> None:
    vggsound = _lines(Path(__file__).with_name("vggsound_labels.txt"))
    rows = []
    for data_set, labels in {"LLP": llp.CATEGORIES, "AVE": ave.CATEGORIES, "VGGSound": vggsound}.items():
        known = known_labels(backbone, labels)
        heard = [each.heard_as is not None for each in known]
        seen = [each.seen_as is not None for each in known]
        either = [any(each) for each in zip(heard, seen, strict=True)]
        shares = [100 * sum(each) / len(known) for each in (heard, seen, either)]
        rows.append([data_set, len(labels), *(f"{share:.0f} %" for share in shares)])
    table("Labels known", ["labels of", "labels", "by sound", "by sight", "by either"], rows)


def _lines(file: Path) -> list[str]:
    return [line for line in file.read_text("utf-8").splitlines() if line and not line.startswith("#")]


def _stages(bed: Bed, detector: Detector, shipped: Sequence[Detection]) -> None:
    base = [figure.f1 for stream in STREAMS for figure in figures(bed, shipped, stream)]
    rows = []
    for name, changes in CHANGES.items():
        settings = Settings.practical(**changes)
        answers = [detector(clip, bed.labels, settings) for clip in bed.clips]
        values = [figure.f1 for stream in STREAMS for figure in figures(bed, answers, stream)]
        rows.append([name, *(f"{value:.1f} ({value - was:+.1f})" for value, was in zip(values, base, strict=True))])
    header = ["", "heard, segments", "heard, events", "seen, segments", "seen, events"]
    table("The method's stages: micro F1, and the difference to practical as shipped", header, rows)


ONE_CORE = """
import os, resource, sys, time
from pathlib import Path
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
began = time.process_time()
import av2a
backbone = av2a.load_backbone("light", weights=Path(sys.argv[1]) if sys.argv[1] else None)
detector = av2a.Detector(backbone)
detector.vocabulary(("dog barking", "speech"), av2a.Settings())
print(time.process_time() - began)
for clip in sys.argv[2:]:
    began = time.process_time()
    detection = detector(clip, ["dog barking", "speech"])
    print(detection.clip.duration_seconds, time.process_time() - began)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "torch" in sys.modules)
"""


def _fast(bed: Bed, weights: Path | None) -> None:
    """All clips in one process on one core, as they are and at 480 lines; seconds of the processor, as others may be at work."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        # By other processes, so that this one stays small: what it starts begins with its peak of memory.
        with ProcessPoolExecutor() as encoders:
            scaled = [*encoders.map(_at_480_lines, bed.clips, repeat(Path(folder)))]
        for kind, clips in {"as they are": bed.clips, "480 lines": scaled}.items():
            runs = sorted((_one_core(clips, weights) for _ in range(RUNS)), key=lambda run: run.times_real_time)
            rows.append([kind, *runs[RUNS // 2].cells])
    header = ["clips", "bits a second", "all together", "middle clip", "slowest", "start", "peak memory", "torch"]
    table(f"Speed on one core ({machine()}{_widest_instructions()}), in times real time", header, rows)


@dataclass(frozen=True)
class CoreRun:
    """What one process took."""

    clips: Sequence[Path]
    start_seconds: float
    lengths_seconds: np.ndarray
    work_seconds: np.ndarray
    peak_megabytes: float
    has_torch: bool

    @property
    def times_real_time(self) -> float:
        """Of all clips together."""
        return float(self.lengths_seconds.sum() / self.work_seconds.sum())

    @property
    def cells(self) -> list[str]:
        """As the table shows it."""
        each = self.lengths_seconds / self.work_seconds
        bits = 8e-6 * sum(clip.stat().st_size for clip in self.clips) / self.lengths_seconds.sum()
        speeds = [f"{value:.1f} ×" for value in (self.times_real_time, np.median(each), each.min())]
        start, peak = f"{self.start_seconds:.1f} s", f"{self.peak_megabytes:.0f} MB"
        return [f"{bits:.2f} million", *speeds, start, peak, "imported" if self.has_torch else "not imported"]


def _one_core(clips: Sequence[Path], weights: Path | None) -> CoreRun:
    command = [sys.executable, "-c", ONE_CORE, str(weights or ""), *map(str, clips)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    start, *measured, last = done.stdout.splitlines()
    lengths, work = np.array([list(map(float, line.split())) for line in measured]).T
    peak, torch = last.split()
    return CoreRun(clips, float(start), lengths, work, float(peak), torch == "True")


def _at_480_lines(clip: Path, folder: Path) -> Path:
    """The clip scaled to 480 lines, H.264 at x264's own settings, its sound as it is."""
    import av

    made = folder / f"{clip.stem}.mp4"
    with av.open(str(clip)) as read, av.open(str(made), "w") as written:
        seen, *heard = read.streams.video[0], *read.streams.audio[:1]
        video = written.add_stream("libx264", rate=seen.guessed_rate)
        video.width, video.height = 2 * round(seen.width * 240 / seen.height), 480
        video.pix_fmt, video.codec_context.time_base = "yuv420p", seen.time_base
        copies = {stream: written.add_stream_from_template(stream) for stream in heard}
        for packet in read.demux(seen, *heard):
            if packet.stream is seen:
                for frame in packet.decode():
                    written.mux(video.encode(frame.reformat(video.width, video.height, "yuv420p")))
            elif packet.dts is not None:
                packet.stream = copies[packet.stream]
                written.mux(packet)
        written.mux(video.encode())
    return made


def _widest_instructions() -> str:
    """The widest of this processor's instructions, where the system tells: how fast networks are depends on them most."""
    file = Path("/proc/cpuinfo")
    flags = set(file.read_text().split()) if file.exists() else set()
    widest = {"avx512_vnni": "AVX-512 for bytes", "avx512f": "AVX-512", "avx2": "AVX2"}
    return next((f", {name}" for flag, name in widest.items() if flag in flags), "")


if __name__ == "__main__":
    main()
