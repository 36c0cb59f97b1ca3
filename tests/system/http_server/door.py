"""A server under test and a client that writes raw bytes and reads replies strictly."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from hostler.system.http_server import Exchange, HeadCheck, HttpServer, Limits, OnRefusal

PATIENCE = 30.0
GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


def post(body: bytes, *lines: bytes, target: bytes = b"/") -> bytes:
    """A POST with a content-length and further header lines."""
    head = b"POST %b HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n" % (target, len(body))
    return head + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply as read from the wire."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def closes(self) -> bool:
        return self.headers.get(b"connection") == b"close"


class Client:
    """One connection to the server under test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> tuple[int, dict[bytes, bytes]]:
        """A reply's head, checked."""
        async with asyncio.timeout(PATIENCE):
            raw = await self.reader.readuntil(b"\r\n\r\n")
        line, *fields = raw[:-4].split(b"\r\n")
        version, status, phrase = line.split(b" ", 2)
        assert version == b"HTTP/1.1"
        assert phrase
        headers: dict[bytes, bytes] = {}
        for field in fields:
            name, colon, value = field.partition(b": ")
            assert colon and name == name.strip() and name not in headers, field
            headers[name.lower()] = value
        return int(status), headers

    async def reply(self, *, to_head: bool = False) -> Reply:
        """A whole reply: by its length, its chunks, or up to the end of the connection."""
        status, headers = await self.head()
        async with asyncio.timeout(PATIENCE):
            if to_head or status in (204, 304):
                body = b""
            elif b"content-length" in headers:
                assert b"transfer-encoding" not in headers
                body = await self.reader.readexactly(int(headers[b"content-length"]))
            elif headers.get(b"transfer-encoding") == b"chunked":
                body = b"".join([piece async for piece in self.chunks()])
            else:
                body = await self.reader.read()
        return Reply(status, headers, body)

    async def chunks(self):
        """The chunks of a chunked reply."""
        while True:
            size = int((await self.reader.readuntil(b"\r\n"))[:-2], 16)
            piece = await self.reader.readexactly(size)
            assert await self.reader.readexactly(2) == b"\r\n"
            if not size:
                return
            yield piece

    async def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read()

    async def ask(self, data: bytes) -> Reply:
        self.send(data)
        return await self.reply()

    async def close(self) -> None:
        self.writer.close()
        try:
            async with asyncio.timeout(PATIENCE):
                await self.writer.wait_closed()
        except OSError:
            pass  # reset, or shut down after a reset: gone either way


class Door:
    """A server under test; by default it answers each request with its own body at once."""

    def __init__(self) -> None:
        self.port = 0
        self.server: HttpServer
        self.seen: list[Exchange] = []
        self.arrived = asyncio.Event()
        self.complaints: list[dict[str, object]] = []
        self.clients: list[Client] = []
        self.answer: Callable[[Exchange], None] = echo
        self.expected_complaints = 0

    async def listen(
        self,
        answer: Callable[[Exchange], None] | None = None,
        *,
        limits: Limits | None = None,
        head_check: HeadCheck | None = None,
        on_refusal: OnRefusal | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.answer = answer or echo
        limits = limits or Limits()
        if on_refusal is None:
            self.server = HttpServer(self.handle, head_check, limits=limits)
        else:
            self.server = HttpServer(self.handle, head_check, limits=limits, on_refusal=on_refusal)
        self.port = await self.server.listen("127.0.0.1", 0, ssl=ssl_context)

    def handle(self, exchange: Exchange) -> None:
        self.seen.append(exchange)
        self.arrived.set()
        self.answer(exchange)

    async def client(self, ssl_context: ssl.SSLContext | None = None) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=ssl_context, limit=2**20)
        client = Client(reader, writer)
        self.clients.append(client)
        return client

    async def request(self, count: int = 1) -> Exchange:
        """The `count`-th request that reached the handler."""
        async with asyncio.timeout(PATIENCE):
            while len(self.seen) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.seen[count - 1]

    async def still_well(self) -> None:
        """Whether a good request on a new connection is answered."""
        client = await self.client()
        reply = await client.ask(post(b"well", b"Connection: close", target=b"/well"))
        assert (reply.status, reply.body) == (200, b"well")
        assert await client.rest() == b""

    async def turns(self, count: int = 50) -> None:
        """Let the loop turn until `count` round trips on another connection are done: time without a clock."""
        client = await self.client()
        answer, self.answer = self.answer, echo
        for _ in range(count):
            await client.ask(GET)
        self.answer = answer

    async def shut(self) -> None:
        try:
            for client in self.clients:
                await client.close()
        finally:
            await self.server.drain(PATIENCE)  # uvloop waits for ever to close a loop that has a listener left
        statistics = self.server.statistics()
        assert (statistics.connections, statistics.running) == (0, 0)
        assert len(self.complaints) == self.expected_complaints, self.complaints


def echo(exchange: Exchange) -> None:
    exchange.respond(200, ((b"content-type", b"text/plain"),), exchange.body)
