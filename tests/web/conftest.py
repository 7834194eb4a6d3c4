"""One real server and one real Chromium for all of these tests, and what must hold on every page, whatever it shows.

The knowledge is the sample app's with a document that tries to be markup: see poison.py.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect
from poison import write_poisoned
from served import Served, build_index
from watched import Watched

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
).split()
TOKENS = "user:customer-of-ours user:another-customer operator/Ines:operator-at-work"
SHOTS = Path(__file__).parents[2] / "build" / "screenshots"
KNOWLEDGE = Path(__file__).parents[2] / "pipeline" / "workflows" / "travel" / "knowledge"


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser. Without one the tests are skipped, unless INTERLOCK_REQUIRE_BROWSER is set."""
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None and os.environ.get("INTERLOCK_REQUIRE_BROWSER"):
        pytest.fail("Chromium is not installed, and this run must not skip its tests: apt-get install chromium.")
    if path is None:
        pytest.skip("Chromium is not installed")
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    SHOTS.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=60_000)  # what else the machine does is no concern of these tests
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def both(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Served, Served]]:
    """One server for everybody, and one for those with a token."""
    folder = tmp_path_factory.mktemp("web")
    shutil.copytree(KNOWLEDGE, folder / "knowledge")
    write_poisoned(folder / "knowledge")
    await build_index(folder / "knowledge", folder / "index")
    both = Served(folder / "served", folder / "index"), Served(folder / "guarded", folder / "index", TOKENS)
    await asyncio.gather(*(one.start() for one in both))
    yield both
    await asyncio.gather(*(one.stop() for one in both))


@pytest.fixture
def served(both: tuple[Served, Served]) -> Served:
    return both[0]


@pytest.fixture
def guarded(both: tuple[Served, Served]) -> Served:
    """The same app, for those with a token only."""
    return both[1]


@pytest_asyncio.fixture(loop_scope="session")
async def watched(browser: Browser, served: Served) -> AsyncIterator[Watched]:
    """Pages of this server on which nothing may run that it did not serve."""
    watched = Watched(browser, served.url, SHOTS)
    yield watched
    await watched.check()
