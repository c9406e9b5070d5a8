from pathlib import Path

import numpy as np
import pytest

from av2a.errors import Av2aError, NotMedia
from av2a.media import decode_frames, decode_sound, frame_times, open_clip
from tests.media_makers import Pictures, Sound, cut, even_times, flip_bits, mutated, number_of, tone, write_media

FAST_START = {"movflags": "+faststart"}


def film(path: Path, options: dict[str, str] | None = None, seconds: int = 12) -> Path:
    """Pictures and sound; noise in the sound spreads both evenly over the file."""
    noise = np.random.default_rng(5).normal(0, 0.1, (1, seconds * 48_000))
    pictures = Pictures(even_times(seconds * 30), options={"preset": "ultrafast"})
    return write_media(path, pictures, Sound(noise, bit_rate=64_000), container_options=options)


def looked_at(path: Path) -> tuple[list[int | None], float, list[str]]:
    """The numbers of the pictures at each half second, the seconds of sound, and what was said."""
    clip = open_clip(path)
    said = list(clip.warnings)
    asked = np.arange(0.25, clip.duration_seconds, 0.5).tolist()
    pictures = list(decode_frames(clip, asked, warn=said.append))
    samples = sum(len(block.samples) for block in decode_sound(clip, 16_000, warn=said.append))
    return [None if picture is None else number_of(picture.pixels) for picture in pictures], samples / 16_000, said


def test_an_mp4_without_its_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotMedia, match="damaged or cut"):
        open_clip(cut(film(tmp_path / "a.mp4"), tmp_path / "b.mp4", share=0.5))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_of_a_file_cut_in_the_middle_the_rest_is_used_and_the_loss_is_told(tmp_path: Path, name: str) -> None:
    whole = film(tmp_path / f"whole-{name}", FAST_START if name == "a.mp4" else None)
    pictures, sound_seconds, said = looked_at(cut(whole, tmp_path / name, share=0.6))
    assert len(pictures) == 24
    shown = [number for number in pictures if number is not None]
    assert 8 <= len(shown) <= 20
    # Every picture that is left is the right one (the last may stand a little longer), and after the cut there is none.
    assert shown[:-1] == [7 + 15 * place for place in range(len(shown) - 1)]
    assert 0 <= 7 + 15 * (len(shown) - 1) - shown[-1] <= 4
    assert pictures[len(shown) :] == [None] * (24 - len(shown))
    assert 4 < sound_seconds < 10
    assert sum("could be decoded up to" in message for message in said) == 2
    assert any(message.startswith("video") and "of 12.0" in message for message in said)


def test_a_transport_stream_cut_at_both_ends_gives_what_it_has(tmp_path: Path) -> None:
    data = film(tmp_path / "whole.ts").read_bytes()
    (tmp_path / "a.ts").write_bytes(data[len(data) // 5 : 4 * len(data) // 5])
    pictures, sound_seconds, _ = looked_at(tmp_path / "a.ts")
    numbers = [number for number in pictures if number is not None]
    assert len(numbers) >= 10
    assert (np.diff(numbers) == 15).all()
    assert 5 < sound_seconds < 9


def test_a_cut_wave_file_gives_what_it_has(tmp_path: Path) -> None:
    whole = write_media(tmp_path / "whole.wav", Sound(tone(6, 16_000), rate_hz=16_000, codec="pcm_s16le"))
    clip = open_clip(cut(whole, tmp_path / "a.wav", share=0.5))
    assert sum(len(block.samples) for block in decode_sound(clip, 16_000)) == pytest.approx(48_000, abs=2_000)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_flipped_bits_lose_little_and_are_told(tmp_path: Path, name: str) -> None:
    whole = film(tmp_path / f"whole-{name}")
    rng = np.random.default_rng(11)
    pictures, _, said = looked_at(flip_bits(whole, tmp_path / name, flips=200, rng=rng))
    assert sum(number is not None for number in pictures) > 2
    assert any("damaged" in message for message in said)
    assert all("\n" not in message for message in said)


def test_undamaged_files_raise_no_warning(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.mkv", "a.ts", "a.mov"):
        pictures, sound_seconds, said = looked_at(film(tmp_path / name, seconds=4))
        # In a transport stream the first picture comes after the sound has begun.
        assert [number for number in pictures if number is not None] == pytest.approx(
            [7 + 15 * n for n in range(8)], abs=2
        )
        assert sound_seconds == pytest.approx(4, abs=0.05)
        assert said == []


def test_a_warning_comes_with_the_last_picture(tmp_path: Path) -> None:
    """Whoever takes as many answers as there are times has heard everything."""
    clip = open_clip(cut(film(tmp_path / "whole.mkv"), tmp_path / "a.mkv", share=0.5))
    said: list[str] = []
    asked = [1.0, 11.0]
    for _, _ in zip(asked, decode_frames(clip, asked, warn=said.append), strict=False):
        pass
    assert len(said) == 1


def test_times_that_jump_back_are_left_out_and_told(tmp_path: Path) -> None:
    data = film(tmp_path / "a.ts", seconds=6).read_bytes()
    (tmp_path / "spliced.ts").write_bytes(data + data)
    pictures, sound_seconds, said = looked_at(tmp_path / "spliced.ts")
    numbers = [number for number in pictures if number is not None]
    assert numbers[:10] == pytest.approx([7 + 15 * n for n in range(10)], abs=2)
    assert sound_seconds == pytest.approx(6, abs=0.1)
    assert any("spliced" in message for message in said)


def test_damage_of_any_kind_ends_in_pictures_or_in_one_of_our_errors(tmp_path: Path) -> None:
    rng = np.random.default_rng(2024)
    seeds = [film(tmp_path / f"seed.{suffix}", seconds=1).read_bytes() for suffix in ("mp4", "mkv", "ts", "avi", "flv")]
    refusals: list[str] = []
    for number in range(100):
        path = tmp_path / "mutant"
        path.write_bytes(mutated(seeds[number % len(seeds)], rng))
        try:
            clip = open_clip(path)
            list(decode_frames(clip, [0.0, 0.5, clip.duration_seconds]))
            list(decode_sound(clip, 16_000, stop_seconds=5.0))
            frame_times(clip)
        except Av2aError as refusal:
            refusals.append(str(refusal))
    assert 0 < len(refusals) < 60
    assert all("mutant" in words and "\n" not in words for words in refusals)
