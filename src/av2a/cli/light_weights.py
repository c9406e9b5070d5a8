"""``av2a weights`` for the backbone ``light``, whose files come from several addresses."""

from pathlib import Path
from typing import Any

import typer

from av2a.backbones.light.files import PUBLISHED, copy_to, found, resolved
from av2a.backbones.weights import FOLDER_VARIABLE, Sources
from av2a.cli.exit_status import ExitStatus
from av2a.cli.model_options import in_megabytes
from av2a.cli.terminal import Terminal
from av2a.digests import sha256
from av2a.errors import MissingWeights


def fetch(terminal: Terminal, sources: Sources, to: Path | None) -> None:
    """Have all files on this machine, and copied to ``to`` where that is given."""
    for file in PUBLISHED:
        here = "" if found(file, sources) is None else ": here"
        terminal.say(f"{file.name} ({file.model}), {file.size_bytes / 1e6:.1f} MB, licence {file.licence}{here}")
    with terminal.progress("weights") as report:
        paths = resolved(sources, in_megabytes(report))
    if to is None:
        terminal.say(f"results: {', '.join(dict.fromkeys(str(path.parent) for path in paths.values()))}")
        return
    terminal.say(f"results: {copy_to(paths, to)}")
    terminal.say(
        f"copy {to} to the other machine, and run av2a there with --weights {to.name or to} or {FOLDER_VARIABLE}"
    )


def entries(sources: Sources) -> list[dict[str, Any]]:
    """Each file in the form in which other backbones' checkpoints are listed."""
    listed = []
    for file in PUBLISHED:
        path = found(file, sources)
        listed.append(
            {
                "checkpoint": f"light/{file.name}",
                "revision": file.sha256[:12],
                "licence": file.licence,
                "about_megabytes": round(file.size_bytes / 1e6, 1),
                "path": None if path is None else str(path.parent),
                "files": {} if path is None else {path.name: file.size_bytes},
                "missing": "not on this machine" if path is None else None,
            }
        )
    return listed


def verify(terminal: Terminal, sources: Sources, *, as_json: bool) -> None:
    """Compare every file with the digest that it was published under.

    Raises:
        MissingWeights: some are not on this machine.
    """
    paths = {file: found(file, sources) for file in PUBLISHED}
    missing = [file.name for file, path in paths.items() if path is None]
    if missing:
        raise MissingWeights(
            f"weights of light are not on this machine: {', '.join(missing)}\nav2a weights fetch light"
        )
    verdicts = {
        file: "whole" if path is not None and sha256(path) == file.sha256 else "damaged" for file, path in paths.items()
    }
    if as_json:
        terminal.show_json(
            [
                {
                    "checkpoint": f"light/{file.name}",
                    "file": str(paths[file]),
                    "bytes": file.size_bytes,
                    "verdict": verdict,
                }
                for file, verdict in verdicts.items()
            ]
        )
    else:
        terminal.show_rows([(verdict, f"light/{file.name}") for file, verdict in verdicts.items()])
    if "damaged" in verdicts.values():
        damaged = [file.name for file, verdict in verdicts.items() if verdict == "damaged"]
        terminal.fail(
            f"av2a: damaged: {', '.join(damaged)}: delete them and run av2a weights fetch light, or copy them again"
        )
        raise typer.Exit(ExitStatus.SOME_FAILED)
