"""The vendors' own SDKs read what the fake writes, and send what it accepts as a strict judge."""

from collections.abc import AsyncIterator

import anthropic
import openai
import pytest

from hostler.providers.fake import FakeVendor
from tests.fakes import serving

TOOL = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 3}},
    "required": ["city", "days"],
}
CHAT_TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": TOOL}}]
MESSAGES_TOOLS = [{"name": "weather", "description": "Tells the weather.", "input_schema": TOOL}]
USER = [{"role": "user", "content": "Good morning, fake!"}]


@pytest.fixture
async def fake() -> AsyncIterator[FakeVendor]:
    async with serving(strict=True) as fake:
        yield fake


@pytest.fixture
async def chat(fake: FakeVendor) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{fake.address}/v1", api_key="sk-x", max_retries=0) as client:
        yield client


@pytest.fixture
async def claude(fake: FakeVendor) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=fake.address, api_key="sk-x", max_retries=0) as client:
        yield client


async def test_chat_text(chat: openai.AsyncOpenAI) -> None:
    reply = await chat.chat.completions.create(model="echo", messages=USER)
    assert reply.choices[0].message.content == "Good morning, fake!"
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage and reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


async def test_chat_stream(chat: openai.AsyncOpenAI) -> None:
    stream = await chat.chat.completions.create(
        model="usage", messages=USER, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Counted."
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]
    usage = chunks[-1].usage
    assert usage and usage.prompt_tokens_details and usage.completion_tokens_details
    assert (usage.prompt_tokens, usage.completion_tokens) == (23, 5)
    assert usage.prompt_tokens_details.cached_tokens == 7
    assert usage.completion_tokens_details.reasoning_tokens == 2
    assert all(c.usage is None for c in chunks[:-1])


async def test_chat_tools_there_and_back(chat: openai.AsyncOpenAI) -> None:
    first = await chat.chat.completions.create(model="tools", messages=USER, tools=CHAT_TOOLS)
    message = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls"
    assert message.tool_calls
    call = message.tool_calls[0]
    assert call.function.name == "weather"
    assert call.function.arguments == '{"city":"example","days":3}'
    answers = [{"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    turns = [*USER, message.model_dump(exclude_none=True), *answers]
    turns[1].pop("annotations", None)
    second = await chat.chat.completions.create(model="tools", messages=turns, tools=CHAT_TOOLS)
    assert second.choices[0].message.content == "The tool said: sunny"


async def test_chat_streams_tools(chat: openai.AsyncOpenAI) -> None:
    async with chat.chat.completions.stream(model="tools", messages=USER, tools=CHAT_TOOLS) as stream:
        final = await stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert calls and [(c.function.name, c.function.arguments) for c in calls] == [
        ("weather", '{"city":"example","days":3}')
    ]


async def test_chat_reasoning(chat: openai.AsyncOpenAI) -> None:
    reply = await chat.chat.completions.create(model="think", messages=USER)
    assert reply.choices[0].message.model_extra
    assert "Let me see" in reply.choices[0].message.model_extra["reasoning_content"]
    assert reply.choices[0].message.content == "You said: Good morning, fake!"


@pytest.mark.slow  # the SDK imports what it needs for embeddings
async def test_legacy_completions_and_embeddings(chat: openai.AsyncOpenAI) -> None:
    reply = await chat.completions.create(model="echo", prompt="abc")
    assert reply.choices[0].text == "abc"
    stream = await chat.completions.create(model="echo", prompt="a b c", stream=True)
    assert "".join([chunk.choices[0].text async for chunk in stream]) == "a b c"
    vectors = await chat.embeddings.create(model="echo", input=["one", "two"])
    again = await chat.embeddings.create(model="echo", input="one", encoding_format="float")
    assert vectors.data[0].embedding == pytest.approx(again.data[0].embedding, abs=1e-6)
    assert vectors.data[1].embedding != vectors.data[0].embedding


async def test_both_model_lists(chat: openai.AsyncOpenAI, claude: anthropic.AsyncAnthropic) -> None:
    assert "echo" in [model.id async for model in chat.models.list()]
    assert (await chat.models.retrieve("echo")).owned_by == "fake"
    listed = [model async for model in claude.models.list()]
    assert listed[0].id == "echo"
    assert (await claude.models.retrieve("echo")).type == "model"
    with pytest.raises(openai.NotFoundError):
        await chat.models.retrieve("nothing")


async def test_messages_text_and_count(claude: anthropic.AsyncAnthropic) -> None:
    reply = await claude.messages.create(model="echo", max_tokens=100, messages=USER)
    assert [block.text for block in reply.content if block.type == "text"] == ["Good morning, fake!"]
    assert reply.stop_reason == "end_turn"
    count = await claude.messages.count_tokens(model="echo", messages=USER)
    assert count.input_tokens == reply.usage.input_tokens == 4  # the role counts as a word


async def test_messages_stream_with_thinking(claude: anthropic.AsyncAnthropic) -> None:
    async with claude.messages.stream(model="redacted", max_tokens=100, messages=USER) as stream:
        final = await stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "redacted_thinking", "text"]
    turns = [*USER, {"role": "assistant", "content": [b.model_dump(exclude_none=True) for b in final.content]}, *USER]
    again = await claude.messages.create(model="echo", max_tokens=9, messages=turns)
    assert again.stop_reason == "end_turn"
    turns[1]["content"][0]["thinking"] += " No."
    with pytest.raises(anthropic.BadRequestError, match="Invalid `signature` in `thinking` block"):
        await claude.messages.create(model="echo", max_tokens=9, messages=turns)


async def test_messages_usage_in_a_stream(claude: anthropic.AsyncAnthropic) -> None:
    async with claude.messages.stream(model="usage", max_tokens=100, messages=USER) as stream:
        usage = (await stream.get_final_message()).usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (11, 7, 5)
    assert usage.output_tokens == 5


async def test_messages_tools_there_and_back(claude: anthropic.AsyncAnthropic) -> None:
    async with claude.messages.stream(model="tools", max_tokens=99, messages=USER, tools=MESSAGES_TOOLS) as stream:
        first = await stream.get_final_message()
    assert first.stop_reason == "tool_use"
    call = first.content[0]
    assert call.type == "tool_use"
    assert call.input == {"city": "example", "days": 3}
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
    said = {"type": "tool_use", "id": call.id, "name": call.name, "input": call.input}
    turns = [*USER, {"role": "assistant", "content": [said]}, {"role": "user", "content": [result]}]
    second = await claude.messages.create(model="tools", max_tokens=99, messages=turns, tools=MESSAGES_TOOLS)
    assert [block.text for block in second.content if block.type == "text"] == ["The tool said: sunny"]


CHAT_ERRORS = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    529: openai.InternalServerError,
}


@pytest.mark.parametrize("status", CHAT_ERRORS)
async def test_chat_errors(chat: openai.AsyncOpenAI, status: int) -> None:
    with pytest.raises(CHAT_ERRORS[status]) as caught:
        await chat.chat.completions.create(model=f"fail-{status}", messages=USER)
    assert caught.value.status_code == status
    assert caught.value.request_id == "req_fake1"


@pytest.mark.parametrize(
    ("status", "kind"), [(402, "billing_error"), (413, "request_too_large"), (529, "overloaded_error")]
)
async def test_messages_errors(claude: anthropic.AsyncAnthropic, status: int, kind: str) -> None:
    with pytest.raises(anthropic.APIStatusError) as caught:
        await claude.messages.create(model=f"fail-{status}", max_tokens=9, messages=USER)
    assert caught.value.status_code == status
    assert caught.value.body["error"]["type"] == kind
    assert caught.value.body["request_id"] == "req_fake1" == caught.value.request_id


@pytest.mark.slow  # the SDK waits half a second
async def test_sdk_retries_after_a_429(fake: FakeVendor) -> None:
    async with openai.AsyncOpenAI(base_url=f"{fake.address}/v1", api_key="sk-x", max_retries=1) as client:
        reply = await client.chat.completions.create(model="fail-429-once", messages=USER)
    assert reply.choices[0].message.content == "Good morning, fake!"
    assert fake.count("/v1/chat/completions", "fail-429-once") == 2


async def test_errors_inside_a_stream(chat: openai.AsyncOpenAI, claude: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(openai.APIError, match="error while processing"):
        async for _ in await chat.chat.completions.create(model="error", messages=USER, stream=True):
            pass
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        async for _ in await claude.messages.create(model="error", max_tokens=9, messages=USER, stream=True):
            pass


async def test_odd_framing_is_still_a_stream(chat: openai.AsyncOpenAI, claude: anthropic.AsyncAnthropic) -> None:
    stream = await chat.chat.completions.create(model="odd", messages=USER, stream=True)
    said = "".join([c.choices[0].delta.content or "" async for c in stream])
    assert said == "Odd, but right: Good morning, fake!"
    async with claude.messages.stream(model="unicode", max_tokens=9, messages=USER) as events:
        assert await events.get_final_text() == "Grüße, 世界, 🐴, e\u0301 and back."
