"""Entries are whole or not there: damage, other versions, full disks, and several processes at once."""

import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

from av2a.embeddings import ClipFeatures, EmbeddedInput, EmbeddingTable, InputKey, InputKind
from av2a.errors import OutputRefused
from av2a.features.store import Store
from tests.full_disk import no_file_larger_than

MADE_BY = {
    "version": 1,
    "clip": {"sha256": "ab" * 32, "size_bytes": 1000, "video": 0, "audio": 1, "seconds": 10.0},
    "backbone": {"name": "mini", "digest": "cd" * 32},
    "sampling": {"sound": "clip"},
}


def a_clip(seed: int = 0, segments: int = 10) -> ClipFeatures:
    """A clip of made-up rows."""
    rng = np.random.default_rng(seed)
    places = [InputKey(0, kind, t, t + 1) for kind in (InputKind.SEGMENT, InputKind.FRAME) for t in range(segments)]
    visual = {place: EmbeddedInput(rng.normal(size=(1, 8)).astype(np.float32), True) for place in places}
    audio = {place: EmbeddedInput(rng.normal(size=(1, 4)).astype(np.float32), True) for place in places[:segments]}
    return ClipFeatures(
        visual=EmbeddingTable.of(visual),
        audio=EmbeddingTable.of(audio),
        parts=np.array([[0, segments, 0]], np.int32),
        window_of=np.zeros(segments, np.int64),
        warnings=("one thing",),
    )


def rows_of(clip: ClipFeatures) -> np.ndarray:
    return clip.visual.rows


@pytest.fixture
def heard() -> list[str]:
    """What a store has said."""
    return []


@pytest.fixture
def store(tmp_path: Path, heard: list[str]) -> Store:
    return Store(tmp_path / "store", warn=heard.append)


def test_an_entry_is_read_back_as_it_was_written(store: Store, heard: list[str]) -> None:
    assert store.read(MADE_BY) is None
    store.write(MADE_BY, a_clip())
    kept = store.read(MADE_BY)
    assert kept is not None
    assert np.array_equal(rows_of(kept), rows_of(a_clip()))
    assert kept.visual.index == a_clip().visual.index
    assert kept.warnings == ("one thing",)
    assert heard == []


def test_the_same_entry_has_the_same_bytes(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    for each in (store, other):
        each.write(MADE_BY, a_clip())
    assert store.path(MADE_BY).read_bytes() == other.path(MADE_BY).read_bytes()


def test_anybody_s_safetensors_reader_reads_it(store: Store) -> None:
    store.write(MADE_BY, a_clip())
    with safe_open(store.path(MADE_BY), framework="numpy") as file:
        assert np.array_equal(file.get_tensor("visual.rows"), rows_of(a_clip()))
        assert json.loads(file.metadata()["av2a"])["made_by"] == MADE_BY


def test_reading_leaves_no_file_open(store: Store) -> None:
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        pytest.skip("only Linux tells which files are open")
    store.write(MADE_BY, a_clip())
    before = len(list(folder.iterdir()))
    kept = [store.read(MADE_BY) for _ in range(50)]
    assert len(list(folder.iterdir())) == before
    assert all(kept)


def test_an_entry_that_was_read_outlives_its_replacement(store: Store) -> None:
    store.write(MADE_BY, a_clip())
    kept = store.read(MADE_BY)
    store.write(MADE_BY, a_clip(seed=1))
    assert kept is not None and np.array_equal(rows_of(kept), rows_of(a_clip()))


# Damage.


def cut(content: bytes) -> bytes:
    return content[:-1]


def cut_in_the_header(content: bytes) -> bytes:
    return content[:20]


def flipped_in_the_rows(content: bytes) -> bytes:
    return content[:-5] + bytes([content[-5] ^ 1]) + content[-4:]


def flipped_in_what_made_it(content: bytes) -> bytes:
    return content.replace(b"abab", b"abaa", 1)


def of_an_absurd_length(content: bytes) -> bytes:
    return (2**63 - 1).to_bytes(8, "little") + content[8:]


def without_our_header(content: bytes) -> bytes:
    return content.replace(b'"av2a"', b'"else"', 1)


def longer(content: bytes) -> bytes:
    return content + b"\0"


def text(content: bytes) -> bytes:
    return b"this is no entry\n" * 10


def empty(content: bytes) -> bytes:
    return b""


DAMAGES = [
    cut,
    cut_in_the_header,
    flipped_in_the_rows,
    flipped_in_what_made_it,
    of_an_absurd_length,
    without_our_header,
    longer,
    text,
    empty,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_entry_is_noticed_and_said_once(
    store: Store, heard: list[str], damage: Callable[[bytes], bytes]
) -> None:
    store.write(MADE_BY, a_clip())
    path = store.path(MADE_BY)
    path.write_bytes(damage(path.read_bytes()))
    assert store.read(MADE_BY) is None
    assert store.read(MADE_BY) is None
    [said] = heard
    assert said.endswith("is damaged and is made anew")
    store.write(MADE_BY, a_clip())
    assert store.read(MADE_BY) is not None


def test_every_byte_of_an_entry_counts(store: Store) -> None:
    store.write(MADE_BY, a_clip(segments=2))
    path = store.path(MADE_BY)
    content = path.read_bytes()
    unnoticed = []
    for place in range(0, len(content), 3):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x20]) + content[place + 1 :])
        kept = store.read(MADE_BY)
        if kept is not None and not np.array_equal(rows_of(kept), rows_of(a_clip(segments=2))):
            unnoticed.append(place)
    assert unnoticed == []


def test_entries_of_another_version_are_made_anew_and_said_once(store: Store, heard: list[str]) -> None:
    clips: list[dict[str, Any]] = [
        {**MADE_BY, "clip": {"sha256": f"{number}" * 64, "size_bytes": 9, "seconds": 10.0}} for number in range(3)
    ]
    for made_by in clips:
        store.write({**made_by, "version": 0}, a_clip())
    assert [store.read(made_by) for made_by in clips] == [None] * 3
    [said] = heard
    assert said.endswith("holds entries of another version: they are made anew")
    for made_by in clips:
        store.write(made_by, a_clip())
        assert store.read(made_by) is not None
    # In the others' place, not beside them.
    assert len(list(store.folder.rglob("*.safetensors"))) == 3


# Where writing fails.


def test_a_full_disk_is_said_with_the_folder_and_leaves_nothing_half_written(store: Store) -> None:
    store.write(MADE_BY, a_clip())
    before = store.path(MADE_BY).read_bytes()
    with no_file_larger_than(1000), pytest.raises(OutputRefused, match=r"cannot write into the store '.*store' \(.+\)"):
        store.write(MADE_BY, a_clip(seed=1))
    assert [path.name for path in store.folder.rglob("*.*")] == [store.path(MADE_BY).name]
    assert store.path(MADE_BY).read_bytes() == before


def test_a_store_that_cannot_be_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        OutputRefused, match=r"cannot write into the store .*: what it holds is whole; make room there, or"
    ):
        Store(tmp_path / "file").write(MADE_BY, a_clip())


def _write_often(folder: Path) -> int:
    store = Store(folder)
    for _ in range(30):
        store.write(MADE_BY, a_clip(segments=200))
        if store.read(MADE_BY) is None:
            return 1
    return 0


def test_two_processes_may_fill_one_store_at_once(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        assert list(pool.map(_write_often, [tmp_path, tmp_path])) == [0, 0]
    [entry] = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert entry == Store(tmp_path).path(MADE_BY)
