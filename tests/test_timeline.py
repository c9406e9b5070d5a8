from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from av2a.timeline import Grid, runs


@given(st.lists(st.booleans()))
def test_runs_rebuild_the_mask(mask: list[bool]) -> None:
    rebuilt = np.zeros(len(mask), dtype=bool)
    for start, stop in runs(np.array(mask, dtype=bool)):
        rebuilt[start:stop] = True
    assert rebuilt.tolist() == mask


@given(st.lists(st.booleans()))
def test_runs_are_maximal_and_in_order(mask: list[bool]) -> None:
    found = runs(np.array(mask, dtype=bool))
    for (_, stop), (start, _) in pairwise(found):
        assert stop < start


@given(st.floats(0.001, 1e5), st.floats(0.05, 30))
def test_segments_cover_the_clip_without_gap_or_overlap(duration: float, length: float) -> None:
    grid = Grid(duration, length)
    edges = grid.edges_seconds
    assert edges[0] == 0
    assert edges[-1] == duration
    assert len(edges) == grid.segments + 1
    assert (np.diff(edges) > 0).all()
    if grid.segments > 1:
        assert np.diff(edges)[-1] == pytest.approx(length, abs=length / 2 + 1e-6 * duration)


@given(st.floats(0.5, 1e4), st.integers(1, 30))
def test_windows_cover_every_segment_once(duration: float, each: int) -> None:
    grid = Grid(duration)
    covered = [segment for start, stop in grid.windows(float(each)) for segment in range(start, stop)]
    assert covered == list(range(grid.segments))


def test_a_short_rest_joins_the_last_segment_and_a_long_one_is_its_own() -> None:
    assert Grid(10.03).segments == 10
    assert Grid(10.6).segments == 11
    assert Grid(0.02).segments == 1


def test_seconds_refuses_segments_outside_the_clip() -> None:
    with pytest.raises(ValueError, match=r"0 <= start < stop <= 3, got \[2, 4\)"):
        Grid(3.0).seconds(2, 4)


@pytest.mark.parametrize(("duration", "length"), [(0.0, 1.0), (-1.0, 1.0), (float("nan"), 1.0), (1.0, 0.0)])
def test_a_grid_refuses_lengths_that_are_not_above_zero(duration: float, length: float) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        Grid(duration, length)
