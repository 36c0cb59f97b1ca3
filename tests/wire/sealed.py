"""Parts with opaque state as each wire's maker gives them, around a secret. Knows published blocks; knows no codec."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import msgspec
from hypothesis import strategies as st

from hostler.core.messages import Message, Origin, Reasoning, Text, ToolCall, ToolResult
from hostler.core.requests import ChatRequest, Reply
from hostler.core.tools import Tool
from hostler.core.wires import ANTHROPIC, GEMINI, OPENAI_CHAT, OPENAI_RESPONSES, Wire
from tests.wire.strategies import texts

Json = Mapping[str, object]
Answer = Text | Reasoning | ToolCall
THOUGHT: Final = "S3CRET thought"
"""Readable thinking, wherever there is some."""
SAID: Final = "Oats, then."


def _block(part: Answer, block: object) -> Answer:
    return replace(part, opaque=msgspec.json.encode(block))


def _call(name: str) -> ToolCall:
    return ToolCall(id=f"call_{name}", name=name, arguments='{"horse":"Ned"}')


def _anthropic(secret: str) -> list[Answer]:
    cited = {"type": "web_search_result_location", "url": "https://example.org/", "title": "Oats", "cited_text": "Oats"}
    block: Json = {"type": "tool_use", "id": "call_feed", "name": "feed", "input": {"horse": "Ned"}}
    return [
        _block(Reasoning(redacted=True), {"type": "redacted_thinking", "data": secret}),
        _block(Reasoning(text=THOUGHT), {"type": "thinking", "thinking": THOUGHT, "signature": secret}),
        _block(Reasoning(), {"type": "thinking", "thinking": "", "signature": secret}),
        _block(
            Text(text=""), {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"q": secret}}
        ),
        _block(Text(text=""), {"type": "compaction", "content": "So far: oats.", "encrypted_content": secret}),
        _block(Text(text=SAID), {"type": "text", "text": SAID, "citations": [{**cited, "encrypted_index": secret}]}),
        _block(_call("feed"), {**block, "caller": {"type": "code_execution_20250825", "tool_id": secret}}),
    ]


def _responses(secret: str) -> list[Answer]:
    thought: Json = {"type": "reasoning", "encrypted_content": secret}
    summary = [{"type": "summary_text", "text": THOUGHT}]
    note = {"type": "file_citation", "file_id": secret, "index": 0, "filename": "a.pdf"}
    content = [{"type": "output_text", "text": SAID, "annotations": [note], "logprobs": []}]
    message: Json = {"type": "message", "role": "assistant", "status": "completed", "content": content}
    call: Json = {"type": "function_call", "call_id": "call_feed", "name": "feed", "arguments": '{"horse":"Ned"}'}
    return [
        _block(Reasoning(text=THOUGHT), {**thought, "id": "rs_1", "summary": summary}),
        _block(Reasoning(), {**thought, "id": "rs_2", "summary": []}),
        _block(Text(text=SAID), {**message, "id": "msg_1"}),
        _block(Text(text=""), {"type": "web_search_call", "id": secret, "status": "completed"}),
        _block(Text(text=""), {"type": "compaction", "id": "cmp_1", "encrypted_content": secret}),
        _block(_call("feed"), {**call, "id": "fc_1", "caller": {"type": "program", "caller_id": secret}}),
    ]


def _gemini(secret: str) -> list[Answer]:
    signature = {"thoughtSignature": secret}
    return [
        _block(Reasoning(text=THOUGHT), signature),
        _block(Text(text=SAID), signature),
        _block(Text(text=""), signature),
        _block(Text(text=""), {"executableCode": {"language": "PYTHON", "code": secret}}),
        _block(_call("feed"), signature),
    ]


def _chat(secret: str) -> list[Answer]:
    details = [{"type": "reasoning.encrypted", "data": secret, "id": "r1", "format": "x-v1", "index": 0}]
    shown = {"type": "reasoning.text", "text": THOUGHT, "signature": secret, "format": "x-v1", "index": 0}
    return [_block(Reasoning(), details), _block(Reasoning(text=THOUGHT), [shown])]


SEALED: Final[Mapping[Wire, Callable[[str], list[Answer]]]] = {
    ANTHROPIC: _anthropic,
    OPENAI_RESPONSES: _responses,
    GEMINI: _gemini,
    OPENAI_CHAT: _chat,
}
"""What each wire that has opaque state holds it in."""


@st.composite
def sealed_answers(draw: st.DrawFn, wire: Wire, secret: str) -> tuple[Answer, ...]:
    """What a model of `wire` answers: sealed parts, thinking first and calls last, and perhaps plain ones between."""
    parts = draw(st.lists(st.sampled_from(SEALED[wire](secret)), min_size=1, max_size=4, unique_by=id))
    if draw(st.booleans()) or all(isinstance(part, Reasoning) for part in parts):
        parts.append(Text(text=draw(texts)))
    if draw(st.booleans()):
        parts.append(_call("water"))
    return tuple(sorted(parts, key=lambda part: (not isinstance(part, Reasoning), isinstance(part, ToolCall))))


def replying(parts: tuple[Answer, ...]) -> Reply:
    """A reply of these parts."""
    calls = any(isinstance(part, ToolCall) for part in parts)
    return Reply(id="r1", model="m", parts=parts, finish="tool_calls" if calls else "stop")


def going_on(parts: tuple[Answer, ...], *, wire: Wire | None, origin: Origin | None) -> ChatRequest:
    """The request that follows such an answer, with its calls' results, by a client of `wire`."""
    made = tuple(replace(part, origin=origin) for part in parts)
    calls = [part for part in parts if isinstance(part, ToolCall)]
    results = tuple(ToolResult(call_id=call.id, name=call.name, content=(Text(text="Fed."),)) for call in calls)
    return ChatRequest(
        model="m",
        messages=(
            Message("user", (Text(text="What now?"),)),
            Message("assistant", made),
            *([Message("tool", results)] if results else []),
            Message("user", (Text(text="Go on."),)),
        ),
        tools=tuple(Tool(name=name, parameters={"type": "object", "properties": {}}) for name in ("feed", "water")),
        max_tokens=4000,
        wire=wire,
    )
