"""Folders, patterns, lists and tables become jobs; what is none is skipped with a reason."""

import os
import time
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from av2a.corpora.jobs import SkippedRow, VideoJob, in_shard, jobs_of, read_shard
from av2a.errors import MissingFile, UsageError


def touched(folder: Path, *names: str) -> list[str]:
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return [str(path) for path in paths]


def paths_of(*sources: str) -> list[str]:
    return [job.path for job in jobs_of(sources)[0]]


def test_a_folder_gives_its_media_files_at_any_depth_in_order(tmp_path: Path) -> None:
    wanted = touched(tmp_path, "a.mp4", "b.wav", "deep/deeper/c.MKV")
    touched(tmp_path, "notes.txt", ".hidden.mp4", ".git/d.mp4", "picture.jpg")
    assert paths_of(str(tmp_path)) == wanted


def test_a_pattern_gives_what_it_matches(tmp_path: Path) -> None:
    wanted = touched(tmp_path, "a1.mp4", "b/a2.mp4")
    touched(tmp_path, "c.mp4")
    assert paths_of(str(tmp_path / "**" / "a*.mp4")) == wanted


def test_paths_are_absolute_and_each_is_one_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [path] = touched(tmp_path, "a.mp4")
    monkeypatch.chdir(tmp_path)
    jobs, skipped = jobs_of(["a.mp4", path, "./a.mp4"])
    assert jobs == [VideoJob(path)]
    assert skipped == [SkippedRow(path, "listed before")] * 2


def test_a_list_has_a_path_a_line_beside_it(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"# what to do\r\na.mp4\n\n/elsewhere/b.mp4\ncaf\xe9.mp4\ns3://bucket/c.mp4\n")
    assert paths_of(str(tmp_path / "list.txt")) == [
        str(tmp_path / "a.mp4"),
        "/elsewhere/b.mp4",
        str(tmp_path / "caf\udce9.mp4"),
        "s3://bucket/c.mp4",
    ]


TABLE = """path,labels,video_stream,audio_stream
a.mp4,"siren;rain, heavy",,2
b.mp4,"dog, cat",1,
c.mp4,,,
,siren,,
d.mp4,,first,
"""


def test_a_table_has_labels_and_tracks_for_a_row(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(TABLE)
    jobs, skipped = jobs_of([str(tmp_path / "table.csv")])
    assert jobs == [
        VideoJob(str(tmp_path / "a.mp4"), ("siren", "rain, heavy"), None, 2),
        VideoJob(str(tmp_path / "b.mp4"), ("dog", "cat"), 1, None),
        VideoJob(str(tmp_path / "c.mp4")),
    ]
    assert skipped == [SkippedRow("", "the row has no path"), SkippedRow("d.mp4", "'first' is no index of a stream")]


def test_a_parquet_table_is_read_likewise(tmp_path: Path) -> None:
    table = {"video": ["a.mp4", "b.mp4"], "labels": [["siren", "rain, heavy"], None], "audio_stream": [2, None]}
    parquet.write_table(pyarrow.table(table), tmp_path / "table.parquet")
    assert jobs_of([str(tmp_path / "table.parquet")])[0] == [
        VideoJob(str(tmp_path / "a.mp4"), ("siren", "rain, heavy"), None, 2),
        VideoJob(str(tmp_path / "b.mp4")),
    ]


def test_one_video_with_other_labels_is_another_job(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("path,labels\na.mp4,siren\na.mp4,rain\na.mp4,siren\n")
    jobs, skipped = jobs_of([str(tmp_path / "table.csv")])
    assert [job.labels for job in jobs] == [("siren",), ("rain",)]
    assert len({job.key for job in jobs}) == 2
    assert [each.reason for each in skipped] == ["listed before"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("table.csv", "name,labels\na,b\n", "has no column path or video or file"),
        ("table.parquet", "no parquet", "as Parquet"),
        (
            "quote.csv",
            'path,labels\na.mp4,x\n"b.mp4,y\nc.mp4,z\n',
            r"an invalid row after line 2 \(unexpected end of data",
        ),
        ("long.csv", f"path\n{'x' * 200_000}\n", r"an invalid row after line 1 \(field larger than field limit"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match=message):
        jobs_of([str(tmp_path / name)])


@pytest.mark.parametrize("source", ["missing.txt", "missing.csv", "empty", "*.mp4"])
def test_a_source_without_videos_is_refused(tmp_path: Path, source: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingFile):
        jobs_of([str(tmp_path / source)])


def test_shards_have_each_job_once() -> None:
    jobs = [VideoJob(f"/videos/{number}.mp4") for number in range(1000)]
    parts = [[job for job in jobs if in_shard(job, (number, 7))] for number in range(1, 8)]
    assert sorted(job.path for part in parts for job in part) == sorted(job.path for job in jobs)
    assert min(map(len, parts)) > 90


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "-1/3", "1/0"])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="a shard is i/n"):
        read_shard(text)


def test_a_long_table_is_read_fast(tmp_path: Path) -> None:
    rows = "".join(f"folder/video-{number}.mp4,siren;rain\n" for number in range(20_000))
    (tmp_path / "table.csv").write_text(f"path,labels\n{rows}")
    began = time.process_time()
    assert len(jobs_of([os.fspath(tmp_path / "table.csv")])[0]) == 20_000
    assert time.process_time() - began < 5
