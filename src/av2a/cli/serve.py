"""``av2a serve``: the local web page."""

import tempfile
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import typer

from av2a.cli.command import argument, command, flag, option
from av2a.cli.common_options import StoreOptions, TalkOptions
from av2a.cli.help_text import Example
from av2a.cli.model_options import BackboneOption, DeviceOption, FolderOption, PrecisionOption
from av2a.cli.terminal import Terminal
from av2a.errors import MissingDependency, MissingFile, UsageError, one_line
from av2a.installation import install_command, this_command
from av2a.paths import work_folder

PORT = 8765
_WHERE = "Where"


@dataclass(frozen=True)
class ServeOptions:
    """What the page shows, and where it is served."""

    folder: Path | None = argument(
        "[FOLDER]", "Videos to choose from, in this folder and its subfolders.", default=None
    )
    demo: bool = flag("Show the demo scene at once, with the built-in models.", "--demo")
    open_page: bool = flag("Open the page in the browser.", "--open")
    port: int = option("NUMBER", "The port; 0 takes any free one.", default=PORT, panel=_WHERE, min=0, max=65535)
    host: str = option(
        "ADDRESS", "Listen on another address than this machine's own.", default="127.0.0.1", panel=_WHERE
    )
    allow_host: str = option(
        "NAMES", "Other names under which a browser may address it, by commas.", default="", panel=_WHERE
    )
    home: Path | None = option(
        "DIR",
        "Keep dropped files, corrections and lists here instead of in the user's data folder (AV2A_WORK).",
        panel=_WHERE,
    )
    largest_upload: float = option("GB", "The largest file that may be dropped.", default=20.0, panel=_WHERE, min=0.001)


@dataclass(frozen=True)
class ServedModels:
    """Which models answer."""

    backbone: BackboneOption = None
    weights: FolderOption = None
    device: DeviceOption = "auto"
    precision: PrecisionOption = None


@command(
    Example("av2a serve", "the page; drop videos into it"),
    Example("av2a serve holidays/ --open", "with the videos of a folder, opened in the browser"),
    Example("av2a serve --demo", "the demo scene, without any download"),
    Example("av2a serve --backbone siglip2+clap --port 9000", "other models, another port"),
)
def serve(options: ServeOptions, models: ServedModels, kept: StoreOptions, talk: TalkOptions) -> None:
    """Open a local web page: drop videos, type labels, watch, correct, take along.

    Prints one address and runs until Ctrl-C. Nothing leaves this machine.
    """
    for library in ("starlette", "uvicorn"):
        if find_spec(library) is None:
            raise MissingDependency(f"the page needs {library!r}: {install_command('serve')}")
    if options.folder is not None and not options.folder.is_dir():
        raise MissingFile(
            f"there is no folder {one_line(str(options.folder))!r}: name one with videos, or leave it out"
        )
    # They load NumPy and the media library, which help does not need.
    from av2a.backbones.registry import DEFAULT_BACKBONE, check_choices
    from av2a.service.desk import BUILT_IN, DeskOptions, rendered_demo
    from av2a.service.serving import Address
    from av2a.service.serving import serve as run
    from av2a.service.worker import ModelChoice

    terminal = talk.terminal()
    backbone = models.backbone or (BUILT_IN if options.demo else DEFAULT_BACKBONE)
    name = check_choices(backbone, device=models.device, precision=models.precision or "auto")
    hosts = tuple(each.strip() for each in options.allow_host.split(",") if each.strip())
    if options.host not in ("127.0.0.1", "localhost", "::1"):
        terminal.warn(
            f"listening on {options.host}: whoever reaches this address and has the printed token can read the videos; "
            "the connection is not encrypted"
        )
    with _home(options.home, terminal) as home:
        if options.demo:
            with terminal.progress("rendering a scene"):
                rendered_demo(home)
        store = kept.opened(terminal, must_keep=False)
        worker = ModelChoice(
            backbone=name,
            device=models.device,
            precision=models.precision,
            weights=models.weights,
            store=home / "embeddings" if store is None else store.folder,
        )
        desk = DeskOptions(
            home=home,
            folder=options.folder,
            worker=worker,
            largest_upload_bytes=int(options.largest_upload * 1e9),
            demo=options.demo,
            command=this_command(),
        )
        run(desk, Address(options.host, options.port, hosts), lambda address: _ready(address, terminal, options))


def _ready(address: str, terminal: Terminal, options: ServeOptions) -> None:
    typer.echo(address)
    terminal.say("open this address in a browser of this machine; Ctrl-C stops the server")
    if options.open_page and not webbrowser.open(address):
        terminal.warn("no browser could be opened: open the address yourself")


@contextmanager
def _home(named: Path | None, terminal: Terminal) -> Iterator[Path]:
    """The folder of the user's work; a temporary one where the user has none."""
    folder = named or work_folder()
    if folder is None:
        terminal.warn("this user has no home folder: dropped files and corrections are removed at the end; see --home")
        with tempfile.TemporaryDirectory(prefix="av2a-serve-") as temporary:
            yield Path(temporary)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as refusal:
        raise UsageError(
            f"cannot use {one_line(str(folder))!r} ({refusal.strerror}): name another with --home"
        ) from refusal
    yield folder
