"""The vendor's own SDK reads what we serve, and what it sends is understood."""

import msgspec
import pytest
from google.genai import errors, types
from hypothesis import given

from hostler.core.deltas import TextDelta, unfold
from hostler.core.embeddings import EmbeddingReply
from hostler.core.messages import Media, Reasoning, Text, ToolCall, ToolResult, visible_text
from hostler.core.requests import Asked, ChatRequest, OutputFormat, ReasoningOptions, Reply, ToolChoice
from hostler.core.usage import Usage
from hostler.errors import HostlerError, ModelNotFound, ProviderNotReady, QueueFull, Unauthorized, UpstreamBroken
from hostler.wire import gemini
from hostler.wire.sse import SseDecoder
from tests.wire.gemini.judge import Answer, client, read_reply, read_stream
from tests.wire.strategies import replies

pytestmark = pytest.mark.slow
ASKED = Asked("a/model", "abc", 1_700_000_000)
SIGNED = b'{"thoughtSignature":"c2lnbmVk"}'
REPLY = Reply(
    parts=(
        Reasoning(text="hm"),
        Text(text="line\u2028break 🐴"),
        ToolCall(id="c1", name="f", arguments='{"a":1}', opaque=SIGNED),
        ToolCall(id="c2", name="f", arguments="{}"),
    ),
    finish="tool_calls",
    usage=Usage(1, 2, 3, 4, 5),
)


def stream_of(reply: Reply) -> bytes:
    encoder = gemini.stream_encoder(ASKED)
    return encoder.encode(unfold(reply)) + encoder.finish()


def check(read: list[types.Part], usage: types.GenerateContentResponseUsageMetadata | None) -> None:
    assert [part.text for part in read if part.thought] == ["hm"]
    assert "".join(part.text or "" for part in read if not part.thought) == "line\u2028break 🐴"
    calls = [part for part in read if part.function_call]
    assert [part.thought_signature for part in calls] == [b"signed", None]
    assert [(c.function_call.id, c.function_call.name, c.function_call.args) for c in calls if c.function_call] == [
        ("c1", "f", {"a": 1}),
        ("c2", "f", {}),
    ]
    assert usage is not None
    assert (usage.prompt_token_count, usage.cached_content_token_count) == (6, 2)
    assert (usage.candidates_token_count, usage.thoughts_token_count, usage.total_token_count) == (4, 5, 15)


def parts(response: types.GenerateContentResponse) -> list[types.Part]:
    [candidate] = response.candidates or []
    assert candidate.content is not None
    return candidate.content.parts or []


def test_the_sdk_reads_a_whole_reply() -> None:
    read = read_reply(gemini.encode_response(REPLY, ASKED).body)
    assert (read.model_version, read.response_id) == ("a/model", "abc")
    assert (read.candidates or [])[0].finish_reason == types.FinishReason.STOP
    check(parts(read), read.usage_metadata)


def test_the_sdk_reads_a_stream() -> None:
    chunks = read_stream(stream_of(REPLY))
    assert (chunks[-1].candidates or [])[0].finish_reason == types.FinishReason.STOP
    check([part for chunk in chunks for part in parts(chunk)], chunks[-1].usage_metadata)


@given(replies())
def test_replies_and_streams_say_the_same_to_the_sdk(reply: Reply) -> None:
    read_json = types.GenerateContentResponse.model_validate_json
    whole = parts(read_json(gemini.encode_response(reply, ASKED).body))
    streamed = [part for event in SseDecoder().feed(stream_of(reply)) for part in parts(read_json(event.data))]
    for read in (whole, streamed):
        assert "".join(part.text or "" for part in read if not part.thought) == visible_text(reply.parts)
        calls = [part.function_call for part in read if part.function_call]
        assert [(call.id, call.name) for call in calls] == [(call.id, call.name) for call in reply.tool_calls]
        assert [call.args for call in calls] == [msgspec.json.decode(call.arguments) for call in reply.tool_calls]


def test_the_sdk_sees_that_a_stream_broke() -> None:
    encoder = gemini.stream_encoder(ASKED)
    body = encoder.encode([TextDelta("Half"), TextDelta(".")]) + encoder.fail(UpstreamBroken("It broke."))
    with pytest.raises(errors.ServerError, match="It broke") as caught:
        read_stream(body)
    assert caught.value.code == 502


@pytest.mark.parametrize(
    ("error", "expected", "status"),
    [
        (Unauthorized("x"), errors.ClientError, "UNAUTHENTICATED"),
        (ModelNotFound("x"), errors.ClientError, "NOT_FOUND"),
        (QueueFull("x"), errors.ClientError, "RESOURCE_EXHAUSTED"),
        (ProviderNotReady("x"), errors.ServerError, "UNAVAILABLE"),
    ],
)
def test_the_sdk_reads_our_errors(error: HostlerError, expected: type[errors.APIError], status: str) -> None:
    answer = Answer(gemini.encode_error(error, "req_1"), error.status)
    with client(lambda _path, _body: answer) as sdk, pytest.raises(expected) as caught:
        sdk.models.generate_content(model="m", contents="hi")
    assert (caught.value.code, caught.value.status, caught.value.message) == (error.status, status, "x")


def test_a_conversation_of_the_sdk_keeps_its_history_and_signatures() -> None:
    seen: list[ChatRequest] = []
    answers = iter([stream_of(REPLY), stream_of(Reply(parts=(Text(text="Fed."),), finish="stop"))])

    def answer(_path: str, body: bytes) -> Answer:
        seen.append(gemini.decode_request(body))
        return Answer(next(answers), media_type="text/event-stream")

    with client(answer) as sdk:
        chat = sdk.chats.create(model="m")
        list(chat.send_message_stream("Feed the horse."))
        results = [types.Part.from_function_response(name="f", response={"result": n}) for n in ("one", "two")]
        list(chat.send_message_stream(results))
    assert [message.role for message in seen[1].messages] == ["user", "assistant", "tool"]
    thought, text, first, second = seen[1].messages[1].parts
    assert isinstance(thought, Reasoning) and thought.text == "hm"
    assert isinstance(text, Text) and text.text == "line\u2028break 🐴"
    assert isinstance(first, ToolCall) and (first.id, first.opaque) == ("c1", SIGNED)
    assert isinstance(second, ToolCall) and (second.id, second.opaque) == ("c2", None)
    calls = [part.call_id for part in seen[1].messages[2].parts if isinstance(part, ToolResult)]
    assert calls == ["c1", "c2"]


def test_what_the_sdk_sends_is_understood() -> None:
    seen: list[ChatRequest] = []

    def answer(_path: str, body: bytes) -> Answer:
        seen.append(gemini.decode_request(body))
        return Answer(gemini.encode_response(REPLY, ASKED).body)

    def feed(horse: str, oats: int = 1) -> str:
        """Feed a horse."""
        return f"{horse}: {oats}"

    declared = types.FunctionDeclaration(name="g", parameters_json_schema={"type": "object", "properties": {}})
    config = types.GenerateContentConfig(
        system_instruction="be brief",
        tools=[feed, types.Tool(function_declarations=[declared])],
        tool_config=types.ToolConfig(
            function_calling_config=types.FunctionCallingConfig(
                mode=types.FunctionCallingConfigMode.ANY, allowed_function_names=["feed"]
            )
        ),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_level=types.ThinkingLevel.LOW),
        response_mime_type="application/json",
        response_json_schema={"type": "object"},
        max_output_tokens=9,
        top_k=40,
        safety_settings=[
            types.SafetySetting(
                category=types.HarmCategory.HARM_CATEGORY_HARASSMENT, threshold=types.HarmBlockThreshold.BLOCK_NONE
            )
        ],
    )
    with client(answer) as sdk:
        picture = types.Part.from_bytes(data=b"\xfb\xff\xfe", mime_type="image/png")
        sdk.models.generate_content(model="m", contents=["what is this?", picture], config=config)
    [request] = seen
    assert [message.role for message in request.messages] == ["system", "user"]
    assert request.messages[1].parts[1] == Media(kind="image", media_type="image/png", data="+//+")
    assert [tool.name for tool in request.tools] == ["feed", "g"]
    assert request.tools[0].parameters["required"] == ["horse"]
    assert request.tool_choice == ToolChoice("named", "feed")
    assert request.reasoning == ReasoningOptions(effort="low")
    assert request.output_format == OutputFormat("json_schema", {"type": "object"})
    assert (request.max_tokens, request.sampling.top_k) == (9, 40)
    assert sorted(request.extra) == ["safetySettings", "tools[].responseJsonSchema"]


def test_the_sdk_counts_tokens() -> None:
    def answer(path: str, body: bytes) -> Answer:
        assert path.endswith("models/m:countTokens")
        return Answer(
            gemini.encode_count_tokens_reply(len(visible_text(gemini.decode_count_tokens(body).messages[0].parts)))
        )

    with client(answer) as sdk:
        assert sdk.models.count_tokens(model="m", contents="hello").total_tokens == 5


def test_the_sdk_embeds() -> None:
    def answer(path: str, body: bytes) -> Answer:
        request = gemini.decode_embeddings(body)
        assert (request.texts, request.dimensions) == (("a", "b"), 2)
        vectors = tuple((0.5, float(len(text))) for text in request.texts)
        return Answer(gemini.encode_embeddings_reply(EmbeddingReply(vectors=vectors), batch="batch" in path))

    with client(answer) as sdk:
        config = types.EmbedContentConfig(output_dimensionality=2)
        read = sdk.models.embed_content(model="text-embedding", contents=["a", "b"], config=config)
    assert [one.values for one in read.embeddings or []] == [[0.5, 1.0], [0.5, 1.0]]


def test_the_sdk_lists_models() -> None:
    cards = [gemini.ModelCard("here/demo", "Demo", 4096, 1024, thinking=True), gemini.ModelCard("b")]
    with client(lambda _path, _body: Answer(gemini.encode_models(cards))) as sdk:
        first, second = list(sdk.models.list())
    assert (first.name, first.display_name, first.thinking) == ("models/here/demo", "Demo", True)
    assert (first.input_token_limit, first.output_token_limit) == (4096, 1024)
    assert first.supported_actions == ["generateContent", "streamGenerateContent", "countTokens"]
    assert (second.name, second.input_token_limit) == ("models/b", None)
    with client(lambda _path, _body: Answer(gemini.encode_model(cards[0]))) as sdk:
        assert sdk.models.get(model="here/demo").display_name == "Demo"
