"""Sessions as trees: edit, regenerate, siblings, forks, delete and undo."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from tests.web.chat import OTHER, TALK, Chat, House, chat, house, script
from tests.web.conftest import Open


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with house(tmp_path_factory.mktemp("branches"), script()) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def desk(shared: House) -> House:
    return await shared.fresh()


async def edited(room: Chat, message: Locator, text: str, button: str) -> None:
    await message.hover()
    await message.get_by_role("button", name="Edit", exact=True).click()
    box = room.page.get_by_role("textbox", name="Edit the message")
    await expect(box).to_be_focused()
    await box.fill(text)
    await room.page.get_by_role("button", name=button, exact=True).click()
    await expect(box).to_have_count(0)


async def test_edit_what_i_said_and_send_it(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    await room.ask("first words")
    await room.ask("second words")
    await edited(room, room.mine.first, "better words", "Save and send")
    await expect(room.last).to_contain_text("You said: better words")
    await expect(room.messages).to_have_count(2)
    versions = room.mine.get_by_role("group", name="Versions")
    await expect(versions).to_contain_text("2/2")
    await expect(room.mine).to_contain_text("edited")
    await versions.get_by_role("button", name="Version before").click()
    await expect(room.messages).to_have_count(4)
    await expect(room.last).to_contain_text("You said: second words")
    await room.page.reload()
    await expect(room.messages).to_have_count(4)  # the branch that is shown is kept
    await room.mine.first.get_by_role("button", name="Next version").click()
    await expect(room.last).to_contain_text("You said: better words")


async def test_a_version_that_was_chosen_is_kept_when_the_page_goes_at_once(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    await room.ask("two of these")
    await room.last.hover()
    await room.last.get_by_role("button", name="Answer again").click()
    versions = room.last.get_by_role("group", name="Versions")
    await expect(versions).to_contain_text("2/2")
    await room.done()
    async with room.page.expect_event("load"):
        await versions.get_by_role("button", name="Version before").evaluate(
            "(one) => (one.click(), location.reload())"
        )
    await expect(versions).to_contain_text("1/2")


async def test_edit_an_answer_and_go_on_from_it(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    await room.ask("a question")
    await edited(room, room.last, "What I wanted to hear.", "Save as a branch")
    await expect(room.last).to_contain_text("What I wanted to hear.")
    await expect(room.last).to_contain_text("edited")
    await expect(room.last.get_by_role("group", name="Versions")).to_contain_text("2/2")
    await room.ask("and then")
    sent = desk.vendor.requests[-1].json["messages"]
    assert [said["content"] for said in sent] == ["a question", "What I wanted to hear.", "and then"]  # type: ignore[index]


async def test_editing_can_be_given_up_by_escape(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    await room.ask("keep this")
    await expect(room.box).to_be_focused()
    await room.box.press("ArrowUp")
    box = room.page.get_by_role("textbox", name="Edit the message")
    await expect(box).to_have_value("keep this")
    await box.press("Escape")
    await expect(box).to_have_count(0)
    await expect(room.mine).to_contain_text("keep this")


async def test_answer_again_by_the_same_and_by_another_model(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    await room.ask("a number")
    await room.last.hover()
    await room.last.get_by_role("button", name="Answer again").click()
    versions = room.last.get_by_role("group", name="Versions")
    await expect(versions).to_contain_text("2/2")
    await room.more(room.last, "Answer with another model")
    await room.pick(OTHER)
    await expect(room.last).to_contain_text("Otherwise: a number")
    await room.done()
    await expect(versions).to_contain_text("3/3")
    # it was asked for this one answer: the session keeps its model, here and after a reload
    for _ in range(2):
        await expect(room.page.get_by_role("button", name=f"Model: {TALK}", exact=True)).to_be_visible()
        await room.page.reload()
    for place in ("2/3", "1/3"):
        await versions.get_by_role("button", name="Version before").click()
        await expect(versions).to_contain_text(place)
    await expect(versions.get_by_role("button", name="Version before")).to_be_disabled()
    await expect(room.last).to_contain_text("You said: a number")


async def test_another_model_for_one_turn(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    await room.ask("to the first")
    await room.choose(OTHER)
    await room.ask("to the second", "Otherwise: to the second")
    await expect(room.answers.first).to_have_attribute("aria-label", f"Answer of {TALK}")
    await expect(room.last).to_have_attribute("aria-label", f"Answer of {OTHER}")
    await room.page.reload()
    await expect(room.page.get_by_role("button", name=f"Model: {OTHER}", exact=True)).to_be_visible()


async def test_forks_up_to_here_with_all_branches_and_from_here_on(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    for text in ("one", "two", "three"):
        await room.ask(text)
    await edited(room, room.mine.nth(1), "two again", "Save and send")
    await expect(room.last).to_contain_text("You said: two again")
    await room.done()
    await room.mine.nth(1).get_by_role("button", name="Version before").click()
    await expect(room.messages).to_have_count(6)
    whole = room.session
    for mode, count, branches in (("up to here", 4, 4), ("with all branches", 4, 8), ("from here on", 3, 3)):
        await room.tab.go(f"/chat/{whole}")
        await expect(room.messages).to_have_count(6)
        await room.more(room.answers.nth(1), f"Fork: {mode}")
        await expect(room.page).not_to_have_url(re.compile(whole))
        if mode != "with all branches":
            await expect(room.messages).to_have_count(count)
        else:
            await expect(room.messages.first).to_be_visible()
        made = await desk.server.api(f"/sessions/{room.session}")
        assert len(made["messages"]) == branches, mode
        assert made["session"]["forked_from"]["session"] == whole
    await expect(room.messages.first).to_contain_text("You said: two")


async def test_delete_a_message_and_take_it_back(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    for text in ("stays", "goes", "goes along"):
        await room.ask(text)
    await room.more(room.mine.nth(1), "Delete from here on")
    await expect(room.messages).to_have_count(2)
    notice = room.page.get_by_role("group", name="4 messages deleted")
    await notice.get_by_role("button", name="Undo").click()
    await expect(room.messages).to_have_count(6)
    await expect(room.last).to_contain_text("You said: goes along")
    await room.more(room.mine.nth(1), "Delete from here on")
    await expect(room.messages).to_have_count(2)
    await room.page.reload()
    await expect(room.messages).to_have_count(2)
    await room.ask("instead")
    sent = desk.vendor.requests[-1].json["messages"]
    assert [said["content"] for said in sent] == ["stays", "You said: stays", "instead"]  # type: ignore[index]


async def test_delete_a_version_leads_to_the_other(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    await room.ask("twice")
    await room.last.hover()
    await room.last.get_by_role("button", name="Answer again").click()
    versions = room.last.get_by_role("group", name="Versions")
    await expect(versions).to_contain_text("2/2")
    await room.more(room.last, "Delete from here on")
    await expect(room.messages).to_have_count(2)  # what is left is shown, not an end in the middle
    await expect(room.last).to_contain_text("You said: twice")
