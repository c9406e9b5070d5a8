"""Other people's text, made harmless for a terminal."""

from unicodedata import category

_ESCAPED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# They turn the rest of the line around, so that it reads as something else.
_TURNS_TEXT_AROUND = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def terminal_safe(text: str) -> str:
    """``text`` on one line, with every control character shown instead of obeyed.

    >>> terminal_safe("two\\nlines, \\x1b[31mred")
    'two\\\\nlines, \\\\x1b[31mred'
    """
    return "".join(_shown(letter) for letter in text)


def _shown(letter: str) -> str:
    if letter in _ESCAPED:
        return _ESCAPED[letter]
    if category(letter) in ("Cc", "Cs", "Zl", "Zp") or letter in _TURNS_TEXT_AROUND:
        return letter.encode("unicode_escape").decode("ascii")
    return letter
