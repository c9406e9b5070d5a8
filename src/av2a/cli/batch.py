"""``av2a batch``: any number of videos, each answered once whatever is killed and when."""

import json
import os
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from av2a.cli.command import argument, command, default_command_group, flag, option
from av2a.cli.common_options import WHERE, JsonOptions, StoreOptions, TalkOptions
from av2a.cli.detect import LabelOptions
from av2a.cli.exit_status import ExitStatus
from av2a.cli.failure import is_printed
from av2a.cli.help_text import Example
from av2a.cli.model_options import ModelOptions
from av2a.cli.setting_options import LimitOptions, SettingOptions
from av2a.cli.sizes import bytes_of
from av2a.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from av2a.cli.terminal import Terminal
    from av2a.corpora.batch import BatchProgress, BatchSummary, Engine
    from av2a.corpora.manifest import JobRecord
    from av2a.corpora.worker import WorkerSetup

ENGINES = ("processes", "ray")

RUN_EXAMPLE = Example("av2a batch my-videos/ --labels names.txt -o answers", "every video of a folder; again to go on")
SHARD_EXAMPLE = Example(
    "av2a batch 'my-videos/*.mp4' --labels names.txt -o shard --shard 1/2", "the first half, for a scheduler"
)
STATUS_EXAMPLE = Example("av2a batch status done", "what has become of each, and why")
MERGE_EXAMPLE = Example("av2a batch merge done -o merged", "one manifest and one pair of tables of several shards")


@dataclass(frozen=True)
class SourceArguments:
    """The videos."""

    sources: list[str] = argument(
        "SOURCE",
        "Videos, folders, patterns in quotes, lists (.txt), or tables of paths (.csv, .tsv, .parquet), which may have labels, "
        "video_stream and audio_stream for a row.",
    )


@dataclass(frozen=True)
class BatchLabelOptions(LabelOptions):
    """The labels, in a file or on the command line."""

    events_file: Path | None = option(
        "FILE", "A text file, one name a line; # starts a comment.", "--labels --events-file"
    )


@dataclass(frozen=True)
class BatchOutputOptions:
    """Where the batch is kept."""

    panel = WHERE
    out: Path = option(
        "OUT",
        "The folder of the batch: its manifest, an answer for each video, and tables at the end.",
        "--output -o",
        default=MISSING,
    )
    save_scores: bool = flag("Keep all scores and thresholds in the answers.", "--save-scores")
    restart: bool = flag("Forget the batch that OUT has, and begin anew.", "--restart")
    retry_failed: bool = flag("Try videos again that have failed.", "--retry-failed")


@dataclass(frozen=True)
class WorkerOptions:
    """What runs the workers."""

    panel = "Workers"
    workers: int = option("N", "Videos at a time.", default=1, min=1, max=10_000)
    engine: str = option(
        "NAME",
        "What runs them: processes, on this machine; or ray, here or on a cluster.",
        default="processes",
        autocompletion=lambda: list(ENGINES),
    )
    time_limit: float = option("SECONDS", "The longest that a video may take.", default=3600.0, min=0.1)
    memory_limit: str | None = option("SIZE", "The most memory of a worker, such as 4GB.")
    shard: str | None = option("I/N", "Only this part of the videos; put together by av2a batch merge.")
    ray_address: str | None = option("ADDRESS", "A Ray cluster that runs, or auto.")
    ray_cpus: float = option("COUNT", "Processors of each worker.", default=1.0, min=0.0)
    ray_gpus: float = option("COUNT", "GPUs of each worker.", default=0.0, min=0.0)
    object_store: str = option("SIZE", "Memory for Ray's objects.", default="200MB")

    def check(self) -> None:
        """Refuse what cannot be, before anything is opened.

        Raises:
            UnknownName: no such engine.
            UsageError: a size that is none, or options of Ray without it.
        """
        if self.engine not in ENGINES:
            raise UnknownName.among("engine", self.engine, ENGINES)
        if self.ray_address is not None and self.engine != "ray":
            raise UsageError("--ray-address is of --engine ray: give both")
        self._memory_bytes()

    def built(self, setup: "WorkerSetup") -> "Engine":
        """The engine, with nothing started."""
        from av2a.corpora.isolation import WorkerLimits

        own = max(1, (os.cpu_count() or 1) // self.workers)
        threads = own if self.engine == "processes" else max(1, int(self.ray_cpus))
        limits = WorkerLimits(seconds=self.time_limit, memory_bytes=self._memory_bytes(), threads=threads)
        if self.engine == "processes":
            from av2a.corpora.processes import ProcessEngine

            return ProcessEngine(setup, limits, self.workers)
        from av2a.corpora.on_ray import RayEngine, RayOptions

        options = RayOptions(
            address=self.ray_address,
            workers=self.workers,
            cpus=self.ray_cpus,
            gpus=self.ray_gpus,
            object_store_bytes=bytes_of(self.object_store) or RayOptions.object_store_bytes,
            memory_bytes=self._memory_bytes(),
        )
        return RayEngine(setup, limits, options)

    def _memory_bytes(self) -> int | None:
        return None if self.memory_limit is None else bytes_of(self.memory_limit)


@command(RUN_EXAMPLE, SHARD_EXAMPLE, name="run")
def run(
    given: SourceArguments,
    what: BatchLabelOptions,
    models: ModelOptions,
    how: SettingOptions,
    limit: LimitOptions,
    output: BatchOutputOptions,
    workers: WorkerOptions,
    kept: StoreOptions,
    shown: JsonOptions,
    talk: TalkOptions,
) -> None:
    """Answer every video once, and go on where an earlier call was killed. The word run may be left out.

    OUT gets a manifest of all videos (JSON lines), an answer for each video, and at the end events.parquet and videos.parquet.
    A video that kills its worker or takes too long is tried once more, alone, and then has failed.
    """
    workers.check()
    models.check()
    settings = how.settings(models.name)
    labels = what.labels()
    from av2a.backbones.registry import default_precision
    from av2a.corpora.batch import BatchFolder, run_batch
    from av2a.corpora.jobs import jobs_of, read_shard
    from av2a.corpora.library_folder import grow
    from av2a.corpora.worker import WorkerSetup
    from av2a.labels import checked_labels

    terminal, limits = talk.terminal(), limit.limits()
    store = kept.opened(terminal, must_keep=False)
    folder = BatchFolder(output.out, None if workers.shard is None else read_shard(workers.shard))
    jobs, skipped = jobs_of(given.sources)
    setup = WorkerSetup(
        labels=checked_labels(labels, limits.labels),
        settings=settings,
        backbone=models.name,
        device=models.device,
        precision=models.precision or default_precision(settings.profile),
        weights=models.weights,
        visual_model=models.visual_model,
        audio_model=models.audio_model,
        store=None if store is None else store.folder.absolute(),
        limits=limits,
        traces=output.save_scores,
    )
    reporter = _Reporter(terminal, as_json=shown.as_json, debug=talk.debug)
    with terminal.progress(str(output.out)) as bar:
        reporter.bar = bar
        summary = run_batch(
            folder,
            jobs,
            skipped,
            setup,
            workers.built(setup),
            restart=output.restart,
            retry_failed=output.retry_failed,
            progress=reporter.report,
            grow=(lambda info: None) if store is None else lambda info: grow(store, info, settings),
        )
    reporter.show(lambda: _show_summary(terminal, summary, output.out, as_json=shown.as_json, one_line=True))
    if status := _status(summary) or (ExitStatus.SOME_FAILED if reporter.some_lost else ExitStatus.DONE):
        raise typer.Exit(status)


@command(STATUS_EXAMPLE, Example("av2a batch status done --json", "for a script"), name="status")
def status(
    *,
    folder: Path = argument("OUT", "The folder of a batch."),
    shown: JsonOptions,
    talk: TalkOptions,
) -> None:
    """Say what has become of the videos of a batch, also while it runs, with a histogram of reasons."""
    from av2a.corpora.batch import read_batch, summary_of

    _show_summary(talk.terminal(), summary_of(read_batch(folder)), folder, as_json=shown.as_json)


@command(MERGE_EXAMPLE, name="merge")
def merge(
    *,
    folders: list[Path] = argument("OUT", "Folders of batches or of shards."),
    out: Path = option("OUT", "The folder of the whole.", "--output -o", default=MISSING),
    shown: JsonOptions,
    talk: TalkOptions,
) -> None:
    """Make one batch of shards that were run apart: one manifest, all answers, one pair of tables."""
    from av2a.corpora.batch import merge as merged

    _show_summary(talk.terminal(), merged(folders, out), out, as_json=shown.as_json)


batch = default_command_group(
    "batch",
    "Find the events of any number of videos, each once whatever is killed and when.",
    {"run": run, "status": status, "merge": merge},
    (RUN_EXAMPLE, SHARD_EXAMPLE, STATUS_EXAMPLE, MERGE_EXAMPLE),
    default="run",
)


@dataclass
class _Reporter:
    """What is printed while a batch runs."""

    terminal: "Terminal"
    as_json: bool
    debug: bool
    bar: Any = None
    some_lost: bool = False
    """Whether stdout could not be written."""

    def show(self, show: Callable[[], None]) -> None:
        """Print what the folder holds as well: no stdout ends a batch."""
        self.some_lost |= not is_printed(show, debug=self.debug)

    def report(self, state: "BatchProgress", record: "JobRecord | None") -> None:
        """After each video."""
        done = state.done + state.failed
        left = state.seconds_left
        words = f"{state.media_hours_per_hour:.0f} h of media/h, {state.failed} failed"
        self.bar(words if left is None else f"{words}, {_clock(left)} left, videos", done, max(state.total, 1))
        if record is None:
            if state.before:
                self.terminal.say(f"{state.before} of {state.total} videos are known already")
            return
        if record.status.value == "failed":
            self.terminal.say(f"{record.path}: {record.about.get('code')}: {record.about.get('error')}")
        if self.as_json:
            line = {
                "video": record.path,
                "status": record.status.value,
                **{
                    name: record.about[name]
                    for name in ("code", "error", "events", "seconds", "duration", "answer")
                    if record.about.get(name) is not None
                },
                "done": state.done,
                "failed": state.failed,
                "total": state.total,
                "media_hours_per_hour": round(state.media_hours_per_hour, 2),
                "seconds_left": None if left is None else round(left, 1),
            }
            self.show(lambda: self.terminal.show_text(json.dumps(line) + "\n"))


def _show_summary(
    terminal: "Terminal", summary: "BatchSummary", out: Path, *, as_json: bool, one_line: bool = False
) -> None:
    if as_json:
        plain = {"summary": {**asdict(summary), "videos": summary.videos, "folder": str(out)}}
        terminal.show_text(json.dumps(plain, indent=None if one_line else 2) + "\n")
        return
    parts = [f"{count} {status}" for status, count in summary.statuses.items() if count]
    terminal.show_text(
        f"{summary.videos} videos: {', '.join(parts) or 'none'}; {summary.events} events in "
        f"{summary.media_seconds / 3600:.2f} h of media\n"
    )
    most = max(summary.reasons.values(), default=0)
    for code, count in summary.reasons.items():
        terminal.show_text(f"  {code:<24} {count:>8} {'#' * max(1, round(40 * count / most))}\n")


def _status(summary: "BatchSummary") -> int:
    failed, done = summary.statuses["failed"], summary.statuses["done"]
    if not failed:
        return ExitStatus.DONE if done or not summary.videos else ExitStatus.NO_INPUT
    return ExitStatus.SOME_FAILED if done else ExitStatus.NO_INPUT


def _clock(seconds: float) -> str:
    """Hours and minutes; below an hour minutes and seconds.

    >>> _clock(3725), _clock(65)
    ('1 h 02 min', '1 min 05 s')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
