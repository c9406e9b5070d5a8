"""Open a media file, decode the pictures shown at given times, decode mono sound at a given rate.

Everything that PyAV is asked lies in this folder. Times are seconds from the container's start.
"""

from av2a.media.frames import Picture, decode_frames, frame_times
from av2a.media.opening import Limits, open_clip
from av2a.media.reading import Warn, ignore
from av2a.media.sound import SoundBlock, decode_sound

__all__ = [
    "Limits",
    "Picture",
    "SoundBlock",
    "Warn",
    "decode_frames",
    "decode_sound",
    "frame_times",
    "ignore",
    "open_clip",
]
