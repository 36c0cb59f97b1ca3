"""One exchange, one application: what it is told, how its answer goes out, and what becomes of the unfinished."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from hostler.system import asgi
from hostler.system.asgi import AsgiBridge, Receive, Send
from hostler.system.http_server import Limits
from tests.system.http_server.door import GET, Client, Door, post

Scope = Any


class Bridged:
    """A door behind which a bridge answers."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.bridge: AsgiBridge

    async def client(self, app: Callable[[Scope, Receive, Send], Any], limits: Limits | None = None) -> Client:
        self.bridge = AsgiBridge(app, headers=((b"x-content-type-options", b"nosniff"),))
        await self.door.listen(self.bridge.answer, limits=limits)
        return await self.door.client()


@pytest_asyncio.fixture
async def bridged(door: Door) -> AsyncIterator[Bridged]:
    bridged = Bridged(door)
    yield bridged
    await bridged.bridge.close()


def start(status: int = 200, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(data: bytes = b"", *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


async def broken(client: Client) -> bool:
    """Whether what is left of a chunked reply cannot be taken for its end."""
    try:
        return not (await client.rest()).endswith(b"0\r\n\r\n")
    except ConnectionError:
        return True


async def tell(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the scope and the body it got, as JSON."""
    message = await receive()
    seen = {
        **{k: scope[k] for k in ("method", "path", "http_version", "scheme", "server", "client")},
        "query": scope["query_string"].decode(),
        "raw": scope["raw_path"].decode(),
        "headers": [[n.decode(), v.decode()] for n, v in scope["headers"]],
        "body": message["body"].decode(),
        "more": message["more_body"],
    }
    await send(start(201, (b"Content-Type", b"application/json"), (b"content-length", b"9999")))
    await send(body(json.dumps(seen).encode()))


async def test_a_request_is_told_whole_and_answered_whole(bridged: Bridged) -> None:
    client = await bridged.client(tell)
    reply = await client.ask(post(b"caf\xc3\xa9", b"X-One: 1", target=b"/a%20b/%C3%A9?q=%2F&r"))
    seen = json.loads(reply.body)
    assert reply.status == 201
    assert reply.headers[b"content-length"] == b"%d" % len(reply.body)  # ours, not the application's
    assert reply.headers[b"x-content-type-options"] == b"nosniff"
    assert (seen["method"], seen["path"], seen["raw"], seen["query"]) == ("POST", "/a b/é", "/a%20b/%C3%A9", "q=%2F&r")
    assert (seen["body"], seen["more"], seen["http_version"], seen["scheme"]) == ("café", False, "1.1", "http")
    assert ["x-one", "1"] in seen["headers"]
    assert seen["server"] == ["here", 80]
    assert seen["client"][0] == "127.0.0.1"


async def test_head_is_asked_as_get_and_has_no_body(bridged: Bridged) -> None:
    client = await bridged.client(tell)
    client.send(GET.replace(b"GET", b"HEAD"))
    reply = await client.reply(to_head=True)
    assert (reply.status, int(reply.headers[b"content-length"]) > 100) == (201, True)
    assert (await client.ask(GET)).status == 201  # the connection is still in step


async def test_head_of_a_stream_ends_with_its_head(bridged: Bridged) -> None:
    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        while True:
            await send(body(b"x", more=True))

    client = await bridged.client(endless)
    client.send(GET.replace(b"GET", b"HEAD"))
    assert (await client.reply(to_head=True)).status == 200


async def test_a_stream_goes_out_piece_by_piece_and_its_head_at_once(bridged: Bridged) -> None:
    go_on = asyncio.Event()

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(200, (b"content-type", b"text/event-stream")))
        await go_on.wait()
        go_on.clear()
        await send(body(b"one", more=True))
        await go_on.wait()
        await send(body(b"two"))

    client = await bridged.client(stream)
    client.send(GET)
    status, headers = await client.head()
    assert (status, headers[b"transfer-encoding"]) == (200, b"chunked")
    go_on.set()
    pieces = client.chunks()
    assert await anext(pieces) == b"one"
    go_on.set()
    assert [piece async for piece in pieces] == [b"two"]


async def test_pipelined_requests_are_answered_in_their_order(bridged: Bridged) -> None:
    client = await bridged.client(tell)
    client.send(b"".join(post(b"%d" % n) for n in range(20)))
    assert [json.loads((await client.reply()).body)["body"] for _ in range(20)] == [str(n) for n in range(20)]


async def test_a_reader_that_is_slow_holds_the_application_back(bridged: Bridged) -> None:
    sent = 0
    piece = b"x" * 65536

    async def much(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        await send(start())
        for _ in range(1000):
            await send(body(piece, more=True))
            sent += 1
        await send(body())

    client = await bridged.client(much, Limits(write_high_water=65536))
    client.send(GET)
    await client.head()
    await bridged.door.request()
    before = -1
    while before != sent:
        before = sent
        await asyncio.wait((asyncio.ensure_future(asyncio.Event().wait()),), timeout=0.02)
    assert sent < 900
    assert sum([len(p) async for p in client.chunks()]) == 1000 * len(piece)


async def test_a_client_that_leaves_a_read_cancels_it_and_is_told(bridged: Bridged) -> None:
    came, left = asyncio.Event(), asyncio.Event()

    async def wait(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        came.set()
        try:
            await asyncio.Event().wait()
        finally:
            assert (await receive())["type"] == "http.disconnect"
            left.set()

    client = await bridged.client(wait)
    client.send(GET)
    await came.wait()
    await client.close()
    async with asyncio.timeout(20):
        await left.wait()


async def test_a_change_whose_caller_left_is_carried_out(bridged: Bridged) -> None:
    came, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def change(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        came.set()
        assert (await receive())["type"] == "http.disconnect"
        await go_on.wait()
        done.set()
        with pytest.raises(OSError, match="gone"):
            await send(start())

    client = await bridged.client(change)
    client.send(post(b"x"))
    await came.wait()
    await client.close()
    go_on.set()
    async with asyncio.timeout(20):
        await done.wait()


async def test_a_change_that_does_not_end_after_its_caller_left_is_cancelled(
    bridged: Bridged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "UNREAD_S", 0.0)
    came, left = asyncio.Event(), asyncio.Event()

    async def hang(scope: Scope, receive: Receive, send: Send) -> None:
        came.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()

    client = await bridged.client(hang)
    client.send(post(b"x"))
    await came.wait()
    await client.close()
    async with asyncio.timeout(20):
        await left.wait()


@pytest.mark.parametrize("how", ["raises", "leaves"])
async def test_an_application_that_fails_before_its_answer(
    bridged: Bridged, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        if how == "raises":
            await send(start())  # held back, so that it can still become an error
            raise ValueError("a bug")

    client = await bridged.client(fail)
    with caplog.at_level(logging.ERROR):
        reply = await client.ask(GET)
    assert reply.status == 500
    assert json.loads(reply.body)["error"]["code"] == "internal_error"
    assert "bug" not in reply.body.decode()
    assert caplog.records
    assert (await client.ask(GET)).status == 500  # and the connection lives


@pytest.mark.parametrize("how", ["raises", "leaves"])
async def test_an_application_that_fails_within_its_answer_breaks_it(bridged: Bridged, how: str) -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"part", more=True))
        if how == "raises":
            raise ValueError("a bug")

    client = await bridged.client(fail)
    client.send(GET)
    await client.head()
    assert await broken(client)


async def test_messages_out_of_order_are_the_applications_fault(bridged: Bridged) -> None:
    async def twice(scope: Scope, receive: Receive, send: Send) -> None:
        with pytest.raises(RuntimeError, match="no place"):
            await send(body(b"x"))
        await send(start())
        with pytest.raises(RuntimeError, match="no place"):
            await send(start())
        await send(body(b"good"))
        with pytest.raises(RuntimeError, match="no place"):
            await send(body(b"more"))

    client = await bridged.client(twice)
    assert (await client.ask(GET)).body == b"good"


async def test_close_ends_what_runs_and_nobody_takes_it_for_whole(bridged: Bridged) -> None:
    async def hang(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"part", more=True))
        await asyncio.Event().wait()

    client = await bridged.client(hang)
    client.send(GET)
    await client.head()
    await bridged.bridge.close()
    assert await broken(client)
