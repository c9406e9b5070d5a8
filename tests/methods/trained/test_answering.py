"""Running the networks of trained parsers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import numpy as np
import pytest
import torch
from torch import Tensor

from av2a.methods.trained import answering
from av2a.methods.trained.features import Features
from av2a.methods.trained.han import Han
from av2a.methods.trained.networks import NetworkOutputs
from av2a.methods.trained.settings import FrameVector


class WatchedHan(Han):
    """Notes how many threads torch computes with."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[int] = []

    def forward(self, audio: Tensor, pictures: Tensor, motion: Tensor) -> NetworkOutputs:
        self.threads.append(torch.get_num_threads())
        answers: NetworkOutputs = super().forward(audio, pictures, motion)
        return answers


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Torch as on a machine with two cores, and no parser run yet."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    answering._started_worker.cache_clear()
    yield
    answering._started_worker.cache_clear()
    torch.set_num_threads(before)


def threads_of_a_new_thread() -> int:
    seen: list[int] = []
    thread = Thread(target=lambda: seen.append((torch.ones(3).sum(), torch.get_num_threads())[1]))
    thread.start()
    thread.join()
    return seen[0]


def test_a_network_runs_on_one_thread_and_torch_is_left_as_it_was(two_threads: None) -> None:
    network = WatchedHan().eval()
    rng = np.random.default_rng(0)
    features = Features(
        *(rng.normal(size=(2, *shape)).astype(np.float32) for shape in ((10, 128), (80, 2048), (10, 512)))
    )

    def run(_: int) -> np.ndarray:
        return answering.answered(network, features, FrameVector.MOTION, "cpu").audio

    with ThreadPoolExecutor(2) as pool:
        first, *others = pool.map(run, range(4))
    assert all(np.array_equal(first, other) for other in others)
    assert network.threads == [1] * 4
    assert torch.get_num_threads() == 2
    assert threads_of_a_new_thread() == 2
