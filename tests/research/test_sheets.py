"""Tables of results: measured lines beside published ones, in every form that they are written in."""

import csv
import io
import json

import pytest

from av2a.research.published import AV2A, PUBLISHED, Figure
from av2a.research.results import ENDINGS
from av2a.research.sheets import CSV_HEADER, Line, Part, Run, Sheet, about_lines, results_of, sheets

ABOUT = {"av2a": "1", "videos": ["2 of 3", "4 of 4"], "settings": {"decay": 1.0}}


def accuracy(method: str, name: str, dataset: str, *values: float) -> Line:
    return Line(method, name, dataset, (Run("first candidate", {"accuracy": Figure.over(values)}),))


def table_4(*lines: Line, at_hand: tuple[str, ...] = ("ave",)) -> Sheet:
    [sheet] = sheets([Part(4, lines, ("a finding",))], at_hand=at_hand)
    return sheet


def test_a_line_of_the_paper_on_the_papers_data_stands_beside_the_published_one() -> None:
    sheet = table_4(accuracy("clip-clap", AV2A, "ave", 70.0, 71.0))
    assert len(sheet.lines) == len(PUBLISHED[4].rows)
    [line] = [line for line in sheet.lines if line.runs]
    assert line.published is PUBLISHED[4].row("clip-clap", AV2A)
    assert line.differences(line.runs[0]) == {"accuracy": pytest.approx(70.5 - 68.5)}


def test_other_data_and_other_models_come_first_and_have_no_difference() -> None:
    ours = accuracy("mini", AV2A, "synthetic", 50.0)
    theirs_elsewhere = accuracy("clip-clap", AV2A, "synthetic", 60.0)
    sheet = table_4(ours, theirs_elsewhere)
    assert sheet.lines[:2] == (ours, theirs_elsewhere)
    assert [line.differences(run) for line in sheet.lines for run in line.runs] == [{}, {}]


def test_what_is_not_run_says_what_it_needs() -> None:
    said = {(line.method, line.not_run) for line in table_4(at_hand=()).lines}
    assert ("languagebind", "not run: needs AVE videos, backbone languagebind") in said
    assert ("dg-sct", "not run: needs AVE videos, its model, not published") in said
    with_videos = {line.not_run for line in table_4().lines}
    assert "not run: needs backbone languagebind" in with_videos


def said_of(sheet: Sheet, method: str) -> set[str]:
    return {line.not_run for line in sheet.lines if line.method == method and not line.runs}


def test_what_ran_is_not_said_to_be_missing() -> None:
    # Only what its static baseline lacks.
    sheet = table_4(accuracy("clip-clap", AV2A, "ave", 70.0))
    assert said_of(sheet, "clip-clap") == {"not run: needs AVE or LLP validation videos to tune on"}
    assert said_of(sheet, "languagebind") == {"not run: needs backbone languagebind"}
    of_ave = Part(4, (accuracy("clip-clap", AV2A, "ave", 70.0),))
    every = {each.number: each for each in sheets([of_ave], at_hand={"ave"}, numbers=range(1, 9))}
    assert said_of(every[2], "clip-clap") == {"not run: needs LLP videos"}


def test_parsers_need_annotations_and_no_videos() -> None:
    every = {each.number: each for each in sheets([], at_hand=(), numbers=range(1, 9))}
    assert said_of(every[3], "jomold") == {"not run: needs --dataset llp (annotations), JoMoLD.pt, features"}
    annotated = {each.number: each for each in sheets([], at_hand=(), numbers=range(1, 9), annotated={"llp"})}
    assert said_of(annotated[3], "jomold") == {"not run: needs JoMoLD.pt, features"}
    assert said_of(annotated[2], "clip-clap") == {"not run: needs LLP videos, backbone clip-clap"}
    assert said_of(annotated[1], "jomold") == {"not tuned here: parsers are measured with these values"}


def test_tables_that_nothing_was_measured_for_are_there_when_they_are_asked_for() -> None:
    every = sheets([Part(4, ())], at_hand=(), numbers=range(1, 9))
    assert [sheet.number for sheet in every] == list(range(1, 9))
    assert all(line.not_run and line.published for sheet in every for line in sheet.lines)


def test_every_published_number_has_a_column_of_its_table() -> None:
    for sheet in sheets([], at_hand=(), numbers=range(1, 9)):
        for line in sheet.lines:
            assert line.published is not None and set(line.published.figures) <= set(sheet.columns)


def test_a_spread_needs_two_runs() -> None:
    assert Figure.over([3.0]) == Figure(3.0, None)
    several = Figure.over([3.0, 5.0])
    assert several.value == 4.0
    assert several.spread == pytest.approx(2**0.5)


# Written down.


def test_markdown_shows_measured_published_and_difference_in_aligned_columns() -> None:
    page = results_of([table_4(accuracy("clip-clap", AV2A, "ave", 70.0, 71.0))], ABOUT).text(".md")
    table = [line for line in page.splitlines() if line.startswith("|")]
    assert len({len(line) for line in table}) == 1
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    assert ["clip-clap on ave, with AV²A: first candidate", "70.5 ± 0.71"] in cells
    assert ["clip-clap on ave, with AV²A: published", "68.5 ± 0.16"] in cells
    assert ["… difference", "+2.0"] in cells
    assert "## Table 4: Zero-shot methods, localization" in page
    assert page.endswith("* a finding\n")


def test_what_the_numbers_are_of_is_said_without_what_is_for_programs() -> None:
    assert about_lines(ABOUT) == ["av2a: 1", "videos: 2 of 3; 4 of 4"]


def test_what_is_empty_is_not_said_and_a_long_list_is_cut_for_readers() -> None:
    assert about_lines({"av2a": "1", "measured": [], "remarks": ()}) == ["av2a: 1"]
    [line] = about_lines({"left_out": [str(number) for number in range(25)]})
    assert line.endswith("; 19; 5 more, which JSON lists")


def test_json_holds_every_number_in_full() -> None:
    sheet = table_4(accuracy("clip-clap", AV2A, "ave", 70.0, 71.0))
    read = json.loads(results_of([sheet], ABOUT).text(".json"))
    assert (read["schema"], read["about"]) == ("av2a/tables/1", ABOUT)
    [line] = [line for line in read["tables"][0]["lines"] if line["runs"]]
    assert line["published"] == {"accuracy": {"value": 68.5, "spread": 0.16}}
    assert line["runs"][0]["values"] == {"accuracy": {"value": 70.5, "spread": pytest.approx(0.5**0.5)}}
    assert line["runs"][0]["difference"] == {"accuracy": 2.0}


def test_csv_has_one_row_for_each_number() -> None:
    read = list(
        csv.DictReader(io.StringIO(results_of([table_4(accuracy("clip-clap", AV2A, "ave", 70.5))], ABOUT).text(".csv")))
    )
    assert tuple(read[0]) == CSV_HEADER
    assert len(read) == len(PUBLISHED[4].rows)
    [row] = [row for row in read if row["measured"]]
    assert (row["measured"], row["spread"], row["published"], row["difference"], row["note"]) == (
        "70.5",
        "",
        "68.5",
        "2.0",
        "",
    )


def test_every_row_of_every_table_has_a_cell_for_each_heading() -> None:
    for sheet in sheets([], at_hand=(), numbers=range(1, 9)):
        [table] = results_of([sheet], ABOUT).tables
        assert table.rows and {len(row) for row in table.rows} == {len(table.columns)}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_same_tables_have_the_same_bytes(ending: str) -> None:
    first, second = (
        results_of([table_4(accuracy("mini", AV2A, "synthetic", 50.0))], ABOUT).text(ending) for _ in range(2)
    )
    assert first == second
