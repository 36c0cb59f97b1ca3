"""Connections to upstreams over real sockets: framing, keeping, silence, TLS, and what is no HTTP at all."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme
import uvloop

from hostler.errors import UpstreamBroken, UpstreamError, UpstreamGarbled, UpstreamTimeout, UpstreamUnreachable
from hostler.system.address import Address
from hostler.system.upstream import MAX_HEAD, Door, Patience, PoolLimits, Receiver, UpstreamConnection, UpstreamPool
from tests.waiting import wait_until

PATIENCE = Patience()
ASK = b"POST /x HTTP/1.1\r\nhost: y\r\ncontent-length: 2\r\n\r\n{}"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Heard(Receiver):
    """A receiver that remembers."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    error: UpstreamError | None = None
    ends: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def on_head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        assert not self.status and not self.ends, "one head, before anything else"
        self.status, self.headers = status, headers

    def on_body(self, data: bytes) -> None:
        assert self.status and data and not self.ends
        self.body += data

    def on_complete(self) -> None:
        self.ends += 1
        self.over.set()

    def on_failed(self, error: UpstreamError) -> None:
        self.ends += 1
        self.error = error
        self.over.set()

    async def wait(self) -> "Heard":
        async with asyncio.timeout(10):
            await self.over.wait()
        assert self.ends == 1
        return self


@dataclass
class Server:
    """A server that reads one request at a time and then does what its script says."""

    script: Script
    port: int = 0
    opened: int = 0
    open: int = 0
    requests: list[bytes] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self.open += 1
        self.writers.append(writer)
        try:
            while not writer.transport.is_closing():
                self.requests.append(await reader.readuntil(b"{}"))
                await self.script(reader, writer)
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            await shut(writer)
            self.open -= 1


async def shut(writer: asyncio.StreamWriter) -> None:
    """Close and see it gone, so that no socket outlives its test."""
    writer.close()
    with contextlib.suppress(OSError, ssl.SSLError):
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(script: Script, context: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    made = Server(script)
    listener = await asyncio.start_server(made.handle, "127.0.0.1", 0, ssl=context)
    made.port = listener.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        listener.close()
        await wait_until(lambda: made.open == 0)
        await listener.wait_closed()


@contextlib.asynccontextmanager
async def pooling(limits: PoolLimits | None = None, **environment: str) -> AsyncIterator[UpstreamPool]:
    pool = UpstreamPool(limits or PoolLimits(), environment)
    try:
        yield pool
    finally:
        assert pool.statistics().busy == 0
        pool.close()


def saying(*answers: bytes, close: bool = False) -> Script:
    """Says one piece after the other, each in a segment of its own."""

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in answers:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if close:
            writer.close()

    return script


def door_to(pool: UpstreamPool, server: Server, *, tls: bool = False) -> Door:
    return pool.door(Address("localhost" if tls else "127.0.0.1", server.port, tls))


async def ask(door: Door, patience: Patience = PATIENCE) -> tuple[UpstreamConnection, Heard]:
    connection = door.take_nowait() or await door.connect()
    heard = Heard()
    connection.send(ASK, heard, patience=patience)
    return connection, await heard.wait()


GOOD: tuple[tuple[str, tuple[bytes, ...], bool, bool], ...] = (
    ("with its length", (OK,), False, True),
    ("bytewise", tuple(bytes([b]) for b in OK), False, True),
    (
        "in chunks",
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n", b"3;x=y\r\nllo\r\n0\r\nT: v\r\n\r\n"),
        False,
        True,
    ),
    ("to the end of the connection", (b"HTTP/1.1 200 OK\r\n\r\nhel", b"lo"), True, False),
    ("announced as the last", (OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"),), True, False),
    ("from an old server", (OK.replace(b"HTTP/1.1", b"HTTP/1.0"),), True, False),
    ("after interim answers", (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nl: x\r\n\r\n" + OK,), False, True),
    ("after an empty line", (b"\r\n" + OK,), False, True),
)


@pytest.mark.parametrize(("name", "answers", "close", "kept"), GOOD, ids=[name for name, *_ in GOOD])
async def test_a_whole_answer(name: str, answers: tuple[bytes, ...], close: bool, kept: bool) -> None:
    async with serving(saying(*answers, close=close)) as server, pooling() as pool:
        door = door_to(pool, server)
        for _ in range(2):
            _, heard = await ask(door)
            assert (heard.status, heard.body, heard.error) == (200, b"hello", None), name
            assert pool.statistics().unused == (1 if kept else 0)
        assert server.opened == (1 if kept else 2)


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body(status: int) -> None:
    async with serving(saying(b"HTTP/1.1 %d X\r\n\r\n" % status)) as server, pooling() as pool:
        for _ in range(2):
            _, heard = await ask(door_to(pool, server))
            assert (heard.status, heard.body, heard.error) == (status, b"", None)
        assert server.opened == 1


BROKEN: tuple[tuple[str, bytes, type[UpstreamError]], ...] = (
    ("nothing", b"", UpstreamBroken),
    ("half a head", b"HTTP/1.1 200 OK\r\ncontent-le", UpstreamBroken),
    ("half a body", OK[:-2], UpstreamBroken),
    ("half a chunk", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhello", UpstreamBroken),
    ("no last chunk", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", UpstreamBroken),
    ("another protocol", b"SSH-2.0-OpenSSH_9.9\r\n", UpstreamGarbled),
    ("a request", b"GET / HTTP/1.1\r\n\r\n", UpstreamGarbled),
    ("a bad chunk", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", UpstreamGarbled),
    ("two lengths", b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", UpstreamGarbled),
    ("an upgrade", b"HTTP/1.1 101 X\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", UpstreamGarbled),
    ("an endless head", b"HTTP/1.1 200 OK\r\nx: " + b"y" * (MAX_HEAD + 100), UpstreamGarbled),
    ("endless headers", b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * (MAX_HEAD // 6 + 9), UpstreamGarbled),
    ("a status of letters", b"HTTP/1.1 two OK\r\n\r\n", UpstreamGarbled),
)


@pytest.mark.parametrize(("name", "answer", "kind"), BROKEN, ids=[name for name, *_ in BROKEN])
async def test_an_answer_that_is_none(name: str, answer: bytes, kind: type[UpstreamError]) -> None:
    async with serving(saying(answer, close=True)) as server, pooling() as pool:
        _, heard = await ask(door_to(pool, server))
        assert type(heard.error) is kind, (name, heard)
        assert pool.statistics().unused == 0


async def test_a_reset_in_the_middle_is_no_end_of_a_body_without_length() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhel")
        await writer.drain()
        await said.wait()
        reset(writer)

    said = asyncio.Event()
    async with serving(script) as server, pooling() as pool:
        connection = await door_to(pool, server).connect()
        heard = Heard()
        connection.send(ASK, heard, patience=PATIENCE)
        await wait_until(lambda: heard.body == b"hel")
        said.set()
        assert isinstance((await heard.wait()).error, UpstreamBroken)


def reset(writer: asyncio.StreamWriter) -> None:
    """Leave with a TCP reset."""
    import socket  # lazy: for this alone
    import struct  # lazy: for this alone

    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.mark.parametrize(
    "second", [OK.replace(b"hello", b"EVIL!"), b"HTTP/1.1 200 OK\r\ncont", b"rubbish", b"\x00\xff"]
)
async def test_what_follows_a_whole_answer_is_nobodys(second: bytes) -> None:
    async with serving(saying(OK + second)) as server, pooling() as pool:
        for _ in range(2):
            _, heard = await ask(door_to(pool, server))
            assert (heard.status, heard.body, heard.error) == (200, b"hello", None)
        assert server.opened == 2, "the connection is not used again"


async def test_an_answer_to_nothing_closes_the_connection() -> None:
    async with serving(saying(OK)) as server, pooling() as pool:
        connection, _ = await ask(door_to(pool, server))
        (writer,) = [connection._transport]
        connection.data_received(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        assert writer.is_closing() and pool.statistics().unused == 0
        assert door_to(pool, server).take_nowait() is None


async def test_a_kept_connection_that_the_server_closes_is_forgotten() -> None:
    async with serving(saying(OK)) as server, pooling() as pool:
        door = door_to(pool, server)
        await ask(door)
        assert pool.statistics().unused == 1
        server.writers[0].close()
        await wait_until(lambda: pool.statistics().unused == 0)
        assert door.take_nowait() is None


async def test_sending_on_a_connection_that_was_just_closed_fails_at_once() -> None:
    """A server at its limit accepts and closes; that may be noticed before the request is sent."""

    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        await shut(writer)

    listener = await asyncio.start_server(leave, "127.0.0.1", 0)
    async with pooling() as pool:
        door = pool.door(Address("127.0.0.1", listener.sockets[0].getsockname()[1]))
        connection = await door.connect()
        await wait_until(lambda: not connection.usable())
        await asyncio.sleep(0)
        heard = Heard()
        connection.send(ASK, heard, patience=PATIENCE)
        assert isinstance((await heard.wait()).error, UpstreamBroken)
        assert not connection.started
    listener.close()
    await listener.wait_closed()


async def test_the_one_used_last_comes_first_and_no_more_than_the_bound_are_kept() -> None:
    async with serving(saying(OK)) as server, pooling(PoolLimits(size=2)) as pool:
        door = door_to(pool, server)
        made = [await door.connect() for _ in range(4)]
        for connection in made:
            heard = Heard()
            connection.send(ASK, heard, patience=PATIENCE)
            await heard.wait()
        assert (pool.statistics().unused, pool.statistics().opened) == (2, 4)
        assert door.take_nowait() is made[1] and made[1].reused
        assert door.take_nowait() is made[0] and door.take_nowait() is None
        for connection in made[:2]:
            connection.abort()


@pytest.mark.slow
async def test_unused_connections_are_closed_after_a_while() -> None:
    async with serving(saying(OK)) as server, pooling(PoolLimits(idle=0.05)) as pool:
        await ask(door_to(pool, server))
        assert pool.statistics().unused == 1
        await wait_until(lambda: server.open == 0)
        assert pool.statistics().unused == 0


async def test_aborting_a_call_closes_its_socket_and_says_nothing_more() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK[:-2])
        await writer.drain()
        await reader.read()
        raise ConnectionError

    async with serving(script) as server, pooling() as pool:
        connection = await door_to(pool, server).connect()
        heard = Heard()
        connection.send(ASK, heard, patience=PATIENCE)
        await wait_until(lambda: heard.body == b"hel")
        assert pool.statistics().busy == 1
        connection.abort()
        connection.abort()
        await wait_until(lambda: server.open == 0, 1.0)
        assert heard.ends == 0 and pool.statistics().busy == pool.statistics().unused == 0


@pytest.mark.slow
@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel"])
async def test_silence_has_a_limit(begun: bytes) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(begun)
        await writer.drain()
        await reader.read()
        raise ConnectionError

    async with serving(script) as server, pooling() as pool:
        _, heard = await ask(door_to(pool, server), Patience(first_byte=20.0 if begun else 0.05, idle=0.05))
        assert isinstance(heard.error, UpstreamTimeout)
        assert ("within its answer" if begun else "before its first byte") in heard.error.message


@pytest.mark.slow
async def test_a_client_that_keeps_us_waiting_is_no_silence_of_the_upstream_but_what_follows_is() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhel")
        await writer.drain()
        await reader.read()
        raise ConnectionError

    async with serving(script) as server, pooling() as pool:
        connection = await door_to(pool, server).connect()
        heard = Heard()
        connection.send(ASK, heard, patience=Patience(idle=0.05))
        await wait_until(lambda: heard.body == b"hel")
        connection.set_reading(False)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.2):  # longer than the pool's sweep
                await heard.over.wait()
        connection.set_reading(True)
        assert isinstance((await heard.wait()).error, UpstreamTimeout)


async def test_paused_means_paused() -> None:
    paused = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await paused.wait()
        for _ in range(128):
            writer.write(b"x" * 65536)
            await writer.drain()
        writer.close()

    async with serving(script) as server, pooling() as pool:
        connection = await door_to(pool, server).connect()
        heard = Heard()
        connection.send(ASK, heard, patience=PATIENCE)
        await wait_until(lambda: bool(heard.status))
        connection.set_reading(False)
        paused.set()
        for _ in range(50):
            await asyncio.sleep(0)
        assert not heard.body
        connection.set_reading(True)
        assert len((await heard.wait()).body) == 8 << 20
        connection.set_reading(False)  # on a closed connection it does nothing


async def test_no_connection_says_where_to(unused_port: int) -> None:
    async with pooling() as pool:
        with pytest.raises(UpstreamUnreachable, match=f"127.0.0.1:{unused_port}"):
            await pool.door(Address("127.0.0.1", unused_port)).connect()


async def test_a_name_that_does_not_exist_says_so() -> None:
    async with pooling() as pool:
        with pytest.raises(UpstreamUnreachable, match=r"localhost\.invalid:80"):
            await pool.door(Address("localhost.invalid", 80)).connect()


@pytest.fixture
def unused_port() -> int:
    import socket  # lazy: for this alone

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


# ------------------------------------------------------------------------- TLS


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def context_of(authority: trustme.CA, name: str = "localhost") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


@pytest.mark.usefixtures("trusted")
async def test_a_private_authority_is_trusted_by_variable(authority: trustme.CA) -> None:
    async with serving(saying(OK), context_of(authority)) as server, pooling() as pool:
        for _ in range(2):
            _, heard = await ask(door_to(pool, server, tls=True))
            assert (heard.status, heard.body) == (200, b"hello")
        assert server.opened == 1


@pytest.mark.usefixtures("trusted")
def test_the_same_on_the_gateways_loop(authority: trustme.CA) -> None:
    async def call() -> bytes:
        async with serving(saying(OK), context_of(authority)) as server, pooling() as pool:
            await ask(door_to(pool, server, tls=True))
            return (await ask(door_to(pool, server, tls=True)))[1].body

    assert uvloop.run(call()) == b"hello"


async def test_an_unknown_authority_is_refused(authority: trustme.CA) -> None:
    async with serving(saying(OK), context_of(authority)) as server, pooling() as pool:
        with pytest.raises(UpstreamUnreachable, match=r"TLS with localhost:\d+ failed"):
            await door_to(pool, server, tls=True).connect()


@pytest.mark.usefixtures("trusted")
async def test_a_certificate_for_another_name_is_refused(authority: trustme.CA) -> None:
    async with serving(saying(OK), context_of(authority, "elsewhere.example")) as server, pooling() as pool:
        with pytest.raises(UpstreamUnreachable, match="localhost"):
            await door_to(pool, server, tls=True).connect()


async def test_plain_http_where_tls_was_expected() -> None:
    async with serving(saying(b"{}")) as server, pooling(PoolLimits(connect=0.2)) as pool:
        with pytest.raises(UpstreamUnreachable):
            await door_to(pool, server, tls=True).connect()


async def test_a_handshake_that_never_ends_has_a_limit() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        await reader.read()
        await shut(writer)
        gone.set()

    came, gone = asyncio.Event(), asyncio.Event()
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        async with pooling(PoolLimits(connect=0.05)) as pool:
            with pytest.raises(UpstreamUnreachable, match=r"within 0\.05 s"):
                await pool.door(Address("localhost", port, tls=True)).connect()
            if came.is_set():  # on a busy machine the limit may pass before the connection is made
                async with asyncio.timeout(20):
                    await gone.wait()
