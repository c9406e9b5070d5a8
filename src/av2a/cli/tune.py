"""``av2a tune``: the hyper-parameters of Table 1, searched on stored embeddings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from av2a.cli.command import command
from av2a.cli.common_options import TalkOptions
from av2a.cli.dataset_options import WHICH, ClipOptions, DatasetSettingOptions
from av2a.cli.help_text import Example
from av2a.cli.method_on_clips import MethodOnClips, failures
from av2a.cli.model_options import ModelOptions
from av2a.cli.parser_options import ParserOptions, RequestedParser, refuse_beside_parser
from av2a.cli.result_options import ResultOptions
from av2a.cli.setting_options import settings_in
from av2a.cli.store_options import StoreOptions
from av2a.cli.terminal import Terminal
from av2a.datasets.opening import GENERATED
from av2a.errors import UnknownName
from av2a.features.store import Store
from av2a.research.parser_replay import ParserReplay, space_of
from av2a.research.search import SPACE, Space, checked_space, require_optuna
from av2a.research.tune import VIDEOS, Objective, Tuning, replayed, some_videos, tuning_results
from av2a.research.tune import tune as tuned

_SEARCH = "The search"


@dataclass(frozen=True)
class TunedClipOptions(ClipOptions):
    """The clips to tune on."""

    split: Annotated[
        str | None,
        typer.Option(
            "--split", metavar="NAME", help="train, validation or test. Default: validation.", rich_help_panel=WHICH
        ),
    ] = None
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            metavar="N",
            min=1,
            help="The first N clips that are available. Default: 200; for a parser all.",
            rich_help_panel=WHICH,
        ),
    ] = None


@dataclass(frozen=True)
class SearchOptions:
    """What is searched, and how."""

    space: Annotated[
        Path | None,
        typer.Option(
            "--space",
            metavar="FILE",
            help="TOML or JSON with the ranges to search, such as decay = [0.1, 5.0]; other values stay as they are.",
            rich_help_panel=_SEARCH,
        ),
    ] = None
    objective: Annotated[
        str | None,
        typer.Option(
            "--objective",
            metavar="NAME",
            help="What is maximised: type (the mean of segment and event Type@AV), segment-type, event-type, all (the mean of the ten "
            "numbers), accuracy. Default: type, and accuracy for ave.",
            rich_help_panel=_SEARCH,
        ),
    ] = None
    trials: Annotated[
        int,
        typer.Option(
            "--trials", metavar="N", min=1, max=100_000, help="How many settings are tried.", rich_help_panel=_SEARCH
        ),
    ] = 500
    seed: Annotated[
        int,
        typer.Option(
            "--seed", metavar="S", min=0, help="The same seed tries the same settings.", rich_help_panel=_SEARCH
        ),
    ] = 0

    def ranges(self) -> Space | None:
        """The ranges in the file; None without one.

        Raises:
            UsageError: it names no ranges.
        """
        return None if self.space is None else checked_space(settings_in(self.space))

    def aim(self) -> Objective | None:
        """The objective; None where none is named.

        Raises:
            UnknownName: no objective has that name.
        """
        known = [each.value for each in Objective]
        if self.objective is not None and self.objective not in known:
            raise UnknownName.among("objective", self.objective, known)
        return None if self.objective is None else Objective(self.objective)

    def how(self, store: Store | None, report: Callable[[str, int, int], None]) -> Mapping[str, Any]:
        """The arguments of :func:`av2a.research.tune.tune` that say how the search goes."""
        return {
            "objective": self.aim(),
            "trials": self.trials,
            "seed": self.seed,
            "journals": None if store is None else store.folder / "tuning",
            "progress": lambda done, total: report("trials", done, total),
        }


@command(
    Example("av2a tune synthetic --profile released -o best.json", "on the generated world"),
    Example(
        "av2a tune llp --videos llp-videos/ --backbone languagebind -o best.json", "as the paper did, on 200 videos"
    ),
    Example("av2a evaluate llp --videos llp-videos/ --backbone languagebind --settings best.json", "what it is worth"),
    Example(
        "av2a tune llp --parser jomold --checkpoint JoMoLD.pt --features feats/ -o best.json",
        "a trained parser, on the whole split",
    ),
    Example("av2a tune my-videos/ --space space.toml --objective event-type", "over ranges of your own"),
)
def tune(
    clips: TunedClipOptions,
    models: ModelOptions,
    parser: ParserOptions,
    how: DatasetSettingOptions,
    search: SearchOptions,
    kept: StoreOptions,
    output: ResultOptions,
    talk: TalkOptions,
) -> None:
    """Search the best values of the paper's five hyper-parameters.

    Clips are decoded and encoded once; trials work on what is stored. Each trial is stored beside the embeddings as it is done, so the same
    command continues a search that was interrupted.
    """
    terminal = talk.terminal()
    output.check()
    search.ranges()
    search.aim()
    # A folder has no splits; of the generated world no more is rendered than is tuned on.
    split = clips.split if clips.split is not None or Path(clips.dataset).is_dir() else "validation"
    requested = parser.requested(how, models.device)
    if requested is not None:
        refuse_beside_parser(clips, models, how)
        _give(_tuned_parser(requested, replace(clips, split=split), search, kept, terminal), output, terminal)
        return
    limit = clips.limit or VIDEOS
    opened = replace(clips, split=split, limit=limit if clips.dataset == GENERATED else None)
    method = MethodOnClips.chosen(opened, models, how, kept, terminal)
    require_optuna()
    (search.aim() or Objective.of(method.dataset.task)).check(method.dataset.task)
    watched = method.watched(some_videos(method.dataset, limit))
    replay = replayed(watched, method.dataset, method.backbone, method.settings)
    with terminal.progress("tuning") as report:
        options = search.how(method.store, report)
        found = tuned(replay, method.backbone.info, method.settings, space=search.ranges() or SPACE, **options)
    _give(found, output, terminal, failures(watched))


def _tuned_parser(
    requested: RequestedParser, clips: ClipOptions, search: SearchOptions, kept: StoreOptions, terminal: Terminal
) -> Tuning:
    """A trained parser: its network runs once, and what Table 1 gives for it is searched."""
    store = kept.opened(terminal)
    dataset = clips.opened(terminal)
    require_optuna()
    parsed, dataset = requested.parsed(dataset, terminal)
    terminal.say(f"{dataset.name}, {dataset.split}: {dataset.of_total(len(parsed.names))}")
    own, ranges = space_of(requested.settings), search.ranges()
    space = own if ranges is None else {name: ends for name, ends in ranges.items() if name in own}
    with terminal.progress("tuning") as report:
        options = search.how(store, report)
        return tuned(ParserReplay(parsed, dataset), parsed.info, requested.settings, space=space, **options)


def _give(found: Tuning, output: ResultOptions, terminal: Terminal, failed: Sequence[str] = ()) -> None:
    """Print the best settings on stdout and how they were found on stderr; write the files."""
    for path in output.outputs:
        if path.suffix.lower() == ".json":
            terminal.say(f"use the best settings with --settings {path}")
    output.give(tuning_results(found), terminal, page=False, failed=failed)
