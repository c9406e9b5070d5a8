"""CSV: one row an event, for spreadsheets and sound-event tools."""

import csv as standard_csv
from pathlib import Path

from hypothesis import given

from av2a.exports import csv
from tests.detections import clip, detection, empty, hostile, park
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


@given(recipes())
def test_every_label_and_time_comes_back(recipe: Recipe) -> None:
    answer = made(recipe)
    rows = [row for row in standard_csv.DictReader(_lines(csv.dumps(answer))) if row["onset"]]
    assert [row["event_label"] for row in rows] == [event.label for event in answer.events]
    assert [(float(row["onset"]), float(row["offset"])) for row in rows] == [
        (event.start_seconds, event.stop_seconds) for event in answer.events
    ]
    assert [row["modality"] for row in rows] == [event.modality.value for event in answer.events]


def test_line_breaks_of_every_kind_in_a_name_survive_a_file(tmp_path: Path) -> None:
    csv.write(hostile(), tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        labels = [row["event_label"] for row in standard_csv.DictReader(file)]
    assert labels == [event.label for event in hostile().events]


def test_a_file_name_that_is_not_unicode_is_written(tmp_path: Path) -> None:
    csv.write(detection(of=clip(path=Path("caf\udce9,1.mp4"))), tmp_path / "out.csv")
    assert '"caf?,1.mp4"' in (tmp_path / "out.csv").read_text(encoding="utf-8")
