"""``av2a export``: answers that were kept, in the formats of other tools."""

import typer

from av2a.cli.command import command, flag, option
from av2a.cli.common_options import WHERE, TalkOptions
from av2a.cli.exit_status import ExitStatus
from av2a.cli.failure import print_failure
from av2a.cli.help_text import Example
from av2a.cli.inputs import check_exists
from av2a.cli.outputs import own_outputs, planned_outputs, shared_outputs
from av2a.cli.report import AnswerArguments, with_video
from av2a.errors import NotMedia, OutputRefused
from av2a.exports import check_output, ending_named, loss_of, write, write_several
from av2a.exports.json import read
from av2a.types import Detection
from av2a.wording import first_few


@command(
    Example("av2a export answer.json -o answer.eaf -o answer.otio", "for ELAN and for editors"),
    Example("av2a export out/*.json -o tasks.labelstudio.json", "many answers in one file, where a format has room"),
    Example("av2a export out/*.json -o 'labels/{name}.txt'", "a file for each answer"),
    Example("av2a export answer.json -o guides.json --format kdenlive", "a format whose ending others use, too"),
)
def export(
    *,
    given: AnswerArguments,
    outputs: list[str] = option(
        "FILE",
        "The file to write; may be repeated. {name} stands for the answer's name, for a file each.",
        "--output -o",
        default=[],
        panel=WHERE,
    ),
    format: str | None = option(
        "NAME",
        "The format (docs/formats.md), such as elan or label-studio. Default: that of the file's ending.",
        panel=WHERE,
    ),
    overwrite: bool = flag("Replace files that already exist.", "--overwrite", panel=WHERE),
    talk: TalkOptions,
) -> None:
    """Write answers that were kept as JSON in the formats of other tools.

    Several answers go into one file where the format has room for several. docs/formats.md lists the formats.
    """
    terminal, ending = talk.terminal(), ending_named(format) if format else ""
    if not outputs:
        raise OutputRefused("no file to write: name one with -o, such as -o answer.eaf")
    together = shared_outputs(given.answers, outputs, overwrite=overwrite, ending=ending)
    plan = planned_outputs(given.answers, own_outputs(given.answers, outputs))
    for path in (path for paths in plan for path in paths):
        check_output(path, overwrite=overwrite, ending=ending)
    answers: list[Detection] = []
    written, failed = [], 0
    for file, paths in zip(given.answers, plan, strict=True):
        try:
            check_exists(file)
            answers.append(with_video(read(file), file.parent))
            for path in paths:
                write(answers[-1], path, overwrite=overwrite, ending=ending)
                written.append(path)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other answers are used
            failed += 1
            print_failure(error, debug=talk.debug, about=file.name)
    if not answers:
        raise NotMedia("no answer could be read: name JSON files that av2a detect wrote")
    for path in together:
        write_several(answers, path, overwrite=overwrite, ending=ending)
        written.append(path)
    losses: dict[str, list[str]] = {}
    for path in written:
        losses.setdefault(loss_of(path, ending=ending), []).append(str(path))
    losses.pop("", None)
    for loss, files in losses.items():
        terminal.warn(f"{first_few(files, 3)}: {loss}")
    terminal.say(f"results: {', '.join(map(str, written))}")
    if failed:
        terminal.fail(f"av2a: {failed} of {len(given.answers)} answers failed")
        raise typer.Exit(ExitStatus.SOME_FAILED)
