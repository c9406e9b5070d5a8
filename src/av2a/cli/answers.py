"""Answers printed and written: one that fails never stops the others, and none is lost because a file or a stream is."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from av2a.cli.exit_status import ExitStatus
from av2a.cli.failure import code, exit_status, is_printed, print_failure
from av2a.cli.outputs import OutputOptions, write_all
from av2a.cli.printed_answer import how_to_lower_the_bar, show_answer
from av2a.cli.terminal import Terminal
from av2a.exports import write_several
from av2a.exports.json import as_dict, dumps
from av2a.types import Detection, Event


@dataclass(kw_only=True)
class Answers:
    """What has been answered and what has failed so far."""

    output: OutputOptions
    terminal: Terminal
    total: int
    """How many answers were requested."""
    debug: bool
    shared: Sequence[Path] = ()
    """The files that have all answers."""
    kept: list[Detection] = field(default_factory=list)
    """The answers for those."""
    written: list[Path] = field(default_factory=list)
    errors: list[tuple[Path, Exception]] = field(default_factory=list)
    """Files without an answer."""
    some_lost: bool = False
    """Whether a part of an answer could not be written."""

    def fail(self, file: Path, error: Exception) -> None:
        """Report a file without an answer now, and once more at the end, where it is seen."""
        self.errors.append((file, error))
        print_failure(error, debug=self.debug, about=file.name)

    def give(self, file: Path, detection: Detection, outputs: Sequence[Path], truth: Sequence[Event]) -> None:
        """Print an answer, then write its files: what cannot be written is named, and the rest is still done."""
        for warning in detection.warnings:
            # A caution about the whole answer stands on stdout, above it.
            if warning != detection.caution or self.output.as_json:
                self.terminal.warn(f"{file.name}: {warning}")
        shown = is_printed(
            lambda: self._print(detection, truth), debug=self.debug, beside_files=bool(outputs or self.shared)
        )
        written = write_all(detection, outputs, truth, overwrite=self.output.overwrite, debug=self.debug)
        self.written += written
        self.some_lost |= not shown or len(written) < len(outputs)
        if self.shared:
            # No format with room for several answers has their traces.
            self.kept.append(replace(detection, traces=()))
        if detection.closest is not None:
            self.terminal.say(how_to_lower_the_bar(detection.closest, detection.settings))

    def _print(self, detection: Detection, truth: Sequence[Event]) -> None:
        if not self.output.as_json:
            show_answer(self.terminal, detection, truth, apart=self.total > 1)
        elif self.total > 1:
            self.terminal.show_text(json.dumps(as_dict(detection), ensure_ascii=False, allow_nan=False) + "\n")
        else:
            self.terminal.show_text(dumps(detection))

    def write_shared(self) -> None:
        """Write the files that have all answers, also where there will be no more because the user interrupts."""
        if self.kept:
            for path in self.shared:
                try:
                    write_several(self.kept, path, overwrite=self.output.overwrite)
                    self.written.append(path)
                except Exception as error:  # noqa: BLE001 - whatever it is, the other files are written
                    self.some_lost = True
                    print_failure(error, debug=self.debug, about=path.name)

    def finished(self) -> int:
        """Say where the results are and what has failed; the exit status."""
        if self.written:
            self.terminal.say(f"results: {', '.join(map(str, self.written))}")
        if self.errors and self.total > 1:
            names = ", ".join(f"{file} ({code(error)})" for file, error in self.errors)
            self.terminal.fail(f"av2a: {len(self.errors)} of {self.total} files failed: {names}")
        if not self.errors and not self.some_lost:
            return ExitStatus.DONE
        if len(self.errors) < self.total:
            return ExitStatus.SOME_FAILED
        statuses = {exit_status(error) for _, error in self.errors}
        return statuses.pop() if len(statuses) == 1 else ExitStatus.NO_INPUT
