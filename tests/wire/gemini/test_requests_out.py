"""What is sent to an upstream of the wire follows its rules, and what it cannot say is named."""

from dataclasses import replace

import msgspec
import pytest

from hostler.core.messages import Media, Message, Origin, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from hostler.core.requests import ChatRequest, Effort, OutputFormat, ReasoningOptions, Sampling, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import ANTHROPIC, GEMINI, OPENAI_CHAT
from hostler.errors import Unsupported
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.gemini import DUMMY_SIGNATURE, encode_count_tokens, encode_request

THIRD, SECOND = "gemini-3-pro-preview", "gemini-2.5-flash"
OURS = Origin("google", GEMINI, THIRD)
SIGNED = b'{"thoughtSignature":"c2ln"}'


def user(*parts: Part | str) -> Message:
    return Message("user", tuple(Text(text=part) if isinstance(part, str) else part for part in parts))


def request(*messages: Message, model: str = THIRD, wire: object = OPENAI_CHAT, **fields: object) -> ChatRequest:
    made = ChatRequest(model=model, messages=messages or (user("hi"),))
    return replace(made, wire=wire, **fields)  # type: ignore[arg-type]


def written(asked: ChatRequest, dialect: Dialect = PLAIN) -> tuple[dict[str, object], tuple[str, ...]]:
    encoded = encode_request(asked, dialect)
    return msgspec.json.decode(encoded.body, type=dict[str, object]), encoded.dropped


def contents(*messages: Message, model: str = THIRD) -> list[dict[str, list[dict[str, object]]]]:
    return written(request(*messages, model=model))[0]["contents"]  # type: ignore[return-value]


def test_a_plain_request_has_no_model_in_its_body() -> None:
    body, dropped = written(request())
    assert body == {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    assert dropped == ()


def test_leading_system_text_is_hoisted_and_later_text_is_wrapped() -> None:
    later = Message("developer", (Text(text="be brief"),))
    body, dropped = written(request(Message("system", (Text(text="be kind"),)), user("hi"), later))
    assert body["systemInstruction"] == {"parts": [{"text": "be kind"}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "hi"}, {"text": "<system>\nbe brief\n</system>"}]}]
    assert dropped == ("messages[].role",)


def test_a_prompt_of_system_text_alone_is_what_the_user_says() -> None:
    body, _ = written(request(Message("system", (Text(text="be kind"),))))
    assert body == {"contents": [{"role": "user", "parts": [{"text": "be kind"}]}]}


def test_turns_alternate_and_empty_text_is_left_out() -> None:
    answer = Message("assistant", (Text(text=""), Text(text="ok"), Refusal(text="no")))
    turns = contents(user("a"), user("b"), answer, user("c"))
    assert [turn["role"] for turn in turns] == ["user", "model", "user"]
    assert turns[1]["parts"] == [{"text": "ok"}, {"text": "no"}]


CALLS = Message("assistant", (ToolCall(id="a", name="f", arguments='{"n":1}'), ToolCall(id="b", name="g")))
RESULTS = tuple(Message("tool", (ToolResult(call_id=id_, content=(Text(text=id_),)),)) for id_ in "ab")


def test_parallel_calls_and_their_results_in_one_content_each() -> None:
    turns = contents(user("hi"), CALLS, *RESULTS, user("and?"), model=SECOND)
    assert turns[1]["parts"] == [
        {"functionCall": {"id": "a", "name": "f", "args": {"n": 1}}},
        {"functionCall": {"id": "b", "name": "g", "args": {}}},
    ]
    assert turns[2]["parts"] == [
        {"functionResponse": {"id": "a", "name": "f", "response": {"output": "a"}}},
        {"functionResponse": {"id": "b", "name": "g", "response": {"output": "b"}}},
        {"text": "and?"},
    ]


@pytest.mark.parametrize("model", [THIRD, "gemini-flash-latest", "models/gemini-4-flash"])
def test_the_first_call_of_each_foreign_step_has_the_dummy(model: str) -> None:
    turns = contents(user("hi"), CALLS, *RESULTS, CALLS, model=model)
    for turn in (turns[1], turns[3]):
        assert [part.get("thoughtSignature") for part in turn["parts"]] == [DUMMY_SIGNATURE, None]


@pytest.mark.parametrize("model", [SECOND, "gemma-3-27b-it"])
def test_no_dummy_where_nobody_asks_for_it(model: str) -> None:
    assert DUMMY_SIGNATURE not in str(contents(user("hi"), CALLS, model=model))


def test_own_signatures_go_back_three_turns_long_byte_for_byte() -> None:
    steps: list[Message] = [user("hi")]
    for turn in range(3):
        signed = f'{{"thoughtSignature":"c2ln{turn}=="}}'.encode()
        call = ToolCall(id=f"c{turn}", name="f", origin=OURS, opaque=signed)
        thought = Reasoning(text=f"hm{turn}", origin=OURS)
        steps += [
            Message("assistant", (thought, Text(text="", origin=OURS, opaque=signed), call)),
            Message("tool", (ToolResult(call_id=f"c{turn}", content=(Text(text="x"),)),)),
        ]
    turns = contents(*steps)
    for turn in range(3):
        assert turns[1 + 2 * turn]["parts"] == [
            {"text": f"hm{turn}", "thought": True},
            {"text": "", "thoughtSignature": f"c2ln{turn}=="},
            {"functionCall": {"id": f"c{turn}", "name": "f", "args": {}}, "thoughtSignature": f"c2ln{turn}=="},
        ]


def test_foreign_opaque_state_never_goes_out() -> None:
    foreign = Origin("a", ANTHROPIC, "m")
    block = b'{"type":"thinking","thinking":"S3CRET","signature":"S3CRET"}'
    answer = Message(
        "assistant",
        (
            Reasoning(text="S3CRET", origin=foreign, opaque=block),
            Reasoning(text="S3CRET"),
            Text(text="ok", origin=foreign, opaque=block),
            ToolCall(id="a", name="f", origin=foreign, opaque=block),
        ),
    )
    encoded = encode_request(request(user("hi"), answer), PLAIN)
    assert b"S3CRET" not in encoded.body
    assert encoded.dropped == (
        "messages[].content[].opaque",
        "messages[].reasoning",
        "messages[].tool_calls[].opaque",
    )


def test_a_part_that_only_this_wire_knows_goes_back_whole() -> None:
    raw = b'{"executableCode":{"language":"PYTHON","code":"1+1"},"thoughtSignature":"c2ln"}'
    answer = Message("assistant", (Text(text="", origin=OURS, opaque=raw),))
    assert raw in encode_request(request(user("hi"), answer), PLAIN).body


def test_arguments_that_are_no_object_survive() -> None:
    body, dropped = written(request(user("hi"), Message("assistant", (ToolCall(id="a", name="f", arguments='{"a'),))))
    assert '{"INVALID_JSON":"{\\"a"}' in msgspec.json.encode(body).decode()
    assert dropped == ("messages[].tool_calls[].arguments",)


def test_free_form_tools_become_functions() -> None:
    call = ToolCall(id="a", name="patch", arguments="*** Begin", custom=True)
    body, dropped = written(
        request(user("hi"), Message("assistant", (call,)), tools=(Tool(name="patch", custom=True),), model=SECOND)
    )
    assert {"functionCall": {"id": "a", "name": "patch", "args": {"input": "*** Begin"}}} in body["contents"][1][
        "parts"
    ]  # type: ignore[index]
    assert dropped == ("tools[].custom",)


def test_a_failed_call_and_one_without_a_name() -> None:
    result = ToolResult(call_id="a", content=(Text(text="boom"),), is_error=True)
    turns = contents(user("hi"), CALLS, Message("tool", (result, ToolResult(call_id="x"))))
    assert [part["functionResponse"] for part in turns[2]["parts"]] == [
        {"id": "a", "name": "f", "response": {"error": "boom"}},
        {"id": "x", "name": "tool", "response": {"output": ""}},
    ]


PNG = Media(kind="image", media_type="image/png", data="AAAA")


def test_pictures_in_results_stand_inside_or_behind_them() -> None:
    result = Message("tool", (ToolResult(call_id="a", content=(Text(text="see"), PNG)),))
    inline = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    [inside] = contents(user("hi"), CALLS, result)[2]["parts"]
    assert inside["functionResponse"]["parts"] == [inline]  # type: ignore[index]
    answer, label, behind = contents(user("hi"), CALLS, result, model=SECOND)[2]["parts"]
    assert "parts" not in answer["functionResponse"]  # type: ignore[operator]
    assert "tool call a" in str(label["text"]) and behind == inline


@pytest.mark.parametrize(
    ("media", "part"),
    [
        (PNG, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}),
        (
            Media(kind="image", url="data:image/gif;base64,AAAA"),
            {"inlineData": {"mimeType": "image/gif", "data": "AAAA"}},
        ),
        (
            Media(kind="image", url="https://example.org/a.png"),
            {"fileData": {"mimeType": "image/png", "fileUri": "https://example.org/a.png"}},
        ),
        (
            Media(kind="document", media_type="application/pdf", data="AAAA"),
            {"inlineData": {"mimeType": "application/pdf", "data": "AAAA"}},
        ),
        (Media(kind="document", text="oats"), {"inlineData": {"mimeType": "text/plain", "data": "b2F0cw=="}}),
        (
            Media(kind="audio", media_type="audio/wav", data="AAAA"),
            {"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}},
        ),
        (Media(kind="video", data="AAAA"), {"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}}),
        (
            Media(kind="image", media_type="image/png", file_id="files/abc", origin=OURS),
            {"fileData": {"mimeType": "image/png", "fileUri": "files/abc"}},
        ),
    ],
)
def test_media_in_every_form(media: Media, part: object) -> None:
    assert contents(user(media))[0]["parts"] == [part]


def test_a_file_of_another_vendor_is_refused() -> None:
    with pytest.raises(Unsupported, match="file-1"):
        encode_request(request(user(Media(kind="document", file_id="file-1"))), PLAIN)


def test_names_and_details_and_marks_that_are_lost_are_named() -> None:
    media = Media(kind="image", data="AAAA", name="cat.png", detail="high", cache="5m")
    _, dropped = written(request(Message("user", (media,), name="ann")))
    assert dropped == (
        "messages[].cache_control",
        "messages[].content[].filename",
        "messages[].content[].image_url.detail",
        "messages[].name",
    )


def test_settings() -> None:
    sampling = Sampling(
        temperature=0.5, top_p=0.9, top_k=4, seed=7, presence_penalty=0.1, frequency_penalty=0.2, stop=tuple("abcdef")
    )
    body, dropped = written(request(sampling=sampling, max_tokens=9, user="u", parallel_tool_calls=False))
    assert body["generationConfig"] == {
        "maxOutputTokens": 9, "temperature": 0.5, "topP": 0.9, "topK": 4, "seed": 7, "presencePenalty": 0.1,
        "frequencyPenalty": 0.2, "stopSequences": ["a", "b", "c", "d", "e"],
    }  # fmt: skip
    assert dropped == ("parallel_tool_calls", "stop", "user")


def test_what_a_dialect_forbids_is_left_out() -> None:
    asked = request(sampling=Sampling(temperature=0.5, min_p=0.1))
    body, dropped = written(asked, Dialect(forbidden=("temperature",), max_tokens_default=7))
    assert (body["generationConfig"], dropped) == ({"maxOutputTokens": 7}, ("min_p", "temperature"))


@pytest.mark.parametrize(
    ("model", "options", "expected", "dropped"),
    [
        (THIRD, ReasoningOptions(effort="high"), {"thinkingLevel": "HIGH", "includeThoughts": True}, ()),
        (THIRD, ReasoningOptions(effort="max"), {"thinkingLevel": "XHIGH", "includeThoughts": True}, ("effort",)),
        (THIRD, ReasoningOptions("off"), {"thinkingLevel": "MINIMAL"}, ("effort",)),
        (THIRD, ReasoningOptions("on", budget=1000), {"thinkingLevel": "LOW", "includeThoughts": True}, ("budget",)),
        (THIRD, ReasoningOptions("adaptive", hidden=True), {"includeThoughts": False}, ()),
        (SECOND, ReasoningOptions(effort="medium"), {"thinkingBudget": 8192, "includeThoughts": True}, ()),
        (SECOND, ReasoningOptions("off"), {"thinkingBudget": 0}, ()),
        (SECOND, ReasoningOptions("on", budget=1000), {"thinkingBudget": 1000, "includeThoughts": True}, ()),
        (SECOND, ReasoningOptions("adaptive"), {"thinkingBudget": -1, "includeThoughts": True}, ()),
    ],
)
def test_thinking(model: str, options: ReasoningOptions, expected: object, dropped: tuple[str, ...]) -> None:
    names = {"effort": "reasoning_effort", "budget": "thinking.budget_tokens"}
    body, lost = written(request(model=model, reasoning=options))
    assert body["generationConfig"] == {"thinkingConfig": expected}
    assert lost == tuple(names[name] for name in dropped)


def test_a_model_that_cannot_stop_thinking_thinks_least() -> None:
    efforts: tuple[Effort, ...] = ("low", "high")
    asked = request(model=SECOND, reasoning=ReasoningOptions(effort="none"))
    body, _ = written(asked, Dialect(efforts=efforts))
    assert body["generationConfig"] == {"thinkingConfig": {"thinkingBudget": 1024}}


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}


def test_structured_output() -> None:
    asked = request(output_format=OutputFormat("json_schema", SCHEMA, "n", description="d"))
    form = {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}
    assert written(asked)[0]["generationConfig"] == form
    assert written(asked)[1] == ("response_format.json_schema.description",)
    loose, dropped = written(asked, Dialect(json_schema=False))
    assert loose["generationConfig"] == {"responseMimeType": "application/json"}
    assert "response_format.json_schema" in dropped
    body, _ = written(request(output_format=OutputFormat("json_object")))
    assert body["generationConfig"] == {"responseMimeType": "application/json"}


F, G = Tool(name="f", description="d", parameters=SCHEMA), Tool(name="g")


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        (ToolChoice(), {"mode": "AUTO"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("named", "f"), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (ToolChoice("required", allowed=("f", "g")), {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}),
    ],
)
def test_every_choice_of_tools(choice: ToolChoice, calling: object) -> None:
    body, dropped = written(request(tools=(F, G), tool_choice=choice))
    assert body["toolConfig"] == {"functionCallingConfig": calling}
    assert body["tools"] == [
        {"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": SCHEMA}, {"name": "g"}]}
    ]
    assert dropped == ()


def test_a_free_choice_among_some_tools_offers_those() -> None:
    body, _ = written(request(tools=(F, G), tool_choice=ToolChoice(allowed=("g",))))
    assert body["tools"] == [{"functionDeclarations": [{"name": "g"}]}]
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "AUTO"}}


def test_strict_tools_are_validated_as_far_as_one_switch_can_say() -> None:
    strict = replace(F, strict=True)
    body, dropped = written(request(tools=(strict,)))
    assert (body["toolConfig"], dropped) == ({"functionCallingConfig": {"mode": "VALIDATED"}}, ())
    _, dropped = written(request(tools=(strict, G)))
    assert dropped == ("tools[].strict",)


def test_tools_of_a_vendor_go_to_it_alone() -> None:
    search = Tool(name="googleSearch", server=b'{"googleSearch":{}}')
    assert written(request(tools=(search,), wire=GEMINI))[0]["tools"] == [{"googleSearch": {}}]
    body, dropped = written(request(tools=(search,), tool_choice=ToolChoice("required")))
    assert "tools" not in body and "toolConfig" not in body
    assert dropped == ("tool_choice", "tools[].googleSearch")


def test_fields_of_the_same_wire_come_back_and_others_are_named() -> None:
    extra = {
        "safetySettings": [1],
        "generationConfig.candidateCount": 1,
        "toolConfig.retrievalConfig": {},
        "tools[].behavior": {"g": "BLOCKING"},
    }
    body, dropped = written(request(tools=(G,), wire=GEMINI, extra=extra))
    assert (body["safetySettings"], body["generationConfig"]) == ([1], {"candidateCount": 1})
    assert body["toolConfig"] == {"retrievalConfig": {}}
    assert body["tools"] == [{"functionDeclarations": [{"name": "g", "behavior": "BLOCKING"}]}]
    assert dropped == ()
    body, dropped = written(request(extra={"store": True, "metadata": None}))
    assert dropped == ("store",)


def test_a_count_asks_for_all_of_the_request() -> None:
    encoded = encode_count_tokens(request(tools=(G,)), PLAIN)
    whole = msgspec.json.decode(encoded.body)["generateContentRequest"]
    assert whole["model"] == f"models/{THIRD}"
    assert whole["tools"] == [{"functionDeclarations": [{"name": "g"}]}]
