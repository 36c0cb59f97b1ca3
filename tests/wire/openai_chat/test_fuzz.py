"""No JSON, however strange, gets anything out of the chat wire but a result or an error of ours."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.errors import HostlerError, UpstreamGarbled, UpstreamRefused, WireError
from hostler.wire.dialects import Dialect
from hostler.wire.openai_chat import decode_error, decode_request, decode_response, encode_request, stream_decoder
from tests.wire.strategies import json_values

pytestmark = pytest.mark.slow

REQUEST = {
    "model": "m",
    "messages": [
        {"role": "system", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]},
        {
            "role": "user",
            "name": "n",
            "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
                {"type": "file", "file": {"filename": "a", "file_data": "AA"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "refusal": "r",
            "audio": {"id": "a"},
            "reasoning_details": [{"type": "reasoning.text", "text": "t"}],
            "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "d", "type": "custom", "custom": {"name": "f", "input": "x"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "a"}]},
        {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "x"},
    ],
    "tools": [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": {}, "strict": True}},
        {"type": "custom", "custom": {"name": "g", "format": {}}},
    ],
    "functions": [{"name": "old"}],
    "function_call": {"name": "f"},
    "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "x", "x": {}}]}},
    "stop": ["a"],
    "reasoning_effort": "low",
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}},
    "stream": True,
    "stream_options": {"include_usage": True},
}
REPLY = {
    "id": "x",
    "model": "m",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {
                "content": [{"type": "thinking", "thinking": [{"text": "a"}]}],
                "refusal": "r",
                "reasoning_details": [{"text": "a", "index": 0}],
                "tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}],
                "function_call": {"name": "f"},
            },
        }
    ],
    "usage": {
        "prompt_tokens": 1,
        "completion_tokens": 1,
        "total_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 1},
    },
    "timings": {"cache_n": 1},
}


def places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Every place in a JSON value, as the steps that lead to it."""
    found = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += places(inner, (*path, key))
    return found


def changed(value: object, path: tuple[object, ...], new: object) -> object:
    """`value` with `new` at the place `path`."""
    if not path:
        return new
    step, *rest = path
    if isinstance(value, dict):
        return {key: changed(inner, tuple(rest), new) if key == step else inner for key, inner in value.items()}
    assert isinstance(value, list)
    return [changed(inner, tuple(rest), new) if index == step else inner for index, inner in enumerate(value)]


strange = json_values | st.sampled_from([1e300, -1, 1.5, 2**80, "x" * 50, [[]], [{}], {"type": []}, {"type": {}}])


@given(st.lists(st.tuples(st.sampled_from(places(REQUEST)), strange), min_size=1, max_size=3))
def test_requests(changes: list[tuple[tuple[object, ...], object]]) -> None:
    value: object = REQUEST
    for path, new in changes:
        with contextlib.suppress(AssertionError):  # an earlier change took the place away
            value = changed(value, path, new)
    try:
        request = decode_request(msgspec.json.encode(value))
    except WireError as error:
        assert error.message
        return
    with contextlib.suppress(HostlerError):
        encode_request(request, Dialect(mid_system=False, reasoning_back="always"))


@given(st.sampled_from(places(REPLY)), strange)
def test_replies(path: tuple[object, ...], new: object) -> None:
    body = msgspec.json.encode(changed(REPLY, path, new))
    with contextlib.suppress(UpstreamGarbled, UpstreamRefused):
        decode_response(body)
    decode_error(500, {}, body)


@given(st.sampled_from(places(REPLY)), strange)
def test_chunks(path: tuple[object, ...], new: object) -> None:
    body = msgspec.json.encode(changed(REPLY, path, new)).replace(b'"message":', b'"delta":')
    decoder = stream_decoder()
    decoder.feed(b"data: " + body + b"\n\n")
    decoder.feed(b"data: [DONE]\n\n")
    decoder.flush()


@given(st.binary(max_size=100))
def test_bytes(body: bytes) -> None:
    with contextlib.suppress(WireError):
        decode_request(body)
    with contextlib.suppress(UpstreamGarbled):
        decode_response(body)
    assert decode_error(500, {}, body).status == 500
