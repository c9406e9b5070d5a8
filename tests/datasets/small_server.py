"""A server of a few files on the loopback address, with faults on demand."""

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType


@dataclass
class SmallServer:
    """Serves ``files`` by path; used as a context."""

    files: dict[str, bytes]
    cut_bytes: int | None = None
    """Each answer breaks off after so many."""
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> "SmallServer":
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"small": self}))
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
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    small: SmallServer

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.small.asked.append(self.path)
        content = self.small.files.get(self.path)
        self.send_response(404 if content is None else 200)
        body = content or b""
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.small.cut_bytes])
