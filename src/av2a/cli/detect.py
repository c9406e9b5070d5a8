"""``av2a detect``: videos and names become events."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from av2a.cli.common_options import DebugOption, QuietOption, VerboseOption
from av2a.cli.help_text import Example
from av2a.cli.inputs import check_given
from av2a.cli.model_options import (
    AudioModelOption,
    BackboneOption,
    DetectWeightsOption,
    DeviceOption,
    PrecisionOption,
    VisualModelOption,
    chosen_models,
)
from av2a.cli.names import asked_names
from av2a.cli.outputs import check_outputs, planned_outputs, scores_of
from av2a.cli.setting_options import chosen_limits, chosen_settings
from av2a.errors import UsageError
from av2a.settings import PROFILES

EXAMPLES = (
    Example('av2a detect clip.mp4 --events "dog barking, speech, siren"', "when are these heard, seen, and both?"),
    Example("av2a detect clip.mp4 -l siren -o siren.json -o siren.html", "keep the answer, as data and as a page"),
    Example("av2a detect *.mp4 --events-file names.txt -o 'out/{name}.csv'", "many videos, names from a file"),
    Example("av2a detect clip.mp4 -l 'dog, siren' --json | jq '.events[].label'", "for a pipe"),
    Example("av2a detect clip.mp4 -l siren --backbone siglip2+clap --device cuda", "other models, on a GPU"),
    Example("av2a detect clip.mp4 -l siren --profile released --set decay=1.5", "another reading of the method"),
    Example("av2a detect clip.mp4 --scores clip.npz --set initial_threshold=0.6", "by another model's scores"),
    Example("av2a detect clip.mp4 -l siren --settings siren.json", "once more, as a result says that it was made"),
)

_WHAT, _HOW, _WHERE, _CHECK = "What to look for", "How", "Where the answer goes", "Without detecting anything"


def _profile_names() -> list[str]:
    return list(PROFILES)


Videos = Annotated[
    list[Path] | None,
    typer.Argument(metavar="VIDEO", help="Files with pictures, sound, or both.", show_default=False),
]
Events = Annotated[
    list[str] | None,
    typer.Option("--events", "-l", metavar="NAMES", help="Event names, separated by commas.", rich_help_panel=_WHAT),
]
Event = Annotated[
    list[str] | None,
    typer.Option(
        "--event", metavar="NAME", help="One name as it is, commas and all; may be repeated.", rich_help_panel=_WHAT
    ),
]
EventsFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A text file of names, one a line; # starts a remark.", rich_help_panel=_WHAT),
]
Profile = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        envvar="AV2A_PROFILE",
        autocompletion=_profile_names,
        help=f"The reading of the method: {', '.join(PROFILES)}. Without it: practical.",
        rich_help_panel=_HOW,
    ),
]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings", metavar="FILE", help="Settings in TOML or JSON, or an earlier result's.", rich_help_panel=_HOW
    ),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Change one setting; may be repeated.", rich_help_panel=_HOW),
]
VideoStream = Annotated[
    int | None, typer.Option(metavar="INDEX", help="The picture track to use, of several.", rich_help_panel=_HOW)
]
AudioStream = Annotated[
    int | None, typer.Option(metavar="INDEX", help="The sound track to use, of several.", rich_help_panel=_HOW)
]
LimitAssignments = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="NAME=VALUE",
        help="Move a ceiling on what is opened: file_bytes, duration_seconds, streams, frame_pixels, channels, "
        "sample_rate_hz, labels.",
        rich_help_panel=_HOW,
    ),
]
Outputs = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="Write a file, in the format of its ending: .json .csv .vtt .png .svg .html; may be repeated. "
        "{name} stands for the video's name.",
        rich_help_panel=_WHERE,
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="JSON on stdout, one line a video when there are several.", rich_help_panel=_WHERE),
]
ScoresOption = Annotated[
    str | None,
    typer.Option(
        "--scores",
        metavar="FILE",
        help="Take another model's scores instead of a backbone's: a .npz file (docs/scores.md); {name} stands for the video's name.",
        rich_help_panel="Models",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Write over files that are already there.", rich_help_panel=_WHERE)
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check everything, say what would be done, and stop.", rich_help_panel=_CHECK)
]
PrintSettings = Annotated[
    bool,
    typer.Option(
        "--print-settings", help="Print the settings as JSON for --settings, and stop.", rich_help_panel=_CHECK
    ),
]


def detect(
    videos: Videos = None,
    events: Events = None,
    event: Event = None,
    events_file: EventsFile = None,
    backbone: BackboneOption = None,
    visual_model: VisualModelOption = None,
    audio_model: AudioModelOption = None,
    weights: DetectWeightsOption = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = None,
    scores: ScoresOption = None,
    profile: Profile = None,
    settings_file: SettingsFile = None,
    assignments: Assignments = None,
    video_stream: VideoStream = None,
    audio_stream: AudioStream = None,
    limits: LimitAssignments = None,
    outputs: Outputs = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    dry_run: DryRun = False,
    print_settings: PrintSettings = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    debug: DebugOption = False,
) -> None:
    """Say when each of the named events is heard, seen, and both.

    The answer goes to stdout, as a table and a time line or as JSON; everything else is said on stderr.
    """
    # Everything that can be refused without opening a file or loading a model is refused first.
    if not print_settings:
        check_given(videos or [])
    from av2a.cli.batch import Asked, Job, run
    from av2a.cli.terminal import Talk, Terminal
    from av2a.detector import checked_labels

    if scores is not None and backbone not in (None, os.environ.get("AV2A_BACKBONE")):
        raise UsageError("--scores stands in a backbone's place: leave --backbone out")
    models = chosen_models(
        backbone,
        device=device,
        precision=precision,
        visual_model=visual_model,
        audio_model=audio_model,
        weights=weights,
    )
    settings = chosen_settings(profile, settings_file, assignments or [], backbone=models.name)
    if print_settings:
        typer.echo(json.dumps(settings.as_dict(), ensure_ascii=False, indent=2))
        return
    given = videos or []
    ceilings = chosen_limits(limits or [])
    labels: tuple[str, ...] = ()
    if scores is None or events or event or events_file is not None:
        labels = checked_labels(asked_names(events or [], event or [], events_file), ceilings)
    plan = planned_outputs(given, outputs or [])
    check_outputs(plan, overwrite=overwrite)
    asked = Asked(
        labels=labels,
        models=models,
        settings=settings,
        limits=ceilings,
        video_stream=video_stream,
        audio_stream=audio_stream,
        overwrite=overwrite,
        as_json=as_json,
        dry_run=dry_run,
        debug=debug,
    )
    jobs = [
        Job(video, paths, scores_of(video, scores, several=len(given) > 1))
        for video, paths in zip(given, plan, strict=True)
    ]
    status = run(jobs, asked, Terminal(Talk.chosen(quiet=quiet, verbose=verbose)))
    if status:
        raise typer.Exit(status)
