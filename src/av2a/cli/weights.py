"""``av2a weights``: download, list and verify what models need."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from av2a.backbones.checkpoints import BACKBONES, COMMIT, Checkpoint, checkpoint_named, parts_of, published
from av2a.backbones.portable import Verdict, refuse_damaged, write_portable
from av2a.backbones.portable import verify as findings_in
from av2a.backbones.registry import LIGHT
from av2a.backbones.weights import MANIFEST, Folder, Origin, Search, Sources, all_files, digest, resolve_all, search
from av2a.cli import light_weights
from av2a.cli.command import argument, command, command_group, option
from av2a.cli.common_options import JsonOptions, TalkOptions
from av2a.cli.exit_status import ExitStatus
from av2a.cli.help_text import Example
from av2a.cli.model_options import FolderOption, in_megabytes
from av2a.cli.terminal import Terminal
from av2a.errors import UsageError
from av2a.exports.files import check_file

FETCH_EXAMPLES = (
    Example("av2a weights fetch clip-clap", "all that clip-clap needs, into the hub's cache"),
    Example("av2a weights fetch languagebind --to stick/", "the same as plain files, for a machine without a network"),
)
LIST_EXAMPLE = Example("av2a weights list all", "what is installed, what is missing, how large")
VERIFY_EXAMPLE = Example("av2a weights verify clip-clap", "whether every file is as it was published")
EVERYTHING = "all"
NAMES = "A name of av2a backbones, a checkpoint as owner/name[@revision], or all."


@command(*FETCH_EXAMPLES)
def fetch(
    *,
    backbone: str = argument("BACKBONE", NAMES),
    to: Path | None = option("DIR", "Also write plain files there, a folder for each model."),
    weights: FolderOption = None,
    talk: TalkOptions,
) -> None:
    """Download the weights of a backbone, and check them.

    Only files that are missing, or damaged in the hub's cache, are downloaded; an interrupted download is continued. Cache,
    address, token and offline mode are those of the Hugging Face hub's own tools (HF_HOME, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE).
    """
    terminal = talk.terminal()
    if backbone == LIGHT:
        light_weights.fetch(terminal, Sources.chosen(weights), to)
        return
    checkpoints, sources = checkpoints_of(backbone), Sources.chosen(weights)
    if to is not None:
        # Refused now, not after the download.
        check_file(to / MANIFEST, [Path(MANIFEST).suffix], overwrite=True)
    searches = [search(checkpoint, sources) for checkpoint in checkpoints]
    refuse_damaged(each.found for each in searches if each.found is not None)
    for each in searches:
        terminal.say(_announced(each))
    with terminal.progress("weights") as report:
        folders = resolve_all(checkpoints, sources, in_megabytes(report), check=True)
    paths = [folder.path for folder in folders] if to is None else _copied(folders, to, terminal)
    terminal.say(f"results: {', '.join(map(str, paths))}")
    if to is not None:
        terminal.say(
            f"copy {to} to the other machine, and run av2a there with --weights {to.name or to} or AV2A_WEIGHTS"
        )


@command(LIST_EXAMPLE, Example("av2a weights list clip-clap --json", "for a script"), name="list")
def list_(
    *,
    backbone: str = argument("BACKBONE", NAMES, default=EVERYTHING),
    weights: FolderOption = None,
    output: JsonOptions,
    talk: TalkOptions,
) -> None:
    """List the files of a backbone on this machine, with folder and size.

    The network is not used.
    """
    terminal, sources = talk.terminal(), Sources.chosen(weights)
    entries = [] if backbone == LIGHT else [_entry(search(each, sources)) for each in checkpoints_of(backbone)]
    if backbone in (LIGHT, EVERYTHING):
        entries += light_weights.entries(sources)
    if output.as_json:
        terminal.show_json(entries)
        return
    for entry in entries:
        _show_entry(entry, terminal)
    missing = [entry["checkpoint"] for entry in entries if entry["path"] is None]
    if missing:
        terminal.say(f"{len(missing)} of {len(entries)} are missing: av2a weights fetch {backbone}")


@command(VERIFY_EXAMPLE, Example("av2a weights verify clip-clap --weights stick/", "whether a copy arrived whole"))
def verify(
    *, backbone: str = argument("BACKBONE", NAMES), weights: FolderOption = None, output: JsonOptions, talk: TalkOptions
) -> None:
    """Compare every file of a backbone with its published digest.

    The network is not used. The exit status is 0 when all are whole, 1 when one is damaged, 3 when one is missing.
    """
    terminal = talk.terminal()
    if backbone == LIGHT:
        light_weights.verify(terminal, Sources.chosen(weights, download=False), as_json=output.as_json)
        return
    folders = resolve_all(checkpoints_of(backbone), Sources.chosen(weights, download=False))
    with terminal.progress("reading"):
        findings = [(folder, finding) for folder in folders for finding in findings_in(folder)]
    if output.as_json:
        terminal.show_json(
            [
                {
                    "checkpoint": folder.repo,
                    "revision": folder.revision,
                    "file": str(finding.file),
                    "bytes": finding.size_bytes,
                    "verdict": finding.verdict.value,
                    "detail": finding.detail,
                }
                for folder, finding in findings
            ]
        )
    else:
        terminal.show_rows(
            (each.verdict.value, f"{folder.repo}/{each.file.name}", _megabytes(each.size_bytes), each.detail)
            for folder, each in findings
        )
    damaged = [folder.origin for folder, finding in findings if finding.verdict is Verdict.DAMAGED]
    if damaged:
        # Nothing is downloaded into a user's own folder.
        cures = {Origin.CACHE: f"run av2a weights fetch {backbone}", Origin.FOLDER: "copy them again"}
        cure = ", and ".join(cures[origin] for origin in cures if origin in damaged)
        terminal.fail(f"av2a: {len(damaged)} of {len(findings)} files are damaged: {cure}")
        raise typer.Exit(ExitStatus.SOME_FAILED)


weights = command_group(
    "weights",
    "Download, list and verify what models need.",
    {"fetch": fetch, "list": list_, "verify": verify},
    (*FETCH_EXAMPLES, LIST_EXAMPLE, VERIFY_EXAMPLE),
)


def checkpoints_of(name: str) -> list[Checkpoint]:
    """The checkpoints of a backbone, of all backbones that are no pair, or the one of that name.

    Raises:
        UnknownName: no backbone has that name.
        UsageError: the backbone has none to download.

    >>> [str(checkpoint) for checkpoint in checkpoints_of("my/model")]
    ['my/model']
    """
    if name == EVERYTHING:
        return [part.checkpoint for parts in BACKBONES.values() for part in parts]
    if "/" in name:
        return [checkpoint_named(name)]
    parts = parts_of(name)
    if not parts:
        raise UsageError(f"backbone {name!r} comes with its weights, there is nothing to download: see av2a backbones")
    return [part.checkpoint for part in parts]


def _announced(each: Search) -> str:
    """A line on what will be downloaded, before it is."""
    known = published(each.checkpoint)
    facts = "" if known is None else f", about {known.megabytes} MB, licence {known.licence}"
    return f"{each.checkpoint}{facts}{'' if each.found is None else ': here'}"


def _copied(folders: Sequence[Folder], to: Path, terminal: Terminal) -> list[Path]:
    """Write each checkpoint as plain files; their folders."""
    total = sum((folder.path / name).stat().st_size for folder in folders for name in all_files(folder.path))
    done = 0
    with terminal.progress(str(to)) as report:

        def copied(more: int) -> None:
            nonlocal done
            done += more
            in_megabytes(report)("copying", done, total)

        return [write_portable(folder, to, copied) for folder in folders]


def _entry(each: Search) -> dict[str, Any]:
    """One checkpoint as plain values."""
    known = published(each.checkpoint)
    entry: dict[str, Any] = {
        "checkpoint": each.checkpoint.repo,
        "revision": each.checkpoint.revision,
        "licence": None if known is None else known.licence,
        "about_megabytes": None if known is None else known.megabytes,
        "path": None,
        "files": {},
        "missing": "; ".join(each.reasons),
    }
    if each.found is not None:
        path = each.found.path
        files = {name: (path / name).stat().st_size for name in all_files(path)}
        entry |= {"path": str(path), "revision": each.found.revision, "files": files, "missing": None}
        entry["digest"] = digest(path)
    return entry


def _show_entry(entry: dict[str, Any], terminal: Terminal) -> None:
    revision, path, files = entry["revision"], entry["path"], entry["files"]
    # What is here has the revision that it is, what is missing the one that would be downloaded. Only commits are shortened.
    shown = "newest revision" if path is None else "revision unknown"
    if revision is not None:
        shown = revision[:12] if COMMIT.fullmatch(revision) else revision
    size = "" if entry["about_megabytes"] is None else f", about {entry['about_megabytes']} MB"
    size = size if path is None else f", {_megabytes(sum(files.values()))}"
    terminal.show(f"{entry['checkpoint']} ({shown}{size}): {entry['missing'] if path is None else path}")
    terminal.show_rows((f"  {_megabytes(size)}", name) for name, size in files.items())


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"
