"""Fixtures of all tests of the experiments: what they watch, they watch once."""

from tests.small_splits import bench, mini, replay, splits
from tests.small_world import world

__all__ = ["bench", "mini", "replay", "splits", "world"]
