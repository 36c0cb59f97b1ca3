"""A call that runs by hand loses nothing that it was given, whichever turn of the loop it is cancelled in."""

import asyncio

import pytest

from hostler.system.eager import Eager, in_task

TURNS = range(6)


@pytest.mark.parametrize("turns", TURNS)
async def test_what_came_as_the_waiter_was_cancelled_is_given_back(turns: int) -> None:
    taken, used = 0, 0

    async def acquire() -> int:
        nonlocal taken
        await asyncio.sleep(0)
        taken += 1
        return taken

    def release(_slot: int) -> None:
        nonlocal taken
        taken -= 1

    async def call() -> None:
        nonlocal used
        release(await in_task(acquire(), release))
        used += 1

    ends: list[BaseException | None] = []
    eager = Eager(call(), lambda _, error: ends.append(error))
    eager.start()
    for _ in range(turns):
        await asyncio.sleep(0)
    eager.cancel()
    for _ in TURNS:
        await asyncio.sleep(0)
    assert taken == 0
    assert len(ends) == 1 and (ends[0] is None) == bool(used)


async def test_a_failure_that_came_as_the_waiter_was_cancelled_is_taken_note_of() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    ends: list[BaseException | None] = []
    eager = Eager(in_task(fail(), lambda _: pytest.fail("nothing was given")), lambda _, error: ends.append(error))
    eager.start()
    await asyncio.sleep(0)
    eager.cancel()
    assert isinstance(ends[0], asyncio.CancelledError)
