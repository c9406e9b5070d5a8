"""What other pages in the same browser can do to the server: nothing."""

import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.service.conftest import BROWSER, QUIET, Open
from tests.service.running import Running

pytestmark = pytest.mark.slow


class BlankPage(BaseHTTPRequestHandler):
    """A page of somebody else, on another port of the same machine."""

    def do_GET(self) -> None:
        """An empty page."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title>")

    def log_message(self, *given: Any) -> None:
        """Say nothing."""


@pytest.fixture
def elsewhere() -> Iterator[int]:
    """The port of somebody else's server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BlankPage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


ATTACK = """async ([base, video]) => {
  const tried = {};
  const fetched = async (name, path, options) => { try { const r = await fetch(base + path, { credentials: "include", ...options }); tried[name] = r.type === "opaque" ? "opaque" : await r.text(); } catch { tried[name] = "refused"; } };
  await fetched("read", "/api/state", {});
  await fetched("read blindly", "/api/state", { mode: "no-cors" });
  await fetched("cancel blindly", `/api/videos/${video}/cancel`, { method: "POST", mode: "no-cors" });
  await fetched("remove", `/api/videos/${video}`, { method: "DELETE" });
  const shown = (tag, path) => new Promise((done) => { const node = document.createElement(tag); node.onload = node.onloadedmetadata = () => done("shown"); node.onerror = () => done("refused"); node.src = base + path; document.body.append(node); });
  tried.image = await shown("img", "/icon.svg");
  tried.video = await shown("video", `/api/videos/${video}/media`);
  return tried;
}"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_page_on_another_port_reads_shows_and_changes_nothing(
    opened: Open, server: Running, scenes: list[Path], elsewhere: int, host: str
) -> None:
    video = server.upload(scenes[0])["id"]
    mine = opened()
    # The same context has the cookie of the page.
    other = mine.context.new_page()
    other.goto(f"http://{host}:{elsewhere}/")
    tried = other.evaluate(ATTACK, [server.base, video])
    assert {name for name, outcome in tried.items() if outcome not in ("refused", "opaque")} == set()
    assert video in server.videos()
    other.close()


def test_a_name_that_is_made_to_point_here_is_refused(chromium: Any, server: Running) -> None:
    port = server.base.rpartition(":")[2]
    rules = "host-resolver-rules=MAP rebind.test 127.0.0.1"
    with closing(
        chromium.browser_type.launch(executable_path=BROWSER, args=[f"--{flag}" for flag in (*QUIET, rules)])
    ) as browser:
        response = browser.new_page().goto(f"http://rebind.test:{port}/#token={server.token}")
        assert response.status == 400 and response.json()["code"] == "E_HOST"


def test_the_page_without_its_token_shows_how_to_get_in(chromium: Any, server: Running) -> None:
    page = chromium.new_page()
    page.goto(server.base)
    page.wait_for_selector("#signin:not([hidden])")
    assert page.locator("#videos li").count() == 0
    page.context.close()


def test_the_policy_refuses_inline_scripts_and_markup_from_texts(chromium: Any, server: Running) -> None:
    page = chromium.new_page()
    page.goto(server.base)
    assert (
        page.evaluate(
            "() => { try { document.body.innerHTML = '<b>x</b>'; return 'taken'; } catch { return 'refused'; } }"
        )
        == "refused"
    )
    assert (
        page.evaluate(
            "() => { const s = document.createElement('script'); try { s.text = 'window.ran = 1'; document.body.append(s); } catch {} return window.ran ?? null; }"
        )
        is None
    )
    page.context.close()
