"""Calls of models, pages, files and the workbench's API on one connection, in any order, as if each had its own."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hostler.system.asgi import AsgiBridge
from hostler.system.http_server import Exchange, Limits
from hostler.workbench import static
from hostler.workbench.static import StaticPages
from tests.end_to_end.gate import CHAT, Gate, Setup, chat, gate, get, provider, request
from tests.end_to_end.machine import machine
from tests.system.http_server.door import Client, Door, Reply, echo
from tests.waiting import wait_until

HTML = b"Accept: text/html"


@pytest.fixture
def dist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A built front end of a page and a script."""
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_bytes(b"<!doctype html>page")
    (folder / "assets" / "a.js").write_bytes(b"x" * 300_000)
    monkeypatch.setattr(static, "DIST", folder)
    return folder


@pytest.fixture(params=[1, pytest.param(2, marks=pytest.mark.slow)])
async def door(request: pytest.FixtureRequest, tmp_path: Path, dist: Path) -> AsyncIterator[Gate]:
    setup = Setup(gateway={"workers": request.param}, workbench={"enabled": True})
    async with machine() as desk, gate(tmp_path, provider("desk", desk), setup=setup) as door:
        yield door


def kinds(door: Gate) -> dict[str, bytes]:
    """One request of each kind; none of them closes the connection."""
    cookie = f"Cookie: hostler_token={door.app.token}".encode()
    return {
        "call": request(CHAT, chat("desk/m")),
        "stream": request(CHAT, chat("desk/m", stream=True)),
        "models": get("/v1/models"),
        "health": get("/health"),
        "page": get("/", HTML),
        "place": get("/chat/s_1", HTML),
        "file": get("/assets/a.js"),
        "api": get("/hostler/api/openapi.json", cookie),
        "change": request("/hostler/api/none", {"x": "y" * 1000}, {"cookie": cookie[8:].decode()}),
        "events": get("/hostler/api/events", cookie, method=b"HEAD"),
        "control": get("/hostler/api/control/engines", f"Authorization: Bearer {door.app.token}".encode()),
    }


def told(kind: str, reply: Reply) -> tuple[object, ...]:
    """What is the same each time of a reply; a call's has its own ids."""
    body = reply.body if kind not in ("call", "stream") else b""
    return reply.status, reply.headers.get(b"content-type"), body


async def alone(door: Gate, kind: str, data: bytes) -> tuple[object, ...]:
    client = await door.client()
    client.send(data)
    return told(kind, await client.reply(to_head=kind == "events"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
async def test_any_order_on_one_connection(door: Gate, seed: int) -> None:
    data = kinds(door)
    expected = {kind: await alone(door, kind, data[kind]) for kind in data}
    assert {kind: told[0] for kind, told in expected.items() if kind not in ("api", "change")} == {
        kind: 200 for kind in data if kind not in ("api", "change")
    }
    dice = random.Random(seed)
    order = [kind for kind in data for _ in range(4)]
    dice.shuffle(order)
    client = await door.client()
    while order:
        count = dice.randrange(1, 9)  # so many are sent in one piece, cut somewhere
        batch, order = order[:count], order[count:]
        sent = b"".join(data[kind] for kind in batch)
        cut = dice.randrange(len(sent))
        client.send(sent[:cut])
        await asyncio.sleep(0)
        client.send(sent[cut:])
        for kind in batch:
            reply = await client.reply(to_head=kind == "events")
            assert told(kind, reply) == expected[kind], kind
            assert not reply.closes


async def test_a_stranger_on_the_same_connection_stays_one(door: Gate) -> None:
    """What was found of one head does not hold for the next."""
    data = kinds(door)
    client = await door.client()
    client.send(data["api"])
    assert (await client.reply()).status != 401
    client.send(get("/hostler/api/openapi.json"))
    assert (await client.reply()).status == 401


@pytest.mark.slow
async def test_kinds_in_turn_also_long_after_each_other(dist: Path) -> None:
    """No kind leaves a clock behind that would end the connection under the next one."""
    door, pages = Door(), StaticPages(dist)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["query_string"]:
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": b"pi"})

    bridge = AsgiBridge(app)

    def answer(exchange: Exchange) -> None:
        if exchange.path == "/api":
            bridge.answer(exchange)
        elif exchange.path == "/gate":
            echo(exchange)
        else:
            assert pages.answer(exchange, exchange.path)

    short = Limits(head_timeout=0.02, body_timeout=0.02, linger_timeout=0.02, idle_timeout=60.0)
    await door.listen(answer, limits=short)
    client = await door.client()
    for _ in range(2):
        for path, body in (("/api", b"pi"), ("/", b"<!doctype html>page"), ("/gate", b""), ("/api?stream", b"api")):
            assert await after_a_while(door, client, path) == body
    await bridge.close()
    await door.shut()


async def after_a_while(door: Door, client: Client, path: str) -> bytes:
    """Ask when the server's clock has gone on by more than every limit but the idle one."""
    then = door.server.now + 0.04
    await wait_until(lambda: door.server.now > then)
    return (await client.ask(get(path))).body
