"""``av2a report``: outputs from answers that were kept."""

from dataclasses import dataclass, replace
from pathlib import Path

import typer

from av2a.cli.answers import Answers
from av2a.cli.command import argument, command
from av2a.cli.common_options import TalkOptions
from av2a.cli.help_text import Example
from av2a.cli.inputs import check_exists
from av2a.cli.outputs import OutputOptions, TruthOptions
from av2a.datasets.true_events import truth_of
from av2a.exports.json import read
from av2a.types import Detection


@dataclass(frozen=True)
class AnswerArguments:
    """The answers."""

    answers: list[Path] = argument("ANSWER", "JSON files that av2a detect wrote.")


@command(
    Example("av2a report answer.json -o page.html -o events.csv", "a page and a table"),
    Example("av2a report out/*.json -o 'pages/{name}.html'", "a page for each answer"),
    Example("av2a report answer.json", "the answer once more"),
)
def report(given: AnswerArguments, output: OutputOptions, known: TruthOptions, talk: TalkOptions) -> None:
    """Make any output from answers that were kept as JSON.

    Nothing is computed again. A page plays the video where it lies beside the answer.
    """
    terminal, files = talk.terminal(), given.answers
    plan = output.plan(files)
    shared = output.shared(files)
    outcome = Answers(output=output, terminal=terminal, total=len(files), debug=talk.debug, shared=shared)
    for file, outputs in zip(files, plan, strict=True):
        try:
            check_exists(file)
            detection = with_video(read(file), file.parent)
            truth = {} if known.truth is None else truth_of([detection.clip.path], known.truth)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other answers are used
            outcome.fail(file, error)
        else:
            outcome.give(file, detection, outputs, truth.get(detection.clip.path, []))
    outcome.write_shared()
    status = outcome.finished()
    if status:
        raise typer.Exit(status)


def with_video(detection: Detection, folder: Path) -> Detection:
    """The answer with the path of its video where a file of that name and size lies in ``folder``."""
    video = folder / detection.clip.name
    if not video.is_file() or video.stat().st_size != detection.clip.size_bytes:
        return detection
    return replace(detection, clip=replace(detection.clip, path=video))
