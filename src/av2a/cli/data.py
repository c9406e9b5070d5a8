"""``av2a data``: the benchmarks' annotation files, and which of their videos are at hand."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from av2a.cli.common_options import DebugOption, QuietOption, VerboseOption
from av2a.cli.help_text import Example, helpful, helpful_group

if TYPE_CHECKING:
    from av2a.cli.terminal import Terminal
    from av2a.datasets.dataset import Dataset
    from av2a.datasets.status import ClipStatus, SplitStatus

EXAMPLES = (
    Example("av2a data fetch llp", "the annotation files of LLP, from their public repository"),
    Example("av2a data fetch ave --from downloads/", "those of AVE, from a folder that holds them"),
    Example("av2a data status llp --videos llp-videos/", "how many of its clips are there, missing, broken, silent"),
)
STATUS_EXAMPLES = (
    EXAMPLES[2],
    Example("av2a data status ave --split test --videos AVE/ --json", "with every name, for a script"),
    Example("av2a data status my-videos/", "a folder of your own"),
)

SCHEMA = "av2a/data_status/1"

app = typer.Typer(
    name="data",
    cls=helpful_group(*EXAMPLES),
    help="Fetch benchmarks' annotations, and say which videos are at hand.",
    rich_markup_mode=None,
)


@app.command("fetch", cls=helpful(*EXAMPLES[:2]))
def fetch(
    benchmark: Annotated[str, typer.Argument(metavar="BENCHMARK", help="llp or ave.", show_default=False)],
    folder: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", help="Copy from this folder, or checkout, instead of the network."),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", help="Put them here instead of where they are looked for (AV2A_DATA)."),
    ] = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    debug: DebugOption = False,
) -> None:
    """Have a benchmark's annotation files on this machine, whole.

    Each is compared with the SHA-256 under which it is known; what is there already is kept. Videos are not fetched: they are
    yours to bring. AV2A_RAW_GITHUB names a mirror of raw.githubusercontent.com.
    """
    from av2a.cli.terminal import Talk, Terminal
    from av2a.datasets.sources import bring

    terminal = Terminal(Talk.chosen(quiet=quiet, verbose=verbose))
    with terminal.progress(benchmark) as report:
        brought = bring(benchmark, to=to, folder=folder, progress=lambda done, total: report("files", done, total))
    for each in brought:
        terminal.detail(f"{each.way.value}: {each.path}")
    terminal.say(f"results: {len(brought)} annotation files in {brought[0].path.parent}")
    if to is not None:
        terminal.say(f"name them with --annotations {to}")


@app.command("status", cls=helpful(*STATUS_EXAMPLES))
def status(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="llp, ave, synthetic, or a folder of videos.", show_default=False)
    ],
    videos: Annotated[Path | None, typer.Option("--videos", metavar="DIR", help="Where the videos are.")] = None,
    annotations: Annotated[
        Path | None,
        typer.Option(
            "--annotations",
            metavar="PATH",
            help="The folder of the annotation files; of a folder of videos, the file of their events.",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option("--split", metavar="NAME", help="train, validation or test.", show_default="all"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False,
    quiet: QuietOption = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Name the clips that are missing, broken or lack something, too.")
    ] = False,
    debug: DebugOption = False,
) -> None:
    """Count the clips that are present, missing, broken, without sound or without picture.

    Every video is opened and its first picture and sound decoded. LLP's clips are looked for as <id>_<start>_<end> or <id>, AVE's as <id>,
    with any media ending, in the folder and in the folders in it.
    """
    from av2a.cli.terminal import Talk, Terminal

    terminal = Terminal(Talk.chosen(quiet=quiet, verbose=verbose))
    opened = _opened(dataset, split, videos, annotations)
    found = [_examined(each, terminal) for each in opened]
    for remark in dict.fromkeys(remark for each in opened for remark in each.remarks):
        terminal.say(f"note: {remark}")
    if as_json:
        answer = {"schema": SCHEMA, "dataset": opened[0].name, "splits": [_plain(each) for each in found]}
        terminal.show_text(json.dumps(answer, ensure_ascii=False, indent=2) + "\n")
        return
    _show(found, terminal, names=verbose)


def _opened(dataset: str, split: str | None, videos: Path | None, annotations: Path | None) -> "list[Dataset]":
    """The splits asked for; no clip is rendered for it."""
    from av2a.datasets.opening import GENERATED, PUBLISHED, open_dataset
    from av2a.datasets.splits import Split
    from av2a.errors import UsageError

    if dataset in PUBLISHED and videos is None:
        raise UsageError(f"where are the videos? name their folder: av2a data status {dataset} --videos DIR")
    if dataset == GENERATED:
        from av2a.world.dataset import read_generated

        # The training clips are rendered as they are needed, never kept.
        splits = [Split.VALIDATION, Split.TEST] if split is None else [Split.named(split)]
        return [read_generated(each, videos) for each in splits]
    names = [each.value for each in Split] if split is None and dataset in PUBLISHED else [split]
    return [open_dataset(dataset, split=name, videos=videos, annotations=annotations) for name in names]


def _examined(dataset: "Dataset", terminal: "Terminal") -> "SplitStatus":
    from av2a.datasets.status import SplitStatus, examined

    findings: list[ClipStatus] = []
    with terminal.progress(dataset.name) as report:
        for finding in examined(dataset):
            findings.append(finding)
            report(dataset.split, len(findings), len(dataset.clips))
    return SplitStatus(dataset, tuple(findings))


def _lists(status: "SplitStatus") -> "dict[str, Sequence[ClipStatus]]":
    """What is counted, in the order of the table's columns."""
    from av2a.datasets.status import ClipState

    return {
        "present": status.of(ClipState.PRESENT),
        "missing": status.of(ClipState.MISSING),
        "broken": status.of(ClipState.BROKEN),
        "without sound": status.without_sound,
        "without picture": status.without_picture,
        "of other length": status.of_other_length,
    }


def _plain(status: "SplitStatus") -> dict[str, Any]:
    """One split as plain values: every clip that is not simply present by name."""
    lists = _lists(status)
    return {
        "split": status.dataset.split,
        "clips": len(status.findings),
        "present": len(lists["present"]),
        "missing": [each.name for each in lists["missing"]],
        "broken": [{"clip": each.name, "path": str(each.path), "error": each.error} for each in lists["broken"]],
        "without_sound": [each.name for each in lists["without sound"]],
        "without_picture": [each.name for each in lists["without picture"]],
        "of_other_length": [{"clip": each.name, "seconds": each.seconds} for each in lists["of other length"]],
        "remarks": list(status.dataset.remarks),
    }


def _show(found: "Sequence[SplitStatus]", terminal: "Terminal", *, names: bool) -> None:
    from rich.text import Text

    header = ["split", "clips", *_lists(found[0])]
    counts = [
        [each.dataset.split, str(len(each.findings)), *(str(len(clips)) for clips in _lists(each).values())]
        for each in found
    ]
    widths = [max(map(len, column)) for column in zip(header, *counts, strict=True)]
    # Numbers to the right, below the ends of their headings.
    terminal.show_rows(
        [
            [
                Text(cell.ljust(width) if place == 0 else cell.rjust(width))
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            for row in (header, *counts)
        ]
    )
    if names:
        _show_names(found, terminal)


def _show_names(found: "Sequence[SplitStatus]", terminal: "Terminal") -> None:
    from rich.text import Text

    from av2a.cli.safe_text import terminal_safe

    for each in found:
        for what, clips in _lists(each).items():
            if what != "present":
                for clip in clips:
                    detail = f": {clip.error}" if clip.error else ""
                    terminal.show(Text(terminal_safe(f"{each.dataset.split} {what}: {clip.name}{detail}")))
