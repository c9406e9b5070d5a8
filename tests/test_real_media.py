"""Three real clips through the whole product with the backbone ``light``; skipped where clips or weights are not at hand."""

import json
import xml.dom.minidom
from pathlib import Path

import pytest

from av2a import exports
from av2a.exports import json as answers
from av2a.exports.rows import EventRow
from av2a.media import open_clip
from tests.backbones.light.weights import light_weights
from tests.cli.calling import Call
from tests.cli.conftest import av2a as av2a

CLIPS = {
    # file: what is surely there, heard or seen
    "difffoley_drum.mp4": ("drums", "audio"),
    "foleycr_avsync_0.mp4": ("dog", "visual"),
    "specvq_gun_video_00819.mp4": ("gun", "visual"),
}
LABELS = "drums, dog, gun, speech, welding"

pytestmark = pytest.mark.slow


@pytest.fixture
def real(shared: Path) -> list[Path]:
    """The clips."""
    files = [shared / "real_bed" / "clips" / name for name in CLIPS]
    if missing := [file.name for file in files if not file.is_file()]:
        pytest.skip(f"no {', '.join(missing)} in ../shared/real_bed")
    return files


@pytest.fixture
def weights(shared: Path, tmp_path: Path) -> Path:
    """A folder with all weights."""
    return light_weights(shared, tmp_path / "weights")


def test_three_real_clips_through_the_whole_product(
    av2a: Call, real: list[Path], weights: Path, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AV2A_WEIGHTS", str(weights))
    monkeypatch.setenv("AV2A_CACHE", str(tmp_path / "cache"))
    model = ("--backbone", "light", "--store", tmp_path / "store")
    out = tmp_path / "out"
    out.mkdir()
    # Detect, with outputs of every kind that needs nothing more.
    endings = ("json", "csv", "vtt", "srt", "html", "eaf", "TextGrid")
    outputs = [part for ending in endings for part in ("-o", out / f"{{name}}.{ending}")]
    detected = av2a("detect", *real, "-l", LABELS, *model, *outputs)
    assert detected.status == 0, detected.err
    assert "not known to this backbone by sight, so never seen" in detected.err
    assert "welding" in detected.err
    for file, (label, modality) in CLIPS.items():
        stem = Path(file).stem
        answer = answers.read(out / f"{stem}.json")
        assert any(event.label == label and event.modality.value == modality for event in answer), file
        assert not any(event.label == "welding" for event in answer)
        known = {each["label"]: each for each in json.loads((out / f"{stem}.json").read_text())["known"]}
        assert known["drums"] == {"label": "drums", "heard_as": "Drum", "seen_as": "drums"}
        assert known["welding"] == {"label": "welding", "heard_as": None, "seen_as": None}
        assert "not known to this backbone" in (out / f"{stem}.html").read_text()
        assert all((out / f"{stem}.{ending}").stat().st_size > 0 for ending in endings)
        xml.dom.minidom.parse(str(out / f"{stem}.eaf"))
    # Out for other tools and in again: the same events, on whole frames where a format counts these.
    kept_answers = sorted(out.glob("*.json"))
    truth = tmp_path / "events.tsv"
    for ending, rounding in (("parquet", 0.0005), ("labelstudio.json", 0.021)):
        assert av2a("export", *kept_answers, "-o", tmp_path / f"all.{ending}").status == 0
        assert av2a("import", tmp_path / f"all.{ending}", "-o", truth, "--overwrite").status == 0
        returned: dict[str, list[EventRow]] = {file.name: [] for file in real}
        for row in exports.read_rows(truth):
            returned[row.filename] += [row] if row.is_event else []
        for answer in map(answers.read, kept_answers):
            rows = returned[answer.clip.name]
            assert [(row.label, row.modality) for row in rows] == [(each.label, each.modality) for each in answer]
            for row, event in zip(rows, answer, strict=True):
                assert row.start_seconds == pytest.approx(event.start_seconds, abs=rounding)
                assert row.stop_seconds == pytest.approx(event.stop_seconds, abs=rounding)
    # Every event as a clip, of all answers in one folder.
    cut = av2a("cut", *kept_answers, "-o", tmp_path / "clips", "--video", real[0].parent, "--json")
    assert (cut.status, cut.err) == (0, "")
    told = [clip for each in json.loads(cut.out)["answers"] for clip in each["clips"]]
    assert len(told) == sum(map(len, map(answers.read, kept_answers))) == len(list((tmp_path / "clips").iterdir()))
    for clip in told:
        assert (clip["method"], clip["starts_early_seconds"], clip["ends_late_seconds"]) == ("copied", 0, 0)
        # The last frame, and the last packet of audio, may go on for a little.
        lasts = open_clip(clip["file"]).duration_seconds
        assert lasts == pytest.approx(clip["clip_end"] - clip["clip_start"], abs=0.1), clip["file"]
    # Other labels are answered from the store: no model is asked for a picture or a sound.
    again = av2a("detect", *real, "-l", "person, music", *model, "--json")
    assert again.status == 0, again.err
    # A report from a kept answer.
    report = av2a("report", out / "difffoley_drum.json", "-o", tmp_path / "again.html")
    assert report.status == 0, report.err
    assert "heard" in (tmp_path / "again.html").read_text().casefold()
    # Evaluate against the truth of these clips.
    folder = tmp_path / "bed"
    folder.mkdir()
    for clip in real:
        (folder / clip.name).symlink_to(clip)
    lines = (shared / "real_bed" / "judged.tsv").read_text().splitlines()
    kept = [line for line in lines[1:] if line.split("\t")[0] in CLIPS and line.split("\t")[3] in LABELS.split(", ")]
    (folder / "annotations.tsv").write_text("\n".join([lines[0], *kept]) + "\n")
    measured = av2a("evaluate", folder, *model, "--profile", "practical", "--json")
    assert measured.status == 0, measured.err
    assert json.loads(measured.out)
