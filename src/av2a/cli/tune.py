"""``av2a tune``: the hyper-parameters of Table 1, searched on stored embeddings."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from av2a.cli.common_options import DebugOption, QuietOption, VerboseOption
from av2a.cli.dataset_options import (
    AnnotationsOption,
    DatasetArgument,
    EventsOption,
    NoStoreOption,
    ProfileOption,
    SetOption,
    SettingsOption,
    StoreOption,
    VideosOption,
    chosen_dataset,
    chosen_store,
    usual_backbone,
)
from av2a.cli.help_text import Example
from av2a.cli.method_on_clips import ClipsAsked, MethodOnClips, SettingsAsked
from av2a.cli.model_options import (
    AudioModelOption,
    BackboneOption,
    DetectWeightsOption,
    DeviceOption,
    PrecisionOption,
    VisualModelOption,
    chosen_models,
)
from av2a.cli.parser_options import (
    CheckpointOption,
    FeaturesOption,
    FusionOption,
    OnlyOption,
    ParserAsked,
    ParserOption,
    ThresholdsOption,
    chosen_parser,
    refuse_beside_parser,
)
from av2a.cli.setting_options import settings_in
from av2a.cli.sheet_outputs import JsonOption, OverwriteOption
from av2a.errors import UnknownName

if TYPE_CHECKING:
    from av2a.cli.terminal import Terminal
    from av2a.datasets import Dataset
    from av2a.features.store import Store
    from av2a.research.search import Space
    from av2a.research.tune import Objective, Tuning
    from av2a.research.watching import Watch

EXAMPLES = (
    Example("av2a tune synthetic --profile released -o best.json", "on the built-in world"),
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

ENDING = ".json"

_SEARCH, _WHICH, _WHERE = "The search", "Which clips", "Where the answer goes"

SplitOption = Annotated[
    str | None,
    typer.Option(
        "--split", metavar="NAME", help="train, validation or test. Without it: validation.", rich_help_panel=_WHICH
    ),
]
LimitOption = Annotated[
    int | None,
    typer.Option(
        "--limit",
        metavar="N",
        min=1,
        help="The first N clips that are at hand. Without it: 200; for a parser all.",
        rich_help_panel=_WHICH,
    ),
]
SpaceOption = Annotated[
    Path | None,
    typer.Option(
        "--space",
        metavar="FILE",
        help="TOML or JSON with the ranges to search, such as decay = [0.1, 5.0]; what is not in it stays.",
        rich_help_panel=_SEARCH,
    ),
]
ObjectiveOption = Annotated[
    str | None,
    typer.Option(
        "--objective",
        metavar="NAME",
        help="What is maximised: type (the mean of segment and event Type@AV), segment-type, event-type, all (the mean of the ten "
        "numbers), accuracy. Without it: type, and accuracy for ave.",
        rich_help_panel=_SEARCH,
    ),
]
TrialsOption = Annotated[
    int,
    typer.Option(
        "--trials", metavar="N", min=1, max=100_000, help="How many settings are tried.", rich_help_panel=_SEARCH
    ),
]
SeedOption = Annotated[
    int,
    typer.Option("--seed", metavar="S", min=0, help="The same seed tries the same settings.", rich_help_panel=_SEARCH),
]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="Write the best settings, for --settings (.json).",
        rich_help_panel=_WHERE,
    ),
]


def tune(
    dataset: DatasetArgument,
    split: SplitOption = None,
    videos: VideosOption = None,
    annotations: AnnotationsOption = None,
    events: EventsOption = None,
    limit: LimitOption = None,
    backbone: BackboneOption = None,
    visual_model: VisualModelOption = None,
    audio_model: AudioModelOption = None,
    weights: DetectWeightsOption = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = None,
    parser: ParserOption = None,
    checkpoint: CheckpointOption = None,
    features: FeaturesOption = None,
    thresholds: ThresholdsOption = None,
    fusion: FusionOption = None,
    only: OnlyOption = None,
    profile: ProfileOption = None,
    settings_file: SettingsOption = None,
    assignments: SetOption = None,
    space: SpaceOption = None,
    objective: ObjectiveOption = None,
    trials: TrialsOption = 500,
    seed: SeedOption = 0,
    store: StoreOption = None,
    no_store: NoStoreOption = False,
    output: OutputOption = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    debug: DebugOption = False,
) -> None:
    """Search the best values of the paper's five hyper-parameters.

    Clips are decoded and encoded once; trials work on what is stored. Each trial is kept beside the embeddings as it is done, so the same
    command takes up a search that was interrupted.
    """
    from av2a.cli.terminal import Talk, Terminal
    from av2a.datasets.opening import GENERATED
    from av2a.exports.files import check_file
    from av2a.research.tune import VIDEOS

    terminal = Terminal(Talk.chosen(quiet=quiet, verbose=verbose))
    if output is not None:
        check_file(output, [ENDING], overwrite=overwrite)
    searched, aim = _space(space), _objective(objective)
    # A folder has no splits; of the built-in world no more is rendered than is tuned on.
    named = split if split is not None or Path(dataset).is_dir() else "validation"
    asked = chosen_parser(
        parser,
        checkpoint=checkpoint,
        features=features,
        thresholds=thresholds,
        fusion=fusion,
        only=only,
        settings_file=settings_file,
        assignments=assignments or [],
        device=device,
    )
    if asked is not None:
        beside: dict[str, object] = {
            "--videos": videos,
            "--events": events,
            "--backbone": backbone,
            "--visual-model": visual_model,
            "--audio-model": audio_model,
            "--weights": weights,
            "--precision": precision,
            "--profile": profile,
        }
        refuse_beside_parser(beside, {"--backbone": "AV2A_BACKBONE", "--profile": "AV2A_PROFILE"})
        kept = chosen_store(store, terminal, no_store=no_store)
        clips = chosen_dataset(dataset, terminal, split=named, videos=None, annotations=annotations, limit=limit)
        ranges = None if space is None else searched
        found = _tuned_parser(asked, clips, ranges, aim, kept, terminal, trials=trials, seed=seed)
        _give(found, terminal, output, as_json=as_json)
        return
    limit = limit or VIDEOS
    models = chosen_models(
        usual_backbone(dataset, backbone),
        device=device,
        precision=precision,
        visual_model=visual_model,
        audio_model=audio_model,
        weights=weights,
    )
    watched = ClipsAsked(dataset, named, videos, annotations, events or (), limit if dataset == GENERATED else None)
    how = SettingsAsked(profile, settings_file, assignments or ())
    method = MethodOnClips.chosen(watched, models, how, store=store, no_store=no_store, terminal=terminal)
    found, seen = _tuned(method, searched, aim, limit=limit, trials=trials, seed=seed)
    _give(found, method.terminal, output, as_json=as_json)
    method.check_failed(seen)


def _space(file: Path | None) -> "Space":
    from av2a.research.search import SPACE, checked_space

    return SPACE if file is None else checked_space(settings_in(file))


def _objective(name: str | None) -> "Objective | None":
    from av2a.research.tune import Objective

    known = [each.value for each in Objective]
    if name is not None and name not in known:
        raise UnknownName.among("objective", name, known)
    return None if name is None else Objective(name)


def _tuned(
    method: MethodOnClips, space: "Space", objective: "Objective | None", *, limit: int, trials: int, seed: int
) -> tuple["Tuning", "Watch"]:
    from av2a.research.search import require_optuna
    from av2a.research.tune import Objective, replayed, some_videos, tune

    require_optuna()
    (objective or Objective.of(method.dataset.task)).check(method.dataset.task)
    watched = method.watched(some_videos(method.dataset, limit))
    replay = replayed(watched, method.dataset, method.backbone, method.settings)
    with method.terminal.progress("tuning") as report:
        found = tune(
            replay,
            method.backbone.info,
            method.settings,
            space=space,
            objective=objective,
            trials=trials,
            seed=seed,
            journals=None if method.store is None else method.store.folder / "tuning",
            progress=lambda done, total: report("trials", done, total),
        )
    return found, watched


def _tuned_parser(
    asked: ParserAsked,
    dataset: "Dataset",
    ranges: "Space | None",
    objective: "Objective | None",
    store: "Store | None",
    terminal: "Terminal",
    *,
    trials: int,
    seed: int,
) -> "Tuning":
    """A trained parser: its network runs once, and what Table 1 gives for it is searched."""
    from av2a.research.parser_replay import ParserReplay, space_of
    from av2a.research.search import require_optuna
    from av2a.research.tune import tune

    require_optuna()
    parsed, clips = asked.parsed(dataset, terminal)
    terminal.say(f"{clips.name}, {clips.split}: {clips.of_total(len(parsed.names))}")
    own = space_of(asked.settings)
    with terminal.progress("tuning") as report:
        return tune(
            ParserReplay(parsed, clips),
            parsed.info,
            asked.settings,
            space=own if ranges is None else {name: ends for name, ends in ranges.items() if name in own},
            objective=objective,
            trials=trials,
            seed=seed,
            journals=None if store is None else store.folder / "tuning",
            progress=lambda done, total: report("trials", done, total),
        )


def _give(found: "Tuning", terminal: "Terminal", output: Path | None, *, as_json: bool) -> None:
    from av2a.exports.files import write_whole

    content = json.dumps(found.as_dict(), ensure_ascii=False, indent=2) + "\n"
    if output is not None:
        write_whole(output, content.encode("utf-8", "backslashreplace"))
    if as_json:
        terminal.show_text(content)
    else:
        _show(found, terminal)
    if output is not None:
        terminal.say(f"results: {output}; use it with --settings {output}")


def _show(found: "Tuning", terminal: "Terminal") -> None:
    """The best settings on stdout, how they were found on stderr."""
    from rich.text import Text

    search = found.search
    kept = f", {search.resumed} of them kept from an earlier run" if search.resumed else ""
    terminal.say(f"{len(search.trials)} trials{kept}; {found.objective.words}: {search.best_trial.value:.2f} %")
    terminal.show_rows(
        [
            (Text(name), Text(f"{value:.4f}"), Text(f"of [{found.space[name][0]:g}, {found.space[name][1]:g}]"))
            for name, value in search.best_trial.values.items()
        ]
    )
