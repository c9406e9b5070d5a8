"""``av2a detect``: find the events of videos by their names."""

import os
from dataclasses import dataclass
from pathlib import Path

import typer

from av2a.cli.command import argument, command, flag, option
from av2a.cli.common_options import StoreOptions, TalkOptions
from av2a.cli.help_text import Example
from av2a.cli.inputs import check_exists, lines_in
from av2a.cli.model_options import MODELS, ModelOptions
from av2a.cli.outputs import DetectOutputOptions, TruthOptions, scores_of
from av2a.cli.setting_options import MediaOptions, SettingOptions
from av2a.errors import InvalidLabels, UsageError


@dataclass(frozen=True)
class LabelOptions:
    """The labels, given in any of three ways."""

    panel = "What to look for"
    events: list[str] = option("NAMES", "Event names, separated by commas.", "--events -l", default=[])
    event: list[str] = option("NAME", "One name as it is, commas and all; may be repeated.", default=[])
    events_file: Path | None = option("FILE", "A text file, one name a line; # starts a comment.")

    @property
    def given(self) -> bool:
        """Whether any option names labels."""
        return bool(self.events or self.event or self.events_file)

    def labels(self) -> list[str]:
        """All names, those of ``--events`` first, then ``--event``, then the file's; case and order are kept.

        Raises:
            InvalidLabels: no names, or a file that is not text.
            MissingFile: no such file.

        >>> LabelOptions(["dog barking, Speech"], ["rain, heavy"]).labels()
        ['dog barking', 'Speech', 'rain, heavy']
        """
        names = [name.strip() for text in self.events for name in text.split(",")] + self.event
        if self.events_file is not None:
            names += lines_in(self.events_file, "event names", option="--events-file", refusal=InvalidLabels)
        if not names:
            raise InvalidLabels(
                "no event names: give some with --events 'dog barking, speech' or --events-file names.txt"
            )
        return names


WITHOUT = "Without detecting anything"


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
    *,
    videos: list[Path] = argument("VIDEO", "Files with video, audio, or both.", default=[]),
    what: LabelOptions,
    models: ModelOptions,
    scores: str | None = option(
        "FILE",
        "Use another model's scores instead of a backbone: a .npz file (docs/scores.md); {name} stands for the video's name.",
        panel=MODELS,
    ),
    how: SettingOptions,
    media: MediaOptions,
    output: DetectOutputOptions,
    known: TruthOptions,
    dry_run: bool = flag("Check everything, print what would be done, and stop.", "--dry-run", panel=WITHOUT),
    print_settings: bool = flag(
        "Print the settings as JSON for --settings, and stop.", "--print-settings", panel=WITHOUT
    ),
    kept: StoreOptions,
    talk: TalkOptions,
) -> None:
    """Find when each event is heard, seen, and both.

    The answer goes to stdout, as a table and a time line or as JSON; everything else is printed on stderr.
    """
    # Everything that can be refused without opening a file or loading a model is refused first.
    if not print_settings:
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
    if print_settings:
        talk.terminal().show_json(settings.as_dict())
        return
    # Imported once the call is known to be a good one: they load NumPy and the media library.
    from av2a.cli.detect_videos import Job, Request, run
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
        dry_run=dry_run,
        debug=talk.debug,
    )
    jobs = [
        Job(video, paths, scores_of(video, scores, several=len(videos) > 1))
        for video, paths in zip(videos, output.plan(videos), strict=True)
    ]
    status = run(jobs, request, terminal)
    if status:
        raise typer.Exit(status)
