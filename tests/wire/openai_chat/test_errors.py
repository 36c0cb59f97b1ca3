"""Error replies of many servers are read, and ours have the shape that this wire's clients know."""

import msgspec
import pytest

from hostler.errors import (
    Draining,
    Forbidden,
    HostlerError,
    ModelNotFound,
    QueueFull,
    RequestTooLarge,
    Unauthorized,
    UpstreamRefused,
    UpstreamTimeout,
    WireError,
)
from hostler.wire.openai_chat import decode_error, encode_error


@pytest.mark.parametrize(
    ("body", "message", "kind"),
    [
        (
            b'{"error":{"message":"no key","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}',
            "no key",
            "invalid_api_key",
        ),
        (b'{"error":{"message":"wait","type":"tokens","code":null}}', "wait", "tokens"),
        (
            b'{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}',
            "Loading model",
            "unavailable_error",
        ),
        (
            b'{"object":"error","message":"bad","type":"BadRequestError","param":null,"code":400}',
            "bad",
            "BadRequestError",
        ),
        (b'{"error":"model not found"}', "model not found", ""),
        (b'{"message":"Unauthorized"}', "Unauthorized", ""),
        (b'{"detail":"Not Found"}', "Not Found", ""),
        (
            b'{"detail":[{"loc":["body","model"],"msg":"field required"},{"msg":"x"}]}',
            "body.model: field required; x",
            "",
        ),
        (b'[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}]', "m", "INVALID_ARGUMENT"),
        (b"upstream connect error", "upstream connect error", ""),
        (b"<!DOCTYPE html><html><title>502 Bad\nGateway</title><p>x</p></html>", "502 Bad Gateway", ""),
        (b"<html><h1>Busy</h1><p>now</p></html>", "Busy now", ""),
        (b"", "The upstream answered with status 503.", ""),
        (b"{}", "{}", ""),
        (b"\xff\xfe", "\ufffd\ufffd", ""),
    ],
)
def test_shapes(body: bytes, message: str, kind: str) -> None:
    error = decode_error(503, {}, body)
    assert (error.message, error.kind, error.status, error.body) == (message, kind, 503, body)


def test_retry_hints_are_kept() -> None:
    error = decode_error(429, {"Retry-After": "2", "x-should-retry": "true", "server": "x"}, b"slow down")
    assert error.retry_after == 2.0
    assert error.headers == {"retry-after": "2", "x-should-retry": "true"}


def test_a_long_text_is_cut() -> None:
    assert len(decode_error(500, {}, b"x" * 1_000_000).message) == 2000


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (WireError("x"), "invalid_request_error", "invalid_request"),
        (Unauthorized("x"), "authentication_error", "invalid_api_key"),
        (Forbidden("x"), "permission_error", "forbidden"),
        (ModelNotFound("x"), "not_found_error", "model_not_found"),
        (RequestTooLarge("x"), "invalid_request_error", "request_too_large"),
        (QueueFull("x"), "rate_limit_error", "queue_full"),
        (UpstreamTimeout("x"), "server_error", "upstream_timeout"),
        (Draining("x"), "server_error", "draining"),
        (
            UpstreamRefused("x", status=400, kind="context_length_exceeded"),
            "invalid_request_error",
            "context_length_exceeded",
        ),
        (UpstreamRefused("x", status=529), "server_error", "upstream_refused"),
    ],
)
def test_our_errors(error: HostlerError, kind: str, code: str) -> None:
    body = msgspec.json.decode(encode_error(error, "req_1"))
    assert body == {"error": {"message": "x", "type": kind, "param": None, "code": code}, "request_id": "req_1"}
    assert "request_id" not in msgspec.json.decode(encode_error(error, ""))


def test_the_hint_is_part_of_the_message() -> None:
    body = msgspec.json.decode(encode_error(ModelNotFound("No model x.", hint="Did you mean y?"), ""))
    assert body["error"]["message"] == "No model x. Did you mean y?"
