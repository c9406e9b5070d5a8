"""Options of where the answers about videos go, and the files of each video."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from av2a.cli.command import flag, option
from av2a.cli.common_options import WHERE
from av2a.cli.failure import print_failure
from av2a.errors import OutputRefused, UsageError, one_line

if TYPE_CHECKING:
    from av2a.types import Detection, Event

NAME = "{name}"
"""Stands for a video's name without its ending."""

SCORES_ENDING = ".npz"


@dataclass(frozen=True)
class OutputOptions:
    """The files to write for each video, and what is printed."""

    panel = WHERE
    outputs: list[str] = option(
        "PATH",
        "Write a file, in the format of its ending: .json .csv .vtt .png .svg .html … (docs/formats.md); may be repeated. "
        "{name} stands for the video's name.",
        "--output -o",
        default=[],
    )
    overwrite: bool = flag("Replace files that already exist.", "--overwrite")
    as_json: bool = flag("JSON on stdout, one line a video when there are several.", "--json")

    def plan(self, videos: Sequence[Path]) -> list[tuple[Path, ...]]:
        """The files to write for each video, each found to be one that can be written.

        Raises:
            OutputRefused, UnknownName, MissingDependency: as :func:`planned_outputs` and :func:`av2a.exports.check_output`.
        """
        from av2a.exports import check_output
        from av2a.exports.files import check_file

        plan = planned_outputs(videos, [*self.outputs, *self._scores()])
        for path in (path for paths in plan for path in paths[: len(self.outputs)]):
            check_output(path, overwrite=self.overwrite)
        for path in (path for paths in plan for path in paths[len(self.outputs) :]):
            check_file(path, [SCORES_ENDING], overwrite=self.overwrite)
        return plan

    def _scores(self) -> list[str]:
        return []


@dataclass(frozen=True)
class DetectOutputOptions(OutputOptions):
    """The files to write for each video, its scores among them."""

    save_scores: str | None = option(
        "FILE", "Write the scores of the segments (.npz), for --scores; {name} stands for the video's name."
    )

    def _scores(self) -> list[str]:
        return [] if self.save_scores is None else [self.save_scores]


@dataclass(frozen=True)
class TruthOptions:
    """What is true of the videos."""

    panel = WHERE
    truth: Path | None = option(
        "FILE", "Draw what is true below what is found: a table, or a folder, as for evaluate --annotations."
    )


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
            _check_free(path, video, writers.get(path))
            writers[path] = video
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
    unknown = [found for found in re.findall(r"\{[^{}]*\}", template) if found != NAME]
    if unknown:
        raise OutputRefused(f"unknown placeholder {unknown[0]!r} in {one_line(template)!r}: only {NAME} is replaced")
    return Path(template.replace(NAME, video.stem))


def _check_free(path: Path, video: Path, other: Path | None) -> None:
    """Refuse the output of a video that is another output already, or the video itself."""
    shown = one_line(str(path))
    if other is video:
        raise OutputRefused(f"output {shown!r} is named twice: leave one out")
    if other is not None:
        raise OutputRefused(
            f"{one_line(str(other))!r} and {one_line(str(video))!r} would both be written to {shown!r}: "
            f"put {NAME} into the output's name, and give videos of one name in separate runs"
        )
    # A name that no file can have is refused when the outputs are checked.
    with suppress(OSError):
        if path.samefile(video):
            raise OutputRefused(f"output {shown!r} is the video itself: choose another name")


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
