"""Where the weights of ``light`` are on the machine that runs the tests."""

import os
from pathlib import Path

import pytest

from av2a.backbones.light import files
from av2a.backbones.weights import FOLDER_VARIABLE, Sources

NAMED = os.environ.get(FOLDER_VARIABLE)
"""Read before a test changes the environment."""


def light_weights(shared: Path, folder: Path) -> Path:
    """A folder with all weights, by links: from ``AV2A_WEIGHTS``, the user's cache, or the models in ``shared``."""
    target = folder / files.FOLDER
    target.mkdir(parents=True, exist_ok=True)
    for file in files.PUBLISHED:
        sources = [Sources(folder=Path(each)) for each in (NAMED, shared / "models") if each and Path(each).is_dir()]
        path = next((path for each in sources if (path := files.found(file, each)) is not None), None)
        if path is None:
            pytest.skip(f"no {file.name} on this machine: av2a weights fetch light --weights {shared / 'models'}")
        (target / file.name).symlink_to(path)
    return folder
