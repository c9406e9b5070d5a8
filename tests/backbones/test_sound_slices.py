import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from av2a.backbones.sound_slices import chunk_starts, most_central, span_means

CHUNK = 32


@given(slices=st.integers(1, 400), hop=st.integers(1, CHUNK))
def test_every_slice_lies_in_the_chunk_that_describes_it(slices: int, hop: int) -> None:
    starts = chunk_starts(slices, CHUNK, hop)
    places = most_central(slices, starts, CHUNK)
    assert [starts[chunk] + place for chunk, place in places] == list(range(slices))
    assert all(0 <= place < CHUNK for _, place in places)
    assert all(start + CHUNK <= max(slices, CHUNK) for start in starts)


@given(slices=st.integers(CHUNK, 400))
def test_inner_slices_have_sound_on_both_sides(slices: int) -> None:
    places = most_central(slices, chunk_starts(slices, CHUNK, 26), CHUNK)
    inner = [place for _, place in places[3:-3]]
    assert min(inner) >= 2 and max(inner) <= CHUNK - 3


@given(st.integers(1, 40), st.integers(0, 100))
def test_spans_that_share_a_sound_out_have_its_mean(slices: int, seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(slices, 3)).astype(np.float32)
    stop = slices * 0.25
    halves = span_means(rows, [(0.0, stop / 2), (stop / 2, stop)], 0.25)
    assert halves.mean(axis=0) == pytest.approx(rows.mean(axis=0), abs=1e-5)


def test_a_span_without_sound_is_refused() -> None:
    for span in ((1.0, 1.0), (3.0, 4.0), (-1.0, 0.0)):
        with pytest.raises(ValueError, match=r"a part of the sound \(0 to 2.000 s\)"):
            span_means(np.ones((2, 1), np.float32), [span], 1.0)
