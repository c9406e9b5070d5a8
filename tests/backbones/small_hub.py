"""A hub small enough for tests, on the loopback address: what the hub's client needs of one, and faults on demand."""

import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
from safetensors.numpy import save

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE_BYTES = 10_000
"""Files of this size and more are stored apart, named by their SHA-256, and served by another host."""


def parameters(seed: int, numbers: int = 100_000) -> bytes:
    """A safetensors file of a few hundred kilobytes."""
    rng = np.random.default_rng(seed)
    return save({"layer.weight": rng.standard_normal((10, numbers // 10), np.float32), "scale": np.ones(1, np.float32)})


def repository(seed: int = 0, **files: bytes) -> dict[str, bytes]:
    """The files of a small model as they are published, and one of code that nobody should fetch."""
    return {
        "config.json": b'{"model_type": "clip", "seed": %d}' % seed,
        "model.safetensors": parameters(seed),
        "tokenizer.json": b'{"version": "1.0", "seed": %d}' % seed,
        "tokenizer_config.json": b"{}",
        "modeling_evil.py": b"raise SystemExit('code of a repository was run')",
        "README.md": b"# A model",
        **files,
    }


def published_name(content: bytes) -> str:
    """SHA-256 of a large file, Git's SHA-1 of a small one."""
    if len(content) >= LARGE_BYTES:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass(frozen=True)
class Asked:
    """One request, and how much of the answer's body was sent."""

    method: str
    host: str
    path: str
    range: str | None
    token: str | None
    sent_bytes: int


@dataclass
class SmallHub:
    """Repositories served over HTTP; used as a context."""

    repositories: Mapping[str, Mapping[str, bytes]]
    commit: str = COMMIT
    cuts: dict[str, list[int]] = field(default_factory=dict)
    """File name: after how many bytes each of the next transfers breaks off."""
    instead: dict[str, bytes] = field(default_factory=dict)
    """File name: what is sent in place of what is described."""
    described: dict[str, dict[str, Any]] = field(default_factory=dict)
    """File name: what the listing says of it beside, or in place of, the truth."""
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    """File name: headers of the answer about it beside, or in place of, the true ones."""
    endless: set[str] = field(default_factory=set)
    """File names, "listing" or "refusal": bodies that never end, of no stated length."""
    listing: bytes | None = None
    """What is sent, compressed, in place of the description of a repository."""
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Repository: status and error code of every answer about it."""
    knows_ranges: bool = True
    pause_seconds: float = 0.0
    """Between pieces of a body."""
    asked: list[Asked] = field(default_factory=list)

    def __enter__(self) -> "SmallHub":
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """What ``HF_ENDPOINT`` is set to."""
        return f"http://127.0.0.1:{self.port}"

    def bytes_sent(self, name: str) -> int:
        """Of one file's content, in all answers."""
        content = next(files[name] for files in self.repositories.values() if name in files)
        endings = (f"/{name}", f"/{published_name(content)}")
        return sum(asked.sent_bytes for asked in self.asked if asked.method == "GET" and asked.path.endswith(endings))

    def fetched(self) -> set[str]:
        """The names of all files that were asked for."""
        return {asked.path.rpartition("/")[2] for asked in self.asked if "/resolve/" in asked.path}


class _Handler(BaseHTTPRequestHandler):
    hub: SmallHub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""

    def handle(self) -> None:
        """Answer until the client has gone, however it goes."""
        with suppress(ConnectionError):
            super().handle()

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/(.+)", path):
            self._describe(found[1], found[2])
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._resolve(found[1], found[2], found[3])
        elif found := re.fullmatch(r"/store/([0-9a-f]+)", path):
            self._store(found[1])
        else:
            self._send(404, b"not found")

    def _refuses(self, repo: str, revision: str) -> bool:
        status, code = self.hub.refused.get(repo, (0, ""))
        if repo not in self.hub.repositories:
            status, code = 404, "RepoNotFound"
        elif not status and revision not in ("main", self.hub.commit):
            status, code = 404, "RevisionNotFound"
        if status and "refusal" in self.hub.endless:
            self._send_endless(status)
        elif status:
            self._send(status, b"{}", {"X-Error-Code": code} if code else {})
        return bool(status)

    def _describe(self, repo: str, revision: str) -> None:
        if self._refuses(repo, revision):
            return
        siblings = [self._sibling(name, content) for name, content in self.hub.repositories[repo].items()]
        body = json.dumps({"id": repo, "sha": self.hub.commit, "siblings": siblings}).encode()
        if "listing" in self.hub.endless:
            self._send_endless()
        elif self.hub.listing is not None:
            self._send(200, self.hub.listing, {"Content-Encoding": "gzip"})
        else:
            self._send(200, body, {"Content-Type": "application/json"})

    def _sibling(self, name: str, content: bytes) -> dict[str, Any]:
        size, digest = len(content), published_name(content)
        blob: dict[str, Any] = {"blobId": digest}
        if size >= LARGE_BYTES:
            blob = {"blobId": "f" * 40, "lfs": {"sha256": digest, "size": size, "pointerSize": 134}}
        return {"rfilename": name, "size": size, **blob, **self.hub.described.get(name, {})}

    def _resolve(self, repo: str, revision: str, name: str) -> None:
        if self._refuses(repo, revision):
            return
        content = self.hub.repositories[repo].get(name)
        if content is None:
            self._send(404, b"{}", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": self.hub.commit})
            return
        true = {"X-Repo-Commit": self.hub.commit, "ETag": f'"{published_name(content)}"'}
        headers = {**true, **self.hub.headers.get(name, {})}
        if len(content) < LARGE_BYTES:
            self._send_file(name, content, headers)
            return
        # As the public hub does: large files come from another host, to which no token may go.
        elsewhere = f"http://localhost:{self.hub.port}/store/{published_name(content)}"
        linked = {"X-Linked-Etag": headers["ETag"], "X-Linked-Size": str(len(content)), "Location": elsewhere}
        self._send(302, b"", {**headers, **linked})

    def _store(self, digest: str) -> None:
        for files in self.hub.repositories.values():
            for name, content in files.items():
                if published_name(content) == digest:
                    self._send_file(name, content, {"ETag": f'"{digest}"'})
                    return
        self._send(404, b"")

    def _send_file(self, name: str, content: bytes, headers: Mapping[str, str]) -> None:
        content = self.hub.instead.get(name, content)
        if name in self.hub.endless and self.command == "GET":
            self._send_endless()
            return
        asked = self.headers.get("Range") if self.hub.knows_ranges else None
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        status = 206 if asked else 200
        if asked:
            headers = {**headers, "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        cuts = self.hub.cuts.get(name, [])
        cut = cuts.pop(0) if cuts and self.command == "GET" else None
        self._send(status, content[start:], headers, cut)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None, cut: int | None = None) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        sent = 0 if self.command == "HEAD" else self._send_body(body[:cut])
        host = self.headers.get("Host", "").partition(":")[0]
        token = self.headers.get("Authorization")
        self.hub.asked.append(Asked(self.command, host, self.path, self.headers.get("Range"), token, sent))
        if cut is not None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def _send_endless(self, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        piece = b"%x\r\n%s\r\n" % (1 << 16, b" " * (1 << 16))
        # A limit of the test, lest it fill the disk when it fails.
        for _ in range(10_000):
            self.wfile.write(piece)
            time.sleep(self.hub.pause_seconds)

    def _send_body(self, body: bytes) -> int:
        sent = 0
        for piece in _pieces(body, 1 << 16):
            try:
                self.wfile.write(piece)
            except OSError:
                # The reader has gone.
                break
            sent += len(piece)
            time.sleep(self.hub.pause_seconds)
        return sent


def _pieces(body: bytes, size: int) -> Sequence[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]
