"""Tools of any name over every wire: vendors get names that they accept, and clients hear their own.

The vendor is strict, so that a name which it refuses is a 400. Clients are written with our codecs: the SDKs of some
faces refuse such names themselves.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from hostler.core.deltas import fold
from hostler.core.messages import Message, Text, ToolCall, ToolResult
from hostler.core.requests import ChatRequest, Reply, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import ANTHROPIC, DASHSCOPE, GEMINI, OLLAMA, OPENAI_CHAT, OPENAI_RESPONSES, WIRES, Wire
from hostler.providers.fake import FakeVendor
from hostler.wire.codecs import codec_of
from hostler.wire.dialects import PLAIN
from tests.end_to_end.gate import Gate, Setup, gate
from tests.fakes import serving

KINDS = {OPENAI_CHAT: "openai-compatible"}
FACES = [wire for wire in WIRES if wire != DASHSCOPE]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
NAMES = ["weather.today", "mcp:weather/now", "查天气", "9th_weather", "forecast_" * 20, "weather_today"]


@pytest.fixture
async def fake() -> AsyncIterator[FakeVendor]:
    async with serving(strict=True) as fake:
        yield fake


@pytest.fixture
async def door(tmp_path: Path, fake: FakeVendor) -> AsyncIterator[Gate]:
    entries = [
        {"id": wire, "kind": KINDS.get(wire, wire), "baseUrl": fake.address, "apiKeyEnv": "FAKE_KEY"} for wire in WIRES
    ]
    async with gate(tmp_path, *entries, setup=Setup(environment={"FAKE_KEY": "sk-fake"})) as door:
        yield door


def path_of(face: Wire, request: ChatRequest) -> str:
    action = "streamGenerateContent?alt=sse" if request.stream else "generateContent"
    return {
        OPENAI_CHAT: "/v1/chat/completions",
        OPENAI_RESPONSES: "/v1/responses",
        ANTHROPIC: "/v1/messages",
        GEMINI: f"/v1beta/models/{request.model}:{action}",
        OLLAMA: "/api/chat",
    }[face]


async def ask(door: Gate, face: Wire, *, request: ChatRequest) -> Reply:
    """One exchange as a client of the face has it."""
    codec = codec_of(face)
    said = await door.ask(path_of(face, request), codec.encode_request(replace(request, wire=face), PLAIN).body)
    assert said.status == 200, said.body
    if not request.stream:
        return codec.decode_response(said.body)
    decoder = codec.stream_decoder()
    return fold([*decoder.feed(said.body), *decoder.flush()])


@pytest.mark.slow
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("face", FACES)
async def test_a_client_hears_the_names_that_it_offered(door: Gate, face: Wire, *, stream: bool) -> None:
    for wire in WIRES:
        if wire == face:
            continue
        for turn in range(len(NAMES)):
            names = [*NAMES[turn:], *NAMES[:turn]]  # the vendor calls the first
            request = ChatRequest(
                model=f"{wire}/tools",
                messages=(Message("user", (Text(text="What is the weather?"),)),),
                tools=tuple(Tool(name=name, description="Tells.", parameters=SCHEMA) for name in names),
                max_tokens=100,
                stream=stream,
            )
            said = await ask(door, face, request=request)
            (call,) = said.tool_calls
            assert call.name == names[0], wire
            result = ToolResult(call_id=call.id, name=call.name, content=(Text(text="Sunny."),))
            history = (*request.messages, Message("assistant", (call,)), Message("tool", (result,)))
            said = await ask(door, face, request=replace(request, messages=history))
            assert said.text == "The tool said: Sunny.", wire


@pytest.mark.parametrize("wire", [OPENAI_RESPONSES, ANTHROPIC, GEMINI])
async def test_a_choice_names_the_tool_as_the_vendor_knows_it(door: Gate, fake: FakeVendor, wire: Wire) -> None:
    request = ChatRequest(
        model=f"{wire}/tools",
        messages=(Message("user", (Text(text="What is the weather?"),)),),
        tools=tuple(Tool(name=name, parameters=SCHEMA) for name in NAMES),
        tool_choice=ToolChoice("named", NAMES[1]),
        max_tokens=100,
    )
    said = await ask(door, OPENAI_CHAT, request=request)
    assert [part.name for part in said.parts if isinstance(part, ToolCall)] == [NAMES[1]]
    sent = codec_of(wire).decode_request(fake.requests[-1].body)
    assert sent.tool_choice is not None and sent.tool_choice.name == sent.tools[1].name != NAMES[1]


async def test_on_the_same_wire_names_pass_as_they_are(door: Gate, fake: FakeVendor) -> None:
    tool = b'{"type":  "function", "function": {"name": "a.b"}}'
    body = b'{"model": "openai-chat/echo",  "messages": [{"role": "user", "content": "x"}], "tools": [%b]}' % tool
    said = await door.ask("/v1/chat/completions", body)
    assert said.status == 400 and b"does not match pattern" in said.body
    assert fake.requests[-1].body == body.replace(b"openai-chat/echo", b"echo")
