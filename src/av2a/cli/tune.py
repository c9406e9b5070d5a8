"""``av2a tune``: the hyper-parameters of Table 1, searched on stored embeddings."""

from dataclasses import dataclass, replace
from pathlib import Path

from av2a.cli.command import command, option
from av2a.cli.dataset_options import ClipOptions
from av2a.cli.help_text import Example
from av2a.cli.method_on_clips import ExperimentOptions, MethodOnClips, failures
from av2a.cli.parser_options import ParserOptions, refuse_beside_parser
from av2a.cli.setting_options import settings_in
from av2a.datasets.opening import GENERATED
from av2a.errors import UnknownName
from av2a.research.parsed import space_of
from av2a.research.replay import Replayable
from av2a.research.search import SPACE, Space, checked_space, require_optuna
from av2a.research.tune import VIDEOS, Objective, some_videos, tuning_results
from av2a.research.tune import tune as tuned
from av2a.settings import Settings


@dataclass(frozen=True)
class TunedClipOptions(ClipOptions):
    """The clips to tune on."""

    split: str | None = option("NAME", "train, validation or test. Default: validation.")
    count: int | None = option(
        "N", "Only the first N clips that are available. Default: 200; for a parser all.", "--clips", min=1
    )


@dataclass(frozen=True)
class SearchOptions:
    """What is searched, and how."""

    panel = "The search"
    space: Path | None = option(
        "FILE", "TOML or JSON with the ranges to search, such as decay = [0.1, 5.0]; other values stay as they are."
    )
    objective: str | None = option(
        "NAME",
        "What is maximised: type (the mean of segment and event Type@AV), segment-type, event-type, all (the mean of the ten "
        "numbers), accuracy. Default: type, and accuracy for ave.",
    )
    trials: int = option("N", "How many settings are tried.", default=500, min=1, max=100_000)
    seed: int = option("S", "The same seed tries the same settings.", default=0, min=0)

    def within(self, space: Space) -> Space:
        """The ranges in the file that ``space`` has, too; without a file, all of ``space``.

        Raises:
            UsageError: the file names no ranges.
        """
        if self.space is None:
            return space
        return {name: ends for name, ends in checked_space(settings_in(self.space)).items() if name in space}

    def aim(self) -> Objective | None:
        """The objective; None where none is named.

        Raises:
            UnknownName: no objective has that name.
        """
        known = [each.value for each in Objective]
        if self.objective is not None and self.objective not in known:
            raise UnknownName.among("objective", self.objective, known)
        return None if self.objective is None else Objective(self.objective)


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
def tune(clips: TunedClipOptions, given: ExperimentOptions, parser: ParserOptions, search: SearchOptions) -> None:
    """Search the best values of the paper's five hyper-parameters.

    Clips are decoded and encoded once; trials work on what is stored. Each trial is stored beside the embeddings as it is done, so the same
    command continues a search that was interrupted.
    """
    terminal, output = given.talk.terminal(), given.output
    output.check()
    space, objective = search.within(SPACE), search.aim()
    # A folder has no splits.
    split = clips.split if clips.split is not None or Path(clips.dataset).is_dir() else "validation"
    clips = replace(clips, split=split)
    requested = parser.requested(given.how, given.models.device)
    if requested is not None:
        refuse_beside_parser(clips, given.models, given.how)
        store, dataset = given.kept.opened(terminal), clips.opened(terminal)
        require_optuna()
        found = requested.parsed(dataset, terminal)
        terminal.say(f"{dataset.name}, {dataset.split}: {found.dataset.of_total(len(found.names))}")
        replay: Replayable = found
        info, failed = found.info, list[str]()
        base: Settings = requested.settings
        space = search.within(space_of(requested.settings))
    else:
        most = clips.count or VIDEOS
        # Of the generated world no more is rendered than is tuned on.
        opened = replace(clips, count=most if clips.dataset == GENERATED else None)
        method = MethodOnClips.chosen(opened, given)
        require_optuna()
        (objective or Objective.of(method.dataset.task)).check(method.dataset.task)
        watched = method.watched(some_videos(method.dataset, most))
        replay, failed = method.replay(watched), failures(watched)
        info, base, store = method.backbone.info, method.settings, method.store
    with terminal.progress("tuning") as report:
        tuning = tuned(
            replay,
            info,
            base,
            space=space,
            objective=objective,
            trials=search.trials,
            seed=search.seed,
            journals=None if store is None else store.folder / "tuning",
            progress=lambda done, total: report("trials", done, total),
        )
    for path in output.outputs:
        if path.suffix.lower() == ".json":
            terminal.say(f"use the best settings with --settings {path}")
    output.give(tuning_results(tuning), terminal, page=False, failed=failed)
