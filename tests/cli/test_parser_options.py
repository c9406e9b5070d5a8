"""A trained parser is asked for by its options, and what cannot be meant is refused before any file is read."""

import json
from pathlib import Path
from typing import Any

import pytest

from av2a.cli.dataset_options import ClipOptions
from av2a.cli.model_options import ModelOptions
from av2a.cli.parser_options import ParserOptions, RequestedParser, clip_names_in, refuse_beside_parser
from av2a.cli.setting_options import SettingOptions
from av2a.errors import Av2aError, InvalidAnnotations, InvalidSetting, MissingFile, UnknownName, UsageError
from av2a.methods.trained import PARSERS
from av2a.methods.trained.settings import AudioVisualGate, Thresholds
from av2a.settings import Fusion


def chosen(
    settings_file: Path | None = None, assignments: tuple[str, ...] = (), **given: Any
) -> RequestedParser | None:
    how = SettingOptions(settings_file=settings_file, assignments=list(assignments))
    return ParserOptions(**given).requested(how, "auto")


def jomold(**given: Any) -> RequestedParser:
    requested = chosen(parser="jomold", checkpoint=Path("JoMoLD.pt"), features=Path("feats"), **given)
    assert requested is not None
    return requested


def test_no_parser_is_requested() -> None:
    assert chosen() is None


def test_a_parser_has_the_papers_settings_unless_others_are_asked_for() -> None:
    assert jomold().settings == PARSERS["jomold"].settings
    own = jomold(thresholds="static", fusion="late").settings
    assert (own.thresholds, own.fusion) == (Thresholds.STATIC, Fusion.LATE)
    asked = jomold(thresholds="static", assignments=["audio_visual_gate=either", "audio_weight=0.3"])
    assert asked.settings.audio_visual_gate is AudioVisualGate.EITHER
    assert asked.settings.audio_weight == 0.3


def test_an_assignment_stands_above_an_option_and_an_option_above_a_file(tmp_path: Path) -> None:
    file = tmp_path / "tuned.json"
    written = PARSERS["jomold"].settings.replace(decay=3.0, fusion="late", thresholds="static")
    file.write_text(json.dumps({"settings": written.as_dict()}), encoding="utf-8")
    assert jomold(settings_file=file).settings == written
    asked = jomold(settings_file=file, fusion="score", assignments=["thresholds=dynamic"])
    assert asked.settings.decay == 3.0
    assert asked.settings.fusion is Fusion.SCORE and asked.settings.thresholds is Thresholds.DYNAMIC


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"parser": "jomolt"}, UnknownName, "unknown parser 'jomolt': did you mean 'jomold'"),
        (
            {"parser": "cmpae"},
            UsageError,
            r"--parser cmpae needs --checkpoint FILE: .* \(cmpae_s0\.pt is the checkpoint\)",
        ),
        ({"parser": "mgn", "checkpoint": Path("a.pt")}, UsageError, "--parser mgn needs --features DIR"),
        ({"checkpoint": Path("a.pt")}, UsageError, "--checkpoint is about a trained parser: name one with --parser"),
        ({"thresholds": "static"}, UsageError, "--thresholds is about a trained parser"),
        ({"fusion": "late"}, UsageError, "--fusion is about a trained parser"),
    ],
)
def test_what_is_not_whole_is_refused(given: dict[str, Any], kind: type[Av2aError], words: str) -> None:
    with pytest.raises(kind, match=words):
        chosen(**given)


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"thresholds": "moving"}, UnknownName, "unknown thresholds 'moving': .*known: dynamic, static"),
        ({"fusion": "early"}, UnknownName, "unknown fusion 'early': .*known: late, score"),
        ({"assignments": ["frame_vectr=fused"]}, UnknownName, "did you mean 'frame_vector'"),
        ({"assignments": ["segment_threshold=-1"]}, InvalidSetting, "segment_threshold must be 0 or more, got -1"),
    ],
)
def test_a_value_that_nothing_has_is_refused(given: dict[str, Any], kind: type[Av2aError], words: str) -> None:
    with pytest.raises(kind, match=words):
        jomold(**given)


@pytest.mark.parametrize(
    ("parser", "given", "words"),
    [
        ("jomold", {"thresholds": "static", "assignments": ["initial_threshold=0.9"]}, "--thresholds dynamic"),
        ("jomold", {"thresholds": "static", "assignments": ["frame_vector=fused"]}, "--thresholds dynamic"),
        ("jomold", {"assignments": ["segment_threshold=0.4"]}, "--thresholds static"),
        ("jomold", {"fusion": "late", "assignments": ["audio_weight=0.4"]}, "--fusion score"),
        ("cmpae", {"assignments": ["fusion=late", "audio_visual_gate=either"]}, "--fusion score"),
        ("mgn", {"assignments": ["audio_visual_gate=either"]}, "--parser jomold or cmpae"),
        ("jomold", {"assignments": ["visual_gate=uniform"]}, "--parser cmpae"),
        ("han", {"assignments": ["attention_map=flat"]}, "--parser mgn"),
        ("jomold", {"assignments": ["confidence_threshold=0.4"]}, "--set validate=true"),
        ("jomold", {"assignments": ["category_threshold=0.4"]}, "a backbone"),
    ],
)
def test_a_setting_without_effect_is_refused_with_what_would_make_it_count(
    parser: str, given: dict[str, Any], words: str
) -> None:
    name = given["assignments"][-1].partition("=")[0]
    with pytest.raises(UsageError, match=f"--set {name} has no effect .*: .*{words}, or leave it out"):
        chosen(parser=parser, checkpoint=Path("a.pt"), features=Path("feats"), **given)


def test_a_setting_whose_condition_is_assigned_with_it_is_taken() -> None:
    assert jomold(assignments=["segment_threshold=0.4", "thresholds=static"]).settings.segment_threshold == 0.4
    assert jomold(assignments=["confidence_threshold=0.4", "validate=true"]).settings.confidence_threshold == 0.4


def test_what_a_parser_replaces_is_refused_unless_the_environment_gave_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AV2A_BACKBONE", "mini")
    clips = ClipOptions("llp")
    refuse_beside_parser(clips, ModelOptions("mini"), SettingOptions(), store=None, only_asked=False)
    with pytest.raises(UsageError, match="--backbone has no meaning beside --parser, which reads feature files"):
        refuse_beside_parser(clips, ModelOptions("clip-clap"), SettingOptions())
    with pytest.raises(UsageError, match="--visual-model has no meaning"):
        refuse_beside_parser(clips, ModelOptions(visual_model="x"), SettingOptions())
    with pytest.raises(UsageError, match="--only-asked has no meaning"):
        refuse_beside_parser(clips, ModelOptions(), SettingOptions(), only_asked=True)


def test_clips_are_named_one_a_line(tmp_path: Path) -> None:
    file = tmp_path / "online.txt"
    file.write_bytes(b"\xef\xbb\xbf# still online\r\n-a_b-c_d_e1_0_10\r\n\r\n BjCEufrlXm4_20_30 \n")
    assert clip_names_in(file) == ("-a_b-c_d_e1_0_10", "BjCEufrlXm4_20_30")
    assert jomold(only=file).only == clip_names_in(file)


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (None, MissingFile, "cannot read clips' names from .*: check --only"),
        (b"# none\n", InvalidAnnotations, "no clips' names in .*: write one a line"),
        (b"\xff\xfe", InvalidAnnotations, "is not UTF-8 text"),
    ],
)
def test_a_file_that_names_no_clips_is_refused(
    tmp_path: Path, content: bytes | None, kind: type[Av2aError], words: str
) -> None:
    file = tmp_path / "online.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(kind, match=words):
        clip_names_in(file)
