"""An evaluation written down: the same numbers in every format, and what they are of."""

import csv
import json
import re
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from av2a.datasets import GroundTruth, Task
from av2a.errors import OutputRefused
from av2a.methods.trained import PARSERS
from av2a.metrics.parsing import ParsingMetrics
from av2a.research.evaluate import AccuracyReading, Evaluation, ScoredSource, SourceKind, Timeline, Timing
from av2a.research.evaluation_report import facts, results_of, settings_line, title
from av2a.research.results import ENDINGS
from av2a.research.watching import LeftOut
from av2a.settings import PROFILES, Settings
from av2a.types import BackboneInfo

NUMBERS = ParsingMetrics(*(10.0 + 1 / 3 + place for place in range(10)))

PARSED = Evaluation(
    dataset="mine",
    split="test",
    task=Task.PARSING,
    categories=("dog", "cat | kitten"),
    videos=3,
    total=5,
    left_out=(LeftOut("a", "no video available"), LeftOut("b", "broken", has_failed=True)),
    numbers=NUMBERS,
    numbers_as_released=NUMBERS._replace(segment_audio=1.5),
    per_category=np.array([np.arange(10.0), np.full(10, np.nan)]),
    remarks=("1 video without sound (c)",),
    timing=Timing(decode=0.1, encode=0.25, intervals=0.0, method=0.01, observed=2),
    settings=Settings(),
    backbone=BackboneInfo("mini", "mini-visual", "mini-audio", "ab" * 32),
    parameters=1234567,
)
LOCALIZED = replace(
    PARSED,
    task=Task.LOCALIZATION,
    numbers=None,
    numbers_as_released=None,
    per_category=None,
    readings=tuple(
        AccuracyReading(truth, timeline, 60.0 + place, np.array([50.0, np.nan, 90.0]))
        for place, (truth, timeline) in enumerate((truth, timeline) for truth in GroundTruth for timeline in Timeline)
    ),
)


def plain_of(evaluation: Evaluation) -> dict[str, Any]:
    return dict(results_of(evaluation).plain)


def csv_of(evaluation: Evaluation) -> str:
    return results_of(evaluation).csv()


def page_of(evaluation: Evaluation) -> str:
    return results_of(evaluation).markdown()


def rows_of(page: str) -> list[list[str]]:
    """The cells of the tables on a page."""
    lines = [line for line in page.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_json_holds_every_number_to_the_last_digit_and_what_it_is_of() -> None:
    plain = json.loads(results_of(PARSED).json())
    assert plain["schema"] == "av2a/evaluation/1"
    assert plain["numbers"] == NUMBERS.as_dict()
    assert plain["numbers_as_released"]["segment_audio"] == 1.5
    assert (plain["videos"], plain["total"]) == (3, 5)
    assert plain["left_out"][1] == {"name": "b", "reason": "broken"}
    assert Settings.of(plain["settings"]) == Settings()
    assert plain["parameters"] == 1234567
    assert plain["accuracy"] is None
    assert [each["category"] for each in plain["per_category"]] == ["dog", "cat | kitten"]
    assert plain["per_category"][1]["event_event"] is None


def test_json_of_localization_holds_the_readings() -> None:
    plain = plain_of(LOCALIZED)
    assert plain["numbers"] is None
    assert plain["accuracy"][1] == {"truth": "listed", "timeline": "every_candidate", "accuracy": 61.0}
    assert len(plain["per_category"]) == 4 * 3


def test_what_was_not_measured_is_null() -> None:
    timing = Timing(float("nan"), float("nan"), 0.0, 0.01, observed=0)
    plain = json.loads(results_of(replace(PARSED, timing=timing, numbers=None, backbone=None, settings=None)).json())
    assert plain["timing"]["decode_seconds"] is None
    assert (plain["numbers"], plain["backbone"], plain["profile"], plain["settings"]) == (None, None, None, None)


def test_csv_has_one_row_a_number() -> None:
    rows = list(csv.DictReader(StringIO(csv_of(PARSED))))
    assert len(rows) == 2 * 10 + 2 * 10
    assert rows[0] == {
        "dataset": "mine",
        "split": "test",
        "videos": "3",
        "total": "5",
        "reading": "audio as predicted",
        "category": "",
        "metric": "segment_audio",
        "percent": repr(10 + 1 / 3),
        "split_total": "5",
        "made_by": "mini",
        "settings": settings_line(Settings(), repr),
    }
    assert rows[10]["reading"] == "audio := visual, as released"
    assert (rows[-1]["category"], rows[-1]["percent"]) == ("cat | kitten", "")
    assert len(list(csv.DictReader(StringIO(csv_of(LOCALIZED))))) == 4 + 4 * 3


def test_markdown_has_both_readings_and_every_category() -> None:
    page = page_of(PARSED)
    assert page.startswith("## mine, test: 3 of 5 videos\n\n* mini (mini-visual, mini-audio, 1,234,567 parameters)")
    rows = rows_of(page)
    assert ["segments, audio as predicted", "10.33", "11.33", "12.33", "13.33", "14.33"] in rows
    assert ["segments, audio := visual, as released", "1.50", "11.33", "12.33", "13.33", "14.33"] in rows
    assert ["cat \\| kitten", "– / –", "– / –", "– / –"] in rows
    assert ["listed", "every candidate", "61.00"] in rows_of(page_of(LOCALIZED))
    assert ["(background)", "90.00", "90.00", "90.00", "90.00"] in rows_of(page_of(LOCALIZED))


def test_a_reader_is_told_how_fast_it_was_and_what_is_missing() -> None:
    said = list(facts(PARSED))
    assert said[2] == (
        "seconds a video: 0.100 decoding, 0.250 encoding, every interval included (2 of 3, the others came from the store); "
        "0.010 s for the method"
    )
    assert said[3:] == [
        "1 video without sound (c)",
        "1 video left out (a): no video available",
        "1 video left out (b): broken",
    ]


def test_of_a_limited_split_a_reader_is_told_how_many_it_has() -> None:
    limited = replace(PARSED, split_total=1200)
    assert title(limited) == "mine, test: 3 of the first 5 of 1200 videos"
    assert (plain_of(limited)["videos"], plain_of(limited)["total"], plain_of(limited)["split_total"]) == (3, 5, 1200)
    assert plain_of(PARSED)["split_total"] == 5


def test_a_reader_is_told_every_value_that_decided() -> None:
    changed = PROFILES["released"].replace(audio_weight=0.4, silence_dbfs=-60.0, background=["a", "b"])
    line = (
        "profile released: audio_weight=0.4, category_threshold=0.55, initial_threshold=0.75, confidence_threshold=0.75, "
        "decay=2.5, background=2 names, silence_dbfs=-60"
    )
    assert list(facts(replace(PARSED, settings=changed)))[1] == line
    assert f"\n* {line}\n" in page_of(replace(PARSED, settings=changed))


def test_a_trained_parser_s_own_settings_are_told_where_they_are_not_the_usual_ones() -> None:
    usual = PARSERS["jomold"].settings
    assert "segment_threshold" not in settings_line(usual)
    assert settings_line(usual.replace(segment_threshold=0.4)) == f"{settings_line(usual)}, segment_threshold=0.4"


@pytest.mark.parametrize("kind", list(SourceKind))
def test_what_others_made_is_named(kind: SourceKind) -> None:
    theirs = replace(PARSED, backbone=None, timing=None, source=ScoredSource(kind, "of/them"))
    assert next(iter(facts(theirs))) == f"{kind.value}: of/them"
    assert {each.value: plain_of(theirs)[each.value] for each in SourceKind} == {
        each.value: "of/them" if each is kind else None for each in SourceKind
    }
    assert next(csv.DictReader(StringIO(csv_of(theirs))))["made_by"] == f"{kind.value}: of/them"


def test_videos_without_a_known_truth_are_counted_as_watched() -> None:
    timing = Timing(decode=0.1, encode=0.25, intervals=0.0, method=0.01, observed=1)
    unknown = replace(PARSED, videos=0, predicted=1, timing=timing, numbers=None)
    assert title(unknown) == "mine, test: predictions of 1 of 5 videos; none has a known truth"
    assert "every interval included (1 of 1); " in list(facts(unknown))[2]


def test_a_reader_is_told_when_nothing_had_to_be_encoded() -> None:
    timing = Timing(float("nan"), float("nan"), 0.02, 0.01, observed=0, every_interval=False)
    assert list(facts(replace(PARSED, timing=timing)))[2] == (
        "nothing was decoded or encoded: all embeddings came from the store; 0.020 s decoding and encoding candidates; "
        "0.010 s for the method"
    )


def test_of_many_reasons_a_reader_is_told_the_most_frequent() -> None:
    left_out = [LeftOut(f"v{number}", f"reason {number}") for number in range(30)]
    left_out += [LeftOut(f"w{number}", "the same") for number in range(2)]
    said = list(facts(replace(PARSED, left_out=tuple(left_out))))[4:]
    assert said[0] == "2 videos left out (w0, w1): the same"
    assert said[-1] == "21 videos left out for other reasons, which JSON lists"
    assert len(said) == 11


def test_of_many_remarks_a_reader_is_told_the_first() -> None:
    said = list(facts(replace(PARSED, remarks=tuple(f"remark {number}" for number in range(25)), left_out=())))
    assert said[-2:] == ["remark 19", "5 more remarks, which JSON lists"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_appears_whole_and_is_never_written_over_unasked(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"result{ending}"
    results_of(PARSED).write(path)
    assert path.read_text(encoding="utf-8") == results_of(PARSED).text(ending)
    with pytest.raises(OutputRefused, match="already there"):
        results_of(PARSED).write(path, overwrite=False)
    results_of(LOCALIZED).write(path)
    assert path.read_text(encoding="utf-8") == results_of(LOCALIZED).text(ending)
    assert list(tmp_path.iterdir()) == [path]
