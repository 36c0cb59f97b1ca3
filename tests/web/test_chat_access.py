"""Chat for everybody: by keyboard alone, on a phone, with a screen reader, in every theme."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.web.chat import HELD, PATIENCE_MS, TALK, Chat, House, chat, house, script
from tests.web.conftest import NARROW, Open

SCHEMES: dict[str, dict[str, object]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "contrast": {"color_scheme": "dark", "contrast": "more"},
}
ANNOUNCED = """(node) => {
  const roles = { status: 'polite', alert: 'assertive', log: 'polite' };
  for (let at = node; at; at = at.parentElement) {
    const live = at.getAttribute('aria-live') ?? roles[at.getAttribute('role') ?? ''];
    if (live) return live;
  }
  return 'off';
}"""
RICH = """A **text** with `code`, a [link](https://example.com/) and

| a | b |
|---|---|
| 1 | 2 |

```python
print("hello, world")  # a comment
```

> said by somebody

1. one
2. two
"""
WIDE = f"{'w' * 300}\n\n```\n{'c' * 300}\n```\n\n|{'h' * 99}|b|\n|-|-|\n|1|2|\n"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    rich = {"when": {"contains": "everything"}, "text": RICH, "reasoning": "Well."}
    wide = {
        "when": {"contains": "wide"},
        "text": f"{'w' * 300}\n\n```\n{'c' * 300}\n```\n\n|{'h' * 99}|b|\n|-|-|\n|1|2|\n",
    }
    async with house(tmp_path_factory.mktemp("access"), script(rich, wide)) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def desk(shared: House) -> House:
    return await shared.fresh()


async def test_from_opening_to_reading_by_keyboard_alone(desk: House, tab: Open) -> None:
    await desk.session("an older one", title="Older")
    room = await chat(tab, desk.server)
    keys = room.page.keyboard
    await expect(room.box).to_be_focused()
    await expect(room.page.get_by_role("button", name=f"Model: {TALK}", exact=True)).to_be_visible()
    await keys.press("Alt+m")
    await expect(room.page.get_by_role("searchbox", name="Find a model")).to_be_focused()
    await keys.type("other")
    await keys.press("ArrowDown")
    await keys.press("Enter")
    await expect(room.page.get_by_role("button", name="Model: desk/other", exact=True)).to_be_visible()
    await expect(room.page.get_by_role("searchbox", name="Find a model")).to_have_count(0)
    await focus_box(room)
    await keys.type("hold it")
    await keys.press("Enter")
    await expect(room.last).to_contain_text("three four", timeout=PATIENCE_MS)
    await keys.press("Escape")
    await expect(room.last).to_contain_text("You stopped this answer.")
    await expect(room.box).to_be_focused()
    desk.vendor.release()
    await keys.press("Alt+r")
    await expect(room.last).to_contain_text(HELD, timeout=PATIENCE_MS)
    await room.done()
    await keys.press("Shift+Tab")
    for _ in range(30):  # backwards out of the composer, to what can be done with the answer
        if await room.page.evaluate("document.activeElement.closest('[data-message]') !== null"):
            break
        await keys.press("Shift+Tab")
    await keys.press("k")
    await keys.press("j")
    await expect(room.last).to_be_focused()
    await keys.press("Tab")
    await expect(room.last.get_by_role("button", name="Version before")).to_be_focused()
    await keys.press("Enter")
    await expect(room.last).to_contain_text("You stopped this answer.")
    await keys.press("g")
    await keys.press("m")
    await expect(room.page).to_have_url(re.compile("/models$"))
    await keys.press("Alt+n")
    await expect(room.page).to_have_url(re.compile("/chat$"))
    await expect(room.box).to_be_focused()
    await keys.press("Control+Shift+f")
    await expect(room.page.get_by_role("searchbox", name="Search sessions")).to_be_focused()
    await keys.type("older")
    hits = room.page.get_by_role("list", name="Search results").get_by_role("link")
    await expect(hits.filter(has_text="Older").first).to_be_visible(timeout=PATIENCE_MS)
    await keys.press("Tab")
    for _ in range(5):
        if await room.page.evaluate("document.activeElement.closest('[aria-label=\"Search results\"]') !== null"):
            break
        await keys.press("Tab")
    await keys.press("Enter")
    await expect(room.page).to_have_title("Older · hostler")


async def test_a_menu_by_keyboard_alone(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server, f"/chat/{await desk.session('for the menu')}")
    more, keys = room.last.get_by_role("button", name="More for this message"), room.page.keyboard
    for opening in ("Enter", "ArrowDown", "Enter"):  # the first one also loads it
        await more.focus()
        await keys.press(opening)
        await expect(room.page.get_by_role("menuitem", name="Answer with another model")).to_be_focused()
        await keys.press("ArrowDown")
        await expect(room.page.get_by_role("menuitem", name="Fork: up to here")).to_be_focused()
        await keys.press("Escape")
        await expect(room.page.get_by_role("menuitem")).to_have_count(0)
        await expect(more).to_be_focused()


async def test_what_is_not_needed_yet_is_not_loaded(desk: House, tab: Open) -> None:
    asked: list[str] = []
    room = Chat(await tab(desk.server, "/settings"))
    room.page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    await room.tab.go("/chat")
    await expect(room.page.get_by_role("button", name=f"Model: {TALK}", exact=True)).to_be_visible()
    assert any(name.startswith("NewRoom") for name in asked)
    assert [name for name in asked if name.startswith(("Room", "OpenPicker", "OpenMenu", "Parts"))] == []
    async with room.page.expect_request(re.compile("/Room")):
        await room.box.press("h")


async def focus_box(room: Chat) -> None:
    if not await room.box.evaluate("(box) => box === document.activeElement"):
        await room.page.keyboard.press("i")
    await expect(room.box).to_be_focused()


async def test_a_screen_reader_is_told_of_the_answer_and_not_read_each_piece(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    polite, urgent = room.page.locator('[aria-live="polite"]'), room.page.locator('[aria-live="assertive"]')
    await expect(polite).to_have_count(1)
    await expect(urgent).to_have_count(1)
    await room.say("hold for the reader")
    await expect(polite).to_have_text("Answering", timeout=PATIENCE_MS)
    await expect(room.last).to_contain_text("three four", timeout=PATIENCE_MS)
    await expect(room.last).to_have_attribute("aria-busy", "true")
    assert await room.last.evaluate(ANNOUNCED) == "off"
    desk.vendor.release()
    await expect(polite).to_have_text("Answer finished, 10 words")
    await expect(urgent).to_have_text("")
    await expect(room.last).to_have_attribute("aria-busy", "false")


async def test_on_a_phone(desk: House, tab: Open, narrow: dict[str, object]) -> None:
    room = await chat(tab, desk.server, "/chat", **narrow)
    assert await room.tab.overflow() <= 0
    await room.tab.shot("new-360")
    await room.ask("something wide", re.compile("www"))
    assert await room.tab.overflow() <= 0
    assert await room.last.evaluate("(node) => node.getBoundingClientRect().right") <= NARROW["width"]
    await room.tab.shot("wide-360")
    await room.ask("everything", re.compile("said by somebody"))
    await room.tab.shot("rich-360")
    await room.page.get_by_role("button", name="Open the sidebar").click()
    drawer = room.page.get_by_role("dialog", name="Sidebar")
    await expect(drawer.get_by_role("link", name="something wide")).to_be_visible()
    await room.tab.shot("drawer-360")
    assert await room.tab.barriers() == []
    await room.page.keyboard.press("Escape")
    await room.page.get_by_role("button", name=re.compile("^Model: ")).click()
    await expect(room.page.get_by_role("searchbox", name="Find a model")).to_be_visible()
    await room.tab.shot("picker-360")
    assert await room.tab.overflow() <= 0


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_no_barriers(desk: House, tab: Open, scheme: str) -> None:
    room = await chat(tab, desk.server, "/chat", **SCHEMES[scheme])
    await expect(room.page.locator("html")).to_have_attribute("data-scheme", scheme)
    await expect(room.page.get_by_role("button", name=f"Model: {TALK}", exact=True)).to_be_visible()
    assert await room.tab.barriers() == []
    await room.tab.shot(f"new-{scheme}")
    await room.ask("show everything", re.compile("said by somebody"))
    await expect(room.last.locator("code span").first).to_be_attached()
    await room.last.get_by_text(re.compile("^Thought")).click()
    await room.last.hover()
    assert await room.tab.barriers() == []
    await room.tab.shot(f"chat-{scheme}")
    await room.last.get_by_role("button", name="Edit").click()
    assert await room.tab.barriers() == []
    await room.page.keyboard.press("Escape")
    await room.page.get_by_role("button", name=re.compile("^Model: ")).click()
    await expect(room.page.locator("[data-pick]").first).to_be_visible()
    assert await room.tab.barriers() == []
    await room.tab.shot(f"picker-{scheme}")
    await room.page.keyboard.press("Escape")
    await room.page.get_by_role("button", name="System prompt and parameters").click()
    await expect(room.page.get_by_role("dialog").get_by_label("Temperature")).to_be_visible()
    assert await room.tab.barriers() == []
    await room.tab.shot(f"settings-{scheme}")


async def test_a_session_of_before_has_no_barriers_either(desk: House, tab: Open) -> None:
    session = await desk.session("show everything", title="Before")
    await desk.server.restart()
    for scheme, options in SCHEMES.items():
        room = await chat(tab, desk.server, f"/chat/{session}", **options)
        await expect(room.page.get_by_role("note").filter(has_text="Read-only, from")).to_be_visible()
        await expect(room.last.locator("code span").first).to_be_attached()
        assert await room.tab.barriers() == [], scheme
        await room.tab.shot(f"prior-{scheme}")
