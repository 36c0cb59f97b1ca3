"""Streams that any upstream may give rise to, the odd ones among them. Knows deltas and opaque blocks as published."""

import json

import msgspec
from hypothesis import strategies as st

from hostler.core.deltas import (
    Cited,
    Delta,
    Finished,
    PartEnded,
    ReasoningDelta,
    ReasoningSealed,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallEnded,
    ToolCallStarted,
    UsageDelta,
)
from hostler.core.messages import Citation
from hostler.core.requests import Asked, ChatRequest, FinishReason
from hostler.core.usage import Usage
from hostler.core.wires import OPENAI_RESPONSES
from hostler.errors import (
    EngineCrashed,
    Forbidden,
    ModelNotFound,
    PromptTooLong,
    QueueFull,
    RequestTooLarge,
    Unauthorized,
    UpstreamBroken,
    UpstreamRefused,
    UpstreamTimeout,
    WireError,
)
from hostler.wire import openai_responses
from tests.wire.strategies import arguments, call_ids, names, requests, texts

FINISHES: tuple[FinishReason, ...] = (
    "stop", "stop_sequence", "length", "context", "tool_calls", "content_filter", "refusal", "pause", "unknown",
    "error",
)  # fmt: skip
CITATIONS = (Citation("https://example.org/oats", "Oats\u2028"), Citation("https://example.org/hay"))


def seals(text: str) -> list[object]:
    """What seals reasoning with this text, as each wire that does has it."""
    summary = [{"type": "summary_text", "text": text}] if text else []
    return [
        {"type": "thinking", "thinking": text, "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "RmFrZQ=="},
        {"id": "rs_7", "type": "reasoning", "summary": summary, "encrypted_content": "gAAA"},
        [{"type": "reasoning.text", "text": text, "signature": "c2ln", "format": "anthropic-claude-v1", "index": 0}],
        {"thoughtSignature": "AAAA"},
    ]


def blocks_of(text: str) -> list[object]:
    """Opaque blocks of a text, or, without one, blocks that only their own wire understands."""
    if text:
        content = [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
        message = {"id": "m_1", "type": "message", "role": "assistant", "status": "completed", "content": content}
        return [{"thoughtSignature": "AAAA"}, {**message, "phase": "commentary"}]
    return [
        {"text": "x", "thoughtSignature": "AAAA"},
        {"executableCode": {"language": "PYTHON", "code": "1"}},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "\u2028"}},
        {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "x"}},
        {"id": "rs_7", "type": "reasoning", "summary": [], "encrypted_content": "gAAA"},
    ]


counts = st.none() | st.integers(0, 10_000)
usages = st.builds(
    Usage, input=counts, cache_read=counts, cache_write=counts, output=counts, reasoning=counts, cost=st.none()
)


@st.composite
def grown(draw: st.DrawFn) -> list[Delta]:
    """A part without a slot: text, a refusal or thinking, in pieces; ended, sealed, or neither."""
    said = draw(st.lists(texts | st.just(""), max_size=3))
    kind = draw(st.sampled_from(["text", "text", "refusal", "reasoning"]))
    text = "".join(said)
    ends: list[Delta] = [PartEnded(), TextDelta("")]  # the latter ends nothing
    if kind == "refusal":
        return [*(RefusalDelta(text) for text in said), *ends]
    if kind == "reasoning":
        ends += [ReasoningSealed(msgspec.json.encode(seal)) for seal in seals(text)]
        return [*(ReasoningDelta(text) for text in said), draw(st.sampled_from(ends))]
    ends += [PartEnded(msgspec.json.encode(block)) for block in blocks_of(text)]
    end = draw(st.sampled_from(ends))
    listed = isinstance(end, PartEnded) and b'"annotations"' in (end.opaque or b"")  # such a block names its own: none
    notes = draw(st.lists(st.sampled_from(CITATIONS), max_size=2)) if text and not listed else []
    return [*(TextDelta(text) for text in said), *map(Cited, notes), end]


@st.composite
def call(draw: st.DrawFn, slot: int, id_: str) -> list[Delta]:
    """A call in pieces; its arguments may be missing, no JSON, or text for a tool of free form."""
    custom = draw(st.booleans())
    said = draw(arguments | st.sampled_from(["", "{", '{\n  "a": 1\n}', "[]"])) if not custom else draw(texts)
    cut = draw(st.integers(0, len(said)))
    start = ToolCallStarted(slot, id_, draw(names), custom)
    item = {
        "type": "function_call",
        "call_id": id_,
        "name": start.name,
        "arguments": said,
        "caller": {"type": "direct"},
    }
    seals = [None, {"thoughtSignature": "AAAA"}, *([item] if id_ and said and not custom else [])]
    seal = draw(st.sampled_from(seals))
    opaque = None if seal is None else msgspec.json.encode(seal)
    return [start, ToolCallDelta(slot, said[:cut]), ToolCallDelta(slot, said[cut:]), ToolCallEnded(slot, opaque)]


@st.composite
def streams(draw: st.DrawFn) -> list[Delta]:
    """A whole stream that did not break: parts and calls in any order, calls perhaps at the same time."""
    deltas: list[Delta] = [Started("up", "vendor/model")]
    ids = draw(st.lists(call_ids | st.just(""), max_size=3, unique_by=lambda each: each or object()))
    calls = [draw(call(slot, id_)) for slot, id_ in enumerate(ids)]
    if calls and draw(st.booleans()):  # all begin before the first one ends
        calls = [[each for step in range(4) for made in calls for each in made[step : step + 1]]]
    blocks = [*draw(st.lists(grown(), max_size=3)), *calls]
    order = draw(st.permutations(range(len(blocks)))) if len(calls) < 2 else range(len(blocks))
    for place in order:
        deltas += blocks[place]
    reason = draw(st.sampled_from(FINISHES))
    stop = "END" if reason == "stop_sequence" else None
    finished = Finished(reason, reason, stop, "cyber" if reason == "refusal" and draw(st.booleans()) else "")
    return [*deltas, finished, *([UsageDelta(draw(usages))] if draw(st.booleans()) else [])]


REFUSED = [
    *((429, kind) for kind in ("tokens", "insufficient_quota", "usage_not_included", "rate_limit_exceeded")),
    *((400, "context_length_exceeded"), (503, "server_is_overloaded"), (402, ""), (409, ""), (413, ""), (529, "")),
]
ERRORS = [
    *(kind("It says why.\u2028Twice.") for kind in (Unauthorized, Forbidden, ModelNotFound, PromptTooLong, QueueFull)),
    *(kind("It says why.") for kind in (RequestTooLarge, UpstreamBroken, UpstreamTimeout, EngineCrashed, WireError)),
    *(UpstreamRefused("No.", status=status, kind=kind, retry_after=1.5) for status, kind in REFUSED),
]

REQUEST = {
    "model": "m",
    "input": "hi",
    "instructions": "Be brief.",
    "metadata": {"a": "b"},
    "temperature": 1,
    "store": True,
    "previous_response_id": "resp_0",
    "parallel_tool_calls": False,
    "tools": [
        {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True},
        {"type": "function", "name": "bare"},
        {
            "type": "custom",
            "name": "patch",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: /x/"},
        },
        {"type": "custom", "name": "free"},
        {"type": "namespace", "name": "n", "description": "d", "tools": [{"type": "function", "name": "g"}]},
        {"type": "web_search"},
    ],
}
"""What a client of the Responses wire may ask; much of it is repeated in a reply."""
CHOICES = (
    None,
    "auto",
    "none",
    "required",
    {"type": "function", "name": "f"},
    {"type": "custom", "name": "patch"},
    {"type": "web_search"},
    {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
)


def _told(choice: object) -> ChatRequest:
    return openai_responses.decode_request(json.dumps({**REQUEST, "tool_choice": choice}).encode())


asked = st.builds(
    Asked,
    model=texts,
    id=st.just("abc"),
    created=st.just(1_763_630_000),
    include_usage=st.booleans(),
    prompt_tokens=st.integers(0, 9),
    request=st.none() | requests(OPENAI_RESPONSES) | st.sampled_from(CHOICES).map(_told),
)
