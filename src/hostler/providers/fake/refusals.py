"""Knows the shape of each vendor's errors, and how it says when to come back: in headers, or in the body.

Does not know: when to refuse, or the words (`words`).
"""

import time
from email.utils import formatdate
from typing import Final

import msgspec

from hostler.providers.fake.asked import Fault
from hostler.providers.fake.json_values import Json
from hostler.providers.fake.script import PLAIN, Dialect, Failure, Retry, Wire
from hostler.providers.fake.words import words_for

Headers = list[tuple[bytes, bytes]]

JSON: Final = (b"content-type", b"application/json")
_PAGE: Final = (
    "<html>\r\n<head><title>{status} {phrase}</title></head>\r\n"
    "<body>\r\n<center><h1>{status} {phrase}</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
_RPC: Final = "type.googleapis.com/google.rpc."
_TOO_MANY: Final = 429
_OVERLOADED: Final = 529
_PHRASES: Final = {429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway", 504: "Gateway Time-out"}


def error_body(wire: Wire, fault: Fault, *, request_id: str = "", dialect: Dialect = PLAIN) -> Json:
    """The error's JSON in the wire's shape, or in that of one who departs from it."""
    kind = fault.kind or words_for(wire, fault.status).kind
    match wire:
        case "anthropic":
            return {"type": "error", "error": {"type": kind, "message": fault.message}, "request_id": request_id}
        case "gemini":
            return {"error": _rpc_status(fault)}
        case "ollama":
            return {"error": fault.message}
        case "dashscope":
            return {"code": fault.code or kind, "message": fault.message, "request_id": request_id}
        case "openai-chat" | "openai-responses":
            return _openai_error(fault, kind, dialect=dialect)


def _openai_error(fault: Fault, kind: str, *, dialect: Dialect) -> Json:
    error: Json = {"message": fault.message, "type": kind, "param": fault.param, "code": fault.code}
    match dialect.errors:
        case "wire":
            return {"error": error}
        case "coded":
            return {"error": {**error, "code": fault.status}}
        case "flat":
            return {"code": fault.code or kind, "error": fault.message}
        case "object":
            return {"object": "error", **error, "raw_status_code": fault.status}
        case "detail":
            return {"detail": fault.message}


def _rpc_status(fault: Fault) -> Json:
    """A `google.rpc.Status`; the time to wait stands in its details, not in a header."""
    words = words_for("gemini", fault.status)
    code = 503 if fault.status == _OVERLOADED else fault.status  # Google's front end has no status 529
    details: list[Json] = []
    if fault.kind:
        domain = {"domain": "googleapis.com", "metadata": {"service": "generativelanguage.googleapis.com"}}
        details.append({"@type": _RPC + "ErrorInfo", "reason": fault.kind, **domain})
    if fault.param:
        violation = {"field": fault.param, "description": fault.message}
        details.append({"@type": _RPC + "BadRequest", "fieldViolations": [violation]})
    if code == _TOO_MANY:
        quota = {
            "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
            "quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
        }
        details.append({"@type": _RPC + "QuotaFailure", "violations": [quota]})
    if fault.retry_s is not None:
        details.append({"@type": _RPC + "RetryInfo", "retryDelay": f"{fault.retry_s:g}s"})
    told: Json = {"code": code, "message": fault.message, "status": fault.code or words.kind}
    return {**told, "details": details} if details else told


def failure_reply(wire: Wire, failure: Failure, *, request_id: str, dialect: Dialect = PLAIN) -> tuple[Headers, bytes]:
    """Headers and body of a scripted refusal."""
    headers: Headers = [(name.lower().encode(), value.encode()) for name, value in failure.headers.items()]
    headers += retry_headers(wire, failure.retry)
    if failure.page:
        phrase = _PHRASES.get(failure.status, "Error")
        return [(b"content-type", b"text/html"), *headers], _PAGE.format(status=failure.status, phrase=phrase).encode()
    headers = [JSON, *headers] if b"content-type" not in dict(headers) else headers
    if failure.body is not None:
        return headers, failure.body.encode()
    return headers, msgspec.json.encode(
        error_body(wire, fault_of(wire, failure), request_id=request_id, dialect=dialect)
    )


def fault_of(wire: Wire, failure: Failure) -> Fault:
    """A scripted failure with the vendor's own words where the script leaves them open."""
    words = words_for(wire, failure.status)
    kind = failure.kind or ("" if wire == "gemini" else words.kind)
    message = failure.message or words.message
    if failure.retry.after_s is not None:
        message = message.replace("try again in 1s", f"try again in {failure.retry.after_s:g}s")
    fault = Fault(message, failure.status, kind=kind, code=failure.code or words.code)
    fault.retry_s = failure.retry.after_s
    return fault


def retry_headers(wire: Wire, retry: Retry) -> Headers:
    """The hints about when to come back."""
    headers: Headers = []
    if retry.after_s is not None and wire != "gemini":
        headers.append((b"retry-after", f"{retry.after_s:g}".encode()))
    if retry.date_s is not None:  # which counts from the reply's own date
        now = time.time()
        headers.append((b"date", formatdate(now, usegmt=True).encode()))
        headers.append((b"retry-after", formatdate(now + retry.date_s, usegmt=True).encode()))
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
    if wire not in ("openai-chat", "openai-responses"):
        return []  # the others tell no limits
    reset = f"{seconds:g}s".encode()
    return [
        (b"x-ratelimit-limit-requests", b"500"),
        (b"x-ratelimit-limit-tokens", b"30000"),
        (b"x-ratelimit-remaining-requests", b"0"),
        (b"x-ratelimit-remaining-tokens", b"0"),
        (b"x-ratelimit-reset-requests", reset),
        (b"x-ratelimit-reset-tokens", reset),
    ]
