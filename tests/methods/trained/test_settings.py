from typing import Any

import pytest

from av2a.errors import Av2aError, InvalidSetting, UnknownName
from av2a.methods.trained.settings import AudioVisualGate, FrameVector, ParserSettings, Thresholds, table_1
from av2a.settings import Fusion


def test_one_list_of_values_changes_the_parsers_settings_and_the_methods() -> None:
    changed = table_1("jomold").replace(
        thresholds="static", segment_threshold=1, fusion="late", decay=2, frame_vector="attended"
    )
    assert changed.thresholds is Thresholds.STATIC
    assert changed.segment_threshold == 1.0
    assert changed.frame_vector is FrameVector.ATTENDED
    assert changed.fusion is Fusion.LATE
    assert changed.decay == 2.0


def test_what_is_written_is_read_again() -> None:
    changed = table_1("cmpae").replace(audio_visual_gate=AudioVisualGate.EITHER, audio_weight=0.2)
    written = changed.as_dict()
    assert written["audio_visual_gate"] == "either" and written["audio_weight"] == 0.2
    assert ParserSettings.of(written) == changed


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        ({"frame_vectr": "fused"}, UnknownName, "did you mean 'frame_vector'"),
        ({"audio_wait": 0.5}, UnknownName, "did you mean 'audio_weight'"),
        ({"audio_visual_gate": "all"}, UnknownName, "known: both, either, fused"),
        ({"segment_threshold": "low"}, InvalidSetting, "segment_threshold must be a number, got 'low'"),
        ({"segment_threshold": -0.1}, InvalidSetting, "segment_threshold must be 0 or more, got -0.1"),
        ({"segment_threshold": float("nan")}, InvalidSetting, "segment_threshold must be finite, got nan"),
        ({"audio_weight": 2.0}, InvalidSetting, r"audio_weight must lie in \[0, 1\], got 2.0"),
    ],
)
def test_what_cannot_be_meant_is_refused(values: dict[str, Any], kind: type[Av2aError], words: str) -> None:
    with pytest.raises(kind, match=words):
        table_1("mgn-ma").replace(**values)
