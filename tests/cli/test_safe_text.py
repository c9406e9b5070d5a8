from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from av2a.cli.safe_text import terminal_safe


@given(st.text())
def test_no_text_breaks_a_line_or_commands_the_terminal(text: str) -> None:
    shown = terminal_safe(text)
    assert len(shown.splitlines()) <= 1
    assert not any(category(letter) in ("Cc", "Cs") for letter in shown)


@pytest.mark.parametrize(
    "text",
    [
        "dog barking",
        "caf\u00e9 \U0001f415",
        '<b>"it\'s"</b> [red]x[/red]',
        "\u05db\u05dc\u05d1",
        "\U0001f469\u200d\U0001f373",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert terminal_safe(text) == text


def test_what_would_turn_the_line_around_is_shown() -> None:
    assert terminal_safe("a\u202eb") == "a\\u202eb"
