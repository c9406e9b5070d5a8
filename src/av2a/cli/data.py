"""``av2a data``: the benchmarks' annotation files, and which of their videos are available."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from av2a.cli.command import argument, command, command_group, flag, option
from av2a.cli.common_options import JsonOptions, TalkOptions
from av2a.cli.dataset_options import DatasetOptions
from av2a.cli.help_text import Example
from av2a.cli.result_options import ResultOptions
from av2a.cli.terminal import Terminal
from av2a.datasets.dataset import Dataset
from av2a.datasets.opening import GENERATED, PUBLISHED, open_dataset
from av2a.datasets.sources import bring
from av2a.datasets.splits import Split
from av2a.datasets.status import ClipState, ClipStatus, SplitStatus, examined
from av2a.errors import UsageError
from av2a.research.results import Results, Table
from av2a.wording import counted
from av2a.world.dataset import read_generated

EXAMPLES = (
    Example("av2a data fetch llp", "the annotation files of LLP, from their public repository"),
    Example("av2a data fetch ave --from downloads/", "those of AVE, from a folder that has them"),
    Example("av2a data status llp --videos llp-videos/", "how many of its clips are present, missing, broken, silent"),
)

SCHEMA = "av2a/data_status/1"


@command(*EXAMPLES[:2], name="fetch")
def fetch(
    *,
    benchmark: str = argument("BENCHMARK", "llp or ave."),
    folder: Path | None = option(
        "DIR", "Copy them from this folder or checkout instead of downloading them.", "--from"
    ),
    to: Path | None = option("DIR", "Write them to this folder instead of the default one (AV2A_DATA)."),
    talk: TalkOptions,
) -> None:
    """Download a benchmark's annotation files.

    The SHA-256 of each file is checked; files that are present are kept. Videos are not downloaded: you need your own copies.
    AV2A_RAW_GITHUB names a mirror of raw.githubusercontent.com.
    """
    terminal = talk.terminal()
    with terminal.progress(benchmark) as report:
        brought = bring(benchmark, to=to, folder=folder, progress=lambda done, total: report("files", done, total))
    for each in brought:
        terminal.detail(f"{each.way.value}: {each.path}")
    terminal.say(f"results: {counted(len(brought), 'annotation file')} in {brought[0].path.parent}")
    if to is not None:
        terminal.say(f"name them with --annotations {to}")


@dataclass(frozen=True)
class StatusOptions(DatasetOptions):
    """The clips to look at."""

    split: str | None = option("NAME", "train, validation or test. Default: all.")

    def opened(self) -> list[Dataset]:
        """The requested splits; no clip is rendered for it.

        Raises:
            UsageError: an invalid name, file or option.
            DataUnavailable: the annotations are not available.
        """
        if self.dataset in PUBLISHED and self.videos is None:
            raise UsageError(f"the folder of the videos is missing: av2a data status {self.dataset} --videos DIR")
        if self.dataset == GENERATED:
            # The training clips are rendered as they are needed, never kept.
            splits = [Split.VALIDATION, Split.TEST] if self.split is None else [Split.named(self.split)]
            return [read_generated(each, self.videos) for each in splits]
        names = [each.value for each in Split] if self.split is None and self.dataset in PUBLISHED else [self.split]
        return [
            open_dataset(self.dataset, split=name, videos=self.videos, annotations=self.annotations) for name in names
        ]


@dataclass(frozen=True)
class StatusTalkOptions(TalkOptions):
    """How much is printed."""

    verbose: bool = flag("Name the clips that are missing, broken or lack something, too.", "--verbose -v")


@command(
    EXAMPLES[2],
    Example("av2a data status ave --split test --videos AVE/ --json", "with every name, for a script"),
    Example("av2a data status my-videos/", "a folder of your own"),
    name="status",
)
def status(what: StatusOptions, form: JsonOptions, talk: StatusTalkOptions) -> None:
    """Count the clips that are present, missing, broken, without audio or without video.

    Each file is opened, and its first frame and first audio are decoded. The files of LLP's clips are named <id>_<start>_<end> or <id>,
    those of AVE's <id>, with any media ending, in the folder or its subfolders.
    """
    terminal = talk.terminal()
    opened = what.opened()
    found = [_examined(each, terminal) for each in opened]
    for remark in dict.fromkeys(remark for each in opened for remark in each.remarks):
        terminal.say(f"note: {remark}")
    results = Results(
        plain={"schema": SCHEMA, "dataset": opened[0].name, "splits": [_plain(each) for each in found]},
        tables=(_table(found, names=talk.verbose),),
    )
    ResultOptions(as_json=form.as_json).give(results, terminal, page=False)


def _examined(dataset: Dataset, terminal: Terminal) -> SplitStatus:
    clips: list[ClipStatus] = []
    with terminal.progress(dataset.name) as report:
        for clip in examined(dataset):
            clips.append(clip)
            report(dataset.split, len(clips), len(dataset.clips))
    return SplitStatus(dataset, tuple(clips))


def _lists(status: SplitStatus) -> dict[str, tuple[ClipStatus, ...]]:
    """What is counted, in the order of the table's columns."""
    return {
        "present": status.of(ClipState.PRESENT),
        "missing": status.of(ClipState.MISSING),
        "broken": status.of(ClipState.BROKEN),
        "without audio": status.without_sound,
        "without video": status.without_picture,
        "of other length": status.of_other_length,
    }


def _plain(status: SplitStatus) -> dict[str, Any]:
    """One split as plain values: every clip that is not simply present by name."""
    lists = _lists(status)
    return {
        "split": status.dataset.split,
        "clips": len(status.clips),
        "present": len(lists["present"]),
        "missing": [each.name for each in lists["missing"]],
        "broken": [{"clip": each.name, "path": str(each.path), "error": each.error} for each in lists["broken"]],
        "without_sound": [each.name for each in lists["without audio"]],
        "without_picture": [each.name for each in lists["without video"]],
        "of_other_length": [{"clip": each.name, "seconds": each.seconds} for each in lists["of other length"]],
        "remarks": list(status.dataset.remarks),
    }


def _table(found: Sequence[SplitStatus], *, names: bool) -> Table:
    named = [
        f"{each.dataset.split} {what}: {clip.name}{f': {clip.error}' if clip.error else ''}"
        for each in found
        for what, clips in _lists(each).items()
        for clip in clips
        if names and what != "present"
    ]
    return Table(
        rows=tuple(
            (each.dataset.split, str(len(each.clips)), *(str(len(clips)) for clips in _lists(each).values()))
            for each in found
        ),
        columns=("split", "clips", *_lists(found[0])),
        notes=tuple(named),
    )


data = command_group(
    "data",
    "Download benchmarks' annotations, and count the videos that are available.",
    {"fetch": fetch, "status": status},
    EXAMPLES,
)
