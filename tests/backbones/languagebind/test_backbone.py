import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from av2a.backbones.base import AudioEncoder, Backbone, VisualEncoder
from av2a.backbones.device import placement
from av2a.backbones.languagebind import load
from av2a.backbones.languagebind.backbone import prompt, tokenizer_in
from av2a.backbones.languagebind.configuration import TowerKind
from av2a.backbones.prompts import Prompts
from av2a.errors import InvalidLabels, WeightsUnavailable
from av2a.features.sampling import interval_indexes
from av2a.timeline import spread_indexes
from tests.backbones.languagebind import tiny

Folders = tuple[Path, Path, Path]

LABELS = ["dog", "cat barks", "a dog and a cat"]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return tiny.write_backbone(tmp_path)


def loaded(folders: Folders, precision: str = "float32") -> Backbone:
    return load(*folders, placement("cpu", precision), visual_name="image + video", audio_name="audio")


@pytest.fixture
def backbone(folders: Folders) -> Backbone:
    return loaded(folders)


def pictures(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(256, size=(40, 60, 3)).astype(np.uint8) for _ in range(count)]


def sounds(*samples: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(scale=0.1, size=length).astype(np.float32) for length in samples]


def assert_unit(rows: np.ndarray, count: int) -> None:
    assert rows.shape == (count, tiny.SHARED)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)


def test_the_encoders_offer_what_the_method_asks(backbone: Backbone) -> None:
    assert isinstance(backbone.visual, VisualEncoder) and isinstance(backbone.audio, AudioEncoder)
    assert not backbone.visual.clips_are_frames
    assert backbone.audio.sample_rate_hz == 16_000
    assert backbone.audio.segment_seconds > 0
    assert re.fullmatch("[0-9a-f]{64}", backbone.info.digest)
    assert (backbone.info.name, backbone.info.visual, backbone.info.audio) == ("languagebind", "image + video", "audio")


def test_names_pictures_clips_and_sounds_have_unit_rows_in_one_space(backbone: Backbone) -> None:
    assert_unit(backbone.visual.embed_labels(LABELS), 3)
    assert_unit(backbone.visual.embed_frames(pictures(20)), 20)
    assert_unit(backbone.visual.embed_clips([pictures(4), pictures(4)])[:, 0], 2)
    assert_unit(backbone.audio.embed_sounds(sounds(16_000, 90, 100_000)), 3)


def test_sounds_are_named_by_the_same_tower_as_pictures(backbone: Backbone) -> None:
    assert np.array_equal(backbone.audio.embed_labels(LABELS), backbone.visual.embed_labels(LABELS))


def test_a_name_does_not_depend_on_the_others(backbone: Backbone) -> None:
    together = backbone.visual.embed_labels(LABELS)
    alone = np.concatenate([backbone.visual.embed_labels([label]) for label in LABELS])
    assert together == pytest.approx(alone, abs=1e-6)
    assert np.abs(together[0] - together[1]).max() > 1e-3


def test_rows_handed_out_are_the_caller_s_own(backbone: Backbone) -> None:
    first = backbone.visual.embed_labels(LABELS)
    kept = first.copy()
    first[:] = 0
    assert np.array_equal(backbone.visual.embed_labels(LABELS), kept)


def test_each_clip_and_each_sound_has_its_own_row(backbone: Backbone) -> None:
    frames, heard = pictures(12), sounds(16_000, 8_000, 3_000)
    clips = [frames[:4], frames[4:8], frames[8:]]
    rows = backbone.visual.embed_clips(clips)
    assert rows == pytest.approx(np.concatenate([backbone.visual.embed_clips([clip]) for clip in clips]), abs=1e-6)
    rows = backbone.audio.embed_sounds(heard)
    assert rows == pytest.approx(np.concatenate([backbone.audio.embed_sounds([one]) for one in heard]), abs=1e-6)


def test_clips_are_looked_at_by_a_tower_of_their_own(backbone: Backbone) -> None:
    frame = pictures(1)
    assert np.abs(backbone.visual.embed_clips([frame * 4])[:, 0] - backbone.visual.embed_frames(frame)).max() > 1e-3


def test_of_clips_with_other_numbers_of_frames_as_many_are_taken_as_the_tower_has(backbone: Backbone) -> None:
    eight, two = pictures(8), pictures(2)
    embed = backbone.visual.embed_clips
    assert np.array_equal(embed([eight]), embed([[eight[place] for place in (0, 2, 4, 7)]]))
    assert np.array_equal(embed([two]), embed([[two[0], two[0], two[0], two[1]]]))


def test_asking_twice_gives_the_same_bytes_and_changes_no_input(folders: Folders) -> None:
    frames, heard = pictures(4), sounds(16_000)
    before = [array.copy() for array in (*frames, *heard)]
    first, second = (
        [
            each.visual.embed_labels(LABELS),
            each.visual.embed_clips([frames]),
            each.visual.embed_frames(frames),
            each.audio.embed_sounds(heard),
        ]
        for each in (loaded(folders), loaded(folders))
    )
    assert [rows.tobytes() for rows in first] == [rows.tobytes() for rows in second]
    assert all(np.array_equal(one, other) for one, other in zip(before, (*frames, *heard), strict=True))


def test_nothing_asked_gives_no_rows(backbone: Backbone) -> None:
    assert backbone.visual.embed_labels([]).shape == (0, tiny.SHARED)
    assert backbone.visual.embed_frames([]).shape == (0, tiny.SHARED)
    assert backbone.visual.embed_clips([]).shape == (0, 1, tiny.SHARED)
    assert backbone.audio.embed_sounds([]).shape == (0, tiny.SHARED)


def test_silence_and_black_have_rows(backbone: Backbone) -> None:
    assert_unit(backbone.audio.embed_sounds([np.zeros(16_000, np.float32)]), 1)
    assert_unit(backbone.visual.embed_frames([np.zeros((40, 60, 3), np.uint8)]), 1)


@pytest.mark.parametrize(("frames", "seconds"), [(1036, 10.385), (72, 0.745)])
def test_the_longest_sound_is_what_fills_the_spectrogram(folders: Folders, frames: int, seconds: float) -> None:
    audio = folders[2]
    shutil.rmtree(audio)
    audio.mkdir()
    config = tiny.config(TowerKind.AUDIO, target_length=frames, patch_size=4)
    (audio / "config.json").write_text(json.dumps(config), encoding="utf-8")
    state = tiny.state(tiny.configuration(TowerKind.AUDIO, target_length=frames, patch_size=4))
    torch.save(state, audio / "pytorch_model.bin")
    assert loaded(folders).audio.longest_seconds == pytest.approx(seconds, abs=1e-9)


# Names as the text tower reads them.


def words_in(golden: dict[str, dict[str, list[list[int]]]]) -> dict[str, int]:
    """The words of the reference's token lists, each with its number."""
    words = {"clap": 940, "ping</w>": 1682}
    # it's 3 o'clock,   isn't it?
    pieces = ["it", "'s", "3", "o", "'", "clock", ",", "isn", "'t", "it", "?"]
    words |= {
        f"{piece}</w>": number
        for piece, number in zip(pieces, golden["other_texts"]["input_ids"][2][1:-1], strict=True)
    }
    for group in ("languagebind_prompts", "clip_prompts"):
        for text, ids in zip(golden[group]["texts"], golden[group]["input_ids"], strict=True):
            pieces = re.findall(r"[a-z]+|[^a-z\s]+", str(text).lower())
            if len(pieces) == len(ids) - 2:
                words |= {f"{piece}</w>": number for piece, number in zip(pieces, ids[1:-1], strict=True)}
    return words


def test_prompts_and_tokens_are_the_reference_s_given_its_numbers_for_words(shared: Path, tmp_path: Path) -> None:
    # The published vocabulary comes with the checkpoints; this one has its words, without the pieces of other words.
    golden = json.loads((shared / "golden" / "languagebind" / "token_ids.json").read_text(encoding="utf-8"))
    tiny.write_tokenizer(tmp_path, words_in(golden), begin=49406, end=49407)
    config = tiny.configuration(TowerKind.IMAGE)
    published = replace(config, text={**config.text, "eos_token_id": 49407, "vocab_size": 49408})
    tokenizer = tokenizer_in(tmp_path, published)
    prompts = Prompts(tokenizer, prompt, 77)
    clip_prompts = golden["clip_prompts"]["texts"]
    labels = [str(text).removeprefix("A ") for text in clip_prompts]
    assert [prompt(label) for label in labels] == golden["languagebind_prompts"]["texts"]
    assert prompts.tokens(labels) == golden["languagebind_prompts"]["input_ids"]
    assert Prompts(tokenizer, "A {}".format, 77).tokens(labels) == golden["clip_prompts"]["input_ids"]
    plain = Prompts(tokenizer, str, 77)
    for place in (0, 2):
        assert plain.tokens([golden["other_texts"]["texts"][place]]) == [golden["other_texts"]["input_ids"][place]]
    with pytest.raises(InvalidLabels, match=r"is \d+ tokens .* takes 77"):
        plain.tokens([golden["other_texts"]["texts"][4]])
    ids, mask = prompts.padded(prompts.tokens(labels))
    assert mask.sum(dim=1).tolist() == golden["languagebind_prompts"]["attention_mask_sums"]
    assert set(ids[mask == 0].tolist()) == {49407}


def test_a_name_longer_than_the_text_tower_takes_is_refused(backbone: Backbone) -> None:
    fitting = " ".join(["dog"] * (tiny.LONGEST_TEXT - 3))
    assert_unit(backbone.visual.embed_labels([fitting]), 1)
    with pytest.raises(InvalidLabels, match=r"is 17 tokens in its prompt and the text encoder takes 16"):
        backbone.visual.embed_labels(["cat", f"{fitting} dog"])


def test_frame_numbers_are_the_reference_s(shared: Path) -> None:
    cases = json.loads((shared / "golden" / "languagebind" / "frame_indices.json").read_text(encoding="utf-8"))
    assert len(cases) > 40
    for case in cases:
        frames, count = case["total_frames"], 8 if case["kind"] == "video" else 10
        if case["start_s"] is None:
            found = spread_indexes(frames, count)
        else:
            found = interval_indexes(frames, case["start_s"], case["end_s"], count=count)
        assert found.tolist() == case["indices"]


# What is refused.


def swap(folders: Folders) -> Folders:
    return folders[1], folders[0], folders[2]


def rewrite(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


def change_shared_width(folders: Folders) -> None:
    rewrite(folders[2] / "config.json", json.dumps(tiny.config(TowerKind.AUDIO) | {"projection_dim": 8}))


def change_end(folders: Folders) -> None:
    text = tiny.TEXT | {"eos_token_id": 50}
    rewrite(folders[0] / "config.json", json.dumps(tiny.config(TowerKind.IMAGE) | {"text_config": text}))


def change_vocabulary(folders: Folders) -> None:
    text = tiny.TEXT | {"vocab_size": 80}
    rewrite(folders[0] / "config.json", json.dumps(tiny.config(TowerKind.IMAGE) | {"text_config": text}))


def forget_last_merge(file: Path) -> None:
    rewrite(file, "\n".join(file.read_text(encoding="utf-8").splitlines()[:-1]) + "\n")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folders: (folders[1] / "config.json").unlink(), "config.json"),
        (lambda folders: rewrite(folders[1] / "config.json", "{"), "config.json"),
        (lambda folders: cut(folders[2] / "model.safetensors"), "model.safetensors"),
        (lambda folders: (folders[0] / "model.safetensors").unlink(), "weights"),
        (lambda folders: (folders[0] / "vocab.json").unlink(), "the tokenizer in .* cannot be read"),
        (lambda folders: rewrite(folders[0] / "vocab.json", "{}"), "the tokenizer in .* cannot be read"),
        (lambda folders: cut(folders[0] / "vocab.json"), "the tokenizer in .* cannot be read"),
        (lambda folders: forget_last_merge(folders[0] / "merges.txt"), "cannot be read .56 tokens, 3 merges of 4."),
        (lambda folders: (folders[0] / "merges.txt").unlink(), "the tokenizer in .* cannot be read"),
        (change_end, r"tokens to 98, the end is 98\) contradicts its config.json \(99 tokens, the end is 50\)"),
        (change_vocabulary, r"tokens to 98, the end is 98\) contradicts its config.json \(80 tokens"),
        (change_shared_width, "the checkpoints share no space .rows of 8, 24 features.: give three of one family"),
    ],
)
def test_damaged_and_contradictory_files_are_refused(
    folders: Folders, damage: Callable[[Folders], None], words: str
) -> None:
    damage(folders)
    with pytest.raises(WeightsUnavailable, match=words) as refusal:
        loaded(folders)
    assert "\n" not in str(refusal.value)


def test_a_tokenizer_of_another_model_is_refused_before_any_label(folders: Folders) -> None:
    rewrite(folders[0] / "vocab.json", '{"a": 0, "b</w>": 1}')
    for merges in ("#version: 0.2\n", "#version: 0.2\na b</w>\n"):
        rewrite(folders[0] / "merges.txt", merges)
        with pytest.raises(WeightsUnavailable, match=r"the tokenizer in .* cannot be read"):
            loaded(folders)


def test_checkpoints_in_one_another_s_place_are_refused(folders: Folders) -> None:
    with pytest.raises(WeightsUnavailable, match="of type 'LanguageBindVideo', and 'LanguageBindImage' is needed"):
        loaded(swap(folders))


@pytest.mark.parametrize("model_type", ["LanguageBindThermal", "clip", None])
def test_a_checkpoint_of_another_architecture_is_refused(folders: Folders, model_type: str | None) -> None:
    rewrite(folders[0] / "config.json", json.dumps(tiny.config(TowerKind.IMAGE) | {"model_type": model_type}))
    with pytest.raises(WeightsUnavailable, match=f"of type '{model_type}', and 'LanguageBindImage' is needed"):
        loaded(folders)


def test_the_legacy_number_of_the_end_token_is_understood(folders: Folders) -> None:
    before = loaded(folders).visual.embed_labels(LABELS)
    text = tiny.TEXT | {"eos_token_id": 2}
    rewrite(folders[0] / "config.json", json.dumps(tiny.config(TowerKind.IMAGE) | {"text_config": text}))
    assert loaded(folders).visual.embed_labels(LABELS) == pytest.approx(before, abs=1e-6)


def test_the_digest_tells_weights_apart(folders: Folders) -> None:
    before = loaded(folders).info.digest
    shutil.rmtree(folders[2])
    tiny.write_checkpoint(folders[2], TowerKind.AUDIO, seed=9)
    assert loaded(folders).info.digest != before


def test_half_precision_keeps_the_directions(folders: Folders) -> None:
    exact, half = (loaded(folders, precision) for precision in ("float32", "bfloat16"))
    frames, heard = pictures(4), sounds(16_000)
    for one, other in (
        (exact.visual.embed_frames(frames), half.visual.embed_frames(frames)),
        (exact.visual.embed_clips([frames])[:, 0], half.visual.embed_clips([frames])[:, 0]),
        (exact.audio.embed_sounds(heard), half.audio.embed_sounds(heard)),
        (exact.visual.embed_labels(LABELS), half.visual.embed_labels(LABELS)),
    ):
        assert (one * other).sum(axis=1).min() > 0.999
        assert not np.array_equal(one, other)
