"""Sessions in the sidebar: names, pins, folders, search, files that come and go, thousands of them, earlier ones."""

import json
import re
import sqlite3
from collections.abc import AsyncIterator, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from hostler.client.sessions.tokens import parted
from tests.web.chat import PATIENCE_MS, Chat, House, chat, house, script
from tests.web.conftest import Open

MANY = 10_000


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with house(tmp_path_factory.mktemp("sessions"), script()) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def desk(shared: House) -> House:
    return await shared.fresh()


def link(room: Chat, title: str) -> Locator:
    return room.sidebar.get_by_role("link").filter(has_text=title)


async def name(room: Chat, label: str, text: str) -> None:
    """Fill in the window that asks for one line."""
    await room.page.get_by_role("dialog").get_by_label(label).fill(text)
    await room.page.get_by_role("dialog").get_by_role("button", name="Save").click()


async def test_rename_pin_move_delete_and_undo(desk: House, tab: Open) -> None:
    first = await desk.session("about apples", title="Apples")
    await desk.session("about pears", title="Pears")
    room = await chat(tab, desk.server, f"/chat/{first}")
    other = await chat(tab, desk.server)
    await room.row("Apples", "Rename")
    await name(room, "Title", "Red apples")
    for each in (room, other):
        await expect(link(each, "Red apples")).to_be_visible()
    await expect(room.page).to_have_title("Red apples · hostler")
    await room.row("Red apples", "Pin")
    for each in (room, other):
        await expect(each.sidebar.get_by_role("list", name="Pinned").get_by_role("link")).to_have_text(["Red apples"])
    await room.row("Red apples", "Unpin")
    await expect(room.sidebar.get_by_role("list", name="Pinned")).to_have_count(0)
    await room.row("Pears", "Move to a folder")
    await name(room, "Folder", "Fruit / yellow")
    folder = room.page.get_by_role("group", name="Folders").get_by_role("button", name=re.compile("^Fruit"))
    await folder.click()
    await expect(room.sidebar.get_by_role("link")).to_have_text(["Pears"])
    await room.page.get_by_role("group", name="Folders").get_by_role("button", name="All").click()
    await room.row("Red apples", "Delete")
    await expect(link(room, "Red apples")).to_have_count(0)
    await expect(link(other, "Red apples")).to_have_count(0)
    await expect(room.page).to_have_url(re.compile("/chat$"))
    await room.page.get_by_role("button", name="Undo").click()
    await expect(link(room, "Red apples")).to_be_visible()


async def test_a_session_that_is_deleted_elsewhere_says_so_and_comes_back(desk: House, tab: Open) -> None:
    session = await desk.session("to be missed")
    room = await chat(tab, desk.server, f"/chat/{session}")
    await expect(room.messages).to_have_count(2)
    await desk.server.api(f"/sessions/{session}", method="DELETE")
    await expect(room.page.get_by_text("This session was deleted.")).to_be_visible()
    await expect(room.messages).to_have_count(0)
    await room.page.get_by_role("button", name="Restore it").click()
    await expect(room.messages).to_have_count(2)
    await room.ask("still here")


async def test_a_deletion_is_undone_by_keyboard_and_its_notice_hides_nothing(desk: House, tab: Open) -> None:
    session = await desk.session("one", "two", title="Undone by keyboard")
    room = await chat(tab, desk.server, f"/chat/{session}", viewport={"width": 360, "height": 740})
    await room.more(room.last, "Delete from here on")
    notice = room.page.get_by_role("region", name="Notices").get_by_role("group", name="Message deleted")
    await expect(notice).to_be_visible()
    await expect(room.messages).to_have_count(3)
    around, composer = await notice.bounding_box(), await room.send.bounding_box()
    assert around and composer and around["y"] + around["height"] < composer["y"]
    await room.box.focus()
    await room.page.keyboard.press("Alt+z")
    await expect(room.messages).to_have_count(4)
    await expect(notice).to_have_count(0)


async def test_the_text_of_all_sessions_is_searched_and_leads_to_its_place(desk: House, tab: Open) -> None:
    await desk.session("nothing to see", title="Elsewhere")
    session = await desk.session(
        *(f"line {n} " + "and more of it. " * 40 for n in range(4)), "the zebra's café", "after", "and after that"
    )
    room = await chat(tab, desk.server)
    await expect(room.box).to_be_focused()
    await expect(link(room, "Elsewhere")).to_be_visible()
    await room.page.keyboard.press("Control+Shift+F")
    box = room.page.get_by_role("searchbox", name="Search sessions")
    await expect(box).to_be_focused()
    await room.page.keyboard.type("zebra cafe")
    hits = room.page.get_by_role("list", name="Search results").get_by_role("link")
    await expect(hits).to_have_count(2)  # what was asked, and the answer that says it again
    await expect(hits.first.locator("mark").first).to_have_text(re.compile("zebra", re.IGNORECASE))
    await hits.filter(has_not_text="You said").click()
    await expect(room.page).to_have_url(re.compile(f"{session}.message=m_"))
    found = room.mine.filter(has_text="zebra")
    await expect(found).to_be_in_viewport()
    await expect(found).to_be_focused()
    await box.fill("no such words anywhere")
    await expect(room.page.get_by_text("Nothing has “no such words anywhere” in it.")).to_be_visible()
    await box.press("Escape")
    await expect(room.sidebar).to_be_visible()


async def saved(room: Chat, title: str, action: str, folder: Path) -> Path:
    async with room.page.expect_download() as waiting:
        await room.row(title, action)
    download = await waiting.value
    path = folder / download.suggested_filename
    await download.save_as(path)
    return path


def shape(messages: list[dict[str, Any]], parent: str | None = None) -> list[Any]:
    """The tree without ids and times."""
    below = sorted((m for m in messages if m["parent"] == parent), key=lambda m: m["order"])
    return [(m["role"], m["state"], m["model"], m["parts"], shape(messages, m["id"])) for m in below]


def path(session: dict[str, Any]) -> list[Any]:
    """What is shown, without ids and times, from the leaf up."""
    by_id = {message["id"]: message for message in session["messages"]}
    at: str | None = session["session"]["leaf"]
    found: list[Any] = []
    while at is not None:
        found.append((by_id[at]["role"], by_id[at]["model"], by_id[at]["parts"]))
        at = by_id[at]["parent"]
    return found


async def test_export_and_import_give_the_same_tree(desk: House, tab: Open, tmp_path: Path) -> None:
    session = await desk.session("a *tree*\n\n# with a heading\n\n```py\nprint('x')\n```", "and on", title="Tree to go")
    messages = (await desk.server.api(f"/sessions/{session}"))["messages"]
    await desk.server.api(f"/messages/{messages[1]['id']}/regenerate", {"models": ["desk/other"]})
    whole = await desk.ended(session)
    assert len(whole) == 5
    room = await chat(tab, desk.server, f"/chat/{session}")
    for action, ending in (("Save as JSON", ".json"), ("Save as Markdown", ".md")):
        file = await saved(room, "Tree to go", action, tmp_path)
        assert file.suffix == ending and "tree" in file.name.lower()
        before = room.page.url
        await room.page.locator("input[type=file][accept*=json]").set_input_files(file)
        await expect(room.page).not_to_have_url(before, timeout=PATIENCE_MS)
        back = await desk.server.api(f"/sessions/{room.session}")
        if ending == ".json":
            assert shape(back["messages"]) == shape(whole)
        else:  # Markdown holds what is shown
            shown = await desk.server.api(f"/sessions/{session}")
            assert path(back) == path(shown) and len(path(back)) == 2
        await desk.server.api(f"/sessions/{room.session}", method="DELETE")
        await room.tab.go(f"/chat/{session}")
    await room.page.get_by_role("button", name="Import and export").click()
    async with room.page.expect_download() as waiting:
        await room.page.get_by_role("menuitem", name="Save all sessions as JSON").click()
    download = await waiting.value
    await download.save_as(tmp_path / "all.json")
    assert session in (tmp_path / "all.json").read_text() and json.loads((tmp_path / "all.json").read_text())


async def test_a_file_that_is_no_export_is_refused_in_words(desk: House, tab: Open, tmp_path: Path) -> None:
    room = await chat(tab, desk.server)
    room.tab.problems.excuse(r"/sessions/import", "Failed to load resource")
    (tmp_path / "odd.json").write_text('{"nothing": 1}')
    await room.page.locator("input[type=file][accept*=json]").set_input_files(tmp_path / "odd.json")
    await expect(room.page.get_by_role("region", name="Notices")).to_contain_text(re.compile(r"\w+ \w+"))


async def test_the_shared_page_opens_from_disk_without_scripts_or_requests(
    desk: House, tab: Open, tmp_path: Path
) -> None:
    hostile = (
        "<script>alert(1)</script> <img src=x onerror=alert(2)> ![p](http://192.0.2.9/p.png)\n\n```html\n<b>&\n```"
    )
    session = await desk.session(hostile, title="<b>Shared</b>")
    room = await chat(tab, desk.server, f"/chat/{session}")
    file = await saved(room, "<b>Shared</b>", "Save as a web page", tmp_path)
    page = await room.tab.context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    await page.goto(file.as_uri())
    await expect(page.locator("body")).to_contain_text("<script>alert(1)</script>")
    await expect(page.get_by_role("heading", level=1)).to_have_text("<b>Shared</b>")
    assert await page.locator("script, img, link, iframe").count() == 0
    assert asked == [file.as_uri()] and said == []
    await page.screenshot(path=tmp_path / "shared.png")


@contextmanager
def beside(database: Path) -> Generator[sqlite3.Connection]:
    """The server's database, with the function that the search indexes' triggers call."""
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        connection.create_function("parted", 1, parted, deterministic=True)
        yield connection


def fill(database: Path) -> None:
    """Ten thousand sessions with a message each, as if they had been there for years."""
    with beside(database) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(sessions)")]
        assert {"id", "title", "created_ms", "updated_ms"} <= set(columns)
        start, step = 1_600_000_000_000, 10_000_000
        connection.executemany(
            "INSERT INTO sessions (id, title, created_ms, updated_ms) VALUES (?, ?, ?, ?)",
            ((f"s_{n:026d}", f"Session number {n}", start + n * step, start + n * step) for n in range(MANY)),
        )


async def test_ten_thousand_sessions_are_listed_and_scrolled(desk: House, tab: Open) -> None:
    room = await chat(tab, desk.server)
    await expect(room.sidebar).to_be_visible()
    fill(desk.server.data / "hostler.db")
    await room.page.reload()
    rows = room.sidebar.locator("[data-session]")
    await expect(link(room, f"Session number {MANY - 1}")).to_be_visible()
    before = await rows.count()
    assert before < 200
    for _ in range(8):
        count = await rows.count()
        await rows.last.scroll_into_view_if_needed()
        await room.page.wait_for_function("(n) => document.querySelectorAll('[data-session]').length > n", arg=count)
    assert await rows.count() >= before + 300
    box = room.page.get_by_role("searchbox", name="Search sessions")
    await box.fill("number 4711")
    hits = room.page.get_by_role("list", name="Search results").get_by_role("link")
    await expect(hits.first).to_contain_text("Session number 4711")
    await hits.first.click()
    await expect(room.page).to_have_title("Session number 4711 · hostler")
    await box.press("Escape")
    with beside(desk.server.data / "hostler.db") as connection:
        connection.execute("DELETE FROM sessions WHERE title LIKE 'Session number %'")


async def test_after_a_restart_an_earlier_session_is_tinted_until_it_is_gone_on_with(desk: House, tab: Open) -> None:
    session = await desk.session("said earlier", title="Of yesterday")
    room = await chat(tab, desk.server, f"/chat/{session}")
    await expect(room.box).to_be_visible()
    assert await room.page.locator("[data-prior]").count() == 0, "a live session is never tinted"
    room.tab.problems.network_down = True
    await desk.server.restart()
    banner = room.page.get_by_role("note").filter(has_text="Read-only, from")
    await expect(banner).to_be_visible(timeout=PATIENCE_MS)
    await expect(room.page.locator("[data-prior]")).to_have_count(1)
    await expect(room.box).to_have_count(0)
    await room.tab.shot("prior")
    live = await desk.session("said now", title="Of today")
    fresh = await chat(tab, desk.server, f"/chat/{live}")
    await expect(fresh.last).to_contain_text("You said: said now")
    assert await fresh.page.locator("[data-prior]").count() == 0
    await room.page.get_by_role("button", name="Continue this session").click()
    await expect(banner).to_have_count(0)
    await expect(room.page.locator("[data-prior]")).to_have_count(0)
    await room.ask("and goes on")
    await room.page.reload()
    await expect(room.box).to_be_visible()
    assert await room.page.locator("[data-prior]").count() == 0
