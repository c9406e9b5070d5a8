from pathlib import Path

import pytest

from av2a.datasets import open_dataset
from av2a.errors import Av2aError, DataUnavailable, UnknownName, UsageError
from av2a.paths import data_folder
from av2a.world import SPLITS
from tests.datasets.small_files import ave_files, llp_files


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where annotations are looked for."""
    monkeypatch.setenv("AV2A_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def test_benchmarks_are_opened_by_name_from_where_they_were_fetched_to(data: Path) -> None:
    llp_files(data)
    ave_files(data)
    assert open_dataset("llp").split == "test"
    assert open_dataset("llp", split="val").clips[0].name == "4O9rI-FpqLg_10_20"
    assert len(open_dataset("ave", split="train").clips) == 1


def test_annotations_may_lie_elsewhere_and_clips_be_limited(data: Path, tmp_path: Path) -> None:
    assert len(open_dataset("llp", annotations=llp_files(tmp_path)).clips) == 2
    limited = open_dataset("llp", annotations=llp_files(tmp_path), limit=1)
    assert (len(limited.clips), limited.split_clips) == (1, 2)


def test_annotations_that_were_never_fetched_are_told_of_with_the_ways_out(data: Path) -> None:
    with pytest.raises(DataUnavailable) as refused:
        open_dataset("ave")
    assert refused.value.exit_status == 3
    for way in (str(data / "ave"), "av2a data fetch ave", "--annotations DIR", "AV2A_DATA"):
        assert way in str(refused.value)


def test_a_folder_is_opened_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    for name in (str(tmp_path), tmp_path):
        assert [clip.name for clip in open_dataset(name).clips] == ["a"]
    truth = tmp_path / "truth"
    truth.mkdir()
    (truth / "annotations.tsv").write_text("filename\tonset\toffset\tevent_label\na\t0\t1\tdog\n")
    assert open_dataset(truth, videos=tmp_path).categories == ("dog",)
    assert open_dataset(tmp_path, labels=("cat",)).categories == ("cat",)


def test_the_generated_world_is_rendered_as_far_as_it_is_asked_for(tmp_path: Path) -> None:
    dataset = open_dataset("synthetic", split="validation", videos=tmp_path, limit=1)
    assert len(dataset.clips) == len(dataset.at_hand) == 1
    assert dataset.split_clips == len(SPLITS["validation"].seeds)


@pytest.mark.parametrize(
    ("name", "options", "kind", "message"),
    [
        ("lpl", {}, UnknownName, "unknown dataset 'lpl': did you mean 'llp'"),
        ("llp", {"split": "tset"}, UnknownName, "unknown split 'tset': did you mean 'test'"),
        ("llp", {"labels": ("dog",)}, UsageError, "llp has its own categories"),
        ("synthetic", {"annotations": Path("x")}, UsageError, "knows its own truth"),
        (".", {"split": "test"}, UsageError, "a folder of videos has no split 'test'"),
        ("llp", {"limit": 0}, UsageError, "a limit of 0 clips leaves none"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, name: str, options: dict[str, object], kind: type[Av2aError], message: str
) -> None:
    options = {"annotations": llp_files(tmp_path), **options} if name == "llp" else options
    with pytest.raises(kind, match=message):
        open_dataset(name, **options)  # type: ignore[arg-type]


def test_without_a_variable_data_lie_in_the_user_s_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AV2A_DATA", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert data_folder() == tmp_path / "av2a" / "data"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_folder() == tmp_path / ".cache" / "av2a" / "data"
