"""From a clip and a backbone to ``ClipFeatures``: what to sample, decoding and embedding it once, and keeping it on disk."""

from av2a.features.batching import Batches
from av2a.features.extract import Extractor, FeatureSource
from av2a.features.inputs import Progress
from av2a.features.store import Store

__all__ = ["Batches", "Extractor", "FeatureSource", "Progress", "Store"]
