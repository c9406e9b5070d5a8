"""``av2a library``: all videos that were embedded, and whether their files are still what they were."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from av2a.cli.command import argument, command, command_group, option
from av2a.cli.common_options import JsonOptions, TalkOptions
from av2a.cli.exit_status import ExitStatus
from av2a.cli.failure import print_failure
from av2a.cli.help_text import Example
from av2a.cli.model_options import ModelOptions
from av2a.cli.safe_text import terminal_safe
from av2a.cli.setting_options import LimitOptions, SettingOptions
from av2a.cli.sizes import size_text
from av2a.errors import NoClips, UsageError
from av2a.paths import embeddings_folder
from av2a.wording import counted

if TYPE_CHECKING:
    from av2a.cli.terminal import Terminal
    from av2a.corpora.library_folder import LibraryFolder
    from av2a.features.store import Store

INFO_EXAMPLE = Example("av2a library info", "how many videos, hours and rows, for which models")
ADD_EXAMPLE = Example("av2a library add my-videos/", "embed a folder, without asking for anything yet")
CHECK_EXAMPLE = Example("av2a library check", "which files changed, moved or are gone")
REMOVE_EXAMPLE = Example("av2a library remove my-videos/", "forget videos, and delete their embeddings")


@dataclass(frozen=True)
class LibraryStoreOptions:
    """Which store the library is in."""

    store: Path | None = option("DIR", "This store instead of that in the user's cache (AV2A_CACHE).")

    def opened(self, terminal: "Terminal") -> "Store":
        """The store.

        Raises:
            UsageError: none is named, and the user's cache is switched off.
        """
        from av2a.features.store import Store

        folder = self.store or embeddings_folder()
        if folder is None:
            raise UsageError("no embeddings are stored, as AV2A_CACHE is empty: name a store with --store DIR")
        return Store(folder, warn=terminal.warn)

    def libraries(self, terminal: "Terminal") -> "list[LibraryFolder]":
        """The libraries in it, one for each backbone and sampling."""
        from av2a.corpora.library_folder import libraries

        return libraries(self.opened(terminal))


@command(INFO_EXAMPLE, Example("av2a library info --json", "for a script"), name="info")
def info(where: LibraryStoreOptions, shown: JsonOptions, talk: TalkOptions) -> None:
    """Say how many videos the library has, for which models, and what it takes on disk."""
    terminal = talk.terminal()
    found: list[dict[str, Any]] = []
    for each in where.libraries(terminal):
        sightings = list(each.sightings().values())
        contents = {sighting.entry: sighting.clip.duration_seconds for sighting in sightings}
        matrix = each.matrix()
        found.append(
            {
                "library": each.name,
                "videos": len(sightings),
                "contents": len(contents),
                "hours": round(sum(contents.values()) / 3600, 3),
                "rows": {"seen": matrix.rows_of("seen"), "heard": matrix.rows_of("heard")},
                "widths": {"seen": matrix.widths[0], "heard": matrix.widths[1]},
                "bytes": sum(path.stat().st_size for path in matrix.folder.iterdir()) if matrix.folder.is_dir() else 0,
            }
        )
    if shown.as_json:
        terminal.show_json(found)
        return
    for line in found:
        terminal.show_text(
            f"{line['library']}: {line['videos']} videos ({line['contents']} contents), {line['hours']} h, "
            f"{line['rows']['seen']} seen and {line['rows']['heard']} heard rows, {size_text(line['bytes'])}\n"
        )
    if not found:
        terminal.say("the library is empty: av2a library add, av2a batch and av2a detect fill it")


@command(ADD_EXAMPLE, name="add")
def add(
    *,
    sources: list[str] = argument("SOURCE", "Videos, folders, patterns, lists."),
    models: ModelOptions,
    how: SettingOptions,
    limit: LimitOptions,
    where: LibraryStoreOptions,
    talk: TalkOptions,
) -> None:
    """Embed videos, one after the other. For thousands, av2a batch has workers and survives crashes."""
    from av2a.corpora.jobs import is_address, jobs_of
    from av2a.corpora.library import Library
    from av2a.detector import Detector

    terminal, limits = talk.terminal(), limit.limits()
    models.check()
    settings = how.settings(models.name)
    jobs, _ = jobs_of(sources)
    if any(is_address(job.path) for job in jobs):
        raise UsageError("addresses are fetched by av2a batch only: download the videos, or run a batch")
    library = Library(where.opened(terminal), Detector(models.loaded(settings.profile, terminal)), settings)
    failed = []

    def fail(video: object, error: Exception) -> None:
        failed.append(video)
        print_failure(error, debug=talk.debug, about=str(video))

    with terminal.progress("embedding") as report:
        videos = []
        for number, job in enumerate(jobs):
            report("videos", number, len(jobs))
            videos.append(library.embed(Path(job.path), limits=limits, failed=fail))
    library.refresh()
    terminal.say(f"{sum(videos)} of {len(jobs)} videos are in the library")
    if failed:
        raise typer.Exit(ExitStatus.SOME_FAILED if any(videos) else ExitStatus.NO_INPUT)


@command(REMOVE_EXAMPLE, name="remove")
def remove(
    *,
    videos: list[str] = argument("VIDEO", "Videos, or folders of them."),
    where: LibraryStoreOptions,
    talk: TalkOptions,
) -> None:
    """Forget videos, and delete the embeddings that no other name needs. The videos themselves stay."""
    terminal = talk.terminal()
    removed = {path for each in where.libraries(terminal) for path in each.remove(videos)}
    if not removed:
        raise NoClips("the library has none of these videos: av2a library check lists those that it has")
    terminal.say(f"forgot {counted(len(removed), 'video')}")


@command(CHECK_EXAMPLE, Example("av2a library check --in my-videos", "look there for files that moved"), name="check")
def check(
    where: LibraryStoreOptions,
    shown: JsonOptions,
    talk: TalkOptions,
    within: list[Path] = option("DIR", "Look for files that moved here, too; may be repeated.", "--in", default=[]),
) -> None:
    """Compare the library with the disk: files that changed, moved or are gone, and rows that are damaged.

    Files that moved are noted under their new names, and damaged rows are made anew.
    """
    terminal = talk.terminal()
    reports = {each.name: each.check(within) for each in where.libraries(terminal)}
    if shown.as_json:
        terminal.show_json(
            {
                name: asdict(report)
                | {
                    "findings": [
                        {"path": each.path, "state": each.state.value, "moved_to": each.moved_to}
                        for each in report.findings
                    ]
                }
                for name, report in reports.items()
            }
        )
        return
    for name, report in reports.items():
        counts: dict[str, int] = {}
        for finding in report.findings:
            counts[finding.state.value] = counts.get(finding.state.value, 0) + 1
            if finding.state.value not in ("unchanged", "not checked"):
                moved = "" if finding.moved_to is None else f" to {finding.moved_to}"
                terminal.show_text(terminal_safe(f"{finding.state.value}: {finding.path}{moved}") + "\n")
        parts = ", ".join(f"{count} {state}" for state, count in counts.items()) or "no videos"
        terminal.show_text(f"{name}: {parts}; {report.damaged} damaged, {report.not_stored} no longer stored\n")


library = command_group(
    "library",
    "Show, grow, shrink and check the library of embedded videos.",
    {"info": info, "add": add, "remove": remove, "check": check},
    (INFO_EXAMPLE, ADD_EXAMPLE, CHECK_EXAMPLE, REMOVE_EXAMPLE),
)
