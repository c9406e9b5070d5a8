"""Forward passes compiled by OpenVINO for this machine's processor, two to three times as fast as torch's own on it.

A pass is traced and compiled at its first call, which takes some seconds a model: worth it from about a minute of video.
"""

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from av2a.backbones.choices import Precision
from av2a.backbones.openvino_library import for_threads, library
from av2a.errors import InvalidSetting
from av2a.installation import install_command

Forward = Callable[[Tensor], Tensor]

_HINTS = {Precision.FLOAT32: "f32", Precision.BFLOAT16: "bf16", Precision.FLOAT16: "f16"}


def require_openvino() -> None:
    """Refuse the device where the library is not installed.

    Raises:
        InvalidSetting: it is not.
    """
    if find_spec("openvino") is None:
        raise InvalidSetting(
            f"device openvino is not installed: {install_command('openvino')}, or choose --device auto"
        )


def compiled(forward: Forward, example: Tensor, precision: Precision) -> Forward:
    """Compile ``forward`` for inputs shaped as ``example``, in batches of any size."""
    openvino = library()
    model = _traced(forward, example)
    model.reshape([-1, *example.shape[1:]])
    settings = {
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "PERFORMANCE_HINT": "LATENCY",
    }
    ready = for_threads(openvino.Core().compile_model(model, "CPU", settings))
    return lambda inputs: torch.from_numpy(ready(inputs.numpy())[0])


def _traced(forward: Forward, example: Tensor) -> Any:
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    frontend = FrontEndManager().load_by_framework("pytorch")
    # Two rows, lest the tracer take the number of rows for a constant; a tensor of inference mode cannot be traced.
    with torch.inference_mode(False), torch.no_grad():
        # Which branches are taken depends on shapes alone, and those are fixed but for the number of rows. These filters stay:
        # ``catch_warnings`` would change those of all threads and change them back.
        warnings.filterwarnings("ignore", category=torch.jit._trace.TracerWarning)
        warnings.filterwarnings("ignore", r"`torch\.jit\.", DeprecationWarning)
        rows = example[:1].clone().expand(2, *example.shape[1:]).contiguous()
        decoder = TorchScriptPythonDecoder(_Module(forward), example_input=rows, trace_kwargs={"check_trace": False})
        return frontend.convert(frontend.load(decoder))


class _Module(torch.nn.Module):
    """A forward pass as the tracer wants it."""

    def __init__(self, forward: Forward) -> None:
        super().__init__()
        self._forward = forward

    def forward(self, inputs: Tensor) -> Tensor:
        """The pass."""
        return self._forward(inputs)
