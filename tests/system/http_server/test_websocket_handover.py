"""A connection that becomes a WebSocket: it speaks, it is counted, it ends with the server. uvicorn's contract too."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from hostler.system.http_server import Exchange
from hostler.system.websocket_handover import WebSocketHandover
from tests.system.http_server.door import Door, echo
from tests.waiting import wait_until


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Echoes; the path says how it greets."""
    assert scope["type"] == "websocket"
    assert (await receive())["type"] == "websocket.connect"
    if scope["path"] == "/ws/no":
        await send({"type": "websocket.close"})
        return
    await send({"type": "websocket.accept"})
    if scope["path"] == "/ws/tell":
        await send({"type": "websocket.send", "text": f"{scope['query_string'].decode()} {dict(scope['headers'])}"})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        if message.get("text") == "bye":
            await send({"type": "websocket.close", "code": 4000})
            return
        await send({**message, "type": "websocket.send"})


class Doorway:
    """A door that hands over what asks for it, and echoes the rest."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.handover = WebSocketHandover(app)

    def answer(self, exchange: Exchange) -> None:
        if exchange.wants_websocket:
            self.handover.answer(exchange)
        else:
            echo(exchange)

    async def open(self, path: str = "/ws/echo", **more: Any) -> ClientConnection:
        return await connect(f"ws://127.0.0.1:{self.door.port}{path}", proxy=None, **more)


@pytest_asyncio.fixture
async def doorway(door: Door) -> AsyncIterator[Doorway]:
    doorway = Doorway(door)
    await door.listen(doorway.answer)
    yield doorway
    await door.server.drain(5)
    await doorway.handover.close()
    assert doorway.handover.open == 0


async def test_text_and_bytes_go_both_ways(doorway: Doorway) -> None:
    async with await doorway.open() as socket:
        await socket.send("héllo")
        assert await socket.recv() == "héllo"
        await socket.send(bytes(range(256)) * 1000)
        assert await socket.recv() == bytes(range(256)) * 1000
        assert doorway.door.server.statistics().connections == 1
    await wait_until(lambda: doorway.door.server.statistics().connections == 0)


async def test_the_application_sees_the_request(doorway: Doorway) -> None:
    async with await doorway.open("/ws/tell?rows=24", additional_headers={"X-One": "1"}) as socket:
        told = await socket.recv()
    assert told.startswith("rows=24 ")
    assert "b'x-one': b'1'" in str(told)


async def test_an_upgrade_on_a_kept_connection_behind_pipelined_requests(doorway: Doorway) -> None:
    client = await doorway.door.client()
    plain = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\n\r\none"
    upgrade = (
        b"GET /ws/echo HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    hello = b"\x81\x85\x00\x00\x00\x00hello"  # a masked text frame, sent before the server said yes
    client.send(plain + plain + upgrade + hello)
    assert [(await client.reply()).body for _ in range(2)] == [b"one", b"one"]
    status, headers = await client.head()
    assert (status, headers[b"sec-websocket-accept"]) == (101, b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    assert await client.reader.readexactly(7) == b"\x81\x05hello"


async def test_a_refused_upgrade_and_a_malformed_one(doorway: Doorway) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await doorway.open("/ws/no")
    assert refused.value.response.status_code == 403
    client = await doorway.door.client()
    client.send(b"GET /ws/echo HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert (await client.head())[0] == 400
    await client.rest()


async def test_the_application_closes_with_its_code(doorway: Doorway) -> None:
    socket = await doorway.open()
    await socket.send("bye")
    with pytest.raises(ConnectionClosed) as closed:
        await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4000


async def test_a_message_above_the_limit_ends_the_connection(doorway: Doorway) -> None:
    socket = await doorway.open()
    await socket.send("x" * (1 << 20) + "x")
    with pytest.raises(ConnectionClosed) as closed:
        await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_draining_takes_leave(doorway: Doorway) -> None:
    socket = await doorway.open()
    await socket.send("x")
    await socket.recv()
    async with asyncio.timeout(20):
        await doorway.door.server.drain(5)
    with pytest.raises(ConnectionClosed) as closed:
        await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012


async def test_leave_is_taken_once_and_of_who_comes_then_too(doorway: Doorway) -> None:
    """The workbench drains before its server does."""
    socket = await doorway.open()
    doorway.handover.drain()
    doorway.handover.drain()
    with pytest.raises(ConnectionClosed) as closed:
        await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    with pytest.raises(InvalidStatus) as refused:
        await doorway.open()
    assert refused.value.response.status_code == 500
    await wait_until(lambda: doorway.handover.open == 0)


async def test_closing_the_server_cuts(doorway: Doorway) -> None:
    socket = await doorway.open()
    doorway.door.server.close()
    with pytest.raises(ConnectionClosed):
        await socket.recv()
    await wait_until(lambda: doorway.handover.open == 0)


async def test_closing_the_handover_ends_its_connections(doorway: Doorway) -> None:
    socket = await doorway.open()
    await doorway.handover.close()
    with pytest.raises(ConnectionClosed) as closed:
        await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012


async def test_a_client_that_vanishes_is_forgotten(doorway: Doorway) -> None:
    socket = await doorway.open()
    socket.transport.abort()
    await wait_until(lambda: doorway.handover.open == 0 == doorway.door.server.statistics().connections)
