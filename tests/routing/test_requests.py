"""Which headers travel to an upstream, and how text becomes a header's value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.errors import QueueFull, UpstreamRefused
from hostler.routing.answer import header_text, retry_headers
from hostler.routing.requests import client_lines

OURS = (
    *("host", "connection", "keep-alive", "te", "trailer", "upgrade", "transfer-encoding", "content-length"),
    *("expect", "accept-encoding", "authorization", "x-api-key", "x-goog-api-key", "cookie", "origin", "referer"),
    *("forwarded", "x-forwarded-for", "x-real-ip", "via", "proxy-authorization", "x-hostler-model", "sec-fetch-mode"),
)


def test_what_is_the_hops_or_a_secret_stays_here() -> None:
    kept = [(b"anthropic-beta", b"a,b"), (b"x-stainless-lang", b"python"), (b"user-agent", b"me"), (b"x-odd", b"\xe9")]
    headers = [*[(name.encode(), b"secret") for name in OURS], *kept]
    assert client_lines(headers) == b"".join(b"%b: %b\r\n" % pair for pair in kept)


@given(st.text(max_size=40))
def test_any_text_is_a_safe_header_value(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    value = header_text(text)
    assert all(0x20 <= byte < 0x7F for byte in value)
    if text.isascii() and text.isprintable():
        assert value.decode() == text


@pytest.mark.parametrize(("seconds", "header"), [(0.2, b"1"), (1.0, b"1"), (7.6, b"8"), (120.0, b"120")])
def test_our_own_hint_is_in_whole_seconds(seconds: float, header: bytes) -> None:
    assert retry_headers(QueueFull("full", retry_after=seconds)) == [(b"retry-after", header)]


def test_the_upstreams_own_hints_come_first() -> None:
    given = {"retry-after": "3", "retry-after-ms": "2900", "x-ratelimit-reset": "soon", "x-own": "no"}
    error = UpstreamRefused("slow", status=429, headers=given, retry_after=99.0)
    names = [name for name, _ in retry_headers(error)]
    assert names == [b"retry-after", b"retry-after-ms", b"x-ratelimit-reset"]
    assert retry_headers(UpstreamRefused("slow", status=429, retry_after=4.2)) == [(b"retry-after", b"4")]
    assert retry_headers(UpstreamRefused("slow", status=500)) == []
