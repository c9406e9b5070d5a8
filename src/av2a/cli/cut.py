"""``av2a cut``: the moments of answers as clips, contact sheets and reels."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from av2a.cli.command import command, flag, option
from av2a.cli.common_options import WHERE, TalkOptions
from av2a.cli.exit_status import ExitStatus
from av2a.cli.failure import exit_status, print_failure
from av2a.cli.help_text import Example
from av2a.cli.inputs import check_exists
from av2a.cli.outputs import planned_outputs
from av2a.cli.report import AnswerArguments
from av2a.cli.terminal import Terminal
from av2a.errors import MissingFile, NoStreams, OutputRefused, UsageError, one_line
from av2a.exports.files import check_file, write_whole
from av2a.exports.json import read
from av2a.figures.contact_sheet import Tile, check_count, write_sheet
from av2a.media import (
    Cut,
    Moment,
    cut_ending,
    decode_frames,
    join,
    moments,
    open_clip,
    united,
)
from av2a.media import (
    cut as cut_clip,
)
from av2a.types import Clip, Detection, Modality
from av2a.wording import counted

SCHEMA = "av2a/cut/1"


@dataclass(frozen=True)
class MomentOptions:
    """Which moments are cut."""

    labels: list[str] = option("NAME", "Events of this label only; may be repeated.", "--label", default=[])
    streams: list[str] = option(
        "NAME",
        "Events that are heard, seen or both only; may be repeated.",
        "--stream",
        default=[],
        autocompletion=lambda: [modality.word for modality in Modality],
    )
    pad: float = option("SECONDS", "How much more to keep at either end.", default=0.0, min=0.0)
    exact: bool = flag("Encode (H.264, AAC) instead of copying: slower, for editors that ignore edit lists.", "--exact")
    video: Path | None = option("PATH", "The answer's video, or its folder, where it is not beside the answer.")

    def moments(self, detection: Detection, taken: set[str]) -> list[Moment]:
        """The moments of an answer that were chosen, named as nothing in ``taken``, which gets their names."""
        return moments(detection, labels=self.labels, streams=self.modalities(), pad_seconds=self.pad, taken=taken)

    def modalities(self) -> list[Modality]:
        """The streams whose events are cut.

        Raises:
            UnknownName: a stream is called otherwise.
        """
        return [Modality.named(word) for word in self.streams] or list(Modality)


@dataclass(frozen=True)
class CutOutputOptions:
    """Where clips, sheets and reels go."""

    panel = WHERE
    folder: Path | None = option("DIR", "A folder for the clips.", "--output -o")
    sheet: str | None = option(
        "FILE", "A contact sheet (.png .jpg): a frame of each event. {name} stands for the answer's name."
    )
    reel: str | None = option(
        "FILE",
        "Join the moments of one label (.mp4, or .m4a without a picture). {name} stands for the answer's name.",
    )
    overwrite: bool = flag("Replace files that already exist.", "--overwrite")
    as_json: bool = flag("JSON on stdout.", "--json")


@command(
    Example("av2a cut answer.json -o clips", "each event as a clip"),
    Example(
        "av2a cut answer.json -o clips --label 'dog barking' --stream both --pad 0.5", "some of them, a little longer"
    ),
    Example("av2a cut answer.json --sheet park.png", "one frame of each event"),
    Example("av2a cut answer.json --label 'dog barking' --reel barks.mp4", "all barks, one after another"),
    Example("av2a cut out/*.json -o clips --sheet 'sheets/{name}.png'", "of many answers"),
)
def cut(given: AnswerArguments, chosen: MomentOptions, output: CutOutputOptions, talk: TalkOptions) -> None:
    """Cut the moments of answers out of their videos.

    Clips are lossless copies, frame by frame right where MP4 or MOV holds the video's codecs; elsewhere a copy may start
    early, and it says by how much. The written files are listed on stdout. An answer that cannot be used does not stop the others.
    """
    terminal = talk.terminal()
    if output.folder is None and output.sheet is None and output.reel is None:
        raise UsageError("nothing to write: name a folder with -o DIR, or --sheet FILE, or --reel FILE")
    if len(given.answers) > 1 and chosen.video is not None and not chosen.video.is_dir():
        raise UsageError("--video names one file for several answers: name the folder that has their videos")
    chosen.modalities()
    plan = planned_outputs(given.answers, [name for name in (output.sheet, output.reel) if name is not None])
    jobs: list[_Job] = []
    failures: list[Exception] = []
    taken: set[str] = set()
    for answer, paths in zip(given.answers, plan, strict=True):
        try:
            check_exists(answer)
            detection = read(answer)
            clip = _clip(detection, answer, chosen, terminal)
            found = chosen.moments(detection, taken)
            sheet = None if output.sheet is None else paths[0]
            reel = None if output.reel is None else paths[-1]
            jobs.append(_Job(answer, clip, found, chosen.exact, output, terminal, talk.debug, sheet, reel))
        except Exception as error:  # noqa: BLE001 - whatever it is, the other answers are used
            failures.append(error)
            print_failure(error, debug=talk.debug, about=answer.name)
    for job in jobs:
        job.check()
    if output.folder is not None and jobs:
        # Also where no event was found: a script that lists it finds it empty.
        _make_folder(output.folder)
    for job in jobs:
        job.run()
        if not job.moments:
            terminal.say("no events to cut" if len(given.answers) == 1 else f"{job.answer.name}: no events to cut")
    _show(jobs, len(failures), terminal, as_json=output.as_json)
    errors = failures + [error for job in jobs for error in job.errors]
    if errors and len(given.answers) > 1:
        terminal.fail(f"av2a: {counted(len(errors), 'failure')} in {len(given.answers)} answers")
    if errors:
        raise typer.Exit(_status(jobs, errors))


def _status(jobs: Sequence["_Job"], errors: Sequence[Exception]) -> int:
    """The exit status of a run with errors: their own where nothing else was done."""
    statuses = {exit_status(error) for error in errors}
    if any(job.files or not job.errors for job in jobs):
        return ExitStatus.SOME_FAILED
    if len(statuses) == 1:
        return statuses.pop()
    return ExitStatus.SOME_FAILED if jobs else ExitStatus.NO_INPUT


def _clip(detection: Detection, answer: Path, chosen: MomentOptions, terminal: Terminal) -> Clip:
    """The answer's video, opened.

    Raises:
        MissingFile: it is neither named, nor beside the answer, nor in the current folder.
    """
    about = detection.clip
    if chosen.video is None or chosen.video.is_dir():
        folders = [answer.parent, Path()] if chosen.video is None else [chosen.video]
        places = [folder / about.name for folder in folders]
        path = next((path for path in places if path.is_file() and path.stat().st_size == about.size_bytes), None)
        if path is None:
            there = "another file of that name is" if any(path.is_file() for path in places) else "it is not"
            where = "beside the answer" if chosen.video is None else f"in {one_line(str(chosen.video))!r}"
            raise MissingFile(
                f"cannot find the video {one_line(about.name)!r} of this answer ({about.size_bytes} bytes): {there} {where}; "
                "name it with --video FILE"
            )
    else:
        path = chosen.video
        check_exists(path)
    if path.stat().st_size != about.size_bytes:
        terminal.warn(
            f"{path.name} is not the file that the answer is about ({path.stat().st_size} bytes, not {about.size_bytes}): "
            "it is cut at the answer's times"
        )
        return open_clip(path)
    video, audio = (None if stream is None else stream.index for stream in (about.video, about.audio))
    return open_clip(path, video_stream=video, audio_stream=audio)


@dataclass
class _Job:
    """The files of one answer: those to write, and those that are written."""

    answer: Path
    clip: Clip
    moments: list[Moment]
    exact: bool
    output: CutOutputOptions
    terminal: Terminal
    debug: bool
    sheet: Path | None
    reel: Path | None
    cuts: list[tuple[Moment, Cut]] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.sheet is not None:
            if self.clip.video is None:
                raise NoStreams(f"{one_line(self.clip.name)!r} has no picture: leave out --sheet")
            check_count(len(self.moments))

    def path(self, moment: Moment) -> Path:
        """The file of a clip."""
        assert self.output.folder is not None
        return self.output.folder / (moment.name + cut_ending(self.clip, exact=self.exact))

    def check(self) -> None:
        """Refuse what cannot be written, before anything is.

        Raises:
            UsageError: there are several labels for one reel.
            UnknownName, OutputRefused: a file that cannot be written.
        """
        labels = {moment.event.label for moment in self.moments}
        paths = [] if self.output.folder is None else [self.path(moment) for moment in self.moments]
        endings = {path: path.suffix for path in paths}
        if self.sheet is not None:
            endings |= {self.sheet: ".png" if self.sheet.suffix.lower() != ".jpg" else ".jpg"}
        if self.reel is not None:
            if len(labels) > 1:
                raise UsageError(
                    f"a reel joins the moments of one label, and there are {len(labels)}: choose one with --label"
                )
            endings |= {self.reel: cut_ending(self.clip, exact=True)}
        for path, ending in endings.items():
            check_file(path, [ending], overwrite=self.output.overwrite)
            if path.exists() and path.samefile(self.clip.path):
                raise OutputRefused(f"output {one_line(str(path))!r} is the video itself: choose another name")

    def run(self) -> None:
        """Write everything; what fails is reported, and the others are written."""
        with self.terminal.progress(self.clip.name) as report:
            if self.output.folder is not None:
                for done, moment in enumerate(self.moments):
                    report("clips", done, len(self.moments))
                    self._try(self._cut, moment)
            if self.sheet is not None and self.moments:
                report("contact sheet", 0, 1)
                self._try(self._write_sheet, self.sheet)
            if self.reel is not None and self.moments:
                report("reel", 0, 1)
                self._try(self._write_reel, self.reel)

    def as_dict(self) -> dict[str, Any]:
        """What was written, as plain values."""
        sheet, reel = (str(path) if path in self.files else None for path in (self.sheet, self.reel))
        clips = [_plain(moment, made) for moment, made in self.cuts]
        return {"answer": str(self.answer), "video": str(self.clip.path), "clips": clips, "sheet": sheet, "reel": reel}

    def _try(self, write: Any, about: Any) -> None:
        try:
            write(about)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other files are written
            self.errors.append(error)
            print_failure(error, debug=self.debug, about=about.name)

    def _cut(self, moment: Moment) -> None:
        path = self.path(moment)
        made = cut_clip(
            self.clip,
            moment.start_seconds,
            moment.stop_seconds,
            path,
            exact=self.exact,
            overwrite=self.output.overwrite,
        )
        self.cuts.append((moment, made))
        self.files.append(path)
        if made.note is not None:
            self.terminal.warn(f"{path.name}: {made.note}")
        if made.starts_early_seconds > 0:
            self.terminal.warn(
                f"{path.name}: starts {made.starts_early_seconds:.3f} s early; cut it with --exact to avoid that"
            )

    def _write_sheet(self, path: Path) -> None:
        events = [moment.event for moment in self.moments]
        middles = {index: (event.start_seconds + event.stop_seconds) / 2 for index, event in enumerate(events)}
        order = sorted(middles, key=lambda index: middles[index])
        pictures = decode_frames(self.clip, [middles[index] for index in order])
        tiles = {
            index: Tile.of(events[index], None if picture is None else picture.pixels)
            for index, picture in zip(order, pictures, strict=True)
        }
        drawn = [tiles[index] for index in range(len(events))]
        write_whole(path, lambda partial: write_sheet(drawn, partial), overwrite=self.output.overwrite)
        self.files.append(path)

    def _write_reel(self, path: Path) -> None:
        _make_folder(path.parent)
        loss = join(self.clip, united(self.moments), path, overwrite=self.output.overwrite)
        self.files.append(path)
        if loss is not None:
            self.terminal.warn(f"{path.name}: {loss}")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as refused:
        raise OutputRefused(
            f"cannot make {one_line(str(folder))!r} ({refused.strerror}): choose another place"
        ) from refused


def _show(jobs: Sequence[_Job], unusable: int, terminal: Terminal, *, as_json: bool) -> None:
    """Print the list of written files; ``unusable`` answers have none."""
    if not as_json:
        for path in (path for job in jobs for path in job.files):
            terminal.show_text(f"{path}\n")
        return
    failed = unusable + sum(len(job.errors) for job in jobs)
    terminal.show_json({"schema": SCHEMA, "answers": [job.as_dict() for job in jobs], "failed": failed})


def _plain(moment: Moment, made: Cut) -> dict[str, Any]:
    event = moment.event
    return {
        "file": str(made.path),
        "label": event.label,
        "modality": event.modality.value,
        "start": event.start_seconds,
        "end": event.stop_seconds,
        "confidence": event.confidence,
        "clip_start": round(made.start_seconds - made.starts_early_seconds, 3),
        "clip_end": round(made.stop_seconds + made.ends_late_seconds, 3),
        "method": made.method.value,
        "starts_early_seconds": made.starts_early_seconds,
        "ends_late_seconds": made.ends_late_seconds,
        "video": made.has_video,
        "audio": made.has_audio,
        "note": made.note,
    }
