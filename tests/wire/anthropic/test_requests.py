"""Requests of the anthropic wire, both ways. Knows the public door of the wire only."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given

from hostler.core.messages import Media, Message, Origin, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from hostler.core.requests import ChatRequest, OutputFormat, ReasoningOptions, Sampling, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import ANTHROPIC, GEMINI, OPENAI_CHAT
from hostler.errors import Unsupported, WireError
from hostler.wire import anthropic
from hostler.wire.codec import Encoded
from hostler.wire.dialects import Dialect
from tests.wire.strategies import requests

BODY = (Path(__file__).parent / "exchanges" / "request.json").read_bytes()
DIALECT = Dialect()
HI = Message("user", (Text(text="hi"),))


def chat(*messages: Message, **fields: object) -> ChatRequest:
    """A request as it comes from the chat wire."""
    return ChatRequest(model="m", messages=messages, wire=OPENAI_CHAT, **fields)  # type: ignore[arg-type]


def sent(request: ChatRequest, dialect: Dialect = DIALECT) -> dict[str, object]:
    return msgspec.json.decode(anthropic.encode_request(request, dialect).body)


def dropped(request: ChatRequest, dialect: Dialect = DIALECT) -> tuple[str, ...]:
    return anthropic.encode_request(request, dialect).dropped


def test_every_field_is_read() -> None:
    request = anthropic.decode_request(BODY)
    assert [m.role for m in request.messages] == ["system", "user", "assistant", "tool", "user", "system", "user"]
    system, user, assistant, results = request.messages[:4]
    assert [(p.text, p.cache) for p in system.parts if isinstance(p, Text)] == [
        ("You keep a stable.", "5m"),
        ("Be brief.", "1h"),
    ]
    assert user.parts == (
        Text(text="Look:"),
        Media(kind="image", media_type="image/png", data="iVBORw0KGgo="),
        Text(text="From May"),
        Media(kind="document", media_type="text/plain", text="hay 9", name="Ledger"),
    )
    thinking, redacted, text, first, second = assistant.parts
    assert isinstance(thinking, Reasoning) and isinstance(redacted, Reasoning)
    assert thinking.text == "Feed both." and thinking.origin == Origin("", ANTHROPIC, "")
    assert thinking.opaque is not None and thinking.opaque in BODY
    assert redacted.redacted and redacted.opaque is not None and redacted.opaque in BODY
    assert text == Text(text="I feed them.")
    assert isinstance(first, ToolCall) and msgspec.json.decode(first.arguments) == {"horse": "Ida"}
    assert second == ToolCall(id="toolu_2", name="feed", arguments="{}")
    assert results.parts == (
        ToolResult(call_id="toolu_1", content=(Text(text="done"),)),
        ToolResult(
            call_id="toolu_2",
            content=(Text(text="Which horse?"), Media(kind="image", url="https://example.org/stall.png")),
            is_error=True,
        ),
    )
    assert request.messages[4].parts == (Text(text="Go on.", cache="5m"),)
    assert (request.max_tokens, request.user, request.stream, request.include_usage) == (2048, "u-1", True, True)
    assert request.sampling == Sampling(temperature=0.2, top_k=40, stop=("END",))
    assert request.reasoning == ReasoningOptions("adaptive", "xhigh")
    assert request.output_format == OutputFormat("json_schema", {"type": "object"})
    assert (request.tool_choice, request.parallel_tool_calls) == (ToolChoice(), False)
    feed, search = request.tools
    assert (feed.name, feed.strict, feed.cache) == ("feed", True, "5m")
    assert search.server is not None and search.server in BODY
    assert request.extra == {
        "context_management": {"edits": []},
        "thinking.display": "summarized",
        "tools[].eager_input_streaming": {"feed": True},
    }


def test_the_same_wire_gets_the_same_request() -> None:
    before = msgspec.json.decode(BODY)
    encoded = anthropic.encode_request(anthropic.decode_request(BODY), DIALECT)
    after = msgspec.json.decode(encoded.body)
    assert encoded.dropped == ()
    document = before["messages"][0]["content"][2]
    context = document.pop("context")
    before["messages"][0]["content"].insert(2, {"type": "text", "text": context})
    before["messages"][2]["content"][0]["content"] = "done"
    assert after == before


def test_signed_thinking_goes_back_byte_for_byte_and_in_order() -> None:
    blocks = [
        b'{ "type": "thinking", "signature": "c2ln",  "thinking": "\\u0068ay" }',
        b'{"data":"cmVk","type":"redacted_thinking"}',
        b'{"type":"thinking","thinking":"","signature":"b21pdA=="}',
    ]
    body = b'{"model":"m","max_tokens":9,"messages":[{"role":"assistant","content":[' + b",".join(blocks) + b"]}]}"
    encoded = anthropic.encode_request(anthropic.decode_request(body), DIALECT).body
    places = [encoded.index(block) for block in blocks]
    assert places == sorted(places)


@pytest.mark.parametrize("signature", ["", anthropic.UNSIGNED_SIGNATURE])
def test_unsigned_thinking_is_readable_but_never_replayed(signature: str) -> None:
    block = {"type": "thinking", "thinking": "hay", "signature": signature}
    body = {"model": "m", "messages": [{"role": "assistant", "content": [block, {"type": "text", "text": "ok"}]}]}
    request = anthropic.decode_request(msgspec.json.encode(body))
    assert request.messages[0].parts[0] == Reasoning(text="hay")
    assert sent(request)["messages"] == [{"role": "assistant", "content": "ok"}]
    assert dropped(request) == ("messages[].reasoning",)


def test_foreign_reasoning_is_dropped_and_named() -> None:
    foreign = Reasoning(text="secret", opaque=b'{"x":1}', origin=Origin("v", GEMINI, "m"))
    encoded = anthropic.encode_request(chat(HI, Message("assistant", (foreign, Text(text="ok"))), HI), DIALECT)
    assert b"secret" not in encoded.body and b'"x"' not in encoded.body
    assert encoded.dropped == ("messages[].reasoning",)


def test_unknown_and_server_blocks_survive_on_the_same_wire() -> None:
    raw = b'{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query":"hay"}}'
    result = b'{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[]}'
    body = b'{"model":"m","messages":[{"role":"assistant","content":[' + raw + b"," + result + b"]}]}"
    request = anthropic.decode_request(body)
    encoded = anthropic.encode_request(request, DIALECT).body
    assert raw in encoded and result in encoded


def test_citations_stay_with_the_assistant_and_leave_the_user() -> None:
    cited = {"type": "text", "text": "hay", "citations": [{"type": "char_location", "cited_text": "h"}]}
    body = {"model": "m", "messages": [{"role": r, "content": [cited]} for r in ("user", "assistant")]}
    request = anthropic.decode_request(msgspec.json.encode(body))
    assert request.messages[0].parts == (Text(text="hay"),)
    encoded = anthropic.encode_request(request, DIALECT)
    user, assistant = msgspec.json.decode(encoded.body)["messages"]
    assert user["content"] == "hay"
    assert assistant["content"] == [cited]
    assert encoded.dropped == ("messages[].content[].citations",)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"[]", "body"),
        (b"{", "body"),
        (b'{"messages":[]}', "model"),
        (b'{"model":"m"}', "messages"),
        (b'{"model":"m","messages":[{"role":"robot","content":"x"}]}', "messages[0].role"),
        (
            b'{"model":"m","messages":[{"role":"user","content":"x"},{"role":"user","content":7}]}',
            "messages[1].content",
        ),
        (
            b'{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":3}]}]}',
            "messages[0].content[0]",
        ),
        (
            b'{"model":"m","messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"b","input":[]}]}]}',
            "messages[0].content[0].input",
        ),
        (b'{"model":"m","messages":[],"tools":[{"description":"x"}]}', "tools[0].name"),
        (b'{"model":"m","messages":[],"tool_choice":{"type":"maybe"}}', "tool_choice.type"),
        (b'{"model":"m","messages":[],"max_tokens":"many"}', "max_tokens"),
    ],
)
def test_malformed_requests_name_the_place(body: bytes, place: str) -> None:
    with pytest.raises(WireError) as caught:
        anthropic.decode_request(body)
    assert place in caught.value.message


def test_results_of_parallel_calls_stand_in_one_message_behind_the_calls() -> None:
    calls: tuple[Part, ...] = (ToolCall(id="a", name="f", arguments="{}"), ToolCall(id="b", name="f", arguments="{}"))
    body = sent(
        chat(
            HI,
            Message("assistant", calls),
            Message("tool", (ToolResult(call_id="a", content=(Text(text="1"),)),)),
            Message("system", (Text(text="Mind the vet."),)),
            Message("tool", (ToolResult(call_id="b", content=(Text(text="2"),)),)),
            HI,
        )
    )
    messages = body["messages"]
    assert isinstance(messages, list)
    assert [m["role"] for m in messages] == ["user", "assistant", "user", "system", "user"]
    assert [b["tool_use_id"] for b in messages[2]["content"]] == ["a", "b"]


def test_consecutive_roles_merge_and_empty_text_goes() -> None:
    body = sent(chat(HI, Message("user", (Text(text=" \n"),)), HI, Message("assistant", (Text(text=""),)), HI))
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "hi"}] * 3}]


def test_leading_system_text_is_hoisted_and_later_one_stays_or_is_wrapped() -> None:
    request = chat(
        Message("system", (Text(text="A"),)),
        Message("developer", (Text(text="B"),)),
        HI,
        Message("developer", (Text(text="C"),)),
    )
    body = sent(request)
    assert body["system"] == [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]
    assert body["messages"] == [{"role": "user", "content": "hi"}, {"role": "system", "content": "C"}]
    wrapped = anthropic.encode_request(request, Dialect(mid_system=False))
    [only] = msgspec.json.decode(wrapped.body)["messages"]
    assert only["content"][1] == {"type": "text", "text": "<system>\nC\n</system>"}
    assert wrapped.dropped == ("messages[].role",)


def test_a_prompt_of_system_text_only_becomes_what_the_user_says() -> None:
    body = sent(chat(Message("system", (Text(text="Greet."),))))
    assert body["messages"] == [{"role": "user", "content": "Greet."}]
    assert "system" not in body


def test_max_tokens_is_always_there() -> None:
    assert sent(chat(HI))["max_tokens"] == anthropic.FALLBACK_MAX_TOKENS
    assert sent(chat(HI), Dialect(max_tokens_default=64))["max_tokens"] == 64
    assert sent(chat(HI, max_tokens=7), Dialect(max_tokens_default=64))["max_tokens"] == 7


def test_what_the_wire_lacks_is_named() -> None:
    request = chat(
        Message("user", (Text(text="hi"),), name="Ann"),
        sampling=Sampling(
            temperature=1.5, seed=1, min_p=0.1, presence_penalty=0.5, frequency_penalty=0.0, stop=("\n", "END")
        ),
        output_format=OutputFormat("json_object"),
        extra={"logit_bias": {"1": 2}, "logprobs": False, "n": None},
    )
    encoded = anthropic.encode_request(request, DIALECT)
    assert encoded.dropped == (
        "logit_bias",
        "messages[].name",
        "min_p",
        "presence_penalty",
        "response_format",
        "seed",
        "stop",
        "temperature",
    )
    body = msgspec.json.decode(encoded.body)
    assert (body["temperature"], body["stop_sequences"]) == (1.0, ["END"])


def test_forbidden_parameters_are_dropped_and_named() -> None:
    dialect = Dialect(forbidden=("temperature", "top_p", "top_k"))
    encoded = anthropic.encode_request(chat(HI, sampling=Sampling(temperature=0.0, top_k=5)), dialect)
    assert encoded.dropped == ("temperature", "top_k")
    assert b"temperature" not in encoded.body


@pytest.mark.parametrize(
    ("options", "dialect", "thinking", "output_config"),
    [
        (ReasoningOptions(effort="high"), DIALECT, {"type": "adaptive", "display": "summarized"}, {"effort": "high"}),
        (ReasoningOptions(effort="minimal"), DIALECT, {"type": "adaptive", "display": "summarized"}, {"effort": "low"}),
        (ReasoningOptions(effort="none"), DIALECT, {"type": "disabled"}, None),
        (ReasoningOptions("off"), DIALECT, {"type": "disabled"}, None),
        (ReasoningOptions("on", None, 4000), DIALECT, {"type": "enabled", "budget_tokens": 4000}, None),
        (ReasoningOptions("on", None, 90_000), DIALECT, {"type": "enabled", "budget_tokens": 9999}, None),
        (ReasoningOptions("on", hidden=True), DIALECT, {"type": "adaptive", "display": "omitted"}, None),
        (
            ReasoningOptions(effort="low"),
            Dialect(adaptive_thinking=False),
            {"type": "enabled", "budget_tokens": 2048},
            None,
        ),
    ],
)
def test_reasoning_options(
    options: ReasoningOptions, dialect: Dialect, thinking: object, output_config: object
) -> None:
    body = sent(chat(HI, max_tokens=10_000, reasoning=options), dialect)
    assert body.get("thinking") == thinking
    assert body.get("output_config") == output_config


def test_between_tools_survives_its_own_wire() -> None:
    body = b'{"model":"m","max_tokens":9,"thinking":{"type":"between_tools","later":1},"messages":[]}'
    assert sent(anthropic.decode_request(body))["thinking"] == {"type": "between_tools", "later": 1}


def test_a_budget_gives_way_to_a_forced_call() -> None:
    request = chat(
        HI,
        max_tokens=5000,
        tools=(Tool(name="f"),),
        tool_choice=ToolChoice("required"),
        reasoning=ReasoningOptions("on", None, 2000),
    )
    assert "thinking" not in sent(request)
    assert dropped(request) == ("thinking",)


F, G = Tool(name="f", parameters={"type": "object"}), Tool(name="g", parameters={"type": "object"})


@pytest.mark.parametrize(
    ("choice", "dialect", "names", "expected"),
    [
        (ToolChoice(), DIALECT, ["f", "g"], {"type": "auto"}),
        (ToolChoice("required"), DIALECT, ["f", "g"], {"type": "any"}),
        (ToolChoice("none"), DIALECT, ["f", "g"], {"type": "none"}),
        (ToolChoice("named", "g"), DIALECT, ["f", "g"], {"type": "tool", "name": "g"}),
        (ToolChoice("named", "g"), Dialect(named_tool_choice=False), ["g"], {"type": "any"}),
        (ToolChoice("required", allowed=("f",)), DIALECT, ["f"], {"type": "any"}),
        (ToolChoice("required"), Dialect(tool_choice=False), ["f", "g"], None),
    ],
)
def test_tool_choice(choice: ToolChoice, dialect: Dialect, names: list[str], expected: object) -> None:
    body = sent(chat(HI, tools=(F, G), tool_choice=choice), dialect)
    tools = body["tools"]
    assert isinstance(tools, list)
    assert [tool["name"] for tool in tools] == names
    assert body.get("tool_choice") == expected


def test_one_call_at_a_time() -> None:
    body = sent(chat(HI, tools=(F,), parallel_tool_calls=False))
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert dropped(chat(HI, tools=(F,), parallel_tool_calls=False), Dialect(parallel_tool_calls=False)) == (
        "parallel_tool_calls",
    )
    assert "tool_choice" not in sent(chat(HI, parallel_tool_calls=False))


def test_free_form_and_server_tools() -> None:
    request = chat(HI, tools=(Tool(name="patch", custom=True), Tool(name="web_search", server=b'{"type":"ws"}')))
    encoded = anthropic.encode_request(request, DIALECT)
    [tool] = msgspec.json.decode(encoded.body)["tools"]
    assert tool["input_schema"]["required"] == ["input"]
    assert encoded.dropped == ("tools[].custom", "tools[].web_search")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", {}),
        ("{}", {}),
        ('{"n": 1.0}', {"n": 1.0}),
        ('{"path": "/et', {"INVALID_JSON": '{"path": "/et'}),
        ("[1]", {"INVALID_JSON": "[1]"}),
    ],
)
def test_arguments_as_input(arguments: str, expected: object) -> None:
    encoded = anthropic.encode_request(
        chat(HI, Message("assistant", (ToolCall(id="a", name="f", arguments=arguments),))), DIALECT
    )
    assert msgspec.json.decode(encoded.body)["messages"][1]["content"][0]["input"] == expected
    assert bool(encoded.dropped) == ("INVALID_JSON" in str(expected))
    [_, back] = anthropic.decode_request(encoded.body).messages
    assert isinstance(back.parts[0], ToolCall)
    assert back.parts[0].arguments == (arguments or "{}")


def test_ids_that_the_wire_refuses_are_mapped_for_call_and_result_alike() -> None:
    body = sent(
        chat(
            HI,
            Message("assistant", (ToolCall(id="functions.feed:0", name="f", arguments="{}"),)),
            Message("tool", (ToolResult(call_id="functions.feed:0", content=(Text(text="ok"),)),)),
        )
    )
    messages = body["messages"]
    assert isinstance(messages, list)
    call, result = messages[1]["content"][0], messages[2]["content"][0]
    assert call["id"] == result["tool_use_id"] != "functions.feed:0"


def test_the_user_speaks_first() -> None:
    opened = Message("assistant", (Text(text="How can I help?"),))
    assert sent(chat(opened, HI))["messages"][0] == {"role": "user", "content": "Begin."}  # type: ignore[index]
    assert sent(replace(chat(opened, HI), wire=ANTHROPIC))["messages"][0]["role"] == "assistant"  # type: ignore[index]


def test_no_thinking_within_a_budget_where_calls_are_answered_that_none_led_to() -> None:
    call = Message("assistant", (ToolCall(id="a", name="f", arguments="{}"),))
    result = Message("tool", (ToolResult(call_id="a", content=(Text(text="ok"),)),))
    request = chat(HI, call, result, reasoning=ReasoningOptions(budget=2000))
    body = sent(request)
    assert "thinking" not in body and "thinking" in anthropic.encode_request(request, DIALECT).dropped


@pytest.mark.parametrize(
    ("media", "source"),
    [
        (
            Media(kind="image", url="data:image/png;base64,AAAA"),
            {"type": "base64", "media_type": "image/png", "data": "AAAA"},
        ),
        (
            Media(kind="image", media_type="image/JPG", data="AAAA"),
            {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"},
        ),
        (Media(kind="image", url="https://e.org/a"), {"type": "url", "url": "https://e.org/a"}),
        (
            Media(kind="document", data="AAAA", name="a.pdf"),
            {"type": "base64", "media_type": "application/pdf", "data": "AAAA"},
        ),
        (
            Media(kind="document", media_type="text/csv", data="aGk="),
            {"type": "text", "media_type": "text/plain", "data": "hi"},
        ),
        (Media(kind="document", text="hi"), {"type": "text", "media_type": "text/plain", "data": "hi"}),
        (
            Media(kind="document", file_id="file_1", origin=Origin("", ANTHROPIC, "")),
            {"type": "file", "file_id": "file_1"},
        ),
    ],
)
def test_media(media: Media, source: object) -> None:
    messages = sent(chat(Message("user", (media,))))["messages"]
    assert isinstance(messages, list)
    assert messages[0]["content"][0]["source"] == source


@pytest.mark.parametrize(
    "message",
    [
        Message("user", (Text(text="x"), Media(kind="audio", media_type="audio/wav", data="AAAA"))),
        Message("user", (Text(text="x"), Media(kind="video", url="https://e.org/v"))),
        Message("user", (Text(text="x"), Media(kind="document", media_type="application/msword", data="AAAA"))),
        Message("user", (Text(text="x"), Media(kind="image", file_id="file-1"))),
        Message("user", (Text(text="x"), Media(kind="image", url="data:image/svg+xml,<svg/>"))),
        Message("user", (Text(text="x"), Media(kind="document", media_type="text/plain", data="/w=="))),
        Message("assistant", (Text(text="x"), Media(kind="image", data="AAAA"))),
        Message("system", (Text(text="x"), Media(kind="image", data="AAAA"))),
    ],
)
def test_history_that_cannot_be_carried_is_refused_at_its_place(message: Message) -> None:
    with pytest.raises(Unsupported, match=r"messages\[1\]\.content"):
        anthropic.encode_request(chat(HI, message), DIALECT)


def test_a_refusal_is_what_the_assistant_said() -> None:
    body = sent(chat(HI, Message("assistant", (Refusal(text="No."),)), HI))
    messages = body["messages"]
    assert isinstance(messages, list)
    assert messages[1] == {"role": "assistant", "content": "No."}


def test_failed_results_always_have_content() -> None:
    body = sent(chat(Message("tool", (ToolResult(call_id="a", is_error=True), ToolResult(call_id="b")))))
    messages = body["messages"]
    assert isinstance(messages, list)
    failed, empty = messages[0]["content"]
    assert failed["content"] == "error"
    assert "content" not in empty


def test_count_tokens_leaves_out_what_does_not_count() -> None:
    request = anthropic.decode_count_tokens(BODY)
    body = msgspec.json.decode(anthropic.encode_count_tokens(request, DIALECT).body)
    assert set(body) == {"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config"}
    assert anthropic.decode_count_tokens_reply(anthropic.encode_count_tokens_reply(31)) == 31


def canonical(request: ChatRequest) -> ChatRequest:
    """What this wire cannot tell apart, made equal: adjacent messages, blank text, the labels of a schema."""
    messages: list[Message] = []
    for message in request.messages:
        parts = tuple(p for p in message.parts if not (isinstance(p, Text) and not p.text.strip()))
        parts = tuple(p for p in parts if not isinstance(p, Reasoning))
        parts = tuple(_canonical_result(p) if isinstance(p, ToolResult) else p for p in parts)
        parts = tuple(replace(p, name="") if isinstance(p, Media) and p.kind == "image" else p for p in parts)
        if not parts:
            continue
        if messages and messages[-1].role == message.role:
            messages[-1] = Message(message.role, messages[-1].parts + parts)
        else:
            messages.append(Message(message.role, parts))
    if [m.role for m in messages] == ["system"]:
        messages = [Message("user", messages[0].parts)]
    form = request.output_format
    return replace(
        request,
        messages=tuple(messages),
        sampling=replace(request.sampling, stop=tuple(s for s in request.sampling.stop if s.strip())),
        output_format=replace(form, name="") if form is not None else None,
        include_usage=True,
    )


def _canonical_result(result: ToolResult) -> ToolResult:
    return replace(result, content=tuple(p for p in result.content if not (isinstance(p, Text) and not p.text.strip())))


@pytest.mark.slow
@given(requests(ANTHROPIC))
def test_a_request_survives_its_own_wire(request: ChatRequest) -> None:
    encoded = anthropic.encode_request(request, DIALECT)
    again = anthropic.decode_request(encoded.body)
    assert again == canonical(request)
    twice: Encoded = anthropic.encode_request(again, DIALECT)
    assert msgspec.json.decode(twice.body) == msgspec.json.decode(encoded.body)
