"""``av2a demo``: a generated scene, its events found, the answer beside the truth."""

from importlib.util import find_spec
from pathlib import Path
from shlex import quote

import typer

from av2a.backbones.registry import LIBRARIES, load_backbone
from av2a.cli.command import command, flag, option
from av2a.cli.common_options import TalkOptions
from av2a.cli.exit_status import ExitStatus
from av2a.cli.failure import is_printed
from av2a.cli.help_text import Example
from av2a.cli.outputs import write_all
from av2a.cli.printed_answer import show_answer
from av2a.cli.terminal import Terminal
from av2a.datasets.true_events import true_events
from av2a.detector import detect
from av2a.exports import check_output
from av2a.exports.files import check_file
from av2a.installation import install_command, this_command
from av2a.types import Event
from av2a.world import NAMES, Scene, annotations, demo_scene, write_clip

ENDINGS = (".json", ".csv", ".vtt", ".png", ".html")
BACKBONE = "mini"


@command(
    Example("av2a demo", "everything once, into ./av2a-demo"),
    Example("av2a demo -o somewhere --overwrite", "into another folder, in the place of an earlier run"),
)
def demo(
    *,
    folder: Path = option("FOLDER", "Where the video and the results go.", "--output -o", default=Path("av2a-demo")),
    overwrite: bool = flag("Replace files that already exist.", "--overwrite"),
    talk: TalkOptions,
) -> None:
    """Render a scene, find its events, and show them against the truth.

    Writes the scene as demo.mp4, and what was found as JSON, CSV, WebVTT, a picture and a page.
    """
    terminal = talk.terminal()
    video, outputs = folder / "demo.mp4", _outputs(folder, terminal)
    check_file(video, [".mp4"], overwrite=overwrite)
    for path in outputs:
        check_output(path, overwrite=overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    scene, backbone = demo_scene(), load_backbone(BACKBONE)
    with terminal.progress("rendering a scene"):
        write_clip(scene, video, overwrite=overwrite)
    with terminal.progress(video.name) as report:
        detection = detect(video, NAMES, backbone, progress=report)
    truth = scene_truth(scene)
    for warning in detection.warnings:
        terminal.warn(f"{video.name}: {warning}")
    shown = is_printed(lambda: show_answer(terminal, detection, truth), debug=talk.debug)
    written = write_all(detection, outputs, truth, overwrite=overwrite, debug=talk.debug)
    for line in ("", *_next_steps(video)):
        terminal.say(line)
    terminal.say(f"results: {', '.join(str(path) for path in (video, *written))}")
    if len(written) < len(outputs) or not shown:
        raise typer.Exit(ExitStatus.SOME_FAILED)


def _outputs(folder: Path, terminal: Terminal) -> list[Path]:
    outputs = [folder / f"demo{ending}" for ending in ENDINGS]
    if find_spec("matplotlib") is None:
        terminal.warn(f"no picture, as matplotlib is not installed: {install_command('plots')}")
        return [path for path in outputs if path.suffix != ".png"]
    return outputs


def _next_steps(video: Path) -> list[str]:
    """Lines to copy; the first works on any machine."""
    call = this_command()
    lacking = any(find_spec(library) is None for library in LIBRARIES)
    first = (
        f"which needs more libraries first: {install_command('models')}" if lacking else "models are downloaded once"
    )
    return [
        "now other labels, on the same video:",
        f"  {call} detect {quote(str(video))} --backbone {BACKBONE} --events 'dog barking, violin'",
        f"then a video of your own ({first}):",
        f"  {call} detect my.mp4 --events 'dog barking, speech' -o my.html",
    ]


def scene_truth(scene: Scene) -> list[Event]:
    """The true events of a scene of the generated world."""
    return true_events(
        (each.label, each.modality, float(each.onset), float(each.offset)) for each in annotations(scene)
    )
