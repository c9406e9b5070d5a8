"""Reads published checkpoints without executing anything, and checks that they belong to the requested parser.
from av2a.wording import first_few

HAN's and MGN's files are a table of tensors. JoMoLD's and CMPAE's have it under ``"model"``, beside the states of the random-number generators and
of the optimizer, for resuming the training.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from av2a.errors import MissingFile, WeightsUnavailable, one_line
from av2a.wording import first_few

Shapes = Mapping[str, tuple[int, ...]]
"""Names of parameters and their shapes."""

WRAPPED_UNDER = "model"
GET_ANOTHER = "get it again from its authors (docs/parsers.md says where)"


def read_checkpoint(file: Path) -> dict[str, Tensor]:
    """The parameters in a checkpoint, by name, on the CPU, as stored.

    Raises:
        MissingFile: no such file, or it is a folder.
        WeightsUnavailable: it is empty, damaged or of another kind, contains objects that could run code, or has no table of tensors.
    """
    shown = one_line(str(file))
    if file.is_dir():
        raise MissingFile(f"{shown!r} is a folder: name the checkpoint in it")
    if not file.is_file():
        raise MissingFile(f"there is no checkpoint {shown!r}: check its path")
    content = _content(file)
    if isinstance(content, Mapping) and isinstance(content.get(WRAPPED_UNDER), Mapping):
        content = content[WRAPPED_UNDER]
    if not isinstance(content, Mapping) or not content or not all(_is_parameter(*item) for item in content.items()):
        raise WeightsUnavailable(
            f"{shown!r} has no table of tensors, neither at the top nor under {WRAPPED_UNDER!r}: {GET_ANOTHER}"
        )
    return dict(content)


def _is_parameter(name: object, value: object) -> bool:
    return isinstance(name, str) and torch.is_tensor(value)


def _content(file: Path) -> Any:
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(file)
        with random_states_allowed():
            return torch.load(file, map_location="cpu", weights_only=True)
    # A damaged file raises anything.
    except Exception as error:
        raise WeightsUnavailable(f"{one_line(str(file))!r} {_why_unread(file, error)}: {GET_ANOTHER}") from error


_BEGINNINGS = (b"PK\x03\x04", b"\x80")
"""Of a zip archive, as torch has written since version 1.6, and of a pickle, as it wrote before."""


def _why_unread(file: Path, error: Exception) -> str:
    refused = re.search(r"GLOBAL ([\w.]+)", str(error))
    if refused is not None:
        return f"contains more than tensors ({refused[1]}) and could run code, so it is not read"
    with file.open("rb") as handle:
        beginning = handle.read(4)
    if not beginning:
        return "is empty"
    # Safetensors begin with a length, which says nothing about the format.
    if file.suffix != ".safetensors" and not beginning.startswith(_BEGINNINGS):
        return "is no checkpoint"
    return f"is damaged ({type(error).__name__}: {one_line(str(error))})"


def random_states_allowed() -> AbstractContextManager[None]:
    """A context in which ``torch.load(weights_only=True)`` also reads the state of NumPy's generator.

    Only four kinds of objects are admitted: the function that restores arrays, under its names before and since NumPy 2; arrays; their types; and the
    type of unsigned 32-bit integers.
    """
    rebuild = np.empty(0).__reduce__()[0]
    allowed: Sequence[Any] = (
        (rebuild, "numpy.core.multiarray._reconstruct"),
        (rebuild, "numpy._core.multiarray._reconstruct"),
        np.ndarray,
        np.dtype,
        type(np.dtype(np.uint32)),
    )
    return torch.serialization.safe_globals(list(allowed))


def fitting(state: Mapping[str, Tensor], read: Shapes, unread: Shapes, where: str) -> dict[str, Tensor]:
    """The parameters that a network uses, in float32; parameters that it never uses are dropped.

    Raises:
        WeightsUnavailable: parameters are missing, unexpected, of another shape or not finite; the error begins with ``where`` and names them.
    """
    differences = _differences(state, read, unread)
    if differences:
        raise WeightsUnavailable(f"{where} ({'; '.join(differences)}): {GET_ANOTHER}")
    values = {name: state[name].float() for name in read}
    broken = [name for name, value in values.items() if not torch.isfinite(value).all()]
    if broken:
        raise WeightsUnavailable(f"{where} (not finite: {first_few(broken, 3)}): {GET_ANOTHER}")
    return values


def _differences(state: Mapping[str, Tensor], read: Shapes, unread: Shapes) -> list[str]:
    kinds = {
        "missing": [name for name in read if name not in state],
        "unexpected": [name for name in state if name not in read and name not in unread],
        "wrong shape": [
            f"{name} is {tuple(state[name].shape)}, not {shape}"
            for name, shape in read.items()
            if name in state and tuple(state[name].shape) != shape
        ],
        "not floating": [name for name in read if name in state and not state[name].is_floating_point()],
    }
    return [f"{kind}: {first_few(names, 3)}" for kind, names in kinds.items() if names]
