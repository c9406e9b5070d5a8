"""A parser over a data set: its network once, then any settings on what it said."""

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from av2a.datasets import Annotation, Dataset, LabelledClip, Task
from av2a.datasets.llp import CATEGORIES, CLIP_SECONDS
from av2a.errors import NoClips, UsageError
from av2a.methods.av2a.thresholds import dynamic_thresholds
from av2a.methods.trained import PARSERS, load_parser
from av2a.methods.trained.features import FeatureFolder, Features
from av2a.methods.trained.rules import decided, gated
from av2a.methods.trained.settings import FrameVector, ParserSettings
from av2a.research import parsed as module
from av2a.research.parsed import Parsed, parsed, score_parsed
from av2a.research.published import TRAINED_PARAMETERS
from av2a.types import Modality
from tests.methods.trained.checkpoint_files import published, write_features

AUDIO, VISUAL, BOTH = Modality.AUDIO, Modality.VISUAL, Modality.AUDIO_VISUAL
CLIPS = 21


def dataset(clips: int = CLIPS) -> Dataset:
    """Made-up clips of LLP's categories: in each one category is heard, and the next seen a second later."""

    def clip(number: int) -> LabelledClip:
        heard, seen = CATEGORIES[number % 25], CATEGORIES[(number + 1) % 25]
        events = (Annotation(heard, AUDIO, 1.0, 6.0), Annotation(seen, VISUAL, 2.0, 7.0))
        return LabelledClip(f"id-{number:03d}_-{number:03d}_0_10"[-16:], None, events)

    return Dataset(
        name="llp",
        split="test",
        task=Task.PARSING,
        categories=CATEGORIES,
        labels=CATEGORIES,
        clips=tuple(clip(number) for number in range(clips)),
        clip_seconds=CLIP_SECONDS,
    )


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_features(tmp_path_factory.mktemp("feats"), [clip.name for clip in dataset().clips])


@pytest.fixture(scope="module", params=PARSERS)
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, features: Path) -> Parsed:
    """Each parser on the clips."""
    name = request.param
    parser = load_parser(name, published(tmp_path_factory.mktemp(name), name))
    return parsed(dataset(), parser, FeatureFolder.opened(features), PARSERS[name].settings)


def settings(found: Parsed, **values: Any) -> ParserSettings:
    return found.settings.replace(**values)


def test_every_clip_is_answered_in_the_data_sets_order(found: Parsed) -> None:
    assert found.names == tuple(clip.name for clip in dataset().clips)
    assert found.answers.audio.shape == (CLIPS, 10, 25)
    assert not found.left_out


def test_the_batch_changes_no_answer(
    found: Parsed, features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 5)
    name = found.kind.name
    parser = load_parser(name, published(tmp_path, name))
    again = parsed(dataset(), parser, FeatureFolder.opened(features), found.settings)
    for field in ("audio", "visual", "whole_audio", "whole_visual", "whole"):
        assert getattr(again.answers, field) == pytest.approx(getattr(found.answers, field), abs=1e-5)


def test_static_thresholds_are_the_parsers_own(found: Parsed) -> None:
    chosen = settings(found, thresholds="static", fusion="late")
    predictions = found.predictions(chosen)
    own = decided(found.answers, found.kind.rule, chosen)
    assert all(np.array_equal(predictions.masks[each], own[each]) for each in Modality)
    assert predictions.masks[AUDIO].any()


def test_dynamic_thresholds_decide_each_stream_among_the_categories_that_passed_its_gate(found: Parsed) -> None:
    chosen = found.settings
    predictions = found.predictions(chosen)
    passed = gated(found.answers, found.kind.rule, chosen)
    for video in range(CLIPS):
        for modality, weight in ((AUDIO, 1.0), (VISUAL, 0.0), (BOTH, chosen.audio_weight)):
            answers = found.answers.of(video)
            scores = (1 - weight) * answers.visual + weight * answers.audio
            kept = passed[modality][video]
            thresholds = dynamic_thresholds(
                scores[:, kept],
                None if modality is AUDIO else answers.frame_embeddings,
                initial_threshold=chosen.initial_threshold,
                decay=chosen.decay,
            )
            expected = np.zeros((10, 25), dtype=bool)
            expected[:, kept] = scores[:, kept] > thresholds
            assert np.array_equal(predictions.masks[modality][video], expected)


def test_late_fusion_of_moving_thresholds_is_what_both_streams_found(found: Parsed) -> None:
    masks = found.predictions(settings(found, fusion="late")).masks
    assert np.array_equal(masks[BOTH], masks[AUDIO] & masks[VISUAL])
    score = found.predictions(settings(found, fusion="score")).masks
    assert np.array_equal(masks[AUDIO], score[AUDIO]) and np.array_equal(masks[VISUAL], score[VISUAL])


def test_an_evaluation_says_which_checkpoint_and_how(found: Parsed) -> None:
    evaluation, predictions = score_parsed(found, found.settings)
    assert (evaluation.videos, evaluation.total) == (CLIPS, CLIPS)
    assert evaluation.backbone == found.info and evaluation.settings == found.settings
    assert evaluation.numbers is not None and evaluation.numbers_as_released is None
    assert f"{found.kind.title} with dynamic thresholds and score fusion" in evaluation.remarks
    assert predictions.names == found.names
    quoted = TRAINED_PARAMETERS.get(str(found.kind.in_table_1))
    assert evaluation.parameters is not None
    assert quoted is None or evaluation.parameters // 100_000 / 10 == quoted / 1e6


def test_settings_that_the_network_must_run_again_for_are_refused(found: Parsed) -> None:
    for values in (
        {"frame_vector": "fused"},
        {"attention_map": "flat"},
        {"frame_vector": "fused", "thresholds": "static"},
    ):
        with pytest.raises(ValueError, match="must be those that the network ran with"):
            found.predictions(settings(found, **values))


def test_the_choice_of_x_t_moves_the_thresholds(features: Path, tmp_path: Path) -> None:
    parser = load_parser("jomold", published(tmp_path, "jomold"))
    thresholds = []
    for vector in (FrameVector.MOTION, FrameVector.ATTENDED):
        chosen = replace(PARSERS["jomold"].settings, frame_vector=vector)
        found = parsed(dataset(3), parser, FeatureFolder.opened(features), chosen)
        thresholds.append(next(found.scored(chosen)).frame_embeddings)
    assert thresholds[0] is not None and thresholds[1] is not None
    assert not np.array_equal(thresholds[0], thresholds[1])


def test_clips_without_whole_features_are_left_out_and_named(tmp_path: Path) -> None:
    clips = dataset(4).clips
    folder = write_features(tmp_path / "feats", [clip.name for clip in clips])
    ids = [clip.name[:11] for clip in clips]
    (folder / "vggish" / f"{ids[0]}.npy").unlink()
    np.save(folder / "res152" / f"{ids[2]}.npy", np.full((80, 2048), np.nan, np.float32))
    unknown = replace(dataset(4), clips=(*clips[:3], replace(clips[3], annotations=None)))
    parser = load_parser("han", published(tmp_path, "han"))
    found = parsed(unknown, parser, FeatureFolder.opened(folder), PARSERS["han"].settings)
    assert found.names == (clips[1].name,)
    assert [each.name for each in found.left_out] == [clips[0].name, clips[2].name, clips[3].name]
    reasons = [each.reason for each in found.left_out]
    assert reasons[0] == "no vggish features of it are available"
    assert reasons[1] == f"res152/{ids[2]}.npy holds numbers that are not finite: make it again"
    assert reasons[2] == "what happens in it is not known"
    assert [each.has_failed for each in found.left_out] == [False, True, False]
    evaluation, _ = score_parsed(found, found.settings)
    assert (evaluation.videos, evaluation.total, len(evaluation.left_out)) == (1, 4, 3)


def test_a_clip_that_is_answered_with_no_number_is_left_out_as_failed(tmp_path: Path) -> None:
    clips = dataset(3)
    first, second, third = (clip.name for clip in clips.clips)
    folder = write_features(tmp_path / "feats", [first, second, third])
    parser = load_parser("jomold", published(tmp_path, "jomold"))
    whole = parsed(clips, parser, FeatureFolder.opened(folder), PARSERS["jomold"].settings)
    np.save(folder / "vggish" / f"{second[:11]}.npy", np.full((10, 128), 1e38, np.float32))
    found = parsed(clips, parser, FeatureFolder.opened(folder), PARSERS["jomold"].settings)
    assert found.names == (first, third)
    assert np.array_equal(found.answers.audio, whole.answers.audio[[0, 2]])
    assert [(each.name, each.reason, each.has_failed) for each in found.left_out] == [(second, module.NOT_FINITE, True)]
    alone = replace(clips, clips=clips.clips[1:2])
    with pytest.raises(NoClips, match=f"{second}: the parser answers with numbers that are not finite"):
        parsed(alone, parser, FeatureFolder.opened(folder), PARSERS["jomold"].settings)


def test_no_features_at_all_is_an_error_that_names_the_first(tmp_path: Path) -> None:
    folder = write_features(tmp_path / "feats", [])
    parser = load_parser("han", published(tmp_path, "han"))
    words = r"no clip of llp test can be used: .*: no vggish, no res152, no r2plus1d_18 features of it are available"
    with pytest.raises(NoClips, match=words):
        parsed(dataset(2), parser, FeatureFolder.opened(folder), PARSERS["han"].settings)


def test_a_data_set_of_other_categories_is_refused(features: Path, tmp_path: Path) -> None:
    parser = load_parser("han", published(tmp_path, "han"))
    other = Dataset("ave", "test", Task.LOCALIZATION, ("bell",), ("bell",), ())
    with pytest.raises(UsageError, match="the parsers know the 25 categories of llp and no others"):
        parsed(other, parser, FeatureFolder.opened(features), PARSERS["han"].settings)


class Recorded(FeatureFolder):
    """A folder that writes down when it is read."""

    events: ClassVar[list[str]] = []

    def features(self, name: str) -> Features:
        self.events.append("read")
        return super().features(name)


def test_no_more_features_are_held_than_one_batch(
    features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    parser = load_parser("jomold", published(tmp_path, "jomold"))

    parser.network.register_forward_pre_hook(
        lambda _, given: Recorded.events.append(f"answered {len(given[0])}"),
    )
    parsed(dataset(5), parser, Recorded.opened(features), PARSERS["jomold"].settings)
    assert Recorded.events == ["read", "read", "answered 2", "read", "read", "answered 2", "read", "answered 1"]


def test_progress_counts_clips_also_those_left_out(features: Path, tmp_path: Path) -> None:
    clips = dataset(6)
    unknown = replace(clips, clips=(replace(clips.clips[0], annotations=None), *clips.clips[1:]))
    parser = load_parser("jomold", published(tmp_path, "jomold"))
    told: list[tuple[str, int, int]] = []
    parsed(
        unknown,
        parser,
        FeatureFolder.opened(features),
        PARSERS["jomold"].settings,
        progress=lambda *report: told.append(report),
    )
    assert told[-1] == ("clips", 6, 6)
