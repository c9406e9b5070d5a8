"""Scores of other models, read from files."""

import tempfile
import time
import tracemalloc
import zipfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from av2a.errors import InvalidScores, MissingFile, OutputRefused, UnknownName
from av2a.exports import scores
from av2a.exports.scores import read_scores, write_scores
from av2a.methods.av2a.method import parse
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
        (file.labels[each.label], each.start, each.stop)
        for each in parse(file.scored, SETTINGS).streams[modality].found
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
        ({"labels": None}, "has no labels"),
        ({"labels": np.array(["a", "a"])}, "names 'a' twice"),
        ({"audi": HEARD}, "holds 'audi', which is unknown"),
        ({"labels": np.array([{"a": 1}, None], dtype=object)}, "no complete .npz file of numbers and labels"),
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


# Hostile and damaged archives.


def archive(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as written:
        for name, content in members.items():
            written.writestr(name, content)
    return path


def stored(array: np.ndarray) -> bytes:
    content = BytesIO()
    np.save(content, array)
    return content.getvalue()


def peak_megabytes(path: Path) -> float:
    """How much memory refusing a file took."""
    tracemalloc.start()
    try:
        with pytest.raises(InvalidScores):
            read_scores(path)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def test_a_small_file_that_unpacks_to_a_huge_one_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "clip.npz")
    monkeypatch.setattr(scores, "LARGEST_BYTES", 50_000_000)
    zeros = archive(path, {"labels.npy": stored(np.array(LABELS)), "audio.npy": bytes(60_000_000)})
    assert zeros.stat().st_size < 100_000
    with pytest.raises(InvalidScores, match="has more than 50 MB of arrays: write one file for each clip"):
        read_scores(zeros)
    assert peak_megabytes(zeros) < 5


def test_what_nobody_reads_is_not_unpacked(tmp_path: Path) -> None:
    zeros = bytes(40_000_000)
    others = {"labels.npy": stored(np.array(LABELS)), "thumbnail.npy": stored(np.frombuffer(zeros, np.uint8))}
    assert peak_megabytes(archive(tmp_path / "other.npz", others)) < 5
    assert peak_megabytes(archive(tmp_path / "bare.npz", {"audio.npy": stored(np.frombuffer(zeros))})) < 5
    many = {"labels.npy": stored(np.frombuffer(zeros, "S4"))}
    assert peak_megabytes(archive(tmp_path / "many.npz", many)) < 5
    # A header of the second version may have any length.
    long = b"\x93NUMPY\x02\x00" + len(zeros).to_bytes(4, "little") + zeros
    assert peak_megabytes(archive(tmp_path / "long.npz", {"audio.npy": long, "labels.npy": b""})) < 5


def test_many_labels_are_read_in_linear_time(tmp_path: Path) -> None:
    names, scored = np.array([f"label {n}" for n in range(100_000)], "S"), np.zeros((1, 100_000), np.float32)
    np.savez(tmp_path / "clip.npz", labels=names, audio=scored, visual=scored)
    began = time.perf_counter()
    assert len(read_scores(tmp_path / "clip.npz").labels) == 100_000
    assert time.perf_counter() - began < 10


def test_a_header_that_promises_more_than_is_there_takes_no_memory(tmp_path: Path) -> None:
    header = stored(HEARD).replace(b"(5, 2)", b"(90000000, 2)".ljust(6))
    assert (
        peak_megabytes(archive(tmp_path / "clip.npz", {"labels.npy": stored(np.array(LABELS)), "audio.npy": header}))
        < 5
    )


def test_an_archive_that_understates_its_size_is_not_unpacked_beyond_it(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "clip.npz",
        {"labels.npy": stored(np.array(LABELS)), "audio.npy": stored(np.zeros((5, 2))) + bytes(60_000_000)},
    )
    content, true_size = path.read_bytes(), (60_000_000 + len(stored(np.zeros((5, 2))))).to_bytes(4, "little")
    assert content.count(true_size) == 2
    path.write_bytes(content.replace(true_size, len(stored(np.zeros((5, 2)))).to_bytes(4, "little")))
    assert peak_megabytes(path) < 5


def test_ways_of_packing_without_a_limit_are_refused(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "clip.npz", {"labels.npy": stored(np.array(LABELS)), "audio.npy": stored(HEARD)}, zipfile.ZIP_BZIP2
    )
    with pytest.raises(InvalidScores, match="compressed in another way than NumPy's"):
        read_scores(path)


def test_a_large_file_of_scores_is_read_whole(tmp_path: Path) -> None:
    hours = np.random.default_rng(0).random((7200, 40))
    np.savez_compressed(
        tmp_path / "clip.npz", labels=np.array([str(n) for n in range(40)]), audio=hours, visual=hours.T.copy().T
    )
    file = read_scores(tmp_path / "clip.npz")
    np.testing.assert_allclose(file.scored.audio.segments, hours, rtol=1e-6)
    np.testing.assert_allclose(file.scored.visual.segments, hours, rtol=1e-6)


@settings(max_examples=300)
@given(st.data())
def test_damage_anywhere_is_refused_or_harmless(data: st.DataObject) -> None:
    content = BytesIO()
    pack = data.draw(st.sampled_from([np.savez, np.savez_compressed]))
    pack(content, labels=np.array(LABELS), audio=HEARD, visual=SEEN)
    damaged = bytearray(content.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.npz"
        path.write_bytes(damaged)
        with suppress(InvalidScores):
            assert read_scores(path).labels


def test_a_file_of_scores_is_never_written_over_unasked(tmp_path: Path) -> None:
    path = tmp_path / "new" / "clip.npz"
    write_scores(path, LABELS, HEARD, SEEN)
    with pytest.raises(OutputRefused, match="already there"):
        write_scores(path, LABELS, SEEN, HEARD)
    write_scores(path, LABELS, SEEN, HEARD, overwrite=True)
    np.testing.assert_allclose(read_scores(path).scored.audio.segments, SEEN, rtol=1e-6)
