"""Many videos: batches that survive crashes, and the library of all embeddings, of which new labels are asked without opening a video."""

from typing import Any

__all__ = ["Library"]


def __getattr__(name: str) -> Any:
    # Batches and their workers do without the library, and it loads the detector.
    if name == "Library":
        from av2a.corpora.library import Library

        return Library
    raise AttributeError(f"module 'av2a.corpora' has no attribute {name!r}")
