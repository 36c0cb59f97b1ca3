"""Requests of the wire, read from clients and written for the vendor."""

from typing import Any

import msgspec
import pytest
from hypothesis import given

from hostler.core.messages import Media, Message, Origin, Reasoning, Text, ToolCall, ToolResult
from hostler.core.requests import ChatRequest, OutputFormat, ReasoningOptions, Sampling, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import DASHSCOPE
from hostler.errors import Unsupported, WireError
from hostler.wire import dashscope
from hostler.wire.dialects import PLAIN, Dialect
from tests.wire.strategies import requests

HI = {"role": "user", "content": "hi"}
FEED = Tool(name="feed", description="Feeds a horse.", parameters={"type": "object", "properties": {}})
RIDE = Tool(name="ride")
OWN = Origin("", DASHSCOPE, "")
EMPTY: dict[str, object] = {}
PNG = Media(kind="image", media_type="image/png", data="AAAA")


def read(*messages: object, **parameters: object) -> ChatRequest:
    body = {"model": "m", "input": {"messages": messages or [HI]}, "parameters": parameters}
    return dashscope.decode_request(msgspec.json.encode(body))


def asking(*messages: Message, **fields: Any) -> ChatRequest:
    return ChatRequest(model="m", messages=messages or (Message("user", (Text(text="hi"),)),), **fields)


def write(request: ChatRequest, dialect: Dialect = PLAIN) -> dict[str, Any]:
    return msgspec.json.decode(dashscope.encode_request(request, dialect).body)


def sent(*messages: Message, dialect: Dialect = PLAIN) -> list[dict[str, Any]]:
    return write(asking(*messages), dialect)["input"]["messages"]


def dropped(request: ChatRequest, dialect: Dialect = PLAIN) -> tuple[str, ...]:
    return dashscope.encode_request(request, dialect).dropped


# ------------------------------------------------------------------------------------------- read from clients


def test_a_plain_request_holds_nothing_else() -> None:
    assert read(result_format="message", incremental_output=True) == ChatRequest(
        model="m", messages=(Message("user", (Text(text="hi"),)),), stream=True, include_usage=True, wire=DASHSCOPE
    )


def test_streams_that_repeat_are_known_from_others() -> None:
    assert read().extra == {"parameters.incremental_output": False}
    assert not read().stream
    assert read(stream=True).stream


def test_a_prompt_is_a_message_of_the_user() -> None:
    request = dashscope.decode_request(b'{"model":"m","input":{"prompt":"hi"}}')
    assert request.messages == (Message("user", (Text(text="hi"),)),)


def test_parameters_are_read_and_others_survive() -> None:
    request = read(
        temperature=0.5, top_p=1, top_k=4, seed=7, presence_penalty=1, max_tokens=9, stop="x", enable_thinking=True,
        thinking_budget=99, parallel_tool_calls=False, enable_search=True, incremental_output=True,
        response_format={"type": "json_object"}, tool_choice={"type": "function", "function": {"name": "feed"}},
    )  # fmt: skip
    assert request.sampling == Sampling(temperature=0.5, top_p=1, top_k=4, seed=7, presence_penalty=1, stop=("x",))
    assert (request.max_tokens, request.parallel_tool_calls) == (9, False)
    assert request.reasoning == ReasoningOptions("on", budget=99)
    assert request.output_format == OutputFormat("json_object")
    assert request.tool_choice == ToolChoice("named", "feed")
    assert request.extra == {"parameters.enable_search": True}
    assert read(enable_thinking=False).reasoning == ReasoningOptions("off")
    assert read(stop=[[1, 2]], incremental_output=True).extra == {"parameters.stop": [[1, 2]]}


def test_contents_in_parts_are_read() -> None:
    content = [
        {"image": "https://example.org/a.png"}, {"image": "data:image/png;base64,AAAA", "min_pixels": 3},
        {"audio": "https://example.org/a.mp3"}, {"video": "https://example.org/a.mp4"},
        {"video": ["https://example.org/1.jpg", "https://example.org/2.jpg"]}, {"image": "oss://a/b.png"},
        {"text": "what?", "cache_control": {"type": "ephemeral"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/b.png"}}, {"type": "text", "text": "so?"},
    ]  # fmt: skip
    [message] = read({"role": "user", "content": content}).messages
    assert message.parts == (
        Media(kind="image", url="https://example.org/a.png"), PNG,
        Media(kind="audio", url="https://example.org/a.mp3"), Media(kind="video", url="https://example.org/a.mp4"),
        Media(kind="image", url="https://example.org/1.jpg"), Media(kind="image", url="https://example.org/2.jpg"),
        Media(kind="image", file_id="oss://a/b.png", origin=OWN), Text(text="what?", cache="5m"),
        Media(kind="image", url="https://example.org/b.png"), Text(text="so?"),
    )  # fmt: skip


def test_calls_and_results_are_read() -> None:
    function = {"name": "feed", "arguments": '{"a":1}'}
    messages = read(
        HI,
        {"role": "assistant", "content": "", "reasoning_content": "Two.", "tool_calls": [
            {"id": "a", "type": "function", "index": 0, "function": function},
            {"function": {"name": "ride", "arguments": EMPTY}}]},
        {"role": "tool", "content": "fed", "tool_call_id": "a"},
        {"role": "tool", "content": "rode"},
    ).messages  # fmt: skip
    assert messages[1].parts == (
        Reasoning(text="Two.", origin=OWN),
        ToolCall(id="a", name="feed", arguments='{"a":1}'),
        ToolCall(id="call_1_1", name="ride", arguments="{}"),
    )
    assert [message.parts[0] for message in messages[2:]] == [
        ToolResult(call_id="a", content=(Text(text="fed"),)),
        ToolResult(call_id="call_1_1", content=(Text(text="rode"),)),
    ]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"[]", "object"),
        (b'{"model":"m"}', "input"),
        (b'{"input":{"prompt":"x"}}', "model"),
        (b'{"model":"m","input":{}}', "input.messages"),
        (b'{"model":"m","input":{"messages":[1]}}', r"input.messages\[0\]"),
        (b'{"model":"m","input":{"messages":[{"role":"narrator"}]}}', r"input.messages\[0\].role"),
        (b'{"model":"m","input":{"messages":[{"role":"user","content":[{}]}]}}', r"content\[0\].text"),
        (b'{"model":"m","input":{"messages":[{"role":"user","content":[{"image":7}]}]}}', r"content\[0\].image"),
        (b'{"model":"m","input":{"messages":[{"role":"tool","content":"x"}]}}', r"input.messages\[0\].tool_call_id"),
        (b'{"model":"m","input":{"messages":[{"role":"assistant","tool_calls":[{}]}]}}', r"tool_calls\[0\].function"),
        (b'{"model":"m","input":{"prompt":"x"},"parameters":{"top_k":"many"}}', "parameters.top_k"),
        (b'{"model":"m","input":{"prompt":"x"},"parameters":{"response_format":{"type":"xml"}}}', "response_format"),
        (b'{"model":', "JSON"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(body: bytes, place: str) -> None:
    with pytest.raises(WireError, match=place):
        dashscope.decode_request(body)


# ------------------------------------------------------------------------------------------- written for the vendor


def test_a_plain_request() -> None:
    body: dict[str, Any] = {"model": "m", "input": {"messages": [HI]}, "parameters": {"result_format": "message"}}
    assert write(asking()) == body
    body["parameters"]["incremental_output"] = True
    assert write(asking(stream=True)) == body
    assert write(asking(), Dialect(stream_only=True)) == body
    body["parameters"]["incremental_output"] = False
    assert write(asking(stream=True), Dialect(incremental_output=False)) == body


def test_parameters_are_written() -> None:
    sampling = Sampling(
        temperature=0.0, top_p=0.5, top_k=4, min_p=0.1, seed=3, presence_penalty=1, frequency_penalty=1, stop=("x",)
    )
    request = asking(max_tokens=9, sampling=sampling, user="u")
    assert write(request)["parameters"] == {
        "result_format": "message", "max_tokens": 9, "temperature": 0.0, "top_p": 0.5, "top_k": 4, "seed": 3,
        "presence_penalty": 1, "stop": ["x"],
    }  # fmt: skip
    assert dropped(request) == ("frequency_penalty", "min_p", "user")
    odd = Dialect(forbidden=("seed",), renamed=(("max_tokens", "max_length"),), constants=(("enable_search", True),))
    parameters = write(request, odd)["parameters"]
    assert (parameters["max_length"], parameters["enable_search"]) == (9, True)
    assert "max_tokens" not in parameters and "seed" not in parameters
    assert "seed" in dropped(request, odd)


def test_own_extras_come_back_where_they_stood() -> None:
    body: Any = {
        "model": "m",
        "input": {"messages": [HI], "odd": 1},
        "parameters": {"enable_search": True},
        "resources": [],
    }
    back = write(dashscope.decode_request(msgspec.json.encode(body)))
    assert (back["input"]["odd"], back["resources"], back["parameters"]["enable_search"]) == (1, [], True)
    request = asking(wire="openai-chat", extra={"logit_bias": {"1": 2}, "store": False})
    assert dropped(request) == ("logit_bias",)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (ReasoningOptions("off"), {"enable_thinking": False}),
        (ReasoningOptions(effort="none"), {"enable_thinking": False}),
        (ReasoningOptions("on"), {"enable_thinking": True}),
        (ReasoningOptions("on", budget=500), {"enable_thinking": True, "thinking_budget": 500}),
        (ReasoningOptions(effort="low"), {"enable_thinking": True, "thinking_budget": 2048}),
        (ReasoningOptions(effort="max"), {"enable_thinking": True}),
        (ReasoningOptions("adaptive"), {}),
    ],
)
def test_thinking_is_asked_for(options: ReasoningOptions, expected: dict[str, object]) -> None:
    parameters = write(asking(reasoning=options))["parameters"]
    assert {key: parameters[key] for key in parameters if "thinking" in key} == expected


def test_tools_and_each_choice() -> None:
    def chosen(choice: ToolChoice | None, *tools: Tool, dialect: Dialect = PLAIN) -> tuple[list[str], object, Any]:
        request = asking(tools=tools, tool_choice=choice, reasoning=ReasoningOptions("on"))
        parameters = write(request, dialect)["parameters"]
        names = [tool["function"]["name"] for tool in parameters.get("tools", [])]
        return names, parameters.get("tool_choice"), (dropped(request, dialect), parameters.get("enable_thinking"))

    ride: object = {"type": "function", "function": {"name": "ride"}}
    lost = (("tool_choice",), True)
    assert chosen(None, FEED, RIDE) == (["feed", "ride"], None, ((), True))
    assert chosen(ToolChoice(), FEED) == (["feed"], "auto", ((), True))
    assert chosen(ToolChoice("none"), FEED) == (["feed"], "none", ((), True))
    assert chosen(ToolChoice("named", "ride"), FEED, RIDE) == (["feed", "ride"], ride, ((), True))
    assert chosen(ToolChoice("required"), RIDE) == (["ride"], ride, ((), True))
    assert chosen(ToolChoice("required"), FEED, RIDE) == (["feed", "ride"], "auto", lost)
    assert chosen(ToolChoice("required", allowed=("ride",)), FEED, RIDE) == (["ride"], ride, ((), True))
    assert chosen(ToolChoice("auto", allowed=("ride",)), FEED, RIDE) == (["ride"], "auto", ((), True))
    assert chosen(ToolChoice("required")) == ([], None, lost)
    thoughtless = Dialect(forced_tool_choice="without-thinking")
    assert chosen(ToolChoice("named", "ride"), RIDE, dialect=thoughtless) == (["ride"], ride, (("thinking",), False))
    never = Dialect(forced_tool_choice="never")
    assert chosen(ToolChoice("named", "ride"), FEED, RIDE, dialect=never) == (["ride"], "auto", lost)


def test_odd_tools() -> None:
    tools = (
        Tool(name="patch", custom=True),
        Tool(name="web_search", server=b"{}"),
        Tool(name="f", strict=True, cache="5m"),
    )
    request = asking(tools=tools, parallel_tool_calls=True)
    parameters = write(request)["parameters"]
    assert [tool["function"]["name"] for tool in parameters["tools"]] == ["patch", "f"]
    assert parameters["tools"][0]["function"]["parameters"]["required"] == ["input"]
    assert parameters["parallel_tool_calls"] is True
    assert dropped(request) == ("tools[].cache_control", "tools[].custom", "tools[].strict", "tools[].web_search")


def test_formats_are_written() -> None:
    form = OutputFormat("json_schema", {"type": "object"}, "horse", True)
    written = write(asking(output_format=form))["parameters"]["response_format"]
    assert written["json_schema"] == {"name": "horse", "schema": {"type": "object"}, "strict": True}


def test_a_conversation_with_calls_is_written() -> None:
    messages = (
        Message("developer", (Text(text="be brief"), Text(text="be kind"))),
        Message("user", (Text(text="hi"),), "Ann"),
        Message("assistant", (Text(text="I "), Text(text="see."), ToolCall(id="a", name="feed", arguments='{"x":'))),
        Message("tool", (ToolResult(call_id="a", content=(Text(text="fed"),), is_error=True),)),
        Message(
            "assistant", (ToolCall(id="é", name="ride"), ToolCall(id="c", name="patch", arguments="*", custom=True))
        ),
    )
    made = sent(*messages)[4]["tool_calls"][0]["id"]
    assert made.startswith("call_")
    assert sent(*messages) == [
        {"role": "system", "content": "be brief\n\nbe kind"},
        HI,
        {"role": "assistant", "content": "I see.", "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "feed", "arguments": '{"x":'}}]},
        {"role": "tool", "tool_call_id": "a", "content": "fed"},
        {"role": "assistant", "content": "", "tool_calls": [
            {"id": made, "type": "function", "function": {"name": "ride", "arguments": "{}"}},
            {"id": "c", "type": "function", "function": {"name": "patch", "arguments": '{"input":"*"}'}}]},
    ]  # fmt: skip
    assert dropped(asking(*messages)) == ("messages[].content[].is_error", "messages[].name")


def test_with_media_every_content_is_in_parts() -> None:
    file = Media(kind="image", file_id="oss://a/b.png", origin=OWN)
    film, text = Media(kind="video", url="https://example.org/a.mp4"), Media(kind="document", text="hay", name="list")
    messages = (
        Message("system", (Text(text="be brief"),)),
        Message("user", (PNG, file, film, text, Text(text="what?"))),
    )
    assert sent(*messages) == [
        {"role": "system", "content": [{"text": "be brief"}]},
        {"role": "user", "content": [
            {"image": "data:image/png;base64,AAAA"}, {"image": "oss://a/b.png"}, {"video": "https://example.org/a.mp4"},
            {"text": '<document title="list">\nhay\n</document>'}, {"text": "what?"}]},
    ]  # fmt: skip


def test_media_in_results_follow_behind_all_results() -> None:
    messages = (
        Message("tool", (ToolResult(call_id="a", content=(Text(text="one"), PNG)), ToolResult(call_id="b"))),
        Message("assistant", (Text(text="ok"),)),
    )
    assert [(m["role"], m["content"]) for m in sent(*messages)] == [
        ("tool", [{"text": "one"}, {"text": "[image: see the next user message]"}]),
        ("tool", [{"text": ""}]),
        ("user", [{"text": "From the result of tool call a:"}, {"image": "data:image/png;base64,AAAA"}]),
        ("assistant", [{"text": "ok"}]),
    ]
    assert sent(messages[0])[-1]["role"] == "user"
    inside = sent(*messages, dialect=Dialect(tool_result_media=True))
    assert inside[0]["content"] == [{"text": "one"}, {"image": "data:image/png;base64,AAAA"}]
    assert len(inside) == 3


@pytest.mark.parametrize(
    "media",
    [
        Media(kind="document", media_type="application/pdf", data="AAAA"),
        Media(kind="document", url="https://example.org/a.pdf"),
        Media(kind="image", file_id="file-1", origin=Origin("", "openai-responses", "")),
    ],
)
def test_media_that_the_wire_has_no_form_for_are_refused(media: Media) -> None:
    with pytest.raises(Unsupported, match=media.kind):
        sent(Message("user", (media,)))


def test_at_most_four_breakpoints_the_last_ones() -> None:
    parts = tuple(Text(text=str(number), cache="5m") for number in range(6))
    request = asking(Message("user", parts))
    [message] = write(request)["input"]["messages"]
    assert ["cache_control" in part for part in message["content"]] == [False, False, True, True, True, True]
    assert dropped(request) == ("messages[].cache_control",)
    assert dropped(asking(Message("user", parts[:4]))) == ()
    assert dropped(asking(Message("user", (Text(text="x", cache="1h"),)))) == ("messages[].cache_control",)


def test_late_system_text_where_a_dialect_refuses_it() -> None:
    messages = (Message("user", (Text(text="hi"),)), Message("system", (Text(text="be brief"),)))
    assert sent(*messages)[1] == {"role": "system", "content": "be brief"}
    late = {"role": "user", "content": "<system>\nbe brief\n</system>"}
    assert sent(*messages, dialect=Dialect(mid_system=False))[1] == late


def test_thinking_goes_back_only_where_a_dialect_wants_it_and_never_as_text() -> None:
    def back(part: Reasoning, policy: str) -> tuple[object, tuple[str, ...]]:
        request, dialect = asking(Message("assistant", (part, Text(text="ok")))), Dialect(reasoning_back=policy)  # pyright: ignore[reportArgumentType]
        [message] = write(request, dialect)["input"]["messages"]
        assert message["content"] == "ok"
        return message.get("reasoning_content"), dropped(request, dialect)

    lost = (None, ("messages[].reasoning",))
    assert back(Reasoning(text="Hm.", origin=OWN), "never") == lost
    assert back(Reasoning(text="Hm.", origin=OWN), "tool-turns") == lost
    assert back(Reasoning(text="Hm.", origin=OWN), "always") == ("Hm.", ())
    assert back(Reasoning(text="S3CRET", origin=Origin("", "anthropic", ""), opaque=b"{}"), "always") == lost


def test_opaque_blocks_and_marks_of_others_are_named() -> None:
    other = Origin("", "gemini", "")
    parts = (
        Text(text="", origin=other, opaque=b"{}"),
        ToolCall(id="a", name="f", cache="5m", origin=other, opaque=b"{}"),
    )
    messages = (Message("assistant", parts), Message("tool", (ToolResult(call_id="a", cache="5m"),)))
    assert dropped(asking(*messages)) == (
        "messages[].cache_control", "messages[].content[].opaque", "messages[].tool_calls[].opaque",
    )  # fmt: skip


@pytest.mark.slow
@given(requests(DASHSCOPE, media=False))
def test_a_request_comes_back_as_it_went_in(request: ChatRequest) -> None:
    back = dashscope.decode_request(dashscope.encode_request(request, Dialect(reasoning_back="always")).body)
    assert back.messages == request.messages
    assert [(t.name, t.description) for t in back.tools] == [(t.name, t.description) for t in request.tools]
    assert (back.max_tokens, back.sampling, back.stream) == (request.max_tokens, request.sampling, request.stream)
    assert back.output_format == request.output_format
