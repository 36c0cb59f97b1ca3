"""Knows one HTTP/1.x client connection: which bytes belong to which request, whose turn it is, and when to give up.

One request at a time: pipelined bytes are held back until the answer ended. Does not know: listening, routes, TLS.
"""

import asyncio
import io
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, cast

from hostler.system.http_chunks import Dechunker
from hostler.system.http_exchange import Exchange, Headers, Heir, whole_reply
from hostler.system.http_framing import (
    CHUNKED,
    HEAD_END,
    HeadReader,
    Refusal,
    RequestHead,
    check_unfinished,
    refuse_length,
)
from hostler.system.http_known_head import KnownHead, mask_of, may_be_known
from hostler.system.prompt_write import PromptWriter, TurnWrites

Handler = Callable[[Exchange], None]
HeadCheck = Callable[[Exchange], None]
OnRefusal = Callable[[int, str, Exchange | None], tuple[Headers, bytes]]

# Bytes of pipelined requests held back before reading is paused (one read of up to 256 KiB may come on top).
_HOLD_LIMIT: Final = 65536
# Requests or body slices taken in one go before the loop gets its turn.
_ROUNDS: Final = 16
# What a refused client may still send before the connection is cut; it also has to fit the time for it.
_LINGER_BYTES: Final = 128 * 1024 * 1024

_CR: Final = 13
_VISIBLE: Final = 33  # the first byte value that a method may begin with

_HEAD: Final = 0
_BODY: Final = 1
_CHUNKS: Final = 2
_CHECKING: Final = 3
_BUSY: Final = 4
_LINGER: Final = 5
_CLOSED: Final = 6
_GIVEN: Final = 7


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one server: sizes in bytes, times in seconds.

    `head_timeout` and `body_timeout` run from the first byte of a head and from its end; `idle_timeout` is for a
    connection between requests, and for one whose client takes none of the bytes that wait for it;
    `linger_timeout` bounds how long a refused client may go on sending before the connection is closed.
    Times are kept by a clock that ticks each second (faster for small limits), so they may run one tick longer.
    """

    max_head: int = 64 * 1024
    max_body: int = 64 * 1024 * 1024
    head_timeout: float = 30.0
    body_timeout: float = 300.0
    idle_timeout: float = 75.0
    write_high_water: int = 256 * 1024
    linger_timeout: float = 5.0

    @property
    def tick(self) -> float:
        """Seconds between two looks at all connections."""
        shortest = min(self.head_timeout, self.body_timeout, self.idle_timeout, self.linger_timeout)
        return max(0.01, min(1.0, shortest / 4))


class Host(Protocol):
    """What a connection needs of its server. `now` is the server's clock in seconds, moved on by its timer;
    `epoch` changes when what head checks found no longer holds.
    """

    handler: Handler
    head_check: HeadCheck | None
    on_refusal: OnRefusal
    limits: Limits
    reader: HeadReader
    loop: asyncio.AbstractEventLoop
    writes: TurnWrites
    now: float
    draining: bool
    epoch: int
    requests: int
    refused: int

    def opened(self, connection: "Connection") -> None:
        """Count a connection in."""
        ...

    def lost(self, connection: "Connection") -> None:
        """Count it out."""
        ...


class Connection(asyncio.Protocol):
    """One client's connection; created by the server for each accepted socket.

    The phases: `_HEAD` (between requests, or a head is on its way) -> `_CHECKING` (inside the head check) -> `_BODY` or
    `_CHUNKS` -> `_BUSY` (the handler has it) -> `_HEAD` again; `_LINGER` (refused: what still comes is thrown away)
    and `_CLOSED` end it. `_GIVEN`: an heir has the transport, and the connection is only counted, drained and cut.
    """

    __slots__ = (
        "_advancing", "_body", "_budget", "_client", "_deadline", "_dechunker", "_exchange", "_heir", "_held", "_host",
        "_known", "_looked", "_missing", "_phase", "_reading_paused", "_scheduled", "_stalled_since", "_unflushed",
        "transport", "write_paused", "writer",
    )  # fmt: skip

    transport: asyncio.Transport
    writer: PromptWriter

    def __init__(self, host: Host) -> None:
        self._host = host
        self._phase = _HEAD
        self._held: bytes | bytearray = b""
        self._looked = 0
        self._known: KnownHead | None = None
        self._exchange: Exchange | None = None
        self._heir: Heir | None = None
        self._body: io.BytesIO | None = None
        self._missing = 0
        self._dechunker: Dechunker | None = None
        self._budget = 0
        self._advancing = False
        self._scheduled = False
        self._reading_paused = False
        self.write_paused = False
        self._deadline = 0.0
        self._unflushed = 0
        self._stalled_since = 0.0
        self._client = ""

    # ------------------------------------------------------------------ called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=self._host.limits.write_high_water)
        self.writer = PromptWriter(self.transport, self._host.writes)
        self._client = _name_of(cast("tuple[str, int] | str | None", transport.get_extra_info("peername")))
        self._deadline = self._host.now + self._host.limits.idle_timeout
        self._host.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, for whatever reason."""
        self._lose_exchange()
        self._phase = _CLOSED
        self._held = b""
        self._heir = None
        self._host.lost(self)

    def eof_received(self) -> None:
        """The client sends no more. It counts as gone unless its answer is already written (which is then flushed)."""
        begun = self._exchange is not None and self._exchange.answering
        self._lose_exchange()
        if begun:
            self.reset()  # not a close: what was written of a close-delimited reply must not look whole
            return
        self._forget()
        self._phase = _CLOSED
        self._deadline = self._host.now + self._host.limits.linger_timeout

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        phase = self._phase
        known = self._known
        if known is not None and phase == _HEAD and not self._held and self._take_whole(data, known):
            return
        if phase >= _LINGER:
            self._budget -= len(data)
            if self._budget < 0 and phase == _LINGER:
                self._close()
            return
        if not self._held:
            self._held = data
        else:
            if type(self._held) is bytes:
                self._held = bytearray(self._held)
            self._held += data
        if phase == _BUSY or self.write_paused or self._scheduled:
            if len(self._held) > _HOLD_LIMIT:
                self._pause_reading()
        else:
            self._advance()

    def pause_writing(self) -> None:
        """The write buffer is above its high-water mark."""
        self.write_paused = True
        if self._exchange is not None:
            self._exchange.writable(False)

    def resume_writing(self) -> None:
        """The write buffer has drained."""
        self.write_paused = False
        if self._exchange is not None:
            self._exchange.writable(True)
        if self._held and self._phase != _BUSY and not self._advancing:
            self._advance()

    # ------------------------------------------------------------------ called by the exchange

    def reply_ended(self, keep_alive: bool) -> None:
        """The answer is written whole: take the next request, or close."""
        host = self._host
        self._exchange = None
        if self._phase != _BUSY:  # the head check refused; the body may still be on its way
            host.refused += 1
            self._linger()
            return
        if keep_alive and not host.draining:
            self._phase = _HEAD
            self._deadline = host.now + host.limits.idle_timeout
            if self._held and not self._advancing and not self.write_paused:
                self._advance()
        elif self._held:
            self._linger()  # the client has sent more than this connection will answer, and may be sending still
        else:
            self._close()

    def reset(self) -> None:
        """Drop the connection with a TCP reset, so that a close-delimited reply cannot look complete."""
        self._exchange = None
        self._phase = _CLOSED
        self._held = b""
        carrier = self.transport.get_extra_info("socket")
        if carrier is not None and carrier.family in (socket.AF_INET, socket.AF_INET6):
            carrier.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def give_away(self, heir: Heir) -> None:
        """The heir has the transport from now on; the server still counts the connection, and ends it in its time."""
        held, self._held = bytes(self._held), b""
        self._exchange = None
        self._phase = _GIVEN
        self._heir = heir
        self.writer.flush()
        self._resume_reading()
        heir.begin(self.transport, held, on_lost=self.connection_lost)
        if self._host.draining:
            heir.shutdown()

    # ------------------------------------------------------------------ called by the server

    def tick(self) -> None:
        """Give up on what has taken too long."""
        host = self._host
        size = self.transport.get_write_buffer_size()
        if size:
            if size != self._unflushed:
                self._unflushed = size
                self._stalled_since = host.now
            elif host.now - self._stalled_since > host.limits.idle_timeout:
                self.transport.abort()
            return
        self._unflushed = 0
        if host.now < self._deadline:
            return
        match self._phase:
            case 0 if not self._held:
                self._close()
            case 0:
                self._refuse(Refusal(408, "The request head did not arrive in time."))
            case 1 | 2:
                self._refuse(Refusal(408, "The request body did not arrive in time."))
            case 5 | 6:
                self.transport.abort()
            case _:
                pass

    @property
    def busy(self) -> bool:
        """Whether the handler has a request that is not answered yet."""
        return self._phase == _BUSY and self._exchange is not None

    def drain(self) -> None:
        """Close now if no request has begun; otherwise after the answer."""
        if self._phase == _HEAD and not self._held:
            self._close()
        elif self._heir is not None:
            self._heir.shutdown()
        elif self._exchange is not None:
            self._exchange.keep_alive = False

    # ------------------------------------------------------------------ reading requests

    def _advance(self) -> None:
        self._advancing = True
        rounds = _ROUNDS
        while self._held and self._step():
            rounds -= 1
            if self.write_paused or not rounds:
                break
        self._advancing = False
        if self._held:
            self._hold(exhausted=not rounds)
        elif self._reading_paused:
            self._resume_reading()

    def _step(self) -> bool:
        """Take one request or body slice out of the held bytes; False when that needs more bytes, or another turn."""
        match self._phase:
            case 0:
                return self._take_head()
            case 1:
                return self._take_body()
            case 2:
                return self._take_chunks()
            case _:
                return False

    def _hold(self, *, exhausted: bool) -> None:
        if exhausted and not self.write_paused and self._phase < _CHECKING:
            if not self._scheduled:
                self._scheduled = True
                self._host.loop.call_soon(self._go_on)
        elif self._phase < _CHECKING and not self.write_paused:
            if self._reading_paused:
                self._resume_reading()
            return
        if len(self._held) > _HOLD_LIMIT:
            self._pause_reading()

    def _go_on(self) -> None:
        self._scheduled = False
        if self._phase < _CHECKING and not self.write_paused:
            self._advance()

    def _take_whole(self, data: bytes, known: KnownHead) -> bool:
        """Take a request that came in one piece, with the head of the last one; False if it is not that."""
        host, begin = self._host, known.find_whole(data)
        if not begin or known.epoch != host.epoch or self.write_paused or len(data) - begin > host.limits.max_body:
            return False
        exchange = self._exchange = Exchange(self, known.head)
        self._hand_over(exchange, data[begin:])
        return True

    def _take_head(self) -> bool:
        held = self._held
        host = self._host
        known = self._known
        if known is not None and not self._looked and known.epoch == host.epoch and (at := known.find(held)):
            exchange = self._exchange = Exchange(self, known.head)
            return self._take_body_of(exchange, at + known.tail, length=int(held[known.start : at]))
        end = held.find(HEAD_END, max(self._looked - 3, 0) if self._looked else 0)
        if end < 0 or end + 4 > host.limits.max_head or held[0] < _VISIBLE:
            return self._take_no_head(end)
        self._looked = 0
        end += 4
        head = RequestHead(self._client)
        try:
            host.reader.read(bytes(held[:end]), head)
        except Refusal as refusal:
            self._refuse(refusal)
            return False
        exchange = self._exchange = Exchange(self, head)
        if host.head_check is not None and not self._check_head(host.head_check, exchange):
            return False
        if may_be_known(head) and (mask := mask_of(bytes(held[:end]))) is not None:
            self._known = KnownHead(mask, head, epoch=host.epoch)
        return self._take_body_of(exchange, end, length=head.length)

    def _take_body_of(self, exchange: Exchange, end: int, *, length: int) -> bool:
        """The head is good and ends at `end`: hand over if the body is there, else wait for it."""
        held, host = self._held, self._host
        if length > host.limits.max_body:
            self._refuse(Refusal(413, "The request body is too large."))
            return False
        if host.draining:
            exchange.keep_alive = False
        if length >= 0 and len(held) >= end + length:
            body = bytes(held[end : end + length])
            self._held = held[end + length :]
            self._hand_over(exchange, body)
            return True
        self._held = held[end:]
        self._await_body(exchange, length)
        return True

    def _take_no_head(self, end: int) -> bool:
        held = self._held
        if held[:2] == b"\r\n" and not self._looked:
            # RFC 9112, 2.2: one empty line before a request line is forgiven. `_looked` keeps it at one.
            self._held = held[2:]
            self._looked = 1
            return bool(self._held)
        if len(held) == 1 and held[0] == _CR and not self._looked:  # half of that empty line
            self._begin_head()
            return False
        limit = self._host.limits.max_head
        try:
            if end < 0 and len(held) <= limit:
                check_unfinished(held, self._looked)
            elif held[0] < _VISIBLE:
                raise Refusal(400, "A request begins with its method.")
            else:
                raise refuse_length(held[:limit])
        except Refusal as refusal:
            self._refuse(refusal)
            return False
        self._begin_head()
        self._looked = len(held)
        return False

    def _begin_head(self) -> None:
        if self._looked <= 1:
            self._deadline = self._host.now + self._host.limits.head_timeout

    def _check_head(self, check: HeadCheck, exchange: Exchange) -> bool:
        keep_alive = exchange.keep_alive
        exchange.keep_alive = False  # an answer from here closes the connection and has to say so
        self._phase = _CHECKING
        try:
            check(exchange)
        except Exception as error:  # noqa: BLE001  # edge: the check is the caller's code; it must not end the server
            self._blame(error, exchange)
        if self._phase != _CHECKING or exchange.answering:
            self._held = b""
            return False
        exchange.keep_alive = keep_alive
        self._phase = _HEAD
        return True

    def _await_body(self, exchange: Exchange, length: int) -> None:
        self._deadline = self._host.now + self._host.limits.body_timeout
        if length == CHUNKED:
            self._phase = _CHUNKS
            self._dechunker = Dechunker(self._host.limits.max_body)
        else:
            self._phase = _BODY
            self._missing = length
            self._body = io.BytesIO()  # its getvalue() copies nothing, where joining 64 MB would keep the loop
        if exchange.head.expects and not self._held:
            self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _take_body(self) -> bool:
        held = self._held
        body = self._body
        exchange = self._exchange
        if body is None or exchange is None:
            return False
        missing = self._missing
        if len(held) < missing:
            body.write(held)
            self._missing = missing - len(held)
            self._held = b""
        else:
            body.write(held[:missing])
            self._held = held[missing:]
            self._body = None
            self._hand_over(exchange, body.getvalue())
        return True

    def _take_chunks(self) -> bool:
        dechunker = self._dechunker
        exchange = self._exchange
        if dechunker is None or exchange is None:
            return False
        try:
            taken = dechunker.feed(self._held)
        except Refusal as refusal:
            self._refuse(refusal)
            return False
        self._held = self._held[taken:]
        if dechunker.done:
            self._dechunker = None
            self._hand_over(exchange, dechunker.body.getvalue())
        return True

    def _hand_over(self, exchange: Exchange, body: bytes) -> None:
        host = self._host
        exchange.body = body
        self._phase = _BUSY
        host.requests += 1
        try:
            host.handler(exchange)
        except Exception as error:  # noqa: BLE001  # edge: the handler is the caller's code, like the check
            self._blame(error, exchange)

    # ------------------------------------------------------------------ ending

    def _blame(self, error: Exception, exchange: Exchange) -> None:
        self._host.loop.call_exception_handler(
            {"message": f"{exchange.method} {exchange.path} failed in its handler", "exception": error}
        )
        if exchange.answering:
            exchange.abort()
        else:
            self._refuse(Refusal(500, "The request failed inside the server."))

    def _refuse(self, refusal: Refusal) -> None:
        """Answer, then close: after a refusal nobody can say where the next request would begin."""
        exchange = self._exchange
        self._exchange = None
        self._host.refused += 1
        self._forget()
        self._phase = _LINGER
        if exchange is not None:
            exchange.keep_alive = False
        headers, body = self._host.on_refusal(refusal.status, refusal.reason, exchange)
        if exchange is not None:
            exchange.close()
        self.writer.write(whole_reply(refusal.status, headers, body=body, request=exchange))
        self._linger()

    def _linger(self) -> None:
        """Close for writing, and read on for a while: closing on unread bytes would reset the reply away."""
        self._forget()
        self._phase = _LINGER
        self._budget = _LINGER_BYTES
        self._deadline = self._host.now + self._host.limits.linger_timeout
        self.writer.flush()
        if self.transport.is_closing():
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._resume_reading()

    def _close(self) -> None:
        """Close when everything written has been sent; the deadline is for a close that hangs."""
        self._forget()
        self._phase = _CLOSED
        self._deadline = self._host.now + self._host.limits.linger_timeout
        self.writer.flush()
        self.transport.close()

    def _forget(self) -> None:
        self._held = b""
        self._body = None
        self._dechunker = None

    def _lose_exchange(self) -> None:
        exchange = self._exchange
        if exchange is not None:
            self._exchange = None
            exchange.lose()

    def _pause_reading(self) -> None:
        if not self._reading_paused and not self.transport.is_closing():
            self._reading_paused = True
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._reading_paused and not self.transport.is_closing():
            self._reading_paused = False
            self.transport.resume_reading()


def _name_of(peer: tuple[str, int] | str | None) -> str:
    if not isinstance(peer, tuple):
        return ""
    host, port = peer[0], peer[1]  # an IPv6 address has two more parts
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
