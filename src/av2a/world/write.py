"""Scenes as files: H.264 and AAC in MP4, with annotations beside them as LLP writes its own.

PyAV is imported only when something is written.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from av2a import atomic
from av2a.errors import MissingFile, OutputRefused
from av2a.types import WORLD_COMMENT, Modality
from av2a.world.pictures import draw_frame
from av2a.world.scene import Scene, SceneAnnotation, annotations, make_scene
from av2a.world.sounds import render_sound

if TYPE_CHECKING:
    from av.container import OutputContainer

SAMPLE_RATE_HZ = 32_000
LABELS_FILE = "labels.tsv"
"""Weak labels: ``filename``, ``event_labels`` joined by commas, as LLP's AVVP_train.csv."""
AUDIO_FILE = "eval_audio.tsv"
"""What is heard: ``filename``, ``onset``, ``offset``, ``event_labels``, as LLP's AVVP_eval_audio.csv."""
VISUAL_FILE = "eval_visual.tsv"
"""What is seen, likewise."""

# Everything that x264 decides by looking ahead is off: those decisions were seen to differ between runs on the same pictures.
_VIDEO_OPTIONS = {
    "qp": "27", "preset": "superfast", "threads": "1", "flags": "+bitexact", "g": "24", "bf": "0",
    "x264-params": "scenecut=0:rc-lookahead=0:mbtree=0:weightp=0",
}  # fmt: skip
_AUDIO_BITS_A_SECOND = 96_000
_AUDIO_FRAME = 1024

# BT.601 in 256ths.
_LUMA = np.array((66, 129, 25), dtype=np.int32)
_CHROMA_BLUE = np.array((-38, -74, 112), dtype=np.int32)
_CHROMA_RED = np.array((112, -94, -18), dtype=np.int32)


def write_clip(scene: Scene, path: Path, *, overwrite: bool = False) -> None:
    """Writes the scene as an MP4 file.

    Raises OutputRefused when something is there already, unless ``overwrite`` is set, or the file cannot be written.
    """
    if path.exists() and not overwrite:
        raise OutputRefused(f"{path} is there already: remove it or name another file")
    try:
        with atomic.whole_file(path, overwrite=overwrite, durable=False) as partial_path:
            _encode(scene, partial_path)
    except OSError as refused:
        raise OutputRefused(f"cannot write {path}: {refused.strerror or refused}; choose another place") from refused


def write_dataset(
    folder: Path,
    *,
    clips: int,
    seed: int,
    duration_seconds: int = 10,
    processes: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Writes the scenes of seeds ``[seed, seed + clips)`` and their annotations; ``progress`` is told (done, of all).

    The folder appears when all of it is written. Returns the clips' paths.

    Raises ValueError when ``clips`` or ``processes`` is below 1 or ``seed`` below 0, OutputRefused when the folder holds something already or cannot be
    written.
    """
    if clips < 1 or processes < 1 or seed < 0:
        raise ValueError(f"clips and processes must be 1 or more and seed 0 or more, got {clips}, {processes}, {seed}")
    scenes = [make_scene(number, duration_seconds=duration_seconds) for number in range(seed, seed + clips)]
    with _folder_in_the_making(folder) as making:
        for done, _ in enumerate(_written(scenes, making, processes), start=1):
            if progress is not None:
                progress(done, clips)
        _write_annotations(scenes, making)
    return [folder / f"{scene.name}.mp4" for scene in scenes]


def read_annotations(folder: Path) -> dict[str, list[SceneAnnotation]]:
    """The truth beside written clips, by clip name (the file's, without ``.mp4``); clips without events have empty lists.

    Raises MissingFile when one of the annotation files is not there.
    """
    truth: dict[str, list[SceneAnnotation]] = {row["filename"]: [] for row in _rows(folder / LABELS_FILE)}
    for name, modality in ((AUDIO_FILE, Modality.AUDIO), (VISUAL_FILE, Modality.VISUAL)):
        for row in _rows(folder / name):
            event = SceneAnnotation(row["event_labels"], modality, int(row["onset"]), int(row["offset"]))
            truth.setdefault(row["filename"], []).append(event)
    return truth


@contextmanager
def _folder_in_the_making(folder: Path) -> Iterator[Path]:
    """A folder beside the wanted one, renamed to it at the end, removed when something fails."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputRefused(f"{folder} is there already and not an empty folder: remove it or name another")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with atomic.whole_folder(folder) as making:
            yield making
    except OSError as refused:
        raise OutputRefused(f"cannot write {folder}: {refused.strerror or refused}; choose another place") from refused


def _written(scenes: Sequence[Scene], folder: Path, processes: int) -> Iterator[None]:
    """Yields after each clip."""
    write = partial(_write_into, folder)
    if processes == 1:
        yield from map(write, scenes)
        return
    # Spawned, not forked: a fork would take the encoders' threads along half alive.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(write, scenes)


def _write_into(folder: Path, scene: Scene) -> None:
    write_clip(scene, folder / f"{scene.name}.mp4")


def _write_annotations(scenes: Iterable[Scene], folder: Path) -> None:
    labels, heard, seen = [["filename", "event_labels"]], [_EVENT_HEADER], [_EVENT_HEADER]
    for scene in scenes:
        labels.append([scene.name, ",".join(each.label for each in scene.occurrences)])
        for event in annotations(scene):
            row = [scene.name, str(event.onset), str(event.offset), event.label]
            (heard if event.modality is Modality.AUDIO else seen).append(row)
    for name, rows in ((LABELS_FILE, labels), (AUDIO_FILE, heard), (VISUAL_FILE, seen)):
        text = "".join("\t".join(row) + "\n" for row in rows)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


_EVENT_HEADER = ["filename", "onset", "offset", "event_labels"]


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        raise MissingFile(f"no annotations at {path}: write the clips with `av2a synth`")
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def _encode(scene: Scene, path: Path) -> None:
    import av

    # fflags bitexact leaves out what differs from run to run or version to version: dates and encoder names.
    options = {"fflags": "+bitexact", "movflags": "+faststart"}
    with av.open(str(path), "w", format="mp4", options=options) as container:
        container.metadata["comment"] = WORLD_COMMENT
        _encode_streams(container, scene)


def _encode_streams(container: "OutputContainer", scene: Scene) -> None:
    import av

    video = container.add_stream("libx264", rate=scene.frame_rate_hz, options=_VIDEO_OPTIONS)
    video.width, video.height, video.pix_fmt = scene.width, scene.height, "yuv420p"
    audio = container.add_stream("aac", rate=SAMPLE_RATE_HZ, layout="mono", options={"flags": "+bitexact"})
    audio.bit_rate = _AUDIO_BITS_A_SECOND
    sound = render_sound(scene, SAMPLE_RATE_HZ)
    sounded = 0
    for number in range(scene.duration_seconds * scene.frame_rate_hz):
        picture = _luma_chroma(draw_frame(scene, number / scene.frame_rate_hz))
        container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="yuv420p")))
        # Sound follows the picture closely, so that players need not seek.
        until = (number + 1) * SAMPLE_RATE_HZ // scene.frame_rate_hz
        while sounded < until:
            block = sound[sounded : sounded + _AUDIO_FRAME]
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block[None]), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = SAMPLE_RATE_HZ, sounded
            container.mux(audio.encode(frame))
            sounded += len(block)
    container.mux(video.encode(None))
    container.mux(audio.encode(None))


def _luma_chroma(picture: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "rows width"]:
    """RGB as planar YUV 4:2:0 (BT.601, studio range) in the rows that PyAV expects.

    Done here because FFmpeg's own conversion rounds differently as buffers happen to lie in memory.
    """
    height, width, _ = picture.shape
    whole = picture.astype(np.int32)
    luma = (whole @ _LUMA + 128 >> 8) + 16
    # Chroma is that of each two by two pixels.
    quarter = whole.reshape(height // 2, 2, width // 2, 2, 3).sum(axis=(1, 3))
    blue, red = ((quarter @ weights + 512 >> 10) + 128 for weights in (_CHROMA_BLUE, _CHROMA_RED))
    planes = [luma, blue.reshape(-1, width), red.reshape(-1, width)]
    return np.concatenate(planes).astype(np.uint8)
