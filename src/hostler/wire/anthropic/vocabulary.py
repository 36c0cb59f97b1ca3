"""The words of the anthropic wire and their equals in core: finish reasons, error types, usage, marks.

Knows: tables and the records that messages and events are read into. Does not know: blocks, order, streams.
Facts: the types of the `anthropic` SDK 2.10 and platform.claude.com/docs/en/api.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from hostler.core.messages import CacheMark, Origin
from hostler.core.requests import Asked, FinishReason
from hostler.core.usage import Usage
from hostler.core.wires import ANTHROPIC
from hostler.errors import HostlerError, UpstreamRefused
from hostler.wire.fields import as_count

HISTORY: Final = Origin("", ANTHROPIC, "")
"""Origin of what a client's history or a bare body holds: only the wire is known."""

UNSIGNED_SIGNATURE: Final = "aG9zdGxlcjp1bnNpZ25lZA=="
"""Stands where a thinking block needs a signature and its maker has none.

An empty one makes some clients (pydantic-ai) rewrite the thinking as visible text in the next turn. Blocks with this
signature must never reach the vendor; the gateway may look for these bytes in a body before it passes it through.
"""

FINISH_TO_CORE: Final[Mapping[str, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "pause_turn": "pause",
    "compaction": "pause",
    "model_context_window_exceeded": "context",
}

_FINISH_TO_WIRE: Final[Mapping[FinishReason, str]] = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "context": "model_context_window_exceeded",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
    "pause": "pause_turn",
    "unknown": "end_turn",
}

STATUS_BY_ERROR: Final[Mapping[str, int]] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}

_ERROR_BY_STATUS: Final[Mapping[int, str]] = {
    **{status: kind for kind, status in STATUS_BY_ERROR.items()},
    408: "timeout_error",
}


class ErrorBody(msgspec.Struct):
    """The `error` object of a refusal or an in-band error."""

    type: str = ""
    message: str = ""


class CacheCreation(msgspec.Struct):
    """Cache writes by their time to live, in tokens."""

    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class OutputDetails(msgspec.Struct):
    """What part of the output was thinking, in tokens."""

    thinking_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """Usage as the wire counts: `input_tokens` without cache, `output_tokens` with thinking."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    output_tokens: int | None = None
    output_tokens_details: OutputDetails | None = None


class StopDetails(msgspec.Struct):
    """Why the model refused: a category of the vendor's, and words for a person; either may be missing."""

    category: str | None = None
    explanation: str | None = None


class CacheControl(msgspec.Struct):
    """A cache breakpoint."""

    type: str = ""
    ttl: str | None = None


def usage_to_core(usage: WireUsage) -> Usage:
    """Five disjoint counts; what the upstream left out stays unknown."""
    written = as_count(usage.cache_creation_input_tokens)
    if written is None and usage.cache_creation is not None:
        parts = usage.cache_creation
        written = (as_count(parts.ephemeral_5m_input_tokens) or 0) + (as_count(parts.ephemeral_1h_input_tokens) or 0)
    details = usage.output_tokens_details
    thinking = as_count(details.thinking_tokens) if details is not None else None
    output = as_count(usage.output_tokens)
    if output is not None and thinking is not None:
        output = max(0, output - thinking)
    return Usage(as_count(usage.input_tokens), as_count(usage.cache_read_input_tokens), written, output, thinking)


def usage_to_wire(usage: Usage) -> dict[str, object]:
    """Usage as clients expect it: every count a number, since they do arithmetic on it."""
    body: dict[str, object] = {
        "input_tokens": usage.input or 0,
        "cache_creation_input_tokens": usage.cache_write or 0,
        "cache_read_input_tokens": usage.cache_read or 0,
        "output_tokens": usage.completion_tokens,
    }
    if usage.reasoning is not None:
        body["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return body


def finish_to_core(raw: str) -> FinishReason:
    """The core's finish reason; words that nobody told us about are `unknown`."""
    return FINISH_TO_CORE.get(raw, "unknown")


def finish_to_wire(finish: FinishReason, raw: str, *, has_calls: bool) -> str:
    """The stop reason for a client. The wire's own word survives; `stop` beside tool calls becomes `tool_use`.

    Several engines say `stop` after a call, and clients then never run it.
    """
    if has_calls and finish in ("stop", "unknown"):
        return "tool_use"
    if FINISH_TO_CORE.get(raw) == finish:
        return raw
    return _FINISH_TO_WIRE.get(finish, "end_turn")


def stop_details(reason: str, category: str, *, explanation: str) -> dict[str, object]:
    """The member that tells more of a refusal; other reasons have none."""
    if reason != "refusal":
        return {}
    return {"stop_details": {"type": "refusal", "category": category or None, "explanation": explanation or None}}


def cache_to_core(control: CacheControl | None) -> CacheMark | None:
    """A cache breakpoint's time to live; the wire's default is five minutes."""
    if control is None:
        return None
    return "1h" if control.ttl == "1h" else "5m"


def cache_to_wire(mark: CacheMark) -> dict[str, str]:
    """A cache breakpoint; the default time to live is left out."""
    return {"type": "ephemeral", "ttl": "1h"} if mark == "1h" else {"type": "ephemeral"}


def made_call_id(asked: Asked, slot: int) -> str:
    """The id of a call whose upstream gave none: unlike any other, since clients pair results by it."""
    return f"toolu_{asked.id}_{slot}"


def error_object(error: HostlerError) -> dict[str, str]:
    """The wire's `error` object: the upstream's own type where it is one of the wire's, else by status."""
    kind = error.kind if isinstance(error, UpstreamRefused) and error.kind in STATUS_BY_ERROR else ""
    if not kind:
        fallback = "invalid_request_error" if 400 <= error.status < 500 else "api_error"
        kind = _ERROR_BY_STATUS.get(error.status, fallback)
    return {"type": kind, "message": error.text}
