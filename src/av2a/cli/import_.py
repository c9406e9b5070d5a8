"""``av2a import``: events from files of other tools, as the table that truth and predictions are given in."""

from dataclasses import replace
from pathlib import Path

from av2a.cli.command import argument, command, flag, option
from av2a.cli.common_options import WHERE, TalkOptions
from av2a.cli.help_text import Example
from av2a.cli.inputs import check_exists
from av2a.errors import UsageError, one_line
from av2a.exports import ending_named, read_rows
from av2a.exports.dcase import dumps_rows
from av2a.exports.fields import utf8
from av2a.exports.files import check_file, write_whole
from av2a.exports.rows import EventRow
from av2a.wording import counted

_TABLE = ".tsv"


@command(
    Example("av2a import park.eaf -o truth.tsv", "what was corrected in ELAN"),
    Example("av2a import labels/*.txt -o truth.tsv", "Audacity labels, a file for each video"),
    Example("av2a import heard.txt seen.txt --video park.mp4 -o truth.tsv", "two tracks of one video"),
    Example("av2a import project-1.json -o truth.tsv", "what Label Studio exports as JSON"),
    name="import",
)
def import_(
    *,
    files: list[Path] = argument("FILE", "Files of annotations, of any format that is read."),
    output: Path | None = option("FILE", "The table (.tsv). Default: stdout.", "--output -o", panel=WHERE),
    video: str | None = option(
        "NAME",
        "The video that all files are about. Default: what they name, else their own names without endings.",
        panel=WHERE,
    ),
    format: str | None = option(
        "NAME", "The files' format (docs/formats.md). Default: that of their endings and first lines.", panel=WHERE
    ),
    overwrite: bool = flag("Replace a file that already exists.", "--overwrite", panel=WHERE),
    talk: TalkOptions,
) -> None:
    """Turn annotations of other tools into one table of events.

    The table has filename, onset, offset, event_label and modality, separated by tabs, for detect --truth and evaluate. These read the
    other formats themselves, too. A row names the video that its file names, or the file itself. Rows that end before they begin are
    counted and left out.
    """
    terminal = talk.terminal()
    if output is not None:
        check_file(output, [_TABLE], overwrite=overwrite)
    ending = ending_named(format) if format else ""
    rows: list[EventRow] = []
    for file in files:
        check_exists(file)
        found = read_rows(file, ending=ending)
        used = [row for row in found if not row.is_event or row.start_seconds < row.stop_seconds]
        if len(used) < len(found):
            terminal.warn(f"{file.name}: left out {counted(len(found) - len(used), 'row')} that end before they begin")
        names = {row.filename for row in found}
        if video is not None and len(names) > 1:
            raise UsageError(f"{one_line(file.name)!r} is about {len(names)} videos: leave out --video")
        rows += used if video is None else [replace(row, filename=video) for row in used]
    table = dumps_rows(rows)
    if output is None:
        terminal.show_text(table)
    else:
        write_whole(output, utf8(table), overwrite=overwrite)
    events, clips = sum(row.is_event for row in rows), len({row.filename for row in rows})
    where = "" if output is None else f": {output}"
    terminal.say(f"{counted(events, 'event')} of {counted(clips, 'clip')}{where}")
