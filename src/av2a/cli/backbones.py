"""``av2a backbones``: the models to choose from."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from av2a.cli.common_options import DebugOption
from av2a.cli.help_text import Example
from av2a.cli.model_options import WeightsOption

if TYPE_CHECKING:
    from av2a.backbones.weights import Sources
    from av2a.plugins import Plugin

EXAMPLES = (
    Example("av2a backbones", "what there is, how large it is and whether it is here"),
    Example("av2a backbones --json", "the same for a script"),
)


def backbones(
    weights: WeightsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False,
    debug: DebugOption = False,
) -> None:
    """Say which models there are to choose from, and where their weights are.

    With licence, size and what they give. A pair of the models below is named vision+sound, for example siglip2+clap.
    """
    from rich.text import Text

    from av2a.backbones.weights import Sources
    from av2a.cli.terminal import Terminal

    terminal = Terminal()
    rows = _rows(Sources.chosen(weights))
    if as_json:
        terminal.show_text(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
        return
    for row in rows:
        terminal.show(Text(f"{row['name']}: {row['gives']}"))
        terminal.show(Text(f"  {row['licence']}, {row['size']}, {row['where']}"))
        for path in row["paths"]:
            terminal.show(Text(f"  {path}"))


def _rows(sources: "Sources") -> list[dict[str, Any]]:
    from av2a.backbones.checkpoints import BACKBONES, SOUND, VISION
    from av2a.plugins import PluginKind, installed_plugins

    rows = [
        {
            "name": "mini",
            "checkpoints": [],
            "gives": "pictures, sounds and names of the generated world only: for demos and tests",
            "licence": "Apache-2.0",
            "size": "2 MB",
            "where": "comes with av2a",
            "paths": [],
        }
    ]
    rows += [_row(name, parts, sources) for name, parts in BACKBONES.items()]
    rows += [_row(f"{name}+…", (part,), sources) for name, part in VISION.items()]
    rows += [_row(f"…+{name}", (part,), sources) for name, part in SOUND.items()]
    own = {row["name"] for row in rows}
    return rows + [_plugin_row(each) for each in installed_plugins(PluginKind.BACKBONE) if each.name not in own]


def _plugin_row(plugin: "Plugin") -> dict[str, Any]:
    """A backbone of another package. It is not imported, so nothing is known of its checkpoints."""
    return {
        "name": plugin.name,
        "checkpoints": [],
        "gives": f"a plug-in of the package {plugin.distribution}",
        "licence": "licence: see that package",
        "size": "size unknown",
        "where": "av2a doctor says whether it can be imported",
        "paths": [],
    }


def _row(name: str, parts: Any, sources: "Sources") -> dict[str, Any]:
    from av2a.backbones.weights import search

    searches = [search(part.checkpoint, sources) for part in parts]
    missing = [each.checkpoint.repo for each in searches if each.found is None]
    command = f"av2a weights fetch {name if '…' not in name else missing[0] if missing else ''}"
    return {
        "name": name,
        "checkpoints": [part.checkpoint.repo for part in parts],
        "gives": "; ".join(part.gives for part in parts),
        "licence": " and ".join(dict.fromkeys(part.licence for part in parts)),
        "size": f"about {sum(part.megabytes for part in parts)} MB",
        "where": f"{', '.join(missing)} not here: {command}" if missing else "weights are here",
        "paths": [str(each.found.path) for each in searches if each.found is not None],
    }
