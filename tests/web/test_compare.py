"""Side by side: the same message to several models."""

import re
from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from tests.web.chat import HELD, OTHER, PATIENCE_MS, TALK, Chat, House, chat, house, script
from tests.web.conftest import Open

THIRD = "desk/third"
MORE = ("four", "five", "six", "seven", "eight")
LONG = "Beginning.\n\n" + "\n\n".join(f"Paragraph {n} of the long text." for n in range(60)) + "\n\nEnd."
SCHEMES: dict[str, dict[str, object]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "contrast": {"color_scheme": "dark", "contrast": "more"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    again: Mapping[str, object] = {"when": {"nth": 2, "contains": "first"}, "text": "Thirdly, once more."}
    third: list[Mapping[str, object]] = [again, {"text": "Thirdly: ", "echo": True}]
    long: Mapping[str, object] = {"when": {"contains": "a long one"}, "text": LONG}
    slow: Mapping[str, object] = {"when": {"contains": "a slow one"}, "text": LONG, "hold_after": 40}
    more: dict[str, list[Mapping[str, object]]] = {name: [{"text": f"{name}: ", "echo": True}] for name in MORE}
    async with house(tmp_path_factory.mktemp("compare"), script(long, slow, third=third, **more)) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def desk(shared: House) -> House:
    return await shared.fresh()


def column(room: Chat, model: str) -> Locator:
    return room.page.get_by_role("region", name=f"Answer of {model}", exact=True)


async def beginning(tab: Open, desk: House, text: str, *models: str, **options: object) -> Chat:
    """Ask several models."""
    room = await chat(tab, desk.server, "/compare", **options)
    await room.page.get_by_role("button", name="Model: Choose models").click()
    for model in models:
        await room.pick(model)
    await room.page.keyboard.press("Escape")
    await expect(room.page.get_by_role("button", name=re.compile("^Model: "))).to_be_focused()
    await room.box.fill(text)
    await room.box.press("Enter")
    await room.page.wait_for_url("**/compare/s_*")
    return room


async def test_several_models_each_stopped_by_itself_and_one_goes_on(desk: House, tab: Open) -> None:
    room = await beginning(tab, desk, "hold all", TALK, OTHER, THIRD)
    for model in (TALK, OTHER):
        await expect(column(room, model)).to_contain_text("three four", timeout=PATIENCE_MS)
    await expect(column(room, THIRD)).to_contain_text("Thirdly: hold all")
    await column(room, TALK).get_by_role("button", name="Stop").click()
    await expect(column(room, TALK)).to_contain_text("You stopped this answer.")
    await expect(column(room, OTHER).get_by_role("button", name="Stop")).to_be_visible()
    desk.vendor.release()
    await expect(column(room, OTHER)).to_contain_text(HELD)
    await expect(column(room, TALK)).not_to_contain_text("five")
    await column(room, OTHER).get_by_role("button", name="Go on with this").click()
    await expect(column(room, OTHER)).to_contain_text("goes on")
    await expect(column(room, THIRD)).not_to_contain_text("goes on")
    await room.page.reload()
    await expect(column(room, OTHER)).to_contain_text("goes on")
    await room.page.get_by_role("link", name="As a chat").click()
    await expect(room.last).to_have_attribute("aria-label", f"Answer of {OTHER}")
    await expect(room.last.get_by_role("group", name="Versions")).to_contain_text("2/3")
    await room.ask("and now", re.compile("and now"))
    sent = desk.vendor.requests[-1].json["messages"]
    assert [said["content"] for said in sent] == ["hold all", HELD, "and now"]  # type: ignore[index]


async def test_all_are_asked_again_and_one_alone(desk: House, tab: Open) -> None:
    room = await beginning(tab, desk, "first", TALK, THIRD)
    await expect(column(room, TALK)).to_contain_text("You said: first", timeout=PATIENCE_MS)
    await expect(column(room, THIRD)).to_contain_text("Thirdly: first")
    await expect(room.page.get_by_role("button", name="Model: 2 models")).to_be_visible()
    await column(room, THIRD).get_by_role("button", name="Answer again").click()
    await expect(column(room, THIRD)).to_contain_text("Thirdly, once more.", timeout=PATIENCE_MS)
    await expect(room.send).to_be_visible()
    await room.box.fill("second")
    await room.box.press("Enter")
    await expect(column(room, TALK)).to_contain_text("You said: second", timeout=PATIENCE_MS)
    await expect(column(room, THIRD)).to_contain_text("Thirdly: second")
    await expect(room.page.get_by_role("region", name="The message that is answered")).to_contain_text("second")


async def test_escape_stops_all(desk: House, tab: Open) -> None:
    room = await beginning(tab, desk, "hold both", TALK, OTHER)
    for model in (TALK, OTHER):
        await expect(column(room, model)).to_contain_text("three four", timeout=PATIENCE_MS)
    await room.page.keyboard.press("Escape")
    for model in (TALK, OTHER):
        await expect(column(room, model)).to_contain_text("You stopped this answer.")
    await desk.vendor.wait_for(lambda fake: [r.outcome for r in fake.requests] == ["client gone"] * 2)


async def test_eight_models_and_no_ninth_by_keyboard_from_column_to_column(desk: House, tab: Open) -> None:
    all_eight = [TALK, OTHER, THIRD, *(f"desk/{name}" for name in MORE)]
    room = await chat(tab, desk.server, "/compare")
    await room.box.fill("to all")
    await room.box.press("Enter")  # nobody is chosen yet: that leads to the choice
    for model in all_eight:
        await room.pick(model)
    await expect(room.page.get_by_text("8 of 8")).to_be_visible()
    await room.page.get_by_role("searchbox", name="Find a model").fill("eye")
    await expect(room.page.locator("[data-pick]").first).to_be_disabled()
    await room.page.keyboard.press("Escape")
    await room.page.reload()
    await expect(room.page.get_by_role("button", name="Model: 8 models")).to_be_visible()
    await room.box.press("Enter")
    await room.page.wait_for_url("**/compare/s_*")
    for model in all_eight:
        await expect(column(room, model)).to_contain_text("to all", timeout=PATIENCE_MS)
    await room.box.blur()
    for model in all_eight:
        await room.page.keyboard.press("j")
        text = column(room, model).get_by_role("log")
        await expect(text).to_be_focused()
        await expect(text).to_be_in_viewport(ratio=0.9)
    await room.page.keyboard.press("k")
    await expect(column(room, all_eight[-2]).get_by_role("log")).to_be_focused()
    assert await room.tab.overflow() <= 0
    await room.tab.shot("eight")


async def test_a_finished_answer_is_read_from_its_beginning_and_one_that_runs_is_followed(
    desk: House, tab: Open
) -> None:
    room = await beginning(tab, desk, "a slow one", TALK, OTHER)
    await expect(column(room, TALK)).to_contain_text("Paragraph 3", timeout=PATIENCE_MS)
    desk.vendor.release()
    await expect(column(room, TALK).get_by_text("End.", exact=True)).to_be_in_viewport()
    await room.page.reload()
    await expect(column(room, TALK).get_by_text("Beginning.", exact=True)).to_be_in_viewport()
    await expect(column(room, TALK).get_by_text("End.", exact=True)).not_to_be_in_viewport()


async def test_at_twice_the_size_an_answer_can_be_read(desk: House, tab: Open) -> None:
    room = await beginning(tab, desk, "a long one", TALK, OTHER, viewport={"width": 640, "height": 400})
    text = column(room, TALK).get_by_role("log")
    await expect(text).to_contain_text("End.", timeout=PATIENCE_MS)
    await expect(column(room, TALK).get_by_role("list", name="Figures of this answer")).to_be_visible()
    assert await text.evaluate("(node) => node.clientHeight") >= 150
    assert await room.tab.overflow() <= 0
    await room.tab.shot("compare-zoomed")


async def test_on_a_phone_columns_are_tabs(desk: House, tab: Open, narrow: dict[str, object]) -> None:
    room = await beginning(tab, desk, "small", TALK, OTHER, **narrow)
    await expect(column(room, TALK)).to_contain_text("You said: small", timeout=PATIENCE_MS)
    await room.page.get_by_role("tab", name=OTHER).click()
    await expect(column(room, OTHER)).to_contain_text("Otherwise: small")
    assert await room.tab.overflow() <= 0
    assert await room.tab.barriers() == []
    await room.tab.shot("compare-phone")


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_no_barriers(desk: House, tab: Open, scheme: str) -> None:
    room = await beginning(tab, desk, "a look", TALK, OTHER, THIRD, **SCHEMES[scheme])
    for model in (TALK, OTHER, THIRD):
        await expect(column(room, model)).to_contain_text("a look", timeout=PATIENCE_MS)
        await expect(column(room, model).get_by_role("list", name="Figures of this answer")).to_be_visible()
    await expect(room.page.locator("html")).to_have_attribute("data-scheme", scheme)
    assert await room.tab.barriers() == []
    await room.tab.shot(f"compare-{scheme}")
