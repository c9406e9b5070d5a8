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
    from av2a.encoders.registry import load_backbone
    from av2a.pipeline import detect, detect_all
    from av2a.records import Clip, Detection, Event, Modality
    from av2a.settings import PAPER_SETTINGS, Settings, profile_settings

__version__ = "0.1.0"

__all__ = [
    "PAPER_SETTINGS",
    "Clip",
    "Detection",
    "Event",
    "Modality",
    "Settings",
    "__version__",
    "detect",
    "detect_all",
    "load_backbone",
    "profile_settings",
]

_HOMES = {
    "detect": "av2a.pipeline",
    "detect_all": "av2a.pipeline",
    "load_backbone": "av2a.encoders.registry",
    "Clip": "av2a.records",
    "Detection": "av2a.records",
    "Event": "av2a.records",
    "Modality": "av2a.records",
    "PAPER_SETTINGS": "av2a.settings",
    "Settings": "av2a.settings",
    "profile_settings": "av2a.settings",
}
_MODULES = {"datasets", "errors", "events", "formats", "metrics", "parsing", "pipeline", "scores", "thresholds"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _MODULES:
        return import_module(f"av2a.{name}")
    raise AttributeError(f"module 'av2a' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES})
