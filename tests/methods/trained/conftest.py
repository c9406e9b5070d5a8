"""What the tests of the parsers share."""

from pathlib import Path

import pytest

from tests.methods.trained.golden import Golden


@pytest.fixture
def golden(shared: Path) -> Golden:
    """Recorded outputs of the published networks; skipped where they are not at hand."""
    return Golden(shared)
