"""The dashscope wire of the fake: Alibaba's SDK reads what it writes, and it judges what it is sent."""

import asyncio
from collections.abc import AsyncIterator, Callable

import dashscope
import msgspec
import pytest

from hostler.providers.fake import FakeVendor
from hostler.providers.fake.asked import OPEN, Fault, Rules
from hostler.providers.fake.dashscope_requests import check, read
from hostler.providers.fake.routes import Route
from hostler.providers.fake.script import Dialect
from tests.fakes import raw_post, serving

PATH = "/api/v1/services/aigc/text-generation/generation"
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}
USER = {"role": "user", "content": "hello there"}
SCRIPT = """
- {id: echo}
- {id: think, replies: [{reasoning: "Let me see.", text: "You said: ", echo: true}]}
- id: tools
  replies:
    - {when: {tool_result: true}, text: "It said: ", echo: true}
    - {call_first_tool: true}
- {id: two, replies: [{text: "Both of them.", calls: [{name: a, arguments: {x: "long enough"}}, {name: b}]}]}
- {id: usage, replies: [{text: "x y", usage: {input: 11, cache_read: 7, output: 3, reasoning: 2}}]}
- {id: repeats, dialect: dashscope-cumulative, replies: [{text: "a b c"}]}
- {id: error, replies: [{text: "a b c d", broken: {how: error, after_chunks: 2}}]}
- {id: limit, replies: [{failure: {status: 429, retry: {after_s: 2}}}]}
"""


@pytest.fixture
async def fake(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeVendor]:
    async with serving(SCRIPT, strict=True) as fake:
        monkeypatch.setattr(dashscope, "base_http_api_url", f"{fake.address}/api/v1")
        yield fake


async def ask(model: str, messages: object, **more: object) -> object:
    """What the SDK makes of a reply; the SDK waits, so it does so in a thread."""
    call: Callable[[], object] = lambda: dashscope.Generation.call(  # noqa: E731
        model, messages=messages, api_key="k", result_format="message", **more
    )
    return await asyncio.to_thread(call)


async def ask_stream(model: str, messages: object, **more: object) -> list[object]:
    """The same for a stream."""
    more = {"api_key": "k", "result_format": "message", "stream": True, **more}
    return await asyncio.to_thread(lambda: list(dashscope.Generation.call(model, messages=messages, **more)))


@pytest.mark.slow  # the first call loads what the SDK needs
async def test_text_and_usage(fake: FakeVendor) -> None:
    reply = await ask("echo", [USER])
    assert reply.status_code == 200
    choice = reply.output.choices[0]
    assert (choice.message.content, choice.finish_reason) == ("hello there", "stop")
    usage = (await ask("usage", [USER])).usage
    assert (usage.input_tokens, usage.output_tokens, usage["total_tokens"]) == (18, 5, 23)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 7
    plain = await asyncio.to_thread(lambda: dashscope.Generation.call("echo", prompt="hi there", api_key="k"))
    assert (plain.output.text, plain.output.finish_reason) == ("hi there", "stop")
    assert fake.requests[-1].wire == "dashscope"


@pytest.mark.parametrize("model", ["echo", "think", "two"])
async def test_streams_repeat_or_go_on(fake: FakeVendor, model: str) -> None:
    whole = (await ask(model, [USER])).output.choices[0].message
    repeated = [reply.output.choices[0] for reply in await ask_stream(model, [USER], incremental_output=False)]
    added = [reply.output.choices[0] for reply in await ask_stream(model, [USER], incremental_output=True)]
    assert repeated[-1].message == whole
    assert "".join(choice.message.content for choice in added) == whole.content
    assert "".join(choice.message.get("reasoning_content", "") for choice in added) == whole.get(
        "reasoning_content", ""
    )
    texts: dict[int, str] = {}
    for choice in added:
        for call in choice.message.get("tool_calls", []):
            texts[call["index"]] = texts.get(call["index"], "") + call["function"]["arguments"]
    assert list(texts.values()) == [call["function"]["arguments"] for call in whole.get("tool_calls", [])]
    assert {choice.finish_reason for choice in repeated[:-1]} == {"null"}
    assert repeated[-1].finish_reason == added[-1].finish_reason == ("tool_calls" if model == "two" else "stop")


async def test_usage_grows_and_a_dialect_repeats_whatever_is_asked(fake: FakeVendor) -> None:
    counts = [reply.usage.output_tokens for reply in await ask_stream("usage", [USER])]
    assert counts == sorted(counts)
    assert counts[-1] == 5
    last = (await ask_stream("repeats", [USER], incremental_output=True))[-1]
    assert last.output.choices[0].message.content == "a b c"


async def test_tools_there_and_back(fake: FakeVendor) -> None:
    first = (await ask("tools", [USER], tools=[WEATHER])).output.choices[0].message
    call = first.tool_calls[0]
    assert msgspec.json.decode(call["function"]["arguments"]) == {"city": "example"}
    result = {"role": "tool", "tool_call_id": call["id"], "content": "sunny"}
    second = await ask("tools", [USER, dict(first), result], tools=[WEATHER])
    assert second.output.choices[0].message.content == "It said: sunny"
    orphan = await ask("tools", [USER, result], tools=[WEATHER])
    assert (orphan.status_code, orphan.code) == (400, "InvalidParameter")


async def test_multimodal_embeddings_and_models(fake: FakeVendor) -> None:
    said = [{"role": "user", "content": [{"text": "hello"}, {"image": "https://x/y.png"}]}]
    many = dashscope.MultiModalConversation
    reply = await asyncio.to_thread(lambda: many.call("echo", said, api_key="k"))
    assert reply.output.choices[0].message.content == [{"text": "hello"}]
    stream = await asyncio.to_thread(lambda: list(many.call("echo", said, api_key="k", stream=True)))
    assert stream[-1].output.choices[0].message.content == [{"text": "hello"}]
    vectors = await asyncio.to_thread(lambda: dashscope.TextEmbedding.call("echo", ["one", "two"], api_key="k"))
    assert [row["text_index"] for row in vectors.output["embeddings"]] == [0, 1]
    page = await asyncio.to_thread(lambda: dashscope.Models.list(page=2, page_size=3, api_key="k"))
    assert (page.output["total"], [row["model"] for row in page.output["models"]]) == (8, ["two", "usage", "repeats"])


async def test_errors(fake: FakeVendor) -> None:
    limited = await ask("limit", [USER])
    assert (limited.status_code, limited.code) == (429, "Throttling.RateQuota")
    assert limited.headers["retry-after"] == "2"
    missing = await ask("nobody", [USER])
    assert (missing.status_code, missing.message) == (400, "Model not exist.")
    last = (await ask_stream("error", [USER]))[-1]
    assert (last.code, last.message.partition(".")[0]) == ("ModelServingError", "Too many requests")
    raw = await raw_post(
        fake.address, PATH, {"model": "echo", "input": {"messages": [USER]}}, {"x-dashscope-sse": "enable"}
    )
    assert raw.body.startswith(b'id:1\nevent:result\n:HTTP_STATUS/200\ndata:{"output"')


def called(*ids: str) -> dict[str, object]:
    """An assistant message that calls a tool once per id."""
    calls = [{"id": i, "type": "function", "function": {"name": "t", "arguments": "{}"}} for i in ids]
    return {"role": "assistant", "content": "", "tool_calls": calls}


RESULT = {"role": "tool", "tool_call_id": "a", "content": "ok"}
TOOLS = {"tools": [WEATHER], "result_format": "message"}


@pytest.mark.parametrize(
    ("messages", "parameters", "words"),
    [
        ([], {}, 'Either "prompt" or "messages" must exist'),
        ([{"role": "king", "content": "x"}], {}, "'king' is not one of"),
        ([USER, {"role": "system", "content": "x"}], {}, "system message must be at the beginning"),
        ([{"role": "user", "content": ""}], {}, "Content length must be greater than 0"),
        ([{"role": "user", "content": 3}], {}, "3 is not of type 'string' - 'messages.0.content'"),
        ([{"role": "user", "content": [{"image": "x"}]}], {}, "url error, please check url"),
        ([USER, called("a", "b"), RESULT, USER], {}, "did not have response messages: b"),
        ([USER, called("a")], {}, "did not have response messages: a"),
        ([USER, RESULT], {}, "must be a response to a preceeding message"),
        ([USER], {"tools": [WEATHER]}, 'result_format must be "message"'),
        ([USER], {**TOOLS, "tool_choice": "required"}, 'does not support being set to "required"'),
        ([USER], {**TOOLS, "tools": [{"name": "t"}]}, "'function' is a required property"),
        ([USER], {**TOOLS, "tools": [{**WEATHER, "function": {"name": "a.b"}}]}, "'a.b' does not match"),
        ([USER], {"enable_thinking": True}, "must be set to false for non-streaming calls"),
        ([USER], {"incremental_output": True}, "only support set true in stream mode"),
        ([USER], {"result_format": "xml"}, "'xml' is not one of"),
        ([USER], {"temperature": 2}, "Range of temperature should be [0, 2)"),
        ([USER], {"max_tokens": 0}, "Range of max_tokens should be [1,"),
    ],
)
def test_it_refuses(messages: object, parameters: dict[str, object], words: str) -> None:
    body = {"model": "m", "input": {"messages": messages}, "parameters": parameters}
    with pytest.raises(Fault) as caught:
        check(read(Route("dashscope", "chat"), body), OPEN)
    assert words in caught.value.message
    assert caught.value.status == 400


def test_what_a_dialect_refuses_and_what_passes() -> None:
    turns = [{"role": "system", "content": "s"}, USER, called("a"), RESULT]
    body = {"model": "m", "input": {"messages": turns}, "parameters": {**TOOLS, "incremental_output": True}}
    asked = read(Route("dashscope", "chat", stream=True), body)
    check(asked, OPEN)
    check(asked, Rules(Dialect(text="incremental", stream_only=True)))
    assert (asked.system, asked.text, asked.tool_result) == ("s", "ok", True)
    whole = read(Route("dashscope", "chat"), {"model": "m", "input": {"prompt": "x"}})
    with pytest.raises(Fault, match="only support stream mode"):
        check(whole, Rules(Dialect(stream_only=True)))
    cumulative = read(Route("dashscope", "chat", stream=True), {"model": "m", "input": {"prompt": "x"}})
    with pytest.raises(Fault, match="incremental_output"):
        check(cumulative, Rules(Dialect(text="incremental")))
