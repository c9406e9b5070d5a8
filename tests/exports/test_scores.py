"""Scores of other models, read from files."""

from pathlib import Path

import numpy as np
import pytest

from av2a.errors import InvalidScores, MissingFile, UnknownName
from av2a.exports.scores import read_scores, write_scores
from av2a.methods.av2a.method import parse_scores
from av2a.methods.av2a.scores import normalised
from av2a.settings import Settings
from av2a.types import Modality

LABELS = ("dog barking", "speech")
HEARD = np.array([[0.1, 0.2], [0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.9]])
SEEN = np.array([[0.1, 0.1], [0.7, 0.1], [0.9, 0.1], [0.2, 0.2], [0.1, 0.8]])
SETTINGS = Settings(initial_threshold=0.6, category_threshold=0.3, confidence_threshold=0.6)


def saved(path: Path, **changes: object) -> Path:
    arrays: dict[str, object] = {"labels": np.array(LABELS), "audio": HEARD, "visual": SEEN}
    arrays |= changes
    np.savez(path, **{name: np.asarray(each) for name, each in arrays.items() if each is not None})  # type: ignore[arg-type]
    return path


def found(path: Path, modality: Modality) -> list[tuple[str, int, int]]:
    file = read_scores(path)
    return [
        (file.labels[each.category], each.start, each.stop)
        for each in parse_scores(file.scored, SETTINGS).streams[modality].found
    ]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    features = np.ones((5, 3))
    write_scores(tmp_path / "clip.npz", LABELS, HEARD, SEEN, features)
    file = read_scores(tmp_path / "clip.npz")
    assert file.labels == LABELS
    assert file.segments == 5
    np.testing.assert_allclose(file.scored.audio.segments, HEARD, rtol=1e-6)
    np.testing.assert_allclose(file.scored.visual.whole[0], SEEN.mean(axis=0), rtol=1e-6)
    assert file.scored.frame_embeddings is not None


def test_scores_become_events_by_stream(tmp_path: Path) -> None:
    path = saved(tmp_path / "clip.npz")
    assert found(path, Modality.AUDIO) == [("dog barking", 1, 3), ("speech", 3, 5)]
    assert ("speech", 4, 5) in found(path, Modality.VISUAL)
    assert ("dog barking", 1, 3) in found(path, Modality.AUDIO_VISUAL)


def test_a_row_of_nan_is_a_segment_with_nothing_to_hear(tmp_path: Path) -> None:
    silent = HEARD.copy()
    silent[3:] = np.nan
    path = saved(tmp_path / "clip.npz", audio=silent)
    assert found(path, Modality.AUDIO) == [("dog barking", 1, 3)]
    assert all(stop <= 3 for _, _, stop in found(path, Modality.AUDIO_VISUAL))


def test_a_clip_without_any_sound_has_nothing_heard_and_is_no_error(tmp_path: Path) -> None:
    path = saved(tmp_path / "clip.npz", audio=np.full((5, 2), np.nan))
    assert found(path, Modality.AUDIO) == []
    assert found(path, Modality.VISUAL) != []


def test_similarities_are_scored_as_an_encoder_s_are(tmp_path: Path) -> None:
    path = saved(tmp_path / "clip.npz", audio=None, audio_similarities=HEARD)
    scores = read_scores(path).scored.audio.segments
    np.testing.assert_array_equal(scores, normalised(HEARD.astype(np.float32)))


def test_scores_above_one_are_legal(tmp_path: Path) -> None:
    assert read_scores(saved(tmp_path / "clip.npz", audio=HEARD * 1.3)).scored.audio.segments.max() > 1


def test_some_labels_only_in_the_order_asked(tmp_path: Path) -> None:
    file = read_scores(saved(tmp_path / "clip.npz")).only(["speech"])
    assert file.labels == ("speech",)
    np.testing.assert_allclose(file.scored.audio.segments[:, 0], HEARD[:, 1], rtol=1e-6)
    with pytest.raises(UnknownName, match="speech"):
        file.only(["speach"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"audio": HEARD[:, :1]}, r"'audio' must be any × 2 numbers, got an array of shape \(5, 1\)"),
        ({"audio": HEARD[:3]}, "3 segments of sound and 5 of pictures"),
        ({"visual": None}, "either 'visual' or 'visual_similarities'"),
        ({"visual_similarities": SEEN}, "either 'visual' or 'visual_similarities'"),
        ({"audio": np.where(HEARD > 0.85, np.nan, HEARD)}, "'audio' has NaN"),
        ({"audio": np.where(HEARD > 0.85, np.inf, HEARD)}, "'audio' has NaN or infinity"),
        ({"audio": HEARD + 1j}, "real numbers"),
        ({"audio_whole": np.ones(3)}, "'audio_whole' must be 2 numbers"),
        ({"features": np.ones((4, 3))}, "'features' must be 5 × any numbers"),
        ({"features": np.full((5, 3), np.nan)}, "NaN in 'features'"),
        ({"labels": None}, "has no names"),
        ({"labels": np.array(["a", "a"])}, "names 'a' twice"),
        ({"audi": HEARD}, "holds 'audi', which means nothing here"),
        ({"labels": np.array([{"a": 1}, None], dtype=object)}, "no whole .npz file of numbers and names"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_by_name(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidScores, match=said) as refusal:
        read_scores(saved(tmp_path / "clip.npz", **changes))
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_not_there_or_not_one_of_scores_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="no such file of scores"):
        read_scores(tmp_path / "none.npz")
    whole = saved(tmp_path / "clip.npz").read_bytes()
    for content in (b"", b"not an archive", whole[: len(whole) // 2]):
        (tmp_path / "broken.npz").write_bytes(content)
        with pytest.raises(InvalidScores, match=r"numpy\.savez"):
            read_scores(tmp_path / "broken.npz")
    np.save(tmp_path / "one.npy", HEARD)
    with pytest.raises(InvalidScores, match=r"no \.npz file"):
        read_scores(tmp_path / "one.npy")
