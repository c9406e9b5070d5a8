"""One `detect` of ten seconds: which files of the package it enters, and how often it changes from one to another."""

import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from types import FrameType

import av2a
from av2a import world

PACKAGE = str(Path(av2a.__file__).parent)
MOST_FILES, MOST_CHANGES = 18, 300


class FileTrace:
    """Counts calls of functions of the package, and changes of file from one call or return to the next, in each thread."""

    def __init__(self) -> None:
        self.files: Counter[str] = Counter()
        self.functions: set[tuple[str, str]] = set()
        self.changes = 0
        self._last = threading.local()

    def profile(self, frame: FrameType, event: str, argument: object) -> None:
        """A profile function as `sys.setprofile` takes it."""
        if event not in ("call", "return"):
            return
        code = frame if event == "call" else frame.f_back
        while code is not None and not code.f_code.co_filename.startswith(PACKAGE):
            code = code.f_back if event == "return" else None
        if code is None:
            return
        file = code.f_code.co_filename.removeprefix(PACKAGE + "/")
        if event == "call":
            self.files[file] += 1
            self.functions.add((file, code.f_code.co_qualname))
        if getattr(self._last, "file", file) != file:
            self.changes += 1
        self._last.file = file


def main() -> None:
    """Trace one detection, after one that is not counted: imports and caches are no part of the path."""
    backbone = av2a.load_backbone("mini")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.mp4"
        scene = world.make_scene(world.SPLITS["test"].first_seed)
        labels = sorted({each.label for each in world.annotations(scene)})
        world.write_clip(scene, path)
        assert av2a.detect(path, labels, backbone).events, "the path to events is what is traced"
        for name, threads in (("main thread", False), ("all threads", True)):
            trace = FileTrace()
            if threads:
                threading.setprofile(trace.profile)
            sys.setprofile(trace.profile)
            try:
                av2a.detect(path, labels, backbone)
            finally:
                sys.setprofile(None)
                threading.setprofile(None)
            print(
                f"{name}: {len(trace.files)} files, {len(trace.functions)} functions, {trace.changes} changes of file"
            )
            if "-v" in sys.argv:
                for file, calls in trace.files.most_common():
                    print(f"  {calls:6} {file}")


if __name__ == "__main__":
    main()
