"""A trained parser on a data set: the network runs once over the feature files, then its probabilities are decided with any settings.

Each second of sound and picture is scored by the network; AV²A's thresholds and score-level fusion come on top (Tables 3, 6 and 8), through
``av2a.methods.av2a.method.parse_all`` like any other source of scores.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from time import perf_counter

import numpy as np

from av2a.datasets import Dataset, LabelledClip
from av2a.datasets.llp import CATEGORIES
from av2a.errors import MediaError, NoClips, UsageError
from av2a.features import Progress
from av2a.methods.av2a.method import parse_all
from av2a.methods.trained import Parser
from av2a.methods.trained.features import FeatureFolder, Features, together
from av2a.methods.trained.probabilities import Probabilities, stacked
from av2a.methods.trained.registry import Kind
from av2a.methods.trained.rules import decided, scored_clip
from av2a.methods.trained.settings import ParserSettings, Thresholds
from av2a.research.evaluate import Evaluation, Timing, score
from av2a.research.predictions import STREAMS, Predictions, painted
from av2a.research.watching import TRUTH_UNKNOWN, LeftOut
from av2a.types import BackboneInfo, ScoredClip

BATCH = 16
"""Videos that go through a network together; of so many, features are held at a time."""

NOT_FINITE = "the parser answers with numbers that are not finite: make or fetch its features again"
"""Why a clip is left out whose features are numbers, but so large that the network's are none."""


@dataclass(frozen=True)
class ParserSeconds:
    """What it took to have a parser's answers, in seconds of wall clock over all videos."""

    reading: float
    network: float


@dataclass(frozen=True, eq=False)
class Parsed:
    """What a parser said of the clips of a data set. Settings are tried on this; the network does not run again."""

    kind: Kind
    info: BackboneInfo
    parameters: int
    """How many numbers the parser learnt."""
    names: tuple[str, ...]
    answers: Probabilities
    """Along the names."""
    settings: ParserSettings
    """Those that the network ran with: they choose x_t, and MGN's map."""
    left_out: tuple[LeftOut, ...]
    seconds: ParserSeconds

    def scored(self, settings: ParserSettings) -> Iterator[ScoredClip]:
        """Each clip as scores with the parser's own gate, like those of any other source.

        Raises:
            ValueError: the network would have to run again for these settings.
        """
        _check_as_run(self.settings, settings)
        return (scored_clip(self.answers.of(video), self.kind.rule, settings) for video in range(len(self.names)))


def _check_as_run(ran: ParserSettings, asked: ParserSettings) -> None:
    if (ran.frame_vector, ran.attention_map) != (asked.frame_vector, asked.attention_map):
        raise ValueError("frame_vector and attention_map must be those that the network ran with: let it parse anew")


def parsed(
    dataset: Dataset,
    parser: Parser,
    features: FeatureFolder,
    settings: ParserSettings,
    *,
    progress: Progress | None = None,
) -> Parsed:
    """What the parser says of every clip of a data set, whose features are read as they are needed.

    A clip whose features are missing or cannot be used is left out and named, as is one whose truth is not known, and one
    that the parser answers with what is no number.

    Raises:
        UsageError: the data set has other categories than those that the parsers were trained on.
        NoClips: no clip is left.
    """
    if dataset.categories != CATEGORIES:
        raise UsageError(
            f"the parsers know the 25 categories of llp and no others, {dataset.name} has its own: choose llp"
        )
    reader = _Reader(features)
    parts: list[Probabilities] = []
    names: list[str] = []
    network_seconds = 0.0
    for batch in _batches(reader.read(dataset.clips)):
        began = perf_counter()
        answers = parser.probabilities(together([each for _, each in batch]), settings.frame_vector)
        network_seconds += perf_counter() - began
        finite = answers.finite
        parts.append(answers.of(finite))
        for (name, _), is_finite in zip(batch, finite, strict=True):
            if is_finite:
                names.append(name)
            else:
                reader.left_out.append(LeftOut(name, NOT_FINITE, has_failed=True))
        if progress is not None:
            progress("clips", len(names) + len(reader.left_out), len(dataset.clips))
    if not names:
        raise NoClips(_nothing_left(dataset, reader.left_out))
    return Parsed(
        kind=parser.kind,
        info=parser.info,
        parameters=parser.learnt,
        names=tuple(names),
        answers=stacked(parts),
        settings=settings,
        left_out=tuple(reader.left_out),
        seconds=ParserSeconds(reader.seconds, network_seconds),
    )


Read = tuple[str, Features]


def _batches(read: Iterable[Read]) -> Iterator[list[Read]]:
    remaining = iter(read)
    while batch := list(islice(remaining, BATCH)):
        yield batch


class _Reader:
    """Features one clip after the other, and why some are left out."""

    def __init__(self, features: FeatureFolder) -> None:
        self.features = features
        self.left_out: list[LeftOut] = []
        self.seconds = 0.0

    def read(self, clips: Sequence[LabelledClip]) -> Iterator[Read]:
        for clip in clips:
            began = perf_counter()
            found = self._features(clip)
            self.seconds += perf_counter() - began
            if isinstance(found, LeftOut):
                self.left_out.append(found)
            else:
                yield clip.name, found

    def _features(self, clip: LabelledClip) -> Features | LeftOut:
        if clip.annotations is None:
            return LeftOut(clip.name, TRUTH_UNKNOWN)
        lacking = self.features.missing(clip.name)
        if lacking:
            return LeftOut(clip.name, f"no {', no '.join(lacking)} features of it are at hand")
        try:
            return self.features.features(clip.name)
        except MediaError as refusal:
            return LeftOut(clip.name, str(refusal), has_failed=True)


def _nothing_left(dataset: Dataset, left_out: Sequence[LeftOut]) -> str:
    what = f"no clip of {dataset.name} {dataset.split} can be used"
    return f"{what}: {left_out[0].name}: {left_out[0].reason}" if left_out else f"{what}: there is none"


def predict_parsed(found: Parsed, settings: ParserSettings) -> Predictions:
    """Where each category is: by the parser's own thresholds or by AV²A's, as ``settings.thresholds`` says.

    Raises:
        ValueError: the network would have to run again for these settings.
    """
    if settings.thresholds is Thresholds.STATIC:
        return _static(found, settings)
    return _dynamic(found, settings)


def _static(found: Parsed, settings: ParserSettings) -> Predictions:
    _check_as_run(found.settings, settings)
    masks = decided(found.answers, found.kind.rule, settings)
    return Predictions(found.names, {modality: masks[modality].transpose(0, 2, 1) for modality in STREAMS})


def _dynamic(found: Parsed, settings: ParserSettings) -> Predictions:
    parsings = parse_all(list(found.scored(settings)), settings)
    _, seconds, categories = found.answers.audio.shape
    masks = {
        modality: np.stack([painted(each.streams[modality].found, (categories, seconds)) for each in parsings])
        for modality in STREAMS
    }
    return Predictions(found.names, masks)


def score_parsed(found: Parsed, dataset: Dataset, settings: ParserSettings) -> tuple[Evaluation, Predictions]:
    """How right a parser is with these settings.

    Raises:
        ValueError: the network would have to run again for these settings.
    """
    began = perf_counter()
    predictions = predict_parsed(found, settings)
    spent = perf_counter() - began
    evaluation = score(predictions, dataset, left_out=found.left_out, remarks=(how(found.kind, settings),))
    clips = len(found.names)
    timing = Timing(
        decode=found.seconds.reading / clips,
        encode=found.seconds.network / clips,
        intervals=0.0,
        method=spent / clips,
        observed=clips,
        every_interval=False,
    )
    return (
        replace(
            evaluation,
            # The released script, which hands on visual predictions as audio, has no parsers.
            numbers_as_released=None,
            timing=timing,
            settings=settings,
            backbone=found.info,
            parameters=found.parameters,
        ),
        predictions,
    )


def how(kind: Kind, settings: ParserSettings) -> str:
    """One line on how a parser's probabilities became events.

    >>> from av2a.methods.trained import PARSERS
    >>> how(PARSERS["han"], PARSERS["han"].settings)
    'HAN with dynamic thresholds and score fusion'
    """
    return f"{kind.title} with {settings.thresholds.value} thresholds and {settings.fusion.value} fusion"
