"""Backbones, methods, datasets and exporters of other packages, found by their entry points.

The metadata of installed packages is read only for a name that is not built in, or for a list. ``docs/plugins.md`` has an example.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Any

from av2a.errors import Av2aError, BrokenPlugin, UnknownName, one_line


class PluginKind(Enum):
    """What a plug-in adds, by the name of its group of entry points."""

    BACKBONE = "av2a.backbones"
    METHOD = "av2a.methods"
    DATASET = "av2a.datasets"
    EXPORTER = "av2a.exporters"


@dataclass(frozen=True)
class Plugin:
    """One entry point of another package."""

    kind: PluginKind
    name: str
    value: str
    """Where the object is: ``module:attribute``, or a module."""
    distribution: str
    """Name and version of the package that declares it."""

    def load(self) -> Any:
        """Import the object that the entry point names: something to call, or what writes files.

        Raises:
            BrokenPlugin: it cannot be imported, or cannot be used as what it is declared.
        """
        if not EntryPoint.pattern.match(self.value):
            raise self._broken(f"{self.value!r} does not have the form 'module:attribute'")
        with self.guarded():
            loaded = EntryPoint(self.name, self.value, self.kind.value).load()
        if self.kind is PluginKind.EXPORTER:
            self.check(self.name.startswith("."), "its name is no ending such as '.srt'")
            self.check(callable(getattr(loaded, "write", None)), "it has no function 'write'")
        else:
            self.check(callable(loaded), f"it is {type(loaded).__name__}, which cannot be called")
        return loaded

    @contextmanager
    def guarded(self, *passing: type[Exception]) -> Iterator[None]:
        """Report whatever goes wrong in the plug-in's code as a fault of that plug-in, except ``passing`` and errors of av2a.

        Raises:
            BrokenPlugin: the code inside raised something else.
        """
        try:
            yield
        except Av2aError:
            raise
        except passing:
            raise
        except (Exception, SystemExit) as error:
            raise self._broken(f"{type(error).__name__}: {error}") from error

    def check(self, fulfilled: bool, promise: str) -> None:
        """Refuse an object that does not keep a promise of its kind.

        Raises:
            BrokenPlugin: it does not.
        """
        if not fulfilled:
            raise self._broken(promise)

    def _broken(self, problem: str) -> BrokenPlugin:
        owner = f"{self.kind.value} {one_line(self.name)!r} of the package {one_line(self.distribution)}"
        return BrokenPlugin(f"{owner} is broken ({one_line(problem, 160)}): update or uninstall that package")


def installed_plugins(*kinds: PluginKind) -> list[Plugin]:
    """The plug-ins of these kinds (of all, without any), sorted by kind and name; of one name the first on the path comes first."""
    found = [plugin for distribution in _declaring() for plugin in _plugins_of(distribution)]
    order = list(PluginKind)
    chosen = [plugin for plugin in found if not kinds or plugin.kind in kinds]
    return sorted(chosen, key=lambda plugin: (order.index(plugin.kind), plugin.name))


def plugin_named(kind: PluginKind, name: str, unknown: UnknownName) -> Plugin:
    """The plug-in of that name. Call it only for a name that is not built in.

    Raises:
        UnknownName: there is none: ``unknown``, with the names that plug-ins add.
    """
    plugins = installed_plugins(kind)
    for plugin in plugins:
        if plugin.name == name:
            return plugin
    if not plugins:
        raise unknown
    raise UnknownName(f"{unknown}; from plug-ins: {', '.join(one_line(plugin.name) for plugin in plugins)}")


def _declaring() -> Iterator[Distribution]:
    """Each installed package that mentions av2a in its entry points, once."""
    names = set()
    for distribution in distributions():
        try:
            text = distribution.read_text("entry_points.txt")
        except (OSError, ValueError):
            continue
        if text and "[av2a." in text and (name := _name(distribution)) not in names:
            names.add(name)
            yield distribution


def _plugins_of(distribution: Distribution) -> list[Plugin]:
    groups = {kind.value: kind for kind in PluginKind}
    try:
        entries = [entry for entry in distribution.entry_points if entry.group in groups]
    except Exception:  # noqa: BLE001 - a malformed file raises anything
        entries = [EntryPoint("entry_points.txt", "(a malformed entry_points.txt)", PluginKind.BACKBONE.value)]
    return [Plugin(groups[entry.group], entry.name, entry.value, _name(distribution)) for entry in entries]


def _name(distribution: Distribution) -> str:
    try:
        return f"{distribution.metadata['Name']} {distribution.version}"
    except Exception:  # noqa: BLE001 - metadata may be missing or damaged
        return "(unnamed)"
