"""Where a message is written: drafts, attachments, pictures, models and favorites, parameters, prompts."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Route, expect

from tests.web.chat import EYE, ODD, OTHER, PATIENCE_MS, TALK, Chat, House, Vendor, chat, entry, house, script
from tests.web.conftest import Open
from tests.web.server import Serve, serving

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
PASTE = """([text, picture]) => {
  const data = new DataTransfer();
  if (picture) {
    const bytes = Uint8Array.from(atob(picture), (c) => c.charCodeAt(0));
    data.items.add(new File([bytes], 'dot.png', { type: 'image/png' }));
  } else data.setData('text/plain', text);
  const event = new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
  document.querySelector('textarea').dispatchEvent(event);
}"""

KEEPS = """() => new Promise((go) => {
  const asked = indexedDB.open('hostler-drafts');
  asked.onsuccess = () => go(asked.result.close());
})"""
"""The browser opens its database in the order of the requests: once it is open for this, it is for the page."""
SAFARI_ENTER = """(box) => {
  const event = new KeyboardEvent('keydown', { key: 'Enter', keyCode: 229, bubbles: true, cancelable: true });
  box.dispatchEvent(event);
}"""
SLOW_TURNS = """() => {
  const real = window.fetch;
  const gate = new Promise((go) => (window.go = go));
  window.fetch = async (path, init) => {
    if (String(path).endsWith('/turns')) await gate;
    return real(path, init);
  };
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with house(tmp_path_factory.mktemp("composer"), script()) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def desk(shared: House) -> House:
    return await shared.fresh()


async def paste(room: Chat, text: str = "", picture: str = "") -> None:
    await room.box.focus()
    await room.page.evaluate(PASTE, [text, picture])


async def test_a_draft_outlives_a_reload_and_belongs_to_its_session(desk: House, tab: Open) -> None:
    session = await desk.session("something")
    room = await chat(tab, desk.server)
    await room.box.fill("not yet sent")
    await room.page.reload()
    await expect(room.box).to_have_value("not yet sent")
    await room.tab.go(f"/chat/{session}")
    await expect(room.box).to_have_value("")
    await room.box.fill("for this one")
    await room.page.reload()
    await expect(room.box).to_have_value("for this one")
    await expect(room.messages).to_have_count(2)
    await room.ask("for this one and more")
    await room.page.reload()
    await expect(room.messages).to_have_count(4)
    await expect(room.box).to_have_value("")
    await room.tab.go("/chat")
    await expect(room.box).to_have_value("not yet sent")


async def test_attachments_outlive_a_reload_until_they_are_sent_or_too_large(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    attached = room.page.get_by_role("list", name="Attachments").get_by_role("listitem")
    await room.choose(EYE)
    await paste(room, "a long line\n" * 1_000)
    await paste(room, picture=PIXEL)
    await expect(attached).to_have_count(2)
    await room.page.reload()
    await expect(attached).to_have_count(2)
    await expect(room.page.get_by_role("button", name=f"Model: {EYE}", exact=True)).to_be_visible()
    await paste(room, "b" * 22_000_000)
    lost = room.page.get_by_role("group", name="New message").get_by_text("these attachments are lost on a reload")
    await expect(lost).to_be_visible()
    await room.page.get_by_role("button", name="Remove pasted-2.txt").click()
    await expect(lost).to_have_count(0)
    await room.page.reload()
    await expect(attached).to_have_count(2)
    await room.ask("what is it?", "what is it?")
    await expect(room.mine.first.get_by_role("img", name="dot.png")).to_be_visible()
    await expect(attached).to_have_count(0)
    await room.tab.go("/chat")
    await expect(room.page.get_by_role("button", name=f"Model: {EYE}", exact=True)).to_be_visible()
    await expect(attached).to_have_count(0)


async def test_attachments_are_kept_when_the_page_goes_at_once(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    attached = room.page.get_by_role("list", name="Attachments").get_by_role("listitem")
    await expect(room.box).to_be_visible()
    await room.page.evaluate(KEEPS)
    twice = f"given => {{ const paste = {PASTE}; paste(given); paste(given); location.reload(); }}"
    for count in (2, 4):
        await room.box.focus()
        async with room.page.expect_event("load"):
            await room.page.evaluate(twice, ["a long line\n" * 1_000, ""])
        await expect(attached).to_have_count(count)


async def test_what_was_chosen_for_a_session_to_come_outlives_a_reload(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    await room.choose(OTHER)
    await room.page.get_by_role("button", name="System prompt and parameters").click()
    await room.page.get_by_role("dialog").get_by_label("System prompt").fill("Be brief.")
    await room.page.get_by_role("dialog").get_by_role("button", name="Save").click()
    await room.page.reload()
    await expect(room.page.get_by_role("button", name=f"Model: {OTHER}", exact=True)).to_be_visible()
    await expect(room.page.get_by_role("button", name="System prompt and parameters, 1 set")).to_be_visible()
    await room.ask("one", "Otherwise: one")
    assert desk.vendor.requests[-1].json["messages"][0]["content"] == "Be brief."  # type: ignore[index,call-overload]
    await room.tab.go("/chat")
    await expect(room.page.get_by_role("button", name="System prompt and parameters", exact=True)).to_be_visible()


async def test_enter_that_belongs_to_an_input_method_does_not_send(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    await expect(room.page.get_by_role("button", name=f"Model: {TALK}", exact=True)).to_be_visible()
    await room.box.focus()
    enter: dict[str, object] = {"type": "rawKeyDown", "key": "Enter", "windowsVirtualKeyCode": 13}
    await room.tab.devtools(
        ("Input.imeSetComposition", {"text": "にほん", "selectionStart": 3, "selectionEnd": 3}),
        ("Input.dispatchKeyEvent", enter),
        ("Input.insertText", {"text": "日本"}),
    )
    await room.box.evaluate(SAFARI_ENTER)
    await expect(room.box).to_have_value("日本")
    assert room.page.url.endswith("/chat")
    await room.page.keyboard.press("Enter")
    await expect(room.last).to_contain_text("You said: 日本", timeout=PATIENCE_MS)
    await expect(room.mine).to_have_count(1)


async def test_what_is_written_while_a_message_is_on_its_way_stays(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server, f"/chat/{await desk.session('something')}")
    await expect(room.page.get_by_role("button", name=f"Model: {TALK}", exact=True)).to_be_visible()
    await room.page.evaluate(SLOW_TURNS)
    await room.box.fill("the first")
    await room.box.press("Enter")
    await room.box.press("End")
    await room.box.press_sequentially(" and the next")
    await room.page.evaluate("window.go()")
    await expect(room.last).to_contain_text("You said: the first", timeout=PATIENCE_MS)
    await expect(room.box).to_have_value(" and the next")


async def test_a_message_sent_before_the_session_is_there_still_follows_it(desk: House, tab: Open) -> None:
    session, loading = await desk.session("said before"), asyncio.Event()
    room = await chat(tab, desk.server)

    async def late(route: Route) -> None:
        await loading.wait()
        await route.continue_()

    await room.page.route(f"**/hostler/api/sessions/{session}", late)
    await room.tab.go(f"/chat/{session}")
    await expect(room.page.get_by_role("button", name=f"Model: {TALK}", exact=True)).to_be_visible()
    await room.box.fill("said at once")
    await room.box.press("Enter")
    loading.set()
    await expect(room.last).to_contain_text("You said: said at once", timeout=PATIENCE_MS)
    await expect(room.messages).to_have_count(4)


async def test_a_message_sent_before_the_models_are_there_goes_out_with_them(desk: House, tab: Open) -> None:
    session, listing = await desk.session("said before", model=OTHER), asyncio.Event()
    room = await chat(tab, desk.server, "/settings")

    async def late(route: Route) -> None:
        await listing.wait()
        await route.continue_()

    async def said_at_once(path: str) -> None:
        """Write and press Enter while nobody knows which models there are."""
        await room.tab.go(path)
        await expect(room.page.get_by_role("button", name="Model: Models …", exact=True)).to_be_visible()
        await room.box.fill("said at once")
        await room.box.press("Enter")
        await room.box.press_sequentially(" and later")
        listing.set()

    await room.page.route("**/hostler/api/models", late)
    await room.page.route(f"**/hostler/api/sessions/{session}", late)
    own = (f"/chat/{session}", 4, "Otherwise: said at once")  # and by the session's model, not the one used last
    for path, count, answer in (("/chat", 2, "You said: said at once"), own):
        listing.clear()
        await said_at_once(path)
        await expect(room.last).to_contain_text(answer, timeout=PATIENCE_MS)
        await expect(room.messages).to_have_count(count)
        await expect(room.page.get_by_role("searchbox", name="Find a model")).to_have_count(0)
    listing.clear()
    await said_at_once("/compare")  # nobody is chosen there: that leads to the choice
    await expect(room.page.get_by_role("searchbox", name="Find a model")).to_be_visible()
    await expect(room.box).to_have_value("said at once and later")


async def test_enter_while_an_answer_is_written_says_why_nothing_is_sent(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    await room.say("hold on")
    await expect(room.last).to_contain_text("three four", timeout=PATIENCE_MS)
    await room.box.fill("too early")
    await room.box.press("Enter")
    await expect(room.page.get_by_text("An answer is being written: stop it (Esc)").first).to_be_visible()
    await expect(room.box).to_have_value("too early")
    await room.page.keyboard.press("Escape")
    await expect(room.last).to_contain_text("You stopped this answer.")
    await room.box.press("Enter")
    await expect(room.mine).to_have_count(2)


async def test_a_favorite_is_made_by_keyboard(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    await expect(room.page.get_by_role("button", name=f"Model: {TALK}", exact=True)).to_be_visible()
    await room.page.keyboard.press("Alt+m")
    star = room.page.get_by_role("button", name=f"Make a favorite: {OTHER}")
    await star.focus()
    await room.page.keyboard.press("Enter")
    await expect(room.page.get_by_role("list", name="Favorites").locator("[data-pick]")).to_have_count(1)
    await expect(room.page.get_by_role("searchbox", name="Find a model")).to_be_visible()
    await room.page.keyboard.press("Escape")
    await expect(room.page.get_by_role("button", name=f"Model: {TALK}", exact=True)).to_be_visible()


async def test_a_long_paste_becomes_an_attachment(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    await paste(room, "short")
    await expect(room.page.get_by_role("list", name="Attachments")).to_have_count(0)
    await paste(room, "a long line\n" * 1_000)
    attached = room.page.get_by_role("list", name="Attachments").get_by_role("listitem")
    await expect(attached).to_contain_text("pasted-1.txt")
    await expect(attached).to_contain_text("12,000 characters")
    await expect(room.box).to_have_value("")
    await room.ask("what is it?", "what is it?")
    await expect(attached).to_have_count(0)
    await expect(room.mine.first).to_contain_text("pasted-1.txt")
    sent = str(desk.vendor.requests[-1].json["messages"])
    assert "Document pasted-1.txt" in sent and "a long line" in sent
    await room.mine.first.get_by_text("pasted-1.txt").click()
    await expect(room.mine.first.locator("pre")).to_contain_text("a long line")


async def test_pictures_only_for_models_that_see(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    await expect(room.page.get_by_role("button", name=f"Model: {TALK}", exact=True)).to_be_visible()
    await paste(room, picture=PIXEL)
    await expect(room.page.get_by_text(f"{TALK} cannot see pictures").first).to_be_visible()
    await expect(room.page.get_by_role("list", name="Attachments")).to_have_count(0)
    await room.choose(EYE)
    await paste(room, picture=PIXEL)
    attached = room.page.get_by_role("list", name="Attachments").get_by_role("listitem")
    await expect(attached).to_contain_text("dot.png")
    await room.ask("what do you see?", "what do you see?")
    await expect(room.mine.first.get_by_role("img", name="dot.png")).to_be_visible()
    assert PIXEL in str(desk.vendor.requests[-1].json["messages"])
    await room.choose(TALK)
    room.tab.problems.excuse(r"/turns", "Failed to load resource")
    await room.box.fill("and you?")
    await room.box.press("Enter")
    await expect(room.page.get_by_role("region", name="Notices")).to_contain_text("cannot see images")
    await expect(room.box).to_have_value("and you?")  # nothing that was written is lost


async def test_model_names_with_slashes_and_quotes(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    await room.choose(ODD)
    await room.ask("odd")
    await expect(room.last).to_have_attribute("aria-label", f"Answer of {ODD}")
    await room.page.reload()
    await expect(room.page.get_by_role("button", name=f"Model: {ODD}", exact=True)).to_be_visible()
    await room.last.get_by_role("button", name="Answer again").click()
    await expect(room.last.get_by_role("group", name="Versions")).to_contain_text("2/2")


async def test_a_favorite_hides_while_its_machine_is_away_and_returns(tab: Open, tmp_path: Path) -> None:
    vendor = Vendor(script())
    async with AsyncExitStack() as stack:
        async with vendor.serving():
            port = urlsplit(vendor.address).port or 0
            server = await stack.enter_async_context(serving(tmp_path / "own", Serve((entry(vendor),))))
            room = await chat(tab, server)
            await room.page.get_by_role("button", name=re.compile("^Model: ")).click()
            await room.page.get_by_role("button", name=f"Make a favorite: {OTHER}").click()
            favorites = room.page.get_by_role("list", name="Favorites")
            await expect(favorites.locator("[data-pick]")).to_have_count(1)
            await server.wait_kept(lambda kept: kept.get("favorite_models") == [OTHER])
        room.tab.problems.network_down = True  # the server goes first when this ends
        await server.api("/providers/refresh", {})
        await expect(favorites).to_have_count(0, timeout=PATIENCE_MS)
        async with vendor.serving(port=port):
            await server.api("/providers/refresh", {})
            await expect(favorites.locator("[data-pick]")).to_have_count(1, timeout=PATIENCE_MS)
            await room.page.get_by_role("button", name=f"No favorite any more: {OTHER}").first.click()
            await expect(favorites).to_have_count(0)


async def test_parameters_and_system_prompt_go_along(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    await room.page.get_by_role("button", name="System prompt and parameters").click()
    window = room.page.get_by_role("dialog")
    await window.get_by_label("System prompt").fill("Be brief.")
    await window.get_by_label("Temperature").fill("3")
    await expect(window.get_by_role("button", name="Save")).to_be_disabled()
    await expect(window).to_contain_text("A number from 0 to 2.")
    await window.get_by_label("Temperature").fill("0.5")
    await window.get_by_label("Longest answer").fill("77")
    await window.get_by_role("button", name="Save").click()
    await expect(room.page.get_by_role("button", name="System prompt and parameters, 3 set")).to_be_visible()
    await room.ask("one")
    sent = desk.vendor.requests[-1].json
    assert sent["temperature"] == 0.5 and 77 in (sent.get("max_tokens"), sent.get("max_completion_tokens"))
    assert sent["messages"][0]["content"] == "Be brief."  # type: ignore[index,call-overload]
    await room.page.reload()
    await room.page.get_by_role("button", name="System prompt and parameters, 3 set").click()
    await expect(window.get_by_label("System prompt")).to_have_value("Be brief.")
    await window.get_by_label("System prompt").fill("I am in the middle of")
    await desk.server.api(f"/sessions/{room.session}", {"title": "Renamed elsewhere"}, method="PATCH")
    await expect(room.page).to_have_title(re.compile("Renamed elsewhere"))
    await expect(window.get_by_label("System prompt")).to_have_value("I am in the middle of")
    await window.get_by_role("button", name="Clear all").click()
    await window.get_by_role("button", name="Save").click()
    await room.ask("two")
    assert "temperature" not in desk.vendor.requests[-1].json


async def test_the_prompts_library(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    await room.box.fill("Translate this to German:")
    await room.page.get_by_role("button", name="Prompts").click()
    window = room.page.get_by_role("dialog")
    await window.get_by_role("button", name="New prompt").click()
    await expect(window.get_by_label("Text")).to_have_value("Translate this to German:")
    await window.get_by_label("Name").fill("german")
    await window.get_by_role("button", name="Save").click()
    await expect(window.get_by_role("button", name=re.compile("^german"))).to_be_visible()
    await room.page.keyboard.press("Escape")
    await room.box.fill("")
    await room.box.press_sequentially("/ger")
    await expect(room.page.get_by_role("option", name=re.compile("german"))).to_be_visible()
    await room.box.press("Enter")
    await expect(room.box).to_have_value("Translate this to German:")
    await room.page.get_by_role("button", name="Prompts").click()
    await window.get_by_role("button", name="Delete german").click()
    await expect(window).to_contain_text("No prompts are kept yet.")
