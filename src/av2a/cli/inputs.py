"""Files that the user names: what is missing or unreadable is refused before any model is loaded."""

from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from av2a.errors import MissingFile, UsageError, one_line

LARGEST_LIST_BYTES = 1_000_000
"""A thousand names of two hundred characters take no more."""


def check_exists(file: Path) -> None:
    """Refuse the name of a file that does not exist, with the nearest one that does.

    Raises:
        MissingFile: no such file.
    """
    neighbours: list[str] = []
    try:
        if file.exists():
            return
    except OSError:
        # A name too long, a folder closed to us: opening it says more.
        return
    with suppress(OSError):
        neighbours = sorted(entry.name for entry in file.parent.iterdir())
    if "://" in str(file) or str(file).startswith(("http:", "https:")):
        raise MissingFile(f"{one_line(str(file))!r} is a URL: download it first, addresses are not opened")
    close = get_close_matches(file.name, neighbours, n=1)
    hint = f"did you mean {str(file.with_name(close[0]))!r}?" if close else "check the name"
    raise MissingFile(f"no such file: {one_line(str(file))!r}: {hint}")


def text_in(file: Path, what: str, *, option: str, refusal: type[UsageError], largest_bytes: int) -> str:
    """The text of a file.

    Raises:
        MissingFile: it cannot be read; ``option`` named it.
        refusal: it is too large, or not UTF-8.
    """
    shown = one_line(str(file))
    try:
        # Whether it is a regular file is not checked: <(cut -f1 names.tsv) is none.
        with file.open("rb") as stream:
            content = stream.read(largest_bytes + 1)
    except OSError as error:
        raise MissingFile(f"cannot read {what} from {shown!r} ({error.strerror}): check {option}") from error
    if len(content) > largest_bytes:
        raise refusal(f"{shown!r} is larger than {largest_bytes:,} bytes: {what} are short text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise refusal(f"{shown!r} is not UTF-8 text: save the {what} as UTF-8") from wrong


def lines_in(file: Path, what: str, *, option: str, refusal: type[UsageError]) -> list[str]:
    """The lines of a text file that are neither blank nor comments, which start with #.

    Raises:
        MissingFile, refusal: as :func:`text_in`; ``refusal`` also where there is no such line.
    """
    text = text_in(file, what, option=option, refusal=refusal, largest_bytes=LARGEST_LIST_BYTES)
    # Not splitlines, which would also split at characters that a name may hold.
    lines = [line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        raise refusal(f"no {what} in {one_line(str(file))!r}: write one a line")
    return lines
