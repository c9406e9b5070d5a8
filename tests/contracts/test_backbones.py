"""What every backbone promises, those of other packages included."""

import re

import numpy as np
import pytest

from av2a.backbones.base import AudioEncoder, Backbone, VisualEncoder, embed_labels
from av2a.backbones.registry import BACKBONES, load_backbone
from av2a.plugins import PluginKind, installed_plugins
from tests.backbones.at_once import assert_alike_in_threads

LABELS = ["dog barking", "helicopter", "Ein Lied, „ganz laut“ 🎺"]


PLUGINS = [plugin.name for plugin in installed_plugins(PluginKind.BACKBONE)]


@pytest.fixture(params=[*sorted(BACKBONES), *PLUGINS])
def backbone(request: pytest.FixtureRequest) -> Backbone:
    return load_backbone(request.param)


def pictures(count: int, height: int = 90, width: int = 120) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(256, size=(height, width, 3)).astype(np.uint8) for _ in range(count)]


def sounds(backbone: Backbone, *seconds: float) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [
        rng.normal(scale=0.1, size=round(length * backbone.audio.sample_rate_hz)).astype(np.float32)
        for length in seconds
    ]


def test_encoders_offer_what_the_method_asks(backbone: Backbone) -> None:
    assert isinstance(backbone.visual, VisualEncoder)
    assert isinstance(backbone.audio, AudioEncoder)
    assert 0 < backbone.audio.segment_seconds <= backbone.audio.longest_seconds


def test_weights_have_a_digest(backbone: Backbone) -> None:
    assert re.fullmatch("[0-9a-f]{64}", backbone.info.digest)


def test_labels_become_unit_vectors_in_their_order(backbone: Backbone) -> None:
    for encoder in (backbone.visual, backbone.audio):
        rows = encoder.embed_labels(LABELS)
        alone = np.concatenate([encoder.embed_labels([label]) for label in LABELS])
        assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-4)
        assert rows == pytest.approx(alone, abs=1e-4)


def test_a_label_does_not_depend_on_the_others(backbone: Backbone) -> None:
    for encoder in (backbone.visual, backbone.audio):
        forward, backward = encoder.embed_labels(LABELS), encoder.embed_labels(LABELS[::-1])
        assert forward == pytest.approx(backward[::-1], abs=1e-4)


def test_labels_pictures_and_sounds_share_their_spaces(backbone: Backbone) -> None:
    labels = embed_labels(backbone, LABELS)
    assert labels.visual.shape[1] == backbone.visual.embed_frames(pictures(1)).shape[1] == backbone.visual.features
    assert (
        backbone.audio.features == labels.audio.shape[1] == backbone.audio.embed_sounds(sounds(backbone, 1.0)).shape[1]
    )


def test_each_picture_has_its_own_row(backbone: Backbone) -> None:
    frames = [*pictures(2), *pictures(1, height=40, width=200), np.zeros((90, 120, 3), np.uint8)]
    rows = backbone.visual.embed_frames(frames)
    alone = np.concatenate([backbone.visual.embed_frames([frame]) for frame in frames])
    assert rows.shape[0] == len(frames)
    assert np.isfinite(rows).all()
    assert rows == pytest.approx(alone, abs=1e-3)
    assert not np.allclose(rows[0], rows[3])


def test_clips_are_frames_when_the_backbone_says_so(backbone: Backbone) -> None:
    frames = pictures(4)
    clips = backbone.visual.embed_clips([frames[:2], frames[2:]])
    assert clips.ndim == 3 and clips.shape[0] == 2
    if backbone.visual.clips_are_frames:
        flat = clips.reshape(-1, clips.shape[2])
        assert flat == pytest.approx(backbone.visual.embed_frames(frames), abs=1e-4)


def test_each_sound_has_its_own_row_whatever_the_lengths(backbone: Backbone) -> None:
    audio = backbone.audio
    heard = sounds(backbone, audio.segment_seconds, 0.01, audio.longest_seconds, audio.segment_seconds)
    rows = audio.embed_sounds(heard)
    alone = np.concatenate([audio.embed_sounds([sound]) for sound in heard])
    assert np.isfinite(rows).all()
    assert rows == pytest.approx(alone, abs=1e-3)
    assert not np.allclose(rows[0], rows[1])


def test_silence_and_black_have_finite_rows(backbone: Backbone) -> None:
    silence = np.zeros(backbone.audio.sample_rate_hz, np.float32)
    assert np.isfinite(backbone.audio.embed_sounds([silence])).all()
    assert np.isfinite(backbone.visual.embed_frames([np.zeros((90, 120, 3), np.uint8)])).all()


def test_asking_twice_gives_the_same_bytes(backbone: Backbone) -> None:
    frames, heard = pictures(2), sounds(backbone, 1.0, 2.0)
    first, second = (
        [
            backbone.visual.embed_labels(LABELS),
            backbone.audio.embed_labels(LABELS),
            backbone.visual.embed_frames(frames),
            backbone.audio.embed_sounds(heard),
        ]
        for _ in range(2)
    )
    assert [one.tobytes() for one in first] == [other.tobytes() for other in second]


def test_several_threads_may_call_at_once(backbone: Backbone) -> None:
    assert_alike_in_threads(backbone.visual.embed_frames, pictures(8))
    assert_alike_in_threads(backbone.audio.embed_sounds, sounds(backbone, *[1.0] * 8))


def test_inputs_are_left_as_they_were(backbone: Backbone) -> None:
    frames, heard = pictures(1), sounds(backbone, 0.5)
    before = [array.copy() for array in (*frames, *heard)]
    backbone.visual.embed_frames(frames)
    backbone.audio.embed_sounds(heard)
    after = (*frames, *heard)
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


def test_no_inputs_give_no_rows(backbone: Backbone) -> None:
    empty = [
        backbone.visual.embed_labels([]),
        backbone.audio.embed_labels([]),
        backbone.visual.embed_frames([]),
        backbone.audio.embed_sounds([]),
    ]
    widths = [backbone.visual.features, backbone.audio.features]
    for rows, width in zip(empty, [*widths, *widths], strict=True):
        assert rows.shape == (0, width)


def test_rows_of_different_labels_differ(backbone: Backbone) -> None:
    for encoder in (backbone.visual, backbone.audio):
        rows = encoder.embed_labels(LABELS)
        assert (rows @ rows.T)[np.triu_indices(len(LABELS), 1)].max() < 0.99
