"""JSON as a reply's format, of vendors who know no schemas, or want the word JSON in the conversation.

Facts: platform.openai.com/docs/guides/structured-outputs, www.alibabacloud.com/help/en/model-studio/json-mode.
Knows: what is told in words, and where. Does not know: how a wire asks for JSON.
"""

from dataclasses import replace

from hostler.core.messages import Message, Text, visible_text
from hostler.core.requests import ChatRequest
from hostler.core.wires import Wire
from hostler.wire import schemas
from hostler.wire.dialects import Dialect

_ANY = "Answer with one JSON object and nothing else."


def with_format_told(request: ChatRequest, dialect: Dialect, *, wire: Wire) -> ChatRequest:
    """The request, in whose system text stands what its format alone cannot say; a client of `wire` knows its rules."""
    told = _told(request, dialect, wire=wire)
    if not told:
        return request
    messages = request.messages
    leading = next((i for i, m in enumerate(messages) if m.role not in ("system", "developer")), 0)
    return replace(request, messages=(*messages[:leading], Message("system", (Text(text=told),)), *messages[leading:]))


def _told(request: ChatRequest, dialect: Dialect, *, wire: Wire) -> str:
    wanted = request.output_format
    if wanted is None:
        return ""
    if wanted.kind == "json_schema":
        return "" if dialect.json_schema or wanted.schema is None else schemas.in_words(wanted.schema)
    says_it = request.wire == wire or any("json" in visible_text(m.parts).lower() for m in request.messages)
    return "" if says_it else _ANY
