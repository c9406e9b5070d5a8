"""Options of where results go, for one video or for many."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from av2a.cli.common_options import WHERE
from av2a.errors import OutputRefused, UsageError, one_line

NAME = "{name}"
"""Stands for a video's name without its ending."""


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
            OutputRefused, UnknownName, MissingDependency: as :func:`planned_outputs` and :func:`check_outputs`.
        """
        plan = planned_outputs(videos, self.outputs)
        check_outputs(plan, overwrite=self.overwrite)
        return plan


def planned_outputs(videos: Sequence[Path], outputs: Sequence[str]) -> list[tuple[Path, ...]]:
    """The files to write for each video, in the order of ``outputs``.

    Raises:
        OutputRefused: two results would be written to one place, or "-" is asked for.

    >>> [[path.as_posix() for path in paths] for paths in planned_outputs([Path("a.mp4")], ["out/{name}.json"])]
    [['out/a.json']]
    """
    if "-" in outputs:
        raise OutputRefused("output '-' names no format: for JSON on stdout use --json")
    plan = [tuple(Path(output.replace(NAME, video.stem)) for output in outputs) for video in videos]
    writers: dict[Path, Path] = {}
    for video, paths in zip(videos, plan, strict=True):
        for path in paths:
            _claim(path, video, writers)
    return plan


def scores_of(video: Path, scores: str | None, *, several: bool) -> Path | None:
    """The file of a video's scores.

    Raises:
        UsageError: one file for several videos.

    >>> scores_of(Path("a.mp4"), "scores/{name}.npz", several=True).as_posix()
    'scores/a.npz'
    """
    if scores is None:
        return None
    if several and NAME not in scores:
        raise UsageError(f"--scores names one file for several videos: put {NAME} into it")
    return Path(scores.replace(NAME, video.stem))


def _claim(path: Path, video: Path, writers: dict[Path, Path]) -> None:
    shown = one_line(str(path))
    if path in writers and writers[path] is video:
        raise OutputRefused(f"output {shown!r} is asked for twice: leave one out")
    if path in writers:
        first, second = (one_line(str(name)) for name in (writers[path], video))
        raise OutputRefused(
            f"{first!r} and {second!r} would both be written to {shown!r}: put {NAME} into the output's name, "
            "and give videos of one name in separate runs"
        )
    if path.exists() and video.exists() and path.samefile(video):
        raise OutputRefused(f"output {shown!r} is the video itself: choose another name")
    writers[path] = video


def check_outputs(plan: Sequence[Sequence[Path]], *, overwrite: bool) -> None:
    """Refuse every place that could not be written, before any work is done.

    Raises:
        OutputRefused, UnknownName, MissingDependency: as :func:`av2a.exports.check_output`.
    """
    from av2a.exports import check_output

    for paths in plan:
        for path in paths:
            check_output(path, overwrite=overwrite)
