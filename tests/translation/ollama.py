"""Recorded exchanges of Ollama's own chat: of several versions, its cloud, and servers that imitate it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tests.translation.answers import (
    Answer,
    Can,
    Draw,
    Exchange,
    Known,
    Served,
    draw_answer,
    dumps,
    plain_answer,
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Host:
    """One version or server."""

    name: str
    thinks: Literal["thinking", "tags", "none"] = "thinking"
    ids: Literal["", "id", "index"] = ""
    calls: Literal["each", "together", "in_last"] = "each"
    text_in_last: bool = False
    line: str = "\n"
    reason: bool = True
    more: tuple[tuple[str, Any], ...] = ()
    message: tuple[tuple[str, Any], ...] = ()
    blank_lines: bool = False
    calls_end: str = "stop"
    written: bool = False
    """Arguments are a text, as some proxies leave them."""


HOSTS = (
    Host("ollama", ids="id"),
    Host("ollama, index", ids="index", calls="together"),
    Host("ollama, older", reason=False, thinks="none"),
    Host("ollama, tags in the text", thinks="tags"),
    Host("ollama cloud", ids="id", more=(("remote_model", "gpt-oss:120b"), ("remote_host", "https://x.example:443"))),
    Host("ollama, empty fields", message=(("thinking", ""), ("images", None), ("tool_calls", None))),
    Host("ollama, calls in the last piece", calls="in_last", text_in_last=True),
    Host("proxy with arguments as a text", written=True),
    Host("proxy with blank lines", line="\r\n", blank_lines=True, calls_end="tool_calls"),
    Host("llama.cpp behind the same path", text_in_last=True, ids="id", more=(("created_at", 1763600000),)),
)


def each_ollama() -> list[Callable[[Draw], Exchange]]:
    """A source for every version."""
    return [lambda draw, host=host: _exchange(draw, host) for host in HOSTS]


def _exchange(draw: Draw, host: Host) -> Exchange:
    answer = draw_answer(draw, Can(thinks=host.thinks != "none", blank=True))
    while answer.finish == "refusal":
        answer = draw_answer(draw, Can(thinks=host.thinks != "none", blank=True))
    again = plain_answer(draw)
    return Exchange(
        "ollama",
        "ollama",
        host.name,
        "qwen3:8b",
        answer,
        _served(draw, host, answer),
        _served(draw, host, again),
        again.text,
        Known(cached=False, thought=False, stripped=host.thinks == "tags"),
    )


def _served(draw: Draw, host: Host, answer: Answer) -> Served:
    head: Json = {"model": "m", "created_at": "2026-11-20T12:00:00.123456789Z", **dict(host.more)}
    calls = [_call(host, call.name, call.arguments, id_=call.id, index=n) for n, call in enumerate(answer.calls)]
    end = {"length": "length", "tool_calls": host.calls_end}.get(answer.finish, "stop")
    c = answer.counts
    last: Json = {**head, "done": True, **({"done_reason": end} if host.reason else {})}
    if not host.reason and answer.finish == "length":
        last["done_reason"] = "length"
    last |= {"total_duration": 10**9, "load_duration": 10**6, "prompt_eval_count": c.prompt}
    last |= {"prompt_eval_duration": 10**8, "eval_count": c.completion, "eval_duration": 10**8}
    thought = answer.reasoning
    text = f"<think>\n{thought}\n</think>\n\n{answer.text}" if host.thinks == "tags" and thought else answer.text
    message: Json = {"role": "assistant", "content": text, **dict(host.message)}
    if thought and host.thinks == "thinking":
        message["thinking"] = thought
    if calls:
        message["tool_calls"] = calls
    frames = _frames(draw, host, message=message)
    if host.text_in_last and frames:
        ending = frames.pop()
    else:
        ending = {"role": "assistant", "content": ""}
    if calls and host.calls == "in_last":
        ending["tool_calls"] = calls
    events = [{**head, "message": frame, "done": False} for frame in frames] + [{**last, "message": ending}]
    lines = [f"{dumps(event)}{host.line * (2 if host.blank_lines else 1)}".encode() for event in events]
    return Served(dumps({**last, "message": message}).encode(), tuple(lines))


def _frames(draw: Draw, host: Host, *, message: Json) -> list[Json]:
    plain: Json = {"role": "assistant", "content": "", **dict(host.message)}
    found = [{**plain, "thinking": piece} for piece in draw.pieces(message.get("thinking") or "")]
    found += [{**plain, "content": piece} for piece in draw.pieces(message["content"])]
    calls = message.get("tool_calls") or []
    if host.calls == "together" and calls:
        found.append({**plain, "tool_calls": calls})
    elif host.calls == "each":
        found += [{**plain, "tool_calls": [call]} for call in calls]
    return found


def _call(host: Host, name: str, arguments: Json, *, id_: str, index: int) -> Json:
    function: Json = {"name": name, "arguments": dumps(arguments) if host.written else arguments}
    if host.ids == "index":
        function = {"index": index, **function}
    return {"id": id_, "function": function} if host.ids == "id" else {"function": function}
