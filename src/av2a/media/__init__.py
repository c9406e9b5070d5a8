"""Opens media files, decodes the frames shown at given times, decodes mono audio at a given rate, and cuts intervals.

Everything that PyAV is asked lies in this folder. Times are seconds from the container's start.
"""

from av2a.media.cutting import Cut, CutMethod, cut, cut_ending, join
from av2a.media.frames import Picture, decode_frames, frame_times
from av2a.media.moments import Moment, moments, united
from av2a.media.opening import Limits, open_clip
from av2a.media.peaks import PEAKS_A_SECOND, sound_peaks
from av2a.media.playable import write_playable
from av2a.media.reading import AUDIO_ENDINGS, VIDEO_ENDINGS, Warn, ignore
from av2a.media.sound import SoundBlock, decode_sound

__all__ = [
    "AUDIO_ENDINGS",
    "PEAKS_A_SECOND",
    "VIDEO_ENDINGS",
    "Cut",
    "CutMethod",
    "Limits",
    "Moment",
    "Picture",
    "SoundBlock",
    "Warn",
    "cut",
    "cut_ending",
    "decode_frames",
    "decode_sound",
    "frame_times",
    "ignore",
    "join",
    "moments",
    "open_clip",
    "sound_peaks",
    "united",
    "write_playable",
]
