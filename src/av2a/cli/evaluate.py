"""``av2a evaluate``: how right the method, or anybody's predictions, are on a data set."""

from dataclasses import dataclass, replace
from pathlib import Path

from av2a.cli.command import command, flag, option
from av2a.cli.common_options import WHERE, StoreOptions
from av2a.cli.dataset_options import ClipOptions
from av2a.cli.help_text import Example
from av2a.cli.method_on_clips import ExperimentOptions, MethodOnClips
from av2a.cli.parser_options import ParserOptions, refuse_beside_parser
from av2a.cli.result_options import ResultOptions
from av2a.cli.terminal import Terminal
from av2a.datasets import Dataset
from av2a.datasets.dataset import of_videos
from av2a.datasets.lengths import with_lengths
from av2a.errors import MediaError, UsageError
from av2a.exports.files import check_file
from av2a.research import prediction_table
from av2a.research.evaluate import Evaluation, ScoredSource, SourceKind, score
from av2a.research.evaluate import evaluate as measured
from av2a.research.evaluation_report import results_of
from av2a.research.parsed import score_parsed
from av2a.research.predictions import Predictions
from av2a.research.results import left_out_lines
from av2a.research.scored import predict_scored
from av2a.research.watching import LeftOut
from av2a.settings import Settings
from av2a.wording import counted, some


@dataclass(frozen=True)
class PredictionOptions:
    """Other people's scores and predictions, and ours for them."""

    panel = "Predictions"
    scores: Path | None = option(
        "DIR", "Use another model's scores instead of a backbone's: CLIP-NAME.npz for each clip (docs/scores.md)."
    )
    predictions: Path | None = option(
        "FILE", "Score these instead: filename, onset, offset, event_label, modality, separated by tabs."
    )
    only_named: bool = flag(
        "Leave out clips that the file does not name, instead of counting them as nothing found.", "--only-named"
    )
    save_predictions: Path | None = option(
        "FILE", "Write what was found, in the same form (.tsv); of clips without truth, too.", panel=WHERE
    )

    def check(self, *, overwrite: bool) -> None:
        """Refuse what does not fit together, or could not be written.

        Raises:
            UsageError: two options exclude each other, or the file cannot be written.
        """
        if self.save_predictions is not None:
            check_file(self.save_predictions, [prediction_table.ENDING], overwrite=overwrite)
        if self.predictions is not None and self.scores is not None:
            raise UsageError("--predictions are events, --scores become events: give one of the two")
        if self.predictions is None and self.only_named:
            raise UsageError("--only-named is about a file of predictions: name one with --predictions")


@command(
    Example("av2a evaluate synthetic", "the generated world, on any machine"),
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
def evaluate(
    clips: ClipOptions,
    given: ExperimentOptions,
    parser: ParserOptions,
    theirs: PredictionOptions,
    only_asked: bool = flag(
        "Embed only the intervals that these settings need; a run with other settings may have to decode again.",
        "--only-asked",
        panel=StoreOptions.panel,
    ),
) -> None:
    """Measure how right the events are: the ten numbers of audio-visual parsing, or AVE's accuracy.

    Audio counts twice: as it was predicted, and with the visual predictions in its place, as the authors' script scores it. Embeddings are
    stored, so that a run that was interrupted continues where it was, and other settings need no encoder.
    """
    terminal, how, output = given.talk.terminal(), given.how, given.output
    # Everything that can be refused without rendering a clip or loading a model is refused first.
    output.check()
    theirs.check(overwrite=output.overwrite)
    settings: Settings
    requested = parser.requested(how, given.models.device)
    if requested is not None:
        instead = {"predictions": theirs.predictions, "scores": theirs.scores, "only_asked": only_asked}
        refuse_beside_parser(clips, given.models, how, store=given.kept.store, **instead)
        settings = requested.settings
        evaluation, found = score_parsed(requested.parsed(clips.opened(terminal), terminal), requested.settings)
    elif theirs.predictions is not None or theirs.scores is not None:
        models = clips.models(given.models)
        how.settings(models.name)
        dataset = clips.opened(terminal)
        settings = how.for_dataset(dataset, models.name)
        evaluation, found = _by_others(theirs, dataset, settings, terminal)
    else:
        method = MethodOnClips.chosen(clips, given)
        settings = method.settings
        with terminal.progress(f"{method.dataset.name}, {method.dataset.split}") as report:
            evaluation, found = measured(
                method.dataset,
                method.backbone,
                settings,
                method.store,
                # Without a store nothing would ever use the others.
                every_interval=not only_asked and method.store is not None,
                # Clips without truth are parsed only to be saved.
                also_unknown=theirs.save_predictions is not None,
                progress=report,
            )
    _give(evaluation, found, settings, theirs.save_predictions, output, terminal)


def _by_others(
    theirs: PredictionOptions, dataset: Dataset, settings: Settings, terminal: Terminal
) -> tuple[Evaluation, Predictions]:
    """Somebody's predictions, or the method on another model's scores; nothing counts beyond a clip's end."""
    with terminal.progress(f"{dataset.name}, {dataset.split}") as report:
        dataset = with_lengths(dataset, report)
        if theirs.scores is not None:
            found, left_out = predict_scored(theirs.scores, dataset, settings, progress=report)
            evaluation = score(found, dataset, left_out=left_out, segment_seconds=settings.segment_seconds)
            source = ScoredSource(SourceKind.SCORES, str(theirs.scores))
            return replace(evaluation, settings=settings, source=source), found
    assert theirs.predictions is not None
    table = prediction_table.read(
        theirs.predictions, dataset, segment_seconds=settings.segment_seconds, only_named=theirs.only_named
    )
    not_named = [LeftOut(name, "not named in the predictions") for name in table.not_named if theirs.only_named]
    evaluation = score(
        table.predictions,
        dataset,
        left_out=not_named,
        segment_seconds=settings.segment_seconds,
        remarks=table.remarks,
    )
    source = ScoredSource(SourceKind.PREDICTIONS, str(theirs.predictions))
    return replace(evaluation, source=source), table.predictions


def _give(
    evaluation: Evaluation,
    found: Predictions,
    settings: Settings,
    saved: Path | None,
    output: ResultOptions,
    terminal: Terminal,
) -> None:
    """Print the numbers on stdout and what there is to know about them on stderr, write the files, and end with the exit status."""
    if not evaluation.videos and (saved is None or not found.names):
        reasons = "; ".join(left_out_lines(("", each) for each in evaluation.left_out)) or "there are no clips"
        raise MediaError(
            f"nothing to measure of {evaluation.dataset}, {evaluation.split}: {reasons}: check --videos and --annotations"
        )
    more = {}
    if saved is not None:
        more[saved] = lambda: prediction_table.write(
            found, evaluation.categories, saved, segment_seconds=settings.segment_seconds, overwrite=output.overwrite
        )
        if not evaluation.videos:
            terminal.say(f"predictions of {counted(evaluation.predicted, 'video')} saved; none has a known truth")
    failed = [each.name for each in evaluation.left_out if each.has_failed]
    of_all = of_videos(len(failed), evaluation.total, evaluation.split_total)
    lines = [f"{of_all} failed: {some(failed)}"] if failed else []
    output.give(results_of(evaluation), terminal, page=False, more=more, failed=lines)
