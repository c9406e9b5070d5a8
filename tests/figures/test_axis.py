"""The seconds axis."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from av2a.figures.axis import clock, ticks_seconds


@given(st.floats(0.01, 1e8), st.integers(2, 20))
def test_ticks_begin_at_zero_stay_within_and_are_evenly_spaced(duration: float, most: int) -> None:
    ticks = ticks_seconds(duration, most)
    assert ticks[0] == 0
    assert ticks[-1] <= duration * (1 + 1e-6)
    assert 1 <= len(ticks) <= most
    steps = {round(after - before, 4) for before, after in pairwise(ticks)}
    assert len(steps) <= 1


def test_a_tenth_of_a_second_has_its_tick_at_the_end() -> None:
    assert ticks_seconds(0.3, 5) == [0.0, 0.1, 0.2, 0.3]


def test_three_hours_are_marked_in_half_hours() -> None:
    assert [clock(tick) for tick in ticks_seconds(10_800.0, 7)][-2:] == ["2:30:00", "3:00:00"]


def test_a_time_just_below_a_minute_does_not_read_as_sixty_seconds() -> None:
    assert clock(59.999) == "1:00"
