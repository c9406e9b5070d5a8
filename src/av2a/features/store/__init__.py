"""Embeddings on disk, keyed by what made them, so that tuning, ablating and asking for other names decode and encode nothing twice.

One safetensors file a clip and way of sampling. It holds everything that the method can ask of the encoders: segments, windows and, for
clips of up to :data:`MOST_SEGMENTS` segments, every interval there could be; of longer clips the intervals that were asked for.
"""

from av2a.features.store.entries import STORE_VERSION, Store
from av2a.features.store.observed import MOST_SEGMENTS, Intervals, Stored, observed, stored

__all__ = ["MOST_SEGMENTS", "STORE_VERSION", "Intervals", "Store", "Stored", "observed", "stored"]
