"""The whole method: against the released chain on tables of embeddings, and on real files with ``mini``."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import av2a
from av2a import world as generated_world
from av2a.backbones.base import Backbone
from av2a.backbones.encoder_warnings import warn
from av2a.background import BACKGROUND
from av2a.detector import MOST_BEGUN, Answer, Detector, detect_all
from av2a.embeddings import ClipFeatures, Embeddings, LabelEmbeddings, Vocabulary
from av2a.errors import InvalidLabels, MissingFile, UsageError
from av2a.exports.json import dumps, loads
from av2a.labels import checked_labels
from av2a.methods.av2a.method import av2a as method
from av2a.methods.av2a.method import parse as parse_source
from av2a.methods.av2a.scores import vocabulary
from av2a.settings import PROFILES, Fusion, Settings, ValidationRule
from av2a.types import WORLD_COMMENT, Candidate, Detection, Modality, Parsing, ScoredClip, Scores
from tests.counting import Counted, counted
from tests.parts import made_features
from tests.plain_path import plain_events
from tests.released import RULES, released, rows_of
from tests.silent import silent
from tests.tiny_backbones import languagebind, pair, scene

__all__ = ["languagebind", "pair", "scene"]  # fixtures

STREAMS = (Modality.VISUAL, Modality.AUDIO, Modality.AUDIO_VISUAL)


def released_settings(name: str, column: int) -> Settings:
    """One of the ten settings of a released pipeline file."""
    reference = released(name)
    return replace(
        Settings.released(),
        audio_weight=float(reference["alpha"][column]),
        category_threshold=float(reference["tau_f"][column]),
        initial_threshold=float(reference["tau0"][column]),
        confidence_threshold=float(reference["tau_r"][column]),
        decay=float(reference["gamma"][column]),
        threshold_rule=RULES[str(reference["method"][column])],
        fusion=Fusion.SCORE if reference["fusion"][column] == "score" else Fusion.LATE,
        validation_rule=ValidationRule.ARGMAX
        if reference["decision_rule"][column] == "argmax"
        else ValidationRule.CONFIDENCE,
        select_categories=bool(reference["class_selection"][column]),
        validate=bool(reference["refinement"][column]),
    )


def parse(features: ClipFeatures, words: Vocabulary, settings: Settings) -> Parsing:
    [parsing] = method(features, words, settings)
    return parsing


@cache
def released_video(name: str, video: int) -> tuple[ClipFeatures, Vocabulary]:
    """The tables of one made-up video, as features."""
    reference = released(name)
    own = {key.split("_", 1)[1]: rows for key, rows in reference.items() if key.startswith(f"video{video:02d}_")}
    place = {(int(start), int(stop)): row for row, (start, stop) in enumerate(reference["pairs"])}
    once, always = np.ones(1, dtype=bool), np.ones(10, dtype=bool)

    def embedded(interval: tuple[int, int]) -> Embeddings:
        row = place[interval]
        return Embeddings(own["video"][row][None], own["audio"][row][None], once, once)

    whole = embedded((-1, -1))
    features = made_features(
        segments=Embeddings(own["image"][:, None], np.repeat(whole.audio, 10, axis=0), always, always),
        windows=(whole,),
        window_of=np.zeros(10, dtype=np.int64),
        frame_embeddings=own["image"],
        intervals={ends: embedded(ends) for ends in place if ends[0] >= 0},
    )
    labels = LabelEmbeddings(own["text_visual"], own.get("text_audio", own["text_visual"]))
    names = [f"category {number}" for number in range(len(labels.visual))]
    none = LabelEmbeddings(labels.visual[:0], labels.audio[:0])
    return features, vocabulary(names, (), labels, none, 0.95)


def plain(found: Sequence[Candidate]) -> list[tuple[int, int, int]]:
    return [(each.label, each.start, each.stop) for each in found]


@pytest.mark.parametrize("column", range(10))
@pytest.mark.parametrize("name", ["pipeline_language_bind", "pipeline_clip_clap"])
def test_the_whole_chain_equals_the_released_one(name: str, column: int) -> None:
    reference = released(name)
    settings = released_settings(name, column)
    for video in range(len(reference["C"])):
        parsing = parse(*released_video(name, video), settings)
        for stream, modality in enumerate(STREAMS):
            parsed = parsing.streams[modality]
            assert plain(parsed.found) == rows_of(reference["final"], video, column, stream)
            if modality is Modality.AUDIO_VISUAL and settings.fusion is Fusion.LATE:
                continue
            assert plain(parsed.candidates) == rows_of(reference["candidates"], video, column, stream)
            selected = np.flatnonzero(parsed.trace.selected.any(axis=0)).tolist()
            expected = [row[0] for row in rows_of(reference["selected"], video, column, stream)]
            assert selected == expected or not settings.select_categories


def made_up(seed: int, segments: int = 12, categories: int = 4) -> tuple[ClipFeatures, Vocabulary]:
    rng = np.random.default_rng(seed)
    labels = LabelEmbeddings(
        rng.normal(size=(categories, 8)).astype(np.float32), rng.normal(size=(categories, 8)).astype(np.float32)
    )
    concepts = LabelEmbeddings(
        rng.normal(size=(len(BACKGROUND), 8)).astype(np.float32),
        rng.normal(size=(len(BACKGROUND), 8)).astype(np.float32),
    )
    strength = rng.integers(0, 2, (segments, categories)).astype(np.float32) * 2
    seen = (strength @ labels.visual + rng.normal(size=(segments, 8))).astype(np.float32)
    heard = (strength @ labels.audio + rng.normal(size=(segments, 8))).astype(np.float32)
    always = np.ones(segments, dtype=bool)

    def stretch(start: int, stop: int) -> Embeddings:
        return Embeddings(
            seen[None, start:stop], heard[start:stop].mean(axis=0)[None], np.ones(1, bool), np.ones(1, bool)
        )

    features = made_features(
        segments=Embeddings(seen[:, None], heard, always, always),
        windows=(stretch(0, 10), stretch(10, segments)),
        window_of=np.repeat([0, 1], [10, segments - 10]),
        frame_embeddings=seen,
        intervals={},
    )
    names = [f"qx{number}" for number in range(categories)]
    return features, vocabulary(names, BACKGROUND, labels, concepts, 0.999)


def only(words: Vocabulary, category: int) -> Vocabulary:
    """The vocabulary of one label asked alone."""
    one = slice(category, category + 1)
    return Vocabulary(
        LabelEmbeddings(words.labels.visual[one], words.labels.audio[one]), words.concepts, words.counted[one]
    )


def found_of(parsing: Parsing, modality: Modality, category: int) -> list[tuple[int, int]]:
    return [(each.start, each.stop) for each in parsing.streams[modality].found if each.label == category]


@given(st.integers(0, 2**32 - 1), st.integers(0, 3))
def test_without_moving_thresholds_a_practical_answer_does_not_depend_on_what_else_is_asked(
    seed: int, category: int
) -> None:
    settings = Settings().replace(threshold_rule="static")
    features, words = made_up(seed)
    together = parse(features, words, settings)
    alone = parse(features, only(words, category), settings)
    for modality in Modality:
        assert found_of(together, modality, category) == found_of(alone, modality, 0)


@given(st.integers(0, 2**32 - 1))
def test_practical_keeps_no_candidate_that_its_validation_rejects(seed: int) -> None:
    settings = Settings.practical(category_threshold=0.0, confidence_threshold=0.9, consistent=False)
    parsing = parse(*made_up(seed), settings)
    for stream in parsing.streams.values():
        assert all(confidence > 0.9 for confidence in stream.confidences)
        assert len(stream.found) + len(stream.rejected) == len(stream.candidates)


@given(st.integers(0, 2**32 - 1))
def test_late_fusion_finds_nothing_that_is_not_both_heard_and_seen(seed: int) -> None:
    parsing = parse(*made_up(seed), Settings().replace(fusion="late", category_threshold=0.0))
    painted = {}
    for modality in Modality:
        painted[modality] = np.zeros((12, 4), dtype=bool)
        for each in parsing.streams[modality].found:
            painted[modality][each.start : each.stop, each.label] = True
    both = painted[Modality.AUDIO] & painted[Modality.VISUAL]
    assert np.array_equal(painted[Modality.AUDIO_VISUAL], both)


def heard_by_scores(segments: np.ndarray, settings: Settings) -> tuple[Candidate, ...]:
    """The candidates of the audio stream by scores of another model."""
    scores = Scores(whole=np.ones((1, 1), np.float32), segments=segments.astype(np.float32))
    return parse_source(ScoredClip(audio=scores, visual=scores), settings).streams[Modality.AUDIO].candidates


def test_anybody_s_scores_are_taken() -> None:
    found = heard_by_scores(np.array([[0.1], [0.9], [0.9], [0.2]]), Settings.released())
    assert found == (Candidate(0, 1, 3),)


def test_seconds_of_settings_become_segments() -> None:
    settings = replace(Settings(), segment_seconds=0.5, minimum_duration_seconds=1.0, merge_gap_seconds=0.5)
    present = np.array([1, 0, 1, 0, 0, 1, 0, 0, 0], dtype=np.float64)[:, None]
    assert heard_by_scores(present, settings) == (Candidate(0, 0, 3),)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([], "no event names given"),
        (["dog", " "], "event name 2 is empty"),
        (["dog", "cat", "dog"], "'dog' is given twice"),
        (["a" * 10_000], "has 10000 characters: use at most 200"),
        ([str(number) for number in range(1001)], "1001 event names given, more than the limit of 1000"),
    ],
)
def test_labels_that_cannot_be_meant_are_refused(labels: list[str], words: str) -> None:
    with pytest.raises(InvalidLabels, match=words):
        checked_labels(labels)


@pytest.mark.usefixtures("without_shape_checks")
def test_one_string_is_not_a_list_of_labels() -> None:
    with pytest.raises(InvalidLabels, match="got one string"):
        checked_labels("dog")


def test_labels_keep_their_order_and_case() -> None:
    labels = ["Zebra", 'a "quoted" <b>', "ünï 🐕", "apple\nline"]
    assert list(checked_labels(labels)) == labels


def test_a_missing_file_and_an_unknown_backbone_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"nowhere\.mp4"):
        av2a.detect(tmp_path / "nowhere.mp4", ["dog"], backbone="mini")


# Once, with encoders of the real architectures and few random weights.

NAMES = [name for name in generated_world.NAMES if len(name) < 13 and name not in BACKGROUND]


def low(settings: Settings) -> Settings:
    """Settings under which random weights find something to validate, keep and drop."""
    return settings.replace(initial_threshold=0.6, confidence_threshold=0.62, category_threshold=0.5)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", ["pair", "languagebind"])
def test_released_decides_as_when_every_question_is_asked_by_itself(
    tmp_path: Path, name: str, seed: int, request: pytest.FixtureRequest
) -> None:
    backbone: Backbone = request.getfixturevalue(name)
    path = tmp_path / "scene.mp4"
    generated_world.write_clip(generated_world.make_scene(seed), path)
    settings = low(Settings.released())
    ours = av2a.detect(path, NAMES, backbone, settings).events
    plain = plain_events(path, NAMES, backbone, settings)
    assert len(ours) > 0
    assert [replace(event, confidence=0.0) for event in ours] == [replace(event, confidence=0.0) for event in plain]
    assert [each.confidence for each in ours] == pytest.approx([each.confidence for each in plain], abs=1e-4)


@pytest.fixture
def asked(pair: Backbone) -> Counted:
    return counted(pair)


@pytest.mark.parametrize("profile", PROFILES)
def test_each_picture_sound_and_label_is_asked_once(scene: Path, asked: Counted, profile: str) -> None:
    settings = low(Settings.of(profile))
    detection = av2a.detect(scene, NAMES, asked.backbone, settings)
    assert len(detection.events) > 0
    for count in (asked.visual.frames, asked.audio.sounds):
        assert set(count.values()) == {1}
    for labels in (asked.visual.labels, asked.audio.labels):
        assert set(labels) == {*NAMES, *settings.background} and set(labels.values()) == {1}


def test_labels_are_not_read_again_in_the_next_run(
    scene: Path, asked: Counted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AV2A_CACHE", str(tmp_path))
    first = av2a.detect(scene, NAMES, asked.backbone)
    second = av2a.detect(scene, NAMES, asked.backbone)
    assert set(asked.visual.labels.values()) == {1}
    assert first.events == second.events


def test_the_length_of_labels_rows_counts_as_released_only(scene: Path, asked: Counted) -> None:
    twice = counted(asked.backbone)
    embed = twice.visual.embed_labels
    scales = np.linspace(0.5, 3, len(NAMES), dtype=np.float32)[:, None]
    twice.visual.embed_labels = lambda labels: (  # type: ignore[method-assign]
        embed(labels) * scales if len(labels) == len(NAMES) else embed(labels)
    )
    for profile, counts in (("practical", False), ("released", True), ("paper", True)):
        settings = Settings.of(profile)
        plain, scaled = (
            av2a.detect(scene, NAMES, backbone, settings).traces[1].window_scores
            for backbone in (asked.backbone, twice.backbone)
        )
        assert np.allclose(plain, scaled, atol=1e-5, equal_nan=True) != counts


# Several videos.


def plainly(answer: Answer | Detection) -> list[tuple[str, Modality, float, float]]:
    detection = answer.detection if isinstance(answer, Answer) else answer
    assert detection is not None
    return [(each.label, each.modality, each.start_seconds, each.stop_seconds) for each in detection.events]


def test_several_videos_are_answered_as_each_alone_and_a_bad_one_stops_no_other(
    tmp_path: Path, asked: Counted, pair: Backbone
) -> None:
    paths = [tmp_path / f"{seed}.mp4" for seed in range(3)]
    for seed, path in enumerate(paths):
        generated_world.write_clip(generated_world.make_scene(seed, duration_seconds=3 + seed), path)
    settings = low(Settings())
    backbone = replace(asked.backbone, batch_items=16)
    answers = list(detect_all([paths[0], tmp_path / "none.mp4", *paths[1:]], NAMES, backbone, settings))
    missing = answers.pop(1)
    assert missing.item == tmp_path / "none.mp4" and isinstance(missing.error, MissingFile)
    for path, found in zip(paths, answers, strict=True):
        assert plainly(found) == plainly(av2a.detect(path, NAMES, pair, settings))
    # 6 and 8 and 10 pictures: the first batch is filled from the second and third video.
    assert asked.visual.batches[0] == 16
    assert set(asked.visual.labels.values()) == {1}


def test_a_video_that_an_encoder_cannot_take_fails_by_itself(tmp_path: Path, asked: Counted) -> None:
    paths = [tmp_path / f"{seed}.mp4" for seed in range(3)]
    for seed, path in enumerate(paths):
        generated_world.write_clip(generated_world.make_scene(seed, duration_seconds=3), path)
    spoilt: set[bytes] = set()
    av2a.detect(paths[1], NAMES, asked.backbone)
    spoilt.update(asked.visual.frames)
    embed = asked.visual.embed_frames

    def embed_frames(frames: Sequence[np.ndarray]) -> np.ndarray:
        if any(frame.tobytes() in spoilt for frame in frames):
            raise MemoryError("too large")
        return embed(frames)

    asked.visual.embed_frames = embed_frames  # type: ignore[method-assign]
    answers = list(detect_all(paths, NAMES, asked.backbone))
    assert [type(each.error) for each in answers] == [type(None), MemoryError, type(None)]


def test_mini_warns_of_every_video_but_those_of_its_own_world(tmp_path: Path) -> None:
    clip, copy = tmp_path / "scene.mp4", tmp_path / "copy.mp4"
    generated_world.write_clip(generated_world.make_scene(1, duration_seconds=2), clip)
    own = av2a.detect(clip, ["dog barking"], "mini")
    assert own.clip.generated and own.caution is None
    assert loads(dumps(own)).clip.generated
    # The same pictures and sounds in a file that does not say where they are from.
    tag = WORLD_COMMENT.encode()
    assert clip.read_bytes().count(tag) == 1
    copy.write_bytes(clip.read_bytes().replace(tag, b"x" * len(tag)))
    other = av2a.detect(copy, ["dog barking"], "mini")
    assert other.caution is not None and other.caution in other.warnings
    assert loads(dumps(other)).caution == other.caution


# The store.


@pytest.mark.parametrize("seconds", [5, 30])
def test_other_labels_and_settings_for_a_stored_video_decode_and_encode_nothing(tmp_path: Path, seconds: int) -> None:
    path = tmp_path / "scene.mp4"
    generated_world.write_clip(generated_world.make_scene(3, duration_seconds=seconds), path)
    mini = av2a.load_backbone("mini")
    first = Detector(mini, store=tmp_path / "store")(path, NAMES[:4])
    again = Detector(silent(mini), store=tmp_path / "store")
    assert again(path, NAMES[:4]) == first
    lenient = {"initial_threshold": 0.6, "category_threshold": 0.5, "confidence_threshold": 0.5, "decay": 0.1}
    other = again(path, NAMES[4:], lenient)
    assert other == Detector(mini)(path, NAMES[4:], lenient) and len(other) > 0


def test_a_stored_video_of_a_published_profile_is_not_encoded_again(tmp_path: Path) -> None:
    path = tmp_path / "scene.mp4"
    generated_world.write_clip(generated_world.make_scene(3, duration_seconds=12), path)
    mini = av2a.load_backbone("mini")
    Detector(mini, store=tmp_path)(path, NAMES[:6], "released")
    again = Detector(silent(mini), store=tmp_path)(path, NAMES[6:], low(Settings.released()))
    assert again == Detector(mini)(path, NAMES[6:], low(Settings.released()))


def test_a_file_that_was_seen_before_is_not_hashed_before_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scene.mp4"
    generated_world.write_clip(generated_world.make_scene(3, duration_seconds=2), path)
    detector = Detector("mini", store=tmp_path / "store")
    detector(path, NAMES[:2])
    monkeypatch.setattr("av2a.types.sha256", lambda *given: pytest.fail("the file was hashed"))
    assert len(detector(path, NAMES[2:4]).traces) == 3


# Several videos, in turn.


def test_few_videos_are_begun_before_the_first_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "scene.mp4"
    generated_world.write_clip(generated_world.make_scene(3, duration_seconds=2), path)
    begun: list[int] = []

    def videos() -> Iterator[Path]:
        for number in range(20):
            begun.append(number)
            yield path

    backbone = replace(av2a.load_backbone("mini"), batch_items=10_000)
    answers = Detector(backbone).map(videos(), NAMES[:2])
    for number, answer in enumerate(answers):
        assert answer.item == path and answer.detection is not None
        assert len(begun) <= number + MOST_BEGUN


def test_a_warning_of_a_batch_stands_in_the_answers_to_the_videos_in_it(tmp_path: Path, asked: Counted) -> None:
    paths = [tmp_path / f"{seed}.mp4" for seed in range(3)]
    for seed, path in enumerate(paths):
        generated_world.write_clip(generated_world.make_scene(seed, duration_seconds=3), path)
    av2a.detect(paths[0], NAMES, asked.backbone)
    first = set(asked.visual.frames)
    embed = asked.visual.embed_frames

    def embed_frames(frames: Sequence[np.ndarray]) -> np.ndarray:
        if any(frame.tobytes() in first for frame in frames):
            warn("half precision did not suffice")
        return embed(frames)

    asked.visual.embed_frames = embed_frames  # type: ignore[method-assign]
    answers = list(Detector(replace(asked.backbone, batch_items=6)).map(paths, NAMES))
    warned = ["half precision did not suffice" in each.detection.warnings for each in answers if each.detection]
    assert warned == [True, False, False]


@pytest.mark.usefixtures("without_shape_checks")
def test_one_path_is_not_a_list_of_videos() -> None:
    for one, words in (("a.mp4", "one"), (Path("a.mp4"), "one"), (None, "NoneType"), (3, "int")):
        with pytest.raises(UsageError, match=f"videos must be a list of paths, got {words}"):
            Detector("mini").map(one, ["dog"])  # type: ignore[arg-type]


@pytest.mark.usefixtures("without_shape_checks")
def test_a_backbone_that_is_none_is_refused_in_one_line() -> None:
    with pytest.raises(UsageError, match="backbone must be a name or a loaded backbone, got NoneType"):
        Detector(None)  # type: ignore[arg-type]
