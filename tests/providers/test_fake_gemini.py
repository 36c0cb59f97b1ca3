"""The gemini wire of the fake: Google's SDK reads what it writes, and it judges what it is sent."""

import base64
from collections.abc import AsyncIterator

import msgspec
import pytest
from google import genai
from google.genai import errors, types

from hostler.providers.fake import FakeVendor
from hostler.providers.fake.asked import OPEN, Fault, Rules
from hostler.providers.fake.gemini_requests import check, read
from hostler.providers.fake.routes import Route, route_of
from hostler.providers.fake.script import Dialect
from tests.fakes import raw_post, serving

# the SDK derives from a class of aiohttp that asks not to be derived from
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="weather",
            parameters_json_schema={
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
                "additionalProperties": False,
            },
        )
    ]
)
SCRIPT = """
- {id: echo}
- {id: think, replies: [{reasoning: "Let me see.", text: "You said: ", echo: true}]}
- id: tools
  replies:
    - {when: {tool_result: true}, text: "It said: ", echo: true}
    - {reasoning: "A tool will know.", call_first_tool: true}
- {id: two, replies: [{calls: [{name: a, arguments: {x: 1}}, {name: a}]}]}
- {id: length, replies: [{text: "Half a", finish: length}]}
- {id: blocked, replies: [{refusal: "Not this.", finish: blocked}]}
- {id: refuse, replies: [{refusal: "Not this."}]}
- {id: usage, replies: [{text: "x", usage: {input: 11, cache_read: 7, cache_write: 5, output: 3, reasoning: 2}}]}
- {id: growing, dialect: {running_usage: true}, replies: [{text: "a b", usage: {input: 1, output: 30}}]}
- {id: error, replies: [{text: "a b c d", broken: {how: error, after_chunks: 2}}]}
- {id: limit, replies: [{failure: {status: 429, retry: {after_s: 17}}}]}
- {id: quiet, dialect: gemini, replies: [{reasoning: "Hidden.", text: "Seen."}]}
- {id: old, dialect: gemini-2.5, replies: [{when: {tool_result: true}, text: "Done."}, {call_first_tool: true}]}
"""


@pytest.fixture
async def fake() -> AsyncIterator[FakeVendor]:
    async with serving(SCRIPT, strict=True) as fake:
        yield fake


@pytest.fixture
async def models(fake: FakeVendor) -> AsyncIterator[genai.models.AsyncModels]:
    client = genai.Client(
        api_key="k", http_options=types.HttpOptions(base_url=fake.address, retry_options={"attempts": 1})
    )
    async with client.aio as found:
        yield found.models
    client.close()


@pytest.mark.slow  # the first call loads what the SDK needs
async def test_text_and_usage(models: genai.models.AsyncModels) -> None:
    reply = await models.generate_content(model="echo", contents="Good morning!")
    assert (reply.text, reply.candidates[0].finish_reason) == ("Good morning!", types.FinishReason.STOP)
    usage = (await models.generate_content(model="usage", contents="x")).usage_metadata
    assert (usage.prompt_token_count, usage.cached_content_token_count) == (23, 7)
    assert (usage.candidates_token_count, usage.thoughts_token_count, usage.total_token_count) == (3, 2, 28)


async def test_count_embed_and_models(models: genai.models.AsyncModels) -> None:
    assert (await models.count_tokens(model="echo", contents="one two three")).total_tokens == 4  # the role is a word
    vectors = await models.embed_content(model="echo", contents=["one", "two"])
    assert len(vectors.embeddings) == 2
    assert vectors.embeddings[0].values != vectors.embeddings[1].values
    listed = [model async for model in await models.list()]
    assert listed[0].name == "models/echo"
    assert listed[0].input_token_limit == 131072
    assert (await models.get(model="think")).thinking
    with pytest.raises(errors.ClientError, match="is not found for API version"):
        await models.get(model="nobody")


@pytest.mark.parametrize("model", ["echo", "think", "tools", "two", "length", "refuse", "blocked"])
async def test_a_stream_says_the_same_as_the_whole(models: genai.models.AsyncModels, model: str) -> None:
    config = types.GenerateContentConfig(tools=[WEATHER])
    whole = await models.generate_content(model=model, contents="hello there", config=config)
    stream = await models.generate_content_stream(model=model, contents="hello there", config=config)
    chunks = [chunk async for chunk in stream]
    assert said(chunks) == said([whole])
    assert chunks[-1].usage_metadata == whole.usage_metadata


def said(chunks: list[types.GenerateContentResponse]) -> dict[str, object]:
    """What replies say together; calls without their ids."""
    parts = [p for c in chunks for r in c.candidates or [] for p in (r.content and r.content.parts) or []]
    return {
        "text": "".join(p.text or "" for p in parts if not p.thought),
        "thought": "".join(p.text or "" for p in parts if p.thought),
        "calls": [(p.function_call.name, p.function_call.args) for p in parts if p.function_call],
        "signatures": [p.thought_signature for p in parts if p.thought_signature],
        "finish": [r.finish_reason for c in chunks for r in c.candidates or [] if r.finish_reason],
        "blocked": [c.prompt_feedback.block_reason for c in chunks if c.prompt_feedback],
    }


async def test_a_stream_without_events_is_one_array(fake: FakeVendor) -> None:
    path = "/v1beta/models/think:streamGenerateContent"
    body = {"contents": [{"parts": [{"text": "hello there"}]}]}
    reply = await raw_post(fake.address, path, body)
    assert reply.headers["content-type"] == "application/json"
    chunks = [types.GenerateContentResponse.model_validate(one) for one in msgspec.json.decode(reply.body)]
    assert said(chunks)["text"] == "You said: hello there"
    events = await raw_post(fake.address, f"{path}?alt=sse", body)
    assert events.body.startswith(b'data: {"candidates"')
    broken = await raw_post(fake.address, "/v1beta/models/error:streamGenerateContent", body)
    assert [one.get("error", {}).get("status") for one in broken.json] == [None, None, "UNAVAILABLE"]
    refused = await raw_post(fake.address, path, {"contents": []})
    assert (refused.status, refused.json[0]["error"]["status"]) == (400, "INVALID_ARGUMENT")


async def test_tools_with_signatures_over_three_turns(models: genai.models.AsyncModels) -> None:
    config = types.GenerateContentConfig(tools=[WEATHER], automatic_function_calling={"disable": True})
    history: list[types.Content] = []
    for _ in range(3):
        history.append(types.UserContent("Weather?"))
        reply = await models.generate_content(model="tools", contents=history, config=config)
        call = reply.function_calls[0]
        assert call.args == {"city": "example"}
        history.append(reply.candidates[0].content)
        answer = types.Part.from_function_response(name=call.name, response={"output": "sunny"})
        history.append(types.UserContent(answer))
        last = await models.generate_content(model="tools", contents=history, config=config)
        assert last.text == "It said: sunny"
        history.append(last.candidates[0].content)
    history = history[:3]
    signed = next(part for part in history[1].parts if part.function_call)
    kept = signed.thought_signature
    for wrong, message in ((None, "missing a thought_signature"), (kept[:-1], "Corrupted thought signature")):
        signed.thought_signature = wrong
        with pytest.raises(errors.ClientError, match=message):
            await models.generate_content(model="tools", contents=history, config=config)
    signed.thought_signature = b"skip_thought_signature_validator"
    assert (await models.generate_content(model="tools", contents=history, config=config)).text == "It said: sunny"


async def test_an_older_model_has_neither_ids_nor_signatures(models: genai.models.AsyncModels) -> None:
    config = types.GenerateContentConfig(tools=[WEATHER], automatic_function_calling={"disable": True})
    reply = await models.generate_content(model="old", contents="Weather?", config=config)
    part = reply.candidates[0].content.parts[0]
    assert (part.function_call.id, part.thought_signature) == (None, None)
    answer = types.UserContent(types.Part.from_function_response(name="weather", response={"output": "sunny"}))
    turns = [types.UserContent("Weather?"), reply.candidates[0].content, answer]
    assert (await models.generate_content(model="old", contents=turns, config=config)).text == "Done."


async def test_habits(models: genai.models.AsyncModels) -> None:
    quiet = await models.generate_content(model="quiet", contents="x")
    assert not [part for part in quiet.candidates[0].content.parts if part.thought]
    shown = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True))
    open_ = await models.generate_content(model="quiet", contents="x", config=shown)
    assert open_.candidates[0].content.parts[0].thought
    counts = [
        chunk.usage_metadata.candidates_token_count
        async for chunk in await models.generate_content_stream(model="growing", contents="x")
    ]
    assert counts == [10, 20, 30]


async def test_errors(models: genai.models.AsyncModels) -> None:
    with pytest.raises(errors.ClientError) as caught:
        await models.generate_content(model="limit", contents="x")
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    details = caught.value.details["error"]["details"]
    assert [one["retryDelay"] for one in details if one["@type"].endswith("RetryInfo")] == ["17s"]
    assert "retry-after" not in caught.value.response.headers
    with pytest.raises(errors.ClientError, match="is not found for API version v1beta"):
        await models.generate_content(model="nobody", contents="x")
    with pytest.raises(errors.APIError, match="overloaded"):
        async for _ in await models.generate_content_stream(model="error", contents="x"):
            pass


@pytest.mark.parametrize(
    ("header", "status", "reason"), [({}, 403, None), ({"x-goog-api-key": "bad"}, 400, "API_KEY_INVALID")]
)
async def test_keys(header: dict[str, str], status: int, reason: str | None) -> None:
    body = {"contents": [{"parts": [{"text": "x"}]}]}
    async with serving({"keys": ["good"], "models": [{"id": "m"}]}) as fake:
        path = "/v1beta/models/m:generateContent"
        refused = await raw_post(fake.address, path, body, header)
        assert refused.status == status
        details = refused.json["error"].get("details", [{}])
        assert details[0].get("reason") == reason
        assert (await raw_post(fake.address, f"{path}?key=good", body)).status == 200


USER = {"role": "user", "parts": [{"text": "hi"}]}
CALLED = {"functionCall": {"name": "t", "args": {}}}
CALL = {"role": "model", "parts": [{**CALLED, "thoughtSignature": "skip_thought_signature_validator"}]}
UNSIGNED = {"role": "model", "parts": [CALLED]}
RESULT = {"role": "user", "parts": [{"functionResponse": {"name": "t", "response": {"output": "ok"}}}]}
TOOL = {"functionDeclarations": [{"name": "t"}]}


def declared(**more: object) -> dict[str, object]:
    """A request with one tool."""
    return {"contents": [USER], "tools": [{"functionDeclarations": [{"name": "t", **more}]}]}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "contents is not specified"),
        ({"contents": [USER], "odd": 1}, 'Unknown name "odd": Cannot find field.'),
        ({"contents": [{**USER, "odd": 1}]}, "Unknown name \"odd\" at 'contents[0]'"),
        ({"contents": [USER], "generationConfig": {"max_tokens": 3}}, "at 'generation_config'"),
        ({"contents": [{"role": "system", "parts": [{"text": "x"}]}]}, "valid role: user, model"),
        ({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "valid role: user, model"),
        ({"contents": [{"role": "user", "parts": []}]}, "contents.parts must not be empty"),
        ({"contents": [{"role": "user", "parts": [{}]}]}, "required oneof field 'data'"),
        ({"contents": [{"parts": [{"text": "x", "inlineData": {"mimeType": "a/b", "data": "YQ=="}}]}]}, "already set"),
        ({"contents": [{"parts": [{"inlineData": {"mimeType": "a/b", "data": "data:x"}}]}]}, "Base64 decoding failed"),
        ({"contents": [{"parts": [{"inlineData": {"data": "YQ=="}}]}]}, "mime_type must not be empty"),
        ({"contents": [CALL, RESULT]}, "function call turn comes immediately after a user turn"),
        ({"contents": [USER, CALL]}, "Please ensure that single turn requests end with a user role"),
        ({"contents": [USER, RESULT]}, "function response turn comes immediately after a function call turn"),
        ({"contents": [USER, CALL, USER]}, "number of function response parts is equal"),
        ({"contents": [USER, {**CALL, "parts": CALL["parts"] * 2}, RESULT]}, "number of function response parts"),
        ({"contents": [USER, UNSIGNED, RESULT]}, "`default_api:t`"),
        ({"contents": [USER, {"role": "model", "parts": [{"text": "x", "thoughtSignature": "YQ=="}]}]}, "Corrupted"),
        (declared(name="a b"), "Invalid function name"),
        (declared(parameters={"type": "object", "additionalProperties": False}), '"additionalProperties"'),
        (declared(parameters={"type": "OBJECT", "properties": {"a": {"$ref": "#"}}}), "properties[a].value"),
        (declared(parameters={"type": ["string", "null"]}), "Proto field is not repeating"),
        (declared(parameters={"type": "object"}, parametersJsonSchema={"type": "object"}), "Only one of parameters"),
        ({**declared(), "toolConfig": {"functionCallingConfig": {"mode": "required"}}}, "Invalid value at"),
        ({**declared(), "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["u"]}}}, "u"),
        ({**declared(), "toolConfig": {"functionCallingConfig": {"allowedFunctionNames": ["t"]}}}, "mode is ANY"),
        ({"contents": [USER], "generationConfig": {"temperature": 3}}, "supported range is [0, 2]"),
        ({"contents": [USER], "generationConfig": {"responseJsonSchema": {}}}, "response_mime_type"),
        ({"contents": [USER], "generationConfig": {"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "LOW"}}},
         "only one of thinking budget and thinking level"),
    ],
)  # fmt: skip
def test_it_refuses(body: dict[str, object], message: str) -> None:
    with pytest.raises(Fault) as caught:
        check(read(Route("gemini", "generate", model="m"), body), OPEN)
    assert message in caught.value.message
    assert caught.value.status == 400


def test_good_conversations_pass() -> None:
    parts = [{"text": "x"}, {"inline_data": {"mime_type": "image/png", "data": base64.b64encode(b"x").decode()}}]
    body = {
        "system_instruction": {"parts": [{"text": "Be brief."}]},
        "contents": [USER, {"parts": parts}, {"role": "model", "parts": [{"text": "ok"}]}, USER, CALL, RESULT],
        "tools": [{"function_declarations": [{"name": "t", "parameters_json_schema": {"any_thing": 1}}]}],
        "tool_config": {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["t"]}},
        "generation_config": {"thinking_config": {"include_thoughts": True, "thinking_level": "low"}},
    }
    asked = read(Route("gemini", "generate", model="m"), body)
    check(asked, OPEN)
    assert (asked.system, asked.text, asked.tool_choice) == ("Be brief.", "ok", "t")
    assert asked.tools[0].schema == {"any_thing": 1}  # what is inside a schema keeps its names
    unsigned = {"contents": [USER, UNSIGNED, RESULT]}
    check(read(Route("gemini", "generate"), unsigned), Rules(Dialect(signatures=False)))
    closed = [*unsigned["contents"], {"role": "model", "parts": [{"text": "ok"}]}, USER]
    check(read(Route("gemini", "generate"), {"contents": closed}), OPEN)  # the turn is over


@pytest.mark.parametrize(
    ("path", "query", "operation", "model", "stream", "array"),
    [
        ("/v1beta/models/a/b:generateContent", "", "generate", "a/b", False, False),
        ("/v1/models/m:streamGenerateContent", "alt=sse", "generate", "m", True, False),
        ("/v1beta/models/m:streamGenerateContent", "key=x", "generate", "m", True, True),
        ("/v1beta2/models/m:countTokens", "", "count_tokens", "m", False, False),
        ("/v1beta/models/m:batchEmbedContents", "", "embeddings", "m", False, False),
        ("/v1beta/models/m:explode", "", "unknown", "m", False, False),
    ],
)  # fmt: skip
def test_routes(path: str, query: str, operation: str, model: str, stream: bool, array: bool) -> None:
    route = route_of(path, query, headers={})
    assert (route.wire, route.operation, route.model, route.stream, route.array) == (
        "gemini", operation, model, stream, array,
    )  # fmt: skip
    assert route_of("/v1/models", "key=x", headers={}).wire == "gemini"
    assert route_of("/v1/models", "", headers={"x-goog-api-key": "x"}).wire == "gemini"
    assert route_of("/v1/models", "", headers={}).wire == "openai-chat"
