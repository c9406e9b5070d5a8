"""Other tools' own readers read what is written. They are installed by ``scripts/test_readers``, and skipped where they are not."""

from pathlib import Path

import pytest

from av2a import exports
from av2a.types import Detection, Event
from tests.detections import BOTH, HEARD, SEEN, detection, event

LABELS = ["dog barking", 'speech "x" & <cry>', "犬の声 🐶", "=1+1"]
EVENTS = [
    event(LABELS[0], SEEN, 0.0, 7.001),
    event(LABELS[1], HEARD, 1.5, 4.0),
    event(LABELS[0], HEARD, 2.0, 4.001),
    event(LABELS[2], BOTH, 3.0, 5.25),
    event(LABELS[3], HEARD, 8.0, 9.999),
]


@pytest.fixture
def answer() -> Detection:
    """An answer with labels that are hard to write."""
    return detection(EVENTS, LABELS)


def written(answer: Detection, folder: Path, ending: str) -> Path:
    exports.write(answer, folder / f"park{ending}")
    return folder / f"park{ending}"


def prefixed(each: Event) -> str:
    return f"{each.modality.word}: {each.label}"


def test_crowsetta_reads_audacity_labels(answer: Detection, tmp_path: Path) -> None:
    crowsetta = pytest.importorskip("crowsetta")
    read = crowsetta.formats.seq.AudSeq.from_file(written(answer, tmp_path, ".txt")).to_seq()
    found = list(zip(read.onsets_s.tolist(), read.offsets_s.tolist(), read.labels.tolist(), strict=True))
    assert found == [(each.start_seconds, each.stop_seconds, prefixed(each)) for each in EVENTS]


def test_crowsetta_reads_raven_selections(answer: Detection, tmp_path: Path) -> None:
    crowsetta = pytest.importorskip("crowsetta")
    path = written(answer, tmp_path, ".selections.txt")
    frame = crowsetta.formats.bbox.Raven.from_file(path, annot_col="Annotation").df
    found = zip(frame["begin_time_s"], frame["end_time_s"], frame["annotation"], frame["Stream"], strict=True)
    assert list(found) == [(each.start_seconds, each.stop_seconds, each.label, each.modality.word) for each in EVENTS]


def test_pympi_reads_elan_documents(answer: Detection, tmp_path: Path) -> None:
    pympi = pytest.importorskip("pympi")
    document = pympi.Elan.Eaf(str(written(answer, tmp_path, ".eaf")))
    found = sorted(
        (start, stop, label, tier)
        for tier in document.get_tier_names()
        for start, stop, label in document.get_annotation_data_for_tier(tier)
    )
    assert found == [
        (
            round(1000 * each.start_seconds),
            round(1000 * each.stop_seconds),
            each.label,
            f"{each.label} ({each.modality.word})",
        )
        for each in EVENTS
    ]


def test_praatio_reads_textgrids(answer: Detection, tmp_path: Path) -> None:
    textgrid = pytest.importorskip("praatio.textgrid")
    grid = textgrid.openTextgrid(str(written(answer, tmp_path, ".TextGrid")), includeEmptyIntervals=False)
    found = sorted((*entry, name) for name in grid.tierNames for entry in grid.getTier(name).entries)
    assert found == [
        (each.start_seconds, each.stop_seconds, each.label, f"{each.label} ({each.modality.word})") for each in EVENTS
    ]


def test_srt_reads_subtitles(answer: Detection, tmp_path: Path) -> None:
    srt = pytest.importorskip("srt")
    text = written(answer, tmp_path, ".srt").read_text(encoding="utf-8")
    found = [(each.start.total_seconds(), each.end.total_seconds(), each.content) for each in srt.parse(text)]
    assert found == [
        (each.start_seconds, each.stop_seconds, prefixed(each).replace("<", "‹").replace(">", "›")) for each in EVENTS
    ]


def test_pyannote_reads_rttm(answer: Detection, tmp_path: Path) -> None:
    util = pytest.importorskip("pyannote.database.util")
    [(name, annotation)] = util.load_rttm(str(written(answer, tmp_path, ".rttm"))).items()
    found = sorted((segment.start, label) for segment, _, label in annotation.itertracks(yield_label=True))
    assert name == "park"
    assert found == [(each.start_seconds, each.label.replace(" ", "_")) for each in EVENTS]


def test_sed_scores_eval_reads_strong_labels(answer: Detection, tmp_path: Path) -> None:
    sed_scores_eval = pytest.importorskip("sed_scores_eval")
    truth = sed_scores_eval.io.read_ground_truth_events(str(written(answer, tmp_path, ".tsv")))
    assert [tuple(each) for each in truth["park"]] == [
        (each.start_seconds, each.stop_seconds, each.label) for each in EVENTS
    ]


def test_pandas_reads_the_table(answer: Detection, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_csv(written(answer, tmp_path, ".csv"))
    assert frame["event_label"].tolist() == [*LABELS[:2], LABELS[0], LABELS[2], "'=1+1"]
    assert frame["offset"].tolist() == [each.stop_seconds for each in EVENTS]
