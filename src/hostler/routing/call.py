"""One call as dispatch sees it, and one attempt at it. Knows what was asked and by whom; does not know how it is done."""

from dataclasses import dataclass
from typing import Literal

from hostler.core.requests import ChatRequest
from hostler.core.wires import Wire
from hostler.registry.resolver import Candidate, Route

Operation = Literal["chat", "completions", "embeddings", "rerank", "count_tokens"]
Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request to be answered by one of the route's candidates.

    `body` and `headers` are the client's bytes for a pass-through; `request` is the decoded form for a translation,
    made when it is first needed. `asked` is the model id as the client wrote it.
    """

    id: str
    key_id: str
    face: Wire
    operation: Operation
    asked: str
    route: Route
    stream: bool
    body: bytes = b""
    headers: Headers
    request: ChatRequest | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """The `number`th try (from 1) of a call, at one candidate; `model` is the name that the upstream gets."""

    call: Call
    candidate: Candidate
    number: int
    model: str
