"""What every page of the workbench rests on: who is let in, themes, keyboard, small windows, restarts, barriers."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.async_api import Browser, Locator, expect

from hostler.workbench.static import DIST
from tests.web.conftest import Open, Start
from tests.web.server import Server
from tests.web.tab import Problems, Tab, watch

PAGES = ("/chat", "/compare", "/models", "/settings", "/no-such-page")
SCHEMES: dict[str, dict[str, object]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "contrast": {"color_scheme": "dark", "contrast": "more"},
}
REFUSED = (r"refused: .* 401", "401")
CONNECTED = "Connected"


async def settled(tab: Tab) -> None:
    """The page is drawn, the stream is open, nothing is asked any more."""
    await expect(tab.page.locator("main")).to_be_visible()
    await expect(tab.page.get_by_text("Loading …", exact=True)).to_have_count(0)


async def connected(tab: Tab) -> None:
    await expect(tab.page.get_by_text(CONNECTED, exact=True)).to_be_visible(timeout=30_000)


async def drawn_in(tab: Tab, scheme: str) -> None:
    """The page is drawn in this scheme."""
    await expect(tab.page.locator("html")).to_have_attribute("data-scheme", scheme)


async def palette(tab: Tab) -> Locator:
    """Open the palette; its field."""
    await tab.press("Control+k")
    field = tab.page.get_by_role("combobox", name="Find a command")
    await expect(field).to_be_focused()
    return field


async def choose(tab: Tab, words: str) -> None:
    """Run a command from the palette, by keyboard."""
    field = await palette(tab)
    await tab.page.keyboard.type(words)
    await expect(tab.page.get_by_role("option").first).to_contain_text(words)
    await tab.press("Enter")
    await expect(field).to_have_count(0)


# ------------------------------------------------------------------------- who is let in


async def test_the_printed_link_lets_a_browser_in_and_leaves_the_address_bar(server: Server, tab: Open) -> None:
    page = await tab(server)
    await connected(page)
    assert "token" not in page.page.url
    (cookie,) = await page.context.cookies()
    name = f"hostler_token_{server.address.rpartition(':')[2]}"
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == (name, True, "Strict")
    assert await page.page.evaluate("document.cookie") == ""


async def test_two_servers_of_one_machine_are_open_in_one_browser(
    server: Server, start: Start, tab: Open, problems: Problems
) -> None:
    """A browser keeps no ports with cookies: the second link must not shut the first one's tabs out."""
    other = await start()
    first = await tab(server, "/models")
    page = await first.context.new_page()
    watch(page, problems, own=(urlsplit(other.address).netloc,))
    await page.goto(other.link)
    second = Tab(page, first.context, other, problems, first.shots)
    await connected(second)
    for each in (first, second, first):
        await each.page.reload()
        await connected(each)
        assert await each.page.evaluate("fetch('/hostler/api/models').then((r) => r.status)") == 200


async def test_without_the_link_the_page_says_how_to_get_it(server: Server, tab: Open, problems: Problems) -> None:
    problems.excuse(*REFUSED)
    page = await tab(server, "/models", known=False)
    await expect(page.page.get_by_role("heading", name="Open hostler by its link")).to_be_visible()
    assert await page.page.evaluate("fetch('/hostler/api/models').then((r) => r.status)") == 401
    assert await page.barriers() == []
    await page.shot("no-access")


async def test_every_page_and_file_loads_without_the_link_and_holds_no_secret(server: Server) -> None:
    files = [f"/{path.relative_to(DIST).as_posix()}" for path in DIST.rglob("*") if path.is_file()]
    plain = [path for path in files if not path.endswith((".br", ".gz"))]
    assert "/index.html" in plain and len(plain) > 20
    async with httpx2.AsyncClient(base_url=server.address, headers={"accept": "text/html"}) as client:
        for path in (*PAGES, "/", "/chat/s_1", *plain):
            answer = await client.get(path)
            assert (answer.status_code, "set-cookie" in answer.headers) == (200, False), path
            assert server.token not in answer.text, path
            kept = path.startswith("/assets/")
            assert ("immutable" in answer.headers["cache-control"]) == kept, path
        page = (await client.get("/")).text
        for path in re.findall(r'(?:src|href)="(/[^"]+)"', page):
            packed = await client.get(path, headers={"accept-encoding": "br, gzip"})
            assert "immutable" in packed.headers["cache-control"], path
            assert packed.headers.get("content-encoding") == "br", path


async def test_a_wrong_link_says_so(server: Server, tab: Open, problems: Problems) -> None:
    problems.excuse(*REFUSED)
    page = await tab(server, "/?token=" + "x" * 43, known=False)
    await expect(page.page.get_by_role("heading", name="This link is not valid")).to_be_visible()
    assert await page.context.cookies() == []


async def test_no_other_page_can_frame_it_or_read_from_it(browser: Browser, server: Server) -> None:
    context = await browser.new_context()
    problems = Problems()
    await context.add_cookies([{"name": "hostler_token", "value": server.token, "url": server.address}])
    page = await context.new_page()
    watch(page, problems, own=())
    body = f"<iframe src='{server.address}/models'></iframe>"
    await context.route(
        "http://elsewhere.test/", lambda route: route.fulfill(content_type="text/html", body=f"<html>{body}</html>")
    )
    await page.goto("http://elsewhere.test/")
    frame = page.frames[1]
    assert "hostler" not in await frame.content() and frame.url != f"{server.address}/models"
    read = await page.evaluate(f"fetch('{server.address}/hostler/api/models').then((r) => r.status, () => 'refused')")
    assert read == "refused"
    written = await page.evaluate(
        f"fetch('{server.address}/hostler/api/preferences', {{method: 'PATCH', mode: 'no-cors', credentials: 'include',"
        " body: '{\"last_model\": \"evil\"}'}).then((r) => r.type, () => 'refused')"
    )
    assert written in ("opaque", "refused")
    assert (await server.api("/preferences"))["preferences"].get("last_model") != "evil"
    await context.close()


# ------------------------------------------------------------------------- themes


async def test_every_theme_and_palette_is_drawn_and_kept_over_a_restart(start: Start, tab: Open) -> None:
    server = await start()
    page = await tab(server, "/settings", color_scheme="light")
    await connected(page)
    colours: dict[str, str] = {}
    for words, name in (("Theme: Light", "light"), ("Theme: Dark", "dark"), ("Theme: High contrast", "contrast")):
        await choose(page, words)
        await drawn_in(page, name)
        for palette in ("Harbour", "Paper", "Moss"):
            await choose(page, f"Palette: {palette}")
            await expect(page.page.get_by_role("radio", name=palette)).to_be_checked()
            colours[f"{name} {palette}"] = await page.page.evaluate(
                "getComputedStyle(document.documentElement).getPropertyValue('--accent')"
            )
            await page.shot(f"theme-{name}-{palette.lower()}")
    assert len(set(colours.values())) == len(colours), colours
    await expect_kept(server, {"mode": "contrast", "palette": "moss"})
    page.problems.network_down = True
    await server.restart()
    other = await tab(server, "/settings")
    await drawn_in(other, "contrast")
    await expect_kept(server, {"mode": "contrast", "palette": "moss"})


async def expect_kept(server: Server, wanted: dict[str, str]) -> None:
    """The theme is with the server soon after it was chosen."""
    await server.wait_kept(lambda kept: wanted.items() <= (kept.get("theme") or {}).items())


async def test_the_theme_follows_the_system_and_other_tabs(server: Server, tab: Open) -> None:
    page = await tab(server, "/settings", color_scheme="dark")
    await settled(page)
    await drawn_in(page, "dark")
    await page.page.emulate_media(color_scheme="light")
    await drawn_in(page, "light")
    other = await tab(server, "/models", color_scheme="light")
    await connected(other)
    await connected(page)
    await choose(page, "Theme: High contrast")
    await drawn_in(other, "contrast")
    await choose(page, "Theme: As the system")
    await drawn_in(other, "light")


# ------------------------------------------------------------------------- by keyboard


async def test_the_palette_finds_and_runs_by_keyboard(server: Server, tab: Open) -> None:
    page = await tab(server, "/chat")
    await settled(page)
    await choose(page, "Models")
    await page.page.wait_for_url("**/models")
    await palette(page)
    await page.page.keyboard.type("zzzz no such thing")
    await expect(page.page.get_by_text("Nothing has that name.")).to_be_visible()
    assert await page.barriers() == []
    await page.press("Escape")
    await expect(page.page.get_by_role("combobox")).to_have_count(0)


async def test_the_help_sheet_lists_what_keys_do(server: Server, tab: Open) -> None:
    page = await tab(server, "/models")
    await settled(page)
    await page.press("?")
    sheet = page.page.get_by_role("dialog", name="Keyboard shortcuts")
    await expect(sheet).to_contain_text("Search models")
    await page.shot("help")
    assert await page.barriers() == []
    await page.press("Escape")
    await expect(sheet).to_have_count(0)
    await page.press("g", "s")
    await page.page.wait_for_url("**/compare")


async def test_keys_do_nothing_behind_a_window(server: Server, tab: Open) -> None:
    page = await tab(server, "/models")
    await settled(page)
    await page.press("Control+k", "p")  # at once: the palette may still be loading
    await expect(page.page.get_by_role("combobox", name="Find a command")).to_be_focused()
    await expect(page.page.get_by_role("heading", name="Pull a model")).to_have_count(0)
    await page.press("Escape")
    await expect(page.page.get_by_role("combobox")).to_have_count(0)
    await page.press("?")
    sheet = page.page.get_by_role("dialog", name="Keyboard shortcuts")
    await expect(sheet).to_be_visible()
    await page.press("g", "s", "p")
    await expect(sheet).to_be_visible()
    assert page.page.url.endswith("/models")


@pytest.mark.parametrize("path", PAGES)
async def test_tab_reaches_everything_and_the_focus_is_seen(path: str, server: Server, tab: Open) -> None:
    page = await tab(server, path)
    await settled(page)
    seen: list[str] = []
    for _ in range(60):
        await page.press("Tab")
        told = json.loads(await page.page.evaluate(FOCUSED))
        if told["id"] in seen:
            break
        seen.append(told["id"])
        assert told["visible"], f"no focus is seen on {told['id']}"
    assert len(seen) >= 5, seen


FOCUSED = """
(() => {
  const at = document.activeElement;
  const look = () => {
    const told = [];
    for (let each = at, steps = 0; each && steps < 4; each = each.parentElement, steps += 1) {
      const style = getComputedStyle(each);
      told.push(style.outline, style.boxShadow, style.borderColor, style.backgroundColor);
    }
    return told.join();
  };
  window.__seen ??= new Map();
  if (!window.__seen.has(at)) window.__seen.set(at, window.__seen.size);
  const focused = look();
  at.blur();
  const plain = look();
  at.focus();
  const box = at.getBoundingClientRect();
  return JSON.stringify({
    id: `${window.__seen.get(at)} ${at.outerHTML.slice(0, 100)}`,
    visible: at === document.body || (focused !== plain && box.width > 0 && box.height > 0),
  });
})()
"""


# ------------------------------------------------------------------------- every page, every window, every theme


@pytest.mark.parametrize("path", PAGES)
async def test_a_phone_never_scrolls_sideways(path: str, server: Server, tab: Open, narrow: dict[str, object]) -> None:
    page = await tab(server, path, **narrow)
    await settled(page)
    assert await page.overflow() <= 0
    await page.shot(f"phone{path.replace('/', '-')}")
    await page.button("Open the sidebar").click()
    await expect(page.page.get_by_role("navigation", name="Pages")).to_be_visible()
    assert await page.overflow() <= 0
    assert await page.barriers() == []


@pytest.mark.parametrize("path", PAGES)
async def test_at_twice_the_size_nothing_is_lost(path: str, server: Server, tab: Open) -> None:
    page = await tab(server, path, viewport={"width": 640, "height": 400}, device_scale_factor=2)
    await settled(page)
    assert await page.overflow() <= 0


@pytest.mark.parametrize("name", SCHEMES)
async def test_no_page_has_a_barrier(name: str, server: Server, tab: Open) -> None:
    page = await tab(server, "/chat", **SCHEMES[name])
    found: list[str] = []
    for path in PAGES:
        await page.go(path)
        await settled(page)
        await drawn_in(page, name)
        found += [f"{path}: {line}" for line in await page.barriers()]
        await page.shot(f"{name}{path.replace('/', '-')}")
    assert not found, "\n".join(found)


async def test_motion_that_is_not_wanted_is_not_shown(server: Server, tab: Open) -> None:
    page = await tab(server, "/models", reduced_motion="reduce")
    await settled(page)
    longest = await page.page.evaluate(
        "Math.max(0, ...document.getAnimations().map((a) => a.effect.getComputedTiming().activeDuration))"
    )
    assert longest <= 10


# ------------------------------------------------------------------------- going on


async def test_a_restart_is_said_and_the_open_tab_goes_on_by_itself(start: Start, tab: Open) -> None:
    server = await start()
    page = await tab(server, "/models")
    await connected(page)
    page.problems.network_down = True
    for end in (server.stop, server.kill):
        await end()
        await expect(page.page.get_by_text("Offline.", exact=True)).to_be_visible()
        await server.start()
        await connected(page)
        await expect(page.page.get_by_text("Offline.", exact=True)).to_have_count(0)
    await expect(page.page.locator("[data-model='here/demo']")).to_be_visible()


async def test_a_network_that_was_away_comes_back(server: Server, tab: Open) -> None:
    page = await tab(server, "/models")
    await connected(page)
    await page.offline()
    await page.button("Refresh").click()
    await expect(page.page.get_by_text(re.compile("does not answer")).first).to_be_visible()
    await page.offline(False)
    await page.button("Refresh").click()
    await expect(page.page.locator(".failure")).to_have_count(0)


async def test_a_new_token_shuts_the_old_link_out(start: Start, tab: Open, tmp_path: Path) -> None:
    del tmp_path
    server = await start()
    page = await tab(server, "/models")
    await connected(page)
    page.problems.network_down = True
    page.problems.excuse(*REFUSED)
    await server.stop()
    server.up = type(server.up)(server.up.providers, server.up.settings, ("--new-token",), server.up.environment)
    await server.start()
    await expect(page.page.get_by_role("heading", name="Open hostler by its link")).to_be_visible(timeout=30_000)
