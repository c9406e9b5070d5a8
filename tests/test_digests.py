import hashlib
import os
from pathlib import Path

import pytest

from av2a.digests import FileIdentity, has_digest, require_unchanged, sha256
from av2a.errors import FileChanged, MissingFile


def test_a_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"abc" * 1000)
    assert sha256(file) == hashlib.sha256(b"abc" * 1000).hexdigest()
    assert sha256(file, FileIdentity.of(file.stat())) == sha256(file)


def test_another_file_of_the_same_size_is_another_file(tmp_path: Path) -> None:
    file, other = tmp_path / "a", tmp_path / "b"
    file.write_bytes(b"abc")
    identity = FileIdentity.of(file.stat())
    require_unchanged(file, identity)
    other.write_bytes(b"xyz")
    os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    other.replace(file)
    for refused in (require_unchanged, sha256):
        with pytest.raises(FileChanged, match="was replaced or changed after it was opened") as refusal:
            refused(file, identity)
        assert "\n" not in str(refusal.value)


def test_a_file_that_was_written_to_is_changed(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"abc")
    identity = FileIdentity.of(file.stat())
    with file.open("ab") as handle:
        handle.write(b"d")
    with pytest.raises(FileChanged):
        require_unchanged(file, identity)


def test_a_file_that_is_gone_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.touch()
    identity = FileIdentity.of(file.stat())
    file.unlink()
    with pytest.raises(MissingFile):
        require_unchanged(file, identity)


def test_a_file_has_its_sha_256_and_git_s_name_for_it(tmp_path: Path) -> None:
    file = tmp_path / "greeting"
    file.write_bytes(b"what is up, doc?")
    # Source: the worked example of "Pro Git", section "Git Objects".
    assert has_digest(file, "bd9dbf5aae1a3862dd1526723246b20206e5fc37")
    assert has_digest(file, hashlib.sha256(b"what is up, doc?").hexdigest())
    assert not has_digest(file, "0" * 40) and not has_digest(file, "0" * 64)
