"""The responses wire of the fake: OpenAI's SDK reads what it writes, and it judges what it is sent."""

from collections.abc import AsyncIterator

import openai
import pytest

from hostler.providers.fake import FakeVendor
from hostler.providers.fake.asked import OPEN, Fault, Rules
from hostler.providers.fake.openai_responses_requests import check, read
from hostler.providers.fake.routes import Route
from hostler.providers.fake.script import Dialect
from tests.fakes import serving

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "name": "weather", "parameters": PARAMETERS, "strict": False}
SCRIPT = """
- {id: echo}
- {id: think, replies: [{reasoning: "Let me see.", text: "You said: ", echo: true}]}
- id: tools
  replies:
    - {when: {tool_result: true}, text: "It said: ", echo: true}
    - {reasoning: "A tool will know.", call_first_tool: true}
- id: two
  replies: [{text: "Both.", calls: [{name: a, arguments: {x: 1}}, {name: b}], interleave: true}]
- {id: refuse, replies: [{refusal: "I will not."}]}
- {id: length, replies: [{text: "Half a", finish: length}]}
- {id: filter, replies: [{text: "Half a", finish: content_filter}]}
- {id: usage, replies: [{text: "x", usage: {input: 11, cache_read: 7, cache_write: 5, output: 3, reasoning: 2}}]}
- {id: error, replies: [{text: "a b c d", broken: {how: error, after_chunks: 2}}]}
- {id: limit, replies: [{failure: {status: 429, retry: {after_s: 2, limits: true}}}]}
- {id: quiet, dialect: openai, replies: [{reasoning: "Nobody sees.", text: "Seen."}]}
"""


@pytest.fixture
async def fake() -> AsyncIterator[FakeVendor]:
    async with serving(SCRIPT, strict=True) as fake:
        yield fake


@pytest.fixture
async def client(fake: FakeVendor) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{fake.address}/v1", api_key="sk-x", max_retries=0) as client:
        yield client


@pytest.mark.slow  # the first call loads what the SDK needs
async def test_text_and_usage(client: openai.AsyncOpenAI) -> None:
    reply = await client.responses.create(model="echo", input="Good morning!", instructions="Be brief.")
    assert (reply.output_text, reply.status, reply.instructions) == ("Good morning!", "completed", "Be brief.")
    usage = (await client.responses.create(model="usage", input="x")).usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (23, 5, 28)
    assert (usage.input_tokens_details.cached_tokens, usage.output_tokens_details.reasoning_tokens) == (7, 2)
    counted = await client.responses.input_tokens.count(model="echo", input="one two three")
    assert counted.input_tokens == 3


@pytest.mark.parametrize("model", ["echo", "think", "tools", "two", "refuse", "length"])
async def test_a_stream_says_the_same_as_the_whole(client: openai.AsyncOpenAI, model: str) -> None:
    tools = [{**WEATHER, "name": name} for name in ("weather", "a", "b")]
    whole = await client.responses.create(model=model, input="hello there", tools=tools)
    stream = await client.responses.create(model=model, input="hello there", tools=tools, stream=True)
    events = [event async for event in stream]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    last = events[-1]
    assert last.type in ("response.completed", "response.incomplete")
    # ids tell which request they belong to
    assert [strip(item) for item in last.response.output] == [strip(item) for item in whole.output]
    done = [event.item for event in events if event.type == "response.output_item.done"]
    assert sorted(map(str, done)) == sorted(map(str, last.response.output))
    for item in last.response.output:
        if item.type == "function_call":
            deltas = [e.delta for e in events if e.type == "response.function_call_arguments.delta"
                      and e.item_id == item.id]  # fmt: skip
            assert "".join(deltas) == item.arguments


def strip(item: object) -> dict[str, object]:
    """An item without its ids."""
    return {k: v for k, v in item.model_dump().items() if k not in ("id", "call_id")}


async def test_tools_with_reasoning_over_three_turns(client: openai.AsyncOpenAI) -> None:
    history: list[object] = [{"role": "user", "content": "Weather?"}]
    for _ in range(3):
        reply = await client.responses.create(model="tools", input=history, tools=[WEATHER], store=False)
        assert [item.type for item in reply.output] == ["reasoning", "function_call"]
        call = reply.output[1]
        history += [item.model_dump(exclude_none=True) for item in reply.output]
        history.append({"type": "function_call_output", "call_id": call.call_id, "output": "sunny"})
        last = await client.responses.create(model="tools", input=history, tools=[WEATHER])
        assert last.output_text == "It said: sunny"
        history += [item.model_dump(exclude_none=True) for item in last.output]
        history.append({"role": "user", "content": "Again?"})
    history[1]["encrypted_content"] = "fake-of-another"
    with pytest.raises(openai.BadRequestError) as caught:
        await client.responses.create(model="tools", input=history, tools=[WEATHER])
    assert caught.value.code == "invalid_encrypted_content"


async def test_it_goes_on_from_an_earlier_response(client: openai.AsyncOpenAI, fake: FakeVendor) -> None:
    first = await client.responses.create(model="tools", input="Weather?", tools=[WEATHER])
    result = {"type": "function_call_output", "call_id": first.output[1].call_id, "output": "rain"}
    second = await client.responses.create(
        model="tools", input=[result], tools=[WEATHER], previous_response_id=first.id
    )
    assert second.output_text == "It said: rain"
    fake.reset()
    with pytest.raises(openai.BadRequestError, match="not found") as caught:
        await client.responses.create(model="tools", input=[result], previous_response_id=first.id)
    assert caught.value.code == "previous_response_not_found"


async def test_custom_and_namespaced_tools(client: openai.AsyncOpenAI) -> None:
    custom = {"type": "custom", "name": "shell"}
    stream = await client.responses.create(model="tools", input="go", tools=[custom], stream=True)
    events = [event async for event in stream]
    assert [e.input for e in events if e.type == "response.custom_tool_call_input.done"] == ["example"]
    call = events[-1].response.output[-1]
    assert (call.type, call.input) == ("custom_tool_call", "example")
    space = {"type": "namespace", "name": "crm", "description": "x", "tools": [WEATHER]}
    reply = await client.responses.create(model="tools", input="go", tools=[space])
    assert (reply.output[-1].name, reply.output[-1].namespace) == ("weather", "crm")


async def test_ends_that_are_none(client: openai.AsyncOpenAI) -> None:
    for model, reason in (("length", "max_output_tokens"), ("filter", "content_filter")):
        reply = await client.responses.create(model=model, input="x")
        assert (reply.status, reply.incomplete_details.reason) == ("incomplete", reason)
    refused = await client.responses.create(model="refuse", input="x")
    assert refused.output[0].content[0].refusal == "I will not."
    quiet = await client.responses.create(model="quiet", input="x")
    assert quiet.output[0].summary == []
    shown = await client.responses.create(model="quiet", input="x", reasoning={"summary": "auto"})
    assert shown.output[0].summary[0].text == "Nobody sees."


async def test_errors(client: openai.AsyncOpenAI) -> None:
    events = [event async for event in await client.responses.create(model="error", input="x", stream=True)]
    assert [event.type for event in events[-2:]] == ["error", "response.failed"]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "The server had an error" in events[-2].message
    assert events[-1].response.error.code == "server_error"
    with pytest.raises(openai.RateLimitError) as caught:
        await client.responses.create(model="limit", input="x")
    assert caught.value.response.headers["retry-after"] == "2"
    assert "Please try again in 2s." in caught.value.message
    with pytest.raises(openai.NotFoundError):
        await client.responses.create(model="nobody", input="x")


CALL = {"type": "function_call", "call_id": "c", "name": "t", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "ok"}
SEALED = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "fake-" + "0" * 40}
TOOL = {"type": "function", "name": "t", "parameters": {"type": "object"}}


def said(role: str, kind: str) -> dict[str, object]:
    """A message with one part."""
    return {"role": role, "content": [{"type": kind, "text": "x"}]}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Missing required parameter: 'input'"),
        ({"input": 3}, "expected one of a string or array of input items, but got an integer"),
        ({"input": "x", "max_tokens": 5}, "Unknown parameter: 'max_tokens'"),
        ({"input": "x", "max_output_tokens": 5}, "Expected a value >= 16"),
        ({"input": "x", "temperature": 3}, "Expected a value <= 2"),
        ({"input": "x", "reasoning": {"effort": "huge"}}, "'xhigh', and 'max'"),
        ({"input": "x", "stream_options": {}}, "only allowed when 'stream' is enabled"),
        ({"input": [{"type": "odd"}]}, "Invalid value: 'odd'"),
        ({"input": [said("king", "input_text")]}, "Invalid value: 'king'"),
        ({"input": [said("user", "text")]}, "Invalid value: 'text'. Supported values are: 'input_text'"),
        ({"input": [said("assistant", "input_text")]}, "'output_text' and 'refusal'"),
        ({"input": [said("user", "output_text")]}, "Invalid value: 'output_text'"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "content[0].image_url"),
        ({"input": [CALL]}, "No tool output found for function call c."),
        ({"input": [OUTPUT]}, "No tool call found for function call output with call_id c."),
        ({"input": [{**CALL, "id": "call_1"}, OUTPUT]}, "Expected an ID that begins with 'fc'"),
        ({"input": [{**CALL, "call_id": "c" * 65}, OUTPUT]}, "string too long"),
        ({"input": [{**CALL, "arguments": {}}, OUTPUT]}, "input[0].arguments': expected a string"),
        ({"input": [{**CALL, "name": "a b"}, OUTPUT]}, "does not match pattern"),
        ({"input": [SEALED]}, "was provided without its required following item"),
        ({"input": [SEALED, {"role": "user", "content": "x"}]}, "without its required following item"),
        ({"input": [{**SEALED, "encrypted_content": "gAAAother"}, CALL, OUTPUT]}, "could not be verified"),
        ({"input": [{"type": "reasoning", "id": "rs_1", "summary": []}, CALL, OUTPUT]}, "Item with id 'rs_1' not"),
        ({"input": "x", "tools": [{"type": "function", "function": {"name": "t"}}]}, "parameter: 'tools[0].name'"),
        ({"input": "x", "tools": [{**TOOL, "parameters": {"type": "string"}}]}, "Invalid schema for function 't'"),
        ({"input": "x", "tools": [TOOL], "tool_choice": "any"}, "Supported values are: 'none', 'auto'"),
        ({"input": "x", "tools": [TOOL], "tool_choice": {"type": "function", "name": "u"}}, "'u' not found"),
        ({"input": "x", "tool_choice": "required"}, "must be specified with 'tools'"),
        ({"input": "x", "text": {"format": {"type": "json_schema"}}}, "'text.format.name'"),
        ({"input": "x", "text": {"format": {"type": "json_object"}}}, "must contain the word 'json'"),
    ],
)  # fmt: skip
def test_it_refuses(body: dict[str, object], message: str) -> None:
    with pytest.raises(Fault) as caught:
        check(read(Route("openai-responses", "responses"), {"model": "m", **body}), OPEN)
    assert message in caught.value.message


def test_what_a_dialect_refuses() -> None:
    asked = read(Route("openai-responses", "responses"), {"model": "m", "input": "x", "temperature": 1})
    check(asked, OPEN)
    with pytest.raises(Fault, match="'temperature' is not supported with this model"):
        check(asked, Rules(Dialect(forbidden=("temperature",))))


def test_good_conversations_pass() -> None:
    turns = [said("developer", "input_text"), said("user", "input_text"), SEALED, CALL, OUTPUT,
             said("assistant", "output_text"), {"type": "item_reference", "id": "msg_1"}]  # fmt: skip
    body = {"model": "m", "input": turns, "tools": [TOOL, {"type": "web_search"}], "tool_choice": "required"}
    check(read(Route("openai-responses", "responses"), body), OPEN)
