"""The fake as a tool for tests: what it records, how to wait for it, and that it lets go of everything."""

import asyncio
from pathlib import Path

import httpx2
import pytest

from hostler.errors import ConfigError
from hostler.providers.fake import FakeVendor, serve
from tests.fakes import StartFake, fake_vendor, raw_open, raw_post, serving

__all__ = ["fake_vendor"]  # a fixture

CHAT = "/v1/chat/completions"
BODY = {"model": "echo", "messages": [{"role": "user", "content": "hi"}]}


async def test_what_was_received() -> None:
    async with serving() as fake:
        await raw_post(fake.address, f"{CHAT}?beta=true", BODY, {"authorization": "Bearer sk-secret"})
        await raw_post(fake.address, "/v1/messages", {**BODY, "stream": True})
        await raw_post(fake.address, "/v1/messages/count_tokens", BODY)
        first, second, third = await fake.wait_requests(3)
        await fake.wait_idle()
        assert (first.path, first.query, first.model, first.wire) == (CHAT, "beta=true", "echo", "openai-chat")
        assert first.headers["authorization"] == "Bearer sk-secret"
        assert first.json == BODY
        assert (second.stream, second.wire, second.outcome, second.chunks) == (True, "anthropic", "answered", 1)
        assert third.status == 200
        assert fake.count(CHAT, "echo") == fake.count("/v1/messages") == 1
        assert fake.count(model="echo") == 3
        fake.reset()
        assert fake.requests == ()
        assert fake.count() == 0


async def test_over_http() -> None:
    async with serving() as fake, httpx2.AsyncClient(base_url=fake.address) as client:
        assert (await client.get("/health")).json() == {"status": "ok"}
        await client.post(CHAT, json=BODY)
        await client.post(CHAT, json={**BODY, "model": "think"})
        told = (await client.get("/fake/requests")).json()
        assert told["total"] == 2
        assert told["counts"] == [
            {"path": CHAT, "model": "echo", "count": 1},
            {"path": CHAT, "model": "think", "count": 1},
        ]
        assert [r["body"]["model"] for r in told["requests"]] == ["echo", "think"]
        assert told["connections_open"] == 1
        assert len((await client.get("/fake/requests?last=1")).json()["requests"]) == 1
        assert (await client.get("/fake/script")).json()["models"][0]["id"] == "echo"
        assert (await client.post("/fake/release")).json() == {"released": True}
        assert (await client.post("/fake/reset")).json() == {"reset": True}
        assert (await client.get("/fake/requests")).json()["total"] == 0
        assert (await client.get("/fake/nothing")).status_code == 404
        assert (await client.get(CHAT)).json()["error"]["code"] == "method_not_allowed"


async def test_the_ring_is_bounded() -> None:
    fake = FakeVendor()
    assert fake.record.requests.maxlen == 1000


async def test_a_reset_begins_the_script_again() -> None:
    script = {"models": [{"id": "m", "replies": [{"text": "first"}, {"text": "then"}]}]}
    body = {**BODY, "model": "m"}
    async with serving(script) as fake:
        said = [b'"first"' in (await raw_post(fake.address, CHAT, body)).data for _ in range(2)]
        fake.reset()
        said.append(b'"first"' in (await raw_post(fake.address, CHAT, body)).data)
        assert said == [True, False, True]


async def test_many_clients_hang_up_and_nothing_is_left() -> None:
    stall = {"text": "a b", "broken": {"how": "silence", "after_chunks": 1}}
    script = {"models": [{"id": "m", "replies": [stall]}, {"id": "echo"}]}
    body = {**BODY, "model": "m", "stream": True}
    async with serving(script) as fake:
        clients = [await raw_open(fake.address, CHAT, body) for _ in range(60)]
        await fake.wait_for(lambda f: sum(r.chunks for r in f.requests) == 60)
        assert fake.connections_open == 60
        for _, writer in clients:
            writer.close()
        await fake.wait_closed()
        await fake.wait_idle()
        assert {received.outcome for received in fake.requests} == {"client gone"}
        assert (await raw_post(fake.address, CHAT, BODY)).status == 200


async def test_a_wait_that_is_not_met_ends() -> None:
    async with serving() as fake:
        with pytest.raises(TimeoutError):
            await fake.wait_requests(1, within=0.01)


async def test_the_end_of_serving_ends_what_runs() -> None:
    async with serving() as fake:
        reader, writer = await raw_open(fake.address, CHAT, {**BODY, "model": "silent"})
        await fake.wait_requests(1)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
    assert fake.connections_open == 0


async def test_serve_for_the_command_line(tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text("models: [{id: m, replies: [{text: scripted}]}]", "utf-8")
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    until = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(script, ready=told.set_result, until=until))
        reply = await raw_post(await told, CHAT, {**BODY, "model": "m"})
        assert b'"scripted"' in reply.data
        until.set()
    with pytest.raises(ConfigError):
        await serve(tmp_path / "missing.yaml")


async def test_two_fakes_in_one_test(fake_vendor: StartFake) -> None:
    one, two = await fake_vendor(), await fake_vendor()
    await raw_post(two.address, CHAT, BODY)
    assert (one.count(), two.count()) == (0, 1)
