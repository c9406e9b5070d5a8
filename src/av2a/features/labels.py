"""The rows of labels, kept on disk: a vocabulary is read once for each backbone and prompt.

A file holds a whole vocabulary, so that its rows are the same to the last bit whatever was asked before; the background vocabulary is
one of its own. A file that is damaged is made anew, a folder that cannot be written is no error.
"""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from av2a import atomic
from av2a.backbones.base import Backbone, embed_labels
from av2a.types import LabelEmbeddings


def remembered(backbone: Backbone, labels: Sequence[str], place: Path | None) -> LabelEmbeddings:
    """The labels as both encoders read them: from ``place`` where they are kept, else read now and kept there.

    Raises:
        InvalidLabels: a label is longer than a text encoder takes.
    """
    if place is None or backbone.prompts_version is None:
        return embed_labels(backbone, labels)
    file = place / "labels" / f"{_name(backbone, labels)}.npz"
    rows = _read(file, len(labels))
    if rows is None:
        rows = embed_labels(backbone, labels)
        with suppress(OSError):
            _write(file, rows)
    return rows


def _name(backbone: Backbone, labels: Sequence[str]) -> str:
    """Changes with everything that the rows depend on."""
    info = backbone.info
    made_by = [info.digest, info.device, info.precision, backbone.prompts_version]
    # Unpaired surrogates are valid in names here, and not in UTF-8; JSON escapes them.
    return hashlib.sha256(json.dumps([made_by, *labels]).encode("ascii")).hexdigest()


def _read(file: Path, count: int) -> LabelEmbeddings | None:
    """The rows in a file; None where there is none that can be read."""
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            rows = [arrays["visual"], arrays["audio"]]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    if any(each.ndim != 2 or len(each) != count or not np.isfinite(each).all() for each in rows):
        return None
    return LabelEmbeddings(*rows)


def _write(file: Path, rows: LabelEmbeddings) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic.whole_file(file, durable=False) as partial:
        np.savez(partial, visual=rows.visual, audio=rows.audio)
