"""What clients of the Responses wire send, and what becomes of it. Every case is read through the public door."""

import base64
from typing import cast

import msgspec
import pytest

from hostler.core.messages import Media, Message, Origin, Reasoning, Refusal, Text, ToolCall, ToolResult
from hostler.core.requests import ChatRequest, OutputFormat, ReasoningOptions, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import OPENAI_RESPONSES
from hostler.errors import WireError
from hostler.wire import openai_responses as wire
from hostler.wire.dialects import PLAIN
from hostler.wire.stored_items import continued, input_items

Json = dict[str, object]
OURS = Origin("", OPENAI_RESPONSES, "")
DATA = base64.b64encode(b"bytes").decode()


def asked(**fields: object) -> ChatRequest:
    """The request that a body with these fields is."""
    return wire.decode_request(msgspec.json.encode({"model": "m", "input": "hi", **fields}))


def items(*given: object) -> tuple[Message, ...]:
    """The messages that input items are."""
    return asked(input=list(given)).messages


def again(request: ChatRequest) -> dict[str, object]:
    """The body that is sent for a request to an upstream of the same wire."""
    return msgspec.json.decode(wire.encode_request(request, PLAIN).body, type=dict[str, object])


def test_a_plain_input_is_what_the_user_says() -> None:
    request = asked(instructions="Be brief.")
    assert request.messages == (Message("system", (Text(text="Be brief."),)), Message("user", (Text(text="hi"),)))
    assert (request.model, request.wire, request.stream, request.include_usage) == ("m", OPENAI_RESPONSES, False, True)


@pytest.mark.parametrize("role", ["user", "system", "developer"])
def test_messages_keep_their_role_with_and_without_a_type(role: str) -> None:
    [plain] = items({"role": role, "content": "x"})
    [typed] = items({"type": "message", "role": role, "content": [{"type": "input_text", "text": "x"}]})
    assert (plain.role, plain.parts) == (typed.role, typed.parts) == (role, (Text(text="x"),))


def test_what_the_model_said_in_a_row_is_one_message() -> None:
    messages = items(
        {"role": "user", "content": "go"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "S3CRET"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Going."}]},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "c2", "name": "g", "arguments": '{"a": 1}'},
        {"type": "function_call_output", "call_id": "c2", "output": "2"},
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
    )
    assert [message.role for message in messages] == ["user", "assistant", "tool", "tool", "assistant"]
    reasoning, text, first, second = messages[1].parts
    assert isinstance(reasoning, Reasoning) and reasoning.origin == OURS
    assert b"S3CRET" in (reasoning.opaque or b"")
    assert text == Text(text="Going.")
    assert first == ToolCall(id="c1", name="f", arguments="{}")
    assert second == ToolCall(id="c2", name="g", arguments='{"a": 1}')
    assert messages[2].parts == (ToolResult(call_id="c2", content=(Text(text="2"),)),)
    assert messages[4].parts == (Refusal(text="No."),)


@pytest.mark.parametrize(
    ("part", "media"),
    [
        (
            {"type": "input_image", "image_url": f"data:image/png;base64,{DATA}", "detail": "low"},
            Media(kind="image", media_type="image/png", data=DATA, detail="low"),
        ),
        (
            {"type": "input_image", "image_url": "https://x.org/a.png", "detail": "auto"},
            Media(kind="image", url="https://x.org/a.png", detail="auto"),
        ),
        ({"type": "input_image", "file_id": "file-1"}, Media(kind="image", file_id="file-1")),
        (
            {"type": "image_url", "image_url": {"url": "https://x.org/a.png"}},
            Media(kind="image", url="https://x.org/a.png"),
        ),
        (
            {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{DATA}"},
            Media(kind="document", media_type="application/pdf", data=DATA, name="a.pdf"),
        ),
        (
            {"type": "input_file", "filename": "a.pdf", "file_data": DATA},
            Media(kind="document", media_type="application/pdf", data=DATA, name="a.pdf"),
        ),
        (
            {"type": "input_file", "file_url": "https://x.org/a.pdf"},
            Media(kind="document", url="https://x.org/a.pdf"),
        ),
        ({"type": "input_file", "file_id": "file-2"}, Media(kind="document", file_id="file-2")),
        (
            {"type": "input_file", "filename": "a.mp4", "file_data": f"data:video/mp4;base64,{DATA}"},
            Media(kind="video", media_type="video/mp4", data=DATA, name="a.mp4"),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": DATA, "format": "mp3"}},
            Media(kind="audio", media_type="audio/mpeg", data=DATA),
        ),
    ],
)
def test_media_in_every_form(part: object, media: Media) -> None:
    [message] = items({"role": "user", "content": [{"type": "input_text", "text": "see"}, part]})
    assert message.parts == (Text(text="see"), media)


def test_a_result_may_be_a_list_with_an_image() -> None:
    image = {"type": "input_image", "image_url": f"data:image/png;base64,{DATA}", "detail": "auto"}
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    output = [{"type": "input_text", "text": "see"}, image]
    request = asked(input=[call, {"type": "function_call_output", "call_id": "c", "output": output}])
    [result] = request.messages[1].parts
    assert isinstance(result, ToolResult) and isinstance(result.content[1], Media)
    assert cast("list[dict[str, object]]", again(request)["input"])[1]["output"] == output


def test_custom_tools_and_their_calls() -> None:
    patch = "*** Begin Patch\n*** End Patch\n"
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /x/"}
    request = asked(
        tools=[{"type": "custom", "name": "apply_patch", "description": "Edit.", "format": grammar}],
        input=[
            {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "apply_patch", "input": patch},
            {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"},
        ],
    )
    assert request.tools == (Tool(name="apply_patch", description="Edit.", parameters=grammar, custom=True),)
    assert request.messages[0].parts == (ToolCall(id="c", name="apply_patch", arguments=patch, custom=True),)
    body = again(request)
    call, result = cast("list[dict[str, object]]", body["input"])
    assert (call["type"], call["input"]) == ("custom_tool_call", patch)
    assert result == {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"}
    assert body["tools"] == [{"type": "custom", "name": "apply_patch", "description": "Edit.", "format": grammar}]


SPACE: Json = {
    "type": "namespace",
    "name": "multi_agent_v1",
    "description": "Other agents.",
    "tools": [
        {"type": "function", "name": "spawn", "description": "One more.", "parameters": {}, "strict": False},
        {"type": "custom", "name": "tell"},
    ],
}


def test_tools_in_a_namespace_get_flat_names_and_their_own_back() -> None:
    call = {"type": "function_call", "call_id": "c", "namespace": "multi_agent_v1", "name": "spawn", "arguments": "{}"}
    request = asked(tools=[SPACE, {"type": "function", "name": "f"}], input=[call])
    assert [tool.name for tool in request.tools] == ["multi_agent_v1__spawn", "multi_agent_v1__tell", "f"]
    assert [part.name for part in request.messages[0].parts if isinstance(part, ToolCall)] == ["multi_agent_v1__spawn"]
    body = again(request)
    space = cast("list[dict[str, object]]", body["tools"])[0]
    assert (space["type"], space["name"], space["description"]) == ("namespace", "multi_agent_v1", "Other agents.")
    assert [tool["name"] for tool in cast("list[dict[str, object]]", space["tools"])] == ["spawn", "tell"]


def test_long_flat_names_stay_apart_and_within_what_vendors_allow() -> None:
    space: Json = {"type": "namespace", "name": "n" * 50, "description": "", "tools": []}
    tools = [{"type": "function", "name": "x" * 30 + end} for end in "ab"]
    first, second = asked(tools=[{**space, "tools": tools}]).tools
    assert first.name != second.name
    assert max(len(first.name), len(second.name)) <= 64


def test_server_tools_pass_along_to_the_same_wire_only() -> None:
    search = {"type": "web_search", "filters": {"allowed_domains": ["x.org"]}}
    request = asked(tools=[search, {"type": "function", "name": "f"}])
    assert [tool.name for tool in request.tools if tool.server is not None] == ["web_search"]
    assert cast("list[object]", again(request)["tools"])[0] == search


@pytest.mark.parametrize(
    ("given", "choice"),
    [
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ({"type": "function", "name": "f"}, ToolChoice("named", "f")),
        ({"type": "custom", "name": "p"}, ToolChoice("named", "p")),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
            ToolChoice("required", allowed=("f",)),
        ),
        ({"type": "web_search_preview"}, None),
        ({"type": "mcp", "server_label": "docs"}, None),
    ],
)
def test_tool_choice_in_every_form(given: object, choice: ToolChoice | None) -> None:
    tools = [{"type": "function", "name": "f"}, {"type": "custom", "name": "p"}]
    request = asked(tools=tools, tool_choice=given)
    assert request.tool_choice == choice
    assert again(request)["tool_choice"] == given


def test_a_namespaced_choice() -> None:
    choice = {"type": "function", "name": "spawn", "namespace": "multi_agent_v1"}
    request = asked(tools=[SPACE], tool_choice=choice)
    assert request.tool_choice == ToolChoice("named", "multi_agent_v1__spawn")
    assert again(request)["tool_choice"] == choice


def test_the_other_fields() -> None:
    schema: Json = {"type": "object", "properties": {}}
    form: Json = {"type": "json_schema", "name": "n", "schema": schema, "strict": True, "description": "d"}
    request = asked(
        reasoning={"effort": "high", "summary": "auto"},
        text={"format": form, "verbosity": "low"},
        max_output_tokens=9,
        temperature=0.5,
        top_p=1,
        parallel_tool_calls=False,
        safety_identifier="u",
        metadata={"a": "b"},
        truncation="auto",
        prompt_cache_key="k",
        include=["reasoning.encrypted_content"],
        stream=True,
        a_new_field={"x": 1},
    )
    assert request.reasoning == ReasoningOptions(effort="high")
    assert request.output_format == OutputFormat("json_schema", schema, "n", True, "d")
    assert (request.max_tokens, request.sampling.temperature, request.sampling.top_p) == (9, 0.5, 1)
    assert (request.parallel_tool_calls, request.user, request.stream) == (False, "u", True)
    body = again(request)
    assert body["reasoning"] == {"effort": "high", "summary": "auto"}
    assert body["text"] == {"format": form, "verbosity": "low"}
    assert (body["a_new_field"], body["prompt_cache_key"]) == ({"x": 1}, "k")
    assert (body["include"], body["truncation"], body["metadata"]) == (
        ["reasoning.encrypted_content"],
        "auto",
        {"a": "b"},
    )


IDLE: Json = {"store": False, "background": False, "truncation": "disabled", "metadata": {}, "include": []}


def test_a_field_that_asks_for_nothing_is_not_named_as_lost() -> None:
    request = asked(**IDLE)
    assert request.extra == {}


@pytest.mark.parametrize(("given", "sent"), [({}, False), ({"store": False}, False), ({"store": True}, True)])
def test_only_a_client_of_this_wire_has_replies_stored(given: dict[str, object], sent: bool) -> None:
    assert again(asked(**given))["store"] is sent
    other = ChatRequest(model="m", messages=(Message("user", (Text(text="x"),)),))
    assert again(other)["store"] is False


def test_an_earlier_response_is_left_to_who_has_it() -> None:
    request = asked(previous_response_id="resp_1")
    assert request.extra == {"previous_response_id": "resp_1"}
    assert "store" not in again(request)


def test_cache_breakpoints_both_ways() -> None:
    mark = {"mode": "explicit", "ttl": "12h"}
    part = {"type": "input_text", "text": "long", "prompt_cache_breakpoint": mark}
    request = asked(input=[{"role": "user", "content": [part]}])
    assert request.messages[0].parts == (Text(text="long", cache="1h"),)
    assert cast("list[dict[str, object]]", again(request)["input"])[0]["content"] == [part]


RAW_ITEMS = (
    b'{"type":"reasoning","id":"rs_1","summary":[],  "encrypted_content":"gAAA=="}',
    b'{"id":"msg_1","type":"message","role":"assistant","phase":"commentary","content":[{"type":"output_text","text":"a"}]}',
    b'{"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search","query":"q"}}',
    b'{"type":"something_new","x":1.0}',
    b'{"type":"function_call","id":"fc_1","call_id":"a:1","namespace":"n","name":"f","arguments":"{}"}',
)


def test_what_only_this_wire_knows_comes_back_byte_for_byte_and_in_order() -> None:
    result = b'{"type":"function_call_output","call_id":"a:1","output":"ok"}'
    body = b'{"model":"m","input":[' + b",".join([*RAW_ITEMS, result]) + b"]}"
    request = wire.decode_request(body)
    sent = wire.encode_request(request, PLAIN).body
    places = [sent.index(raw) for raw in (*RAW_ITEMS, result)]
    assert places == sorted(places)


def test_reasoning_that_nothing_follows_is_not_sent() -> None:
    lone: Json = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}
    request = asked(input=[{"role": "user", "content": "a"}, lone, {"role": "user", "content": "b"}])
    encoded = wire.encode_request(request, PLAIN)
    assert b"encrypted_content" not in encoded.body
    assert encoded.dropped == ("messages[].reasoning",)


def test_a_summary_alone_is_readable_thinking_of_nobody_in_particular() -> None:
    summary = [{"type": "summary_text", "text": "Oats"}, {"type": "summary_text", "text": "Hay"}]
    [message] = items({"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": None})
    assert message.parts == (Reasoning(text="Oats\n\nHay"),)


def test_results_without_an_id_belong_to_the_oldest_call_that_waits() -> None:
    messages = items(
        {"type": "function_call", "name": "f", "arguments": "{}"},
        {"type": "function_call", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "output": "1"},
        {"type": "function_call_output", "output": "2"},
    )
    calls = [part.id for part in messages[0].parts if isinstance(part, ToolCall)]
    results = [part.call_id for message in messages[1:] for part in message.parts if isinstance(part, ToolResult)]
    assert calls == results
    assert len(set(calls)) == 2


WRONG: list[tuple[Json, str]] = [
    ({"input": 3}, "input"),
    ({"input": [3]}, "input[0]"),
    ({"input": [{"x": 1}]}, "input[0].type"),
    ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
    ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
    ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0].file_data"),
    ({"input": [{"role": "user", "content": [{"type": "novel"}]}]}, "input[0].content[0].type"),
    ({"input": [{"type": "function_call", "call_id": "c"}]}, "input[0].name"),
    ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id"),
    ({"input": [{"type": "item_reference", "id": "rs_9"}]}, "rs_9"),
    ({"model": None}, "model"),
    ({"tools": {}}, "tools"),
    ({"tools": [{"type": "function"}]}, "tools[0]"),
    ({"tools": [{"type": "namespace", "tools": []}]}, "tools[0].name"),
    ({"tool_choice": "perhaps"}, "tool_choice"),
    ({"tool_choice": {"type": "function"}}, "tool_choice"),
    ({"reasoning": "high"}, "reasoning"),
    ({"text": {"format": {"type": "json_schema"}}}, "text.format.schema"),
    ({"max_output_tokens": "many"}, "max_output_tokens"),
    ({"stream": "yes"}, "stream"),
]


@pytest.mark.parametrize(("fields", "place"), WRONG)
def test_the_place_of_what_is_wrong_is_named(fields: dict[str, object], place: str) -> None:
    with pytest.raises(WireError) as caught:
        asked(**fields)
    assert place in caught.value.message


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"model":"m","input":[{"role":"user","content":"\xff"}]}', b"3"])
def test_what_is_no_body_is_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        wire.decode_request(body)


def test_a_stored_conversation_goes_in_front_and_references_are_found() -> None:
    reference: list[Json] = [{"type": "item_reference", "id": "rs_0"}, {"role": "user", "content": "b"}]
    fields: Json = {"previous_response_id": "resp_1", "instructions": "New.", "input": reference}
    body = msgspec.json.encode({"model": "m", **fields})
    kept = [*input_items(b'{"model":"m","input":"a"}'), *RAW_ITEMS[:2]]
    found = {"rs_0": b'{"type":"reasoning","id":"rs_0","summary":[],"encrypted_content":"zzz"}'}
    whole = continued(body, kept, find=found.get)
    assert all(raw in whole for raw in (*RAW_ITEMS[:2], found["rs_0"]))
    request = wire.decode_request(whole)
    assert [message.role for message in request.messages] == ["system", "user", "assistant", "user"]
    assert "previous_response_id" not in request.extra
    with pytest.raises(WireError, match="rs_0"):
        wire.decode_request(continued(body, kept))
