"""One call as dispatch sees it, and what calls have in common.

Knows: what was asked, by whom, and which ways lead there. Does not know how it is done.

A client that keeps asking one model gives the same answers to nearly every question about its calls, so these are
asked once: a `Plan` holds them, with a `Way` for each candidate, and a `Call` adds what is its own.
"""

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol, cast

import msgspec

from hostler.accounts.ledger import CallKind, encode_kind
from hostler.core.messages import Origin
from hostler.core.pricing import price_of
from hostler.core.requests import ChatRequest
from hostler.core.wires import ANTHROPIC, GEMINI, OLLAMA, OPENAI_CHAT, OPENAI_RESPONSES, Wire
from hostler.providers.provider import Header, Operation, Provider
from hostler.registry.resolver import Candidate, Route
from hostler.system.http_known_head import KnownReply
from hostler.system.upstream import Message, Patience, Receiver
from hostler.wire.scan import Echo, opening

COUNTS: Final = ("count_tokens",)
EMBEDS: Final = ("embeddings", "embedding")
CONVERTED: Final = (*COUNTS, *EMBEDS)
TRANSLATED: Final = ("chat", "generate", *CONVERTED)
"""Operations that may go to an upstream of another wire; each of the others has one shape that many servers know."""
_ELSEWHERE: Final[Mapping[Operation, Operation]] = {"generate": "chat", "embedding": "embeddings"}
"""What an operation that only one wire has is on the others."""
STREAMED: Final = ("chat", "generate", "completions")
"""Operations whose reply may be a stream of events."""
FILES: Final = frozenset(("speech", "transcriptions", "translations", "images", "image_edits", "image_variations"))
"""Operations with sound and images: their bodies may be forms, their replies any kind of file."""
Headers = list[tuple[bytes, bytes]]


class Connection(Protocol):
    """What an attempt is made over: one request, one answer."""

    reused: bool
    started: bool
    framed: bool
    known: KnownReply | None

    def send(  # signature: positions, since a name costs every request time
        self, message: Message, receiver: Receiver, patience: Patience
    ) -> None: ...
    def set_reading(self, wanted: bool) -> None: ...
    def abort(self) -> None: ...
    def close(self) -> None: ...


class AnyDoor(Protocol):
    """Makes connections to one upstream, be it an address or a program."""

    def take_nowait(self) -> Connection | None: ...
    def connect(self, within: float | None = None) -> Coroutine[object, object, Connection]: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Target:
    """Where one attempt goes: for an engine the address of the moment, for others the provider's own.

    `host` is the value of the Host header, `sent` the headers of every request, the key's among them.
    """

    door: AnyDoor
    host: bytes
    sent: tuple[Header, ...]
    patience: Patience


class Plan:
    """What calls have in common: who asks which face for which model, and the ways there, the preferred one first.

    `asked` is the model id as the client wrote it, `key_id` is empty where no key was asked for. `lines` are the
    client's header lines that a pass-through sends on; `as_array`: a stream is one JSON array instead of events. Good
    as long as its `route` is: until the providers change.
    """

    __slots__ = ("as_array", "asked", "face", "key_id", "limited", "lines", "operation", "route", "stream", "ways")

    def __init__(  # signature: all that a plan is made of
        self, route: Route, face: Wire, *, operation: Operation, stream: bool, as_array: bool = False,
        key_id: str = "", lines: bytes = b"",
    ) -> None:  # fmt: skip
        self.route = route
        self.asked = route.asked
        self.face: Wire = face
        self.operation: Operation = operation
        self.stream = stream
        self.as_array = as_array
        self.key_id = key_id
        self.lines = lines
        self.ways = tuple(Way(self, candidate) for candidate in route.candidates)
        self.limited = operation == "chat" and any(way.candidate.limits is not None for way in self.ways)


class SeenHead(msgspec.Struct, frozen=True):
    """A reply's head as an upstream sent it, and what a pass-through makes of it: content type, and lines that travel.

    `head` begins with the status line.
    """

    headers: Headers
    status: int
    kind: bytes
    head: bytes


class Way:
    """One candidate of a plan, with all that is the same for each call that takes it.

    `model` is the name that is sent, `kind` the ledger's, `lane` and `slots` where calls queue, `cost` in US dollars
    0.0 for local models and else None: it follows from `price`, where that is known. `passes`: the wires match, so that
    bytes pass through; `bridges`: they may have to be mended for what the upstream is known to refuse although its wire
    has it. `lines` are the answer's header lines that tell which attempt served, for a first one. `front` stands for
    `opening` in a body that begins with it, as most clients write theirs: the model is its first field. `streams`: the
    upstream is asked for a stream, as some models must be; `splices`: bodies must name another model than they do;
    `files`: they may be forms, and replies files. `origin` is who makes a reply's parts. `echo` writes `asked` into
    replies. `target` and the request's `head` are kept here where they are the same for good, which an engine's are
    not; `seen` is the head of the last reply.
    """

    __slots__ = (
        "asked", "bridges", "candidate", "cost", "echo", "files", "front", "head", "kind", "lane", "lines", "model",
        "opening", "operation", "origin", "passes", "path", "price", "seen", "slots", "splices", "streams", "target",
    )  # fmt: skip

    def __init__(self, plan: Plan, candidate: Candidate) -> None:
        provider, operation = side_for(candidate.provider, plan.operation, wire=plan.face)
        recipe = candidate.recipe
        self.candidate = candidate if provider is candidate.provider else replace(candidate, provider=provider)
        self.operation = plan.operation
        # an engine serves one model under whatever name: the asked one spares the splice
        self.model = candidate.model if recipe is None else plan.asked
        self.lane, self.slots = (provider.id, provider.slots) if recipe is None else (candidate.model_id, recipe.slots)
        # upstreams are asked for streams of events only
        self.streams = plan.stream or (operation == "chat" and provider.dialect.of(self.model).stream_only)
        self.passes = (
            self.streams == plan.stream
            and not plan.as_array
            and (
                operation not in TRANSLATED
                or (
                    operation == plan.operation and shape_of(provider.wire, operation) == shape_of(plan.face, operation)
                )
            )
        )
        if provider.program is not None:  # its words are those of no wire
            self.passes = False
        self.bridges = plan.operation == "chat" and (
            provider.wire == ANTHROPIC or not provider.dialect.named_tool_choice
        )
        self.files = plan.operation in FILES
        self.path = provider.call_path(operation, self.model, stream=self.streams)
        self.splices = self.model != plan.asked and provider.names_in_body
        self.lines = attempt_lines(candidate.model_id, 1)
        self.opening = opening(plan.asked)
        self.front = opening(self.model)
        self.asked = plan.asked
        self.echo = Echo(plan.asked, candidate.model)
        self.origin = Origin(provider.id, provider.wire, candidate.model)
        self.cost = 0.0 if provider.local else None
        self.price = None if provider.local else price_of(candidate.facts)
        self.head = b""
        self.target: Target | None = None
        self.seen: SeenHead | None = None
        self.kind = encode_kind(
            CallKind(
                plan.face, plan.operation, candidate.model_id, provider.id, candidate.model, plan.stream,
                plan.key_id or None,
            )
        )  # fmt: skip


class Call(msgspec.Struct, frozen=True, gc=False):
    """A request to be answered by one of the plan's ways. A msgspec struct: one is made per request.

    `body` is the client's for a pass-through: its bytes. `request` is the decoded form where there are no such bytes.
    """

    id: str
    plan: Plan
    body: bytes = b""
    request: ChatRequest | None = None


def side_for(provider: Provider, operation: Operation, *, wire: Wire) -> tuple[Provider, Operation]:
    """By which of its wires a provider does best what a client of `wire` asks for, and what that is called there."""
    side = provider.side(operation, wire)
    if operation in side.paths:
        return side, operation
    other = cast("Operation", _ELSEWHERE.get(operation, operation))
    return provider.side(other, wire), other


def shape_of(wire: Wire, operation: Operation) -> Wire:
    """The wire whose shape an operation has: servers share those of what is no chat."""
    if operation in COUNTS:
        return wire if wire in (GEMINI, OPENAI_RESPONSES) else ANTHROPIC
    if operation in EMBEDS:
        return wire if wire in (GEMINI, OLLAMA) else OPENAI_CHAT
    return wire


def attempt_lines(model_id: str, number: int) -> bytes:
    """Our header lines of an answer: which model served, at which attempt."""
    return b"x-hostler-model: %b\r\nx-hostler-attempts: %d\r\n" % (header_text(model_id), number)


def header_text(text: str) -> bytes:
    """Text as a header value: printable ASCII, everything else percent-encoded."""
    if text.isascii() and text.isprintable():
        return text.encode()
    return b"".join(bytes([b]) if 0x20 <= b < 0x7F else b"%%%02X" % b for b in text.encode())


def patience_of(provider: Provider) -> Patience:
    """How long a provider may keep silent."""
    limits = provider.timeouts
    return Patience(limits.first_byte_s, limits.idle_s, limits.connect_s)
