"""Scores of any other model, read from NumPy files: one ``.npz`` a clip.

Arrays (``docs/scores.md`` has a worked example):

* ``labels``: (C,) names, as strings.
* ``audio`` and ``visual``: (T, C) scores, higher for what is more surely there. A row of NaN: nothing to hear, or to see, in that segment.
  Or ``audio_similarities`` and ``visual_similarities``: (T, C) similarities, from which scores are made as from the encoders' (Eq. 1, 2).
* ``audio_whole``, ``visual_whole``: (C,) scores of the whole clip; without them the mean over its segments.
* ``features``: (T, D), x_t for the cosine of Eq. 7; without it thresholds move by the ratio alone.
"""

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from av2a.errors import InvalidScores, MissingFile, UnknownName, one_line
from av2a.methods.av2a.scores import normalised
from av2a.types import BackboneInfo, ScoredClip, Scores

STREAMS = ("audio", "visual")
KNOWN = {
    "labels",
    "features",
    *STREAMS,
    *(f"{stream}_{part}" for stream in STREAMS for part in ("whole", "similarities")),
}
LARGEST_BYTES = 2 * 10**9


@dataclass(frozen=True)
class ScoreFile:
    """What a file of scores holds."""

    path: Path
    sha256: str
    labels: tuple[str, ...]
    scored: ScoredClip

    @property
    def source(self) -> BackboneInfo:
        """What is recorded as having answered."""
        return BackboneInfo("scores", self.path.name, self.path.name, self.sha256, device="none")

    def only(self, labels: Sequence[str]) -> "ScoreFile":
        """The columns of some labels, in their order.

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
        """How many segments are scored."""
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
    unknown = sorted(set(arrays) - KNOWN)
    if unknown:
        raise InvalidScores(
            f"{shown} holds {unknown[0]!r}, which means nothing here: name arrays {', '.join(sorted(KNOWN))}"
        )
    labels = _labels(shown, arrays)
    heard, seen = (_stream(shown, stream, arrays, len(labels)) for stream in STREAMS)
    if len(heard.segments) != len(seen.segments):
        raise InvalidScores(
            f"{shown} scores {len(heard.segments)} segments of sound and {len(seen.segments)} of pictures: give as many of both"
        )
    return ScoreFile(path, digest, labels, ScoredClip(heard, seen, _features(shown, arrays, len(heard.segments))))


def write_scores(
    path: str | Path,
    labels: tuple[str, ...],
    audio: Float[np.ndarray, "segment category"],
    visual: Float[np.ndarray, "segment category"],
    features: Float[np.ndarray, "segment feature"] | None = None,
) -> None:
    """A file that :func:`read_scores` reads."""
    arrays = {"labels": np.array(labels), "audio": audio, "visual": visual}
    if features is not None:
        arrays["features"] = features
    np.savez(path, **arrays)  # type: ignore[arg-type]


def _loaded(path: Path) -> tuple[str, dict[str, np.ndarray]]:
    shown = repr(one_line(str(path)))
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise InvalidScores(f"{shown} is larger than {LARGEST_BYTES} bytes: give one clip a file")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if not zipfile.is_zipfile(path):
            raise InvalidScores(f"{shown} is no .npz file: save arrays by name with numpy.savez")
        with np.load(path, allow_pickle=False) as stored:
            return digest, {name: stored[name] for name in stored.files}
    except FileNotFoundError as missing:
        raise MissingFile(f"no such file of scores: {shown}; check the name") from missing
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, MemoryError) as damage:
        raise InvalidScores(
            f"{shown} is no whole .npz file of numbers and names ({one_line(str(damage), 80)}): write it with numpy.savez"
        ) from damage


def _labels(shown: str, arrays: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    stored = arrays.get("labels")
    if stored is None or stored.ndim != 1 or stored.dtype.kind not in "US" or not len(stored):
        raise InvalidScores(f"{shown} has no names: give 'labels', an array of strings, one for each column of scores")
    labels = tuple(
        each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in stored.tolist()
    )
    twice = [label for place, label in enumerate(labels) if label in labels[:place]]
    if twice:
        raise InvalidScores(f"{shown} names {one_line(twice[0])!r} twice: give each label once")
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


def _mean_row(segments: Float32[np.ndarray, "segment category"]) -> Float32[np.ndarray, " category"]:
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
    """As float32; of the shape asked for, whole rows of NaN aside only finite numbers."""
    fits = given.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, given.shape, strict=True))
    if not fits or 0 in given.shape:
        wanted = " × ".join("any" if side is None else str(side) for side in shape)
        raise InvalidScores(f"{shown}: {name!r} must be {wanted} numbers, got an array of shape {given.shape}")
    if given.dtype.kind not in "fiub":
        raise InvalidScores(f"{shown}: {name!r} must hold real numbers, got {given.dtype}")
    with np.errstate(over="ignore"):
        numbers = given.astype(np.float32)
    rows = numbers.reshape(-1, numbers.shape[-1])
    absent = np.isnan(rows).all(axis=1)
    if not np.isfinite(rows[~absent]).all():
        raise InvalidScores(
            f"{shown}: {name!r} has NaN or infinity in it: only a whole row of NaN means that nothing is there"
        )
    return numbers
