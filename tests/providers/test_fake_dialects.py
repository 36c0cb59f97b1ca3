"""Vendors' habits: how each answers on the wire that it shares with others, and what it alone refuses."""

import msgspec
import openai
import pytest

from hostler.errors import ConfigError
from hostler.providers.fake import FakeVendor
from hostler.providers.fake.asked import Fault, Rules
from hostler.providers.fake.dialects import PRESETS
from hostler.providers.fake.openai_chat_requests import check, read
from hostler.providers.fake.script import Dialect
from tests.fakes import raw_post, serving

CHAT = "/v1/chat/completions"
USER = {"role": "user", "content": "hello there"}
TOOL = {"type": "function", "function": {"name": "t", "parameters": {"type": "object"}}}
USAGE = {"input": 11, "cache_read": 7, "cache_write": 5, "output": 4, "reasoning": 2}
REPLY = {
    "reasoning": "Let me see.",
    "text": "One two.",
    "calls": [{"name": "t", "arguments": {"city": "a long enough name"}}, {"name": "t"}],
    "usage": USAGE,
    "cost": 0.25,
}


def script(dialect: object) -> dict[str, object]:
    """One model that reasons, speaks and calls, and one that fails."""
    failing = {"id": "fail", "replies": [{"failure": {"status": 429, "message": "Slow down."}}]}
    broken = {"id": "break", "replies": [{"text": "a b c", "broken": {"how": "error", "after_chunks": 1}}]}
    return {"dialect": dialect, "models": [{"id": "m", "replies": [REPLY]}, failing, broken]}


async def chunks(fake: FakeVendor, **more: object) -> list[dict[str, object]]:
    """What a stream says, chunk by chunk."""
    body = {"model": "m", "messages": [USER], "stream": True, "stream_options": {"include_usage": True}, **more}
    reply = await raw_post(fake.address, CHAT, body)
    lines = [line[6:] for line in reply.body.split(b"\n") if line.startswith(b"data: {")]
    return [msgspec.json.decode(line) for line in lines]


async def whole(fake: FakeVendor) -> dict[str, object]:
    """The reply without a stream."""
    return (await raw_post(fake.address, CHAT, {"model": "m", "messages": [USER]})).json


def deltas(found: list[dict[str, object]]) -> list[dict[str, object]]:
    """What the chunks add."""
    return [choice["delta"] for chunk in found for choice in chunk["choices"]]


@pytest.mark.parametrize(
    ("way", "content", "field"),
    [
        ("reasoning_content", "One two.", "reasoning_content"),
        ("reasoning", "One two.", "reasoning"),
        ("reasoning_details", "One two.", "reasoning"),
        ("tags", "<think>\nLet me see.\n</think>\n\nOne two.", None),
        ("hidden", "One two.", None),
    ],
)
async def test_reasoning_comes_in_its_way(way: str, content: str, field: str | None) -> None:
    async with serving(script({"reasoning": way})) as fake:
        said = deltas(await chunks(fake))
        assert "".join(delta.get("content") or "" for delta in said) == content
        message = (await whole(fake))["choices"][0]["message"]
        assert message["content"] == content
        for name in ("reasoning_content", "reasoning"):
            told = "".join(delta.get(name) or "" for delta in said)
            assert told == message.get(name, "") == ("Let me see." if name == field else "")
        details = [detail for delta in said for detail in delta.get("reasoning_details", [])]
        assert bool(details) is (way == "reasoning_details")
        if details:
            assert "".join(detail["text"] for detail in details) == "Let me see."
            assert details[-1]["signature"] == message["reasoning_details"][0]["signature"]


async def test_content_may_be_a_list_of_chunks() -> None:
    async with serving(script("mistral")) as fake:
        said = [delta["content"] for delta in deltas(await chunks(fake)) if delta.get("content")]
        thought = [part["thinking"][0]["text"] for content in said if isinstance(content, list) for part in content]
        assert "".join(thought) == "Let me see."
        assert "".join(content for content in said if isinstance(content, str)) == "One two."
        message = (await whole(fake))["choices"][0]["message"]
        assert [part["type"] for part in message["content"]] == ["thinking", "text"]
        ids = [call["id"] for call in message["tool_calls"]]
        assert all(len(own) == 9 and own.isalnum() for own in ids)
        assert len(set(ids)) == 2
        results = [{"role": "tool", "tool_call_id": own, "content": "ok"} for own in ids]
        back = {"model": "m", "messages": [USER, message, *results]}
        check(read("chat", back), Rules(PRESETS["mistral"]))


async def test_calls_in_their_ways() -> None:
    wanted = {"counted": [0, 1], "zero": [0, 0], "missing": [None, None]}
    for way, indexes in wanted.items():
        async with serving(script({"tool_index": way, "fragments": False, "finish_calls": "stop"})) as fake:
            found = await chunks(fake)
            calls = [call for delta in deltas(found) for call in delta.get("tool_calls", [])]
            assert [call.get("index") for call in calls] == indexes
            assert calls[0]["function"]["arguments"] == '{"city":"a long enough name"}'
            ends = [choice["finish_reason"] for chunk in found for choice in chunk["choices"]]
            assert [end for end in ends if end] == ["stop"]
    async with serving(script({"tool_ids": "missing"})) as fake:
        assert "id" not in (await whole(fake))["choices"][0]["message"]["tool_calls"][0]


@pytest.mark.parametrize(("way", "open_"), [("null", {None}), ("string", {"null"}), ("absent", {"none"})])
async def test_the_finish_before_the_end(way: str, open_: set[object]) -> None:
    async with serving(script({"finish_open": way})) as fake:
        found = [chunk["choices"][0].get("finish_reason", "none") for chunk in await chunks(fake) if chunk["choices"]]
        assert set(found[:-1]) == open_
        assert found[-1] == "tool_calls"


async def test_counts_and_costs() -> None:
    async with serving(script("xai")) as fake:
        usage = (await whole(fake))["usage"]
        assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (11, 4, 29)
        assert usage["cost_in_usd_ticks"] == 2_500_000_000
    async with serving(script("deepseek")) as fake:
        usage = (await whole(fake))["usage"]
        assert (usage["prompt_cache_hit_tokens"], usage["prompt_cache_miss_tokens"]) == (7, 16)
    async with serving(script("openrouter")) as fake:
        assert (await chunks(fake))[-1]["usage"]["cost"] == 0.25
        raw = await raw_post(fake.address, CHAT, {"model": "m", "messages": [USER], "stream": True})
        assert b": OPENROUTER PROCESSING\n\n" in raw.body
    async with serving(script("qwen")) as fake:
        counts = [chunk["usage"]["completion_tokens"] for chunk in await chunks(fake)]
        assert counts == sorted(counts)
        assert (counts[0], counts[-1]) == (0, 6)


ERRORS = {
    "wire": {"error": {"message": "Slow down.", "type": "requests", "param": None, "code": "rate_limit_exceeded"}},
    "coded": {"error": {"message": "Slow down.", "type": "requests", "param": None, "code": 429}},
    "flat": {"code": "rate_limit_exceeded", "error": "Slow down."},
    "detail": {"detail": "Slow down."},
}


@pytest.mark.parametrize("way", ERRORS)
async def test_errors_in_their_shapes(way: str) -> None:
    async with serving(script({"errors": way})) as fake:
        reply = await raw_post(fake.address, CHAT, {"model": "fail", "messages": [USER]})
        assert (reply.status, reply.json) == (429, ERRORS[way])
        last = (await chunks(fake, model="break"))[-1]
        assert last.keys() == ERRORS[way].keys()
        missing = await raw_post(fake.address, CHAT, {"model": "nobody", "messages": [USER]})
        assert missing.json.keys() == ERRORS[way].keys()


@pytest.mark.slow  # a client for each
@pytest.mark.parametrize("name", PRESETS)
async def test_the_sdk_reads_every_known_vendor(name: str) -> None:
    async with (
        serving(script(name)) as fake,
        openai.AsyncOpenAI(base_url=f"{fake.address}/v1", api_key="k", max_retries=0) as client,
    ):
        stream = await client.chat.completions.create(model="m", messages=[USER], stream=True)
        found = [chunk async for chunk in stream]
        assert found[-1].choices[0].finish_reason in ("tool_calls", "stop")


def called(**more: object) -> dict[str, object]:
    """An assistant message with one call."""
    call = {"id": "call_1", "type": "function", "function": {"name": "t", "arguments": "{}"}}
    return {"role": "assistant", "content": None, "tool_calls": [call], **more}


RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "ok"}
TURN = [USER, called(), RESULT]


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("openai", {"messages": [USER, {"role": "assistant", "content": "x", "reasoning_content": "y"}]},
         "Unknown parameter: 'messages[1].reasoning_content'"),
        ("openai-reasoning", {"messages": [USER], "max_tokens": 5}, "Use 'max_completion_tokens' instead"),
        ("openai-reasoning", {"messages": [USER], "temperature": 1}, "'temperature' is not supported with this model"),
        ("deepseek", {"messages": TURN, "tools": [TOOL]}, "`reasoning_content` in the thinking mode must be"),
        ("deepseek", {"messages": [USER], "tools": [TOOL], "tool_choice": "required"}, "not support this tool_choice"),
        ("deepseek", {"messages": [USER], "response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
         "response_format type is unavailable"),
        ("deepseek", {"messages": [USER], "max_completion_tokens": 5}, "Use 'max_tokens' instead"),
        ("mistral", {"messages": TURN}, "Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9."),
        ("mistral", {"messages": [USER], "seed": 1}, "'seed' is not supported"),
        ("vllm", {"messages": [USER, {"role": "system", "content": "x"}]}, "System message must be at the beginning"),
        ("vllm", {"messages": [USER, USER]}, "roles must alternate"),
        ("qwen", {"messages": [USER]}, "only support stream mode"),
        ("xai", {"messages": [USER], "stop": ["x"]}, "'stop' is not supported"),
    ],
)  # fmt: skip
def test_a_known_vendor_refuses(name: str, body: dict[str, object], message: str) -> None:
    with pytest.raises(Fault) as caught:
        check(read("chat", {"model": "m", **body}), Rules(PRESETS[name]))
    assert message in caught.value.message


def test_what_known_vendors_take() -> None:
    turn = [USER, called(reasoning_content=""), RESULT]
    check(read("chat", {"model": "m", "messages": turn, "tools": [TOOL], "thinking": {}}), Rules(PRESETS["deepseek"]))
    check(read("chat", {"model": "m", "messages": TURN}), Rules(PRESETS["deepseek"]))  # no tools, no need
    nine = msgspec.json.decode(msgspec.json.encode(TURN).replace(b"call_1", b"abcDEF123"))
    check(read("chat", {"model": "m", "messages": nine, "random_seed": 1}), Rules(PRESETS["mistral"]))
    with pytest.raises(Fault, match="Unexpected role 'user' after role 'tool'"):
        check(read("chat", {"model": "m", "messages": [*nine, USER]}), Rules(PRESETS["mistral"]))
    with pytest.raises(Fault, match="Unknown parameter: 'thinking'"):
        check(read("chat", {"model": "m", "messages": [USER], "thinking": {}}), Rules(Dialect()))


async def test_signed_details_come_back_as_they_were() -> None:
    async with serving(script("openrouter"), strict=True) as fake:
        details = [one for delta in deltas(await chunks(fake)) for one in delta.get("reasoning_details", [])]
        turns = [USER, {"role": "assistant", "content": "One two.", "reasoning_details": details}, USER]
        assert (await raw_post(fake.address, CHAT, {"model": "m", "messages": turns})).status == 200
        message = (await whole(fake))["choices"][0]["message"]
        del message["tool_calls"]
        turns[1] = message
        assert (await raw_post(fake.address, CHAT, {"model": "m", "messages": turns})).status == 200
        details[0]["text"] = "Let us "
        turns[1] = {**message, "reasoning_details": details}
        refused = await raw_post(fake.address, CHAT, {"model": "m", "messages": turns})
        assert "Invalid `signature`" in refused.json["error"]["message"]


def test_a_dialect_that_nobody_knows() -> None:
    with pytest.raises(ConfigError, match="'deepseak' is not a known dialect") as caught:
        FakeVendor({"models": [{"id": "m", "dialect": "deepseak"}]})
    assert caught.value.hint == "Did you mean 'deepseek'?"
