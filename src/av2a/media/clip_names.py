"""Names of clips that every file system takes: ``park_00-12.300_dog-barking_heard``.

Of labels and of the video's name only letters and digits of any script are kept, and ``_``; an emoji or another sign becomes its
Unicode name, everything else a hyphen. So no name holds a separator, a control character, a turn of the text's direction, a dot
at either end or what a shell reads; with a time behind the first underscore none is a device's on Windows (``CON``, ``nul.txt``).
"""

from collections.abc import Container
from unicodedata import category, name, normalize

PART_BYTES = 48
"""A video's name and a label are cut to this many bytes of UTF-8: whole names stay under the 143 bytes of encrypted folders."""


def clip_name(video: str, start_seconds: float, label: str, stream: str, taken: Container[str] = ()) -> str:
    """The name, without an ending, of a clip of a video (named without its ending).

    Of a name that is ``taken`` already (as :func:`folded`), the next free one: ``…-2``, ``…-3``.

    >>> clip_name("park", 12.3, "dog barking", "heard")
    'park_00-12.300_dog-barking_heard'
    >>> clip_name("../.con", 3723.0, "🐕 <loud>", "seen")
    'con_01-02-03.000_dog-loud_seen'
    """
    chosen = f"{_part(video) or 'video'}_{_time(start_seconds)}_{_part(label) or 'event'}_{stream}"
    number = 1
    while folded(found := chosen if number == 1 else f"{chosen}-{number}") in taken:
        number += 1
    return found


def folded(text: str) -> str:
    """A name as file systems compare it that know no case."""
    return normalize("NFKD", normalize("NFKD", text).casefold())


def _time(seconds: float) -> str:
    """Minutes, seconds and milliseconds, before them the hours if there are any; a colon is not allowed in a name.

    >>> _time(12.3), _time(3723.0004)
    ('00-12.300', '01-02-03.000')
    """
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    shown = f"{minutes:02d}-{rest // 1000:02d}.{rest % 1000:03d}"
    return f"{hours:02d}-{shown}" if hours else shown


def _part(text: str) -> str:
    """The letters and digits of a text, joined by hyphens, cut to a number of bytes."""
    words = "".join(map(_kept, normalize("NFC", text))).split()
    joined = "-".join(word for word in words).strip("-_")
    while len(joined.encode()) > PART_BYTES:
        joined = joined[:-1]
    return joined.strip("-_")


def _kept(letter: str) -> str:
    """A character as it is in a name; a space for what is not kept."""
    kind = category(letter)
    if kind[0] == "L" or (kind in ("Nd", "Mc", "Mn") and letter not in "\ufe0e\ufe0f") or letter == "_":
        return letter
    if kind == "So":
        return f" {'-'.join(name(letter, '').lower().split())} "
    return "" if kind in ("Cf", "Mn", "Me", "Sk") or letter == "'" else " "
