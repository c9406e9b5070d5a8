"""``av2a tables``: all tables of the paper, for the data and models that are available."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import typer

from av2a.backbones.base import Backbone
from av2a.cli.command import command, option
from av2a.cli.common_options import StoreOptions, TalkOptions
from av2a.cli.dataset_options import WHICH, SplitOptions
from av2a.cli.exit_status import ExitStatus
from av2a.cli.failure import print_failure
from av2a.cli.help_text import Example
from av2a.cli.model_options import MODELS, DeviceOption, FolderOption, ModelOptions, PrecisionOption
from av2a.cli.result_options import ResultOptions
from av2a.cli.setting_options import HOW
from av2a.cli.terminal import Terminal
from av2a.datasets import Dataset
from av2a.datasets.opening import GENERATED
from av2a.errors import Av2aError, DataUnavailable, MissingFile, NoClips, UsageError, WeightsUnavailable, one_line
from av2a.methods.trained import PARSERS, Parser, load_parser
from av2a.methods.trained.features import FeatureFolder
from av2a.methods.trained.registry import parser_named
from av2a.research.bench import Plan, Splits
from av2a.research.probe import require_sklearn
from av2a.research.results import MOST_LINES, left_out_lines
from av2a.research.search import require_optuna
from av2a.research.sheets import results_of
from av2a.research.tables import Measured


@dataclass(frozen=True)
class TableDataOptions:
    """The data sets that the tables are of."""

    panel = WHICH
    datasets: list[str] = option(
        "NAME[=DIR]",
        "synthetic, llp or ave, and the folder of its videos; may be repeated. Default: synthetic.",
        "--dataset",
        default=[],
    )
    annotations: list[str] = option(
        "NAME=DIR", "The folder of a data set's annotation files; by default the one of av2a data fetch.", default=[]
    )
    count: int | None = option(
        "N", "Only the first N clips of each split. Default: all; of the generated world 200.", "--clips", min=2
    )

    def chosen(self) -> list[SplitOptions]:
        """Each data set.

        Raises:
            UsageError: an unknown name, one that is given twice, or annotations of another data set.
        """
        known = (GENERATED, "llp", "ave")
        truths = _pairs(self.annotations, "--annotations")
        chosen = {}
        for text in self.datasets or [GENERATED]:
            name, _, folder = text.partition("=")
            if name not in known:
                raise UsageError(
                    f"--dataset {one_line(name)!r} is none of {', '.join(known)}: the paper's tables are of these"
                )
            if name in chosen:
                raise UsageError("a data set is given twice: leave one out")
            count = self.count or (200 if name == GENERATED else None)
            chosen[name] = SplitOptions(name, None, Path(folder) if folder else None, truths.get(name), count)
        for name in sorted(truths.keys() - chosen):
            raise UsageError(f"--annotations of {name!r}, which is not among the data sets: add --dataset {name}")
        return list(chosen.values())


@dataclass(frozen=True)
class TableModelOptions:
    """The backbones and trained parsers that are measured."""

    panel = MODELS
    backbones: list[str] = option(
        "NAME",
        "Which models; may be repeated. Default: mini for synthetic alone, else clip-clap and languagebind.",
        "--backbone",
        default=[],
    )
    weights: FolderOption = None
    device: DeviceOption = "auto"
    precision: PrecisionOption = None
    parsers: list[str] = option(
        "NAME=FILE",
        f"A trained parser ({', '.join(PARSERS)}) and its checkpoint, for llp; may be repeated.",
        "--parser",
        default=[],
    )
    features: Path | None = option("DIR", "The parsers' feature files of LLP.")

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


@command(
    Example("av2a tables --backbone mini -o tables.md", "every table on the generated world, on any machine"),
    Example(
        "av2a tables --dataset llp=llp-videos/ --dataset ave=AVE/ --backbone clip-clap --backbone languagebind -o tables.md",
        "the paper's own",
    ),
    Example("av2a tables --dataset llp --parser mgn=MGN_Net.pt --features feats/", "trained parsers; no videos needed"),
)
def tables(
    *,
    data: TableDataOptions,
    models: TableModelOptions,
    seeds: int = option("N", "Searches for each tuned line; ± is their spread.", default=3, min=1, max=100, panel=HOW),
    trials: int = option("N", "Settings that each search tries.", default=100, min=1, max=100_000, panel=HOW),
    kept: StoreOptions,
    output: ResultOptions,
    talk: TalkOptions,
) -> None:
    """Fill the paper's tables: what is measured here beside what is published.

    Tables 1 to 8 and section 4.2. Settings are tuned on the validation split and measured on the test split. A line that cannot be
    measured names what it needs. The same command continues a run that was interrupted.
    """
    terminal = talk.terminal()
    output.check()
    sources = data.chosen()
    names = [source.dataset for source in sources]
    checkpoints, chosen = models.checkpoints(names), models.models(names)
    store = kept.opened(terminal)
    require_optuna()
    require_sklearn()
    measured = Measured(Plan(seeds=seeds, trials=trials), store)
    run = _TablesRun(measured, terminal, talk.debug)
    try:
        run.measure(sources, chosen, checkpoints, models.features)
        if run.failures and not measured.parts:
            raise run.failures[0]
        output.give(results_of(measured.sheets(), measured.about()), terminal, failed=run.report_left_out())
    except KeyboardInterrupt:
        if store is not None:
            terminal.say(
                f"embeddings and trials so far are kept in {store.folder}: the same command continues from there"
            )
        raise
    if run.failures:
        raise typer.Exit(ExitStatus.SOME_FAILED)


def _pairs(texts: Sequence[str], option: str) -> dict[str, Path]:
    """``NAME=PATH`` by name."""
    pairs: dict[str, Path] = {}
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

    measured: Measured
    terminal: Terminal
    debug: bool
    failures: list[Av2aError] = field(default_factory=list)

    @contextmanager
    def _reported(self, what: str) -> Iterator[None]:
        """One model that is not available, or one damaged input, does not stop the others."""
        try:
            yield
        except (WeightsUnavailable, DataUnavailable, NoClips, MissingFile) as refusal:
            print_failure(refusal, debug=self.debug, about=what)
            self.failures.append(refusal)

    def measure(
        self,
        sources: Sequence[SplitOptions],
        models: Sequence[ModelOptions],
        checkpoints: Mapping[str, Path],
        features: Path | None,
    ) -> None:
        """Collect the numbers of every model on every data set."""
        parsers: list[Parser] = []
        # Before any clip is rendered: reading a checkpoint shows whether it is one of another parser.
        for name, checkpoint in checkpoints.items():
            with self._reported(f"{name} on llp"):
                parsers.append(load_parser(name, checkpoint))
        opened = self.measured.opened = [self._splits(source) for source in sources]
        llp = next((splits for splits in opened if splits.test.name == "llp"), None)
        for splits in opened:
            if not splits.test.at_hand:
                self.terminal.warn(f"no video of {splits.test.name} is available: its lines are not measured")
                continue
            # AVE is tuned on LLP's validation split where that is available, as in the paper.
            if splits.test.name == "ave" and llp is not None:
                splits = replace(splits, tuning=llp.validation)
            for each in models:
                with self._reported(f"{each.name} on {splits.test.name}"):
                    self._by_backbone(splits, each.loaded("released", self.terminal))
        for parser in parsers:
            with self._reported(f"{parser.kind.name} on llp"):
                assert llp is not None and features is not None
                with self.terminal.progress(f"{llp.test.name}, {parser.kind.name}") as report:
                    self.measured.add_parser(parser, FeatureFolder.opened(features), llp.test, report)

    def _splits(self, source: SplitOptions) -> Splits:
        """A data set's splits; those of the generated world are rendered."""
        test, validation = self._split(source, "test"), self._split(source, "validation")
        # Of LLP's training split only whole clips are labelled; its validation split is annotated by the second.
        train = validation if source.dataset == "llp" else None
        if source.dataset == GENERATED:
            train = self._split(source, "train")
        return Splits(test, validation if validation.at_hand else None, train)

    def _split(self, source: SplitOptions, split: str) -> Dataset:
        found = replace(source, split=split).opened(self.terminal)
        self.measured.remarks |= dict.fromkeys(f"{found.name} {found.split}: {remark}" for remark in found.remarks)
        return found

    def _by_backbone(self, splits: Splits, backbone: Backbone) -> None:
        cautions = self.measured.cautions
        if backbone.note is not None and splits.test.name != GENERATED and backbone.note not in cautions:
            self.terminal.warn(backbone.note)
            cautions.append(backbone.note)
        with self.terminal.progress(f"{splits.test.name}, {backbone.info.name}") as report:
            self.measured.add_backbone(splits, backbone, report)

    def report_left_out(self) -> list[str]:
        """Report the videos that are not available; the lines about those that are and cannot be used."""
        left_out = self.measured.left_out()
        for line in left_out_lines([pair for pair in left_out if not pair[1].has_failed], MOST_LINES):
            self.terminal.say(line)
        return list(left_out_lines([pair for pair in left_out if pair[1].has_failed], MOST_LINES))
