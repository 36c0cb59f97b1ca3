"""Whatever comes in, the anthropic wire refuses it in words or reads it; nothing else. Knows the public door only."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.requests import Asked
from hostler.errors import Unsupported, UpstreamBroken, UpstreamGarbled, WireError
from hostler.wire import anthropic
from hostler.wire.dialects import Dialect
from tests.wire.strategies import json_values

EXCHANGES = Path(__file__).parent / "exchanges"
REQUEST = msgspec.json.decode((EXCHANGES / "request.json").read_bytes())
ASKED = Asked("m", "abc", 1)
ODD = json_values | st.sampled_from([[], {}, "", 0, -1, 1.5, True, None, [{}], {"type": "text"}, {"type": 7}])


def places(value: object) -> list[tuple[object, ...]]:
    """Paths to everything inside a JSON value."""
    found: list[tuple[object, ...]] = []
    items = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    for key, inner in items:
        found += [(key,), *((key, *rest) for rest in places(inner))]
    return found


def changed(value: object, path: tuple[object, ...], new: object) -> object:
    """A copy of `value` with `new` at `path`."""
    if not path:
        return new
    copy = value.copy()  # type: ignore[attr-defined]
    copy[path[0]] = changed(copy[path[0]], path[1:], new)
    return copy


@pytest.mark.slow
@given(st.sampled_from(places(REQUEST)), ODD)
def test_requests_with_one_thing_wrong(path: tuple[object, ...], new: object) -> None:
    body = msgspec.json.encode(changed(REQUEST, path, new))
    try:
        request = anthropic.decode_request(body)
        anthropic.encode_request(request, Dialect())
    except (WireError, Unsupported) as error:
        assert error.message


REPLY = {
    "id": "msg_1",
    "model": "m",
    "content": REQUEST["messages"][1]["content"],
    "stop_reason": "tool_use",
    "usage": {"input_tokens": 1, "output_tokens": 2, "output_tokens_details": {"thinking_tokens": 1}},
}


@pytest.mark.slow
@given(st.sampled_from(places(REPLY)), ODD)
def test_replies_with_one_thing_wrong(path: tuple[object, ...], new: object) -> None:
    body = msgspec.json.encode(changed(REPLY, path, new))
    try:
        anthropic.encode_response(anthropic.decode_response(body), ASKED)
    except (UpstreamGarbled, UpstreamBroken) as error:
        assert error.message
    error = anthropic.decode_error(500, {}, body)
    assert error.status == 500


EVENTS = {
    name: [
        msgspec.json.decode(frame.partition(b"data: ")[2])
        for frame in (EXCHANGES / f"{name}.sse").read_bytes().split(b"\n\n")
        if b"data: " in frame
    ]
    for name in ("tools", "thinking", "server_tools")
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EVENTS)
@given(st.data())
def test_streams_with_one_thing_wrong(name: str, data: st.DataObject) -> None:
    events = EVENTS[name]
    path = data.draw(st.sampled_from(places(events)))
    mutated = changed(events, path, data.draw(ODD))
    assert isinstance(mutated, list)
    decoder = anthropic.stream_decoder()
    encoder = anthropic.stream_encoder(ASKED)
    for event in mutated:
        deltas = decoder.feed(b"data: " + msgspec.json.encode(event) + b"\n\n")
        encoder.encode(delta for delta in deltas if not hasattr(delta, "error"))
    decoder.flush()
    encoder.finish()
