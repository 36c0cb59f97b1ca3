"""What clients of the wire send is understood, in every spelling that real ones use.

The bodies are of our own making, after the published schema and the habits of clients.
"""

from base64 import b64encode

import msgspec
import pytest

from hostler.core.messages import Media, Message, Origin, Reasoning, Text, ToolCall, ToolResult
from hostler.core.requests import ChatRequest, OutputFormat, ReasoningOptions, Sampling, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import GEMINI
from hostler.errors import WireError
from hostler.wire.dialects import PLAIN
from hostler.wire.gemini import DUMMY_SIGNATURE, decode_request, encode_request

OURS = Origin("", GEMINI, "")
HI = {"role": "user", "parts": [{"text": "hi"}]}


def read(*contents: object, **fields: object) -> ChatRequest:
    return decode_request(msgspec.json.encode({"contents": list(contents) or [HI], **fields}))


def read_parts(*parts: object, role: str = "user") -> tuple[object, ...]:
    [message] = read({"role": role, "parts": list(parts)}).messages
    return message.parts


def test_a_plain_request() -> None:
    request = read(HI)
    assert request.messages == (Message("user", (Text(text="hi"),)),)
    assert (request.model, request.stream, request.include_usage, request.wire) == ("", False, True, GEMINI)
    assert request.extra == {}


@pytest.mark.parametrize(
    "system", ["be brief", {"parts": {"text": "be brief"}}, {"role": "user", "parts": [{"text": "be brief"}]}]
)
@pytest.mark.parametrize("key", ["systemInstruction", "system_instruction"])
def test_system_text_in_every_form(key: str, system: object) -> None:
    request = read(HI, **{key: system})
    assert request.messages[0] == Message("system", (Text(text="be brief"),))


def test_several_turns_and_a_content_without_a_role() -> None:
    request = read({"parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "b"}]}, HI)
    assert [message.role for message in request.messages] == ["user", "assistant", "user"]


def test_one_object_stands_for_a_list() -> None:
    body = {"contents": {"parts": {"text": "hi"}}, "tools": {"functionDeclarations": [{"name": "f"}]}}
    request = decode_request(msgspec.json.encode(body))
    assert request.messages == (Message("user", (Text(text="hi"),)),)
    assert [tool.name for tool in request.tools] == ["f"]


def test_an_answer_that_comes_back_in_the_pieces_of_its_stream_is_one_message() -> None:
    pieces = [{"role": "model", "parts": [{"text": piece}]} for piece in ("Hel", "lo", "")]
    assert read(HI, *pieces, HI).messages[1] == Message("assistant", (Text(text="Hello"),))


@pytest.mark.parametrize("spelling", ["camel", "snake"])
def test_calls_and_results_with_ids_in_both_spellings(spelling: str) -> None:
    call, result = (
        ("functionCall", "functionResponse") if spelling == "camel" else ("function_call", "function_response")
    )
    request = read(
        HI,
        {"role": "model", "parts": [{call: {"id": "a", "name": "f", "args": {"city": "Oslo"}}}]},
        {"role": "user", "parts": [{result: {"id": "a", "name": "f", "response": {"output": "cold"}}}]},
    )
    assert request.messages[1].parts == (ToolCall(id="a", name="f", arguments='{"city":"Oslo"}'),)
    assert request.messages[2] == Message("tool", (ToolResult(call_id="a", content=(Text(text="cold"),), name="f"),))


def without_ids(turns: int) -> list[dict[str, object]]:
    contents: list[dict[str, object]] = [HI]
    for _ in range(turns):
        calls = [{"functionCall": {"name": "f", "args": {"n": n}}} for n in range(2)]
        results = [{"functionResponse": {"name": "f", "response": {"output": str(n)}}} for n in range(2)]
        contents += [{"role": "model", "parts": calls}, {"role": "function", "parts": results}]
    return contents


def test_calls_of_one_tool_without_ids_get_different_ids_that_stay() -> None:
    first, second = (read(*without_ids(turns)).messages for turns in (1, 2))
    assert second[: len(first)] == first
    calls = [part for message in second for part in message.parts if isinstance(part, ToolCall)]
    results = [part for message in second for part in message.parts if isinstance(part, ToolResult)]
    assert len({call.id for call in calls}) == 4
    assert [result.call_id for result in results] == [call.id for call in calls]


def test_results_without_ids_find_their_call_by_name() -> None:
    calls = [{"functionCall": {"id": name, "name": name}} for name in ("f", "g")]
    results = [{"functionResponse": {"name": name, "response": {"output": name}}} for name in ("g", "f")]
    messages = read(HI, {"role": "model", "parts": calls}, {"role": "user", "parts": results}).messages
    assert [part.call_id for part in messages[2].parts if isinstance(part, ToolResult)] == ["g", "f"]


def test_a_result_with_an_id_finds_a_call_without_one() -> None:
    answer = {"functionResponse": {"id": "made-by-client", "name": "f", "response": {"output": "x"}}}
    messages = read(HI, {"role": "model", "parts": [{"functionCall": {"name": "f"}}]}, {"parts": [answer]}).messages
    [call], [result] = messages[1].parts, messages[2].parts
    assert isinstance(call, ToolCall) and isinstance(result, ToolResult)
    assert result.call_id == call.id


@pytest.mark.parametrize(
    ("response", "text", "is_error"),
    [
        ({"output": "fine"}, "fine", False),
        ({"result": "fine"}, "fine", False),
        ({"result": [1, 2]}, "[1,2]", False),
        ({"error": "broken"}, "broken", True),
        ({"celsius": 3, "sky": "grey"}, '{"celsius":3,"sky":"grey"}', False),
        ({}, "", False),
    ],
)
def test_results_in_every_form(response: object, text: str, is_error: bool) -> None:
    answer = {"functionResponse": {"id": "a", "name": "f", "response": response}}
    messages = read(HI, {"role": "model", "parts": [{"functionCall": {"id": "a", "name": "f"}}]}, {"parts": [answer]})
    [result] = messages.messages[2].parts
    assert isinstance(result, ToolResult)
    assert "".join(part.text or "" for part in result.content) == text
    assert result.is_error is is_error


def test_pictures_in_a_result() -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    answer = {"functionResponse": {"id": "a", "name": "f", "response": {"output": "see"}, "parts": [picture]}}
    request = read(HI, {"role": "model", "parts": [{"functionCall": {"id": "a", "name": "f"}}]}, {"parts": [answer]})
    [result] = request.messages[2].parts
    assert isinstance(result, ToolResult)
    assert result.content[1] == Media(kind="image", media_type="image/png", data="AAAA")


def test_results_stand_before_what_the_user_says_beside_them() -> None:
    call = {"role": "model", "parts": [{"functionCall": {"id": "a", "name": "f"}}]}
    answer = {"functionResponse": {"id": "a", "name": "f", "response": {"output": "x"}}}
    messages = read(HI, call, {"role": "user", "parts": [{"text": "and?"}, answer]}).messages
    assert [message.role for message in messages] == ["user", "assistant", "tool", "user"]


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [("image/png", "image"), ("audio/mpeg", "audio"), ("video/mp4", "video"), ("application/pdf", "document")],
)
def test_media_by_data_and_by_address(media_type: str, kind: str) -> None:
    inline = {"inline_data": {"mime_type": media_type, "data": "AAAA"}}
    linked = {"fileData": {"mimeType": media_type, "fileUri": "https://example.org/x"}}
    first, second = read_parts(inline, linked)
    assert isinstance(first, Media) and isinstance(second, Media)
    assert (first.kind, first.media_type, first.data) == (kind, media_type, "AAAA")
    assert (second.kind, second.url) == (kind, "https://example.org/x")


def test_the_alphabet_of_urls_in_data_becomes_the_standard_one() -> None:
    data = bytes(range(248, 256))
    sent = b64encode(data, altchars=b"-_").decode().rstrip("=")
    [part] = read_parts({"inlineData": {"mimeType": "image/png", "data": sent}})
    assert isinstance(part, Media)
    assert part.data == b64encode(data).decode()


@pytest.mark.parametrize("uri", ["https://files.example/v1beta/files/abc-1", "files/abc", "gs://bucket/cat.png"])
def test_a_file_of_the_vendors_is_its_own(uri: str) -> None:
    [part] = read_parts({"fileData": {"mimeType": "image/png", "fileUri": uri}})
    assert part == Media(kind="image", media_type="image/png", file_id=uri, origin=OURS)


def test_a_film_by_its_address_alone() -> None:
    [part] = read_parts({"fileData": {"fileUri": "https://www.youtube.com/watch?v=x"}})  # link: what clients send
    assert isinstance(part, Media)
    assert part.kind == "video"


def test_signatures_are_kept_where_they_stood() -> None:
    parts = read_parts(
        {"text": "thinking", "thought": True},
        {"text": "Hello", "thoughtSignature": "c2ln"},
        {"text": "", "thought_signature": "c2ln"},
        {"functionCall": {"id": "a", "name": "f"}, "thoughtSignature": "c2ln"},
        role="model",
    )
    signed = b'{"thoughtSignature":"c2ln"}'
    assert parts == (
        Reasoning(text="thinking", origin=OURS),
        Text(text="Hello", origin=OURS, opaque=signed),
        Text(text="", origin=OURS, opaque=signed),
        ToolCall(id="a", name="f", arguments="{}", origin=OURS, opaque=signed),
    )


@pytest.mark.parametrize("dummy", [DUMMY_SIGNATURE, b64encode(DUMMY_SIGNATURE.encode()).decode()])
def test_the_dummy_is_no_signature(dummy: str) -> None:
    [call] = read_parts({"functionCall": {"name": "f"}, "thoughtSignature": dummy}, role="model")
    assert isinstance(call, ToolCall)
    assert call.opaque is None


@pytest.mark.parametrize(
    "part",
    [
        {"executableCode": {"language": "PYTHON", "code": "1+1"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}},
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thoughtSignature": "c2ln"},
    ],
)
def test_parts_that_only_this_wire_knows_are_kept_whole(part: dict[str, object]) -> None:
    [kept] = read_parts(part, role="model")
    assert isinstance(kept, Text) and kept.opaque is not None
    assert (kept.text, kept.origin, msgspec.json.decode(kept.opaque)) == ("", OURS, part)


def test_what_has_no_place_is_named() -> None:
    part = {"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}, "videoMetadata": {"fps": 1}}
    assert read({"parts": [part]}).extra == {"contents[].parts[].videoMetadata": True}


def test_settings() -> None:
    config = {
        "temperature": 0.5, "topP": 0.9, "top_k": 40.0, "seed": 7, "presencePenalty": 0.1, "frequencyPenalty": 0.2,
        "maxOutputTokens": 99, "stopSequences": ["END"], "candidateCount": 1,
    }  # fmt: skip
    request = read(generationConfig=config)
    assert request.sampling == Sampling(
        temperature=0.5, top_p=0.9, top_k=40, seed=7, presence_penalty=0.1, frequency_penalty=0.2, stop=("END",)
    )
    assert (request.max_tokens, request.extra) == (99, {"generationConfig.candidateCount": 1})


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"thinkingBudget": 0}, ReasoningOptions("off", hidden=True)),
        ({"thinkingBudget": -1, "includeThoughts": True}, ReasoningOptions("adaptive")),
        ({"thinking_budget": 2048, "include_thoughts": True}, ReasoningOptions("on", budget=2048)),
        ({"thinkingLevel": "HIGH", "includeThoughts": True}, ReasoningOptions(effort="high")),
        ({"thinkingLevel": "minimal"}, ReasoningOptions(effort="minimal", hidden=True)),
        ({"includeThoughts": True}, ReasoningOptions()),
        ({"includeThoughts": False}, None),
    ],
)
def test_thinking(config: object, expected: ReasoningOptions | None) -> None:
    assert read(generation_config={"thinking_config": config}).reasoning == expected


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"responseMimeType": "text/plain"}, None),
        ({"response_mime_type": "application/json"}, OutputFormat("json_object")),
        ({"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}, OutputFormat("json_schema", SCHEMA)),
        (
            {
                "responseMimeType": "application/json",
                "response_schema": {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}},
            },
            OutputFormat("json_schema", SCHEMA),
        ),
    ],
)
def test_structured_output(config: object, expected: OutputFormat | None) -> None:
    assert read(generationConfig=config).output_format == expected


def test_tools_in_both_schema_dialects_and_those_of_the_vendor() -> None:
    declared = [
        {"name": "f", "description": "d", "parametersJsonSchema": SCHEMA},
        {"name": "g", "parameters": {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}}},
        {"name": "h", "behavior": "BLOCKING"},
    ]
    request = read(tools=[{"function_declarations": declared}, {"google_search": {}}])
    assert request.tools == (
        Tool(name="f", description="d", parameters=SCHEMA),
        Tool(name="g", parameters=SCHEMA),
        Tool(name="h"),
        Tool(name="googleSearch", server=b'{"googleSearch":{}}'),
    )
    assert request.extra == {"tools[].behavior": {"h": "BLOCKING"}}


@pytest.mark.parametrize(
    ("calling", "expected"),
    [
        ({"mode": "AUTO"}, ToolChoice()),
        ({"mode": "NONE"}, ToolChoice("none")),
        ({"mode": "any"}, ToolChoice("required")),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice("named", "f")),
        ({"mode": "ANY", "allowed_function_names": ["f", "g"]}, ToolChoice("required", allowed=("f", "g"))),
        ({"mode": "MODE_UNSPECIFIED"}, None),
    ],
)
def test_every_choice_of_tools(calling: object, expected: ToolChoice | None) -> None:
    assert read(tool_config={"function_calling_config": calling}).tool_choice == expected


def test_validated_calls_are_strict_tools() -> None:
    tools = [{"functionDeclarations": [{"name": "f"}]}]
    request = read(tools=tools, toolConfig={"functionCallingConfig": {"mode": "VALIDATED"}})
    assert (request.tool_choice, request.tools[0].strict) == (ToolChoice(), True)


def test_unknown_fields_survive() -> None:
    request = read(safety_settings=[{"category": "X"}], cachedContent="cachedContents/1", toolConfig={"x_y": 1})
    assert request.extra == {
        "safetySettings": [{"category": "X"}],
        "cachedContent": "cachedContents/1",
        "toolConfig.xY": 1,
    }


def test_a_field_that_is_named_like_one_of_our_places_is_only_a_field() -> None:
    fields = {"tools[].behavior": "x", "contents.x": 1}
    request = read(tools=[{"functionDeclarations": [{"name": "f", "behavior": "BLOCKING"}]}], **fields)
    assert request.extra == {"tools[].behavior": {"f": "BLOCKING"}, "contents.x": 1}
    assert msgspec.json.decode(encode_request(request, PLAIN).body)["contents.x"] == 1


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"[]", "body"),
        (b'{"contents": "hi"}', "contents"),
        (b"{}", "contents"),
        (b'{"contents":[{"role":"boss","parts":[]}]}', r"contents\[0\].role"),
        (b'{"contents":[{"parts":[{"text":1}]}]}', r"contents\[0\].parts\[0\].text"),
        (b'{"contents":[{"parts":[{"functionCall":{"name":"f"}}]}]}', r"contents\[0\].parts\[0\].functionCall"),
        (b'{"contents":[{"role":"model","parts":[{"functionCall":{}}]}]}', "functionCall.name"),
        (b'{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":"x"}}]}]}', "functionCall.args"),
        (b'{"contents":[{"parts":[{"functionResponse":{"name":"f"}}]}]}', "no call of 'f' waits"),
        (b'{"contents":[],"generationConfig":{"temperature":"hot"}}', "generationConfig.temperature"),
        (b'{"contents":[],"toolConfig":{"functionCallingConfig":{"mode":"SOME"}}}', "mode must be"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(body: bytes, place: str) -> None:
    with pytest.raises(WireError, match=place):
        decode_request(body)
