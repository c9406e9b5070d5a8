"""A folder that a subcommand fills."""

from pathlib import Path

from av2a.errors import OutputRefused, one_line


def made_folder(folder: Path) -> Path:
    """``folder``, made when it is not there, and found writable.

    Raises:
        OutputRefused: it cannot be made or written.
    """
    shown = one_line(str(folder))
    probe = folder / ".av2a-probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Only trying tells: permission bits know nothing of read-only mounts.
        probe.touch()
        probe.unlink()
    except FileExistsError as taken:
        raise OutputRefused(f"{shown!r} is a file, not a folder: choose another place") from taken
    except OSError as refusal:
        raise OutputRefused(
            f"cannot write into folder {shown!r} ({refusal.strerror}): choose another place"
        ) from refusal
    return folder
