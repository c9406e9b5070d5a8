"""Builds subcommands from functions: options come in groups, and a subcommand's module is imported when it is called."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from importlib import import_module
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints

import typer
from typer.core import TyperCommand

from av2a.cli.help_text import WIDEST, Example, HelpfulGroup, helpful, helpful_group

CONTEXT_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": WIDEST}


def flat(function: Callable[..., None]) -> Callable[..., None]:
    """``function`` with each parameter whose type is a dataclass replaced by the fields of that dataclass.

    So options are declared once, as fields ``name: Annotated[type, typer.Option(...)] = default`` of a group, and a subcommand
    takes whole groups. An option that is not given has the default of its field.
    """
    options: dict[str, Parameter] = {}
    groups: dict[str, Any] = {}
    single: set[str] = set()
    for name, parameter in signature(function, eval_str=True).parameters.items():
        if is_dataclass(parameter.annotation):
            groups[name] = parameter.annotation
            options |= _options(parameter.annotation)
        else:
            single.add(name)
            options[name] = parameter.replace(kind=Parameter.KEYWORD_ONLY)

    @wraps(function)
    def called(**values: Any) -> None:
        built = {
            name: group(**{each.name: values[each.name] for each in fields(group) if values[each.name] is not None})
            for name, group in groups.items()
        }
        function(**built, **{name: values[name] for name in single})

    # Typer reads both.
    called.__signature__ = Signature(list(options.values()))  # type: ignore[attr-defined]
    called.__annotations__ = {name: option.annotation for name, option in options.items()}
    return called


def _options(group: Any) -> dict[str, Parameter]:
    hints = get_type_hints(group, include_extras=True)
    options = {}
    for each in fields(group):
        # None stands for a list, which is made anew for each call; what has no default must be given.
        default = None if each.default_factory is not MISSING else each.default
        default = Parameter.empty if default is MISSING else default
        options[each.name] = Parameter(each.name, Parameter.KEYWORD_ONLY, default=default, annotation=hints[each.name])
    return options


def command(*examples: Example, name: str | None = None) -> Callable[[Callable[..., None]], TyperCommand]:
    """Make a function a subcommand: its docstring is the help, its parameters are options, groups of options or arguments."""

    def built(function: Callable[..., None]) -> TyperCommand:
        app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        app.command(
            name or function.__name__.replace("_", "-"), cls=helpful(*examples), context_settings=CONTEXT_SETTINGS
        )(flat(function))
        made: Any = typer.main.get_command(app)
        return made

    return built


def command_group(
    name: str, text: str, commands: Mapping[str, TyperCommand], examples: tuple[Example, ...]
) -> HelpfulGroup:
    """A subcommand that has subcommands."""
    return helpful_group(*examples)(
        name=name, help=text, commands=dict(commands), rich_markup_mode=None, context_settings=CONTEXT_SETTINGS
    )


class LazyCommand(TyperCommand):
    """The name and the first line of help of a subcommand, whose module is imported only when more of it is needed."""

    def __init__(self, name: str, text: str, module: str, attribute: str) -> None:
        super().__init__(name, help=text, rich_markup_mode=None)
        self._home = module, attribute

    def loaded(self) -> Any:
        """The subcommand itself."""
        module, attribute = self._home
        return getattr(import_module(module), attribute)

    def make_context(self, info_name: Any, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Parse the arguments by the subcommand itself, which then is the context's command."""
        return self.loaded().make_context(info_name, args, parent=parent, **extra)
