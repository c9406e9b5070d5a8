"""``av2a ablate``, ``compare-fusion`` and ``probe``: the paper's Tables 5, 6 and 7 on one data set."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from av2a.cli.command import command, option
from av2a.cli.dataset_options import WHICH, ClipOptions, SplitOptions
from av2a.cli.help_text import Example
from av2a.cli.method_on_clips import ExperimentOptions, MethodOnClips
from av2a.cli.result_options import ResultOptions
from av2a.datasets.opening import GENERATED
from av2a.errors import UsageError
from av2a.research.comparisons import ablated, compared
from av2a.research.probe import probed, require_sklearn
from av2a.research.replay import Replay
from av2a.research.sheets import Part
from av2a.settings import Settings


@command(
    Example("av2a ablate synthetic --profile released", "on the generated world"),
    Example("av2a ablate llp --videos llp-videos/ --backbone languagebind -o table5.md", "the paper's Table 5"),
    Example("av2a ablate synthetic --settings best.json --json", "with tuned settings"),
)
def ablate(clips: ClipOptions, given: ExperimentOptions) -> None:
    """Leave out one stage of the method at a time: the paper's Table 5.

    Each row says whether leaving out its stage helps or harms. Nothing is encoded again for a row.
    """
    _give(ablated, MethodOnClips.chosen(clips, given), given.output)


@command(
    Example("av2a compare-fusion synthetic --profile released", "on the generated world"),
    Example(
        "av2a compare-fusion llp --videos llp-videos/ -o table6.md", "the training-free pairs of the paper's Table 6"
    ),
)
def compare_fusion(clips: ClipOptions, given: ExperimentOptions) -> None:
    """Compare score-level with late fusion of audio and video: the paper's Table 6.

    Score-level fusion adds the scores before any decision. Late fusion takes what is both heard and seen after all decisions.
    """
    _give(compared, MethodOnClips.chosen(clips, given), given.output)


def _give(
    experiment: Callable[[Replay, str, Sequence[Settings]], Part], method: MethodOnClips, output: ResultOptions
) -> None:
    method.check_parsing()
    watched = method.watched()
    method.give(experiment(method.replay(watched), method.backbone.info.name, [method.settings]), watched, output)


@command(
    Example("av2a probe synthetic", "on the generated world"),
    Example("av2a probe llp --train-split validation --videos llp-videos/ --backbone clip-clap", "the paper's Table 7"),
)
def probe(
    *,
    clips: SplitOptions,
    train_split: str = option(
        "NAME",
        "The split to train on; its truth must be known by the second, which LLP's is for validation and test only.",
        default="train",
        panel=WHICH,
    ),
    given: ExperimentOptions,
) -> None:
    """Train a linear classifier on frozen embeddings: the paper's Table 7.

    One for frames and one for audio, second by second. Sampling is that of the practical profile, in which each segment has its own audio window.
    """
    require_sklearn()
    if Path(clips.dataset).is_dir():
        raise UsageError("a folder of videos has no split to train on: choose llp, ave or synthetic")
    # The generated world has 8000 scenes to train on, none of them rendered before it is needed.
    clips = replace(clips, count=200) if clips.count is None and clips.dataset == GENERATED else clips
    given = replace(given, how=replace(given.how, profile=given.how.profile or "practical"))
    method = MethodOnClips.chosen(clips, given)
    train = replace(clips, split=train_split).opened(method.terminal)
    if train.split == method.dataset.split:
        raise UsageError(
            f"both splits are {train.split!r}: train on one and measure on another with --train-split and --split"
        )
    seen, watched = method.watched(train), method.watched()
    method.give(probed(seen, watched, method.dataset, method.backbone.info.name), watched, given.output, seen)
