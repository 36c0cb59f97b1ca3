"""The event log: order, bounds, and readers in other threads and at other speeds."""

import asyncio
import threading
from contextlib import aclosing

from hostler.system.clock import FakeClock
from hostler.system.event_log import Event, EventLog, Gap


def numbers(items: list[Event | Gap]) -> list[object]:
    return [item.seq if isinstance(item, Event) else (item.first, item.last) for item in items]


def test_events_are_numbered_timed_and_kept_in_order() -> None:
    clock = FakeClock()
    log = EventLog(clock=clock)
    assert log.publish("engine.starting", {"model": "here/demo"}) == 1
    clock.advance(1.5)
    assert log.publish("engine.ready") == 2
    last, events = log.snapshot()
    assert last == 2
    assert [(e.seq, e.kind, e.data) for e in events] == [
        (1, "engine.starting", {"model": "here/demo"}),
        (2, "engine.ready", {}),
    ]
    assert events[1].at - events[0].at == 1_500


def test_the_ring_is_bounded_and_says_what_is_gone() -> None:
    log = EventLog(capacity=4)
    assert log.tail() == []
    for _ in range(4):
        log.publish("x")
    assert numbers(log.tail()) == [1, 2, 3, 4]
    for _ in range(6):
        log.publish("x")
    assert numbers(log.tail()) == [(1, 6), 7, 8, 9, 10]
    assert numbers(log.tail(6)) == [7, 8, 9, 10]
    assert numbers(log.tail(8, limit=1)) == [9]
    assert log.tail(10) == []
    assert numbers(log.tail(99, limit=2)) == [(1, 6), 7, 8], "a number that was never given out means: all of it"
    assert log.statistics().kept == 4


async def test_readers_follow_from_where_they_were() -> None:
    log = EventLog()
    log.publish("a")
    log.publish("b")
    async with aclosing(log.subscribe(1)) as events:
        assert [(await anext(events)).seq] == [2]  # type: ignore[union-attr]
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        assert not waiting.done()
        assert log.statistics().readers == 1
        log.publish("c")
        async with asyncio.timeout(20):
            assert numbers([await waiting]) == [3]
    assert log.statistics().readers == 0


async def test_a_slow_reader_gets_a_gap_and_nobody_waits_for_it() -> None:
    log = EventLog(capacity=8)
    async with aclosing(log.subscribe(0)) as events:
        log.publish("first")
        assert numbers([await anext(events)]) == [1]
        for _ in range(600):
            log.publish("x")
        seen = [await anext(events) for _ in range(9)]
        assert numbers(seen) == [(2, 593), *range(594, 602)]


async def test_any_thread_may_publish() -> None:
    log = EventLog()
    threads = [threading.Thread(target=lambda: [log.publish("x") for _ in range(100)]) for _ in range(4)]
    async with aclosing(log.subscribe(0)) as events, asyncio.timeout(10):
        for thread in threads:
            thread.start()
        seen = [await anext(events) for _ in range(400)]
    for thread in threads:
        thread.join()
    assert numbers(seen) == list(range(1, 401))


async def test_a_cancelled_reader_leaves() -> None:
    log = EventLog()

    async def follow() -> None:
        async for _ in log.subscribe():
            pass

    task = asyncio.ensure_future(follow())
    await asyncio.sleep(0)
    assert log.statistics().readers == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert log.statistics().readers == 0


def test_a_reader_whose_loop_is_closed_is_dropped() -> None:
    log = EventLog()

    async def begin() -> None:
        reader = log.subscribe()
        kept.append(reader)
        task = asyncio.ensure_future(anext(reader))
        await asyncio.sleep(0)
        task.cancel()

    kept: list[object] = []
    loop = asyncio.new_event_loop()
    loop.run_until_complete(begin())
    loop.close()
    log.publish("x")
    log.publish("y")
    assert log.statistics().readers == 0
