"""Any video, any list of event names: when each event is heard, seen, or both.

>>> import av2a
>>> detection = av2a.detect("clip.mp4", ["dog barking", "siren"], backbone="mini")  # doctest: +SKIP
>>> for event in detection.events:  # doctest: +SKIP
...     print(event.label, event.modality.word, event.start_seconds, event.stop_seconds)

Names are loaded when they are first used, so that importing the package stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av2a.backbones.registry import load_backbone
    from av2a.corpora.library import Library
    from av2a.detector import Answer, Detector, detect, detect_all
    from av2a.settings import PAPER_SETTINGS, Settings
    from av2a.types import Clip, Detection, Event, Modality

__version__ = "0.1.0"

__all__ = [
    "PAPER_SETTINGS",
    "Answer",
    "Clip",
    "Detection",
    "Detector",
    "Event",
    "Library",
    "Modality",
    "Settings",
    "__version__",
    "detect",
    "detect_all",
    "load_backbone",
]

_HOMES = {
    "Answer": "av2a.detector",
    "Detector": "av2a.detector",
    "detect": "av2a.detector",
    "detect_all": "av2a.detector",
    "load_backbone": "av2a.backbones.registry",
    "Library": "av2a.corpora.library",
    "Clip": "av2a.types",
    "Detection": "av2a.types",
    "Event": "av2a.types",
    "Modality": "av2a.types",
    "PAPER_SETTINGS": "av2a.settings",
    "Settings": "av2a.settings",
}
_MODULES = {"datasets", "errors", "events", "exports", "methods", "metrics", "thresholds"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        found = getattr(import_module(_HOMES[name]), name)
        globals()[name] = found
        return found
    if name in _MODULES:
        return import_module(f"av2a.{name}")
    raise AttributeError(f"module 'av2a' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES})
