"""Checkpoints in the shapes in which the parsers' authors publish theirs, with seeded values; feature files likewise."""

import random
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from av2a.methods.trained.features import ID_CHARACTERS, KINDS
from av2a.methods.trained.registry import PARSERS, published_parameters

NUMPY_NAMES = ("numpy._core.multiarray", "numpy.core.multiarray")
"""Where NumPy says that it rebuilds arrays: since version 2, and before."""


def seeded(name: str, seed: int = 0) -> dict[str, Tensor]:
    """A whole state dict of a parser, what is never read included."""
    generator = torch.Generator().manual_seed(seed)

    def values(key: str, shape: tuple[int, ...]) -> Tensor:
        drawn = torch.randn(shape, generator=generator)
        if len(shape) == 2:
            return drawn * 1.5 / shape[1] ** 0.5
        return 1 + 0.1 * drawn if "norm" in key and key.endswith("weight") else 0.2 * drawn

    return {key: values(key, shape) for key, shape in published_parameters(PARSERS[name]).items()}


def wrapped(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """As JoMoLD and CMPAE publish it: under "model", beside all that training was to be resumed with."""
    layer = nn.Linear(2, 2)
    optimizer = torch.optim.Adam(layer.parameters(), lr=5e-4)
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return {
        "torch_rng": torch.get_rng_state(),
        "cuda_rng": torch.get_rng_state(),
        "random_rng": random.Random(6).getstate(),
        "numpy_rng": ("MT19937", np.arange(624, dtype=np.uint32), 624, 0, 0.0),
        "model": dict(state),
        "optimizer": optimizer.state_dict(),
        "scheduler": torch.optim.lr_scheduler.StepLR(optimizer, step_size=6, gamma=0.25).state_dict(),
        "epochs": 25,
    }


def write_checkpoint(file: Path, content: Mapping[str, Any], *, numpy_name: str = NUMPY_NAMES[0]) -> Path:
    """Saved by ``torch.save``, with arrays rebuilt by the NumPy of that name."""
    plain = file.with_suffix(".plain")
    torch.save(dict(content), plain)
    with zipfile.ZipFile(plain) as read, zipfile.ZipFile(file, "w") as written:
        for entry in read.infolist():
            data = read.read(entry)
            if entry.filename.endswith("data.pkl"):
                for other in NUMPY_NAMES:
                    data = data.replace(f"c{other}\n".encode(), f"c{numpy_name}\n".encode())
            written.writestr(entry.filename, data)
    plain.unlink()
    return file


def published(folder: Path, name: str, seed: int = 0) -> Path:
    """The checkpoint of a parser as its authors publish it, in name and shape."""
    folder.mkdir(parents=True, exist_ok=True)
    state = seeded(name, seed)
    content = wrapped(state) if name in ("jomold", "cmpae") else state
    return write_checkpoint(folder / PARSERS[name].published_as, content, numpy_name=NUMPY_NAMES[1])


def write_features(folder: Path, names: Iterable[str], seed: int = 0) -> Path:
    """Feature files for clips of these names: non-negative, as after a ReLU, and changing from second to second."""
    rng = np.random.default_rng(seed)
    for kind in KINDS:
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for name in names:
        for kind, shape in KINDS.items():
            values = np.maximum(rng.normal(size=shape), 0).astype(np.float32)
            np.save(folder / kind / f"{name[:ID_CHARACTERS]}.npy", values)
    return folder
