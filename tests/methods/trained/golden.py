"""Reading the reference values of the parsers, those in ``tests/reference`` and the larger ones beside the checkout."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

FOLDER = Path(__file__).resolve().parents[2] / "reference" / "weak_parsers"


@cache
def stored(name: str) -> dict[str, np.ndarray]:
    """All arrays of one reference file."""
    return arrays(FOLDER / f"{name}.npz")


@cache
def noted(name: str) -> dict[str, Any]:
    """One reference file of names and numbers."""
    return dict(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


def arrays(file: Path) -> dict[str, np.ndarray]:
    """All arrays of a file; halves as float32."""
    with np.load(file, allow_pickle=False) as read:
        return {key: read[key].astype(np.float32) if read[key].dtype == np.float16 else read[key] for key in read.files}


class Golden:
    """Weights, features and recorded outputs of the networks."""

    def __init__(self, shared: Path) -> None:
        self.folder = shared / "golden" / "weak_parsers"

    @property
    def inputs(self) -> list[Tensor]:
        """The features of three made-up videos, in the order in which networks take them."""
        features = arrays(self.folder / "features.npz")
        return [torch.from_numpy(features[kind]) for kind in ("vggish", "res152", "r2plus1d_18")]

    def outputs(self, name: str) -> dict[str, np.ndarray]:
        """What the published network gave for them."""
        return arrays(self.folder / f"{name}_outputs.npz")

    def weights(self, file: str) -> dict[str, Tensor]:
        """A published state dict's names with seeded values."""
        return {key: value.float() for key, value in load_file(self.folder / f"{file}.safetensors").items()}

    def loaded(self, network: nn.Module, file: str) -> Any:
        """The network with them, ready to answer."""
        weights = self.weights(file)
        network.load_state_dict({name: weights[name] for name in network.state_dict()})
        return network.eval().requires_grad_(False)
