"""What every family of models promises, over checkpoints with few random weights in the published layout."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from av2a.backbones.base import AudioEncoder, Backbone, SlicedAudioEncoder, VisualEncoder, embed_labels
from av2a.backbones.device import placement
from av2a.backbones.pairs import assembled
from av2a.backbones.registry import load_backbone
from av2a.errors import InvalidLabels, InvalidSetting, UnknownName, UsageError, WeightsUnavailable
from tests.backbones import tiny_models

LABELS = ["dog barking", "helicopter", "Ein Lied, ganz laut 🎺"]
PAIRS = ["clip-clap", "clip+clap", "siglip2+clap", "metaclip2+pe-a-frame"]

Folders = dict[str, Path]


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("families")
    return {name: make(root / name) for name, make in (tiny_models.VISUAL | tiny_models.AUDIO).items()}


def pair(folders: Folders, name: str) -> Backbone:
    vision, sound = name.replace("clip-clap", "clip+clap").split("+")
    where = placement("cpu", "float32")
    return assembled(name, folders[vision], folders[sound], where, visual_name=vision, audio_name=sound)


@pytest.fixture(params=PAIRS)
def backbone(request: pytest.FixtureRequest, folders: Folders) -> Backbone:
    return pair(folders, request.param)


def pictures(count: int, height: int = 90, width: int = 120) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(256, size=(height, width, 3)).astype(np.uint8) for _ in range(count)]


def sounds(backbone: Backbone, *seconds: float) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    rate = backbone.audio.sample_rate_hz
    return [rng.normal(scale=0.1, size=round(length * rate)).astype(np.float32) for length in seconds]


def test_encoders_offer_what_the_method_asks(backbone: Backbone) -> None:
    assert isinstance(backbone.visual, VisualEncoder)
    assert isinstance(backbone.audio, AudioEncoder)
    assert 0 < backbone.audio.segment_seconds <= backbone.audio.longest_seconds


def test_weights_have_a_digest_of_their_own(folders: Folders) -> None:
    first, second = (pair(folders, name).info.digest for name in ("clip+clap", "siglip2+clap"))
    assert re.fullmatch("[0-9a-f]{64}", first) and first != second


def test_a_label_does_not_depend_on_the_others(backbone: Backbone) -> None:
    labels = [*LABELS, "a", "a label much longer"]
    for encoder in (backbone.visual, backbone.audio):
        rows = encoder.embed_labels(labels)
        alone = np.concatenate([encoder.embed_labels([label]) for label in labels])
        assert rows == pytest.approx(alone, abs=1e-6)
        assert rows == pytest.approx(encoder.embed_labels(labels[::-1])[::-1], abs=1e-6)


def test_five_thousand_labels_go_through_in_batches(folders: Folders) -> None:
    encoder = pair(folders, "siglip2+clap").audio
    labels = [f"sound {number}" for number in range(5000)]
    rows = encoder.embed_labels(labels)
    assert rows.shape == (5000, 24)
    assert rows[[0, 17, 4999]] == pytest.approx(encoder.embed_labels(["sound 0", "sound 17", "sound 4999"]), abs=1e-6)


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
    assert rows == pytest.approx(alone, abs=1e-5)
    assert not np.allclose(rows[0], rows[3])


def test_clips_are_frames_when_the_backbone_says_so(backbone: Backbone) -> None:
    frames = pictures(4)
    clips = backbone.visual.embed_clips([frames[:2], frames[2:]])
    assert clips.shape[0] == 2
    assert backbone.visual.clips_are_frames
    assert clips.reshape(-1, clips.shape[2]) == pytest.approx(backbone.visual.embed_frames(frames), abs=1e-5)


def test_each_sound_has_its_own_row_whatever_the_lengths(backbone: Backbone) -> None:
    audio = backbone.audio
    heard = sounds(backbone, audio.segment_seconds, 0.01, audio.longest_seconds, 13.0, audio.segment_seconds)
    rows = audio.embed_sounds(heard)
    alone = np.concatenate([audio.embed_sounds([sound]) for sound in heard])
    assert rows == pytest.approx(alone, abs=1e-5)
    assert not np.allclose(rows[0], rows[1], atol=1e-5)


def test_silence_and_black_have_finite_rows(backbone: Backbone) -> None:
    silence = np.zeros(backbone.audio.sample_rate_hz, np.float32)
    assert np.isfinite(backbone.audio.embed_sounds([silence])).all()
    assert np.isfinite(backbone.visual.embed_frames([np.zeros((90, 120, 3), np.uint8)])).all()


def test_a_sound_without_samples_is_refused(backbone: Backbone) -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        backbone.audio.embed_sounds([np.zeros(0, np.float32)])


def test_asking_twice_gives_the_same_bytes(backbone: Backbone) -> None:
    frames, heard = pictures(2), sounds(backbone, 1.0, 12.0)
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


def test_inputs_are_left_as_they_were(backbone: Backbone) -> None:
    frames, heard = pictures(1), sounds(backbone, 0.5)
    before = [array.copy() for array in (*frames, *heard)]
    backbone.visual.embed_frames(frames)
    backbone.audio.embed_sounds(heard)
    assert all(np.array_equal(one, other) for one, other in zip(before, (*frames, *heard), strict=True))


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
    assert backbone.visual.embed_clips([]).shape[0] == 0


def test_rows_of_different_labels_differ(backbone: Backbone) -> None:
    for encoder in (backbone.visual, backbone.audio):
        rows = encoder.embed_labels(LABELS)
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        assert (rows @ rows.T)[np.triu_indices(len(LABELS), 1)].max() < 0.999


def test_a_label_that_does_not_fit_is_refused_with_both_numbers(backbone: Backbone) -> None:
    for encoder in (backbone.visual, backbone.audio):
        with pytest.raises(InvalidLabels, match=r"is \d+ tokens in its prompt and the text encoder takes \d+"):
            encoder.embed_labels(["short", "so many letters " * 8])


# Slices of sound.


@pytest.fixture
def sliced(backbone: Backbone) -> SlicedAudioEncoder:
    assert isinstance(backbone.audio, SlicedAudioEncoder)
    return backbone.audio


def test_slices_cover_the_sound_whatever_its_length(backbone: Backbone, sliced: SlicedAudioEncoder) -> None:
    for seconds in (0.1, 1.0, 10.0, 23.3):
        (sound,) = sounds(backbone, seconds)
        assert len(sliced.embed_slices(sound)) == np.ceil(round(seconds / sliced.slice_seconds, 6))


def test_spans_of_a_sound_change_where_the_sound_does(backbone: Backbone, sliced: SlicedAudioEncoder) -> None:
    (sound,) = sounds(backbone, 12.0)
    changed = sound.copy()
    changed[8 * backbone.audio.sample_rate_hz : 9 * backbone.audio.sample_rate_hz] = 0
    spans = [(1.0, 2.0), (8.0, 9.0)]
    far, near = np.linalg.norm(sliced.embed_spans(changed, spans) - sliced.embed_spans(sound, spans), axis=1)
    assert near > 2 * far


def test_a_span_without_sound_is_refused(backbone: Backbone, sliced: SlicedAudioEncoder) -> None:
    with pytest.raises(ValueError, match="a span must hold a part of the sound"):
        sliced.embed_spans(sounds(backbone, 1.0)[0], [(10.0, 11.0)])


# Loading.


def test_a_pair_is_loaded_by_its_name_from_folders(folders: Folders) -> None:
    loaded = load_backbone(
        "siglip2+clap",
        device="cpu",
        precision="float32",
        visual_model=str(folders["siglip2"]),
        audio_model=str(folders["clap"]),
    )
    expected = pair(folders, "siglip2+clap")
    assert loaded.info.digest == expected.info.digest
    assert np.array_equal(loaded.visual.embed_labels(LABELS), expected.visual.embed_labels(LABELS))


def test_a_folder_of_weights_is_found_as_the_hub_names_it(folders: Folders, tmp_path: Path) -> None:
    for name in ("openai/clip-vit-base-patch32", "laion/clap-htsat-unfused"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).symlink_to(folders["clip" if "clip" in name else "clap"])
    loaded = load_backbone("clip-clap", device="cpu", weights=tmp_path)
    assert loaded.info.name == "clip-clap"
    recorded = "openai/clip-vit-base-patch32, revision unknown", "laion/clap-htsat-unfused, revision unknown"
    assert (loaded.info.visual, loaded.info.audio) == recorded


def test_the_revision_that_was_found_is_recorded(folders: Folders, tmp_path: Path) -> None:
    for name, commit in (("clip", "a" * 40), ("clap", "b" * 40)):
        snapshots = tmp_path / f"models--my--{name}/snapshots"
        snapshots.mkdir(parents=True)
        (snapshots / commit).symlink_to(folders[name])
        (snapshots.parent / "refs").mkdir()
        (snapshots.parent / "refs/v1").write_text(commit)
    loaded = load_backbone(
        "clip+clap", device="cpu", visual_model="my/clip@v1", audio_model="my/clap@v1", weights=tmp_path
    )
    assert (loaded.info.visual, loaded.info.audio) == ("my/clip@aaaaaaaaaaaa", "my/clap@bbbbbbbbbbbb")


@pytest.mark.parametrize("name", ["clip", "clips+clap", "clip+clapp", "languagebnd"])
def test_an_unknown_pair_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(UnknownName, match="known: "):
        load_backbone(name)


def test_the_built_in_backbone_takes_no_other_checkpoint_and_no_other_device() -> None:
    with pytest.raises(UsageError, match="takes no --audio-model"):
        load_backbone("mini", audio_model="laion/larger_clap_general")
    for device, precision in (("cuda", "auto"), ("auto", "bfloat16")):
        with pytest.raises(InvalidSetting, match="runs on the CPU in float32"):
            load_backbone("mini", device=device, precision=precision)
    assert load_backbone("mini", device="cpu", precision="float32").info.precision == "float32"


@pytest.mark.parametrize("asked", [*tiny_models.VISUAL, *tiny_models.AUDIO])
@pytest.mark.parametrize("held", ["clip", "siglip2", "clap"])
def test_a_checkpoint_of_another_architecture_is_refused(folders: Folders, asked: str, held: str) -> None:
    if asked == held:
        return
    chosen = folders | {asked: folders[held]}
    name = f"{asked}+clap" if asked in tiny_models.VISUAL else f"clip+{asked}"
    with pytest.raises(WeightsUnavailable, match=r"holds a model of type '.*' is needed"):
        pair(chosen, name)


@pytest.fixture(params=[*tiny_models.VISUAL, *tiny_models.AUDIO])
def damaged(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """A family and a checkpoint of it of one's own to spoil."""
    return request.param, (tiny_models.VISUAL | tiny_models.AUDIO)[request.param](tmp_path / "own")


def refused(folders: Folders, damaged: tuple[str, Path], words: str) -> None:
    family, folder = damaged
    name = f"{family}+clap" if family in tiny_models.VISUAL else f"clip+{family}"
    with pytest.raises(WeightsUnavailable, match=words):
        pair(folders | {family: folder}, name)


def test_weights_that_are_cut_off_are_refused(folders: Folders, damaged: tuple[str, Path]) -> None:
    file = damaged[1] / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])
    refused(folders, damaged, "damaged")


def test_a_configuration_that_contradicts_the_weights_is_refused(folders: Folders, damaged: tuple[str, Path]) -> None:
    file = damaged[1] / "config.json"
    config = json.loads(file.read_text())
    config["text_config"]["num_hidden_layers"] = 3
    file.write_text(json.dumps(config))
    refused(folders, damaged, "contradict each other|no model can be built")


def test_a_configuration_that_cannot_be_meant_is_refused(folders: Folders, damaged: tuple[str, Path]) -> None:
    file = damaged[1] / "config.json"
    config = json.loads(file.read_text())
    config["text_config"]["hidden_size"] = 33
    file.write_text(json.dumps(config))
    refused(folders, damaged, "no model can be built|contradict each other")


def test_a_missing_tokenizer_is_refused(folders: Folders, damaged: tuple[str, Path]) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt"):
        (damaged[1] / name).unlink(missing_ok=True)
    refused(folders, damaged, "tokenizer")
