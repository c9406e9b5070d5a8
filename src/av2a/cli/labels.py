"""``av2a labels``: what a backbone takes labels for, before a run."""

from collections.abc import Sequence
from dataclasses import asdict

from av2a.cli.command import argument, command
from av2a.cli.common_options import JsonOptions, TalkOptions
from av2a.cli.help_text import Example
from av2a.cli.model_options import ModelOptions
from av2a.labels import checked_labels
from av2a.types import KnownLabel

NOT_KNOWN = "not known"


@command(
    Example('av2a labels "tap dancing, siren" --backbone light', "which of the two it can hear, and which it can see"),
    Example('av2a labels "tap dancing, siren" --backbone light --json', "the same for a script"),
)
def labels(
    *,
    names: str = argument("NAMES", "Event names, separated by commas."),
    model: ModelOptions,
    output: JsonOptions,
    talk: TalkOptions,
) -> None:
    """Say which labels a backbone knows, by sound and by sight, and as what.

    A label that is not known by sound is never heard, one that is not known by sight never seen; that is not the same as absent.
    Backbones that read any words, as clip-clap does, know every label more or less well, and cannot say which.
    """
    terminal = talk.terminal()
    asked = checked_labels([name.strip() for name in names.split(",")])
    model.check()
    # The detector loads NumPy, which help does not need.
    from av2a.detector import known_labels

    backbone = model.loaded("practical", terminal)
    known = known_labels(backbone, asked)
    if output.as_json:
        terminal.show_json([asdict(each) for each in known])
    elif known:
        terminal.show_rows(known_rows(known))
    if not known:
        terminal.say(f"{backbone.info.name} reads any words, so it cannot say which labels it knows")


def known_rows(known: Sequence[KnownLabel]) -> list[tuple[str, str, str]]:
    """A row a label: its name, what it is heard as, what it is seen as."""
    return [
        (
            each.label,
            f"heard as {each.heard_as}" if each.heard_as else f"{NOT_KNOWN} by sound",
            seen(each),
        )
        for each in known
    ]


def seen(each: KnownLabel) -> str:
    """What a label is seen as."""
    return f"seen as {each.seen_as}" if each.seen_as else f"{NOT_KNOWN} by sight"
