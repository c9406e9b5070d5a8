"""How times and names are spelt, alike in every format."""


def interval_seconds(start_seconds: float, stop_seconds: float) -> tuple[float, float]:
    """An interval in whole milliseconds, never empty.

    >>> interval_seconds(1.00049, 2.0)
    (1.0, 2.0)
    >>> interval_seconds(0.0, 0.0001)
    (0.0, 0.001)
    """
    start = round(start_seconds * 1000)
    stop = max(start + 1, round(stop_seconds * 1000))
    return start / 1000, stop / 1000


def single_line(text: str) -> str:
    """``text`` with every line break, of any kind, replaced by a space.

    >>> single_line("two\\r\\nlines")
    'two lines'
    """
    return " ".join(text.splitlines())


def utf8(text: str) -> bytes:
    """``text`` as bytes. A file name that is not Unicode holds lone surrogates; each becomes a question mark.

    >>> utf8("caf\\udce9.mp4")
    b'caf?.mp4'
    """
    return text.encode("utf-8", "replace")
