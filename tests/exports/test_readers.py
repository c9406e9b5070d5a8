"""Other tools' own readers read what is written. They are installed by ``scripts/test_readers``, and skipped where they are not."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from av2a import exports
from av2a.types import CAUTION, Detection, Event
from tests.detections import BOTH, HEARD, SEEN, clip, detection, event

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
    # What is said of a worthless answer and of a clip without events is no event.
    nothing = replace(answer, events=(), clip=clip(path=Path("street.mp4")))
    exports.write_several([replace(answer, warnings=(CAUTION,)), nothing], tmp_path / "all.rttm")
    (name, annotation), (other, empty) = util.load_rttm(str(tmp_path / "all.rttm")).items()
    assert (other, len(empty)) == ("street", 0)
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


def in_frames(each: Event, rate: int = 25) -> tuple[int, int]:
    start, stop = (int(rate * time + 0.5) for time in (each.start_seconds, each.stop_seconds))
    return start, max(start + 1, stop)


def test_opentimelineio_reads_timelines(answer: Detection, tmp_path: Path) -> None:
    opentimelineio = pytest.importorskip("opentimelineio")
    timeline = opentimelineio.adapters.read_from_file(str(written(answer, tmp_path, ".otio")))
    [clip] = timeline.find_clips()
    found = [(each.name, *in_values(each.marked_range), each.color, each.comment) for each in clip.markers]
    colours = {HEARD: "GREEN", SEEN: "BLUE", BOTH: "RED"}
    assert found == [
        (prefixed(each), *in_frames(each), colours[each.modality], f"confidence {each.confidence:.4f}")
        for each in EVENTS
    ]
    assert (clip.name, clip.media_reference.target_url, *in_values(clip.source_range)) == ("park.mp4",) * 2 + (0, 250)


def test_opentimelineio_reads_final_cuts_xml(answer: Detection, tmp_path: Path) -> None:
    opentimelineio = pytest.importorskip("opentimelineio")
    pytest.importorskip("otio_fcp_adapter")
    timeline = opentimelineio.adapters.read_from_file(str(written(answer, tmp_path, ".xml")), "fcp_xml")
    [clip] = timeline.find_clips()
    found = [(each.name, *in_values(each.marked_range)) for each in clip.markers]
    assert found == [(prefixed(each), *in_frames(each)) for each in EVENTS]
    assert (clip.name, *in_values(clip.source_range)) == ("park.mp4", 0, 250)


def in_values(interval: Any) -> tuple[float, float]:
    return interval.start_time.value, interval.end_time_exclusive().value


def test_opentimelineio_reads_marker_lists(answer: Detection, tmp_path: Path) -> None:
    opentimelineio = pytest.importorskip("opentimelineio")
    pytest.importorskip("otio_cmx3600_adapter")
    # Frames of events that overlap are no valid sequence, which a list of markers is not.
    apart = replace(answer, events=(EVENTS[0], EVENTS[-1]))
    timeline = opentimelineio.adapters.read_from_file(str(written(apart, tmp_path, ".edl")), "cmx_3600", rate=25)
    found = [each.source_range.start_time.value for each in timeline.find_clips()]
    hour = 3600 * 25
    assert found == [hour + in_frames(each)[0] for each in apart.events]
    assert "|M:seen: dog barking |D:175" in str([each.metadata for each in timeline.find_clips()])


def test_pandas_and_pyarrow_read_parquet(answer: Detection, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = written(answer, tmp_path, ".parquet")
    frame = pandas.read_parquet(path)
    assert frame["event_label"].tolist() == [each.label for each in EVENTS]
    assert frame["offset"].tolist() == [each.stop_seconds for each in EVENTS]
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        **dict.fromkeys(["filename", "event_label", "modality"], "category"),
        **dict.fromkeys(["onset", "offset"], "float64"),
        "confidence": "float32",
    }
    assert b"av2a" in parquet.read_schema(path).metadata


@pytest.mark.parametrize("library", ["polars", "duckdb"])
def test_other_libraries_of_data_frames_read_parquet(answer: Detection, tmp_path: Path, library: str) -> None:
    module, path = pytest.importorskip(library), str(written(answer, tmp_path, ".parquet"))
    frame = module.read_parquet(path)
    rows = frame.rows() if library == "polars" else frame.fetchall()
    assert [(row[1], row[2], row[3]) for row in rows] == [
        (each.start_seconds, each.stop_seconds, each.label) for each in EVENTS
    ]


@pytest.mark.parametrize("ending", [".metadata.vtt", ".chapters.vtt"])
def test_webvtt_py_reads_metadata_and_chapters(answer: Detection, tmp_path: Path, ending: str) -> None:
    webvtt = pytest.importorskip("webvtt")
    cues = list(webvtt.read(written(answer, tmp_path, ending)))
    if ending == ".chapters.vtt":
        assert [(each.start_in_seconds, each.end_in_seconds, each.text) for each in cues] == [(3, 5, LABELS[2])]
        return
    found = [json.loads(each.raw_text) for each in cues]
    assert [(each["label"], each["modality"]) for each in found] == [
        (each.label, each.modality.value) for each in EVENTS
    ]
    assert cues[0].end == "00:00:07.001"


def test_praat_reads_textgrids(answer: Detection, tmp_path: Path) -> None:
    parselmouth = pytest.importorskip("parselmouth")
    grid = parselmouth.read(str(written(answer, tmp_path, ".TextGrid")))
    tiers = range(1, int(parselmouth.praat.call(grid, "Get number of tiers")) + 1)
    names = [parselmouth.praat.call(grid, "Get tier name", tier) for tier in tiers]
    assert names == list(dict.fromkeys(f"{each.label} ({each.modality.word})" for each in EVENTS))


@pytest.mark.parametrize("picture", [True, False])
def test_label_studio_takes_the_predictions(answer: Detection, tmp_path: Path, picture: bool) -> None:
    interface = pytest.importorskip("label_studio_sdk.label_interface")
    answer = replace(answer, clip=clip(picture=picture))
    config = written(answer, tmp_path, ".labelstudio.xml").read_text(encoding="utf-8")
    [task] = json.loads(written(answer, tmp_path, ".labelstudio.json").read_text(encoding="utf-8"))
    checked = interface.LabelInterface(config)
    [prediction] = task["predictions"]
    assert checked.validate_prediction(prediction, return_errors=True) == []
    kind = "timelinelabels" if picture else "labels"
    prediction["result"][0]["value"][kind] = ["no label"]
    assert checked.validate_prediction(prediction, return_errors=True) != []


def test_fiftyone_counts_the_same_frames(answer: Detection, tmp_path: Path) -> None:
    fiftyone = pytest.importorskip("fiftyone")
    metadata = fiftyone.VideoMetadata(frame_rate=25, total_frame_count=250, duration=10)
    [task] = json.loads(written(answer, tmp_path, ".labelstudio.json").read_text(encoding="utf-8"))
    ours = [region["value"]["ranges"][0] for region in task["predictions"][0]["result"]]
    for each, frames in zip(EVENTS, ours, strict=True):
        times = [each.start_seconds, each.stop_seconds]
        theirs = fiftyone.TemporalDetection.from_timestamps(times, label=each.label, metadata=metadata)
        # FiftyOne spreads the numbers of the frames over the duration, so that the last one is at the end itself.
        first, last = theirs.support
        assert abs(first - frames["start"]) <= 1 and abs(last - frames["end"]) <= 1


def test_iiif_prezi3_reads_web_annotations(answer: Detection, tmp_path: Path) -> None:
    prezi = pytest.importorskip("iiif_prezi3")
    # As a reader of JSON-LD does with addresses that are relative to the page.
    text = written(answer, tmp_path, ".jsonld").read_text(encoding="utf-8")
    page = prezi.AnnotationPage(**json.loads(text.replace('"source": "', '"source": "https://example.org/')))
    found = [
        ([each.root.value for each in annotation.body], str(annotation.target.source), annotation.target.selector.value)
        for annotation in page.items
    ]
    assert found == [
        (
            [each.label, each.modality.word, f"{each.confidence:.4f}"],
            "https://example.org/park.mp4",
            f"t={each.start_seconds:.3f},{each.stop_seconds:.3f}",
        )
        for each in EVENTS
    ]
    assert len({page.id, *(annotation.id for annotation in page.items)}) == 1 + len(EVENTS)


# Formats whose tools have no reader outside of themselves: held against what their documentation says.

FORMS = {
    ".kdenlive.json": {
        "type": "array",
        "items": {
            "required": ["pos", "comment", "type", "duration"],
            "properties": {
                "pos": {"type": "integer", "minimum": 0},
                "comment": {"type": "string"},
                "type": {"enum": list(range(9))},
                "duration": {"type": "integer", "minimum": 1},
            },
        },
    },
    ".unav.json": {
        "required": ["database"],
        "properties": {
            "database": {
                "additionalProperties": {
                    "required": ["duration", "subset", "annotations"],
                    "properties": {
                        "annotations": {
                            "items": {
                                "required": ["segment", "label", "label_id"],
                                "properties": {"segment": {"minItems": 2, "maxItems": 2}},
                            }
                        }
                    },
                }
            }
        },
    },
    ".activitynet.json": {
        "required": ["version", "results", "external_data"],
        "properties": {"results": {"additionalProperties": {"items": {"required": ["label", "score", "segment"]}}}},
    },
}


@pytest.mark.parametrize("ending", FORMS)
def test_json_has_the_documented_form(answer: Detection, tmp_path: Path, ending: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    plain = json.loads(written(answer, tmp_path, ending).read_text(encoding="utf-8"))
    assert list(jsonschema.Draft202012Validator(FORMS[ending]).iter_errors(plain)) == []


def test_csv_reads_cvats_table(answer: Detection, tmp_path: Path) -> None:
    with written(answer, tmp_path, ".cvat.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert [(row["start"], row["label"], row["stream"]) for row in rows] == [
        (f"00:00:{each.start_seconds:06.3f}", each.label, each.modality.word) for each in EVENTS
    ]
