"""CSV: one row an event, for spreadsheets and sound-event tools."""

import csv as standard_csv
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from av2a.exports import csv
from av2a.exports.fields import cell_text, spreadsheet_cell
from av2a.types import CAUTION
from tests.detections import HEARD, clip, detection, empty, event, hostile, park
from tests.exports.answers import Recipe, made, recipes


def _lines(text: str) -> list[str]:
    # Not splitlines: a lone \r or U+2028 within a name ends no row.
    return [line + "\n" for line in text.split("\n")[:-1]]


def test_the_table_is_the_one_that_the_documentation_shows() -> None:
    assert csv.dumps(park()).splitlines()[:3] == [
        "filename,onset,offset,event_label,modality,confidence",
        "park.mp4,0.000,7.000,dog barking,visual,0.9700",
        "park.mp4,1.000,4.000,speech,audio,0.9700",
    ]


def test_a_clip_without_events_keeps_its_row() -> None:
    assert csv.dumps(empty()) == "filename,onset,offset,event_label,modality,confidence\npark.mp4,,,,,\n"


@settings(max_examples=50)
@given(recipes())
def test_every_label_and_time_comes_back(recipe: Recipe) -> None:
    answer = made(recipe)
    rows = [row for row in standard_csv.DictReader(_lines(csv.dumps(answer))) if row["onset"]]
    assert [cell_text(row["event_label"]) for row in rows] == [event.label for event in answer.events]
    assert [(float(row["onset"]), float(row["offset"])) for row in rows] == [
        (event.start_seconds, event.stop_seconds) for event in answer.events
    ]
    assert [row["modality"] for row in rows] == [event.modality.value for event in answer.events]


def test_line_breaks_of_every_kind_in_a_name_survive_a_file(tmp_path: Path) -> None:
    csv.write(hostile(), tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        labels = [row["event_label"] for row in standard_csv.DictReader(file)]
    assert [cell_text(label) for label in labels] == [event.label for event in hostile().events]


FORMULA_STARTS = "=+-@\t\r\n＝＋－＠"


@given(st.text(st.sampled_from("a'" + FORMULA_STARTS), max_size=5))
def test_no_cell_starts_a_formula_and_every_one_can_be_read_back(text: str) -> None:
    cell = spreadsheet_cell(text)
    assert not cell.startswith(tuple(FORMULA_STARTS))
    assert cell_text(cell) == text
    assert cell == text or text.lstrip("'").startswith(tuple(FORMULA_STARTS))


def test_labels_and_file_names_are_guarded_against_formulas() -> None:
    answer = detection([event("=1+1", HEARD, 1.0, 2.0)], ["=1+1"], of=clip(path=Path("-x.mp4")))
    assert csv.dumps(answer).splitlines()[1] == "'-x.mp4,1.000,2.000,'=1+1,audio,0.9700"


def test_a_worthless_answer_says_so_in_each_row() -> None:
    for answer, rows in ((park(), 5), (empty(), 1)):
        cautious = replace(answer, warnings=(CAUTION,))
        lines = list(standard_csv.DictReader(_lines(csv.dumps(cautious))))
        assert [row["note"] for row in lines] == [CAUTION] * rows


def test_a_file_name_that_is_not_unicode_is_written(tmp_path: Path) -> None:
    csv.write(detection(of=clip(path=Path("caf\udce9,1.mp4"))), tmp_path / "out.csv")
    assert '"caf?,1.mp4"' in (tmp_path / "out.csv").read_text(encoding="utf-8")
