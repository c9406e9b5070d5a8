"""``av2a search``: a new label, or an example, asked of all videos that were embedded."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from av2a.cli.command import argument, command, flag, option
from av2a.cli.common_options import WHERE, TalkOptions
from av2a.cli.exit_status import ExitStatus
from av2a.cli.failure import is_printed
from av2a.cli.help_text import Example
from av2a.cli.library import LibraryStoreOptions
from av2a.cli.model_options import ModelOptions
from av2a.cli.safe_text import terminal_safe
from av2a.cli.setting_options import SettingOptions
from av2a.errors import OutputRefused, UsageError
from av2a.wording import counted

if TYPE_CHECKING:
    from av2a.cli.terminal import Terminal
    from av2a.corpora.search import Hit, SearchAnswer
    from av2a.types import Modality

STREAMS = ("heard", "seen", "both")
ENDINGS = (".json", ".jsonl", ".csv", ".parquet")


@dataclass(frozen=True)
class QuestionOptions:
    """What is asked."""

    labels: list[str] = argument("LABEL", "An event in any words; several are asked together.", default=[])
    like: str | None = option(
        "VIDEO@FROM-TO", "Moments like these seconds of a video, instead of a label: clip.mp4@12-15."
    )
    stream: str | None = option("NAME", "Only what is heard, seen, or both.", autocompletion=lambda: list(STREAMS))
    top: int = option("N", "How many answers.", default=50, min=1)

    def modality(self) -> "Modality | None":
        """The stream that is named.

        Raises:
            UnknownName: none has that name.
            UsageError: neither a label nor an example, or both.
        """
        from av2a.types import Modality

        if bool(self.labels) == (self.like is not None):
            raise UsageError("name an event, or an example with --like: av2a search 'glass breaking'")
        return None if self.stream is None else Modality.named(self.stream)


@dataclass(frozen=True)
class HitOutputOptions:
    """Where the hits go."""

    panel = WHERE
    outputs: list[Path] = option("PATH", f"Write the hits: {' '.join(ENDINGS)}.", "--output -o", default=[])
    overwrite: bool = flag("Replace files that already exist.", "--overwrite")
    as_json: bool = flag("JSON lines on stdout.", "--json")


@command(
    Example('av2a search "glass breaking"', "the fifty surest moments of all videos"),
    Example("av2a search siren --stream heard --top 10 -o hits.csv", "only what is heard, as a table"),
    Example("av2a search --like clip.mp4@0-1", "moments like the first second of a video"),
)
def search(
    question: QuestionOptions,
    models: ModelOptions,
    how: SettingOptions,
    where: LibraryStoreOptions,
    output: HitOutputOptions,
    talk: TalkOptions,
) -> None:
    """Ask for a new event in all videos that were embedded, without opening one.

    The answers are those that av2a detect gives from the store, the surest first. Videos get into the library by av2a detect,
    av2a batch and av2a library add, with the same models.
    """
    modality = question.modality()
    models.check()
    settings = how.settings(models.name)
    from av2a.corpora.library import Library
    from av2a.corpora.likeness import SearchExample
    from av2a.detector import Detector
    from av2a.exports.files import check_file
    from av2a.labels import checked_labels

    moment = None if question.like is None else SearchExample.of(question.like)
    labels = () if moment else checked_labels(question.labels, len(question.labels))
    for path in output.outputs:
        check_file(path, ENDINGS, overwrite=output.overwrite)
    terminal = talk.terminal()
    store = where.opened(terminal)
    library = Library(store, Detector(models.loaded(settings.profile, terminal)), settings)
    if moment is not None:
        answer = library.like(moment, top=question.top, modality=modality)
    else:
        answer = library.search(labels, top=question.top, modality=modality)
    if not answer.videos:
        raise UsageError(
            f"no video was embedded with {library.detector.backbone.info.name} and this sampling: av2a library add VIDEO"
        )
    shown = is_printed(
        lambda: _show(answer.hits, terminal, output), debug=talk.debug, beside_files=bool(output.outputs)
    )
    for path in output.outputs:
        _write(path, answer.hits, overwrite=output.overwrite)
    _say(terminal.say, answer)
    if not shown:
        raise typer.Exit(ExitStatus.SOME_FAILED)


def _show(hits: "tuple[Hit, ...]", terminal: "Terminal", output: HitOutputOptions) -> None:
    if output.as_json:
        terminal.show_text(_lines(hits))
    else:
        terminal.show_rows([_row(number, hit) for number, hit in enumerate(hits, start=1)])


def _say(say: object, answer: "SearchAnswer") -> None:
    assert callable(say)
    changed = sum(hit.file in ("changed", "gone") for hit in answer.hits)
    say(f"{counted(len(answer.hits), 'answer')} from {counted(answer.videos, 'video')}")
    if changed:
        say(f"{changed} of them are about files that have changed or are gone since: av2a library check")
    if answer.unanswered:
        say(
            f"{len(answer.unanswered)} videos cannot answer, as what is needed of them is not stored: av2a detect or batch "
            "embeds it"
        )


def _row(number: int, hit: "Hit") -> list[Text]:
    event = hit.event.rounded()
    state = "" if hit.file == "unchanged" else hit.file
    cells = [
        str(number),
        f"{hit.confidence:.4f}",
        event.modality.word,
        f"{event.start_seconds:.2f}-{event.stop_seconds:.2f}",
        event.label,
        hit.path,
        state,
    ]
    return [Text(terminal_safe(cell)) for cell in cells]


def _lines(hits: "tuple[Hit, ...]") -> str:
    return "".join(json.dumps(hit.as_dict()) + "\n" for hit in hits)


def _write(path: Path, hits: "tuple[Hit, ...]", *, overwrite: bool) -> None:
    from av2a.corpora.tables import write_hits
    from av2a.exports.fields import spreadsheet_cell, utf8
    from av2a.exports.files import write_whole

    ending = path.suffix.lower()
    if ending == ".parquet":
        try:
            write_hits(path, hits)
        except OSError as refusal:
            raise OutputRefused(f"cannot write {str(path)!r} ({refusal.strerror}): choose another place") from refusal
    elif ending == ".csv":
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        names = ["file", "label", "modality", "start", "end", "confidence", "state"]
        table.writerow(names)
        for hit in hits:
            row = hit.as_dict()
            table.writerow(spreadsheet_cell(str(row[name])) for name in names)
        write_whole(path, utf8(text.getvalue()), overwrite=overwrite)
    else:
        plain = [hit.as_dict() for hit in hits]
        content = _lines(hits) if ending == ".jsonl" else json.dumps(plain, indent=2) + "\n"
        write_whole(path, content.encode(), overwrite=overwrite)
