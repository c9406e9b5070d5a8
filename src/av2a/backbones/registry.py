"""Loads backbones by name; each is imported when it is loaded."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, cast

from av2a.backbones.base import AudioEncoder, Backbone, VisualEncoder
from av2a.backbones.checkpoints import LANGUAGEBIND, Checkpoint, checkpoint_named, chosen_checkpoints, own_name
from av2a.backbones.choices import Precision, device_named, precision_named
from av2a.backbones.weights import Folder, Progress, Sources, check_all, resolve_all
from av2a.errors import InvalidSetting, MissingDependency, MissingWeights, UnknownName, UsageError, one_line
from av2a.installation import install_command
from av2a.plugins import Plugin, PluginKind, plugin_named

DEFAULT_BACKBONE = "clip-clap"

BACKBONES: dict[str, str] = {
    "mini": "av2a.backbones.mini",
}
"""Backbones that ship with their weights: name to module; each module has ``load() -> Backbone``."""

LIGHT = "light"
"""The backbone without torch, whose files are not those of a hub."""
LIGHT_LIBRARIES = ("openvino", "tokenizers")

LIBRARIES = ("torch", "transformers", "safetensors")
"""Libraries of every backbone whose weights are downloaded; the hub's client is needed for the download only."""


class _BackboneModule(Protocol):
    def load(self) -> Backbone: ...


def load_backbone(
    name: str = DEFAULT_BACKBONE,
    *,
    device: str = "auto",
    precision: str = "auto",
    visual_model: str | None = None,
    audio_model: str | None = None,
    weights: Path | None = None,
    progress: Progress | None = None,
) -> Backbone:
    """The backbone called ``name``, or a pair ``vision+sound``, ready to use; missing weights are downloaded.

    Args:
        name: see ``av2a backbones``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        precision: ``auto`` (the fastest that keeps a cosine of 0.999 to float32), ``float32``, ``bfloat16``, ``float16``.
        visual_model: another checkpoint of the same family for frames (for LanguageBind: for clips): ``owner/name``,
            ``owner/name@revision`` or a folder.
        audio_model: likewise for audio.
        weights: a folder to search first; None is that of ``AV2A_WEIGHTS``, if it is set.
        progress: called with the number of bytes that have arrived.

    Raises:
        UnknownName: no backbone, device or precision has that name.
        UsageError: a checkpoint or a device is invalid here, or is not on this machine.
        WeightsUnavailable: its weights are not available, or a library that it needs is not.

    >>> load_backbone("mini").info.name
    'mini'
    """
    check_choices(name, device=device, precision=precision, visual_model=visual_model, audio_model=audio_model)
    if name in BACKBONES:
        return cast(_BackboneModule, import_module(BACKBONES[name])).load()
    plugin = _plugin(name)
    if plugin is not None:
        return _loaded(plugin, device, precision, weights)
    sources = Sources.chosen(weights)
    if name == LIGHT:
        _check_libraries(name, LIGHT_LIBRARIES, LIGHT)
        from av2a.backbones.light.backbone import load as load_light

        return load_light(sources, _threads(), progress)
    with _other_ways(name):
        _check_libraries(name)
        from av2a.backbones.device import placement, room_for_models

        # The device and the weights are checked before the larger library is loaded.
        where = placement(device, precision)
        checkpoints = chosen_checkpoints(name, visual_model, audio_model)
        found = resolve_all(checkpoints, sources, progress)
        folders = [each.path for each in found]
        recorded = [_recorded(*each) for each in zip(checkpoints, found, strict=True)]
        visual_name, audio_name = " + ".join(recorded[:-1]), recorded[-1]
        with room_for_models(name, where):
            if name == LANGUAGEBIND:
                from av2a.backbones.languagebind import load

                image, video, audio = folders
                return load(image, video, audio, where, visual_name=visual_name, audio_name=audio_name)
            from av2a.backbones.pairs import assembled

            visual, audio = folders
            return assembled(name, visual, audio, where, visual_name=visual_name, audio_name=audio_name)


def check_available(
    name: str,
    *,
    device: str = "auto",
    precision: str = "auto",
    visual_model: str | None = None,
    audio_model: str | None = None,
    weights: Path | None = None,
) -> None:
    """Refuse what :func:`load_backbone` would refuse, as far as that is known without loading or downloading a model.

    Raises:
        UsageError, WeightsUnavailable: as :func:`load_backbone`.
    """
    check_choices(name, device=device, precision=precision, visual_model=visual_model, audio_model=audio_model)
    plugin = _plugin(name)
    if plugin is not None:
        plugin.load()
    elif name == LIGHT:
        _check_libraries(name, LIGHT_LIBRARIES, LIGHT)
        from av2a.backbones.light.files import check as check_light

        check_light(Sources.chosen(weights))
    elif name not in BACKBONES:
        sources = Sources.chosen(weights)
        with _other_ways(name):
            _check_libraries(name)
            from av2a.backbones.device import placement

            placement(device, precision)
            check_all(chosen_checkpoints(name, visual_model, audio_model), sources)


def _recorded(checkpoint: Checkpoint, found: Folder) -> str:
    """The name of what was found in outputs: the commit is that of the files, never the requested one."""
    if Path(checkpoint.repo).is_absolute():
        return checkpoint.recorded
    if found.revision is None:
        return f"{checkpoint.repo}, revision unknown"
    return replace(checkpoint, revision=found.revision).recorded


def check_choices(
    name: str,
    *,
    device: str = "auto",
    precision: str = "auto",
    visual_model: str | None = None,
    audio_model: str | None = None,
) -> str:
    """The backbone's own name, after a check of all arguments. Nothing is loaded.

    Raises:
        UnknownName: no backbone, device or precision has that name.
        UsageError: a checkpoint's name is invalid, or the backbone takes none.
        InvalidSetting: a device or a precision that the built-in backbone does not have.
    """
    plugin = _plugin(name)
    named, asked = device_named(device), precision_named(precision)
    models = {"--visual-model": visual_model, "--audio-model": audio_model}
    given = {option: model for option, model in models.items() if model is not None}
    for model in given.values():
        checkpoint_named(model)
    if name not in (*BACKBONES, LIGHT) and plugin is None:
        return own_name(name)
    if given:
        raise UsageError(f"backbone {name!r} takes no {min(given)}: choose a pair such as clip+clap, or leave it out")
    if plugin is not None:
        return name
    if (named is not None and named.kind not in ("cpu", *(["openvino"] if name == LIGHT else []))) or asked not in (
        Precision.AUTO,
        Precision.FLOAT32,
    ):
        raise InvalidSetting(f"backbone {name!r} runs on the CPU in float32: leave --device and --precision out")
    return name


def _plugin(name: str) -> Plugin | None:
    """The plug-in of that name; None for a backbone of this package.

    Raises:
        UnknownName: no backbone has that name.
    """
    if name in (*BACKBONES, LIGHT):
        return None
    try:
        own_name(name)
    except UnknownName as unknown:
        return plugin_named(PluginKind.BACKBONE, name, unknown)
    return None


def _loaded(plugin: Plugin, device: str, precision: str, weights: Path | None) -> Backbone:
    """The backbone that a plug-in's function returns.

    Raises:
        BrokenPlugin: it fails, or returns something else.
    """
    load = plugin.load()
    with plugin.guarded():
        backbone = load(device=device, precision=precision, weights=weights)
    plugin.check(isinstance(backbone, Backbone), f"it returned {type(backbone).__name__}, not Backbone")
    plugin.check(isinstance(backbone.visual, VisualEncoder), "its visual encoder is no VisualEncoder")
    plugin.check(isinstance(backbone.audio, AudioEncoder), "its audio encoder is no AudioEncoder")
    digest = backbone.info.digest
    # Stored embeddings are found by this digest.
    plugin.check(re.fullmatch("[0-9a-f]{64}", digest) is not None, f"its digest is {digest!r}, not a SHA-256")
    return cast(Backbone, backbone)


def default_precision(profile: str) -> str:
    """The precision for a profile where the user names none: only ``practical`` may use the fastest that is close enough."""
    return "auto" if profile == "practical" else "float32"


def _check_libraries(name: str, libraries: Sequence[str] = LIBRARIES, extra: str = "models") -> None:
    """Refuse before anything is downloaded.

    Raises:
        MissingDependency: a library is not installed.
    """
    for library in libraries:
        if find_spec(library) is None:
            raise MissingDependency(f"backbone {name!r} needs {library!r}: {install_command(extra)}")


def _threads() -> int:
    """How many threads models without torch run on: ``OMP_NUM_THREADS``, as for torch; 0 is the library's own choice."""
    named = os.environ.get("OMP_NUM_THREADS", "")
    return int(named) if named.isdecimal() else 0


@contextmanager
def _other_ways(name: str) -> Iterator[None]:
    """Adds a hint about the demo to the error about missing default weights.

    Raises:
        MissingDependency: a library lacks what the backbone needs of it.
    """
    try:
        yield
    except ImportError as unfit:
        raise MissingDependency(
            f"the libraries of backbone {name!r} do not fit together ({one_line(str(unfit), 120)}): "
            f"{install_command('models')}, and see av2a doctor"
        ) from unfit
    except (MissingWeights, MissingDependency) as missing:
        if name != DEFAULT_BACKBONE:
            raise
        raise type(missing)(
            f"{missing}; or --backbone light: 116 MB, no torch, fewer labels (av2a weights fetch light); "
            "or without weights: av2a demo, --backbone mini (generated scenes only)"
        ) from missing
