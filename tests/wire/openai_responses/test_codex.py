"""Codex's conversation against every other wire: its tools, its roles, its encrypted reasoning, over two turns."""

from dataclasses import replace
from itertools import chain

import msgspec
import pytest

from hostler.core.deltas import unfold
from hostler.core.messages import Reasoning, Text, ToolCall, ToolResult
from hostler.core.requests import Asked, Reply
from hostler.core.usage import Usage
from hostler.core.wires import OPENAI_RESPONSES, WIRES, Wire
from hostler.errors import Unsupported
from hostler.wire import openai_responses as face
from hostler.wire.codec import Codec
from hostler.wire.codecs import codec_of
from hostler.wire.dialects import PLAIN
from tests.wire.openai_responses.judge import read_stream

Json = dict[str, object]
PATCH = '*** Begin Patch\n*** Add File: a.txt\n+"hi"\n*** End Patch\n'
TOOLS: list[Json] = [
    {
        "type": "function",
        "name": "exec_command",
        "description": "Runs a command.",
        "strict": False,
        "parameters": {"type": "object", "properties": {"cmd": {"type": "string"}}, "required": ["cmd"]},
    },
    {
        "type": "custom",
        "name": "apply_patch",
        "description": "Edits files.",
        "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"},
    },
    {
        "type": "namespace",
        "name": "multi_agent_v1",
        "description": "Agents.",
        "tools": [
            {
                "type": "function",
                "name": "spawn_agent",
                "strict": False,
                "parameters": {"type": "object", "properties": {}},
            }
        ],
    },
    {"type": "web_search", "external_web_access": False},
]
BEGINNING: list[Json] = [
    {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "You are careful."}]},
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Write a.txt."}]},
]
MORE: Json = {
    "model": "m",
    "instructions": "You are Codex.",
    "tools": TOOLS,
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"effort": "medium", "summary": "auto"},
    "store": False,
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "k",
    "client_metadata": {"a": "b"},
}


def others() -> list[Wire]:
    """The wires that are served, but for Codex's own."""

    def served(wire: Wire) -> bool:
        try:
            return bool(codec_of(wire))
        except Unsupported:
            return False

    return [wire for wire in WIRES if wire != OPENAI_RESPONSES and served(wire)]


def through(upstream: Codec, reply: Reply, asked: Asked) -> bytes:
    """The stream that Codex gets for a reply that `upstream` streamed."""
    written = upstream.stream_encoder(replace(asked, request=None))
    decoder, encoder = upstream.stream_decoder(PLAIN), face.stream_encoder(asked)
    body = written.encode(unfold(reply)) + written.finish()
    return encoder.encode([*decoder.feed(body), *decoder.flush()]) + encoder.finish()


@pytest.mark.parametrize("wire", others())
def test_two_turns_with_every_kind_of_tool(wire: Wire) -> None:
    upstream = codec_of(wire)
    first = face.decode_request(msgspec.json.encode({**MORE, "input": BEGINNING}))
    body = upstream.encode_request(first, PLAIN)
    assert b"multi_agent_v1__spawn_agent" in body.body and b"You are careful." in body.body
    assert "tools[].web_search" in body.dropped
    # As another wire's model calls them: the free-form tool with its text in JSON, the agent by its flat name.
    reply = Reply(
        parts=(
            Reasoning(text="Let me see."),
            Text(text="Writing."),
            ToolCall(id="call_1", name="apply_patch", arguments=msgspec.json.encode({"input": PATCH}).decode()),
            ToolCall(id="call_2", name="multi_agent_v1__spawn_agent", arguments='{"task":"x"}'),
        ),
        finish="tool_calls",
        usage=Usage(3, 2, 1, 5, 4),
    )
    asked = Asked("mine/model", "r1", 1_763_630_000, request=first)
    got = read_stream(through(upstream, reply, asked))
    patch = next(item for item in got.output if item.type == "custom_tool_call")
    agent = next(item for item in got.output if item.type == "function_call")
    assert (patch.name, patch.input) == ("apply_patch", PATCH)
    assert (agent.namespace, agent.name, agent.arguments) == ("multi_agent_v1", "spawn_agent", '{"task":"x"}')
    assert got.output_text == "Writing." and got.usage is not None and got.usage.total_tokens == 15

    items = [item.to_dict() for item in got.output]
    results = [
        {"type": "custom_tool_call_output", "call_id": patch.call_id, "output": "Done."},
        {"type": "function_call_output", "call_id": agent.call_id, "output": "ok"},
    ]
    second = face.decode_request(msgspec.json.encode({**MORE, "input": [*BEGINNING, *items, *results]}))
    parts = list(chain.from_iterable(message.parts for message in second.messages))
    calls, answers = (
        [p for p in parts if isinstance(p, ToolCall)],
        [p.call_id for p in parts if isinstance(p, ToolResult)],
    )
    assert [(c.name, c.custom, c.arguments) for c in calls] == [
        ("apply_patch", True, PATCH),
        ("multi_agent_v1__spawn_agent", False, '{"task":"x"}'),
    ]
    assert answers == [call.id for call in calls]
    sent = upstream.encode_request(second, PLAIN)
    assert all(each in sent.body for each in (b"Done.", b"Begin Patch", b"multi_agent_v1__spawn_agent", b"Writing."))


@pytest.mark.parametrize("wire", others())
def test_a_finished_reasoning_item_after_an_aborted_stream_reaches_no_other_wire(wire: Wire) -> None:
    lone: Json = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "S3CRET"}
    again = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Go on."}]}
    request = face.decode_request(msgspec.json.encode({**MORE, "input": [*BEGINNING, lone, again]}))
    encoded = codec_of(wire).encode_request(request, PLAIN)
    assert b"S3CRET" not in encoded.body and b"Go on." in encoded.body
    assert "messages[].reasoning" in encoded.dropped


@pytest.mark.parametrize("wire", others())
def test_encrypted_reasoning_of_a_model_that_codex_used_before_stays_at_home(wire: Wire) -> None:
    summary = [{"type": "summary_text", "text": "S3CRET thoughts"}]
    items = [
        {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "S3CRET"},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Hi."}],
            "phase": "commentary",
        },
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Go on."}]},
    ]
    request = face.decode_request(msgspec.json.encode({**MORE, "input": [*BEGINNING, *items]}))
    encoded = codec_of(wire).encode_request(request, PLAIN)
    assert b"S3CRET" not in encoded.body and b"Hi." in encoded.body
