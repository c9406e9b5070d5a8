"""One clip as a backbone sees and hears it: what the method asks of the encoders, each thing asked once.

Every distinct picture is decoded and embedded once, every distinct stretch of sound once; segments, windows and candidate intervals are
put together from them.
"""

from av2a.features.batching import Batch, Batches
from av2a.features.extract import Interval, Observation, Observer, Progress

__all__ = ["Batch", "Batches", "Interval", "Observation", "Observer", "Progress"]
