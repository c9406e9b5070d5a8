import os
import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from av2a.backbones import mini
from av2a.backbones.base import Frame, Sound
from av2a.backbones.registry import BACKBONES, load_backbone
from av2a.background import BACKGROUND
from av2a.errors import UnknownName, WeightsUnavailable

WEIGHTS = Path(mini.__file__).with_name(mini.WEIGHTS_FILE)


def pictures(rng: np.random.Generator, count: int, height: int = 144, width: int = 192) -> list[Frame]:
    return [rng.integers(256, size=(height, width, 3)).astype(np.uint8) for _ in range(count)]


def sounds(rng: np.random.Generator, count: int, samples: int = 16_000) -> list[Sound]:
    return [rng.normal(scale=0.1, size=samples).astype(np.float32) for _ in range(count)]


def nearness(first: str, second: str) -> float:
    backbone = mini.load()
    cosines = []
    for encoder in (backbone.visual, backbone.audio):
        one, other = encoder.embed_labels([first, second])
        cosines.append(float(one @ other))
    return min(cosines)


# Layers.


@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    stride=st.sampled_from([(1, 1), (2, 2), (1, 2), (2, 1)]),
    seed=st.integers(0, 99),
)
def test_convolution_is_the_sum_it_is_defined_as(height: int, width: int, stride: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    inputs, kernel, bias = (
        rng.normal(size=shape).astype(np.float32) for shape in ((height, width, 2), (3, 2, 3, 3), (3,))
    )
    padded = np.pad(inputs, ((1, 1), (1, 1), (0, 0)))
    expected = [
        [
            np.maximum(0, np.einsum("ijc,ocij->o", padded[row : row + 3, column : column + 3], kernel) + bias)
            for column in range(0, width, stride[1])
        ]
        for row in range(0, height, stride[0])
    ]
    assert mini.convolve(inputs, kernel, bias, stride) == pytest.approx(np.array(expected), abs=1e-4)


def test_numpy_and_torch_agree_on_pictures_sounds_and_names() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("av2a.world")
    from training import mini_training

    rng = np.random.default_rng(0)
    weights = mini.weights_from(WEIGHTS.read_bytes())
    backbone = mini.backbone_from(WEIGHTS.read_bytes())
    frames, heard, labels = pictures(rng, 3), sounds(rng, 3), ["dog barking", "an unheard-of thing"]
    seen_strengths, heard_strengths = (mini_training.tower_of(stream, weights) for stream in ("visual", "audio"))
    text = mini_training.TextTower()
    text.load_state_dict({name: torch.from_numpy(weights[f"text.{name}"]) for name in text.state_dict()})
    with torch.no_grad():
        seen = seen_strengths(torch.from_numpy(np.stack([mini.pixels(frame) for frame in frames]))).numpy()
        levels = np.stack([mini.decibels(mini.mel_power(sound)) for sound in heard])
        strengths = heard_strengths(torch.from_numpy(levels)).numpy()
        names = text([mini.text_features(label) for label in labels]).numpy()
    seen_rows = np.stack([mini.row_of(row, weights, "visual") for row in seen])
    heard_rows = np.stack([mini.row_of(row, weights, "audio") for row in strengths])
    assert backbone.visual.embed_frames(frames) == pytest.approx(seen_rows, abs=1e-4)
    assert backbone.audio.embed_sounds(heard) == pytest.approx(heard_rows, abs=1e-4)
    assert backbone.visual.embed_labels(labels) == pytest.approx(names, abs=1e-4)
    assert backbone.audio.embed_labels(labels) == pytest.approx(names, abs=1e-4)


# Pictures.


@given(width=st.integers(1, 5000), height=st.integers(1, 5000))
def test_working_size_bounds_the_work_and_keeps_the_aspect_ratio_where_it_can(width: int, height: int) -> None:
    wide, high = mini.working_size(width, height)
    assert min(wide, high) >= mini.SMALLEST_SIDE
    assert wide * high <= 1.1 * mini.PICTURE_PIXELS
    if 1 / 3 < width / height < 3:
        assert wide / high == pytest.approx(width / height, rel=0.05)


def test_a_larger_copy_of_a_picture_means_the_same() -> None:
    frame = np.zeros((144, 192, 3), np.uint8)
    frame[40:90, 60:130] = (200, 40, 30)
    larger = frame.repeat(4, axis=0).repeat(4, axis=1)
    small_row, large_row = mini.load().visual.embed_frames([frame, larger])
    assert float(small_row @ large_row) > 0.95


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 900), (900, 2), (1080, 1920)])
def test_any_picture_size_has_a_row(height: int, width: int) -> None:
    (row,) = mini.load().visual.embed_frames(pictures(np.random.default_rng(0), 1, height, width))
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5)


# Sounds.


@pytest.mark.parametrize("hertz", [80.0, 440.0, 3000.0, 7000.0])
def test_a_tone_is_loudest_in_the_band_that_holds_it(hertz: float) -> None:
    seconds = np.arange(16_000) / mini.SAMPLE_RATE_HZ
    power = mini.mel_power(np.sin(2 * np.pi * hertz * seconds).astype(np.float32)).mean(axis=0)
    frequencies = np.fft.rfftfreq(mini.FOURIER_SAMPLES, 1 / mini.SAMPLE_RATE_HZ)
    centre = float(frequencies @ mini.mel_filters()[:, power.argmax()])
    assert abs(centre - hertz) < 0.08 * hertz + 31


def test_a_second_of_a_long_sound_has_the_bands_of_that_second_alone() -> None:
    (sound,) = sounds(np.random.default_rng(0), 1, 48_000)
    windows = len(mini.mel_power(sound[:16_000]))
    assert mini.mel_power(sound)[100 : 100 + windows] == pytest.approx(mini.mel_power(sound[16_000:32_000]), rel=1e-3)


@pytest.mark.parametrize("samples", [1, 50, 401, 15_999, 16_000, 40_000, 160_000])
def test_any_length_of_sound_has_a_row(samples: int) -> None:
    (row,) = mini.load().audio.embed_sounds(sounds(np.random.default_rng(0), 1, samples))
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5)


def test_a_short_sound_is_heard_as_its_repetition() -> None:
    (short,) = sounds(np.random.default_rng(0), 1, 4000)
    once, often = mini.load().audio.embed_sounds([short, np.tile(short, 4)])
    assert once.tolist() == often.tolist()


def test_silence_has_a_row() -> None:
    (row,) = mini.load().audio.embed_sounds([np.zeros(16_000, np.float32)])
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5)


def test_a_sound_without_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one sample, got none"):
        mini.load().audio.embed_sounds([np.zeros(0, np.float32)])


# Names.


@pytest.mark.parametrize(
    "wording", ["A dog barking", "This is a sound of dog barking", "a dog", "dog bark", "DOG BARKING!"]
)
def test_wordings_of_one_name_are_near_each_other(wording: str) -> None:
    assert nearness("dog barking", wording) > 0.8


@pytest.mark.parametrize("other", ["cat meowing", "violin", "parliament", "origami", "qwxzy", "a stone bridge"])
def test_other_things_are_far_from_a_name(other: str) -> None:
    assert nearness("dog barking", other) < 0.5


@pytest.mark.parametrize("unknown", ["parliament", "kitesurfing", "origami", "zymurgy", "a cup of espresso", "qwxzy"])
def test_unknown_words_are_far_from_every_name(unknown: str) -> None:
    world = pytest.importorskip("av2a.world")
    for encoder in (mini.load().visual, mini.load().audio):
        (row,) = encoder.embed_labels([unknown])
        assert float((encoder.embed_labels(world.NAMES) @ row).max()) < 0.7


def test_background_concepts_do_not_all_mean_the_same() -> None:
    for encoder in (mini.load().visual, mini.load().audio):
        rows = encoder.embed_labels(BACKGROUND)
        cosines = (rows @ rows.T)[np.triu_indices(len(rows), 1)]
        assert np.median(cosines) < 0.8


@settings(max_examples=50)
@given(st.text(max_size=200))
def test_any_text_has_a_unit_row(text: str) -> None:
    for encoder in (mini.load().visual, mini.load().audio):
        assert np.linalg.norm(encoder.embed_labels([text])) == pytest.approx(1, abs=1e-5)


def test_letter_case_does_not_change_a_name() -> None:
    upper, lower = mini.load().visual.embed_labels(["Dog BARKING", "dog barking"])
    assert upper.tolist() == lower.tolist()


def test_hash_buckets_are_the_same_in_every_run() -> None:
    # hash() would differ with PYTHONHASHSEED; the weights are bound to these numbers.
    assert mini.text_features("ox").tolist() == [5822, 896, 4954, 2637]


# Weights.


def test_weights_fit_in_the_package_and_hold_no_objects() -> None:
    assert WEIGHTS.stat().st_size <= 3_000_000
    with np.load(WEIGHTS, allow_pickle=False) as arrays:
        assert {arrays[name].dtype for name in arrays.files} == {np.dtype(np.float16)}
        assert all(np.isfinite(arrays[name]).all() for name in arrays.files)


@pytest.mark.parametrize("damaged", [b"", b"not weights", WEIGHTS.read_bytes()[:1000] if WEIGHTS.exists() else b"?"])
def test_damaged_weights_are_refused_in_one_line(damaged: bytes) -> None:
    with pytest.raises(WeightsUnavailable, match=r"cannot be read .* reinstall av2a"):
        mini.backbone_from(damaged)


def test_other_weights_have_another_digest() -> None:
    weights = mini.weights_from(WEIGHTS.read_bytes())
    stream = BytesIO()
    np.savez(stream, allow_pickle=False, **{name: values + 1 for name, values in weights.items()})
    other = mini.backbone_from(stream.getvalue())
    assert other.info.digest != mini.load().info.digest
    assert replace(other.info, digest="") == replace(mini.load().info, digest="")


# The registry.


def test_unknown_backbones_are_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match="unknown backbone 'minni': did you mean 'mini'"):
        load_backbone("minni")


def test_every_registered_name_is_the_name_of_its_backbone() -> None:
    assert load_backbone("mini").info.name == "mini"
    assert "mini" in BACKBONES


def test_mini_says_what_it_does_not_know() -> None:
    note = load_backbone("mini").note
    assert note is not None and "real video" in note


def encoded(name: str) -> tuple[list[str], int]:
    """In a process where NumPy may use two threads: digests of embeddings, and clock ticks of all threads but the first."""
    script = """
import hashlib, os
import numpy as np
from pathlib import Path
from av2a.backbones.registry import load_backbone
mini, rng = load_backbone("mini"), np.random.default_rng(0)
def ticks():
    tasks = [task for task in Path("/proc/self/task").iterdir() if task.name != str(os.getpid())]
    return sum(int(field) for task in tasks for field in (task / "stat").read_text().rpartition(")")[2].split()[11:13])
before = ticks()
for size in ((144, 192), (24, 900), (700, 300)):
    frames = [rng.integers(256, size=(*size, 3)).astype(np.uint8) for _ in range(10)]
    print(hashlib.sha256(mini.visual.embed_frames(frames).tobytes()).hexdigest())
sounds = [rng.normal(0, 0.1, 16_000 * seconds).astype(np.float32) for seconds in (1, 2, 10)]
print(hashlib.sha256(mini.audio.embed_sounds(sounds).tobytes()).hexdigest())
labels = [f"dog barking {number} times" for number in range(1000)]
print(hashlib.sha256(mini.visual.embed_labels(labels).tobytes()).hexdigest())
print(ticks() - before)
"""
    env = {**os.environ, "OPENBLAS_NUM_THREADS": name}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    *digests, ticks = done.stdout.split()
    return digests, int(ticks)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts the work of threads as Linux does")
def test_mini_computes_in_the_calling_thread_alone_whatever_numpy_may_use() -> None:
    (one, _), (two, ticks_of_others) = encoded("1"), encoded("2")
    assert one == two
    assert ticks_of_others == 0
