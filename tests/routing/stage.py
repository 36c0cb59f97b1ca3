"""Stand-ins for what a call works with: they give only when the test says so, and count what is out.

`Stage` has one call's surroundings in one place. A `flaw` names the step that has a bug.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from hostler.accounts.ledger import End, Ledger
from hostler.engines.engine import EngineEndpoint
from hostler.engines.recipe import Recipe
from hostler.errors import EngineError, HostlerError, StorageError, UpstreamBroken, UpstreamError
from hostler.providers.provider import Provider
from hostler.registry.resolver import Candidate, Route
from hostler.routing.attempt import Attempt
from hostler.routing.call import Call, Headers, Plan, Target, Way
from hostler.routing.health import Health
from hostler.routing.lanes import Lanes, LocalLanes
from hostler.routing.opaque import OpaqueStore
from hostler.routing.running import Parts, Running
from hostler.system.address import Address
from hostler.system.upstream import Door, Message, Patience, Receiver, UpstreamConnection, UpstreamPool

ENDPOINT = EngineEndpoint("127.0.0.1", 4711, "secret", 1, "here/m")
ASK = b"POST /x HTTP/1.1\r\nhost: y\r\ncontent-length: 2\r\n\r\n{}"


class Bug(Exception):
    """What no step is meant to raise."""


async def turns(count: int) -> None:
    """Let the loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)


def vendor(name: str = "far", port: int = 1) -> Candidate:
    """A candidate at somebody else's address."""
    where = Provider(
        id=name, label=name, kind="openai-compatible", wire="openai-chat", address=Address("127.0.0.1", port)
    )
    return Candidate(f"{name}/m", "m", where)


def engine(slots: int = 1) -> Candidate:
    """A candidate with an engine of ours, of so many slots."""
    where = Provider(id="here", label="here", kind="engine", wire="openai-chat", address=Address("127.0.0.1", 0))
    return Candidate("here/m", "m", where, Recipe("m.gguf", slots=slots))


@dataclass
class Flaw:
    """Where the bug is, if there is one."""

    at: str = ""

    def check(self, step: str) -> None:
        if step == self.at:
            raise Bug(step)


@dataclass
class Desk:
    """Gives one kind of thing: at once while `free`, else by tickets that the test grants or refuses."""

    flaw: Flaw
    free: bool = True
    held: int = 0
    given_back: int = 0
    tickets: deque[asyncio.Future[None]] = field(default_factory=deque[asyncio.Future[None]])

    def take_nowait(self) -> bool:
        self.held += self.free
        return self.free

    async def take(self) -> None:
        ticket: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.tickets.append(ticket)
        try:
            await ticket
        except asyncio.CancelledError:
            if ticket.done() and not ticket.cancelled() and ticket.exception() is None:
                self.give_back()  # it was given in this very turn
            raise

    def give_back(self) -> None:
        self.held -= 1
        self.given_back += 1
        assert self.held >= 0, "given back once too often"

    @property
    def waiting(self) -> int:
        return sum(not ticket.done() for ticket in self.tickets)

    def grant(self) -> bool:
        """Give to who waits longest; False: nobody does."""
        ticket = self._next()
        if ticket is not None:
            self.held += 1
            ticket.set_result(None)
        return ticket is not None

    def refuse(self, error: BaseException) -> None:
        """Let who waits longest down."""
        ticket = self._next()
        if ticket is not None:
            ticket.set_exception(error)

    def _next(self) -> asyncio.Future[None] | None:
        while self.tickets:
            ticket = self.tickets.popleft()
            if not ticket.done():
                return ticket
        return None


class Slots(Desk):
    """Lanes."""

    def acquire_nowait(self, name: str, slots: int) -> bool:
        del name, slots
        self.flaw.check("acquire_nowait")
        return self.take_nowait()

    async def acquire(self, name: str, slots: int, *, key: str) -> None:
        del name, slots, key
        self.flaw.check("acquire")
        await self.take()

    def release(self, name: str, seconds: float | None) -> None:
        assert name and (seconds is None or seconds >= 0)
        self.give_back()
        self.flaw.check("release")


class Engines(Desk):
    """Engines: one is held, or started; a dead one's error comes when the test says."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw)
        self.verdicts: list[asyncio.Future[EngineError | None]] = []

    def hold_nowait(self, model_id: str) -> EngineEndpoint | None:
        del model_id
        self.flaw.check("hold_nowait")
        return ENDPOINT if self.take_nowait() else None

    async def hold(self, model_id: str) -> EngineEndpoint:
        del model_id
        self.flaw.check("hold")
        await self.take()
        return ENDPOINT

    def release(self, model_id: str) -> None:
        assert model_id == ENDPOINT.model
        self.give_back()
        self.flaw.check("release engine")

    async def wait_failure(
        self, model_id: str, within: float, *, endpoint: EngineEndpoint | None = None
    ) -> EngineError | None:
        assert model_id == ENDPOINT.model and within > 0 and endpoint is ENDPOINT
        self.flaw.check("wait_failure")
        verdict: asyncio.Future[EngineError | None] = asyncio.get_running_loop().create_future()
        self.verdicts.append(verdict)
        return await verdict


class Wire(asyncio.Transport):
    """What an unused connection is closed by."""

    def __init__(self, line: "Line") -> None:
        super().__init__()
        self.line = line

    def close(self) -> None:
        assert not self.line.sent, "only what is unused is closed"
        self.line.leave("closed")


class Line(UpstreamConnection):
    """A connection whose answers the test gives."""

    def __init__(self, door: "Entrance", *, reused: bool) -> None:
        self._transport = Wire(self)
        self.entrance = door
        self.reused = reused
        self.started = False
        self.framed = True
        self.known = None
        self.state = "open"
        self.sent: list[Message] = []
        self.receiver: Receiver | None = None

    def send(self, message: Message, receiver: Receiver, patience: Patience) -> None:
        self.entrance.desk.flaw.check("send")
        self.sent.append(message)
        if self.state == "lost":
            receiver.on_failed(UpstreamBroken("it was closed before it was asked"))
        else:
            self.receiver = receiver

    def head(self, status: int = 200) -> None:
        self.started = True
        if self.receiver is not None:
            self.receiver.on_head(status, [])

    def body(self, data: bytes = b"{}") -> None:
        if self.receiver is not None:
            self.receiver.on_body(data)

    def complete(self) -> None:
        receiver, self.receiver = self.receiver, None
        if receiver is not None:
            self.leave("kept")
            receiver.on_complete()

    def answer(self, status: int = 200) -> None:
        """A whole answer."""
        self.head(status)
        self.body()
        self.complete()

    def fail(self, error: UpstreamError | None = None) -> None:
        receiver, self.receiver = self.receiver, None
        if receiver is not None:
            self.leave("lost")
            receiver.on_failed(error or UpstreamBroken("it broke"))

    def abort(self) -> None:
        self.receiver = None
        self.leave("aborted")

    def leave(self, state: str) -> None:
        if self.state == "open":
            self.state = state
            self.entrance.desk.give_back()


class Entrance(Door):
    """The one door: new connections are granted by its desk, and are out until they are kept, lost or closed."""

    def __init__(self, flaw: Flaw) -> None:
        self.desk = Desk(flaw, free=False)
        self.lines: list[Line] = []
        self.kept = 0
        """Connections that can be taken at once."""
        self.closings = 0
        self.address = Address("127.0.0.1", 1)

    def take_nowait(self) -> Line | None:
        self.desk.flaw.check("take_nowait")
        if not self.kept:
            return None
        self.kept -= 1
        self.desk.held += 1
        return self._line(reused=True)

    async def connect(self, within: float | None = None) -> Line:
        del within
        self.desk.flaw.check("connect")
        await self.desk.take()
        return self._line(reused=False)

    def close(self, before: float = 0.0) -> None:
        del before
        self.closings += 1

    def _line(self, *, reused: bool) -> Line:
        line = Line(self, reused=reused)
        self.lines.append(line)
        return line


class Pool(UpstreamPool):
    """A pool with one door for every address."""

    def __init__(self, entrance: Entrance) -> None:
        self.entrance = entrance

    def door(self, address: Address) -> Door:
        assert address.port
        return self.entrance


class Lines(Ledger):
    """Keeps what is written down; `full` is the number of the attempt that finds the disk full (0: none does)."""

    def __init__(self, flaw: Flaw) -> None:
        self.flaw = flaw
        self.full = 0
        self.begun: list[tuple[str, int]] = []
        self.ends: list[End] = []

    def begin(self, request: str, attempt: int, started: int, kind: bytes) -> None:
        assert started and kind
        self.flaw.check("begin")
        if attempt == self.full:
            raise StorageError("the disk is full")
        self.begun.append((request, attempt))

    def end(self, line: End) -> None:
        if self.flaw.at == "full":
            raise StorageError("even what was reserved is full")
        self.flaw.check("line")
        self.ends.append(line)


class Try(Attempt):
    """An attempt that tells its outlet of everything."""

    def __init__(self, outlet: "Taker", way: Way, number: int) -> None:
        super().__init__(outlet.call, way, number)
        self.outlet = outlet

    def message(self, target: Target) -> Message:
        assert target.door is not None
        self.outlet.flaw.check("message")
        if self.outlet.refusal is not None:
            raise self.outlet.refusal
        return ASK

    def on_good_head(self, headers: Headers) -> None:
        self.outlet.flaw.check("head")

    def on_body(self, data: bytes) -> None:
        self.outlet.flaw.check("body")
        if self.status >= 400:
            self.collect(data)
        else:
            self.outlet.forwarded = True

    def on_good_end(self) -> HostlerError | None:
        self.outlet.flaw.check("good end")
        self.settle()
        return None


class Taker:
    """An outlet that remembers."""

    def __init__(self, flaw: Flaw) -> None:
        self.flaw = flaw
        self.call: Call
        self.forwarded = False
        self.refusal: HostlerError | None = None
        """What making the message raises."""
        self.errors: list[HostlerError] = []
        self.attempts: list[Try] = []
        self.on_fail: Callable[[], None] | None = None

    def attempt(self, way: Way, number: int) -> Attempt:
        self.flaw.check("attempt")
        self.attempts.append(Try(self, way, number))
        return self.attempts[-1]

    def fail(self, error: HostlerError) -> None:
        self.errors.append(error)
        if self.on_fail is not None:
            self.on_fail()
        self.flaw.check("fail")


class Stage:
    """One call and all that it works with. `ends` is what `on_end` was called with."""

    def __init__(self, flaw: str = "", *, lanes: LocalLanes | None = None, share: "Stage | None" = None) -> None:
        self.flaw = Flaw(flaw)
        self.slots = Slots(self.flaw)
        self.lanes: Lanes = share.lanes if share else lanes or self.slots
        self.engines = share.engines if share else Engines(self.flaw)
        self.entrance = share.entrance if share else Entrance(self.flaw)
        self.pool: UpstreamPool = Pool(self.entrance)
        self.ledger = Lines(self.flaw)
        self.health = Health()
        self.outlet = Taker(self.flaw)
        self.ends: list[BaseException | None] = []
        self.cancels_at_end = False
        self.outlet.on_fail = self._on_fail
        self.cancels_at_fail = False
        self.running: Running

    def prepare(self, *candidates: Candidate, name: str = "call") -> Running:
        """The call, not begun."""
        plan = Plan(Route("m", candidates or (vendor(),)), "openai-chat", operation="chat", stream=False)
        self.outlet.call = Call(name, plan)
        parts = Parts(self.pool, self.lanes, self.engines, ledger=self.ledger, health=self.health, keeper=OpaqueStore())
        self.running = Running(parts, self.outlet.call, outlet=self.outlet, on_end=self._on_end)
        return self.running

    def begin(self, *candidates: Candidate, name: str = "call") -> Running:
        """The call, begun."""
        running = self.prepare(*candidates, name=name)
        running.start()
        return running

    @property
    def line(self) -> Line:
        """The newest connection."""
        return self.entrance.lines[-1]

    @property
    def held(self) -> tuple[int, int, int]:
        """Slots, engines and connections that are out."""
        return self.slots.held, self.engines.held, self.entrance.desk.held

    @property
    def waited(self) -> float:
        """Of the newest attempt, in seconds."""
        return self.outlet.attempts[-1].waited

    @property
    def outcomes(self) -> list[tuple[int, str, bool]]:
        """Of each End: the attempt, how it ended, and whether the request was over with it."""
        return [(end.attempt, end.outcome, end.final) for end in self.ledger.ends]

    async def connected(self) -> Line:
        """Grant the connection that is asked for; returns it once the request is on it."""
        await turns(1)
        assert self.entrance.desk.grant()
        await turns(2)
        return self.line

    def _on_fail(self) -> None:
        if self.cancels_at_fail:
            self.running.cancel()

    def _on_end(self, running: Running, reason: BaseException | None) -> None:
        assert running is self.running and running.ended
        self.ends.append(reason)
        if self.cancels_at_end:
            running.cancel()
        self.flaw.check("on_end")
