"""``av2a settings``: every setting of the method, its value and its meaning."""

from collections.abc import Iterator
from dataclasses import Field, fields
from enum import Enum
from typing import Any, get_type_hints

from rich.text import Text

from av2a.cli.command import command
from av2a.cli.common_options import JsonOptions, TalkOptions
from av2a.cli.help_text import Example
from av2a.cli.model_options import BackboneOption
from av2a.cli.setting_options import SettingOptions
from av2a.settings import Settings

MOST_LABELS_SHOWN = 3


@command(
    Example("av2a settings", "what can be set, and its value in the practical profile"),
    Example("av2a settings --profile released --backbone clip-clap", "the values of another profile"),
    Example("av2a settings --set decay=1.5 --json > mine.json", "all values as a file for --settings"),
)
def settings(how: SettingOptions, output: JsonOptions, talk: TalkOptions, backbone: BackboneOption = None) -> None:
    """List the settings of the method, with their values and meanings.

    Each is changed with --set NAME=VALUE. The released and paper profiles take the paper's values for the backbone.
    """
    terminal, chosen = talk.terminal(), how.settings(backbone)
    if output.as_json:
        meanings = {each.name: each.metadata["help"] for each in fields(chosen)}
        terminal.show_json({"settings": chosen.as_dict(), "meanings": meanings})
        return
    plain = chosen.as_dict()
    for each in fields(chosen):
        meaning = " ".join((each.metadata["help"], *_choices(each)))
        terminal.show(Text.assemble((f"{each.name} = {_shown(plain[each.name])}", "bold"), f"\n    {meaning}"))


def _shown(value: Any) -> str:
    """A value as ``--set`` takes it."""
    if isinstance(value, list):
        more = len(value) - MOST_LABELS_SHOWN
        shown = [*map(repr, value[:MOST_LABELS_SHOWN]), *([f"and {more} more"] if more > 0 else [])]
        return f"[{', '.join(shown)}]"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _choices(each: "Field[Any]") -> Iterator[str]:
    """What the value may be, where that is limited."""
    kind = get_type_hints(Settings)[each.name]
    if isinstance(kind, type) and issubclass(kind, Enum):
        yield f"One of {', '.join(choice.value for choice in kind)}."
    lowest, highest = each.metadata["lowest"], each.metadata["highest"]
    if lowest is not None:
        yield f"{lowest} or more." if highest is None else f"From {lowest} to {highest}."
