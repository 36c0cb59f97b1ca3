"""One call as dispatch sees it, and one attempt at it. Knows what was asked and by whom; does not know how it is done.

Both are msgspec structs: made once per request, and a frozen dataclass of this size costs 1 µs more.
"""

from typing import Literal

import msgspec

from hostler.core.requests import ChatRequest
from hostler.core.wires import Wire
from hostler.registry.resolver import Candidate, Route

Operation = Literal["chat", "completions", "embeddings", "rerank", "count_tokens"]
Headers = list[tuple[bytes, bytes]]


class Call(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A request to be answered by one of the route's candidates.

    `body` and `headers` are the client's bytes for a pass-through; `request` is the decoded form for a translation, made
    when it is first needed. `asked` is the model id as the client wrote it.
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


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """The `number`th try (from 1) of a call, at one candidate; `model` is the name that the upstream gets."""

    call: Call
    candidate: Candidate
    number: int
    model: str
