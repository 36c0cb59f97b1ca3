"""What a good client sees: keep-alive, pipelining, both ways of framing, HEAD, 1.0, Expect, streams, TLS."""

import asyncio
import ssl

import pytest
import trustme

from hostler.system.http_server import Exchange, HttpServer
from tests.system.http_server.door import GET, PATIENCE, Door, echo, post

CHUNKED_POST = (
    b"POST /c HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: Chunked\r\n\r\n"
    b"3\r\nabc\r\nA;name=value\r\n0123456789\r\n0\r\nx-checksum: 1\r\n\r\n"
)


async def test_a_request_arrives_whole_and_as_sent(door: Door) -> None:
    await door.listen()
    client = await door.client()
    reply = await client.ask(post(b"hello", b"X-Two: a", b"x-two:b ", b"X-Latin: \xe9", target=b"/a%20b?c=d?e&f"))
    assert (reply.status, reply.body, reply.closes) == (200, b"hello", False)
    seen = door.seen[0]
    assert (seen.method, seen.target, seen.path, seen.query) == ("POST", "/a%20b?c=d?e&f", "/a%20b", "c=d?e&f")
    assert seen.headers == [
        (b"host", b"here"), (b"content-length", b"5"), (b"x-two", b"a"), (b"x-two", b"b"), (b"x-latin", b"\xe9"),
    ]  # fmt: skip
    assert (seen.header(b"x-two"), seen.header(b"x-three")) == (b"a", None)
    host, port = client.writer.get_extra_info("sockname")
    assert seen.client == f"{host}:{port}"
    assert (seen.http_10, seen.keep_alive) == (False, True)


async def test_a_connection_is_kept_for_many_requests(door: Door) -> None:
    await door.listen()
    client = await door.client()
    for number in range(20):
        body = b"%d" % number
        assert (await client.ask(post(body))).body == body
        assert (await client.ask(CHUNKED_POST)).body == b"abc0123456789"
    assert door.server.statistics().requests == 40
    assert door.server.statistics().connections == 1


@pytest.mark.parametrize("message", [post(b"some body"), GET, CHUNKED_POST, b"\r\n" + GET])
async def test_bytes_may_arrive_one_at_a_time(door: Door, message: bytes) -> None:
    await door.listen()
    client = await door.client()
    for position in range(len(message)):
        client.send(message[position : position + 1])
        await asyncio.sleep(0)
    assert (await client.reply()).status == 200
    assert (await client.ask(post(b"next"))).body == b"next"


@pytest.mark.parametrize("cut", range(1, len(CHUNKED_POST), 7))
async def test_a_chunked_body_may_be_cut_anywhere(door: Door, cut: int) -> None:
    await door.listen()
    client = await door.client()
    client.send(GET + CHUNKED_POST[:cut])
    assert (await client.reply()).status == 200
    assert (await client.ask(CHUNKED_POST[cut:])).body == b"abc0123456789"


async def test_pipelined_requests_are_answered_in_order_one_at_a_time(door: Door) -> None:
    waiting: list[Exchange] = []
    await door.listen(waiting.append)
    client = await door.client()
    client.send(post(b"1") + CHUNKED_POST + post(b"3") + GET)
    for count, body in enumerate((b"1", b"abc0123456789", b"3", b""), start=1):
        await door.request(count)
        assert len(waiting) == count
        echo(waiting[-1])
        assert (await client.reply()).body == body


async def test_hundreds_of_pipelined_requests_do_not_starve_others(door: Door) -> None:
    await door.listen()
    client = await door.client()
    client.send(post(b"x") * 500)
    for _ in range(500):
        assert (await client.reply()).body == b"x"


async def test_pipelined_bytes_are_bounded_by_not_reading_them(door: Door) -> None:
    await door.listen(lambda exchange: None)
    client = await door.client()
    client.send(post(b"x" * 60_000) * 500)
    sending = asyncio.ensure_future(client.writer.drain())
    first = await door.request()
    await door.turns(200)
    assert not sending.done()
    door.answer = echo
    echo(first)
    for _ in range(500):
        assert (await client.reply()).body == b"x" * 60_000
    await sending


async def test_head_gets_the_head_alone(door: Door) -> None:
    await door.listen(lambda e: e.respond(200, (), b"twelve bytes"))
    client = await door.client()
    client.send(b"HEAD /a HTTP/1.1\r\nHost: here\r\n\r\n" + GET)
    reply = await client.reply(to_head=True)
    assert reply.headers[b"content-length"] == b"12"
    assert (await client.reply()).body == b"twelve bytes"


async def test_head_gets_no_body_from_raw_and_started_answers_either(door: Door) -> None:
    raw = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

    def stream(exchange: Exchange) -> None:
        exchange.start(200, ())
        exchange.write(b"piece")
        exchange.end(b"last")

    await door.listen(lambda e: e.respond_raw(raw))
    client = await door.client()
    client.send(b"HEAD / HTTP/1.1\r\nHost: here\r\n\r\n" + GET)
    assert (await client.reply(to_head=True)).headers == {b"content-length": b"2"}
    assert (await client.reply()).body == b"ok"
    door.answer = stream
    client.send(b"HEAD / HTTP/1.1\r\nHost: here\r\n\r\n" + GET)
    assert (await client.reply(to_head=True)).headers == {b"transfer-encoding": b"chunked"}
    assert (await client.reply()).body == b"piecelast"


async def test_options_goes_to_the_handler_with_path_or_star(door: Door) -> None:
    await door.listen(lambda e: e.respond(204, ((b"allow", b"GET"),), b"never sent"))
    client = await door.client()
    client.send(b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\nOPTIONS /a HTTP/1.1\r\nHost: h\r\n\r\n")
    for _ in range(2):
        reply = await client.reply()
        assert reply.status == 204
        assert reply.headers == {b"allow": b"GET"}
    assert [(e.method, e.path) for e in door.seen] == [("OPTIONS", "*"), ("OPTIONS", "/a")]


@pytest.mark.parametrize(
    ("target", "host", "seen"),
    [
        (b"http://Here/a?b", b"here", "/a?b"),
        (b"HTTP://here:1", b"HERE:1", "/"),
        (b"https://here?q", b"here", "/?q"),
    ],
)
async def test_an_absolute_target_is_normalised(door: Door, target: bytes, host: bytes, seen: str) -> None:
    await door.listen()
    client = await door.client()
    await client.ask(b"GET %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (target, host))
    assert door.seen[0].target == seen


@pytest.mark.parametrize(
    "last",
    [
        pytest.param(post(b"last", b"Connection: close"), id="asked to close"),
        pytest.param(b"POST / HTTP/1.0\r\nHost: here\r\nContent-Length: 4\r\n\r\nlast", id="HTTP/1.0"),
        pytest.param(post(b"last", b"Connection: close") + b"rubbish", id="more than will be answered"),
    ],
)
async def test_a_busy_server_sends_every_last_answer_before_it_closes(door: Door, last: bytes) -> None:
    await door.listen()
    clients = [await door.client() for _ in range(40)]
    for client in clients:
        client.send(post(b"a") + post(b"b") + last)
    for client in clients:
        bodies = [(await client.reply()).body for _ in range(3)]
        assert (bodies, await client.rest()) == ([b"a", b"b", b"last"], b"")


async def test_connection_close_is_kept(door: Door) -> None:
    await door.listen()
    client = await door.client()
    reply = await client.ask(post(b"bye", b"Connection: foo, CLOSE"))
    assert (reply.body, reply.closes) == (b"bye", True)
    assert await client.rest() == b""


async def test_http_10_closes_unless_asked_to_keep(door: Door) -> None:
    await door.listen()
    client = await door.client()
    reply = await client.ask(b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
    assert reply.headers[b"connection"] == b"keep-alive"
    reply = await client.ask(b"GET / HTTP/1.0\r\n\r\n")
    assert reply.closes
    assert await client.rest() == b""
    assert all(e.http_10 for e in door.seen)


async def test_http_10_streams_end_with_the_connection(door: Door) -> None:
    def stream(exchange: Exchange) -> None:
        exchange.start(200, ())
        exchange.write(b"one ")
        exchange.end(b"two")

    await door.listen(stream)
    client = await door.client()
    reply = await client.ask(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert (reply.body, reply.headers) == (b"one two", {b"connection": b"close"})


async def test_a_raw_answer_to_http_10_closes(door: Door) -> None:
    await door.listen(lambda e: e.respond_raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"))
    client = await door.client()
    assert (await client.ask(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")).body == b"ok"
    assert await client.rest() == b""


async def test_streams_arrive_as_they_are_written(door: Door) -> None:
    await door.listen(lambda e: e.start(200, ((b"content-type", b"text/event-stream"),)))
    client = await door.client()
    client.send(GET)
    exchange = await door.request()
    status, headers = await client.head()
    assert (status, headers[b"transfer-encoding"]) == (200, b"chunked")
    chunks = client.chunks()
    for piece in (b"a", b"x" * 100_000, b"last"):
        exchange.write(piece)
        exchange.write(b"")
        assert await anext(chunks) == piece
    exchange.end()
    assert [piece async for piece in chunks] == []
    door.answer = echo
    assert (await client.ask(post(b"next"))).body == b"next"


async def test_continue_is_sent_when_the_body_is_wanted(door: Door) -> None:
    await door.listen()
    client = await door.client()
    message = post(b"body", b"Expect: 100-Continue")
    client.send(message[:-4])
    assert await client.head() == (100, {})
    assert (await client.ask(b"body")).body == b"body"
    assert (await client.ask(message)).body == b"body"
    assert (await client.ask(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx")).body == b"x"


async def test_no_continue_after_the_head_check_refused(door: Door) -> None:
    await door.listen(head_check=lambda e: e.respond(401, (), b"no"))
    client = await door.client()
    client.send(post(b"body", b"Expect: 100-continue")[:-4])
    reply = await client.reply()
    assert (reply.status, reply.body, reply.closes) == (401, b"no", True)
    assert await client.rest() == b""
    assert not door.seen


async def test_other_expectations_fail(door: Door) -> None:
    await door.listen()
    client = await door.client()
    reply = await client.ask(post(b"", b"Expect: miracles"))
    assert (reply.status, reply.closes) == (417, True)


async def test_the_head_check_sees_the_head_and_lets_pass(door: Door) -> None:
    checked: list[tuple[str, bytes]] = []
    await door.listen(head_check=lambda e: checked.append((e.path, e.body)))
    client = await door.client()
    reply = await client.ask(post(b"body", target=b"/x"))
    assert (reply.body, reply.closes) == (b"body", False)
    assert checked == [("/x", b"")]


async def test_upgrades_are_ignored(door: Door) -> None:
    await door.listen()
    client = await door.client()
    for _ in range(2):
        reply = await client.ask(post(b"body", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c"))
        assert (reply.status, reply.body) == (200, b"body")


async def test_statuses_without_a_name_are_answered(door: Door) -> None:
    await door.listen(lambda e: e.respond(529, (), b""))
    client = await door.client()
    assert (await client.ask(GET)).status == 529


@pytest.mark.parametrize(
    "header",
    [(b"x", b"a\r\nb: c"), (b"x\n", b"a"), (b"Content-Length", b"5"), (b"transfer-encoding", b"x"), (b"x", b"\r")],
)
async def test_a_handler_cannot_break_the_head(door: Door, header: tuple[bytes, bytes]) -> None:
    await door.listen(lambda e: e.respond(200, (header,), b""))
    door.expected_complaints = 1
    client = await door.client()
    assert (await client.ask(GET)).status == 500
    assert isinstance(door.complaints[0]["exception"], ValueError)


async def test_a_failing_handler_is_a_500_and_reported(door: Door) -> None:
    def fail(exchange: Exchange) -> None:
        raise LookupError("broken")

    await door.listen(fail)
    door.expected_complaints = 1
    client = await door.client()
    reply = await client.ask(GET)
    assert (reply.status, reply.closes) == (500, True)
    assert b"broken" not in reply.body
    door.answer = echo
    await door.still_well()


async def test_a_handler_that_fails_in_mid_stream_resets(door: Door) -> None:
    def fail(exchange: Exchange) -> None:
        exchange.start(200, ())
        raise LookupError("broken")

    await door.listen(fail)
    door.expected_complaints = 1
    client = await door.client()
    client.send(GET)
    with pytest.raises(ConnectionResetError):
        await client.rest()


async def test_a_failing_head_check_is_a_500(door: Door) -> None:
    def fail(exchange: Exchange) -> None:
        raise LookupError("broken")

    await door.listen(head_check=fail)
    door.expected_complaints = 1
    client = await door.client()
    assert (await client.ask(GET)).status == 500
    assert not door.seen


async def test_an_exchange_is_answered_once(door: Door) -> None:
    await door.listen()
    client = await door.client()
    await client.ask(GET)
    exchange = door.seen[0]
    for again in (
        lambda: exchange.respond(200, (), b""),
        lambda: exchange.respond_raw(b""),
        lambda: exchange.start(200, ()),
        lambda: exchange.write(b"x"),
        exchange.end,
    ):
        with pytest.raises(RuntimeError):
            again()
    exchange.abort()
    assert (await client.ask(GET)).status == 200


async def test_refusals_are_shaped_by_the_caller(door: Door) -> None:
    shaped: list[tuple[int, bool]] = []

    def shape(status: int, reason: str, exchange: Exchange | None) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
        shaped.append((status, exchange is not None))
        return ((b"x-shaped", b"yes"),), reason.encode()

    await door.listen(on_refusal=shape)
    for message in (b"nonsense\r\n\r\n", post(b"", b"Content-Length: 99999999999")):
        client = await door.client()
        reply = await client.ask(message)
        assert reply.headers[b"x-shaped"] == b"yes"
    client = await door.client()
    assert (await client.ask(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n")).status == 413
    assert shaped == [(400, False), (400, False), (413, True)]
    assert door.server.statistics().refused == 3


@pytest.fixture(scope="module")
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's TLS context that trust each other."""
    authority = trustme.CA()
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(ours)
    theirs = ssl.create_default_context()
    authority.configure_trust(theirs)
    return ours, theirs


async def test_tls(door: Door, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    ours, theirs = contexts
    await door.listen(ssl_context=ours)
    client = await door.client(theirs)
    assert (await client.ask(post(b"x" * 100_000))).body == b"x" * 100_000
    reply = await client.ask(b"GET / HTTP/1.1\r\n\r\n")
    assert (reply.status, reply.closes) == (400, True)


async def test_tls_streams_break_visibly_and_leavers_are_noticed(
    door: Door, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    ours, theirs = contexts
    gone = asyncio.Event()

    def begin(exchange: Exchange) -> None:
        exchange.on_disconnect = gone.set
        exchange.start(200, ())

    await door.listen(begin, ssl_context=ours)
    client = await door.client(theirs)
    client.send(b"GET / HTTP/1.0\r\n\r\n")
    exchange = await door.request()
    await client.head()
    exchange.abort()
    with pytest.raises((ConnectionError, ssl.SSLError)):
        await client.rest()
    assert not gone.is_set()
    client = await door.client(theirs)
    client.send(GET)
    await door.request(2)
    await client.close()
    async with asyncio.timeout(PATIENCE):
        await gone.wait()


async def test_tls_spoken_to_a_plain_port_is_refused_at_once(door: Door) -> None:
    await door.listen()
    client = await door.client()
    assert (await client.ask(b"\x16\x03\x01\x02\x00\x01\x00")).status == 400


async def test_a_port_can_be_shared(door: Door) -> None:
    await door.listen()
    first = HttpServer(echo)
    second = HttpServer(echo)
    port = await first.listen("127.0.0.1", 0, reuse_port=True)
    assert await second.listen("127.0.0.1", port, reuse_port=True) == port
    with pytest.raises(OSError):
        await door.server.listen("127.0.0.1", port)
    await first.drain(PATIENCE)
    await second.drain(PATIENCE)
