"""``av2a weights``: what models need, fetched, listed and checked."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from av2a.cli.common_options import DebugOption, QuietOption, VerboseOption
from av2a.cli.exit_status import ExitStatus
from av2a.cli.help_text import Example, helpful, helpful_group
from av2a.cli.model_options import WeightsOption, in_megabytes

if TYPE_CHECKING:
    from av2a.backbones.checkpoints import Checkpoint
    from av2a.backbones.portable import Finding
    from av2a.backbones.weights import Folder, Search
    from av2a.cli.terminal import Terminal

EXAMPLES = (
    Example("av2a weights fetch clip-clap", "all that clip-clap needs, into the hub's cache"),
    Example(
        "av2a weights fetch languagebind --to stick/",
        "the same as plain files, to carry to a machine without a network",
    ),
    Example("av2a weights list all", "what is here, what is missing, how large"),
    Example("av2a weights verify clip-clap", "whether every file is as it was published"),
)
LIST_EXAMPLES = (Example("av2a weights list clip-clap", "its files, where they are and how large"),)
VERIFY_EXAMPLES = (Example("av2a weights verify clip-clap --weights stick/", "whether a copy arrived whole"),)

app = typer.Typer(
    name="weights", cls=helpful_group(*EXAMPLES), help="Fetch, list and check what models need.", rich_markup_mode=None
)

Backbone = Annotated[
    str,
    typer.Argument(
        metavar="BACKBONE",
        help="A name of av2a backbones, a checkpoint as owner/name[@revision], or all.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]


@app.command("fetch", cls=helpful(*EXAMPLES[:2]))
def fetch(
    backbone: Backbone,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Also write plain files there, a folder for each model.")
    ] = None,
    weights: WeightsOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    debug: DebugOption = False,
) -> None:
    """Have a backbone's weights on this machine, whole.

    What is missing, or damaged in the hub's cache, is fetched, the rest is kept, also when the fetch is interrupted. Cache, address, token and off-line mode are those of the Hugging Face
    hub's own tools (HF_HOME, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE).
    """
    from av2a.backbones.weights import Sources
    from av2a.cli.folders import made_folder
    from av2a.cli.model_names import asked_checkpoints
    from av2a.cli.terminal import Talk, Terminal

    terminal = Terminal(Talk.chosen(quiet=quiet, verbose=verbose))
    checkpoints = asked_checkpoints(backbone)
    sources = Sources.chosen(weights)
    if to is not None:
        made_folder(to)
    folders = _fetched(checkpoints, sources, terminal)
    if to is None:
        terminal.say(f"results: {', '.join(str(folder.path) for folder in folders)}")
        return
    written = _carried(folders, to, terminal)
    terminal.say(f"results: {', '.join(map(str, written))}")
    terminal.say(f"copy {to} to the other machine, and run av2a there with --weights {to.name or to} or AV2A_WEIGHTS")


def _fetched(checkpoints: "Sequence[Checkpoint]", sources: Any, terminal: "Terminal") -> "list[Folder]":
    from av2a.backbones.portable import refuse_damaged
    from av2a.backbones.weights import resolve_all, search

    searches = [search(checkpoint, sources) for checkpoint in checkpoints]
    refuse_damaged(each.found for each in searches if each.found is not None)
    for each in searches:
        terminal.say(_announced(each.checkpoint, each))
    with terminal.progress("weights") as report:
        return resolve_all(checkpoints, sources, in_megabytes(report), check=True)


def _announced(checkpoint: "Checkpoint", search: "Search") -> str:
    """A line on what will be fetched, before it is."""
    from av2a.backbones.checkpoints import published

    known = published(checkpoint)
    facts = "" if known is None else f", about {known.megabytes} MB, licence {known.licence}"
    return f"{checkpoint}{facts}{'' if search.found is None else ': here'}"


def _carried(folders: "Sequence[Folder]", to: Path, terminal: "Terminal") -> list[Path]:
    from av2a.backbones.portable import write_portable
    from av2a.backbones.weights import all_files

    total = sum((folder.path / name).stat().st_size for folder in folders for name in all_files(folder.path))
    done = 0
    with terminal.progress(str(to)) as report:

        def told(more: int) -> None:
            nonlocal done
            done += more
            in_megabytes(report)("copying", done, total)

        return [write_portable(folder, to, told) for folder in folders]


@app.command("list", cls=helpful(*LIST_EXAMPLES))
def list_(
    backbone: Backbone = "all",
    weights: WeightsOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Say which files of a backbone are on this machine, where, and how large.

    The network is not asked.
    """
    from av2a.backbones.weights import Sources, search
    from av2a.cli.model_names import asked_checkpoints
    from av2a.cli.terminal import Terminal

    terminal = Terminal()
    sources = Sources.chosen(weights)
    found = [_listed(search(checkpoint, sources)) for checkpoint in asked_checkpoints(backbone)]
    if as_json:
        terminal.show_text(json.dumps(found, ensure_ascii=False, indent=2) + "\n")
        return
    for entry in found:
        _show_listed(entry, terminal)
    missing = [entry["checkpoint"] for entry in found if entry["path"] is None]
    if missing:
        terminal.say(f"{len(missing)} of {len(found)} are missing: av2a weights fetch {backbone}")


def _listed(search: "Search") -> dict[str, Any]:
    """One checkpoint as plain values."""
    from av2a.backbones.checkpoints import published
    from av2a.backbones.weights import all_files, digest

    known = published(search.checkpoint)
    entry: dict[str, Any] = {
        "checkpoint": search.checkpoint.repo,
        "revision": search.checkpoint.revision,
        "licence": None if known is None else known.licence,
        "about_megabytes": None if known is None else known.megabytes,
        "path": None,
        "files": {},
        "missing": "; ".join(search.reasons),
    }
    if search.found is not None:
        folder = search.found.path
        files = {name: (folder / name).stat().st_size for name in all_files(folder)}
        found = {"path": str(folder), "revision": search.found.revision, "files": files, "missing": None}
        entry |= {**found, "digest": digest(folder)}
    return entry


def _show_listed(entry: dict[str, Any], terminal: "Terminal") -> None:
    from rich.text import Text

    revision = _revision_in_words(entry)
    if entry["path"] is None:
        size = "" if entry["about_megabytes"] is None else f", about {entry['about_megabytes']} MB"
        terminal.show(Text(f"{entry['checkpoint']} ({revision}{size}): {entry['missing']}"))
        return
    total = sum(entry["files"].values())
    terminal.show(Text(f"{entry['checkpoint']} ({revision}, {_megabytes(total)}): {entry['path']}"))
    terminal.show_rows([(Text("  " + _megabytes(size)), Text(name)) for name, size in entry["files"].items()])


def _revision_in_words(entry: dict[str, Any]) -> str:
    """Of what is here the revision that it is; of what is missing the one that would be fetched. Commits alone are cut."""
    from av2a.backbones.checkpoints import COMMIT

    if entry["revision"] is None:
        return "newest revision" if entry["path"] is None else "revision unknown"
    revision = str(entry["revision"])
    return revision[:12] if COMMIT.fullmatch(revision) else revision


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"


@app.command("verify", cls=helpful(*VERIFY_EXAMPLES))
def verify(
    backbone: Backbone,
    weights: WeightsOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Compare every file of a backbone with the digest that it was published under.

    The network is not asked. The exit status is 0 when all are whole, 1 when one is damaged, 3 when one is missing.
    """
    from av2a.backbones.portable import Verdict
    from av2a.backbones.portable import verify as findings_in
    from av2a.backbones.weights import Origin, Sources, resolve_all
    from av2a.cli.model_names import asked_checkpoints
    from av2a.cli.terminal import Talk, Terminal

    terminal = Terminal(Talk.chosen(quiet=quiet, verbose=False))
    folders = resolve_all(asked_checkpoints(backbone), Sources.chosen(weights, download=False))
    with terminal.progress("reading"):
        findings = [(folder, finding) for folder in folders for finding in findings_in(folder)]
    if as_json:
        terminal.show_text(json.dumps([_plain(*each) for each in findings], ensure_ascii=False, indent=2) + "\n")
    else:
        _show_findings(findings, terminal)
    damaged = [folder.origin for folder, finding in findings if finding.verdict is Verdict.DAMAGED]
    if damaged:
        # Nothing is fetched into a user's own folder.
        ways = {Origin.CACHE: f"run av2a weights fetch {backbone}", Origin.FOLDER: "copy them again"}
        way = ", and ".join(ways[origin] for origin in ways if origin in damaged)
        terminal.fail(f"av2a: {len(damaged)} of {len(findings)} files are damaged: {way}")
        raise typer.Exit(ExitStatus.SOME_FAILED)


def _plain(folder: "Folder", finding: "Finding") -> dict[str, Any]:
    return {
        "checkpoint": folder.repo,
        "revision": folder.revision,
        "file": str(finding.file),
        "bytes": finding.size_bytes,
        "verdict": finding.verdict.value,
        "detail": finding.detail,
    }


def _show_findings(findings: "Sequence[tuple[Folder, Finding]]", terminal: "Terminal") -> None:
    from rich.text import Text

    from av2a.cli.safe_text import terminal_safe

    terminal.show_rows(
        [
            (
                Text(finding.verdict.value),
                Text(f"{folder.repo}/{finding.file.name}"),
                Text(_megabytes(finding.size_bytes)),
                Text(terminal_safe(finding.detail)),
            )
            for folder, finding in findings
        ]
    )
