"""Tables separated by tabs, with a header line: what DCASE, Raven and CVAT have in common."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from av2a.errors import one_line
from av2a.exports.rows import WORDS, invalid, lines
from av2a.types import Modality

NOTE = "note"
"""A last column, written only where a whole answer is worthless: why."""


def table(header: Sequence[str], rows: Iterable[Sequence[str]], caution: str | None) -> str:
    """The header and the rows, with a note in each where the answer is worthless; no cell may have a tab or a line break."""
    if caution is not None:
        header, rows = (*header, NOTE), [(*row, caution) for row in rows]
    return "".join("\t".join(row) + "\n" for row in (header, *rows))


def records(text: str, required: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The rows below the header, by its columns, with their line numbers; cells missing at the end are empty.

    Raises:
        InvalidAnnotations: a column of ``required`` is missing, or a row has more cells than the header.
    """
    numbered = iter(lines(text))
    number, first = next(numbered, (1, ""))
    header = [name.strip() for name in first.split("\t")]
    missing = [name for name in required if name not in header]
    if missing:
        raise invalid(number, f"no column {' and no '.join(missing)} in {one_line(first)!r}")
    for number, line in numbered:
        cells = line.split("\t")
        if len(cells) > len(header):
            raise invalid(number, f"{len(cells)} cells and {len(header)} columns: separate them by single tabs")
        yield number, dict(zip(header, cells + [""] * (len(header) - len(cells)), strict=True))


def modality_in(text: str, line: int) -> Modality | None:
    """Heard, seen, both, or audio, visual, audio_visual; None for an empty cell.

    Raises:
        InvalidAnnotations: it is none of them.
    """
    known = WORDS | {modality.value: modality for modality in Modality}
    if text.strip() and text.strip() not in known:
        raise invalid(line, f"expected one of {', '.join(known)} or nothing, got {one_line(text, 40)!r}")
    return known.get(text.strip())
