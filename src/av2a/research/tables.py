"""Fills all tables of the paper, for the data and models that are available.

Settings are tuned on the validation split and measured on the test split. The method is deterministic; the number after ± is the spread over
searches with different seeds.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from av2a import __version__
from av2a.backbones.base import Backbone
from av2a.datasets import Dataset, GroundTruth, Task
from av2a.datasets.opening import GENERATED, PUBLISHED
from av2a.features import Progress
from av2a.features.store import Store
from av2a.methods.trained import Parser
from av2a.methods.trained.features import FeatureFolder
from av2a.methods.trained.settings import Thresholds
from av2a.research.bench import Bench, Plan, Reading, Splits, as_localization
from av2a.research.comparisons import (
    STATIC,
    TYPE,
    ablated,
    audio_visual_only,
    compared,
    gain,
    measured_line,
    published_gains,
    signed,
)
from av2a.research.evaluate import AccuracyReading, Timeline, evaluate, score, validation_rule_of
from av2a.research.parsed import Parsed, parsed, score_parsed
from av2a.research.probe import probed
from av2a.research.published import (
    AV2A,
    DYNAMIC,
    FEATURE_SECONDS_A_VIDEO,
    LATE_FUSION,
    NAIVE,
    PLAIN,
    SCORE_FUSION,
    SECONDS_A_VIDEO,
    TRAINED_PARAMETERS,
    Figure,
    PublishedRow,
)
from av2a.research.replay import Replay
from av2a.research.results import left_out_lines
from av2a.research.search import LEAST, effective
from av2a.research.sheets import NEEDS, SYMBOLS, Line, Part, Run, Sheet, runs_of, sheets
from av2a.research.tune import Tuning
from av2a.research.watching import LeftOut
from av2a.settings import Fusion, Settings
from av2a.wording import counted

STATIC_LATE = "static thresholds, late fusion"
TABLE_1_ELSEWHERE = "with AV²A, values of Table 1 for LanguageBind"
TUNED_HERE = "with AV²A, tuned here"
NOT_TUNED = "with AV²A, not tuned"

_NOTHING_TO_TUNE_ON = "with AV²A not run: needs videos of the validation split to tune on"


def notes(dataset: str) -> dict[str, str]:
    """What must stand beside the numbers of a data set."""
    return {"note": "Figures on the generated world say nothing about real video"} if dataset == GENERATED else {}


@dataclass
class Measured:
    """The numbers of every model on every data set so far, for all tables."""

    plan: Plan
    store: Store | None
    opened: list[Splits] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    benches: list[Bench] = field(default_factory=list)
    timed: list[Bench] = field(default_factory=list)
    """Those whose tables are complete."""
    cautions: list[str] = field(default_factory=list)
    """What backbones say of their answers about these data sets."""
    remarks: dict[str, None] = field(default_factory=dict)
    """What there is to know about the splits, each remark once."""
    parser_counts: dict[str, str] = field(default_factory=dict)
    parser_left_out: list[tuple[str, LeftOut]] = field(default_factory=list)

    def add_backbone(self, splits: Splits, backbone: Backbone, progress: Progress) -> None:
        """Measure a backbone on a data set."""
        bench = Bench(splits, backbone, self.store, self.plan, progress)
        self.benches.append(bench)
        self.parts += parts_of(bench)
        self.timed.append(bench)

    def add_parser(self, parser: Parser, features: FeatureFolder, dataset: Dataset, progress: Progress) -> None:
        """Measure a trained parser on a split."""
        kind, what = parser.kind, f"{dataset.name} {dataset.split}"
        found = parsed(dataset, parser, features, kind.settings, progress=progress)
        self.parser_counts[kind.in_table_1 or kind.name] = (
            f"{kind.name} ({parser.info.digest[:12]}) on {what}: {len(found.names)} of {len(dataset.clips)} videos"
        )
        self.parser_left_out += [(f"{what}, {kind.name}", each) for each in found.left_out]
        self.parts += parsed_parts(found)

    def sheets(self) -> list[Sheet]:
        """All tables, filled or not, and section 4.2."""
        with_videos = {splits.test.name for splits in self.opened if splits.test.at_hand}
        annotated = {splits.test.name for splits in self.opened}
        every = sheets(self.parts, at_hand=with_videos, annotated=annotated, numbers=range(1, 9))
        return [*every, efficiency(self.timed, self.parser_counts)]

    def left_out(self) -> list[tuple[str, LeftOut]]:
        """Every video that no number is of, each once for each reason, behind its split."""
        found = [(split, each) for bench in self.benches for split, clips in bench.left_out.items() for each in clips]
        return list(dict.fromkeys([*found, *self.parser_left_out]))

    def about(self) -> dict[str, Any]:
        """What the numbers are of."""
        spread = "; ± is the standard deviation over them" if self.plan.seeds > 1 else ""
        counts = (
            f"{bench.backbone.info.name} ({bench.backbone.info.digest[:12]}) on {split}: {count}"
            for bench in self.benches
            for split, count in bench.counts.items()
        )
        about: dict[str, Any] = {"av2a": __version__, "measured": [*counts, *self.parser_counts.values()]}
        if self.benches:
            about["tuned"] = f"{counted(self.plan.trials, 'trial')}, {counted(self.plan.seeds, 'seed')}{spread}"
        left_out = self.left_out()
        about |= {
            "chance": "the method draws nothing at random: the same input and settings give the same numbers",
            "settings": {
                f"{reading.method} on {bench.dataset.name}": reading.tuned_values()
                for bench in self.benches
                for reading in (bench.released, bench.practical)
            },
            "left_out": list(left_out_lines(left_out, len(left_out))),
            "remarks": list(self.remarks),
        }
        for name in sorted({splits.test.name for splits in self.opened}):
            about |= notes(name)
        return about | ({"beware": self.cautions} if self.cautions else {})


def parts_of(bench: Bench) -> list[Part]:
    """The numbers of one backbone on one data set in the tables of the paper."""
    if bench.dataset.task is Task.LOCALIZATION:
        return [_localization(bench.released, method_settings(bench))]
    parts = [_table_2(bench)]
    for reading, name, settings in (
        (bench.released, AV2A, method_settings(bench)),
        (bench.practical, NOT_TUNED, [bench.practical.base]),
    ):
        parts += _table_1(reading)
        parts += _tables_5_6_8(reading, name, settings)
        if bench.dataset.name not in PUBLISHED:
            parts.append(_localized_parsing(reading, name, settings))
    if bench.splits.train is not None:
        train = bench.watched(bench.splits.train, bench.practical.base)
        parts.append(probed(train, bench.practical.watched, bench.dataset, bench.released.method))
    return parts


def method_settings(bench: Bench) -> list[Settings]:
    """The settings of the released reading: the values of Table 1 where it has some for the backbone and the data, else tuned ones."""
    return [bench.released.base] if bench.has_published_settings else bench.released.tuned(AV2A, {})


def _tables_5_6_8(reading: Reading, name: str, settings: Sequence[Settings]) -> list[Part]:
    """The method without one stage, with late fusion, and on all available videos; ``name`` says whether it was tuned."""
    if not settings:
        return [Part(number, (), (f"{reading.method}: {_NOTHING_TO_TUNE_ON}",)) for number in (5, 6, 8)]
    method = f"{reading.method}, not tuned" if name == NOT_TUNED else reading.method
    videos = reading.bench.dataset.of_total(len(reading.watched.watched))
    where = f"{reading.bench.dataset.name} {reading.bench.dataset.split}"
    note = f"{reading.method} on {videos} of {where}; which 1124 of LLP's 1200 the paper measured on is not published"
    return [
        ablated(reading.test, method, settings),
        compared(reading.test, method, settings),
        Part(8, (measured_line(reading.test, reading.method, name, settings),), (note,)),
    ]


def _table_1(reading: Reading) -> Iterator[Part]:
    tunings = reading.tunings(AV2A, {})
    if not tunings:
        return
    values = {name: Figure.over([getattr(each.settings, name) for each in tunings]) for name in effective(reading.base)}
    line = Line(reading.method, AV2A, reading.bench.dataset.name, (Run("tuned here", values),))
    yield Part(1, (line,), tuple(_tuning_findings(reading.method, tunings)))


def _tuning_findings(method: str, tunings: Sequence[Tuning]) -> Iterator[str]:
    first = tunings[0]
    reached = Figure.over([each.search.best_trial.value for each in tunings])
    yield (
        f"{method}: {counted(len(first.search.trials), 'trial')} of multivariate TPE "
        f"on {counted(len(first.names), 'validation video')}, {counted(len(tunings), 'seed')}, "
        f"the first trials at the best static thresholds; {first.objective.words} there {reached.value:.1f}"
    )
    for end, words in (
        (True, "where their stages do least: leaving these out can change little"),
        (False, "beyond which better may lie"),
    ):
        names = [name for name in first.space if all(_at_end(each, name, least=end) for each in tunings)]
        if names:
            yield f"{method}: {', '.join(SYMBOLS[name] for name in names)} came out at an end of the range searched, {words}"


def _at_end(tuning: Tuning, name: str, *, least: bool) -> bool:
    """Whether a value came out at the end of its range at which its stage does least, or else at another."""
    ends = tuning.space[name]
    near = [abs(getattr(tuning.settings, name) - end) < 0.01 * (ends[1] - ends[0]) for end in ends]
    does_least = near[LEAST[name]] if name in LEAST else False
    return does_least if least else any(near) and not does_least


def _table_2(bench: Bench) -> Part:
    released, practical = bench.released, bench.practical
    tried = {
        NAIVE: released.tuned(NAIVE, STATIC),
        STATIC_LATE: released.tuned(STATIC_LATE, {**STATIC, "fusion": Fusion.LATE}),
        AV2A: method_settings(bench),
        TUNED_HERE: released.tuned(AV2A, {}) if bench.has_published_settings else [],
        TABLE_1_ELSEWHERE: [] if bench.has_published_settings else [released.base],
    }
    ours = {NAIVE: practical.tuned(NAIVE, STATIC), AV2A: practical.tuned(AV2A, {}), NOT_TUNED: [practical.base]}
    lines = [
        measured_line(reading.test, reading.method, name, settings)
        for reading, found in ((released, tried), (practical, ours))
        for name, settings in found.items()
        if settings
    ]
    return Part(2, tuple(lines), tuple(_above_naive(bench, lines)))


def _above_naive(bench: Bench, lines: Sequence[Line]) -> Iterator[str]:
    paper = published_gains(2, NAIVE, AV2A, TYPE, ("clip-clap", "languagebind")).replace(", ", "; ")
    for method, name in (
        (bench.released.method, AV2A),
        (bench.practical.method, AV2A),
        (bench.practical.method, NOT_TUNED),
    ):
        gains = [gain(lines, method, NAIVE, name, column) for column in TYPE]
        said = [each for each in gains if each is not None]
        if said:
            word = "above" if min(said) > 0 else "below" if max(said) < 0 else "neither above nor below"
            yield f"{method}, {name}: {word} static thresholds, Type@AV {signed(said)}; in the paper, on LLP, {paper}"
    if bench.splits.validation is None:
        lacking = "static thresholds" if bench.has_published_settings else "static thresholds and with AV²A, tuned,"
        yield f"{bench.released.method}: {lacking} not run: needs videos of the validation split to tune them on"


def _localization(reading: Reading, settings: Sequence[Settings]) -> Part:
    """Table 4 on AVE: which lines are missing, what the others were tuned on, and what they say."""
    on, replay = f"{reading.method} on {reading.bench.dataset.name}", reading.validation
    tried = {NAIVE: reading.tuned(NAIVE, STATIC), AV2A: settings}
    lines = _accuracy_lines(reading.test, reading.method, tried)
    findings = []
    if len(lines) < len(tried):
        names = " and ".join(name for name, settings in tried.items() if not settings)
        findings.append(f"{on}: {names} not run: needs AVE or LLP validation videos to tune on")
    if replay is not None:
        paper = "as in the paper" if replay.dataset.name == "llp" else "in the paper on LLP's: add --dataset llp=DIR"
        videos = f"{len(replay.watched)} validation videos of {replay.dataset.name}"
        findings.append(f"{on}: tuned on {videos}, {paper}")
    return Part(4, tuple(lines), (*findings, *_accuracy_findings(lines, reading.method, AV2A)))


def _localized_parsing(reading: Reading, name: str, settings: Sequence[Settings]) -> Part:
    """Table 4 on clips of a parsing data set that could be AVE's, with the values that were tuned for parsing, as in the paper."""
    dataset = as_localization(reading.bench.dataset)
    clips = {clip.name: clip for clip in dataset.clips}
    watched = [replace(each, clip=clips[each.clip.name]) for each in reading.watched.watched if each.clip.name in clips]
    if not watched:
        return Part(4, ())
    rule = validation_rule_of(dataset, reading.base.profile) or reading.base.validation_rule
    tried = {
        line: [replace(each, validation_rule=rule) for each in found]
        for line, found in ((NAIVE, reading.tuned(NAIVE, STATIC)), (name, settings))
    }
    lines = _accuracy_lines(Replay(watched, dataset, reading.bench.backbone, reading.base), reading.method, tried)
    note = (
        f"{reading.method} on {dataset.name}: the {len(watched)} videos in which exactly one category is both heard and seen, as in AVE; "
        "settings as for parsing"
    )
    lacking = [] if settings else [f"{reading.method}: {_NOTHING_TO_TUNE_ON}"]
    return Part(4, tuple(lines), (note, *lacking, *_accuracy_findings(lines, reading.method, name)))


def _accuracy_lines(replay: Replay, method: str, tried: Mapping[str, Sequence[Settings]]) -> list[Line]:
    """A line for each entry with settings: one run for each reading of accuracy, the released one first."""
    lines = []
    for name, settings in tried.items():
        found: dict[str, list[float]] = {}
        for each in settings:
            readings = score(replay.predictions(each), replay.dataset).readings or ()
            for reading in sorted(readings, key=_released_first):
                words = f"{reading.timeline.value.replace('_', ' ')}, {_TRUTHS[reading.truth]}"
                found.setdefault(words, []).append(reading.accuracy)
        runs = tuple(Run(words, {"accuracy": Figure.over(values)}) for words, values in found.items())
        lines += [Line(method, name, replay.dataset.name, runs)] if runs else []
    return lines


_TRUTHS = {GroundTruth.LISTED: "truth as listed", GroundTruth.FIRST_ANNOTATION: "first annotation as truth"}


def _released_first(reading: AccuracyReading) -> tuple[bool, bool]:
    return reading.timeline is not Timeline.FIRST_CANDIDATE, reading.truth is not GroundTruth.FIRST_ANNOTATION


def _accuracy_findings(lines: Sequence[Line], method: str, name: str) -> Iterator[str]:
    found = gain(lines, method, NAIVE, name, "accuracy")
    if found is not None:
        word = "above" if found > 0 else "not above"
        paper = published_gains(4, NAIVE, AV2A, ["accuracy"], ("clip-clap", "languagebind"))
        yield f"{method}, {name}: {word} static thresholds, {found:+.1f}; in the paper, on AVE, {paper}"


def parsed_parts(found: Parsed) -> list[Part]:
    """The numbers of a trained parser in Tables 3, 6 and 8."""
    dataset, method = found.dataset, found.kind.in_table_1 or found.kind.name
    readings = {
        PLAIN: {"thresholds": Thresholds.STATIC, "fusion": Fusion.LATE},
        DYNAMIC: {"thresholds": Thresholds.DYNAMIC, "fusion": Fusion.SCORE},
        SCORE_FUSION: {"thresholds": Thresholds.STATIC, "fusion": Fusion.SCORE},
    }
    lines = {}
    for name, changes in readings.items():
        evaluation, _ = score_parsed(found, found.kind.settings.replace(**changes))
        assert evaluation.numbers is not None
        lines[name] = Line(method, name, dataset.name, (runs_of("", [evaluation.numbers]),))
    fusions = (replace(lines[PLAIN], name=LATE_FUSION), lines[SCORE_FUSION])
    videos = f"{len(found.names)} of {len(dataset.clips)} videos"
    return [
        Part(3, (lines[PLAIN], lines[DYNAMIC]), (f"{method} on {videos} of {dataset.name} {dataset.split}",)),
        Part(6, tuple(map(audio_visual_only, fusions))),
        Part(8, (lines[PLAIN],)),
    ]


# Section 4.2: how long a video takes, and how many numbers were learnt for it.

TIMED_VIDEOS = 10

_EFFICIENCY_COLUMNS = ("features", "decode", "encode", "method", "total", "parameters_millions", "trained_millions")


def efficiency(benches: Sequence[Bench], parsers: Collection[str] = ()) -> Sheet:
    """Seconds a video and millions of parameters, with the released and with the practical reading; ``parsers`` were not timed.

    The runs take nothing from a store and encode only what they need. Decoding goes on while models compute, so ``decode`` is the time for
    which the models waited.
    """
    why = {
        **{bench.backbone.info.name: "measured above" for bench in benches},
        **dict.fromkeys(parsers, "not measured here"),
    }
    rows = [("languagebind", "AV²A", {"total": SECONDS_A_VIDEO, "trained_millions": 0.0})]
    for name, parameters in TRAINED_PARAMETERS.items():
        figures = {"features": FEATURE_SECONDS_A_VIDEO, "trained_millions": parameters / 1e6}
        rows.append((name, "a trained parser", figures))
    published = [
        PublishedRow(method, name, {column: Figure(value) for column, value in figures.items()})
        for method, name, figures in rows
    ]
    return Sheet(
        number=None,
        title="Efficiency (section 4.2): seconds a video, millions of parameters",
        groups={name.replace("_", ", "): (name,) for name in _EFFICIENCY_COLUMNS},
        lines=(
            *(_timed(bench, reading) for bench in benches for reading in (bench.released, bench.practical)),
            *(
                Line(
                    row.method,
                    row.name,
                    "llp",
                    published=row,
                    not_run=why.get(row.method, f"not run: needs {NEEDS[row.method]}"),
                )
                for row in published
            ),
        ),
        findings=(
            "measured on this machine, without a store; the paper's times are of its authors' machine and of other models",
            "parameters: all that the models hold; trained: those learnt for the task, none here, as encoders are taken as they are",
        ),
        decimals=3,
    )


def _timed(bench: Bench, reading: Reading) -> Line:
    unusable = {each.name for each in bench.released.watched.left_out}
    usable = [clip for clip in bench.dataset.at_hand if clip.name not in unusable]
    few = replace(bench.dataset, clips=tuple(usable[:TIMED_VIDEOS]))

    def report(stage: str, done: int, total: int) -> None:
        bench.progress(f"timing {reading.method}: {stage}", done, total)

    evaluation, _ = evaluate(few, bench.backbone, reading.base, every_interval=False, progress=report)
    timing = evaluation.timing
    assert timing is not None
    seconds = {"decode": timing.decode, "encode": timing.encode + timing.intervals, "method": timing.method}
    values = {**seconds, "total": sum(seconds.values()), "trained_millions": 0.0}
    if evaluation.parameters is not None:
        values["parameters_millions"] = evaluation.parameters / 1e6
    run = Run(counted(evaluation.videos, "video"), {name: Figure(value) for name, value in values.items()})
    return Line(reading.method, "with AV²A", evaluation.dataset, (run,))
