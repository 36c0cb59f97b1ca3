"""Error bodies of the two OpenAI wires, read and written. Knows the shapes that servers of them use; sends nothing.

Shapes read: `{"error": {...}}`, `{"error": "text"}`, vLLM's `{"object": "error", ...}`, FastAPI's `detail`, a list
around one of these, plain text, HTML.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from hostler.errors import HostlerError, UpstreamGarbled, UpstreamRefused, WireError
from hostler.wire.fields import Members, as_count, as_items, as_members, as_text, parse_object
from hostler.wire.pages import plain_words
from hostler.wire.retry import retry_after, retry_headers, wait_in_words, wait_told

_LONGEST_MESSAGE = 2000
"""Characters of a foreign error text that are kept."""

_TYPES: Final = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    429: "rate_limit_error",
}
_STATUSES: Final = (
    ("rate_limit", 429),
    ("insufficient_quota", 429),
    ("overloaded", 503),
    ("authentication", 401),
    ("invalid_api_key", 401),
    ("permission", 403),
    ("not_found", 404),
    ("timeout", 504),
    ("context_length", 400),
    ("exceed_context_size", 400),
    ("invalid", 400),
    ("bad_request", 400),
    ("unavailable", 503),
    ("server_error", 500),
    ("internal", 500),
)
"""Words in an in-band error's type or code, and the status it would have had before the reply began."""

_CODES: Final = frozenset(
    (
        "server_error", "rate_limit_exceeded", "invalid_prompt", "context_length_exceeded", "insufficient_quota",
        "server_is_overloaded", "usage_not_included",
    )
)  # fmt: skip
"""The codes of a failed response that clients look for: published ones, and those that the vendor sends besides."""

_encode = msgspec.json.Encoder().encode


def body_of(value: object) -> bytes:
    """`value` as compact JSON."""
    return _encode(value)


def decode_error(  # signature: codec.Codec
    status: int, headers: Mapping[str, str], body: bytes
) -> UpstreamRefused:
    """What an upstream's error reply says; `status` is its own, and the body is kept for pass-through."""
    message, kind, told = _read_body(body)
    wait = retry_after(headers)
    return UpstreamRefused(
        message or f"The upstream answered with status {status}.",
        status=status,
        kind=kind,
        body=body,
        headers=retry_headers(headers),
        retry_after=told if wait is None else wait,
    )


def encode_error(error: HostlerError, request_id: str) -> bytes:
    """The body of an error reply; its HTTP status is `error.status`."""
    body = error_members(error)
    return _encode({**body, "request_id": request_id} if request_id else body)


def error_members(error: HostlerError) -> dict[str, object]:
    """The error object that a body or, in a stream, a frame holds."""
    code = error.code
    if isinstance(error, UpstreamRefused) and error.kind:
        code = error.kind  # clients look for the vendor's own codes, such as context_length_exceeded
    return {"error": {"message": error.text, "type": _type_of(error.status), "param": None, "code": code}}


def error_of(members: Members) -> UpstreamRefused | None:
    """The error that a frame or body of a 200 holds, or None when it holds none."""
    if not members.get("error") and members.get("object") != "error":
        return None
    message, kind = _read_members(members)
    inner = as_members(members.get("error")) or members
    return UpstreamRefused(
        message or "The upstream broke off with an error.",
        status=_status_of(inner),
        kind=kind,
        body=_encode(members),
        retry_after=wait_told(inner),
    )


def _type_of(status: int) -> str:
    if status >= 500:
        return "server_error"
    return _TYPES.get(status, "invalid_request_error")


def _status_of(inner: Members) -> int:
    for key in ("code", "status", "http_code"):
        value = inner.get(key)
        number = int(value) if isinstance(value, str) and value.isdecimal() else as_count(value)
        if number is not None and 400 <= number < 600:
            return number
    words = f"{inner.get('type')} {inner.get('code')}".lower()
    return next((status for word, status in _STATUSES if word in words), 502)


def _read_body(body: bytes) -> tuple[str, str, float | None]:
    """Message, kind, and seconds to wait; an unknown shape gives its own text and no kind."""
    text = body.decode("utf-8", "replace").strip()
    if text.startswith("["):
        text = text.removeprefix("[").removesuffix("]").strip()
    try:
        members = parse_object(text.encode())
    except WireError:
        words = plain_words(text, _LONGEST_MESSAGE)
        return words, "", wait_in_words(words)
    message, kind = _read_members(members)
    wait = wait_told(as_members(members.get("error")) or members)
    return message or text[:_LONGEST_MESSAGE], kind, wait_in_words(message) if wait is None else wait


def _read_members(members: Members) -> tuple[str, str]:
    error = members.get("error")
    if isinstance(error, str):
        return error[:_LONGEST_MESSAGE], as_text(members.get("code")) or as_text(members.get("type"))
    inner = as_members(error) or members
    message = as_text(inner.get("message")) or as_text(inner.get("msg")) or _detail(inner.get("detail"))
    kind = next((value for key in ("code", "type", "status") if isinstance(value := inner.get(key), str)), "")
    return message[:_LONGEST_MESSAGE], kind


def _detail(detail: object) -> str:
    if isinstance(detail, str):
        return detail
    complaints: list[str] = []
    for item in as_items(detail):
        complaint = as_members(item)
        place = ".".join(str(step) for step in as_items(complaint.get("loc")))
        complaints.append(f"{place}: {as_text(complaint.get('msg'))}".strip(": "))
    return "; ".join(complaints) or as_text(as_members(detail).get("message"))


def error_told(members: Members, body: bytes) -> HostlerError:
    """The error that a failed response or an error event tells of: flat, as published, or nested, as it is sent."""
    nested = as_members(members.get("error")) or members.get("error")
    refused = error_of({"error": nested or {key: value for key, value in members.items() if key != "type"}})
    if refused is None:
        return UpstreamGarbled("The upstream broke off with an empty error.")
    return UpstreamRefused(
        refused.message, status=refused.status, kind=refused.kind, body=body, retry_after=refused.retry_after
    )


def write_error(error: HostlerError) -> dict[str, object]:
    """The `error` of a failed response. Whether to try again is told by its code, and when by its message."""
    code = error.kind if isinstance(error, UpstreamRefused) and error.kind in _CODES else ""
    if not code:
        again = error.status >= 500 or error.status in (408, 409)
        code = "rate_limit_exceeded" if error.status == 429 else "server_error" if again else "invalid_prompt"
    wait = "" if error.retry_after is None else f" Please try again in {error.retry_after:g}s."
    return {"code": code, "message": error.text if "try again in" in error.text else error.text + wait}


def error_event(error: HostlerError) -> dict[str, object]:
    """An error event: its fields as published, and once more in the nested form that the vendor sends."""
    nested = as_members(error_members(error)["error"])
    return {"code": nested["code"], "message": nested["message"], "param": None, "error": nested}
