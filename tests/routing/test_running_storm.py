"""Calls under way in any order of arrivals, failures and cancels; and with bugs in what reads a real socket's bytes."""

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.errors import EngineCrashed, EngineFailed, UpstreamBroken, UpstreamUnreachable
from hostler.registry.resolver import Candidate
from hostler.routing.lanes import LocalLanes
from hostler.system.upstream import UpstreamPool
from tests.routing.stage import Line, Stage, engine, turns, vendor
from tests.system.test_upstream import OK, pooling, saying, serving
from tests.waiting import wait_until

SLOTS = 2
KINDS: tuple[tuple[Candidate, ...], ...] = (
    (engine(SLOTS),),
    (vendor("a"),),
    (engine(SLOTS), vendor("a")),
    (vendor("a"), engine(SLOTS), vendor("b")),
)
STEPS = (
    "begin", "begin", "begin", "connect", "connect", "connect", "engine", "engine", "answer", "answer", "cancel",
    "cancel", "cancel the last", "stream", "refuse", "break", "unreachable", "no engine", "verdict", "keep", "flip",
)  # fmt: skip
steps = st.lists(
    st.tuples(st.sampled_from(STEPS), st.integers(0, 7), st.sampled_from((0, 0, 1, 1, 2, 4))), min_size=20, max_size=32
)
"""What happens, to which call or connection, and how many turns of the loop follow."""


@dataclass
class Storm:
    """Many calls through the same lanes, engine and door."""

    lanes: LocalLanes = field(default_factory=lambda: LocalLanes(bound=3))
    calls: list[Stage] = field(default_factory=list[Stage])

    def __post_init__(self) -> None:
        self.shared = Stage(lanes=self.lanes)
        self.shared.engines.free = False

    @property
    def lines(self) -> list[Line]:
        return self.shared.entrance.lines

    def take(self, step: str, which: int) -> None:
        """One step; `which` chooses among calls or connections."""
        if step == "begin":
            call = Stage(share=self.shared)
            self.calls.append(call)
            call.begin(*KINDS[which % len(KINDS)], name=f"call-{len(self.calls)}")
        elif step.startswith("cancel"):
            if self.calls:
                self.calls[which % len(self.calls) if step == "cancel" else -1].running.cancel()
        elif not self.arrive(step, which):
            busy = [line for line in self.lines if line.receiver is not None]
            if busy:
                answer(busy[which % len(busy)], step)
        self.check()

    def arrive(self, step: str, which: int) -> bool:
        """Something comes, or does not; False: the step is another one's."""
        engines, entrance = self.shared.engines, self.shared.entrance
        match step:
            case "connect":
                entrance.desk.grant()
            case "unreachable":
                entrance.desk.refuse(UpstreamUnreachable("nobody is there"))
            case "engine":
                engines.grant()
            case "no engine":
                engines.refuse(EngineFailed("it does not start"))
            case "flip":
                engines.free = not engines.free
            case "keep":
                entrance.kept += 1
            case "verdict":
                asked = [verdict for verdict in engines.verdicts if not verdict.done()]
                if asked:
                    asked[0].set_result(EngineCrashed("it died") if which % 2 else None)
            case _:
                return False
        return True

    def check(self) -> None:
        """What holds at every moment."""
        for lane in self.lanes.statistics():
            assert lane.in_flight >= 0 and (not lane.slots or lane.in_flight <= lane.slots)
        assert self.shared.engines.held >= 0
        assert all(len(call.ends) == call.running.ended <= 1 for call in self.calls)

    async def subside(self) -> None:
        """Cancel what is left; nothing may be out then, and each call has its end and its lines."""
        for call in self.calls:
            call.running.cancel()
        await turns(4)
        self.check()
        for lane in self.lanes.statistics():
            assert (lane.in_flight, lane.waiting) == (0, 0), lane
        assert self.shared.engines.held == 0
        assert self.shared.entrance.desk.held == 0 and all(line.state != "open" for line in self.lines)
        for call in self.calls:
            assert len(call.ends) == 1
            numbers = [number for _, number in call.ledger.begun]
            assert [end.attempt for end in call.ledger.ends] == numbers == list(range(1, len(numbers) + 1))
            assert [end.final for end in call.ledger.ends] == [False] * (len(numbers) - 1) + [True]


def answer(line: Line, step: str) -> None:
    """What an upstream does on one connection."""
    match step:
        case "answer":
            line.answer()
        case "refuse":
            line.answer(503)
        case "stream":
            line.head()
            line.body()
        case _:
            line.fail(UpstreamBroken("it broke"))


@given(steps)
def test_nothing_leaks_in_whatever_order(chosen: list[tuple[str, int, int]]) -> None:
    async def play() -> None:
        storm = Storm()
        for step, which, pause in chosen:
            storm.take(step, which)
            await turns(pause)
            storm.check()
        await storm.subside()

    asyncio.run(play())


# bugs in what reads a reply


def _say_nothing(_loop: asyncio.AbstractEventLoop, _context: dict[str, object]) -> None:
    """The bug is on purpose."""


async def ask(pool: UpstreamPool, port: int, flaw: str = "") -> Stage:
    """A call over real sockets, up to its end."""
    stage = Stage(flaw)
    stage.pool = pool
    stage.begin(vendor(port=port))
    await wait_until(lambda: bool(stage.ends))
    assert stage.held == (0, 0, 0) and len(stage.ledger.ends) == 1
    return stage


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("step", ["head", "body", "good end"])
async def test_a_bug_in_reading_a_reply_fails_the_call_and_hangs_nobody(step: str, *, known: bool) -> None:
    asyncio.get_running_loop().set_exception_handler(_say_nothing)
    async with serving(saying(OK)) as server, pooling() as pool:
        if known:
            assert (await ask(pool, server.port)).outcomes == [(1, "ok", True)]
        stage = await ask(pool, server.port, step)
        assert stage.ends == [None] and len(stage.outlet.errors) == 1
        assert stage.outcomes == [(1, "error", True)]
        assert (await ask(pool, server.port)).outcomes == [(1, "ok", True)], "the next call is none the worse"


async def test_a_cancel_lets_the_upstream_see_its_connection_close() -> None:
    async def never(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await writer.drain()

    async with serving(never) as server, pooling() as pool:
        stage = Stage()
        stage.pool = pool
        stage.begin(vendor(port=server.port))
        await wait_until(lambda: bool(server.requests))
        stage.running.cancel()
        assert isinstance(stage.ends[0], asyncio.CancelledError) and stage.outcomes == [(1, "cancelled", True)]
        await wait_until(lambda: server.open == 0)
