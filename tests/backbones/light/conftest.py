from pathlib import Path

import pytest

from tests.backbones.light.weights import light_weights


@pytest.fixture
def weights(shared: Path, tmp_path: Path) -> Path:
    """A folder with all weights of ``light``; the test is skipped where some are missing."""
    return light_weights(shared, tmp_path / "weights")
