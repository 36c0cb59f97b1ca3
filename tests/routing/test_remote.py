"""Lanes and engines over a socket: the owner's counts are right whatever a worker does, and however it ends."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from hostler.core.messages import Origin
from hostler.core.wires import ANTHROPIC
from hostler.engines.engine import EngineEndpoint
from hostler.errors import (
    Draining,
    EngineCrashed,
    EngineError,
    EngineFailed,
    HostlerError,
    ModelNotFound,
    QueueFull,
    UpstreamRefused,
)
from hostler.routing.lane_desk import LaneDesk
from hostler.routing.lanes import LocalLanes
from hostler.routing.opaque import KeptPart
from hostler.routing.remote import OwnerAsks, RemoteEngines, RemoteLanes
from hostler.routing.worker_messages import (
    Failed,
    FromWorker,
    GiveBack,
    Hello,
    Kept,
    Leave,
    Listening,
    Providers,
    Release,
    Take,
    Taken,
    Welcome,
    decode_from_owner,
    decode_from_worker,
    encode,
    error_of,
    trouble_of,
)
from hostler.settings import GatewaySettings, Settings
from hostler.system.line_socket import LineSocket
from tests.waiting import wait_until

DEMO = "here/demo"
ENDPOINT = EngineEndpoint("127.0.0.1", 4711, "secret", 2, DEMO)
CRASH = EngineCrashed("it died", log_tail=("a", "b"))


@dataclass
class Engines:
    """Counts its holds; ready or failing as the test says."""

    ready: bool = True
    error: HostlerError | None = None
    held: int = 0
    may_start: asyncio.Event = field(default_factory=asyncio.Event)

    def hold_nowait(self, model_id: str) -> EngineEndpoint | None:
        if not self.ready or model_id != DEMO:
            return None
        self.held += 1
        return ENDPOINT

    async def hold(self, model_id: str) -> EngineEndpoint:
        if self.error:
            raise self.error
        await self.may_start.wait()
        self.ready = True
        endpoint = self.hold_nowait(model_id)
        assert endpoint
        return endpoint

    def release(self, model_id: str) -> None:
        assert model_id == DEMO
        self.held -= 1

    async def wait_failure(
        self, model_id: str, within: float, *, endpoint: EngineEndpoint | None = None
    ) -> EngineError | None:
        return CRASH if (model_id, within, endpoint) == (DEMO, 2.0, ENDPOINT) else None


@dataclass
class Worker:
    """One worker's end, and its desk at the owner."""

    desk: LaneDesk
    asks: OwnerAsks
    lanes: RemoteLanes
    engines: RemoteEngines
    line: LineSocket

    async def take(self, key: str = "") -> asyncio.Task[None]:
        """Begin to wait for a slot of two; returns when the owner has heard of it."""
        task = asyncio.ensure_future(self.lanes.acquire(DEMO, 2, key=key))
        before = self.known
        await wait_until(lambda: self.known > before)
        return task

    @property
    def known(self) -> int:
        statistics = self.desk.statistics()
        return statistics.slots + statistics.waiting

    async def leave_queue(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@dataclass
class Owner:
    """The owner's lanes and engines, and as many workers as a test opens."""

    lanes: LocalLanes
    engines: Engines = field(default_factory=Engines)
    workers: list[Worker] = field(default_factory=list)

    async def worker(self) -> Worker:
        ours, theirs = socket.socketpair()
        line: LineSocket
        desk = LaneDesk(self.lanes, self.engines, send=lambda message: line.send(encode(message)))
        line = await LineSocket.open(ours, lambda data: desk.answer(decode_from_worker(data)), on_end=desk.close)  # type: ignore[arg-type]
        asks = OwnerAsks(lambda message: far.send(encode(message)))
        far: LineSocket = await LineSocket.open(
            theirs, lambda data: asks.answer(decode_from_owner(data)), on_end=asks.close
        )  # type: ignore[arg-type]
        lanes = RemoteLanes(asks, bound=4)
        self.workers.append(Worker(desk, asks, lanes, RemoteEngines(asks, lanes), far))
        return self.workers[-1]

    @property
    def in_flight(self) -> int:
        return sum(lane.in_flight for lane in self.lanes.statistics())

    @property
    def waiting(self) -> int:
        return sum(lane.waiting for lane in self.lanes.statistics())

    async def wait_free(self) -> None:
        await wait_until(lambda: self.in_flight == self.waiting == self.engines.held == 0)


@pytest.fixture
async def owner() -> AsyncIterator[Owner]:
    made = Owner(LocalLanes(4))
    yield made
    for worker in made.workers:
        worker.line.close()
    await made.wait_free()


async def test_one_round_trip_brings_the_slot_and_the_engine(owner: Owner) -> None:
    worker = await owner.worker()
    assert not worker.lanes.acquire_nowait(DEMO, 2)
    await worker.lanes.acquire(DEMO, 2, key="key")
    assert worker.engines.hold_nowait(DEMO) == ENDPOINT
    assert (owner.in_flight, owner.engines.held) == (1, 1)
    worker.engines.release(DEMO)
    worker.lanes.release(DEMO, 0.5)
    await owner.wait_free()


async def test_an_engine_that_must_start_is_held_by_a_second_ask(owner: Owner) -> None:
    owner.engines.ready = False
    worker = await owner.worker()
    await worker.lanes.acquire(DEMO, 2, key="")
    assert worker.engines.hold_nowait(DEMO) is None
    holding = asyncio.ensure_future(worker.engines.hold(DEMO))
    await wait_until(lambda: worker.desk.statistics().waiting == 1)
    owner.engines.may_start.set()
    assert await holding == ENDPOINT
    assert owner.engines.held == 1
    worker.engines.release(DEMO)
    worker.lanes.release(DEMO, 0.1)
    await owner.wait_free()


async def test_slots_are_counted_over_all_workers_and_given_in_turn_by_key(owner: Owner) -> None:
    first, second = await owner.worker(), await owner.worker()
    await first.lanes.acquire(DEMO, 2, key="a")
    await second.lanes.acquire(DEMO, 2, key="a")
    greedy = [await first.take("a"), await first.take("a")]
    other = await second.take("b")
    assert (owner.in_flight, owner.waiting) == (2, 3)
    first.lanes.release(DEMO, 0.1)
    await greedy[0]
    second.lanes.release(DEMO, 0.1)
    await other  # before the greedy key's second call
    assert not greedy[1].done() and owner.in_flight == 2
    second.lanes.release(DEMO, 0.1)
    await greedy[1]


async def test_a_call_that_is_cancelled_in_the_queue_leaves_it(owner: Owner) -> None:
    worker = await owner.worker()
    await worker.lanes.acquire(DEMO, 2, key="")
    await worker.lanes.acquire(DEMO, 2, key="")
    waiting = await worker.take()
    await worker.leave_queue(waiting)
    await wait_until(lambda: owner.waiting == 0 and worker.asks.statistics() == 0)
    assert owner.in_flight == 2


@pytest.mark.parametrize("turns", range(8))
async def test_a_call_that_is_cancelled_on_the_way_holds_nothing(owner: Owner, turns: int) -> None:
    worker = await owner.worker()
    task = asyncio.ensure_future(worker.lanes.acquire(DEMO, 2, key=""))
    for _ in range(turns):
        await asyncio.sleep(0)
    await worker.leave_queue(task)
    if not task.cancelled():
        worker.lanes.release(DEMO, None)
    await owner.wait_free()


async def scripted(asks: OwnerAsks, lanes: RemoteLanes, *answers: Any) -> None:
    """A call for a slot that is cancelled after the answers came, and before it could see them."""
    task = asyncio.ensure_future(lanes.acquire(DEMO, 2, key=""))
    await asyncio.sleep(0)
    for answer in answers:
        asks.answer(answer)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_grant_is_given_back_whenever_the_cancelling_comes() -> None:
    sent: list[FromWorker] = []
    asks = OwnerAsks(sent.append)
    lanes = RemoteLanes(asks, 4)
    await scripted(asks, lanes, Taken(1, DEMO, ENDPOINT))
    assert sent == [Take(1, DEMO, 2, ""), GiveBack(DEMO), Release(DEMO, None)]
    sent.clear()
    await scripted(asks, lanes)
    asks.answer(Taken(2, DEMO, None))  # it crossed the Leave on its way
    assert sent == [Take(2, DEMO, 2, ""), Leave(2), Release(DEMO, None)]
    sent.clear()
    await scripted(asks, lanes)
    asks.answer(Failed(3, trouble_of(QueueFull("full"))))
    assert sent == [Take(3, DEMO, 2, ""), Leave(3)]


async def test_an_engine_that_came_along_and_was_not_used_goes_back_with_the_slot(owner: Owner) -> None:
    worker = await owner.worker()
    await worker.lanes.acquire(DEMO, 2, key="")
    assert owner.engines.held == 1
    worker.lanes.release(DEMO, None)
    await owner.wait_free()


async def test_a_full_queue_is_refused_as_in_one_process(owner: Owner) -> None:
    worker = await owner.worker()
    tasks = [await worker.take() for _ in range(6)]
    with pytest.raises(QueueFull) as caught:
        await worker.lanes.acquire(DEMO, 2, key="")
    assert caught.value.status == 429
    assert caught.value.retry_after and caught.value.retry_after >= 1
    assert "2 slots" in caught.value.message and caught.value.hint
    for task in tasks:
        await worker.leave_queue(task)


async def test_errors_of_an_engine_keep_their_class_and_their_log(owner: Owner) -> None:
    owner.engines.ready, owner.engines.error = False, EngineFailed("no", hint="h", retry_after=3.0, log_tail=("x", "y"))
    worker = await owner.worker()
    with pytest.raises(EngineFailed) as caught:
        await worker.engines.hold(DEMO)
    assert caught.value.text == owner.engines.error.text and caught.value.retry_after == 3.0
    died = await worker.engines.wait_failure(DEMO, 2.0, endpoint=ENDPOINT)
    assert isinstance(died, EngineCrashed) and died.log_tail == ("a", "b")
    assert await worker.engines.wait_failure(DEMO, 2.0) is None


@pytest.mark.parametrize("error", [ModelNotFound("m", hint="h"), Draining("d", retry_after=5.0), CRASH])
def test_an_error_crosses_whole(error: HostlerError) -> None:
    back = error_of(trouble_of(error))
    assert type(back) is type(error)
    assert (back.message, back.hint, back.retry_after, back.text) == (
        error.message, error.hint, error.retry_after, error.text,
    )  # fmt: skip


def test_a_refusal_of_a_vendor_crosses_as_a_plain_error() -> None:
    assert type(error_of(trouble_of(UpstreamRefused("m", status=418)))) is HostlerError


async def test_all_that_a_worker_held_is_free_when_it_is_gone(owner: Owner) -> None:
    first, second = await owner.worker(), await owner.worker()
    await first.lanes.acquire(DEMO, 2, key="")
    await first.lanes.acquire(DEMO, 2, key="")
    lost = await first.take()
    next_in_turn = await second.take()
    first.line.close()
    await next_in_turn
    await wait_until(lambda: owner.in_flight == owner.engines.held == 1)
    with pytest.raises(Draining):
        await lost
    with pytest.raises(Draining):
        await first.lanes.acquire(DEMO, 2, key="")


async def test_lanes_without_a_limit_ask_nobody() -> None:
    sent: list[FromWorker] = []
    lanes = RemoteLanes(OwnerAsks(sent.append), 4)
    for _ in range(100):
        assert lanes.acquire_nowait("vendor", 0)
    lanes.release("vendor", 1.0)
    assert not sent


async def test_what_was_never_granted_cannot_be_released(owner: Owner) -> None:
    first, second = await owner.worker(), await owner.worker()
    await first.lanes.acquire(DEMO, 2, key="")
    second.asks.send(Release(DEMO, 1.0))
    second.asks.send(GiveBack(DEMO))
    second.asks.send(Leave(99))
    await second.lanes.acquire(DEMO, 2, key="")  # heard after the others
    assert (owner.in_flight, owner.engines.held) == (2, 2)


async def test_a_bug_at_the_owner_is_an_error_and_no_endless_wait(
    owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    owner.engines.error = None
    worker = await owner.worker()

    def broken(_model_id: str) -> Coroutine[Any, Any, EngineEndpoint]:
        raise ZeroDivisionError

    owner.engines.hold = broken  # type: ignore[method-assign]
    with pytest.raises(HostlerError, match="its log says why"):
        await worker.engines.hold(DEMO)
    assert "failed unexpectedly" in caplog.text


def test_messages_come_back_as_they_were() -> None:
    place = ("key", Origin("p", ANTHROPIC, "m"), "call-1")
    kept = Kept(
        *place, (KeptPart("reasoning", "why", opaque=b"\x00\xff"), KeptPart("call", "{}", id="call-1", name="f"))
    )
    settings = Settings(GatewaySettings(keys=("k",), workers=2), aliases={"a": "b"}, environment={"E": "\u00e9"})
    for message in (kept, Welcome(settings, "t", 1, 2, b"{}"), Providers(b"\n\xff")):
        assert decode_from_owner(encode(message)) == message
        assert b"\n" not in encode(message)
    for heard in (kept, Hello(7), Listening()):
        assert decode_from_worker(encode(heard)) == heard
