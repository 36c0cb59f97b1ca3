"""Turns over a real database and event log, and models that say what a test lets them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

from hostler.client.client import Client
from hostler.client.sessions.parts import TextPart
from hostler.client.sessions.records import Message, Session
from hostler.client.sessions.requests import Begun, NewTurn
from hostler.client.sessions.store import Sessions
from hostler.client.sessions.tables import MIGRATIONS
from hostler.client.turn_parts import utf16_units
from hostler.client.turns import ModelFacts, Pace, Turns
from hostler.core.capabilities import NOTHING_KNOWN, Capabilities, Fact, make
from hostler.core.deltas import Delta, Finished, TextDelta
from hostler.errors import ModelNotFound
from hostler.providers.provider import Provider
from hostler.registry.resolver import Candidate, Route
from hostler.routing.call import Call
from hostler.routing.outlets import Take
from hostler.system.address import Address
from hostler.system.event_log import Event, EventLog
from hostler.system.store import Store
from hostler.workbench.event_schema import MessageDelta, MessageTold, validate
from tests.waiting import wait_until

QUICK = Pace(frame_s=0.001, flush_s=0.005)


@dataclass
class Model:
    """One call: the test says what comes, and sees when it is let go of."""

    call: Call
    said: "asyncio.Queue[Delta | BaseException | None]" = field(default_factory=asyncio.Queue)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self, *deltas: Delta | str) -> None:
        for delta in deltas:
            self.said.put_nowait(TextDelta(delta) if isinstance(delta, str) else delta)

    def end(self, *, finish: bool = True) -> None:
        if finish:
            self.said.put_nowait(Finished("stop"))
        self.said.put_nowait(None)

    def fail(self, error: BaseException) -> None:
        self.said.put_nowait(error)

    @property
    def asked(self) -> list[tuple[str, str]]:
        """What it was sent: role and text."""
        assert self.call.request is not None
        return [(m.role, "".join(getattr(p, "text", "") for p in m.parts)) for m in self.call.request.messages]


@dataclass
class Stage:
    """What a test plays with. `models` has every call so far."""

    turns: Turns
    sessions: Sessions
    events: EventLog
    models: list[Model]
    calls: asyncio.Condition

    async def model(self, number: int = -1, *, count: int = 0) -> Model:
        """The call of that number, once there are so many (`count`, or number + 1)."""
        wanted = count or max(number + 1, 1)
        async with asyncio.timeout(20), self.calls:
            await self.calls.wait_for(lambda: len(self.models) >= wanted)
        return self.models[number]

    async def session(self) -> Session:
        return await self.sessions.create()

    async def say(self, session: str, text: str, *models: str, parent: str | None = None) -> Begun:
        turn = NewTurn(parent=parent, parts=(TextPart(text=text),), models=models or ("far/a",))
        return await self.turns.begin(session, turn)

    async def stored(self, message: Message) -> Message:
        return (await self.sessions.message(message.id)).public()

    async def ended(self, message: Message) -> Message:
        """The message once it does not run any more."""
        await wait_until(lambda: all(m.id != message.id for m in self.turns.running()))
        return await self.stored(message)

    async def kept(self, message: Message, text: str) -> None:
        """Once the message is stored with this text."""
        for _ in range(10_000):
            if (await self.stored(message)).parts == (TextPart(text=text),):
                return
        raise AssertionError(f"never stored: {text}")

    async def heard(self, kind: str) -> None:
        """Once there was an event of this kind."""
        await wait_until(lambda: bool(self.told(kind)))

    def told(self, *kinds: str) -> list[Event]:
        """Events so far, each of them valid."""
        found = [event for event in self.events.tail() if isinstance(event, Event)]
        for event in found:
            validate(event.kind, event.data)
        return [event for event in found if not kinds or event.kind in kinds]

    def page(self, message: Message) -> list[str]:
        """The message's texts as a page has them that has followed from the start."""
        texts: dict[int, str] = {}
        for event in self.told("message.delta", "message.changed"):
            told = validate(event.kind, event.data)
            if isinstance(told, MessageTold) and told.message.id == message.id:
                texts = {i: getattr(part, "text", "") for i, part in enumerate(told.message.parts)}
            elif isinstance(told, MessageDelta) and told.message == message.id:
                known = texts.get(told.part, "")
                assert utf16_units(known) == told.at
                texts[told.part] = known + told.text
        return [texts[index] for index in sorted(texts)]


def facts(blind: str = "blind", *, local: str = "here") -> ModelFacts:
    """Providers `far`, and one whose machine is ours; models named `blind` do not see, `priced` have a price, `none`
    does not exist."""

    def resolve(name: str) -> Route:
        provider, _, model = name.partition("/")
        if model == "none":
            raise ModelNotFound(f"There is no model '{name}'.")
        where = Provider(
            id=provider,
            label=provider,
            kind="openai-compatible",
            wire="openai-chat",
            address=Address("127.0.0.1", 1),
            local=provider == local,
        )
        return Route(name, (Candidate(name, model, where),))

    def capabilities(model: str) -> Capabilities:
        if model.endswith("priced"):
            return make({"input_price": 1000.0, "output_price": 10_000.0}, source="test")
        return Capabilities(vision=Fact(False, "test")) if model.endswith(blind) else NOTHING_KNOWN

    return ModelFacts(resolve, capabilities)


@asynccontextmanager
async def staged(folder: Path, *, pace: Pace = QUICK) -> AsyncGenerator[Stage]:
    """A stage whose database is in `folder`."""
    models: list[Model] = []
    calls = asyncio.Condition()

    async def feed(call: Call, take: Take) -> None:
        model = Model(call)
        models.append(model)
        async with calls:
            calls.notify_all()
        try:
            while (said := await model.said.get()) is not None:
                if isinstance(said, BaseException):
                    raise said
                take([said])
        finally:
            model.closed.set()

    async def no_models() -> tuple[()]:
        return ()

    known = facts()
    events = EventLog(100_000)
    with closing(Store.open(folder / "hostler.db", MIGRATIONS)) as store:
        sessions = Sessions(store, events.publish, started_ms=0)
        client = Client(feed, known.resolve, models=no_models)
        turns = Turns(client, sessions, publish=events.publish, models=known, pace=pace)
        try:
            yield Stage(turns, sessions, events, models, calls)
        finally:
            await turns.close()
