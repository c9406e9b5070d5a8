"""Where models run, and batches that fit into memory."""

import logging
from collections.abc import Callable, Sequence

import pytest
import torch

from av2a.backbones.device import (
    BatchSize,
    Placement,
    Precision,
    autocast,
    best_precision,
    cpu_has_bfloat16,
    in_batches,
    placement,
    room_for_models,
)
from av2a.errors import Av2aError, InvalidSetting, UnknownName

CPU = torch.device("cpu")


def test_auto_is_a_device_that_is_there_in_a_precision_that_is_decided() -> None:
    chosen = placement()
    assert torch.ones(2, device=chosen.device).sum().item() == 2
    assert chosen.precision is best_precision(chosen.device)
    assert chosen.precision is not Precision.AUTO


def test_on_the_cpu_auto_is_bfloat16_only_where_the_processor_has_it() -> None:
    expected = Precision.BFLOAT16 if cpu_has_bfloat16() else Precision.FLOAT32
    assert placement("cpu", "auto") == Placement(CPU, expected)


@pytest.mark.parametrize("answers", [(None, None), (False, False), (True, False), (False, True), (None, True)])
def test_a_processor_has_bfloat16_when_either_kind_of_instruction_is_there(
    answers: tuple[bool | None, bool | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    for name, answer in zip(names, answers, strict=True):
        monkeypatch.delattr(torch.cpu, name, raising=False)
        if answer is not None:
            monkeypatch.setattr(torch.cpu, name, lambda answer=answer: answer, raising=False)
    assert cpu_has_bfloat16() is any(answers)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_precision_that_is_asked_for_is_taken(precision: str) -> None:
    assert placement("cpu", precision).precision.value == precision


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "mps:1", ""])
def test_an_unknown_device_is_refused(name: str) -> None:
    with pytest.raises(UnknownName, match="unknown device"):
        placement(name)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(UnknownName, match="unknown precision 'float': did you mean 'float"):
        placement("cpu", "float")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:7"])
def test_a_gpu_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(InvalidSetting, match=r"device cuda is not available .*choose --device auto"):
        placement(name)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is here")
def test_a_gpu_beyond_the_last_is_refused() -> None:
    assert placement("cuda:0", "float32").device == torch.device("cuda:0")
    with pytest.raises(InvalidSetting, match="there is no cuda:99, only cuda:0"):
        placement("cuda:99")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is here")
def test_a_gpu_without_room_is_given_less_at_a_time() -> None:
    free, _ = torch.cuda.mem_get_info()
    torch.cuda.empty_cache()
    each = free // 6

    def run(items: Sequence[int]) -> int:
        return int(torch.empty(each * len(items), dtype=torch.uint8, device="cuda").numel() // each)

    size = BatchSize(16)
    assert sum(in_batches(range(20), run, size)) == 20
    assert 1 <= size.items < 8


def test_a_mac_without_its_gpu_is_refused() -> None:
    if torch.backends.mps.is_available():
        pytest.skip("an Apple GPU is here")
    with pytest.raises(InvalidSetting, match="no Apple GPU"):
        placement("mps")


def test_half_precision_is_used_within_and_only_within() -> None:
    weight = torch.ones(4, 4)
    with autocast(Placement(CPU, Precision.BFLOAT16)):
        assert (weight @ weight).dtype is torch.bfloat16
    with autocast(Placement(CPU, Precision.FLOAT32)):
        assert (weight @ weight).dtype is torch.float32
    assert (weight @ weight).dtype is torch.float32


# Batches.


def fits(most: int, tried: list[int], error: Callable[[], Exception]) -> Callable[[Sequence[int]], list[int]]:
    """Something that runs out of memory above ``most`` items."""

    def run(items: Sequence[int]) -> list[int]:
        tried.append(len(items))
        if len(items) > most:
            raise error()
        return [item * 10 for item in items]

    return run


OUT_OF_MEMORY: list[Callable[[], Exception]] = [
    lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    lambda: RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to"),
    lambda: RuntimeError("MPS backend out of memory (MPS allocated: 5 GB)"),
    MemoryError,
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
@pytest.mark.parametrize("most", [1, 3, 7])
def test_a_batch_that_does_not_fit_is_halved_and_nothing_is_lost(most: int, error: Callable[[], Exception]) -> None:
    results = in_batches(list(range(29)), fits(most, [], error), 16)
    assert [row for rows in results for row in rows] == [item * 10 for item in range(29)]


def test_what_fits_is_remembered_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    tried: list[int] = []
    size = BatchSize(16)
    run = fits(3, tried, OUT_OF_MEMORY[0])
    with caplog.at_level(logging.WARNING):
        in_batches(list(range(8)), run, size)
        in_batches(list(range(8)), run, size)
    assert size.items == 2
    assert tried == [8, 4] + [2] * 8
    assert [record.getMessage() for record in caplog.records] == [
        "memory does not suffice for 8 at a time: going on with fewer"
    ]


def test_one_item_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(Av2aError, match="memory does not suffice for one item at a time"):
        in_batches([1, 2, 3], fits(0, [], OUT_OF_MEMORY[0]), 2)


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
def test_models_that_do_not_fit_are_refused_in_one_line(error: Callable[[], Exception]) -> None:
    where = Placement(torch.device("cuda", 0), Precision.FLOAT32)
    with (
        pytest.raises(Av2aError, match=r"cuda:0 does not suffice to load 'clip-clap'.*--device cpu") as refused,
        room_for_models("clip-clap", where),
    ):
        raise error()
    assert "\n" not in str(refused.value) and "PYTORCH" not in str(refused.value)


def test_another_error_of_loading_is_none_of_memory() -> None:
    with (
        pytest.raises(RuntimeError, match="mat1 and mat2"),
        room_for_models("clip-clap", Placement(CPU, Precision.FLOAT32)),
    ):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


def test_another_error_is_not_taken_for_want_of_memory() -> None:
    tried: list[int] = []
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        in_batches([1, 2, 3], fits(0, tried, lambda: RuntimeError("mat1 and mat2 shapes cannot be multiplied")), 2)
    assert tried == [2]


def test_nothing_is_run_for_nothing() -> None:
    assert in_batches([], fits(0, [], MemoryError), 4) == []


def test_every_device_has_a_size_to_begin_with() -> None:
    assert all(BatchSize.on(torch.device(kind)).items > 0 for kind in ("cpu", "cuda", "mps", "meta"))
