"""What other pages in the same browser can do to the server: nothing; and what the page says of input that it refuses."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.full_disk import no_file_larger_than
from tests.service.conftest import BROWSER, QUIET, Open
from tests.service.running import PATIENCE_SECONDS, Running

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


def test_only_this_machine_s_own_address_is_listened_on(chromium: Any, server: Running) -> None:
    page = chromium.new_page()
    with pytest.raises(Exception, match=r"ERR_(CONNECTION_REFUSED|ADDRESS_UNREACHABLE)"):
        page.goto(server.base.replace("127.0.0.1", "127.0.0.2"))
    page.context.close()


def test_a_change_without_the_header_is_refused_though_the_cookie_is_there(opened: Open, server: Running) -> None:
    page = opened(allowed=("401", "403"))
    fetched = "async ([method, path]) => (await fetch(path, { method })).status"
    assert page.evaluate(fetched, ["GET", "/api/state"]) == 200
    assert page.evaluate(fetched, ["POST", "/api/demo"]) in (401, 403)


# A file of so many bytes, dropped onto the page as from a window of files.
DROP = """(bytes) => { const data = new DataTransfer(); data.items.add(new File([new Uint8Array(bytes)], "long.mp4"));
  for (const kind of ["dragenter", "dragover", "drop"]) document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true })); }"""


def until_only(server: Running, before: list[Path]) -> None:
    """Wait until no other files are in the server's folder."""
    until = time.monotonic() + PATIENCE_SECONDS
    while (found := sorted(server.home.rglob("*"))) != before and time.monotonic() < until:
        time.sleep(0.02)
    assert found == before


def test_an_upload_that_is_cancelled_is_gone_at_once_and_leaves_nothing_behind(opened: Open, server: Running) -> None:
    page, before, videos = opened(), sorted(server.home.rglob("*")), server.videos()
    session = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 1_000_000}
    session.send("Network.emulateNetworkConditions", slow)
    page.evaluate(DROP, 30_000_000)
    page.wait_for_function("() => document.querySelector('#uploads progress')?.value > 0")
    assert sorted(server.home.rglob("*")) != before
    began = time.monotonic()
    page.click("#uploads button")
    assert page.locator("#uploads li").count() == 0
    until_only(server, before)
    # Sending the rest would take half a minute.
    assert time.monotonic() - began < 15
    assert server.videos() == videos and page.is_visible("#home")


def test_a_disk_that_is_full_during_an_upload_is_said_beside_the_file(opened: Open, server: Running) -> None:
    page, before = opened(allowed=("413", "ERR_CONNECTION", "Failed to load")), sorted(server.home.rglob("*"))
    with no_file_larger_than(2_000_000):
        page.evaluate(DROP, 6_000_000)
        page.wait_for_selector("#uploads .failed")
    assert "disk" in page.inner_text("#uploads .failed")
    until_only(server, before)
    page.click("#uploads button")
    assert page.locator("#uploads li").count() == 0


def test_ten_thousand_pasted_labels_are_refused_in_words_and_the_page_goes_on(
    opened: Open, server: Running, scenes: list[Path]
) -> None:
    video, page = server.upload(scenes[0])["id"], opened(allowed=("422",))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{server.base}/#/video/{video}")
    page.wait_for_selector("#watch:not([hidden])")
    page.evaluate(
        "() => navigator.clipboard.writeText(Array.from({ length: 10000 }, (_, i) => `label ${i}`).join('\\n'))"
    )
    page.focus("#labels-text")
    page.keyboard.press("Control+v")
    page.wait_for_function("() => window.av2a.watch.field.labels.length === 10000")
    page.click("#labels-go")
    page.wait_for_selector("#said.alarm")
    assert page.inner_text("#said") == "10,000 labels are too many: look for 1,000 or fewer at a time"
    page.fill("#labels-text", "violin")
    page.click("#labels-go")
    page.wait_for_function("() => window.av2a.watch.answer?.labels.length === 1")
