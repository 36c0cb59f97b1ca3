"""Engines that fail, and lanes that are full: what clients of both faces see (issue, sections 5 and 8.5)."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hostler.engines.leftovers import log_path
from tests.end_to_end import scripted_llama
from tests.end_to_end.faces import FACES, ask_of, broke_loudly, ended_well, error_of, text_of
from tests.end_to_end.gate import CHAT, PATIENCE, Gate, Setup, gate, request
from tests.system.http_server.door import Client
from tests.waiting import wait_until

pytestmark = pytest.mark.slow
Stable = Callable[..., AbstractAsyncContextManager[Gate]]


@pytest.fixture
def stable(tmp_path: Path) -> Stable:
    """Opens a gateway whose own engines are scripted ones: model name and knobs per model, settings beside."""

    @asynccontextmanager
    async def opened(*models: dict[str, Any], gateway: Any = None, **engine: Any) -> AsyncIterator[Gate]:
        entry = {"id": "here", "kind": "engine", "models": list(models)}
        settings = {"llama_server": scripted_llama.executable(tmp_path), "stop_grace_s": 1.0, **engine}
        async with gate(tmp_path, entry, setup=Setup(engine=settings, gateway=gateway or {})) as door:
            yield door

    return opened


def saying(face: str, name: str, words: str, **more: Any) -> dict[str, Any]:
    return {**ask_of(face, f"here/{name}", **more), "messages": [{"role": "user", "content": words}]}


async def begin(door: Gate, face: str, body: Any) -> Client:
    """Send a call and wait for the first piece of its stream."""
    client = await door.client()
    client.send(request(face, body))
    assert (await client.head())[0] == 200
    async with asyncio.timeout(PATIENCE):
        await client.reader.readuntil(b"\r\n")
    return client


@pytest.mark.parametrize("face", FACES)
async def test_an_engine_that_crashes_in_a_stream_says_its_last_words(
    face: str, stable: Stable, tmp_path: Path
) -> None:
    async with stable(scripted_llama.recipe(tmp_path, "one")) as door:
        client = await door.client()
        client.send(request(face, saying(face, "one", "crash", stream=True)))
        reply = await client.reply()
        message = broke_loudly(face, reply.body)["message"]
        assert "here/one" in message and "the horse has bolted" in message
        assert "you said crash" in text_of(face, reply.body)
        assert await client.rest() == b""
        (row,) = await door.wait_rows(1)
        assert (row.outcome, row.error, row.status) == ("error", "engine_crashed", 502)
        assert "the horse has bolted" in log_path(tmp_path / "data" / "engines", "here/one").read_text()


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("words", ["crash", "crash-before"])
async def test_an_engine_that_crashes_before_a_whole_reply_is_a_502(
    face: str, words: str, stable: Stable, tmp_path: Path
) -> None:
    async with stable(scripted_llama.recipe(tmp_path, "one")) as door:
        reply = await door.ask(face, saying(face, "one", words))
        assert reply.status == 502
        assert "the horse has bolted" in error_of(face, reply)["message"]
        (row,) = await door.wait_rows(1)
        assert (row.outcome, row.error) == ("error", "engine_crashed")


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("exits", (503, "model_file_error", "unknown model architecture")),
        ("no-memory", (503, "not_enough_memory", "failed to allocate")),
        ("never-ready", (504, "engine_timeout", "was not ready after 0.6 s")),
    ],
)
async def test_an_engine_that_does_not_come_up(
    face: str, name: str, told: tuple[int, str, str], stable: Stable, tmp_path: Path
) -> None:
    status, code, words = told
    limit = {"start_timeout_s": 0.6} if name == "never-ready" else {}
    async with stable(scripted_llama.recipe(tmp_path, name), **limit) as door:
        for stream in (False, True):
            reply = await door.ask(face, saying(face, name, "hello", stream=stream))
            assert reply.status == status, reply
            message = error_of(face, reply)["message"]
            assert words in message or stream, "the second call may hear of the pause before the next start"
            assert f"here/{name}" in message
        rows = await door.wait_rows(2)
        assert rows[0].error == code and {row.outcome for row in rows} == {"error"}
        assert any(event.kind.startswith("engine.") for event in door.app.events.tail(0))


@pytest.mark.parametrize("face", FACES)
async def test_a_truncated_model_file_is_named(face: str, stable: Stable, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(scripted_llama.DEMO.read_bytes()[:1_000_000])
    entries = [
        {"id": "cut", "recipe": {"path": str(cut)}},
        {"id": "gone", "recipe": {"path": str(tmp_path / "gone.gguf")}},
    ]
    async with stable(*entries) as door:
        for name in ("cut", "gone"):
            reply = await door.ask(face, saying(face, name, "hello"))
            assert reply.status == 503
            assert f"{name}.gguf" in error_of(face, reply)["message"]
        rows = await door.wait_rows(2)
        assert [row.error for row in rows] == ["model_file_error"] * 2


@pytest.mark.parametrize("face", FACES)
async def test_a_recipe_that_does_not_fit_is_refused_with_the_figures(
    face: str, stable: Stable, tmp_path: Path
) -> None:
    large = scripted_llama.recipe(tmp_path, "large", context=8_000_000)
    async with stable(large, memory_limit_mb=64) as door:
        reply = await door.ask(face, saying(face, "large", "hello"))
        assert reply.status == 503
        assert "here/large" in error_of(face, reply)["message"]
        (row,) = await door.wait_rows(1)
        assert row.error == "not_enough_memory"


async def test_a_keep_alive_while_the_engine_loads_and_then_its_failure_in_band(stable: Stable, tmp_path: Path) -> None:
    model = scripted_llama.recipe(tmp_path, "never-ready")
    async with stable(model, gateway={"keepalive_s": 0.1}, start_timeout_s=1.2) as door:
        for face, reply in zip(
            FACES,
            await asyncio.gather(*(door.ask(f, saying(f, "never-ready", "hello", stream=True)) for f in FACES)),
            strict=True,
        ):
            assert reply.status == 200
            assert reply.body.startswith(b":" if face == CHAT else b"event: ping")
            assert "was not ready" in broke_loudly(face, reply.body)["message"]


async def test_slots_are_kept_and_the_rest_wait_their_turn(stable: Stable, tmp_path: Path) -> None:
    """The scripted engine ends itself at one call more than its slots."""
    go = tmp_path / "go"
    async with stable(scripted_llama.recipe(tmp_path, "two", slots=2)) as door:
        bodies = [(face, saying(face, "two", f"until {go}", stream=True)) for face in FACES] * 5
        calls = [asyncio.create_task(door.ask(*each)) for each in bodies]
        lanes = door.app.lanes
        await wait_until(lambda: [(s.in_flight, s.waiting) for s in lanes.statistics()] == [(2, 8)])
        go.touch()
        for (face, _), reply in zip(bodies, await asyncio.gather(*calls), strict=True):
            assert ended_well(face, reply.body), reply.body
        rows = await door.wait_rows(10)
        assert [row.outcome for row in rows] == ["ok"] * 10
        assert all(0 < (row.waited_us or 0) <= (row.duration_us or 0) for row in rows), "for the engine, or a slot"


async def test_a_full_queue_says_when_to_come_back_and_a_leaver_makes_room(stable: Stable, tmp_path: Path) -> None:
    async with stable(scripted_llama.recipe(tmp_path, "one"), gateway={"queue": 2}) as door:
        held = await begin(door, CHAT, saying(CHAT, "one", "hold", stream=True))
        waiting = [await door.client() for _ in range(2)]
        lanes = door.app.lanes

        async def state(in_flight: int, queued: int) -> None:
            await wait_until(lambda: [(s.in_flight, s.waiting) for s in lanes.statistics()] == [(in_flight, queued)])

        for number, client in enumerate(waiting, 1):
            client.send(request(CHAT, saying(CHAT, "one", f"word{number}")))
            await state(1, number)
        for face in FACES:
            reply = await door.ask(face, saying(face, "one", "hello"))
            assert reply.status == 429
            assert int(reply.headers[b"retry-after"]) >= 1
            error = error_of(face, reply)
            assert "here/one is busy" in error["message"]
            assert error["type"] == "rate_limit_error" if face != CHAT else error["code"] == "queue_full"
        await waiting[0].close()
        await state(1, 1)
        await held.close()
        reply = await waiting[1].reply()
        assert b"you said word2" in reply.body
        await state(0, 0)
        rows = await door.wait_rows(5)
        assert sorted(row.outcome for row in rows) == ["cancelled", "cancelled", "error", "error", "ok"]
        assert {row.error for row in rows if row.status == 429} == {"queue_full"}


async def test_one_start_for_many_first_calls(stable: Stable, tmp_path: Path) -> None:
    async with stable(scripted_llama.recipe(tmp_path, "four", slots=4)) as door:
        replies = await asyncio.gather(*(door.ask(CHAT, saying(CHAT, "four", "hello")) for _ in range(12)))
        assert {reply.status for reply in replies} == {200}
        started = [event for event in door.app.events.tail(0) if event.kind == "engine.starting"]
        assert len(started) == 1
        assert json.loads(replies[0].body)["model"] == "here/four"
