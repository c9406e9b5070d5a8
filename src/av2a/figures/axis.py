"""Times and ticks of the time axis, the same in every time line."""

from math import ceil

_STEPS_SECONDS = (
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0,
)  # fmt: skip


def ticks_seconds(duration_seconds: float, most: int) -> list[float]:
    """Round times from zero to the end, at most ``most`` (two or more) of them.

    >>> ticks_seconds(10.03, most=6)
    [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    """
    step = next((step for step in _STEPS_SECONDS if _steps(duration_seconds, step) < max(2, most)), None)
    if step is None:
        step = 43200.0 * ceil(duration_seconds / 43200 / max(1, most - 1))
    return [round(index * step, 6) for index in range(_steps(duration_seconds, step) + 1)]


def _steps(duration_seconds: float, step: float) -> int:
    # A tenth is not a binary number: 0.3 / 0.1 must count as three.
    return int(duration_seconds / step + 1e-9)


def clock(seconds: float) -> str:
    """A time as a player shows it, with hundredths only where there are any.

    >>> clock(3.0), clock(63.5), clock(3723.0)
    ('0:03', '1:03.5', '1:02:03')
    """
    hundredths = round(seconds * 100)
    whole, rest = divmod(hundredths, 100)
    minutes, second = divmod(whole, 60)
    hour, minute = divmod(minutes, 60)
    fraction = f".{rest:02d}".rstrip("0") if rest else ""
    return f"{hour}:{minute:02d}:{second:02d}{fraction}" if hour else f"{minute}:{second:02d}{fraction}"


def span(start_seconds: float, stop_seconds: float) -> str:
    """An interval for a reader.

    >>> span(3.0, 4.5)
    '0:03–0:04.5'
    """
    return f"{clock(start_seconds)}–{clock(stop_seconds)}"
