"""Knows how the fake vendor listens, judges requests, picks replies and sends them as planned.

Does not know: either wire's JSON (the readers and writers do), or what may go wrong in a reply (`plan`).
"""

import asyncio
import ssl as tls
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, unquote

import msgspec

from hostler.providers.fake import anthropic, anthropic_requests, openai_chat, openai_chat_requests, openai_more
from hostler.providers.fake.answer import Answer, answer_to
from hostler.providers.fake.asked import Asked, Course, Fault
from hostler.providers.fake.plan import Cut, Hold, Plan, Send, Wait, plain_plan, stream_plan, whole_plan
from hostler.providers.fake.reading import read_script
from hostler.providers.fake.record import Received, Record
from hostler.providers.fake.refusals import JSON, Headers, error_body, failure_reply
from hostler.providers.fake.script import Model, Operation, Reply, Script, Wire
from hostler.system.http_connection import Connection
from hostler.system.http_exchange import whole_reply
from hostler.system.http_server import Exchange, HttpServer, Limits

_OPERATIONS: Mapping[str, Operation] = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completions",
    "/v1/embeddings": "embeddings",
    "/v1/messages": "messages",
    "/v1/messages/count_tokens": "count_tokens",
}
_ANTHROPIC = frozenset(("messages", "count_tokens"))
_LIMITS = Limits(idle_timeout=600.0)


class _Server(HttpServer):
    """Tells when a connection comes or goes."""

    def __init__(self, fake: "FakeVendor") -> None:
        super().__init__(fake.handle, limits=_LIMITS)
        self._fake = fake

    def opened(self, connection: Connection) -> None:
        super().opened(connection)
        self._fake.record.changed()

    def lost(self, connection: Connection) -> None:
        super().lost(connection)
        self._fake.record.changed()


class FakeVendor:
    """A vendor that says what its script says, over HTTP, on both wires at once.

    `script` is a record, a mapping, a file's path, YAML or JSON text, or None for the built-in one; `strict` replaces
    the script's own. Raises ConfigError for a script that cannot be followed.
    """

    def __init__(
        self, script: Script | Mapping[str, object] | Path | str | None = None, *, strict: bool | None = None
    ) -> None:
        made = read_script(script)
        self.script = made if strict is None else msgspec.structs.replace(made, strict=strict)
        self.record = Record()
        self.address = ""
        """Where it serves, for example `http://127.0.0.1:4711`, without `/v1`; empty while it does not."""
        self._courses = {model.id: Course(model) for model in self.script.models}
        self._signatures = frozenset(r.signature for m in self.script.models for r in m.replies if r.signature)
        self._server: _Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._go_on = asyncio.Event()

    # ------------------------------------------------------------------ for tests

    @asynccontextmanager
    async def serving(
        self, host: str = "127.0.0.1", port: int = 0, *, ssl: tls.SSLContext | None = None
    ) -> AsyncGenerator[str]:
        """Serve while the block runs, at the address that it gives."""
        server = self._server = _Server(self)
        bound = await server.listen(host, port, ssl=ssl)
        self.address = f"{'https' if ssl else 'http'}://{f'[{host}]' if ':' in host else host}:{bound}"
        try:
            yield self.address
        finally:
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await server.drain(0.0)

    @property
    def requests(self) -> tuple[Received, ...]:
        """The last requests, oldest first; those to `/fake/...` are not among them."""
        return tuple(self.record.requests)

    @property
    def connections_open(self) -> int:
        """Connections that clients hold now."""
        return self._server.statistics().connections if self._server else 0

    def count(self, path: str | None = None, model: str | None = None) -> int:
        """Requests so far, of this path and model."""
        return sum(
            count for (at, name), count in self.record.counts.items() if path in (None, at) and model in (None, name)
        )

    def release(self) -> None:
        """Let the replies go on that wait at their `hold_after`, and those that will."""
        self._go_on.set()

    def reset(self) -> None:
        """Forget what was received, begin each model's script again, and hold at `hold_after` again."""
        self.record.clear()
        self._go_on.clear()
        for course in self._courses.values():
            course.requests = course.taken = 0

    async def wait_for(self, condition: Callable[["FakeVendor"], bool], within: float = 5.0) -> None:
        """Return as soon as `condition(self)` holds; asked again on each change. TimeoutError after `within` s."""
        await self.record.wait_for(lambda: condition(self), within)

    async def wait_requests(self, count: int, within: float = 5.0) -> tuple[Received, ...]:
        """Wait until so many requests have come in all, and return those that are kept."""
        await self.wait_for(lambda fake: fake.record.total >= count, within)
        return self.requests

    async def wait_chunks(self, count: int, within: float = 5.0) -> None:
        """Wait until the last request has been sent so many pieces of content."""
        await self.wait_for(lambda fake: bool(fake.requests) and fake.requests[-1].chunks >= count, within)

    async def wait_closed(self, within: float = 1.0) -> None:
        """Wait until no client holds a connection."""
        await self.wait_for(lambda fake: fake.connections_open == 0, within)

    async def wait_idle(self, within: float = 5.0) -> None:
        """Wait until no request is being answered."""
        await self.wait_for(lambda fake: all(r.outcome != "running" for r in fake.record.requests), within)

    # ------------------------------------------------------------------ answering

    def handle(self, exchange: Exchange) -> None:
        """The server's handler: answer, in a task of its own where that takes time."""
        path = unquote(exchange.path)
        if path == "/health" or path.startswith("/fake/"):
            self._control(exchange, path)
            return
        self.record.total += 1
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in exchange.headers}
        received = Received(
            self.record.total, exchange.method, path, exchange.query, headers, exchange.body, exchange.client
        )
        wire: Wire = "anthropic" if _speaks_anthropic(path, headers) else "openai-chat"
        received.wire = wire
        try:
            plan = self._plan(received, wire)
        except Fault as fault:
            body = msgspec.json.encode(error_body(wire, fault, request_id=_request_id(received)))
            plan = Plan(fault.status, [JSON], (Send(body),), "length")
        self.record.count(received)
        self.record.add(received)
        received.status = plan.status
        task = asyncio.get_running_loop().create_task(self._send(exchange, plan, received=received))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _plan(self, received: Received, wire: Wire) -> Plan:
        operation = _OPERATIONS.get(received.path)
        if received.path == "/v1/models" or received.path.startswith("/v1/models/"):
            return self._models(received, wire)
        if operation is None:
            raise _no_path(received, wire)
        if received.method != "POST":
            kind = "" if wire == "anthropic" else "invalid_request_error"
            raise Fault(
                f"Not allowed to {received.method} on {received.path}", 405, kind=kind, code="method_not_allowed"
            )
        asked = self._read(received, operation)
        received.model, received.stream = asked.model, asked.stream
        self._check_key(received, wire)
        course = self._courses.get(asked.model) or self._courses.get("*")
        if course is None:
            raise _no_model(asked.model, wire)
        self._judge(asked, course.model, received=received)
        reply = course.next_reply(asked)
        if reply is None and operation == "count_tokens":
            return plain_plan(msgspec.json.encode({"input_tokens": max(1, asked.words)}))
        if reply is None:
            raise Fault(f"The fake's script has no reply for this request to '{asked.model}'.", 500)
        return self._scripted(asked, reply, received=received)

    def _read(self, received: Received, operation: Operation) -> Asked:
        read = anthropic_requests.read if operation in _ANTHROPIC else openai_chat_requests.read
        try:
            body: object = msgspec.json.decode(received.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            body = None
        return read(operation, body)

    def _judge(self, asked: Asked, model: Model, *, received: Received) -> None:
        if not (self.script.strict if model.strict is None else model.strict):
            return
        content_type = received.headers.get("content-type", "")
        if not content_type.lower().startswith("application/json"):
            raise Fault(f"Unsupported content type: '{content_type}'. This API method only accepts 'application/json'.")
        if asked.wire == "anthropic":
            anthropic_requests.check(asked, received.headers, signatures=self._signatures)
        else:
            openai_chat_requests.check(asked)

    def _check_key(self, received: Received, wire: Wire) -> None:
        if not self.script.keys:
            return
        headers = received.headers
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        sent = (headers.get("x-api-key") or bearer) if wire == "anthropic" else bearer
        if sent in self.script.keys:
            return
        if wire == "anthropic":
            raise Fault(
                "invalid x-api-key" if sent else "x-api-key header is required", 401, kind="authentication_error"
            )
        text = f"Incorrect API key provided: {sent[:3]}***." if sent else "You didn't provide an API key."
        raise Fault(text, 401, kind="invalid_request_error", code="invalid_api_key")

    def _models(self, received: Received, wire: Wire) -> Plan:
        self._check_key(received, wire)
        rows = [model for model in self.script.models if model.id != "*"]
        name = received.path.removeprefix("/v1/models").removeprefix("/")
        if not name:
            page = openai_more.anthropic_list(rows) if wire == "anthropic" else openai_more.openai_list(rows)
            return plain_plan(msgspec.json.encode(page))
        found = next((model for model in rows if model.id == name), None)
        if found is None:
            raise _no_model(name, wire)
        row = openai_more.anthropic_model(found) if wire == "anthropic" else openai_more.openai_model(found)
        return plain_plan(msgspec.json.encode(row))

    def _scripted(self, asked: Asked, reply: Reply, *, received: Received) -> Plan:
        if reply.failure:
            headers, body = failure_reply(asked.wire, reply.failure, request_id=_request_id(received))
            return whole_plan(reply.failure.status, headers, body=body, reply=reply)
        answer = answer_to(asked, reply, number=received.number, created=int(time.time()))
        if asked.stream and asked.operation in ("chat", "completions", "messages"):
            return _stream_plan(answer, reply)
        return whole_plan(200, [JSON], body=msgspec.json.encode(_whole(answer)), reply=reply)

    # ------------------------------------------------------------------ sending

    async def _send(self, exchange: Exchange, plan: Plan, *, received: Received) -> None:
        """Carry out a plan. Ends early when the client is gone; cancelled when the fake stops serving."""
        task = asyncio.current_task()
        gone = False

        def leave() -> None:
            nonlocal gone
            gone = True
            if task is not None:
                task.cancel()

        exchange.on_disconnect = leave
        try:
            if exchange.disconnected:
                raise ConnectionError
            await self._carry_out(exchange, plan, received=received)
            received.outcome = "broken" if plan.cut else "refused" if plan.status >= 400 else "answered"
        except ConnectionError:
            received.outcome = "client gone"
        except asyncio.CancelledError:
            received.outcome = "client gone" if gone else "broken"
            if not gone:
                exchange.abort()
                raise
        finally:
            self.record.changed()

    async def _carry_out(self, exchange: Exchange, plan: Plan, *, received: Received) -> None:
        if plan.head_s:
            await asyncio.sleep(plan.head_s)
        name = b"request-id" if received.wire == "anthropic" else b"x-request-id"
        headers = [*plan.headers, (name, _request_id(received).encode())]
        cut = plan.cut
        if plan.body == "length" and plan.head and (cut is None or cut.how == "close"):
            for step in plan.steps:
                await self._pause(step)
            received.chunks = sum(step.content for step in plan.steps if isinstance(step, Send))
            _respond(exchange, plan, headers=headers)
            return
        if plan.head:
            _begin(exchange, plan, headers=headers)
        for step in plan.steps:
            if isinstance(step, Send):
                exchange.write(step.data)
                received.chunks += step.content
                self.record.changed()
                await asyncio.sleep(0)  # the write goes out by itself, so that pieces arrive as they were cut
                await exchange.wait_writable()
            elif isinstance(step, Cut):
                await self._cut(exchange, step)
                return
            else:
                await self._pause(step)
        exchange.end()

    async def _pause(self, step: object) -> None:
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
        elif isinstance(step, Hold):
            await self._go_on.wait()

    async def _cut(self, exchange: Exchange, step: Cut) -> None:
        match step.how:
            case "silence":
                await asyncio.get_running_loop().create_future()
            case "close":
                exchange.cut()
            case _:
                for _ in range(3):  # what was written is handed to the system before the reset throws away the rest
                    await asyncio.sleep(0)
                exchange.abort()

    def _control(self, exchange: Exchange, path: str) -> None:
        match exchange.method, path:
            case "GET" | "HEAD", "/health":
                answer: object = {"status": "ok"}
            case "GET", "/fake/requests":
                limit = parse_qs(exchange.query).get("last", ["0"])[0]
                answer = self.record.report(last=int(limit) if limit.isdigit() else 0)
                answer = {**answer, "connections_open": self.connections_open}
            case "GET", "/fake/script":
                answer = self.script
            case "POST", "/fake/reset":
                self.reset()
                answer = {"reset": True}
            case "POST", "/fake/release":
                self.release()
                answer = {"released": True}
            case _:
                exchange.respond(404, [JSON], b'{"error":{"message":"The fake has no such page."}}')
                return
        exchange.respond(200, [JSON], msgspec.json.encode(answer))


async def serve(
    script: Path | str | None = None,
    host: str = "127.0.0.1",
    *,
    port: int = 0,
    strict: bool | None = None,
    ready: Callable[[str], None] | None = None,
    until: asyncio.Event | None = None,
) -> None:
    """Serve until cancelled, or until the event is set. `script` is a file's path; None the built-in one.

    `ready` is told the address once it listens. Raises ConfigError (script) or OSError (port).
    """
    fake = FakeVendor(Path(script) if script is not None else None, strict=strict)
    async with fake.serving(host, port) as address:
        if ready is not None:
            ready(address)
        await (until or asyncio.Event()).wait()


def _whole(answer: Answer) -> dict[str, object]:
    match answer.asked.operation:
        case "messages" | "count_tokens":
            return anthropic.whole(answer)
        case "completions":
            return openai_more.completion(answer)
        case "embeddings":
            return openai_more.embeddings(answer.asked)
        case _:
            return openai_chat.whole(answer)


def _stream_plan(answer: Answer, reply: Reply) -> Plan:
    end = reply.broken
    fault = Fault(end.message if end else "", 500, kind=end.kind if end else "")
    if answer.asked.wire == "anthropic":
        frames = anthropic.stream(answer)
        return stream_plan(frames, reply, ping=anthropic.PING, broken=anthropic.broken(fault))
    legacy = answer.asked.operation == "completions"
    frames = openai_more.completion_stream(answer) if legacy else openai_chat.stream(answer)
    return stream_plan(frames, reply, ping=openai_chat.PING, broken=openai_chat.broken(fault))


def _respond(exchange: Exchange, plan: Plan, *, headers: Headers) -> None:
    """The whole reply in one write; a shorter body than announced, and the close, where the plan cuts it."""
    if plan.cut is None:
        exchange.respond(plan.status, headers, plan.content)
        return
    exchange.keep_alive = False
    announced = whole_reply(plan.status, headers, body=plan.content + bytes(plan.missing), request=exchange)
    exchange.respond_raw(announced[: len(announced) - plan.missing])


def _begin(exchange: Exchange, plan: Plan, *, headers: Headers) -> None:
    exchange.start(plan.status, headers, until_close=plan.body == "close")


def _speaks_anthropic(path: str, headers: Mapping[str, str]) -> bool:
    return path.startswith("/v1/messages") or "anthropic-version" in headers


def _request_id(received: Received) -> str:
    return f"req_fake{received.number}"


def _no_model(name: str, wire: Wire) -> Fault:
    if wire == "anthropic":
        return Fault(f"model: {name}", 404, kind="not_found_error")
    text = f"The model `{name}` does not exist or you do not have access to it."
    return Fault(text, 404, kind="invalid_request_error", code="model_not_found")


def _no_path(received: Received, wire: Wire) -> Fault:
    if wire == "anthropic":
        return Fault(HTTPStatus.NOT_FOUND.phrase, 404, kind="not_found_error")
    return Fault(f"Invalid URL ({received.method} {received.path})", 404, kind="invalid_request_error")
