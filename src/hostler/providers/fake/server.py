"""Knows how the fake vendor listens, judges requests, picks replies and sends them as planned.

Does not know: any wire's JSON (the readers and writers do), or what may go wrong in a reply (`plan`).
"""

import asyncio
import ssl as tls
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, unquote

import msgspec

from hostler.providers.fake import openai_responses
from hostler.providers.fake.answer import answer_to
from hostler.providers.fake.asked import Asked, Course, Fault, Rules
from hostler.providers.fake.dialects import dialect_named
from hostler.providers.fake.kept import KeptResponses
from hostler.providers.fake.keys import check_key
from hostler.providers.fake.plan import Cut, Hold, Plan, Send, Wait, plain_plan, stream_plan, whole_plan
from hostler.providers.fake.reading import read_script
from hostler.providers.fake.record import Received, Record
from hostler.providers.fake.refusals import JSON, Headers, error_body, failure_reply
from hostler.providers.fake.routes import Route, route_of
from hostler.providers.fake.script import Dialect, Model, Reply, Script, Wire
from hostler.providers.fake.speakers import SPEAKERS, stream_of
from hostler.system.http_connection import Connection
from hostler.system.http_exchange import whole_reply
from hostler.system.http_server import Exchange, HttpServer, Limits

_ABOUT = frozenset(("models", "model", "running", "version"))  # operations that ask about the vendor, not a model
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
    """A vendor that says what its script says, over HTTP, on all wires at once.

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
        self._dialects = {
            model.id: dialect_named(self.script.dialect if model.dialect is None else model.dialect)
            for model in self.script.models
        }
        self._kept = KeptResponses()
        replies = [reply for model in self.script.models for reply in model.replies]
        self._signatures = frozenset(text for reply in replies for text in (reply.signature, reply.redacted) if text)
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

    def hold(self) -> None:
        """Let those that come to their `hold_after` wait again."""
        self._go_on.clear()

    def reset(self) -> None:
        """Forget what was received, begin each model's script again, and hold at `hold_after` again."""
        self.record.clear()
        self._go_on.clear()
        self._kept.clear()
        for course in self._courses.values():
            course.begin_again()

    async def wait_for(self, condition: Callable[["FakeVendor"], bool], within: float = 20.0) -> None:
        """Return as soon as `condition(self)` holds; asked again on each change. TimeoutError after `within` s."""
        await self.record.wait_for(lambda: condition(self), within)

    async def wait_requests(self, count: int, within: float = 20.0) -> tuple[Received, ...]:
        """Wait until so many requests have come in all, and return those that are kept."""
        await self.wait_for(lambda fake: fake.record.total >= count, within)
        return self.requests

    async def wait_chunks(self, count: int, within: float = 20.0) -> None:
        """Wait until the last request has been sent so many pieces of content."""
        await self.wait_for(lambda fake: bool(fake.requests) and fake.requests[-1].chunks >= count, within)

    async def wait_closed(self, within: float = 20.0) -> None:
        """Wait until no client holds a connection."""
        await self.wait_for(lambda fake: fake.connections_open == 0, within)

    async def wait_idle(self, within: float = 20.0) -> None:
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
        route = route_of(path, exchange.query, headers=headers)
        received.wire = route.wire
        try:
            plan = self._plan(received, route)
        except Fault as fault:
            plan = _refusal(route, fault, request_id=_request_id(received), dialect=self._dialect_for(received.model))
        self.record.count(received)
        self.record.add(received)
        received.status = plan.status
        task = asyncio.get_running_loop().create_task(self._send(exchange, plan, received=received))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _plan(self, received: Received, route: Route) -> Plan:
        speaker = SPEAKERS[route.wire]
        if route.operation == "unknown":
            raise speaker.no_path(f"{received.method} {received.path}")
        if received.method != route.verb and not (route.verb == "GET" and received.method == "HEAD"):
            raise _not_allowed(received, route.wire)
        if route.operation in _ABOUT:
            return self._about(received, route)
        body = _decoded(received.body)
        asked = speaker.read(route, self._kept.continued(body) if route.wire == "openai-responses" else body)
        received.model, received.stream = asked.model, asked.stream
        check_key(route.wire, received.headers, query=received.query, keys=self.script.keys)
        course = self._courses.get(asked.model) or self._courses.get("*")
        if course is None:
            raise speaker.no_model(route, asked.model)
        self._judge(asked, course.model, received=received)
        reply = course.next_reply(asked)
        if reply is None and asked.operation == "count_tokens":
            return plain_plan(msgspec.json.encode(speaker.counted(max(1, asked.words))))
        if reply is None:
            raise Fault(f"The fake's script has no reply for this request to '{asked.model}'.", 500)
        return self._scripted(asked, reply, received=received, dialect=self._dialects[course.model.id])

    def _dialect_for(self, model: str) -> Dialect:
        """The habits of a model; the script's where it is none of its own."""
        return self._dialects.get(model) or self._dialects.get("*") or dialect_named(self.script.dialect)

    def _about(self, received: Received, route: Route) -> Plan:
        check_key(route.wire, received.headers, query=received.query, keys=self.script.keys)
        rows = [model for model in self.script.models if model.id != "*"]
        if route.operation == "running":
            rows = [model for model in rows if self._courses[model.id].requests]
        speaker = SPEAKERS[route.wire]
        if route.operation == "model" and route.verb == "POST":
            route = replace(route, model=speaker.read(route, _decoded(received.body)).model)
        try:
            return plain_plan(msgspec.json.encode(speaker.listing(route, rows)))
        except LookupError:
            raise speaker.no_model(route, route.model) from None

    def _judge(self, asked: Asked, model: Model, *, received: Received) -> None:
        if not (self.script.strict if model.strict is None else model.strict):
            return
        content_type = received.headers.get("content-type", "")
        if not content_type.lower().startswith("application/json"):
            raise Fault(f"Unsupported content type: '{content_type}'. This API method only accepts 'application/json'.")
        SPEAKERS[asked.wire].check(asked, Rules(self._dialects[model.id], received.headers, self._signatures))

    def _scripted(self, asked: Asked, reply: Reply, *, received: Received, dialect: Dialect) -> Plan:
        if reply.failure:
            headers, body = failure_reply(asked.wire, reply.failure, request_id=_request_id(received), dialect=dialect)
            return whole_plan(reply.failure.status, headers, body=body, reply=reply)
        answer = answer_to(asked, reply, number=received.number, created=int(time.time()), dialect=dialect)
        if asked.wire == "openai-responses":
            self._kept.keep(asked, openai_responses.response_id(answer), output=openai_responses.output(answer))
        if asked.stream and asked.operation not in ("embeddings", "count_tokens"):
            end = reply.broken
            fault = Fault(end.message if end else "", 500, kind=end.kind if end else "")
            return stream_plan(stream_of(answer, fault), reply)
        return whole_plan(200, [JSON], body=msgspec.json.encode(SPEAKERS[asked.wire].whole(answer)), reply=reply)

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
        named = next(speaker.request_id for wire, speaker in SPEAKERS.items() if wire == received.wire)
        headers = [*plan.headers, (named, _request_id(received).encode())]
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


def _decoded(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _refusal(route: Route, fault: Fault, *, request_id: str, dialect: Dialect) -> Plan:
    body: object = error_body(route.wire, fault, request_id=request_id, dialect=dialect)
    if route.array:
        body = [body]
    return Plan(fault.status, [JSON], (Send(msgspec.json.encode(body)),), "length")


def _not_allowed(received: Received, wire: Wire) -> Fault:
    kind = "invalid_request_error" if wire in ("openai-chat", "openai-responses") else ""
    text = f"Not allowed to {received.method} on {received.path}"
    return Fault(text, 405, kind=kind, code="method_not_allowed" if kind else None)


def _request_id(received: Received) -> str:
    return f"req_fake{received.number}"
