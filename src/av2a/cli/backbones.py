"""``av2a backbones``: the models to choose from."""

from collections.abc import Sequence
from typing import Any

from av2a.backbones.checkpoints import BACKBONES, SOUND, VISION
from av2a.backbones.light import files as light_files
from av2a.backbones.weights import Sources, search
from av2a.cli.command import command
from av2a.cli.common_options import JsonOptions, TalkOptions
from av2a.cli.help_text import Example
from av2a.cli.model_options import FolderOption
from av2a.plugins import Plugin, PluginKind, installed_plugins

MINI: dict[str, Any] = {
    "name": "mini",
    "checkpoints": [],
    "gives": "frames, audio and labels of the generated world only: for demos and tests",
    "licence": "Apache-2.0",
    "size": "2 MB",
    "where": "comes with av2a",
    "paths": [],
}


@command(
    Example("av2a backbones", "all models, their size, and whether their weights are on this machine"),
    Example("av2a backbones --json", "the same for a script"),
)
def backbones(*, weights: FolderOption = None, output: JsonOptions, talk: TalkOptions) -> None:
    """List the available models, and where their weights are.

    With licence, size and what they compute. A pair of models is named vision+sound, for example siglip2+clap.
    """
    terminal, entries = talk.terminal(), _entries(Sources.chosen(weights))
    if output.as_json:
        terminal.show_json(entries)
        return
    for entry in entries:
        terminal.show(f"{entry['name']}: {entry['gives']}")
        terminal.show(f"  {entry['licence']}, {entry['size']}, {entry['where']}")
        for path in entry["paths"]:
            terminal.show(f"  {path}")


def _entries(sources: Sources) -> list[dict[str, Any]]:
    """Every backbone, and every model that a pair may be made of, as plain values."""
    named: dict[str, Sequence[Any]] = {
        **BACKBONES,
        **{f"{name}+…": (part,) for name, part in VISION.items()},
        **{f"…+{name}": (part,) for name, part in SOUND.items()},
    }
    light = _light_entry(sources)
    plugins = [each for each in installed_plugins(PluginKind.BACKBONE) if each.name not in {*named, "mini", "light"}]
    return [MINI, light, *(_entry(name, parts, sources) for name, parts in named.items()), *map(_plugin_entry, plugins)]


def _light_entry(sources: Sources) -> dict[str, Any]:
    """The backbone without torch, whose files come from several addresses."""
    found = {file: light_files.found(file, sources) for file in light_files.PUBLISHED}
    missing = [file.name for file, path in found.items() if path is None]
    return {
        "name": "light",
        "checkpoints": list(dict.fromkeys(file.model for file in found)),
        "gives": "known sights and sounds (521 of AudioSet, 1000 of ImageNet, 80 of COCO), without torch; says which labels it knows",
        "licence": " and ".join(dict.fromkeys(file.licence for file in found)),
        "size": f"about {sum(file.size_bytes for file in found) // 1_000_000} MB",
        "where": f"{', '.join(missing)} not here: av2a weights fetch light" if missing else "weights are here",
        "paths": sorted({str(path.parent) for path in found.values() if path is not None}),
    }


def _plugin_entry(plugin: Plugin) -> dict[str, Any]:
    """A backbone of another package. It is not imported, so nothing is known of its checkpoints."""
    return MINI | {
        "name": plugin.name,
        "gives": f"a plug-in of the package {plugin.distribution}",
        "licence": "licence: see that package",
        "size": "size unknown",
        "where": "av2a doctor says whether it can be imported",
    }


def _entry(name: str, parts: Sequence[Any], sources: Sources) -> dict[str, Any]:
    searches = [search(part.checkpoint, sources) for part in parts]
    missing = [each.checkpoint.repo for each in searches if each.found is None]
    command_line = f"av2a weights fetch {name if '…' not in name else missing[0] if missing else ''}"
    return {
        "name": name,
        "checkpoints": [part.checkpoint.repo for part in parts],
        "gives": "; ".join(part.gives for part in parts),
        "licence": " and ".join(dict.fromkeys(part.licence for part in parts)),
        "size": f"about {sum(part.megabytes for part in parts)} MB",
        "where": f"{', '.join(missing)} not on this machine: {command_line}"
        if missing
        else "weights are on this machine",
        "paths": [str(each.found.path) for each in searches if each.found is not None],
    }
