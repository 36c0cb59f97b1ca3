"""Whole replies of the Responses wire, and the `response` object that all replies share. Knows no items' growth."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Raw, Struct

from hostler.core.messages import Part, Refusal, ToolCall
from hostler.core.requests import Asked, ChatRequest, FinishReason, Reply
from hostler.core.usage import Usage
from hostler.errors import UpstreamGarbled, WireError
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.fields import as_members, as_text, parse
from hostler.wire.ids import made_call_id
from hostler.wire.openai_errors import error_told
from hostler.wire.responses_items import Json, said
from hostler.wire.responses_tools import write_choice, write_tools
from hostler.wire.responses_usage import read_usage, write_usage

_INCOMPLETE: Final[dict[str, FinishReason]] = {"max_output_tokens": "length", "content_filter": "content_filter"}
_REASONS: Final[dict[FinishReason, str]] = {
    "length": "max_output_tokens", "context": "max_output_tokens", "content_filter": "content_filter",
}  # fmt: skip


class Whole(Struct):
    """The `response` object, as far as it is read."""

    id: str | None = None
    model: str | None = None
    status: str | None = None
    output: list[Raw] | None = None
    usage: dict[str, object] | None = None
    incomplete_details: dict[str, object] | None = None
    error: object = None


def decode_response(body: bytes, dialect: Dialect = PLAIN) -> Reply:
    """The reply that an upstream gave; raises UpstreamGarbled for what is none, UpstreamRefused for a failed one."""
    del dialect  # its reader takes what every known server writes
    try:
        whole = parse(body, Whole, path="reply")
        members = [(parse(raw, Json, path="output[]"), bytes(raw)) for raw in whole.output or ()]
    except WireError as error:
        raise UpstreamGarbled(f"The reply is none of its wire: {error.message}.") from error
    raise_failed(whole, body)
    if whole.output is None and whole.status is None:
        raise UpstreamGarbled(f"The upstream's reply holds no output: {body[:200]!r}.")
    reply_id, parts = whole.id or "", list[Part]()
    for item, raw in members:
        parts += said(item, raw, call_id=made_call_id(reply_id, len(parts)))
    calls, refused = any(isinstance(p, ToolCall) for p in parts), any(isinstance(p, Refusal) for p in parts)
    finish, raw_finish = read_finish(whole, calls=calls, refused=refused)
    return Reply(
        id=reply_id,
        model=whole.model or "",
        parts=tuple(parts),
        finish=finish,
        raw_finish=raw_finish,
        usage=read_usage(whole.usage or {}),
    )


def raise_failed(whole: Whole, body: bytes) -> None:
    """Raise what a response that failed tells of."""
    if whole.error or whole.status in ("failed", "cancelled"):
        raise error_told({"error": whole.error or f"The response was {whole.status}."}, body)


def read_finish(whole: Whole, *, calls: bool, refused: bool) -> tuple[FinishReason, str]:
    """The core's finish reason, and the upstream's own word."""
    if whole.status == "incomplete":
        reason = as_text((whole.incomplete_details or {}).get("reason"))
        return _INCOMPLETE.get(reason, "unknown"), reason or "incomplete"
    if whole.status not in ("completed", None):
        return "unknown", whole.status
    return "tool_calls" if calls else "refusal" if refused else "stop", whole.status or ""


class ResponseObject:
    """The `response` of one reply. What the client asked for is repeated in it, as the vendor does."""

    def __init__(self, asked: Asked) -> None:
        request = asked.request or ChatRequest(model=asked.model, messages=())
        choice, sampling = request.tool_choice, request.sampling
        self._asked = asked
        self._fixed: Json = {
            "id": asked.id if asked.id.startswith("resp_") else f"resp_{asked.id}",
            "object": "response",
            "created_at": asked.created,
            "model": asked.model,
            "instructions": None,
            "max_output_tokens": request.max_tokens,
            "metadata": request.extra.get("metadata", {}),
            "parallel_tool_calls": request.parallel_tool_calls is not False,
            "previous_response_id": request.extra.get("previous_response_id"),
            "store": request.extra.get("store", False),
            "temperature": sampling.temperature,
            "tool_choice": "auto" if choice is None else write_choice(choice, request),
            "tools": [_echoed(tool) for tool in write_tools(request.tools, request)],
            "top_p": sampling.top_p,
        }

    def write(
        self, status: str, output: Sequence[object] = (), *, usage: Usage | None = None, more: Json | None = None
    ) -> Raw:
        """The object in a state: in_progress, completed, incomplete or failed."""
        counts = None if usage is None else write_usage(usage, self._asked)
        state = {"status": status, "error": None, "incomplete_details": None, "output": output, "usage": counts}
        return Raw(msgspec.json.encode({**self._fixed, **state, **(more or {})}))

    def finished(self, reason: FinishReason, output: Sequence[object], *, usage: Usage) -> tuple[str, Raw]:
        """The object of a whole reply, and the status that it has."""
        if reason not in _REASONS:
            return "completed", self.write("completed", output, usage=usage)
        why: Json = {"incomplete_details": {"reason": _REASONS[reason]}}
        return "incomplete", self.write("incomplete", output, usage=usage, more=why)


def _echoed(tool: object) -> object:
    """A tool of the client's as a reply repeats it: whether a function is strict has to be told, if only as null."""
    members = as_members(tool)
    return {"strict": None, **members} if members.get("type") == "function" else tool
