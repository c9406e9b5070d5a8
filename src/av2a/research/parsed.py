"""Runs a trained parser on a data set: the network runs once over the feature files, then its probabilities become events with any settings.

The network scores each second of audio and video; AV²A's thresholds and score-level fusion come on top (Tables 3, 6 and 8), through
``av2a.methods.av2a.method.parse_all`` like any other source of scores.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from time import perf_counter

from av2a.datasets import Dataset, LabelledClip
from av2a.datasets.llp import CATEGORIES
from av2a.errors import MediaError, NoClips, UsageError, one_line
from av2a.features import Progress
from av2a.methods.av2a.method import parse_all
from av2a.methods.trained import Parser
from av2a.methods.trained.features import FeatureFolder, Features, together
from av2a.methods.trained.probabilities import Probabilities, stacked
from av2a.methods.trained.registry import Kind
from av2a.methods.trained.rules import decided, scored_clip
from av2a.methods.trained.settings import ParserSettings, Thresholds
from av2a.research.evaluate import Evaluation, Timing, score
from av2a.research.predictions import ClipPredictions, Predictions
from av2a.research.search import Space
from av2a.research.watching import TRUTH_UNKNOWN, LeftOut
from av2a.settings import Settings
from av2a.types import BackboneInfo, ScoredClip

BATCH = 16
"""Videos that go through a network together, and whose features are in memory at a time."""

NOT_FINITE = "the parser answers with numbers that are not finite: make or fetch its features again"
"""Why a clip is left out whose features are finite, but so large that the network overflows."""

SPACE: Space = {"audio_weight": (0.1, 0.9), "initial_threshold": (0.2, 0.9), "decay": (0.1, 5.0)}
"""The search space of a parser: Table 1 gives it α, τ⁰ and λ and nothing else. Its scores are probabilities."""


@dataclass(frozen=True)
class ParserSeconds:
    """Seconds of wall clock that a parser's answers took, over all videos."""

    reading: float
    network: float


@dataclass(frozen=True, eq=False)
class Parsed:
    """A parser's probabilities for the clips of a data set. Settings are tried on them; the network does not run again."""

    dataset: Dataset
    kind: Kind
    info: BackboneInfo
    parameters: int
    """The number of the parser's learnt parameters."""
    names: tuple[str, ...]
    answers: Probabilities
    """Along the names."""
    settings: ParserSettings
    """With which the network ran: they choose x_t, and MGN's map."""
    left_out: tuple[LeftOut, ...]
    seconds: ParserSeconds

    def scored(self, settings: ParserSettings) -> Iterator[ScoredClip]:
        """Each clip as scores with the parser's own gate, like those of any other source.

        Raises:
            ValueError: the network would have to run again for these settings.
        """
        self._check(settings)
        return (scored_clip(self.answers.of(video), self.kind.rule, settings) for video in range(len(self.names)))

    def predictions(self, settings: Settings) -> Predictions:
        """Where each label is: by the parser's own thresholds or by AV²A's, as ``settings.thresholds`` says.

        Raises:
            ValueError: the settings are no parser's, or the network would have to run again for them.
        """
        if not isinstance(settings, ParserSettings):
            raise ValueError(f"a parser is decided by ParserSettings, got {type(settings).__name__}")
        self._check(settings)
        if settings.thresholds is Thresholds.STATIC:
            return Predictions(self.names, decided(self.answers, self.kind.rule, settings))
        parsings = parse_all(list(self.scored(settings)), settings)
        _, seconds, labels = self.answers.audio.shape
        clips = zip(self.names, parsings, strict=True)
        # Accuracy is not measured of parsers, so the order of events is left to their times.
        return replace(
            Predictions.of([ClipPredictions.joined(name, [each], seconds) for name, each in clips], labels), in_order=()
        )

    def _check(self, settings: ParserSettings) -> None:
        ran, asked = self.settings, settings
        if (ran.frame_vector, ran.attention_map) != (asked.frame_vector, asked.attention_map):
            raise ValueError(
                "frame_vector and attention_map must be those that the network ran with: let it parse anew"
            )


def parsed(
    dataset: Dataset,
    parser: Parser,
    features: FeatureFolder,
    settings: ParserSettings,
    *,
    progress: Progress | None = None,
) -> Parsed:
    """Run the parser on every clip of a data set, whose features are read as they are needed.

    A clip whose features are missing or cannot be used is left out and named, as is one whose truth is not known, and one for which the
    network overflows.

    Raises:
        UsageError: the data set has other categories than those that the parsers were trained on.
        NoClips: no clip is left.
    """
    if dataset.categories != CATEGORIES:
        raise UsageError(
            f"the parsers know the 25 categories of llp and no others, {dataset.name} has its own: choose llp"
        )
    parts: list[Probabilities] = []
    names: list[str] = []
    left_out: list[LeftOut] = []
    reading = network = 0.0
    clips = iter(dataset.clips)
    while chunk := list(islice(clips, BATCH)):
        began = perf_counter()
        read = [(clip.name, _features(clip, features)) for clip in chunk]
        reading += perf_counter() - began
        left_out += [found for _, found in read if isinstance(found, LeftOut)]
        batch = [(name, found) for name, found in read if isinstance(found, Features)]
        if batch:
            began = perf_counter()
            answers = parser.probabilities(together([found for _, found in batch]), settings.frame_vector)
            network += perf_counter() - began
            finite = answers.finite
            parts.append(answers.of(finite))
            names += [name for (name, _), is_finite in zip(batch, finite, strict=True) if is_finite]
            left_out += [
                LeftOut(name, NOT_FINITE, has_failed=True)
                for (name, _), is_finite in zip(batch, finite, strict=True)
                if not is_finite
            ]
        if progress is not None:
            progress("clips", len(names) + len(left_out), len(dataset.clips))
    if not names:
        reason = f"{left_out[0].name}: {left_out[0].reason}" if left_out else "there is none"
        raise NoClips(f"no clip of {dataset.name} {dataset.split} can be used: {reason}")
    return Parsed(
        dataset=dataset,
        kind=parser.kind,
        info=parser.info,
        parameters=parser.learnt,
        names=tuple(names),
        answers=stacked(parts),
        settings=settings,
        left_out=tuple(left_out),
        seconds=ParserSeconds(reading, network),
    )


def _features(clip: LabelledClip, folder: FeatureFolder) -> Features | LeftOut:
    if clip.annotations is None:
        return LeftOut(clip.name, TRUTH_UNKNOWN)
    if lacking := folder.missing(clip.name):
        return LeftOut(clip.name, f"no {', no '.join(lacking)} features of it are available")
    try:
        return folder.features(clip.name)
    except MediaError as refusal:
        return LeftOut(clip.name, str(refusal), has_failed=True)


def score_parsed(found: Parsed, settings: ParserSettings) -> tuple[Evaluation, Predictions]:
    """Score a parser with these settings.

    Raises:
        ValueError: the network would have to run again for these settings.
    """
    began = perf_counter()
    predictions = found.predictions(settings)
    spent = perf_counter() - began
    clips = len(found.names)
    evaluation = replace(
        score(predictions, found.dataset, left_out=found.left_out, remarks=(how(found.kind, settings),)),
        # The released script, which hands on visual predictions as audio, has no parsers.
        numbers_as_released=None,
        timing=Timing(
            decode=found.seconds.reading / clips,
            encode=found.seconds.network / clips,
            intervals=0.0,
            method=spent / clips,
            observed=clips,
            every_interval=False,
        ),
        settings=settings,
        backbone=found.info,
        parameters=found.parameters,
    )
    return evaluation, predictions


def how(kind: Kind, settings: ParserSettings) -> str:
    """One line on how a parser's probabilities became events.

    >>> from av2a.methods.trained import PARSERS
    >>> how(PARSERS["han"], PARSERS["han"].settings)
    'HAN with dynamic thresholds and score fusion'
    """
    return f"{kind.title} with {settings.thresholds.value} thresholds and {settings.fusion.value} fusion"


def space_of(settings: ParserSettings) -> Space:
    """The search space: with static thresholds, which are the parser's own, the weight of audio alone.

    >>> from av2a.methods.trained import PARSERS
    >>> list(space_of(PARSERS["mgn"].settings.replace(thresholds="static")))
    ['audio_weight']
    """
    names = SPACE if settings.thresholds is Thresholds.DYNAMIC else ["audio_weight"]
    return {name: SPACE[name] for name in names}


def only(dataset: Dataset, names: Collection[str]) -> Dataset:
    """The clips of these names, in the data set's order: Table 8 is of those that were still online.

    Raises:
        UsageError: a name is of no clip.
    """
    unknown = sorted(set(names) - {clip.name for clip in dataset.clips})
    if unknown:
        raise UsageError(
            f"{len(unknown)} names are no clips of {dataset.name} {dataset.split}, such as {one_line(unknown[0])!r}: correct the list"
        )
    return replace(dataset, clips=tuple(clip for clip in dataset.clips if clip.name in names))
