"""The outline of a clip's sound: its lowest and highest samples, some times a second, to be drawn as a waveform."""

import numpy as np
from jaxtyping import Int8

from av2a.media.sound import decode_sound
from av2a.types import Clip

PEAKS_A_SECOND = 20
_RATE_HZ = 8000


def sound_peaks(clip: Clip) -> Int8[np.ndarray, "peak 2"]:
    """The lowest and the highest sample of each twentieth of a second, full scale being 127; zeros where there is no sound.

    Raises:
        MissingFile, NotMedia, FileChanged: the file went away or changed since it was opened.
    """
    step = _RATE_HZ // PEAKS_A_SECOND
    peaks = np.zeros((int(np.ceil(clip.duration_seconds * PEAKS_A_SECOND)), 2), dtype=np.float32)
    for block in decode_sound(clip, _RATE_HZ):
        bins = (block.start_sample + np.arange(len(block.samples))) // step
        samples, bins = block.samples[bins < len(peaks)], bins[bins < len(peaks)]
        np.minimum.at(peaks[:, 0], bins, samples)
        np.maximum.at(peaks[:, 1], bins, samples)
    return np.round(np.clip(peaks, -1, 1) * 127).astype(np.int8)
