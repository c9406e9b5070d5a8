"""Methods by name, each imported when it is used."""

from importlib import import_module
from typing import Any

from av2a.errors import UnknownName
from av2a.plugins import PluginKind, plugin_named

DEFAULT_METHOD = "av2a"

METHODS: dict[str, str] = {
    "av2a": "av2a.methods.av2a.method:parse",
}
"""Methods of this package: name to ``module:attribute``. Other packages add theirs by the entry points ``av2a.methods``."""


def load_method(name: str = DEFAULT_METHOD) -> Any:
    """The method called ``name``.

    Raises:
        UnknownName: no method has that name.
        BrokenPlugin: it is another package's, and cannot be imported.

    >>> load_method("av2a").__name__
    'parse'
    """
    if name not in METHODS:
        return plugin_named(PluginKind.METHOD, name, UnknownName.among("method", name, METHODS)).load()
    module, _, attribute = METHODS[name].partition(":")
    return getattr(import_module(module), attribute)
