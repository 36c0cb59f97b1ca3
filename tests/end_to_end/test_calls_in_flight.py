"""Calls that run: clients that hang up, read slowly or are still there when the gateway has to go (section 8.3)."""

import asyncio
import json
from pathlib import Path
from typing import Any

import psutil
import pytest

from hostler.accounts.ledger import Ledger
from hostler.errors import StorageError
from hostler.routing.health import FAILURES
from tests.end_to_end.faces import FACES, KINDS, OTHER, ask_of, broke_loudly, ended_well, error_of, text_of
from tests.end_to_end.gate import CHAT, PATIENCE, Gate, Setup, gate, get, provider, request
from tests.end_to_end.machine import Asked, Line, Machine, chat_chunk, data, machine
from tests.end_to_end.test_failing_upstreams import both, kind_at, stream_of
from tests.system.http_server.door import Client
from tests.waiting import wait_until

STORM = 200
SECOND = 1.0


async def endless(asked: Asked, line: Line) -> None:
    """A stream that begins well and goes on until the other side leaves."""
    await line.begin()
    for frame in stream_of(kind_at(asked), "one two")[:4]:
        await line.chunk(frame)
    await line.gone()
    raise ConnectionError


async def begin(door: Gate, face: str, body: Any) -> Client:
    """Send a call and wait for the first piece of its stream."""
    client = await door.client()
    client.send(request(face, body))
    assert (await client.head())[0] == 200
    async with asyncio.timeout(PATIENCE):
        assert await anext(client.chunks())
    return client


@pytest.mark.slow
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("ours", [True, False], ids=["same wire", "translated"])
async def test_a_cancel_storm(face: str, ours: bool, tmp_path: Path) -> None:
    kind = (KINDS if ours else OTHER)[face]
    async with machine(Machine(script=endless)) as a, gate(tmp_path, provider("a", a, kind)) as door:
        body = ask_of(face, "a/m", stream=True)
        clients = await asyncio.gather(*(begin(door, face, body) for _ in range(STORM)))
        pool = door.app.pool
        assert a.open >= STORM and pool.statistics().busy == STORM
        a.script = None
        for number, client in enumerate(clients):
            if number % 2:
                client.writer.transport.abort()
            else:
                client.writer.close()
        await wait_until(lambda: a.open <= 1 and pool.statistics().busy == 0, SECOND)  # 1: a listing's connection
        assert (await door.ask(face, ask_of(face, "a/m"))).status == 200
        rows = await door.wait_rows(STORM + 1)
        assert [row.outcome for row in rows].count("cancelled") == STORM
        assert rows[-1].outcome == "ok"
        assert {(row.status, row.error) for row in rows[:-1]} == {(499, "cancelled")}
        assert all(lane.in_flight == lane.waiting == 0 for lane in door.app.lanes.statistics())


async def test_cancelled_calls_never_make_a_provider_ill(tmp_path: Path) -> None:
    aliases = {"both": "a/m"}
    async with (
        machine(Machine(script=endless)) as a,
        gate(tmp_path, provider("a", a), setup=Setup(aliases=aliases)) as door,
    ):
        for _ in range(FAILURES + 1):
            client = await begin(door, CHAT, ask_of(CHAT, "a/m", stream=True))
            await client.close()
        await door.wait_idle()
        health = door.app.dispatch._parts.health  # nothing shows it to the outside yet
        assert not health._records


@pytest.mark.parametrize("face", FACES)
async def test_who_hangs_up_before_the_first_byte_frees_the_upstream(face: str, tmp_path: Path) -> None:
    async def silent(_: Asked, line: Line) -> None:
        await line.gone()
        raise ConnectionError

    async with machine(Machine(script=silent)) as a, gate(tmp_path, *both(a)) as door:
        clients: list[Client] = []
        for kind in KINDS.values():
            for stream in (False, True):
                client = await door.client()
                client.send(request(face, ask_of(face, f"{kind}/m", stream=stream)))
                clients.append(client)
        await a.wait_calls(len(clients))
        for client in clients:
            await client.close()
        await wait_until(lambda: door.app.pool.statistics().busy == 0, SECOND)
        rows = await door.wait_rows(len(clients))
        assert {row.outcome for row in rows} == {"cancelled"}


@pytest.mark.slow
@pytest.mark.parametrize("face", FACES)
async def test_a_slow_reader_slows_its_upstream_and_costs_no_memory(face: str, tmp_path: Path) -> None:
    frame = data(chat_chunk("m", {"content": "x" * 60_000}))
    total = 64 << 20
    sent = [0]

    async def script(_: Asked, line: Line) -> None:
        await line.begin()
        while sent[0] < total:
            await line.chunk(frame)
            sent[0] += len(frame)
        await line.chunk(b"data: [DONE]\n\n")
        await line.end()

    last = [-1]

    def stands() -> bool:
        before, last[0] = last[0], sent[0]
        return last[0] == before

    async with machine(Machine(script=script)) as a, gate(tmp_path, *both(a)) as door:
        before = psutil.Process().memory_info().rss
        client = await begin(door, face, ask_of(face, "openai-compatible/m", stream=True))
        await wait_until(lambda: sent[0] > 1 << 20)
        for _ in range(3):
            await wait_until(stands)
        assert sent[0] < total // 2, "the upstream was held back"
        assert psutil.Process().memory_info().rss - before < 40 << 20
        size = 0
        async with asyncio.timeout(30):
            async for piece in client.chunks():
                size += len(piece)
        assert size > 0.9 * total, "and then everything came"


@pytest.mark.slow
@pytest.mark.parametrize("face", FACES)
async def test_keep_alives_while_the_first_byte_is_slow(face: str, tmp_path: Path) -> None:
    go = asyncio.Event()

    async def script(asked: Asked, line: Line) -> None:
        await line.begin()  # the head alone is no sign of life for the client
        await go.wait()
        for frame in stream_of(kind_at(asked), "hello"):
            await line.chunk(frame)
        await line.end()

    setup = Setup(gateway={"keepalive_s": 0.05})
    async with machine(Machine(script=script)) as a, gate(tmp_path, *both(a), setup=setup) as door:
        clients = []
        for kind in KINDS.values():
            client = await door.client()
            client.send(request(face, ask_of(face, f"{kind}/m", stream=True)))
            clients.append(client)
        whole = await door.client()
        whole.send(request(face, ask_of(face, f"{KINDS[face]}/m")))
        for client in clients:
            assert (await client.head())[0] == 200
            async with asyncio.timeout(20):
                assert (await anext(client.chunks())).startswith(b":" if face == CHAT else b"event: ping")
        go.set()
        for client in clients:
            async with asyncio.timeout(20):
                body = b"".join([piece async for piece in client.chunks()])
            assert ended_well(face, body) and text_of(face, body).strip() == "hello"
        reply = await whole.reply()
        assert b"ping" not in reply.body and b": keep" not in reply.body, "a whole reply gets no keep-alives"


async def test_a_drain_lets_running_calls_end_and_takes_no_new_ones(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def script(asked: Asked, line: Line) -> None:
        await line.begin()
        frames = stream_of(kind_at(asked), "one two")
        await line.chunk(frames[0])
        await go.wait()
        for frame in frames[1:]:
            await line.chunk(frame)
        await line.end()

    async with machine(Machine(script=script)) as a:
        async with gate(tmp_path, *both(a)) as door:
            running = [(face, await begin(door, face, ask_of(face, f"{KINDS[face]}/m", stream=True))) for face in FACES]
            idle = await door.client()
            idle.send(get("/health"))
            assert (await idle.reply()).status == 200
            door.stop.set()
            assert await idle.rest() == b"", "an idle connection is closed"
            await wait_until(lambda: not door.listens())
            go.set()
            for face, client in running:
                async with asyncio.timeout(20):
                    body = b"".join([piece async for piece in client.chunks()])
                assert ended_well(face, body)
                assert await client.rest() == b""
            await door.stopped()
        assert a.open == 0


@pytest.mark.slow
async def test_what_has_not_ended_when_the_drain_is_over_is_cut_and_written_down(tmp_path: Path) -> None:
    async with (
        machine(Machine(script=endless)) as a,
        gate(tmp_path, *both(a), setup=Setup(gateway={"drain_s": 0.2})) as door,
    ):
        for face in FACES:
            for kind in KINDS.values():
                await begin(door, face, ask_of(face, f"{kind}/m", stream=True))
        clients = list(door.clients)
        door.stop.set()
        for face, client in zip([f for f in FACES for _ in KINDS], clients, strict=True):
            try:
                body = await client.rest()
            except ConnectionError:
                continue
            assert not ended_well(face, body)
        await door.stopped()
        await wait_until(lambda: a.open == 0)
    async with gate(tmp_path) as door:
        assert [row.outcome for row in await door.rows()] == ["cancelled"] * 4


async def test_calls_on_one_connection_are_answered_in_turn(tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, *both(a)) as door:
        client = await door.client()
        asked = [
            (face, f"{kind}/m{number}", stream)
            for number, (face, kind, stream) in enumerate(
                (face, kind, stream) for face in FACES for kind in KINDS.values() for stream in (False, True)
            )
        ]
        for face, model, stream in asked:
            client.send(request(face, ask_of(face, model, stream=stream)))
        for face, model, stream in asked:
            reply = await client.reply()
            assert reply.status == 200 and reply.headers[b"x-hostler-model"].decode() == model
            if stream:
                assert ended_well(face, reply.body)
            else:
                assert json.loads(reply.body)["model"] == model
        assert [each.json["model"] for each in a.calls] == [f"m{n}" for n in range(len(asked))]


async def test_an_error_leaves_the_connection_usable(tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, *both(a)) as door:
        client = await door.client()
        for face in FACES:
            client.send(request(face, b"{}"))
            reply = await client.reply()
            assert reply.status == 400 and not reply.closes
            error_of(face, reply)
            client.send(request(face, ask_of(face, f"{KINDS[face]}/m", stream=True)))
            assert ended_well(face, (await client.reply()).body)


async def test_old_clients_get_a_body_that_ends_with_the_connection(tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, *both(a)) as door:
        for face in FACES:
            for kind in KINDS.values():
                client = await door.client()
                client.send(request(face, ask_of(face, f"{kind}/m", stream=True)).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
                status, headers = await client.head()
                assert status == 200 and b"transfer-encoding" not in headers
                assert ended_well(face, await client.rest())


async def test_a_broken_stream_to_an_old_client_is_told_in_band(tmp_path: Path) -> None:
    async def script(asked: Asked, line: Line) -> None:
        await line.begin()
        await line.chunk(stream_of(kind_at(asked), "one")[0])
        line.reset()

    async with machine(Machine(script=script)) as a, gate(tmp_path, *both(a)) as door:
        for face in FACES:
            client = await door.client()
            body = ask_of(face, f"{KINDS[face]}/m", stream=True)
            client.send(request(face, body).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
            assert (await client.head())[0] == 200
            broke_loudly(face, await client.rest())


@pytest.mark.parametrize("face", FACES)
async def test_a_full_disk_is_named_and_nobody_is_asked(
    face: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_ledger: Ledger, *_line: object) -> None:
        raise StorageError("The journal cannot be written: No space left on device")

    async with machine() as a, gate(tmp_path, provider("a", a)) as door:
        with monkeypatch.context() as context:
            context.setattr(Ledger, "begin", full)
            context.setattr(Ledger, "refuse", full)
            for streamed in (False, True):
                reply = await door.ask(face, ask_of(face, "a/m", stream=streamed))
                assert reply.status == 500 and "No space left" in error_of(face, reply)["message"]
            assert "OPENAI_API_KEY" in error_of(face, await door.ask(face, ask_of(face, "openai/x")))["message"]
            assert (await door.ask("/v1/nothing", {})).status == 404
        assert not a.calls
        assert (await door.ask(face, ask_of(face, "a/m"))).status == 200
