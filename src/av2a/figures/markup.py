"""Small pieces of HTML, each safe whatever the labels in it are."""

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from av2a.figures.rows import printable

_LONGEST_SHOWN = 80


def text(value: object) -> str:
    """``value`` as text or as a quoted attribute."""
    # A bare carriage return would be read as a line feed.
    return escape(str(value), quote=True).replace("\r", "&#13;")


def name(label: str) -> str:
    """A label or file name: long ones are cut and shown whole on hovering; each has its own writing direction.

    >>> name("<b>")
    '<bdi class="label" title="&lt;b&gt;">&lt;b&gt;</bdi>'
    """
    flat = printable(label)
    shown = flat if len(flat) <= _LONGEST_SHOWN else flat[: _LONGEST_SHOWN - 1] + "…"
    return f'<bdi class="label" title="{text(label)}">{text(shown)}</bdi>'


def label_link(label: str, index: int) -> str:
    """A label that leads to its scores on the same page."""
    return f'<a href="#scores-{index}">{name(label)}</a>'


def data_island(values: Mapping[str, Any]) -> str:
    """``values`` as JSON that no HTML parser can mistake for markup.

    >>> data_island({"label": "</script>"})
    '{"label": "\\\\u003c/script>"}'
    """
    return json.dumps(values, allow_nan=False).replace("<", "\\u003c")
