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
from hostler.system.proxy import Proxies, Proxy, open_tunnel

Headers = list[tuple[bytes, bytes]]
MAX_HEAD = 256 * 1024
"""Bytes of one response head; vendors send some 4 KB."""
FINAL = 200
"""Statuses below are interim answers."""
SWEEP = 1.0
"""Seconds between two looks at silent and unused connections."""


class Receiver(Protocol):
    """Takes one response. Exactly one of `on_complete` and `on_failed` ends it; nothing follows."""

    def on_head(self, status: int, headers: Headers) -> None: ...
    def on_body(self, data: bytes) -> None: ...
    def on_complete(self) -> None: ...
    def on_failed(self, error: UpstreamError) -> None: ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an upstream may keep silent, in seconds; 0: for ever."""

    first_byte: float = 0.0
    idle: float = 600.0


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


class UpstreamConnection(asyncio.Protocol):
    """One connection; carries one request at a time."""

    __slots__ = (
        "_chunks", "_complete", "_head_bytes", "_headers", "_keep", "_loop", "_parser", "_pool", "_receiver", "_request_prefix",
        "_sized", "_status", "_transport", "address", "deadline", "idle_limit", "reused", "since", "started",
    )  # fmt: skip

    def __init__(self, pool: "UpstreamPool", address: Address, request_prefix: bytes = b"") -> None:
        self.address = address
        self.since = 0.0
        self.reused = False
        self.started = False
        self.deadline = 0.0
        self.idle_limit = 0.0
        self._pool = pool
        self._loop = pool.loop
        self._request_prefix = request_prefix
        self._receiver: Receiver | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: Headers = []
        self._chunks: list[bytes] = []
        self._head_bytes = 0
        self._status = 0
        self._sized = False
        self._complete = False
        self._keep = False
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)

    # what the dispatcher calls

    def send(self, message: bytes, receiver: Receiver, patience: Patience) -> None:
        """Send one whole request; its response goes to `receiver`."""
        self._receiver = receiver
        self.started = self._complete = False
        self.idle_limit = patience.idle
        self.deadline = self._loop.time() + patience.first_byte if patience.first_byte else 0.0
        self._pool.busy.add(self)
        if self._request_prefix:  # a plain-HTTP proxy wants the absolute form
            method, _, rest = message.partition(b" ")
            message = method + b" " + self._request_prefix + rest
        self._transport.write(message)

    def pause_reading(self) -> None:
        """Take no more from the upstream: the client cannot keep up."""
        if not self._transport.is_closing():
            self._transport.pause_reading()
            self.deadline = 0.0

    def resume_reading(self) -> None:
        """Go on reading."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def abort(self) -> None:
        """Drop the connection at once; the receiver hears nothing more."""
        self._receiver = None
        self._pool.forget(self)
        self._transport.abort()

    def close(self) -> None:
        """Close an unused connection."""
        self._transport.close()

    @property
    def usable(self) -> bool:
        """Whether a request may be sent."""
        return not self._transport.is_closing()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        sock = cast("socket.socket | None", transport.get_extra_info("socket"))
        if sock is not None:
            _keep_alive(sock)

    def data_received(self, data: bytes) -> None:
        if self._receiver is None:  # nobody asked: an answer to nothing, such as a 408 on an idle connection
            self._pool.forget(self)
            self._transport.abort()
            return
        if self.idle_limit:
            self.deadline = self._loop.time() + self.idle_limit
        if not self.started:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(UpstreamGarbled(f"The upstream's answer is no HTTP/1.1: {error}."))
            return
        if not self.started and self._head_bytes > MAX_HEAD:
            self._fail(UpstreamGarbled(f"The upstream's response head is longer than {MAX_HEAD} bytes."))
            return
        if self._chunks and self._receiver is not None:
            chunks = self._chunks
            self._chunks = []
            self._receiver.on_body(chunks[0] if len(chunks) == 1 else b"".join(chunks))
        if self._complete:
            self._finish()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._pool.forget(self)
        receiver, self._receiver = self._receiver, None
        if receiver is None:
            return
        if self.started and not self._sized and exc is None:  # framed by the end of the connection
            receiver.on_complete()
            return
        what = "before it answered" if not self.started else "in the middle of its answer"
        receiver.on_failed(UpstreamBroken(f"The upstream closed the connection {what}."))

    # httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        headers, self._headers = self._headers, []
        self._status = status
        if status < FINAL:
            return
        self.started = True
        self._sized = status in _BODILESS or _says_its_length(headers)
        if self._receiver is not None:
            self._receiver.on_head(status, headers)

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        if self._status >= FINAL:  # an interim 1xx answer ends too, and is none
            self._complete = True
            # llhttp knows this only now: afterwards it has moved on to the next message
            self._keep = self._sized and self._parser.should_keep_alive()

    # inner workings

    def _finish(self) -> None:
        receiver, self._receiver = self._receiver, None
        self._head_bytes = 0
        self._pool.busy.discard(self)
        if self._keep and not self._transport.is_closing():
            self._pool.keep(self)
        else:
            self._transport.close()
        if receiver is not None:
            receiver.on_complete()

    def _fail(self, error: UpstreamError) -> None:
        receiver, self._receiver = self._receiver, None
        self._pool.forget(self)
        self._transport.abort()
        if receiver is not None:
            receiver.on_failed(error)

    def check_silence(self, now: float) -> None:
        """Fail the call when its deadline has passed (called by the pool's sweep)."""
        if self.deadline and now > self.deadline and self._receiver is not None:
            what = "within its answer" if self.started else "before its first byte"
            self._fail(UpstreamTimeout(f"The upstream kept silent {what} for longer than its limit."))


class UpstreamPool:
    """Keep-alive connections by address. All methods belong to the loop's thread."""

    def __init__(self, limits: PoolLimits, environment: Mapping[str, str]) -> None:
        self.loop = asyncio.get_running_loop()
        self.busy: set[UpstreamConnection] = set()
        self._limits = limits
        self._proxies = Proxies(environment)
        self._unused: dict[Address, list[UpstreamConnection]] = {}
        self._opened = 0
        self._tls: ssl.SSLContext | None = None
        self._sweep = self.loop.call_later(SWEEP, self._look_around)

    def acquire_nowait(self, address: Address) -> UpstreamConnection | None:
        """A kept connection, the one used last first; None when a new one must be made."""
        unused = self._unused.get(address)
        while unused:
            connection = unused.pop()
            if connection.usable:
                connection.reused = True
                return connection
        return None

    async def connect(self, address: Address) -> UpstreamConnection:
        """Open a connection, through a proxy where the environment says so; raises UpstreamUnreachable."""
        where = f"{address.host}:{address.port}"
        try:
            async with asyncio.timeout(self._limits.connect):
                connection = await self._open(address)
        except TimeoutError:
            raise UpstreamUnreachable(f"No connection to {where} within {self._limits.connect:g} s.") from None
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", "") or error.reason or str(error)
            raise UpstreamUnreachable(f"TLS with {where} failed: {reason}.") from None
        except OSError as error:
            raise UpstreamUnreachable(f"No connection to {where}: {error.strerror or error}.") from None
        self._opened += 1
        return connection

    def keep(self, connection: UpstreamConnection) -> None:
        """Put a connection back."""
        unused = self._unused.setdefault(connection.address, [])
        if len(unused) >= self._limits.size:
            connection.close()
            return
        connection.since = self.loop.time()
        unused.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        """Drop a connection from the books."""
        self.busy.discard(connection)
        unused = self._unused.get(connection.address)
        if unused and connection in unused:
            unused.remove(connection)

    def drop(self, address: Address) -> None:
        """Close what is kept for an address (its engine has stopped)."""
        for connection in self._unused.pop(address, []):
            connection.close()

    def statistics(self) -> PoolStatistics:
        """How the pool stands now."""
        return PoolStatistics(len(self.busy), sum(map(len, self._unused.values())), self._opened)

    def close(self) -> None:
        """Close everything; running calls fail."""
        self._sweep.cancel()
        for address in list(self._unused):
            self.drop(address)
        for connection in list(self.busy):
            connection.abort()

    async def _open(self, address: Address) -> UpstreamConnection:
        proxy = self._proxies.find(address)
        tls = self._tls_context() if address.tls else None
        if proxy is None:
            _, protocol = await self.loop.create_connection(
                lambda: UpstreamConnection(self, address), address.host, address.port, ssl=tls
            )
            return protocol
        if not address.tls:
            prefix = f"http://{address.authority}".encode()
            _, protocol = await self.loop.create_connection(
                lambda: UpstreamConnection(self, address, prefix), proxy.host, proxy.port
            )
            return protocol
        return await self._tunnel(address, proxy, tls)

    async def _tunnel(self, address: Address, proxy: Proxy, tls: ssl.SSLContext | None) -> UpstreamConnection:
        sock = await open_tunnel(self.loop, proxy, address)
        _, protocol = await self.loop.create_connection(
            lambda: UpstreamConnection(self, address), sock=sock, ssl=tls, server_hostname=address.host
        )
        return protocol

    def _tls_context(self) -> ssl.SSLContext:
        """OpenSSL itself honours SSL_CERT_FILE and SSL_CERT_DIR; loading the store costs 20 ms, so only when needed."""
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def _look_around(self) -> None:
        now = self.loop.time()
        for connection in list(self.busy):
            connection.check_silence(now)
        for unused in self._unused.values():
            while unused and now - unused[0].since > self._limits.idle:
                unused.pop(0).close()
        self._sweep = self.loop.call_later(SWEEP, self._look_around)


_SIZED = frozenset({b"content-length", b"transfer-encoding"})
_BODILESS = frozenset({204, 304})


def _says_its_length(headers: Headers) -> bool:
    for name, _ in headers:  # a loop, not any(): a generator costs 2 us here
        if name in _SIZED:
            return True
    return False


def _keep_alive(sock: socket.socket) -> None:
    """Let the kernel find half-open connections: the first probe after 30 s of silence, five at 10 s intervals."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPALIVE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 5)):
        number = getattr(socket, option, None)
        if number is not None:
            sock.setsockopt(socket.IPPROTO_TCP, number, value)
