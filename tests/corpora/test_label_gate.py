"""No clip that has an answer is passed over: bounds from the matrix are above what the method finds, with any settings."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from av2a.backbones.base import Backbone
from av2a.corpora.label_gate import gate_of
from av2a.corpora.library import ASKED_TOGETHER, Library
from av2a.detector import Detector
from av2a.digests import FileIdentity
from av2a.embeddings import ClipFeatures, EmbeddedInput, EmbeddingTable, InputKey, InputKind
from av2a.features.store import Store
from av2a.settings import Settings
from av2a.types import Clip, Modality

WIDTH, VIEWS = 48, 2
LABELS = ("glass breaking", "somebody talks")
LENGTHS = (1, 3, 10, 10, 24)
CLIPS = 50


class WordDirections:
    """Reads labels as random directions."""

    name, sample_rate_hz, segment_seconds, longest_seconds, clips_are_frames = "random", 16_000, 1.0, 10.0, True

    def __init__(self, seed: int) -> None:
        self.seed = seed

    @property
    def features(self) -> int:
        return WIDTH

    def embed_labels(self, labels: list[str]) -> np.ndarray:
        rows = [np.random.default_rng([self.seed, *label.encode()]).normal(size=WIDTH) for label in labels]
        return np.stack([row / np.linalg.norm(row) for row in rows]).astype(np.float32)

    def embed_frames(self, frames: Any) -> np.ndarray:
        raise AssertionError("nothing is embedded")

    embed_clips = embed_sounds = embed_frames


def features_of(rng: np.random.Generator, segments: int, seen: WordDirections, heard: WordDirections) -> ClipFeatures:
    """A clip in which labels come and go, with segments of which nothing is seen or heard."""
    view = 0.9 * rng.normal(size=WIDTH) + 0.45 * rng.normal(size=(segments, VIEWS, WIDTH))
    sound = 0.9 * rng.normal(size=WIDTH) + 0.45 * rng.normal(size=(segments, WIDTH))
    for label in range(len(LABELS)):
        for _ in range(int(rng.integers(0, 3))):
            start = int(rng.integers(0, segments))
            within = slice(start, start + int(rng.integers(1, 6)))
            # From what is no event up to far above all thresholds.
            strength = rng.uniform(1, 9)
            view[within] += strength * rng.integers(0, 2) * seen.embed_labels([LABELS[label]])[0]
            sound[within] += strength * rng.integers(0, 2) * heard.embed_labels([LABELS[label]])[0]
    share = rng.choice([0.0, 0.0, 0.2, 1.0])
    is_seen, is_heard = rng.random(segments) >= share, rng.random(segments) >= rng.choice([0.0, 0.0, 0.2, 1.0])
    if rng.random() < 0.1:
        # Looks the opposite: thresholds may rise.
        view[segments // 2 :] *= -1
    key = InputKey
    visual = {key(0, InputKind.SEGMENT, t, t + 1): EmbeddedInput(view[t], bool(is_seen[t])) for t in range(segments)}
    visual |= {
        key(0, InputKind.FRAME, t, t + 1): EmbeddedInput(view[t].mean(axis=0)[None], True) for t in range(segments)
    }
    audio = {
        key(0, InputKind.SEGMENT, t, t + 1): EmbeddedInput(sound[t][None], bool(is_heard[t])) for t in range(segments)
    }
    return ClipFeatures(
        EmbeddingTable.of(visual),
        EmbeddingTable.of(audio),
        np.array([[0, segments, 0]], np.int32),
        np.arange(segments, dtype=np.int64) // 10,
    )


@pytest.fixture(scope="module")
def library(mini: Detector, tmp_path_factory: pytest.TempPathFactory) -> Library:
    """A library of clips that never were on disk."""
    seen, heard = WordDirections(1), WordDirections(2)
    info = replace(mini.backbone.info, name="random")
    backbone = Backbone(info, seen, heard)  # type: ignore[arg-type]
    library = Library(Store(tmp_path_factory.mktemp("random")), Detector(backbone))
    library.folder.folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    template = Clip(Path("/videos/clip.mp4"), 1, "mp4", 1.0, 0.0, None, None, (), ())
    for number in range(CLIPS):
        segments = LENGTHS[number % len(LENGTHS)]
        clip = replace(
            template,
            path=Path(f"/videos/{number}.mp4"),
            size_bytes=number,
            duration_seconds=float(segments),
            identity=FileIdentity(1, number, number, 0),
            known_sha256=f"{number:064x}",
        )
        made_by = {**library._models, "clip": {"sha256": clip.sha256, "size_bytes": number}}
        library.store.write(made_by, features_of(rng, segments, seen, heard))
        library.folder.catalogue.note(library.store.path(made_by).name, clip)
    return library


def found_in(library: Library, labels: list[str], settings: Settings) -> Iterator[tuple[float, Modality, str]]:
    """Every event of every clip, as the detector finds it."""
    for sighting in library.folder.sightings().values():
        features = library.folder.features(sighting.entry)
        assert features is not None
        for event in library.detector.of_features(sighting.clip, features, labels, settings).events:
            yield event.confidence, event.modality, sighting.path


@pytest.mark.parametrize(
    ("labels", "change"),
    [
        (LABELS[:1], {}),
        (LABELS, {}),
        (LABELS[:1], {"consistent": False, "audio_weight": 0.8, "minimum_duration_seconds": 2.0}),
        (LABELS[:1], {"fusion": "late", "merge_gap_seconds": 2.0}),
        (LABELS[:1], {"threshold_rule": "static", "hold_threshold": None}),
        (LABELS[:1], {"validate": False}),
        (LABELS, {"strictness": {"heard": -2.0, "glass breaking": 0.5}}),
        (LABELS[:1], {"category_threshold": 0.8, "initial_threshold": 0.7, "validate_single": False}),
    ],
    ids=str,
)
def test_the_first_answers_are_the_detector_s_surest(
    library: Library, labels: tuple[str, ...], change: dict[str, Any]
) -> None:
    settings = Settings.practical(**change)
    everything = list(found_in(library, list(labels), settings))
    assert len(everything) > 5
    for modality, top in ((None, 1), (None, 1000), *((each, 5) for each in Modality)):
        surest = sorted((each[0] for each in everything if modality in (None, each[1])), reverse=True)
        answer = library.search(labels, top=top, modality=modality, settings=settings)
        assert [hit.confidence for hit in answer.hits] == surest[:top]


def test_few_clips_are_asked_for_few_answers(library: Library) -> None:
    # In whole rounds.
    assert library.search(LABELS[0], top=5).asked == ASKED_TOGETHER < CLIPS / 2


def test_bounds_are_nearly_what_the_method_finds(library: Library) -> None:
    settings, matrix = Settings(), library.refresh()
    highest: dict[str, float] = {}
    for confidence, _, path in found_in(library, [LABELS[0]], settings):
        highest[path] = max(highest.get(path, 0.0), confidence)
    entries = {each.entry: each.path for each in library.folder.sightings().values()}
    gate = gate_of(matrix, library.detector.vocabulary([LABELS[0]], settings), settings, None)
    bounds = {entries[matrix.entries[number]]: bound for number, bound in gate.in_order()}
    assert list(bounds.values()) == sorted(bounds.values(), reverse=True)
    assert highest.keys() <= bounds.keys()
    excess = np.array([bounds[path] - highest[path] for path in highest])
    assert excess.min() >= 0 and np.median(excess) < 1e-3
