"""The supervisor when memory is short: unloading, waiting, taking turns, refusing."""

import asyncio
from pathlib import Path

import pytest

from hostler.errors import NotEnoughMemory
from hostler.system.process import identify, is_alive
from tests.engines.stable import Stable, stable
from tests.waiting import wait_until

A, B, C = "here/a", "here/b", "here/c"
GIB = 1 << 30


def sized(around: Stable, *, room: int, **sizes: int) -> Stable:
    """Room and sizes in GiB."""
    around.available = room * GIB
    around.sizes = {f"here/{name}": size * GIB for name, size in sizes.items()}
    return around


async def use(around: Stable, model_id: str) -> None:
    await around.supervisor.hold(model_id)
    around.supervisor.release(model_id)


@pytest.mark.slow
async def test_the_least_recently_used_engine_makes_room(tmp_path: Path) -> None:
    async with stable(tmp_path) as around:
        sized(around, room=8, a=4, b=4, c=4)
        await use(around, A)
        await use(around, B)
        await use(around, A)
        first = identify(around.pid(B))
        await use(around, C)
        assert first is not None and not is_alive(first), "memory is free before the next engine starts"
        assert around.kinds(B) == ["starting", "ready", "stopping", "stopped"]
        assert around.kinds(A) == ["starting", "ready"]
        assert around.events[-3] == ("engine.stopped", {"model": B, "reason": "its memory is needed for here/c"})


@pytest.mark.slow
async def test_engines_that_fit_live_together(tmp_path: Path) -> None:
    async with stable(tmp_path) as around:
        sized(around, room=8, a=4, b=4)
        await use(around, A)
        await use(around, B)
        assert {s.state for s in around.supervisor.statistics()} == {"ready"}


@pytest.mark.slow
async def test_an_engine_with_calls_in_flight_is_waited_for(tmp_path: Path) -> None:
    async with stable(tmp_path) as around:
        sized(around, room=4, a=4, b=4)
        await around.supervisor.hold(A)
        caller = asyncio.create_task(around.supervisor.hold(B))
        await wait_until(lambda: "waiting" in around.kinds(B))
        assert around.events[-1] == ("engine.waiting", {"model": B, "waits_for": [A]})
        assert around.kinds(A) == ["starting", "ready"] and not caller.done()
        around.supervisor.release(A)
        assert (await caller).model == B


@pytest.mark.slow
async def test_two_models_that_do_not_fit_take_turns(tmp_path: Path) -> None:
    async with stable(tmp_path) as around:
        sized(around, room=4, a=4, b=4)
        await around.supervisor.hold(A)
        b = asyncio.create_task(around.supervisor.hold(B))
        await wait_until(lambda: "waiting" in around.kinds(B))
        assert around.supervisor.hold_nowait(A) is None, "a new call may not overtake the start that waits"
        a = asyncio.create_task(around.supervisor.hold(A))
        around.supervisor.release(A)
        assert (await b).model == B
        assert not a.done()
        around.supervisor.release(B)
        assert (await a).model == A
        assert around.kinds(A).count("ready") == 2


@pytest.mark.slow
async def test_callers_whose_engine_is_asked_away_at_once_are_still_served(tmp_path: Path) -> None:
    async with stable(tmp_path) as around:
        sized(around, room=4, a=4, b=4)
        a = [asyncio.create_task(around.supervisor.hold(A)) for _ in range(3)]
        await wait_until(lambda: around.kinds() == ["starting"])
        b = asyncio.create_task(around.supervisor.hold(B))
        await asyncio.gather(*a)
        assert around.kinds(A) == ["starting", "ready"] and not b.done()
        for _ in a:
            around.supervisor.release(A)
        await b


@pytest.mark.slow
async def test_a_waiting_start_that_is_given_up_frees_the_way(tmp_path: Path) -> None:
    async with stable(tmp_path) as around:
        sized(around, room=4, a=4, b=4)
        await around.supervisor.hold(A)
        b = asyncio.create_task(around.supervisor.hold(B))
        await wait_until(lambda: "waiting" in around.kinds(B))
        a = asyncio.create_task(around.supervisor.hold(A))
        await asyncio.sleep(0)
        await around.supervisor.stop(B)
        assert isinstance((await asyncio.gather(b, return_exceptions=True))[0], Exception)
        assert (await a).model == A
        assert around.kinds(A) == ["starting", "ready"]


@pytest.mark.slow
async def test_what_can_never_fit_is_refused_and_nothing_is_unloaded(tmp_path: Path) -> None:
    async with stable(tmp_path, reserve_bytes=2 * GIB) as around:
        sized(around, room=8, a=2, b=7)
        await use(around, A)
        with pytest.raises(NotEnoughMemory, match=r"needs 7\.0 GiB and 6\.0 GiB can be made available"):
            await around.supervisor.hold(B)
        assert around.kinds(A) == ["starting", "ready"]
        around.available = 9 * GIB
        assert await around.supervisor.hold(B), "refusals are decided anew each time"


@pytest.mark.slow
async def test_engines_keep_within_their_own_limit(tmp_path: Path) -> None:
    async with stable(tmp_path, limit_bytes=5 * GIB) as around:
        sized(around, room=64, a=3, b=3)
        await use(around, A)
        await use(around, B)
        assert "stopped" in around.kinds(A)
        with pytest.raises(NotEnoughMemory):
            around.sizes[C] = 6 * GIB
            await around.supervisor.hold(C)
