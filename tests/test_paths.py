"""Where the user's folders are."""

from pathlib import Path

import pytest

from av2a import paths
from av2a.errors import UsageError


def test_the_cache_is_where_the_variable_says_and_nothing_is_kept_when_it_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AV2A_CACHE", str(tmp_path))
    assert (paths.cache_folder(), paths.embeddings_folder()) == (tmp_path, tmp_path / "embeddings")
    monkeypatch.setenv("AV2A_CACHE", "")
    assert (paths.cache_folder(), paths.embeddings_folder()) == (None, None)


def test_without_the_variable_it_is_in_the_user_s_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AV2A_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert paths.cache_folder() == tmp_path / "av2a"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert paths.cache_folder() == Path.home() / ".cache" / "av2a"


def test_a_user_without_a_home_has_no_cache_and_must_name_a_folder_for_data(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("AV2A_CACHE", "AV2A_DATA", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert paths.cache_folder() is None
    with pytest.raises(UsageError, match="no home folder: name a folder for data with AV2A_DATA"):
        paths.data_folder()
    monkeypatch.setenv("AV2A_DATA", "/data")
    assert paths.data_folder() == Path("/data")
