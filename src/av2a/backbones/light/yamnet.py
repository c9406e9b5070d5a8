"""YAMNet: 0.975 s of sound to the log-odds of 521 classes of AudioSet (Google, 2019), as its authors publish it for TensorFlow Lite."""

import re
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np

from av2a.backbones.openvino_library import library, operations
from av2a.errors import WeightsUnavailable
from av2a.paths import shown

SAMPLE_RATE_HZ = 16_000
WINDOW_SAMPLES = 15_600
HOP_SAMPLES = 7_800
CLASSES = 521
FFT_SAMPLES = 512
NAMES_FILE = "yamnet_label_list.txt"
"""Packed into the model's file by its authors."""


def yamnet(file: Path) -> Any:
    """The graph: samples (15600,) to log-odds (1, 521).

    The published graph ends in a sigmoid whose input and output are rounded to 256 steps, of 0.35 in log-odds and 0.004 in probability: drums,
    which it gives 0.01 to 0.5, would lie on a few of them. What comes before the rounding is taken.

    Raises:
        WeightsUnavailable: the file is not that model.
    """
    openvino = library()
    try:
        model = openvino.Core().read_model(file)
        last = [each for each in model.get_ordered_ops() if each.get_type_name() == "Sigmoid"][-1]
        rounding = last.input_value(0).get_node()
        exact = rounding.input_value(0) if rounding.get_type_name() == "FakeQuantize" else last.input_value(0)
        _transform_by_products(model)
        return openvino.Model([exact], model.get_parameters())
    except (RuntimeError, IndexError, ValueError) as wrong:
        raise WeightsUnavailable(f"{shown(file)} is not YAMNet as it was published: fetch it again") from wrong


def _transform_by_products(model: Any) -> None:
    """The spectrum by two products of matrices: half of the whole network's time went into OpenVINO's transform (RDFT) of 512 samples."""
    ops = operations()
    (transform,) = (each for each in model.get_ordered_ops() if each.get_type_name() == "RDFT")
    sines = np.exp(-2j * np.pi * np.outer(np.arange(FFT_SAMPLES), np.arange(FFT_SAMPLES // 2 + 1)) / FFT_SAMPLES)
    frames = ops.reshape(transform.input_value(0), ops.constant([-1, FFT_SAMPLES], np.int64), False)
    (parts,) = (each.get_node() for each in transform.output(0).get_target_inputs())
    for part, waves in zip(parts.outputs(), (sines.real, sines.imag), strict=True):
        (reader,) = part.get_target_inputs()
        products = ops.matmul(frames, ops.constant(waves.astype(np.float32)), False, False)
        shape = ops.constant(list(part.get_shape()), np.int64)
        reader.replace_source_output(ops.reshape(products, shape, False).output(0))


def sound_names(file: Path) -> list[str]:
    """The names of the classes, in order, from the model's own file.

    Raises:
        WeightsUnavailable: the file does not hold them.
    """
    try:
        with ZipFile(file) as packed:
            names = packed.read(NAMES_FILE).decode("utf-8").splitlines()
    except (OSError, BadZipFile, KeyError, UnicodeDecodeError) as wrong:
        raise WeightsUnavailable(f"{shown(file)} does not name its classes: fetch it again") from wrong
    if len(names) != CLASSES:
        raise WeightsUnavailable(f"{shown(file)} names {len(names)} classes, not {CLASSES}: fetch it again")
    return names


def texts_of(name: str) -> tuple[str, ...]:
    """The texts under which a class is known: its name, the parts of its name, and the name without what is in parentheses.

    >>> texts_of("Bee, wasp, etc."), texts_of("Chopping (food)")
    (('Bee, wasp, etc.', 'Bee', 'wasp'), ('Chopping (food)', 'Chopping', 'Chopping food'))
    """
    bare = re.sub(r"\s*\(.*?\)", "", name)
    joined = name.replace("(", "").replace(")", "")
    parts = [name, *(part.strip() for part in bare.split(",")), joined]
    return tuple(dict.fromkeys(part for part in parts if part and part != "etc."))
