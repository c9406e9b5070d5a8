"""Downloads checkpoints from the Hugging Face hub into the hub's own cache, through the hub's own client.

Address, cache, token, proxies and offline mode are therefore those that the user has set for the client.

Nothing that a hub answers becomes a path. The client's transfer (``http_get``) writes to a partial file that this module names by the
digest that the hub stated. A file enters the cache when its bytes have that digest. A partial file stays after an interrupted transfer,
and the next run continues it.

The client's ``snapshot_download`` and ``hf_hub_download`` are not used, for four reasons that were tried with version 2.4. They name
blobs in the cache by the ``ETag`` of each reply, unchecked, so a hub can have files written anywhere. A check beforehand does not help,
as a hub may answer the second request otherwise. Ctrl-C waits until the threads of ``snapshot_download`` have downloaded their files.
And they delete partial files, so an interrupted transfer of gigabytes begins again.
"""

import errno
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote

from av2a.backbones.checkpoints import COMMIT, NAMES, OPTIONAL_FILES, SHARD, Checkpoint
from av2a.digests import has_digest
from av2a.errors import MissingDependency, WeightsUnavailable, one_line
from av2a.installation import install_command

Progress = Callable[[str, int, int], None]
"""Called with the name of the model, the number of bytes that have arrived, and their total."""

PATIENCE_SECONDS = 4.0
"""Time limit of the hub's first answer, so that a machine without a network says so soon."""
LONGEST_LISTING_BYTES = 1 << 24
"""Size limit of the hub's description of a repository."""
LONGEST_LISTING_SECONDS = 60.0
"""Time limit of the same, for one that arrives byte by byte."""
LONGEST_REFUSAL_BYTES = 1 << 16
"""Size limit of what the hub says when it refuses a request."""
DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class HubUnreachable(Exception):
    """The hub cannot be reached, or stopped answering; the text says why, for use in a longer message."""


@dataclass(frozen=True)
class Hub:
    """A hub, and the cache that its files go to."""

    cache: Path
    endpoint: str | None = None
    """None is the client's own."""

    @property
    def address(self) -> str:
        """The URL of the hub."""
        return self.endpoint or str(import_module("huggingface_hub.constants").ENDPOINT)


@dataclass(frozen=True)
class RemoteFile:
    """A file as the hub describes it."""

    name: str
    size_bytes: int
    digest: str
    """SHA-256 of a large file, Git's SHA-1 of a small one; also its name in the cache."""


def fetch(checkpoint: Checkpoint, hub: Hub, progress: Progress | None = None) -> Path:
    """Download what the cache lacks of a checkpoint, or has damaged, and return the checkpoint's complete snapshot folder.

    Raises:
        HubUnreachable: the hub cannot be reached, or stopped answering.
        WeightsUnavailable: the hub refuses, lacks a file or sends wrong bytes; or the cache cannot be written.
    """
    with _client_errors(checkpoint, hub):
        commit, remote_files = _listing(checkpoint, hub)
        wanted = [remote_files[name] for name in _wanted_names(checkpoint, commit, set(remote_files))]
        repo = repo_folder(hub.cache, checkpoint)
        repo.mkdir(parents=True, exist_ok=True)
        lock = hub.cache / ".locks" / repo.name / "av2a.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        with _client().WeakFileLock(lock):
            _complete(repo, commit, wanted, checkpoint, hub, progress)
            if not COMMIT.fullmatch(checkpoint.revision or "main"):
                # Last, so that the name of a branch never leads to an incomplete snapshot.
                ref = repo / "refs" / (checkpoint.revision or "main")
                ref.parent.mkdir(parents=True, exist_ok=True)
                ref.write_text(commit, encoding="utf-8")
        return repo / "snapshots" / commit


def repo_folder(cache: Path, checkpoint: Checkpoint) -> Path:
    """Where the hub's client keeps the files of a repository."""
    return cache / f"models--{checkpoint.repo.replace('/', '--')}"


def stated_digest(file: Path) -> str | None:
    """The digest that the hub stated of a file in its cache, where it is the name of the file's blob; None of any other file."""
    blob = file.resolve()
    return blob.name if blob.parent.name == "blobs" and DIGEST.fullmatch(blob.name) else None


def check(checkpoint: Checkpoint, hub: Hub) -> None:
    """Refuse a checkpoint that could not be downloaded, as far as the hub's description tells; nothing is downloaded.

    Raises:
        HubUnreachable, WeightsUnavailable: as :func:`fetch`.
    """
    with _client_errors(checkpoint, hub):
        commit, remote_files = _listing(checkpoint, hub)
        _wanted_names(checkpoint, commit, set(remote_files))


def _listing(checkpoint: Checkpoint, hub: Hub) -> tuple[str, dict[str, RemoteFile]]:
    """The commit of the checkpoint's revision, and the files that the hub describes with a valid size and digest."""
    _client().validate_repo_id(checkpoint.repo)
    revision = quote(checkpoint.revision or "main", safe="")
    url = f"{hub.address}/api/models/{checkpoint.repo}/revision/{revision}?blobs=true"
    try:
        answer = json.loads(_small_body(url))
        siblings = [_remote_file(sibling) for sibling in answer["siblings"]]
        if not COMMIT.fullmatch(answer["sha"]):
            raise ValueError("no commit")
    except (ValueError, KeyError, TypeError, RecursionError) as strange:
        raise WeightsUnavailable(
            f"{hub.address} does not answer as a hub does when asked for {checkpoint.repo}: check HF_ENDPOINT and any proxy"
        ) from strange
    return answer["sha"], {file.name: file for file in siblings if file is not None}


def _small_body(url: str) -> bytes:
    headers = {**_client().build_hf_headers(library_name="av2a"), "Accept-Encoding": "identity"}
    settings = {"timeout": PATIENCE_SECONDS, "max_retries": 0, "retry_on_exceptions": (), "retry_on_status_codes": ()}
    with _client().http_stream_backoff("GET", url, headers=headers, **settings) as response:
        body, is_whole = _beginning(response)
        if not response.is_success:
            # The client reads the body of an error whole and decompressed, so it gets a copy of the reply with the beginning alone.
            kept = {name: value for name, value in response.headers.items() if name.lower().startswith("x-")}
            copy = type(response)(response.status_code, headers=kept, content=body, request=response.request)
            _client().hf_raise_for_status(copy)
        if not is_whole or "Content-Encoding" in response.headers:
            raise ValueError("longer, slower or otherwise encoded than a description of files")
    return body


def _beginning(response: Any) -> tuple[bytes, bool]:
    """The body of a reply as it was sent, and whether it ended within the limits of size and time."""
    limit_bytes = LONGEST_LISTING_BYTES if response.is_success else LONGEST_REFUSAL_BYTES
    deadline, body = monotonic() + LONGEST_LISTING_SECONDS, bytearray()
    for piece in response.iter_raw():
        body += piece
        if len(body) > limit_bytes or monotonic() > deadline:
            return bytes(body[:limit_bytes]), False
    return bytes(body), True


def _remote_file(sibling: dict[str, Any]) -> RemoteFile | None:
    large = sibling.get("lfs")
    name, size, digest = sibling["rfilename"], sibling.get("size"), large["sha256"] if large else sibling.get("blobId")
    if not isinstance(name, str) or type(size) is not int or size < 0 or not isinstance(digest, str):
        return None
    return RemoteFile(name, size, digest) if DIGEST.fullmatch(digest) else None


def _wanted_names(checkpoint: Checkpoint, commit: str, names: set[str]) -> list[str]:
    """The files to download: those of :mod:`av2a.backbones.checkpoints` and no others, never code."""
    wanted = names.intersection(OPTIONAL_FILES)
    for entry in checkpoint.files:
        groups = NAMES.get(entry, ((entry,),))
        group = next((group for group in groups if names.issuperset(group)), None)
        if group is None:
            choices = " or ".join(" with ".join(group) for group in groups)
            raise WeightsUnavailable(
                f"{checkpoint.repo} at {commit[:12]} has no {choices} with a valid size and digest: name another checkpoint or revision"
            )
        wanted.update(group)
        for index in group:
            if index.endswith(".index.json"):
                wanted |= {name for name in names if SHARD.fullmatch(name) and name.startswith(index.partition(".")[0])}
    return sorted(wanted)


def _complete(
    repo: Path,
    commit: str,
    wanted: Sequence[RemoteFile],
    checkpoint: Checkpoint,
    hub: Hub,
    progress: Progress | None,
) -> None:
    """Bring the files that a snapshot lacks; one process at a time, so that the others find them there."""
    snapshot, incoming = repo / "snapshots" / commit, repo / "av2a.incoming"
    lacking = [file for file in wanted if not _is_whole(snapshot / file.name, file)]
    absent = [file for file in lacking if not _is_whole(repo / "blobs" / file.digest, file)]
    _sweep(incoming, {file.digest: file.size_bytes for file in absent})
    total = sum(file.size_bytes for file in absent)
    _check_space(total - sum(partial.stat().st_size for partial in incoming.iterdir()), repo)
    meter = _Meter(checkpoint.repo.rpartition("/")[2], total, progress)
    try:
        for file in lacking:
            blob = repo / "blobs" / file.digest
            blob.parent.mkdir(exist_ok=True)
            if file in absent:
                _download(file, checkpoint.repo, commit, incoming / file.digest, hub, meter).replace(blob)
            _link(snapshot / file.name, blob)
    finally:
        # Unless it has a partial file.
        with suppress(OSError):
            incoming.rmdir()


def _sweep(incoming: Path, sizes_bytes: Mapping[str, int]) -> None:
    """Leave nothing in a folder but partial files of these digests, none longer than its size."""
    incoming.mkdir(exist_ok=True)
    for path in incoming.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.stat().st_size > sizes_bytes.get(path.name, -1):
            path.unlink()


def _download(file: RemoteFile, repo: str, commit: str, partial: Path, hub: Hub, meter: "_Meter") -> Path:
    """Download one file to ``partial``, or the rest of it, with the hub's client, and check its digest."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get

    meter.begin(file)
    try:
        with partial.open("ab") as stream:
            http_get(
                hf_hub_url(repo, file.name, revision=commit, endpoint=hub.endpoint),
                stream,
                resume_size=stream.tell(),
                headers=_client().build_hf_headers(library_name="av2a"),
                expected_size=file.size_bytes,
                tqdm_class=_progress_bar(meter),
            )
        if _is_whole(partial, file):
            return partial
    except _transport_errors() as broken:
        raise HubUnreachable(
            f"{hub.address} broke off {file.name} again and again ({type(broken).__name__}); what has arrived is kept"
        ) from broken
    except _TooMuch:
        pass
    except OSError as failed:
        if failed.errno is not None:
            # A full disk: make room.
            partial.unlink(missing_ok=True)
        # The client raises a plain one about a body whose length is not the announced one.
        if failed.errno is not None or type(failed) is not OSError:
            raise
    partial.unlink()
    raise WeightsUnavailable(
        f"what {hub.address} sent as {file.name} is not what it describes ({file.size_bytes} bytes with the digest {file.digest[:12]}…), "
        "so it was thrown away: run it again, and check HF_ENDPOINT and any proxy if it happens again"
    )


def _is_whole(path: Path, file: RemoteFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size_bytes and has_digest(path, file.digest)


def _link(path: Path, blob: Path) -> None:
    """Put a blob into a snapshot: by a relative link, as the client does, or where there are none by moving it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    try:
        path.symlink_to(Path("..", "..", "blobs", blob.name))
    except OSError:
        blob.replace(path)


def _check_space(needed_bytes: int, repo: Path) -> None:
    """Refuse before the first byte what does not fit."""
    free_bytes = shutil.disk_usage(repo).free
    if needed_bytes > free_bytes:
        raise WeightsUnavailable(
            f"{needed_bytes / 1e9:.1f} GB are to be fetched and {free_bytes / 1e9:.1f} GB are free at {one_line(str(repo.parent))}: "
            "free some space, or set HF_HOME to a larger disk"
        )


class _TooMuch(Exception):
    """A body goes on beyond the size that the hub stated."""


@dataclass
class _Meter:
    """Counts the bytes of a checkpoint as they arrive, and stops a file that does not end where it should."""

    name: str
    total_bytes: int
    progress: Progress | None
    done_bytes: int = 0
    limit_bytes: int = 0

    def begin(self, file: RemoteFile) -> None:
        """Count for another file."""
        self.done_bytes = self.limit_bytes
        self.limit_bytes += file.size_bytes
        self.count(0)

    def count(self, more_bytes: int) -> None:
        """Add what has arrived; negative when the client begins a file anew."""
        self.done_bytes += more_bytes
        if self.done_bytes > self.limit_bytes:
            raise _TooMuch
        if self.progress is not None:
            self.progress(self.name, self.done_bytes, self.total_bytes)


def _progress_bar(meter: _Meter) -> Any:
    """A class of progress bars as the client wants one; it shows nothing, and counts for ``meter``."""

    class Bar(_client().tqdm):  # type: ignore[misc]
        def __init__(self, initial: int = 0, **settings: Any) -> None:
            super().__init__(disable=True)
            meter.count(initial)

        def update(self, n: int = 1) -> None:
            meter.count(n)

    return Bar


# The client, and what can go wrong with it.


def _client() -> Any:
    """The client's tools; it offers them lazily, in a way that a type checker does not see."""
    return import_module("huggingface_hub.utils")


def _transport_errors() -> tuple[type[Exception], ...]:
    """What the client's connections raise; which library those are of depends on the client's version."""
    from huggingface_hub.errors import HfHubHTTPError

    base: Any = next(kind for kind in HfHubHTTPError.__mro__ if kind.__name__ == "HTTPError")
    transport = next(kind for kind in base.__subclasses__() if kind.__name__ == "RequestError")
    return (transport,)


@contextmanager
def _client_errors(checkpoint: Checkpoint, hub: Hub) -> Iterator[None]:
    """The client's errors as ours."""
    try:
        from huggingface_hub import constants, errors
    except ModuleNotFoundError as missing:
        raise MissingDependency(f"downloading weights needs {missing.name!r}: {install_command('models')}") from missing
    if constants.HF_HUB_OFFLINE:
        raise HubUnreachable("HF_HUB_OFFLINE forbids downloads")
    try:
        yield
    except errors.HFValidationError as invalid:
        raise WeightsUnavailable(
            f"{checkpoint.repo!r} is no valid name on a hub: {one_line(str(invalid), 160)}"
        ) from invalid
    except errors.GatedRepoError as gated:
        raise WeightsUnavailable(
            f"{checkpoint.repo} asks for consent: accept its terms at {hub.address}/{checkpoint.repo}, then log in with 'hf auth login' "
            "or set HF_TOKEN"
        ) from gated
    except errors.RevisionNotFoundError as unknown:
        raise WeightsUnavailable(
            f"{checkpoint.repo} has no revision {checkpoint.revision!r}: name another"
        ) from unknown
    except errors.RepositoryNotFoundError as unknown:
        raise WeightsUnavailable(
            f"{hub.address} knows no checkpoint {checkpoint.repo!r}: check its name, and HF_TOKEN if it is private"
        ) from unknown
    except errors.HfHubHTTPError as refused:
        raise HubUnreachable(f"{hub.address} refuses ({one_line(str(refused), 120)})") from refused
    except _transport_errors() as unreachable:
        raise HubUnreachable(f"{hub.address} cannot be reached ({type(unreachable).__name__})") from unreachable
    except OSError as failed:
        raise _disk_error(failed, hub) from failed


def _disk_error(failed: OSError, hub: Hub) -> WeightsUnavailable:
    where = one_line(str(hub.cache))
    if failed.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return WeightsUnavailable(
            f"there is no more room at {where} ({failed.strerror}): free some space or set HF_HOME to a larger disk, and run it "
            "again; files that are whole are kept"
        )
    return WeightsUnavailable(
        f"the hub's cache {where} cannot be written ({failed.strerror or failed}): change its permissions, or set HF_HOME to another place"
    )
