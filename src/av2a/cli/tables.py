"""``av2a tables``: all tables of the paper, for what is at hand."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from av2a.cli.common_options import DebugOption, QuietOption, VerboseOption
from av2a.cli.dataset_options import NoStoreOption, StoreOption, chosen_dataset, chosen_store
from av2a.cli.exit_status import ExitStatus
from av2a.cli.failure import print_failure
from av2a.cli.help_text import Example
from av2a.cli.method_on_clips import notes
from av2a.cli.model_options import DetectWeightsOption, DeviceOption, Models, PrecisionOption, chosen_models
from av2a.cli.sheet_outputs import JsonOption, OverwriteOption, SheetOutputs, SheetOutputsOption
from av2a.errors import Av2aError, DataUnavailable, MissingFile, NoClips, UsageError, WeightsUnavailable, one_line

if TYPE_CHECKING:
    from av2a.backbones.base import Backbone
    from av2a.cli.terminal import Terminal
    from av2a.datasets import Dataset
    from av2a.features.store import Store
    from av2a.methods.trained import Parser
    from av2a.research.bench import Bench, Plan, Splits
    from av2a.research.sheets import Part
    from av2a.research.watching import LeftOut

EXAMPLES = (
    Example("av2a tables --backbone mini -o tables.md", "every table on the built-in world, on any machine"),
    Example(
        "av2a tables --dataset llp=llp-videos/ --dataset ave=AVE/ --backbone clip-clap --backbone languagebind -o tables.md",
        "the paper's own",
    ),
    Example("av2a tables --dataset llp --parser mgn=MGN_Net.pt --features feats/", "trained parsers; no videos needed"),
)

_WHICH, _HOW, _MODELS = "Which clips", "How", "Models"

DatasetsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--dataset",
        metavar="NAME[=DIR]",
        help="synthetic, llp or ave, and where its videos are; may be repeated. Without it: synthetic.",
        rich_help_panel=_WHICH,
    ),
]
AnnotationsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--annotations",
        metavar="NAME=DIR",
        help="Where a data set's annotation files are, if not where av2a data fetch puts them.",
        rich_help_panel=_WHICH,
    ),
]
LimitOption = Annotated[
    int | None,
    typer.Option(
        "--limit",
        metavar="N",
        min=2,
        help="The first N clips of each split only. Without it: all; of the built-in world 200 of each.",
        rich_help_panel=_WHICH,
    ),
]
BackbonesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--backbone",
        metavar="NAME",
        help="Which models; may be repeated. Without it: mini for synthetic alone, else clip-clap and languagebind.",
        rich_help_panel=_MODELS,
    ),
]
ParsersOption = Annotated[
    list[str] | None,
    typer.Option(
        "--parser",
        metavar="NAME=FILE",
        help="A trained parser (mgn, jomold, cmpae) and its checkpoint, for llp; may be repeated.",
        rich_help_panel=_MODELS,
    ),
]
FeaturesOption = Annotated[
    Path | None,
    typer.Option("--features", metavar="DIR", help="The parsers' feature files of LLP.", rich_help_panel=_MODELS),
]
SeedsOption = Annotated[
    int,
    typer.Option(
        "--seeds",
        metavar="N",
        min=1,
        max=100,
        help="Searches for each tuned row; ± is their spread.",
        rich_help_panel=_HOW,
    ),
]
TrialsOption = Annotated[
    int, typer.Option("--trials", metavar="N", min=1, max=100_000, help="Settings tried in each.", rich_help_panel=_HOW)
]


def tables(
    datasets: DatasetsOption = None,
    annotations: AnnotationsOption = None,
    limit: LimitOption = None,
    backbones: BackbonesOption = None,
    weights: DetectWeightsOption = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = None,
    parsers: ParsersOption = None,
    features: FeaturesOption = None,
    seeds: SeedsOption = 3,
    trials: TrialsOption = 100,
    store: StoreOption = None,
    no_store: NoStoreOption = False,
    outputs: SheetOutputsOption = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    debug: DebugOption = False,
) -> None:
    """Fill the paper's tables: what is measured here beside what is published.

    Tables 1 to 8 and section 4.2. Settings are tuned on the validation split and measured on the test split. What cannot be run says what it needs. The same command
    takes up a run that was interrupted.
    """
    from av2a.cli.terminal import Talk, Terminal
    from av2a.research.bench import Plan
    from av2a.research.probe import require_sklearn
    from av2a.research.search import require_optuna

    terminal = Terminal(Talk.chosen(quiet=quiet, verbose=verbose))
    given = SheetOutputs.checked(outputs, as_json=as_json, overwrite=overwrite)
    sources = _sources(datasets or ["synthetic"], annotations or [])
    checkpoints = _pairs(parsers or [], "--parser")
    if bool(checkpoints) != (features is not None):
        raise UsageError("--parser and --features go together: give both or neither")
    if checkpoints and "llp" not in [source.name for source in sources]:
        raise UsageError("the parsers know LLP only: add --dataset llp")
    _check_parsers(checkpoints, features)
    models = [
        chosen_models(name, device=device, precision=precision, visual_model=None, audio_model=None, weights=weights)
        for name in backbones or _usual_backbones(sources)
    ]
    kept = chosen_store(store, terminal, no_store=no_store)
    require_optuna()
    require_sklearn()
    run = _Run(Plan(seeds=seeds, trials=trials), limit, kept, terminal)
    with run.taken_up_again():
        parts = _measured(run, sources, models, checkpoints, features, debug=debug)
        if run.failures and not parts:
            raise run.failures[0]
        given.give(run.sheets(parts), run.about(), terminal)
    if run.say_left_out() or run.failures:
        raise typer.Exit(ExitStatus.SOME_FAILED)


def _measured(
    run: "_Run",
    sources: "Sequence[_Source]",
    models: Sequence[Models],
    checkpoints: Mapping[str, Path],
    features: Path | None,
    *,
    debug: bool,
) -> "list[Part]":
    """What every model has to say of every data set."""
    from av2a.methods.trained import load_parser

    parts: list[Part] = []
    parsers: list[Parser] = []
    # Before any clip is rendered: a checkpoint of another parser is found out when it is read.
    for name, checkpoint in checkpoints.items():
        with run.going_on(f"{name} on llp", debug=debug):
            parsers.append(load_parser(name, checkpoint))
    opened = _with_values_of_llp([run.opened(source) for source in sources])
    for splits in opened:
        if not splits.test.at_hand:
            run.terminal.warn(f"no video of {splits.test.name} is at hand: its rows are not run")
            continue
        for each in models:
            with run.going_on(f"{each.name} on {splits.test.name}", debug=debug):
                parts += run.measured(splits, each.loaded("released", run.terminal))
    for parser in parsers:
        [llp] = [splits for splits in opened if splits.test.name == "llp"]
        with run.going_on(f"{parser.kind.name} on llp", debug=debug):
            parts += run.parsed(parser, features or Path(), llp.test)
    return parts


def _with_values_of_llp(opened: "Sequence[Splits]") -> "list[Splits]":
    """AVE is tuned on LLP's validation split where that is at hand, as in the paper."""
    of_llp = [splits.validation for splits in opened if splits.test.name == "llp"]
    values_of = of_llp[0] if of_llp else None
    return [replace(splits, tuning=values_of) if splits.test.name == "ave" else splits for splits in opened]


def _check_parsers(checkpoints: Mapping[str, Path], features: Path | None) -> None:
    """Refuse what cannot be a parser before any data set is opened.

    Raises:
        UnknownName: no parser has that name.
        MissingFile: no such checkpoint, or no such folders of features.
    """
    from av2a.methods.trained.features import FeatureFolder
    from av2a.methods.trained.registry import parser_named

    for name, file in checkpoints.items():
        kind = parser_named(name)
        if not file.is_file():
            raise MissingFile(
                f"--parser {name}={one_line(str(file))}: there is no such file: "
                f"name the checkpoint that its authors publish, {name}={kind.published_as}"
            )
    if features is not None:
        FeatureFolder.opened(features)


@dataclass(frozen=True)
class _Source:
    name: str
    videos: Path | None
    annotations: Path | None


def _sources(datasets: Sequence[str], annotations: Sequence[str]) -> list[_Source]:
    known = ("synthetic", "llp", "ave")
    truths = _pairs(annotations, "--annotations")
    sources = []
    for text in datasets:
        name, _, folder = text.partition("=")
        if name not in known:
            raise UsageError(
                f"--dataset {one_line(name)!r} is none of {', '.join(known)}: the paper's tables are of these"
            )
        sources.append(_Source(name, Path(folder) if folder else None, truths.get(name)))
    names = [source.name for source in sources]
    if len(set(names)) != len(names):
        raise UsageError("a data set is given twice: leave one out")
    unused = sorted(truths.keys() - set(names))
    if unused:
        raise UsageError(f"--annotations of {unused[0]!r}, which is not among the data sets: add --dataset {unused[0]}")
    return sources


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


def _usual_backbones(sources: Sequence[_Source]) -> list[str]:
    return ["mini"] if {source.name for source in sources} == {"synthetic"} else ["clip-clap", "languagebind"]


class _Run:
    """One call of the command."""

    def __init__(self, plan: "Plan", limit: int | None, store: "Store | None", terminal: "Terminal") -> None:
        self.plan = plan
        self.limit = limit
        self.store = store
        self.terminal = terminal
        self.benches: list[Bench] = []
        self.notes: list[str] = []
        self.failures: list[Av2aError] = []
        self.datasets: set[str] = set()
        self.with_videos: set[str] = set()
        self.remarks: list[str] = []
        self.timed: list[Bench] = []
        self.parser_counts: dict[str, str] = {}
        self.of_parsers: dict[str, tuple[LeftOut, ...]] = {}

    @contextmanager
    def taken_up_again(self) -> Iterator[None]:
        """Whoever interrupts it is told what the same command will find."""
        try:
            yield
        except KeyboardInterrupt:
            if self.store is not None:
                self.terminal.say(
                    f"embeddings and trials so far are kept in {self.store.folder}: the same command goes on from there"
                )
            raise

    @contextmanager
    def going_on(self, what: str, *, debug: bool) -> Iterator[None]:
        """One model that is not at hand, or one damaged input, does not stop the others."""
        try:
            yield
        except (WeightsUnavailable, DataUnavailable, NoClips, MissingFile) as refusal:
            print_failure(refusal, debug=debug, about=what)
            self.failures.append(refusal)

    def opened(self, source: _Source) -> "Splits":
        """A data set's splits; those of the built-in world are rendered."""
        from av2a.research.bench import Splits

        test, validation = self._split(source, "test"), self._split(source, "validation")
        # Of LLP's training split only whole clips are labelled; its validation split is annotated by the second.
        train = {"synthetic": lambda: self._split(source, "train"), "llp": lambda: validation}.get(source.name)
        self.datasets.add(source.name)
        if test.at_hand:
            self.with_videos.add(source.name)
        return Splits(test, validation if validation.at_hand else None, None if train is None else train())

    def _split(self, source: _Source, split: str) -> "Dataset":
        limit = self.limit or (200 if source.name == "synthetic" else None)
        found = chosen_dataset(
            source.name, self.terminal, split=split, videos=source.videos, annotations=source.annotations, limit=limit
        )
        self.remarks += [f"{found.name} {found.split}: {remark}" for remark in found.remarks]
        return found

    def measured(self, splits: "Splits", backbone: "Backbone") -> "list[Part]":
        """What a backbone has to say."""
        from av2a.datasets.opening import GENERATED
        from av2a.research.bench import Bench
        from av2a.research.tables import parts_of

        if backbone.note is not None and splits.test.name != GENERATED and backbone.note not in self.notes:
            self.terminal.warn(backbone.note)
            self.notes.append(backbone.note)
        with self.terminal.progress(f"{splits.test.name}, {backbone.info.name}") as report:
            bench = Bench(splits, backbone, self.store, self.plan, report)
            self.benches.append(bench)
            parts = parts_of(bench)
            self.timed.append(bench)
            return parts

    def parsed(self, parser: "Parser", features: Path, dataset: "Dataset") -> "list[Part]":
        """What a trained parser has to say."""
        from av2a.methods.trained.features import FeatureFolder
        from av2a.research.parsed import parsed
        from av2a.research.tables import parsed_parts

        kind = parser.kind
        with self.terminal.progress(f"{dataset.name}, {kind.name}") as report:
            found = parsed(dataset, parser, FeatureFolder.opened(features), kind.settings, progress=report)
        what = f"{dataset.name} {dataset.split}"
        self.parser_counts[kind.in_table_1 or kind.name] = (
            f"{kind.name} ({parser.info.digest[:12]}) on {what}: {len(found.names)} of {len(dataset.clips)} videos"
        )
        self.of_parsers[f"{what}, {kind.name}"] = found.left_out
        return parsed_parts(found, dataset)

    def sheets(self, parts: "Sequence[Part]") -> "list[Any]":
        """All tables, filled or not, and section 4.2."""
        from av2a.research.sheets import sheets
        from av2a.research.tables import efficiency

        every = sheets(parts, at_hand=self.with_videos, annotated=self.datasets, numbers=range(1, 9))
        return [*every, efficiency(self.timed, self.parser_counts)]

    def left_out(self) -> "list[tuple[str, LeftOut]]":
        """Every video that no number is of, each once for each reason, behind its split."""
        found = [(split, each) for bench in self.benches for split, clips in bench.left_out.items() for each in clips]
        found += [(what, each) for what, clips in self.of_parsers.items() for each in clips]
        return list(dict.fromkeys(found))

    def say_left_out(self) -> bool:
        """Say which videos were left out and why; whether some of them are at hand and cannot be used."""
        from av2a.research.sheet_texts import MOST_SAID, left_out_lines

        failed = [(split, each) for split, each in self.left_out() if each.has_failed]
        others = [(split, each) for split, each in self.left_out() if not each.has_failed]
        for line in left_out_lines(others)[:MOST_SAID]:
            self.terminal.say(line)
        lines = left_out_lines(failed)
        for line in lines[:MOST_SAID]:
            self.terminal.fail(f"av2a: {line}")
        if len(lines) > MOST_SAID:
            self.terminal.fail(f"av2a: {len(lines) - MOST_SAID} more reasons, which --json tells")
        return bool(failed)

    def about(self) -> dict[str, Any]:
        """What the numbers are of."""
        from av2a import __version__
        from av2a.datasets.rows import counted
        from av2a.research.sheet_texts import left_out_lines

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
        about |= {"left_out": left_out_lines(self.left_out()), "remarks": list(dict.fromkeys(self.remarks))}
        for name in sorted(self.datasets):
            about |= notes(name)
        return about | ({"beware": list(dict.fromkeys(self.notes))} if self.notes else {})


def _counts(bench: "Bench") -> "Iterator[str]":
    """N of M, and which weights."""
    for split, count in bench.counts.items():
        yield f"{bench.backbone.info.name} ({bench.backbone.info.digest[:12]}) on {split}: {count}"
