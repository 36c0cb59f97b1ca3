"""Side by side: the same message to several models."""

import re
from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from tests.web.chat import HELD, OTHER, PATIENCE_MS, TALK, Chat, House, chat, house, script
from tests.web.conftest import Open

THIRD = "desk/third"
SCHEMES: dict[str, dict[str, object]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "contrast": {"color_scheme": "dark", "contrast": "more"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    third: list[Mapping[str, object]] = [{"text": "Thirdly: ", "echo": True}]
    async with house(tmp_path_factory.mktemp("compare"), script(third=third)) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def desk(shared: House) -> House:
    return await shared.fresh()


def column(room: Chat, model: str) -> Locator:
    return room.page.get_by_role("region", name=f"Answer of {model}", exact=True)


async def beginning(tab: Open, desk: House, text: str, *models: str, **options: object) -> Chat:
    """Ask several models."""
    room = await chat(tab, desk.server, "/compare", **options)
    await room.page.get_by_role("button", name="Model: Choose a model").click()
    for model in models:
        await room.pick(model)
    await room.page.keyboard.press("Escape")
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
    room = await beginning(tab, desk, "first", TALK, OTHER)
    await expect(column(room, TALK)).to_contain_text("You said: first", timeout=PATIENCE_MS)
    await expect(column(room, OTHER)).to_contain_text("Otherwise: first")
    await expect(room.page.get_by_role("button", name="Model: 2 models")).to_be_visible()
    await column(room, OTHER).get_by_role("button", name="Answer again").click()
    await expect(column(room, OTHER).get_by_role("button", name="Answer again")).to_be_visible()
    await expect(column(room, OTHER)).to_contain_text("Otherwise: first")
    await room.box.fill("second")
    await room.box.press("Enter")
    await expect(column(room, TALK)).to_contain_text("You said: second", timeout=PATIENCE_MS)
    await expect(column(room, OTHER)).to_contain_text("Otherwise: second")
    await expect(room.page.get_by_role("region", name="The message that is answered")).to_contain_text("second")


async def test_escape_stops_all(desk: House, tab: Open) -> None:
    room = await beginning(tab, desk, "hold both", TALK, OTHER)
    for model in (TALK, OTHER):
        await expect(column(room, model)).to_contain_text("three four", timeout=PATIENCE_MS)
    await room.page.keyboard.press("Escape")
    for model in (TALK, OTHER):
        await expect(column(room, model)).to_contain_text("You stopped this answer.")
    await desk.vendor.wait_for(lambda fake: [r.outcome for r in fake.requests] == ["client gone"] * 2)


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
