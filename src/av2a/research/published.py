"""The paper's own numbers, as printed, for comparison with measured ones.

Source: Shaar, Shaulov, Chechik, Wolf, "Adapting to the Unknown: Training-Free Audio-Visual Event Perception with Dynamic
Thresholds", CVPR 2025 (arXiv 2503.13693), Tables 1 to 8 and section 4.2. Percentages but for Table 1. What follows a ± is the spread that
the paper gives; of how many runs, it does not say. The audio columns of training-free methods (and with them Type@AV and Event@AV) are
very probably visual predictions scored against audio truth: the released script hands them over so (docs/method.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from av2a.settings import TABLE_1


@dataclass(frozen=True)
class Figure:
    """A number as it is printed in a table, published or measured here."""

    value: float
    spread: float | None = None
    """What is printed after ±; of measured numbers the standard deviation over several runs."""

    @classmethod
    def over(cls, values: Sequence[float]) -> "Figure":
        """The mean over one run or more, and the spread over several.

        >>> Figure.over([1.0, 3.0])
        Figure(value=2.0, spread=1.4142135623730951)
        """
        return cls(fmean(values), stdev(values) if len(values) > 1 else None)


@dataclass(frozen=True)
class PublishedRow:
    """One line of a table."""

    method: str
    """The backbone or parser by its name here, as in ``PAPER_SETTINGS``; "dg-sct" for the one that is in neither."""
    name: str
    """The name of the line."""
    figures: Mapping[str, Figure]
    """By column; a column that holds a dash is left out."""


@dataclass(frozen=True)
class PublishedTable:
    """One table of the paper."""

    number: int
    title: str
    dataset: str
    """Which data set its numbers are of: the test split's, for Table 1 the validation split's that was tuned on."""
    columns: tuple[str, ...]
    rows: tuple[PublishedRow, ...]

    def row(self, method: str, name: str) -> PublishedRow:
        """The line of a method by its name.

        Raises:
            KeyError: the table has no such line.
        """
        for row in self.rows:
            if (row.method, row.name) == (method, name):
                return row
        raise KeyError(f"Table {self.number} has no line {name!r} of {method!r}")


PARSING_COLUMNS = tuple(
    f"{level}_{stream}"
    for stream in ("audio", "visual", "audio_visual", "type", "event")
    for level in ("segment", "event")
)
"""The columns of Tables 2, 3, 5 and 8 in their order; names as in :class:`av2a.metrics.parsing.ParsingMetrics`."""

NAIVE, AV2A = "static thresholds", "with AV²A"
PLAIN, DYNAMIC = "by itself", "with AV²A's dynamic thresholds"
LATE_FUSION, SCORE_FUSION = "late fusion", "score-level fusion"
FULL = "AV²A"
WITHOUT_COSINE = "w/o cosine similarity"
WITHOUT_DYNAMIC = "w/o dynamic thresholds"
WITHOUT_REFINEMENT = "w/o refine segments"
WITHOUT_SELECTION = "w/o relevant class selection"


_COLUMNS = {
    1: TABLE_1,
    4: ("accuracy",),
    6: ("segment_audio_visual", "event_audio_visual"),
    7: ("segment", "event"),
}

# A heading with number, data set and title, then rows: method, line, and its numbers, "-" where the paper has a dash.
# Table 1 prints α τ⁰ τ_r τ_f λ; here in the order of TABLE_1: α τ_f τ⁰ τ_r λ.
_PRINTED = f"""
1 llp Hyper-parameters
clip-clap    | {AV2A} | 0.45 0.5 0.75 0.75 1.0
languagebind | {AV2A} | 0.5 0.55 0.75 0.75 2.5
mgn-ma       | {AV2A} | 0.3 - 0.55 - 0.5
jomold       | {AV2A} | 0.4 - 0.5 - 0.5
cmpae        | {AV2A} | 0.45 - 0.5 - 0.5

2 llp Training-free methods
clip-clap    | {NAIVE} | 17.6 15.1 18.8 17.8 30.0 25.6 22.1 19.5 18.3 16.2
clip-clap    | {AV2A} | 32.7±.01 28.5±.01 43.5±.01 41.5±.01 55.1±.06 48.2±.04 43.8±.04 39.4±.01 34.7±.01 31.2±.01
languagebind | {NAIVE} | 20.3 17.5 21.3 20.0 24.3 21.0 22.0 19.5 20.8 18.4
languagebind | {AV2A} | 40.9±.09 35.9±.12 57.4±.04 54.4±.09 59.1±.1 52.3±.13 52.4±.04 47.5±.04 43.4±.04 38.9±.06

3 llp Trained parsers, and with dynamic thresholds
mgn-ma       | {PLAIN} | 60.7 51.0 55.5 52.4 50.6 44.4 55.6 49.3 57.2 49.2
mgn-ma       | {DYNAMIC} | 60.8 51.0 55.6 52.7 51.9 45.5 56.1 49.7 57.3 49.3
jomold       | {PLAIN} | 61.3 53.9 63.8 59.9 57.2 49.6 60.8 54.5 59.9 52.5
jomold       | {DYNAMIC} | 61.4 53.9 64.1 61.0 57.7 50.9 61.1 55.2 60.0 52.7
cmpae        | {PLAIN} | 64.4 57.5 66.1 63.3 59.5 52.4 63.3 57.7 62.9 56.3
cmpae        | {DYNAMIC} | 64.7 58.0 66.3 63.4 59.9 52.7 63.6 58.0 63.0 56.7

4 ave Zero-shot methods, localization
dg-sct       | {PLAIN} | 64.7
clip-clap    | {NAIVE} | 38.2±2.87
clip-clap    | {AV2A} | 68.5±0.16
languagebind | {NAIVE} | 32.9±1.27
languagebind | {AV2A} | 72.8±0.14

5 llp Ablation
languagebind | {FULL} | 40.9 35.9 57.4 54.4 59.1 52.3 52.4 47.5 43.4 38.9
languagebind | {WITHOUT_COSINE} | 40.8 35.9 57.3 54.3 58.8 51.8 52.3 47.3 43.3 38.8
languagebind | {WITHOUT_DYNAMIC} | 40.7 35.1 56.9 55.2 55.1 47.2 52.2 47.2 43.0 37.8
languagebind | {WITHOUT_REFINEMENT} | 38.9 34.1 53.6 50.9 57.9 51.1 50.2 45.4 41.4 37.0
languagebind | {WITHOUT_SELECTION} | 33.4 29.3 40.2 38.4 39.7 34.3 37.8 34.0 34.8 31.4

6 llp Score-level fusion instead of late fusion
mgn-ma       | {LATE_FUSION} | 50.6 44.4
mgn-ma       | {SCORE_FUSION} | 51.8 45.7
jomold       | {LATE_FUSION} | 57.2 49.6
jomold       | {SCORE_FUSION} | 57.7 51.0
cmpae        | {LATE_FUSION} | 59.5 52.4
cmpae        | {SCORE_FUSION} | 59.8 52.6
languagebind | {LATE_FUSION} | 57.1 50.6
languagebind | {SCORE_FUSION} | 59.1 52.3
clip-clap    | {LATE_FUSION} | 51.8 45.7
clip-clap    | {SCORE_FUSION} | 55.1 48.2

7 llp A linear classifier on frozen features
clip-clap    | CLIP | 33.9 32.1
clip-clap    | CLAP | 27.2 25.9

8 llp Trained parsers beside AV²A, on the test videos that are still online
mgn-ma       | {PLAIN} | 60.3 50.5 55.3 52.2 50.1 44.0 55.3 48.9 56.9 48.8
jomold       | {PLAIN} | 61.1 53.7 63.5 59.8 56.8 49.3 60.5 54.2 59.7 52.3
cmpae        | {PLAIN} | 64.1 57.2 66.1 63.3 59.1 52.2 63.3 57.7 62.9 56.3
languagebind | {AV2A} | 40.9±.09 35.9±.12 57.4±.04 54.4±.09 59.1±.1 52.3±.13 52.4±.04 47.5±.04 43.4±.04 38.9±.06
"""


def _table(printed: str) -> PublishedTable:
    heading, *lines = printed.splitlines()
    number, dataset, title = heading.split(" ", 2)
    columns = _COLUMNS.get(int(number), PARSING_COLUMNS)
    rows = [[part.strip() for part in line.split("|")] for line in lines]
    return PublishedTable(
        int(number),
        title,
        dataset,
        columns,
        tuple(PublishedRow(method, name, _figures(columns, numbers)) for method, name, numbers in rows),
    )


def _figures(columns: tuple[str, ...], printed: str) -> dict[str, Figure]:
    """Numbers as printed, one a column: ``40.9±.09``, or ``-``."""
    parts = {column: text.split("±") for column, text in zip(columns, printed.split(), strict=True) if text != "-"}
    return {column: Figure(*map(float, numbers)) for column, numbers in parts.items()}


PUBLISHED = {table.number: table for table in map(_table, _PRINTED.strip().split("\n\n"))}
"""The tables by their numbers."""

SECONDS_A_VIDEO = 2.49
"""Section 4.2: what a video takes with the paper's method; with the trained parsers "of the same order of magnitude"."""
FEATURE_SECONDS_A_VIDEO = 2.68
"""Section 4.2: what the trained parsers' input features (ResNet-152, VGGish, R(2+1)D) add to it."""

TRAINED_PARAMETERS: dict[str, float] = {"mgn-ma": 4.3e6, "jomold": 4.5e6, "cmpae": 5.6e6}
"""Section 4.2: trainable parameters, rounded as printed. The paper's own method trains none."""
