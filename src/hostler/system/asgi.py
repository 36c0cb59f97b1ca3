"""Answers one HTTP exchange with an ASGI 3 application: the request whole, the response as it comes.

The design imagined uvicorn for this by a loan of the transport; the exchange frames requests and answers already, so
this is shorter, needs nothing private of another package, and any mix of paths on one connection stays in order.

Knows: ASGI's messages, back-pressure, what becomes of an answer that nobody waits for. Does not know: which paths lead
here, frameworks, lifespan (there is none), WebSockets (websocket_handover).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, MutableMapping
from typing import Any, Final, Literal, cast  # edge: ASGI's messages are dictionaries of anything
from urllib.parse import unquote

from hostler.system.http_exchange import Exchange, Headers

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

UNREAD_S: Final = 10.0
"""Seconds that a change goes on whose caller has hung up: half of it done is worse than an answer that nobody reads."""
FAILED: Final = (
    b'{"error":{"code":"internal_error","message":"hostler failed at this request.","hint":"Its log says why."}}'
)
_JSON: Final = ((b"content-type", b"application/json"),)
_FRAMING: Final = frozenset((b"content-length", b"transfer-encoding", b"connection", b"keep-alive"))
_VERSIONS: Final = {"version": "3.0", "spec_version": "2.4"}
_READS: Final = frozenset(("GET", "HEAD"))

_log = logging.getLogger(__name__)


class AsgiBridge:
    """Gives exchanges to one application. Each runs as a task of this object; `close` ends them."""

    def __init__(self, app: AsgiApp, *, scheme: Literal["http", "https"] = "http", headers: Headers = ()) -> None:
        """`scheme` is what clients call by; `headers` are added to answers that lack them."""
        self._app = app
        self._scheme = scheme
        self._headers = tuple(headers)
        self._tasks: set[asyncio.Task[None]] = set()

    def answer(self, exchange: Exchange) -> None:
        """Have the application answer. HEAD is asked as GET, and the body left out."""
        answer = _Answer(exchange, self._headers)
        scope = scope_of(exchange, self._scheme)
        task = asyncio.get_running_loop().create_task(self._run(answer, scope))
        answer.task = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        exchange.on_disconnect = answer.lose

    async def close(self) -> None:
        """Cancel what still runs, and wait for its end."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, answer: "_Answer", scope: MutableMapping[str, Any]) -> None:
        try:
            await cast(Coroutine[object, object, None], self._app(scope, answer.receive, answer.send))
        except asyncio.CancelledError:
            answer.break_off()
            raise
        except Exception:  # noqa: BLE001  # the named edge of an application: a fault of one request ends that request
            if not answer.lost:
                _log.exception("%s %s failed in the application", scope["method"], scope["path"])
            answer.fail()
        else:
            if not answer.ended and not answer.lost:
                _log.error("%s %s: the application left without an answer", scope["method"], scope["path"])
            answer.fail()
        finally:
            answer.release()


class _Answer:
    """One request's two ends: what the application receives, and where its messages go."""

    def __init__(self, exchange: Exchange, defaults: Headers) -> None:
        self.task: asyncio.Task[None] | None = None
        self.lost = False
        """The client is gone."""
        self.ended = False
        self._exchange = exchange
        self._defaults = defaults
        self._received = False
        self._over = asyncio.Event()
        self._status = 0
        self._fields: list[tuple[bytes, bytes]] = []
        self._late: asyncio.TimerHandle | None = None

    async def receive(self) -> Message:
        """The request in one message; then, once there is nobody to answer any more, the disconnect."""
        if not self._received:
            self._received = True
            return {"type": "http.request", "body": self._exchange.body, "more_body": False}
        await self._over.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take one message of the answer. Raises OSError when the client is gone, as ASGI 2.4 asks."""
        if self.lost:
            raise ConnectionError("the client is gone")
        match message["type"]:
            case "http.response.start" if not self._status:
                self._status = message["status"]
                self._fields = _fields(message.get("headers", ()), self._defaults)
                # one turn's grace: an answer whose body follows at once is sent whole, with its length
                asyncio.get_running_loop().call_soon(self._begin)
            case "http.response.body" if self._status and not self.ended:
                await self._take_body(message.get("body", b""), more=message.get("more_body", False))
            case other:
                raise RuntimeError(f"{other} has no place here in an answer")

    async def _take_body(self, data: bytes, *, more: bool) -> None:
        exchange = self._exchange
        if not more:
            self._end(bytes(data))
            return
        self._begin()
        if exchange.method == "HEAD":
            exchange.end()
            self._finish()
            raise ConnectionError("a HEAD takes no body")
        exchange.write(bytes(data))
        await exchange.wait_writable()

    def _begin(self) -> None:
        """Send the head of an answer whose body is not known whole."""
        exchange = self._exchange
        if self.ended or self.lost or exchange.answering:
            return
        exchange.start(self._status, self._fields)

    def _end(self, last: bytes) -> None:
        exchange = self._exchange
        self._finish()
        if exchange.answering:
            exchange.end(last)
        else:
            exchange.respond(self._status, self._fields, last)

    def lose(self) -> None:
        """The client is gone: a read, and an answer under way, are cancelled; a change gets its time to end."""
        self.lost = True
        self._over.set()
        task = self.task
        if task is None:
            return
        if self._status or self._exchange.method in _READS:
            task.cancel()
        else:
            self._late = asyncio.get_running_loop().call_later(UNREAD_S, task.cancel)

    def fail(self) -> None:
        """End an answer that the application did not end: by an error while there is time, else by a broken reply."""
        if self.ended or self.lost:
            return
        self._finish()
        if self._exchange.answering:
            self._exchange.abort()
        else:
            self._exchange.respond(500, [*_JSON, *self._defaults], FAILED)

    def break_off(self) -> None:
        """The application was cancelled by us: whoever still waits shall not take what came for the whole."""
        if not self.ended:
            self._finish()
            self._exchange.abort()

    def release(self) -> None:
        """The task ends: let go of what points back at it."""
        self.task = None
        if self._late is not None:
            self._late.cancel()

    def _finish(self) -> None:
        self.ended = True
        self._over.set()


def scope_of(exchange: Exchange, scheme: str) -> MutableMapping[str, Any]:
    """ASGI's description of a request."""
    host = (exchange.header(b"host") or b"").decode("latin-1")
    name, _, port = host.rpartition(":") if host.rpartition(":")[2].isdigit() else (host, "", "")
    client, _, client_port = exchange.client.rpartition(":")
    return {
        "type": "http",
        "asgi": dict(_VERSIONS),
        "http_version": "1.0" if exchange.http_10 else "1.1",
        "method": "GET" if exchange.method == "HEAD" else exchange.method,
        "scheme": scheme,
        "path": unquote(exchange.path),
        "raw_path": exchange.path.encode("ascii"),
        "query_string": exchange.query.encode("ascii"),
        "root_path": "",
        "headers": list(exchange.headers),
        "client": (client.strip("[]"), int(client_port)) if client else None,
        "server": (name.strip("[]"), int(port or (443 if scheme == "https" else 80))) if name else None,
        "state": {},
    }


def _fields(given: Iterable[tuple[bytes, bytes]], defaults: Headers) -> list[tuple[bytes, bytes]]:
    """The application's header fields without framing, which is ours, and with what it left out."""
    fields = [(bytes(name).lower(), bytes(value)) for name, value in given]
    names = {name for name, _ in fields}
    return [f for f in fields if f[0] not in _FRAMING] + [f for f in defaults if f[0] not in names]
