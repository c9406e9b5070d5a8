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
        "{name} stands for the video's name; without it several videos go into one file, where the format has room.",
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

        self.shared(videos)
        own = own_outputs(videos, self.outputs)
        plan = planned_outputs(videos, [*own, *self._scores()])
        for path in (path for paths in plan for path in paths[: len(own)]):
            check_output(path, overwrite=self.overwrite)
        for path in (path for paths in plan for path in paths[len(own) :]):
            check_file(path, [SCORES_ENDING], overwrite=self.overwrite)
        return plan

    def shared(self, videos: Sequence[Path]) -> list[Path]:
        """The files that have the answers for all of several videos, as :func:`shared_outputs`."""
        return shared_outputs(videos, self.outputs, overwrite=self.overwrite)

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


def own_outputs(files: Sequence[Path], outputs: Sequence[str]) -> list[str]:
    """The outputs that each video, or each answer, has for itself: all for a single one, else those with a placeholder.

    >>> own_outputs([Path("a.mp4"), Path("b.mp4")], ["all.csv", "{name}.csv"])
    ['{name}.csv']
    """
    return [name for name in outputs if NAME in name or len(files) == 1]


def shared_outputs(
    files: Sequence[Path], outputs: Sequence[str], *, overwrite: bool = False, ending: str = ""
) -> list[Path]:
    """The outputs that have the answers for all of several videos; ``ending`` names the format of all, as for ``exports.write``.

    Raises:
        OutputRefused: the format has room for one answer, or a file would be written twice.
        OutputRefused, UnknownName, MissingDependency: as :func:`av2a.exports.check_output`.
    """
    from av2a.exports import SEVERAL, check_output

    own = own_outputs(files, outputs)
    taken = {_named(name, file) for name in own for file in files}
    shared: list[Path] = []
    for path in (_named(name, files[0]) for name in outputs if name not in own):
        if (format_ending := check_output(path, overwrite=overwrite, ending=ending)) not in SEVERAL:
            raise OutputRefused(
                f"a {format_ending} file has the answer for one video: put {NAME} into its name, "
                f"or take one of {', '.join(SEVERAL)}"
            )
        for file in files:
            _check_free(path, file, file if path in taken else None)
        taken.add(path)
        shared.append(path)
    return shared


def planned_outputs(videos: Sequence[Path], outputs: Sequence[str]) -> list[tuple[Path, ...]]:
    """The files to write for each video, in the order of ``outputs``.

    Raises:
        OutputRefused: two results would be written to one file, a placeholder is unknown, or the output is "-".

    >>> [[path.as_posix() for path in paths] for paths in planned_outputs([Path("a.mp4")], ["out/{name}.json"])]
    [['out/a.json']]
    """
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
    if template == "-":
        raise OutputRefused("output '-' names no format: for JSON on stdout use --json")
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
