"""Options of where results go, for one video or for many."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from av2a.cli.common_options import WHERE
from av2a.cli.failure import print_failure
from av2a.errors import OutputRefused, UsageError, one_line

if TYPE_CHECKING:
    from av2a.types import Detection, Event

NAME = "{name}"
"""Stands for a video's name without its ending."""

SCORES_ENDING = ".npz"

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True)
class OutputOptions:
    """The files to write for each video, and what is printed."""

    outputs: Annotated[
        list[str],
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="Write a file, in the format of its ending: .json .csv .vtt .png .svg .html; may be repeated. "
            "{name} stands for the video's name.",
            rich_help_panel=WHERE,
        ),
    ] = field(default_factory=list)
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that already exist.", rich_help_panel=WHERE)
    ] = False
    as_json: Annotated[
        bool,
        typer.Option("--json", help="JSON on stdout, one line a video when there are several.", rich_help_panel=WHERE),
    ] = False

    def plan(self, videos: Sequence[Path]) -> list[tuple[Path, ...]]:
        """The files to write for each video, each found to be one that can be written.

        Raises:
            OutputRefused, UnknownName, MissingDependency: as :func:`planned_outputs` and :func:`av2a.exports.check_output`.
        """
        from av2a.exports import check_output

        plan = planned_outputs(videos, self.outputs)
        for path in (path for paths in plan for path in paths):
            check_output(path, overwrite=self.overwrite)
        return plan


@dataclass(frozen=True)
class DetectOutputOptions(OutputOptions):
    """The files to write for each video, its scores among them."""

    save_scores: Annotated[
        str | None,
        typer.Option(
            "--save-scores",
            metavar="FILE",
            help="Write the scores of the segments (.npz), for --scores; {name} stands for the video's name.",
            rich_help_panel=WHERE,
        ),
    ] = None

    def plan(self, videos: Sequence[Path]) -> list[tuple[Path, ...]]:
        """As :meth:`OutputOptions.plan`, and the file of scores last."""
        from av2a.exports.files import check_file

        if self.save_scores is None:
            return super().plan(videos)
        super().plan(videos)
        plan = planned_outputs(videos, [*self.outputs, self.save_scores])
        for *_, path in plan:
            check_file(path, [SCORES_ENDING], overwrite=self.overwrite)
        return plan


@dataclass(frozen=True)
class TruthOptions:
    """What is true of the videos."""

    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth",
            metavar="FILE",
            help="Draw what is true below what is found: a table, or a folder, as for evaluate --annotations.",
            rich_help_panel=WHERE,
        ),
    ] = None


def planned_outputs(videos: Sequence[Path], outputs: Sequence[str]) -> list[tuple[Path, ...]]:
    """The files to write for each video, in the order of ``outputs``.

    Raises:
        OutputRefused: two results would be written to one file, a placeholder is unknown, or the output is "-".

    >>> [[path.as_posix() for path in paths] for paths in planned_outputs([Path("a.mp4")], ["out/{name}.json"])]
    [['out/a.json']]
    """
    if "-" in outputs:
        raise OutputRefused("output '-' names no format: for JSON on stdout use --json")
    plan = [tuple(_named(output, video) for output in outputs) for video in videos]
    writers: dict[Path, Path] = {}
    for video, paths in zip(videos, plan, strict=True):
        for path in paths:
            _claim(path, video, writers)
    return plan


def scores_of(video: Path, scores: str | None, *, several: bool) -> Path | None:
    """The file of a video's scores.

    Raises:
        UsageError: one file for several videos.
        OutputRefused: an unknown placeholder.

    >>> scores_of(Path("a.mp4"), "scores/{name}.npz", several=True).as_posix()
    'scores/a.npz'
    """
    if scores is None:
        return None
    if several and NAME not in scores:
        raise UsageError(f"--scores names one file for several videos: put {NAME} into it")
    return _named(scores, video)


def _named(template: str, video: Path) -> Path:
    """The path for a video."""
    unknown = [found for found in _PLACEHOLDER.findall(template) if found != NAME]
    if unknown:
        raise OutputRefused(f"unknown placeholder {unknown[0]!r} in {one_line(template)!r}: only {NAME} is replaced")
    return Path(template.replace(NAME, video.stem))


def _claim(path: Path, video: Path, writers: dict[Path, Path]) -> None:
    shown = one_line(str(path))
    if path in writers and writers[path] is video:
        raise OutputRefused(f"output {shown!r} is named twice: leave one out")
    if path in writers:
        first, second = (one_line(str(name)) for name in (writers[path], video))
        raise OutputRefused(
            f"{first!r} and {second!r} would both be written to {shown!r}: put {NAME} into the output's name, "
            "and give videos of one name in separate runs"
        )
    if _is_same_file(path, video):
        raise OutputRefused(f"output {shown!r} is the video itself: choose another name")
    writers[path] = video


def _is_same_file(path: Path, video: Path) -> bool:
    try:
        return path.samefile(video)
    except OSError:
        # One is missing, or has a name that no file can have, which is refused when the outputs are checked.
        return False


def write_all(
    detection: "Detection", paths: Sequence[Path], truth: Sequence["Event"] = (), *, overwrite: bool, debug: bool
) -> list[Path]:
    """Write an answer to each path; one that cannot be written is reported, and left out of those returned."""
    from av2a.exports import write
    from av2a.exports.scores import save_scores

    written = []
    for path in paths:
        try:
            if path.suffix.lower() == SCORES_ENDING:
                save_scores(detection, path, overwrite=overwrite)
            else:
                write(detection, path, overwrite=overwrite, truth=truth)
            written.append(path)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other files are written
            print_failure(error, debug=debug, about=path.name)
    return written
