"""Text files that only grow: several processes append lines, and each reads only what is new to it."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(eq=False)
class AppendedLines:
    """The lines of a file that any number of processes append to. A line that was cut by a kill is left out by its readers."""

    path: Path
    _inode: int = 0
    _read_bytes: int = 0

    def new_lines(self) -> tuple[bool, list[str]]:
        """The lines that were appended since the last call; True where the file is another one, so that all are new."""
        try:
            with self.path.open("rb") as stream:
                status = os.fstat(stream.fileno())
                replaced = status.st_ino != self._inode or status.st_size < self._read_bytes
                if replaced:
                    self._inode, self._read_bytes = status.st_ino, 0
                if status.st_size == self._read_bytes:
                    return replaced, []
                stream.seek(self._read_bytes)
                content = stream.read()
        except OSError:
            was_there, self._inode, self._read_bytes = self._inode != 0, 0, 0
            return was_there, []
        whole = content[: content.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        return replaced, [line for line in whole.decode("utf-8", "replace").split("\n") if line]

    def append(self, line: str) -> None:
        """Append one line, after a line break where the last one was cut.

        Raises:
            OSError: the file cannot be written.
        """
        with self.path.open("ab+") as stream:
            content = f"{line}\n".encode()
            if stream.tell():
                stream.seek(-1, os.SEEK_END)
                content = content if stream.read(1) == b"\n" else b"\n" + content
            stream.write(content)
