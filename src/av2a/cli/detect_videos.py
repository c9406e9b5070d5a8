"""Runs one call of ``detect`` over its videos: one that fails never stops the others."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from av2a.cli.answers import Answers
from av2a.cli.inputs import check_exists
from av2a.cli.model_options import ModelOptions
from av2a.cli.outputs import OutputOptions
from av2a.cli.printed_answer import streams_line
from av2a.cli.safe_text import terminal_safe
from av2a.cli.setting_options import MediaOptions
from av2a.cli.terminal import Report, Terminal
from av2a.datasets.true_events import truth_of
from av2a.detector import Answer, Detector, detect_scored
from av2a.exports.scores import read_scores
from av2a.features.store import Store
from av2a.media import Limits, open_clip
from av2a.settings import Settings
from av2a.types import BackboneInfo, Clip, Detection
from av2a.wording import counted


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
    store: Store | None
    dry_run: bool
    debug: bool


def run(jobs: Sequence[Job], request: Request, terminal: Terminal) -> int:
    """Answer all jobs in turn; the exit status.

    Raises:
        WeightsUnavailable: the backbone is not available, so that no video can be answered.
        DataUnavailable, InvalidAnnotations: there is no truth where it is said to be, or it is malformed.
        StdoutFailed: stdout cannot be written, and the answers go nowhere else.
    """
    shared = request.output.shared([job.video for job in jobs])
    given = Answers(output=request.output, terminal=terminal, total=len(jobs), debug=request.debug, shared=shared)
    truth = truth_of([job.video for job in jobs], request.truth) if request.truth is not None else {}
    opened: list[tuple[Job, Clip]] = []
    for job in jobs:
        try:
            opened.append((job, _opened(job, request, terminal)))
        except Exception as error:  # noqa: BLE001 - whatever it is, the other videos are answered
            given.fail(job.video, error)
    if request.dry_run:
        _check(opened, request, given)
    elif opened:
        try:
            for (job, _), answer in zip(opened, _answers(opened, request, terminal), strict=True):
                if answer.detection is None:
                    given.fail(job.video, answer.reason)
                else:
                    given.give(job.video, answer.detection, job.outputs, truth.get(job.video, []))
        finally:
            given.write_shared()
    return given.finished()


def _opened(job: Job, request: Request, terminal: Terminal) -> Clip:
    """The video, before a model is loaded for it."""
    check_exists(job.video)
    media = request.media
    with terminal.progress(f"opening {job.video.name}"):
        clip = open_clip(
            job.video, video_stream=media.video_stream, audio_stream=media.audio_stream, limits=request.limits
        )
    terminal.detail(f"{clip.name}: {streams_line(clip)}")
    return clip


def _check(opened: Sequence[tuple[Job, Clip]], request: Request, given: Answers) -> None:
    """Print what would be done, as far as it is known to succeed.

    Raises:
        WeightsUnavailable, InvalidSetting: the models could not be loaded.
    """
    if any(job.scores is None for job, _ in opened):
        request.models.check_available(request.settings.profile)
    for job, clip in opened:
        answer = None if job.scores is None else _by_scores(job.scores, clip, request)
        if answer is not None and answer.detection is None:
            given.fail(job.video, answer.reason)
            continue
        given.terminal.show_text(f"{terminal_safe(job.video.name)}: {streams_line(clip)}\n")
        for path in job.outputs:
            given.terminal.show_text(f"  would write {terminal_safe(str(path))}\n")
        for warning in clip.warnings:
            given.terminal.warn(f"{clip.name}: {warning}")
    for path in given.shared:
        given.terminal.show_text(f"all: would write {terminal_safe(str(path))}\n")


def _answers(opened: Sequence[tuple[Job, Clip]], request: Request, terminal: Terminal) -> Iterator[Answer]:
    """The answer to each video in turn; how long each took is reported when the next one is asked for."""
    bars: list[Report] = []
    found = _found(opened, request, terminal, lambda *stage: bars[-1](*stage))
    for number, (_, clip) in enumerate(opened, start=1):
        began, title = time.monotonic(), clip.name if len(opened) == 1 else f"{number}/{len(opened)} {clip.name}"
        # The bar is gone while an answer is printed.
        with terminal.progress(title) as report:
            bars.append(report)
            answer = next(found)
        seconds = time.monotonic() - began
        yield answer
        if answer.detection is not None:
            terminal.say(_summary(answer.detection, seconds))
    # What comes after the last answer.
    next(found, None)


def _found(
    opened: Sequence[tuple[Job, Clip]], request: Request, terminal: Terminal, progress: Report
) -> Iterator[Answer]:
    if opened[0][0].scores is not None:
        return (_by_scores(job.scores, clip, request) for job, clip in opened if job.scores is not None)
    backbone = request.models.loaded(request.settings.profile, terminal)
    info = backbone.info
    terminal.detail(f"backbone {info.name}: {info.visual}; {info.audio}; {info.device} in {info.precision}")
    detector = Detector(backbone, store=request.store)
    clips = [clip for _, clip in opened]
    answers = detector.map(clips, request.labels, request.settings, progress, limits=request.limits)
    return chain(answers, _grown(request, backbone.info))


def _grown(request: Request, info: BackboneInfo) -> Iterator[Answer]:
    """No answer: what was stored becomes a part of the library."""
    if request.store is not None:
        from av2a.corpora.library_folder import grow

        grow(request.store, info, request.settings)
    yield from ()


def _by_scores(scores: Path, clip: Clip, request: Request) -> Answer:
    try:
        file = read_scores(scores)
        file = file.only(request.labels) if request.labels else file
        found = detect_scored(clip, file.labels, file.scored, request.settings, file.source, limits=request.limits)
        return Answer(clip, found)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other videos are answered
        return Answer(clip, error=error)


def _summary(detection: Detection, seconds: float) -> str:
    clip = detection.clip
    return (
        f"{clip.name}: {counted(len(detection), 'event')}, {clip.duration_seconds:.1f} s of media in {seconds:.1f} s "
        f"({detection.backbone.name}, {detection.settings.profile})"
    )
