"""The vendor's own SDK judges, at a small server: what it sends is understood, and what we write is what it reads."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, cast

import dashscope as sdk
import pytest

from hostler.core.deltas import unfold
from hostler.core.messages import Media, Message, Reasoning, Text, ToolCall, ToolResult
from hostler.core.requests import Asked, ChatRequest, ReasoningOptions, Reply, ToolChoice
from hostler.core.usage import Usage
from hostler.errors import QueueFull, UpstreamBroken
from hostler.wire import dashscope

USER = {"role": "user", "content": "hi"}
WEATHER: dict[str, object] = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}
REPLY = Reply(
    parts=(
        Reasoning(text="hm, let me see"),
        Text(text="line\u2028break 🐴"),
        ToolCall(id="c1", name="f", arguments='{"a":1}'),
        ToolCall(id="c2", name="g"),
    ),
    finish="tool_calls",
    usage=Usage(1, 2, 3, 4, 5),
)

Answer = Callable[[ChatRequest, bool], tuple[int, bytes]]


class Face:
    """A server that decodes what it is sent and answers as `answer` says; `seen` holds the requests."""

    def __init__(self) -> None:
        self.seen: list[ChatRequest] = []
        self.answer: Answer = whole
        face = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = dashscope.decode_request(self.rfile.read(int(self.headers["content-length"])))
                face.seen.append(request)
                stream = self.headers.get("x-dashscope-sse") == "enable"
                status, body = face.answer(request, stream)
                kind = dashscope.STREAM_TYPE if stream and status == 200 else b"application/json"
                self.send_response(status)
                self.send_header("content-type", kind.decode())
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # signature: http.server
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)


def asked_by(request: ChatRequest) -> Asked:
    return Asked("a/model", "r1", 1_763_630_000, request=request)


def whole(request: ChatRequest, stream: bool) -> tuple[int, bytes]:
    if not stream:
        return 200, dashscope.encode_response(REPLY, asked_by(request)).body
    encoder = dashscope.stream_encoder(asked_by(request))
    return 200, dashscope.KEEPALIVE + encoder.encode(unfold(REPLY)) + encoder.finish()


@pytest.fixture
def face(monkeypatch: pytest.MonkeyPatch) -> Iterator[Face]:
    face = Face()
    thread = Thread(target=face.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setattr(sdk, "base_http_api_url", f"http://127.0.0.1:{face.server.server_port}/api/v1")
    yield face
    face.server.shutdown()
    face.server.server_close()
    thread.join()


def ask(messages: Any = (USER,), **more: object) -> Any:
    """A reply of the SDK, or a list of them; untyped, as its own types are."""
    generation = cast("Any", sdk.Generation)
    reply = generation.call("qwen-plus", messages=list(messages), api_key="k", result_format="message", **more)
    return list(reply) if more.get("stream") else reply


@pytest.mark.slow  # the first call loads what the SDK needs
def test_the_sdk_reads_a_whole_reply(face: Face) -> None:
    reply = ask()
    assert (reply.status_code, reply.request_id) == (200, "r1")
    choice = reply.output.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert (choice.message.content, choice.message.reasoning_content) == ("line\u2028break 🐴", "hm, let me see")
    calls = [
        (each["id"], each["function"]["name"], each["function"]["arguments"]) for each in choice.message.tool_calls
    ]
    assert calls == [("c1", "f", '{"a":1}'), ("c2", "g", "{}")]
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (6, 9)
    assert face.seen[0].messages == (Message("user", (Text(text="hi"),)),)


@pytest.mark.parametrize("incremental", [True, False, None])
def test_the_sdk_reads_a_stream(face: Face, incremental: bool | None) -> None:
    pieces = ask(stream=True, incremental_output=incremental)
    assert {piece.status_code for piece in pieces} == {200}
    choices = [piece.output.choices[0] for piece in pieces]
    if incremental:
        assert "".join(choice.message.content for choice in choices) == "line\u2028break 🐴"
    else:  # the SDK adds up what it gets, or we repeat
        last = choices[-1].message
        assert (last.content, last.reasoning_content) == ("line\u2028break 🐴", "hm, let me see")
        calls = [(each["id"], each["function"]["name"], each["function"]["arguments"]) for each in last.tool_calls]
        assert calls == [("c1", "f", '{"a":1}'), ("c2", "g", "{}")]
    assert {choice.finish_reason for choice in choices[:-1]} == {"null"}
    assert choices[-1].finish_reason == "tool_calls"
    assert pieces[-1].usage["output_tokens_details"] == {"reasoning_tokens": 5}
    assert len(face.seen) == 1


def test_the_sdk_sees_that_a_stream_broke(face: Face) -> None:
    def broken(request: ChatRequest, stream: bool) -> tuple[int, bytes]:
        encoder = dashscope.stream_encoder(asked_by(request))
        return 200, encoder.encode(unfold(REPLY)[:3]) + encoder.fail(UpstreamBroken("It broke."))

    face.answer = broken
    *_, last = ask(stream=True, incremental_output=True)
    assert (last.status_code, last.code, last.message) == (400, "InternalError", "It broke.")


def test_the_sdk_reads_our_errors(face: Face) -> None:
    error = QueueFull("Come back later.")
    face.answer = lambda _request, _stream: (error.status, dashscope.encode_error(error, "r9"))
    reply = ask()
    assert (reply.status_code, reply.code, reply.message) == (429, "Throttling", "Come back later.")
    assert reply.request_id == "r9"


def test_what_the_sdk_sends_is_understood_over_two_turns(face: Face) -> None:
    first = ask(
        tools=[WEATHER], tool_choice={"type": "function", "function": {"name": "weather"}}, enable_thinking=True,
        thinking_budget=99, temperature=0.5, max_tokens=9, stop=["x"], enable_search=True,
    )  # fmt: skip
    answers = [{"role": "tool", "content": str(n), "tool_call_id": id_} for n, id_ in enumerate(("c1", "c2"))]
    ask([USER, first.output.choices[0].message, *answers], enable_thinking=False)
    one, two = face.seen
    assert [tool.name for tool in one.tools] == ["weather"]
    assert (one.tool_choice, one.reasoning) == (ToolChoice("named", "weather"), ReasoningOptions("on", budget=99))
    assert (one.sampling.temperature, one.max_tokens, one.sampling.stop) == (0.5, 9, ("x",))
    assert one.extra["parameters.enable_search"] is True
    assert two.reasoning == ReasoningOptions("off")
    calls = [part.id for part in two.messages[1].parts if isinstance(part, ToolCall)]
    assert [part.call_id for m in two.messages[2:] for part in m.parts if isinstance(part, ToolResult)] == calls


def test_the_sdk_sends_contents_in_parts(face: Face) -> None:
    said = [{"role": "user", "content": [{"image": "https://example.org/a.png"}, {"text": "what?"}]}]
    reply = cast("Any", sdk.MultiModalConversation).call("qwen3-vl-plus", said, api_key="k")
    assert reply.output.choices[0].message.content == "line\u2028break 🐴"
    image = Media(kind="image", url="https://example.org/a.png")
    assert face.seen[0].messages == (Message("user", (image, Text(text="what?"))),)
