"""Bounds: sizes, times, slow readers and writers, clients that leave, and the end of the server itself."""

import asyncio
import socket

import pytest

from hostler.system.http_server import Exchange, Limits
from tests.system.http_server.door import GET, PATIENCE, Door, echo, post

SMALL = Limits(max_head=2000, max_body=1000, write_high_water=10_000)
QUICK = Limits(head_timeout=0.04, body_timeout=0.04, idle_timeout=0.04, linger_timeout=0.04)


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (b"GET /" + b"a" * 3000 + b" HTTP/1.1\r\nHost: here\r\n\r\n", 414),
        (b"GET /" + b"a" * 3000, 414),
        (b"GET / HTTP/1.1\r\nHost: here\r\nX: " + b"a" * 3000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: here\r\nX: " + b"a" * 3000, 431),
        (b"GET / HTTP/1.1\r\nHost: here\r\n" + b"X: a\r\n" * 1000 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: here\r\n" + b"X:\r\n" * 257 + b"\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 1001\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n", 413),
        (post(b"x" * 1001), 413),
        (b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 1001, 413),
    ],
)
async def test_sizes_are_bounded(door: Door, message: bytes, status: int) -> None:
    await door.listen(limits=SMALL)
    client = await door.client()
    reply = await client.ask(message)
    assert (reply.status, reply.closes) == (status, True)
    assert await client.rest() == b""
    assert door.seen == []
    await door.still_well()


async def test_sizes_up_to_the_bound_are_served(door: Door) -> None:
    await door.listen(limits=SMALL)
    client = await door.client()
    assert (await client.ask(post(b"x" * 1000))).status == 200
    chunks = b"".join(b"1\r\nx\r\n" for _ in range(1000))
    head = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert (await client.ask(head + chunks + b"0\r\n\r\n")).body == b"x" * 1000
    padding = b"a" * (2000 - len(b"GET / HTTP/1.1\r\nHost: here\r\nX: \r\n\r\n"))
    assert (await client.ask(b"GET / HTTP/1.1\r\nHost: here\r\nX: " + padding + b"\r\n\r\n")).status == 200


async def test_a_body_of_many_tiny_chunks_is_taken_in_turns(door: Door) -> None:
    await door.listen()
    client = await door.client()
    head = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert len((await client.ask(head + b"1\r\nx\r\n" * 40_000 + b"0\r\n\r\n")).body) == 40_000
    assert (await client.ask(GET)).status == 200


async def test_large_bodies_pass(door: Door) -> None:
    await door.listen()
    client = await door.client()
    body = bytes(range(256)) * 8192
    assert (await client.ask(post(body))).body == body


async def test_a_refused_client_that_goes_on_sending_sees_the_reply(door: Door) -> None:
    await door.listen()
    client = await door.client()
    client.send(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 99999999999\r\n\r\n")
    for _ in range(16):
        client.send(b"x" * 1_000_000)
        async with asyncio.timeout(PATIENCE):
            await client.writer.drain()
    reply = await client.reply()
    assert (reply.status, reply.closes) == (413, True)
    assert await client.rest() == b""


async def test_a_refused_client_that_never_stops_is_cut(door: Door) -> None:
    await door.listen(limits=Limits(linger_timeout=0.04))
    client = await door.client()
    assert (await client.ask(b"nonsense\r\n\r\n")).status == 400
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(ConnectionError):
            while True:
                client.send(b"x" * 10_000)
                await client.writer.drain()


async def test_a_head_that_does_not_arrive_is_408(door: Door) -> None:
    await door.listen(limits=QUICK)
    for beginning in (b"G", b"GET / HTTP/1.1\r\nHost: here\r\n", b"\r"):
        client = await door.client()
        reply = await client.ask(beginning)
        assert (reply.status, reply.closes) == (408, True)
        assert await client.rest() == b""


@pytest.mark.parametrize("framing", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
async def test_a_body_that_does_not_arrive_is_408(door: Door, framing: bytes) -> None:
    await door.listen(limits=QUICK)
    client = await door.client()
    reply = await client.ask(b"POST / HTTP/1.1\r\nHost: here\r\n%b\r\n\r\n1" % framing)
    assert (reply.status, reply.closes) == (408, True)
    assert door.seen == []


async def test_dripping_bytes_does_not_extend_the_time_for_a_head(door: Door) -> None:
    await door.listen(limits=QUICK)
    client = await door.client()
    client.send(b"GET / HTTP/1.1\r\nHost: here\r\nX: ")

    async def drip() -> None:
        while True:
            client.send(b"a")
            await asyncio.sleep(0)

    dripping = asyncio.ensure_future(drip())
    reply = await client.reply()
    dripping.cancel()
    assert reply.status == 408


async def test_idle_connections_are_closed_without_a_word(door: Door) -> None:
    await door.listen(limits=QUICK)
    client = await door.client()
    assert await client.rest() == b""
    client = await door.client()
    assert (await client.ask(GET)).status == 200
    assert await client.rest() == b""
    assert door.server.statistics().refused == 0


async def test_a_running_exchange_has_no_time_limit_here(door: Door) -> None:
    await door.listen(lambda exchange: None, limits=QUICK)
    client = await door.client()
    client.send(GET)
    exchange = await door.request()
    other = await door.client()
    assert await other.rest() == b""  # that connection has idled away, and the exchange has not
    echo(exchange)
    assert (await client.reply()).status == 200


async def test_a_slow_reader_holds_the_writer_back(door: Door) -> None:
    signals: list[bool] = []

    def begin(exchange: Exchange) -> None:
        exchange.on_writable = signals.append
        exchange.start(200, ())

    await door.listen(begin, limits=SMALL)
    client = await door.client()
    client.send(GET)
    exchange = await door.request()
    written = 0
    while not signals:
        exchange.write(b"x" * 50_000)
        written += 50_000
        await asyncio.sleep(0)
        assert written < 100_000_000
    assert signals == [False]
    waiting = asyncio.ensure_future(exchange.wait_writable())
    body = b""
    await client.head()
    chunks = client.chunks()
    while len(body) < written:
        body += await anext(chunks)
    async with asyncio.timeout(PATIENCE):
        await waiting
        await exchange.wait_writable()
    assert signals[:2] == [False, True]
    exchange.end()
    assert [chunk async for chunk in chunks] == []


async def test_requests_behind_a_large_reply_that_nobody_reads_wait_for_it(door: Door) -> None:
    """Else a client that asks and never reads has every reply to its requests kept in memory."""
    size, count = 1 << 20, 40

    def later(exchange: Exchange) -> None:
        asyncio.get_running_loop().call_soon(exchange.respond, 200, (), exchange.body * size)

    await door.listen(later)
    client = await door.client()
    client.writer.transport.pause_reading()
    client.send(b"".join(post(b"%c" % (ord("A") + number)) for number in range(count)))
    await door.request()
    await door.turns()
    waiting = max(connection.transport.get_write_buffer_size() for connection in door.server._connections)
    assert waiting < Limits().write_high_water + 2 * size
    client.writer.transport.resume_reading()
    for number in range(count):
        assert (await client.reply()).body == b"%c" % (ord("A") + number) * size


async def test_a_reader_that_never_reads_is_cut(door: Door) -> None:
    lost = asyncio.Event()

    def begin(exchange: Exchange) -> None:
        exchange.on_disconnect = lost.set
        exchange.start(200, ())
        exchange.write(b"x" * 50_000_000)

    await door.listen(begin, limits=Limits(idle_timeout=0.04))
    client = await door.client()
    client.writer.transport.pause_reading()
    client.send(GET)
    exchange = await door.request()
    waiting = asyncio.ensure_future(exchange.wait_writable())
    async with asyncio.timeout(PATIENCE):
        await lost.wait()
        with pytest.raises(ConnectionError):
            await waiting
        with pytest.raises(ConnectionError):
            await exchange.wait_writable()
    client.writer.transport.abort()


@pytest.mark.parametrize("how", ["close", "reset", "half-close"])
async def test_a_client_that_leaves_is_told_once(door: Door, how: str) -> None:
    told: list[str] = []
    gone = asyncio.Event()

    def leave() -> None:
        told.append("gone")
        gone.set()

    def begin(exchange: Exchange) -> None:
        exchange.on_disconnect = leave
        exchange.start(200, ())

    await door.listen(begin)
    client = await door.client()
    client.send(GET)
    exchange = await door.request()
    match how:
        case "close":
            client.writer.close()
        case "reset":
            await client.head()
            client.writer.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0"
            )
            client.writer.transport.abort()
        case _:
            client.writer.write_eof()
    async with asyncio.timeout(PATIENCE):
        await gone.wait()
    assert exchange.disconnected
    exchange.write(b"into the void")
    exchange.end()
    exchange.respond(200, (), b"")
    exchange.abort()
    await door.turns()
    assert told == ["gone"]
    assert door.server.statistics().running == 0


async def test_a_half_closed_client_gets_an_answer_that_is_already_written(door: Door) -> None:
    await door.listen()
    client = await door.client()
    client.send(post(b"x" * 300_000))
    client.writer.write_eof()
    assert (await client.reply()).body == b"x" * 300_000
    assert await client.rest() == b""
    assert not door.seen[0].disconnected


async def test_a_client_that_leaves_during_its_body_is_forgotten(door: Door) -> None:
    await door.listen()
    client = await door.client()
    client.send(post(b"body")[:-1])
    await door.turns(5)
    await client.close()
    await door.turns(5)
    assert all(exchange.method == "GET" for exchange in door.seen)
    assert door.server.statistics().connections <= 2


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_abort_is_a_reset_and_never_a_normal_end(door: Door, version: bytes) -> None:
    told: list[str] = []

    def begin(exchange: Exchange) -> None:
        exchange.on_disconnect = lambda: told.append("gone")
        exchange.start(200, ())
        exchange.write(b"half an answer")

    await door.listen(begin)
    client = await door.client()
    client.send(b"GET / HTTP/%b\r\nHost: here\r\n\r\n" % version)
    exchange = await door.request()
    await client.head()
    exchange.abort()
    with pytest.raises(ConnectionResetError):
        await client.rest()
    await door.turns(5)
    assert told == []
    assert door.server.statistics().running == 0


async def test_drain_lets_running_exchanges_end_and_closes_idle_ones(door: Door) -> None:
    await door.listen(lambda exchange: None)
    idle, busy, streaming, uploading = [await door.client() for _ in range(4)]
    busy.send(GET + GET)
    running = await door.request(1)
    streaming.send(GET)
    started = await door.request(2)
    started.start(200, ())
    assert await streaming.head()
    uploading.send(post(b"body")[:-1])
    await door.turns(5)
    draining = asyncio.ensure_future(door.server.drain(PATIENCE))
    assert await idle.rest() == b""
    with pytest.raises(OSError):
        await door.client()
    assert not draining.done()
    started.end(b"whole")
    assert await anext(streaming.chunks()) == b"whole"
    echo(running)
    reply = await busy.reply()
    assert (reply.status, reply.closes) == (200, True)
    assert await busy.rest() == b""
    await busy.close()
    door.answer = echo
    reply = await uploading.ask(b"y")
    assert (reply.body, reply.closes) == (b"body"[:-1] + b"y", True)
    async with asyncio.timeout(PATIENCE):
        await draining
    assert door.server.statistics().connections == 0


async def test_drain_cuts_what_does_not_end(door: Door) -> None:
    lost = asyncio.Event()

    def begin(exchange: Exchange) -> None:
        exchange.on_disconnect = lost.set

    await door.listen(begin)
    client = await door.client()
    client.send(GET)
    await door.request()
    await door.server.drain(0.01)
    assert lost.is_set()
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await client.reply()


async def test_statistics_count(door: Door) -> None:
    await door.listen(lambda exchange: None)
    first, second = await door.client(), await door.client()
    first.send(GET)
    exchange = await door.request()
    assert (await second.ask(b"nonsense\r\n\r\n")).status == 400
    statistics = door.server.statistics()
    assert (statistics.requests, statistics.running, statistics.refused) == (1, 1, 1)
    echo(exchange)
    await first.reply()
    assert door.server.statistics().running == 0
