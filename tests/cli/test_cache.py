"""``av2a cache``: how much is stored, and what bounds it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from av2a.features.store import Store
from tests.cli.calling import Call


@pytest.fixture
def store(av2a: Call, video: Path, silence: Path, tmp_path: Path) -> Store:
    """A store of two clips, the video used longer ago; trials of a search beside them."""
    folder = tmp_path / "store"
    for age, path in ((1000, video), (10, silence)):
        assert av2a("detect", path, "-l", "dog", "--store", folder).status == 0
        newest = max(Store(folder).entries(), key=lambda entry: entry.last_used)
        os.utime(newest.path, (newest.last_used - age,) * 2)
    (folder / "tuning").mkdir()
    (folder / "tuning" / "journal.log").write_text("hours of work")
    return Store(folder)


def listed(av2a: Call, store: Store) -> dict[str, Any]:
    outcome = av2a("cache", "list", "--store", store.folder, "--json")
    assert outcome.status == 0
    answer: dict[str, Any] = json.loads(outcome.out)
    return answer


def test_the_list_counts_clips_and_bytes(av2a: Call, store: Store) -> None:
    total = sum(path.stat().st_size for path in store.folder.rglob("*.safetensors"))
    answer = listed(av2a, store)
    assert (answer["bytes"], answer["limit_bytes"], answer["folder"]) == (total, None, str(store.folder))
    [models] = answer["models"]
    assert models["models"].startswith("mini-")
    assert (models["clips"], models["bytes"]) == (2, total)
    shown = av2a("cache", "list", "--store", store.folder).out
    assert "2 clips" in shown
    assert shown.endswith(f"in {store.folder}, no limit\n")


def test_clearing_removes_embeddings_and_not_the_trials_of_searches(av2a: Call, store: Store) -> None:
    assert (
        "removed the embeddings of 0 clips" in av2a("cache", "clear", "--store", store.folder, "--backbone", "clip").err
    )
    assert len(store.entries()) == 2
    outcome = av2a("cache", "clear", "--store", store.folder, "--backbone", "mini")
    assert (outcome.status, outcome.out) == (0, "")
    assert outcome.err.startswith("removed the embeddings of 2 clips, ")
    assert store.entries() == []
    assert (store.folder / "tuning" / "journal.log").read_text() == "hours of work"


def test_a_limit_removes_what_was_not_used_for_longest_now_and_later(
    av2a: Call, store: Store, video: Path, silence: Path
) -> None:
    oldest, newest = store.entries()
    limit = max(oldest.size_bytes, newest.size_bytes)
    outcome = av2a("cache", "limit", f"{limit}B", "--store", store.folder)
    assert outcome.err.splitlines()[0].startswith("removed the embeddings of 1 clip")
    assert [entry.path for entry in store.entries()] == [newest.path]
    assert listed(av2a, store)["limit_bytes"] == limit
    assert av2a("detect", video, "-l", "dog", "--store", store.folder).status == 0
    assert [entry.path for entry in store.entries()] == [oldest.path]
    assert av2a("cache", "limit", "none", "--store", store.folder).err == "no limit\n"
    assert av2a("detect", silence, "-l", "dog", "--store", store.folder).status == 0
    assert len(store.entries()) == 2


def test_an_entry_that_was_read_counts_as_used(av2a: Call, store: Store, video: Path) -> None:
    oldest, newest = (entry.path for entry in store.entries())
    assert av2a("detect", video, "-l", "violin", "--store", store.folder).status == 0
    assert [entry.path for entry in store.entries()] == [newest, oldest]


@pytest.mark.parametrize("size", ["10", "ten GB", "-1GB", "", "1e9B"])
def test_what_is_no_size_is_refused(av2a: Call, tmp_path: Path, size: str) -> None:
    outcome = av2a("cache", "limit", "--store", tmp_path, "--", size)
    assert outcome.status == 2
    assert "error[E_USAGE]: a size is a number and a unit, such as 500MB or 10GB, or none" in outcome.err


def test_without_a_cache_a_store_must_be_named(av2a: Call, tmp_path: Path) -> None:
    # The fixture switches the user's cache off.
    assert "error[E_USAGE]: no embeddings are stored, as AV2A_CACHE is empty" in av2a("cache", "list").err
    assert listed(av2a, Store(tmp_path / "none"))["models"] == []


def test_a_store_that_cannot_be_written_takes_no_limit(av2a: Call, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = av2a("cache", "limit", "1GB", "--store", tmp_path / "file" / "store")
    assert outcome.status == 2
    assert "error[E_OUTPUT]: cannot write into the store" in outcome.err
