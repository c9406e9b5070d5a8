"""Renders scenes of the generated world in several processes.

Each process is a program of its own that receives one seed at a time. So nothing of the caller is copied or imported again (no threads of its
models, no script without a main guard). When the caller ends in any way, the process's standard input ends, and the process with it.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue

from av2a.errors import Av2aError, OutputRefused
from av2a.world import Scene, make_scene, write_clip

_DONE = "done"


def clip_file(scene: Scene, folder: Path) -> Path:
    """The path of a scene's clip."""
    return folder / f"{scene.name}.mp4"


def rendered(scenes: Sequence[Scene], folder: Path, processes: int) -> Iterator[None]:
    """Write each scene into the folder, ``processes`` at a time; yields after each, in order.

    Raises:
        OutputRefused: a clip cannot be written.
    """
    if processes == 1:
        for scene in scenes:
            _render(scene, folder)
            yield
        return
    idle: SimpleQueue[_Process] = SimpleQueue()

    def render(scene: Scene) -> None:
        process = idle.get()
        try:
            process.render(scene)
        finally:
            idle.put(process)

    with ExitStack() as stack:
        for _ in range(processes):
            idle.put(stack.enter_context(_process(folder)))
        # A thread for each process does nothing but wait for it.
        yield from stack.enter_context(ThreadPoolExecutor(processes)).map(render, scenes)


class _Process:
    """A process that renders the scenes that it is sent."""

    def __init__(self, running: "subprocess.Popen[str]") -> None:
        self.running = running

    def render(self, scene: Scene) -> None:
        if self.running.stdin is None or self.running.stdout is None:
            raise ValueError("the process must have pipes for input and output")
        # If it has ended, reading says so.
        with suppress(BrokenPipeError):
            self.running.stdin.write(f"{scene.seed} {scene.duration_seconds}\n")
            self.running.stdin.flush()
        answer = self.running.stdout.readline().strip()
        if not answer:
            raise Av2aError(
                f"the process that rendered {scene.name} ended early (is memory short?): run it again, what is done is kept"
            )
        if answer != _DONE:
            raise OutputRefused(answer)


@contextmanager
def _process(folder: Path) -> Iterator[_Process]:
    """A rendering process; it ends after its current clip."""
    command = [sys.executable, "-m", "av2a.world.rendering", str(folder)]
    # A group of its own: Ctrl-C is for the caller, which then ends it.
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", start_new_session=True
    ) as running:
        yield _Process(running)


def _render(scene: Scene, folder: Path) -> None:
    path = clip_file(scene, folder)
    try:
        write_clip(scene, path)
    except OutputRefused:
        # Another run may have rendered the very same clip meanwhile.
        if not path.exists():
            raise


def _serve(folder: Path) -> None:
    """Render what standard input says, a seed and a duration a line, and answer each on standard output."""
    for line in sys.stdin:
        seed, duration_seconds = map(int, line.split())
        answer = _answer(make_scene(seed, duration_seconds=duration_seconds), folder)
        # Unbuffered: Python would try once more to be rid of what nobody reads any more.
        os.write(sys.stdout.fileno(), f"{answer}\n".encode())


def _answer(scene: Scene, folder: Path) -> str:
    try:
        _render(scene, folder)
    except OutputRefused as refusal:
        return str(refusal)
    return _DONE


if __name__ == "__main__":
    # The caller has gone: so may its process.
    with suppress(BrokenPipeError):
        _serve(Path(sys.argv[1]))
