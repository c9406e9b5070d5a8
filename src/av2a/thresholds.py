"""Dynamic thresholds of AV²A (Eq. 6 to 8) under their public name; the code is in :mod:`av2a.methods.av2a.thresholds`."""

from av2a.methods.av2a.thresholds import ThresholdTracker as ThresholdTracker
from av2a.methods.av2a.thresholds import cosine as cosine
from av2a.methods.av2a.thresholds import dynamic_thresholds as dynamic_thresholds
