"""The graphs built from parameters compute what the same layers compute in other people's libraries."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional
from transformers import BertConfig, BertModel

from av2a.backbones.light.graphs import Graph, of_pixels
from av2a.backbones.light.lite0 import STRIDES, lite0
from av2a.backbones.light.minilm import HEADS, WORDS, embedded, minilm, padded
from av2a.backbones.light.nanodet import MAGIC, UnknownLayer, nanodet
from av2a.backbones.light.pth import NotTensors, read_pth
from av2a.backbones.openvino_library import cpu

RNG = np.random.default_rng(0)


def numbers(*shape: int, scale: float = 0.3) -> np.ndarray:
    return RNG.normal(scale=scale, size=shape).astype(np.float32)


def norm(name: str, channels: int) -> dict[str, np.ndarray]:
    return {
        f"{name}.weight": 1 + numbers(channels),
        f"{name}.bias": numbers(channels),
        f"{name}.running_mean": numbers(channels),
        f"{name}.running_var": 1 + np.abs(numbers(channels)),
    }


def small_lite0() -> dict[str, np.ndarray]:
    """The layout of EfficientNet-Lite0 with few channels; blocks that keep their width have a way around."""
    widths = [4, 4, 6, 6, 8, 8, 8, 8, 8, 6, 6, 6, 8, 8, 8, 8, 4]
    state = {"_conv_stem.weight": numbers(4, 3, 3, 3), **norm("_bn0", 4)}
    for number in range(len(STRIDES)):
        block, inner = f"_blocks.{number}", widths[number] * (1 if number == 0 else 2)
        if number:
            state |= {
                f"{block}._expand_conv.weight": numbers(inner, widths[number], 1, 1),
                **norm(f"{block}._bn0", inner),
            }
        size = 3 if number % 2 else 5
        state |= {f"{block}._depthwise_conv.weight": numbers(inner, 1, size, size), **norm(f"{block}._bn1", inner)}
        state |= {
            f"{block}._project_conv.weight": numbers(widths[number + 1], inner, 1, 1),
            **norm(f"{block}._bn2", widths[number + 1]),
        }
    state |= {"_conv_head.weight": numbers(16, 4, 1, 1), **norm("_bn1", 16)}
    return state | {"_fc.weight": numbers(1000, 16), "_fc.bias": numbers(1000)}


def lite0_by_torch(state: dict[str, np.ndarray], pictures: np.ndarray) -> np.ndarray:
    of = {name: torch.tensor(values) for name, values in state.items()}

    def layer(
        value: torch.Tensor, kernel: str, normed: str, stride: int = 1, *, bent: bool = True, deep: bool = False
    ) -> torch.Tensor:
        size, length = of[kernel].shape[-1], value.shape[-1]
        missing = max((-(-length // stride) - 1) * stride + size - length, 0)
        value = functional.pad(value, (missing // 2, missing - missing // 2) * 2)
        value = functional.conv2d(value, of[kernel], stride=stride, groups=value.shape[1] if deep else 1)
        mean, variance, weight, bias = (
            of[f"{normed}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        value = functional.batch_norm(value, mean, variance, weight, bias, eps=1e-3)
        return value.clamp(0, 6) if bent else value

    value = layer(torch.tensor(pictures), "_conv_stem.weight", "_bn0", 2)
    for number, stride in enumerate(STRIDES):
        block, before = f"_blocks.{number}", value
        if number:
            value = layer(value, f"{block}._expand_conv.weight", f"{block}._bn0")
        value = layer(value, f"{block}._depthwise_conv.weight", f"{block}._bn1", stride, deep=True)
        value = layer(value, f"{block}._project_conv.weight", f"{block}._bn2", bent=False)
        value = value + before if stride == 1 and value.shape == before.shape else value
    value = layer(value, "_conv_head.weight", "_bn1").mean(dim=(2, 3))
    return (value @ of["_fc.weight"].T + of["_fc.bias"]).numpy()


def test_lite0_is_the_same_network_in_torch() -> None:
    state, pictures = small_lite0(), numbers(2, 3, 224, 224, scale=1.0)
    expected = lite0_by_torch(state, pictures)
    assert np.ptp(expected) > 0.1
    network = cpu(1)(lite0(state))
    assert np.concatenate([network(picture[None])[0] for picture in pictures]) == pytest.approx(expected, abs=1e-4)


def in_steps(values: np.ndarray, step: np.ndarray | float, lowest: int, highest: int) -> np.ndarray:
    return np.asarray(np.clip(np.rint(values / step), lowest, highest) * step, np.float32)


@pytest.mark.parametrize("signed", [False, True])
def test_a_convolution_in_bytes_never_overflows(signed: bool) -> None:
    """Many processors keep sums of two products in sixteen bits: the largest that can come must fit."""
    kernel, bias = numbers(8, 64, 1, 1), numbers(8)
    kernel[:4] = 0.7
    pictures = RNG.uniform(-6 if signed else 0, 6, (1, 64, 8, 8)).astype(np.float32)
    pictures[0, :, 0] = 6.0
    pictures[0, :, 1] = -6.0 if signed else 0.0
    graph = Graph(reaches=[6.0])
    planes = graph.input([1, 64, 8, 8])
    convolved = graph.pointwise(planes, kernel, bias, None if signed else 6.0)
    found = cpu(1)(graph.model([convolved], [planes]))(pictures)[0]
    steps = np.abs(kernel).max(axis=(1, 2, 3), keepdims=True) / (63 if signed else 127)
    given = torch.tensor(in_steps(pictures, 6 / 127, -128 if signed else 0, 127))
    weights = torch.tensor(in_steps(kernel, steps, -127, 127))
    expected = functional.conv2d(given, weights, torch.tensor(bias)).numpy()
    assert expected.max() > 250
    # Values in the middle between two steps may be rounded either way.
    apart = np.abs(found - expected)
    assert np.median(apart) < 1e-4
    assert apart.max() < 0.2


def test_lite0_in_bytes_gives_nearly_the_same() -> None:
    state, pictures = small_lite0(), numbers(1, 3, 192, 352, scale=1.0)
    expected, *measured = cpu(1)(lite0(state))(pictures)
    reaches = [float(each) for each in measured]
    # Into all expansions but the first block's, which has none, and into the last convolution.
    assert len(reaches) == len(STRIDES)
    found = cpu(1)(lite0(state, reaches))(pictures)[0]
    assert np.corrcoef(found[0], expected[0])[0, 1] > 0.98
    assert not np.array_equal(found, expected)


def test_pixels_are_brought_to_what_a_network_was_trained_on() -> None:
    graph = Graph()
    planes = graph.input([-1, 3, 2, 4])
    pixels = RNG.integers(0, 256, (2, 2, 4, 3), dtype=np.uint8)
    mean, spread = (10.0, 20.0, 30.0), (1.0, 2.0, 4.0)
    for blue_first in (False, True):
        model = of_pixels(
            graph.model([graph.ops.relu(graph.ops.abs(planes))], [planes]), mean, spread, blue_first=blue_first
        )
        ordered = pixels[..., ::-1] if blue_first else pixels
        expected = np.abs((ordered.astype(np.float32) - mean) / spread).transpose(0, 3, 1, 2)
        assert cpu(1)(model)(pixels)[0] == pytest.approx(expected, abs=1e-4)


def test_the_sentence_encoder_is_bert_with_mean_pooling() -> None:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50, hidden_size=HEADS * 4, num_hidden_layers=2, num_attention_heads=HEADS, intermediate_size=32
    )
    model = BertModel(config)
    model.train(False)
    state = {name: values.numpy() for name, values in model.state_dict().items()}
    ids, mask = padded([[1, 7, 9, 2], [1, 2]])
    with torch.no_grad():
        hidden = model(torch.tensor(ids), torch.tensor(mask).long()).last_hidden_state.numpy()
    means = (hidden * mask[:, :, None]).sum(axis=1)
    expected = means / np.linalg.norm(means, axis=1, keepdims=True)
    given = embedded(ids, lambda word: state[WORDS][word], state)
    assert cpu(1)(minilm(state))([given, mask])[0] == pytest.approx(expected, abs=1e-5)


THREE_HEADS = "".join(
    f"""Convolution to{stride} 1 1 l{stride} m{stride} 0=112 1=1 5=1 6=1344
Slice cut{stride} 1 2 m{stride} n{stride} o{stride} -23300=2,80,-233
Sigmoid sg{stride} 1 1 n{stride} p{stride}
Reshape r{stride} 1 1 p{stride} q{stride} 0=-1 1=80
Permute x{stride} 1 1 q{stride} cls_pred_stride_{stride} 0=1
Reshape s{stride} 1 1 o{stride} t{stride} 0=-1 1=32
Permute y{stride} 1 1 t{stride} dis_pred_stride_{stride} 0=1
"""
    for stride in (8, 16, 32)
)
PARAM = f"""{MAGIC}
26 30
Input in 0 1 picture
Convolution c 1 1 picture a 0=8 1=3 3=2 4=1 5=1 6=216 9=2 -23310=1,1.000000e-01
Pooling p 1 1 a b 1=3 2=2 3=1 5=1
Split s 1 2 b b0 b1
ConvolutionDepthWise d 1 1 b0 e 0=8 1=3 4=1 5=1 6=72 7=8
Concat cat 2 1 b1 e f
ShuffleChannel sh 1 1 f g 0=2
Slice sl 1 2 g h i -23300=2,12,-233
Interp up 1 1 h j 0=2 1=2.0 2=2.0
Interp down 1 1 j k 0=2 1=0.5 2=0.5
BinaryOp sum 2 1 h k l
Split t 1 3 l l8 l16 l32
{THREE_HEADS}"""


def test_ncnns_layers_are_read_as_torch_computes_them(tmp_path: Path) -> None:
    first, deep, last = numbers(8, 3, 3, 3), numbers(8, 1, 3, 3), [numbers(112, 12, 1, 1) for _ in range(3)]
    biases = numbers(8), numbers(8), [numbers(112) for _ in range(3)]
    half = first.astype(np.float16)
    (tmp_path / "net.param").write_text(PARAM)
    (tmp_path / "net.bin").write_bytes(
        b"".join(
            [
                struct.pack("<I", 0x01306B47) + half.tobytes() + biases[0].tobytes(),
                struct.pack("<I", 0) + deep.tobytes() + biases[1].tobytes(),
                *(
                    struct.pack("<I", 0) + kernel.tobytes() + bias.tobytes()
                    for kernel, bias in zip(last, biases[2], strict=True)
                ),
            ]
        )
    )
    picture = numbers(1, 3, 64, 96, scale=1.0)
    t = torch.tensor
    value = functional.leaky_relu(functional.conv2d(t(picture), t(half.astype(np.float32)), t(biases[0]), 2, 1), 0.1)
    value = functional.max_pool2d(value, 3, 2, 1)
    value = torch.cat([value, functional.conv2d(value, t(deep), t(biases[1]), 1, 1, groups=8)], 1)
    value = functional.channel_shuffle(value, 2)[:, :12]
    wide = functional.interpolate(value, scale_factor=2.0, mode="bilinear", align_corners=False)
    value = value + functional.interpolate(wide, scale_factor=0.5, mode="bilinear", align_corners=False)
    heads = [functional.conv2d(value, t(kernel), t(bias))[:, :80] for kernel, bias in zip(last, biases[2], strict=True)]
    expected = torch.sigmoid(torch.stack(heads)).amax(dim=(0, 3, 4))
    graph = cpu(1)(nanodet(tmp_path / "net.param", tmp_path / "net.bin"))
    assert graph(picture)[0] == pytest.approx(expected.numpy(), abs=1e-5)


def test_a_layer_that_is_not_known_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.bin").write_bytes(b"")
    (tmp_path / "net.param").write_text(f"{MAGIC}\n2 2\nInput in 0 1 picture\nSoftmax s 1 1 picture out 0=1\n")
    with pytest.raises(UnknownLayer, match="Softmax"):
        nanodet(tmp_path / "net.param", tmp_path / "net.bin")


def test_nanodet_gives_what_ncnn_gave(shared: Path) -> None:
    """ncnn 1.0.20261020 on the same input; the classes of COCO 0 to 11."""
    expected = [
        0.071152,
        0.0328,
        0.044174,
        0.016612,
        0.018363,
        0.029125,
        0.034529,
        0.025655,
        0.029592,
        0.020477,
        0.01759,
        0.025366,
    ]
    models = shared / "models"
    noise = np.random.default_rng(0).normal(size=(3, 256, 416)) + np.linspace(-1, 1, 416)
    found = cpu(1)(nanodet(models / "nanodet-m-416.param", models / "nanodet-m-416.bin"))(
        noise.astype(np.float32)[None]
    )[0][0]
    assert found.argmax() == 59
    assert found[:12] == pytest.approx(expected, abs=2e-6)


# Files that PyTorch wrote before its version 1.6.


def old_file(state: object, path: Path) -> bytes:
    torch.save(state, path, _use_new_zipfile_serialization=False)
    return path.read_bytes()


def test_old_files_of_tensors_are_read_without_torch(tmp_path: Path) -> None:
    whole = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    state = {"a": whole, "turned": whole.permute(2, 0, 1), "part": whole[1, 1:], "count": torch.tensor(7)}
    read = read_pth(old_file(state, tmp_path / "old.pth"))
    assert read.keys() == state.keys()
    for name, values in state.items():
        assert (read[name] == values.numpy()).all()


class _Runs:
    def __reduce__(self) -> tuple[object, ...]:
        return print, ("code ran",)


def test_an_old_file_that_could_run_code_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotTensors, match=r"it names .*print"):
        read_pth(old_file({"a": torch.zeros(1), "b": _Runs()}, tmp_path / "old.pth"))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("keep", [0, 10, 200, -5])
def test_a_damaged_old_file_is_refused(keep: int, tmp_path: Path) -> None:
    with pytest.raises(NotTensors):
        read_pth(old_file({"a": torch.zeros(100)}, tmp_path / "old.pth")[:keep])
