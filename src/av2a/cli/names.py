"""Options that name the events to find."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from av2a.cli.inputs import lines_in
from av2a.errors import InvalidLabels

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

        >>> LabelOptions(["dog barking, Speech"], ["rain, heavy"]).labels()
        ['dog barking', 'Speech', 'rain, heavy']
        """
        names = [name.strip() for text in self.events for name in text.split(",")] + self.event
        if self.events_file is not None:
            names += lines_in(self.events_file, "event names", option="--events-file", refusal=InvalidLabels)
        if not names:
            raise InvalidLabels(
                "no event names: give some with --events 'dog barking, speech' or --events-file names.txt"
            )
        return names
