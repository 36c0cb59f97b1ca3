"""Recorded exchanges of the messages wire: Anthropic's own, and what other vendors and local servers make of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tests.translation.answers import (
    Answer,
    Call,
    Can,
    Draw,
    Exchange,
    Known,
    Served,
    Thought,
    Words,
    draw_answer,
    dumps,
    plain_answer,
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Host:
    """One vendor or server."""

    name: str
    model: str
    signs: bool = True
    named_events: bool = True
    pings: bool = True
    first_text_in_start: bool = False
    arguments: Literal["pieces", "in_start", "one", "empty_first"] = "pieces"
    usage: Literal["both", "start", "end", "zero_start"] = "both"
    extras: tuple[str, ...] = ()
    """Server tools, blocks and events of other kinds that stand between."""
    line: str = "\n"
    done: bool = False
    prefix: str = "toolu_"
    index_gap: int = 0
    writes: bool = True
    thought_counts: bool = True
    ends: tuple[tuple[str, str], ...] = ()
    """Other words for the ends."""


HOSTS = (
    Host("anthropic", "claude-opus-5"),
    Host("anthropic, server tools", "claude-sonnet-5", extras=("web_search",)),
    Host("anthropic, code execution", "claude-sonnet-5", extras=("code", "container")),
    Host("anthropic, mcp and context management", "claude-opus-5", extras=("mcp", "context")),
    Host("anthropic, redacted", "claude-haiku-5", extras=("redacted",)),
    Host("anthropic, omitted thinking", "claude-opus-5", extras=("omitted",)),
    Host("anthropic, new kinds", "claude-opus-9", extras=("unknown_event", "unknown_block", "unknown_delta")),
    Host("anthropic, other ends", "claude-opus-5",
         ends=(("stop", "stop_sequence"), ("length", "model_context_window_exceeded"))),
    Host("bedrock", "claude-sonnet-5", pings=False, prefix="toolu_bdrk_", extras=("metrics",), line="\r\n"),
    Host("minimax", "MiniMax-M3", prefix="call_function_", usage="end", writes=False, extras=("base_resp",)),
    Host("deepseek", "deepseek-v4", signs=False, prefix="call_00_", pings=False, writes=False),
    Host("glm", "glm-5", usage="zero_start", prefix="call_", arguments="one", signs=False, thought_counts=False),
    Host("openrouter", "anthropic-any", index_gap=1, extras=("comments",), arguments="empty_first"),
    Host("llama.cpp", "qwen-local", signs=False, pings=False, usage="start", prefix="", thought_counts=False),
    Host("vllm", "qwen-vllm", signs=False, named_events=True, pings=False, done=True, prefix="chatcmpl-tool-",
         thought_counts=False, writes=False),
    Host("ollama", "gpt-oss-local", signs=False, pings=False, arguments="one", prefix="call_", usage="both",
         thought_counts=False, writes=False),
    Host("proxy without event names", "some-model", named_events=False, arguments="in_start", first_text_in_start=True,
         signs=False, usage="end", thought_counts=False),
)  # fmt: skip
_ENDS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "refusal": "refusal"}


def each_messages() -> list[Callable[[Draw], Exchange]]:
    """A source for every host."""
    return [lambda draw, host=host: _exchange(draw, host) for host in HOSTS]


def _exchange(draw: Draw, host: Host) -> Exchange:
    can = Can(
        several=True,
        states=host.signs,
        writes=host.writes,
        cites="web_search" in host.extras or "code" in host.extras,
        id_prefix=host.prefix,
    )
    answer = draw_answer(draw, can)
    again = plain_answer(draw)
    served = _Writer(draw, host, answer)
    states = [part.state for part in answer.parts if isinstance(part, Thought) and part.state]
    whole, frames = served.whole(), served.frames()
    return Exchange(
        "anthropic",
        "anthropic-kind",
        host.name,
        host.model,
        answer,
        Served(dumps(whole).encode(), tuple(frames)),
        _plain(draw, host, again),
        again.text,
        Known(thought=host.thought_counts),
        states=tuple(states + served.states),
    )


def _plain(draw: Draw, host: Host, answer: Answer) -> Served:
    writer = _Writer(draw, host, answer)
    return Served(dumps(writer.whole()).encode(), tuple(writer.frames()))


class _Writer:
    """One answer; blocks are made once, for both forms."""

    def __init__(self, draw: Draw, host: Host, answer: Answer) -> None:
        self.draw, self.host, self.answer = draw, host, answer
        self.id = draw.id("msg_")
        self.states: list[str] = []
        self.blocks = self._blocks()

    def _blocks(self) -> list[Json]:
        found: list[Json] = []
        for extra in self.host.extras:
            found += self._extra(extra)
        for part in self.answer.parts:
            match part:
                case Thought(text, state):
                    found.append({"type": "thinking", "thinking": text, "signature": state})
                case Words(text, cites):
                    block: Json = {"type": "text", "text": text}
                    found.append(block | ({"citations": [self._cite(*cite) for cite in cites]} if cites else {}))
                case Call(name, arguments, id_):
                    found.append({"type": "tool_use", "id": id_, "name": name, "input": arguments})
        return found

    def _cite(self, url: str, title: str) -> Json:
        return {"type": "web_search_result_location", "url": url, "title": title,
                "encrypted_index": self.draw.state(), "cited_text": self.draw.text(2)}  # fmt: skip

    def _extra(self, extra: str) -> list[Json]:
        id_ = self.draw.id("srvtoolu_")
        match extra:
            case "web_search":
                page = {"type": "web_search_result", "url": "https://x.example", "title": "X", "page_age": None,
                        "encrypted_content": self.draw.state()}  # fmt: skip
                return [
                    {"type": "server_tool_use", "id": id_, "name": "web_search", "input": {"query": self.draw.text(3)}},
                    {"type": "web_search_tool_result", "tool_use_id": id_, "content": [page]},
                ]
            case "code":
                ran = {
                    "type": "bash_code_execution_result",
                    "stdout": "4\n",
                    "stderr": "",
                    "return_code": 0,
                    "content": [],
                }
                return [
                    {"type": "server_tool_use", "id": id_, "name": "bash_code_execution", "input": {"command": "ls"}},
                    {"type": "bash_code_execution_tool_result", "tool_use_id": id_, "content": ran},
                ]
            case "mcp":
                said = [{"type": "text", "text": "not of the answer"}]
                return [
                    {"type": "mcp_tool_use", "id": id_, "name": "find", "server_name": "s", "input": {"q": 1}},
                    {"type": "mcp_tool_result", "tool_use_id": id_, "is_error": False, "content": said},
                ]
            case "redacted":
                self.states.append(self.draw.state())
                return [{"type": "redacted_thinking", "data": self.states[-1]}]
            case "omitted" if any(isinstance(part, Call) for part in self.answer.parts):
                self.states.append(self.draw.state())
                return [{"type": "thinking", "thinking": "", "signature": self.states[-1]}]
            case "unknown_block":
                return [{"type": "hologram", "voxels": [1, 2, 3], "text": "not of the answer"}]
            case _:
                return []

    # ------------------------------------------------------------------ counts

    def _usage(self) -> Json:
        c = self.answer.counts
        told: Json = {"input_tokens": c.input, "output_tokens": c.completion, "cache_read_input_tokens": c.read}
        told["cache_creation_input_tokens"] = c.written
        if self.host.writes:
            told["cache_creation"] = {"ephemeral_5m_input_tokens": c.written, "ephemeral_1h_input_tokens": 0}
        if self.host.thought_counts:
            told["output_tokens_details"] = {"thinking_tokens": c.reasoning}
        return told | {"service_tier": "standard", "server_tool_use": None}

    def whole(self) -> Json:
        told: Json = {"id": self.id, "type": "message", "role": "assistant", "model": "m", "content": self.blocks}
        end = dict(self.host.ends).get(self.answer.finish, _ENDS[self.answer.finish])
        told |= {"stop_reason": end, "stop_sequence": "END" if end == "stop_sequence" else None, "usage": self._usage()}
        if self.answer.finish == "refusal":
            told["stop_details"] = {"type": "refusal", "category": "cyber", "explanation": None}
        if "container" in self.host.extras:
            told["container"] = {"id": "container_1", "expires_at": "2026-12-01T00:00:00Z"}
        if "context" in self.host.extras:
            told["context_management"] = {"applied_edits": []}
        if "base_resp" in self.host.extras:
            told["base_resp"] = {"status_code": 0, "status_msg": ""}
        return told

    # ------------------------------------------------------------------ stream

    def frames(self) -> list[bytes]:
        empty: Json = {**self.whole(), "content": [], "stop_reason": None}
        empty.pop("stop_details", None)
        usage = self._usage()
        zero = {"input_tokens": 0, "output_tokens": 0}
        empty["usage"] = {**usage, "output_tokens": 1} if self.host.usage in ("both", "start") else zero
        found = [self._event("message_start", message=empty)]
        if self.host.pings:
            found.append(self._event("ping"))
        for index, block in enumerate(self.blocks):
            found += self._block(index * (1 + self.host.index_gap), block)
            if self.host.pings and self.draw.chance(0.3):
                found.append(self._event("ping"))
        if "unknown_event" in self.host.extras:
            found.append(self._event("weather_report", sky="blue", delta={"text": "not of the answer"}))
        if "comments" in self.host.extras:
            found.append(f": OPENROUTER PROCESSING{self.host.line * 2}".encode())
        return found + self._end(usage)

    def _end(self, usage: Json) -> list[bytes]:
        whole = self.whole()
        delta: Json = {"stop_reason": whole["stop_reason"], "stop_sequence": whole["stop_sequence"]}
        delta |= {name: whole[name] for name in ("stop_details", "container") if name in whole}
        more: Json = {name: whole[name] for name in ("context_management", "base_resp") if name in whole}
        if self.host.usage == "start":
            more["usage"] = {"output_tokens": usage["output_tokens"]}
        else:
            more["usage"] = usage
        stop: Json = {}
        if "metrics" in self.host.extras:
            stop["amazon-bedrock-invocationMetrics"] = {"inputTokenCount": 1, "outputTokenCount": 2}
        ended = [self._event("message_delta", delta=delta, **more), self._event("message_stop", **stop)]
        return ended + ([f"data: [DONE]{self.host.line * 2}".encode()] if self.host.done else [])

    def _block(self, index: int, block: Json) -> list[bytes]:
        begun, deltas = self._deltas(block)
        found = [self._event("content_block_start", index=index, content_block=begun)]
        found += [self._event("content_block_delta", index=index, delta=delta) for delta in deltas]
        if "unknown_delta" in self.host.extras:
            found.append(self._event("content_block_delta", index=index, delta={"type": "sparkle_delta", "text": "x"}))
        return [*found, self._event("content_block_stop", index=index)]

    def _deltas(self, block: Json) -> tuple[Json, list[Json]]:
        """How a block begins, and what comes then."""
        match block["type"]:
            case "text":
                pieces = self.draw.pieces(block["text"])
                first = pieces.pop(0) if self.host.first_text_in_start else ""
                begun = {"type": "text", "text": first} | ({"citations": []} if "citations" in block else {})
                cites = [{"type": "citations_delta", "citation": cite} for cite in block.get("citations", ())]
                return begun, [*cites, *({"type": "text_delta", "text": piece} for piece in pieces)]
            case "thinking":
                thought = [{"type": "thinking_delta", "thinking": p} for p in self.draw.pieces(block["thinking"])]
                signed = [{"type": "signature_delta", "signature": block["signature"]}] if block["signature"] else []
                return {"type": "thinking", "thinking": "", "signature": ""}, [*thought, *signed]
            case "tool_use" | "server_tool_use" | "mcp_tool_use":
                return self._arguments(block)
            case _:
                return block, []

    def _arguments(self, block: Json) -> tuple[Json, list[Json]]:
        begun = {**block, "input": {}}
        written = dumps(block["input"])
        if not block["input"] and self.host.arguments != "in_start":
            pieces = self.draw.one(([], [""], ["{}"]))
        elif self.host.arguments == "in_start":
            return block, []
        elif self.host.arguments == "one":
            pieces = [written]
        else:
            pieces = (
                (["", *self.draw.pieces(written)])
                if self.host.arguments == "empty_first"
                else self.draw.pieces(written)
            )
        return begun, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]

    def _event(self, kind: str, **fields: Any) -> bytes:
        name = f"event: {kind}{self.host.line}" if self.host.named_events else ""
        return f"{name}data: {dumps({'type': kind, **fields})}{self.host.line * 2}".encode()
