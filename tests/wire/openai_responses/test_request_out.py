"""What is sent to an upstream of the Responses wire for requests of other wires, and what is named as lost."""

from dataclasses import replace
from typing import cast

import msgspec
import pytest

from hostler.core.messages import Media, Message, Origin, Reasoning, Refusal, Text, ToolCall, ToolResult
from hostler.core.requests import ChatRequest, OutputFormat, ReasoningOptions, Sampling, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import ANTHROPIC, OPENAI_CHAT
from hostler.errors import Unsupported
from hostler.wire import openai_responses as wire
from hostler.wire.dialects import PLAIN, Dialect, ModelRule

Json = dict[str, object]
HELLO = Message("user", (Text(text="hi"),))
PLAINLY = ChatRequest(model="m", messages=(HELLO,), wire=OPENAI_CHAT)
FEED = Tool(name="feed", description="Feed.", parameters={"type": "object"})


def talk(*messages: Message) -> ChatRequest:
    """A chat client's request with these messages."""
    return replace(PLAINLY, messages=messages)


def sent(request: ChatRequest, dialect: Dialect = PLAIN) -> Json:
    """The body for a request."""
    return msgspec.json.decode(wire.encode_request(request, dialect).body, type=Json)


def items(request: ChatRequest, dialect: Dialect = PLAIN) -> list[Json]:
    """The input items for a request."""
    return cast("list[Json]", sent(request, dialect)["input"])


def lost(request: ChatRequest, dialect: Dialect = PLAIN) -> tuple[str, ...]:
    """What is named as dropped."""
    return wire.encode_request(request, dialect).dropped


def test_a_plain_request() -> None:
    assert sent(PLAINLY) == {
        "model": "m",
        "store": False,
        "input": [{"type": "message", "role": "user", "content": "hi"}],
    }
    assert lost(PLAINLY) == ()


def test_leading_system_text_becomes_instructions() -> None:
    system = Message("system", (Text(text="Be brief."), Text(text="Be kind.", cache="5m")))
    request = talk(system, HELLO, Message("system", (Text(text="Now."),)), Message("developer", (Text(text="So."),)))
    body = sent(request)
    assert body["instructions"] == "Be brief.\n\nBe kind."
    assert [item["role"] for item in cast("list[Json]", body["input"])] == ["user", "system", "developer"]
    assert lost(request) == ("messages[].cache_control",)
    assert [item["role"] for item in items(request, Dialect(developer_role=False))] == ["user", "system", "system"]


def test_a_conversation_with_calls_in_a_row() -> None:
    said = Message(
        "assistant",
        (Text(text="Both."), ToolCall(id="a", name="feed", arguments='{"x":1}'), ToolCall(id="b", name="feed")),
    )
    results = Message(
        "user", (ToolResult(call_id="a", content=(Text(text="ok"),)), ToolResult(call_id="b"), Text(text="?"))
    )
    assert items(talk(HELLO, said, results))[1:] == [
        {"type": "message", "role": "assistant", "content": "Both."},
        {"type": "function_call", "call_id": "a", "name": "feed", "arguments": '{"x":1}'},
        {"type": "function_call", "call_id": "b", "name": "feed", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "ok"},
        {"type": "function_call_output", "call_id": "b", "output": ""},
        {"type": "message", "role": "user", "content": "?"},
    ]


def test_bad_arguments_go_out_as_they_are() -> None:
    said = Message("assistant", (ToolCall(id="a", name="feed", arguments='{"x": '),))
    assert items(talk(said))[0]["arguments"] == '{"x": '


def test_ids_of_other_wires_are_made_to_fit_on_both_sides() -> None:
    call, result = items(
        talk(
            Message("assistant", (ToolCall(id="functions.feed:0", name="feed"),)),
            Message("tool", (ToolResult(call_id="functions.feed:0"),)),
        )
    )
    assert call["call_id"] == result["call_id"] != "functions.feed:0"


def test_media_in_every_form() -> None:
    parts = (
        Media(kind="image", media_type="image/png", data="AAAA"),
        Media(kind="image", url="https://x.org/a.png", detail="low"),
        Media(kind="image", file_id="file-1"),
        Media(kind="document", media_type="application/pdf", data="AAAA", name="a.pdf"),
        Media(kind="document", url="https://x.org/a.pdf"),
        Media(kind="document", file_id="file-2"),
        Media(kind="document", text="plain", name="a.txt"),
        Media(kind="audio", media_type="audio/wav", data="AAAA"),
    )
    [message] = items(talk(Message("user", parts)))
    assert message["content"] == [
        {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,AAAA"},
        {"type": "input_image", "detail": "low", "image_url": "https://x.org/a.png"},
        {"type": "input_image", "detail": "auto", "file_id": "file-1"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"},
        {"type": "input_file", "file_url": "https://x.org/a.pdf"},
        {"type": "input_file", "file_id": "file-2"},
        {"type": "input_text", "text": '<document title="a.txt">\nplain\n</document>'},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
    ]


@pytest.mark.parametrize(
    "media",
    [
        Media(kind="video", url="https://x.org/a.mp4"),
        Media(kind="audio", url="https://x.org/a.wav"),
        Media(kind="audio", media_type="audio/ogg", data="AAAA"),
        Media(kind="image", file_id="file_1", origin=Origin("", ANTHROPIC, "")),
    ],
)
def test_media_without_a_form_are_refused_with_their_place(media: Media) -> None:
    with pytest.raises(Unsupported, match=r"messages\[0\].content\[0\]"):
        sent(talk(Message("user", (media,))))


def test_an_image_in_a_result_stays_in_it() -> None:
    result = ToolResult(call_id="a", content=(Text(text="see"), Media(kind="image", url="https://x.org/a.png")))
    output = items(talk(Message("tool", (result,))))[0]["output"]
    assert [part["type"] for part in cast("list[Json]", output)] == ["input_text", "input_image"]


def test_a_refusal_stays_one() -> None:
    [message] = items(talk(Message("assistant", (Refusal(text="No."),))))
    assert message["content"] == [{"type": "refusal", "refusal": "No."}]


@pytest.mark.parametrize("origin", [None, Origin("", ANTHROPIC, ""), Origin("", OPENAI_CHAT, "")])
def test_others_thinking_is_neither_sent_nor_shown(origin: Origin | None) -> None:
    opaque = b'{"type":"thinking","signature":"S3CRET"}'
    said = Message("assistant", (Reasoning(text="S3CRET", origin=origin, opaque=opaque), Text(text="ok")))
    encoded = wire.encode_request(talk(said), PLAIN)
    assert b"S3CRET" not in encoded.body
    assert encoded.dropped == ("messages[].reasoning",)


def test_readable_thinking_goes_back_to_servers_that_want_it() -> None:
    said = Message("assistant", (Reasoning(text="Oats?"), ToolCall(id="a", name="feed")))
    reasoning, _ = items(talk(said), Dialect(reasoning_back="tool-turns"))
    assert reasoning["content"] == [{"type": "reasoning_text", "text": "Oats?"}]


@pytest.mark.parametrize(
    ("options", "reasoning", "dropped"),
    [
        (ReasoningOptions(effort="high"), {"effort": "high", "summary": "auto"}, ()),
        (ReasoningOptions(effort="high", hidden=True), {"effort": "high"}, ()),
        (ReasoningOptions(mode="off"), {"effort": "none"}, ()),
        (
            ReasoningOptions(mode="on", budget=4000),
            {"effort": "medium", "summary": "auto"},
            ("thinking.budget_tokens",),
        ),
        (ReasoningOptions(mode="adaptive"), None, ("thinking",)),
    ],
)
def test_reasoning_options(options: ReasoningOptions, reasoning: object, dropped: tuple[str, ...]) -> None:
    request = replace(PLAINLY, reasoning=options)
    assert sent(request).get("reasoning") == reasoning
    assert lost(request) == dropped


def test_an_effort_that_the_vendor_lacks_becomes_the_nearest() -> None:
    request, dialect = replace(PLAINLY, reasoning=ReasoningOptions(effort="max")), Dialect(efforts=("low", "high"))
    assert cast("Json", sent(request, dialect)["reasoning"])["effort"] == "high"
    assert lost(request, dialect) == ("reasoning_effort",)


def test_tools_of_wires_that_mean_no_strict_schema_by_silence() -> None:
    request = replace(PLAINLY, tools=(FEED, Tool(name="p", custom=True), Tool(name="s", strict=True)))
    feed, custom, strict = cast("list[Json]", sent(request)["tools"])
    assert (feed["type"], feed["name"], feed["strict"]) == ("function", "feed", False)
    assert custom == {"type": "custom", "name": "p"}
    assert strict["strict"] is True


def test_another_wires_server_tool_is_named() -> None:
    request = replace(PLAINLY, tools=(Tool(name="web_search", server=b"{}"),), tool_choice=ToolChoice("required"))
    assert "tools" not in sent(request)
    assert lost(request) == ("tool_choice", "tools[].web_search")


@pytest.mark.parametrize(
    ("choice", "written"),
    [
        (ToolChoice("auto"), "auto"),
        (ToolChoice("none"), "none"),
        (ToolChoice("required"), "required"),
        (ToolChoice("named", "feed"), {"type": "function", "name": "feed"}),
        (
            ToolChoice("auto", allowed=("feed",)),
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "feed"}]},
        ),
    ],
)
def test_tool_choice(choice: ToolChoice, written: object) -> None:
    request = replace(PLAINLY, tools=(FEED, Tool(name="groom")), tool_choice=choice, parallel_tool_calls=False)
    assert sent(request)["tool_choice"] == written
    assert sent(request)["parallel_tool_calls"] is False


def test_a_named_choice_where_only_words_are_understood() -> None:
    request = replace(PLAINLY, tools=(FEED, Tool(name="groom")), tool_choice=ToolChoice("named", "feed"))
    body = sent(request, Dialect(named_tool_choice=False))
    assert body["tool_choice"] == "required"
    assert [tool["name"] for tool in cast("list[Json]", body["tools"])] == ["feed"]


def test_structured_output() -> None:
    schema: Json = {"type": "object"}
    request = replace(PLAINLY, output_format=OutputFormat("json_schema", schema, strict=True))
    fields: Json = {}
    needed: list[str] = []
    closed: Json = {**schema, "properties": fields, "required": needed, "additionalProperties": False}
    form: Json = {"type": "json_schema", "name": "reply", "schema": closed, "strict": True}
    assert sent(request)["text"] == {"format": form}
    assert sent(request, Dialect(json_schema=False))["text"] == {"format": {"type": "json_object"}}
    assert lost(request, Dialect(json_schema=False)) == ("response_format.json_schema",)


def test_sampling_that_the_wire_lacks_is_named() -> None:
    request = replace(PLAINLY, sampling=Sampling(temperature=0.0, top_k=3, seed=0, stop=("x",), presence_penalty=1.0))
    assert sent(request)["temperature"] == 0.0
    assert lost(request) == ("presence_penalty", "seed", "stop", "top_k")


def test_a_limit_below_what_the_vendor_takes_is_raised_and_named() -> None:
    assert sent(replace(PLAINLY, max_tokens=100))["max_output_tokens"] == 100
    assert sent(replace(PLAINLY, max_tokens=5))["max_output_tokens"] == 16
    assert lost(replace(PLAINLY, max_tokens=5)) == ("max_tokens",)


def test_a_long_user_is_told_by_a_digest() -> None:
    assert sent(replace(PLAINLY, user="u1"))["user"] == "u1"
    digests = {str(sent(replace(PLAINLY, user="u" * 70 + end))["user"]) for end in "ab"}
    assert {len(digest) for digest in digests} == {64}
    assert len(digests) == 2


def test_forbidden_fields_and_fields_of_other_wires_are_named() -> None:
    request = replace(PLAINLY, sampling=Sampling(temperature=1.0), extra={"logit_bias": {}}, stream=True)
    assert sent(request)["stream"] is True
    assert lost(request, Dialect(forbidden=("temperature",))) == ("logit_bias", "temperature")


def test_a_model_may_speak_a_dialect_of_its_own() -> None:
    dialect = Dialect(models=(ModelRule(pattern="^m", forbidden=("temperature",)),), renamed=(("user", "who"),))
    request = replace(PLAINLY, sampling=Sampling(temperature=1.0), user="u")
    assert "temperature" not in sent(request, dialect) and sent(request, dialect)["who"] == "u"
    assert lost(request, dialect) == ("temperature",)


def test_schemas_are_written_as_the_vendor_accepts_them() -> None:
    schema: Json = {"type": "object", "properties": {"a": {"type": "string"}}}
    tool = Tool(name="s", parameters=schema, strict=True)
    request = replace(PLAINLY, tools=(tool,), output_format=OutputFormat("json_schema", schema, strict=True))
    body = sent(request)
    form = cast("Json", cast("Json", body["text"])["format"])
    for written in (form["schema"], cast("list[Json]", body["tools"])[0]["parameters"]):
        assert cast("Json", written)["required"] == ["a"]
        assert cast("Json", written)["additionalProperties"] is False


def test_the_cache_key_goes_along() -> None:
    assert sent(replace(PLAINLY, cache_key="k"))["prompt_cache_key"] == "k"


def test_a_system_message_with_more_than_text_stays_a_message() -> None:
    parts = (Text(text="See."), Media(kind="image", url="https://x.org/a.png"))
    [first, _] = items(talk(Message("system", parts), HELLO))
    assert (first["role"], len(cast("list[Json]", first["content"]))) == ("system", 2)
