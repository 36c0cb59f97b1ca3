"""Knows how each vendor words its errors: body by status, error types, and the headers that say when to come back.

Does not know: when to refuse.
"""

import time
from email.utils import formatdate
from typing import Final

import msgspec

from hostler.providers.fake.asked import Fault
from hostler.providers.fake.json_values import Json
from hostler.providers.fake.script import Failure, Retry, Wire

Headers = list[tuple[bytes, bytes]]

JSON: Final = (b"content-type", b"application/json")
_PAGE: Final = (
    "<html>\r\n<head><title>{status} {phrase}</title></head>\r\n"
    "<body>\r\n<center><h1>{status} {phrase}</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
_PHRASES: Final = {429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway", 504: "Gateway Time-out"}

# status: (type, code, message), as the chat wire's vendor words them
_CHAT: Final = {
    400: ("invalid_request_error", None, "We could not parse the JSON body of your request."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided: sk-fake."),
    402: ("insufficient_quota", "insufficient_quota", "Insufficient Balance"),
    403: ("invalid_request_error", "unsupported_country_region_territory", "Country or region not supported"),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
    413: ("invalid_request_error", "request_too_large", "Request too large: the maximum size of a request is 64 MB."),
    422: ("invalid_request_error", "unprocessable_entity", "The request was well-formed but could not be followed."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests. Please try again in 1s."),
    500: ("server_error", None, "The server had an error while processing your request. Sorry about that!"),
    503: ("server_error", None, "The engine is currently overloaded, please try again later"),
    529: ("server_error", "overloaded", "The engine is currently overloaded, please try again later"),
}  # fmt: skip

_MESSAGES: Final = {
    400: ("invalid_request_error", "messages: Field required"),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Your credit balance is too low to access the API. Please go to Plans & Billing."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "model: unknown"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your account's rate limit. Please try again later."),
    500: ("api_error", "Internal server error"),
    504: ("timeout_error", "The request timed out while processing."),
    529: ("overloaded_error", "Overloaded"),
}


def error_body(wire: Wire, fault: Fault, *, request_id: str = "") -> Json:
    """The error's JSON in the wire's shape."""
    if wire == "anthropic":
        kind = fault.kind or _MESSAGES.get(fault.status, _by_class(fault.status))[0]
        error = {"type": kind, "message": fault.message}
        return {"type": "error", "error": error, "request_id": request_id}
    kind = fault.kind or _CHAT.get(fault.status, ("server_error", None, ""))[0]
    return {"error": {"message": fault.message, "type": kind, "param": fault.param, "code": fault.code}}


def failure_reply(wire: Wire, failure: Failure, *, request_id: str) -> tuple[Headers, bytes]:
    """Headers and body of a scripted refusal."""
    headers: Headers = [(name.lower().encode(), value.encode()) for name, value in failure.headers.items()]
    headers += retry_headers(wire, failure.retry)
    if failure.page:
        phrase = _PHRASES.get(failure.status, "Error")
        return [(b"content-type", b"text/html"), *headers], _PAGE.format(status=failure.status, phrase=phrase).encode()
    headers = [JSON, *headers] if b"content-type" not in dict(headers) else headers
    if failure.body is not None:
        return headers, failure.body.encode()
    return headers, msgspec.json.encode(error_body(wire, fault_of(wire, failure), request_id=request_id))


def fault_of(wire: Wire, failure: Failure) -> Fault:
    """A scripted failure with the vendor's own words where the script leaves them open."""
    if wire == "anthropic":
        kind, message = _MESSAGES.get(failure.status, _by_class(failure.status))
        return Fault(failure.message or message, failure.status, kind=failure.kind or kind)
    kind, code, message = _CHAT.get(failure.status, ("server_error", None, "The server had an error."))
    return Fault(failure.message or message, failure.status, kind=failure.kind or kind, code=failure.code or code)


def retry_headers(wire: Wire, retry: Retry) -> Headers:
    """The hints about when to come back."""
    headers: Headers = []
    if retry.after_s is not None:
        headers.append((b"retry-after", f"{retry.after_s:g}".encode()))
    if retry.date_s is not None:
        headers.append((b"retry-after", formatdate(time.time() + retry.date_s, usegmt=True).encode()))
    if retry.after_ms is not None:
        headers.append((b"retry-after-ms", f"{retry.after_ms:g}".encode()))
    if retry.should_retry is not None:
        headers.append((b"x-should-retry", b"true" if retry.should_retry else b"false"))
    if retry.limits:
        headers += _limit_headers(wire, retry.after_s or 1.0)
    return headers


def _limit_headers(wire: Wire, seconds: float) -> Headers:
    if wire == "anthropic":
        reset = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds)).encode()
        prefix = b"anthropic-ratelimit-"
        rows = ((b"requests", b"50"), (b"input-tokens", b"30000"), (b"output-tokens", b"8000"))
        return [
            header
            for name, limit in rows
            for header in (
                (prefix + name + b"-limit", limit),
                (prefix + name + b"-remaining", b"0"),
                (prefix + name + b"-reset", reset),
            )
        ]
    reset = f"{seconds:g}s".encode()
    return [
        (b"x-ratelimit-limit-requests", b"500"),
        (b"x-ratelimit-limit-tokens", b"30000"),
        (b"x-ratelimit-remaining-requests", b"0"),
        (b"x-ratelimit-remaining-tokens", b"0"),
        (b"x-ratelimit-reset-requests", reset),
        (b"x-ratelimit-reset-tokens", reset),
    ]


def _by_class(status: int) -> tuple[str, str]:
    return _MESSAGES[500 if status >= 500 else 400]
