"""What the experiments on one data set have in common: clips, models, settings, all from their options, watched and ready to be parsed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from av2a.cli.dataset_options import chosen_dataset, chosen_store, dataset_settings
from av2a.cli.exit_status import ExitStatus
from av2a.cli.model_options import Models
from av2a.cli.setting_options import chosen_settings
from av2a.errors import UsageError
from av2a.settings import Settings

if TYPE_CHECKING:
    from av2a.backbones.base import Backbone
    from av2a.cli.terminal import Terminal
    from av2a.datasets import Dataset
    from av2a.features.store import Store
    from av2a.research.replay import Replay
    from av2a.research.watching import Watch


@dataclass(frozen=True)
class ClipsAsked:
    """Which clips, as their options say."""

    name: str
    split: str | None
    videos: Path | None
    annotations: Path | None
    events: Sequence[str]
    limit: int | None


@dataclass(frozen=True)
class SettingsAsked:
    """Which settings, as their options say."""

    profile: str | None
    file: Path | None
    assignments: Sequence[str]


@dataclass(frozen=True)
class MethodOnClips:
    """A data set, a backbone and settings; the clips are watched when they are asked for."""

    dataset: "Dataset"
    backbone: "Backbone"
    settings: Settings
    store: "Store | None"
    terminal: "Terminal"

    @classmethod
    def chosen(
        cls,
        clips: ClipsAsked,
        models: Models,
        how: SettingsAsked,
        *,
        store: Path | None,
        no_store: bool,
        terminal: "Terminal",
    ) -> "MethodOnClips":
        """All of it, refused in the order of what it costs to find out.

        Raises:
            UsageError: a name, a value or a file that cannot be meant.
            DataUnavailable: the annotations are not at hand.
            WeightsUnavailable: a model is not at hand.
        """
        from av2a.datasets.opening import GENERATED

        chosen_settings(how.profile, how.file, how.assignments, backbone=models.name)
        kept = chosen_store(store, terminal, no_store=no_store)
        dataset = chosen_dataset(
            clips.name,
            terminal,
            split=clips.split,
            videos=clips.videos,
            annotations=clips.annotations,
            events=clips.events,
            limit=clips.limit,
        )
        settings = dataset_settings(dataset, how.profile, how.file, how.assignments, backbone=models.name)
        loaded = models.loaded(settings.profile, terminal)
        if loaded.note is not None and dataset.name != GENERATED:
            terminal.warn(loaded.note)
        if kept is not None:
            terminal.detail(f"embeddings are kept in {kept.folder}")
        return cls(dataset, loaded, settings, kept, terminal)

    def watched(self, dataset: "Dataset | None" = None) -> "Watch":
        """The clips of the data set, or of ``dataset``; what is left out is said."""
        from av2a.research.evaluation_report import left_out_lines
        from av2a.research.watching import watch

        clips = dataset or self.dataset
        with self.terminal.progress(f"{clips.name}, {clips.split}") as report:
            found = watch(clips, self.backbone, self.settings, self.store, progress=report)
        self.terminal.say(f"{clips.name}, {clips.split}: {clips.of_total(len(found.watched))}")
        for line in left_out_lines(found.left_out):
            self.terminal.say(line)
        return found

    def check_failed(self, *watched: "Watch") -> None:
        """Name the videos that are at hand and could not be used; what could be measured has been given.

        Raises:
            typer.Exit: there are some.
        """
        from av2a.datasets.rows import some

        failed = [each.name for found in watched for each in found.left_out if each.has_failed]
        if failed:
            total = sum(found.total for found in watched)
            self.terminal.fail(f"av2a: {len(failed)} of {total} videos failed: {some(failed)}")
            raise typer.Exit(ExitStatus.SOME_FAILED)

    def check_parsing(self) -> None:
        """Refuse a data set without the ten numbers, before anything is encoded for them.

        Raises:
            UsageError: it is one of localization.
        """
        from av2a.datasets import Task

        if self.dataset.task is Task.LOCALIZATION:
            raise UsageError(
                f"{self.dataset.name} has one event a second and no ten numbers: choose llp, synthetic or a folder"
            )

    def replay(self, watched: "Watch") -> "Replay":
        """The clips ready to be parsed, for the ten numbers.

        Raises:
            NoClips: no video can be used.
        """
        from av2a.research.tune import replayed

        return replayed(watched, self.dataset, self.backbone, self.settings)

    def about(self, watched: "Watch") -> dict[str, Any]:
        """What numbers are of, as plain values."""
        from av2a.research.evaluate import remarks_of
        from av2a.research.evaluation_report import left_out_lines, settings_line

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
            "left_out": "; ".join(left_out_lines(watched.left_out)),
            "remarks": "; ".join((*self.dataset.remarks, *remarks_of(watched.watched))),
        }
        return about | {name: text for name, text in lines.items() if text} | notes(self.dataset.name)


def notes(dataset: str) -> dict[str, str]:
    """What must stand beside the numbers of a data set."""
    from av2a.datasets.opening import GENERATED
    from av2a.research.tables import GENERATED_NOTE

    return {"note": GENERATED_NOTE} if dataset == GENERATED else {}
