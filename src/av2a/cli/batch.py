"""Runs one call of ``detect`` over its videos: one that fails never stops the others."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from av2a.cli.exit_status import ExitStatus
from av2a.cli.failure import code, exit_status, print_failure
from av2a.cli.inputs import check_exists
from av2a.cli.model_options import ModelOptions
from av2a.cli.outputs import OutputOptions, write_all
from av2a.cli.printed_answer import how_to_lower_the_bar, show_answer, streams_line
from av2a.cli.safe_text import terminal_safe
from av2a.cli.setting_options import MediaOptions
from av2a.cli.terminal import Report, Terminal
from av2a.cli.truth import truth_of
from av2a.detector import Answer, Detector, detect_scored
from av2a.errors import ReaderGone, StdoutFailed
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
    """Another model's scores of it, used instead of a backbone."""


@dataclass(frozen=True)
class Request:
    """What is the same for every video."""

    labels: tuple[str, ...]
    """With scores from files: empty for all labels of the files."""
    models: ModelOptions
    settings: Settings
    media: MediaOptions
    limits: Limits
    output: OutputOptions
    truth: Path | None
    dry_run: bool
    debug: bool


def run(jobs: Sequence[Job], request: Request, terminal: Terminal) -> int:
    """Answer all jobs in turn; the exit status.

    Raises:
        WeightsUnavailable: the backbone is not available, so that no video can be answered.
        DataUnavailable, InvalidAnnotations: there is no truth where it is said to be, or it is malformed.
        StdoutFailed: stdout cannot be written, and the answers go nowhere else.
    """
    batch = _Batch(request, terminal, len(jobs))
    truth = truth_of([job.video for job in jobs], request.truth) if request.truth is not None else {}
    opened = [(job, clip) for job in jobs if (clip := batch.opened(job)) is not None]
    if request.dry_run:
        batch.check(opened)
    elif opened:
        for (job, _), answer in zip(opened, batch.answers(opened), strict=True):
            if answer.detection is None:
                batch.fail(job.video, answer.reason)
            else:
                batch.give(job, answer.detection, truth.get(job.video, []))
    return batch.finished()


@dataclass
class _Batch:
    """What has been done and what has failed so far."""

    request: Request
    terminal: Terminal
    videos: int
    written: list[Path] = field(default_factory=list)
    errors: list[tuple[Path, Exception]] = field(default_factory=list)
    """Videos without an answer."""
    some_lost: bool = False
    """Whether a part of an answer could not be written."""
    began: float = field(default_factory=time.monotonic)
    report: Report = field(default=lambda stage, done, total: None)
    """Shows how far the next answer is."""

    def fail(self, video: Path, error: Exception) -> None:
        """Report a video without an answer now, and once more at the end, where it is seen."""
        self.errors.append((video, error))
        print_failure(error, debug=self.request.debug, about=video.name)

    def opened(self, job: Job) -> Clip | None:
        """The opened video, before a model is loaded for it; None for one that cannot be used."""
        media = self.request.media
        try:
            check_exists(job.video)
            with self.terminal.progress(f"opening {job.video.name}"):
                clip = open_clip(
                    job.video,
                    video_stream=media.video_stream,
                    audio_stream=media.audio_stream,
                    limits=self.request.limits,
                )
        except Exception as error:  # noqa: BLE001 - whatever it is, the other videos are answered
            self.fail(job.video, error)
            return None
        self.terminal.detail(f"{clip.name}: {streams_line(clip)}")
        return clip

    def check(self, opened: Sequence[tuple[Job, Clip]]) -> None:
        """Print what would be done, as far as it is known to succeed.

        Raises:
            WeightsUnavailable, InvalidSetting: the models could not be loaded.
        """
        if any(job.scores is None for job, _ in opened):
            self.request.models.check_available(self.request.settings.profile)
        for job, clip in opened:
            answer = None if job.scores is None else self._by_scores(job, clip)
            if answer is not None and answer.detection is None:
                self.fail(job.video, answer.reason)
                continue
            self.terminal.show_text(f"{terminal_safe(job.video.name)}: {streams_line(clip)}\n")
            for path in job.outputs:
                self.terminal.show_text(f"  would write {terminal_safe(str(path))}\n")
            for warning in clip.warnings:
                self.terminal.warn(f"{clip.name}: {warning}")

    def answers(self, opened: Sequence[tuple[Job, Clip]]) -> Iterator[Answer]:
        """The answer to each video in turn."""
        if opened[0][0].scores is not None:
            yield from (self._by_scores(job, clip) for job, clip in opened)
            return
        request = self.request
        backbone = request.models.loaded(request.settings.profile, self.terminal)
        info = backbone.info
        self.terminal.detail(f"backbone {info.name}: {info.visual}; {info.audio}; {info.device} in {info.precision}")
        clips = [clip for _, clip in opened]
        found = Detector(backbone).map(
            clips,
            request.labels,
            request.settings,
            limits=request.limits,
            progress=lambda *stage: self.report(*stage),
        )
        self.began = time.monotonic()
        for number, clip in enumerate(clips, start=1):
            title = clip.name if len(clips) == 1 else f"{number}/{len(clips)} {clip.name}"
            # The bar is gone while an answer is printed.
            with self.terminal.progress(title) as self.report:
                answer = next(found)
            yield answer

    def _by_scores(self, job: Job, clip: Clip) -> Answer:
        assert job.scores is not None
        request = self.request
        try:
            file = read_scores(job.scores)
            file = file.only(request.labels) if request.labels else file
            found = detect_scored(clip, file.labels, file.scored, request.settings, file.source, limits=request.limits)
            return Answer(clip, found)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other videos are answered
            return Answer(clip, error=error)

    def give(self, job: Job, detection: Detection, truth: Sequence[Event]) -> None:
        """Print an answer, then write its files: what cannot be written is named, and the rest is still done."""
        for warning in detection.warnings:
            # A caution about the whole answer stands on stdout, above it.
            if warning != detection.caution or self.request.output.as_json:
                self.terminal.warn(f"{job.video.name}: {warning}")
        self._print(detection, truth)
        output = self.request.output
        written = write_all(detection, job.outputs, truth, overwrite=output.overwrite, debug=self.request.debug)
        self.written += written
        self.some_lost |= len(written) < len(job.outputs)
        if detection.closest is not None:
            self.terminal.say(how_to_lower_the_bar(detection.closest, detection.settings))
        seconds, self.began = time.monotonic() - self.began, time.monotonic()
        self.terminal.say(
            f"{detection.clip.name}: {len(detection.events)} events, {detection.clip.duration_seconds:.1f} s of media "
            f"in {seconds:.1f} s ({detection.backbone.name}, {detection.settings.profile})"
        )

    def _print(self, detection: Detection, truth: Sequence[Event]) -> None:
        try:
            if not self.request.output.as_json:
                show_answer(self.terminal, detection, truth, apart=self.videos > 1)
            elif self.videos > 1:
                self.terminal.show_text(json.dumps(as_dict(detection), ensure_ascii=False, allow_nan=False) + "\n")
            else:
                self.terminal.show_text(dumps(detection))
        except StdoutFailed as error:
            if not self.request.output.outputs:
                raise
            # The files are what the user keeps.
            if not isinstance(error, ReaderGone):
                self.some_lost = True
                print_failure(error, debug=self.request.debug)

    def finished(self) -> int:
        """Say where the results are and what has failed; the exit status."""
        if self.written:
            self.terminal.say(f"results: {', '.join(map(str, self.written))}")
        if self.errors and self.videos > 1:
            names = ", ".join(f"{video} ({code(error)})" for video, error in self.errors)
            self.terminal.fail(f"av2a: {len(self.errors)} of {self.videos} videos failed: {names}")
        if not self.errors and not self.some_lost:
            return ExitStatus.DONE
        if len(self.errors) < self.videos:
            return ExitStatus.SOME_FAILED
        statuses = {exit_status(error) for _, error in self.errors}
        return statuses.pop() if len(statuses) == 1 else ExitStatus.NO_INPUT
