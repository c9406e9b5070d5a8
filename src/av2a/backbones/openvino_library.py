"""OpenVINO, imported without its telemetry and without torch.

Importing ``openvino`` starts ``openvino_telemetry``, which sends usage statistics to its makers and writes a file to the user's home;
it is blocked before the import, and OpenVINO then uses a stub of its own.
"""

import sys
from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np


def library() -> Any:
    """OpenVINO, imported without its telemetry."""
    # None makes its import fail, as where it is not installed.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def operations() -> Any:
    """The set of operations that graphs are built of."""
    library()
    from openvino import opset13

    return opset13


def input_steps(model: Any) -> Any:
    """What puts steps before the input of a graph."""
    library()
    from openvino.preprocess import PrePostProcessor

    return PrePostProcessor(model)


def cpu(threads: int) -> Callable[[Any], Callable[[Any], list[np.ndarray]]]:
    """What compiles a graph for this processor, in float32: ``cpu(1)(model)``."""
    core = library().Core()
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        # Pinned, every process on a machine would compute on the same core.
        "ENABLE_CPU_PINNING": False,
    }
    return lambda model: for_threads(core.compile_model(model, "CPU", settings))


def for_threads(compiled: Any) -> Callable[[Any], list[np.ndarray]]:
    """A compiled graph that several threads may call at once; each call gets the outputs as arrays of its own.

    OpenVINO keeps the inputs and outputs of all calls in the same memory, so calls take turns and outputs are copied in each turn.
    """
    turn = Lock()

    def run(inputs: Any) -> list[np.ndarray]:
        with turn:
            return [np.array(output) for output in compiled(inputs).values()]

    return run
