"""Options of subcommands that work on a data set: which clips, and which settings."""

from dataclasses import dataclass, fields, replace
from pathlib import Path

from av2a.cli.command import argument, option
from av2a.cli.model_options import ModelOptions
from av2a.cli.setting_options import SettingOptions, profile_option
from av2a.cli.terminal import Terminal
from av2a.datasets import Dataset, open_dataset
from av2a.datasets.opening import GENERATED
from av2a.research.evaluate import profile_of, validation_rule_of
from av2a.settings import Settings

WHICH = "Which clips"


@dataclass(frozen=True)
class DatasetOptions:
    """A data set, and where its files are."""

    panel = WHICH
    dataset: str = argument("DATASET", "llp, ave, synthetic, or a folder of videos.")
    split: str | None = option("NAME", "train, validation or test. Default: test.")
    videos: Path | None = option("DIR", "The folder of the videos; for synthetic, where they are rendered.")
    annotations: Path | None = option(
        "PATH", "The folder of the annotation files; of a folder of videos, the file of their events."
    )


@dataclass(frozen=True)
class SplitOptions(DatasetOptions):
    """The clips of one split of a data set."""

    count: int | None = option("N", "Only the first N clips.", "--clips", min=1)

    def models(self, models: ModelOptions) -> ModelOptions:
        """The models, checked; where none are named, the generated world is embedded by the backbone that knows it.

        Raises:
            UsageError, MissingFile: as :meth:`ModelOptions.check`.
        """
        chosen = replace(models, backbone="mini") if models.backbone is None and self.dataset == GENERATED else models
        chosen.check()
        return chosen

    def opened(self, terminal: Terminal) -> Dataset:
        """The clips; those of the generated world are rendered where they are missing.

        Raises:
            UsageError: an invalid name, file or option, or a data set without labels.
            DataUnavailable: the annotations are not available.
        """
        with terminal.progress(self.dataset) as report:
            dataset = open_dataset(
                self.dataset,
                split=self.split,
                videos=self.videos,
                annotations=self.annotations,
                labels=self._labels(),
                limit=self.count,
                progress=lambda done, total: report("clips rendered", done, total),
            )
        dataset.check_labels()
        return dataset

    def _labels(self) -> list[str]:
        return []


@dataclass(frozen=True)
class ClipOptions(SplitOptions):
    """The clips of one split of a data set, or of a folder with labels of one's own."""

    events: list[str] = option(
        "NAMES",
        "For a folder: the event names, separated by commas. Default: those of its annotations.",
        "--events -l",
        default=[],
    )

    def _labels(self) -> list[str]:
        return [label.strip() for text in self.events for label in text.split(",")]


@dataclass(frozen=True)
class DatasetSettingOptions(SettingOptions):
    """Settings whose default profile depends on the data set."""

    profile: str | None = profile_option("released for llp and ave, else practical")

    def for_dataset(self, dataset: Dataset, backbone: str) -> Settings:
        """The profile's settings (by default the data set's profile), changed by the file's, then by each ``name=value``.

        How candidates are validated belongs to the task: a file with all settings, as tuning on another data set writes it, does not change it.

        Raises:
            UsageError: an invalid name or value.
        """
        values = self.in_file()
        named = values.get("profile")
        profile = profile_of(dataset) if self.profile is None and named is None else self.profile
        rule = validation_rule_of(dataset, str(profile or named))
        # A file with some settings is explicit about those; one with all of them is not explicit about any.
        is_explicit = "validation_rule" in values and len(values) < len(fields(Settings))
        own = [] if rule is None or is_explicit else [f"validation_rule={rule.value}"]
        return SettingOptions(profile, self.settings_file, [*own, *self.assignments]).settings(backbone)
