"""The supervisor when engines fail: at the start, while serving, never ready, port taken."""

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest

from hostler.engines.engine import EngineEndpoint, Start
from hostler.engines.leftovers import read_records
from hostler.engines.recipe import Recipe
from hostler.errors import EngineCrashed, EngineFailed, EngineTimeout, ModelFileError, NotEnoughMemory
from hostler.system.process import identify, is_alive
from tests.engines.fake_engine import FakeEngine
from tests.engines.stable import stable
from tests.waiting import wait_until

A = "here/a"


async def ask(endpoint: EngineEndpoint, path: str) -> bytes:
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    writer.write(f"GET {path} HTTP/1.1\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return answer


@pytest.mark.parametrize(
    ("say", "error", "words"),
    [
        ("something odd", EngineFailed, "exit status 7"),
        ("MEMORY: bad_alloc", NotEnoughMemory, "memory ran out: bad_alloc"),
        ("FILE: invalid magic", ModelFileError, "no good: invalid magic"),
    ],
)
async def test_an_engine_that_ends_at_its_start_says_why(
    tmp_path: Path, say: str, error: type[Exception], words: str
) -> None:
    async with stable(tmp_path, FakeEngine({"say": ["first", say], "exit": 7})) as around:
        with pytest.raises(error, match=words) as caught:
            await around.supervisor.hold(A)
        assert caught.value.log_tail == ("first", say)  # type: ignore[attr-defined]
        assert around.kinds() == ["starting", "failed"]
        assert around.events[-1][1]["log_tail"] == ["first", say]
        assert read_records(tmp_path / "engines") == ()


@pytest.mark.slow
async def test_after_a_failed_start_calls_fail_at_once_until_the_backoff_is_over(tmp_path: Path) -> None:
    engine = FakeEngine({"exit": 1})
    async with stable(tmp_path, engine) as around:
        for _ in range(3):
            with pytest.raises(EngineFailed) as caught:
                await around.supervisor.hold(A)
        assert len(engine.starts) == 1
        assert caught.value.retry_after is not None and 20 < caught.value.retry_after <= 30
        status = around.status(A)
        assert status is not None and (status.state, status.failures) == ("failed", 1)
        engine.switches.clear()
        around.recipes[A] = Recipe(path=A, threads=1)
        assert await around.supervisor.hold(A), "a changed recipe is tried at once"


@pytest.mark.slow
async def test_a_failing_engine_is_tried_again_after_the_backoff(tmp_path: Path) -> None:
    engine = FakeEngine({"exit": 1})
    async with stable(tmp_path, engine, backoff_base_s=0.01) as around:

        def may_retry() -> bool:
            status = around.status(A)
            return status is not None and status.retry_after_s == 0

        for _ in range(2):
            with pytest.raises(EngineFailed):
                await around.supervisor.hold(A)
            await wait_until(may_retry)
        engine.switches.clear()
        assert await around.supervisor.hold(A)
        status = around.status(A)
        assert status is not None and (status.failures, status.error) == (2, None)


async def test_what_is_found_before_a_start_costs_no_backoff(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with stable(tmp_path, engine) as around:
        around.broken = ModelFileError("model file x does not exist")
        for _ in range(2):
            with pytest.raises(ModelFileError, match="does not exist"):
                await around.supervisor.hold(A)
        around.broken = None
        assert await around.supervisor.hold(A)
        assert len(engine.starts) == 1


async def test_a_broken_new_recipe_leaves_the_running_calls_alone(tmp_path: Path) -> None:
    async with stable(tmp_path) as around:
        await around.supervisor.hold(A)
        process = identify(around.pid(A))
        around.recipes[A] = Recipe(path="elsewhere")
        around.broken = ModelFileError("gone")
        with pytest.raises(ModelFileError):
            await around.supervisor.hold(A)
        assert process is not None and is_alive(process)
        around.recipes[A] = Recipe(path=A)
        assert around.supervisor.hold_nowait(A), "the old recipe is back, and its engine still runs"


@pytest.mark.slow
async def test_a_crash_while_serving_is_explained_and_the_next_call_restarts(tmp_path: Path) -> None:
    engine = FakeEngine({"say": ["loaded"]})
    async with stable(tmp_path, engine) as around:
        endpoint = await around.supervisor.hold(A)
        assert await around.supervisor.wait_failure(A, 0.0, endpoint=endpoint) is None
        assert await ask(endpoint, "/crash") == b""
        error = await around.supervisor.wait_failure(A, 5.0, endpoint=endpoint)
        assert isinstance(error, EngineCrashed)
        assert "no more of it" in error.message and error.log_tail == ("loaded", "MEMORY: no more of it")
        assert around.kinds() == ["starting", "ready", "crashed"]
        assert around.supervisor.hold_nowait(A) is None
        assert read_records(tmp_path / "engines") == ()
        again = await around.supervisor.hold(A)
        assert await around.supervisor.wait_failure(A, 0.0, endpoint=endpoint) is error
        assert await around.supervisor.wait_failure(A, 0.0, endpoint=again) is None
        around.supervisor.release(A)
        around.supervisor.release(A)
        status = around.status(A)
        assert status is not None and (status.in_flight, status.failures) == (0, 1)


@pytest.mark.slow
async def test_crashing_again_soon_is_answered_with_a_backoff(tmp_path: Path) -> None:
    async with stable(tmp_path) as around:
        for _ in range(2):
            endpoint = await around.supervisor.hold(A)
            await ask(endpoint, "/crash")
            assert await around.supervisor.wait_failure(A, 5.0)
        with pytest.raises(EngineCrashed) as caught:
            await around.supervisor.hold(A)
        assert caught.value.retry_after and caught.value.retry_after > 29
        await around.supervisor.stop(A)
        assert await around.supervisor.hold(A), "stopping it on request forgets its failures"


async def test_calls_that_an_unload_broke_are_told(tmp_path: Path) -> None:
    async with stable(tmp_path) as around:
        endpoint = await around.supervisor.hold(A)
        await around.supervisor.stop(A)
        error = await around.supervisor.wait_failure(A, 0.0, endpoint=endpoint)
        assert error is not None and "stopped on request" in error.message
        assert await around.supervisor.wait_failure("here/unheard-of", 0.0) is None


@pytest.mark.slow
@pytest.mark.parametrize("switches", [{"never_ready": True}, {"hang": True}])
async def test_an_engine_that_never_becomes_ready_is_ended(tmp_path: Path, switches: dict[str, object]) -> None:
    engine = FakeEngine({"say": ["still loading"], **switches})
    async with stable(tmp_path, engine, start_timeout_s=2.0) as around:
        caller = asyncio.create_task(around.supervisor.hold(A))
        await wait_until(lambda: bool(read_records(tmp_path / "engines")))
        process = identify(around.pid(A))
        with pytest.raises(EngineTimeout, match=r"not ready after 2 s") as caught:
            await caller
        assert caught.value.log_tail == ("still loading",)
        assert process is not None and not is_alive(process)
        assert [kind for kind in around.kinds() if kind != "progress"] == ["starting", "failed"]


class Stranger:
    """Takes the port meant for an engine, the first `times` times; answers nobody."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.listeners: list[socket.socket] = []

    def __call__(self, start: Start) -> None:
        if len(self.listeners) < self.times:
            self.listeners.append(socket.create_server(("127.0.0.1", start.port)))

    def leave(self) -> None:
        for listener in self.listeners:
            listener.close()


@pytest.mark.parametrize("hang", [False, True], ids=["engine says so", "engine says nothing"])
@pytest.mark.parametrize("times", [1, 2])
async def test_a_stranger_on_the_port_is_noticed(tmp_path: Path, times: int, hang: bool) -> None:
    stranger = Stranger(times)
    engine = FakeEngine({}, before_spawn=stranger)

    def meet(start: Start) -> None:
        stranger(start)
        engine.switches = {"hang": True} if hang and len(engine.starts) <= times else {}

    engine.before_spawn = meet
    async with stable(tmp_path, engine) as around:
        try:
            if times == 1:
                endpoint = await around.supervisor.hold(A)
                assert endpoint.port == engine.starts[1].port != engine.starts[0].port
                assert engine.starts[0].api_key != engine.starts[1].api_key
            else:
                with pytest.raises(EngineFailed, match="taken by another program"):
                    await around.supervisor.hold(A)
            assert len(engine.starts) == 2
        finally:
            stranger.leave()
