"""In strict mode the fake refuses what the vendors refuse, in their words; otherwise it answers what it can."""

import msgspec
import pytest

from hostler.providers.fake.anthropic_requests import check as check_messages
from hostler.providers.fake.anthropic_requests import read as read_messages
from hostler.providers.fake.asked import Fault, Rules
from hostler.providers.fake.openai_chat_requests import check as check_chat
from hostler.providers.fake.openai_chat_requests import read as read_chat
from tests.fakes import raw_post, serving

USER = {"role": "user", "content": "hi"}
VERSION = {"anthropic-version": "2023-06-01"}
RULES = Rules(headers=VERSION)


def chat_call(*ids: str, name: str = "t") -> dict[str, object]:
    """An assistant message of the chat wire that calls a tool once per id."""
    calls = [{"id": i, "type": "function", "function": {"name": name, "arguments": "{}"}} for i in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def chat_result(i: str) -> dict[str, object]:
    """Its result."""
    return {"role": "tool", "tool_call_id": i, "content": "ok"}


def said(*parts: object) -> dict[str, object]:
    """A user message of parts."""
    return {"role": "user", "content": list(parts)}


CHAT_TOOL = {"type": "function", "function": {"name": "t", "parameters": {"type": "object"}}}


@pytest.mark.parametrize(
    ("body", "message", "param"),
    [
        ({}, "Missing required parameter: 'messages'", "messages"),
        ({"messages": "hi"}, "expected an array of objects, but got a string", "messages"),
        ({"messages": []}, "empty array", "messages"),
        ({"messages": ["hi"]}, "Invalid type for 'messages[0]'", "messages[0]"),
        ({"messages": [{"content": "x"}]}, "Missing required parameter: 'messages[0].role'", "messages[0].role"),
        ({"messages": [{"role": "king", "content": "x"}]}, "Invalid value: 'king'", "messages[0].role"),
        ({"messages": [{"role": "user", "content": 3}]}, "got an integer", "messages[0].content"),
        ({"messages": [{"role": "user"}]}, "expected a string, got null", "messages[0].content"),
        ({"messages": [said({"type": "tool_use"})]}, "'tool_use'", "messages[0].content[0].type"),
        ({"messages": [said({"type": "text"})]}, "content[0].text", "messages[0].content[0].text"),
        ({"messages": [{**said({"type": "image_url"}), "role": "system"}]}, "'text'", "messages[0].content[0].type"),
        ({"messages": [USER, chat_call("a", "b"), chat_result("a")]}, "response messages: b", "messages.[2].role"),
        ({"messages": [USER, chat_call("a"), USER]}, "must be followed by tool messages", "messages.[2].role"),
        ({"messages": [USER, chat_result("a")]}, "must be a response to a preceeding message", "messages.[1].role"),
        ({"messages": [USER, chat_call("a"), chat_result("a"), chat_result("a")]}, "must be a response", None),
        ({"messages": [USER, {**chat_call(), "tool_calls": [{"type": "function"}]}]}, "tool_calls[0].id", None),
        ({"messages": [USER], "max_tokns": 3}, "Unknown parameter: 'max_tokns'", "max_tokns"),
        ({"messages": [USER], "temperature": 3}, "above maximum value", "temperature"),
        ({"messages": [USER], "max_tokens": 0}, "below minimum value", "max_tokens"),
        ({"messages": [USER], "top_p": "x"}, "Invalid type for 'top_p'", "top_p"),
        ({"messages": [USER], "max_tokens": 3, "max_completion_tokens": 3}, "at the same time", "max_tokens"),
        ({"messages": [USER], "stream_options": {}}, "only allowed when 'stream' is enabled", "stream_options"),
        ({"messages": [USER], "tool_choice": "auto"}, "only allowed when 'tools' are specified", "tool_choice"),
        ({"messages": [USER], "parallel_tool_calls": True}, "only allowed when 'tools'", "parallel_tool_calls"),
        ({"messages": [USER], "tools": [CHAT_TOOL], "tool_choice": "any"}, "Supported values", "tool_choice"),
        ({"messages": [USER], "tools": [{"type": "function", "function": {"name": "a b"}}]}, "match pattern", None),
        ({"messages": [USER], "tools": [{"type": "function", "function": {"name": "a" * 65}}]}, "length 64, but", None),
        ({"messages": [USER, chat_call("a", name="x.y"), chat_result("a")]}, "function.name': string does not", None),
        ({"messages": [USER], "tools": [{"name": "t"}]}, "Supported values are: 'function'", "tools[0].type"),
        ({"messages": [USER], "response_format": {"type": "json_object"}}, "the word 'json'", "messages"),
        ({"messages": [USER], "response_format": {"type": "json_schema"}}, "json_schema.name", None),
    ],
)  # fmt: skip
def test_chat_refuses(body: dict[str, object], message: str, param: str | None) -> None:
    with pytest.raises(Fault) as caught:
        check_chat(read_chat("chat", {"model": "m", **body}))
    assert message in caught.value.message
    assert caught.value.status == 400
    assert param in (None, caught.value.param)


def call(*ids: str, name: str = "t") -> dict[str, object]:
    """An assistant message that uses a tool once per id."""
    return {"role": "assistant", "content": [{"type": "tool_use", "id": i, "name": name, "input": {}} for i in ids]}


def result(*ids: str) -> dict[str, object]:
    """The user message with its results."""
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": i, "content": "ok"} for i in ids]}


TOOL = {"name": "t", "input_schema": {"type": "object"}}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"messages": [USER], "max_tokens": None}, "max_tokens: Input should be a valid integer"),
        ({"messages": [USER], "max_tokens": -1}, "greater than or equal to 0"),
        ({}, "messages: Field required"),
        ({"messages": {}}, "messages: Input should be a valid list"),
        ({"messages": []}, "at least one message is required"),
        ({"messages": ["x"]}, "messages.0: Input should be a valid dictionary"),
        ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
        ({"messages": [{**USER, "name": "x"}]}, "messages.0.name: Extra inputs are not permitted"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, 'first message must use the "user" role'),
        ({"messages": [{"role": "user", "content": ""}]}, "messages.0: all messages must have non-empty content"),
        ({"messages": [{"role": "user", "content": 1}]}, "messages.0.content"),
        ({"messages": [said({"type": "text", "text": ""})]}, "text content blocks must be non-empty"),
        ({"messages": [said({"type": "text", "text": " "})]}, "non-whitespace"),
        ({"messages": [said({"type": "text"})]}, "messages.0.content.0.text.text: Field required"),
        ({"messages": [said({"type": "txt"})]}, "Input tag 'txt'"),
        ({"messages": [said({"type": "tool_use"})]}, "`tool_use` blocks are not permitted in `user` messages"),
        ({"messages": [said({"type": "image"})]}, "messages.0.content.0.image.source: Field required"),
        ({"messages": [USER, {"role": "assistant", "content": "x "}]}, "trailing whitespace"),
        ({"messages": [USER, call("a", "b"), result("a")]}, "without `tool_result` blocks immediately after: b."),
        ({"messages": [USER, call("a"), USER]}, "messages.1: `tool_use` ids were found without"),
        ({"messages": [USER, call("a")]}, "messages.1: `tool_use` ids were found without"),
        ({"messages": [USER, result("a")]}, "messages.1.content.0: unexpected `tool_use_id`"),
        ({"messages": [USER, call("a"), result("a", "a")]}, "single result"),
        ({"messages": [USER, call("a"), result("a"), call("a"), result("a")]}, "must be unique"),
        ({"messages": [USER, call("a b"), result("a b")]}, "tool_use.id: String should match pattern"),
        ({"messages": [USER], "foo": 1}, "foo: Extra inputs are not permitted"),
        ({"messages": [USER], "temperature": 1.5}, "less than or equal to 1"),
        ({"messages": [USER], "system": [{"type": "image"}]}, "system.0.type"),
        ({"messages": [USER], "system": [{"type": "text", "text": ""}]}, "system: text content blocks"),
        ({"messages": [USER], "tools": [TOOL, TOOL]}, "Tool names must be unique"),
        ({"messages": [USER], "tools": [{"name": "t"}]}, "tools.0.custom.input_schema: Field required"),
        ({"messages": [USER], "tools": [{**TOOL, "input_schema": {}}]}, "input_schema.type: Input should be 'object'"),
        ({"messages": [USER], "tools": [{**TOOL, "name": "a b"}]}, "tools.0.custom.name: String should match"),
        (
            {"messages": [USER], "tools": [{**TOOL, "name": "a" * 129}]},
            "name: String should have at most 128 characters",
        ),
        ({"messages": [USER, call("a", name="x.y"), result("a")]}, "content.0.tool_use.name: String should match"),
        ({"messages": [USER], "tool_choice": {"type": "auto"}}, "while providing tools"),
        ({"messages": [USER], "tools": [TOOL], "tool_choice": {"type": "tool", "name": "x"}}, "'x' not found"),
        ({"messages": [USER], "tools": [TOOL], "tool_choice": {"type": "required"}}, "Input tag 'required'"),
        ({"messages": [USER], "thinking": {"type": "enabled", "budget_tokens": 5}}, "1024"),
        ({"messages": [USER], "thinking": {"type": "enabled", "budget_tokens": 2048}}, "must be greater than"),
        ({"messages": [USER, {"role": "assistant", "content": [{"type": "thinking", "thinking": "x"}]}]}, "signature"),
    ],
)
def test_messages_refuses(body: dict[str, object], message: str) -> None:
    with pytest.raises(Fault) as caught:
        check_messages(read_messages("messages", {"model": "m", "max_tokens": 9, **body}), RULES)
    assert message in caught.value.message
    assert caught.value.status == 400


def test_what_depends_on_the_version_and_the_operation() -> None:
    asked = read_messages("messages", {"model": "m", "max_tokens": 9, "messages": [USER], "temperature": 1})
    check_messages(asked, RULES)
    with pytest.raises(Fault, match="temperature"):
        check_messages(asked, Rules(headers={"anthropic-version": "2026-10-21"}))
    with pytest.raises(Fault, match="header is required"):
        check_messages(asked, Rules())
    with pytest.raises(Fault, match="max_tokens: Field required"):
        check_messages(read_messages("messages", {"model": "m", "messages": [USER]}), RULES)
    check_messages(read_messages("count_tokens", {"model": "m", "messages": [USER]}), RULES)


def test_good_conversations_pass() -> None:
    image = {"type": "image", "source": {"type": "url", "url": "x"}}
    check_messages(
        read_messages(
            "messages",
            {
                "model": "m",
                "max_tokens": 0,
                "system": [{"type": "text", "text": "s"}],
                "messages": [said({"type": "text", "text": "a"}, image), call("a", "b"), result("b", "a"),
                             {"role": "system", "content": "now be brief"}, {"role": "assistant", "content": "ok"}],
                "tools": [TOOL, {"type": "web_search_20260101", "name": "w"}],
                "tool_choice": {"type": "tool", "name": "t"},
            },
        ),
        RULES,
    )  # fmt: skip
    developer = {"role": "developer", "content": [{"type": "text", "text": "s"}]}
    messages = [developer, USER, chat_call("a", "b"), chat_result("b"), chat_result("a"), USER]
    check_chat(read_chat("chat", {"model": "m", "messages": messages, "tools": [CHAT_TOOL], "tool_choice": "required"}))


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_over_http(path: str) -> None:
    bad = {"model": "echo", "messages": []}
    async with serving(strict=True) as fake:
        refused = await raw_post(fake.address, path, bad, VERSION)
        assert refused.status == 400
        assert refused.json["error"]["type"] == "invalid_request_error"
        unread = await raw_post(fake.address, path, b"{", VERSION)
        assert unread.status == 400
        assert (await raw_post(fake.address, path, b"[" * 100_000, VERSION)).status == 400
        typed = await raw_post(fake.address, path, bad, {**VERSION, "content-type": "text/plain"})
        assert "application/json" in typed.json["error"]["message"]
        assert [received.outcome for received in fake.requests] == ["refused"] * 4
    async with serving() as fake:
        assert (await raw_post(fake.address, path, bad)).status == 200


async def test_unknown_models_paths_and_methods() -> None:
    async with serving() as fake:
        chat = await raw_post(fake.address, "/v1/chat/completions", {"model": "x", "messages": [USER]})
        assert (chat.status, chat.json["error"]["code"]) == (404, "model_not_found")
        messages = await raw_post(fake.address, "/v1/messages", {"model": "x"})
        assert (messages.status, messages.json["error"]["type"]) == (404, "not_found_error")
        assert (await raw_post(fake.address, "/v2", {})).json["error"]["message"] == "Invalid URL (POST /v2)"
        assert (await raw_post(fake.address, "/v1/messages", {})).json["error"]["message"] == "model: Field required"


async def test_keys() -> None:
    script = {"keys": ["sk-good"], "models": [{"id": "*"}]}
    body = {"model": "any/name", "messages": [USER]}
    async with serving(script) as fake:
        for path, header in (
            ("/v1/chat/completions", {"authorization": "Bearer sk-good"}),
            ("/openai/v1/chat/completions", {"api-key": "sk-good"}),
            ("/v1/messages", {"x-api-key": "sk-good"}),
            ("/v1/messages", {"authorization": "Bearer sk-good"}),
        ):
            assert (await raw_post(fake.address, path, body, header)).status == 200
        bare = await raw_post(fake.address, "/v1/messages", body)
        assert (bare.status, bare.json["error"]["type"]) == (401, "authentication_error")
        wrong = await raw_post(fake.address, "/v1/chat/completions", body, {"authorization": "Bearer sk-bad"})
        assert (wrong.status, wrong.json["error"]["code"]) == (401, "invalid_api_key")
        assert msgspec.json.encode(wrong.json).count(b"sk-bad") == 0
        azure = await raw_post(fake.address, "/openai/v1/responses", {**body, "input": "x"}, {"api-key": "sk-bad"})
        assert (azure.status, azure.json["error"]["code"]) == (401, "401")
