"""Requests go out as a dialect wants them: what it refuses is bridged, moved, or left out and named."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from hostler.core.messages import Media, Message, Origin, Part, Reasoning, Refusal, Role, Text, ToolCall, ToolResult
from hostler.core.requests import ChatRequest, OutputFormat, ReasoningOptions, Sampling, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import ANTHROPIC, OPENAI_CHAT
from hostler.errors import Unsupported
from hostler.wire.dialects import Dialect, ModelRule
from hostler.wire.openai_chat import encode_request

PLAIN = Dialect()
OURS = Origin("", OPENAI_CHAT, "")
THEIRS = Origin("", ANTHROPIC, "")
PNG = Media(kind="image", media_type="image/png", data="AAAA")
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
HI = Message("user", (Text(text="hi"),))
CALL = ToolCall(id="c1", name="f", arguments="{}")
TOOLS = (Tool(name="f"), Tool(name="g", parameters={"type": "object"}))


def sent(request: ChatRequest, dialect: Dialect = PLAIN) -> tuple[Any, tuple[str, ...]]:
    encoded = encode_request(request, dialect)
    return msgspec.json.decode(encoded.body), encoded.dropped


def sent_messages(*messages: Message, dialect: Dialect = PLAIN) -> tuple[Any, tuple[str, ...]]:
    body, dropped = sent(ChatRequest(model="m", messages=messages), dialect)
    return body["messages"], dropped


def said(role: Role, *parts: Part | str) -> Message:
    return Message(role, tuple(Text(text=part) if isinstance(part, str) else part for part in parts))


def test_the_smallest_request() -> None:
    assert sent(ChatRequest(model="m", messages=(HI,))) == (
        {"model": "m", "messages": [{"role": "user", "content": "hi"}]},
        (),
    )


def test_anthropic_style_results_become_tool_messages() -> None:
    messages, dropped = sent_messages(
        said("user", "go"),
        said("assistant", "well", CALL, ToolCall(id="c2", name="g")),
        said("user", "and then", ToolResult(call_id="c1", content=(Text(text="1"),)), ToolResult(call_id="c2")),
    )
    assert messages == [
        {"role": "user", "content": "go"},
        {
            "role": "assistant",
            "content": "well",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
        {"role": "tool", "tool_call_id": "c2", "content": ""},
        {"role": "user", "content": "and then"},
    ]
    assert dropped == ()


def test_images_in_results_follow_behind_the_last_result() -> None:
    messages, dropped = sent_messages(
        said("assistant", CALL, ToolCall(id="c2", name="g", arguments="{}")),
        said("tool", ToolResult(call_id="c1", content=(Text(text="see"), PNG))),
        said("tool", ToolResult(call_id="c2", content=(Text(text="2"),))),
        said("assistant", "done"),
    )
    assert [message["role"] for message in messages] == ["assistant", "tool", "tool", "user", "assistant"]
    assert messages[1]["content"][0] == {"type": "text", "text": "see"}
    assert "next user message" in messages[1]["content"][1]["text"]
    assert "c1" in messages[3]["content"][0]["text"]
    assert messages[3]["content"][1] == PNG_PART
    assert dropped == ()


def test_images_in_the_last_result_still_follow() -> None:
    result = ToolResult(call_id="c1", content=(PNG,))
    messages, _ = sent_messages(said("assistant", CALL), said("user", result, "what is it?"))
    assert messages[-1]["content"][1:] == [PNG_PART, {"type": "text", "text": "what is it?"}]
    messages, _ = sent_messages(said("assistant", CALL), said("tool", result))
    assert messages[-1]["content"][1:] == [PNG_PART]


def test_images_in_results_stay_where_they_may() -> None:
    result = ToolResult(call_id="c1", content=(PNG,))
    messages, _ = sent_messages(said("assistant", CALL), said("tool", result), dialect=Dialect(tool_result_media=True))
    assert messages[-1] == {"role": "tool", "tool_call_id": "c1", "content": [PNG_PART]}


def test_order_of_text_and_media_is_kept() -> None:
    sound = Media(kind="audio", media_type="audio/mpeg", data="AAAA")
    pdf = Media(kind="document", media_type="application/pdf", data="AAAA")
    note = Media(kind="document", text="inside", name="note")
    film = Media(kind="video", url="https://e.org/a.mp4")
    messages, _ = sent_messages(said("user", "a", PNG, "b", sound, pdf, note, film))
    assert messages[0]["content"] == [
        {"type": "text", "text": "a"},
        PNG_PART,
        {"type": "text", "text": "b"},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
        {"type": "text", "text": '<document title="note">\ninside\n</document>'},
        {"type": "video_url", "video_url": {"url": "https://e.org/a.mp4"}},
    ]


def test_a_document_by_address_is_refused_clearly() -> None:
    with pytest.raises(Unsupported, match="document by URL"):
        sent_messages(said("user", Media(kind="document", url="https://e.org/a.pdf")))


def test_refusal_has_its_own_field() -> None:
    messages, _ = sent_messages(said("assistant", Refusal(text="no")))
    assert messages == [{"role": "assistant", "content": None, "refusal": "no"}]


def test_an_assistant_who_said_nothing() -> None:
    assert sent_messages(said("assistant"))[0] == [{"role": "assistant", "content": ""}]


@pytest.mark.parametrize(
    ("policy", "text", "tool_turn"),
    [("never", None, None), ("tool-turns", "hm", "hm"), ("always", "hm", "hm")],
)
def test_reasoning_goes_back_by_policy(policy: Any, text: str | None, tool_turn: str | None) -> None:
    thought = Reasoning(text="hm", origin=OURS)
    messages, dropped = sent_messages(
        said("assistant", thought, "a"), said("assistant", thought, CALL), dialect=Dialect(reasoning_back=policy)
    )
    assert [message.get("reasoning_content") for message in messages] == [text, tool_turn]
    assert dropped == (("messages[].reasoning",) if policy == "never" else ())


def test_without_tools_reasoning_stays_where_it_is() -> None:
    thought = Reasoning(text="hm", origin=OURS)
    messages, dropped = sent_messages(said("assistant", thought, "a"), dialect=Dialect(reasoning_back="tool-turns"))
    assert "reasoning_content" not in messages[0]
    assert dropped == ("messages[].reasoning",)


@pytest.mark.parametrize("off", [ReasoningOptions("off"), ReasoningOptions(effort="none")])
def test_where_thinking_is_off_none_goes_back(off: ReasoningOptions) -> None:
    request = ChatRequest(model="m", messages=(HI, said("assistant", "a")), tools=TOOLS)
    on, _ = sent(request, Dialect(reasoning_back="tool-turns"))
    assert on["messages"][1]["reasoning_content"] == ""
    body, _ = sent(replace(request, reasoning=off), Dialect(reasoning_back="tool-turns"))
    assert "reasoning_content" not in body["messages"][1]


def test_tool_turns_carry_even_empty_reasoning() -> None:
    thought = Reasoning(text="foreign", opaque=b"{}", origin=THEIRS)
    messages, dropped = sent_messages(
        said("assistant", thought, CALL),
        dialect=Dialect(reasoning_back="tool-turns", reasoning_fields=("reasoning", "reasoning_content")),
    )
    assert messages[0]["reasoning"] == ""
    assert dropped == ("messages[].reasoning",)


def test_reasoning_details_go_back_as_they_came() -> None:
    details = b'[{"type":"reasoning.encrypted",  "data":"x"}]'
    request = ChatRequest(
        model="m", messages=(said("assistant", Reasoning(text="hm", opaque=details, origin=OURS), "a"),)
    )
    dialect = Dialect(reasoning_back="always", reasoning_fields=("reasoning", "reasoning_details"))
    encoded = encode_request(request, dialect)
    assert b'"reasoning":"hm","reasoning_details":' + details in encoded.body
    assert encoded.dropped == ()
    plain = encode_request(request, Dialect(reasoning_back="always"))
    assert details not in plain.body
    assert plain.dropped == ("messages[].reasoning",)


def test_system_messages_where_they_stand() -> None:
    history = (said("developer", "a"), said("system", "b"), HI, said("system", "c"), said("assistant", "d"))
    assert [m["role"] for m in sent_messages(*history)[0]] == ["developer", "system", "user", "system", "assistant"]


def test_strict_templates_get_one_system_message_and_alternating_roles() -> None:
    history = (said("developer", "a"), said("system", "b"), HI, said("system", "c"), said("assistant", "d"))
    dialect = Dialect(mid_system=False, developer_role=False, text_parts=False)
    assert sent_messages(*history, said("system", "e"), said("user", "f"), dialect=dialect)[0] == [
        {"role": "system", "content": "a\n\nb"},
        {"role": "user", "content": "hi\n\n<system>\nc\n</system>"},
        {"role": "assistant", "content": "d"},
        {"role": "user", "content": "<system>\ne\n</system>\n\nf"},
    ]
    assert sent_messages(HI, said("assistant", "d"), said("system", "e"), dialect=dialect)[0][-1] == {
        "role": "user",
        "content": "<system>\ne\n</system>",
    }


def test_tool_ids_outside_the_pattern_are_mapped_together() -> None:
    call, result = ToolCall(id="weird|id", name="f"), ToolResult(call_id="weird|id")
    messages, _ = sent_messages(said("assistant", call), said("tool", result))
    assert messages[0]["tool_calls"][0]["id"] == messages[1]["tool_call_id"]
    assert "|" not in messages[1]["tool_call_id"]


def test_what_has_no_word_is_named() -> None:
    _, dropped = sent_messages(
        said("user", Text(text="a", cache="5m")),
        said("assistant", Text(text="", opaque=b"{}"), ToolCall(id="c1", name="f", opaque=b"s", origin=THEIRS)),
        said("tool", ToolResult(call_id="c1", is_error=True)),
    )
    assert dropped == (
        "messages[].cache_control",
        "messages[].content[].is_error",
        "messages[].content[].opaque",
        "messages[].tool_calls[].opaque",
    )


def with_tools(choice: ToolChoice | None, dialect: Dialect = PLAIN) -> tuple[Any, Any, tuple[str, ...]]:
    request = ChatRequest(model="m", messages=(HI,), tools=TOOLS, tool_choice=choice)
    body, dropped = sent(request, dialect)
    return [tool["function"]["name"] for tool in body.get("tools", [])], body.get("tool_choice"), dropped


NAMED = {"type": "function", "function": {"name": "g"}}
LLAMA = Dialect(named_tool_choice=False)
NO_CHOICE = Dialect(tool_choice=False)


@pytest.mark.parametrize(
    ("choice", "dialect", "offered", "written", "dropped"),
    [
        (None, PLAIN, ["f", "g"], None, ()),
        (ToolChoice("none"), PLAIN, ["f", "g"], "none", ()),
        (ToolChoice("required"), LLAMA, ["f", "g"], "required", ()),
        (ToolChoice("named", "g"), PLAIN, ["f", "g"], NAMED, ()),
        (ToolChoice("named", "g"), LLAMA, ["g"], "required", ()),
        (ToolChoice("auto", allowed=("g",)), LLAMA, ["g"], "auto", ()),
        (
            ToolChoice("required", allowed=("g",)),
            PLAIN,
            ["f", "g"],
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [NAMED]}},
            (),
        ),
        (ToolChoice("auto"), NO_CHOICE, ["f", "g"], None, ()),
        (ToolChoice("none"), NO_CHOICE, [], None, ()),
        (ToolChoice("named", "g"), NO_CHOICE, ["g"], None, ("tool_choice",)),
        (ToolChoice("required"), NO_CHOICE, ["f", "g"], None, ("tool_choice",)),
    ],
)
def test_tool_choice(
    choice: ToolChoice | None, dialect: Dialect, offered: list[str], written: object, dropped: tuple[str, ...]
) -> None:
    assert with_tools(choice, dialect) == (offered, written, dropped)


def test_tools() -> None:
    tools = (
        Tool(name="f", description="d", strict=True),
        Tool(name="h", custom=True, parameters={"type": "text"}),
        Tool(name="web_search", server=b'{"type":"web_search"}'),
    )
    request = ChatRequest(model="m", messages=(HI,), tools=tools, wire=OPENAI_CHAT, parallel_tool_calls=False)
    body, dropped = sent(request, Dialect(forbidden=("tools[].strict",), parallel_tool_calls=False))
    assert body["tools"] == [
        {
            "type": "function",
            "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}},
        },
        {"type": "custom", "custom": {"name": "h", "format": {"type": "text"}}},
        {"type": "web_search"},
    ]
    assert dropped == ("parallel_tool_calls", "tools[].strict")
    foreign = ChatRequest(model="m", messages=(HI,), tools=tools[2:], wire=ANTHROPIC)
    assert sent(foreign) == ({"model": "m", "messages": [{"role": "user", "content": "hi"}]}, ("tools[].web_search",))


def test_limits_by_their_dialects_name() -> None:
    request = ChatRequest(model="m", messages=(HI,), max_tokens=5)
    assert sent(request)[0]["max_completion_tokens"] == 5
    body, _ = sent(request, Dialect(max_tokens_field="max_tokens"))
    assert body["max_tokens"] == 5
    assert "max_completion_tokens" not in body
    bare = ChatRequest(model="m", messages=(HI,))
    assert sent(bare, Dialect(max_tokens_default=9))[0]["max_completion_tokens"] == 9


def test_forbidden_fields_are_left_out_and_named() -> None:
    sampling = Sampling(temperature=0.5, top_k=4, min_p=0.1, seed=3, stop=("x",))
    request = ChatRequest(model="m", messages=(HI,), sampling=sampling, user="u")
    body, dropped = sent(request, Dialect(forbidden=("top_k", "min_p", "logprobs")))
    assert dropped == ("min_p", "top_k")
    assert {key: body[key] for key in ("temperature", "seed", "stop", "user")} == {
        "temperature": 0.5,
        "seed": 3,
        "stop": ["x"],
        "user": "u",
    }


def test_extra_goes_to_its_own_wire_only() -> None:
    extra = {"n": 2, "stream_options": {"include_obfuscation": False}}
    ours = ChatRequest(model="m", messages=(HI,), extra=extra, wire=OPENAI_CHAT, stream=True)
    body, dropped = sent(ours)
    assert (body["n"], dropped) == (2, ())
    assert body["stream_options"] == {"include_obfuscation": False, "include_usage": True}
    theirs = ChatRequest(model="m", messages=(HI,), extra={"context_management": {}}, wire=ANTHROPIC)
    assert sent(theirs)[1] == ("context_management",)
    old = sent(ChatRequest(model="m", messages=(HI,), stream=True), Dialect(stream_usage=False))[0]
    assert "stream_options" not in old


@pytest.mark.parametrize(
    ("options", "dialect", "effort", "dropped"),
    [
        (ReasoningOptions(effort="high"), PLAIN, "high", ()),
        (ReasoningOptions(mode="off"), PLAIN, "none", ()),
        (ReasoningOptions(mode="adaptive"), PLAIN, None, ("thinking",)),
        (ReasoningOptions(mode="on", budget=1024), PLAIN, "low", ("thinking.budget_tokens",)),
        (ReasoningOptions(mode="on", budget=32_000), PLAIN, "high", ("thinking.budget_tokens",)),
        (ReasoningOptions(effort="max"), Dialect(efforts=("low", "high")), "high", ("reasoning_effort",)),
        (ReasoningOptions(effort="none"), Dialect(efforts=("low", "high")), "low", ("reasoning_effort",)),
        (ReasoningOptions(effort="high"), Dialect(efforts=()), None, ("reasoning_effort",)),
        (ReasoningOptions(effort="high", hidden=True), PLAIN, "high", ("thinking.display",)),
    ],
)
def test_reasoning_options(
    options: ReasoningOptions, dialect: Dialect, effort: str | None, dropped: tuple[str, ...]
) -> None:
    body, named = sent(ChatRequest(model="m", messages=(HI,), reasoning=options), dialect)
    assert (body.get("reasoning_effort"), named) == (effort, dropped)


def test_structured_output() -> None:
    asked = OutputFormat("json_schema", {"type": "object"}, strict=True, description="d")
    request = ChatRequest(model="m", messages=(HI,), output_format=asked)
    closed: dict[str, Any] = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    for dialect, schema in ((PLAIN, closed), (Dialect(strict_schemas=False), {"type": "object"})):
        assert sent(request, dialect)[0]["response_format"] == {
            "type": "json_schema",
            "json_schema": {"name": "reply", "schema": schema, "strict": True, "description": "d"},
        }


def test_a_schema_is_told_in_words_where_it_cannot_be_given() -> None:
    asked = OutputFormat("json_schema", {"type": "object"})
    request = ChatRequest(model="m", messages=(said("system", "be brief"), HI), output_format=asked)
    body, dropped = sent(request, Dialect(json_schema=False))
    assert (body["response_format"], dropped) == ({"type": "json_object"}, ("response_format.json_schema",))
    assert [message["role"] for message in body["messages"]] == ["system", "system", "user"]
    assert body["messages"][1]["content"].endswith('JSON Schema:\n{"type":"object"}')
    bare = replace(request, output_format=OutputFormat("json_object"))
    assert [message["content"] for message in sent(bare)[0]["messages"]] == [
        "be brief", "Answer with one JSON object and nothing else.", "hi"
    ]  # fmt: skip
    assert len(sent(replace(bare, wire=OPENAI_CHAT))[0]["messages"]) == 2, "a client of the wire knows its rule"
    spoken = replace(bare, messages=(said("user", "as json, please"),))
    assert len(sent(spoken)[0]["messages"]) == 1


DEFS: dict[str, Any] = {
    "type": "object",
    "properties": {"at": {"$ref": "#/$defs/place"}},
    "$defs": {"place": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}},
}


def test_schemas_in_a_vendors_own_form() -> None:
    tool = Tool(name="f", parameters=DEFS, strict=True)
    request = ChatRequest(model="m", messages=(HI,), tools=(tool,), output_format=OutputFormat("json_schema", DEFS))
    flat, _ = sent(request, Dialect(inline_refs=True, strict_schemas=False))
    inlined = {"type": "object", "properties": {"at": DEFS["$defs"]["place"]}}
    assert flat["tools"][0]["function"]["parameters"] == inlined
    assert flat["response_format"]["json_schema"]["schema"] == inlined
    strict, _ = sent(request)
    parameters = strict["tools"][0]["function"]["parameters"]
    assert (parameters["required"], parameters["additionalProperties"]) == (["at"], False)
    assert parameters["$defs"]["place"]["additionalProperties"] is False
    assert strict["response_format"]["json_schema"]["schema"] == DEFS  # nobody asked for strictness


FORCED = ("required", "named")


@pytest.mark.parametrize("mode", ["auto", "none", "required", "named"])
def test_vendors_that_let_no_call_be_forced(mode: Any) -> None:
    request = ChatRequest(
        model="m", messages=(HI,), tools=TOOLS, tool_choice=ToolChoice(mode, "g" if mode == "named" else "")
    )
    body, dropped = sent(request, Dialect(forced_tool_choice="never"))
    assert body["tool_choice"] == ("none" if mode == "none" else "auto")
    assert [tool["function"]["name"] for tool in body["tools"]] == (["g"] if mode == "named" else ["f", "g"])
    assert dropped == (("tool_choice",) if mode in FORCED else ())


@pytest.mark.parametrize("reasoning", [None, ReasoningOptions(effort="high"), ReasoningOptions("off")])
def test_a_forced_call_turns_thinking_off_where_both_do_not_go(reasoning: ReasoningOptions | None) -> None:
    dialect = Dialect(forced_tool_choice="without-thinking", thinking_as="switch")
    request = ChatRequest(
        model="m", messages=(HI,), tools=TOOLS, tool_choice=ToolChoice("required"), reasoning=reasoning
    )
    body, dropped = sent(request, dialect)
    assert (body["tool_choice"], body["thinking"]) == ("required", {"type": "disabled"})
    assert "reasoning_effort" not in body
    assert dropped == (("thinking",) if reasoning is not None and reasoning.mode != "off" else ())
    free, _ = sent(replace(request, tool_choice=None), dialect)
    assert free.get("thinking") == (
        None if reasoning is None else {"type": "disabled" if reasoning.mode == "off" else "enabled"}
    )


@pytest.mark.parametrize(
    ("options", "form", "fields", "dropped"),
    [
        (ReasoningOptions(effort="high"), "object", {"reasoning": {"effort": "high"}}, ()),
        (ReasoningOptions(budget=2000), "object", {"reasoning": {"max_tokens": 2000}}, ()),
        (ReasoningOptions("off"), "object", {"reasoning": {"enabled": False}}, ()),
        (ReasoningOptions("adaptive", hidden=True), "object", {"reasoning": {"enabled": True, "exclude": True}}, ()),
        (ReasoningOptions(effort="none"), "switch", {"thinking": {"type": "disabled"}}, ()),
        (ReasoningOptions("on"), "switch", {"thinking": {"type": "enabled"}}, ()),
        (
            ReasoningOptions(effort="low"),
            "switch",
            {"thinking": {"type": "enabled"}, "reasoning_effort": "low"},
            (),
        ),
        (ReasoningOptions("off"), "flag", {"enable_thinking": False}, ()),
        (ReasoningOptions(budget=77), "flag", {"enable_thinking": True, "thinking_budget": 77}, ()),
        (ReasoningOptions(effort="low"), "flag", {"enable_thinking": True, "thinking_budget": 2048}, ()),
        (ReasoningOptions("off"), "template", {"chat_template_kwargs": {"enable_thinking": False}}, ()),
        (
            ReasoningOptions(effort="low", hidden=True),
            "template",
            {"chat_template_kwargs": {"enable_thinking": True}, "reasoning_effort": "low"},
            ("thinking.display",),
        ),
    ],
)
def test_how_much_to_think_as_each_vendor_is_told(
    options: ReasoningOptions, form: Any, fields: dict[str, object], dropped: tuple[str, ...]
) -> None:
    body, lost = sent(ChatRequest(model="m", messages=(HI,), reasoning=options), Dialect(thinking_as=form))
    assert {key: value for key, value in body.items() if key not in ("model", "messages")} == fields
    assert lost == dropped


def test_what_stood_beside_an_option_stays_beside_it() -> None:
    extra = {"chat_template_kwargs": {"preserve": 1}, "reasoning": {"summary": "auto"}}
    request = ChatRequest(model="m", messages=(HI,), reasoning=ReasoningOptions("off"), wire=OPENAI_CHAT, extra=extra)
    body, _ = sent(request, Dialect(thinking_as="template"))
    assert body["chat_template_kwargs"] == {"preserve": 1, "enable_thinking": False}
    body, _ = sent(request, Dialect(thinking_as="object"))
    assert body["reasoning"] == {"summary": "auto", "enabled": False}


TURN = (
    said("assistant", Reasoning(text="hm", origin=OURS), "a"),
    said("assistant", Reasoning(text="so", origin=OURS), CALL),
)


def test_reasoning_goes_back_in_tags() -> None:
    dialect = Dialect(reasoning_back="always", reasoning_back_as="tags", reasoning_tags=("think",))
    messages, dropped = sent_messages(*TURN, said("assistant", "b"), dialect=dialect)
    assert [message["content"] for message in messages] == [
        "<think>\nhm\n</think>\n\na",
        "<think>\nso\n</think>\n\n",
        "b",
    ]
    assert dropped == ()
    several, _ = sent_messages(said("assistant", Reasoning(text="hm"), "a", "b"), dialect=dialect)
    assert several[0]["content"][0] == {"type": "text", "text": "<think>\nhm\n</think>\n\n"}


def test_reasoning_goes_back_in_chunks() -> None:
    signed = b'{"type":"thinking","thinking":[],  "signature":"c2ln"}'
    dialect = Dialect(reasoning_back="always", reasoning_back_as="chunks")
    request = ChatRequest(
        model="m",
        messages=(*TURN, said("assistant", Reasoning(opaque=signed, origin=OURS), "b", "c"), said("assistant", "d")),
    )
    encoded = encode_request(request, dialect)
    thinking = [{"type": "text", "text": "hm"}]
    contents = [message["content"] for message in msgspec.json.decode(encoded.body)["messages"]]
    assert contents[0] == [{"type": "thinking", "thinking": thinking}, {"type": "text", "text": "a"}]
    assert contents[1] == [{"type": "thinking", "thinking": [{"type": "text", "text": "so"}]}]
    assert [part["type"] for part in contents[2]] == ["thinking", "text", "text"]
    assert contents[3] == "d"
    assert signed in encoded.body
    assert encoded.dropped == ()


def test_a_signed_chunk_goes_nowhere_else() -> None:
    signed = b'{"type":"thinking","thinking":[],"signature":"c2ln"}'
    dialect = Dialect(reasoning_back="always", reasoning_fields=("reasoning", "reasoning_details"))
    messages, dropped = sent_messages(said("assistant", Reasoning(opaque=signed, origin=OURS), "b"), dialect=dialect)
    assert messages == [{"role": "assistant", "content": "b"}]
    assert dropped == ("messages[].reasoning",)


@pytest.mark.parametrize(
    ("prefill", "last", "dropped"),
    [
        ("free", {"role": "assistant", "content": "Well"}, ()),
        ("marked", {"role": "assistant", "content": "Well", "prefix": True}, ()),
        ("none", {"role": "user", "content": "Go on exactly where you stopped."}, ("messages[-1]",)),
    ],
)
def test_the_beginning_of_an_answer(prefill: Any, last: dict[str, object], dropped: tuple[str, ...]) -> None:
    messages, lost = sent_messages(HI, said("assistant", "Well"), dialect=Dialect(prefill=prefill))
    assert (messages[-1], lost) == (last, dropped)
    assert sent_messages(HI, dialect=Dialect(prefill=prefill))[0] == [{"role": "user", "content": "hi"}]


def test_cache_marks_in_each_form() -> None:
    marked = Text(text="long", cache="1h")
    result = ToolResult(call_id="c1", content=(Text(text="1"),), cache="5m")
    messages = (
        said("system", marked),
        said("user", replace(PNG, cache="5m")),
        said("assistant", CALL),
        said("tool", result),
    )
    request = ChatRequest(model="m", messages=messages, cache="1h", cache_key="k")
    body, dropped = sent(request, Dialect(cache_marks="breakpoint"))
    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "long", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}
    ]
    assert body["messages"][1]["content"][0]["prompt_cache_breakpoint"] == {"mode": "explicit"}
    assert body["messages"][3]["content"][0]["prompt_cache_breakpoint"] == {"mode": "explicit"}
    assert (body["prompt_cache_options"], body["prompt_cache_key"]) == ({"mode": "implicit", "ttl": "12h"}, "k")
    assert dropped == ()
    body, dropped = sent(request, Dialect(cache_marks="cache_control"))
    assert body["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert body["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert dropped == ()
    body, dropped = sent(request)
    assert body["messages"][0]["content"] == "long"
    assert dropped == ("cache_control", "messages[].cache_control")


def test_no_more_than_four_cache_marks() -> None:
    messages = [said("user", Text(text=str(n), cache="5m")) for n in range(6)]
    sent_parts, dropped = sent_messages(*messages, dialect=Dialect(cache_marks="cache_control"))
    assert [isinstance(message["content"], list) for message in sent_parts] == [True] * 4 + [False] * 2
    assert dropped == ("messages[].cache_control",)


def test_names_constants_and_streams_of_a_vendor() -> None:
    dialect = Dialect(
        renamed=(("seed", "random_seed"),),
        constants=(("reasoning_split", True),),
        forbidden=("messages[].name",),
        stream_only=True,
        audio_data_url=True,
    )
    sound = Media(kind="audio", media_type="audio/wav", data="AAAA")
    request = ChatRequest(
        model="m", messages=(Message("user", (sound,), "eve"),), sampling=Sampling(seed=7), max_tokens=0
    )
    body, dropped = sent(request, dialect)
    assert body == {
        "model": "m",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "input_audio", "input_audio": {"data": "data:audio/wav;base64,AAAA", "format": "wav"}}
                ],
            }
        ],
        "max_completion_tokens": 1,
        "random_seed": 7,
        "reasoning_split": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert dropped == ("max_tokens", "messages[].name")


def test_a_model_rule_counts_for_its_models() -> None:
    dialect = Dialect(models=(ModelRule(pattern="^o", forbidden=("temperature",), efforts=()),))
    request = ChatRequest(
        model="o9", messages=(HI,), sampling=Sampling(temperature=1.0), reasoning=ReasoningOptions(effort="low")
    )
    body, dropped = sent(request, dialect)
    assert body.keys() == {"model", "messages"}
    assert dropped == ("reasoning_effort", "temperature")
    assert sent(replace(request, model="gpt"), dialect)[0]["temperature"] == 1.0
