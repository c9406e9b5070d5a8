"""What the method finds in many clips, as arrays."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from av2a.backbones.base import Backbone
from av2a.datasets import open_dataset
from av2a.detector import detect, vocabulary_of
from av2a.research.predictions import STREAMS, MethodSeconds, Predictions, by_time, predict
from av2a.research.watching import watch
from av2a.settings import Fusion, Settings
from av2a.types import Candidate

SETTINGS = [
    Settings.practical(),
    Settings.released(),
    replace(Settings.practical(), fusion=Fusion.LATE),
]


@pytest.mark.parametrize("settings", SETTINGS, ids=["practical", "released", "late"])
def test_predictions_are_the_events_that_detect_finds(world: Path, mini: Backbone, settings: Settings) -> None:
    dataset = open_dataset(world).first(2)
    watched = watch(dataset, mini, settings, every_interval=False).watched
    found = predict(watched, vocabulary_of(mini, dataset.labels, settings), settings)
    assert found.names == tuple(clip.name for clip in dataset.clips)
    for video, clip in enumerate(dataset.clips):
        assert clip.path is not None
        painted = {modality: np.zeros((10, len(dataset.labels)), dtype=bool) for modality in STREAMS}
        for event in detect(clip.path, dataset.labels, mini, settings).events:
            span = slice(round(event.start_seconds), round(event.stop_seconds))
            painted[event.modality][span, dataset.labels.index(event.label)] = True
        for modality in STREAMS:
            assert np.array_equal(found.masks[modality][video], painted[modality])
    assert any(found.masks[modality].any() for modality in STREAMS)


def test_masks_that_do_not_fit_their_names_are_refused() -> None:
    masks = {modality: np.zeros((2, 3, 10), dtype=bool) for modality in STREAMS}
    with pytest.raises(ValueError, match="one row for each of 1 names"):
        Predictions(("a",), masks)
    with pytest.raises(ValueError, match="seconds needs one entry for each of 2 names, got 1"):
        Predictions(("a", "b"), masks, seconds=(MethodSeconds(0.0, 0.0),))


def test_without_an_order_events_stand_by_time_then_label() -> None:
    mask = np.array([[0, 0, 1, 1, 0, 1], [1, 1, 0, 0, 0, 1]], dtype=bool).T
    assert by_time(mask) == (Candidate(1, 0, 2), Candidate(0, 2, 4), Candidate(0, 5, 6), Candidate(1, 5, 6))
