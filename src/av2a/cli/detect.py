"""``av2a detect``: find the events of videos by their names."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from av2a.cli.command import command
from av2a.cli.common_options import TalkOptions
from av2a.cli.help_text import Example
from av2a.cli.inputs import check_exists
from av2a.cli.model_options import MODELS, ModelOptions
from av2a.cli.names import LabelOptions
from av2a.cli.outputs import DetectOutputOptions, TruthOptions, scores_of
from av2a.cli.setting_options import MediaOptions, SettingOptions
from av2a.cli.store_options import StoreOptions
from av2a.errors import UsageError

_CHECK = "Without detecting anything"


@dataclass(frozen=True)
class VideoArguments:
    """The videos."""

    videos: Annotated[
        list[Path],
        typer.Argument(metavar="VIDEO", help="Files with video, audio, or both.", show_default=False),
    ] = field(default_factory=list)


@dataclass(frozen=True)
class ScoreOptions:
    """Scores from another model."""

    scores: Annotated[
        str | None,
        typer.Option(
            "--scores",
            metavar="FILE",
            help="Use another model's scores instead of a backbone: a .npz file (docs/scores.md); {name} stands for the video's name.",
            rich_help_panel=MODELS,
        ),
    ] = None


@dataclass(frozen=True)
class CheckOptions:
    """What is done instead of detecting."""

    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Check everything, print what would be done, and stop.", rich_help_panel=_CHECK),
    ] = False
    print_settings: Annotated[
        bool,
        typer.Option(
            "--print-settings", help="Print the settings as JSON for --settings, and stop.", rich_help_panel=_CHECK
        ),
    ] = False


@command(
    Example('av2a detect clip.mp4 --events "dog barking, speech, siren"', "when are these heard, seen, and both?"),
    Example("av2a detect clip.mp4 -l siren -o siren.json -o siren.html", "keep the answer, as data and as a page"),
    Example("av2a detect *.mp4 --events-file names.txt -o 'out/{name}.csv'", "many videos, names from a file"),
    Example("av2a detect clip.mp4 -l 'dog, siren' --json > clip.json", "for another program"),
    Example("av2a detect clip.mp4 -l siren --backbone siglip2+clap --device cpu", "other models, on the processor"),
    Example("av2a detect clip.mp4 -l siren --profile released --set decay=1.5", "another reading of the method"),
    Example("av2a detect clip.mp4 --scores clip.npz --set initial_threshold=0.6", "from another model's scores"),
    Example("av2a detect clip.mp4 -l siren --settings siren.json", "again, with the settings of an earlier result"),
)
def detect(
    given: VideoArguments,
    what: LabelOptions,
    models: ModelOptions,
    other: ScoreOptions,
    how: SettingOptions,
    media: MediaOptions,
    output: DetectOutputOptions,
    known: TruthOptions,
    check: CheckOptions,
    kept: StoreOptions,
    talk: TalkOptions,
) -> None:
    """Find when each event is heard, seen, and both.

    The answer goes to stdout, as a table and a time line or as JSON; everything else is printed on stderr.
    """
    videos, scores = given.videos, other.scores
    # Everything that can be refused without opening a file or loading a model is refused first.
    if not check.print_settings:
        if not videos:
            raise UsageError("no video given: av2a detect clip.mp4 --events 'dog barking, speech'")
        # One that is missing among others is that video's failure, not the call's.
        if len(videos) == 1:
            check_exists(videos[0])
    if scores is not None and models.backbone not in (None, os.environ.get("AV2A_BACKBONE")):
        raise UsageError("--scores replaces a backbone: leave --backbone out")
    models.check()
    # Another model's scores are not on the scale of the practical thresholds.
    settings = how.settings(models.name, default="practical" if scores is None else "scores")
    if check.print_settings:
        talk.terminal().show_json(settings.as_dict())
        return
    # Imported once the call is known to be a good one: they load NumPy and the media library.
    from av2a.cli.batch import Job, Request, run
    from av2a.labels import checked_labels

    terminal, limits = talk.terminal(), media.limits()
    request = Request(
        labels=checked_labels(what.labels(), limits.labels) if what.given or scores is None else (),
        models=models,
        settings=settings,
        media=media,
        limits=limits,
        output=output,
        truth=known.truth,
        store=kept.opened(terminal, must_keep=False),
        dry_run=check.dry_run,
        debug=talk.debug,
    )
    jobs = [
        Job(video, paths, scores_of(video, scores, several=len(videos) > 1))
        for video, paths in zip(videos, output.plan(videos), strict=True)
    ]
    status = run(jobs, request, terminal)
    if status:
        raise typer.Exit(status)
