"""The generated world as a dataset: splits are defined by seeds, clips are rendered when they are first needed.

Rendered clips are in a folder named by a digest of the world's code, so that no clip of another version is ever measured.
"""

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

from av2a import world
from av2a.datasets.dataset import Annotation, Dataset, LabelledClip, Task
from av2a.datasets.splits import Split
from av2a.errors import OutputRefused, one_line
from av2a.paths import data_folder
from av2a.world import Scene, make_scene
from av2a.world.rendering import clip_file, rendered

CLIP_SECONDS = 10

Progress = Callable[[int, int], None]
"""Receives the number of rendered clips and the number of all."""


def read_generated(split: Split, folder: Path | None = None, *, limit: int | None = None) -> Dataset:
    """A split of the generated world, or its first ``limit`` clips; those not rendered yet have no path.

    ``folder`` holds the rendered clips of any version of the world; by default a part of :func:`data_folder`.
    """
    rendered_folder = _rendered_folder(folder)
    clips = tuple(_labelled(scene, rendered_folder) for scene in _scenes(split, limit))
    return Dataset(
        name="synthetic",
        split=split.value,
        task=Task.PARSING,
        categories=world.NAMES,
        labels=world.NAMES,
        clips=clips,
        clip_seconds=float(CLIP_SECONDS),
        split_clips=None if limit is None else len(world.SPLITS[split.value].seeds),
    )


def render_generated(
    split: Split,
    folder: Path | None = None,
    *,
    limit: int | None = None,
    processes: int | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """As :func:`read_generated`, after rendering the missing clips; each is written completely or not at all.

    ``processes`` render at a time, by default one for each processor.

    Raises:
        OutputRefused: a clip cannot be written.
    """
    rendered_folder = _rendered_folder(folder)
    missing = [scene for scene in _scenes(split, limit) if not clip_file(scene, rendered_folder).exists()]
    if missing:
        _make_folder(rendered_folder)
        processes = min(len(missing), processes or os.cpu_count() or 1)
        for done, _ in enumerate(rendered(missing, rendered_folder, processes), start=1):
            if progress is not None:
                progress(done, len(missing))
    return read_generated(split, folder, limit=limit)


@cache
def world_digest() -> str:
    """Changes when the world's code does."""
    digest = hashlib.sha256()
    for source in sorted(Path(world.__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def _rendered_folder(folder: Path | None) -> Path:
    return (data_folder() / "synthetic" if folder is None else folder) / f"world-{world_digest()}"


def _scenes(split: Split, limit: int | None) -> list[Scene]:
    seeds = world.SPLITS[split.value].seeds[:limit]
    return [make_scene(seed, duration_seconds=CLIP_SECONDS) for seed in seeds]


def _labelled(scene: Scene, rendered_folder: Path) -> LabelledClip:
    path = clip_file(scene, rendered_folder)
    annotations = tuple(
        Annotation(each.label, each.modality, float(each.onset), float(each.offset))
        for each in world.annotations(scene)
    )
    weak_labels = tuple(each.label for each in scene.occurrences)
    return LabelledClip(scene.name, path if path.exists() else None, annotations, weak_labels=weak_labels)


def _make_folder(rendered_folder: Path) -> None:
    try:
        rendered_folder.mkdir(parents=True, exist_ok=True)
    except OSError as refused:
        raise OutputRefused(
            f"cannot make folder {one_line(str(rendered_folder))!r} ({refused.strerror}): choose another folder for the clips"
        ) from refused
