"""Requests of the wire, read from clients and written for servers."""

from typing import Any

import msgspec
import pytest
from hypothesis import given

from hostler.core.messages import Media, Message, Origin, Reasoning, Refusal, Text, ToolCall, ToolResult
from hostler.core.requests import ChatRequest, OutputFormat, ReasoningOptions, Sampling, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import OLLAMA
from hostler.errors import Unsupported, WireError
from hostler.wire import ollama
from hostler.wire.dialects import PLAIN, Dialect, ModelRule
from tests.wire.strategies import requests

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB"
HI = {"role": "user", "content": "hi"}
FEED = Tool(name="feed", description="Feeds a horse.", parameters={"type": "object", "properties": {}})


def read(**fields: object) -> ChatRequest:
    return ollama.decode_request(msgspec.json.encode({"model": "m", "messages": [HI], **fields}))


def said(*messages: object) -> tuple[Message, ...]:
    return read(messages=messages).messages


def write(request: ChatRequest, dialect: Dialect = PLAIN) -> dict[str, Any]:
    return msgspec.json.decode(ollama.encode_request(request, dialect).body)


def asking(*messages: Message, **fields: object) -> ChatRequest:
    return ChatRequest(model="m", messages=messages or (Message("user", (Text(text="hi"),)),), **fields)  # pyright: ignore[reportArgumentType]


# ------------------------------------------------------------------------------------------- read from clients


def test_streams_are_the_default() -> None:
    assert read().stream
    assert read(stream=None).stream
    assert not read(stream=False).stream


def test_a_plain_request_holds_nothing_else() -> None:
    request = read(options=None, tools=[], format="", truncate=True, logprobs=False, keep_alive=None)
    assert request == ChatRequest(
        model="m", messages=(Message("user", (Text(text="hi"),)),), stream=True, include_usage=True, wire=OLLAMA
    )


def test_options_are_read_and_others_survive() -> None:
    request = read(
        options={
            "temperature": 0, "top_p": 0.5, "top_k": 40.0, "min_p": 0.1, "seed": 7, "presence_penalty": 1,
            "frequency_penalty": 0.5, "stop": ["a", "b"], "num_predict": 99, "num_ctx": 8192, "repeat_penalty": 1.1,
        },
        keep_alive="5m",
        truncate=False,
    )  # fmt: skip
    assert request.max_tokens == 99
    assert request.sampling == Sampling(
        temperature=0, top_p=0.5, top_k=40, min_p=0.1, seed=7, presence_penalty=1, frequency_penalty=0.5,
        stop=("a", "b"),
    )  # fmt: skip
    assert request.extra == {
        "options.num_ctx": 8192, "options.repeat_penalty": 1.1, "keep_alive": "5m", "truncate": False,
    }  # fmt: skip


@pytest.mark.parametrize("limit", [-1, -2, 0])
def test_no_limit_is_no_limit(limit: int) -> None:
    request = read(options={"num_predict": limit, "seed": -1, "stop": "x"})
    assert (request.max_tokens, request.sampling) == (None, Sampling(stop=("x",)))


@pytest.mark.parametrize(
    ("think", "expected"),
    [
        (True, ReasoningOptions("on")),
        (False, ReasoningOptions("off")),
        ("low", ReasoningOptions(effort="low")),
        ("max", ReasoningOptions(effort="max")),
        (None, None),
    ],
)
def test_thinking_is_asked_for_in_each_form(think: object, expected: ReasoningOptions | None) -> None:
    assert read(think=think).reasoning == expected


def test_formats_are_json_or_a_schema() -> None:
    assert read(format="json").output_format == OutputFormat("json_object")
    assert read(format={"type": "object"}).output_format == OutputFormat("json_schema", {"type": "object"})


def test_tools_are_read() -> None:
    function = {"name": "feed", "description": "Feeds a horse.", "parameters": dict(FEED.parameters)}
    assert read(tools=[{"type": "function", "function": function}]).tools == (FEED,)
    assert read(tools=[{"function": function}]).tools == (FEED,)


def test_roles_are_read_in_any_case() -> None:
    messages = said({"role": "System", "content": "be brief"}, {"role": "USER", "content": "hi"})
    assert [message.role for message in messages] == ["system", "user"]


def test_images_are_told_apart_by_their_bytes() -> None:
    [message] = said({"role": "user", "content": "what?", "images": [PNG, "data:image/webp;base64,AAAA"]})
    assert message.parts == (
        Text(text="what?"),
        Media(kind="image", media_type="image/png", data=PNG),
        Media(kind="image", media_type="image/webp", data="AAAA"),
    )


def test_contents_in_parts_are_read_too() -> None:
    [message] = said({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]})
    assert message.parts == (Text(text="a"), Text(text="b"))


def test_calls_without_ids_become_two_and_their_results_find_them() -> None:
    call = {"function": {"name": "weather", "arguments": {"city": "Oslo"}}}
    messages = said(
        HI,
        {"role": "assistant", "content": "", "thinking": "Two.", "tool_calls": [call, call]},
        {"role": "tool", "content": "rain", "tool_name": "weather"},
        {"role": "tool", "content": "sun", "tool_name": "weather"},
    )
    assert messages[1].parts == (
        Reasoning(text="Two.", origin=Origin("", OLLAMA, "")),
        ToolCall(id="call_1_0", name="weather", arguments='{"city":"Oslo"}'),
        ToolCall(id="call_1_1", name="weather", arguments='{"city":"Oslo"}'),
    )
    results = [part for message in messages[2:] for part in message.parts]
    assert results == [
        ToolResult(call_id="call_1_0", content=(Text(text="rain"),), name="weather"),
        ToolResult(call_id="call_1_1", content=(Text(text="sun"),), name="weather"),
    ]


def test_ids_of_made_calls_stay_the_same_while_a_history_grows() -> None:
    turn = [HI, {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": None}}]}]
    later = [*turn, {"role": "tool", "content": "1"}, *turn]
    ids = [part.id for message in said(*later) for part in message.parts if isinstance(part, ToolCall)]
    assert said(*turn)[1].parts == (ToolCall(id=ids[0], name="f"),)
    assert len(set(ids)) == 2


@pytest.mark.parametrize(
    ("result", "call_id"),
    [
        ({"tool_call_id": "b"}, "b"),
        ({"tool_name": "g"}, "b"),
        ({"name": "g"}, "b"),
        ({}, "a"),
        ({"tool_name": "other"}, "a"),
    ],
)
def test_results_find_their_call_by_id_then_name_then_order(result: dict[str, str], call_id: str) -> None:
    calls = [{"id": "a", "function": {"name": "f"}}, {"id": "b", "function": {"name": "g", "arguments": "{}"}}]
    messages = said({"role": "assistant", "tool_calls": calls}, {"role": "tool", "content": "1", **result})
    part = messages[1].parts[0]
    assert isinstance(part, ToolResult) and part.call_id == call_id


def test_a_result_with_an_id_finds_a_call_that_lost_its_own() -> None:
    calls = [{"function": {"name": "f"}}]
    messages = said({"role": "assistant", "tool_calls": calls}, {"role": "tool", "content": "1", "tool_call_id": "x"})
    part = messages[1].parts[0]
    assert isinstance(part, ToolResult) and part.call_id == "call_0_0"


def test_arguments_that_had_to_be_wrapped_come_back() -> None:
    [message] = said(
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"INVALID_JSON": "{"}}}]}
    )
    assert message.parts == (ToolCall(id="call_0_0", name="f", arguments="{"),)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"[]", "object"),
        (b"{}", "model"),
        (b'{"model":"m","messages":{}}', "messages"),
        (b'{"model":"m","messages":[1]}', r"messages\[0\]"),
        (b'{"model":"m","messages":[{"content":"x"}]}', r"messages\[0\].role"),
        (b'{"model":"m","messages":[{"role":"narrator"}]}', r"messages\[0\].role"),
        (b'{"model":"m","messages":[{"role":"tool","content":"x"}]}', r"messages\[0\]: no call"),
        (b'{"model":"m","messages":[{"role":"user","images":[1]}]}', r"messages\[0\].images\[0\]"),
        (b'{"model":"m","messages":[{"role":"assistant","tool_calls":[{}]}]}', r"tool_calls\[0\].function"),
        (b'{"model":"m","options":{"temperature":"hot"}}', "options.temperature"),
        (b'{"model":"m","options":{"stop":[1]}}', r"options.stop\[0\]"),
        (b'{"model":"m","think":"hard"}', "think"),
        (b'{"model":"m","format":7}', "format"),
        (b'{"model":"m","stream":"yes"}', "stream"),
        (b'{"model":', "JSON"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(body: bytes, place: str) -> None:
    with pytest.raises(WireError, match=place):
        ollama.decode_request(body)


def test_requests_without_messages_load_and_unload() -> None:
    assert ollama.loading(read()) == ""
    assert ollama.loading(read(messages=[])) == "load"
    assert ollama.loading(read(messages=None, keep_alive="10m")) == "load"
    assert ollama.loading(read(messages=[], keep_alive=0)) == "unload"
    assert ollama.loading(ollama.generate.decode_request(b'{"model":"m"}')) == "load"
    assert ollama.loading(ollama.generate.decode_request(b'{"model":"m","prompt":"","keep_alive":0}')) == "unload"


def test_a_prompt_is_a_conversation_of_one_message() -> None:
    body = {"model": "m", "prompt": "def f(", "system": "code", "suffix": ")", "raw": True, "template": "",
            "images": [PNG], "context": [1, 2], "options": {"num_predict": 5}}  # fmt: skip
    request = ollama.generate.decode_request(msgspec.json.encode(body))
    assert request.stream
    assert request.messages == (
        Message("system", (Text(text="code"),)),
        Message("user", (Text(text="def f("), Media(kind="image", media_type="image/png", data=PNG))),
    )
    assert (request.max_tokens, request.extra) == (5, {"suffix": ")", "raw": True, "context": [1, 2]})
    assert msgspec.json.decode(ollama.generate.encode_request(request, PLAIN).body) == {
        key: value for key, value in body.items() if value != ""
    } | {"stream": True}


def test_a_conversation_is_no_prompt() -> None:
    messages = (Message("user", (Text(text="a"),)), Message("assistant", (Text(text="b"),)))
    with pytest.raises(Unsupported):
        ollama.generate.encode_request(asking(*messages), PLAIN)
    encoded = ollama.generate.encode_request(asking(tools=(FEED,)), PLAIN)
    assert encoded.dropped == ("tools",)
    assert b"tools" not in encoded.body


# ------------------------------------------------------------------------------------------- written for servers


def test_whether_to_stream_is_always_said() -> None:
    assert write(asking()) == {"model": "m", "messages": [HI], "stream": False}
    assert write(asking(stream=True))["stream"] is True


def test_settings_are_written_as_options() -> None:
    sampling = Sampling(temperature=0.0, top_p=0.5, top_k=4, min_p=0.1, seed=3, presence_penalty=1, stop=("x",))
    body = write(asking(max_tokens=9, sampling=sampling), Dialect(num_ctx=8192, forbidden=("min_p",)))
    assert body["options"] == {
        "num_ctx": 8192, "num_predict": 9, "temperature": 0.0, "top_p": 0.5, "top_k": 4, "seed": 3,
        "presence_penalty": 1, "stop": ["x"],
    }  # fmt: skip
    assert ollama.encode_request(asking(sampling=sampling), Dialect(forbidden=("min_p",))).dropped == ("min_p",)


def test_the_client_knows_better_which_window_it_wants() -> None:
    request = read(options={"num_ctx": 512, "mirostat": 1}, keep_alive="1h", shift=False)
    body = write(request, Dialect(num_ctx=8192))
    assert body["options"] == {"num_ctx": 512, "mirostat": 1}
    assert (body["keep_alive"], body["shift"]) == ("1h", False)


@pytest.mark.parametrize(
    ("options", "think", "dropped"),
    [
        (ReasoningOptions("on"), True, ()),
        (ReasoningOptions("off"), False, ()),
        (ReasoningOptions(effort="none"), False, ()),
        (ReasoningOptions("adaptive"), None, ()),
        (ReasoningOptions(effort="minimal"), "low", ("reasoning_effort",)),
        (ReasoningOptions(effort="medium"), "medium", ()),
        (ReasoningOptions(effort="xhigh"), "high", ("reasoning_effort",)),
        (ReasoningOptions("on", budget=4096), "medium", ("thinking.budget_tokens",)),
        (ReasoningOptions(effort="max", hidden=True), "max", ("thinking.display",)),
    ],
)
def test_efforts_become_levels(options: ReasoningOptions, think: object, dropped: tuple[str, ...]) -> None:
    encoded = ollama.encode_request(asking(reasoning=options), PLAIN)
    assert msgspec.json.decode(encoded.body).get("think") == think
    assert encoded.dropped == dropped


def test_a_dialect_without_levels_switches_thinking_on() -> None:
    assert write(asking(reasoning=ReasoningOptions(effort="low")), Dialect(efforts=()))["think"] is True


def test_formats_are_written() -> None:
    form = OutputFormat("json_schema", {"type": "object"}, "name", True, "what it is")
    encoded = ollama.encode_request(asking(output_format=form), PLAIN)
    assert msgspec.json.decode(encoded.body)["format"] == {"type": "object"}
    assert encoded.dropped == ("response_format.json_schema.description",)
    assert write(asking(output_format=OutputFormat("json_object")))["format"] == "json"
    encoded = ollama.encode_request(asking(output_format=form), Dialect(json_schema=False))
    assert msgspec.json.decode(encoded.body)["format"] == "json"
    assert "response_format.json_schema" in encoded.dropped


def test_tools_and_their_choice() -> None:
    other = Tool(name="ride", strict=True)
    body = write(asking(tools=(FEED, other), tool_choice=ToolChoice("auto")))
    functions: list[dict[str, object]] = [
        {"name": "feed", "description": "Feeds a horse.", "parameters": dict(FEED.parameters)},
        {"name": "ride", "description": "", "parameters": {"type": "object", "properties": {}}},
    ]
    assert body["tools"] == [{"type": "function", "function": function} for function in functions]
    assert "tools" not in write(asking(tools=(FEED,), tool_choice=ToolChoice("none")))
    named = ollama.encode_request(asking(tools=(FEED, other), tool_choice=ToolChoice("named", "ride")), PLAIN)
    assert [tool["function"]["name"] for tool in msgspec.json.decode(named.body)["tools"]] == ["ride"]
    assert named.dropped == ("tool_choice", "tools[].strict")
    allowed = write(asking(tools=(FEED, other), tool_choice=ToolChoice("auto", allowed=("feed",))))
    assert len(allowed["tools"]) == 1


def test_free_form_and_server_tools() -> None:
    free = Tool(name="patch", custom=True, parameters={"type": "grammar", "definition": "start: WORD"})
    search = Tool(name="web_search", server=b'{"type":"web_search"}')
    encoded = ollama.encode_request(asking(tools=(free, search)), PLAIN)
    [tool] = msgspec.json.decode(encoded.body)["tools"]
    assert tool["function"]["parameters"]["required"] == ["input"]
    assert "start: WORD" in tool["function"]["description"]
    assert encoded.dropped == ("tools[].custom", "tools[].web_search")


def test_a_conversation_with_calls_is_written() -> None:
    messages = (
        Message("system", (Text(text="be brief"), Text(text="be kind"))),
        Message("user", (Text(text="look"), Media(kind="image", media_type="image/png", data=PNG))),
        Message("assistant", (Text(text="I "), Text(text="see."), ToolCall(id="a", name="feed", arguments='{"x":1}'))),
        Message("tool", (ToolResult(call_id="a", content=(Text(text="fed"),)),)),
        Message("assistant", (Refusal(text="No more."),)),
    )
    assert write(asking(*messages))["messages"] == [
        {"role": "system", "content": "be brief\n\nbe kind"},
        {"role": "user", "content": "look", "images": [PNG]},
        {"role": "assistant", "content": "I see.", "tool_calls": [
            {"id": "a", "function": {"name": "feed", "arguments": {"x": 1}}}]},
        {"role": "tool", "content": "fed", "tool_call_id": "a", "tool_name": "feed"},
        {"role": "assistant", "content": "No more."},
    ]  # fmt: skip


def test_images_in_results_follow_behind_all_results() -> None:
    image = Media(kind="image", media_type="image/png", data=PNG)
    messages = (
        Message("tool", (ToolResult(call_id="a", content=(Text(text="one"), image)),)),
        Message("tool", (ToolResult(call_id="b", content=(Text(text="two"),)),)),
        Message("assistant", (Text(text="ok"),)),
    )
    assert write(asking(*messages))["messages"] == [
        {"role": "tool", "content": "one\n\n[image: see the next user message]", "tool_call_id": "a"},
        {"role": "tool", "content": "two", "tool_call_id": "b"},
        {"role": "user", "content": "From the result of tool call a:", "images": [PNG]},
        {"role": "assistant", "content": "ok"},
    ]
    assert len(write(asking(*messages[:2]))["messages"]) == 3
    [first, *_] = write(asking(*messages), Dialect(tool_result_media=True))["messages"]
    assert first == {"role": "tool", "content": "one", "tool_call_id": "a", "images": [PNG]}


def test_rules_of_a_dialect_count_for_their_models() -> None:
    dialect = Dialect(models=(ModelRule(pattern="^m$", efforts=("high",), forbidden=("seed",)),))
    request = asking(reasoning=ReasoningOptions(effort="low"), sampling=Sampling(seed=1))
    assert write(request, dialect) == {"model": "m", "messages": [HI], "stream": False, "think": "high"}


def test_late_system_text_where_a_dialect_refuses_it() -> None:
    messages = (Message("user", (Text(text="hi"),)), Message("developer", (Text(text="be brief"),)))
    assert write(asking(*messages))["messages"] == [HI, {"role": "system", "content": "be brief"}]
    assert write(asking(*messages), Dialect(mid_system=False))["messages"] == [
        HI, {"role": "user", "content": "<system>\nbe brief\n</system>"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    "media",
    [
        Media(kind="image", url="https://example.org/a.png"),
        Media(kind="image", file_id="file-1"),
        Media(kind="document", media_type="application/pdf", data="AAAA"),
        Media(kind="video", media_type="video/mp4", data="AAAA"),
    ],
)
def test_media_that_the_wire_has_no_form_for_are_refused(media: Media) -> None:
    with pytest.raises(Unsupported, match=media.kind):
        ollama.encode_request(asking(Message("user", (media,))), PLAIN)


def test_documents_as_text_and_sound_as_data_are_written() -> None:
    parts = (Media(kind="document", text="hay", name="list"), Media(kind="audio", media_type="audio/wav", data="UklG"))
    assert write(asking(Message("user", parts)))["messages"] == [
        {"role": "user", "content": '<document title="list">\nhay\n</document>', "images": ["UklG"]}
    ]


def test_thinking_goes_back_where_it_belongs_and_never_becomes_text() -> None:
    call = ToolCall(id="a", name="f")

    def sent(part: Reasoning, policy: str = "never") -> tuple[object, tuple[str, ...]]:
        dialect = Dialect(reasoning_back=policy)  # pyright: ignore[reportArgumentType]
        encoded = ollama.encode_request(asking(Message("assistant", (part, call))), dialect)
        [message] = msgspec.json.decode(encoded.body)["messages"]
        assert message["content"] == ""
        return message.get("thinking"), encoded.dropped

    own, foreign = Origin("", OLLAMA, ""), Origin("", "anthropic", "")
    assert sent(Reasoning(text="Hm.", origin=own)) == ("Hm.", ())
    assert sent(Reasoning(text="Hm.")) == ("Hm.", ())
    assert sent(Reasoning(text="Hm.", origin=foreign)) == (None, ("messages[].reasoning",))
    assert sent(Reasoning(text="Hm.", origin=foreign), "tool-turns") == ("Hm.", ())
    assert sent(Reasoning(text="S3CRET", origin=foreign, opaque=b"{}"), "always") == (None, ("messages[].reasoning",))
    assert sent(Reasoning(redacted=True, origin=foreign, opaque=b"{}")) == (None, ("messages[].reasoning",))


def test_what_has_no_place_is_named() -> None:
    messages = (
        Message("user", (Text(text="hi", cache="5m"),), "Ann"),
        Message("assistant", (
            Text(text="", origin=Origin("", "gemini", ""), opaque=b"{}"),
            ToolCall(id="a", name="f", arguments="{bad", origin=Origin("", "gemini", ""), opaque=b"{}"),
        )),
        Message("tool", (ToolResult(call_id="a", content=(Text(text="1"),), is_error=True),)),
    )  # fmt: skip
    request = asking(
        *messages, parallel_tool_calls=False, user="u", wire="openai-chat", extra={"logit_bias": {}, "n": None}
    )
    encoded = ollama.encode_request(request, PLAIN)
    assert encoded.dropped == (
        "logit_bias", "messages[].cache_control", "messages[].content[].is_error", "messages[].content[].opaque",
        "messages[].name", "messages[].tool_calls[].arguments", "messages[].tool_calls[].opaque",
        "parallel_tool_calls", "user",
    )  # fmt: skip
    assert b"{bad" in encoded.body


@pytest.mark.slow
@given(requests(OLLAMA, media=False))
def test_a_request_comes_back_as_it_went_in(request: ChatRequest) -> None:
    if request.tool_choice is not None:
        request = ChatRequest(model=request.model, messages=request.messages, tools=request.tools, wire=OLLAMA)
    back = ollama.decode_request(ollama.encode_request(request, PLAIN).body)
    names = {part.id: part.name for m in request.messages for part in m.parts if isinstance(part, ToolCall)}
    for before, after in zip(request.messages, back.messages, strict=True):
        assert after.role == before.role
        for one, other in zip(before.parts, after.parts, strict=True):
            if isinstance(one, ToolResult):
                assert other == ToolResult(call_id=one.call_id, content=one.content, name=names[one.call_id])
            elif isinstance(one, ToolCall):
                assert isinstance(other, ToolCall)
                assert (other.id, other.name) == (one.id, one.name)
                assert msgspec.json.decode(other.arguments) == msgspec.json.decode(one.arguments)
            else:
                assert other == one
    assert [tool.name for tool in back.tools] == [tool.name for tool in request.tools]
    assert (back.max_tokens, back.sampling, back.stream) == (request.max_tokens, request.sampling, request.stream)
