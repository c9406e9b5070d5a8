"""The checks of ``av2a doctor``, each one finding about this machine and installation."""

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.text import Text

from av2a import __version__
from av2a.backbones.base import Backbone, embed_labels
from av2a.backbones.checkpoints import BACKBONES as FETCHED
from av2a.backbones.checkpoints import Published
from av2a.backbones.registry import BACKBONES, load_backbone
from av2a.backbones.weights import FOLDER_VARIABLE, Sources, search
from av2a.cli.safe_text import terminal_safe
from av2a.cli.versions import NOT_INSTALLED, ffmpeg_version, version_of
from av2a.datasets.opening import GENERATED, PUBLISHED
from av2a.errors import Av2aError
from av2a.exports import WRITERS
from av2a.installation import install_command, library_command
from av2a.methods.registry import METHODS
from av2a.plugins import PluginKind, installed_plugins

OLDEST_PYTHON = (3, 11)
LITTLE_SPACE_BYTES = 1_000_000_000
"""Models take a gigabyte or more."""


class State(Enum):
    """What a check found."""

    WORKS = "works"
    ABSENT = "absent"
    """Optional, and not here."""
    BROKEN = "broken"
    """Needed and missing, or here and in the way."""


_MARKS = {State.WORKS: ("✓", "ok", "green"), State.ABSENT: ("–", "--", "dim"), State.BROKEN: ("✗", "!!", "bold red")}


@dataclass(frozen=True)
class Check:
    """One finding: what was looked at, what was found, and what to do about it."""

    name: str
    state: State
    detail: str
    cure: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "state": self.state.value}

    def cells(self, *, ascii_only: bool = False) -> tuple[Text, Text, Text]:
        """Mark, name and finding for a reader, with the cure after it."""
        mark, ascii_mark, style = _MARKS[self.state]
        words = self.detail if self.cure is None else f"{self.detail}; {self.cure}"
        return Text(ascii_mark if ascii_only else mark, style), Text(self.name), Text(terminal_safe(words))


def all_checks() -> list[Check]:
    """Every check, in the order in which a reader wants them."""
    return [
        _av2a(),
        _python(),
        _machine(),
        _library("numpy", "numpy", needed=True),
        _media_library(),
        _codecs(),
        _library("Pillow", "PIL", needed=True),
        _library("safetensors", "safetensors", needed=True),
        _library("matplotlib", "matplotlib", cure=f"{install_command('plots')} for -o .png and .svg"),
        _torch(),
        _library("transformers", "transformers", cure=_for_models()),
        _library("huggingface_hub", "huggingface_hub", cure=_for_models()),
        _openvino(),
        *_clashes(),
        *_backbones(),
        *_weights(),
        *_plugins(),
    ]


def _av2a() -> Check:
    return Check("av2a", State.WORKS, f"{__version__} in {Path(__file__).parents[1]}")


def _python() -> Check:
    detail = f"{platform.python_version()} ({platform.python_implementation()}) at {sys.executable}"
    if sys.version_info < OLDEST_PYTHON:
        return Check("Python", State.BROKEN, detail, cure="use Python 3.11 or newer")
    return Check("Python", State.WORKS, detail)


def _machine() -> Check:
    return Check("machine", State.WORKS, f"{platform.platform()}, {os.cpu_count()} cores")


def _library(name: str, module: str, *, needed: bool = False, cure: str | None = None) -> Check:
    """Whether a library can be imported; it is, as being installed is not enough."""
    if find_spec(module) is None:
        state = State.BROKEN if needed else State.ABSENT
        return Check(name, state, NOT_INSTALLED, cure=library_command(name.lower()) if needed else cure)
    try:
        import_module(module)
    except Exception as error:  # noqa: BLE001 - a broken library raises anything
        cure = library_command(name.lower(), again=True)
        return Check(name, State.BROKEN, f"cannot be imported ({_short(error)})", cure=cure)
    return Check(name, State.WORKS, version_of(name) or "installed")


def _for_models() -> str:
    return f"{install_command('models')} for every backbone but mini"


def _openvino() -> Check:
    """Read from the installed files: importing it would send usage statistics to its makers."""
    version = version_of("openvino")
    if version is None:
        cure = f"{install_command('openvino')} for --device openvino"
        return Check("openvino", State.ABSENT, NOT_INSTALLED, cure=cure)
    return Check("openvino", State.WORKS, version)


def _media_library() -> Check:
    found = _library("av", "av", needed=True)
    if found.state is not State.WORKS:
        return found
    return Check("PyAV", State.WORKS, f"{found.detail} with FFmpeg {ffmpeg_version()}")


def _codecs() -> Check:
    """What most videos need, and what the demo writes."""
    try:
        codec = import_module("av.codec").Codec
    except ImportError:
        return Check("codecs", State.BROKEN, "PyAV is not installed", cure=library_command("av"))
    wanted = [
        ("h264", "r"),
        ("hevc", "r"),
        ("vp9", "r"),
        ("av1", "r"),
        ("aac", "r"),
        ("opus", "r"),
        ("libx264", "w"),
        ("aac", "w"),
    ]
    missing = [
        f"{'no' if mode == 'r' else 'cannot write'} {name}" for name, mode in wanted if not _has(codec, name, mode)
    ]
    if missing:
        return Check("codecs", State.BROKEN, ", ".join(missing), cure=library_command("av", again=True))
    return Check("codecs", State.WORKS, "reads H.264, HEVC, VP9, AV1, AAC, Opus; writes H.264 and AAC")


def _has(codec: Callable[..., Any], name: str, mode: str) -> bool:
    try:
        codec(name, mode)
    except ValueError:
        return False
    return True


def _torch() -> Check:
    found = _library("torch", "torch", cure=_for_models())
    if found.state is not State.WORKS:
        return found
    torch = import_module("torch")
    return Check("torch", State.WORKS, f"{found.detail}, models run on {_device(torch)}")


def _device(torch: Any) -> str:
    """What ``--device auto`` and ``--precision auto`` mean here."""
    from av2a.backbones.device import placement

    where = placement()
    return f"{where} ({torch.cuda.get_device_name(where.device)})" if where.device.type == "cuda" else str(where)


def _clashes() -> Iterator[Check]:
    """torchvision or torchaudio built for another torch break ``import transformers`` with a misleading message."""
    for name in ("torchvision", "torchaudio"):
        if find_spec(name) is None:
            continue
        try:
            import_module(name)
        except Exception as error:  # noqa: BLE001 - a broken library raises anything
            yield Check(
                name,
                State.BROKEN,
                f"clashes with torch ({_short(error)})",
                cure=f"pip uninstall {name}: it is not needed",
            )
        else:
            yield Check(name, State.WORKS, f"{version_of(name) or 'installed'}, not needed and not in the way")


def _backbones() -> Iterator[Check]:
    """The built-in backbone is needed, the others are a choice."""
    for name in BACKBONES:
        try:
            backbone = load_backbone(name)
            _try(backbone)
        except Exception as error:  # noqa: BLE001 - a backbone that raises anything does not work
            state = State.BROKEN if name == "mini" else State.ABSENT
            yield Check(f"backbone {name}", state, _short(error))
        else:
            note = f" ({backbone.note})" if backbone.note else ""
            yield Check(f"backbone {name}", State.WORKS, f"{backbone.info.visual}, {backbone.info.audio}{note}")


def _try(backbone: Backbone) -> None:
    """Ask for one of everything: being loaded is not enough."""
    embed_labels(backbone, ["dog barking"])
    backbone.visual.embed_frames([np.zeros((64, 64, 3), dtype=np.uint8)])
    samples = round(backbone.audio.sample_rate_hz * backbone.audio.segment_seconds)
    backbone.audio.embed_sounds([np.zeros(samples, dtype=np.float32)])


def _weights() -> Iterator[Check]:
    """Which backbones have their weights on this machine, and the folders where weights are."""
    try:
        sources = Sources.chosen(download=False)
    except Av2aError as absent:
        yield Check(FOLDER_VARIABLE, State.BROKEN, str(absent))
        sources = Sources(download=False)
    try:
        cache = sources.hub_cache()
    except Av2aError as homeless:
        yield Check("weights cache", State.BROKEN, str(homeless))
        return
    for name, parts in FETCHED.items():
        yield _fetched_backbone(name, parts, sources)
    if sources.folder is not None:
        yield _folder("weights folder", sources.folder)
    yield _folder("weights cache", cache)
    yield _disk(cache)


def _fetched_backbone(name: str, parts: Sequence[Published], sources: Sources) -> Check:
    """The weights are not loaded, as that may take minutes."""
    searches = [search(part.checkpoint, sources) for part in parts]
    missing = [each.checkpoint.repo for each in searches if each.found is None]
    if not missing:
        return Check(f"backbone {name}", State.WORKS, "its weights are here; av2a weights verify checks every byte")
    size = sum(part.megabytes for part in parts)
    cure = f"av2a weights fetch {name} ({size} MB in all)"
    return Check(f"backbone {name}", State.ABSENT, f"{', '.join(missing)} not here", cure=cure)


def _folder(name: str, folder: Path) -> Check:
    """A folder of weights that can be read, or that can be made."""
    try:
        if folder.exists():
            next(folder.iterdir(), None)
            return Check(name, State.WORKS, str(folder))
        with TemporaryDirectory(dir=_nearest(folder)):
            return Check(name, State.WORKS, f"{folder} (empty so far)")
    except OSError as refused:
        way = "change its permissions, or set AV2A_WEIGHTS or HF_HOME"
        return Check(name, State.BROKEN, f"{folder} cannot be used ({refused.strerror})", cure=way)


def _nearest(folder: Path) -> Path:
    """The nearest folder above that exists."""
    folder = folder.absolute()
    return next(parent for parent in (folder, *folder.parents) if os.path.lexists(parent))


def _disk(cache: Path) -> Check:
    """Free space where weights go."""
    there = _nearest(cache)
    free_bytes = shutil.disk_usage(there).free
    detail = f"{free_bytes / 1e9:.1f} GB free at {there}"
    if free_bytes < LITTLE_SPACE_BYTES:
        return Check("disk", State.ABSENT, detail, cure="free some space: models take a gigabyte or more")
    return Check("disk", State.WORKS, detail)


def _plugins() -> Iterator[Check]:
    """Backbones, methods, datasets and exporters of other packages: each is imported, none is run."""
    own = {
        PluginKind.BACKBONE: {*BACKBONES, *FETCHED},
        PluginKind.METHOD: {*METHODS},
        PluginKind.DATASET: {*PUBLISHED, GENERATED},
        PluginKind.EXPORTER: {*WRITERS},
    }
    for plugin in installed_plugins():
        name = f"{plugin.kind.value} {plugin.name}"
        if plugin.name in own[plugin.kind]:
            yield Check(name, State.ABSENT, f"{plugin.distribution}: not used, the name is taken already")
            continue
        own[plugin.kind].add(plugin.name)
        try:
            plugin.load()
        except Av2aError as broken:
            yield Check(name, State.BROKEN, str(broken))
        else:
            yield Check(name, State.WORKS, f"{plugin.distribution}, {plugin.value}")


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
