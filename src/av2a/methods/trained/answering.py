"""Runs a parser's network on features and returns its outputs as arrays."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Lock

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from av2a.methods.trained.features import Features
from av2a.methods.trained.networks import Network, NetworkOutputs, by_second
from av2a.methods.trained.probabilities import Probabilities
from av2a.methods.trained.settings import FrameVector


def answered(network: Network, features: Features, frame_vector: FrameVector, device: str) -> Probabilities:
    """The probabilities that a network on that device computes for a batch of videos.

    Args:
        features: with a leading axis of videos.
        frame_vector: the vectors that become x_t.
    """
    return _worker().submit(_answered, network, features, frame_vector, device).result()


def _answered(network: Network, features: Features, frame_vector: FrameVector, device: str) -> Probabilities:
    inputs = [torch.from_numpy(each).to(device) for each in (features.audio, features.pictures, features.motion)]
    with torch.inference_mode():
        answers = network(*inputs)
        vectors = _frame_embeddings(answers, inputs[1], inputs[2], frame_vector)
    return Probabilities(
        audio=_array(answers.audio),
        visual=_array(answers.visual),
        whole_audio=_array(answers.whole_audio),
        whole_visual=_array(answers.whole_visual),
        whole=_array(answers.whole),
        frame_embeddings=_array(vectors),
    )


_STARTING = Lock()


def _worker() -> ThreadPoolExecutor:
    """A thread in which torch computes on one core.

    The networks are small: several threads wait for each other longer than they compute, above all on a busy machine. Torch keeps the
    number for each thread, and gives a thread at its first use the number that was set last: so that one is restored at once.
    """
    with _STARTING:
        return _started_worker()


@cache
def _started_worker() -> ThreadPoolExecutor:
    threads = torch.get_num_threads()
    worker = ThreadPoolExecutor(1, thread_name_prefix="av2a-parser")
    # Read first, as torch sets the number anew when it is first used in a thread.
    worker.submit(torch.get_num_threads).result()
    worker.submit(torch.set_num_threads, 1).result()
    torch.set_num_threads(threads)
    return worker


def _frame_embeddings(answers: NetworkOutputs, pictures: Tensor, motion: Tensor, frame_vector: FrameVector) -> Tensor:
    if frame_vector is FrameVector.MOTION:
        return motion
    if frame_vector is FrameVector.PICTURE:
        return by_second(pictures)
    if frame_vector is FrameVector.PICTURE_AND_MOTION:
        return torch.cat([by_second(pictures), motion], dim=-1)
    return answers.fused if frame_vector is FrameVector.FUSED else answers.attended


def _array(values: Tensor) -> Float32[np.ndarray, "*any"]:
    # A copy: a view would keep the whole batch in memory.
    return np.array(values.cpu().numpy())
