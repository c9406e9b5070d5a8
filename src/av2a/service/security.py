"""Guards of a server on the user's own machine: which hosts, pages and programs are answered, and the headers of every response.

Threats are other web pages in the user's browser, names that are made to point to this machine, other programs of this machine
that share the browser's cookies (cookies do not tell ports apart), and hostile file names. So a request that reads needs a
cookie or the token, and one that changes anything needs the token in a header, which no other page can send.
"""

import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN_HEADER = "x-av2a-token"
SAFE_METHODS = ("GET", "HEAD")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types av2a"
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class Secrets:
    """The token that the printed address carries, and the cookie that it is exchanged for; neither tells the other."""

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def cookie_name(self) -> str:
        """Cookies are shared by all ports of a host, so the name has the port."""
        return f"av2a-{self.port}"

    @property
    def cookie(self) -> str:
        """The value of the cookie."""
        return hmac.digest(self.token.encode(), b"av2a cookie", sha256).hex()

    def is_token(self, given: str) -> bool:
        """Whether this is the token; the time that it takes tells nothing."""
        return hmac.compare_digest(given.encode(), self.token.encode())

    def is_cookie(self, given: str) -> bool:
        """Whether this is the cookie's value."""
        return hmac.compare_digest(given.encode(), self.cookie.encode())


class Guard:
    """The outermost layer: refuses foreign hosts, pages and programs, and adds the headers to every response.

    Args:
        app: what is guarded.
        keys: the token and the cookie of this server.
        hosts: names that a request may address, without ports.
        open_paths: paths of the page itself, which has no secrets; everything else needs the cookie or the token.
    """

    def __init__(self, app: ASGIApp, keys: Secrets, hosts: Iterable[str], open_paths: Iterable[str]) -> None:
        self.app, self.keys = app, keys
        self.hosts, self.open_paths = frozenset(hosts), frozenset(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            await self.app(scope, receive, send_with_headers)
            return
        status, code, words = refusal
        body = json.dumps({"code": code, "message": words}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send_with_headers({"type": "http.response.start", "status": status, "headers": headers})
        await send_with_headers({"type": "http.response.body", "body": body})

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        headers, method = Headers(scope=scope), scope["method"]
        host = headers.get("host", "")
        if _without_port(host).lower() not in self.hosts:
            return (
                400,
                "E_HOST",
                "this server answers only under its own address: open the address that av2a serve printed",
            )
        is_open = scope["path"] in self.open_paths and method in SAFE_METHODS
        if (wrong := self._foreign_page(headers, host, method, is_open)) is not None:
            return wrong
        if is_open:
            return None
        if scope["path"] == "/api/session" and method == "POST":
            return None  # It brings the token in its body.
        has_token = self.keys.is_token(headers.get(TOKEN_HEADER, ""))
        if method not in SAFE_METHODS and not has_token:
            return (
                403,
                "E_TOKEN",
                f"this changes something and needs the header {TOKEN_HEADER}: open the printed address",
            )
        if not has_token and not self.keys.is_cookie(self._cookie(headers)):
            return 401, "E_SESSION", "not signed in: open the address that av2a serve printed"
        return None

    @staticmethod
    def _foreign_page(headers: Headers, host: str, method: str, is_open: bool) -> tuple[int, str, str] | None:
        site = headers.get("sec-fetch-site", "same-origin")
        # "none" is the user's own doing: the address bar, a bookmark, a new tab.
        allowed = ("same-origin", "none") if method in SAFE_METHODS else ("same-origin",)
        # A link to the page itself may be followed from anywhere; it is opened as a document of its own.
        navigates = (
            is_open and headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        )
        if site not in allowed and not navigates:
            return 403, "E_SITE", "another page asked for this: requests come from this server's own page only"
        origin = headers.get("origin")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return 403, "E_ORIGIN", "another page asked for this: requests come from this server's own page only"
        return None

    def _cookie(self, headers: Headers) -> str:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self.keys.cookie_name)
        except CookieError:
            return ""
        return "" if found is None else found.value


def _without_port(host: str) -> str:
    """The name in a Host header.

    >>> [_without_port(host) for host in ("localhost:80", "[::1]:80", "[::1]", "a.b")]
    ['localhost', '[::1]', '[::1]', 'a.b']
    """
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
