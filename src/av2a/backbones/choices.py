"""Valid device and precision names, checked without importing torch."""

from dataclasses import dataclass
from enum import Enum

from av2a.errors import UnknownName

DEVICE_KINDS = ("cpu", "cuda", "mps", "openvino")
"""OpenVINO compiles models for the CPU."""


class Precision(Enum):
    """The number format that a model computes in; its parameters stay as they are stored."""

    AUTO = "auto"
    """The fastest that keeps a cosine of 0.999 to float32."""
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


@dataclass(frozen=True)
class DeviceName:
    """A device that may not be available."""

    kind: str
    number: int = 0


def precision_named(name: str) -> Precision:
    """The precision that ``--precision`` names.

    Raises:
        UnknownName: none has that name.
    """
    names = [each.value for each in Precision]
    if name not in names:
        raise UnknownName.among("precision", name, names)
    return Precision(name)


def device_named(name: str) -> DeviceName | None:
    """The device that ``--device`` names; None for ``auto``.

    Raises:
        UnknownName: no device can have that name.

    >>> device_named("cuda:1")
    DeviceName(kind='cuda', number=1)
    """
    if name == "auto":
        return None
    kind, colon, number = name.partition(":")
    if kind not in DEVICE_KINDS or (colon and not (kind == "cuda" and number.isdecimal())):
        raise UnknownName.among("device", name, ["auto", "cpu", "cuda", "cuda:0", "mps", "openvino"])
    return DeviceName(kind, int(number or 0))
