"""The supervisor over small real processes: starts, sharing, idling, stopping."""

import asyncio
import os
from pathlib import Path

import pytest

from hostler.engines import run as run_module
from hostler.engines.leftovers import log_path, read_records, state_path
from hostler.engines.recipe import Recipe
from hostler.engines.supervision import options_from
from hostler.errors import Draining, EngineFailed, EngineMissing, ModelNotFound
from hostler.settings import EngineSettings, Settings
from hostler.system.process import identify, is_alive
from tests.engines.fake_engine import FakeEngine
from tests.engines.stable import stable
from tests.waiting import wait_until

A, B = "here/a", "here/b"


@pytest.mark.parametrize("reports", [True, False])
async def test_an_engine_starts_on_first_use_and_is_kept(tmp_path: Path, reports: bool) -> None:
    engine = FakeEngine(reports_port=reports)
    async with stable(tmp_path, engine) as around:
        supervisor = around.supervisor
        assert supervisor.hold_nowait(A) is None
        endpoint = await supervisor.hold(A)
        assert (endpoint.host, endpoint.model, endpoint.slots) == ("127.0.0.1", A, 1)
        assert endpoint.api_key and endpoint.api_key not in repr(endpoint)
        assert supervisor.hold_nowait(A) == endpoint
        status = around.status(A)
        assert status is not None
        assert (status.state, status.in_flight, status.port) == ("ready", 2, endpoint.port)
        (record,) = read_records(tmp_path / "engines")
        assert (record.engine.pid, record.owner.pid, record.port) == (status.pid, os.getpid(), endpoint.port)
        supervisor.release(A)
        supervisor.release(A)
        assert len(engine.starts) == 1
        assert around.kinds() == ["starting", "ready"]
    assert around.kinds() == ["starting", "ready", "stopping", "stopped"]
    assert not is_alive(record.engine)
    assert read_records(tmp_path / "engines") == ()


async def test_callers_share_one_start(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with stable(tmp_path, engine) as around:
        endpoints = await asyncio.gather(*(around.supervisor.hold(A) for _ in range(5)))
        assert len(set(endpoints)) == len(engine.starts) == 1
        status = around.status(A)
        assert status is not None and (status.in_flight, status.waiting) == (5, 0)


async def test_different_models_load_at_the_same_time(tmp_path: Path) -> None:
    async with stable(tmp_path) as around:
        a, b = await asyncio.gather(around.supervisor.hold(A), around.supervisor.hold(B))
        assert a.port != b.port and a.api_key != b.api_key
        assert around.kinds()[:2] == ["starting", "starting"]


async def test_a_caller_that_leaves_does_not_take_the_start_with_it(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with stable(tmp_path, engine) as around:
        leaver, stayer = (asyncio.create_task(around.supervisor.hold(A)) for _ in range(2))
        await wait_until(lambda: around.kinds() == ["starting"])
        leaver.cancel()
        endpoint = await stayer
        assert leaver.cancelled()
        status = around.status(A)
        assert endpoint.model == A and status is not None and status.in_flight == 1


async def test_a_start_that_everybody_left_goes_on_and_ends_idle(tmp_path: Path) -> None:
    async with stable(tmp_path, idle_ttl_s=0.02) as around:
        caller = asyncio.create_task(around.supervisor.hold(A))
        await wait_until(lambda: around.kinds() == ["starting"])
        caller.cancel()
        await wait_until(lambda: around.kinds() == ["starting", "ready", "stopping", "stopped"])
        assert around.supervisor.statistics() == ()


@pytest.mark.slow
async def test_an_engine_is_unloaded_when_unused_but_never_in_use(tmp_path: Path) -> None:
    async with stable(tmp_path, idle_ttl_s=0.02) as around:
        await around.supervisor.hold(A)
        await around.supervisor.hold(B)
        around.supervisor.release(B)
        await wait_until(lambda: "stopped" in around.kinds(B))
        assert around.kinds(A) == ["starting", "ready"]
        around.supervisor.release(A)
        await wait_until(lambda: "stopped" in around.kinds(A))
        assert around.events[-1][1]["reason"] == "unused for 0.02 s"


async def test_stopping_an_engine_that_ignores_sigterm_kills_it(tmp_path: Path) -> None:
    async with stable(tmp_path, FakeEngine({"stubborn": True}), stop_grace_s=0.03) as around:
        await around.supervisor.hold(A)
        process = identify(around.pid(A))
        assert process is not None
        assert await around.supervisor.stop(A)
        assert not is_alive(process)
        assert not await around.supervisor.stop(A)
        assert not await around.supervisor.stop("here/unheard-of")


async def test_stopping_a_start_tells_those_who_wait(tmp_path: Path) -> None:
    async with stable(tmp_path, FakeEngine({"hang": True})) as around:
        callers = [asyncio.create_task(around.supervisor.hold(A)) for _ in range(2)]
        await wait_until(lambda: around.status(A) is not None and bool(read_records(tmp_path / "engines")))
        process = identify(around.pid(A))
        assert process is not None
        assert await around.supervisor.stop(A)
        for caller in callers:
            with pytest.raises(EngineFailed, match="given up: stopped on request"):
                await caller
        assert not is_alive(process)
        assert not state_path(tmp_path / "engines", A).exists()
        assert around.kinds()[-1] == "stopped"


async def test_closing_while_starting_leaves_nothing_and_nobody_waiting(tmp_path: Path) -> None:
    async with stable(tmp_path, FakeEngine({"hang": True})) as around:
        early = asyncio.create_task(around.supervisor.hold(A))
        await wait_until(lambda: bool(read_records(tmp_path / "engines")))
        late = asyncio.create_task(around.supervisor.hold(B))
        await asyncio.sleep(0)  # its start has been made, but has not taken a step
        await around.supervisor.close()
        for caller in (early, late):
            with pytest.raises(EngineFailed, match="shutting down"):
                await caller
        with pytest.raises(Draining):
            await around.supervisor.hold(A)
    assert read_records(tmp_path / "engines") == ()


@pytest.mark.slow
async def test_a_changed_recipe_is_served_after_the_running_calls(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with stable(tmp_path, engine) as around:
        old = await around.supervisor.hold(A)
        around.recipes[A] = Recipe(path=A)
        assert around.supervisor.hold_nowait(A) == old, "an equal recipe is the same recipe"
        around.supervisor.release(A)
        around.recipes[A] = Recipe(path=A, slots=2)
        assert around.supervisor.hold_nowait(A) is None
        caller = asyncio.create_task(around.supervisor.hold(A))
        await wait_until(lambda: not around.supervisor.is_ready(A))
        assert len(engine.starts) == 1 and not caller.done()
        around.supervisor.release(A)
        new = await caller
        assert new.slots == 2 and new != old
        assert around.kinds() == ["starting", "ready", "stopping", "stopped", "starting", "ready"]


@pytest.mark.slow
async def test_progress_is_told_while_a_model_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "PROGRESS_S", 0.01)
    async with stable(tmp_path, FakeEngine({"load_s": 0.5, "say": ["loading tensors"]})) as around:
        around.sizes[A] = 1 << 40
        await around.supervisor.hold(A)
        told = [data for kind, data in around.events if kind == "engine.progress"]
        assert any(data["line"] == "loading tensors" for data in told)
        assert all(0 <= float(str(data["fraction"])) < 1 for data in told)


def test_the_settings_are_its_options(tmp_path: Path) -> None:
    engine = EngineSettings(idle_ttl_s=7.0, memory_reserve_mb=2, memory_limit_mb=3, enabled=False)
    options = options_from(Settings(engine=engine, data_dir=tmp_path))
    assert (options.folder, options.idle_ttl_s, options.enabled) == (tmp_path / "engines", 7.0, False)
    assert (options.reserve_bytes, options.limit_bytes, options.log_bytes) == (2 << 20, 3 << 20, 8 << 20)


async def test_engines_can_be_switched_off(tmp_path: Path) -> None:
    async with stable(tmp_path, enabled=False) as around:
        with pytest.raises(EngineMissing, match="switched off"):
            await around.supervisor.hold(A)


async def test_unknown_ids_are_refused_and_not_remembered(tmp_path: Path) -> None:
    async with stable(tmp_path) as around:
        for _ in range(3):
            with pytest.raises(ModelNotFound):
                await around.supervisor.hold("elsewhere/x")
        assert around.supervisor.statistics() == ()


async def test_the_log_keeps_within_its_bound_while_the_engine_writes(tmp_path: Path) -> None:
    engine = FakeEngine({"say": ["x" * 80] * 100})
    async with stable(tmp_path, engine, idle_ttl_s=0.08, log_bytes=1000) as around:
        await around.supervisor.hold(A)  # in use, so it stays; the idle time sets the pace of the housekeeping
        log = log_path(tmp_path / "engines", A)
        await wait_until(lambda: log.stat().st_size <= 1000)
        assert log.with_name(log.name + ".1").stat().st_size > 1000
        assert around.supervisor.is_ready(A)
