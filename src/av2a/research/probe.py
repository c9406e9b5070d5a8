"""Trains a linear classifier on frozen embeddings, second by second: Table 7 (scikit-learn is imported here only).

The paper (its section C) says that the classifier is fully supervised and linear, and no more. Here: one logistic regression a category, on
standardised embeddings, L2 with C = 1, present where the probability is above one half; pictures are held to what is seen, sounds to what is
heard. F1 is that of the other tables: the mean over videos.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from jaxtyping import Bool, Float

from av2a.datasets import Dataset
from av2a.errors import MissingDependency, NoClips
from av2a.installation import install_command
from av2a.metrics.event_level import event_counts
from av2a.metrics.segment_level import segment_counts
from av2a.research.predictions import stacked
from av2a.research.published import Figure
from av2a.research.sheets import Line, Part, Run
from av2a.research.watching import Watch, Watched
from av2a.types import Modality
from av2a.wording import counted

MOST_STEPS = 5000
"""Of the solver; standardised embeddings need some hundreds."""

TITLES = {
    "clip-clap": {Modality.VISUAL: "CLIP", Modality.AUDIO: "CLAP"},
    "languagebind": {Modality.VISUAL: "LanguageBind, image", Modality.AUDIO: "LanguageBind, audio"},
}
"""The paper's names of the encoders of a backbone."""


def require_sklearn() -> None:
    """Refuse before anything is done for a probe.

    Raises:
        MissingDependency: scikit-learn is not installed.
    """
    if find_spec("sklearn") is None:
        raise MissingDependency(f"the probe needs 'scikit-learn': {install_command('probe')}")


def probed(train: Watch, test: Watch, dataset: Dataset, method: str) -> Part:
    """Table 7: trained on one split's clips, measured on those of ``dataset``. Both were watched with a sound for each segment.

    Raises:
        NoClips: there is nothing to train on, or to measure.
        MissingDependency: scikit-learn is not installed.
    """
    for watched, what in ((train, "train the classifier on"), (test, "measure it on")):
        if not watched.watched:
            raise NoClips(
                f"no video with its truth by the second is there to {what}: see av2a data status, or take --train-split validation where the training split has no such truth"
            )
    lines = tuple(_line(train, test, dataset.name, method, each) for each in (Modality.VISUAL, Modality.AUDIO))
    said = f"trained on {counted(len(train.watched), 'video')}; one logistic regression a category; pictures held to what is seen, sounds to what is heard"
    return Part(7, lines, (said,))


def _line(train: Watch, test: Watch, dataset: str, method: str, modality: Modality) -> Line:
    classifier = Classifier.trained(_seconds(train.watched, modality))
    found = [classifier.present(_seconds([each], modality)) for each in test.watched]
    truth = [_truth(each, modality) for each in test.watched]
    segments, labels = max(map(len, truth)), truth[0].shape[1]
    # The metrics' axes are (video, label, segment).
    arrays = [stacked(masks, segments, labels).transpose(0, 2, 1) for masks in (truth, found)]
    scored = {
        "segment": segment_counts(*arrays).video_f1,
        "event": event_counts(*arrays).video_f1,
    }
    values = {name: Figure(100 * float(each.mean())) for name, each in scored.items()}
    title = TITLES.get(method, {}).get(modality, f"{modality.value} embeddings")
    return Line(method, title, dataset, (Run("", values),))


@dataclass(frozen=True)
class Seconds:
    """Embeddings of many seconds, and their truth."""

    rows: Float[np.ndarray, "second feature"]
    observed: Bool[np.ndarray, " second"]
    """False where there was no picture, or no sound."""
    truth: Bool[np.ndarray, "second label"]


def _seconds(watched: Sequence[Watched], modality: Modality) -> Seconds:
    parts = [
        features.segments(part)
        for features in (each.source.features for each in watched)
        for part in range(len(features))
    ]
    visual = modality is Modality.VISUAL
    rows = [part.visual.mean(axis=1) if visual else part.audio for part in parts]
    return Seconds(
        rows=np.concatenate(rows).astype(np.float64),
        observed=np.concatenate([part.seen if visual else part.heard for part in parts]),
        truth=np.concatenate([_truth(each, modality) for each in watched]),
    )


def _truth(watched: Watched, modality: Modality) -> Bool[np.ndarray, "segment label"]:
    return watched.seen if modality is Modality.VISUAL else watched.heard


@dataclass(frozen=True)
class Classifier:
    """A weight row and a bias for each category, over standardised embeddings."""

    mean: Float[np.ndarray, " feature"]
    scale: Float[np.ndarray, " feature"]
    weights: Float[np.ndarray, "label feature"]
    biases: Float[np.ndarray, " label"]

    @classmethod
    def trained(cls, seconds: Seconds) -> "Classifier":
        """On the observed seconds; the same seconds give the same classifier.

        Raises:
            MissingDependency: scikit-learn is not installed.
        """
        rows, truth = seconds.rows[seconds.observed], seconds.truth[seconds.observed]
        mean, deviation = rows.mean(axis=0), rows.std(axis=0)
        scale = np.where(deviation > 0, deviation, 1.0)
        fitted = [_fitted((rows - mean) / scale, there) for there in truth.T]
        return cls(mean, scale, np.stack([weights for weights, _ in fitted]), np.array([bias for _, bias in fitted]))

    def present(self, seconds: Seconds) -> Bool[np.ndarray, "second label"]:
        """What is found in each second; nothing where nothing was observed."""
        margins = (seconds.rows - self.mean) / self.scale @ self.weights.T + self.biases
        return (margins > 0) & seconds.observed[:, None]


def _fitted(
    rows: Float[np.ndarray, "second feature"], there: Bool[np.ndarray, " second"]
) -> tuple[Float[np.ndarray, " feature"], float]:
    """One category's weights and bias; a category that is always or never there needs no weights."""
    require_sklearn()
    from sklearn.linear_model import LogisticRegression

    if there.all() or not there.any():
        return np.zeros(rows.shape[1]), 1.0 if there.any() else -1.0
    model = LogisticRegression(C=1.0, max_iter=MOST_STEPS).fit(rows, there)
    return model.coef_[0], float(model.intercept_[0])
