"""One request and one reply of each wire with everything in it, to be made ill by `mutations`."""

from typing import Any

from tests.end_to_end import machine as wire
from tests.end_to_end.gate import CHAT, COUNT, EMBEDDINGS, MESSAGES

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
CHAT_BODY: dict[str, Any] = {
    "model": "chat/m",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "read", "arguments": '{"path": "a"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "text"},
        {"role": "user", "content": "and?"},
    ],
    "tools": [{"type": "function", "function": {"name": "read", "description": "d", "parameters": SCHEMA}}],
    "tool_choice": {"type": "function", "function": {"name": "read"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
    "temperature": 0.5,
    "max_tokens": 20,
    "stop": ["x"],
    "stream_options": {"include_usage": True},
    "reasoning_effort": "low",
}
MESSAGES_BODY: dict[str, Any] = {
    "model": "chat/m",
    "max_tokens": 2000,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "t", "signature": "s"},
                {"type": "tool_use", "id": "c1", "name": "read", "input": {"path": "a"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "x"}]},
                {"type": "text", "text": "and?"},
            ],
        },
    ],
    "tools": [{"name": "read", "description": "d", "input_schema": SCHEMA}],
    "tool_choice": {"type": "tool", "name": "read"},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "stop_sequences": ["x"],
    "metadata": {"user_id": "u"},
}
BODIES = {
    CHAT: CHAT_BODY,
    MESSAGES: MESSAGES_BODY,
    COUNT: MESSAGES_BODY,
    EMBEDDINGS: {"model": "chat/m", "input": ["a", "b"]},
}

CALL = {"index": 0, "id": "c1", "type": "function", "function": {"name": "read", "arguments": '{"path": "a"}'}}
CHAT_REPLY: dict[str, Any] = {
    "id": "r",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {"role": "assistant", "content": "text", "reasoning_content": "hm", "tool_calls": [CALL]},
        }
    ],
    "usage": {
        "prompt_tokens": 5,
        "completion_tokens": 6,
        "total_tokens": 11,
        "prompt_tokens_details": {"cached_tokens": 2},
    },
}
CHAT_FRAMES: list[Any] = [
    wire.chat_chunk("m", {"role": "assistant", "content": ""}),
    wire.chat_chunk("m", {"reasoning_content": "hm"}),
    wire.chat_chunk("m", {"content": "text"}),
    wire.chat_chunk("m", {"tool_calls": [CALL]}),
    wire.chat_chunk("m", {"tool_calls": [{"index": 1, "id": "c2", "function": {"name": "b", "arguments": ""}}]}),
    wire.chat_chunk("m", {}, "tool_calls"),
    {**wire.chat_chunk("m", {}), "choices": [], "usage": CHAT_REPLY["usage"]},
]
MESSAGES_REPLY: dict[str, Any] = {
    "id": "msg",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "text"},
        {"type": "tool_use", "id": "c1", "name": "read", "input": {"path": "a"}},
    ],
    "usage": {"input_tokens": 5, "output_tokens": 6, "cache_read_input_tokens": 2},
}
MESSAGES_FRAMES: list[Any] = [
    {"type": "message_start", "message": {**MESSAGES_REPLY, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "tool_use", "id": "c1", "name": "read", "input": {}},
    },
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"path"'}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ': "a"}'}},
    {"type": "content_block_stop", "index": 1},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 6},
    },
    {"type": "message_stop"},
]
