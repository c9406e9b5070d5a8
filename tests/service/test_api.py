"""The JSON API over a real server with the built-in models."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from av2a import Detector
from av2a.exports import usable
from av2a.service.answers import plain_answer
from av2a.service.openapi import description
from av2a.settings import Settings
from tests.service.running import Running, kill_workers, running

LABELS = ["dog barking", "bus passing", "helicopter flying", "bird singing", "rooster crowing"]


@pytest.fixture(scope="module")
def seen(server: Running, scenes: list[Path]) -> dict[str, Any]:
    """A video that was dropped and looked through."""
    video = server.upload(scenes[0])
    server.answer(video["id"], LABELS)
    return server.videos()[video["id"]]


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector("mini")


def as_page(detector: Detector, path: Path, labels: list[str], settings: dict[str, Any]) -> list[Any]:
    """The events of detect as the page has them."""
    events: list[Any] = json.loads(json.dumps(plain_answer(detector(path, labels, Settings.of(settings)))["events"]))
    return events


def refused(reply: httpx.Response, status: int, code: str) -> str:
    assert (reply.status_code, reply.json()["code"]) == (status, code), reply.text
    message: str = reply.json()["message"]
    assert "\n" not in message and "Traceback" not in message
    return message


def test_a_dropped_video_is_looked_through_and_the_answer_is_that_of_detect(
    server: Running, seen: dict[str, Any], scenes: list[Path], detector: Detector
) -> None:
    assert (seen["state"], seen["origin"], seen["duration_seconds"]) == ("done", "upload", 10.0)
    assert "path" not in seen and str(server.home) not in json.dumps(seen)
    answer = server.answer(seen["id"], LABELS)
    assert len(answer["events"]) > 5 and answer["events"] == as_page(detector, scenes[0], LABELS, {})
    assert set(seen["found"]) == {LABELS[event[0]] for event in answer["events"]}


def test_other_labels_of_a_video_seen_before_are_answered_at_once_and_decode_nothing(
    server: Running, seen: dict[str, Any], scenes: list[Path], detector: Detector
) -> None:
    labels = ["rooster crowing", "violin"]
    # A video that had to be decoded would be queued, with status 202.
    reply = server.call("POST", f"/api/videos/{seen['id']}/answer", {"labels": labels})
    assert reply.status_code == 200, reply.text
    assert reply.json()["events"] == as_page(detector, scenes[0], labels, {})


def test_settings_are_those_of_detect(
    server: Running, seen: dict[str, Any], scenes: list[Path], detector: Detector
) -> None:
    for settings in (
        {"initial_threshold": 0.7, "decay": 0.5},
        {"strictness": {"heard": -1.5, "rooster crowing": 2}},
        {"profile": "released"},
    ):
        reply = server.answer(seen["id"], LABELS, settings)
        assert reply["events"] == as_page(detector, scenes[0], LABELS, settings)
        assert reply["moves"] is ("profile" not in settings)


def test_scores_are_packed_for_the_page(server: Running, seen: dict[str, Any]) -> None:
    content = server.call("POST", f"/api/videos/{seen['id']}/scores", {"labels": LABELS}).content
    head, _, _ = content.partition(b"\n")
    assert json.loads(head) == {"segments": 10, "categories": 5} and (len(head) + 1) % 8 == 0
    assert len(content) == len(head) + 1 + 3 * 10 * 8 + 2 * 50 * 4 + 10 * 4 + 2 * 10
    similarity = np.frombuffer(content, "<f8", 30, len(head) + 1)
    assert (np.abs(similarity) <= 1 + 1e-6).all()


def test_every_export_format_is_offered_and_written(server: Running, seen: dict[str, Any]) -> None:
    offered = [each["ending"] for each in server.call("GET", "/api/state").json()["formats"]]
    assert offered == usable()
    answer = server.answer(seen["id"], LABELS)
    for ending in offered:
        reply = server.call("GET", f"/api/answers/{answer['answer']}/export", params={"ending": ending})
        assert reply.status_code == 200 and len(reply.content) > 20, reply.text
        assert reply.headers["Content-Disposition"].startswith("attachment; filename*=utf-8''")


@pytest.mark.parametrize("ending", [".csv", ".srt"])
def test_all_videos_are_exported_in_one_file_or_an_archive(server: Running, seen: dict[str, Any], ending: str) -> None:
    reply = server.call("GET", "/api/export", params={"ending": ending})
    assert reply.status_code == 200 and (reply.content[:2] == b"PK") is (ending == ".srt")
    if ending == ".csv":
        assert seen["name"] in reply.text


def test_search_gives_what_detect_gives(
    server: Running, seen: dict[str, Any], scenes: list[Path], detector: Detector
) -> None:
    found = server.call("POST", "/api/search", {"labels": ["helicopter flying", "rooster crowing"]}).json()
    mine = [hit for hit in found["hits"] if hit["video"] == seen["id"]]
    expected = detector(scenes[0], ["helicopter flying", "rooster crowing"]).events
    assert expected
    assert sorted((hit["label"], hit["start"], hit["stop"]) for hit in mine) == sorted(
        (event.label, event.start_seconds, event.stop_seconds) for event in expected
    )
    confidences = [hit["confidence"] for hit in found["hits"]]
    assert confidences == sorted(confidences, reverse=True)


def test_the_file_is_served_in_ranges_under_the_type_that_was_found(server: Running, seen: dict[str, Any]) -> None:
    part = server.call("GET", f"/api/videos/{seen['id']}/media", headers={"Range": "bytes=4-11"})
    assert (part.status_code, part.content[:4], part.headers["content-type"]) == (206, b"ftyp", "video/mp4")


def test_the_waveform_has_twenty_pairs_a_second(server: Running, seen: dict[str, Any]) -> None:
    peaks = np.frombuffer(server.call("GET", f"/api/videos/{seen['id']}/waveform").content, np.int8).reshape(-1, 2)
    assert len(peaks) == 200 and (peaks[:, 0] <= 0).all() and peaks[:, 1].max() > 5


def test_corrections_are_whole_and_a_second_tab_is_told(server: Running, seen: dict[str, Any]) -> None:
    path = f"/api/videos/{seen['id']}/corrections"
    first = server.call("GET", path).json()
    event = {"label": "dog barking", "modality": "audio", "start": 1.0, "stop": 2.0}
    mine = [{"id": "1", "kind": "added", "before": None, "after": event}]
    saved = server.call("PUT", path, {"revision": first["revision"], "operations": mine}).json()
    assert saved["revision"] == first["revision"] + 1
    refused(server.call("PUT", path, {"revision": first["revision"], "operations": []}), 409, "E_STALE")
    assert server.call("GET", path).json() == saved
    refused(
        server.call("PUT", path, {"revision": saved["revision"], "operations": [{"kind": "added"}]}), 422, "E_USAGE"
    )
    answer = server.answer(seen["id"], LABELS)
    exported = server.call("GET", f"/api/answers/{answer['answer']}/export", params={"ending": ".json"}).json()
    assert "added by hand: dog barking (heard) 1.000–2.000 s" in exported["warnings"]
    plain = server.call(
        "GET", f"/api/answers/{answer['answer']}/export", params={"ending": ".json", "plain": ""}
    ).json()
    assert len(plain["events"]) == len(exported["events"]) - 1
    server.call("PUT", path, {"revision": saved["revision"], "operations": []})


def test_lists_of_labels_are_offered_again(server: Running, seen: dict[str, Any]) -> None:
    server.answer(seen["id"], ["one", "two"])
    server.answer(seen["id"], LABELS)
    lists = server.call("GET", "/api/state").json()["lists"]
    assert lists[:2] == [LABELS, ["one", "two"]]


def test_bad_input_is_refused_in_one_line(server: Running, seen: dict[str, Any]) -> None:
    answer = f"/api/videos/{seen['id']}/answer"
    refused(server.call("POST", answer, {"labels": [f"label {n}" for n in range(10_000)]}), 422, "E_LABELS")
    refused(server.call("POST", answer, {"labels": []}), 422, "E_LABELS")
    refused(server.call("POST", answer, {"labels": "dog"}), 422, "E_USAGE")
    refused(server.call("POST", answer, {"labels": ["a"], "settings": {"decay": -1}}), 422, "E_SETTING")
    refused(server.call("POST", answer, {"labels": ["a"], "settings": {"nonsense": 1}}), 422, "E_UNKNOWN_NAME")
    refused(server.call("POST", answer, ["no object"]), 422, "E_USAGE")
    refused(server.client.post(answer, content=b"no JSON"), 422, "E_USAGE")
    refused(server.call("POST", "/api/videos/0123456789abcdef/answer", {"labels": ["a"]}), 404, "E_GONE")
    refused(server.call("GET", "/api/answers/0123/export"), 404, "E_GONE")
    refused(server.call("GET", "/../../etc/passwd"), 404, "E_GONE")
    refused(server.call("POST", "/api/backbone", {"name": "minni"}), 422, "E_UNKNOWN_NAME")


def test_a_label_with_html_stays_a_text(server: Running, seen: dict[str, Any]) -> None:
    labels = ["<img src=x onerror=alert(1)>", "dog barking"]
    answer = server.answer(seen["id"], labels)
    assert answer["labels"] == labels
    report = server.call("GET", f"/api/answers/{answer['answer']}/export", params={"ending": ".html"}).text
    assert "<img src=x" not in report


def test_what_is_no_media_is_refused_and_leaves_nothing(server: Running) -> None:
    before = sorted(server.home.rglob("*"))
    reply = server.client.put("/api/uploads", params={"name": "x.mp4"}, content=b"no media at all" * 1000)
    assert "is not in a format that can be read" in refused(reply, 422, "E_MEDIA_FORMAT")
    assert sorted(server.home.rglob("*")) == before


def test_too_large_files_are_refused_by_their_header_and_while_they_come(tmp_path: Path) -> None:
    with running(tmp_path, largest_upload_bytes=1_000_000) as small:
        refused(small.client.put("/api/uploads", params={"name": "a"}, content=bytes(2_000_000)), 413, "E_UPLOAD")

        def pieces() -> Iterator[bytes]:
            for _ in range(20):
                yield bytes(100_000)

        refused(small.client.put("/api/uploads", params={"name": "a"}, content=pieces()), 413, "E_UPLOAD")
        assert list((tmp_path / "uploads").iterdir()) == []


def test_a_full_disk_is_said_and_leaves_nothing(
    server: Running, scenes: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*given: Any) -> None:
        raise OSError(28, "No space left on device")

    before = sorted(server.home.rglob("*"))
    monkeypatch.setattr("av2a.service.desk._written", full)
    reply = server.client.put("/api/uploads", params={"name": "x.mp4"}, content=scenes[0].read_bytes())
    assert "No space left on device" in refused(reply, 413, "E_UPLOAD")
    assert sorted(server.home.rglob("*")) == before


def test_a_removed_video_is_gone_and_its_file_with_it(server: Running, scenes: list[Path]) -> None:
    video = server.upload(scenes[2], "other name.mp4")
    assert server.call("DELETE", f"/api/videos/{video['id']}").status_code == 204
    refused(server.call("GET", f"/api/videos/{video['id']}"), 404, "E_GONE")
    assert not list(server.home.glob("uploads/*/other name.mp4"))


def test_a_waiting_or_running_job_is_cancelled_and_can_be_begun_again(tmp_path: Path, scenes: list[Path]) -> None:
    with running(tmp_path) as own:
        videos = [own.upload(path)["id"] for path in scenes]
        for video in videos:
            assert own.call("POST", f"/api/videos/{video}/answer", {"labels": LABELS}).status_code == 202
        own.state_of(videos[0], "working", "done")
        for video in videos[:2]:
            own.call("POST", f"/api/videos/{video}/cancel")
        assert own.state_of(videos[0], "cancelled", "done") and own.state_of(videos[1], "cancelled")
        own.state_of(videos[2], "done")
        assert own.answer(videos[1], LABELS)["labels"] == LABELS


def test_the_folder_is_listed_by_opaque_ids_and_links_that_leave_it_are_refused(
    tmp_path: Path, scenes: list[Path]
) -> None:
    folder, outside = tmp_path / "videos", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    shutil.copy(scenes[0], folder / "inside.mp4")
    shutil.copy(scenes[1], outside / "secret.mp4")
    (folder / "link.mp4").symlink_to(outside / "secret.mp4")
    (folder / "good link.mp4").symlink_to(folder / "inside.mp4")
    with running(tmp_path / "work", folder=folder) as own:
        videos = own.videos()
        assert sorted(video["name"] for video in videos.values()) == ["good link.mp4", "inside.mp4"]
        number = next(number for number, video in videos.items() if video["name"] == "inside.mp4")
        assert own.call("DELETE", f"/api/videos/{number}").status_code == 422 and (folder / "inside.mp4").is_file()
        # A file that is replaced by such a link while the server runs is refused, too.
        (folder / "inside.mp4").unlink()
        (folder / "inside.mp4").symlink_to(outside / "secret.mp4")
        refused(own.call("GET", f"/api/videos/{number}/media"), 404, "E_GONE")
        refused(own.call("POST", f"/api/videos/{number}/answer", {"labels": ["a"]}), 404, "E_GONE")


def test_the_worker_may_die_without_the_server(tmp_path: Path, scenes: list[Path]) -> None:
    with running(tmp_path) as own:
        video = own.upload(scenes[0])["id"]
        own.answer(video, LABELS)
        kill_workers()
        assert own.answer(video, ["violin"])["labels"] == ["violin"]


def test_events_begin_with_everything_and_go_on_with_changes(server: Running, scenes: list[Path]) -> None:
    with server.client.stream("GET", "/api/events") as stream:
        lines = stream.iter_lines()
        kinds = [next(line for line in lines if line.startswith("event:"))]
        server.upload(scenes[1], "told.mp4")
        for line in lines:
            if line.startswith("event:"):
                kinds.append(line)
            if line.startswith("data:") and "told.mp4" in line:
                break
    assert kinds[0] == "event: state" and kinds[-1] == "event: video"


def test_the_description_names_every_route(server: Running) -> None:
    from av2a.service.app import Routes

    described = {(method.upper(), path) for path, calls in description()["paths"].items() for method in calls}
    routes = Routes(None, None).routes()  # type: ignore[arg-type]
    served = {(method, route.path) for route in routes for method in route.methods or () if method != "HEAD"}
    assert described == served
    assert server.client.get("/api/openapi.json").json() == description()
