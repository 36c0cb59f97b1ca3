"""Lanes as a machine whose rules hold after every step, whatever the order of arrivals, ends and leavers."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.errors import QueueFull
from hostler.routing.lanes import Lane, LocalLanes

KEYS = ("a", "b", "c")


@dataclass
class Bay:
    """A lane with callers that can be steered one by one."""

    lane: Lane
    waiting: list[tuple[str, "asyncio.Task[None]"]] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    served: list[str] = field(default_factory=list)
    refused: int = 0

    async def turn(self) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        left: list[tuple[str, asyncio.Task[None]]] = []
        for key, task in self.waiting:
            if not task.done():
                left.append((key, task))
            elif not task.cancelled():
                if isinstance(task.exception(), QueueFull):
                    self.refused += 1
                else:
                    task.result()
                    self.running.append(key)
                    self.served.append(key)
        self.waiting = left

    def arrive(self, key: str) -> None:
        self.waiting.append((key, asyncio.create_task(self.lane.acquire(key))))

    def check(self) -> None:
        now = self.lane.statistics()
        assert now.in_flight == len(self.running)
        assert now.waiting == len(self.waiting)
        assert not now.slots or now.in_flight <= now.slots or now.waiting == 0 or self.shrunk
        assert now.waiting <= self.lane.bound
        assert not now.waiting or now.in_flight >= now.slots, "nobody waits beside a free slot"

    shrunk: bool = False


steps = st.lists(
    st.one_of(
        st.tuples(st.just("arrive"), st.sampled_from(KEYS)),
        st.tuples(st.just("end"), st.integers(0, 5)),
        st.tuples(st.just("leave"), st.integers(0, 5)),
        st.tuples(st.just("resize"), st.integers(1, 4)),
        st.tuples(st.just("both"), st.integers(0, 5)),
    ),
    max_size=40,
)


@given(steps, st.integers(1, 3), st.integers(0, 4))
def test_no_slot_is_lost_and_none_is_given_twice(moves: list[tuple[str, object]], slots: int, bound: int) -> None:
    async def play() -> None:
        bay = Bay(Lane("here/m", slots, bound=bound))
        for move, value in moves:
            match move, value:
                case "arrive", str(key):
                    bay.arrive(key)
                case "end", int(n) if bay.running:
                    bay.running.pop(n % len(bay.running))
                    bay.lane.release()
                case "leave", int(n) if bay.waiting:
                    bay.waiting[n % len(bay.waiting)][1].cancel()
                case "both", int(n) if bay.running and bay.waiting:
                    # a slot is granted and its new owner cancelled in the same turn
                    bay.running.pop(n % len(bay.running))
                    bay.lane.release()
                    bay.waiting[n % len(bay.waiting)][1].cancel()
                case "resize", int(n):
                    bay.lane.resize(n)
                    bay.shrunk = True
                case _:
                    pass
            await bay.turn()
            bay.check()
        while bay.running or bay.waiting:
            bay.running.pop()
            bay.lane.release()
            await bay.turn()
        assert (bay.lane.in_flight, bay.lane.statistics().waiting) == (0, 0)
        assert bay.lane.acquire_nowait()

    asyncio.run(play())


@given(st.lists(st.sampled_from(KEYS), min_size=2, max_size=12))
def test_keys_take_turns_and_each_keys_calls_keep_their_order(arrivals: list[str]) -> None:
    async def play() -> list[str]:
        bay = Bay(Lane("here/m", 1, bound=64))
        bay.arrive("first")
        await bay.turn()
        for key in arrivals:
            bay.arrive(key)
        await bay.turn()
        while bay.running:
            bay.running.pop()
            bay.lane.release()
            await bay.turn()
        return bay.served[1:]

    served = asyncio.run(play())
    assert Counter(served) == Counter(arrivals)
    left = Counter(arrivals)
    since: dict[str, int] = {}
    for number, key in enumerate(served):
        for other, count in left.items():
            if count and other != key:
                since[other] = since.get(other, 0) + 1
                assert since[other] <= 2 * len(KEYS), "nobody is passed over for long"
        since[key] = 0
        left[key] -= 1
        rivals = [k for k, count in left.items() if count and k != key]
        if rivals and number + 1 < len(served):
            assert served[number + 1] != key, "a key with many calls waits behind every other key in between"


async def test_a_key_with_many_calls_does_not_hold_up_another() -> None:
    bay = Bay(Lane("here/m", 1, bound=64))
    for _ in range(10):
        bay.arrive("greedy")
    await bay.turn()
    bay.arrive("modest")
    await bay.turn()
    for _ in range(3):
        bay.running.pop()
        bay.lane.release()
        await bay.turn()
    assert "modest" in bay.served


async def test_a_full_queue_tells_when_to_come_back() -> None:
    lane = Lane("here/m", 2, bound=1)
    assert lane.acquire_nowait() and lane.acquire_nowait() and not lane.acquire_nowait()
    lane.seconds_per_call = 12.0
    waiting = asyncio.create_task(lane.acquire("a"))
    await asyncio.sleep(0)
    with pytest.raises(QueueFull, match="2 calls run on its 2 slots and 1 wait") as caught:
        await lane.acquire("b")
    assert caught.value.retry_after == 12.0 and caught.value.status == 429
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert lane.statistics().waiting == 0


async def test_nobody_overtakes_those_who_wait() -> None:
    lane = Lane("here/m", 1, bound=4)
    assert lane.acquire_nowait()
    waiting = asyncio.create_task(lane.acquire("a"))
    await asyncio.sleep(0)
    lane.resize(0)
    lane.resize(1)
    await waiting
    assert lane.in_flight == 2
    lane.release()
    assert not lane.acquire_nowait()


async def test_no_slots_means_no_limit() -> None:
    lanes = LocalLanes(0)
    assert all(lanes.acquire_nowait("desk", 0) for _ in range(1000))
    for _ in range(1000):
        lanes.release("desk", 0.001)
    (statistics,) = lanes.statistics()
    assert (statistics.in_flight, statistics.slots) == (0, 0)


async def test_more_slots_let_waiters_in_at_once_and_durations_are_averaged() -> None:
    lanes = LocalLanes(8)
    assert lanes.acquire_nowait("here/m", 1)
    waiting = [asyncio.create_task(lanes.acquire("here/m", 1, key=key)) for key in KEYS]
    await asyncio.sleep(0)
    assert not lanes.acquire_nowait("here/m", 3)
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.sleep(0)
    assert sum(task.done() for task in waiting) == 2
    lanes.release("here/m", 3.5)
    await asyncio.gather(*waiting)
    assert lanes._lanes["here/m"].seconds_per_call == pytest.approx(1.5)
