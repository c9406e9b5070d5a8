import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from av2a.backbones.languagebind.fbank import spectrogram_rows
from av2a.features.sampling import (
    cut_sounds,
    frame_times,
    interval_indexes,
    interval_samples,
    sound_windows,
    spread_times,
)
from av2a.timeline import Grid, spread_indexes
from tests.released import released


def test_frame_numbers_equal_the_released_ones() -> None:
    reference = released("sampling")
    for place, frames in enumerate(reference["n_frames"].astype(int)):
        assert spread_indexes(int(frames), 10).tolist() == reference["image_idx"][place].tolist()
        assert spread_indexes(int(frames), 8).tolist() == reference["video_idx"][place].tolist()
    for (frames, start, stop), expected in zip(
        reference["crop_params"].astype(int), reference["crop_idx"], strict=True
    ):
        assert interval_indexes(int(frames), int(start), int(stop)).tolist() == expected.tolist()


def test_sample_ranges_equal_the_released_ones() -> None:
    reference = released("sampling")
    for (rate, samples, start, stop), (first, count) in zip(
        reference["audio_params"].astype(int), reference["audio_crop"].astype(int), strict=True
    ):
        begin, end = interval_samples(int(rate), int(samples), float(start), float(stop))
        assert end - begin == count
        assert count == 0 or begin == first


def test_spectrogram_rows_equal_the_released_ones() -> None:
    reference = released("sampling")
    for available, expected in zip(reference["mel_frames"], reference["mel_rows"], strict=True):
        assert np.array_equal(spectrogram_rows(int(available)), expected)


@given(st.integers(1, 400), st.integers(0, 9), st.integers(1, 10))
def test_an_interval_always_has_frames_of_the_clip(frames: int, start: int, length: int) -> None:
    numbers = interval_indexes(frames, start, min(start + length, 10))
    assert len(numbers) == 8
    assert (numbers >= 0).all()
    assert (numbers < frames).all()
    assert (np.diff(numbers) >= 0).all()


@given(st.floats(0.3, 100), st.integers(1, 5))
def test_frame_times_lie_in_their_segments(duration: float, each: int) -> None:
    grid = Grid(duration)
    times = frame_times(grid, 0, grid.segments, each).reshape(grid.segments, each)
    assert (times > grid.edges_seconds[:-1, None]).all()
    assert (times < grid.edges_seconds[1:, None]).all()


@given(st.floats(0.3, 60), st.floats(0.1, 20))
def test_sound_windows_hold_their_segment_and_are_long_enough(duration: float, least: float) -> None:
    grid = Grid(duration)
    for segment, (start, stop) in enumerate(sound_windows(grid, least)):
        first, last = grid.seconds(segment, segment + 1)
        assert 0 <= start <= first + 1e-9
        assert last - 1e-9 <= stop <= duration
        assert stop - start >= min(least, duration) - 1e-9


def test_spread_times_are_the_middles_of_equal_parts() -> None:
    assert spread_times(2.0, 4.0, 4).tolist() == [2.25, 2.75, 3.25, 3.75]


@given(st.lists(st.integers(1, 50), max_size=12), st.lists(st.tuples(st.integers(0, 300), st.integers(1, 80))))
def test_cut_sounds_gives_exactly_the_samples_of_each_interval(
    lengths: list[int], wanted: list[tuple[int, int]]
) -> None:
    whole = np.arange(1, sum(lengths) + 1, dtype=np.float32)
    ends = np.cumsum(lengths)
    blocks = [(int(end - size), whole[end - size : end]) for size, end in zip(lengths, ends, strict=True)]
    intervals = sorted((first, first + size) for first, size in wanted)
    for (first, last), sound in zip(intervals, cut_sounds(blocks, intervals, least_part=0.0), strict=True):
        expected = whole[first:last]
        assert (sound is None) == (len(expected) == 0)
        assert sound is None or np.array_equal(sound, expected)


def test_gaps_within_a_sound_are_silent_and_mostly_missing_sounds_are_none() -> None:
    blocks = [(2, np.ones(2, dtype=np.float32)), (6, np.ones(2, dtype=np.float32))]
    cut = list(cut_sounds(blocks, [(0, 8), (0, 10), (4, 6)]))
    assert cut[0] is not None
    assert cut[0].tolist() == [1, 1, 0, 0, 1, 1]
    assert cut[1] is None
    assert cut[2] is None
