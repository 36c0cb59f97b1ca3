"""The vendors' own SDKs against the demo model on the real engine (issue, section 8.1)."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from tests.end_to_end.process import Running, Up, running

pytest.importorskip("xllamacpp")
pytestmark = pytest.mark.slow

DEMO = "here/demo"
ALIAS = "claude-of-any-name"
PRECISE: dict[str, Any] = {"temperature": 0}


def tool(name: str, **parameters: str) -> dict[str, Any]:
    """A tool as the demo model has learnt it (see tools/tool_accuracy.py)."""
    properties = {key: {"type": kind} for key, kind in parameters.items()}
    return {
        "name": name,
        "description": name,
        "schema": {"type": "object", "properties": properties, "required": list(parameters)},
    }


TOOLS = (
    tool("read_file", path="string"),
    tool("list_dir", path="string"),
    tool("search", pattern="string"),
    tool("run_command", command="string"),
    tool("get_weather", city="string"),
    tool("add", a="integer", b="integer"),
)
CHAT_TOOLS: Any = [
    {"type": "function", "function": {"name": t["name"], "description": t["description"], "parameters": t["schema"]}}
    for t in TOOLS
]
MESSAGE_TOOLS: Any = [{"name": t["name"], "description": t["description"], "input_schema": t["schema"]} for t in TOOLS]
CALLS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("Add 22 and 29", "add", {"a": 22, "b": 29}),
    ("ls arena", "list_dir", {"path": "arena"}),
    ("Search for notes", "search", {"pattern": "notes"}),
    ("cat conductor/report.md", "read_file", {"path": "conductor/report.md"}),
)
WHO = "I am a tiny language model"


def ask(words: str) -> Any:
    return [{"role": "user", "content": words}]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    up = Up(settings=f'[aliases]\n"claude-*" = "{DEMO}"\n')
    with running(tmp_path_factory.mktemp("served"), up) as hostler:
        yield hostler
        assert hostler.stop() == 0
        assert "failed unexpectedly" not in hostler.said() and "Traceback" not in hostler.said()


@pytest.fixture
def chat(served: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{served.address}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
def messages(served: Running) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=served.address, api_key="none", max_retries=0) as client:
        yield client


# ------------------------------------------------------------------------- openai


@pytest.mark.parametrize("model", [DEMO, "demo", ALIAS])
def test_chat(chat: openai.OpenAI, model: str) -> None:
    reply = chat.chat.completions.create(model=model, messages=ask("who are you?"), max_tokens=40, **PRECISE)
    (choice,) = reply.choices
    assert choice.message.role == "assistant" and choice.finish_reason == "stop"
    assert choice.message.content and choice.message.content.startswith(WHO)
    assert reply.model == model, "the id that was asked for"
    assert reply.usage and reply.usage.prompt_tokens > 0 and reply.usage.completion_tokens > 0
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


@pytest.mark.parametrize("model", [DEMO, ALIAS])
def test_a_chat_stream(chat: openai.OpenAI, model: str) -> None:
    options: Any = {"include_usage": True}
    with chat.chat.completions.create(
        model=model, messages=ask("who are you?"), max_tokens=40, stream=True, stream_options=options, **PRECISE
    ) as stream:
        chunks = list(stream)
    text = "".join(c.delta.content or "" for chunk in chunks for c in chunk.choices)
    assert text.startswith(WHO)
    assert {chunk.model for chunk in chunks} == {model}
    assert [c.finish_reason for chunk in chunks for c in chunk.choices if c.finish_reason] == ["stop"]
    assert chunks[-1].usage and chunks[-1].usage.completion_tokens > 0


def test_a_chat_is_cut_at_its_limit(chat: openai.OpenAI) -> None:
    reply = chat.chat.completions.create(model=DEMO, messages=ask("who are you?"), max_completion_tokens=4)
    assert reply.choices[0].finish_reason == "length" and reply.usage and reply.usage.completion_tokens == 4


@pytest.mark.parametrize(("words", "name", "arguments"), CALLS)
def test_a_chat_calls_the_right_tool(chat: openai.OpenAI, words: str, name: str, arguments: dict[str, Any]) -> None:
    reply = chat.chat.completions.create(model=DEMO, messages=ask(words), tools=CHAT_TOOLS, max_tokens=60, **PRECISE)
    (call,) = reply.choices[0].message.tool_calls or ()
    assert call.type == "function" and call.id
    assert (call.function.name, json.loads(call.function.arguments)) == (name, arguments)
    assert reply.choices[0].finish_reason == "tool_calls"


def test_a_chat_stream_calls_the_right_tool_and_takes_its_result(chat: openai.OpenAI) -> None:
    words, name, arguments = CALLS[0]
    with chat.chat.completions.stream(
        model=DEMO, messages=ask(words), tools=CHAT_TOOLS, max_tokens=60, **PRECISE
    ) as stream:
        final = stream.get_final_completion()
    (call,) = final.choices[0].message.tool_calls or ()
    assert (call.function.name, json.loads(call.function.arguments)) == (name, arguments)
    turn: Any = [
        *ask(words),
        {"role": "assistant", "content": None, "tool_calls": [call.model_dump(include={"id", "type", "function"})]},
        {"role": "tool", "tool_call_id": call.id, "content": "51"},
    ]
    for asked in turn[1]["tool_calls"]:
        asked["function"].pop("parsed_arguments", None)
    after = chat.chat.completions.create(model=DEMO, messages=turn, tools=CHAT_TOOLS, max_tokens=40, **PRECISE)
    assert after.choices[0].message.content


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "add"}}], ids=["any", "named"]
)
def test_a_chat_must_call_what_is_chosen(chat: openai.OpenAI, choice: Any) -> None:
    """llama.cpp has no object form of tool_choice; it is bridged."""
    reply = chat.chat.completions.create(
        model=DEMO, messages=ask("Add 22 and 29"), tools=CHAT_TOOLS, tool_choice=choice, max_tokens=60, **PRECISE
    )
    (call,) = reply.choices[0].message.tool_calls or ()
    assert call.type == "function" and call.function.name == "add"
    assert set(json.loads(call.function.arguments)) == {"a", "b"}


def test_a_plain_completion(chat: openai.OpenAI) -> None:
    reply = chat.completions.create(model=DEMO, prompt="import ", max_tokens=5, **PRECISE)
    assert reply.object == "text_completion" and reply.choices[0].text and reply.model == DEMO
    with chat.completions.create(model=DEMO, prompt="import ", max_tokens=5, stream=True, **PRECISE) as stream:
        assert "".join(chunk.choices[0].text for chunk in stream) == reply.choices[0].text


def test_embeddings_are_refused_clearly(chat: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="embedding") as caught:
        chat.embeddings.create(model=DEMO, input="a stable")
    assert DEMO in caught.value.message


def test_models(chat: openai.OpenAI) -> None:
    listed = list(chat.models.list())
    assert DEMO in [model.id for model in listed]
    for name in (DEMO, "demo", ALIAS):
        found = chat.models.retrieve(name)
        assert (found.id, found.object, found.owned_by) == (name, "model", "here")
    with pytest.raises(openai.NotFoundError):
        chat.models.retrieve("here/nothing")


def test_errors_become_the_sdks_own_classes(served: Running, chat: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="here/demo") as caught:
        chat.chat.completions.create(model="here/dmeo", messages=ask("hello"))
    assert caught.value.code == "model_not_found" and caught.value.request_id
    with pytest.raises(openai.BadRequestError):
        chat.chat.completions.create(model="", messages=ask("hello"))
    bad: Any = [{"role": "nobody", "content": 7}]
    with pytest.raises(openai.APIStatusError) as refused:
        chat.chat.completions.create(model=DEMO, messages=bad)
    assert 400 <= refused.value.status_code <= 500


# ------------------------------------------------------------------------- anthropic


@pytest.mark.parametrize("model", [DEMO, "demo", ALIAS])
def test_messages(messages: anthropic.Anthropic, model: str) -> None:
    reply = messages.messages.create(model=model, max_tokens=40, messages=ask("who are you?"), extra_body=PRECISE)
    (block,) = reply.content
    assert block.type == "text" and block.text.startswith(WHO)
    assert (reply.type, reply.role, reply.stop_reason, reply.model) == ("message", "assistant", "end_turn", model)
    assert reply.usage.input_tokens > 0 and reply.usage.output_tokens > 0


def test_a_message_stream(messages: anthropic.Anthropic) -> None:
    with messages.messages.stream(
        model=ALIAS, max_tokens=40, system="Be brief.", messages=ask("who are you?"), extra_body=PRECISE
    ) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text and final.content[0].type == "text" and final.content[0].text == text
    assert final.stop_reason in ("end_turn", "max_tokens") and final.model == ALIAS
    assert final.usage.input_tokens > 0 and final.usage.output_tokens > 0


@pytest.mark.parametrize(("words", "name", "arguments"), CALLS)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_message_calls_the_right_tool(
    messages: anthropic.Anthropic, words: str, name: str, arguments: dict[str, Any], streamed: bool
) -> None:
    asked: Any = {
        "model": ALIAS,
        "max_tokens": 60,
        "messages": ask(words),
        "tools": MESSAGE_TOOLS,
        "extra_body": PRECISE,
    }
    if streamed:
        with messages.messages.stream(**asked) as stream:
            reply: Any = stream.get_final_message()
    else:
        reply = messages.messages.create(**asked)
    (use,) = [block for block in reply.content if block.type == "tool_use"]
    assert (use.name, use.input) == (name, arguments) and use.id
    assert reply.stop_reason == "tool_use"
    turn: Any = [
        *ask(words),
        {"role": "assistant", "content": [{"type": "tool_use", "id": use.id, "name": use.name, "input": use.input}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "done"}]},
    ]
    after = messages.messages.create(**{**asked, "messages": turn})
    assert after.content


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "add"}], ids=["any", "named"])
def test_a_message_must_call_what_is_chosen(messages: anthropic.Anthropic, choice: Any) -> None:
    reply = messages.messages.create(
        model=DEMO,
        max_tokens=60,
        messages=ask("Add 22 and 29"),
        tools=MESSAGE_TOOLS,
        tool_choice=choice,
        extra_body=PRECISE,
    )
    assert [block.name for block in reply.content if block.type == "tool_use"] == ["add"]


def test_tokens_are_counted_as_they_are_billed(messages: anthropic.Anthropic) -> None:
    plain = messages.messages.count_tokens(model=ALIAS, messages=ask("who are you?")).input_tokens
    used = messages.messages.create(model=ALIAS, max_tokens=1, messages=ask("who are you?")).usage
    assert plain == used.input_tokens + (used.cache_read_input_tokens or 0) + (used.cache_creation_input_tokens or 0)
    more = messages.messages.count_tokens(model=ALIAS, messages=ask("who are you?"), tools=MESSAGE_TOOLS).input_tokens
    assert more > plain > 0


def test_models_in_the_other_shape(messages: anthropic.Anthropic) -> None:
    ids = [model.id for model in messages.models.list()]
    assert DEMO in ids
    assert messages.models.retrieve(DEMO).type == "model"


def test_errors_become_the_other_sdks_own_classes(messages: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError, match="here/demo") as caught:
        messages.messages.create(model="here/dmeo", max_tokens=5, messages=ask("hello"))
    body: Any = caught.value.body
    assert body["request_id"] == caught.value.response.headers["x-request-id"]
    bad: Any = [{"role": "user", "content": [{"type": "image"}]}]
    with pytest.raises(anthropic.BadRequestError, match=r"messages\[0\]"):
        messages.messages.create(model=DEMO, max_tokens=5, messages=bad)


# ------------------------------------------------------------------------- keys


def test_a_key_is_asked_for_once_there_is_one(tmp_path_factory: pytest.TempPathFactory) -> None:
    up = Up(settings='[gateway]\nkeys = ["the-key"]\n')
    with running(tmp_path_factory.mktemp("keyed"), up) as hostler:
        for key, good in (("the-key", True), ("another", False)):
            with openai.OpenAI(base_url=f"{hostler.address}/v1", api_key=key, max_retries=0) as chat:
                if good:
                    assert chat.models.list().data
                else:
                    with pytest.raises(openai.AuthenticationError):
                        chat.chat.completions.create(model=DEMO, messages=ask("hello"))
            with anthropic.Anthropic(base_url=hostler.address, auth_token=key, api_key=None, max_retries=0) as other:
                if good:
                    assert other.messages.count_tokens(model=DEMO, messages=ask("hello")).input_tokens
                else:
                    with pytest.raises(anthropic.AuthenticationError):
                        other.messages.create(model=DEMO, max_tokens=5, messages=ask("hello"))
        assert "the-key" not in hostler.said()
