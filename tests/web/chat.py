"""A chat as a person has it open, and the scripted vendor that answers in it."""

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from playwright.async_api import Locator, Page, expect

from hostler.providers.fake.server import FakeVendor
from hostler.system.http_server import Exchange
from tests.web.conftest import Open
from tests.web.server import Serve, Server, serving
from tests.web.tab import Tab

TALK, OTHER, EYE = "desk/talk", "desk/other", "desk/eye"
ODD = "desk/qwen/odd 'name' \"x\" <b>"
HELD = "one two three four five six seven eight nine ten"
"""What is said when it is asked to hold: four words, then the rest once it is told to."""
PATIENCE_MS = 30_000
_ECHO: Mapping[str, object] = {"text": "You said: ", "echo": True}
_HOLD: Mapping[str, object] = {"when": {"contains": "hold"}, "text": HELD, "hold_after": 4}


class Vendor(FakeVendor):
    """A fake whose model list says which models see."""

    def handle(self, exchange: Exchange) -> None:
        if exchange.path != "/v1/models":
            super().handle(exchange)
            return
        rows = [{"id": m.id, "object": "model", "capabilities": {"vision": m.id == "eye"}} for m in self.script.models]
        body = msgspec.json.encode({"object": "list", "data": rows})
        exchange.respond(200, [(b"content-type", b"application/json")], body)


def script(*more: Mapping[str, object], **models: list[Mapping[str, object]]) -> dict[str, object]:
    """The models of these tests; `more` are replies of all that talk, tried first."""
    replies = [*more, _HOLD, _ECHO]
    other: list[Mapping[str, object]] = [_HOLD, {"text": "Otherwise: ", "echo": True}]
    names = {"talk": replies, "other": other, "eye": [_ECHO], ODD.removeprefix("desk/"): [_ECHO], **models}
    return {"models": [{"id": name, "replies": said} for name, said in names.items()]}


def entry(vendor: FakeVendor, **more: object) -> dict[str, object]:
    return {"id": "desk", "label": "Desk", "kind": "openai-compatible", "baseUrl": vendor.address, **more}


@dataclass
class House:
    """A server and the one vendor that it knows beside this machine."""

    server: Server
    vendor: Vendor

    async def fresh(self) -> "House":
        """As a test expects it: nothing held, nothing counted, no favorites, the talking model chosen."""
        self.vendor.release()
        self.vendor.reset()
        await self.server.api("/preferences", {"last_model": TALK, "favorite_models": []}, method="PATCH")
        return self

    async def session(self, *texts: str, title: str = "", model: str = TALK) -> str:
        """A session in which these texts were said and answered."""
        made = await self.server.api("/sessions", {"title": title, "model": model})
        parent = None
        for text in texts:
            parent = (await self.turn(made["id"], text, parent=parent, model=model))["replies"][0]["id"]
            await self.vendor.wait_idle()
            await self.ended(made["id"])
        session: str = made["id"]
        return session

    async def turn(self, session: str, text: str, *, parent: str | None = None, model: str = TALK) -> Any:
        parts = [{"type": "text", "text": text}]
        return await self.server.api(
            f"/sessions/{session}/turns", {"parent": parent, "parts": parts, "models": [model]}
        )

    async def ended(self, session: str) -> list[dict[str, Any]]:
        """Its messages, once none of them runs."""
        while True:
            messages = (await self.server.api(f"/sessions/{session}"))["messages"]
            if all(message["state"] != "streaming" for message in messages):
                return messages


@asynccontextmanager
async def house(folder: Path, said: dict[str, object], serve: Serve | None = None) -> AsyncGenerator[House]:
    """Both, for as long as the block runs."""
    vendor = Vendor(said)
    async with vendor.serving():
        given = serve or Serve()
        providers = (*given.providers, entry(vendor))
        async with serving(folder, Serve(providers, given.settings, given.flags, given.environment)) as server:
            yield House(server, vendor)


class Chat:
    """A tab with a chat in it."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab
        self.page: Page = tab.page
        self.box = self.page.get_by_role("textbox", name="Message", exact=True)
        self.messages = self.page.locator("[data-message]")
        self.answers = self.page.get_by_role("article", name=re.compile("^Answer of"))
        self.mine = self.page.get_by_role("article", name="You", exact=True)
        self.last = self.answers.last
        self.send = self.page.get_by_role("button", name="Send", exact=True)
        self.stop = self.page.get_by_role("button", name="Stop (Esc)")
        self.sidebar = self.page.get_by_role("navigation", name="Sessions")

    @property
    def session(self) -> str:
        """Id of the session in the address bar."""
        return self.page.url.partition("/chat/")[2].partition("?")[0]

    async def say(self, text: str) -> None:
        """Write it and press Enter; it is there when this returns."""
        count = await self.mine.count() if "/chat/" in self.page.url else 0
        await expect(self.page.get_by_role("button", name=re.compile(r"^Model: \S+\x2f"))).to_be_visible()
        await expect(self.send).to_be_visible(timeout=PATIENCE_MS)  # while an answer is written nothing is sent
        await self.box.fill(text)
        await self.box.press("Enter")
        await self.page.wait_for_url("**/chat/s_*")
        await expect(self.mine).to_have_count(count + 1, timeout=PATIENCE_MS)

    async def ask(self, text: str, answer: str | re.Pattern[str] | None = None) -> Locator:
        """Say it, and wait for the whole answer."""
        await self.say(text)
        await expect(self.last).to_contain_text(answer or f"You said: {text}", timeout=PATIENCE_MS)
        await self.done()
        return self.last

    async def done(self) -> None:
        """Nothing is being answered."""
        await expect(self.page.locator('[data-message][aria-busy="true"]')).to_have_count(0, timeout=PATIENCE_MS)
        await expect(self.send).to_be_visible(timeout=PATIENCE_MS)

    async def choose(self, model: str) -> None:
        """Choose a model in the picker."""
        await self.page.get_by_role("button", name=re.compile("^Model: ")).click()
        await self.pick(model)
        await expect(self.page.get_by_role("searchbox", name="Find a model")).to_have_count(0)
        await expect(self.page.get_by_role("button", name=f"Model: {model}", exact=True)).to_be_focused()

    async def pick(self, model: str) -> None:
        """Click it in the picker that is open."""
        await self.page.get_by_role("searchbox", name="Find a model").fill(model)
        await self.page.locator("[data-pick]").filter(has=self.page.get_by_title(model, exact=True)).first.click()

    async def more(self, message: Locator, action: str) -> None:
        """An action of a message's menu."""
        await message.hover()
        await message.get_by_role("button", name="More for this message").click()
        await self.page.get_by_role("menuitem", name=action).click()

    async def row(self, title: str, action: str) -> None:
        """An action of a session's menu in the sidebar."""
        link = self.sidebar.get_by_role("link").filter(has_text=title).first
        await link.hover()
        await self.sidebar.get_by_role("button", name=f"More for {title}", exact=True).first.click()
        await self.page.get_by_role("menuitem", name=action, exact=True).click()


async def chat(tab: Open, server: Server, path: str = "/chat", **options: object) -> Chat:
    """Open a tab at a chat."""
    return Chat(await tab(server, path, **options))
