"""Requests to models and vendors of the messages wire that take less than it publishes."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from hostler.core.deltas import Finished, PartEnded, RefusalDelta, TextDelta, fold, unfold
from hostler.core.messages import Message, Reasoning, Refusal, Text, ToolCall, ToolResult
from hostler.core.requests import Asked, ChatRequest, OutputFormat, ReasoningOptions, Reply, Sampling, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import ANTHROPIC, OPENAI_CHAT
from hostler.wire import anthropic, openai_chat
from hostler.wire.dialects import Dialect, ModelRule
from tests.wire.anthropic.judge import read_message, read_stream

ASKED = Asked("mine", "abc", 1_700_000_000)
HI = Message("user", (Text(text="hi"),))
TOOLS = (Tool(name="f"), Tool(name="g"))
CHAT = ChatRequest(model="m", messages=(HI,), wire=OPENAI_CHAT, max_tokens=10_000)


def sent(request: ChatRequest, dialect: Dialect) -> tuple[Any, tuple[str, ...]]:
    encoded = anthropic.encode_request(request, dialect)
    return msgspec.json.decode(encoded.body), encoded.dropped


@pytest.mark.parametrize(
    ("options", "forms", "thinking", "effort", "dropped"),
    [
        (ReasoningOptions("off"), ("adaptive", "disabled"), {"type": "disabled"}, None, ()),
        (ReasoningOptions("off"), ("adaptive", "between_tools"), {"type": "between_tools"}, None, ()),
        (ReasoningOptions(effort="none"), ("adaptive",), None, None, ("thinking",)),
        (ReasoningOptions("off", "max"), ("disabled",), {"type": "disabled"}, "high", ("reasoning_effort",)),
        (
            ReasoningOptions("on", budget=9000),
            ("adaptive", "disabled"),
            {"type": "adaptive", "display": "summarized"},
            "high",
            ("thinking.budget_tokens",),
        ),
        (
            ReasoningOptions("on", budget=9000),
            ("adaptive", "enabled"),
            {"type": "enabled", "budget_tokens": 9000},
            None,
            (),
        ),
        (ReasoningOptions("adaptive"), ("enabled",), {"type": "enabled", "budget_tokens": 8192}, None, ()),
        (ReasoningOptions(effort="high"), ("disabled",), None, None, ("thinking",)),
        (
            ReasoningOptions(effort="high", hidden=True),
            ("adaptive",),
            {"type": "adaptive", "display": "omitted"},
            "high",
            (),
        ),
        (ReasoningOptions(hidden=True), ("adaptive",), None, None, ()),
    ],
)
def test_thinking_in_a_form_that_the_model_takes(
    options: ReasoningOptions, forms: Any, thinking: object, effort: str | None, dropped: tuple[str, ...]
) -> None:
    body, lost = sent(replace(CHAT, reasoning=options), Dialect(thinking_forms=forms))
    assert (body.get("thinking"), body.get("output_config", {}).get("effort"), lost) == (thinking, effort, dropped)


@pytest.mark.parametrize(
    ("effort", "known", "said", "dropped"),
    [
        ("xhigh", ("low", "medium", "high", "max"), "high", ("reasoning_effort",)),
        ("minimal", ("low", "high"), "low", ("reasoning_effort",)),
        ("max", ("none", "minimal"), None, ("reasoning_effort",)),
        ("max", ("low", "max"), "max", ()),
    ],
)
def test_efforts_that_the_model_knows(effort: Any, known: Any, said: str | None, dropped: tuple[str, ...]) -> None:
    body, lost = sent(replace(CHAT, reasoning=ReasoningOptions(effort=effort)), Dialect(efforts=known))
    assert (body.get("output_config", {}).get("effort"), lost) == (said, dropped)


def test_a_client_of_this_wire_knows_its_model() -> None:
    asked = {
        "model": "m",
        "max_tokens": 5000,
        "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Well"}],
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "temperature": 0.5,
        "top_p": 0.5,
        "tools": [
            {"name": "f", "input_schema": {"type": "object", "properties": {"a": {"minimum": 1}}}, "strict": True}
        ],
        "tool_choice": {"type": "any"},
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
        "cache_control": {"type": "ephemeral", "ttl": "1h"},
    }
    request = anthropic.decode_request(msgspec.json.encode(asked))
    assert request.cache == "1h"
    strict = Dialect(
        thinking_forms=("adaptive",), prefill="none", forced_tool_choice="never", temperature_or_top_p=True
    )
    assert sent(request, strict) == (asked, ())


def test_sampling_that_goes_with_thinking() -> None:
    hot = Sampling(temperature=0.7, top_p=0.9, top_k=5)
    asked = replace(CHAT, sampling=hot, reasoning=ReasoningOptions(effort="low"))
    body, dropped = sent(asked, Dialect())
    assert not body.keys() & {"temperature", "top_p", "top_k"}
    assert dropped == ("temperature", "top_k", "top_p")
    body, dropped = sent(replace(asked, sampling=Sampling(temperature=1.0, top_p=0.95)), Dialect())
    assert (body["temperature"], body["top_p"], dropped) == (1.0, 0.95, ())
    body, dropped = sent(replace(asked, reasoning=ReasoningOptions("off")), Dialect())
    assert (body["temperature"], dropped) == (0.7, ())


def test_only_one_of_temperature_and_top_p() -> None:
    either = Dialect(temperature_or_top_p=True)
    for top_p, lost in ((1.0, ()), (0.9, ("top_p",))):
        body, dropped = sent(replace(CHAT, sampling=Sampling(temperature=0.7, top_p=top_p)), either)
        assert ("top_p" in body, body["temperature"], dropped) == (False, 0.7, lost)
    assert sent(replace(CHAT, sampling=Sampling(top_p=0.9)), either)[0]["top_p"] == 0.9


def test_sampling_that_an_api_version_refuses() -> None:
    hot = replace(CHAT, sampling=Sampling(temperature=1.0, top_p=1.0, top_k=1))
    body, dropped = sent(hot, Dialect(api_version="2026-10-21"))
    assert not body.keys() & {"temperature", "top_p", "top_k"}
    assert dropped == ("temperature", "top_k", "top_p")
    assert sent(hot, Dialect(api_version="2023-06-01"))[1] == ()


def test_sampling_that_a_model_refuses() -> None:
    dialect = Dialect(models=(ModelRule(pattern="new", forbidden=("temperature",)),))
    hot = replace(CHAT, sampling=Sampling(temperature=1.0))
    assert sent(replace(hot, model="a-new-one"), dialect)[1] == ("temperature",)
    assert sent(replace(hot, model="old"), dialect)[1] == ()


@pytest.mark.parametrize(("mode", "offered"), [("required", ["f", "g"]), ("named", ["g"]), ("auto", ["f", "g"])])
def test_models_that_let_no_call_be_forced(mode: Any, offered: list[str]) -> None:
    choice = ToolChoice(mode, "g" if mode == "named" else "")
    body, dropped = sent(replace(CHAT, tools=TOOLS, tool_choice=choice), Dialect(forced_tool_choice="never"))
    assert body["tool_choice"] == {"type": "auto"}
    assert [tool["name"] for tool in body["tools"]] == offered
    assert dropped == (() if mode == "auto" else ("tool_choice",))


def test_the_beginning_of_an_answer_that_no_model_goes_on_from() -> None:
    begun = replace(CHAT, messages=(HI, Message("assistant", (Text(text="Well"),))))
    body, dropped = sent(begun, Dialect(prefill="none"))
    assert body["messages"][-1] == {"role": "user", "content": "Go on exactly where you stopped."}
    assert dropped == ("messages[-1]",)
    assert sent(begun, Dialect())[0]["messages"][-1]["role"] == "assistant"
    call = ToolCall(id="c", name="f", arguments="{}")
    for messages in ((HI,), (HI, Message("assistant", (Text(text="a"), call)))):
        assert sent(replace(CHAT, messages=messages), Dialect(prefill="none"))[1] == ()


BOUND = {"type": "object", "properties": {"kg": {"type": "integer", "minimum": 1}}, "required": ["kg"]}
CLOSED = {
    "type": "object",
    "properties": {"kg": {"type": "integer"}},
    "required": ["kg"],
    "additionalProperties": False,
}


def test_schemas_to_be_followed_are_closed() -> None:
    request = replace(
        CHAT,
        tools=(Tool(name="f", parameters=BOUND, strict=True), Tool(name="g", parameters=BOUND)),
        output_format=OutputFormat("json_schema", BOUND),
    )
    body, dropped = sent(request, Dialect())
    assert [tool["input_schema"] for tool in body["tools"]] == [CLOSED, BOUND]
    assert body["output_config"]["format"]["schema"] == CLOSED
    assert dropped == ("response_format.json_schema.schema", "tools[].parameters")


def test_a_schema_is_told_in_words_where_it_cannot_be_given() -> None:
    request = replace(CHAT, output_format=OutputFormat("json_schema", BOUND))
    body, dropped = sent(request, Dialect(json_schema=False))
    assert body["system"].endswith(msgspec.json.encode(BOUND).decode())
    assert "output_config" not in body
    assert dropped == ("response_format.json_schema",)


def test_references_are_replaced_for_those_who_know_none() -> None:
    tool = Tool(
        name="f", parameters={"type": "object", "properties": {"x": {"$ref": "#/$defs/x"}}, "$defs": {"x": BOUND}}
    )
    body, _ = sent(replace(CHAT, tools=(tool,)), Dialect(inline_refs=True))
    assert body["tools"][0]["input_schema"] == {"type": "object", "properties": {"x": BOUND}}


def test_a_cache_breakpoint_that_the_vendor_chooses_comes_from_chat_and_goes_there() -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "prompt_cache_options": {"ttl": "12h"}}
    request = openai_chat.decode_request(msgspec.json.encode({**asked, "prompt_cache_key": "k"}))
    body, dropped = sent(request, Dialect())
    assert body["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert dropped == ("prompt_cache_key",)
    back = openai_chat.encode_request(
        anthropic.decode_request(msgspec.json.encode(body)), Dialect(cache_marks="breakpoint")
    )
    assert msgspec.json.decode(back.body)["prompt_cache_options"] == {"mode": "implicit", "ttl": "12h"}


def test_what_a_vendor_wants_in_every_request() -> None:
    body, _ = sent(CHAT, Dialect(stream_only=True, constants=(("service_tier", "auto"),)))
    assert (body["stream"], body["service_tier"]) == (True, "auto")


REFUSED: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [],
    "stop_reason": "refusal",
    "stop_sequence": None,
    "stop_details": {"type": "refusal", "category": "bio", "explanation": "Not that."},
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


def streamed(*events: dict[str, object]) -> bytes:
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), msgspec.json.encode(event)) for event in events
    )


def refused_stream(details: object) -> bytes:
    delta = {"stop_reason": "refusal", "stop_sequence": None, "stop_details": details}
    return streamed(
        {"type": "message_start", "message": {**REFUSED, "stop_reason": None, "stop_details": None}},
        {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    )


def test_why_a_model_refused() -> None:
    whole = anthropic.decode_response(msgspec.json.encode(REFUSED))
    decoder = anthropic.stream_decoder()
    deltas = decoder.feed(refused_stream(REFUSED["stop_details"])) + decoder.flush()
    for reply in (whole, fold(deltas)):
        assert reply.parts == (Refusal(text="Not that."),)
        assert (reply.finish, reply.finish_detail) == ("refusal", "bio")
    told = read_message(anthropic.encode_response(whole, ASKED).body)
    encoder = anthropic.stream_encoder(ASKED)
    also = read_stream(encoder.encode(deltas) + encoder.finish())
    for message in (told, also):
        assert message.stop_reason == "refusal"
        assert message.stop_details is not None
        assert (message.stop_details.category, message.stop_details.explanation) == ("bio", "Not that.")
    encoded = openai_chat.encode_response(whole, ASKED)
    choice = msgspec.json.decode(encoded.body)["choices"][0]
    assert (choice["message"]["refusal"], choice["finish_reason"]) == ("Not that.", "stop")
    assert encoded.dropped == ("stop_details.category",)
    chat = openai_chat.stream_encoder(ASKED)
    assert b'"refusal":"Not that."' in chat.encode(deltas) + chat.finish()
    assert chat.dropped == {"stop_details.category"}


def test_a_refusal_that_stands_in_the_text_too_is_read_once() -> None:
    reply = Reply(parts=(Text(text="Well."), Refusal(text="Not that.")), finish="refusal")
    encoder, decoder = anthropic.stream_encoder(ASKED), anthropic.stream_decoder()
    told = [delta for delta in unfold(reply) if not isinstance(delta, PartEnded)]  # as the chat wire tells it
    deltas = decoder.feed(encoder.encode(told) + encoder.finish()) + decoder.flush()
    whole = anthropic.decode_response(anthropic.encode_response(reply, ASKED).body)
    for read in (whole, fold(deltas)):
        assert (read.text, read.finish) == ("Well.Not that.", "refusal")


def test_a_refusal_without_words_and_one_that_chat_tells() -> None:
    reply = anthropic.decode_response(msgspec.json.encode({**REFUSED, "stop_details": None}))
    assert (reply.parts, reply.finish, reply.finish_detail) == ((), "refusal", "")
    decoder = anthropic.stream_decoder()
    assert fold(decoder.feed(refused_stream({"type": "refusal"})) + decoder.flush()).parts == ()
    told = msgspec.json.decode(
        anthropic.encode_response(Reply(parts=(Refusal(text="No."),), finish="refusal"), ASKED).body
    )
    assert told["stop_details"] == {"type": "refusal", "category": None, "explanation": "No."}
    assert "stop_details" not in msgspec.json.decode(
        anthropic.encode_response(Reply(parts=(Text(text="a"),), finish="stop"), ASKED).body
    )
    encoder = anthropic.stream_encoder(ASKED)
    out = encoder.encode([RefusalDelta("No."), PartEnded(), Finished("refusal")]) + encoder.finish()
    assert read_stream(out).content[0].text == "No."  # type: ignore[union-attr]


def test_a_reply_without_text_is_told_nothing_of_refusals() -> None:
    encoder = anthropic.stream_encoder(ASKED)
    assert b"stop_details" not in encoder.encode([TextDelta("a"), Finished("stop")]) + encoder.finish()


def test_thinking_of_the_vendor_goes_back_only_to_its_own_wire() -> None:
    block = b'{"type":"thinking","thinking":"",  "signature":"c2ln"}'
    call = b'{"type":"tool_use","id":"t","name":"f","input":{}}'
    result = b'{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}'
    turns = b'{"role":"user","content":"hi"},{"role":"assistant","content":[%b,%b]},%b' % (block, call, result)
    request = anthropic.decode_request(b'{"model":"m","messages":[%b]}' % turns)
    assert block in anthropic.encode_request(request, Dialect(prefill="none", mid_system=False)).body
    assert request.wire == ANTHROPIC
    (thought,) = [part for m in request.messages for part in m.parts if isinstance(part, Reasoning)]
    assert thought.text == ""
    (answer,) = [part for m in request.messages for part in m.parts if isinstance(part, ToolResult)]
    assert answer.call_id == "t"
    back = openai_chat.encode_request(request, Dialect(reasoning_back="tool-turns"))
    assert b"c2ln" not in back.body
    assert msgspec.json.decode(back.body)["messages"][1]["reasoning_content"] == ""
