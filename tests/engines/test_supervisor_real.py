"""The supervisor over the real engine: it answers, it is locked down, it never outlives its owner."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import uvloop

from hostler.engines.engine import EngineEndpoint
from hostler.engines.leftovers import log_path, read_records, sweep_leftovers
from hostler.engines.recipe import DEMO_MODEL, demo_recipe
from hostler.engines.supervisor import Supervisor
from hostler.errors import EngineCrashed, EngineFailed
from hostler.system.process import identify, is_alive
from tests.engines.owner_program import MODEL, real_supervisor, start_owner
from tests.waiting import wait_until

pytest.importorskip("xllamacpp")
pytestmark = pytest.mark.slow

QUESTION = {"model": "whatever", "messages": [{"role": "user", "content": "who are you?"}], "max_tokens": 8}
SLOW_TO_LOAD = 600_000
"""Tokens of context: the engine clears 1.5 GB for them before it is ready."""


async def ask(
    endpoint: EngineEndpoint, path: str, body: object = None, *, key: str | None = None
) -> tuple[int, dict[str, str], bytes]:
    data = json.dumps(body).encode() if body is not None else b""
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    head = (
        f"{'POST' if data else 'GET'} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: https://evil.example\r\n"
        f"Authorization: Bearer {key or endpoint.api_key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    writer.write(head.encode() + data)
    answer_head, _, answer = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    status, *lines = answer_head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(status.split()[1]), headers, answer


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    real = real_supervisor(tmp_path, demo_recipe())
    yield real
    await real.close()


async def test_the_demo_answers_under_its_own_id_whatever_it_was_asked_for(supervisor: Supervisor) -> None:
    endpoint = await supervisor.hold(MODEL)
    status, _, answer = await ask(endpoint, "/v1/chat/completions", QUESTION)
    reply = json.loads(answer)
    assert status == 200
    assert reply["model"] == endpoint.model == MODEL
    assert reply["usage"]["completion_tokens"] == 8
    _, _, stream = await ask(endpoint, "/v1/chat/completions", {**QUESTION, "stream": True})
    assert stream.count(b'"model":"here/demo"') >= 8 and b"whatever" not in stream


def test_it_runs_on_the_loop_that_the_gateway_uses(tmp_path: Path) -> None:
    async def answer() -> int:
        real = real_supervisor(tmp_path, demo_recipe())
        try:
            return (await ask(await real.hold(MODEL), "/v1/chat/completions", QUESTION))[0]
        finally:
            await real.close()

    assert uvloop.run(answer()) == 200
    assert read_records(tmp_path / "engines") == ()


async def test_the_engine_is_locked_down(supervisor: Supervisor) -> None:
    endpoint = await supervisor.hold(MODEL)
    for path in ("/v1/models", "/props", "/slots", "/metrics"):
        assert (await ask(endpoint, path))[0] == 200, path
        assert (await ask(endpoint, path, key="guessed"))[0] == 401, path
    for path in ("/health", "/v1/models"):
        _, headers, _ = await ask(endpoint, path)
        assert headers.get("access-control-allow-origin", "") not in ("*", "https://evil.example")
    assert (await ask(endpoint, "/"))[0] == 404, "no page of its own"
    (status,) = supervisor.statistics()
    process = psutil.Process(status.pid)
    assert endpoint.api_key not in " ".join(process.cmdline()) + str(process.environ())
    assert {c.laddr.ip for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN} == {"127.0.0.1"}


async def test_a_killed_engine_is_a_crash_and_comes_back(supervisor: Supervisor, tmp_path: Path) -> None:
    endpoint = await supervisor.hold(MODEL)
    (status,) = supervisor.statistics()
    assert status.pid is not None
    os.kill(status.pid, signal.SIGKILL)
    error = await supervisor.wait_failure(MODEL, 5.0, endpoint=endpoint)
    assert isinstance(error, EngineCrashed) and "SIGKILL" in error.message
    assert any("listening on" in line for line in error.log_tail)
    again = await supervisor.hold(MODEL)
    assert (await ask(again, "/v1/chat/completions", QUESTION))[0] == 200
    assert endpoint.api_key not in log_path(tmp_path / "engines", MODEL).read_text()


async def test_an_engine_that_cannot_run_its_knobs_says_why(tmp_path: Path) -> None:
    recipe = replace(demo_recipe(), chat_template="{% broken", threads=1)
    supervisor = real_supervisor(tmp_path, recipe)
    with pytest.raises(EngineFailed) as caught:
        await supervisor.hold(MODEL)
    assert caught.value.log_tail
    await supervisor.close()


@contextlib.contextmanager
def owner(folder: Path, context: int = 4096):
    process = start_owner(folder, context)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


async def engine_of(process: "subprocess.Popen[bytes]") -> int:
    assert process.stdout is not None
    return int((await asyncio.to_thread(process.stdout.readline)).split()[0])


async def test_nothing_survives_kill_9_of_an_owner_that_serves_and_others_are_untouched(tmp_path: Path) -> None:
    with owner(tmp_path / "a") as first, owner(tmp_path / "b") as second:
        mine, other = identify(await engine_of(first)), identify(await engine_of(second))
        assert mine is not None and other is not None
        first.kill()
        first.wait()
        await wait_until(lambda: not is_alive(mine))
        for folder in ("a", "b"):
            assert sweep_leftovers(tmp_path / folder / "engines") == ()
        assert read_records(tmp_path / "a" / "engines") == ()
        assert is_alive(other), "another folder's engine"
        assert len(read_records(tmp_path / "b" / "engines")) == 1


async def test_nothing_survives_kill_9_of_an_owner_while_a_model_loads(tmp_path: Path) -> None:
    folder = tmp_path / "engines"
    log = log_path(folder, MODEL)
    with owner(tmp_path, SLOW_TO_LOAD) as process:
        await wait_until(lambda: bool(read_records(folder)) and b"loading model '" in log.read_bytes())
        (record,) = read_records(folder)
        assert record.port == 0 and is_alive(record.engine), "it is loading"
        process.kill()
        process.wait()
        await wait_until(lambda: not is_alive(record.engine))
    assert b"listening on" not in log.read_bytes()


async def test_a_draft_model_is_used(tmp_path: Path) -> None:
    supervisor = real_supervisor(tmp_path, replace(demo_recipe(), draft=str(DEMO_MODEL), mmap=False, kv_type_k="q8_0"))
    endpoint = await supervisor.hold(MODEL)
    _, _, answer = await ask(endpoint, "/v1/chat/completions", {**QUESTION, "temperature": 0})
    assert json.loads(answer)["timings"]["draft_n"] > 0
    await supervisor.close()


async def test_embeddings_are_a_knob(tmp_path: Path, supervisor: Supervisor) -> None:
    text = await supervisor.hold(MODEL)
    asked = {"model": MODEL, "input": "a stable"}
    assert (await ask(text, "/v1/embeddings", asked))[0] == 501
    embedder = real_supervisor(tmp_path / "other", replace(demo_recipe(), embedding=True, pooling="mean"))
    status, _, answer = await ask(await embedder.hold(MODEL), "/v1/embeddings", asked)
    assert status == 200 and len(json.loads(answer)["data"][0]["embedding"]) == 160
    await embedder.close()
