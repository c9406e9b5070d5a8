"""``av2a weights``, end to end: the command in a process of its own, a small hub on the loopback address."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from av2a.backbones.checkpoints import parts_of
from tests.backbones.small_hub import SmallHub, repository
from tests.cli.calling import Outcome, shell

CLIP, CLAP = (part.checkpoint for part in parts_of("clip-clap"))
WEIGHTS = "model.safetensors"


@pytest.fixture
def hub() -> Iterator[SmallHub]:
    """Both halves of clip-clap, at the commit of the first; the second is asked for by name."""
    files = {CLIP.repo: repository(1), "owner/sound": repository(2)}
    with SmallHub(files, commit=str(CLIP.revision)) as served:
        yield served


def av2a(home: Path, *arguments: str | Path, **more: str) -> Outcome:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "AV2A_"))}
    return shell("weights", *arguments, env={**kept, "HF_HOME": str(home), "COLUMNS": "200", **more})


def test_fetched_listed_verified_and_carried_to_a_machine_without_a_network(hub: SmallHub, tmp_path: Path) -> None:
    fetched = av2a(tmp_path / "one", "fetch", CLIP.repo, "--to", tmp_path / "stick", HF_ENDPOINT=hub.url)
    assert (fetched.status, fetched.out) == (0, ""), fetched.err
    assert f"{CLIP.repo}@{str(CLIP.revision)[:12]}, about 607 MB, licence MIT" in fetched.err
    assert "--weights stick" in fetched.err

    other = {"HF_HUB_OFFLINE": "1", "AV2A_WEIGHTS": str(tmp_path / "stick")}
    listed = av2a(tmp_path / "two", "list", CLIP.repo, "--json", **other)
    [entry] = json.loads(listed.out)
    assert entry["path"] == str(tmp_path / "stick" / CLIP.repo)
    assert entry["revision"] == CLIP.revision
    assert entry["files"][WEIGHTS] == len(hub.repositories[CLIP.repo][WEIGHTS])
    assert json.loads(av2a(tmp_path / "one", "list", CLIP.repo, "--json").out)[0]["digest"] == entry["digest"]

    verified = av2a(tmp_path / "two", "verify", CLIP.repo, **other)
    assert verified.status == 0
    assert {line.split()[0] for line in verified.out.splitlines()} == {"whole"}


def test_a_damaged_file_is_found_and_mended(hub: SmallHub, tmp_path: Path) -> None:
    assert av2a(tmp_path, "fetch", "owner/sound", HF_ENDPOINT=hub.url).status == 0
    blob = next(path for path in tmp_path.rglob(WEIGHTS)).resolve()
    blob.write_bytes(blob.read_bytes()[:-9])
    verified = av2a(tmp_path, "verify", "owner/sound")
    assert verified.status == 1
    assert "damaged owner/sound/model.safetensors" in " ".join(verified.out.split())
    assert "1 of 4 files are damaged: run av2a weights fetch owner/sound" in verified.err
    hub.asked.clear()
    assert av2a(tmp_path, "fetch", "owner/sound", HF_ENDPOINT=hub.url).status == 0
    assert hub.fetched() == {WEIGHTS}
    assert av2a(tmp_path, "verify", "owner/sound").status == 0


def test_a_damaged_copy_is_neither_called_here_nor_carried_on(hub: SmallHub, tmp_path: Path) -> None:
    assert av2a(tmp_path, "fetch", "owner/sound", "--to", tmp_path / "stick", HF_ENDPOINT=hub.url).status == 0
    file = tmp_path / "stick/owner/sound" / WEIGHTS
    file.write_bytes(file.read_bytes()[:1000])
    copy = ("owner/sound", "--weights", tmp_path / "stick")
    for arguments in (copy, (*copy, "--to", tmp_path / "out")):
        answer = av2a(tmp_path, "fetch", *arguments, HF_ENDPOINT=hub.url)
        assert answer.status == 3
        assert "copy it again, or leave --weights and AV2A_WEIGHTS out" in answer.err
        assert "here" not in answer.err
    assert not (tmp_path / "out/owner").exists()
    verified = av2a(tmp_path, "verify", *copy)
    assert verified.status == 1
    assert verified.err.splitlines()[-1] == "av2a: 1 of 4 files are damaged: copy them again"


def test_a_revision_is_told_as_it_is_known(hub: SmallHub, tmp_path: Path) -> None:
    listed = av2a(tmp_path, "list", "owner/sound@a-long-branch-name")
    assert listed.out.startswith("owner/sound (a-long-branch-name): ")
    assert av2a(tmp_path, "list", "owner/sound").out.startswith("owner/sound (newest revision): ")
    folder = tmp_path / "plain/owner/sound"
    folder.mkdir(parents=True)
    for name, content in hub.repositories["owner/sound"].items():
        (folder / name).write_bytes(content)
    plain = av2a(tmp_path, "list", "owner/sound", "--weights", tmp_path / "plain")
    assert plain.out.startswith("owner/sound (revision unknown, ")


def test_what_is_missing_is_listed_and_is_exit_status_3_to_verify(tmp_path: Path) -> None:
    listed = av2a(tmp_path, "list", "clip-clap")
    assert listed.status == 0
    assert f"{CLIP.repo} ({str(CLIP.revision)[:12]}, about 607 MB): not in {tmp_path}/hub" in listed.out
    assert "2 of 2 are missing: av2a weights fetch clip-clap" in listed.err
    verified = av2a(tmp_path, "verify", "clip-clap")
    assert (verified.status, verified.out) == (3, "")
    assert verified.err.startswith("av2a: error[E_WEIGHTS]: weights are not on this machine")
    assert len(verified.err.splitlines()) == 3


def test_off_line_fetch_says_what_is_missing_and_the_ways_out(hub: SmallHub, tmp_path: Path) -> None:
    answer = av2a(tmp_path, "fetch", "clip-clap", "--quiet", HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="1")
    assert answer.status == 3
    assert not hub.asked
    for part in (CLIP.repo, CLAP.repo, "HF_HUB_OFFLINE", "av2a weights fetch clip-clap", "--to DIR", "HF_HOME"):
        assert part in answer.err


def test_a_half_of_a_backbone_that_the_hub_lacks_is_named(hub: SmallHub, tmp_path: Path) -> None:
    answer = av2a(tmp_path, "fetch", "clip-clap", HF_ENDPOINT=hub.url)
    assert answer.status == 3
    assert f"knows no checkpoint '{CLAP.repo}'" in answer.err
    assert av2a(tmp_path, "verify", CLIP.repo).status == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("fetch", "clipclap"), "did you mean 'clip-clap'"),
        (("fetch", "mini"), "comes with its weights"),
        (("fetch", "a/b/c"), "is neither a folder nor a checkpoint's name"),
        (("list", "all", "--weights", "absent"), "there is no folder 'absent'"),
        (("fetch",), "missing argument"),
        (("pull", "clip-clap"), "no such command 'pull'"),
    ],
)
def test_what_cannot_be_meant_is_exit_status_2(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    answer = av2a(tmp_path, *arguments)
    assert answer.status == 2
    assert words in answer.err


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_fetched(hub: SmallHub, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    answer = av2a(tmp_path, "fetch", CLIP.repo, "--to", tmp_path / "taken", HF_ENDPOINT=hub.url)
    assert answer.status == 2
    assert not hub.asked


def test_listing_loads_neither_torch_nor_the_hubs_client(tmp_path: Path) -> None:
    first = "import atexit; atexit.register(lambda: print(sorted(sys.modules.keys() & {'torch', 'huggingface_hub', 'transformers'})))"
    answer = shell("weights", "list", "all", first=first, env={**os.environ, "HF_HOME": str(tmp_path)})
    assert answer.out.splitlines()[-1] == "[]"
