"""Feature files are found by id, and what cannot be what was published is refused."""

from pathlib import Path

import numpy as np
import pytest

from av2a.errors import MediaError, MissingFile
from av2a.methods.trained.features import KINDS, FeatureFolder, together
from tests.methods.trained.checkpoint_files import write_features

CLIP = "-a_b-c_d_e1_120_130"
FILE = "-a_b-c_d_e1.npy"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_features(tmp_path / "feats", [CLIP])


def test_a_clips_features_are_those_of_its_id(folder: Path) -> None:
    found = FeatureFolder.opened(folder).features(CLIP)
    assert np.array_equal(found.audio, np.load(folder / "vggish" / FILE))
    assert np.array_equal(found.pictures, np.load(folder / "res152" / FILE))
    assert np.array_equal(found.motion, np.load(folder / "r2plus1d_18" / FILE))
    both = together([found, found])
    assert (both.audio.shape, both.pictures.shape, both.motion.shape) == ((2, 10, 128), (2, 80, 2048), (2, 10, 512))


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_features_stored_in_other_floats_are_taken_as_float32(folder: Path, dtype: type) -> None:
    wanted = np.load(folder / "vggish" / FILE)
    np.save(folder / "vggish" / FILE, wanted.astype(dtype))
    found = FeatureFolder.opened(folder).features(CLIP).audio
    assert found.dtype == np.float32 and found == pytest.approx(wanted, rel=1e-3, abs=1e-6)


def test_a_folder_without_the_three_is_refused(folder: Path) -> None:
    with pytest.raises(MissingFile, match="has no folder vggish, res152, r2plus1d_18: name the folder that contains"):
        FeatureFolder.opened(folder / "vggish")
    (folder / "res152" / FILE).unlink()
    (folder / "res152").rmdir()
    with pytest.raises(MissingFile, match="has no folder res152: "):
        FeatureFolder.opened(folder)


def test_files_that_are_missing_are_named(folder: Path) -> None:
    (folder / "vggish" / FILE).unlink()
    (folder / "r2plus1d_18" / FILE).unlink()
    opened = FeatureFolder.opened(folder)
    assert opened.missing(CLIP) == ["vggish", "r2plus1d_18"]
    with pytest.raises(MissingFile, match=f"no vggish/{FILE}, no r2plus1d_18/{FILE} among the features"):
        opened.features(CLIP)


@pytest.mark.parametrize(
    ("kind", "array", "words"),
    [
        ("vggish", np.ones((9, 128), np.float32), r"array of shape \(9, 128\), not \(10, 128\): files must be as"),
        ("res152", np.ones((80, 2048, 1), np.float32), r"array of shape \(80, 2048, 1\), not \(80, 2048\)"),
        (
            "r2plus1d_18",
            np.ones((10, 512), np.int32),
            r"holds int32, not float32 \(float16 and float64 are taken too\): ",
        ),
        ("vggish", np.ones((10, 128), np.longdouble), "holds float.*, not float32"),
        ("vggish", np.full((10, 128), np.nan, np.float32), "holds numbers that are not finite: make it again"),
        ("vggish", np.full((10, 128), np.inf, np.float32), "holds numbers that are not finite"),
        ("vggish", np.full((10, 128), 1e300), "holds numbers that are not finite"),
        ("vggish", np.full((10, 128), None), "is no array that can be read"),
    ],
)
def test_arrays_that_are_not_as_published_are_refused(folder: Path, kind: str, array: np.ndarray, words: str) -> None:
    np.save(folder / kind / FILE, array)
    with pytest.raises(MediaError, match=f"^{kind}/{FILE} .*{words}") as refusal:
        FeatureFolder.opened(folder).features(CLIP)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "content", [b"", b"\x93NUMPY\x01\x00", b"noise" * 100, None], ids=["empty", "cut", "noise", "short"]
)
def test_damaged_files_are_refused(folder: Path, content: bytes | None) -> None:
    file = folder / "res152" / FILE
    file.write_bytes(file.read_bytes()[:-4] if content is None else content)
    with pytest.raises(MediaError, match=rf"^res152/{FILE} is no array that can be read .*: make or fetch it again$"):
        FeatureFolder.opened(folder).features(CLIP)


def test_an_archive_is_no_array(folder: Path) -> None:
    with (folder / "vggish" / FILE).open("wb") as handle:
        np.savez(handle, a=np.ones((10, 128), np.float32))
    with pytest.raises(MediaError, match="is an archive of arrays, not one array"):
        FeatureFolder.opened(folder).features(CLIP)


def test_the_shapes_are_the_published_ones() -> None:
    assert KINDS == {"vggish": (10, 128), "res152": (80, 2048), "r2plus1d_18": (10, 512)}
