"""Runs a parser's network on features and returns its outputs as arrays."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from av2a.methods.trained.features import Features
from av2a.methods.trained.networks import Answers, Network, by_second
from av2a.methods.trained.probabilities import Probabilities
from av2a.methods.trained.settings import FrameVector


def answered(network: Network, features: Features, frame_vector: FrameVector, device: str) -> Probabilities:
    """The probabilities that a network on that device computes for a batch of videos.

    Args:
        features: with a leading axis of videos.
        frame_vector: the vectors that become x_t.
    """
    inputs = [torch.from_numpy(each).to(device) for each in (features.audio, features.pictures, features.motion)]
    with torch.inference_mode(), _one_thread():
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


@contextmanager
def _one_thread() -> Iterator[None]:
    """These networks are small: several threads wait for each other longer than they compute, above all on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _frame_embeddings(answers: Answers, pictures: Tensor, motion: Tensor, frame_vector: FrameVector) -> Tensor:
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
