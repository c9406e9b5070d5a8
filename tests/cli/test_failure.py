import pytest

from av2a.cli.failure import exit_status, failure_line
from av2a.errors import Av2aError, MissingDependency, MissingFile, NotMedia, OutputRefused


@pytest.mark.parametrize(
    ("error", "line", "status"),
    [
        (MissingFile("no such file: 'x'; check"), "av2a: error[E_NO_SUCH_FILE]: no such file: 'x'; check", 2),
        (OutputRefused("two\nlines"), "av2a: error[E_OUTPUT]: two\\nlines", 2),
        (MissingDependency("get it"), "av2a: error[E_DEPENDENCY]: get it", 3),
        (NotMedia("bad \x1b[31m"), "av2a: error[E_MEDIA_FORMAT]: bad \\x1b[31m", 4),
    ],
)
def test_a_refusal_is_one_line_with_its_code(error: Av2aError, line: str, status: int) -> None:
    assert failure_line(error, about="clip.mp4") == line
    assert exit_status(error) == status


def test_a_fault_of_our_own_asks_for_debug_and_names_the_video() -> None:
    line = failure_line(IndexError("list index\nout of range"), about="clip.mp4")
    assert line.startswith("av2a: error[E_UNEXPECTED]: clip.mp4: unexpected IndexError (list index\\nout of range): ")
    assert "--debug" in line
    assert exit_status(IndexError()) == 1
