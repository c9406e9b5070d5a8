"""What the four networks have in common: inputs, outputs, and helpers for their parameters."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

SECONDS = 10
"""T: the length of every network's input."""
CATEGORIES = 25
"""C: the events of LLP."""
FRAMES_PER_SECOND = 8
AUDIO_FEATURES, PICTURE_FEATURES, MOTION_FEATURES = 128, 2048, 512
"""Features of one second of VGGish, one frame of ResNet-152, one second of R(2+1)D-18."""

AudioFeatures = Float[Tensor, "video 10 128"]
PictureFeatures = Float[Tensor, "video 80 2048"]
MotionFeatures = Float[Tensor, "video 10 512"]
Sequence = Float[Tensor, "video second width"]
"""One vector a second."""


@dataclass(frozen=True)
class NetworkOutputs:
    """A network's outputs for a batch of videos: probabilities. Those of MGN's seconds may exceed 1, and so may ``whole``."""

    audio: Float[Tensor, "video second label"]
    """P_a^t."""
    visual: Float[Tensor, "video second label"]
    """P_v^t."""
    whole_audio: Float[Tensor, "video label"]
    whole_visual: Float[Tensor, "video label"]
    whole: Float[Tensor, "video label"]
    """Probability for the whole video, heard or seen."""
    fused: Sequence
    """The visual sequence before attention, x_v."""
    attended: Sequence
    """The visual sequence after attention, y_v."""


@runtime_checkable
class Network(Protocol):
    """One of the four networks, with its parameters."""

    def __call__(self, audio: AudioFeatures, pictures: PictureFeatures, motion: MotionFeatures) -> NetworkOutputs:
        """The outputs for a batch of videos; no video depends on the others."""
        ...


def by_second(pictures: Float[Tensor, "video picture width"]) -> Sequence:
    """The mean over the frames of each second."""
    videos, _, width = pictures.shape
    return pictures.reshape(videos, -1, FRAMES_PER_SECOND, width).mean(dim=2)


def normalisation(names: str, width: int) -> dict[str, tuple[int, ...]]:
    """The parameters of a ``nn.LayerNorm`` called ``names``, with their shapes."""
    return {f"{names}.weight": (width,), f"{names}.bias": (width,)}


def linear(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    """The parameters of a ``nn.Linear`` called ``name``, with their shapes."""
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def parameters(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """The parameters that a module has, with their shapes."""
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
