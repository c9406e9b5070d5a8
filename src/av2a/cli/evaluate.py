"""``av2a evaluate``: how right the method, or anybody's predictions, are on a data set."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from av2a.cli.common_options import DebugOption, QuietOption, VerboseOption
from av2a.cli.dataset_options import (
    AnnotationsOption,
    DatasetArgument,
    EventsOption,
    LimitOption,
    NoStoreOption,
    OnlyAskedOption,
    ProfileOption,
    SetOption,
    SettingsOption,
    SplitOption,
    StoreOption,
    VideosOption,
    chosen_dataset,
    chosen_store,
    dataset_settings,
    usual_backbone,
)
from av2a.cli.exit_status import ExitStatus
from av2a.cli.help_text import Example
from av2a.cli.model_options import (
    AudioModelOption,
    BackboneOption,
    DetectWeightsOption,
    DeviceOption,
    Models,
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
from av2a.cli.printed_evaluation import show
from av2a.cli.setting_options import chosen_settings
from av2a.errors import MediaError, UsageError
from av2a.settings import Settings

if TYPE_CHECKING:
    from av2a.cli.terminal import Terminal
    from av2a.datasets import Dataset
    from av2a.features.store import Store
    from av2a.research.evaluate import Evaluation
    from av2a.research.predictions import Predictions

EXAMPLES = (
    Example("av2a evaluate synthetic", "the built-in world, on any machine"),
    Example("av2a evaluate llp --videos llp-videos/ --backbone languagebind", "LLP's test split, as the paper has it"),
    Example("av2a evaluate ave --videos AVE/ -o ave.json -o ave.md", "AVE: accuracy in its four readings"),
    Example("av2a evaluate my-videos/ --annotations truth.tsv", "your own videos, and what happens in them"),
    Example("av2a evaluate llp --predictions theirs.tsv", "somebody else's predictions; no videos needed"),
    Example(
        "av2a evaluate llp --parser jomold --checkpoint JoMoLD.pt --features feats/",
        "a trained parser with AV²A on top; no videos needed",
    ),
    Example("av2a evaluate llp --scores scores/ --settings mine.json", "another model's scores, a file a clip"),
    Example("av2a evaluate llp --videos llp-videos/ --save-predictions ours.tsv", "for others to score"),
)

_THEIRS, _WHERE = "Predictions", "Where the answer goes"

PredictionsOption = Annotated[
    Path | None,
    typer.Option(
        "--predictions",
        metavar="FILE",
        help="Score these instead: filename, onset, offset, event_label, modality, separated by tabs.",
        rich_help_panel=_THEIRS,
    ),
]
ScoresOption = Annotated[
    Path | None,
    typer.Option(
        "--scores",
        metavar="DIR",
        help="Take another model's scores instead of a backbone's: CLIP-NAME.npz for each clip (docs/scores.md).",
        rich_help_panel=_THEIRS,
    ),
]
OnlyNamedOption = Annotated[
    bool,
    typer.Option(
        "--only-named",
        help="Leave out clips that the file does not name, instead of counting them as nothing found.",
        rich_help_panel=_THEIRS,
    ),
]
SavePredictionsOption = Annotated[
    Path | None,
    typer.Option(
        "--save-predictions",
        metavar="FILE",
        help="Write what was found, in the same form (.tsv); of clips without truth, too.",
        rich_help_panel=_THEIRS,
    ),
]
OutputsOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="Write a file, in the format of its ending: .json .csv .md; may be repeated.",
        rich_help_panel=_WHERE,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON on stdout.", rich_help_panel=_WHERE)]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Write over files that are already there.", rich_help_panel=_WHERE)
]


def evaluate(
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
    store: StoreOption = None,
    no_store: NoStoreOption = False,
    only_asked: OnlyAskedOption = False,
    scores: ScoresOption = None,
    predictions: PredictionsOption = None,
    only_named: OnlyNamedOption = False,
    save_predictions: SavePredictionsOption = None,
    outputs: OutputsOption = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    debug: DebugOption = False,
) -> None:
    """Measure how right the events are: the ten numbers of audio-visual parsing, or AVE's accuracy.

    Audio counts twice: as it was predicted, and with the visual predictions in its place, as the authors' script scores it. Embeddings are
    kept, so that a run that was interrupted goes on where it was, and other settings need no encoder.
    """
    from av2a.cli.terminal import Talk, Terminal

    terminal = Terminal(Talk.chosen(quiet=quiet, verbose=verbose))
    written = _Written(tuple(outputs or ()), save_predictions, overwrite)
    # Everything that can be refused without rendering a clip or loading a model is refused first.
    written.check()
    if predictions is not None and scores is not None:
        raise UsageError("--predictions are events, --scores become events: give one of the two")
    if predictions is None and only_named:
        raise UsageError("--only-named is about a file of predictions: name one with --predictions")
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
            "--store": store,
            "--only-asked": only_asked,
            "--predictions": predictions,
            "--scores": scores,
        }
        refuse_beside_parser(beside, {"--backbone": "AV2A_BACKBONE", "--profile": "AV2A_PROFILE"})
        clips = chosen_dataset(dataset, terminal, split=split, videos=None, annotations=annotations, limit=limit)
        _give(*_by_parser(asked, clips, terminal), asked.settings, written, terminal, as_json=as_json)
        return
    models = chosen_models(
        usual_backbone(dataset, backbone),
        device=device,
        precision=precision,
        visual_model=visual_model,
        audio_model=audio_model,
        weights=weights,
    )
    chosen_settings(profile, settings_file, assignments or [], backbone=models.name)
    kept = chosen_store(store, terminal, no_store=no_store)
    clips = chosen_dataset(
        dataset, terminal, split=split, videos=videos, annotations=annotations, events=events or (), limit=limit
    )
    settings = dataset_settings(clips, profile, settings_file, assignments or [], backbone=models.name)
    if predictions is not None:
        evaluation, found = _theirs(predictions, _with_lengths(clips, terminal), settings, only_named=only_named)
    elif scores is not None:
        evaluation, found = _by_scores(scores, _with_lengths(clips, terminal), settings, terminal)
    else:
        evaluation, found = _measured(
            clips, models, settings, kept, terminal, only_asked=only_asked, also_unknown=save_predictions is not None
        )
    _give(evaluation, found, settings, written, terminal, as_json=as_json)


def _give(
    evaluation: "Evaluation",
    found: "Predictions",
    settings: Settings,
    written: "_Written",
    terminal: "Terminal",
    *,
    as_json: bool,
) -> None:
    """Everything that was asked for, and the exit status."""
    if written.predictions is None or not found.names:
        _check_any(evaluation)
    # Files first: whoever reads stdout may stop reading.
    written.write(evaluation, found, settings)
    show(evaluation, terminal, as_json=as_json)
    written.say(evaluation, terminal)
    if _failed(evaluation, terminal):
        raise typer.Exit(ExitStatus.SOME_FAILED)


def _by_parser(asked: ParserAsked, dataset: "Dataset", terminal: "Terminal") -> tuple["Evaluation", "Predictions"]:
    """A trained parser on every clip whose features are at hand."""
    from av2a.research.parsed import score_parsed

    found, clips = asked.parsed(dataset, terminal)
    return score_parsed(found, clips, asked.settings)


def _with_lengths(dataset: "Dataset", terminal: "Terminal") -> "Dataset":
    """The data set with its clips' lengths, so that nothing counts beyond their ends."""
    from av2a.datasets.lengths import with_lengths

    with terminal.progress(f"{dataset.name}, {dataset.split}") as report:
        return with_lengths(dataset, report)


def _theirs(
    file: Path, dataset: "Dataset", settings: Settings, *, only_named: bool
) -> tuple["Evaluation", "Predictions"]:
    """Somebody's predictions, scored."""
    from av2a.research.evaluate import Source, SourceKind, score
    from av2a.research.prediction_table import read
    from av2a.research.watching import LeftOut

    table = read(file, dataset, segment_seconds=settings.segment_seconds, only_named=only_named)
    left_out = [LeftOut(name, "not named in the predictions") for name in table.not_named if only_named]
    evaluation = score(
        table.predictions,
        dataset,
        left_out=left_out,
        segment_seconds=settings.segment_seconds,
        remarks=table.remarks,
    )
    return replace(evaluation, source=Source(SourceKind.PREDICTIONS, str(file))), table.predictions


def _by_scores(
    folder: Path, dataset: "Dataset", settings: Settings, terminal: "Terminal"
) -> tuple["Evaluation", "Predictions"]:
    """The method on another model's scores."""
    from av2a.research.evaluate import Source, SourceKind, score
    from av2a.research.scored import predict_scored

    with terminal.progress(f"{dataset.name}, {dataset.split}") as report:
        found, left_out = predict_scored(folder, dataset, settings, progress=report)
    evaluation = score(found, dataset, left_out=left_out, segment_seconds=settings.segment_seconds)
    return replace(evaluation, settings=settings, source=Source(SourceKind.SCORES, str(folder))), found


def _measured(
    dataset: "Dataset",
    models: Models,
    settings: Settings,
    store: "Store | None",
    terminal: "Terminal",
    *,
    only_asked: bool,
    also_unknown: bool,
) -> tuple["Evaluation", "Predictions"]:
    """The method on every clip; those without truth only where what is found is saved."""
    from av2a.datasets.opening import GENERATED
    from av2a.features.store import Intervals
    from av2a.research.evaluate import evaluate as measured

    loaded = models.loaded(settings.profile, terminal)
    if loaded.note is not None and dataset.name != GENERATED:
        terminal.warn(loaded.note)
    if store is not None:
        terminal.detail(f"embeddings are kept in {store.folder}")
    # Without a store nobody would ever ask for the others.
    intervals = Intervals.ASKED if only_asked or store is None else Intervals.ALL
    with terminal.progress(f"{dataset.name}, {dataset.split}") as report:
        return measured(
            dataset, loaded, settings, store, intervals=intervals, also_unknown=also_unknown, progress=report
        )


@dataclass(frozen=True)
class _Written:
    """The files that are asked for."""

    outputs: tuple[Path, ...]
    predictions: Path | None
    overwrite: bool

    def check(self) -> None:
        """Refuse what could not be written, before any work is done.

        Raises:
            OutputRefused, UnknownName: as :func:`av2a.exports.files.check_file`.
        """
        from av2a.exports.files import check_file
        from av2a.research.evaluation_report import WRITERS
        from av2a.research.prediction_table import ENDING

        for path in self.outputs:
            check_file(path, WRITERS, overwrite=self.overwrite)
        if self.predictions is not None:
            check_file(self.predictions, [ENDING], overwrite=self.overwrite)

    def write(self, evaluation: "Evaluation", predictions: "Predictions", settings: Settings) -> None:
        """All of them, each whole."""
        from av2a.research import evaluation_report, prediction_table

        if self.predictions is not None:
            prediction_table.write(
                predictions,
                evaluation.categories,
                self.predictions,
                segment_seconds=settings.segment_seconds,
                overwrite=self.overwrite,
            )
        for path in self.outputs:
            evaluation_report.write(evaluation, path, overwrite=self.overwrite)

    def say(self, evaluation: "Evaluation", terminal: "Terminal") -> None:
        """Where they are."""
        from av2a.datasets.rows import counted

        if self.predictions is not None and not evaluation.videos:
            terminal.say(f"predictions of {counted(evaluation.predicted, 'video')} saved; none has a known truth")
        paths = [*self.outputs, *([] if self.predictions is None else [self.predictions])]
        if paths:
            terminal.say(f"results: {', '.join(map(str, paths))}")


def _failed(evaluation: "Evaluation", terminal: "Terminal") -> bool:
    """Whether videos that are at hand could not be used; they are named, also when little is said."""
    from av2a.datasets.dataset import of_videos
    from av2a.datasets.rows import some

    failed = [each.name for each in evaluation.left_out if each.has_failed]
    if failed:
        of_all = of_videos(len(failed), evaluation.total, evaluation.split_total)
        terminal.fail(f"av2a: {of_all} failed: {some(failed)}")
    return bool(failed)


def _check_any(evaluation: "Evaluation") -> None:
    """Refuse to give numbers of nothing.

    Raises:
        MediaError: no video counts.
    """
    from av2a.research.evaluation_report import left_out_lines

    if not evaluation.videos:
        reasons = "; ".join(left_out_lines(evaluation.left_out)) or "there are no clips"
        raise MediaError(
            f"nothing to measure of {evaluation.dataset}, {evaluation.split}: {reasons}: check --videos and --annotations"
        )
