"""Weights for a machine without a network: plain files in a folder that can be copied, and the check that they are complete."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from av2a import atomic
from av2a.backbones.hub import stated_digest
from av2a.backbones.weights import (
    FOLDER_VARIABLE,
    MANIFEST,
    Folder,
    Origin,
    all_files,
    damaged,
    read_manifest,
    read_state,
)
from av2a.digests import has_digest, sha256
from av2a.errors import MissingDependency, OutputRefused, WeightsUnavailable, one_line

CHUNK_BYTES = 1 << 22

Copied = Callable[[int], None]
"""Called with the number of bytes of each piece that was copied."""


def write_portable(folder: Folder, destination: Path, copied: Copied | None = None) -> Path:
    """Copy a checkpoint to ``destination/owner/name`` as plain files, with a manifest of their digests written last.

    Files that are there already and have the right digest are kept.

    Raises:
        WeightsUnavailable: a file does not have its stated digest; the manifest is not written.
        OutputRefused: the destination cannot be written.
    """
    owner, _, name = folder.repo.rpartition("/")
    target = destination / (Path(owner).name if owner else "") / name
    try:
        target.mkdir(parents=True, exist_ok=True)
        stated = _stated_digests(folder.path)
        digests = {file: _copied(folder.path / file, target / file, known, copied) for file, known in stated.items()}
        manifest = {"repo": folder.repo, "revision": folder.revision, "files": digests}
        atomic.write_bytes(target / MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())
    except OSError as refusal:
        raise OutputRefused(
            f"cannot write {one_line(str(target))!r} ({refusal.strerror}): choose another place with --to"
        ) from refusal
    return target


def _copied(source: Path, target: Path, stated: str | None, copied: Copied | None) -> str:
    """Copy one file, unless it is there, and return its SHA-256.

    Raises:
        WeightsUnavailable: it does not have its stated digest: a manifest of damaged files would declare them complete.
    """
    if stated is not None and not has_digest(source, stated):
        raise damaged(source, f"its digest is not {stated[:12]}…")
    if target.is_file() and target.stat().st_size == source.stat().st_size:
        known = sha256(target)
        if known == sha256(source):
            return known
    hashed = hashlib.sha256()
    with atomic.whole_file(target) as partial, source.open("rb") as read, partial.open("wb") as write:
        while piece := read.read(CHUNK_BYTES):
            write.write(piece)
            hashed.update(piece)
            if copied is not None:
                copied(len(piece))
    return hashed.hexdigest()


def refuse_damaged(folders: Iterable[Folder]) -> None:
    """Refuse damaged files in a user's own folders: nothing is downloaded into them, and they precede the hub's cache.

    Raises:
        WeightsUnavailable: a file does not have its stated digest, or has none and cannot be read.
    """
    for folder in folders:
        if folder.origin is Origin.FOLDER:
            wrong = [each.file.name for each in verify(folder) if each.verdict is Verdict.DAMAGED]
            if wrong:
                raise WeightsUnavailable(
                    f"damaged in {one_line(str(folder.path))}: {', '.join(wrong)}; nothing is fetched into a folder of yours: "
                    f"copy it again, or leave --weights and {FOLDER_VARIABLE} out"
                )


class Verdict(Enum):
    """The result of the check of one file."""

    WHOLE = "whole"
    """It has the stated digest."""
    READABLE = "readable"
    """No digest is stated; it can be read."""
    DAMAGED = "damaged"


@dataclass(frozen=True)
class Finding:
    """One file of a checkpoint, checked."""

    file: Path
    size_bytes: int
    verdict: Verdict
    detail: str = ""


def verify(folder: Folder) -> Iterator[Finding]:
    """Check each file of a checkpoint against its stated digest: its name in the hub's cache, or the manifest's.

    Files without one are read as a model would read them.
    """
    known = _stated_digests(folder.path)
    fault = None if all(known.values()) else _fault(folder.path)
    for name, expected in known.items():
        file = folder.path / name
        verdict, detail = _verdict(file, expected, fault)
        yield Finding(file, file.stat().st_size, verdict, detail)


def _stated_digests(folder: Path) -> dict[str, str | None]:
    """The stated digest of each file of a checkpoint: of the manifest, or its name in the hub's cache."""
    files = read_manifest(folder).get("files")
    manifest = files if isinstance(files, dict) else {}
    stated = {name: manifest.get(name) or stated_digest(folder / name) for name in all_files(folder)}
    return {name: digest if isinstance(digest, str) else None for name, digest in stated.items()}


def _verdict(file: Path, expected: str | None, fault: str | None) -> tuple[Verdict, str]:
    if expected is None:
        wrong = fault is not None and file.name in fault
        return (Verdict.DAMAGED, fault or "") if wrong else (Verdict.READABLE, "no digest to compare it with")
    if has_digest(file, expected):
        return Verdict.WHOLE, ""
    return Verdict.DAMAGED, f"its digest is not {expected[:12]}…"


def _fault(folder: Path) -> str | None:
    """Why the parameters cannot be used: they cannot be read, or are not all finite numbers."""
    try:
        state = read_state(folder)
    except MissingDependency:
        raise
    except WeightsUnavailable as fault:
        return str(fault)
    wrong = [name for name, values in state.items() if values.is_floating_point() and not values.isfinite().all()]
    if not wrong:
        return None
    parameters = ", ".join(name for name in all_files(folder) if name.endswith((".safetensors", ".bin")))
    return f"{parameters}: {one_line(wrong[0], 80)} holds NaN or infinity"
