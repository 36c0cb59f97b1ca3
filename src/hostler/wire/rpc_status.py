"""Errors as google.rpc.Status in JSON, read and written. Knows its codes and details; does not know whose API it is.

Facts: google/rpc/status.proto, code.proto and error_details.proto. The time to wait stands in the body (RetryInfo), as
a duration such as "34.07s"; many clients look only there.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from hostler.errors import HostlerError, UpstreamRefused
from hostler.wire.fields import Members, as_count, as_items, as_members, as_text
from hostler.wire.pages import plain_words
from hostler.wire.retry import retry_after, retry_headers

_LONGEST_MESSAGE: Final = 2000
_DETAIL: Final = "type.googleapis.com/google.rpc."
_STATUS_OF: Final[Mapping[str, int]] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INTERNAL": 500,
    "DATA_LOSS": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_CODE_OF: Final[Mapping[int, str]] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}


def decode_error(  # signature: codec.Codec
    status: int, headers: Mapping[str, str], body: bytes
) -> UpstreamRefused:
    """What an upstream's error reply says; a body of another form becomes the message as far as it is text."""
    error = _error_of(body)
    message = as_text(error.get("message"))[:_LONGEST_MESSAGE]
    if not error:
        message = plain_words(body.decode("utf-8", "replace").strip(), _LONGEST_MESSAGE)
    wait = retry_after(headers)
    return UpstreamRefused(
        message or f"The upstream answered with status {status}.",
        status=status,
        kind=as_text(error.get("status")),
        body=body,
        headers=retry_headers(headers),
        retry_after=_retry_delay(error) if wait is None else wait,
    )


def refused_in_band(data: bytes) -> UpstreamRefused:
    """An error inside a reply that began with status 200: its code says which status was meant."""
    error = _error_of(data)
    kind, code = as_text(error.get("status")), as_count(error.get("code"))
    return UpstreamRefused(
        as_text(error.get("message"))[:_LONGEST_MESSAGE] or "The upstream broke off with an error.",
        status=code if code is not None and 400 <= code < 600 else _STATUS_OF.get(kind, 500),
        kind=kind,
        body=data,
        retry_after=_retry_delay(error),
    )


def encode_error(error: HostlerError, request_id: str) -> bytes:
    """The body of an error reply; its HTTP status is `error.status`."""
    kind = error.kind if isinstance(error, UpstreamRefused) and error.kind in _STATUS_OF else ""
    if not kind:
        kind = _CODE_OF.get(error.status, "FAILED_PRECONDITION" if 400 <= error.status < 500 else "INTERNAL")
    details = [{"@type": f"{_DETAIL}ErrorInfo", "reason": error.code.upper(), "domain": "hostler"}]
    if error.retry_after is not None:
        seconds = f"{error.retry_after:.3f}".rstrip("0").rstrip(".")
        details.append({"@type": f"{_DETAIL}RetryInfo", "retryDelay": f"{seconds}s"})
    if request_id:
        details.append({"@type": f"{_DETAIL}RequestInfo", "requestId": request_id})
    status = {"code": error.status, "message": error.text, "status": kind, "details": details}
    return msgspec.json.encode({"error": status})


def _error_of(body: bytes) -> Members:
    """The error object in a body: bare, or within an array of one, as an error of a stream comes."""
    try:
        value: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    error = as_members((as_items(value) or [value])[0]).get("error")
    return {"message": error} if isinstance(error, str) else as_members(error)


def _retry_delay(error: Members) -> float | None:
    for detail in map(as_members, as_items(error.get("details"))):
        delay = as_text(detail.get("retryDelay")).removesuffix("s")
        if as_text(detail.get("@type")).endswith("RetryInfo") and delay.replace(".", "", 1).isdecimal():
            return float(delay)
    return None
