"""Two clients that do anything at once to the same sessions: trees stay whole, and each sees what is stored.

Whatever the order: no reply runs on unseen, none is left running in the database, a page that only follows events has
what a page has that asks, and the search index holds what is there.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostler.client.sessions.parts import TextPart, visible_text
from hostler.client.sessions.records import Message, Session
from hostler.client.sessions.requests import SessionChange
from hostler.client.sessions.tree import Node, Tree
from hostler.client.turns import Turns
from hostler.errors import Conflict, NotFound, RequestError, UpstreamBroken
from hostler.workbench.api import shapes
from hostler.workbench.api.sessions import SessionsApi
from hostler.workbench.api.turns import TurnsApi
from hostler.workbench.event_schema import MessageDelta, MessagesDeleted, MessagesRestored, MessageTold, validate
from tests.client.turn_stage import Model, Stage, staged
from tests.waiting import wait_until

OPERATIONS: Final = (
    "say", "say", "regenerate", "edit", "continue", "stop", "delete", "restore", "fork", "switch", "drop", "undrop",
    "pause",
)  # fmt: skip
Step = tuple[str, int, int]
Steps = Sequence[Step]
steps = st.lists(st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 999), st.integers(0, 5)), max_size=12)
manners = st.lists(st.sampled_from(["answers", "fails", "says nothing", "holds"]), min_size=1, max_size=6)


class Clients:
    """What both know of the server: sessions and messages that there ever were."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        parts: Any = stage  # it has the sessions and turns that these endpoints ask for
        self.turns, self.sessions = TurnsApi(parts), SessionsApi(parts)
        self.said = 0

    def words(self) -> tuple[TextPart, ...]:
        self.said += 1
        return (TextPart(text=f"word{self.said}"),)

    async def play(self, steps: Steps) -> None:
        """One client's steps, one after the other; what is refused is refused in a way that the API knows."""
        for operation, pick, small in steps:
            try:
                await self.step(operation, pick, small=small)
            except (Conflict, NotFound, RequestError):
                continue

    async def step(self, operation: str, pick: int, *, small: int) -> None:
        messages = self.ever("message.created", "message")
        sessions = self.ever("session.created", "session")
        session = sessions[pick % len(sessions)]
        message = messages[pick % len(messages)] if messages else "m_none"
        match operation:
            case "say":
                parent = message if small and messages else None
                body = shapes.TurnBody(parts=self.words(), models=("far/a",) * (1 + small % 2), parent=parent)
                of = (await self.stage.sessions.message(parent)).session if parent else session
                await self.turns.begin_turn(of, body)
            case "regenerate":
                await self.turns.regenerate(message, shapes.RegenerateBody(models=("far/b",) if small % 2 else ()))
            case "edit":
                body = shapes.EditBody(parts=self.words(), send=bool(small % 2), models=("far/c",))
                await self.turns.edit_message(message, body)
            case "continue":
                await self.turns.continue_reply(message)
            case "stop":
                await self.turns.stop_reply(message)
            case "delete":
                await self.turns.delete_message(message)
            case "restore":
                await self.turns.restore_message(message)
            case _:
                await self.step_of_a_session(operation, session, message)

    async def step_of_a_session(self, operation: str, session: str, message: str) -> None:
        match operation:
            case "fork":
                of = (await self.stage.sessions.message(message)).session
                await self.sessions.fork_session(of, shapes.ForkBody(message=message, mode="branches"))
            case "switch":
                of = (await self.stage.sessions.message(message)).session
                await self.sessions.change_session(of, SessionChange(leaf=message))
            case "drop":
                await self.sessions.delete_session(session)
            case "undrop":
                await self.sessions.restore_session(session)
            case _:
                await asyncio.sleep(0)

    def ever(self, kind: str, what: str) -> list[str]:
        """Ids that were told of, the oldest first."""
        found: list[Any] = [event.data[what] for event in self.stage.told(kind)]
        return list(dict.fromkeys(each["id"] for each in found))


async def behave(model: Model, manner: str) -> None:
    """Be one upstream: whoever holds is let go of by a stop, or at the end."""
    await asyncio.sleep(0)
    match manner:
        case "answers":
            model.say("some ", "answer")
            model.end()
        case "fails":
            model.say("some")
            model.fail(UpstreamBroken("it broke"))
        case "says nothing":
            model.end()
        case _:
            model.say("held")


async def serve(stage: Stage, manners: Sequence[str]) -> None:
    """Answer every call that comes."""
    for number in range(10_000):
        async with stage.calls:
            await stage.calls.wait_for(lambda wanted=number: len(stage.models) > wanted)
        await behave(stage.models[number], manners[number % len(manners)])


def followed(stage: Stage) -> dict[str, Message]:
    """Every message as a page has it that has followed from the start and never asked."""
    page: dict[str, Message] = {}
    for event in stage.told():
        match validate(event.kind, event.data):
            case MessageTold(message=message):
                page[message.id] = message
            case MessagesDeleted(ids=ids):
                for id in ids:
                    del page[id]
            case MessagesRestored(messages=messages):
                page |= {message.id: message for message in messages}
            case MessageDelta(message=id, part=part, text=text) if id in page:
                page[id] = grown(page[id], part, text)
            case _:
                pass
    return page


def grown(message: Message, part: int, text: str) -> Message:
    parts = list(message.parts) + [TextPart()] * (part + 1 - len(message.parts))
    parts[part] = TextPart(text=visible_text((parts[part],)) + text)
    return msgspec.structs.replace(message, parts=tuple(parts))


async def check(stage: Stage, clients: Clients) -> None:
    store = stage.sessions
    dropped = {each.data["id"] for each in stage.told("session.deleted")}
    page = followed(stage)
    there: set[str] = set()
    for summary in (await store.list()).sessions:
        opened = await store.get(summary.id)
        tree = Tree(Node(m.id, m.parent, m.order) for m in opened.messages)
        leaf = opened.session.leaf
        assert (leaf is None) == (not opened.messages) and (leaf is None or not tree.children(leaf))
        assert all(m.parent is None or m.parent in tree for m in opened.messages), "nothing hangs on what is gone"
        assert not opened.session.running and all(m.state != "streaming" for m in opened.messages)
        there |= {m.id for m in opened.messages if m.role == "assistant" and "answer" in visible_text(m.parts)}
        if summary.id not in dropped and opened.session.forked_from is None:
            seen = {id: message for id, message in page.items() if message.session == summary.id}
            assert seen == {message.id: message for message in opened.messages}, "a page has what is stored"
    assert {hit.message for hit in await store.search("answer", limit=200)} == there


async def play(folder: Path, both: tuple[Steps, Steps], manners: Sequence[str]) -> None:
    async with staged(folder) as stage:
        await stage.session()
        clients = Clients(stage)
        serving = asyncio.create_task(serve(stage, manners))
        try:
            async with asyncio.timeout(20):
                await asyncio.gather(*(clients.play(steps) for steps in both))
            for running in stage.turns.running():
                await stage.sessions.message(running.id)  # raises for one that nobody can see or stop
            for model in stage.models:
                model.end()
            for running in stage.turns.running():
                await stage.turns.stop_all([running.id])
            await wait_until(lambda: not stage.turns.running())
        finally:
            serving.cancel()
        assert all(model.closed.is_set() for model in stage.models), "no upstream is left"
        await check(stage, clients)


@dataclass
class Late:
    """Sessions where somebody else says something just before one is deleted."""

    stage: Stage

    @property
    def turns(self) -> Turns:
        return self.stage.turns

    @property
    def sessions(self) -> "Late":
        return self

    async def session(self, id: str) -> Session:
        return await self.stage.sessions.session(id)

    async def delete(self, id: str) -> None:
        await self.stage.say(id, "Late")
        await self.stage.sessions.delete(id)


async def test_what_begins_while_its_session_is_deleted_does_not_run_on_unseen(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        session = await stage.session()
        parts: Any = Late(stage)
        await SessionsApi(parts).delete_session(session.id)
        assert stage.turns.running() == ()
        await stage.sessions.restore(session.id)
        assert [m.state for m in (await stage.sessions.get(session.id)).messages] == ["complete", "cancelled"]


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(first=steps, second=steps, manners=manners)
def test_two_clients_at_once(first: Steps, second: Steps, manners: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder), (first, second), manners))
