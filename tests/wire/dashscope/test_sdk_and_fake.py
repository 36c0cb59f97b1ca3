"""The vendor's own SDK, pointed at the fake vendor, judges this wire: we send what it sends, and read what it reads."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import dashscope as sdk
import msgspec
import pytest

from hostler.core.deltas import fold
from hostler.core.messages import Media, Message, Part, Reasoning, Text, ToolCall, ToolResult
from hostler.core.requests import ChatRequest, OutputFormat, ReasoningOptions, Reply, Sampling, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import DASHSCOPE
from hostler.providers.fake import FakeVendor
from hostler.wire import dashscope
from hostler.wire.dialects import PLAIN
from tests.fakes import raw_post, serving

PATH = "/api/v1/services/aigc/text-generation/generation"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool(name="weather", description="Tells the weather.", parameters=SCHEMA)
SDK_WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": "Tells the weather.", "parameters": SCHEMA},
}
HI = Message("user", (Text(text="Hi."),))
CALL = ToolCall(id="call_1", name="weather", arguments='{"city":"Oslo"}')
SDK_CALL = {
    "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}
}  # fmt: skip
SCRIPT = """
- id: answers
  replies:
    - {when: {contains: "Think"}, reasoning: "Let me see.", text: "Grüße, 世界, 🐴."}
    - when: {contains: "Call"}
      text: "Both."
      calls: [{name: weather, arguments: {city: Oslo}}, {name: weather, arguments: {city: "Łódź, PL"}}]
    - {when: {contains: "Count"}, text: "x", usage: {input: 11, cache_read: 7, output: 3, reasoning: 2}}
    - {when: {contains: "Stop"}, text: "one two", finish: length}
    - {echo: true}
- {id: qwen3-vl, replies: [{echo: true}]}
"""


@pytest.fixture
async def fake(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeVendor]:
    async with serving(SCRIPT, strict=True) as fake:
        monkeypatch.setattr(sdk, "base_http_api_url", f"{fake.address}/api/v1")
        yield fake


async def ask(model: str, messages: list[Any], **more: object) -> Any:
    """What the SDK makes of the fake's reply; the SDK waits, so it does so in a thread."""
    called = cast("Any", sdk.MultiModalConversation if "vl" in model else sdk.Generation)
    form = {} if "vl" in model else {"result_format": "message"}

    def wait() -> Any:
        reply = called.call(model, messages=messages, api_key="k", **form, **more)
        return list(reply)[-1] if more.get("stream") else reply

    return await asyncio.to_thread(wait)


def asking(*messages: Message, **more: Any) -> ChatRequest:
    return ChatRequest(model="answers", messages=messages, wire=DASHSCOPE, **more)


CASES: dict[str, tuple[ChatRequest, list[Any], dict[str, Any]]] = {
    "text": (asking(HI), [{"role": "user", "content": "Hi."}], {}),
    "system and turns": (
        asking(Message("system", (Text(text="Be brief."),)), HI, Message("assistant", (Text(text="Yes?"),)), HI),
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi."},
            {"role": "assistant", "content": "Yes?"},
            {"role": "user", "content": "Hi."},
        ],
        {},
    ),
    "sampling": (
        asking(
            HI,
            max_tokens=99,
            sampling=Sampling(
                temperature=0.5, top_p=0.9, top_k=20, seed=7, presence_penalty=0.5, stop=("END", "ENDE")
            ),
        ),
        [{"role": "user", "content": "Hi."}],
        {
            "max_tokens": 99, "temperature": 0.5, "top_p": 0.9, "top_k": 20, "seed": 7, "presence_penalty": 0.5,
            "stop": ["END", "ENDE"],
        },
    ),
    "thinking": (
        asking(HI, reasoning=ReasoningOptions("on", budget=500), stream=True),
        [{"role": "user", "content": "Hi."}],
        {"enable_thinking": True, "thinking_budget": 500, "stream": True, "incremental_output": True},
    ),
    "a named tool": (
        asking(HI, tools=(WEATHER,), tool_choice=ToolChoice("named", "weather"), parallel_tool_calls=True),
        [{"role": "user", "content": "Hi."}],
        {
            "tools": [SDK_WEATHER], "parallel_tool_calls": True,
            "tool_choice": {"type": "function", "function": {"name": "weather"}},
        },
    ),
    "a call and its result": (
        asking(
            HI,
            Message("assistant", (CALL,)),
            Message("tool", (ToolResult(call_id="call_1", content=(Text(text="Sunny."),)),)),
            tools=(WEATHER,),
        ),
        [
            {"role": "user", "content": "Hi."},
            {"role": "assistant", "content": "", "tool_calls": [SDK_CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "Sunny."},
        ],
        {"tools": [SDK_WEATHER]},
    ),
    "a schema": (
        asking(HI, output_format=OutputFormat("json_schema", SCHEMA, name="place", strict=True)),
        [{"role": "user", "content": "Hi."}],
        {
            "response_format": {
                "type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}
            }
        },
    ),
}  # fmt: skip
"""A request of ours, and the same as the SDK is asked for it: messages and parameters."""


@pytest.mark.slow  # the first call loads what the SDK needs
@pytest.mark.parametrize("name", CASES)
async def test_we_send_what_the_sdk_sends(fake: FakeVendor, name: str) -> None:
    request, messages, parameters = CASES[name]
    reply = await ask("answers", messages, **parameters)
    assert reply.status_code == 200, reply.message
    encoded = dashscope.encode_request(request, PLAIN)
    assert encoded.dropped == ()
    headers = {"x-dashscope-sse": "enable"} if request.stream else {}
    assert (await raw_post(fake.address, PATH, encoded.body, headers)).status == 200
    theirs, ours = list(fake.requests)[-2:]
    assert ours.json == theirs.json


async def test_we_send_media_as_the_sdk_does(fake: FakeVendor) -> None:
    parts: tuple[Part, ...] = (
        Media(kind="image", url="https://example.org/a.png"),
        Media(kind="image", media_type="image/png", data="iVBORw0KGgo="),
        Media(kind="audio", url="https://example.org/a.wav"),
        Text(text="What is it?"),
    )
    content = [
        {"image": "https://example.org/a.png"},
        {"image": "data:image/png;base64,iVBORw0KGgo="},
        {"audio": "https://example.org/a.wav"},
        {"text": "What is it?"},
    ]
    await ask("qwen3-vl", [{"role": "user", "content": content}])
    ours = dashscope.encode_request(asking(Message("user", parts)), PLAIN)
    assert msgspec.json.decode(ours.body)["input"] == fake.requests[-1].json["input"]


TURNS = ("Think.", "Call both.", "Count.", "Stop early.", "Say this: é 🐴")


@pytest.mark.parametrize("words", TURNS)
@pytest.mark.parametrize("incremental", [None, True, False], ids=["whole", "pieces", "repeating"])
async def test_we_read_what_the_sdk_reads(fake: FakeVendor, words: str, incremental: bool | None) -> None:
    more: dict[str, Any] = {"tools": [SDK_WEATHER]} if words.startswith("Call") else {}
    messages = [{"role": "user", "content": words}]
    theirs = await ask("answers", messages, **more)
    reply = await _read(fake, fake.requests[-1].json, incremental)
    choice = theirs.output.choices[0]
    said = choice.message
    assert reply.text == said.content
    assert "".join(p.text for p in reply.parts if isinstance(p, Reasoning)) == said.get("reasoning_content", "")
    calls = [(call["function"]["name"], call["function"]["arguments"]) for call in said.get("tool_calls", ())]
    assert [(call.name, call.arguments) for call in reply.tool_calls] == calls
    assert reply.finish == {"stop": "stop", "length": "length", "tool_calls": "tool_calls"}[choice.finish_reason]
    assert reply.usage.prompt_tokens == theirs.usage.input_tokens
    assert reply.usage.completion_tokens == theirs.usage.output_tokens


async def _read(fake: FakeVendor, body: Any, incremental: bool | None) -> Reply:
    headers = {} if incremental is None else {"x-dashscope-sse": "enable"}
    if incremental is not None:
        body = {**body, "parameters": {**body["parameters"], "incremental_output": incremental}}
    raw = await raw_post(fake.address, PATH, body, headers)
    if incremental is None:
        return dashscope.decode_response(raw.body)
    decoder = dashscope.stream_decoder()
    deltas = [delta for byte in range(len(raw.body)) for delta in decoder.feed(raw.body[byte : byte + 1])]
    return fold([*deltas, *decoder.flush()])
