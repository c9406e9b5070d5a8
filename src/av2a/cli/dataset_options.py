"""The options of subcommands that work on a data set: which, how it is watched, and where its embeddings are kept."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from av2a.cli.setting_options import chosen_settings, settings_in
from av2a.errors import UsageError
from av2a.settings import PROFILES, Settings

if TYPE_CHECKING:
    from av2a.cli.terminal import Terminal
    from av2a.datasets import Dataset
    from av2a.features.store import Store

_WHICH, _HOW, _KEPT = "Which clips", "How", "Embeddings"


def _profile_names() -> list[str]:
    return list(PROFILES)


DatasetArgument = Annotated[
    str, typer.Argument(metavar="DATASET", help="llp, ave, synthetic, or a folder of videos.", show_default=False)
]
SplitOption = Annotated[
    str | None,
    typer.Option(
        "--split", metavar="NAME", help="train, validation or test. Without it: test.", rich_help_panel=_WHICH
    ),
]
VideosOption = Annotated[
    Path | None,
    typer.Option(
        "--videos",
        metavar="DIR",
        help="Where the videos are; for synthetic, where they are rendered.",
        rich_help_panel=_WHICH,
    ),
]
AnnotationsOption = Annotated[
    Path | None,
    typer.Option(
        "--annotations",
        metavar="PATH",
        help="The folder of the annotation files; of a folder of videos, the file of their events.",
        rich_help_panel=_WHICH,
    ),
]
LimitOption = Annotated[
    int | None,
    typer.Option("--limit", metavar="N", min=1, help="The first N clips only.", rich_help_panel=_WHICH),
]
EventsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--events",
        "-l",
        metavar="NAMES",
        help="For a folder: the event names, separated by commas. Without it: those of its annotations.",
        rich_help_panel=_WHICH,
    ),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        envvar="AV2A_PROFILE",
        autocompletion=_profile_names,
        help=f"The reading of the method: {', '.join(PROFILES)}. Without it: released for llp and ave, else practical.",
        rich_help_panel=_HOW,
    ),
]
SettingsOption = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        metavar="FILE",
        help="Settings in TOML or JSON, or an earlier result's.",
        rich_help_panel=_HOW,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Change one setting; may be repeated.", rich_help_panel=_HOW),
]
StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="DIR",
        help="Keep embeddings here instead of in the user's cache (AV2A_CACHE).",
        rich_help_panel=_KEPT,
    ),
]
NoStoreOption = Annotated[bool, typer.Option("--no-store", help="Keep no embeddings.", rich_help_panel=_KEPT)]
OnlyAskedOption = Annotated[
    bool,
    typer.Option(
        "--only-asked",
        help="Embed only the intervals that these settings ask for, as one run needs; other settings may have to decode again.",
        rich_help_panel=_KEPT,
    ),
]


def usual_backbone(dataset: str, backbone: str | None) -> str | None:
    """The backbone that was asked for; without one the built-in world is watched by the backbone that knows it.

    >>> usual_backbone("synthetic", None), usual_backbone("llp", None), usual_backbone("synthetic", "clip-clap")
    ('mini', None, 'clip-clap')
    """
    return "mini" if backbone is None and dataset == "synthetic" else backbone


def chosen_dataset(
    name: str,
    terminal: "Terminal",
    *,
    split: str | None,
    videos: Path | None,
    annotations: Path | None,
    events: Sequence[str] = (),
    limit: int | None = None,
) -> "Dataset":
    """The requested clips; those of the built-in world are rendered where they are missing.

    Raises:
        UsageError: an invalid name, file or option, or a data set without labels.
        DataUnavailable: the annotations are not at hand.
    """
    from av2a.datasets import open_dataset

    labels = [label.strip() for text in events for label in text.split(",")]
    with terminal.progress(name) as report:
        dataset = open_dataset(
            name,
            split=split,
            videos=videos,
            annotations=annotations,
            labels=labels,
            limit=limit,
            progress=lambda done, total: report("clips rendered", done, total),
        )
    dataset.check_labels()
    return dataset


def chosen_store(folder: Path | None, terminal: "Terminal", *, no_store: bool = False) -> "Store | None":
    """Where embeddings are kept; None where they are not.

    Raises:
        UsageError: both were asked for.
    """
    from av2a.features.store import Store
    from av2a.paths import embeddings_folder

    if no_store:
        if folder is not None:
            raise UsageError("--store and --no-store exclude each other: leave one out")
        return None
    place = embeddings_folder() if folder is None else folder
    return None if place is None else Store(place, warn=terminal.warn)


def dataset_settings(
    dataset: "Dataset", profile: str | None, file: Path | None, assignments: Sequence[str], *, backbone: str
) -> Settings:
    """The settings for a data set: its own profile where none is asked for, then the file's, then each ``name=value``.

    How candidates are validated belongs to the task: a record of all settings, as tuning on another data set writes it, does not change it.

    Raises:
        UsageError: a name or value that cannot be meant.
    """
    from av2a.research.evaluate import profile_of, validation_rule_of

    values = {} if file is None else settings_in(file)
    named = values.get("profile")
    if profile is None and named is None:
        profile = profile_of(dataset)
    rule = validation_rule_of(dataset, str(profile or named))
    # What the user says stands above what the data set would have; a whole record says everything, and so nothing about this.
    is_said = "validation_rule" in values and len(values) < len(fields(Settings))
    own = [] if rule is None or is_said else [f"validation_rule={rule.value}"]
    return chosen_settings(profile, file, [*own, *assignments], backbone=backbone)
