"""The guards of the server: who is answered, and what every response carries."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from av2a.service.security import HEADERS, LOOPBACK_HOSTS, Guard, Secrets

KEYS = Secrets(8765, "the-token")
BASE = "http://127.0.0.1:8765"
TOKEN = {"X_Av2a_Token": "the-token"}
COOKIE = {"Cookie": f"av2a-8765={KEYS.cookie}"}


def asked(method: str, path: str = "/api/state", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    methods = ["GET", "POST", "PUT", "DELETE"]
    app = Starlette(routes=[Route("/{path:path}", lambda request: PlainTextResponse("served"), methods=methods)])
    guarded = Guard(app, KEYS, LOOPBACK_HOSTS, ["/", "/main.js"])

    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(guarded), base_url=BASE) as client:
            return await client.request(method, path, headers=named)

    return asyncio.run(send())


def code(response: httpx.Response) -> str | None:
    return None if response.text == "served" else str(response.json()["code"])


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost", "LOCALHOST:1", "[::1]:8765"])
def test_the_own_names_are_answered(host: str) -> None:
    assert code(asked("GET", Host=host, **TOKEN)) is None


@pytest.mark.parametrize("host", ["rebind.test:8765", "127.0.0.1.evil.example", "localhost.", "", "evil@127.0.0.1"])
def test_other_names_are_refused_before_anything_else(host: str) -> None:
    response = asked("GET", "/", Host=host, **TOKEN)
    assert (response.status_code, code(response)) == (400, "E_HOST")


def test_the_page_itself_needs_no_token_and_everything_else_does() -> None:
    assert code(asked("GET", "/")) is None
    assert code(asked("GET", "/main.js")) is None
    assert code(asked("GET")) == "E_SESSION"
    assert code(asked("GET", Cookie="av2a-8765=guessed")) == "E_SESSION"
    assert code(asked("GET", Cookie=f"av2a-9999={KEYS.cookie}")) == "E_SESSION"


def test_a_cookie_reads_and_only_the_token_changes() -> None:
    assert code(asked("GET", **COOKIE)) is None
    for method in ("POST", "PUT", "DELETE"):
        assert code(asked(method, **COOKIE)) == "E_TOKEN"
        assert code(asked(method, X_Av2a_Token="guessed")) == "E_TOKEN"
        assert code(asked(method, **TOKEN)) is None


def test_the_cookie_does_not_tell_the_token() -> None:
    assert KEYS.token not in KEYS.cookie
    assert code(asked("POST", X_Av2a_Token=KEYS.cookie)) == "E_TOKEN"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_pages_are_refused_whatever_they_carry(site: str) -> None:
    for method in ("GET", "POST"):
        assert code(asked(method, Sec_Fetch_Site=site, **TOKEN, **COOKIE)) == "E_SITE"


def test_a_bookmark_opens_the_page_and_a_link_from_elsewhere_too() -> None:
    navigates = {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert code(asked("GET", "/", Sec_Fetch_Site="none", **navigates)) is None
    assert code(asked("GET", "/", Sec_Fetch_Site="cross-site", **navigates)) is None
    assert code(asked("GET", "/api/videos/1/media", Sec_Fetch_Site="same-site", **navigates, **COOKIE)) == "E_SITE"
    assert (
        code(asked("GET", "/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="iframe"))
        == "E_SITE"
    )


def test_another_origin_is_refused() -> None:
    assert code(asked("POST", Origin="http://127.0.0.1:9999", **TOKEN)) == "E_ORIGIN"
    assert code(asked("POST", Origin="null", **TOKEN)) == "E_ORIGIN"
    assert code(asked("POST", Origin=BASE, **TOKEN)) is None


def test_every_response_carries_the_headers_refusals_too() -> None:
    for response in (asked("GET", "/"), asked("GET"), asked("GET", Host="evil.example")):
        for name, value in HEADERS.items():
            assert response.headers[name] == value
        assert "access-control-allow-origin" not in response.headers
