"""Methods by name, each imported when it is used."""

from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Protocol, cast, runtime_checkable

from av2a.embeddings import ClipFeatures, MissingIntervals, Vocabulary
from av2a.errors import UnknownName
from av2a.plugins import Plugin, PluginKind, plugin_named
from av2a.settings import Settings
from av2a.types import Parsing


@runtime_checkable
class Method(Protocol):
    """Turns a clip's features and a vocabulary into events, in NumPy only."""

    def __call__(self, features: ClipFeatures, vocabulary: Vocabulary, settings: Settings, /) -> Sequence[Parsing]:
        """The events of each part of the clip, with their traces.

        Raises:
            MissingIntervals: the features lack intervals that it needs; they are added, and it is called again.
        """
        ...


DEFAULT_METHOD = "av2a"

METHODS: dict[str, str] = {
    "av2a": "av2a.methods.av2a.method:av2a",
}
"""Methods of this package: name to ``module:attribute``. Other packages add theirs by the entry points ``av2a.methods``."""


def load_method(name: str = DEFAULT_METHOD) -> Method:
    """The method called ``name``.

    Raises:
        UnknownName: no method has that name.
        BrokenPlugin: it is another package's, and cannot be imported.

    >>> load_method("av2a").__name__
    'av2a'
    """
    if name not in METHODS:
        plugin = plugin_named(PluginKind.METHOD, name, UnknownName.among("method", name, METHODS))
        return partial(_called, plugin, plugin.load())
    module, _, attribute = METHODS[name].partition(":")
    return cast(Method, getattr(import_module(module), attribute))


def _called(
    plugin: Plugin, method: Method, features: ClipFeatures, vocabulary: Vocabulary, settings: Settings
) -> Sequence[Parsing]:
    """The answer of another package's method. What goes wrong in it names that package."""
    with plugin.guarded(MissingIntervals):
        return method(features, vocabulary, settings)
