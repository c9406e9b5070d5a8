"""Results in every form: the same cells, whatever is in them."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from av2a.errors import OutputRefused
from av2a.research.results import ENDINGS, Results, Table, left_out_lines
from av2a.research.watching import LeftOut

RESULTS = Results(
    plain={"value": 1 / 3},
    tables=(Table((("a | b", "1.5", "–"), ("c", "10", "2 / 3")), ("what", "value", "both"), "A table", ("a note",)),),
    title="results",
    facts=("of 2 videos",),
    header=("what", "value"),
    records=(("a | b", 1 / 3), ("c", None), ("d", float("nan"))),
)


def cells(page: str) -> list[list[str]]:
    """The cells of a Markdown table as a reader of Markdown sees them."""
    lines = [line for line in page.splitlines() if line.startswith("|")]
    rows = [re.split(r"(?<!\\)(?:\\\\)*\|", line)[1:-1] for line in lines]
    return [[re.sub(r"\\(.)", r"\1", cell.strip()) for cell in row] for row in rows]


def test_a_page_has_the_title_the_facts_and_each_table_with_its_notes() -> None:
    assert RESULTS.markdown() == (
        "## results\n\n* of 2 videos\n\n## A table\n\n"
        "| what   | value |  both |\n"
        "| ------ | ----: | ----: |\n"
        "| a \\| b |   1.5 |     – |\n"
        "| c      |    10 | 2 / 3 |\n\n"
        "* a note\n"
    )


@given(st.lists(st.lists(st.text(), min_size=3, max_size=3), min_size=1, max_size=5))
def test_no_cell_breaks_a_table(rows: list[list[str]]) -> None:
    table = Table(tuple(map(tuple, rows)), ("a|b", "c", "d"))
    lines = table.markdown().splitlines()
    assert len(lines) == len(rows) + 2
    assert {len(row) for row in cells(table.markdown())} == {3}
    assert len({len(line) for line in lines}) == 1


def test_json_and_csv_have_every_digit_and_what_is_not_a_number_is_empty() -> None:
    assert json.loads(RESULTS.json()) == {"value": 1 / 3}
    assert list(csv.reader(io.StringIO(RESULTS.csv()))) == [
        ["what", "value"],
        ["a | b", repr(1 / 3)],
        ["c", ""],
        ["d", ""],
    ]


@pytest.mark.parametrize("text", ["=1+2", "+1", "-1", "@a", "\ta", "=a\rb"])
def test_no_text_becomes_a_formula_and_numbers_stay_numbers(text: str) -> None:
    written = Results({}, (), header=("a", "b"), records=((text, -1.5),)).csv()
    assert list(csv.reader(io.StringIO(written)))[1] == ["'" + text.replace("\r", " "), "-1.5"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_name_that_is_not_unicode_is_escaped(tmp_path: Path, ending: str) -> None:
    odd = Results({"name": "a\udc80"}, (Table((("a\udc80",),)),), records=(("a\udc80",),))
    odd.write(tmp_path / f"a{ending}")
    assert "a\\udc80" in (tmp_path / f"a{ending}").read_text(encoding="utf-8")
    with pytest.raises(OutputRefused, match="already there"):
        odd.write(tmp_path / f"a{ending}", overwrite=False)


def test_videos_left_out_for_one_reason_are_counted_together() -> None:
    broken = [LeftOut(name, f"'/videos/{name}.mp4' is damaged: check it", has_failed=True) for name in ("a", "b")]
    away = LeftOut("c", "'/videos/c.mp4' is not there")
    assert list(left_out_lines([("ave test", each) for each in (away, *broken)])) == [
        "ave test: 2 videos left out (a, b): the file is damaged: check it",
        "ave test: 1 video left out (c): '/videos/c.mp4' is not there",
    ]


def test_of_many_reasons_the_most_frequent_are_listed() -> None:
    left_out = [("", LeftOut(f"v{number}", f"reason {number}")) for number in range(30)]
    lines = list(left_out_lines([*left_out, ("", LeftOut("w", "reason 7"))], most=3))
    assert lines[0] == "2 videos left out (v7, w): reason 7"
    assert lines[3:] == ["27 videos left out for other reasons, which JSON lists"]
