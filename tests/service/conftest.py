"""Fixtures of the page's tests: generated videos, a server, a browser whose complaints fail the test."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from av2a import world
from tests.service.running import PATIENCE_SECONDS, Running, running

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
QUIET = ["no-sandbox", "disable-gpu", "disable-background-networking", "disable-component-update", "disable-sync"]


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three ten-second scenes of the generated world."""
    folder = tmp_path_factory.mktemp("scenes")
    paths = [folder / f"scene {seed}.mp4" for seed in (1, 2, 3)]
    for seed, path in enumerate(paths, start=1):
        world.write_clip(world.make_scene(seed), path)
    return paths


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server without a folder."""
    with running(tmp_path_factory.mktemp("work")) as started:
        yield started


# One for each module: while it runs, no other loop of events can run in this thread, and other modules need theirs.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser. A missing one skips only where AV2A_NO_BROWSER says that it may."""
    if BROWSER is None and os.environ.get("AV2A_NO_BROWSER"):
        pytest.skip("AV2A_NO_BROWSER is set, and there is no Chromium or Chrome")
    assert BROWSER is not None, "install Chromium, or set AV2A_NO_BROWSER=1 to skip the browser's tests"
    from playwright.sync_api import sync_playwright

    arguments = [f"--{flag}" for flag in QUIET]
    with (
        sync_playwright() as driver,
        closing(driver.chromium.launch(executable_path=BROWSER, args=arguments)) as browser,
    ):
        yield browser


Open = Callable[..., Any]


@pytest.fixture
def opened(chromium: Any, server: Running) -> Iterator[Open]:
    """Opens the page of a server. An error, a warning of the policy or a request elsewhere fails the test.

    ``allowed`` are words of console messages that the test provokes: a browser reports each refused request there.
    """
    wrong: list[str] = []
    contexts = []

    def open_page(
        on: Running = server,
        size: tuple[int, int] = (1280, 800),
        *,
        allowed: tuple[str, ...] = (),
        first: str = "#home:not([hidden])",
        **features: Any,
    ) -> Any:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, accept_downloads=True, **features
        )
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console",
            lambda message: wrong.append(message.text) if not any(each in message.text for each in allowed) else None,
        )
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request",
            lambda request: wrong.append(request.url) if not request.url.startswith((on.base, "blob:")) else None,
        )
        page.goto(on.address)
        page.wait_for_selector(first)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []
