"""The harness itself: a page that asks elsewhere, fails, or complains is found out."""

import pytest
from playwright.async_api import Browser

from tests.waiting import wait_until
from tests.web import chromium
from tests.web.server import Server
from tests.web.tab import Problems, Tab, watch


def test_without_a_browser_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert chromium.executable() is None
    assert "apt-get install chromium" in chromium.MISSING


async def test_what_goes_wrong_on_a_page_is_noted(browser: Browser, server: Server, tmp_path: object) -> None:
    problems = Problems()
    page = await browser.new_page()
    watch(page, problems, own=(server.address.removeprefix("http://"),))
    await page.goto(f"{server.address}/nowhere-at-all.js")
    await page.evaluate("console.error('one'); setTimeout(() => { throw new Error('two') })")
    await page.evaluate("fetch('http://192.0.2.1/').catch(() => 0).then(() => 0)")
    told = ("console error: one", "page error: two", "asked another host: GET http://192.0.2.1/")
    await wait_until(lambda: all(words in "\n".join(problems.left()) for words in told))
    problems.excuse("one", "two", "192.0.2.1", "refused|nowhere-at-all", "Failed to load", "Content Security")
    assert problems.left() == []
    await page.close()


async def test_axe_is_at_work(browser: Browser, server: Server, tmp_path: object) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{server.address}/")
    await page.set_content("<html lang=en><title>t</title><main><img src='data:,'><button></button></main>")
    told = await Tab(page, context, server, Problems(), tmp_path).barriers()  # type: ignore[arg-type]
    assert any("image-alt" in line for line in told) and any("button-name" in line for line in told)
    await context.close()


async def test_a_server_that_was_killed_comes_back_at_its_address(server: Server) -> None:
    address, token = server.address, server.token
    await server.kill()
    await server.start()
    assert (server.address, server.token) == (address, token)
