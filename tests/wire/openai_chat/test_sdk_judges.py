"""The vendor's own SDK judges: what it sends is understood, and what we write is what it reads."""

from collections.abc import Callable

import httpx2
import openai
import pytest
from hypothesis import given
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from hostler.core.deltas import unfold
from hostler.core.messages import Reasoning, Text, ToolCall, visible_text
from hostler.core.requests import Asked, ChatRequest, OutputFormat, Reply, ToolChoice
from hostler.core.usage import Usage
from hostler.errors import HostlerError, QueueFull, Unauthorized, UpstreamBroken
from hostler.wire import openai_chat
from hostler.wire.sse import SseDecoder
from tests.wire.strategies import replies

ASKED = Asked("a/model", "r1", 1_763_630_000)
REPLY = Reply(
    parts=(
        Reasoning(text="hm"),
        Text(text="line\u2028break 🐴"),
        ToolCall(id="c1", name="f", arguments='{"a":1}'),
        ToolCall(id="c2", name="g", arguments="{}"),
    ),
    finish="tool_calls",
    usage=Usage(1, 2, 3, 4, 5),
)


def client(answer: Callable[[ChatRequest], tuple[int, bytes, bytes]]) -> openai.OpenAI:
    """An SDK client whose requests are decoded and answered without any network."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        status, media_type, body = answer(openai_chat.decode_request(request.content))
        return httpx2.Response(status, headers={"content-type": media_type.decode()}, content=body)

    transport = httpx2.MockTransport(handle)
    return openai.OpenAI(
        api_key="none", base_url="http://local/v1", max_retries=0, http_client=httpx2.Client(transport=transport)
    )


def stream_of(reply: Reply) -> bytes:
    encoder = openai_chat.stream_encoder(ASKED)
    return encoder.encode(unfold(reply)) + encoder.finish()


@pytest.mark.slow
@given(replies())
def test_replies_follow_the_published_schema(reply: Reply) -> None:
    body = openai_chat.encode_response(reply, ASKED).body
    read = ChatCompletion.model_validate_json(body)
    assert (read.choices[0].message.content or "") == visible_text(reply.parts)
    assert read.usage is not None
    assert read.usage.total_tokens == reply.usage.total_tokens


@pytest.mark.slow
@given(replies())
def test_chunks_follow_the_published_schema(reply: Reply) -> None:
    *chunks, end = SseDecoder().feed(stream_of(reply))
    read = [ChatCompletionChunk.model_validate_json(chunk.data) for chunk in chunks]
    text = "".join(choice.delta.content or "" for chunk in read for choice in chunk.choices)
    assert text == visible_text(reply.parts)
    assert end.data == b"[DONE]"


def test_the_sdk_reads_a_whole_reply() -> None:
    with client(lambda _: (200, b"application/json", openai_chat.encode_response(REPLY, ASKED).body)) as sdk:
        read = sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    assert read.model == "a/model"
    assert read.choices[0].message.content == "line\u2028break 🐴"
    assert read.choices[0].finish_reason == "tool_calls"
    assert [call.id for call in read.choices[0].message.tool_calls or []] == ["c1", "c2"]


def test_the_sdk_reads_a_stream() -> None:
    with (
        client(lambda _: (200, b"text/event-stream", openai_chat.KEEPALIVE + stream_of(REPLY))) as sdk,
        sdk.chat.completions.stream(model="m", messages=[{"role": "user", "content": "hi"}]) as stream,
    ):
        read = stream.get_final_completion()
    message = read.choices[0].message
    assert message.content == "line\u2028break 🐴"
    assert [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or []] == [
        ("c1", "f", '{"a":1}'),
        ("c2", "g", "{}"),
    ]
    assert read.usage is not None
    assert (read.usage.prompt_tokens, read.usage.completion_tokens) == (6, 9)


def test_the_sdk_sees_that_a_stream_broke() -> None:
    encoder = openai_chat.stream_encoder(ASKED)
    data = encoder.encode(unfold(REPLY)[:3]) + encoder.fail(UpstreamBroken("It broke."))
    with client(lambda _: (200, b"text/event-stream", data)) as sdk:
        stream = sdk.chat.completions.create(model="m", messages=[], stream=True)
        with pytest.raises(openai.APIError, match="It broke"):
            list(stream)


@pytest.mark.parametrize(
    ("error", "expected"), [(Unauthorized("x"), openai.AuthenticationError), (QueueFull("x"), openai.RateLimitError)]
)
def test_the_sdk_reads_our_errors(error: HostlerError, expected: type[openai.APIStatusError]) -> None:
    body = openai_chat.encode_error(error, "req_1")
    with (
        client(lambda _: (error.status, b"application/json", body)) as sdk,
        pytest.raises(expected) as caught,
    ):
        sdk.chat.completions.create(model="m", messages=[])
    assert caught.value.code == error.code


def test_what_the_sdk_sends_is_understood() -> None:
    seen: list[ChatRequest] = []

    def answer(request: ChatRequest) -> tuple[int, bytes, bytes]:
        seen.append(request)
        return 200, b"application/json", openai_chat.encode_response(REPLY, ASKED).body

    with client(answer) as sdk:
        sdk.chat.completions.create(
            model="m",
            messages=[{"role": "developer", "content": "be brief"}, {"role": "user", "content": "hi"}],
            tools=[{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
            tool_choice={"type": "function", "function": {"name": "f"}},
            response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
            max_completion_tokens=9,
            verbosity="low",
        )
    request = seen[0]
    assert [message.role for message in request.messages] == ["developer", "user"]
    assert request.tool_choice == ToolChoice("named", "f")
    assert request.output_format == OutputFormat("json_schema", {"type": "object"}, "n")
    assert (request.max_tokens, request.extra) == (9, {"verbosity": "low"})
