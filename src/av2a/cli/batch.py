"""One call over one video or many: a bad one never stops the others."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from av2a.backbones.base import Backbone
from av2a.cli.exit_status import ExitStatus
from av2a.cli.failure import code, exit_status, print_failure
from av2a.cli.inputs import check_exists
from av2a.cli.known_truth import known_truth
from av2a.cli.model_options import Models
from av2a.cli.printed_answer import how_to_lower_the_bar, show_answer, streams_line
from av2a.cli.safe_text import terminal_safe
from av2a.cli.terminal import Terminal
from av2a.detector import detect, detect_scored
from av2a.exports import write
from av2a.exports.json import as_dict, dumps
from av2a.exports.scores import read_scores
from av2a.media import Limits, open_clip
from av2a.settings import Settings
from av2a.types import Clip, Detection, Event


@dataclass(frozen=True)
class Job:
    """A video, and the files that its answer goes to."""

    video: Path
    outputs: tuple[Path, ...]
    scores: Path | None = None
    """Where another model's scores of it are, to be taken instead of a backbone's."""


@dataclass(frozen=True)
class Asked:
    """What is asked of every video alike."""

    labels: tuple[str, ...]
    """Of scores from files, all that are in a file when none is asked for."""
    models: Models
    settings: Settings
    limits: Limits
    video_stream: int | None
    audio_stream: int | None
    overwrite: bool
    as_json: bool
    dry_run: bool
    debug: bool


def run(jobs: Sequence[Job], asked: Asked, terminal: Terminal) -> int:
    """All jobs one after another; the exit status.

    Raises:
        WeightsUnavailable: the backbone is not at hand, so that nothing can be done for any video.
    """
    failures = _Failures(debug=asked.debug)
    opened: list[tuple[Job, Clip]] = []
    for job in jobs:
        failures.none_in(job.video, partial(_check, job, asked, terminal, opened))
    if opened and not asked.dry_run:
        _detect_all(opened, asked, terminal, failures, several=len(jobs) > 1)
    if len(jobs) > 1:
        failures.sum_up(len(jobs), terminal)
    return failures.status(len(jobs))


@dataclass
class _Failures:
    """What went wrong with which video; said when it happens, and once more at the end."""

    debug: bool
    errors: list[tuple[Path, Exception]] = field(default_factory=list)

    def none_in(self, video: Path, step: Callable[[], None]) -> bool:
        """Take a step for ``video``; whether it was taken to its end."""
        try:
            step()
        except BrokenPipeError:
            # Nobody listens to the others' answers either.
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the other videos are done
            self.errors.append((video, error))
            print_failure(error, debug=self.debug, about=video.name)
            return False
        return True

    def sum_up(self, videos: int, terminal: Terminal) -> None:
        """Name the failed ones, at the end, where they are seen."""
        if self.errors:
            names = ", ".join(f"{video} ({code(error)})" for video, error in self.errors)
            terminal.fail(f"av2a: {len(self.errors)} of {videos} videos failed: {names}")

    def status(self, videos: int) -> int:
        """The exit status over all videos."""
        if not self.errors:
            return ExitStatus.DONE
        if len(self.errors) < videos:
            return ExitStatus.SOME_FAILED
        statuses = {exit_status(error) for _, error in self.errors}
        return statuses.pop() if len(statuses) == 1 else ExitStatus.NO_INPUT


def _check(job: Job, asked: Asked, terminal: Terminal, opened: list[tuple[Job, Clip]]) -> None:
    """Open a video, or refuse one that cannot be used, before a model is loaded for it."""
    check_exists(job.video)
    with terminal.progress(f"opening {job.video.name}"):
        clip = open_clip(
            job.video, video_stream=asked.video_stream, audio_stream=asked.audio_stream, limits=asked.limits
        )
    opened.append((job, clip))
    if asked.dry_run:
        terminal.show_text(f"{terminal_safe(job.video.name)}: {streams_line(clip)}\n")
        for path in job.outputs:
            terminal.show_text(f"  would write {terminal_safe(str(path))}\n")
        for warning in clip.warnings:
            terminal.warn(f"{clip.name}: {warning}")
    else:
        terminal.detail(f"{clip.name}: {streams_line(clip)}")


def _detect_all(
    opened: Sequence[tuple[Job, Clip]], asked: Asked, terminal: Terminal, failures: _Failures, *, several: bool
) -> None:
    backbone = _loaded(asked, terminal) if any(job.scores is None for job, _ in opened) else None
    written: list[Path] = []
    for place, (job, clip) in enumerate(opened, start=1):
        title = f"{place}/{len(opened)} {clip.name}" if several else clip.name
        one = partial(_detect_one, job, clip, asked, backbone, terminal, title, several=several)
        done = failures.none_in(job.video, one)
        if done:
            written += job.outputs
    if written:
        terminal.say(f"results: {', '.join(map(str, written))}")


def _loaded(asked: Asked, terminal: Terminal) -> Backbone:
    backbone = asked.models.loaded(asked.settings.profile, terminal)
    info = backbone.info
    terminal.detail(f"backbone {info.name}: {info.visual}; {info.audio}; {info.device} in {info.precision}")
    if backbone.note:
        terminal.say(f"note: {backbone.note}")
    return backbone


def _detect_one(
    job: Job, clip: Clip, asked: Asked, backbone: Backbone | None, terminal: Terminal, title: str, *, several: bool
) -> None:
    began = time.monotonic()
    if backbone is None:
        detection = _by_scores(job, clip, asked)
    else:
        with terminal.progress(title) as report:
            detection = detect(clip, asked.labels, backbone, asked.settings, limits=asked.limits, progress=report)
    for warning in detection.warnings:
        # The backbone's note is in every answer, and was said once for all.
        if backbone is None or warning != backbone.note:
            terminal.warn(f"{job.video.name}: {warning}")
    truth = known_truth(job.video)
    # Files first: whoever reads stdout may stop reading.
    for path in job.outputs:
        write(detection, path, overwrite=asked.overwrite, truth=truth)
    _show(detection, asked, terminal, truth, several=several)
    _say_how_it_went(detection, terminal, time.monotonic() - began)


def _by_scores(job: Job, clip: Clip, asked: Asked) -> Detection:
    assert job.scores is not None
    file = read_scores(job.scores)
    file = file.only(asked.labels) if asked.labels else file
    return detect_scored(clip, file.labels, file.scored, asked.settings, file.source, limits=asked.limits)


def _show(detection: Detection, asked: Asked, terminal: Terminal, truth: Sequence[Event], *, several: bool) -> None:
    if not asked.as_json:
        show_answer(terminal, detection, truth, apart=several)
    elif several:
        terminal.show_text(json.dumps(as_dict(detection), ensure_ascii=False, allow_nan=False) + "\n")
    else:
        terminal.show_text(dumps(detection))


def _say_how_it_went(detection: Detection, terminal: Terminal, seconds: float) -> None:
    if detection.closest is not None:
        terminal.say(how_to_lower_the_bar(detection.closest, detection.settings))
    clip = detection.clip
    terminal.say(
        f"{clip.name}: {len(detection.events)} events, {clip.duration_seconds:.1f} s of media in {seconds:.1f} s "
        f"({detection.backbone.name}, {detection.settings.profile})"
    )
