"""A coroutine driven by hand behaves as a task would where it must: results, errors, and above all cancelling."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from hostler.system.eager import Eager, Signal

Ends = list[BaseException | None]
Started = tuple[Eager, Ends]


def begin(coroutine: Coroutine[Any, Any, None]) -> Started:
    """Start it; the list gets what ended it."""
    ends: Ends = []
    eager = Eager(coroutine, lambda _, error: ends.append(error))
    eager.start()
    return eager, ends


async def turn() -> None:
    """One turn of the loop and what it brought about."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_what_needs_no_waiting_is_over_when_start_returns() -> None:
    async def work() -> None:
        seen.append(1)

    seen: list[int] = []
    eager, ends = begin(work())
    assert (seen, ends, eager.ended) == ([1], [None], True)


async def test_a_signal_resumes_its_waiter_within_set() -> None:
    signal: Signal[int] = Signal()
    seen: list[int] = []

    async def work() -> None:
        seen.append(await signal)

    _, ends = begin(work())
    assert (seen, ends) == ([], [])
    signal.set(7)
    assert (seen, ends) == ([7], [None])
    signal.set(8)
    assert seen == [7], "the first value counts"


async def test_a_signal_that_is_set_already_does_not_pause() -> None:
    signal: Signal[int] = Signal()
    signal.set(7)

    async def work() -> None:
        seen.append(await signal)

    seen: list[int] = []
    assert begin(work())[1] == [None] and seen == [7]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), asyncio.CancelledError()])
async def test_an_error_goes_to_the_owner(error: BaseException) -> None:
    async def work() -> None:
        raise error

    assert begin(work())[1] == [error]


async def test_futures_and_tasks_are_awaited() -> None:
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    seen: list[int] = []

    async def later() -> int:
        await asyncio.sleep(0)
        return 2

    async def work() -> None:
        seen.append(await future)
        seen.append(await asyncio.ensure_future(later()))
        with pytest.raises(ValueError, match="no"):
            await failing

    failing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    failing.set_exception(ValueError("no"))
    _, ends = begin(work())
    future.set_result(1)
    await turn()
    await turn()
    assert (seen, ends) == ([1, 2], [None])


async def test_cancelling_at_a_signal_ends_it_at_once() -> None:
    signal: Signal[None] = Signal()
    cleaned: list[bool] = []

    async def work() -> None:
        try:
            await signal
        finally:
            cleaned.append(True)

    eager, ends = begin(work())
    eager.cancel()
    assert cleaned == [True] and isinstance(ends[0], asyncio.CancelledError) and eager.ended
    signal.set(None)
    eager.cancel()
    assert len(ends) == 1, "it ends once"


async def test_cancelling_at_a_future_cancels_what_it_waits_for() -> None:
    left: list[str] = []

    async def child() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            left.append("child")
            raise

    async def work() -> None:
        await asyncio.ensure_future(child())

    eager, ends = begin(work())
    await turn()
    eager.cancel()
    assert isinstance(ends[0], asyncio.CancelledError)
    await turn()
    assert left == ["child"]


async def test_cancelling_from_its_own_turn_counts_at_the_next_pause() -> None:
    signal: Signal[None] = Signal()
    seen: list[int] = []
    owner: list[Eager] = []

    async def work() -> None:
        await first
        owner[0].cancel()
        seen.append(1)
        await signal
        seen.append(2)

    first: Signal[None] = Signal()
    eager, ends = begin(work())
    owner.append(eager)
    first.set(None)
    assert seen == [1] and isinstance(ends[0], asyncio.CancelledError)


async def test_cleaning_up_may_wait() -> None:
    first: Signal[None] = Signal()
    second: Signal[None] = Signal()
    seen: list[str] = []

    async def work() -> None:
        try:
            await first
        finally:
            await second
            seen.append("clean")

    eager, ends = begin(work())
    eager.cancel()
    assert not ends and not seen
    second.set(None)
    assert seen == ["clean"] and isinstance(ends[0], asyncio.CancelledError)


async def test_one_that_carries_on_after_a_cancel_ends_well() -> None:
    first: Signal[None] = Signal()

    async def work() -> None:
        try:
            await first
        except asyncio.CancelledError:
            return

    eager, ends = begin(work())
    eager.cancel()
    assert ends == [None]


@pytest.mark.parametrize("when", ["future done", "task done"])
async def test_what_was_given_already_is_not_lost_to_a_cancel(when: str) -> None:
    """The future is done but the waiter's turn has not come: what it was given (a slot, a connection) must arrive,
    or nobody would give it back."""
    free: list[str] = []
    gate: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def acquire() -> str:
        return await gate

    async def work() -> None:
        slot = await (gate if when == "future done" else asyncio.ensure_future(acquire()))
        try:
            await Signal[None]()
        finally:
            free.append(slot)

    eager, ends = begin(work())
    await turn()
    gate.set_result("slot")
    if when == "task done":
        await asyncio.sleep(0)  # the task ends in this turn, the waiter is called in the next
    assert not eager.ended
    eager.cancel()
    await turn()
    assert free == ["slot"] and isinstance(ends[0], asyncio.CancelledError)


@pytest.mark.parametrize("turns", range(8))
async def test_a_slot_survives_a_cancel_in_whatever_turn(turns: int) -> None:
    """The same through a queue: whenever the cancel comes, the count of slots is right afterwards."""
    free = asyncio.Semaphore(0)
    held = [0]

    async def work() -> None:
        await asyncio.ensure_future(free.acquire())
        held[0] += 1
        try:
            await Signal[None]()
        finally:
            held[0] -= 1
            free.release()

    eager, _ = begin(work())
    await turn()
    free.release()
    for _ in range(turns):
        await asyncio.sleep(0)
    eager.cancel()
    await turn()
    await turn()
    assert eager.ended and held == [0]
    assert not free.locked(), "the one slot is free again"


async def test_the_first_pause_is_reached_without_a_turn_of_the_loop() -> None:
    order: list[str] = []

    async def work() -> None:
        order.append("inside")
        await signal

    signal: Signal[None] = Signal()
    asyncio.get_running_loop().call_soon(order.append, "loop")
    eager, _ = begin(work())
    order.append("outside")
    await turn()
    assert order == ["inside", "outside", "loop"]
    eager.cancel()


def test_nothing_is_left_unawaited() -> None:
    def check(make: Callable[[], Coroutine[Any, Any, None]]) -> str:
        coroutine = make()
        eager = Eager(coroutine, lambda _, __: None)
        eager.start()
        eager.cancel()
        return inspect.getcoroutinestate(coroutine)

    async def quick() -> None: ...

    async def slow() -> None:
        await Signal[None]()

    assert check(quick) == check(slow) == inspect.CORO_CLOSED
