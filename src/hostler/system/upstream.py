"""Connections to upstreams for model traffic: one pool, one HTTP/1.1 response parser per connection.

Knows: sockets, TLS, keep-alive, framing, proxies, silence limits. Does not know: models, providers, wires.
A connection hands what it receives to a `Receiver`, by callbacks: a coroutine per chunk would cost more than the chunk.
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast

import httptools

from hostler.errors import UpstreamBroken, UpstreamError, UpstreamGarbled, UpstreamTimeout, UpstreamUnreachable
from hostler.system.address import Address
from hostler.system.http_known_head import KnownReply, mask_of
from hostler.system.prompt_write import PromptWriter, TurnWrites
from hostler.system.proxy import Proxies, open_tunnel
from hostler.system.sockets import notice_death, spare_pacing

Headers = list[tuple[bytes, bytes]]
MAX_HEAD = 256 * 1024
"""Bytes of one response head; vendors send some 4 KB."""
FINAL = 200
"""Statuses below are interim answers."""
MOST_DOORS = 256
SWEEP = 1.0
"""Seconds between two looks at silent and unused connections."""


Message = bytes | tuple[bytes | memoryview, ...]
"""A serialised request; in pieces when it is long, since joining them would copy the body once more."""
_HOPE = 3
"""Response heads in a row that may turn out new before a connection stops remembering them."""


class Receiver(Protocol):
    """Takes one response. Exactly one of `on_complete`, `on_failed` and `on_whole` ends it; nothing follows.

    `on_whole` stands for all of a good response whose head is known from before, when its body came in one piece.
    """

    __slots__ = ()

    def on_head(self, status: int, headers: Headers) -> None: ...
    def on_body(self, data: bytes) -> None: ...
    def on_complete(self) -> None: ...
    def on_failed(self, error: UpstreamError) -> None: ...

    def on_whole(self, known: KnownReply, body: bytes) -> None:
        self.on_head(known.status, known.headers)
        self.on_body(body)
        self.on_complete()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an upstream may keep silent, in seconds; 0: for ever. `connect` None: as the pool's limits say."""

    first_byte: float = 0.0
    idle: float = 600.0
    connect: float | None = None


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Bounds of the pool: seconds to connect, seconds unused, connections kept unused per address."""

    connect: float = 10.0
    idle: float = 60.0
    size: int = 256


@dataclass(frozen=True, slots=True)
class PoolStatistics:
    """Connections now in use and kept unused, and how many were ever opened."""

    busy: int
    unused: int
    opened: int


@dataclass(frozen=True, slots=True)
class Forward:
    """What a plain-HTTP proxy wants of each request: the absolute form, and its own key (empty: none)."""

    origin: bytes
    authorization: bytes

    def rewrite(self, message: bytes) -> bytes:
        """A request for the proxy."""
        line, _, rest = message.partition(b"\r\n")
        method, _, target = line.partition(b" ")
        own = b"proxy-authorization: %b\r\n" % self.authorization if self.authorization else b""
        return b"%b %b%b\r\n%b%b" % (method, self.origin, target, own, rest)


class UpstreamConnection(asyncio.Protocol):
    """One connection; carries one request at a time.

    `framed`: the response's length is told by its head; `known`: what was noted of its head when it came before.
    """

    __slots__ = (
        "_chunks", "_complete", "_first", "_forward", "_head_bytes", "_headers", "_hope", "_keep", "_last",
        "_loop", "_parser", "_paused", "_pool", "_receiver", "_status", "_transport", "_writer", "deadline", "door",
        "framed", "idle_limit", "known", "reused", "since", "started",
    )  # fmt: skip

    _writer: PromptWriter

    def __init__(self, door: "Door", forward: "Forward | None" = None) -> None:
        self.since = 0.0
        self.reused = False
        self.started = False
        self.deadline = 0.0
        self.idle_limit = 0.0
        self.door = door
        self._pool = door.pool
        self._loop = door.pool.loop
        self._forward = forward
        self._receiver: Receiver | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: Headers = []
        self._chunks: list[bytes] = []
        self._head_bytes = 0
        self._status = 0
        self._first = b""
        self._hope = _HOPE
        self._last: KnownReply | None = None
        self.known: KnownReply | None = None
        self.framed = False
        self._complete = False
        self._keep = False
        self._paused = False
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)

    # what the dispatcher calls

    def send(  # signature: positions, since a name costs every request time
        self, message: Message, receiver: Receiver, patience: Patience
    ) -> None:
        """Send one whole request; its response goes to `receiver`, which may hear of a failure at once."""
        self.started = self._complete = False
        if self._transport.is_closing():  # closed between its making and now: nobody would tell us again
            receiver.on_failed(UpstreamBroken("The upstream closed the connection before it was asked."))
            return
        self._receiver = receiver
        self.idle_limit = patience.idle
        self.deadline = self._loop.time() + patience.first_byte if patience.first_byte else 0.0
        if self._forward is not None:
            message = self._forward.rewrite(b"".join(message) if isinstance(message, tuple) else message)
        if isinstance(message, tuple):
            self._writer.write_pieces(message)
        else:
            self._writer.write(message)

    def set_reading(self, wanted: bool) -> None:  # signature: Exchange.on_writable
        """Backpressure: take no more from the upstream while the client cannot keep up."""
        if self._transport.is_closing() or (not wanted and self._receiver is None):
            return  # a client that cannot keep up with the last bytes: the connection is the next call's already
        self._paused = not wanted
        if wanted:
            self._transport.resume_reading()
            if self.idle_limit:
                self.deadline = self._loop.time() + self.idle_limit
        else:
            self._transport.pause_reading()
            self.deadline = 0.0

    def abort(self) -> None:
        """Drop the connection at once; the receiver hears nothing more."""
        self._receiver = None
        self.door.forget(self)
        self._transport.abort()

    def close(self) -> None:
        """Close an unused connection."""
        self._transport.close()

    def usable(self) -> bool:
        """Whether a request may be sent."""
        return not self._transport.is_closing()

    @property
    def busy(self) -> bool:
        """Whether an answer is under way."""
        return self._receiver is not None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._writer = PromptWriter(self._transport, self._pool.writes)
        self._pool.connections.add(self)
        sock = cast("socket.socket | None", transport.get_extra_info("socket"))
        if sock is not None:
            notice_death(sock)
            spare_pacing(sock)

    def data_received(self, data: bytes) -> None:
        if self._receiver is None:  # nobody asked: an answer to nothing, such as a 408 on an idle connection
            self.door.forget(self)
            self._transport.abort()
            return
        if not self.started:
            last = self._last
            if last is not None and not self._head_bytes and self._take_whole(data, last):
                return
            if not self._head_bytes:
                self._first = data
            self._head_bytes += len(data)
        self.deadline = self._loop.time() + self.idle_limit if self.idle_limit else 0.0
        fault = self._parse(data)
        if fault:
            self._fail(UpstreamGarbled(fault))
            return
        chunks, receiver = self._chunks, cast("Receiver | None", self._receiver)
        if chunks and receiver is not None:  # a head may have made the receiver give up
            self._chunks = []
            receiver.on_body(chunks[0] if len(chunks) == 1 else b"".join(chunks))
        if self._complete:
            self._finish()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._pool.connections.discard(self)
        self.door.forget(self)
        receiver, self._receiver = self._receiver, None
        if receiver is None:
            return
        if self.started and not self.framed and exc is None:  # framed by the end of the connection
            receiver.on_complete()
            return
        what = "before it answered" if not self.started else "in the middle of its answer"
        receiver.on_failed(UpstreamBroken(f"The upstream closed the connection {what}."))

    # httptools

    def on_message_begin(self) -> None:
        if self._complete:  # a second answer in the segment of the first: to nothing that was asked
            self._keep = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.started:  # a trailer is none of the next answer's headers
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        headers, self._headers = self._headers, []
        if self._complete:
            return
        self._status = status
        if status < FINAL:
            return
        self.started = True
        self.framed = status in _BODILESS or _says_its_length(headers)
        self._remember(status, headers)
        self._first = b""
        if self._receiver is not None:
            self._receiver.on_head(status, headers)

    # a head that comes again

    def _take_whole(self, data: bytes, last: KnownReply) -> bool:
        """Take a whole response whose head is the last one again, without parsing it; False if it is not that."""
        receiver, begin = self._receiver, last.find_whole(data)
        if not begin or receiver is None:
            return False
        self.known = last
        self.started = self.framed = True
        receiver.on_whole(last, data[begin:])
        if self._receiver is not None:  # else it has given up
            self._receiver = None
            if self._paused:
                self.set_reading(True)
            self.door.keep(self)
        return True

    def _remember(self, status: int, headers: Headers) -> None:
        """Keep a good response's head, to know it when it comes again."""
        if self.known is not None:  # the one before came again, so another one may
            self._hope = _HOPE
        self._last = self.known = None
        if self._hope and status == _GOOD:
            self._hope -= 1
            end = self._first.find(b"\r\n\r\n") + 4
            mask = mask_of(self._first[:end])
            coded = any(name == b"transfer-encoding" for name, _ in headers)
            if mask is not None and not coded and self._first.startswith(b"HTTP/1.1 200"):
                self._last = KnownReply(mask, status=status, headers=headers)

    def on_body(self, body: bytes) -> None:
        if not self._complete:
            self._chunks.append(body)

    def on_message_complete(self) -> None:
        if self._status >= FINAL and not self._complete:  # an interim 1xx answer ends too, and is none
            self._complete = True
            # llhttp knows this only now: afterwards it has moved on to the next message
            self._keep = self.framed and self._parser.should_keep_alive()

    # inner workings

    def _parse(self, data: bytes) -> str:
        """Have bytes of an answer parsed; returns what is wrong with it, or nothing."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._complete:
                return f"The upstream's answer is no HTTP/1.1: {error}."
            self._keep = False  # rubbish behind a whole answer
        if not self.started and self._head_bytes > MAX_HEAD:
            return f"The upstream's response head is longer than {MAX_HEAD} bytes."
        return ""

    def _finish(self) -> None:
        receiver, self._receiver = self._receiver, None
        self._head_bytes = 0
        if self._keep and not self._transport.is_closing():
            if self._paused:  # the client's buffer filled with the last piece; the next call is another's
                self.set_reading(True)
            self.door.keep(self)
        else:
            self._transport.close()
        if receiver is not None:
            receiver.on_complete()

    def _fail(self, error: UpstreamError) -> None:
        receiver, self._receiver = self._receiver, None
        self.door.forget(self)
        self._transport.abort()
        if receiver is not None:
            receiver.on_failed(error)

    def check_silence(self, now: float) -> None:
        """Fail the call when its deadline has passed (called by the pool's sweep)."""
        if self.deadline and now > self.deadline and self.busy:
            what = "within its answer" if self.started else "before its first byte"
            self._fail(UpstreamTimeout(f"The upstream kept silent {what} for longer than its limit."))


class Door:
    """The way to one address: the connections kept unused, and how a new one is made."""

    __slots__ = ("_unused", "address", "pool")

    def __init__(self, pool: "UpstreamPool", address: Address) -> None:
        self.pool = pool
        self.address = address
        self._unused: list[UpstreamConnection] = []

    def take_nowait(self) -> UpstreamConnection | None:
        """A kept connection, the one used last first; None when a new one must be made."""
        unused = self._unused
        while unused:
            connection = unused.pop()
            if connection.usable():
                connection.reused = True
                return connection
        return None

    async def connect(self, within: float | None = None) -> UpstreamConnection:
        """Open a connection, through a proxy where the environment says so; raises UpstreamUnreachable.

        `within` is its limit in seconds, 0: none; None: as the pool's limits say.
        """
        where = f"{self.address.host}:{self.address.port}"
        limit = self.pool.limits.connect if within is None else within
        try:
            async with asyncio.timeout(limit or None):
                connection = await self._open()
        except TimeoutError:
            raise UpstreamUnreachable(f"No connection to {where} within {limit:g} s.") from None
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", "") or error.reason or str(error)
            raise UpstreamUnreachable(f"TLS with {where} failed: {reason}.") from None
        except OSError as error:
            raise UpstreamUnreachable(f"No connection to {where}: {error.strerror or error}.") from None
        except UnicodeError as error:  # what names may not be: a label that is empty or too long
            raise UpstreamUnreachable(f"No connection to {where}: {error}.") from None
        self.pool.opened += 1
        return connection

    def keep(self, connection: UpstreamConnection) -> None:
        """Put a connection back."""
        if len(self._unused) >= self.pool.limits.size:
            connection.close()
            return
        connection.since = self.pool.now
        self._unused.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        """Keep a connection no more."""
        if connection in self._unused:
            self._unused.remove(connection)

    def close(self, before: float = float("inf")) -> None:
        """Close what is unused, all of it or what has been since `before` (by the pool's clock)."""
        unused = self._unused
        while unused and unused[0].since < before:
            unused.pop(0).close()

    def __len__(self) -> int:
        return len(self._unused)

    async def _open(self) -> UpstreamConnection:
        pool, address = self.pool, self.address
        proxy = pool.proxies.find(address)
        tls = pool.tls_context() if address.tls else None
        if proxy is None:
            _, protocol = await pool.loop.create_connection(
                lambda: UpstreamConnection(self), address.host, address.port, ssl=tls
            )
            return protocol
        if not address.tls:
            forward = Forward(f"http://{address.authority}".encode(), proxy.authorization.encode())
            _, protocol = await pool.loop.create_connection(
                lambda: UpstreamConnection(self, forward), proxy.host, proxy.port
            )
            return protocol
        sock = await open_tunnel(proxy, address)
        _, protocol = await pool.loop.create_connection(
            lambda: UpstreamConnection(self), sock=sock, ssl=tls, server_hostname=address.host
        )
        return protocol


class UpstreamPool:
    """Doors by address. All methods belong to the loop's thread.

    `now` is its clock in seconds, moved on by the sweep; `connections` are all that are open.
    """

    def __init__(self, limits: PoolLimits, environment: Mapping[str, str]) -> None:
        self.loop = asyncio.get_running_loop()
        self.limits = limits
        self.proxies = Proxies(environment)
        self.connections: set[UpstreamConnection] = set()
        self.writes = TurnWrites(self.loop)
        self.now = self.loop.time()
        self.opened = 0
        self._doors: dict[Address, Door] = {}
        self._tls: ssl.SSLContext | None = None
        self._sweep = self.loop.call_later(SWEEP, self._look_around)

    def door(self, address: Address) -> Door:
        """The door to an address; callers that use it often keep it."""
        door = self._doors.get(address)
        if door is None:
            if len(self._doors) >= MOST_DOORS:  # engines take a new port at each start
                used = {connection.door for connection in self.connections}
                self._doors = {a: d for a, d in self._doors.items() if d in used}
            door = self._doors[address] = Door(self, address)
        return door

    def statistics(self) -> PoolStatistics:
        """How the pool stands now."""
        busy = sum(connection.busy for connection in self.connections)
        return PoolStatistics(busy, sum(map(len, self._doors.values())), self.opened)

    def close(self) -> None:
        """Close everything; running calls fail."""
        self._sweep.cancel()
        for door in self._doors.values():
            door.close()
        for connection in list(self.connections):
            if connection.busy:
                connection.abort()

    def tls_context(self) -> ssl.SSLContext:
        """OpenSSL itself honours SSL_CERT_FILE and SSL_CERT_DIR; loading the store costs 20 ms, so only when needed."""
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def _look_around(self) -> None:
        # first of all: what one call's receiver raises must not end the sweep for all
        self._sweep = self.loop.call_later(SWEEP, self._look_around)
        now = self.now = self.loop.time()
        for connection in list(self.connections):
            connection.check_silence(now)
        for door in self._doors.values():
            door.close(before=now - self.limits.idle)


_GOOD = 200
_SIZED = frozenset({b"content-length", b"transfer-encoding"})
_BODILESS = frozenset({204, 304})


def _says_its_length(headers: Headers) -> bool:
    for name, _ in headers:  # noqa: SIM110  # a generator, as any() wants it, costs 2 us here
        if name in _SIZED:
            return True
    return False
