"""All tables of the paper, for what is at hand.

Settings are tuned on the validation split and measured on the test split. The method draws nothing at random; what follows a ± here is the spread over
searches with different seeds.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from av2a.datasets import Dataset, GroundTruth, Task
from av2a.datasets.opening import PUBLISHED
from av2a.features import Progress
from av2a.methods.trained import Parser
from av2a.methods.trained.features import FeatureFolder
from av2a.methods.trained.settings import Thresholds
from av2a.research.bench import Bench, Reading, as_localization
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
from av2a.research.efficiency import VIDEOS as TIMED_VIDEOS
from av2a.research.efficiency import timed
from av2a.research.evaluate import AccuracyReading, Evaluation, Timeline, evaluate, score, validation_rule_of
from av2a.research.parsed import Parsed, parsed, score_parsed
from av2a.research.probe import probed
from av2a.research.published import AV2A, DYNAMIC, LATE_FUSION, NAIVE, PLAIN, SCORE_FUSION, Figure
from av2a.research.replay import Replay
from av2a.research.search import LEAST, effective
from av2a.research.sheets import SYMBOLS, Line, Part, Run, Sheet, runs_of
from av2a.research.tune import Tuning
from av2a.settings import Fusion, Settings

STATIC_LATE = "static thresholds, late fusion"
TABLE_1_ELSEWHERE = "with AV²A, values of Table 1 for LanguageBind"
TUNED_HERE = "with AV²A, tuned here"
NOT_TUNED = "with AV²A, not tuned"

_NOTHING_TO_TUNE_ON = "with AV²A not run: needs videos of the validation split to tune on"

GENERATED_NOTE = "Figures on the generated world say nothing about real video"


def parts_of(bench: Bench) -> list[Part]:
    """What one backbone on one data set has to say in the tables of the paper."""
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
    """What the released reading is measured with: the values of Table 1 where it gives some for the backbone and the data, else tuned ones."""
    return [bench.released.base] if bench.has_published_settings else bench.released.tuned(AV2A, {})


def _tables_5_6_8(reading: Reading, name: str, settings: Sequence[Settings]) -> list[Part]:
    """What the method without one stage, with late fusion, and on all there is comes to; ``name`` says whether it was tuned."""
    if not settings:
        return [Part(number, (), (f"{reading.method}: {_NOTHING_TO_TUNE_ON}",)) for number in (5, 6, 8)]
    method = f"{reading.method}, not tuned" if name == NOT_TUNED else reading.method
    return [
        ablated(reading.test, method, settings),
        compared(reading.test, method, settings),
        _table_8(reading, name, settings),
    ]


def efficiency(benches: Sequence[Bench], parsers: Collection[str] = ()) -> Sheet:
    """Section 4.2, with the released and with the practical reading; ``parsers`` were run, and not timed."""
    sheet = timed([_timing(bench, reading) for bench in benches for reading in (bench.released, bench.practical)])
    said = {
        **{bench.backbone.info.name: "measured above" for bench in benches},
        **dict.fromkeys(parsers, "not measured here"),
    }
    lines = [
        replace(line, not_run=said.get(line.method, line.not_run)) if line.not_run else line for line in sheet.lines
    ]
    return replace(sheet, lines=tuple(lines))


def _timing(bench: Bench, reading: Reading) -> tuple[str, Evaluation]:
    unusable = {each.name for each in bench.released.watched.left_out}
    usable = [clip for clip in bench.dataset.at_hand if clip.name not in unusable]
    few = replace(bench.dataset, clips=tuple(usable[:TIMED_VIDEOS]))

    def told(stage: str, done: int, total: int) -> None:
        bench.progress(f"timing {reading.method}: {stage}", done, total)

    evaluation, _ = evaluate(few, bench.backbone, reading.base, every_interval=False, progress=told)
    return reading.method, evaluation


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
        f"{method}: {len(first.search.trials)} trials of multivariate TPE on {len(first.names)} validation videos, "
        f"{len(tunings)} seeds, the first trials at the best static thresholds; {first.objective.words} there {reached.value:.1f}"
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


def _table_8(reading: Reading, name: str, settings: Sequence[Settings]) -> Part:
    dataset = reading.bench.dataset
    videos = f"{len(reading.watched.watched)} of {len(dataset.clips)} videos of {dataset.name} {dataset.split}"
    said = f"{reading.method} on {videos}; which 1124 of LLP's 1200 the paper measured on is not published"
    return Part(8, (measured_line(reading.test, reading.method, name, settings),), (said,))


def _localization(reading: Reading, settings: Sequence[Settings]) -> Part:
    """Table 4 on AVE."""
    tried = {NAIVE: reading.tuned(NAIVE, STATIC), AV2A: settings}
    lines = _accuracy_lines(reading.test, reading.method, tried)
    said = (*_localization_findings(reading, tried), *_accuracy_findings(lines, reading.method, AV2A))
    return Part(4, tuple(lines), said)


def _localization_findings(reading: Reading, tried: Mapping[str, Sequence[Settings]]) -> Iterator[str]:
    """Which lines are missing, and what the others were tuned on."""
    dataset, replay = reading.bench.dataset.name, reading.validation
    lacking = [name for name, settings in tried.items() if not settings]
    if lacking:
        names = " and ".join(lacking)
        yield f"{reading.method} on {dataset}: {names} not run: needs AVE or LLP validation videos to tune on"
    if replay is not None:
        tuned = (
            f"{reading.method} on {dataset}: tuned on {len(replay.watched)} validation videos of {replay.dataset.name}"
        )
        in_the_paper = (
            "as in the paper" if replay.dataset.name == "llp" else "in the paper on LLP's: add --dataset llp=DIR"
        )
        yield f"{tuned}, {in_the_paper}"


def _localized_parsing(reading: Reading, name: str, settings: Sequence[Settings]) -> Part:
    """Table 4 on clips of a parsing data set that could be AVE's, with the values that were tuned for parsing, as in the paper."""
    bench = reading.bench
    dataset = as_localization(bench.dataset)
    clips = {clip.name: clip for clip in dataset.clips}
    watched = [replace(each, clip=clips[each.clip.name]) for each in reading.watched.watched if each.clip.name in clips]
    if not watched:
        return Part(4, ())
    rule = validation_rule_of(dataset, reading.base.profile)
    tried = {
        each_name: [each if rule is None else replace(each, validation_rule=rule) for each in found]
        for each_name, found in ((NAIVE, reading.tuned(NAIVE, STATIC)), (name, settings))
    }
    lines = _accuracy_lines(Replay(watched, dataset, bench.backbone, reading.base), reading.method, tried)
    said = (
        f"{reading.method} on {dataset.name}: the {len(watched)} videos in which exactly one category is both heard and seen, as in AVE; "
        "settings as for parsing"
    )
    lacking = [f"{reading.method}: {_NOTHING_TO_TUNE_ON}"] if not settings else []
    return Part(4, tuple(lines), (said, *lacking, *_accuracy_findings(lines, reading.method, name)))


def _accuracy_lines(replay: Replay, method: str, tried: Mapping[str, Sequence[Settings]]) -> list[Line]:
    return [_accuracy_line(replay, method, name, settings) for name, settings in tried.items() if settings]


def _accuracy_line(replay: Replay, method: str, name: str, settings: Sequence[Settings]) -> Line:
    """One run for each reading of accuracy; the released one comes first."""
    found: dict[str, list[float]] = {}
    for each in settings:
        readings = score(replay.predictions(each), replay.dataset).readings or ()
        for accuracy in sorted(readings, key=_released_first):
            found.setdefault(_accuracy_words(accuracy), []).append(accuracy.accuracy)
    runs = tuple(Run(words, {"accuracy": Figure.over(values)}) for words, values in found.items())
    return Line(method, name, replay.dataset.name, runs)


def _released_first(reading: AccuracyReading) -> tuple[bool, bool]:
    return reading.timeline is not Timeline.FIRST_CANDIDATE, reading.truth is not GroundTruth.FIRST_ANNOTATION


def _accuracy_words(reading: AccuracyReading) -> str:
    timeline = reading.timeline.value.replace("_", " ")
    truth = {GroundTruth.LISTED: "truth as listed", GroundTruth.FIRST_ANNOTATION: "first annotation as truth"}
    return f"{timeline}, {truth[reading.truth]}"


def _accuracy_findings(lines: Sequence[Line], method: str, name: str) -> Iterator[str]:
    found = gain(lines, method, NAIVE, name, "accuracy")
    if found is not None:
        word = "above" if found > 0 else "not above"
        paper = published_gains(4, NAIVE, AV2A, ["accuracy"], ("clip-clap", "languagebind"))
        yield f"{method}, {name}: {word} static thresholds, {found:+.1f}; in the paper, on AVE, {paper}"


# Trained parsers.


def parser_parts(
    parser: Parser, features: FeatureFolder, dataset: Dataset, *, progress: Progress | None = None
) -> list[Part]:
    """What a trained parser has to say in Tables 3, 6 and 8."""
    return parsed_parts(parsed(dataset, parser, features, parser.kind.settings, progress=progress), dataset)


def parsed_parts(found: Parsed, dataset: Dataset) -> list[Part]:
    """The same of what a parser said with its own settings."""
    method, dynamic = found.kind.in_table_1 or found.kind.name, found.kind.settings
    readings = {
        PLAIN: {"thresholds": Thresholds.STATIC, "fusion": Fusion.LATE},
        DYNAMIC: {"thresholds": Thresholds.DYNAMIC, "fusion": Fusion.SCORE},
        SCORE_FUSION: {"thresholds": Thresholds.STATIC, "fusion": Fusion.SCORE},
    }
    lines = {}
    for name, changes in readings.items():
        evaluation, _ = score_parsed(found, dataset, dynamic.replace(**changes))
        assert evaluation.numbers is not None
        lines[name] = Line(method, name, dataset.name, (runs_of("", [evaluation.numbers]),))
    fusions = (replace(lines[PLAIN], name=LATE_FUSION), lines[SCORE_FUSION])
    said = f"{method} on {len(found.names)} of {len(dataset.clips)} videos of {dataset.name} {dataset.split}"
    return [
        Part(3, (lines[PLAIN], lines[DYNAMIC]), (said,)),
        Part(6, tuple(map(audio_visual_only, fusions))),
        Part(8, (lines[PLAIN],)),
    ]
