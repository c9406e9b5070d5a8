"""``av2a compare-fusion``: Table 6 of the paper, score-level against late fusion."""

from av2a.cli.common_options import DebugOption, QuietOption, VerboseOption
from av2a.cli.dataset_options import (
    AnnotationsOption,
    DatasetArgument,
    EventsOption,
    LimitOption,
    NoStoreOption,
    ProfileOption,
    SetOption,
    SettingsOption,
    SplitOption,
    StoreOption,
    VideosOption,
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

EXAMPLES = (
    Example("av2a compare-fusion synthetic --profile released", "on the built-in world"),
    Example(
        "av2a compare-fusion llp --videos llp-videos/ -o table6.md", "the training-free pairs of the paper's Table 6"
    ),
)


def compare_fusion(
    dataset: DatasetArgument,
    split: SplitOption = None,
    videos: VideosOption = None,
    annotations: AnnotationsOption = None,
    events: EventsOption = None,
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
    """Compare score-level with late fusion of sound and picture: the paper's Table 6.

    Score-level fusion sums the scores before any decision. Late fusion takes what is both heard and seen after all decisions.
    """
    from av2a.cli.terminal import Talk, Terminal

    given = SheetOutputs.checked(outputs, as_json=as_json, overwrite=overwrite)
    models = chosen_models(
        usual_backbone(dataset, backbone),
        device=device,
        precision=precision,
        visual_model=visual_model,
        audio_model=audio_model,
        weights=weights,
    )
    method = MethodOnClips.chosen(
        ClipsAsked(dataset, split, videos, annotations, events or (), limit),
        models,
        SettingsAsked(profile, settings_file, assignments or ()),
        store=store,
        no_store=no_store,
        terminal=Terminal(Talk.chosen(quiet=quiet, verbose=verbose)),
    )
    show(method, given)


def show(method: MethodOnClips, outputs: SheetOutputs) -> None:
    """Table 6.

    Raises:
        UsageError: the data set is one of localization.
        NoClips: no video can be used.
    """
    from av2a.research.fusion import compared
    from av2a.research.sheets import sheets

    method.check_parsing()
    watched = method.watched()
    part = compared(method.replay(watched), method.backbone.info.name, [method.settings])
    outputs.give(sheets([part], at_hand={method.dataset.name}), method.about(watched), method.terminal)
    method.check_failed(watched)
