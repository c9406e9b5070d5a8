"""``av2a demo``: a generated scene, its events found, the answer beside the truth."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from av2a.cli.common_options import DebugOption, QuietOption, VerboseOption
from av2a.cli.help_text import Example

if TYPE_CHECKING:
    from av2a.cli.terminal import Terminal
    from av2a.types import Detection, Event

EXAMPLES = (
    Example("av2a demo", "everything once, into ./av2a-demo"),
    Example("av2a demo -o somewhere", "into another folder"),
)
ENDINGS = (".json", ".csv", ".vtt", ".png", ".html")
BACKBONE = "mini"


def demo(
    folder: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the video and the results go.")
    ] = Path("av2a-demo"),
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    debug: DebugOption = False,
) -> None:
    """Render a scene, find its events, and show them against the truth.

    Writes the scene as demo.mp4, and what was found as JSON, CSV, WebVTT, a picture and a page; a second run replaces them.
    """
    from av2a.cli.folders import made_folder
    from av2a.cli.known_truth import scene_truth
    from av2a.cli.printed_answer import show_answer
    from av2a.cli.terminal import Talk, Terminal
    from av2a.world import demo_scene, write_clip

    terminal = Terminal(Talk.chosen(quiet=quiet, verbose=verbose))
    video = made_folder(folder) / "demo.mp4"
    scene = demo_scene()
    # Of an earlier run.
    video.unlink(missing_ok=True)
    with terminal.progress("rendering a scene"):
        write_clip(scene, video)
    detection = _found(video, terminal)
    truth = scene_truth(scene)
    written = _written(detection, truth, video, terminal)
    show_answer(terminal, detection, truth)
    terminal.say("")
    terminal.say("now your own video: av2a detect my.mp4 --events 'dog barking, speech' -o my.html")
    terminal.say(f"results: {', '.join(str(path) for path in (video, *written))}")


def _found(video: Path, terminal: "Terminal") -> "Detection":
    from av2a.backbones.registry import load_backbone
    from av2a.detector import detect
    from av2a.world import NAMES

    backbone = load_backbone(BACKBONE)
    if backbone.note:
        terminal.say(f"note: {backbone.note}")
    with terminal.progress(video.name) as report:
        detection = detect(video, NAMES, backbone, progress=report)
    for warning in detection.warnings:
        if warning != backbone.note:
            terminal.warn(f"{video.name}: {warning}")
    return detection


def _written(detection: "Detection", truth: list["Event"], video: Path, terminal: "Terminal") -> list[Path]:
    from av2a.exports import write

    written = []
    for ending in ENDINGS:
        if ending == ".png" and find_spec("matplotlib") is None:
            terminal.warn("no picture, as matplotlib is not installed: pip install 'av2a[plots]'")
            continue
        path = video.with_suffix(ending)
        write(detection, path, overwrite=True, truth=truth)
        written.append(path)
    return written
