from dataclasses import dataclass
from typing import Any

import typer

from av2a.cli.command import flat, option


@dataclass(frozen=True)
class Group:
    size: int = option("N", "How large.", default=3)
    names: list[str] = option("NAME", "Who.", default=[])


def test_a_group_and_options_that_are_parameters_are_parsed_alike() -> None:
    given: list[Any] = []

    def run(
        *,
        group: Group,
        depth: int = option("N", "How deep.", default=2),
        tags: list[str] = option("T", "Which.", default=[]),
    ) -> None:
        given.append((group, depth, tags))

    app = typer.Typer(add_completion=False)
    app.command()(flat(run))
    command: Any = typer.main.get_command(app)
    command.main([], standalone_mode=False)
    command.main("--size 5 --names a --depth 7 --tags x --tags y".split(), standalone_mode=False)
    assert given == [(Group(3, []), 2, []), (Group(5, ["a"]), 7, ["x", "y"])]
    given[0][2].append("z")
    command.main([], standalone_mode=False)
    assert given[2] == (Group(3, []), 2, [])
