"""Text as all formats write it."""

import re


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


_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


def spreadsheet_cell(text: str) -> str:
    """``text`` as a cell that no spreadsheet takes for a formula: an apostrophe before what could start one.

    Text that begins with apostrophes and then such a character gets one more, so that :func:`cell_text` can undo it.

    >>> [spreadsheet_cell(text) for text in ("=1+1", "'=1+1", "'n' roll", "dog")]
    ["'=1+1", "''=1+1", "'n' roll", 'dog']
    """
    return f"'{text}" if _FORMULA.match(text) else text


def cell_text(cell: str) -> str:
    """The text that :func:`spreadsheet_cell` wrote.

    >>> cell_text("'=1+1"), cell_text("'n' roll")
    ('=1+1', "'n' roll")
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
