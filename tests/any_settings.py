"""Any valid settings, drawn from their fields, for laws that hold for all of them."""

import dataclasses
from enum import Enum
from types import UnionType
from typing import Any, NamedTuple, get_args, get_type_hints

from hypothesis import strategies as st

from av2a.methods.trained.settings import ParserSettings
from av2a.settings import PROFILES, Settings

_NAMES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=20)


class SettingsRecipe(NamedTuple):
    """What settings are made from. They are made in the test: shape checks draw at random, strategies must not."""

    kind: type[Settings]
    base: str
    changes: dict[str, Any]

    def made(self) -> Settings:
        """The settings."""
        return self.kind.of(self.base).replace(**self.changes)


def any_settings() -> st.SearchStrategy[SettingsRecipe]:
    """Settings of the method or of a parser, with any valid values and any profile name."""
    return st.sampled_from([Settings, ParserSettings]).flatmap(_of_kind)


def _of_kind(kind: type[Settings]) -> st.SearchStrategy[SettingsRecipe]:
    hints = get_type_hints(kind)
    values = {field.name: _values(field, hints[field.name]) for field in dataclasses.fields(kind)}
    own = _NAMES.filter(lambda name: name not in PROFILES)
    values |= {"profile": own, "segment_seconds": st.floats(0.05, 5), "window_seconds": st.floats(5, 1e6)}
    changes = st.fixed_dictionaries({}, optional=values)
    return st.builds(SettingsRecipe, st.just(kind), st.sampled_from(sorted(PROFILES)), changes)


def _values(field: "dataclasses.Field[Any]", kind: Any) -> st.SearchStrategy[Any]:
    if isinstance(kind, UnionType):
        return st.none() | _values(field, get_args(kind)[0])
    low, high = field.metadata["lowest"], field.metadata["highest"]
    if kind is float:
        return st.floats(-1e6 if low is None else low, 1e6 if high is None else high)
    if kind is int:
        return st.integers(low, high)
    if kind is bool:
        return st.booleans()
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    if field.name == "strictness":
        return st.dictionaries(_NAMES, st.floats(low, high), max_size=3)
    return st.just(()) | st.lists(_NAMES, min_size=2, max_size=4).map(tuple)
