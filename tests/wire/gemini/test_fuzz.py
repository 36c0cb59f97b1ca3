"""Whatever comes is either understood or refused with a word of ours; nothing else is ever raised."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.deltas import Failed
from hostler.errors import HostlerError, Unsupported, UpstreamGarbled, UpstreamRefused, WireError
from hostler.wire.dialects import PLAIN
from hostler.wire.gemini import (
    decode_count_tokens,
    decode_embeddings,
    decode_embeddings_reply,
    decode_error,
    decode_models,
    decode_request,
    decode_response,
    encode_request,
    stream_decoder,
)
from tests.wire.strategies import cuts

WORDS = (
    "contents", "role", "parts", "text", "thought", "thoughtSignature", "function_call", "functionResponse", "name",
    "id", "args", "response", "inlineData", "mimeType", "data", "fileData", "fileUri", "tools", "functionDeclarations",
    "parameters", "googleSearch", "toolConfig", "functionCallingConfig", "mode", "allowedFunctionNames",
    "generationConfig", "thinkingConfig", "thinkingBudget", "thinkingLevel", "responseMimeType", "responseSchema",
    "stopSequences", "topK", "systemInstruction", "candidates", "content", "finishReason", "index", "usageMetadata",
    "promptTokenCount", "promptFeedback", "blockReason", "error", "code", "details", "requests", "embeddings", "values",
    "models", "contents.x", "tools[].x", "generationConfig.x", "type", "properties", "items", "nullable",
)  # fmt: skip
TEXTS = st.sampled_from(["", "x", "model", "user", "ANY", "application/json", "OBJECT", "c2ln", "high", "STOP", "1.5s"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.just(1.5) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=25,
)
PARTS = st.lists(st.dictionaries(st.sampled_from(WORDS[3:17]), VALUES, max_size=3), max_size=3)
CONTENTS = st.lists(st.fixed_dictionaries({"role": TEXTS | st.none(), "parts": PARTS | VALUES}), max_size=3)
REQUESTS = st.fixed_dictionaries(
    {"contents": CONTENTS | VALUES},
    optional=dict.fromkeys(("tools", "toolConfig", "generationConfig", "systemInstruction", "contents.x"), VALUES),
)
REPLIES = st.fixed_dictionaries(
    {"candidates": st.lists(st.fixed_dictionaries({"content": st.fixed_dictionaries({"parts": PARTS})}), max_size=2)},
    optional=dict.fromkeys(("usageMetadata", "promptFeedback", "error", "responseId"), VALUES),
)


@pytest.mark.slow
@given(REQUESTS | VALUES)
def test_requests(value: object) -> None:
    with suppress(WireError, Unsupported):
        request = decode_request(msgspec.json.encode(value))
        msgspec.json.decode(encode_request(replace(request, model="gemini-3-pro"), PLAIN).body)


@pytest.mark.slow
@pytest.mark.parametrize("read", [decode_count_tokens, decode_embeddings])
@given(value=VALUES)
def test_requests_beside_chat(read: Callable[[bytes], object], value: object) -> None:
    with suppress(WireError):
        read(msgspec.json.encode(value))


@pytest.mark.slow
@pytest.mark.parametrize("read", [decode_response, decode_embeddings_reply, decode_models])
@given(value=REPLIES | VALUES | st.lists(REPLIES, max_size=2))
def test_replies(read: Callable[[bytes], object], value: object) -> None:
    with suppress(UpstreamGarbled, UpstreamRefused):
        read(msgspec.json.encode(value))


@pytest.mark.slow
@given(st.lists(REPLIES | VALUES, max_size=3), st.booleans(), st.data())
def test_streams(values: list[object], as_array: bool, data: st.DataObject) -> None:
    frames = [msgspec.json.encode(value) for value in values]
    body = b"[" + b",".join(frames) + b"]" if as_array else b"".join(b"data: " + frame + b"\n\n" for frame in frames)
    decoder = stream_decoder()
    deltas = [delta for piece in data.draw(cuts(body)) for delta in decoder.feed(piece)] + decoder.flush()
    failures = [delta for delta in deltas if isinstance(delta, Failed)]
    assert len(failures) <= 1 and all(isinstance(failed.error, HostlerError) for failed in failures)
    assert not failures or deltas[-1] is failures[0]


@pytest.mark.slow
@given(st.binary(max_size=60) | VALUES.map(msgspec.json.encode))
def test_errors(body: bytes) -> None:
    assert decode_error(500, {}, body).status == 500
