"""How long a new label takes over a library of so many segments, warm and cold, and what memory and disk it needs.

    python -m benchmarks library --segments 100000

Embeddings are random, of the widths of ``clip-clap`` (512 and 512; two frames a segment), as its weights are not needed to measure this.
A rare label is planted in one clip of a hundred, a common one in a third of all. The matrix has all clips; the store has the entries of
those that a search reads, and empty files in place of the others. Cold: a new process, and the system's cache emptied of these files.
"""

import argparse
import hashlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from av2a.backbones.base import Backbone
from av2a.corpora.label_gate import gate_of
from av2a.corpora.library import Library
from av2a.corpora.matrix import ClipRows, Matrix
from av2a.detector import Detector
from av2a.digests import FileIdentity
from av2a.embeddings import ClipFeatures, EmbeddedInput, EmbeddingTable, InputKey, InputKind
from av2a.features.store import Store
from av2a.settings import Settings
from av2a.types import AudioStream, BackboneInfo, Clip, VideoStream

WIDTH = 512
SEGMENTS = 10
FRAMES = 2
RARE, COMMON = "glass breaking", "somebody talks"


@cache
def unit(text: str) -> np.ndarray:
    """A random direction for a text, the same in every process."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    row = np.random.default_rng(seed).normal(size=WIDTH)
    return (row / np.linalg.norm(row)).astype(np.float32)


@dataclass
class RandomEncoder:
    """Reads labels as random directions; it is never given a picture or a sound."""

    name: str = "random"
    sample_rate_hz: int = 16_000
    segment_seconds: float = 1.0
    longest_seconds: float = 10.0
    clips_are_frames: bool = True

    def embed_labels(self, labels: Sequence[str]) -> np.ndarray:
        """One row a label."""
        return np.stack([unit(f"{self.name} {label}") for label in labels])

    def embed_frames(self, frames: Sequence[Any]) -> np.ndarray:
        """Never called."""
        raise AssertionError("a search embeds no frame")

    embed_clips = embed_sounds = embed_frames


def backbone() -> Backbone:
    """A backbone of random directions."""
    info = BackboneInfo("random", "random", "random", "0" * 64, "cpu", "float32")
    return Backbone(info, RandomEncoder("visual"), RandomEncoder("audio"))  # type: ignore[arg-type]


def arrays_of(number: int) -> tuple[np.ndarray, np.ndarray]:
    """The embeddings of one clip's frames and sounds, the same in every process."""
    rng = np.random.default_rng(number)
    # A clip's segments resemble each other: cosines of 0.8.
    same, own = np.sqrt(0.8 / WIDTH), np.sqrt(0.2 / WIDTH)
    seen = same * rng.standard_normal(WIDTH) + own * rng.standard_normal((SEGMENTS, FRAMES, WIDTH))
    heard = same * rng.standard_normal(WIDTH) + own * rng.standard_normal((SEGMENTS, WIDTH))
    for label, every in ((RARE, 100), (COMMON, 3)):
        if number % every == 0:
            start = int(rng.integers(0, SEGMENTS - 3))
            # 4 to 9 deviations of the background.
            strength = rng.uniform(4, 9) / np.sqrt(WIDTH)
            seen[start : start + 3] += strength * unit(f"visual {label}")
            heard[start : start + 3] += strength * unit(f"audio {label}")
    return seen.astype(np.float32), heard.astype(np.float32)


def features_of(number: int) -> ClipFeatures:
    """The embeddings of one clip as a store has them."""
    seen, heard = arrays_of(number)
    key = InputKey
    visual = {key(0, InputKind.SEGMENT, t, t + 1): EmbeddedInput(seen[t], True) for t in range(SEGMENTS)}
    visual |= {
        key(0, InputKind.FRAME, t, t + 1): EmbeddedInput(seen[t].mean(axis=0)[None], True) for t in range(SEGMENTS)
    }
    audio = {key(0, InputKind.SEGMENT, t, t + 1): EmbeddedInput(heard[t][None], True) for t in range(SEGMENTS)}
    return ClipFeatures(
        EmbeddingTable.of(visual),
        EmbeddingTable.of(audio),
        np.array([[0, SEGMENTS, 0]], np.int32),
        np.zeros(SEGMENTS, np.int64),
    )


def clip_of(number: int) -> Clip:
    """A clip of ten seconds that was never on disk."""
    video, audio = VideoStream(0, "h264", 1280, 720), AudioStream(1, "aac", 48_000, 2)
    return Clip(
        Path(f"/videos/{number // 1000:04}/video-{number:07}.mp4"),
        1_000_000 + number,
        "mov,mp4,m4a,3gp,3g2,mj2",
        float(SEGMENTS),
        0.0,
        video,
        audio,
        (video,),
        (audio,),
        identity=FileIdentity(1, number, 1_000_000 + number, 0),
        known_sha256=f"{number:064x}",
    )


def rows_of(number: int, entry: str) -> ClipRows:
    """What the matrix has of a clip."""
    seen, heard = arrays_of(number)
    return ClipRows(entry, seen.reshape(-1, WIDTH), heard, FRAMES)


def made(folder: Path, clips: int) -> Library:
    """A library of so many clips."""
    library = Library(Store(folder), Detector(backbone()))
    models = library._models
    names: dict[int, str] = {}
    catalogue = library.folder.catalogue
    library.folder.folder.mkdir(parents=True)
    made_by = {}
    for number in range(clips):
        clip = clip_of(number)
        made_by[number] = {
            **models,
            "clip": {
                "sha256": clip.sha256,
                "size_bytes": clip.size_bytes,
                "video": 0,
                "audio": 1,
                "seconds": clip.duration_seconds,
            },
        }
        names[number] = library.store.path(made_by[number]).name
        catalogue.note(names[number], clip)
    matrix = Matrix(library.folder.folder / "library")
    matrix.append(rows_of(number, names[number]) for number in range(clips))
    numbers = {name: number for number, name in names.items()}
    wanted: set[int] = set()
    for label in (RARE, COMMON):
        gate = gate_of(matrix, library.detector.vocabulary([label], Settings()), Settings(), None)
        # More than a search for fifty reads.
        wanted |= {numbers[matrix.entries[each]] for each, _ in islice(gate.in_order(), 700)}
    for number, name in names.items():
        if number in wanted:
            library.store.write(made_by[number], features_of(number))
        else:
            (library.folder.folder / name).touch()
    return library


def forget_cache(folder: Path) -> None:
    """Take the files of a folder out of the system's cache."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
                os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def ask(folder: Path) -> dict[str, Any]:
    """Open the library and ask; seconds since this process began to."""
    began = time.perf_counter()
    library = Library(Store(folder), Detector(backbone()))
    first = library.search(RARE)
    cold = time.perf_counter() - began
    result: dict[str, Any] = {"cold_s": round(cold, 3), "hits": len(first.hits), "asked": first.asked}
    for label, name in ((RARE, "rare"), (COMMON, "common"), ("something that is never there", "absent")):
        times, processor, asked = [], [], 0
        for _ in range(5):
            began, spent = time.perf_counter(), time.process_time()
            asked = library.search(label).asked
            times.append(time.perf_counter() - began)
            processor.append(time.process_time() - spent)
        result[f"warm_{name}_s"] = round(statistics.median(times), 3)
        result[f"processor_{name}_s"] = round(statistics.median(processor), 3)
        result[f"asked_{name}"] = asked
    return result | {"peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)}


def sizes(segments: Sequence[int], keep: Path | None) -> Iterator[dict[str, Any]]:
    """A row for each size."""
    for count in segments:
        parent = Path(tempfile.mkdtemp(prefix="av2a-library-", dir=keep))
        try:
            folder = parent / "store"
            began = time.perf_counter()
            made(folder, count // SEGMENTS)
            seconds = time.perf_counter() - began
            forget_cache(folder)
            ran = subprocess.run(
                [sys.executable, __file__, "--ask", str(folder)], capture_output=True, text=True, check=True
            )
            matrix = sum(path.stat().st_size for path in folder.rglob("*.f32"))
            yield {
                "segments": count,
                "made_s": round(seconds, 1),
                "matrix_mb": matrix // 10**6,
                **json.loads(ran.stdout),
            }
        finally:
            shutil.rmtree(parent, ignore_errors=True)


def main() -> None:
    """Measure each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--folder", type=Path, help="where the libraries are made")
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.ask is not None:
        print(json.dumps(ask(given.ask)))
        return
    for row in sizes(given.segments, given.folder):
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
