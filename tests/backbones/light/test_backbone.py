"""The encoders with the published weights: skipped where those are not on this machine."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from av2a.backbones.base import Backbone, SlicedAudioEncoder, embed_labels
from av2a.backbones.light import calibration
from av2a.backbones.light.backbone import LightAudio, LightVisual, for_classifier, for_detector
from av2a.backbones.light.bridge import BEHIND
from av2a.backbones.light.things import COCO, things
from av2a.backbones.registry import load_backbone
from av2a.detector import known_labels
from av2a.errors import InvalidSetting, WeightsUnavailable
from av2a.types import KnownLabel
from tests.backbones.at_once import assert_alike_in_threads
from tests.backbones.light.weights import light_weights

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    """Loaded once: reading all the tags' texts takes some seconds."""
    shared = Path(__file__).resolve().parents[4] / "shared"
    return load_backbone("light", weights=light_weights(shared, tmp_path_factory.mktemp("weights")))


def noise(seconds: float) -> np.ndarray:
    return RNG.normal(scale=0.1, size=round(16_000 * seconds)).astype(np.float32)


def test_labels_are_known_by_ear_and_eye_or_not(backbone: Backbone) -> None:
    assert known_labels(backbone, ["dog", "Speech", "tap dancing", "welding", "fire", "Frying_food"]) == (
        KnownLabel("dog", "Dog", "dog"),
        KnownLabel("Speech", "Speech", None),
        # A homonym: docs/models.md says that these are the known failure.
        KnownLabel("tap dancing", "Tap", None),
        KnownLabel("welding", None, None),
        KnownLabel("fire", "Fire", None),
        KnownLabel("Frying_food", "Frying (food)", "pot"),
    )


def test_a_picture_has_one_row_whatever_is_beside_it(backbone: Backbone) -> None:
    pictures = [
        RNG.integers(256, size=(90, 160, 3), dtype=np.uint8),
        RNG.integers(256, size=(40, 30, 3), dtype=np.uint8),
    ]
    rows = backbone.visual.embed_frames(pictures)
    assert rows.shape == (2, len(things()) + BEHIND)
    assert rows[1] == pytest.approx(backbone.visual.embed_frames(pictures[1:])[0], abs=1e-3)
    assert backbone.visual.embed_clips([pictures])[0] == pytest.approx(rows, abs=1e-3)
    assert rows.shape[1] == embed_labels(backbone, ["dog"]).visual.shape[1]


def test_sound_of_any_length_has_one_row(backbone: Backbone) -> None:
    assert isinstance(backbone.audio, LightAudio)
    rows = backbone.audio.embed_sounds([noise(0.01), noise(1.4625), noise(4.0)])
    assert rows.shape == (3, 521 + BEHIND)
    assert np.isfinite(rows).all()
    # Two windows, half a window apart.
    sound = noise(1.4625)
    assert backbone.audio.windows(sound).shape == (2, 521)
    with pytest.raises(ValueError, match="at least one sample"):
        backbone.audio.embed_sounds([np.zeros(0, np.float32)])


def test_slices_are_heard_in_the_windows_around_them(backbone: Backbone) -> None:
    assert isinstance(backbone.audio, SlicedAudioEncoder)
    sound = noise(2.2)
    slices = backbone.audio.embed_slices(sound)
    assert len(slices) == 5
    alone = backbone.audio.embed_sounds([sound[3900 : 3900 + 15_600]])[0]
    assert slices[1] == pytest.approx(alone, abs=1e-4)
    assert backbone.audio.embed_spans(sound, [(0.0, 0.4875)])[0] == pytest.approx(slices[0], abs=1e-5)


def test_several_threads_may_call_at_once(backbone: Backbone) -> None:
    frames = [RNG.integers(256, size=(90, 160, 3), dtype=np.uint8) for _ in range(8)]
    assert_alike_in_threads(backbone.visual.embed_frames, frames)
    assert_alike_in_threads(backbone.audio.embed_sounds, [noise(1.0) for _ in range(8)])
    assert_alike_in_threads(backbone.audio.embed_labels, ["a dog", "rain", "two old trains", "wind in the trees"])


def test_a_damaged_file_is_refused(weights: Path) -> None:
    file = weights / "light" / "nanodet-m-416.param"
    content = bytearray(file.read_bytes())
    file.unlink()
    content[-2] ^= 1
    file.write_bytes(content)
    with pytest.raises(WeightsUnavailable, match=r"not NanoDet-m-416 as it was published"):
        load_backbone("light", weights=weights)


def test_no_torch_is_imported(weights: Path) -> None:
    script = (
        "import sys, numpy as np; from pathlib import Path; import av2a; "
        f"b = av2a.load_backbone('light', weights=Path({str(weights)!r})); "
        "b.visual.embed_frames([np.zeros((64, 64, 3), np.uint8)]); b.audio.embed_sounds([np.zeros(16000, np.float32)]); "
        "print('torch' in sys.modules, 'transformers' in sys.modules, 'openvino_telemetry' in sys.modules and sys.modules['openvino_telemetry'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "None"]


# Without weights.


def test_light_runs_on_the_cpu_in_float32() -> None:
    with pytest.raises(InvalidSetting, match="runs on the CPU in float32"):
        load_backbone("light", device="cuda")


@pytest.mark.parametrize(
    ("size", "classified", "detected"),
    [
        ((160, 90), (352, 192), (352, 192)),
        ((90, 160), (192, 352), (192, 352)),
        ((640, 480), (288, 224), (352, 256)),
        ((5, 5), (256, 256), (352, 352)),
        ((4000, 2), (512, 128), (352, 32)),
    ],
)
def test_pictures_keep_their_shape_to_whole_strides(
    size: tuple[int, int], classified: tuple[int, int], detected: tuple[int, int]
) -> None:
    halves = np.zeros((size[1], size[0], 3), np.uint8)
    halves[:, size[0] // 2 :] = 255
    picture = Image.fromarray(halves)
    for made, (wide, high) in ((for_classifier(picture), classified), (for_detector(picture), detected)):
        found = np.asarray(made)
        assert found.shape == (high, wide, 3)
        # Nothing is cut off or added.
        assert found[:, : wide // 3].max() <= 60
        assert found[:, -wide // 3 :].min() >= 195


def test_every_class_is_of_a_thing() -> None:
    assert {thing.coco for thing in things() if thing.coco is not None} == set(range(len(COCO)))
    assert {number for thing in things() for number in thing.classes} == set(range(1000))


def test_statistics_are_of_the_tags_that_there_are() -> None:
    usual = calibration.statistics()
    assert usual.thing_medians.shape == usual.thing_spreads.shape == (len(things()),)
    assert usual.sound_medians.shape == usual.sound_spreads.shape == (521,)
    assert (usual.thing_spreads >= calibration.LEAST_DEVIATION).all()


def test_surer_is_never_lower() -> None:
    usual = calibration.statistics()
    odds = np.linspace(-12, 6, 50)[:, None] * np.ones(521)
    for curve in (calibration.SOUND, calibration.IMAGENET):
        values = curve.values(odds, usual.sound_medians, usual.sound_spreads)
        assert (np.diff(values, axis=0) >= 0).all()


def test_no_pictures_have_no_rows(backbone: Backbone) -> None:
    assert isinstance(backbone.visual, LightVisual)
    assert backbone.visual.embed_frames([]).shape == (0, len(things()) + BEHIND)
    assert backbone.visual.embed_clips([]).shape == (0, 1, len(things()) + BEHIND)
