"""A data set, a backbone and settings, all from options, ready for an experiment."""

from dataclasses import dataclass
from typing import Any

from av2a.backbones.base import Backbone
from av2a.cli.common_options import StoreOptions, TalkOptions
from av2a.cli.dataset_options import DatasetSettingOptions, SplitOptions
from av2a.cli.model_options import ModelOptions
from av2a.cli.result_options import ResultOptions
from av2a.cli.terminal import Terminal
from av2a.datasets import Dataset, Task
from av2a.datasets.opening import GENERATED
from av2a.errors import UsageError
from av2a.features.store import Store
from av2a.research.evaluate import remarks_of
from av2a.research.evaluation_report import settings_line
from av2a.research.replay import Replay
from av2a.research.results import left_out_lines
from av2a.research.sheets import Part, results_of, sheets
from av2a.research.tables import notes
from av2a.research.tune import replayed
from av2a.research.watching import Watch, watch
from av2a.settings import Settings
from av2a.wording import some


@dataclass(frozen=True)
class ExperimentOptions:
    """What every experiment on a data set takes, besides its clips."""

    models: ModelOptions
    how: DatasetSettingOptions
    kept: StoreOptions
    output: ResultOptions
    talk: TalkOptions


@dataclass(frozen=True)
class MethodOnClips:
    """What an experiment needs; clips are embedded when an experiment asks for them."""

    dataset: Dataset
    backbone: Backbone
    settings: Settings
    store: Store | None
    terminal: Terminal

    @classmethod
    def chosen(cls, clips: SplitOptions, given: ExperimentOptions) -> "MethodOnClips":
        """All of it; what costs least to refuse is refused first.

        Raises:
            UsageError: an invalid name, value or file.
            DataUnavailable: the annotations are not available.
            WeightsUnavailable: a model is not available.
        """
        given.output.check()
        models, terminal = clips.models(given.models), given.talk.terminal()
        given.how.settings(models.name)
        store = given.kept.opened(terminal)
        dataset = clips.opened(terminal)
        settings = given.how.for_dataset(dataset, models.name)
        loaded = models.loaded(settings.profile, terminal)
        if loaded.note is not None and dataset.name != GENERATED:
            terminal.warn(loaded.note)
        return cls(dataset, loaded, settings, store, terminal)

    def watched(self, dataset: Dataset | None = None) -> Watch:
        """The embedded clips of the data set, or of ``dataset``; those left out are reported."""
        clips = dataset or self.dataset
        with self.terminal.progress(f"{clips.name}, {clips.split}") as report:
            found = watch(clips, self.backbone, self.settings, self.store, progress=report)
        self.terminal.say(f"{clips.name}, {clips.split}: {clips.of_total(len(found.watched))}")
        for line in left_out_lines(("", each) for each in found.left_out):
            self.terminal.say(line)
        return found

    def check_parsing(self) -> None:
        """Refuse a data set without the ten numbers, before anything is encoded for them.

        Raises:
            UsageError: it is one of localization.
        """
        if self.dataset.task is Task.LOCALIZATION:
            raise UsageError(
                f"{self.dataset.name} has one event a second and no ten numbers: choose llp, synthetic or a folder"
            )

    def replay(self, watched: Watch) -> Replay:
        """The clips, to be parsed with any settings.

        Raises:
            NoClips: no video can be used.
        """
        return replayed(watched, self.dataset, self.backbone, self.settings)

    def give(self, part: Part, watched: Watch, output: ResultOptions, *others: Watch) -> None:
        """Print and write what an experiment measured on ``watched``, and name the videos of all that could not be used.

        Raises:
            typer.Exit: there are some.
        """
        results = results_of(sheets([part], at_hand={self.dataset.name}), self._about(watched))
        output.give(results, self.terminal, failed=failures(*others, watched))

    def _about(self, watched: Watch) -> dict[str, Any]:
        info = self.backbone.info
        about: dict[str, Any] = {
            "dataset": self.dataset.name,
            "split": self.dataset.split,
            "videos": self.dataset.of_total(len(watched.watched)).removesuffix(" videos"),
            "backbone": info.name,
            "backbone_digest": info.digest,
            "profile": self.settings.profile,
            "values": settings_line(self.settings).partition(": ")[2],
            "settings": self.settings.as_dict(),
        }
        lines = {
            "left_out": "; ".join(left_out_lines(("", each) for each in watched.left_out)),
            "remarks": "; ".join((*self.dataset.remarks, *remarks_of(watched.watched))),
        }
        return about | {name: text for name, text in lines.items() if text} | notes(self.dataset.name)


def failures(*watched: Watch) -> list[str]:
    """A line that names the videos that are available and could not be used; none where there are no such videos."""
    failed = [each.name for found in watched for each in found.left_out if each.has_failed]
    return [f"{len(failed)} of {sum(found.total for found in watched)} videos failed: {some(failed)}"] if failed else []
