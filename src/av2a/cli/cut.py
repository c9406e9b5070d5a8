"""``av2a cut``: the moments of an answer as clips, a contact sheet and a reel."""

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from av2a.cli.command import command
from av2a.cli.common_options import WHERE, TalkOptions
from av2a.cli.exit_status import ExitStatus
from av2a.cli.failure import exit_status, print_failure
from av2a.cli.help_text import Example
from av2a.cli.inputs import check_exists
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

SCHEMA = "av2a/cut/1"


class StreamWord(Enum):
    """A stream as a user names it."""

    HEARD = "heard"
    SEEN = "seen"
    BOTH = "both"


@dataclass(frozen=True)
class MomentOptions:
    """Which moments are cut."""

    answer: Annotated[
        Path, typer.Argument(metavar="ANSWER", help="A JSON file that av2a detect wrote.", show_default=False)
    ]
    labels: Annotated[
        list[str], typer.Option("--label", metavar="NAME", help="Events of this label only; may be repeated.")
    ] = field(default_factory=list)
    streams: Annotated[
        list[StreamWord], typer.Option("--stream", help="Events that are heard, seen or both only; may be repeated.")
    ] = field(default_factory=list)
    pad: Annotated[float, typer.Option(min=0.0, metavar="SECONDS", help="How much more to keep at either end.")] = 0.0
    exact: Annotated[
        bool,
        typer.Option(
            "--exact", help="Encode (H.264, AAC) instead of copying: slower, for editors that ignore edit lists."
        ),
    ] = False
    video: Annotated[
        Path | None,
        typer.Option("--video", metavar="FILE", help="The answer's video, where it is not beside the answer."),
    ] = None

    def moments(self, detection: Detection) -> list[Moment]:
        """The moments of an answer that were chosen."""
        words = {word.value for word in self.streams} or {modality.word for modality in Modality}
        streams = [modality for modality in Modality if modality.word in words]
        return moments(detection, labels=self.labels, streams=streams, pad_seconds=self.pad)


@dataclass(frozen=True)
class CutOutputOptions:
    """Where clips, sheet and reel go."""

    folder: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="A folder for the clips.", rich_help_panel=WHERE),
    ] = None
    sheet: Annotated[
        Path | None,
        typer.Option(
            "--sheet", metavar="FILE", help="A contact sheet (.png .jpg): a frame of each event.", rich_help_panel=WHERE
        ),
    ] = None
    reel: Annotated[
        Path | None,
        typer.Option(
            "--reel",
            metavar="FILE",
            help="Join the moments of one label (.mp4, or .m4a without a picture).",
            rich_help_panel=WHERE,
        ),
    ] = None
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that already exist.", rich_help_panel=WHERE)
    ] = False
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout.", rich_help_panel=WHERE)] = False


@command(
    Example("av2a cut answer.json -o clips", "each event as a clip"),
    Example(
        "av2a cut answer.json -o clips --label 'dog barking' --stream both --pad 0.5", "some of them, a little longer"
    ),
    Example("av2a cut answer.json --sheet park.png", "one frame of each event"),
    Example("av2a cut answer.json --label 'dog barking' --reel barks.mp4", "all barks, one after another"),
)
def cut(chosen: MomentOptions, output: CutOutputOptions, talk: TalkOptions) -> None:
    """Cut the moments of an answer out of its video.

    Clips are lossless copies, frame by frame right where MP4 or MOV holds the video's codecs; elsewhere a copy may start
    early, and it says by how much. The written files are listed on stdout.
    """
    terminal = talk.terminal()
    if output.folder is None and output.sheet is None and output.reel is None:
        raise UsageError("nothing to write: name a folder with -o DIR, or --sheet FILE, or --reel FILE")
    check_exists(chosen.answer)
    detection = read(chosen.answer)
    found = chosen.moments(detection)
    clip = _clip(detection, chosen, terminal)
    job = _Job(clip, found, chosen.exact, output, terminal, debug=talk.debug)
    job.check()
    job.run()
    _show(job, detection)
    if not found:
        terminal.say("no events to cut")
    if job.errors:
        statuses = {exit_status(error) for error in job.errors}
        raise typer.Exit(statuses.pop() if len(statuses) == 1 and not job.files else ExitStatus.SOME_FAILED)


def _clip(detection: Detection, chosen: MomentOptions, terminal: Terminal) -> Clip:
    """The answer's video, opened.

    Raises:
        MissingFile: it is neither named, nor beside the answer, nor in the current folder.
    """
    about = detection.clip
    if chosen.video is None:
        places = [folder / about.name for folder in (chosen.answer.parent, Path())]
        path = next((path for path in places if path.is_file() and path.stat().st_size == about.size_bytes), None)
        if path is None:
            there = "another file of that name is" if any(path.is_file() for path in places) else "it is not"
            raise MissingFile(
                f"cannot find the video {one_line(about.name)!r} of this answer ({about.size_bytes} bytes): {there} beside the "
                "answer; name it with --video FILE"
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
    """The files to write, and those that are written."""

    clip: Clip
    moments: list[Moment]
    exact: bool
    output: CutOutputOptions
    terminal: Terminal
    debug: bool
    cuts: list[tuple[Moment, Cut]] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def path(self, moment: Moment) -> Path:
        """The file of a clip."""
        assert self.output.folder is not None
        return self.output.folder / (moment.name + cut_ending(self.clip, exact=self.exact))

    def check(self) -> None:
        """Refuse what cannot be written, before anything is.

        Raises:
            UsageError: there are several labels for one reel.
            UnknownName, OutputRefused, InvalidSetting, NoStreams: a file that cannot be written.
        """
        output = self.output
        labels = {moment.event.label for moment in self.moments}
        paths = [] if output.folder is None else [self.path(moment) for moment in self.moments]
        endings = {path: path.suffix for path in paths}
        if output.sheet is not None:
            if self.clip.video is None:
                raise NoStreams(f"{one_line(self.clip.name)!r} has no picture: leave out --sheet")
            check_count(len(self.moments))
            endings |= {output.sheet: ".png" if output.sheet.suffix.lower() != ".jpg" else ".jpg"}
        if output.reel is not None:
            if len(labels) > 1:
                raise UsageError(
                    f"a reel joins the moments of one label, and there are {len(labels)}: choose one with --label"
                )
            endings |= {output.reel: cut_ending(self.clip, exact=True)}
        if output.sheet is not None and output.sheet == output.reel:
            raise OutputRefused("sheet and reel are one file: choose another name for one of them")
        for path, ending in endings.items():
            check_file(path, [ending], overwrite=output.overwrite)
            if path.exists() and path.samefile(self.clip.path):
                raise OutputRefused(f"output {one_line(str(path))!r} is the video itself: choose another name")

    def run(self) -> None:
        """Write everything; what fails is reported, and the others are written."""
        with self.terminal.progress(self.clip.name) as report:
            if self.output.folder is not None:
                # Also where no event was found: a script that lists it finds it empty.
                _make_folder(self.output.folder)
                for done, moment in enumerate(self.moments):
                    report("clips", done, len(self.moments))
                    self._try(self._cut, moment)
            if self.output.sheet is not None and self.moments:
                report("contact sheet", 0, 1)
                self._try(self._write_sheet, self.output.sheet)
            if self.output.reel is not None and self.moments:
                report("reel", 0, 1)
                self._try(self._write_reel, self.output.reel)

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
        join(self.clip, united(self.moments), path, overwrite=self.output.overwrite)
        self.files.append(path)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as refused:
        raise OutputRefused(
            f"cannot make {one_line(str(folder))!r} ({refused.strerror}): choose another place"
        ) from refused


def _show(job: _Job, detection: Detection) -> None:
    """Print the list of written files."""
    if not job.output.as_json:
        for path in job.files:
            job.terminal.show_text(f"{path}\n")
        return
    written = set(job.files)
    job.terminal.show_json(
        {
            "schema": SCHEMA,
            "video": str(job.clip.path),
            "clips": [_plain(moment, made) for moment, made in job.cuts],
            "sheet": str(job.output.sheet) if job.output.sheet in written else None,
            "reel": str(job.output.reel) if job.output.reel in written else None,
            "failed": len(job.errors),
        }
    )


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
