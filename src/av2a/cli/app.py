"""The subcommands put together, and how what Typer refuses is said."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from av2a.cli import (
    ablate,
    backbones,
    compare_fusion,
    data,
    demo,
    detect,
    doctor,
    evaluate,
    probe,
    synth,
    tables,
    tune,
    weights,
)
from av2a.cli.exit_status import ExitStatus
from av2a.cli.help_text import WIDEST, Example, helpful, helpful_group
from av2a.cli.versions import versions_line
from av2a.errors import UsageError

EXAMPLES = (
    Example("av2a demo", "see what it does, on a video that it makes itself"),
    Example('av2a detect clip.mp4 --events "dog barking, speech, siren"', "your own video and names"),
    Example("av2a detect --help", "all there is to choose"),
)

app = typer.Typer(
    name="av2a",
    cls=helpful_group(*EXAMPLES),
    help="Any video, any list of event names: when each event is heard, seen, or both. No training.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDEST},
)


def _print_versions(asked: bool) -> bool:
    if asked:
        typer.echo(versions_line())
        raise typer.Exit
    return asked


@app.callback()
def _av2a(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_versions, is_eager=True, help="Print versions and exit.")
    ] = False,
) -> None:
    """All that is common to the subcommands is in their own options."""


app.command("detect", cls=helpful(*detect.EXAMPLES))(detect.detect)
app.command("demo", cls=helpful(*demo.EXAMPLES))(demo.demo)
app.command("evaluate", cls=helpful(*evaluate.EXAMPLES))(evaluate.evaluate)
app.command("tune", cls=helpful(*tune.EXAMPLES))(tune.tune)
app.command("ablate", cls=helpful(*ablate.EXAMPLES))(ablate.ablate)
app.command("compare-fusion", cls=helpful(*compare_fusion.EXAMPLES))(compare_fusion.compare_fusion)
app.command("probe", cls=helpful(*probe.EXAMPLES))(probe.probe)
app.command("tables", cls=helpful(*tables.EXAMPLES))(tables.tables)
app.command("synth", cls=helpful(*synth.EXAMPLES))(synth.synth)
app.command("backbones", cls=helpful(*backbones.EXAMPLES))(backbones.backbones)
app.add_typer(weights.app)
app.add_typer(data.app)
app.command("doctor", cls=helpful(*doctor.EXAMPLES))(doctor.doctor)

# Typer's own refusals (ClickException, of the click that it brings or imports) have no public name.
_Refusal: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def run(arguments: Sequence[str]) -> int:
    """Run the subcommand that ``arguments`` name; its exit status.

    Raises:
        UsageError: the arguments are none that the command takes.
        KeyboardInterrupt: the user interrupted it.
    """
    try:
        status = typer.main.get_command(app).main(list(arguments), prog_name="av2a", standalone_mode=False)
    except _Refusal as refusal:
        raise UsageError(_explained(refusal)) from refusal
    except typer.Abort as abort:
        raise KeyboardInterrupt from abort
    # Typer turns an interrupt into a status; said in one place, it is one again.
    if status == ExitStatus.INTERRUPTED:
        raise KeyboardInterrupt
    return int(status or 0)


def _explained(refusal: Any) -> str:
    """Typer's message on one line, with the command that tells more."""
    words = " ".join(refusal.format_message().split()).rstrip(".")
    context = getattr(refusal, "ctx", None)
    path = "av2a" if context is None else context.command_path
    return f"{words[:1].lower()}{words[1:]}; see {path} --help"
