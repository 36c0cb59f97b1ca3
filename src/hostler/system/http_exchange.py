"""Knows one HTTP exchange: the request as read, and every way to answer it. Knows how replies are written.

Does not know: parsing, timeouts, how connections are kept. It asks its `Link` for that.
"""

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final, Protocol

from hostler.system.http_framing import HEAD_END, RequestHead
from hostler.system.prompt_write import PromptWriter

Headers = Sequence[tuple[bytes, bytes]]
OnLost = Callable[[Exception | None], None]
_STATUS_LINES: Final = {s.value: b"HTTP/1.1 %d %b\r\n" % (s.value, s.phrase.encode("ascii")) for s in HTTPStatus}
_FRAMING: Final = frozenset((b"content-length", b"transfer-encoding", b"connection"))
_BODILESS: Final = frozenset((204, 304))
# Above this a chunk is not copied to be framed; below it, one piece is cheaper than three.
_COPY_LIMIT: Final = 16384

_NEW: Final = 0
_CHUNKED: Final = 1
_RAW: Final = 2
_SILENT: Final = 3
_ENDED: Final = 4
_GONE: Final = 5


class Link(Protocol):
    """What an exchange needs of the connection that carries it."""

    transport: asyncio.Transport
    writer: PromptWriter
    write_paused: bool

    def reply_ended(self, keep_alive: bool) -> None:
        """The reply is written whole; the next request may be read, or the connection closed."""
        ...

    def reset(self) -> None:
        """Drop the connection at once, with a TCP reset."""
        ...

    def give_away(self, heir: "Heir") -> None:
        """Let the heir have the connection for good."""
        ...


class Heir(Protocol):
    """Who takes a connection over for good (an upgrade to another protocol)."""

    def begin(self, transport: asyncio.Transport, held: bytes, *, on_lost: OnLost) -> None:
        """Become the transport's protocol; `held` came behind the request. Call `on_lost` when the connection is."""
        ...

    def shutdown(self) -> None:
        """The server drains: take leave in the protocol's manner, and close."""
        ...


class Exchange:
    """One request and the means to answer it: `respond`, or `respond_raw`, or `start`, `write`..., `end`; once.

    After the client is gone (`disconnected`) or after `abort`, answering does nothing. Answering twice is a
    RuntimeError. `on_disconnect` is called once if the client goes before the answer ended (a client that
    half-closes its side counts as gone); `on_writable` with False when the write buffer is above the high-water
    mark and with True when it has drained. Set `keep_alive` to False to close the connection after the answer.
    `head` is read-only: the next request of the connection may share it.
    """

    __slots__ = (
        "_link", "_phase", "_unsent", "_waiters", "body", "disconnected", "head", "keep_alive", "on_disconnect",
        "on_writable",
    )  # fmt: skip

    def __init__(self, link: Link, head: RequestHead) -> None:
        self._link: Link | None = link
        self._phase = _NEW
        self._unsent = b""
        self._waiters: list[asyncio.Future[None]] | None = None
        self.head = head
        self.body = b""
        self.keep_alive = head.keep_alive
        self.disconnected = False
        self.on_disconnect: Callable[[], None] | None = None
        self.on_writable: Callable[[bool], None] | None = None

    @property
    def client(self) -> str:
        """The peer's address, "" where it has none."""
        return self.head.client

    @property
    def method(self) -> str:
        """The request's method, as it was sent."""
        return self.head.method

    @property
    def target(self) -> str:
        """The request's target in origin form, or "*"."""
        return self.head.target

    @property
    def path(self) -> str:
        """The target without its query, not decoded."""
        return self.head.path

    @property
    def query(self) -> str:
        """What follows the target's first question mark."""
        return self.head.query

    @property
    def headers(self) -> Headers:
        """All header fields in order, with lower-cased names."""
        return self.head.headers

    @property
    def http_10(self) -> bool:
        """Whether the client speaks HTTP/1.0."""
        return self.head.http_10

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header, by its lower-cased name."""
        return self.head.header(name)

    @property
    def answering(self) -> bool:
        """Whether an answer has begun (or has become impossible)."""
        return self._phase != _NEW

    def respond(self, status: int, headers: Headers, body: bytes) -> None:  # signature: the order of HTTP itself
        """Answer whole, in one write. `headers` without framing (content-length, transfer-encoding, connection).

        HEAD and the statuses 204 and 304 send no body. Raises ValueError for a header that would break the head.
        """
        link = self._take_link(_NEW)
        if link is None:
            return
        link.writer.write(whole_reply(status, headers, body=body, request=self))
        self._end(link, self.keep_alive)

    def respond_raw(self, head_and_body: bytes) -> None:
        """Answer with a serialised HTTP/1.1 response whose framing the caller vouches for, in one write.

        The body is cut off for HEAD; for HTTP/1.0 and without `keep_alive` the connection closes after it.
        """
        link, head = self._link, self.head
        if link is None or self._phase:
            self._refuse_use()
            return
        if head.method == "HEAD":
            head_and_body = head_and_body[: head_and_body.find(HEAD_END) + 4]
        link.writer.write(head_and_body)
        self._phase = _ENDED
        self._link = self.on_disconnect = self.on_writable = None
        if self._waiters is not None:
            self._wake(None)
        link.reply_ended(self.keep_alive and not head.http_10)

    def start(self, status: int, headers: Headers, *, until_close: bool = False) -> None:
        """Begin an answer of unknown length: chunked, or ended by the close of the connection.

        By the close for HTTP/1.0, and where `until_close` asks for it, as HTTP/1.1 allows too.
        """
        head = reply_head(status, headers, framing=b"")[:-2]
        self.start_raw(head, until_close=until_close, silent=status in _BODILESS)

    def start_raw(self, head: bytes, *, until_close: bool = False, silent: bool = False) -> None:
        """As `start`, with a status line and header lines that the caller vouches for; `silent`: no body follows.

        The head leaves with the first piece, or in the loop's next turn: two packets cost twice as much as one.
        """
        if self._take_link(_NEW) is None:
            return
        if silent:
            phase = _SILENT
        elif until_close or self.head.http_10:
            phase = _RAW
            self.keep_alive = False
        else:
            phase = _CHUNKED
            head += b"transfer-encoding: chunked\r\n"
        if self.head.method == "HEAD":
            phase = _SILENT
        if not self.keep_alive or self.head.http_10:
            head += self._connection_header()
        self._phase = phase
        self._unsent = head + b"\r\n"
        asyncio.get_running_loop().call_soon(self._send_head)

    def write(self, data: bytes) -> None:
        """One piece of a started answer. Empty pieces are left out: in the chunked coding they would end it."""
        link = self._link
        if link is None or not self._phase or self._phase >= _ENDED:
            self._refuse_use()
            return
        if not data or self._phase == _SILENT:
            return
        head, self._unsent = self._unsent, b""
        if self._phase == _RAW:
            link.writer.write(head + data if head else data)
        elif len(data) <= _COPY_LIMIT:
            link.writer.write(b"%b%x\r\n%b\r\n" % (head, len(data), data))
        else:
            link.writer.write_pieces((b"%b%x\r\n" % (head, len(data)), data, b"\r\n"))

    def end(self, last: bytes = b"") -> None:
        """End a started answer, with a last piece if there is one, in one write."""
        link = self._link
        if link is None or not self._phase or self._phase >= _ENDED:
            self._refuse_use()
            return
        data, self._unsent = self._unsent, b""
        if self._phase == _CHUNKED:
            data += b"%x\r\n%b\r\n0\r\n\r\n" % (len(last), last) if last else b"0\r\n\r\n"
        elif self._phase == _RAW:
            data += last
        if data:
            link.writer.write(data)
        self._end(link, self.keep_alive)

    def _send_head(self) -> None:
        """The turn that began the answer is over, and no piece came to take the head along."""
        head, self._unsent = self._unsent, b""
        if head and self._link is not None:
            self._link.writer.write(head)

    def abort(self) -> None:
        """Reset the connection: the client sees a broken reply, never a normal end. `on_disconnect` is not called."""
        link = self._link
        if link is not None:
            self._finish(_GONE)
            link.reset()

    def cut(self) -> None:
        """Close the connection in good order, where the answer stands: a body without its end. As `abort` otherwise."""
        link = self._link
        if link is not None:
            self._send_head()
            self._finish(_GONE)
            link.writer.flush()
            link.transport.close()

    @property
    def wants_websocket(self) -> bool:
        """Whether the request asks for an upgrade to WebSocket."""
        return self.method == "GET" and (self.header(b"upgrade") or b"").lower() == b"websocket"

    def give_away(self, heir: Heir) -> None:
        """Instead of an answer: let the heir have the connection. Nothing happens when the client is gone."""
        link = self._take_link(_NEW)
        if link is not None:
            self._finish(_ENDED)
            link.give_away(heir)

    async def wait_writable(self) -> None:
        """Wait until the write buffer is below its high-water mark. Raises ConnectionError when the client is gone."""
        link = self._link
        if link is None:
            raise ConnectionError("the client is gone")
        if link.write_paused:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            if self._waiters is None:
                self._waiters = []
            self._waiters.append(waiter)
            await waiter

    def writable(self, yes: bool) -> None:
        """For the connection: the write buffer rose above its mark (False) or drained (True)."""
        if yes and self._waiters is not None:
            self._wake(None)
        if self.on_writable is not None:
            self.on_writable(yes)

    def lose(self) -> None:
        """For the connection: the client is gone before the answer ended."""
        callback = self.on_disconnect
        self.disconnected = True
        self._finish(_GONE)
        if callback is not None:
            callback()

    def close(self) -> None:
        """For the connection: it answers this request itself."""
        self._finish(_ENDED)

    def _end(self, link: Link, keep_alive: bool) -> None:
        self._phase = _ENDED
        self._link = self.on_disconnect = self.on_writable = None
        if self._waiters is not None:
            self._wake(None)
        link.reply_ended(keep_alive)

    def _finish(self, phase: int) -> None:
        self._phase = phase
        # Callbacks are let go: they usually hold the exchange, and a circle would wait for the garbage collector.
        self._link = self.on_disconnect = self.on_writable = None
        if self._waiters is not None:
            self._wake(ConnectionError("the client is gone"))

    def _wake(self, error: ConnectionError | None) -> None:
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)

    def _take_link(self, phase: int) -> Link | None:
        if self._phase != phase:
            self._refuse_use()
            return None
        return self._link

    def _refuse_use(self) -> None:
        if self._phase != _GONE:
            raise RuntimeError("the exchange was answered before" if self._phase else "the answer was not started")

    def _connection_header(self) -> bytes:
        return connection_header(keep_alive=self.keep_alive, http_10=self.http_10)


def connection_header(*, keep_alive: bool, http_10: bool) -> bytes:
    """The Connection header line that a reply needs, if any."""
    if not keep_alive:
        return b"connection: close\r\n"
    return b"connection: keep-alive\r\n" if http_10 else b""


def whole_reply(status: int, headers: Headers, *, body: bytes, request: Exchange | None) -> bytes:
    """A reply with its length. Without a request (it could not be read) the connection is announced as closing."""
    if request is None:
        connection = b"connection: close\r\n"
        silent = False
    else:
        connection = connection_header(keep_alive=request.keep_alive, http_10=request.http_10)
        silent = request.method == "HEAD"
    if status in _BODILESS:
        return reply_head(status, headers, framing=connection)
    head = reply_head(status, headers, framing=b"content-length: %d\r\n%b" % (len(body), connection))
    return head if silent else head + body


def reply_head(status: int, headers: Headers, *, framing: bytes) -> bytes:
    """Status line and headers, with the framing lines last. Raises ValueError for what would break the head."""
    parts = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d Unnamed\r\n" % status]
    for name, value in headers:
        if name.lower() in _FRAMING:
            raise ValueError(f"{name!r} is set by the server itself")
        parts.append(b"%b: %b\r\n" % (name, value))
    fields = b"".join(parts)
    if not fields.count(b"\n") == fields.count(b"\r") == len(parts):
        raise ValueError("a header holds a line break")
    return b"%b%b\r\n" % (fields, framing)
