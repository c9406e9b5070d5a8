"""Fetching from the Hugging Face hub, through its own client, into its own cache.

Address, cache, tokens, proxies, certificates and off-line mode are therefore what the user has set for it. The transfer itself
is ours, over the client's own connection: the client throws away what it has when it is interrupted, and does not compare what it got with the
digest that the hub states.
"""

import errno
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from av2a.backbones.checkpoints import COMMIT, NAMES, SHARD, WELCOME, Checkpoint
from av2a.backbones.digests import is_as_named
from av2a.errors import MissingDependency, WeightsUnavailable, one_line

Progress = Callable[[str, int, int], None]
"""Called with the model that is fetched, and how many of how many bytes are there."""

PATIENCE_SECONDS = 4.0
"""For the hub's first answer, so that a machine without a network says so soon."""
FRUITLESS_ATTEMPTS = 5
"""A transfer is taken up again after every interruption, until this many in a row have brought nothing."""


class HubUnreachable(Exception):
    """The hub cannot be asked; the text says why, to be told with what is missing."""


@dataclass(frozen=True)
class Hub:
    """A hub, and the cache that its files go to."""

    cache: Path
    endpoint: str | None = None
    """None is the client's own."""


@dataclass(frozen=True)
class Remote:
    """A file as the hub describes it."""

    name: str
    size_bytes: int
    digest: str
    """SHA-256 of a large file, Git's SHA-1 of a small one; also its name in the cache."""


@dataclass(frozen=True)
class Listing:
    """A repository at one commit."""

    repo: str
    commit: str
    files: dict[str, Remote]


def fetch(checkpoint: Checkpoint, hub: Hub, progress: Progress | None = None) -> Path:
    """The checkpoint's snapshot in the hub's cache, whole: what is missing or damaged is fetched, the rest is kept.

    Raises:
        HubUnreachable: the hub cannot be asked.
        WeightsUnavailable: the hub refuses, lacks a file or sends something else; or the cache cannot be written.
    """
    with _client_errors(checkpoint, hub):
        listing = list_files(checkpoint, hub)
        wanted = [listing.files[name] for name in _chosen(checkpoint, listing)]
        return _snapshot(checkpoint, listing, wanted, hub, progress)


def list_files(checkpoint: Checkpoint, hub: Hub) -> Listing:
    """What the hub has at the checkpoint's revision, asked once and not for long."""
    from huggingface_hub import HfApi, constants

    api = HfApi(endpoint=hub.endpoint, library_name="av2a")
    revision = checkpoint.revision or constants.DEFAULT_REVISION
    try:
        info = api.model_info(checkpoint.repo, revision=revision, files_metadata=True, timeout=PATIENCE_SECONDS)
    except (ValueError, KeyError, TypeError) as strange:
        raise _no_hub(checkpoint, hub) from strange
    if info.sha is None or not COMMIT.fullmatch(info.sha):
        raise _no_hub(checkpoint, hub)
    remotes = (_remote(sibling) for sibling in info.siblings or ())
    return Listing(checkpoint.repo, info.sha, {remote.name: remote for remote in remotes if remote is not None})


def _no_hub(checkpoint: Checkpoint, hub: Hub) -> WeightsUnavailable:
    return WeightsUnavailable(
        f"{_endpoint(hub)} does not answer as a hub does when asked for {checkpoint.repo}: check HF_ENDPOINT and any proxy"
    )


def _remote(sibling: Any) -> Remote | None:
    digest = sibling.lfs.sha256 if sibling.lfs is not None else sibling.blob_id
    if digest is None or sibling.size is None:
        return None
    return Remote(sibling.rfilename, sibling.size, digest)


def _chosen(checkpoint: Checkpoint, listing: Listing) -> list[str]:
    """The files to fetch; no others, and never code."""
    names = set(listing.files)
    chosen = {name for name in WELCOME if name in names}
    for entry in checkpoint.files:
        groups = NAMES.get(entry, ((entry,),))
        group = next((group for group in groups if names.issuperset(group)), None)
        if group is None:
            raise WeightsUnavailable(
                f"{checkpoint.repo} at {listing.commit[:12]} has no {' or '.join(' with '.join(group) for group in groups)}: "
                "name another checkpoint or revision"
            )
        chosen.update(group)
        for index in group:
            if index.endswith(".index.json"):
                chosen |= {name for name in names if SHARD.fullmatch(name) and name.startswith(index.partition(".")[0])}
    return sorted(chosen)


def _snapshot(
    checkpoint: Checkpoint, listing: Listing, wanted: Sequence[Remote], hub: Hub, progress: Progress | None
) -> Path:
    repo = hub.cache / f"models--{listing.repo.replace('/', '--')}"
    snapshot = repo / "snapshots" / listing.commit
    lacking = [remote for remote in wanted if not _whole(snapshot / remote.name, remote)]
    _check_space(lacking, repo, hub)
    transfer = _Transfer(listing, hub, progress, sum(remote.size_bytes for remote in lacking))
    for remote in lacking:
        _discard(snapshot / remote.name)
        transfer.bring(remote, repo / "blobs" / remote.digest)
        _link(remote, listing, hub)
    if not COMMIT.fullmatch(checkpoint.revision or "main"):
        # Last, so that nobody is sent to a snapshot that is not whole.
        _point(repo / "refs" / (checkpoint.revision or "main"), listing.commit)
    return snapshot


def _whole(file: Path, remote: Remote) -> bool:
    return file.is_file() and file.stat().st_size == remote.size_bytes and is_as_named(file, remote.digest)


def _discard(file: Path) -> None:
    """Remove a damaged file and the blob behind it."""
    if file.is_symlink():
        file.resolve().unlink(missing_ok=True)
    file.unlink(missing_ok=True)


def _link(remote: Remote, listing: Listing, hub: Hub) -> None:
    """Have the client put a blob that is there into its snapshot, by link or copy, as the machine allows."""
    from huggingface_hub import hf_hub_download

    hf_hub_download(
        listing.repo,
        remote.name,
        revision=listing.commit,
        cache_dir=hub.cache,
        endpoint=hub.endpoint,
        library_name="av2a",
    )


def _point(ref: Path, commit: str) -> None:
    ref.parent.mkdir(parents=True, exist_ok=True)
    ref.write_text(commit, encoding="utf-8")


def _check_space(lacking: Sequence[Remote], repo: Path, hub: Hub) -> None:
    """Refuse before the first byte what will not fit."""
    needed = sum(remote.size_bytes - _size(_part(repo / "blobs" / remote.digest)) for remote in lacking)
    if not lacking:
        return
    repo.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(repo).free
    if needed > free:
        raise WeightsUnavailable(
            f"{needed / 1e9:.1f} GB are to be fetched and {free / 1e9:.1f} GB are free at {one_line(str(hub.cache))}: "
            "free some space, or set HF_HOME to a larger disk"
        )


def _part(blob: Path) -> Path:
    return blob.with_name(f"{blob.name}.incomplete")


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


@dataclass
class _Transfer:
    """The files of one checkpoint on their way."""

    listing: Listing
    hub: Hub
    progress: Progress | None
    total_bytes: int
    done_bytes: int = 0

    def bring(self, remote: Remote, blob: Path) -> None:
        """Have the blob of a file in the cache, whole; one process at a time, the others then find it there."""
        blob.parent.mkdir(parents=True, exist_ok=True)
        # The client's own lock, so that it waits for us and we for it.
        lock = self.hub.cache / ".locks" / blob.parents[1].name / f"{blob.name}.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        with _client().WeakFileLock(lock):
            if not _whole(blob, remote):
                blob.unlink(missing_ok=True)
                self._pull(remote, _part(blob))
                _check_digest(remote, _part(blob), self.hub)
                _part(blob).replace(blob)
        self.done_bytes += remote.size_bytes
        self._report(0)

    def _pull(self, remote: Remote, part: Path) -> None:
        """Append to ``part`` until it is whole, taking up where an earlier attempt, or an earlier run, was cut off."""
        fruitless = 0
        if _size(part) > remote.size_bytes:
            part.unlink()
        part.touch()
        while (had := _size(part)) < remote.size_bytes:
            failure = self._append(remote, part, had)
            fruitless = fruitless + 1 if _size(part) <= had else 0
            if fruitless >= FRUITLESS_ATTEMPTS:
                raise HubUnreachable(
                    f"{_endpoint(self.hub)} broke off {remote.name} again and again ({failure}); what came is kept and will be continued"
                )
            if fruitless:
                time.sleep(0.1 * 2**fruitless)

    def _append(self, remote: Remote, part: Path, had: int) -> str:
        """One request for what is still missing; why it ended early, if it did."""
        from huggingface_hub import constants, hf_hub_url

        headers = _client().build_hf_headers(library_name="av2a") | {"Accept-Encoding": "identity"}
        if had:
            headers["Range"] = f"bytes={had}-"
        url = hf_hub_url(self.listing.repo, remote.name, revision=self.listing.commit, endpoint=self.hub.endpoint)
        try:
            with _client().http_stream_backoff(
                "GET",
                url,
                headers=headers,
                timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT,
                retry_on_exceptions=(),
                max_retries=2,
            ) as response:
                _client().hf_raise_for_status(response)
                # A server that knows no ranges sends all of it again.
                with part.open("ab" if response.status_code == 206 else "wb") as file:
                    for chunk in response.iter_bytes():
                        file.write(chunk)
                        self._report(file.tell())
        except _transport_errors() as broken:
            return type(broken).__name__
        return "it ended early"

    def _report(self, of_this_bytes: int) -> None:
        if self.progress is not None:
            name = self.listing.repo.rpartition("/")[2]
            self.progress(name, min(self.done_bytes + of_this_bytes, self.total_bytes), self.total_bytes)


def _check_digest(remote: Remote, part: Path, hub: Hub) -> None:
    if not is_as_named(part, remote.digest):
        # Nothing can be continued from wrong bytes.
        part.unlink()
        raise WeightsUnavailable(
            f"what {_endpoint(hub)} sent as {remote.name} is not what it describes (its digest differs from {remote.digest[:12]}…), "
            "so it was thrown away: run it again, and check HF_ENDPOINT and any proxy if it happens again"
        )


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
        raise MissingDependency(f"fetching weights needs {missing.name!r}: pip install 'av2a[models]'") from missing
    if constants.HF_HUB_OFFLINE:
        raise HubUnreachable("HF_HUB_OFFLINE forbids to fetch them")
    try:
        yield
    except errors.GatedRepoError as gated:
        raise WeightsUnavailable(
            f"{checkpoint.repo} asks for consent: accept its terms at {_endpoint(hub)}/{checkpoint.repo}, then log in with 'hf auth login' "
            "or set HF_TOKEN"
        ) from gated
    except errors.RevisionNotFoundError as unknown:
        raise WeightsUnavailable(
            f"{checkpoint.repo} has no revision {checkpoint.revision!r}: name another"
        ) from unknown
    except errors.RepositoryNotFoundError as unknown:
        raise WeightsUnavailable(
            f"{_endpoint(hub)} knows no checkpoint {checkpoint.repo!r}: check its name, and HF_TOKEN if it is private"
        ) from unknown
    except errors.LocalEntryNotFoundError as lost:
        raise HubUnreachable(f"{_endpoint(hub)} could be asked no longer") from lost
    except errors.HfHubHTTPError as refused:
        raise HubUnreachable(f"{_endpoint(hub)} refuses ({one_line(str(refused), 120)})") from refused
    except _transport_errors() as unreachable:
        raise HubUnreachable(f"{_endpoint(hub)} cannot be reached ({type(unreachable).__name__})") from unreachable
    except OSError as failed:
        raise _disk_error(failed, hub) from failed


def _disk_error(failed: OSError, hub: Hub) -> WeightsUnavailable:
    where = one_line(str(hub.cache))
    if failed.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return WeightsUnavailable(
            f"there is no more room at {where} ({failed.strerror}): free some space or set HF_HOME to a larger disk, and run it "
            "again; what came is kept and will be continued"
        )
    return WeightsUnavailable(
        f"the hub's cache {where} cannot be written ({failed.strerror or failed}): change its permissions, or set HF_HOME to another place"
    )


def _endpoint(hub: Hub) -> str:
    from huggingface_hub import constants

    return hub.endpoint or constants.ENDPOINT
