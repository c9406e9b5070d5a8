"""Label embeddings kept on disk: a vocabulary is embedded once for each backbone and prompt.

A file holds a whole vocabulary, so that its embeddings are the same to the last bit whatever was asked before; the background vocabulary is
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
from av2a.embeddings import LabelEmbeddings
from av2a.paths import cache_folder


def cached_label_embeddings(backbone: Backbone, labels: Sequence[str]) -> LabelEmbeddings:
    """The labels as both encoders read them: from the user's cache where they are kept, else embedded now and kept there.

    Raises:
        InvalidLabels: a label is longer than a text encoder takes.
    """
    folder = cache_folder()
    if folder is None:
        return embed_labels(backbone, labels)
    file = folder / "labels" / f"{_name(backbone, labels)}.npz"
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
