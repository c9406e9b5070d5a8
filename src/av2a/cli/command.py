"""Builds subcommands from functions: options come in groups, and a subcommand's module is imported when it is called."""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import MISSING, Field, field, fields, is_dataclass
from functools import wraps
from importlib import import_module
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, get_type_hints

import typer
from typer.core import TyperCommand
from typer.models import OptionInfo

from av2a.cli.help_text import WIDEST, Example, HelpfulCommand, HelpfulGroup, with_examples

CONTEXT_SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": WIDEST}


def option(
    metavar: str, text: str, names: str = "", *, default: Any = None, panel: str | None = None, **more: Any
) -> Any:
    """A field of a group, or the default of a parameter, that is an option with a value.

    Args:
        metavar: what stands for the value in the help.
        text: the help.
        names: ``--name -n``, where the option's name is not that of the field.
        default: the value when the option is not given; ``[]`` makes it an option that may be repeated.
        panel: the heading in the help, where it is not that of the group, which is its class attribute ``panel``.
        more: other arguments of ``typer.Option``.
    """
    return _field(default, typer.Option(*names.split(), metavar=metavar, help=text, rich_help_panel=panel, **more))


def flag(text: str, names: str, *, panel: str | None = None) -> Any:
    """The same for an option without a value."""
    return _field(False, typer.Option(*names.split(), help=text, rich_help_panel=panel))


def argument(metavar: str, text: str, *, default: Any = MISSING) -> Any:
    """The same for an argument; without a default it must be given."""
    return _field(default, typer.Argument(metavar=metavar, help=text, show_default=False))


def _field(default: Any, parameter: Any) -> Any:
    metadata = {"parameter": parameter}
    return (
        field(default_factory=list, metadata=metadata) if default == [] else field(default=default, metadata=metadata)
    )


def flat(function: Callable[..., None]) -> Callable[..., None]:
    """``function`` with each parameter whose type is a dataclass replaced by the fields of that dataclass.

    So options are declared once, as fields of a group, and a subcommand takes whole groups, or groups of groups. An option that
    is not given has the default of its field. An option of one subcommand alone is a parameter, with :func:`option` as its default.
    """
    options: dict[str, Parameter] = {}
    groups: dict[str, Any] = {}
    repeated: list[str] = []
    for name, parameter in signature(function, eval_str=True).parameters.items():
        if is_dataclass(parameter.annotation):
            groups[name] = parameter.annotation
            options |= _options(parameter.annotation)
        elif isinstance(parameter.default, Field):
            options[name] = _parameter(name, parameter.default, parameter.annotation)
            repeated += [name] if parameter.default.default_factory is list else []
        else:
            options[name] = parameter.replace(kind=Parameter.KEYWORD_ONLY)

    @wraps(function)
    def called(**values: Any) -> None:
        values |= {name: values[name] or [] for name in repeated}
        built = {name: _built(group, values) for name, group in groups.items()}
        function(**built, **values)

    # Typer reads both.
    called.__signature__ = Signature(list(options.values()))  # type: ignore[attr-defined]
    called.__annotations__ = {name: option.annotation for name, option in options.items()}
    return called


def _options(group: Any) -> dict[str, Parameter]:
    options: dict[str, Parameter] = {}
    for each, hint in _fields(group):
        options |= _options(hint) if is_dataclass(hint) else {each.name: _parameter(each.name, each, hint, group)}
    return options


def _built(group: Any, values: dict[str, Any]) -> Any:
    """The group, with the values of its fields taken out of ``values``."""
    given = {
        each.name: _built(hint, values) if is_dataclass(hint) else values.pop(each.name)
        for each, hint in _fields(group)
    }
    return group(**{name: value for name, value in given.items() if value is not None})


def _fields(group: Any) -> list[tuple["Field[Any]", Any]]:
    hints = get_type_hints(group, include_extras=True)
    return [(each, hints[each.name]) for each in fields(group)]


def _parameter(name: str, each: "Field[Any]", hint: Any, group: Any = None) -> Parameter:
    declared = copy(each.metadata.get("parameter"))
    if isinstance(declared, OptionInfo):
        declared.rich_help_panel = declared.rich_help_panel or getattr(group, "panel", None)
    # None stands for a list, which is made anew for each call; what has no default must be given.
    default = None if each.default_factory is not MISSING else each.default
    return Parameter(
        name,
        Parameter.KEYWORD_ONLY,
        default=Parameter.empty if default is MISSING else default,
        annotation=hint if declared is None else Annotated[hint, declared],
    )


def command(*examples: Example, name: str | None = None) -> Callable[[Callable[..., None]], TyperCommand]:
    """Make a function a subcommand: its docstring is the help, its parameters are options, groups of options or arguments."""

    def built(function: Callable[..., None]) -> TyperCommand:
        app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        app.command(
            name or function.__name__.replace("_", "-"),
            cls=with_examples(HelpfulCommand, examples),
            context_settings=CONTEXT_SETTINGS,
        )(flat(function))
        made: Any = typer.main.get_command(app)
        return made

    return built


def command_group(
    name: str, text: str, commands: Mapping[str, TyperCommand], examples: tuple[Example, ...]
) -> HelpfulGroup:
    """A subcommand that has subcommands."""
    return with_examples(HelpfulGroup, examples)(
        name=name, help=text, commands=dict(commands), rich_markup_mode=None, context_settings=CONTEXT_SETTINGS
    )


def default_command_group(
    name: str, text: str, commands: Mapping[str, TyperCommand], examples: tuple[Example, ...], *, default: str
) -> HelpfulGroup:
    """A subcommand that has subcommands, of which one need not be named."""

    class WithDefault(HelpfulGroup):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            """As usual, but what names no subcommand is for the default one."""
            if args and args[0] not in (*self.commands, *CONTEXT_SETTINGS["help_option_names"]):
                args = [default, *args]
            return super().parse_args(ctx, args)

    return with_examples(WithDefault, examples)(
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
