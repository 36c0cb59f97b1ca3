"""The gateway: an HTTP exchange in, a call out to dispatch, its answer back in the face's shape.

Knows: the order of checks, which paths call models, keep-alives, draining. Does not know: how a call is performed.
"""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from hostler.accounts.ledger import Ledger, Refusal
from hostler.core.wires import ANTHROPIC, GEMINI, OLLAMA, OPENAI_CHAT, Wire
from hostler.engines.engine import EngineStatus
from hostler.errors import Draining, HostlerError, MethodNotAllowed, NotFound, StorageError, WireError
from hostler.gateway import routes
from hostler.gateway.access import Access, Caller
from hostler.gateway.listing import list_models, ollama_page, show_model
from hostler.gateway.routes import Face, Plain
from hostler.registry.resolver import Resolver, Route
from hostler.routing import router
from hostler.routing.answer import JSON_TYPE, X_REQUEST_ID, retry_headers
from hostler.routing.call import STREAMED, Call, Headers, Plan
from hostler.routing.dispatch import Dispatch
from hostler.routing.fit import check_body
from hostler.routing.opaque import OpaqueStore
from hostler.routing.outlets import HttpOutlet, Tools
from hostler.routing.requests import client_lines
from hostler.routing.running import Running
from hostler.settings import GatewaySettings
from hostler.system.http_server import Exchange
from hostler.wire import anthropic
from hostler.wire.codecs import codec_of
from hostler.wire.form import find_model, is_form
from hostler.wire.scan import BodyScanner

_log = logging.getLogger(__name__)
_HTML = (b"content-type", b"text/html; charset=utf-8")
_NO_SCRIPTS = (
    b"content-security-policy",
    b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
)
_NO_REFERRER = (b"referrer-policy", b"no-referrer")
_PLAIN_SAFETY = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))
KEEPALIVE_SWEEP = 0.5
"""Seconds between two looks at streams that wait for their first byte."""
MOST_PLANS = 16
"""Models whose plans a connection's head remembers: more than a client asks in turn, too few to grow the memory."""

Control = Callable[[Exchange, str], None]


class Workbench(Protocol):
    """What the gateway asks of the workbench. Who may call was checked before."""

    def page(self, exchange: Exchange, path: str) -> bool:
        """Serve the page or file at `path`; False, and no answer, where there is none."""
        ...

    def api(self, exchange: Exchange) -> None:
        """Answer a request below /hostler/api/ that is not the control API's."""
        ...

    def drain(self) -> None:
        """End what would go on for ever."""
        ...


@dataclass(frozen=True, slots=True)
class GatewayParts:
    """What the gateway works with. `control` answers the control API; `front_page` gives the page at `/` where
    there is no workbench, or it was not built.
    """

    settings: GatewaySettings
    access: Access
    resolver: Resolver
    dispatch: Dispatch
    ledger: Ledger
    keeper: OpaqueStore
    control: Control
    front_page: Callable[[], str]
    health: Callable[[], Mapping[str, object]]
    workbench: Workbench | None = None
    loaded: Callable[[], Sequence[EngineStatus]] = tuple
    """The engines that run."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a request's head was found to be: where it leads, who calls, and the lines that a pass-through sends on.

    The connection's next requests share it, and so what was found out about the models that they ask for.
    """

    place: Face | Plain
    caller: Caller
    cors: Headers
    lines: bytes = b""
    plans: dict[str, Plan] = field(default_factory=dict[str, Plan])
    """By model, for whole replies; those for streams are in `streams`."""
    streams: dict[str, Plan] = field(default_factory=dict[str, Plan])


class Gateway:
    """Give `check_head`, `handle` and `refuse` to an HttpServer."""

    def __init__(self, parts: GatewayParts) -> None:
        self._parts = parts
        self._access = parts.access
        self._workbench = parts.workbench
        self._prepare = parts.dispatch.prepare
        self._resolve = parts.resolver.resolve
        self._scanner = BodyScanner()
        self._tools = Tools(parts.keeper, self._scanner)
        self._loop = asyncio.get_running_loop()
        self._calls: dict[Running, HttpOutlet] = {}
        self._waiting: set[HttpOutlet] = set()
        self._draining = False
        self._request_prefix = f"req-{os.urandom(5).hex()}-"
        self._requests = 0
        self._sweep = self._loop.call_later(KEEPALIVE_SWEEP, self._keep_streams_alive)

    # what the server calls

    def check_head(self, exchange: Exchange) -> None:
        """Refuse on the head alone: a foreign Host or Origin, an unknown path, no key. The body is not read then."""
        cors: Headers = []
        try:
            self._access.check_host(exchange)
            cors = self._access.check_origin(exchange)
            if exchange.method == "OPTIONS":
                exchange.respond(204, [*cors, *self._access.preflight(exchange)], b"")
                return
            place = self._find_place(exchange)
            caller = self._check_caller(exchange, place)
        except HostlerError as error:
            self._refuse(exchange, error, cors=cors)
            return
        lines = client_lines(exchange.headers) if isinstance(place, Face) else b""
        exchange.head.context = Head(place, caller, cors, lines)

    def handle(self, exchange: Exchange) -> None:
        """Answer a complete request whose head was found good."""
        head: Head = exchange.head.context
        place = head.place
        if isinstance(place, Face):
            self._call(exchange, place, head)
            return
        try:
            self._answer_plain(exchange, place, cors=head.cors)
        except HostlerError as error:
            self._refuse(exchange, error, cors=head.cors)

    def refuse(  # signature: http_server.OnRefusal
        self, status: int, reason: str, exchange: Exchange | None
    ) -> tuple[Headers, bytes]:
        """Shape a refusal of the HTTP server itself (413, 431, 400 ...) for the face that was called."""
        error = HostlerError(reason)
        error.status = status
        error.code = "bad_request" if status < 500 else "internal_error"
        path = getattr(exchange, "path", "")
        place = routes.find(path) if path else None
        if _is_api(place):
            return [JSON_TYPE], _api_error(error)
        wire = place.wire if isinstance(place, Face) else OPENAI_CHAT
        request_id = self._next_id()
        return [JSON_TYPE, *_id_headers(wire, request_id)], codec_of(wire).encode_error(error, request_id)

    # draining

    def drain(self) -> None:
        """Refuse new calls from now on; running ones go on, and pages that follow the events are let go."""
        self._draining = True
        if self._workbench is not None:
            self._workbench.drain()

    def close(self) -> None:
        """Cancel what still runs."""
        self._sweep.cancel()
        for running in list(self._calls):
            running.cancel()

    @property
    def running(self) -> int:
        """Calls that run now."""
        return len(self._calls)

    # inner workings

    def _find_place(self, exchange: Exchange) -> Face | Plain:
        place = routes.with_query(routes.find(exchange.path), exchange.query)
        if self._workbench is None:
            place = None if isinstance(place, Plain) and place.page in ("api", "page") else place
        elif place is None and exchange.method in ("GET", "HEAD") and _is_browser(exchange):
            place = routes.find_page(exchange.path)
        if place is None:
            raise NotFound(f"There is nothing at {exchange.path}.", hint="See docs/gateway.md for the paths served.")
        allowed = ("POST",) if isinstance(place, Face) else place.methods
        if exchange.method not in allowed:
            raise MethodNotAllowed(f"{exchange.path} takes {' or '.join(allowed)}, not {exchange.method}.")
        return place

    def _check_caller(self, exchange: Exchange, place: Face | Plain) -> Caller:
        if isinstance(place, Plain) and place.page in ("front", "health", "page"):
            return Caller("")
        if _is_api(place):
            self._access.check_workbench(exchange)
            return Caller("")
        if isinstance(place, Plain) and place.page == "control":
            self._access.check_token(exchange)
            return Caller("")
        return self._access.check_key(exchange)

    def _call(self, exchange: Exchange, face: Face, head: Head) -> None:  # signature: positions, as `_read`
        """Read what the body asks for, and start the call."""
        number = self._requests = self._requests + 1
        outlet = HttpOutlet(exchange, face.wire, f"{self._request_prefix}{number:x}", self._tools, head.cors)
        try:
            plan = self._read(exchange, face, head)
            if plan.limited:
                check_body(plan, exchange.body)
        except HostlerError as error:
            self._note_refusal(
                face, error, caller=head.caller, request_id=outlet.request_id, asked=self._asked(exchange, face)
            )
            outlet.fail(error)
            return
        call = outlet.call = Call(outlet.request_id, plan, exchange.body)
        running = self._prepare(call, outlet, self._ended)
        self._calls[running] = outlet
        exchange.on_disconnect = running.cancel
        if plan.stream:
            outlet.since = self._loop.time()
            self._waiting.add(outlet)
        running.start()

    def _read(self, exchange: Exchange, face: Face, head: Head) -> Plan:  # signature: positions, on every request's way
        if self._draining:
            raise Draining("hostler is shutting down.", retry_after=5)
        if face.named_in_body:
            model, stream = self._scanner.scan(exchange.body)
        else:
            model, stream = _named(exchange, face), None
        if not model:
            raise WireError("model: is missing.", hint="GET /v1/models lists what there is.")
        if stream is None:
            stream = face.streams
        route = self._resolve(model)
        plan = (head.streams if stream else head.plans).get(model)
        if plan is None or plan.route is not route:
            plan = self._plan(route, face, head=head, stream=stream)
        return plan

    def _plan(self, route: Route, face: Face, *, head: Head, stream: bool) -> Plan:
        """Find out all that will be the same for the next call like this one."""
        router.check_capable(route, face.operation)
        plans = head.streams if stream else head.plans
        if len(plans) >= MOST_PLANS:
            plans.clear()
        streams = stream and face.operation in STREAMED
        plan = plans[route.asked] = Plan(
            route, face.wire, operation=face.operation, stream=streams, as_array=face.as_array,
            key_id=head.caller.key_id, lines=head.lines,
        )  # fmt: skip
        return plan

    def _ended(self, running: Running, error: BaseException | None) -> None:
        answer = self._calls.pop(running)
        if answer.call.plan.stream:
            self._waiting.discard(answer)
        if error is not None and not isinstance(error, asyncio.CancelledError):
            # the named edge of a call: a bug of ours must not leave a client waiting
            _log.error("call %s failed unexpectedly", answer.request_id, exc_info=error)
            hint = f"Request id: {answer.request_id}."
            answer.fail(HostlerError("hostler failed at this call; its log says why.", hint=hint))
        elif error is not None and not answer.exchange.disconnected:
            answer.fail(Draining("hostler is shutting down.", retry_after=5))
        answer.close()

    def _asked(self, exchange: Exchange, face: Face) -> str | None:
        """The model that a refused call asked for, as far as its body can be read."""
        try:
            return self._scanner.scan(exchange.body)[0] if face.named_in_body else _named(exchange, face)
        except HostlerError:
            return None

    def _note_refusal(
        self, face: Face, error: HostlerError, *, caller: Caller, request_id: str, asked: str | None = None
    ) -> None:
        line = Refusal(
            request_id, time.time_ns(), face.wire, face.operation, error.status, "refused", error.code,
            asked, caller.key_id or None,
        )  # fmt: skip
        with contextlib.suppress(StorageError):  # a full disk: the client's own trouble is what it must hear of
            self._parts.ledger.refuse(line)

    def _keep_streams_alive(self) -> None:
        """Give every stream that has waited long enough for its first byte a sign of life."""
        # first of all: one answer's fault must not end it for all that follow
        self._sweep = self._loop.call_later(KEEPALIVE_SWEEP, self._keep_streams_alive)
        now = self._loop.time()
        for answer in list(self._waiting):
            if answer.forwarded or answer.exchange.disconnected:
                self._waiting.discard(answer)
            elif now - answer.since >= self._parts.settings.keepalive_s:
                answer.since = now
                answer.keep_alive()

    def _answer_plain(self, exchange: Exchange, place: Plain, *, cors: Headers) -> None:
        parts, wire = self._parts, _listing_wire(exchange)
        own = [*_id_headers(wire, self._next_id()), *cors]
        match place.page:
            case "control":
                parts.control(exchange, place.rest)
            case "front":
                self._answer_front(exchange, own)
            case "page":
                if self._workbench is None or not self._workbench.page(exchange, exchange.path):
                    raise NotFound(f"There is nothing at {exchange.path}.")
            case "api":
                if self._workbench is not None:
                    self._workbench.api(exchange)
            case "health":
                body = {"status": "draining" if self._draining else "ok", **parts.health()}
                exchange.respond(503 if self._draining else 200, [JSON_TYPE, *own], msgspec.json.encode(body))
            case _:
                exchange.respond(200, [JSON_TYPE, *own], self._list(exchange, place, wire=wire))

    def _list(self, exchange: Exchange, place: Plain, *, wire: Wire) -> bytes:
        """A page about models, in the shape of a wire."""
        resolver = self._parts.resolver
        if place.page == "models":
            return list_models(resolver, wire, query=exchange.query)
        if place.page == "model":
            return show_model(resolver, wire, name=place.rest)
        return ollama_page(resolver, place.page, body=exchange.body, loaded=self._parts.loaded())

    def _answer_front(self, exchange: Exchange, own: Headers) -> None:
        """The printed link becomes a cookie and the address without its token; all else is the page."""
        cookie = self._access.open_link(exchange) if self._workbench is not None else None
        if cookie is not None:
            exchange.respond(303, [(b"location", b"/"), *cookie, *_PLAIN_SAFETY, _NO_REFERRER, *own], b"")
        elif self._workbench is None or not self._workbench.page(exchange, "/"):
            page = self._parts.front_page().encode()
            exchange.respond(200, [_HTML, _NO_SCRIPTS, *_PLAIN_SAFETY, *own], page)

    def _refuse(self, exchange: Exchange, error: HostlerError, *, cors: Headers) -> None:
        place = routes.find(exchange.path)
        if _is_api(place):
            exchange.respond(error.status, [JSON_TYPE, *_PLAIN_SAFETY], _api_error(error))
            return
        wire = place.wire if isinstance(place, Face) else _listing_wire(exchange)
        request_id = self._next_id()
        headers = [JSON_TYPE, *_id_headers(wire, request_id), *retry_headers(error), *cors]
        if isinstance(error, MethodNotAllowed):
            allowed = ("POST",) if isinstance(place, Face) else place.methods if place else ()
            headers.append((b"allow", ", ".join(allowed).encode()))
        if isinstance(place, Face):
            self._note_refusal(place, error, caller=Caller(""), request_id=request_id)
        exchange.respond(error.status, headers, codec_of(wire).encode_error(error, request_id))

    def _next_id(self) -> str:
        self._requests += 1
        return f"{self._request_prefix}{self._requests:x}"


def _named(exchange: Exchange, face: Face) -> str | None:
    """The model that a path or a form names."""
    if face.model:
        return face.model
    kind = exchange.header(b"content-type") or b""
    if is_form(kind):
        return find_model(exchange.body, kind).name
    return BodyScanner().scan(exchange.body)[0]


def _is_api(place: Face | Plain | None) -> bool:
    return isinstance(place, Plain) and place.page == "api"


def _is_browser(exchange: Exchange) -> bool:
    """Whether a person's browser asks for a page, rather than a program for data."""
    return b"text/html" in (exchange.header(b"accept") or b"")


def _api_error(error: HostlerError) -> bytes:
    """An error as all of the workbench's API tells it."""
    return msgspec.json.encode({"error": {"code": error.code, "message": error.message, "hint": error.hint or ""}})


def _id_headers(wire: Wire, request_id: str) -> Headers:
    """The request's id, where we always put it and where the wire's own clients look."""
    return [(name, request_id.encode()) for name in sorted({X_REQUEST_ID, codec_of(wire).REQUEST_ID})]


def _listing_wire(exchange: Exchange) -> Wire:
    """`/v1/models` is one path for several wires; a header of theirs tells, or where the key stands."""
    path = exchange.path
    if path.startswith("/api/"):
        return OLLAMA
    if exchange.header(anthropic.VERSION_HEADER) is not None:
        return ANTHROPIC
    keyed = exchange.header(b"x-goog-api-key") is not None or "key=" in exchange.query
    return GEMINI if keyed or path.startswith("/v1beta/") else OPENAI_CHAT
