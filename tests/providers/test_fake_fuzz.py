"""Whatever JSON comes, the fake refuses it in a vendor's words or answers it; it never fails by itself."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostler.providers.fake import anthropic, anthropic_requests, openai_chat, openai_chat_requests, openai_more
from hostler.providers.fake.answer import answer_to, example_of
from hostler.providers.fake.asked import Fault, Rules
from hostler.providers.fake.frames import frame_bytes
from hostler.providers.fake.json_values import Json, is_object
from hostler.providers.fake.refusals import error_body
from hostler.providers.fake.routes import Route
from hostler.providers.fake.script import Dialect, Framing, Operation, Reply, Wire
from hostler.providers.fake.speakers import SPEAKERS

KEYS = st.sampled_from((
    "model", "messages", "role", "content", "type", "text", "tools", "tool_calls", "id", "function", "name",
    "arguments", "tool_choice", "input", "tool_use_id", "tool_call_id", "system", "thinking", "signature",
    "budget_tokens", "stream", "stream_options", "include_usage", "input_schema", "parameters", "max_tokens",
    "response_format", "dimensions", "encoding_format", "properties", "required", "items", "anyOf", "$ref", "enum",
    "minItems", "odd",
    "contents", "parts", "functionCall", "function_call", "functionResponse", "functionDeclarations", "inlineData",
    "args",
    "thoughtSignature", "generationConfig", "thinkingConfig", "toolConfig", "functionCallingConfig", "mode",
    "instructions",
    "summary", "encrypted_content", "call_id", "output", "text", "format", "reasoning", "images", "options", "think",
    "prompt", "texts", "result_format", "incremental_output", "cache_control", "source", "media_type", "data",
    "parametersJsonSchema", "response", "requests", "namespace",
))  # fmt: skip
WORDS = st.sampled_from((
    "m", "user", "assistant", "tool", "system", "text", "tool_use", "tool_result", "function", "object", "array",
    "any", "thinking", "base64", "#/properties/odd", "", "x y", "model", "message", "reasoning", "function_call", "ANY",
    "function_call_output", "custom", "namespace", "input_text", "output_text", "enabled", "adaptive", "json_object",
))  # fmt: skip
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3000), st.floats(allow_nan=False), WORDS, st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=25,
)
PARTS = st.fixed_dictionaries(
    {"type": WORDS | VALUES}, optional={"text": VALUES, "id": VALUES, "content": VALUES, "name": VALUES}
)
TURNS = st.fixed_dictionaries(
    {"role": WORDS | VALUES, "content": st.lists(PARTS, max_size=2) | VALUES}, optional={"tool_calls": st.lists(PARTS)}
)
BODIES = st.tuples(
    st.dictionaries(KEYS, VALUES, max_size=5),
    st.fixed_dictionaries(
        {},
        optional={
            "messages": st.lists(TURNS, max_size=3),
            "tools": st.lists(PARTS | VALUES, max_size=2),
            "tool_choice": PARTS | VALUES,
            "max_tokens": st.just(9),
        },
    ),
).map(lambda pair: {**pair[0], **pair[1], "model": "m"})
REPLY = Reply(text="a, b", echo=True, reasoning="r", call_first_tool=True)
ODD = Framing(multiline=True, comments=True, line_end="crlf")


@pytest.mark.slow
@settings(max_examples=200)
@given(BODIES)
def test_chat(body: Json) -> None:
    asked = openai_chat_requests.read("chat", body)
    try:
        openai_chat_requests.check(asked)
    except Fault as fault:
        assert fault.message
    answer = answer_to(asked, REPLY, number=1, created=1)
    assert msgspec.json.encode(openai_chat.whole(answer))
    for number, piece in enumerate(openai_chat.stream(answer)):
        event = frame_bytes(piece, ODD, number=number)
        data = b"".join(line[6:] for line in event.split(b"\r\n") if line.startswith(b"data: "))
        assert data.decode() == piece.data
    assert msgspec.json.encode(openai_more.embeddings(openai_chat_requests.read("embeddings", body)))


@pytest.mark.slow
@settings(max_examples=200)
@given(BODIES)
def test_messages(body: Json) -> None:
    asked = anthropic_requests.read("messages", body)
    try:
        anthropic_requests.check(asked, Rules(headers={"anthropic-version": "2023-06-01"}))
    except Fault as fault:
        assert fault.message
    answer = answer_to(asked, REPLY, number=1, created=1)
    assert msgspec.json.encode(anthropic.whole(answer))
    assert all(piece.event for piece in anthropic.stream(answer))


CALLS = st.fixed_dictionaries(
    {"type": st.sampled_from(("function_call", "custom_tool_call", "function_call_output", "reasoning", "message"))},
    optional=dict.fromkeys(("id", "call_id", "name", "arguments", "input", "output", "summary"), WORDS | VALUES),
)
CONTENTS = st.fixed_dictionaries(
    {"parts": st.lists(st.dictionaries(KEYS, VALUES, max_size=3), max_size=3)}, optional={"role": WORDS}
)
SHAPES = {
    "openai-responses": BODIES.flatmap(lambda body: st.lists(CALLS | TURNS).map(lambda items: body | {"input": items})),
    "gemini": BODIES.flatmap(lambda body: st.lists(CONTENTS).map(lambda given: body | {"contents": given})),
    "ollama": BODIES,
    "dashscope": BODIES.map(lambda body: {"model": "m", "input": body, "parameters": body}),
}
ROUTES = [
    ("openai-responses", "responses"), ("gemini", "generate"), ("gemini", "embeddings"), ("ollama", "chat"),
    ("ollama", "generate"), ("ollama", "embeddings"), ("dashscope", "chat"), ("dashscope", "embeddings"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("wire", "operation"), ROUTES)
@settings(max_examples=100)
@given(data=st.data())
def test_the_other_wires(wire: Wire, operation: Operation, data: st.DataObject) -> None:
    body = data.draw(SHAPES[wire])
    speaker = SPEAKERS[wire]
    route = Route(wire, operation, model="m", stream=True)
    asked = speaker.read(route, body)
    for dialect in (Dialect(), Dialect(bound=True, forced_tools=False, schemas=False, turns="alternate")):
        try:
            speaker.check(asked, Rules(dialect))
        except Fault as fault:
            assert fault.message
            assert msgspec.json.encode(error_body(wire, fault))
    answer = answer_to(asked, REPLY, number=1, created=1)
    assert msgspec.json.encode(speaker.whole(answer))
    if operation != "embeddings":
        for piece in (*speaker.stream(answer), *speaker.broken(Fault("x", 500), answer)):
            assert isinstance(msgspec.json.decode(piece.data), dict)


@pytest.mark.slow
@given(VALUES)
def test_any_schema(schema: object) -> None:
    if is_object(schema):
        assert msgspec.json.encode(example_of(schema))
