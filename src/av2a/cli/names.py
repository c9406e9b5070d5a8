"""Options that name the events to find."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from av2a.errors import InvalidLabels, MissingFile, one_line

LARGEST_FILE_BYTES = 1_000_000
"""A thousand names of two hundred characters take no more."""


_WHAT = "What to look for"


@dataclass(frozen=True)
class LabelOptions:
    """The labels, given in any of three ways."""

    events: Annotated[
        list[str],
        typer.Option(
            "--events", "-l", metavar="NAMES", help="Event names, separated by commas.", rich_help_panel=_WHAT
        ),
    ] = field(default_factory=list)
    event: Annotated[
        list[str],
        typer.Option(
            "--event", metavar="NAME", help="One name as it is, commas and all; may be repeated.", rich_help_panel=_WHAT
        ),
    ] = field(default_factory=list)
    events_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A text file, one name a line; # starts a comment.", rich_help_panel=_WHAT),
    ] = None

    @property
    def given(self) -> bool:
        """Whether any option names labels."""
        return bool(self.events or self.event or self.events_file)

    def labels(self) -> list[str]:
        """All names, those of ``--events`` first, then ``--event``, then the file's; case and order are kept.

        Raises:
            InvalidLabels: no names, or a file that is not text.
            MissingFile: no such file.
        """
        return asked_names(self.events, self.event, self.events_file)


def asked_names(lists: Sequence[str], single: Sequence[str], file: Path | None) -> list[str]:
    """All names, those of ``--events`` first, then ``--event``, then the file's; case and order kept.

    Raises:
        InvalidLabels: no names at all, or a file that is not text.
        MissingFile: no such file.

    >>> asked_names(["dog barking, Speech"], ["rain, heavy"], None)
    ['dog barking', 'Speech', 'rain, heavy']
    """
    names = [name.strip() for text in lists for name in text.split(",")]
    names += single
    if file is not None:
        names += names_in(file)
    if not names:
        raise InvalidLabels("no event names: give some with --events 'dog barking, speech' or --events-file names.txt")
    return names


def names_in(file: Path) -> list[str]:
    """The names in a text file, one a line; blank lines and lines that start with # are left out."""
    text = _text(file)
    names = [line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    names = [name for name in names if name and not name.startswith("#")]
    if not names:
        raise InvalidLabels(f"no event names in {one_line(str(file))!r}: write one a line")
    return names


def _text(file: Path) -> str:
    shown = one_line(str(file))
    try:
        # Not checked for being a regular file: <(cut -f1 names.tsv) is none.
        with file.open("rb") as handle:
            content = handle.read(LARGEST_FILE_BYTES + 1)
    except OSError as refusal:
        raise MissingFile(f"cannot read names from {shown!r} ({refusal.strerror}): check --events-file") from refusal
    if len(content) > LARGEST_FILE_BYTES:
        raise InvalidLabels(f"{shown!r} is larger than {LARGEST_FILE_BYTES:,} bytes: a file of names is short text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise InvalidLabels(f"{shown!r} is not UTF-8 text: save the names as UTF-8, one a line") from wrong
