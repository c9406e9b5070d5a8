"""``av2a tables``: all tables of the paper, for the data and models that are available."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from av2a import __version__
from av2a.backbones.base import Backbone
from av2a.cli.command import command
from av2a.cli.common_options import TalkOptions
from av2a.cli.dataset_options import WHICH, SplitOptions
from av2a.cli.exit_status import ExitStatus
from av2a.cli.failure import print_failure
from av2a.cli.help_text import Example
from av2a.cli.method_on_clips import notes
from av2a.cli.model_options import MODELS, DetectWeightsOption, DeviceOption, ModelOptions, PrecisionOption
from av2a.cli.result_options import ResultOptions
from av2a.cli.store_options import StoreOptions
from av2a.cli.terminal import Terminal
from av2a.datasets import Dataset
from av2a.datasets.opening import GENERATED
from av2a.datasets.rows import counted
from av2a.errors import Av2aError, DataUnavailable, MissingFile, NoClips, UsageError, WeightsUnavailable, one_line
from av2a.features.store import Store
from av2a.methods.trained import Parser, load_parser
from av2a.methods.trained.features import FeatureFolder
from av2a.methods.trained.registry import parser_named
from av2a.research.bench import Bench, Plan, Splits
from av2a.research.parsed import parsed
from av2a.research.probe import require_sklearn
from av2a.research.results import MOST_LINES, left_out_lines
from av2a.research.search import require_optuna
from av2a.research.sheets import Part, Sheet, results_of, sheets
from av2a.research.tables import efficiency, parsed_parts, parts_of
from av2a.research.watching import LeftOut

_HOW = "How"


@dataclass(frozen=True)
class TableDataOptions:
    """The data sets that the tables are of."""

    datasets: Annotated[
        list[str],
        typer.Option(
            "--dataset",
            metavar="NAME[=DIR]",
            help="synthetic, llp or ave, and where its videos are; may be repeated. Default: synthetic.",
            rich_help_panel=WHICH,
        ),
    ] = field(default_factory=list)
    annotations: Annotated[
        list[str],
        typer.Option(
            "--annotations",
            metavar="NAME=DIR",
            help="The folder of a data set's annotation files, if not where av2a data fetch puts them.",
            rich_help_panel=WHICH,
        ),
    ] = field(default_factory=list)
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            metavar="N",
            min=2,
            help="The first N clips of each split only. Default: all; of the generated world 200 of each.",
            rich_help_panel=WHICH,
        ),
    ] = None

    def chosen(self) -> list[SplitOptions]:
        """Each data set.

        Raises:
            UsageError: an unknown name, one that is given twice, or annotations of another data set.
        """
        known = (GENERATED, "llp", "ave")
        truths = _pairs(self.annotations, "--annotations")
        chosen = []
        for text in self.datasets or [GENERATED]:
            name, _, folder = text.partition("=")
            if name not in known:
                raise UsageError(
                    f"--dataset {one_line(name)!r} is none of {', '.join(known)}: the paper's tables are of these"
                )
            limit = self.limit or (200 if name == GENERATED else None)
            chosen.append(SplitOptions(name, None, Path(folder) if folder else None, truths.get(name), limit))
        names = [each.dataset for each in chosen]
        if len(set(names)) != len(names):
            raise UsageError("a data set is given twice: leave one out")
        unused = sorted(truths.keys() - set(names))
        if unused:
            raise UsageError(
                f"--annotations of {unused[0]!r}, which is not among the data sets: add --dataset {unused[0]}"
            )
        return chosen


@dataclass(frozen=True)
class TableModelOptions:
    """The backbones and trained parsers that are measured."""

    backbones: Annotated[
        list[str],
        typer.Option(
            "--backbone",
            metavar="NAME",
            help="Which models; may be repeated. Default: mini for synthetic alone, else clip-clap and languagebind.",
            rich_help_panel=MODELS,
        ),
    ] = field(default_factory=list)
    weights: DetectWeightsOption = None
    device: DeviceOption = "auto"
    precision: PrecisionOption = None
    parsers: Annotated[
        list[str],
        typer.Option(
            "--parser",
            metavar="NAME=FILE",
            help="A trained parser (mgn, jomold, cmpae) and its checkpoint, for llp; may be repeated.",
            rich_help_panel=MODELS,
        ),
    ] = field(default_factory=list)
    features: Annotated[
        Path | None,
        typer.Option("--features", metavar="DIR", help="The parsers' feature files of LLP.", rich_help_panel=MODELS),
    ] = None

    def checkpoints(self, datasets: Sequence[str]) -> dict[str, Path]:
        """The parsers' checkpoints by their names, checked.

        Raises:
            UsageError: features without parsers or the reverse, or no LLP.
            UnknownName: no parser has that name.
            MissingFile: no such checkpoint, or no such folders of features.
        """
        checkpoints = _pairs(self.parsers, "--parser")
        if bool(checkpoints) != (self.features is not None):
            raise UsageError("--parser and --features go together: give both or neither")
        if checkpoints and "llp" not in datasets:
            raise UsageError("the parsers know LLP only: add --dataset llp")
        for name, file in checkpoints.items():
            kind = parser_named(name)
            if not file.is_file():
                raise MissingFile(
                    f"--parser {name}={one_line(str(file))}: there is no such file: "
                    f"name the checkpoint that its authors publish, {name}={kind.published_as}"
                )
        if self.features is not None:
            FeatureFolder.opened(self.features)
        return checkpoints

    def models(self, datasets: Sequence[str]) -> list[ModelOptions]:
        """The backbones, checked.

        Raises:
            UsageError, MissingFile: as :meth:`ModelOptions.check`.
        """
        usual = ["mini"] if set(datasets) == {GENERATED} else ["clip-clap", "languagebind"]
        chosen = [
            ModelOptions(name, weights=self.weights, device=self.device, precision=self.precision)
            for name in self.backbones or usual
        ]
        for each in chosen:
            each.check()
        return chosen


@dataclass(frozen=True)
class PlanOptions:
    """How much is searched."""

    seeds: Annotated[
        int,
        typer.Option(
            "--seeds",
            metavar="N",
            min=1,
            max=100,
            help="Searches for each tuned row; ± is their spread.",
            rich_help_panel=_HOW,
        ),
    ] = 3
    trials: Annotated[
        int,
        typer.Option("--trials", metavar="N", min=1, max=100_000, help="Settings tried in each.", rich_help_panel=_HOW),
    ] = 100


@command(
    Example("av2a tables --backbone mini -o tables.md", "every table on the generated world, on any machine"),
    Example(
        "av2a tables --dataset llp=llp-videos/ --dataset ave=AVE/ --backbone clip-clap --backbone languagebind -o tables.md",
        "the paper's own",
    ),
    Example("av2a tables --dataset llp --parser mgn=MGN_Net.pt --features feats/", "trained parsers; no videos needed"),
)
def tables(
    data: TableDataOptions,
    models: TableModelOptions,
    plan: PlanOptions,
    kept: StoreOptions,
    output: ResultOptions,
    talk: TalkOptions,
) -> None:
    """Fill the paper's tables: what is measured here beside what is published.

    Tables 1 to 8 and section 4.2. Settings are tuned on the validation split and measured on the test split. What cannot be run says what it needs. The same command
    continues a run that was interrupted.
    """
    terminal = talk.terminal()
    output.check()
    sources = data.chosen()
    names = [source.dataset for source in sources]
    checkpoints, chosen = models.checkpoints(names), models.models(names)
    store = kept.opened(terminal)
    require_optuna()
    require_sklearn()
    run = _TablesRun(Plan(seeds=plan.seeds, trials=plan.trials), store, terminal, talk.debug)
    with run.interruptible():
        parts = run.measured(sources, chosen, checkpoints, models.features)
        if run.failures and not parts:
            raise run.failures[0]
        output.give(results_of(run.sheets(parts), run.about()), terminal, failed=run.report_left_out())
    if run.failures:
        raise typer.Exit(ExitStatus.SOME_FAILED)


def _pairs(texts: Sequence[str], option: str) -> dict[str, Path]:
    """``NAME=PATH`` by name."""
    pairs = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise UsageError(f"{option} needs NAME=PATH, got {one_line(text)!r}")
        if name in pairs:
            raise UsageError(f"{option} {one_line(name)} is given twice: leave one out")
        pairs[name] = Path(path)
    return pairs


@dataclass
class _TablesRun:
    """What one call of the command has measured so far, and what went wrong."""

    plan: Plan
    store: Store | None
    terminal: Terminal
    debug: bool
    benches: list[Bench] = field(default_factory=list)
    timed: list[Bench] = field(default_factory=list)
    failures: list[Av2aError] = field(default_factory=list)
    annotated: set[str] = field(default_factory=set)
    """Data sets with annotations; of ``with_videos`` the test videos are available, too."""
    with_videos: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    parser_counts: dict[str, str] = field(default_factory=dict)
    parser_left_out: list[tuple[str, LeftOut]] = field(default_factory=list)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Tell a user who interrupts what the same command will find."""
        try:
            yield
        except KeyboardInterrupt:
            if self.store is not None:
                self.terminal.say(
                    f"embeddings and trials so far are kept in {self.store.folder}: the same command continues from there"
                )
            raise

    @contextmanager
    def going_on(self, what: str) -> Iterator[None]:
        """One model that is not available, or one damaged input, does not stop the others."""
        try:
            yield
        except (WeightsUnavailable, DataUnavailable, NoClips, MissingFile) as refusal:
            print_failure(refusal, debug=self.debug, about=what)
            self.failures.append(refusal)

    def measured(
        self,
        sources: Sequence[SplitOptions],
        models: Sequence[ModelOptions],
        checkpoints: Mapping[str, Path],
        features: Path | None,
    ) -> list[Part]:
        """The numbers of every model on every data set."""
        parts: list[Part] = []
        parsers: list[Parser] = []
        # Before any clip is rendered: reading a checkpoint shows whether it is one of another parser.
        for name, checkpoint in checkpoints.items():
            with self.going_on(f"{name} on llp"):
                parsers.append(load_parser(name, checkpoint))
        opened = _with_values_of_llp([self._opened(source) for source in sources])
        for splits in opened:
            if not splits.test.at_hand:
                self.terminal.warn(f"no video of {splits.test.name} is available: its rows are not run")
                continue
            for each in models:
                with self.going_on(f"{each.name} on {splits.test.name}"):
                    parts += self._by_backbone(splits, each.loaded("released", self.terminal))
        for parser in parsers:
            [llp] = [splits for splits in opened if splits.test.name == "llp"]
            with self.going_on(f"{parser.kind.name} on llp"):
                parts += self._by_parser(parser, features or Path(), llp.test)
        return parts

    def _opened(self, source: SplitOptions) -> Splits:
        """A data set's splits; those of the generated world are rendered."""
        test, validation = self._split(source, "test"), self._split(source, "validation")
        self.annotated.add(source.dataset)
        if test.at_hand:
            self.with_videos.add(source.dataset)
        # Of LLP's training split only whole clips are labelled; its validation split is annotated by the second.
        train = validation if source.dataset == "llp" else None
        if source.dataset == GENERATED:
            train = self._split(source, "train")
        return Splits(test, validation if validation.at_hand else None, train)

    def _split(self, source: SplitOptions, split: str) -> Dataset:
        found = replace(source, split=split).opened(self.terminal)
        self.remarks += [f"{found.name} {found.split}: {remark}" for remark in found.remarks]
        return found

    def _by_backbone(self, splits: Splits, backbone: Backbone) -> list[Part]:
        if backbone.note is not None and splits.test.name != GENERATED and backbone.note not in self.notes:
            self.terminal.warn(backbone.note)
            self.notes.append(backbone.note)
        with self.terminal.progress(f"{splits.test.name}, {backbone.info.name}") as report:
            bench = Bench(splits, backbone, self.store, self.plan, report)
            self.benches.append(bench)
            parts = parts_of(bench)
            self.timed.append(bench)
            return parts

    def _by_parser(self, parser: Parser, features: Path, dataset: Dataset) -> list[Part]:
        kind = parser.kind
        with self.terminal.progress(f"{dataset.name}, {kind.name}") as report:
            found = parsed(dataset, parser, FeatureFolder.opened(features), kind.settings, progress=report)
        what = f"{dataset.name} {dataset.split}"
        self.parser_counts[kind.in_table_1 or kind.name] = (
            f"{kind.name} ({parser.info.digest[:12]}) on {what}: {len(found.names)} of {len(dataset.clips)} videos"
        )
        self.parser_left_out += [(f"{what}, {kind.name}", each) for each in found.left_out]
        return parsed_parts(found, dataset)

    def sheets(self, parts: Sequence[Part]) -> list[Sheet]:
        """All tables, filled or not, and section 4.2."""
        every = sheets(parts, at_hand=self.with_videos, annotated=self.annotated, numbers=range(1, 9))
        return [*every, efficiency(self.timed, self.parser_counts)]

    def _left_out(self) -> list[tuple[str, LeftOut]]:
        """Every video that no number is of, each once for each reason, behind its split."""
        found = [(split, each) for bench in self.benches for split, clips in bench.left_out.items() for each in clips]
        return list(dict.fromkeys([*found, *self.parser_left_out]))

    def report_left_out(self) -> list[str]:
        """Report the videos that are not available; the lines about those that are and cannot be used."""
        for line in left_out_lines(
            ((split, each) for split, each in self._left_out() if not each.has_failed), MOST_LINES
        ):
            self.terminal.say(line)
        failed = [(split, each) for split, each in self._left_out() if each.has_failed]
        return list(left_out_lines(failed, MOST_LINES))

    def about(self) -> dict[str, Any]:
        """What the numbers are of."""
        spread = "; ± is the standard deviation over them" if self.plan.seeds > 1 else ""
        about: dict[str, Any] = {
            "av2a": __version__,
            "measured": [*(line for bench in self.benches for line in _counts(bench)), *self.parser_counts.values()],
            "tuned": f"{counted(self.plan.trials, 'trial')}, {counted(self.plan.seeds, 'seed')}{spread}",
            "chance": "the method draws nothing at random: the same input and settings give the same numbers",
            "settings": {
                f"{reading.method} on {bench.dataset.name}": reading.tuned_values()
                for bench in self.benches
                for reading in (bench.released, bench.practical)
            },
        }
        if not self.benches:
            del about["tuned"]
        left_out = self._left_out()
        about |= {
            "left_out": list(left_out_lines(left_out, len(left_out))),
            "remarks": list(dict.fromkeys(self.remarks)),
        }
        for name in sorted(self.annotated):
            about |= notes(name)
        return about | ({"beware": list(dict.fromkeys(self.notes))} if self.notes else {})


def _with_values_of_llp(opened: Sequence[Splits]) -> list[Splits]:
    """AVE is tuned on LLP's validation split where that is available, as in the paper."""
    of_llp = [splits.validation for splits in opened if splits.test.name == "llp"]
    values_of = of_llp[0] if of_llp else None
    return [replace(splits, tuning=values_of) if splits.test.name == "ave" else splits for splits in opened]


def _counts(bench: Bench) -> Iterator[str]:
    """How many videos of each split, with which weights."""
    for split, count in bench.counts.items():
        yield f"{bench.backbone.info.name} ({bench.backbone.info.digest[:12]}) on {split}: {count}"
