"""What files are called by their content: SHA-256, and Git's name for a blob."""

import hashlib
import re
from pathlib import Path

from av2a.digests import sha256


def published_name(file: Path) -> str | None:
    """What the hub calls a file in its cache: the SHA-256 of a large one, Git's SHA-1 of a small one; else None."""
    target = file.resolve()
    return (
        target.name
        if target.parent.name == "blobs" and re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", target.name)
        else None
    )


def is_as_named(file: Path, name: str) -> bool:
    """Whether a file's bytes are those that the hub calls ``name``, a SHA-256 or Git's SHA-1."""
    if len(name) == 64:
        return sha256(file) == name
    # As Git names a blob; it is no protection against malice, but these files are small and plain text.
    hashed = hashlib.sha1(f"blob {file.stat().st_size}\0".encode(), usedforsecurity=False)
    with file.open("rb") as handle:
        while chunk := handle.read(1 << 20):
            hashed.update(chunk)
    return hashed.hexdigest() == name
