"""Reads the tensors of a file that PyTorch wrote before its version 1.6, without PyTorch and without running anything in it.

Such a file is a row of pickles: two numbers, a description of the machine, the table of tensors, the names of the storages; then each
storage's length and bytes. Only what a table of tensors needs is allowed in the pickles.
"""

import io
import pickle
import struct
from collections import OrderedDict
from typing import Any

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
KINDS = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class NotTensors(ValueError):
    """A file that is damaged, or holds more than a table of tensors."""


class _Storage:
    """The numbers of one or more tensors, filled in once they are read."""

    def __init__(self, kind: np.dtype[Any], count: int) -> None:
        self.values = np.zeros(count, kind)


class _TensorsOnly(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, storages: dict[str, _Storage]) -> None:
        super().__init__(stream)
        self._storages = storages

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in KINDS:
            return KINDS[name]
        raise NotTensors(f"it names {module}.{name}")

    def persistent_load(self, key: Any) -> _Storage:
        _, kind, name, _, count, _ = key
        return self._storages.setdefault(name, _Storage(kind, count))


def _tensor(storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object) -> np.ndarray:
    last = offset + sum((count - 1) * stride for count, stride in zip(shape, strides, strict=True))
    if min((offset, *strides, *shape)) < 0 or last >= len(storage.values):
        raise NotTensors("a tensor lies outside its storage")
    bytes_apart = [stride * storage.values.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(storage.values[offset:], shape, bytes_apart)


def read_pth(data: bytes) -> dict[str, np.ndarray]:
    """The tensors by name, as arrays.

    Raises:
        NotTensors: the bytes are not such a file.
    """
    stream, storages = io.BytesIO(data), dict[str, _Storage]()
    try:
        magic, _, _, table, names = (_TensorsOnly(stream, storages).load() for _ in range(5))
        if magic != MAGIC or not isinstance(table, dict):
            raise NotTensors("it is no table of tensors")
        for name in names:
            (count,) = struct.unpack("<q", stream.read(8))
            values = storages[name].values
            if count != len(values):
                raise NotTensors("a storage has another length than its tensors")
            values[:] = np.frombuffer(stream.read(values.nbytes), values.dtype)
    except NotTensors:
        raise
    # A damaged pickle raises anything.
    except Exception as error:
        raise NotTensors(f"{type(error).__name__}") from error
    return {str(name): value for name, value in table.items() if isinstance(value, np.ndarray)}
