import csv
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest

from av2a.metrics.parsing import OFFICIAL_NAMES, ParsingMetrics, category_metrics, parsing_metrics, video_metrics

SETS = ("ground_truth", "shifted", "noisy", "noisy_late", "audio_copied_from_visual", "empty", "random")
STREAMS = ("audio", "visual", "av")
TOLERANCE = 1e-9
CATEGORIES = (
    "Speech Car Cheering Dog Cat Frying_(food) Basketball_bounce Fire_alarm Chainsaw Cello Banjo Singing Chicken_rooster "
    "Violin_fiddle Vacuum_cleaner Baby_laughter Accordion Lawn_mower Motorcycle Helicopter Acoustic_guitar "
    "Telephone_bell_ringing Baby_cry_infant_cry Blender Clapping"
).split()

Arrays = tuple[np.ndarray, ...]
"""Truth audio, truth visual, audio, visual, audio-visual."""


@cache
def golden(folder: Path) -> dict[str, Any]:
    with np.load(folder / "golden" / "reference" / "avvp_metrics.npz") as stored:
        return dict(stored)


@pytest.fixture
def reference(shared: Path) -> dict[str, Any]:
    """Outputs of the official functions on the LLP truth, stored beside the checkout."""
    return golden(shared)


def painted(intervals: np.ndarray, videos: int) -> np.ndarray:
    masks = np.zeros((videos, len(CATEGORIES), 10), dtype=bool)
    for video, category, start, stop in intervals:
        masks[video, category, start:stop] = True
    return masks


def truth_bits(reference: dict[str, Any], stream: str) -> np.ndarray:
    bits = np.unpackbits(reference[f"gt_{stream}_bits"]).astype(bool)
    return bits.reshape(len(reference["video_names"]), len(CATEGORIES), 10)


def llp_test_split(reference: dict[str, Any], name: str) -> Arrays:
    predictions = (painted(reference[f"{name}_{stream}"], len(reference["video_names"])) for stream in STREAMS)
    return truth_bits(reference, "audio"), truth_bits(reference, "visual"), *predictions


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("source", ["full_original", "full_authors"])
def test_all_videos_score_as_the_official_script_scores_them(reference: dict[str, Any], name: str, source: str) -> None:
    numbers = parsing_metrics(*llp_test_split(reference, name))
    assert numbers == pytest.approx(reference[source][SETS.index(name)], abs=TOLERANCE)


@pytest.mark.parametrize("name", SETS)
def test_both_at_once_as_the_official_loop_predicts_it_scores_the_same(reference: dict[str, Any], name: str) -> None:
    truth_audio, truth_visual, audio, visual, _ = llp_test_split(reference, name)
    numbers = parsing_metrics(truth_audio, truth_visual, audio, visual, audio & visual)
    assert numbers == pytest.approx(reference["full_original_and"][SETS.index(name)], abs=TOLERANCE)


@pytest.mark.parametrize("name", SETS)
def test_some_of_the_videos_score_the_same(reference: dict[str, Any], name: str) -> None:
    chosen = [masks[reference["subset"]] for masks in llp_test_split(reference, name)]
    numbers = parsing_metrics(*chosen)
    assert numbers == pytest.approx(reference["sub_original"][SETS.index(name)], abs=TOLERANCE)


@pytest.mark.parametrize("name", SETS)
def test_each_video_scores_the_same(reference: dict[str, Any], name: str) -> None:
    columns = ["segment_audio", "segment_visual", "segment_event", "segment_audio_visual"]
    columns += ["event_audio", "event_visual", "event_event", "event_audio_visual"]
    each = video_metrics(*llp_test_split(reference, name))[reference["per_video_index"]]
    chosen = each[:, [ParsingMetrics._fields.index(column) for column in columns]]
    assert chosen / 100 == pytest.approx(reference["per_video"][SETS.index(name)], abs=TOLERANCE)


def annotated(shared: Path, stream: str, videos: list[str]) -> np.ndarray:
    masks = np.zeros((len(videos), len(CATEGORIES), 10), dtype=bool)
    rows = {video: row for row, video in enumerate(videos)}
    with (shared / "annotations" / "llp" / f"AVVP_eval_{stream}.csv").open(encoding="utf-8") as file:
        for line in csv.DictReader(file, delimiter="\t"):
            if line["filename"] in rows:
                category = CATEGORIES.index(line["event_labels"])
                masks[rows[line["filename"]], category, int(line["onset"]) : int(line["offset"])] = True
    return masks


@pytest.mark.parametrize("prediction", ["noisy", "empty"])
def test_the_validation_split_scores_the_same(shared: Path, reference: dict[str, Any], prediction: str) -> None:
    videos = reference["val_video_names"].tolist()
    truth = [annotated(shared, stream, videos) for stream in ("audio", "visual")]
    predicted = [painted(reference[f"val_noisy_{stream}"], len(videos)) for stream in STREAMS]
    if prediction == "empty":
        predicted = [np.zeros_like(masks) for masks in predicted]
    expected = reference["val_original" if prediction == "noisy" else "val_empty_original"]
    assert parsing_metrics(*truth, *predicted) == pytest.approx(expected, abs=TOLERANCE)


def test_the_numbers_have_the_official_names_in_the_official_order(reference: dict[str, Any]) -> None:
    assert reference["metric_names"].tolist() == list(OFFICIAL_NAMES)


def random_arrays(videos: int, segments: int = 10, seed: int = 0) -> Arrays:
    rng = np.random.default_rng(seed)
    return tuple(rng.random((videos, 25, segments)) < 0.2 for _ in range(5))


def test_the_whole_llp_test_split_takes_less_than_a_second() -> None:
    arrays = random_arrays(1200)
    start_seconds = perf_counter()
    parsing_metrics(*arrays)
    assert perf_counter() - start_seconds < 1


@pytest.mark.parametrize("segments", [1, 10, 37])
def test_any_number_of_segments_is_scored(segments: int) -> None:
    truth_audio, truth_visual, *_ = random_arrays(3, segments)
    perfect = parsing_metrics(truth_audio, truth_visual, truth_audio, truth_visual, truth_audio & truth_visual)
    assert list(perfect) == [100.0] * 10


def test_a_video_without_any_event_is_perfect_when_nothing_is_found() -> None:
    nothing = np.zeros((1, 2, 10), dtype=bool)
    assert list(parsing_metrics(nothing, nothing, nothing, nothing, nothing)) == [100.0] * 10


def test_type_at_av_is_the_mean_of_the_three_streams() -> None:
    numbers = parsing_metrics(*random_arrays(5))
    assert numbers.event_type == pytest.approx(
        (numbers.event_audio + numbers.event_visual + numbers.event_audio_visual) / 3
    )


def test_the_truth_of_both_is_what_is_heard_and_seen() -> None:
    heard, seen = np.array([[[True, True, False]]]), np.array([[[False, True, True]]])
    numbers = parsing_metrics(heard, seen, heard, seen, heard & seen)
    assert numbers.segment_audio_visual == 100.0
    assert parsing_metrics(heard, seen, heard, seen, heard).segment_audio_visual == pytest.approx(200 / 3)


def test_event_at_av_pools_heard_and_seen_and_leaves_out_both() -> None:
    heard, nothing = np.array([[[True, True, True]]]), np.zeros((1, 1, 3), dtype=bool)
    # Three segments found of three heard, none of three seen; what both says does not matter.
    pooled = [parsing_metrics(heard, heard, heard, nothing, both).segment_event for both in (heard, nothing)]
    assert pooled == [pytest.approx(200 / 3)] * 2


def test_categories_are_scored_apart() -> None:
    truth = np.zeros((2, 3, 4), dtype=bool)
    truth[:, 0] = True
    truth[0, 1, :2] = True
    found = truth.copy()
    found[0, 1] = False
    each = category_metrics(truth, truth, found, found, found)
    assert each[0].tolist() == [100.0] * 10
    assert each[1].tolist() == [0.0] * 10
    assert np.isnan(each[2]).all()


def test_a_categorys_type_at_av_is_over_the_streams_in_which_it_is() -> None:
    heard, nothing = np.ones((1, 1, 4), dtype=bool), np.zeros((1, 1, 4), dtype=bool)
    each = dict(zip(ParsingMetrics._fields, category_metrics(heard, nothing, heard, nothing, nothing)[0], strict=True))
    assert np.isnan(each["segment_visual"])
    assert each["segment_type"] == 100.0


def test_the_numbers_can_be_read_by_name() -> None:
    numbers = parsing_metrics(*random_arrays(2))
    assert numbers.as_dict()["segment_audio"] == numbers.segment_audio == numbers[0]
    assert numbers.under_official_names()["avg_event_level"] == numbers.event_event


@pytest.mark.usefixtures("without_shape_checks")
def test_the_array_that_does_not_fit_is_named() -> None:
    arrays = list(random_arrays(2))
    arrays[3] = arrays[3].astype(float)
    with pytest.raises(ValueError, match=r"^visual must be a boolean array, got float64"):
        parsing_metrics(*arrays)
