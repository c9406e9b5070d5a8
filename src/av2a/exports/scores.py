"""Scores of other models, read from NumPy files: one ``.npz`` for each clip.

Arrays (``docs/scores.md`` has a worked example):

* ``labels``: (C,) labels, as strings.
* ``audio`` and ``visual``: (T, C) scores, higher is more certain. A row of NaN: no audio, or no frame, in that segment. Or
  ``audio_similarities`` and ``visual_similarities``: (T, C) similarities, which become scores as the encoders' do (Eq. 1, 2).
* ``audio_whole``, ``visual_whole``: (C,) scores of the whole clip; without them the mean over its segments.
* ``features``: (T, D), x_t for the cosine of Eq. 7; without it thresholds change by the ratio alone.
"""

import hashlib
import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32
from numpy.lib import format as npy

from av2a.errors import InvalidScores, MissingFile, OutputRefused, UnknownName, one_line
from av2a.exports.files import write_whole
from av2a.methods.av2a.scores import normalised
from av2a.types import LARGEST_SCORE, BackboneInfo, Detection, Modality, ScoredClip, Scores

STREAMS = ("audio", "visual")
KNOWN = {
    "labels",
    "features",
    *STREAMS,
    *(f"{stream}_{part}" for stream in STREAMS for part in ("whole", "similarities")),
}
LARGEST_BYTES = 10**9
"""Of a file, packed or unpacked: enough for a thousand labels in a day of seconds."""
LARGEST_LABELS_BYTES = 10**7
"""Of its labels: enough for ten thousand of two hundred characters each."""
PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class ScoreFile:
    """The content of a file of scores."""

    path: Path
    sha256: str
    labels: tuple[str, ...]
    scored: ScoredClip

    @property
    def source(self) -> BackboneInfo:
        """What answers record in the place of a backbone."""
        return BackboneInfo("scores", self.path.name, self.path.name, self.sha256, device="none")

    def only(self, labels: Sequence[str]) -> "ScoreFile":
        """The columns of some labels, in the order given.

        Raises:
            UnknownName: one of them is not in the file.
        """
        for label in labels:
            if label not in self.labels:
                raise UnknownName.among(f"label in {self.path.name}", label, self.labels)
        columns = [self.labels.index(label) for label in labels]
        heard, seen = (
            Scores(whole=each.whole[:, columns], segments=each.segments[:, columns])
            for each in (self.scored.audio, self.scored.visual)
        )
        scored = ScoredClip(heard, seen, self.scored.frame_embeddings)
        return ScoreFile(self.path, self.sha256, tuple(labels), scored)

    @property
    def segments(self) -> int:
        """The number of segments that have scores."""
        return len(self.scored.audio.segments)


def read_scores(path: str | Path) -> ScoreFile:
    """The scores in a ``.npz`` file. Nothing in it is executed: arrays of Python objects are refused.

    Raises:
        MissingFile: no such file.
        InvalidScores: none of this kind, or arrays that do not fit together.
    """
    path = Path(path)
    digest, arrays = _loaded(path)
    shown = repr(one_line(path.name))
    labels = _labels(shown, arrays)
    heard, seen = (_stream(shown, stream, arrays, len(labels)) for stream in STREAMS)
    if len(heard.segments) != len(seen.segments):
        raise InvalidScores(
            f"{shown} scores {len(heard.segments)} segments of sound and {len(seen.segments)} of pictures: give as many of both"
        )
    return ScoreFile(path, digest, labels, ScoredClip(heard, seen, _features(shown, arrays, len(heard.segments))))


def write_scores(
    path: str | Path,
    labels: Sequence[str],
    audio: Float[np.ndarray, "segment label"],
    visual: Float[np.ndarray, "segment label"],
    features: Float[np.ndarray, "segment feature"] | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Writes a file that :func:`read_scores` reads.

    Raises:
        OutputRefused: the file cannot be written, or exists and ``overwrite`` is not set.
    """
    arrays: dict[str, np.ndarray] = {"labels": np.array(labels), "audio": audio, "visual": visual}
    if features is not None:
        arrays["features"] = features
    content = BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]
    write_whole(Path(path), content.getvalue(), overwrite=overwrite)


def save_scores(detection: Detection, path: str | Path, *, overwrite: bool = False) -> None:
    """Writes the scores of an answer's segments, as heard and as seen, in the form that :func:`read_scores` reads.

    Raises:
        OutputRefused: the answer has no scores, as one that was read from JSON; or as :func:`write_scores`.
    """
    scores = {trace.modality: trace.scores for trace in detection.traces}
    if not scores:
        raise OutputRefused(
            f"the answer about {one_line(detection.clip.name)!r} was kept without its scores: detect again"
        )
    write_scores(path, detection.labels, scores[Modality.AUDIO], scores[Modality.VISUAL], overwrite=overwrite)


def _loaded(path: Path) -> tuple[str, dict[str, np.ndarray]]:
    shown = repr(one_line(str(path)))
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > LARGEST_BYTES:
                raise InvalidScores(_too_large(shown))
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            if not zipfile.is_zipfile(file):
                raise InvalidScores(f"{shown} is no .npz file: save arrays by name with numpy.savez")
            with zipfile.ZipFile(file) as archive:
                # Before anything is unpacked: a small file may unpack to any size.
                _require_reasonable(shown, {_name(member): member.file_size for member in archive.infolist()})
                return digest, dict(_arrays(archive))
    except FileNotFoundError as missing:
        raise MissingFile(f"no such file of scores: {shown}; check the name") from missing
    except _DAMAGE as damage:
        raise InvalidScores(
            f"{shown} is no complete .npz file of numbers and labels ({one_line(str(damage))}): write it with numpy.savez"
        ) from damage


def _name(member: zipfile.ZipInfo) -> str:
    return member.filename.removesuffix(".npy")


def _require_reasonable(shown: str, sizes_bytes: Mapping[str, int]) -> None:
    unknown = sorted(sizes_bytes.keys() - KNOWN)
    if unknown:
        raise InvalidScores(
            f"{shown} holds {one_line(unknown[0], 60)!r}, which is unknown: name arrays {', '.join(sorted(KNOWN))}"
        )
    if "labels" not in sizes_bytes:
        raise InvalidScores(_no_labels(shown))
    if sizes_bytes["labels"] > LARGEST_LABELS_BYTES:
        raise InvalidScores(
            f"{shown} has more than {LARGEST_LABELS_BYTES // 10**6} MB of labels: score fewer, with shorter names"
        )
    if sum(sizes_bytes.values()) > LARGEST_BYTES:
        raise InvalidScores(_too_large(shown))


def _no_labels(shown: str) -> str:
    return f"{shown} has no labels: give 'labels', an array of strings, one for each column of scores"


def _too_large(shown: str) -> str:
    return f"{shown} has more than {LARGEST_BYTES // 10**6} MB of arrays: write one file for each clip, in float32"


# What zipfile and numpy raise for damaged, encrypted or foreign archives.
_DAMAGE = (
    *(OSError, ValueError, EOFError, MemoryError, RuntimeError, KeyError, TypeError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError),
)


def _arrays(archive: zipfile.ZipFile) -> Iterator[tuple[str, np.ndarray]]:
    for member in archive.infolist():
        # Others unpack without a limit, and NumPy does not use them.
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("it is compressed in another way than NumPy's")
        with archive.open(member) as stream:
            yield _name(member), _array(stream, member.file_size)


def _array(stream: Any, size_bytes: int) -> np.ndarray:
    """One array, whose header must fit the size that the archive states."""
    # Later versions exist for structured arrays, and their headers may have any length.
    if (version := npy.read_magic(stream)) != (1, 0):
        raise ValueError(f"an array in version {version[0]} of NumPy's format, not 1")
    shape, is_fortran, dtype = npy.read_array_header_1_0(stream)
    if dtype.hasobject:
        raise ValueError("it has Python objects")
    content_bytes = size_bytes - stream.tell()
    if math.prod(shape) * dtype.itemsize != content_bytes:
        raise ValueError(f"an array of shape {shape} does not have {size_bytes} bytes")
    # Reading a number of bytes unpacks no more than those, whatever the archive holds. The room is reserved piece by piece, as a
    # stated size may be a lie too.
    content = bytearray()
    while len(content) < content_bytes and (piece := stream.read(min(PIECE_BYTES, content_bytes - len(content)))):
        content += piece
    return np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C")


def _labels(shown: str, arrays: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    stored = arrays.get("labels")
    if stored is None or stored.ndim != 1 or stored.dtype.kind not in "US" or not len(stored):
        raise InvalidScores(_no_labels(shown))
    labels = tuple(
        each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in stored.tolist()
    )
    label, count = Counter(labels).most_common(1)[0]
    if count > 1:
        raise InvalidScores(f"{shown} names {one_line(label)!r} twice: give each label once")
    return labels


def _stream(shown: str, stream: str, arrays: Mapping[str, np.ndarray], categories: int) -> Scores:
    scores, similarities = arrays.get(stream), arrays.get(f"{stream}_similarities")
    if (scores is None) == (similarities is None):
        raise InvalidScores(f"{shown} must hold either '{stream}' or '{stream}_similarities'")
    given = scores if scores is not None else similarities
    assert given is not None
    name = stream if scores is not None else f"{stream}_similarities"
    segments = _numbers(shown, name, given, (None, categories))
    if similarities is not None:
        segments = normalised(segments)
    whole = arrays.get(f"{stream}_whole")
    row = _mean_row(segments) if whole is None else _numbers(shown, f"{stream}_whole", whole, (categories,))
    return Scores(whole=row[None], segments=segments)


def _mean_row(segments: Float32[np.ndarray, "segment label"]) -> Float32[np.ndarray, " label"]:
    known = segments[~np.isnan(segments).any(axis=1)]
    return known.mean(axis=0, dtype=np.float32) if len(known) else np.full(segments.shape[1], np.nan, np.float32)


def _features(
    shown: str, arrays: Mapping[str, np.ndarray], segments: int
) -> Float32[np.ndarray, "segment feature"] | None:
    if "features" not in arrays:
        return None
    features = _numbers(shown, "features", arrays["features"], (segments, None))
    if not np.isfinite(features).all():
        raise InvalidScores(f"{shown} has NaN in 'features': leave the array out, or carry the last row on")
    return features


def _numbers(shown: str, name: str, given: np.ndarray, shape: tuple[int | None, ...]) -> Float32[np.ndarray, "*shape"]:
    """The array as float32, of the required shape, finite except for whole rows of NaN."""
    fits = given.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, given.shape, strict=True))
    if not fits or 0 in given.shape:
        wanted = " × ".join("any" if side is None else str(side) for side in shape)
        raise InvalidScores(f"{shown}: {name!r} must be {wanted} numbers, got an array of shape {given.shape}")
    if given.dtype.kind not in "fiub":
        raise InvalidScores(f"{shown}: {name!r} must hold real numbers, got {given.dtype}")
    with np.errstate(over="ignore"):
        numbers = given.astype(np.float32, copy=False)
    rows = numbers.reshape(-1, numbers.shape[-1])
    absent = np.isnan(rows).all(axis=1)
    if not np.isfinite(rows[~absent]).all():
        raise InvalidScores(
            f"{shown}: {name!r} has NaN or infinity in it: only a whole row of NaN means that nothing is there"
        )
    if rows[~absent].size and np.abs(rows[~absent]).max() > LARGEST_SCORE:
        raise InvalidScores(
            f"{shown}: {name!r} has numbers beyond ±{LARGEST_SCORE:g}, for which thresholds cannot be computed: scale them down"
        )
    return numbers
