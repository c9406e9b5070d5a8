"""The commands on parsers as a user would call them: checkpoints in the published shapes, feature files for 30 real clips of LLP."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from av2a.datasets import open_dataset, truth_masks
from av2a.datasets.llp import CATEGORIES
from av2a.methods.trained import PARSERS, load_parser
from av2a.methods.trained.features import FeatureFolder, together
from av2a.methods.trained.rules import decided
from av2a.methods.trained.settings import FrameVector
from av2a.metrics.parsing import parsing_metrics
from av2a.research.published import DYNAMIC, LATE_FUSION, PLAIN, SCORE_FUSION
from av2a.types import Modality
from tests.cli.calling import Call, Outcome, shell
from tests.methods.trained.checkpoint_files import published, write_features

CLIPS = 30


@pytest.fixture(scope="module")
def annotations() -> Path:
    """LLP's annotation files, beside the checkout; skipped where they are absent."""
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "annotations" / "llp"
    if not folder.is_dir():
        pytest.skip("no annotations of LLP (../shared/annotations/llp) beside the checkout")
    return folder


@pytest.fixture(scope="module")
def names(annotations: Path) -> list[str]:
    """Thirty clips of the test split, every fortieth."""
    return [clip.name for clip in open_dataset("llp", annotations=annotations).clips[::40]]


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> Path:
    return write_features(tmp_path_factory.mktemp("feats"), names)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("checkpoints")
    return cache(lambda name: published(folder / name, name))


@pytest.fixture
def given(annotations: Path, features: Path, checkpoints: Callable[[str], Path]) -> Callable[[str], list[str]]:
    """The options that name a parser, its checkpoint and its features."""

    def options(name: str) -> list[str]:
        where = {"--annotations": annotations, "--features": features, "--checkpoint": checkpoints(name)}
        return ["--parser", name, "--device", "cpu", *(str(word) for pair in where.items() for word in pair)]

    return options


@pytest.fixture
def evaluate(av2a: Call, given: Callable[[str], list[str]]) -> Callable[..., Outcome]:
    """``av2a evaluate llp`` with a parser."""
    return lambda name, *more: av2a("evaluate", "llp", *given(name), *more)


def expected(annotations: Path, features: Path, checkpoint: Path, name: str) -> dict[str, float]:
    """The ten numbers of the parser's own rules, each step by itself."""
    folder = FeatureFolder.opened(features)
    clips = [clip for clip in open_dataset("llp", annotations=annotations).clips if not folder.missing(clip.name)]
    read = together([folder.features(clip.name) for clip in clips])
    answers = load_parser(name, checkpoint).probabilities(read, FrameVector.MOTION)
    chosen = PARSERS[name].settings.replace(thresholds="static", fusion="late")
    found = {key: mask.transpose(0, 2, 1) for key, mask in decided(answers, PARSERS[name].rule, chosen).items()}
    heard, seen = (
        np.stack(masks).transpose(0, 2, 1)
        for masks in zip(*(truth_masks(each, CATEGORIES, 10) for each in clips), strict=True)
    )
    numbers = parsing_metrics(heard, seen, found[Modality.AUDIO], found[Modality.VISUAL], found[Modality.AUDIO_VISUAL])
    return numbers.as_dict()


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_is_evaluated_as_its_authors_do(
    evaluate: Callable[..., Outcome],
    annotations: Path,
    features: Path,
    checkpoints: Callable[[str], Path],
    name: str,
) -> None:
    done = evaluate(name, "--thresholds", "static", "--fusion", "late", "--json")
    assert done.status == 0, done.err
    answer = json.loads(done.out)
    assert (answer["videos"], answer["total"]) == (CLIPS, 1200)
    assert answer["numbers"] == pytest.approx(expected(annotations, features, checkpoints(name), name), abs=1e-9)
    assert answer["numbers_as_released"] is None
    assert (
        answer["backbone"]["name"] == name and answer["backbone"]["audio"] == f"{PARSERS[name].published_as} on VGGish"
    )
    assert answer["settings"]["thresholds"] == "static" and answer["settings"]["fusion"] == "late"


def test_what_is_written_is_scored_alike_when_it_is_read_again(
    evaluate: Callable[..., Outcome], av2a: Call, annotations: Path, tmp_path: Path
) -> None:
    table = tmp_path / "ours.tsv"
    done = evaluate("jomold", "--json", "--save-predictions", table, "-o", tmp_path / "ours.md")
    assert done.status == 0, done.err
    again = av2a("evaluate", "llp", "--annotations", annotations, "--predictions", table, "--only-named", "--json")
    one, other = (json.loads(each.out) for each in (done, again))
    assert one["videos"] == other["videos"] == CLIPS
    assert one["numbers"] == other["numbers"]
    assert "1170 videos left out" in (tmp_path / "ours.md").read_text(encoding="utf-8")


def test_the_same_call_gives_the_same_bytes_but_for_the_timing_also_in_a_shell(
    evaluate: Callable[..., Outcome], given: Callable[[str], list[str]]
) -> None:
    answers = [
        json.loads(done.out)
        for done in (evaluate("cmpae", "--json"), shell("evaluate", "llp", *given("cmpae"), "--json"))
    ]
    for answer in answers:
        answer.pop("timing")
    assert answers[0] == answers[1]


def test_thresholds_and_fusion_change_what_they_should(evaluate: Callable[..., Outcome]) -> None:
    def numbers(*options: str) -> dict[str, float]:
        return dict(json.loads(evaluate("jomold", "--json", *options).out)["numbers"])

    late = numbers("--thresholds", "static", "--fusion", "late")
    score = numbers("--thresholds", "static", "--fusion", "score")
    dynamic = numbers()
    # Score-level fusion can never change what is heard, what is seen, or the two pooled.
    for stream in ("audio", "visual", "event"):
        assert late[f"segment_{stream}"] == score[f"segment_{stream}"]
    assert late["segment_audio_visual"] != score["segment_audio_visual"]
    assert dynamic != score


def test_a_list_of_clips_says_which_are_measured(
    evaluate: Callable[..., Outcome], names: list[str], tmp_path: Path
) -> None:
    listed = tmp_path / "online.txt"
    listed.write_text("\n".join(names[:4]), encoding="utf-8")
    answer = json.loads(evaluate("mgn", "--json", "--only", listed).out)
    assert (answer["videos"], answer["total"]) == (4, 4)
    listed.write_text("gone_0_10\n", encoding="utf-8")
    refused = evaluate("mgn", "--only", listed)
    assert refused.status == 2 and "1 names are no clips of llp test, such as 'gone_0_10'" in refused.err


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (["--features", "nowhere"], 2, "has no folder vggish, res152, r2plus1d_18"),
        (["--checkpoint", "none.pt"], 2, "there is no checkpoint 'none.pt': check its path"),
        (["--store", "kept"], 2, "--store has no meaning beside --parser"),
        (["--thresholds", "moving"], 2, "unknown thresholds 'moving'"),
        (["--parser", "han"], 3, "is a checkpoint of JoMoLD, not of HAN: give it for jomold"),
        (
            ["--thresholds", "static", "--set", "initial_threshold=0.9"],
            2,
            "--set initial_threshold has no effect with static",
        ),
        (["--device", "openvino"], 2, "a parser runs in torch: choose --device cpu or auto"),
    ],
)
def test_a_refusal_is_one_line_that_says_what_to_do(
    evaluate: Callable[..., Outcome], options: list[str], status: int, words: str
) -> None:
    done = evaluate("jomold", *options)
    assert (done.status, done.out) == (status, "")
    assert words in done.err and done.err.count("\n") == 1


def test_a_damaged_feature_file_fails_its_clip_alone(
    av2a: Call, given: Callable[[str], list[str]], names: list[str], tmp_path: Path
) -> None:
    folder = write_features(tmp_path / "feats", names[:3])
    np.save(folder / "vggish" / f"{names[1][:11]}.npy", np.ones((9, 128), np.float32))
    done = av2a("evaluate", "llp", *given("han"), "--features", folder, "--json")
    assert done.status == 1
    assert json.loads(done.out)["videos"] == 2
    assert f"1 of 1200 videos failed: {names[1]}" in done.err


def test_a_clip_that_is_answered_with_no_number_has_failed(
    av2a: Call, given: Callable[[str], list[str]], names: list[str], tmp_path: Path
) -> None:
    folder = write_features(tmp_path / "feats", names[:3])
    file = folder / "vggish" / f"{names[1][:11]}.npy"
    np.save(file, np.full((10, 128), 1e38, np.float32))
    done = av2a("evaluate", "llp", *given("jomold"), "--features", folder, "--json")
    assert done.status == 1
    assert json.loads(done.out)["videos"] == 2
    assert f"1 of 1200 videos failed: {names[1]}" in done.err


def test_a_parser_is_tuned_and_the_result_used(
    av2a: Call,
    given: Callable[[str], list[str]],
    evaluate: Callable[..., Outcome],
    names: list[str],
    tmp_path: Path,
) -> None:
    best = tmp_path / "best.json"
    tuned = av2a("tune", "llp", *given("mgn"), "--split", "test", "--trials", "4", "--no-store", "-o", best)
    assert tuned.status == 0, tuned.err
    assert f"llp, test: {CLIPS} of 1200 videos" in tuned.err and "4 trials" in tuned.err
    assert {line.split()[0] for line in tuned.out.splitlines()} == {"audio_weight", "initial_threshold", "decay"}
    written = json.loads(best.read_text(encoding="utf-8"))
    assert written["tuned"]["names"] == sorted(names, key=names.index)
    numbers = json.loads(evaluate("mgn", "--json", "--settings", best).out)["numbers"]
    measured = (numbers["segment_type"] + numbers["event_type"]) / 2
    assert measured == pytest.approx(written["tuned"]["value_percent"], abs=1e-9)


def test_tuning_a_parser_refuses_what_is_for_backbones(av2a: Call, given: Callable[[str], list[str]]) -> None:
    refused = av2a("tune", "llp", *given("mgn"), "--weights", ".")
    assert refused.status == 2 and "--weights has no meaning beside --parser" in refused.err


def test_the_tables_have_a_parsers_lines(
    av2a: Call, annotations: Path, features: Path, checkpoints: Callable[[str], Path]
) -> None:
    parser = ("--parser", f"jomold={checkpoints('jomold')}", "--features", features)
    done = av2a("tables", "--dataset", "llp", "--annotations", f"llp={annotations}", *parser, "--no-store", "--json")
    assert done.status == 0, done.err
    tables = {table["number"]: table for table in json.loads(done.out)["tables"]}
    measured = {
        (number, line["name"])
        for number in (3, 6, 8)
        for line in tables[number]["lines"]
        if line["method"] == "jomold" and line["runs"]
    }
    names = {3: (PLAIN, DYNAMIC), 6: (LATE_FUSION, SCORE_FUSION), 8: (PLAIN,)}
    assert measured == {(number, name) for number, each in names.items() for name in each}
