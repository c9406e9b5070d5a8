"""Devices and precisions that models run with, and batches that fit into memory."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch

from av2a.backbones.choices import DeviceName, device_named, precision_named
from av2a.backbones.choices import Precision as Precision
from av2a.backbones.encoder_warnings import warn
from av2a.backbones.openvino import require_openvino
from av2a.errors import Av2aError, InvalidSetting

Item = TypeVar("Item")
Result = TypeVar("Result")


_DTYPES = {Precision.BFLOAT16: torch.bfloat16, Precision.FLOAT16: torch.float16}


@dataclass(frozen=True)
class Placement:
    """An available device and the precision for it, which is never AUTO when :func:`placement` returns it."""

    device: torch.device
    precision: Precision
    by_openvino: bool = False
    """Compiled for the CPU by OpenVINO where possible; labels are few and stay with torch."""

    @property
    def name(self) -> str:
        """As ``--device`` takes it, and outputs record it."""
        return "openvino" if self.by_openvino else str(self.device)

    def __str__(self) -> str:
        return f"{self.name} in {self.precision.value}"


def placement(device: str = "auto", precision: str = "auto") -> Placement:
    """The device and precision that ``--device`` and ``--precision`` name, on this machine.

    The ``released`` profile must not depend on the machine and uses "float32".

    Raises:
        UnknownName: no device or precision of that name.
        InvalidSetting: this machine has no such device.

    >>> str(placement("cpu", "float32"))
    'cpu in float32'
    """
    requested, named = precision_named(precision), device_named(device)
    chosen = _best_device() if named is None else _found(named)
    by_openvino = named is not None and named.kind == "openvino"
    return Placement(chosen, best_precision(chosen) if requested is Precision.AUTO else requested, by_openvino)


def _best_device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda", 0)
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _found(named: DeviceName) -> torch.device:
    if named.kind == "cuda":
        _check_cuda(named.number)
        return torch.device("cuda", named.number)
    if named.kind == "mps" and not torch.backends.mps.is_available():
        raise InvalidSetting("this machine has no Apple GPU that torch can use: choose --device auto")
    if named.kind == "openvino":
        require_openvino()
        return torch.device("cpu")
    return torch.device(named.kind)


def _check_cuda(number: int) -> None:
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if number < there:
        return
    if there:
        found = "cuda:0" if there == 1 else f"cuda:0 to cuda:{there - 1}"
        raise InvalidSetting(f"there is no cuda:{number}, only {found}: choose --device cuda:0 or auto")
    why = "no NVIDIA GPU is found" if torch.version.cuda else f"torch {torch.__version__} is built without CUDA"
    raise InvalidSetting(f"device cuda is not available ({why}): choose --device auto")


def best_precision(device: torch.device) -> Precision:
    """The fastest precision that keeps a cosine of 0.999 to float32: bfloat16 where the device computes with it.

    Emulated it would be slower than float32.
    """
    if device.type == "cuda":
        supported = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        supported = device.type == "cpu" and cpu_has_bfloat16()
    return Precision.BFLOAT16 if supported else Precision.FLOAT32


def cpu_has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 itself (AVX512-BF16 or AMX)."""
    # There is no public function for it; a version of torch without these says no.
    checks = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(bool(check()) for check in checks if check is not None)


@contextmanager
def autocast(where: Placement) -> Iterator[None]:
    """Compute in the placement's precision; in float32 exactly as without this."""
    dtype = _DTYPES.get(where.precision)
    if dtype is None:
        yield
        return
    with torch.autocast(where.device.type, dtype=dtype):
        yield


@contextmanager
def room_for_models(name: str, where: Placement) -> Iterator[None]:
    """Loading the models of a backbone within this is refused in one line where memory does not suffice.

    Raises:
        Av2aError: memory does not suffice for the models.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        raise Av2aError(
            f"the memory of {where.name} does not suffice to load {name!r}: end other programs that use it, or choose "
            "--device cpu or a smaller model"
        ) from error


# Batches.

BATCH = {"cpu": 16, "mps": 32, "cuda": 128}
"""Items at a time: enough to keep the device busy."""


@dataclass(eq=False)
class BatchSize:
    """How many items go through a model at a time; it shrinks when memory does not suffice, and stays so."""

    items: int
    shrunk: bool = False

    @classmethod
    def on(cls, device: torch.device) -> "BatchSize":
        """A size for a device, before anything is known."""
        return cls(BATCH.get(device.type, 16))

    def shrink(self, tried: int) -> None:
        """Half of what was tried, with a warning the first time."""
        if not self.shrunk:
            warn(f"memory does not suffice for {tried} at a time: going on with fewer")
        self.items, self.shrunk = tried // 2, True


def in_batches(items: Sequence[Item], run: Callable[[Sequence[Item]], Result], batch: BatchSize | int) -> list[Result]:
    """What ``run`` gives for each batch, in order; a batch that does not fit into memory is halved until it does.

    A :class:`BatchSize` kept by the caller remembers what fits, so that each size is tried once.

    Raises:
        Av2aError: memory does not suffice for a single item.

    >>> in_batches("abcde", "".join, 2)
    ['ab', 'cd', 'e']
    """
    size = BatchSize(batch) if isinstance(batch, int) else batch
    results: list[Result] = []
    start = 0
    while start < len(items):
        some = items[start : start + size.items]
        result = _tried(some, run)
        if result is None:
            if len(some) == 1:
                raise Av2aError(
                    "memory does not suffice for one item at a time: choose --device cpu or a smaller model"
                )
            size.shrink(len(some))
            continue
        results.append(result[0])
        start += len(some)
    return results


def _tried(items: Sequence[Item], run: Callable[[Sequence[Item]], Result]) -> tuple[Result] | None:
    """The result, or None when memory did not suffice for it."""
    try:
        return (run(items),)
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
    # Outside the handler, where the failed attempt's tensors are no longer held by its traceback.
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None


def _is_out_of_memory(error: Exception) -> bool:
    """Also of the devices that have no class of their own for it."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    words = str(error).lower()
    return "out of memory" in words or "defaultcpuallocator" in words
