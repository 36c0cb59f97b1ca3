"""Fixtures of the browser tests: one browser per worker process, a new context per test, a real server.

All of them share one event loop, since a browser belongs to the loop that started it.
"""

import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from hostler.providers.fake.server import FakeVendor
from tests.web.chromium import chromium
from tests.web.server import Serve, Server, serving
from tests.web.tab import PATIENCE_MS, Problems, Tab, watch

HERE = Path(__file__).parent
WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 360, "height": 740}
Start = Callable[..., Awaitable[Server]]
Open = Callable[..., Awaitable[Tab]]
Fake = Callable[[str | Path | dict[str, object]], Awaitable[FakeVendor]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here needs a browser, takes its time, and runs in the browser's loop."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.web)
            item.add_marker(pytest.mark.slow)
            if pytest_asyncio.is_async_test(item):
                item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The browser of this worker process."""
    async with chromium() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def fake() -> AsyncIterator[Fake]:
    """Starts fake vendors from YAML scripts, in the test's own process: `requests` and `release` are at hand."""
    async with AsyncExitStack() as stack:

        async def started(script: str | Path | dict[str, object]) -> FakeVendor:
            vendor = FakeVendor(script)
            await stack.enter_async_context(vendor.serving())
            return vendor

        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts servers; each has a data folder of its own."""
    async with AsyncExitStack() as stack:
        count = 0

        async def started(serve: Serve | None = None) -> Server:
            nonlocal count
            count += 1
            return await stack.enter_async_context(serving(tmp_path / f"server-{count}", serve))

        yield started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """One server with nothing but the demo model, for tests that leave it as they found it."""
    async with serving(tmp_path_factory.mktemp("shared")) as started:
        yield started


@pytest.fixture
def problems() -> Problems:
    """What goes wrong on the test's pages."""
    return Problems()


@pytest_asyncio.fixture(loop_scope="session")
async def tab(browser: Browser, tmp_path: Path, problems: Problems) -> AsyncIterator[Open]:
    """Opens tabs: `await tab(server, "/models")`. At the end everything on their consoles fails the test."""
    async with AsyncExitStack() as stack:

        async def opened(server: Server, path: str = "/", *, known: bool = True, **options: object) -> Tab:
            context = await browser.new_context(**{"viewport": WIDE, **options})  # type: ignore[arg-type]
            stack.push_async_callback(context.close)
            context.set_default_timeout(PATIENCE_MS)
            await context.grant_permissions(["clipboard-read", "clipboard-write"])
            page = await context.new_page()
            watch(page, problems, own=(urlsplit(server.address).netloc,))
            made = Tab(page, context, server, problems, tmp_path)
            if known:
                await page.goto(server.link)
            if not known or path != "/":
                await made.go(path)
            return made

        yield opened
    if left := Counter(problems.left()):
        told = (line + (f" ({count} times)" if count > 1 else "") for line, count in left.items())
        pytest.fail("on the pages of this test:\n" + "\n".join(told), pytrace=False)


@pytest.fixture
def narrow() -> dict[str, object]:
    """A phone's window."""
    return {"viewport": NARROW, "has_touch": True}


def words(text: str) -> re.Pattern[str]:
    """A name that holds these words, in any case."""
    return re.compile(re.escape(text), re.IGNORECASE)
