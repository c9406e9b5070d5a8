"""``av2a probe``: Table 7 of the paper, a linear classifier on frozen embeddings."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from av2a.cli.common_options import DebugOption, QuietOption, VerboseOption
from av2a.cli.dataset_options import (
    AnnotationsOption,
    DatasetArgument,
    LimitOption,
    NoStoreOption,
    ProfileOption,
    SetOption,
    SettingsOption,
    SplitOption,
    StoreOption,
    VideosOption,
    chosen_dataset,
    usual_backbone,
)
from av2a.cli.help_text import Example
from av2a.cli.method_on_clips import ClipsAsked, MethodOnClips, SettingsAsked
from av2a.cli.model_options import (
    AudioModelOption,
    BackboneOption,
    DetectWeightsOption,
    DeviceOption,
    PrecisionOption,
    VisualModelOption,
    chosen_models,
)
from av2a.cli.sheet_outputs import JsonOption, OverwriteOption, SheetOutputs, SheetOutputsOption
from av2a.errors import UsageError

if TYPE_CHECKING:
    from av2a.datasets import Dataset

EXAMPLES = (
    Example("av2a probe synthetic", "on the built-in world"),
    Example("av2a probe llp --train-split validation --videos llp-videos/ --backbone clip-clap", "the paper's Table 7"),
)

TrainSplitOption = Annotated[
    str,
    typer.Option(
        "--train-split",
        metavar="NAME",
        help="What is trained on; its truth must be known by the second, which LLP's is for validation and test only.",
        rich_help_panel="Which clips",
    ),
]


def probe(
    dataset: DatasetArgument,
    split: SplitOption = None,
    train_split: TrainSplitOption = "train",
    videos: VideosOption = None,
    annotations: AnnotationsOption = None,
    limit: LimitOption = None,
    backbone: BackboneOption = None,
    visual_model: VisualModelOption = None,
    audio_model: AudioModelOption = None,
    weights: DetectWeightsOption = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = None,
    profile: ProfileOption = None,
    settings_file: SettingsOption = None,
    assignments: SetOption = None,
    store: StoreOption = None,
    no_store: NoStoreOption = False,
    outputs: SheetOutputsOption = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    debug: DebugOption = False,
) -> None:
    """Train a linear classifier on frozen embeddings: the paper's Table 7.

    It tells what is there second by second; pictures and sounds each have their own. Sampling is that of the practical profile, in which each segment has a sound of its own.
    """
    from av2a.cli.terminal import Talk, Terminal
    from av2a.datasets.opening import GENERATED
    from av2a.research.probe import require_sklearn

    given = SheetOutputs.checked(outputs, as_json=as_json, overwrite=overwrite)
    require_sklearn()
    models = chosen_models(
        usual_backbone(dataset, backbone),
        device=device,
        precision=precision,
        visual_model=visual_model,
        audio_model=audio_model,
        weights=weights,
    )
    if Path(dataset).is_dir():
        raise UsageError("a folder of videos has no split to train on: choose llp, ave or synthetic")
    # The built-in world has 8000 scenes to train on, none of them rendered before it is needed.
    count = 200 if limit is None and dataset == GENERATED else limit
    asked = ClipsAsked(dataset, split, videos, annotations, (), count)
    how = SettingsAsked(profile or "practical", settings_file, assignments or ())
    terminal = Terminal(Talk.chosen(quiet=quiet, verbose=verbose))
    method = MethodOnClips.chosen(asked, models, how, store=store, no_store=no_store, terminal=terminal)
    train = chosen_dataset(dataset, terminal, split=train_split, videos=videos, annotations=annotations, limit=count)
    show(method, train, given)


def show(method: MethodOnClips, train: "Dataset", outputs: SheetOutputs) -> None:
    """Table 7.

    Raises:
        UsageError: it would be measured on what it is trained on.
        NoClips: there is nothing to train on, or to measure.
        MissingDependency: scikit-learn is not installed.
    """
    from av2a.research.probe import probed
    from av2a.research.sheets import sheets

    if train.split == method.dataset.split:
        raise UsageError(
            f"both splits are {train.split!r}: train on one and measure on another with --train-split and --split"
        )
    seen, watched = method.watched(train), method.watched()
    part = probed(seen, watched, method.dataset, method.backbone.info.name)
    outputs.give(sheets([part], at_hand={method.dataset.name}), method.about(watched), method.terminal)
    method.check_failed(seen, watched)
