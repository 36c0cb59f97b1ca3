"""What clients wish for reaches every vendor that has a word for it; else they are told, by name or by an error."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from hostler.providers.fake import FakeVendor
from tests.end_to_end.gate import Gate
from tests.faces import granted
from tests.faces.clients import FACES, SCHEMA, Refused
from tests.faces.conftest import WIRES
from tests.faces.wishes import TOOLS, URLS, Medium, Wish, Wishing, says, wishing
from tests.fakes import serving

pytestmark = pytest.mark.slow  # each goes over six wires
Body = dict[str, Any]
Check = Callable[[str, Body], None]
OWN = {"chat": "openai-chat", "responses": "openai-responses", "messages": "anthropic", "gemini": "gemini",
       "ollama": "ollama"}  # fmt: skip


@dataclass(frozen=True)
class Lost:
    """What a wire has no word for: the name that the client is told, or "" where the request is refused."""

    name: str = ""


@dataclass(frozen=True)
class Table:
    """One face over all wires."""

    name: str
    door: Gate
    fake: FakeVendor

    async def judge(self, wish: Wish, lost: Mapping[str, Lost], check: Check) -> None:
        """One wish over all wires; what is said of a wire has to come true, and nothing else."""
        wrong: dict[str, str] = {}
        async with wishing(self.name, self.door.address) as client:
            for wire in WIRES:
                try:
                    async with asyncio.timeout(20):
                        await self._over(wire, client, wish=wish, lost=lost.get(wire), check=check)
                except (AssertionError, Refused, TimeoutError) as error:
                    wrong[wire] = f"{type(error).__name__}: {error}"
        assert wrong == {}

    async def _over(self, wire: str, client: Wishing, *, wish: Wish, lost: Lost | None, check: Check) -> None:
        model = f"{wire}/{'echo' if wish.medium is None else 'qwen3-vl'}"  # DashScope serves media by models' names
        if lost == Lost() and wire != OWN[self.name]:
            with pytest.raises(Refused) as caught:
                await client.ask(model, wish)
            assert caught.value.status == 400
            return
        await client.ask(model, wish)
        told = ((await self.door.rows())[-1].dropped or "").split(",")
        expected = [lost.name] if lost is not None and wire != OWN[self.name] else []
        assert [name for name in told if name and not name.startswith("message.")] == expected
        if not expected:
            check(wire, self.sent(wire))

    def sent(self, wire: str) -> Body:
        """The last request that an upstream got over a wire."""
        chats = [each for each in self.fake.requests if each.wire == wire and _CHAT.search(each.path)]
        return chats[-1].json


@pytest.fixture
async def fake() -> AsyncIterator[FakeVendor]:
    async with serving({"models": [{"id": "*", "replies": [{"echo": True}]}]}, strict=True) as fake:
        yield fake


_CHAT = re.compile(r"(completions|responses|messages|[gG]enerateContent|/api/chat|/generation)$")


@pytest.fixture
def table(request: pytest.FixtureRequest, door: Gate, fake: FakeVendor) -> Table:
    return Table(request.param, door, fake)


def wishes(*each: Wish) -> pytest.MarkDecorator:
    """Each wish by each client that has words for it."""
    pairs = [(name, wish) for wish in each for name in FACES if says(name, wish)]
    return pytest.mark.parametrize(("table", "wish"), pairs, indirect=["table"], ids=map(_named, pairs))


def _named(pair: tuple[str, Wish]) -> str:
    name, wish = pair
    words = [str(value) for value in (wish.medium and f"{wish.medium.kind}-by-{wish.medium.by}", wish.choice) if value]
    return "-".join([name, *words, *(["schema"] if wish.schema else [])])


MEDIA = [Medium(kind, by) for kind in ("image", "pdf", "audio") for by in ("data", "url")]
WITHOUT: dict[tuple[str, str], tuple[str, ...]] = {
    ("image", "data"): (),
    ("image", "url"): ("ollama",),
    ("pdf", "data"): ("ollama", "dashscope"),
    ("pdf", "url"): ("openai-chat", "ollama", "dashscope"),
    ("audio", "data"): ("anthropic",),
    ("audio", "url"): ("openai-chat", "openai-responses", "anthropic", "ollama"),
}
"""Wires whose published contents have no place for a file so given."""


@wishes(*(Wish(medium=medium) for medium in MEDIA))
async def test_files_reach_whoever_takes_them(table: Table, wish: Wish) -> None:
    medium = wish.medium
    assert medium is not None
    expected = URLS[medium.kind] if medium.by == "url" else medium.base64

    def check(wire: str, body: Body) -> None:
        assert granted.media(wire, body) == [(medium.kind, expected)]

    lost = dict.fromkeys(WITHOUT[medium.kind, medium.by], Lost())
    if medium == Medium("pdf", "data") and table.name in ("chat", "responses"):  # those give it a name
        lost["gemini"] = Lost("messages[].content[].filename")
    await table.judge(wish, lost, check)


@wishes(Wish(schema=True), Wish(json=True))
async def test_the_form_of_an_answer(table: Table, wish: Wish) -> None:
    def check(wire: str, body: Body) -> None:
        form = granted.form(wire, body)
        if wish.schema:
            assert isinstance(form, dict) and form["properties"] == SCHEMA["properties"]
            assert form["required"] == SCHEMA["required"]
        else:
            assert form == "json"

    lost = {} if wish.schema else {"anthropic": Lost("response_format")}
    await table.judge(wish, lost, check)


@wishes(*(Wish(choice=choice) for choice in ("auto", "none", "required", "time")))
async def test_the_choice_of_tools(table: Table, wish: Wish) -> None:
    choice = wish.choice

    def check(wire: str, body: Body) -> None:
        if wire == "ollama":  # it has no word for it, but need not be offered what may not be called
            assert granted.tools(wire, body) == ([] if choice == "none" else list(TOOLS))
        else:
            assert granted.choice(wire, body) == choice
            assert set(granted.tools(wire, body)) == set(TOOLS)

    forced = choice not in ("auto", "none")
    lost = {"ollama": Lost("tool_choice")} if forced else {}
    lost |= {"dashscope": Lost("tool_choice")} if choice == "required" else {}
    await table.judge(wish, lost, check)
    if choice in TOOLS and OWN[table.name] != "ollama":
        assert granted.tools("ollama", table.sent("ollama")) == [choice]


@wishes(Wish(choice="auto", one_by_one=True))
async def test_calls_one_by_one(table: Table, wish: Wish) -> None:
    def check(wire: str, body: Body) -> None:
        assert granted.one_by_one(wire, body)

    lost = dict.fromkeys(("gemini", "ollama"), Lost("parallel_tool_calls"))
    await table.judge(wish, lost, check)


@wishes(Wish(stop=("END", "ENDE")))
async def test_stop_sequences(table: Table, wish: Wish) -> None:
    def check(wire: str, body: Body) -> None:
        assert granted.stops(wire, body) == ["END", "ENDE"]

    lost = {"openai-responses": Lost("stop")}
    await table.judge(wish, lost, check)
