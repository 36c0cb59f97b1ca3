"""The vendor's own package judges: what it sends is understood, and what we write is what it reads."""

from collections.abc import Callable, Sequence
from typing import Any

import httpx
import ollama as sdk
import pytest
from hypothesis import given

from hostler.core.capabilities import make
from hostler.core.deltas import unfold
from hostler.core.embeddings import EmbeddingReply
from hostler.core.messages import Media, Reasoning, Text, ToolCall, ToolResult
from hostler.core.requests import Asked, ChatRequest, OutputFormat, ReasoningOptions, Reply
from hostler.core.usage import Usage
from hostler.errors import ModelNotFound, UpstreamBroken
from hostler.wire import model_cards, ollama
from hostler.wire.model_cards import ModelCard
from tests.wire.strategies import replies

ASKED = Asked("a/model", "r1", 1_763_630_000)
REPLY = Reply(
    parts=(
        Reasoning(text="hm"),
        Text(text="line\u2028break 🐴"),
        ToolCall(id="c1", name="f", arguments='{"a":1}'),
        ToolCall(id="c2", name="g"),
    ),
    finish="tool_calls",
    usage=Usage(1, 2, 3, 4, 5),
)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def client(answer: Callable[[str, bytes], tuple[int, bytes]]) -> Any:
    """A client whose requests are answered without any network. Untyped, as half of its own types are."""

    def handle(request: httpx.Request) -> httpx.Response:
        status, body = answer(request.url.path, request.content)
        return httpx.Response(status, content=body)

    return sdk.Client("http://local", transport=httpx.MockTransport(handle))


def always(body: bytes, status: int = 200) -> Any:
    return client(lambda _path, _body: (status, body))


def calls_of(pieces: Sequence[sdk.ChatResponse]) -> list[tuple[str, object]]:
    calls = [call for piece in pieces for call in piece.message.tool_calls or ()]
    return [(call.function.name, call.function.arguments) for call in calls]


def stream_of(reply: Reply, *, prompt: bool = False) -> bytes:
    encoder = ollama.StreamEncoder(ASKED, prompt=prompt)
    return encoder.encode(unfold(reply)) + encoder.finish()


@pytest.mark.slow
@given(replies())
def test_replies_and_pieces_follow_the_published_schema(reply: Reply) -> None:
    read = sdk.ChatResponse.model_validate_json(ollama.encode_response(reply, ASKED).body)
    assert read.message.content == reply.text
    assert (read.prompt_eval_count, read.eval_count) == (reply.usage.prompt_tokens, reply.usage.completion_tokens)
    pieces = [sdk.ChatResponse.model_validate_json(line) for line in stream_of(reply).splitlines()]
    assert "".join(piece.message.content or "" for piece in pieces) == reply.text
    assert [piece.done for piece in pieces].count(True) == 1


def test_the_sdk_reads_a_whole_reply() -> None:
    read = always(ollama.encode_response(REPLY, ASKED).body).chat("m", [{"role": "user", "content": "hi"}])
    assert (read.model, read.done, read.done_reason) == ("a/model", True, "stop")
    assert (read.message.content, read.message.thinking) == ("line\u2028break 🐴", "hm")
    assert calls_of([read]) == [("f", {"a": 1}), ("g", {})]


def test_the_sdk_reads_a_stream() -> None:
    pieces = list(always(stream_of(REPLY)).chat("m", [{"role": "user", "content": "hi"}], stream=True))
    assert "".join(piece.message.content or "" for piece in pieces) == "line\u2028break 🐴"
    assert "".join(piece.message.thinking or "" for piece in pieces) == "hm"
    assert calls_of(pieces) == [("f", {"a": 1}), ("g", {})]
    end = pieces[-1]
    assert (end.done, end.prompt_eval_count, end.eval_count) == (True, 6, 9)
    assert (end.total_duration or 0) >= (end.eval_duration or 0) > 0


def test_the_sdk_reads_a_prompts_reply() -> None:
    whole = always(ollama.generate.encode_response(REPLY, ASKED).body).generate("m", "hi")
    assert (whole.response, whole.thinking) == ("line\u2028break 🐴", "hm")
    pieces = list(always(stream_of(REPLY, prompt=True)).generate("m", "hi", stream=True))
    assert "".join(piece.response or "" for piece in pieces) == "line\u2028break 🐴"
    assert pieces[-1].done


def test_the_sdk_sees_that_a_stream_broke() -> None:
    encoder = ollama.stream_encoder(ASKED)
    body = encoder.encode(unfold(REPLY)[:3]) + encoder.fail(UpstreamBroken("It broke."))
    with pytest.raises(sdk.ResponseError, match=r"It broke\."):
        list(always(body).chat("m", [], stream=True))


def test_the_sdk_reads_our_errors() -> None:
    body = ollama.encode_error(ModelNotFound("No model 'm'."), "req_1")
    with pytest.raises(sdk.ResponseError) as caught:
        always(body, 404).chat("m", [])
    assert (caught.value.status_code, caught.value.error) == (404, "No model 'm'.")


def test_what_the_sdk_sends_is_understood_over_two_turns() -> None:
    seen: list[ChatRequest] = []

    def answer(_path: str, body: bytes) -> tuple[int, bytes]:
        seen.append(ollama.decode_request(body))
        return 200, ollama.encode_response(REPLY, ASKED).body

    def feed(horse: str) -> str:
        """Feeds a horse.

        Args:
          horse: Which one.
        """
        return horse

    face = client(answer)
    messages: list[object] = [{"role": "user", "content": "look", "images": [PNG]}]
    first = face.chat("m", messages, tools=[feed], think="high", format="json", options={"num_ctx": 9, "stop": ["x"]})
    messages += [
        first.message,
        {"role": "tool", "content": "1", "tool_name": "f"},
        sdk.Message(role="tool", content="2"),
    ]
    face.chat("m", messages, think=False, stream=False, keep_alive="5m", format={"type": "object"})
    one, two = seen
    assert not one.stream
    assert [tool.name for tool in one.tools] == ["feed"]
    assert one.tools[0].parameters["required"] == ["horse"]
    assert (one.reasoning, one.output_format) == (ReasoningOptions(effort="high"), OutputFormat("json_object"))
    assert (one.sampling.stop, one.extra) == (("x",), {"options.num_ctx": 9})
    [text, image] = one.messages[0].parts
    assert isinstance(text, Text) and isinstance(image, Media) and image.media_type == "image/png"
    assert two.reasoning == ReasoningOptions("off")
    assert two.output_format == OutputFormat("json_schema", {"type": "object"})
    calls = [part for part in two.messages[1].parts if isinstance(part, ToolCall)]
    results = [part for message in two.messages[2:] for part in message.parts if isinstance(part, ToolResult)]
    assert [result.call_id for result in results] == [call.id for call in calls]
    assert len({call.id for call in calls}) == 2


def test_the_sdk_sends_prompts_and_texts() -> None:
    seen: list[tuple[str, bytes]] = []
    reply = EmbeddingReply(vectors=((0.5, 1.0),), model="m", usage=Usage(input=2))

    def answer(path: str, body: bytes) -> tuple[int, bytes]:
        seen.append((path, body))
        if path == "/api/generate":
            return 200, ollama.generate.encode_response(REPLY, ASKED).body
        return 200, ollama.encode_embeddings_reply(reply, batch=path == "/api/embed")

    face = client(answer)
    face.generate("m", "def f(", suffix=")", system="code", images=[PNG])
    assert face.embed("m", ["a"]).embeddings == [[0.5, 1.0]]
    assert face.embeddings("m", "a").embedding == [0.5, 1.0]
    assert [path for path, _ in seen] == ["/api/generate", "/api/embed", "/api/embeddings"]
    request = ollama.generate.decode_request(seen[0][1])
    assert [message.role for message in request.messages] == ["system", "user"]
    assert request.extra == {"suffix": ")"}
    assert [ollama.decode_embeddings(body).texts for _, body in seen[1:]] == [("a",), ("a",)]


def test_the_sdk_reads_the_pages_about_models() -> None:
    facts = make(
        {"vision": True, "tool_calling": True, "reasoning": None, "audio": False, "context_window": 8192}, source="test"
    )
    card = ModelCard(name="here/demo", created=1_763_630_000, size=12, facts=facts, memory=34, until=1_763_630_300)
    pages = {
        "/api/tags": model_cards.encode_tags([card, ModelCard(name="other/model")]),
        "/api/ps": model_cards.encode_ps([card]),
        "/api/show": model_cards.encode_show(card),
    }
    face = client(lambda path, _body: (200, pages[path]))
    first, second = face.list().models
    assert (first.model, first.size, len(first.digest or "")) == ("here/demo", 12, 64)
    assert first.digest != second.digest
    [loaded] = face.ps().models
    assert (loaded.name, loaded.size_vram, loaded.context_length) == ("here/demo", 34, 8192)
    assert loaded.expires_at is not None and loaded.expires_at.timestamp() == 1_763_630_300
    shown = face.show("here/demo")
    assert shown.capabilities == ["completion", "tools", "vision"]
    info: dict[str, Any] = shown.modelinfo
    assert info[f"{info['general.architecture']}.context_length"] == 8192
    assert model_cards.encode_version() == b'{"version":"0.33.0"}'
