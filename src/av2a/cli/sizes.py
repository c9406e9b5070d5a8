"""Sizes as users write and read them."""

import re

from av2a.errors import UsageError, one_line

UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def size_text(size_bytes: int) -> str:
    """In the largest unit of which there is one.

    >>> size_text(0), size_text(12_345_678)
    ('0.0 B', '12.3 MB')
    """
    unit = max((unit for unit in UNITS if UNITS[unit] <= max(size_bytes, 1)), key=UNITS.__getitem__)
    return f"{size_bytes / UNITS[unit]:.1f} {unit}"


def bytes_of(text: str) -> int | None:
    """A size as a number of bytes; None for ``none``.

    Raises:
        UsageError: it is not a size.

    >>> bytes_of("1.5 GB"), bytes_of("none")
    (1500000000, None)
    """
    if text == "none":
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?B)", text.strip().upper())
    if match is None:
        raise UsageError(f"a size is a number and a unit, such as 500MB or 10GB, or none; got {one_line(text, 30)!r}")
    return int(float(match[1]) * UNITS[match[2]])
