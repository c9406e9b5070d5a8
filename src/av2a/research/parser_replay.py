"""Decides a trained parser's probabilities again with other settings, for tuning.

Stands where :class:`av2a.research.replay.Replay` does, so the search is that of every other method.
"""

from collections.abc import Collection
from dataclasses import replace

from av2a.datasets import Dataset, truth_masks
from av2a.errors import UsageError, one_line
from av2a.methods.trained.settings import ParserSettings, Thresholds
from av2a.research.parsed import Parsed, predict_parsed
from av2a.research.predictions import Predictions
from av2a.research.replay import Replay
from av2a.research.search import Space
from av2a.research.watching import Watched
from av2a.settings import Settings
from av2a.timeline import Grid

SPACE: Space = {"audio_weight": (0.1, 0.9), "initial_threshold": (0.2, 0.9), "decay": (0.1, 5.0)}
"""What is searched for a parser: Table 1 gives it α, τ⁰ and λ and nothing else. Its scores are probabilities."""


class ParserReplay(Replay):
    """Clips that a parser has parsed. Of settings, all but those that the network ran with may change."""

    def __init__(self, found: Parsed, dataset: Dataset) -> None:
        clips = {clip.name: clip for clip in dataset.clips}
        grid = Grid(float(found.answers.audio.shape[1]))
        self.dataset = dataset
        self.found = found
        self.watched = tuple(
            Watched(clips[name], grid, None, *truth_masks(clips[name], dataset.categories, grid.segments), seconds=None)
            for name in found.names
        )

    def predictions(self, settings: Settings) -> Predictions:
        """What the parser finds in each clip.

        Raises:
            ValueError: the settings are no parser's, or the network would have to run again for them.
        """
        if not isinstance(settings, ParserSettings):
            raise ValueError(f"a parser is decided by ParserSettings, got {type(settings).__name__}")
        return predict_parsed(self.found, settings)


def space_of(settings: ParserSettings) -> Space:
    """What there is to search: with static thresholds, which are the parser's own, the weight of sound alone.

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
