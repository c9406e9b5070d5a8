"""``av2a doctor``: what this installation can do, and how to mend what it cannot."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import numpy as np
import typer
from rich.text import Text

from av2a import __version__
from av2a.backbones.base import Backbone, embed_labels
from av2a.backbones.checkpoints import BACKBONES as FETCHED
from av2a.backbones.checkpoints import Published
from av2a.backbones.light import files as light_files
from av2a.backbones.registry import BACKBONES, load_backbone
from av2a.backbones.weights import FOLDER_VARIABLE, Sources, search
from av2a.cli.command import command
from av2a.cli.common_options import JsonOptions, TalkOptions
from av2a.cli.exit_status import ExitStatus
from av2a.cli.help_text import Example
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
READ, WRITTEN = "h264 hevc vp9 av1 aac opus".split(), "libx264 aac".split()
"""The codecs of most videos, and those of the demo."""


class State(Enum):
    """What a check found."""

    WORKS = "works"
    ABSENT = "absent"
    """Optional, and not installed."""
    BROKEN = "broken"
    """Needed and missing, or installed and unusable."""


_MARKS = {State.WORKS: ("✓", "ok", "green"), State.ABSENT: ("–", "--", "dim"), State.BROKEN: ("✗", "!!", "bold red")}


@dataclass(frozen=True)
class Check:
    """What was checked, what was found, and what to do about it."""

    name: str
    state: State
    detail: str
    cure: str | None = None


@command(
    Example("av2a doctor", "what works here, and what would make more work"),
    Example("av2a doctor --json", "the same for a report or a script"),
)
def doctor(output: JsonOptions, talk: TalkOptions) -> None:
    """Say what this installation can do.

    The exit status is 0 when all that is needed works, 1 otherwise; optional parts may be absent.
    """
    terminal = talk.terminal()
    with terminal.progress("checking"):
        checks = list(_checks())
    broken = [check for check in checks if check.state is State.BROKEN]
    if output.as_json:
        terminal.show_json(
            {"ok": not broken, "checks": [asdict(check) | {"state": check.state.value} for check in checks]}
        )
    else:
        terminal.show_rows(_cells(check, ascii_only=terminal.ascii_only) for check in checks)
        terminal.say("all that is needed works" if not broken else f"{len(broken)} of {len(checks)} checks failed")
    if broken:
        raise typer.Exit(ExitStatus.SOME_FAILED)


def _cells(check: Check, *, ascii_only: bool) -> tuple[Text, str, str]:
    """Mark, name and finding for a reader, with the cure after it."""
    mark, ascii_mark, style = _MARKS[check.state]
    words = check.detail if check.cure is None else f"{check.detail}; {check.cure}"
    return Text(ascii_mark if ascii_only else mark, style), check.name, words


def _checks() -> Iterator[Check]:
    """Every check, in the order in which a reader wants them."""
    yield Check("av2a", State.WORKS, f"{__version__} in {Path(__file__).parents[1]}")
    python = f"{platform.python_version()} ({platform.python_implementation()}) at {sys.executable}"
    too_old = sys.version_info < OLDEST_PYTHON
    yield Check(
        "Python", State.BROKEN if too_old else State.WORKS, python, "use Python 3.11 or newer" if too_old else None
    )
    yield Check("machine", State.WORKS, f"{platform.platform()}, {os.cpu_count()} cores")
    models = f"{install_command('models')} for every backbone but mini"
    yield _library("numpy", "numpy")
    yield _media_library()
    yield _codecs()
    yield _library("Pillow", "PIL")
    yield _library("safetensors", "safetensors")
    yield _library("matplotlib", "matplotlib", f"{install_command('plots')} for -o .png and .svg")
    yield _torch(models)
    yield _library("transformers", "transformers", models)
    yield _library("huggingface_hub", "huggingface_hub", models)
    yield _openvino()
    yield from _clashes()
    yield from map(_built_in_backbone, BACKBONES)
    yield from _weights()
    yield from _plugins()


def _library(name: str, module: str, cure: str | None = None) -> Check:
    """Whether a library can be imported, as being installed is not enough; one whose absence has no own cure is needed."""
    if find_spec(module) is None:
        state = State.BROKEN if cure is None else State.ABSENT
        return Check(name, state, NOT_INSTALLED, cure or library_command(name.lower()))
    try:
        import_module(module)
    except Exception as error:  # noqa: BLE001 - a broken library raises anything
        cure = library_command(name.lower(), again=True)
        return Check(name, State.BROKEN, f"cannot be imported ({_short(error)})", cure)
    return Check(name, State.WORKS, version_of(name) or "installed")


def _media_library() -> Check:
    found = _library("av", "av")
    if found.state is not State.WORKS:
        return found
    return Check("PyAV", State.WORKS, f"{found.detail} with FFmpeg {ffmpeg_version()}")


def _codecs() -> Check:
    try:
        codec = import_module("av.codec").Codec
    except ImportError:
        return Check("codecs", State.BROKEN, "PyAV is not installed", library_command("av"))

    def lacks(name: str, mode: str) -> bool:
        try:
            codec(name, mode)
        except ValueError:
            return True
        return False

    missing = [f"no {name}" for name in READ if lacks(name, "r")]
    missing += [f"cannot write {name}" for name in WRITTEN if lacks(name, "w")]
    if missing:
        return Check("codecs", State.BROKEN, ", ".join(missing), library_command("av", again=True))
    return Check("codecs", State.WORKS, "reads H.264, HEVC, VP9, AV1, AAC, Opus; writes H.264 and AAC")


def _torch(cure: str) -> Check:
    """With what ``--device auto`` and ``--precision auto`` mean here."""
    found = _library("torch", "torch", cure)
    if found.state is not State.WORKS:
        return found
    from av2a.backbones.device import placement

    where = placement()
    name = f" ({import_module('torch').cuda.get_device_name(where.device)})" if where.device.type == "cuda" else ""
    return Check("torch", State.WORKS, f"{found.detail}, models run on {where}{name}")


def _openvino() -> Check:
    """Read from the installed files: importing it would send usage statistics to its makers."""
    version = version_of("openvino")
    if version is None:
        cure = f"{install_command('openvino')} for --device openvino"
        return Check("openvino", State.ABSENT, NOT_INSTALLED, cure)
    return Check("openvino", State.WORKS, version)


def _clashes() -> Iterator[Check]:
    """torchvision or torchaudio built for another torch break ``import transformers`` with a misleading message."""
    for name in ("torchvision", "torchaudio"):
        if find_spec(name) is None:
            continue
        try:
            import_module(name)
        except Exception as error:  # noqa: BLE001 - a broken library raises anything
            cure = f"pip uninstall {name}: it is not needed"
            yield Check(name, State.BROKEN, f"clashes with torch ({_short(error)})", cure)
        else:
            yield Check(name, State.WORKS, f"{version_of(name) or 'installed'}, not needed, does no harm")


def _built_in_backbone(name: str) -> Check:
    """Only ``mini`` is needed, the others are a choice."""
    try:
        backbone = load_backbone(name)
        _try(backbone)
    except Exception as error:  # noqa: BLE001 - a backbone that raises anything does not work
        return Check(f"backbone {name}", State.BROKEN if name == "mini" else State.ABSENT, _short(error))
    note = f" ({backbone.note})" if backbone.note else ""
    return Check(f"backbone {name}", State.WORKS, f"{backbone.info.visual}, {backbone.info.audio}{note}")


def _try(backbone: Backbone) -> None:
    """Embed one of everything: being loaded is not enough."""
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
    yield _light(sources)
    for name, parts in FETCHED.items():
        yield _fetched_backbone(name, parts, sources)
    if sources.folder is not None:
        yield _folder("weights folder", sources.folder)
    yield _folder("weights cache", cache)
    there = _nearest(cache)
    free_bytes = shutil.disk_usage(there).free
    detail = f"{free_bytes / 1e9:.1f} GB free at {there}"
    if free_bytes < LITTLE_SPACE_BYTES:
        yield Check("disk", State.ABSENT, detail, "free some space: models take a gigabyte or more")
    else:
        yield Check("disk", State.WORKS, detail)


def _light(sources: Sources) -> Check:
    """Its files are small enough to read every byte."""
    paths = {file: light_files.found(file, sources) for file in light_files.PUBLISHED}
    missing = [file.name for file, path in paths.items() if path is None]
    if missing:
        cure = f"av2a weights fetch light ({sum(file.size_bytes for file in paths) // 1_000_000} MB in all)"
        return Check("backbone light", State.ABSENT, f"{', '.join(missing)} not on this machine", cure)
    try:
        for file, path in paths.items():
            light_files.require_whole(file, cast("Path", path))
    except (Av2aError, OSError) as damaged:
        return Check("backbone light", State.BROKEN, str(damaged))
    return Check("backbone light", State.WORKS, "its weights are on this machine, and whole")


def _fetched_backbone(name: str, parts: Sequence[Published], sources: Sources) -> Check:
    """The weights are not loaded, as that may take minutes."""
    searches = [search(part.checkpoint, sources) for part in parts]
    missing = [each.checkpoint.repo for each in searches if each.found is None]
    if not missing:
        detail = "its weights are on this machine; av2a weights verify checks every byte"
        return Check(f"backbone {name}", State.WORKS, detail)
    cure = f"av2a weights fetch {name} ({sum(part.megabytes for part in parts)} MB in all)"
    return Check(f"backbone {name}", State.ABSENT, f"{', '.join(missing)} not on this machine", cure)


def _folder(name: str, folder: Path) -> Check:
    """A folder of weights that can be read, or that can be made."""
    try:
        if folder.exists():
            next(folder.iterdir(), None)
            return Check(name, State.WORKS, str(folder))
        with TemporaryDirectory(dir=_nearest(folder)):
            return Check(name, State.WORKS, f"{folder} (empty so far)")
    except OSError as refused:
        cure = "change its permissions, or set AV2A_WEIGHTS or HF_HOME"
        return Check(name, State.BROKEN, f"{folder} cannot be used ({refused.strerror})", cure)


def _nearest(folder: Path) -> Path:
    """The nearest folder above that exists."""
    folder = folder.absolute()
    return next(parent for parent in (folder, *folder.parents) if os.path.lexists(parent))


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
