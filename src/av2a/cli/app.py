"""The table of subcommands, and how Typer's refusals are worded."""

from collections.abc import Sequence
from keyword import iskeyword
from typing import Annotated, Any

import typer

from av2a.cli.command import CONTEXT_SETTINGS, LazyCommand
from av2a.cli.exit_status import ExitStatus
from av2a.cli.help_text import Example, HelpfulGroup, with_examples
from av2a.cli.versions import versions_line
from av2a.errors import UsageError

COMMANDS = {
    "detect": ("detect", "Find when each event is heard, seen, and both."),
    "serve": ("serve", "Open a local web page: drop videos, type labels, watch, correct, take along."),
    "report": ("report", "Make any output from answers that were kept as JSON."),
    "export": ("export", "Write answers that were kept as JSON in the formats of other tools."),
    "import": ("import_", "Turn annotations of other tools into one table of events."),
    "cut": ("cut", "Cut the moments of answers out of their videos."),
    "batch": ("batch", "Find the events of any number of videos, each once whatever is killed and when."),
    "search": ("search", "Ask for a new event in all videos that were embedded, without opening one."),
    "library": ("library", "Show, grow, shrink and check the library of embedded videos."),
    "demo": ("demo", "Render a scene, find its events, and show them against the truth."),
    "evaluate": (
        "evaluate",
        "Measure how right the events are: the ten numbers of audio-visual parsing, or AVE's accuracy.",
    ),
    "tune": ("tune", "Search the best values of the paper's five hyper-parameters."),
    "ablate": ("experiments", "Leave out one stage of the method at a time: the paper's Table 5."),
    "compare-fusion": (
        "experiments",
        "Compare score-level with late fusion of audio and video: the paper's Table 6.",
    ),
    "probe": ("experiments", "Train a linear classifier on frozen embeddings: the paper's Table 7."),
    "tables": ("tables", "Fill the paper's tables: what is measured here beside what is published."),
    "synth": ("synth", "Make videos in which things are heard and seen at times known exactly."),
    "settings": ("settings", "List the settings of the method, with their values and meanings."),
    "labels": ("labels", "Say which labels a backbone knows, by sound and by sight, and as what."),
    "backbones": ("backbones", "List the available models, and where their weights are."),
    "weights": ("weights", "Download, list and verify what models need."),
    "cache": ("cache", "Show, clear and limit the embeddings that are stored."),
    "data": ("data", "Download benchmarks' annotations, and count the videos that are available."),
    "doctor": ("doctor", "Say what this installation can do."),
}
"""The module and the first line of help of each subcommand, in the order in which a newcomer needs them. The line is that of the
subcommand's docstring (a test compares them): it stands here as well so that ``av2a --help`` and completion import no module."""

EXAMPLES = (
    Example("av2a demo", "see what it does, on a video that it makes itself"),
    Example('av2a detect clip.mp4 --events "dog barking, speech, siren"', "your own video and labels"),
    Example("av2a detect --help", "all options"),
)

app = typer.Typer(
    name="av2a",
    cls=with_examples(HelpfulGroup, EXAMPLES),
    help="Any video, any list of event names: when each event is heard, seen, or both. No training.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=CONTEXT_SETTINGS,
)


def _print_versions(requested: bool) -> bool:
    if requested:
        typer.echo(versions_line())
        raise typer.Exit
    return requested


@app.callback()
def _av2a(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_versions, is_eager=True, help="Print versions and exit.")
    ] = False,
) -> None:
    """The options of the command itself."""


def main_command() -> Any:
    """The command with all its subcommands, none of them imported yet."""
    group: Any = typer.main.get_command(app)
    for name, (module, text) in COMMANDS.items():
        group.add_command(LazyCommand(name, text, f"av2a.cli.{module}", _attribute(name)))
    return group


def _attribute(name: str) -> str:
    """The name of a subcommand's function: ``import`` can be none."""
    return name.replace("-", "_") + ("_" if iskeyword(name) else "")


def command_paths() -> list[tuple[str, ...]]:
    """The words of every subcommand and of its own subcommands; all of their modules are imported."""
    paths: list[tuple[str, ...]] = [()]
    for name, command in main_command().commands.items():
        paths += [(name,), *((name, each) for each in getattr(command.loaded(), "commands", {}))]
    return paths


# Typer's own refusals (ClickException, of the click that it brings or imports) have no public name.
_Refusal: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def run(arguments: Sequence[str]) -> int:
    """Run the subcommand that ``arguments`` name; its exit status.

    Raises:
        UsageError: the command does not take these arguments.
        KeyboardInterrupt: the user interrupted it.
    """
    try:
        status = main_command().main(list(arguments), prog_name="av2a", standalone_mode=False)
    except _Refusal as refusal:
        raise UsageError(_explained(refusal)) from refusal
    except typer.Abort as abort:
        raise KeyboardInterrupt from abort
    # Typer turns an interrupt into a status; here it becomes an interrupt again, which is reported in one place.
    if status == ExitStatus.INTERRUPTED:
        raise KeyboardInterrupt
    return int(status or 0)


def _explained(refusal: Any) -> str:
    """Typer's message on one line, with the command whose help says more."""
    words = " ".join(refusal.format_message().split()).rstrip(".")
    context = getattr(refusal, "ctx", None)
    path = "av2a" if context is None else context.command_path
    return f"{words[:1].lower()}{words[1:]}; see {path} --help"
