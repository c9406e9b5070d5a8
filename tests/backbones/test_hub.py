"""Fetching, against a small hub on the loopback address."""

import gzip
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from av2a.backbones.checkpoints import ALL, TOWERS, Checkpoint
from av2a.backbones.hub import LONGEST_LISTING_BYTES
from av2a.backbones.weights import Folder, Origin, Sources, digest, resolve, resolve_all
from av2a.errors import WeightsUnavailable
from tests.backbones.small_hub import COMMIT, SmallHub, parameters, published_name, repository
from tests.rights import bound_by_permissions, skip_where_rights_remain

CHECKPOINT = Checkpoint("owner/model")
WEIGHTS = "model.safetensors"


@pytest.fixture
def hub() -> Iterator[SmallHub]:
    with SmallHub({"owner/model": repository()}) as served:
        yield served


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "hub"


def fetched(hub: SmallHub, cache: Path, checkpoint: Checkpoint = CHECKPOINT) -> Folder:
    return resolve(checkpoint, Sources(cache=cache, endpoint=hub.url))


def size(hub: SmallHub, name: str = WEIGHTS) -> int:
    return len(hub.repositories["owner/model"][name])


def leftovers(cache: Path) -> list[Path]:
    return [*cache.rglob("*.incomplete"), *cache.rglob("av2a.incoming")]


def test_a_fetched_checkpoint_is_what_the_hub_has_in_the_layout_of_its_client(hub: SmallHub, cache: Path) -> None:
    folder = fetched(hub, cache)
    assert folder == Folder(cache / "models--owner--model/snapshots" / COMMIT, "owner/model", COMMIT, Origin.DOWNLOAD)
    for name in ("config.json", WEIGHTS, "tokenizer.json"):
        content = hub.repositories["owner/model"][name]
        assert (folder.path / name).read_bytes() == content
        assert (folder.path / name).resolve() == cache / "models--owner--model/blobs" / published_name(content)
    assert (cache / "models--owner--model/refs/main").read_text() == COMMIT


def test_the_hubs_own_client_finds_what_was_fetched(hub: SmallHub, cache: Path) -> None:
    from huggingface_hub import hf_hub_download

    folder = fetched(hub, cache)
    assert hf_hub_download("owner/model", WEIGHTS, cache_dir=cache, local_files_only=True) == str(folder.path / WEIGHTS)


def test_code_and_what_nobody_needs_is_not_fetched(hub: SmallHub, cache: Path) -> None:
    folder = fetched(hub, cache)
    assert hub.fetched() == {"config.json", WEIGHTS, "tokenizer.json", "tokenizer_config.json"}
    assert not (folder.path / "modeling_evil.py").exists()


def test_what_is_in_the_cache_is_taken_without_asking_the_hub(hub: SmallHub, cache: Path) -> None:
    fetched(hub, cache)
    hub.asked.clear()
    assert fetched(hub, cache).origin is Origin.CACHE
    assert not hub.asked


def test_a_transfer_that_breaks_off_is_taken_up_again(hub: SmallHub, cache: Path) -> None:
    hub.cuts[WEIGHTS] = [100_000, 0, 150_000]
    folder = fetched(hub, cache)
    assert (folder.path / WEIGHTS).read_bytes() == hub.repositories["owner/model"][WEIGHTS]


def test_a_transfer_that_always_breaks_off_is_given_up_and_whole_files_are_kept(
    hub: SmallHub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    hub.cuts[WEIGHTS] = [1000] * 20
    with pytest.raises(
        WeightsUnavailable, match=r"broke off model\.safetensors .*arrived is kept.*\n.*weights fetch owner/model"
    ):
        fetched(hub, cache)
    hub.cuts.clear()
    hub.asked.clear()
    fetched(hub, cache)
    assert "config.json" not in hub.fetched()
    assert not leftovers(cache)


def test_a_hub_that_knows_no_ranges_sends_all_again(hub: SmallHub, cache: Path) -> None:
    hub.knows_ranges = False
    hub.cuts[WEIGHTS] = [100_000]
    folder = fetched(hub, cache)
    assert (folder.path / WEIGHTS).read_bytes() == hub.repositories["owner/model"][WEIGHTS]
    assert hub.bytes_sent(WEIGHTS) == size(hub) + 100_000


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_bytes_other_than_the_hub_describes_are_refused_and_thrown_away(hub: SmallHub, cache: Path, name: str) -> None:
    content = hub.repositories["owner/model"][name]
    hub.instead[name] = content[:-1] + bytes([content[-1] ^ 1])
    with pytest.raises(WeightsUnavailable, match="is not what it describes"):
        fetched(hub, cache)
    assert not leftovers(cache)
    assert not list(cache.rglob(f"snapshots/*/{name}"))
    hub.instead.clear()
    assert (fetched(hub, cache).path / name).read_bytes() == content


def incoming(cache: Path) -> Path:
    folder = cache / "models--owner--model/av2a.incoming"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("left", ["config.json", ".cache/huggingface/lock", "0" * 64])
def test_what_other_runs_left_is_removed(hub: SmallHub, cache: Path, left: str) -> None:
    path = incoming(cache) / left
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"something else")
    folder = fetched(hub, cache)
    assert (folder.path / "config.json").read_bytes() == hub.repositories["owner/model"]["config.json"]
    assert not leftovers(cache)


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_partial_file_is_continued(hub: SmallHub, cache: Path, knows_ranges: bool) -> None:
    hub.knows_ranges = knows_ranges
    content = hub.repositories["owner/model"][WEIGHTS]
    (incoming(cache) / published_name(content)).write_bytes(content[:150_000])
    seen: list[tuple[int, int]] = []
    folder = resolve(
        CHECKPOINT, Sources(cache=cache, endpoint=hub.url), lambda name, done, total: seen.append((done, total))
    )
    assert (folder.path / WEIGHTS).read_bytes() == content
    assert hub.bytes_sent(WEIGHTS) == size(hub) - (150_000 if knows_ranges else 0)
    assert seen[-1][0] == seen[-1][1]
    assert not leftovers(cache)


@pytest.mark.parametrize("length", [1, 150_000, -1, 10**6])
def test_a_partial_file_of_other_bytes_does_no_lasting_harm(hub: SmallHub, cache: Path, length: int) -> None:
    content = hub.repositories["owner/model"][WEIGHTS]
    other = bytes(length) if length >= 0 else bytes(len(content))
    (incoming(cache) / published_name(content)).write_bytes(other)
    if len(other) <= len(content):
        with pytest.raises(WeightsUnavailable, match="is not what it describes"):
            fetched(hub, cache)
        assert not leftovers(cache)
    assert (fetched(hub, cache).path / WEIGHTS).read_bytes() == content


def test_only_what_is_missing_of_a_partial_download_is_fetched(hub: SmallHub, cache: Path) -> None:
    folder = fetched(hub, cache)
    (folder.path / "tokenizer.json").resolve().unlink()
    hub.asked.clear()
    again = fetched(hub, cache)
    assert (again.path / "tokenizer.json").is_file()
    assert hub.fetched() == {"tokenizer.json"}


def test_a_damaged_file_is_fetched_again_when_asked_to_check(hub: SmallHub, cache: Path) -> None:
    folder = fetched(hub, cache)
    blob = (folder.path / WEIGHTS).resolve()
    blob.write_bytes(blob.read_bytes()[:1000])
    sources = Sources(cache=cache, endpoint=hub.url)
    assert resolve(CHECKPOINT, sources).origin is Origin.CACHE
    [again] = resolve_all([CHECKPOINT], sources, check=True)
    assert (again.path / WEIGHTS).read_bytes() == hub.repositories["owner/model"][WEIGHTS]


def test_shards_are_fetched_with_their_index(cache: Path) -> None:
    index = json.dumps(
        {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    )
    files = repository()
    del files[WEIGHTS]
    shards = {f"model-0000{part}-of-00002.safetensors": parameters(part) for part in (1, 2)}
    with SmallHub({"owner/model": {**files, "model.safetensors.index.json": index.encode(), **shards}}) as hub:
        folder = fetched(hub, cache)
    assert all((folder.path / name).read_bytes() == content for name, content in shards.items())


def test_a_tower_comes_without_a_tokenizer_where_there_is_none(cache: Path) -> None:
    with SmallHub({"owner/model": {"config.json": b"{}", "pytorch_model.bin": b"tensors"}}) as hub:
        folder = fetched(hub, cache, Checkpoint("owner/model", None, TOWERS))
    assert sorted(path.name for path in folder.path.iterdir()) == ["config.json", "pytorch_model.bin"]


def test_a_repository_without_a_tokenizer_is_refused_by_name(cache: Path) -> None:
    with (
        SmallHub({"owner/model": {"config.json": b"{}", WEIGHTS: parameters(0)}}) as hub,
        pytest.raises(WeightsUnavailable, match=r"has no tokenizer\.json or vocab\.json with merges\.txt"),
    ):
        fetched(hub, cache, Checkpoint("owner/model", None, ALL))


def test_the_token_goes_to_the_hub_and_to_no_other_host(
    hub: SmallHub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetched(hub, cache)
    assert {asked.token for asked in hub.asked if asked.host == "127.0.0.1"} == {"Bearer hf_secret"}
    assert {asked.token for asked in hub.asked if asked.host == "localhost"} == {None}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((403, "GatedRepo"), r"asks for consent: accept its terms at .*/owner/model"),
        ((404, "RepoNotFound"), r"knows no checkpoint 'owner/model'"),
        ((404, "RevisionNotFound"), r"has no revision None"),
        ((503, ""), r"weights are not on this machine: .*refuses \(.*503.*\ndownload them"),
    ],
)
def test_what_the_hub_refuses_is_said_in_one_line(
    hub: SmallHub, cache: Path, answer: tuple[int, str], words: str
) -> None:
    hub.refused["owner/model"] = answer
    with pytest.raises(WeightsUnavailable, match=words) as refusal:
        fetched(hub, cache)
    assert len(str(refusal.value).splitlines()) == (3 if answer[0] == 503 else 1)


def test_an_address_that_is_no_hub_is_refused(cache: Path) -> None:
    with (
        SmallHub({"owner/model": repository()}, commit="not a commit") as hub,
        pytest.raises(WeightsUnavailable, match=r"does not answer as a hub does.*check HF_ENDPOINT"),
    ):
        fetched(hub, cache)


def test_what_does_not_fit_on_the_disk_is_refused_before_the_first_byte(hub: SmallHub, cache: Path) -> None:
    hub.described[WEIGHTS] = {"size": 10**16}
    with pytest.raises(WeightsUnavailable, match=r"10000000\.0 GB are to be fetched and .* are free"):
        fetched(hub, cache)
    assert not hub.fetched()


def test_a_pinned_revision_is_the_one_that_is_fetched(hub: SmallHub, cache: Path) -> None:
    assert fetched(hub, cache, Checkpoint("owner/model", COMMIT)).revision == COMMIT
    with pytest.raises(WeightsUnavailable, match="has no revision 'ffff"):
        fetched(hub, cache, Checkpoint("owner/model", "f" * 40))


def test_progress_rises_to_all_bytes(hub: SmallHub, cache: Path) -> None:
    seen: list[tuple[int, int]] = []
    hub.cuts[WEIGHTS] = [100_000]
    resolve(CHECKPOINT, Sources(cache=cache, endpoint=hub.url), lambda name, done, total: seen.append((done, total)))
    done = [step for step, _ in seen]
    [total] = {total for _, total in seen}
    assert done == sorted(done)
    assert done[-1] == total > size(hub)


# Hubs that lie. Nothing that they answer may become a path, and nothing of theirs may go on for ever.


def files_in(folder: Path) -> dict[str, bytes | str]:
    """Every file below, by content, and every link, by its target."""
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A user's files, which must be as they were afterwards; the cache lies in ``home/.cache``."""
    home = tmp_path / "home"
    for name in ("thesis.tex", ".bashrc", "projects/notes.json", ".cache/other/file"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(f"all of {name}")
    before = files_in(tmp_path)
    yield home
    shutil.rmtree(home / ".cache/hub", ignore_errors=True)
    assert files_in(tmp_path) == before


ESCAPES = ["../../../../{}", "../../../../../home/{}", "{home}/{}", "blobs/../../../../{}", "/", "..", "", "a\0b"]
TARGETS = [escape.replace("{}", name) for escape in ESCAPES for name in ("thesis.tex", "new.tex")]


@pytest.mark.parametrize("target", sorted(set(TARGETS)))
@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_a_digest_with_a_path_in_it_is_refused(hub: SmallHub, home: Path, name: str, target: str) -> None:
    target = target.replace("{home}", str(home))
    lie = {"lfs": {"sha256": target, "size": size(hub, name)}} if name == WEIGHTS else {"blobId": target}
    hub.described[name] = lie
    with pytest.raises(WeightsUnavailable, match="with a valid size and digest"):
        fetched(hub, home / ".cache/hub")


@pytest.mark.parametrize("target", sorted(set(TARGETS) - {"a\0b"}))
@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_an_etag_with_a_path_in_it_changes_no_file_of_the_user(
    hub: SmallHub, home: Path, name: str, target: str
) -> None:
    etag = '"' + target.replace("{home}", str(home)) + '"'
    hub.headers[name] = {"ETag": etag}
    with suppress(WeightsUnavailable):
        fetched(hub, home / ".cache/hub")


@pytest.mark.parametrize("target", ["../../../../thesis.tex", "../../../..", "/"])
def test_a_commit_with_a_path_in_it_is_refused_or_harmless(hub: SmallHub, home: Path, target: str) -> None:
    hub.headers["config.json"] = {"X-Repo-Commit": target}
    fetched(hub, home / ".cache/hub")
    hub.commit = target
    with pytest.raises(WeightsUnavailable, match="does not answer as a hub does"):
        fetched(hub, home / ".cache/hub/second")


def test_files_with_a_path_in_their_names_are_not_fetched(home: Path) -> None:
    names = ["../../../../thesis.tex", "../config.json", "/etc/config.json", "model-1-of-1.safetensors/../../x", "a/b"]
    with SmallHub({"owner/model": {**repository(), **dict.fromkeys(names, b"evil")}}) as hub:
        folder = fetched(hub, home / ".cache/hub")
        assert hub.fetched() == {"config.json", WEIGHTS, "tokenizer.json", "tokenizer_config.json"}
    assert {path.name for path in folder.path.iterdir()} == hub.fetched()


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_a_body_without_an_end_is_stopped(hub: SmallHub, cache: Path, name: str) -> None:
    hub.endless.add(name)
    with pytest.raises(WeightsUnavailable, match=f"sent as {name} is not what it describes"):
        fetched(hub, cache)
    assert not leftovers(cache)


@pytest.mark.parametrize("more", [-1, 1, 10**6])
def test_a_body_of_another_length_is_refused(hub: SmallHub, cache: Path, more: int) -> None:
    content = hub.repositories["owner/model"][WEIGHTS]
    hub.instead[WEIGHTS] = content[:more] if more < 0 else content + bytes(more)
    with pytest.raises(WeightsUnavailable, match=f"sent as {WEIGHTS} is not what it describes"):
        fetched(hub, cache)
    assert not leftovers(cache)


def test_a_listing_without_an_end_is_stopped(hub: SmallHub, cache: Path) -> None:
    hub.endless.add("listing")
    with pytest.raises(WeightsUnavailable, match="does not answer as a hub does"):
        fetched(hub, cache)


def test_a_listing_that_trickles_is_stopped(hub: SmallHub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.endless.add("listing")
    hub.pause_seconds = 0.05
    monkeypatch.setattr("av2a.backbones.hub.LONGEST_LISTING_SECONDS", 0.2)
    with pytest.raises(WeightsUnavailable, match="does not answer as a hub does"):
        fetched(hub, cache)


@pytest.mark.parametrize(
    ("fault", "words"),
    [("compressed", "does not answer as a hub does"), ("refusal", r"refuses \(.*503")],
)
def test_a_reply_that_would_fill_the_memory_is_stopped(hub: SmallHub, cache: Path, fault: str, words: str) -> None:
    if fault == "compressed":
        hub.listing = gzip.compress(bytes(1 << 28), 1)
    else:
        hub.refused["owner/model"] = (503, "")
        hub.endless.add("refusal")
    tracemalloc.start()
    try:
        with pytest.raises(WeightsUnavailable, match=words):
            fetched(hub, cache)
        assert tracemalloc.get_traced_memory()[1] < 2 * LONGEST_LISTING_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [-1, True, "400156", None, 1.5])
def test_a_size_that_is_no_number_of_bytes_is_refused(hub: SmallHub, cache: Path, size: object) -> None:
    hub.described[WEIGHTS] = {"size": size}
    with pytest.raises(WeightsUnavailable, match="with a valid size and digest"):
        fetched(hub, cache)


@pytest.mark.parametrize("lie", [{"lfs": [1]}, {"lfs": "x"}, {"rfilename": 3}, {"rfilename": None}])
def test_a_listing_of_another_form_is_refused(hub: SmallHub, cache: Path, lie: dict[str, object]) -> None:
    hub.described[WEIGHTS] = lie
    with pytest.raises(WeightsUnavailable, match=r"valid size and digest|does not answer as a hub does"):
        fetched(hub, cache)


def test_a_name_that_no_hub_has_is_refused(hub: SmallHub, cache: Path) -> None:
    with pytest.raises(WeightsUnavailable, match=r"'owner/a--b' is no valid name on a hub"):
        fetched(hub, cache, Checkpoint("owner/a--b"))


# In processes of their own.

FETCH = """
import sys
from pathlib import Path
from av2a.backbones.checkpoints import Checkpoint
from av2a.backbones.weights import resolve
from av2a.errors import WeightsUnavailable
try:
    print(resolve(Checkpoint("owner/model")).path)
except WeightsUnavailable as refusal:
    sys.exit(str(refusal))
"""


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "AV2A_"))}
    source = Path(__file__).resolve().parents[2] / "src"
    return {**kept, "PYTHONPATH": str(source), "HF_HOME": str(home), **more}


def start(env: dict[str, str], **options: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # type: ignore[call-overload]
        [sys.executable, "-c", FETCH], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def test_two_processes_at_once_fetch_each_byte_once(hub: SmallHub, tmp_path: Path) -> None:
    hub.pause_seconds = 0.1
    env = environment(tmp_path, HF_ENDPOINT=hub.url)
    both = [start(env) for _ in range(2)]
    answers = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    assert answers[0][0] == answers[1][0]
    assert hub.bytes_sent(WEIGHTS) == size(hub)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def interrupted(hub: SmallHub, home: Path, how: signal.Signals) -> "subprocess.Popen[str]":
    """A fetch that was stopped while the weights arrived."""
    hub.pause_seconds = 0.3
    process = start(environment(home, HF_ENDPOINT=hub.url))
    wait_for(lambda: bool(list(home.rglob("snapshots/*/config.json"))))
    process.send_signal(how)
    process.communicate(timeout=10)
    hub.pause_seconds = 0.0
    assert not list(home.rglob(f"snapshots/*/{WEIGHTS}"))
    wait_for(lambda: any(asked.method == "GET" and asked.path.endswith("/config.json") for asked in hub.asked))
    return process


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_fetch_is_continued_by_the_next(hub: SmallHub, tmp_path: Path, how: signal.Signals) -> None:
    interrupted(hub, tmp_path, how)
    [partial] = tmp_path.rglob("av2a.incoming/*")
    arrived = partial.stat().st_size
    hub.asked.clear()
    out, err = start(environment(tmp_path, HF_ENDPOINT=hub.url)).communicate(timeout=60)
    assert digest(Path(out.strip())), err
    assert "config.json" not in hub.fetched()
    assert hub.bytes_sent(WEIGHTS) == size(hub) - arrived
    assert not leftovers(tmp_path)


def test_ctrl_c_stops_a_fetch_at_once(hub: SmallHub, tmp_path: Path) -> None:
    began = time.monotonic()
    assert interrupted(hub, tmp_path, signal.SIGINT).returncode == -signal.SIGINT
    assert time.monotonic() - began < 10


def test_a_full_disk_is_said_and_whole_files_are_kept(hub: SmallHub, tmp_path: Path) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    process = start(environment(tmp_path, HF_ENDPOINT=hub.url), preexec_fn=limited)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "there is no more room" in err
    assert "files that are whole are kept" in err
    assert not leftovers(tmp_path)
    hub.asked.clear()
    again = start(environment(tmp_path, HF_ENDPOINT=hub.url))
    assert again.communicate(timeout=60)[1] == ""
    assert "config.json" not in hub.fetched()


def test_off_line_nothing_is_asked_and_the_error_names_the_ways_out(hub: SmallHub, tmp_path: Path) -> None:
    process = start(environment(tmp_path, HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="1"))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert not hub.asked
    assert "owner/model (not in" in err
    assert str(tmp_path / "hub") in err
    assert "HF_HUB_OFFLINE" in err
    for way in ("av2a weights fetch owner/model", "--to DIR", "--weights DIR, AV2A_WEIGHTS or HF_HOME"):
        assert way in err
    assert len(err.strip().splitlines()) == 3


def test_off_line_the_cache_suffices(hub: SmallHub, tmp_path: Path) -> None:
    resolve(CHECKPOINT, Sources(cache=tmp_path / "hub", endpoint=hub.url))
    process = start(environment(tmp_path, HF_HUB_OFFLINE="1"))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out.strip().endswith(COMMIT)) == (0, True), err


def test_a_hub_that_does_not_answer_is_given_up_soon(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(WeightsUnavailable, match=r"cannot be reached \(ReadTimeout\)"):
            resolve(CHECKPOINT, Sources(cache=tmp_path, endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}"))
        assert time.monotonic() - began < 5


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    folders = [path for path in [folder, *folder.rglob("*")] if path.is_dir() and not path.is_symlink()]
    for path in folders:
        path.chmod(0o555)
    yield
    for path in folders:
        path.chmod(0o755)


def finished(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    skip_where_rights_remain(process.returncode)
    return process.returncode, out.strip(), err


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's permissions")
def test_a_read_only_cache_suffices_when_it_is_whole(hub: SmallHub, tmp_path: Path) -> None:
    resolve(CHECKPOINT, Sources(cache=tmp_path / "hub", endpoint=hub.url))
    hub.asked.clear()
    with read_only(tmp_path):
        env = environment(tmp_path, HF_ENDPOINT=hub.url)
        status, out, err = finished(start(env, preexec_fn=bound_by_permissions))
    assert (status, out.endswith(COMMIT)) == (0, True), err
    assert not hub.asked


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's permissions")
def test_a_read_only_cache_that_lacks_something_is_said(hub: SmallHub, tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    with read_only(tmp_path):
        env = environment(tmp_path, HF_ENDPOINT=hub.url)
        status, _, err = finished(start(env, preexec_fn=bound_by_permissions))
    assert status == 1
    assert "cannot be written (Permission denied): change its permissions, or set HF_HOME" in err
