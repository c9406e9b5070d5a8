"""What the tests of the command share: a call within this process, and media made by code."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from av2a.cli import main
from tests.cli.calling import Call, Outcome
from tests.media_makers import Pictures, Sound, even_times, tone, write_media, write_wave


@pytest.fixture
def av2a(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call the command in this process, with the built-in backbone, at a width of 100 columns."""
    for name in ("NO_COLOR", "FORCE_COLOR", "AV2A_PROFILE", "AV2A_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AV2A_BACKBONE", "mini")
    monkeypatch.setenv("AV2A_CACHE", "")
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: str | Path) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Outcome(int(left.value.code or 0), out, err)

    return call


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of picture and sound."""
    path = tmp_path_factory.mktemp("media") / "clip.mp4"
    return write_media(path, Pictures(even_times(20, 10), rate_hz=Fraction(10)), Sound(tone(2.0, 48_000)))


@pytest.fixture
def silence(tmp_path: Path) -> Path:
    """Three seconds in which nothing is heard, and no picture."""
    return write_wave(tmp_path / "silence.wav", np.zeros((1, 48_000)), 16_000, sample_bytes=2)
