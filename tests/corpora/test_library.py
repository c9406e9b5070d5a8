"""What is asked of the library is what the detector answers from the store, and the library knows its files."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from av2a.corpora.library import Library
from av2a.corpora.library_folder import FileState, clip_rows
from av2a.corpora.likeness import SearchExample
from av2a.corpora.matrix import Matrix
from av2a.detector import Detector
from av2a.errors import UsageError
from av2a.features.store import Store
from av2a.settings import Settings
from av2a.types import Detection, Modality

LABELS = (
    "church bell",
    "dog barking",
    "siren",
    "cat meowing",
    "train passing",
    "hammer pounding",
    "violin",
    "helicopter",
)


@pytest.fixture
def own_clips(clips: Path, tmp_path: Path) -> Path:
    """The clips, to be moved and changed."""
    shutil.copytree(clips, tmp_path / "clips")
    return tmp_path / "clips"


@pytest.fixture
def detector(mini: Detector, stored: Path, tmp_path: Path) -> Detector:
    """With a store that has embeddings, so that nothing is embedded again."""
    shutil.copytree(stored, tmp_path / "store")
    return Detector(mini.backbone, store=tmp_path / "store")


@pytest.fixture
def library(detector: Detector, own_clips: Path) -> Library:
    """A library of all clips."""
    assert detector.store is not None
    library = Library(detector.store, detector)
    assert library.add(sorted(own_clips.iterdir())) == len(list(own_clips.iterdir()))
    return library


def events(detections: dict[str, Detection], modality: Modality | None = None) -> list[tuple[Any, ...]]:
    """The surest first, as a search has them."""
    found = [
        (event.confidence, path, event.modality.value, event.start_seconds, event.stop_seconds)
        for path, detection in detections.items()
        for event in detection.events
        if modality in (None, event.modality)
    ]
    return sorted(found, reverse=True)


def hits(library: Library, label: str, **more: Any) -> list[tuple[Any, ...]]:
    return [
        (hit.confidence, hit.path, hit.event.modality.value, hit.event.start_seconds, hit.event.stop_seconds)
        for hit in library.search(label, **more).hits
    ]


# The answers.


@pytest.mark.parametrize("label", LABELS)
def test_a_search_has_all_events_that_the_detector_finds(library: Library, own_clips: Path, label: str) -> None:
    detections = {str(path): library.detector(path, [label]) for path in own_clips.iterdir()}
    assert sorted(hits(library, label, top=1000), reverse=True) == events(detections)


def test_there_are_events_to_be_found(library: Library) -> None:
    assert sum(len(hits(library, label, top=1000)) for label in LABELS) > 10


@pytest.mark.parametrize("modality", list(Modality))
def test_a_search_of_one_stream_has_the_events_of_that_stream(
    library: Library, own_clips: Path, modality: Modality
) -> None:
    for label in LABELS[:3]:
        detections = {str(path): library.detector(path, [label]) for path in own_clips.iterdir()}
        assert sorted(hits(library, label, top=1000, modality=modality), reverse=True) == events(detections, modality)


@pytest.mark.parametrize("top", [1, 3, 7])
def test_the_first_answers_are_the_surest_of_all(library: Library, top: int) -> None:
    for label in LABELS:
        everything = [confidence for confidence, *_ in hits(library, label, top=1000)]
        assert [confidence for confidence, *_ in hits(library, label, top=top)] == everything[:top]


@pytest.mark.parametrize(
    "change",
    [
        {"select_categories": False},
        {"consistent": False, "audio_weight": 0.2},
        {"fusion": "late"},
        {"category_threshold": 0.8, "initial_threshold": 0.7, "confidence_threshold": 0.6},
        {"background": ("car", "wind", "a room", "music", "people talking")},
    ],
    ids=str,
)
def test_other_settings_of_the_same_sampling_are_answered_as_well(
    library: Library, own_clips: Path, change: dict[str, Any]
) -> None:
    settings = Settings.practical(**change)
    detections = {str(path): library.detector(path, ["siren"], settings) for path in own_clips.iterdir()}
    assert sorted(hits(library, "siren", top=1000, settings=settings), reverse=True) == events(detections)


def test_several_labels_are_asked_together(library: Library, own_clips: Path) -> None:
    labels = ["siren", "church bell", "dog barking"]
    detections = {str(path): library.detector(path, labels) for path in own_clips.iterdir()}
    found = library.search(labels, top=1000).hits
    assert sorted((hit.confidence for hit in found), reverse=True) == [each[0] for each in events(detections)]
    assert {hit.event.label for hit in found} == {e.label for d in detections.values() for e in d.events}


def test_one_video_s_scores_thresholds_and_events_are_the_detector_s(library: Library, own_clips: Path) -> None:
    path = own_clips / "clip-2.mp4"
    asked, expected = library.detection(path, "church bell"), library.detector(path, ["church bell"])
    assert asked.events == expected.events and asked.events
    assert asked == expected
    for one, other in zip(asked.traces, expected.traces, strict=True):
        np.testing.assert_array_equal(one.scores, other.scores)
        np.testing.assert_array_equal(one.thresholds, other.thresholds)


def test_no_video_is_opened(library: Library, own_clips: Path) -> None:
    before = hits(library, "siren")
    shutil.rmtree(own_clips)
    answer = library.search("siren")
    assert [hit.confidence for hit in answer.hits] == [each[0] for each in before]
    assert {hit.file for hit in answer.hits} == {"gone"}


def test_settings_of_another_sampling_are_refused(library: Library) -> None:
    with pytest.raises(UsageError, match="open a Library with them"):
        library.search("siren", settings=Settings.practical(frames_per_segment=3))


def test_only_clips_that_may_be_among_the_first_are_asked(library: Library) -> None:
    assert library.search("siren", top=1000).asked < len(library.videos())


# By example.


def test_the_moment_most_like_an_example_is_found_in_a_copy(library: Library, own_clips: Path, tmp_path: Path) -> None:
    example = own_clips / "clip-1.mp4"
    answer = library.like(SearchExample(example, 0.0, 2.0))
    others = [hit.confidence for hit in answer.hits if hit.path != str(example)]
    assert others == sorted(others, reverse=True) and len(others) == len(library.videos()) - 1
    assert max(others) < 1
    outside = tmp_path / "example.mp4"
    shutil.copy(example, outside)
    with outside.open("ab") as stream:
        # Other bytes with the same picture and sound.
        stream.write(b"\0\0\0\x08free")
    [first, *_] = library.like(SearchExample(outside, 0.0, 2.0)).hits
    assert first.path == str(example) and first.confidence > max(others)
    assert (first.event.start_seconds, first.event.stop_seconds) == (0, 2)


@pytest.mark.parametrize("text", ["clip.mp4", "clip.mp4@3-2", "clip.mp4@x-2", "@1-2", "clip.mp4@-1-2"])
def test_an_example_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="an example is a video and seconds"):
        SearchExample.of(text)


def test_an_example_beyond_its_video_is_refused(library: Library, own_clips: Path) -> None:
    with pytest.raises(UsageError, match=r"lies outside of its video, which lasts 4\.0 s"):
        library.like(SearchExample(own_clips / "clip-1.mp4", 90.0, 95.0))


# Growth and damage.


def test_what_a_detector_stores_is_in_the_library(detector: Detector, own_clips: Path) -> None:
    assert detector.store is not None
    library = Library(detector.store, detector)
    assert library.search("siren").videos == 0
    detector(own_clips / "clip-0.mp4", ["rain"])
    assert library.search("siren").videos == 1
    detector(own_clips / "clip-1.mp4", ["rain"])
    assert [Path(each.path).name for each in library.videos()] == ["clip-0.mp4", "clip-1.mp4"]
    assert library.search("siren").videos == 2


def test_the_same_content_under_two_names_is_embedded_once_and_answered_twice(
    library: Library, own_clips: Path
) -> None:
    assert library.detector.store is not None
    entries, before = len(library.detector.store.entries()), hits(library, "church bell", top=1000)
    shutil.copy(own_clips / "clip-2.mp4", own_clips / "twin.mp4")
    library.add([own_clips / "twin.mp4"])
    assert len(library.detector.store.entries()) == entries
    after = hits(library, "church bell", top=1000)
    twins = [each for each in before if each[1].endswith("clip-2.mp4")]
    assert twins
    assert sorted(after) == sorted([*before, *((c, str(own_clips / "twin.mp4"), *rest) for c, _, *rest in twins)])


def matrix_folder(library: Library) -> Path:
    return library.folder.folder / "library"


def cut_rows(folder: Path) -> None:
    file = next(folder.glob("seen-*.f32"))
    file.write_bytes(file.read_bytes()[:-5])


def no_rows(folder: Path) -> None:
    next(folder.glob("heard-*.f32")).unlink()


def nonsense_index(folder: Path) -> None:
    (folder / "index.jsonl").write_text('{"format": 1}\nwhat\n')


def lost_line(folder: Path) -> None:
    lines = (folder / "index.jsonl").read_text().splitlines(keepends=True)
    (folder / "index.jsonl").write_text("".join([*lines[:2], "not this\n", *lines[3:]]))


def other_format(folder: Path) -> None:
    (folder / "index.jsonl").write_text('{"format": 99, "generation": 1, "widths": [1, 1]}\n')


def nothing(folder: Path) -> None:
    shutil.rmtree(folder)


@pytest.mark.parametrize("damage", [cut_rows, no_rows, nonsense_index, lost_line, other_format, nothing])
def test_a_damaged_matrix_is_made_anew_from_the_store(
    library: Library, detector: Detector, damage: Callable[[Path], None]
) -> None:
    before = hits(library, "church bell", top=1000)
    damage(matrix_folder(library))
    assert detector.store is not None
    fresh = Library(Store(detector.store.folder), detector)
    assert hits(fresh, "church bell", top=1000) == before
    assert hits(library, "church bell", top=1000) == before


def test_a_flipped_bit_in_the_matrix_is_found_by_a_check(library: Library) -> None:
    file = next(matrix_folder(library).glob("heard-*.f32"))
    content = bytearray(file.read_bytes())
    content[100] ^= 0x40
    file.write_bytes(content)
    assert library.folder.check().damaged == 1
    assert library.folder.check().damaged == 0


def test_rows_that_a_killed_writer_left_are_overwritten(library: Library, own_clips: Path) -> None:
    before = hits(library, "church bell", top=1000)
    for file in matrix_folder(library).glob("*.f32"):
        with file.open("ab") as stream:
            stream.write(b"half a row")
    with (matrix_folder(library) / "index.jsonl").open("ab") as stream:
        stream.write(b'["an entry that was cut')
    library.add([own_clips / "clip-0.mp4"])
    fresh = Library(library.store, library.detector)
    assert hits(fresh, "church bell", top=1000) == before
    shutil.copy(own_clips / "clip-0.mp4", own_clips / "more.mp4")
    with (own_clips / "more.mp4").open("ab") as stream:
        stream.write(b"\0\0\0\x08free")
    fresh.add([own_clips / "more.mp4"])
    assert fresh.search("siren").videos == len(library.videos())
    assert fresh.folder.check().damaged == 0


def test_an_entry_that_is_gone_from_the_store_is_said(library: Library) -> None:
    everything = hits(library, "church bell", top=1000)
    for entry in library.store.entries():
        entry.path.unlink()
    answer = library.search("church bell", top=1000)
    assert answer.hits == () and everything
    assert set(answer.unanswered) <= {each.path for each in library.videos()} and answer.unanswered
    assert not any(each.is_answered for each in library.videos())


def test_a_library_that_cannot_be_written_answers_all_the_same(
    library: Library, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hits(library, "church bell", top=1000)
    shutil.rmtree(matrix_folder(library))
    # No folder can be made where a file is.
    matrix_folder(library).touch()
    said: list[str] = []
    fresh = Library(Store(library.store.folder, warn=said.append), detector)
    assert hits(fresh, "church bell", top=1000) == before
    assert [each for each in said if "the library cannot be written" in each]


def test_rows_of_what_is_no_longer_stored_are_removed(library: Library, detector: Detector) -> None:
    for entry in library.store.entries():
        entry.path.unlink()
    fresh = Library(Store(library.store.folder), detector)
    assert len(fresh.refresh()) == 0
    assert len(fresh.search("church bell").unanswered) == len(library.videos())
    assert not list(matrix_folder(library).glob("seen-1.*"))


# The files.


def test_changed_moved_and_gone_files_are_known(library: Library, own_clips: Path, tmp_path: Path) -> None:
    (own_clips / "clip-0.mp4").write_bytes(b"something else")
    (own_clips / "clip-1.mp4").rename(own_clips / "renamed.mp4")
    (tmp_path / "far").mkdir()
    (own_clips / "clip-2.mp4").rename(tmp_path / "far" / "away.mp4")
    (own_clips / "clip-3.mp4").unlink()
    (own_clips / "clip-4.mp4").touch()
    found = {Path(each.path).name: each for each in library.folder.check([tmp_path / "far"]).findings}
    assert found["clip-0.mp4"].state is FileState.CHANGED
    assert (found["clip-1.mp4"].state, found["clip-1.mp4"].moved_to) == (
        FileState.MOVED,
        str(own_clips / "renamed.mp4"),
    )
    assert found["clip-2.mp4"].moved_to == str(tmp_path / "far" / "away.mp4")
    assert found["clip-3.mp4"].state is FileState.GONE
    assert found["clip-4.mp4"].state is FileState.UNCHANGED
    paths = {Path(each.path).name for each in library.videos()}
    assert "renamed.mp4" in paths and "clip-1.mp4" not in paths


def test_a_changed_file_is_embedded_anew_under_its_name(library: Library, own_clips: Path) -> None:
    videos = len(library.videos())
    shutil.copy(own_clips / "clip-2.mp4", own_clips / "clip-0.mp4")
    library.add([own_clips / "clip-0.mp4"])
    assert len(library.videos()) == videos
    found = hits(library, "church bell", top=1000)
    assert {path for _, path, *_ in found} >= {str(own_clips / "clip-0.mp4"), str(own_clips / "clip-2.mp4")}


def test_what_is_removed_is_neither_searched_nor_stored(library: Library, own_clips: Path) -> None:
    entries = len(library.store.entries())
    shutil.copy(own_clips / "clip-2.mp4", own_clips / "twin.mp4")
    library.add([own_clips / "twin.mp4"])
    assert library.folder.remove([own_clips / "clip-2.mp4"]) == [str(own_clips / "clip-2.mp4")]
    assert len(library.store.entries()) == entries
    assert str(own_clips / "clip-2.mp4") not in {path for _, path, *_ in hits(library, "church bell", top=1000)}
    library.folder.remove([own_clips / "twin.mp4"])
    assert len(library.store.entries()) == entries - 1
    library.folder.remove([own_clips])
    assert library.videos() == [] and library.store.entries() == []
    assert library.search("church bell").hits == ()


def test_two_libraries_of_one_store_see_each_other_s_rows(
    library: Library, detector: Detector, own_clips: Path
) -> None:
    other = Library(Store(library.store.folder), detector)
    assert other.search("siren").videos == len(library.videos())
    shutil.copy(own_clips / "clip-5.mp4", own_clips / "new.mp4")
    with (own_clips / "new.mp4").open("ab") as stream:
        stream.write(b"\0\0\0\x08free")
    other.add([own_clips / "new.mp4"])
    assert library.search("siren").videos == other.search("siren").videos
    assert len(library.refresh()) == len(other.refresh())


def test_a_name_that_is_not_utf_8_is_kept(library: Library, own_clips: Path) -> None:
    odd = Path(str(own_clips)) / "caf\udce9.mp4"
    try:
        shutil.copy(own_clips / "clip-2.mp4", odd)
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    library.add([odd])
    assert str(odd) in {path for _, path, *_ in hits(library, "church bell", top=1000)}


# The matrix.


def test_the_background_beside_a_row_is_what_the_method_computes(library: Library) -> None:
    matrix = library.refresh()
    concepts = np.random.default_rng(0).normal(size=(7, matrix.widths[1])).astype(np.float32)
    products = matrix.rows("heard").astype(np.float64) @ concepts.T.astype(np.float64)
    for _ in range(2):
        # Computed, then read.
        sums = matrix.background("heard", concepts).sums
        np.testing.assert_allclose(sums[:, 0], products.sum(axis=1), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(sums[:, 1], (products**2).sum(axis=1), rtol=1e-4, atol=1e-4)


def test_the_rows_of_a_clip_are_its_segments(library: Library) -> None:
    sighting = next(iter(library.folder.sightings().values()))
    features = library.folder.features(sighting.entry)
    assert features is not None
    rows = clip_rows(sighting.entry, features)
    segments = features.segments(0)
    expected = {row.tobytes() for row in segments.visual.reshape(-1, segments.visual.shape[-1])}
    assert {row.tobytes() for row in rows.seen} == expected
    assert {row.tobytes() for row in rows.heard} == {row.tobytes() for row in segments.audio}


def test_an_index_line_is_one_clip(library: Library) -> None:
    lines = (matrix_folder(library) / "index.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["widths"] == list(library.refresh().widths)
    assert [json.loads(line)[0] for line in lines[1:]] == entries_of(library)


def entries_of(library: Library) -> list[str]:
    matrix = Matrix(matrix_folder(library))
    matrix.refresh()
    return matrix.entries
