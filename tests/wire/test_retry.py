"""When to try again, in each of the forms that vendors use."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.deltas import Failed
from hostler.errors import UpstreamRefused
from hostler.wire import anthropic, openai_chat
from hostler.wire.retry import retry_after, retry_headers, wait_in_words, wait_told

DATE = "Fri, 20 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "9", "Retry-After-MS": "1500"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "3"}, 3.0),
        ({"retry-after": "Fri, 20 Nov 2026 10:00:30 GMT", "Date": DATE}, 30.0),
        ({"retry-after": "Fri, 20 Nov 2026 09:00:00 GMT", "date": DATE}, 0.0),
        ({"retry-after": "Fri, 20 Nov 2026 10:00:30 GMT"}, None),
        ({"retry-after": "tomorrow", "date": DATE}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan", "date": DATE}, None),
    ],
)
def test_seconds(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_only_what_a_client_may_act_on_is_kept() -> None:
    headers = {
        "Content-Type": "text/html",
        "X-Should-Retry": "false",
        "Retry-After": "2",
        "x-ratelimit-remaining-tokens": "0",
        "Anthropic-Ratelimit-Requests-Limit": "50",
        "set-cookie": "a=b",
    }
    assert retry_headers(headers) == {
        "x-should-retry": "false",
        "retry-after": "2",
        "x-ratelimit-remaining-tokens": "0",
        "anthropic-ratelimit-requests-limit": "50",
    }


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Rate limit reached. Please try again in 1.25s. Visit the docs.", 1.25),
        ("Please try again in 250ms.", 0.25),
        ("Please try again in 7m12.5s.", 432.5),
        ("Please try again in 1h2m3s.", 3723.0),
        ("Please retry in 34.074824224s.", 34.074824224),
        ("Please retry after 12 seconds.", 12.0),
        ("Try again in 3 minutes", 180.0),
        ("Too many requests; wait for 20 s", 20.0),
        ("Please retry your request after 5 sec", 5.0),
        ("Please try again in a while.", None),
        ("Please try again later.", None),
        ("Retry in 5 more ways", None),
        ("I took 5s", None),
        ("", None),
    ],
)
def test_seconds_in_words(message: str, seconds: float | None) -> None:
    assert wait_in_words(message) == seconds


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        ({"metadata": {"headers": {"Retry-After": "9"}}, "message": "try again in 1s"}, 9.0),
        ({"metadata": {"retry_after_seconds": 4}}, 4.0),
        ({"retry_after": "2.5"}, 2.5),
        ({"retry_after": True, "metadata": []}, None),
        ({"details": [{"@type": "other"}, {"@type": "x/google.rpc.RetryInfo", "retryDelay": "34s"}]}, 34.0),
        ({"message": "Please try again in 2s."}, 2.0),
        ({"code": 429}, None),
    ],
)
def test_seconds_in_a_body(error: dict[str, object], seconds: float | None) -> None:
    assert wait_told(error) == seconds


@pytest.mark.slow
@given(st.text("try again in 0123456789hms. ", max_size=200))
def test_no_words_bring_it_down(message: str) -> None:
    seconds = wait_in_words(message)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize("decode", [openai_chat.decode_error, anthropic.decode_error])
@pytest.mark.parametrize("status", [402, 413, 429, 529])
def test_both_wires_read_the_wait_from_the_header_first_and_then_from_the_words(decode: Any, status: int) -> None:
    said = {"type": "error", "error": {"type": "some_error", "message": "Overloaded. Please try again in 8s."}}
    body = msgspec.json.encode(said)
    refused = decode(status, {}, body)
    assert (refused.status, refused.kind, refused.retry_after) == (status, "some_error", 8.0)
    assert refused.body == body
    assert decode(status, {"Retry-After": "3"}, body).retry_after == 3.0
    assert decode(status, {}, b"<html>busy</html>").retry_after is None


def test_an_error_within_a_stream_says_when_to_try_again() -> None:
    error = {"type": "overloaded_error", "message": "Overloaded. Please try again in 8s."}
    data = msgspec.json.encode({"type": "error", "error": error})
    for decoder in (openai_chat.stream_decoder(), anthropic.stream_decoder()):
        (failed,) = decoder.feed(b"event: error\ndata: " + data + b"\n\n")
        assert isinstance(failed, Failed)
        assert isinstance(failed.error, UpstreamRefused)
        assert failed.error.retry_after == 8.0
        assert failed.error.status in (503, 529)


def test_what_clients_are_told_of_money_and_load() -> None:
    for status, chat, messages in (
        (402, "insufficient_quota", "billing_error"),
        (529, "server_error", "overloaded_error"),
    ):
        error = UpstreamRefused("no", status=status)
        assert msgspec.json.decode(openai_chat.encode_error(error, "r"))["error"]["type"] == chat
        assert msgspec.json.decode(anthropic.encode_error(error, "r"))["error"]["type"] == messages
    too_large = UpstreamRefused("no", status=413)
    assert msgspec.json.decode(anthropic.encode_error(too_large, "r"))["error"]["type"] == "request_too_large"
