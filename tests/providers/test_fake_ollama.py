"""The ollama wire of the fake: Ollama's client reads what it writes, and it judges what it is sent."""

from collections.abc import AsyncIterator

import msgspec
import ollama
import pytest

from hostler.providers.fake import FakeVendor
from hostler.providers.fake.asked import OPEN, Fault, Rules
from hostler.providers.fake.ollama_requests import check, read
from hostler.providers.fake.routes import Route
from hostler.providers.fake.script import Dialect
from tests.fakes import raw_post, serving

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "weather", "description": "x", "parameters": PARAMETERS}}
USER = {"role": "user", "content": "hello there"}
SCRIPT = """
- {id: echo}
- {id: think, replies: [{reasoning: "Let me see.", text: "You said: ", echo: true}]}
- id: tools
  replies:
    - {when: {tool_result: true}, text: "It said: ", echo: true}
    - {call_first_tool: true}
- {id: two, replies: [{text: "Both.", calls: [{name: a, arguments: {x: 1}}, {name: a}]}]}
- {id: old, dialect: ollama-old, replies: [{calls: [{name: a}]}]}
- {id: length, replies: [{text: "Half a", finish: length}]}
- {id: usage, replies: [{text: "x", usage: {input: 11, cache_read: 7, output: 3, reasoning: 2}}]}
- {id: error, replies: [{text: "a b c d", broken: {how: error, after_chunks: 2}}]}
- {id: busy, replies: [{failure: {status: 503, retry: {after_s: 2}}}]}
- {id: plain, dialect: {tools: false}}
"""


@pytest.fixture
async def fake() -> AsyncIterator[FakeVendor]:
    async with serving(SCRIPT, strict=True) as fake:
        yield fake


@pytest.fixture
async def client(fake: FakeVendor) -> AsyncIterator[ollama.AsyncClient]:
    client = ollama.AsyncClient(host=fake.address)
    yield client
    await client._client.aclose()  # pyright: ignore[reportPrivateUsage]  # it has no door of its own to close


@pytest.mark.parametrize("model", ["echo", "think", "two", "length"])
async def test_a_stream_says_the_same_as_the_whole(client: ollama.AsyncClient, model: str) -> None:
    whole = await client.chat(model, [USER])
    chunks = [chunk async for chunk in await client.chat(model, [USER], stream=True)]
    assert "".join(chunk.message.content or "" for chunk in chunks) == whole.message.content
    assert "".join(chunk.message.thinking or "" for chunk in chunks) == (whole.message.thinking or "")
    calls = [call for chunk in chunks for call in chunk.message.tool_calls or []]
    assert calls == list(whole.message.tool_calls or [])
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].done_reason == whole.done_reason == ("length" if model == "length" else "stop")
    assert chunks[-1].eval_count == whole.eval_count


async def test_usage_and_thinking(client: ollama.AsyncClient) -> None:
    reply = await client.chat("usage", [USER])
    assert (reply.prompt_eval_count, reply.eval_count) == (18, 5)
    assert (await client.chat("think", [USER], think=False)).message.thinking is None
    assert (await client.chat("think", [USER], think="high")).message.thinking == "Let me see."


async def test_tools_there_and_back(client: ollama.AsyncClient) -> None:
    first = await client.chat("tools", [USER], tools=[WEATHER])
    call = first.message.tool_calls[0]
    assert (call.function.name, call.function.arguments) == ("weather", {"city": "example"})
    turns = [USER, first.message, {"role": "tool", "tool_name": "weather", "content": "sunny"}]
    assert (await client.chat("tools", turns, tools=[WEATHER])).message.content == "It said: sunny"


async def test_streams_by_default_and_ids_where_the_version_has_them(fake: FakeVendor) -> None:
    body = {"model": "two", "messages": [USER]}
    reply = await raw_post(fake.address, "/api/chat", body)
    assert reply.headers["content-type"] == "application/x-ndjson"
    lines = [msgspec.json.decode(line) for line in reply.body.splitlines()]
    ids = [call["id"] for line in lines for call in line["message"].get("tool_calls", [])]
    assert len(set(ids)) == 2
    old = await raw_post(fake.address, "/api/chat", {**body, "model": "old", "stream": False})
    assert "id" not in old.json["message"]["tool_calls"][0]


async def test_generate_embed_and_models(client: ollama.AsyncClient, fake: FakeVendor) -> None:
    assert (await client.generate("echo", "hi there")).response == "hi there"
    chunks = [chunk async for chunk in await client.generate("think", "hi there", stream=True)]
    assert "".join(chunk.response for chunk in chunks) == "You said: hi there"
    assert "".join(chunk.thinking or "" for chunk in chunks) == "Let me see."
    vectors = (await client.embed("echo", ["one", "two"])).embeddings
    assert len(vectors) == 2
    assert list((await client.embeddings("echo", "one")).embedding) == pytest.approx(list(vectors[0]))
    assert (await client.list()).models[0].model == "echo"
    shown = await client.show("think")
    assert shown.capabilities == ["completion", "tools", "vision", "thinking"]
    assert shown.modelinfo["fake.context_length"] == 131072
    assert [model.model for model in (await client.ps()).models] == ["echo", "think"]
    fake.reset()
    assert (await client.ps()).models == []
    with pytest.raises(ollama.ResponseError, match="model 'nobody' not found"):
        await client.show("nobody")


async def test_errors(client: ollama.AsyncClient) -> None:
    with pytest.raises(ollama.ResponseError, match="server busy") as caught:
        await client.chat("busy", [USER])
    assert caught.value.status_code == 503
    with pytest.raises(ollama.ResponseError, match="an error was encountered while running the model"):
        async for _ in await client.chat("error", [USER], stream=True):
            pass
    with pytest.raises(ollama.ResponseError, match="does not support tools"):
        await client.chat("plain", [USER], tools=[WEATHER])
    with pytest.raises(ollama.ResponseError) as caught:
        await client.chat("nobody:latest", [USER])
    assert (caught.value.status_code, caught.value.error) == (404, "model 'nobody' not found")


def message(**more: object) -> dict[str, object]:
    """A request with one message."""
    return {"messages": [{**USER, **more}]}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"messages": "hi"}, "cannot unmarshal string into Go struct field ChatRequest.messages"),
        (message(content=[{"type": "text"}]), "array into Go struct field ChatRequest.messages.content of type string"),
        (message(role="developer"), "invalid role: developer, must be one of"),
        (message(images=["data:image/png;base64,YQ=="]), "illegal base64 data at input byte 4"),
        (message(images=["https://x"]), "illegal base64 data"),
        (message(role="assistant", tool_calls=[{"function": {"name": "t", "arguments": "{}"}}]),
         "cannot unmarshal string into Go struct field ChatRequest.messages.tool_calls.function.arguments"),
        ({"messages": [USER], "think": "much"}, 'invalid think value: "much"'),
        ({"messages": [USER], "think": 3}, "think must be a boolean or string"),
        ({"messages": [USER], "format": "xml"}, 'invalid format: "xml"'),
        ({"messages": [USER], "options": {"num_ctx": "big"}}, 'option "num_ctx" must be of type integer'),
        ({"messages": [USER], "options": {"temperature": "hot"}}, 'option "temperature" must be of type float32'),
        ({"messages": [USER], "options": {"stop": "x"}}, 'option "stop" must be of type array'),
        ({"messages": [USER], "stream": "yes"}, "into Go struct field ChatRequest.stream of type bool"),
        ({"messages": [USER], "tools": {}}, "into Go struct field ChatRequest.tools of type api.Tools"),
    ],
)  # fmt: skip
def test_it_refuses(body: dict[str, object], words: str) -> None:
    with pytest.raises(Fault) as caught:
        check(read(Route("ollama", "chat"), {"model": "m", **body}), OPEN)
    assert words in caught.value.message


def test_good_conversations_pass() -> None:
    call = {"id": "x", "function": {"index": 0, "name": "t", "arguments": {}}}
    turns = [
        {"role": "system", "content": "s"},
        {**USER, "images": ["YQ=="]},
        {"role": "assistant", "thinking": "t", "tool_calls": [call]},
        {"role": "tool", "tool_name": "t", "tool_call_id": "x", "content": "ok"},
    ]
    body = {"model": "m:latest", "messages": turns, "think": True, "format": PARAMETERS, "options": {"num_ctx": 9},
            "keep_alive": "5m", "tools": [WEATHER], "unknown": 1}  # fmt: skip
    asked = read(Route("ollama", "chat"), body)
    check(asked, OPEN)
    assert (asked.model, asked.stream, asked.tool_result, asked.system) == ("m", True, True, "s")
    with pytest.raises(Fault, match="does not support tools"):
        check(asked, Rules(Dialect(tools=False)))
