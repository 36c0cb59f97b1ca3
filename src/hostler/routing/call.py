"""One call as dispatch sees it. Knows what was asked and by whom; does not know how it is done."""

from typing import Literal

import msgspec

from hostler.core.requests import ChatRequest
from hostler.core.wires import Wire
from hostler.registry.resolver import Route

Operation = Literal["chat", "completions", "embeddings", "rerank", "count_tokens"]
Headers = list[tuple[bytes, bytes]]


class Call(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A request to be answered by one of the route's candidates.

    `body` and `head` are the client's for a pass-through: its bytes, and its header lines that travel on. `request`
    is the decoded form for a translation, made when it is first needed. `asked` is the model id as the client wrote
    it. A msgspec struct: one is made per request, and a frozen dataclass of this size costs 1 µs more.
    """

    id: str
    key_id: str
    face: Wire
    operation: Operation
    asked: str
    route: Route
    stream: bool
    body: bytes = b""
    head: bytes = b""
    request: ChatRequest | None = None
