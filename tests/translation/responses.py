"""Recorded exchanges of the responses wire: OpenAI's, and those of xAI, OpenRouter, Meta, vLLM and others."""

from collections.abc import Callable, Iterator
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
    """One vendor or server. `tells` how much of an item comes before it is whole."""

    name: str
    thinks: Literal["summary", "content", "none"] = "summary"
    encrypts: bool = True
    tells: Literal["all", "no_parts", "done_only", "terminal_only", "no_added", "odd_ids"] = "all"
    named_events: bool = True
    done: bool = False
    line: str = "\n"
    extras: tuple[str, ...] = ()
    interleaved: bool = False
    noise: tuple[str, ...] = ()
    usage_more: tuple[tuple[str, Any], ...] = ()
    refuses: bool = True
    empty_end: bool = False
    """The terminal event repeats no items."""


HOSTS = (
    Host("openai"),
    Host("openai, server tools", extras=("web_search", "code"), noise=("keepalive",)),
    Host("openai, file search and mcp", extras=("file_search", "mcp", "mcp_list")),
    Host("openai, phases", extras=("phase",)),
    Host("openai, parallel calls interleaved", interleaved=True),
    Host("codex back end", tells="no_parts", empty_end=True, noise=("rate_limits",), extras=("hidden",)),
    Host(
        "xai", tells="done_only", extras=("web_search",), usage_more=(("num_sources_used", 1), ("cost_in_usd_ticks", 9))
    ),
    Host("openrouter", done=True, noise=("comment",), line="\n", usage_more=(("cost", 0.1), ("is_byok", False))),
    Host("vllm", thinks="content", encrypts=False, refuses=False),
    Host("lmstudio", thinks="content", encrypts=False, tells="no_parts", refuses=False),
    Host("ollama", thinks="summary", encrypts=False, refuses=False),
    Host("meta", extras=("phase",), tells="all"),
    Host("deepseek", thinks="content", encrypts=False, done=True, refuses=False),
    Host("proxy whose ids change", tells="odd_ids", line="\r\n"),
    Host("server that tells only the end", tells="terminal_only", named_events=False),
    Host("server without added items", tells="no_added", done=True, named_events=False),
)
_STATUS = {"stop": "completed", "tool_calls": "completed", "length": "incomplete", "refusal": "incomplete"}


def each_responses() -> list[Callable[[Draw], Exchange]]:
    """A source for every host."""
    return [lambda draw, host=host: _exchange(draw, host) for host in HOSTS]


def _exchange(draw: Draw, host: Host) -> Exchange:
    can = Can(thinks=host.thinks != "none", several=True, states=host.encrypts, refuses=host.refuses, cites=True)
    answer, again = draw_answer(draw, can), plain_answer(draw)
    writer, second = _Writer(draw, host, answer), _Writer(draw, host, again)
    states = [part.state for part in answer.parts if isinstance(part, Thought) and part.state]
    return Exchange(
        "openai-responses",
        "openai-responses",
        host.name,
        "gpt-6",
        answer,
        writer.served(),
        second.served(),
        again.text,
        states=tuple(states + writer.states),
        known=Known(),
    )


class _Writer:
    """One answer as items, and the events that bring them."""

    def __init__(self, draw: Draw, host: Host, answer: Answer) -> None:
        self.draw, self.host, self.answer = draw, host, answer
        self.id = draw.id("resp_", 32)
        self.states: list[str] = []
        self.items = self._items()
        self.number = 0

    def served(self) -> Served:
        return Served(dumps(self._response(self.items)).encode(), tuple(self.frames()))

    # ------------------------------------------------------------------ items

    def _items(self) -> list[Json]:
        found: list[Json] = []
        for extra in self.host.extras:
            found += self._extra(extra)
        last_words = max((n for n, part in enumerate(self.answer.parts) if isinstance(part, Words)), default=-1)
        for number, part in enumerate(self.answer.parts):
            match part:
                case Thought(text, state):
                    found.append(self._reasoning(text, state))
                case Words(text, cites, refuses):
                    said: Json = {
                        "type": "output_text",
                        "text": text,
                        "annotations": self._cites(cites, text),
                        "logprobs": [],
                    }
                    said = {"type": "refusal", "refusal": text} if refuses else said
                    item: Json = {
                        "type": "message",
                        "id": self.draw.id("msg_", 32),
                        "status": "completed",
                        "role": "assistant",
                    }
                    if "phase" in self.host.extras:
                        item["phase"] = "final_answer" if number == last_words else "commentary"
                    found.append({**item, "content": [said]})
                case Call(name, arguments, id_):
                    call: Json = {"type": "function_call", "id": self.draw.id("fc_", 32), "call_id": id_, "name": name}
                    written = dumps(arguments) if arguments else self.draw.one(("{}", "{}", ""))
                    found.append({**call, "arguments": written, "status": "completed"})
        return found

    def _cites(self, cites: tuple[tuple[str, str], ...], text: str) -> list[Json]:
        return [
            {"type": "url_citation", "url": url, "title": title, "start_index": 0, "end_index": len(text)}
            for url, title in cites
        ]

    def _reasoning(self, text: str, state: str) -> Json:
        item: Json = {"type": "reasoning", "id": self.draw.id("rs_", 32), "summary": []}
        if self.host.thinks == "summary":
            half = len(text) // 2
            texts = [text[:half], text[half:]] if self.draw.chance(0.4) and half else [text]
            item["summary"] = [{"type": "summary_text", "text": each} for each in texts]
        else:
            item["content"] = [{"type": "reasoning_text", "text": text}]
        return item | ({"encrypted_content": state} if state else {})

    def _extra(self, extra: str) -> list[Json]:
        id_ = self.draw.id("x_", 32)
        asked = {"type": "search", "query": self.draw.text(3), "queries": []}
        known: dict[str, list[Json]] = {
            "web_search": [{"type": "web_search_call", "id": id_, "status": "completed", "action": asked}],
            "code": [{"type": "code_interpreter_call", "id": id_, "status": "completed", "container_id": "cntr_1",
                      "code": "print(4)", "outputs": [{"type": "logs", "logs": "not of the answer"}]}],
            "file_search": [{"type": "file_search_call", "id": id_, "status": "completed", "queries": ["a"],
                             "results": None}],
            "mcp": [{"type": "mcp_call", "id": id_, "server_label": "s", "name": "find", "arguments": "{}",
                     "status": "completed", "output": "not of the answer", "error": None, "approval_request_id": None}],
            "mcp_list": [{"type": "mcp_list_tools", "id": id_, "server_label": "s", "tools": [], "error": None}],
        }  # fmt: skip
        if extra == "hidden" and self.answer.calls:
            self.states.append(self.draw.state())
            return [{"type": "reasoning", "id": id_, "summary": [], "encrypted_content": self.states[-1]}]
        return known.get(extra, [])

    # ------------------------------------------------------------------ response

    def _response(self, items: list[Json], status: str | None = None) -> Json:
        c = self.answer.counts
        refused = any(isinstance(part, Words) and part.refuses for part in self.answer.parts)
        ended = status or ("completed" if refused else _STATUS[self.answer.finish])
        reason = {"length": "max_output_tokens", "refusal": "content_filter"}.get(self.answer.finish)
        usage: Json = {
            "input_tokens": c.prompt,
            "input_tokens_details": {"cached_tokens": c.read},
            "output_tokens": c.completion,
            "output_tokens_details": {"reasoning_tokens": c.reasoning},
            "total_tokens": c.prompt + c.completion,
            **dict(self.host.usage_more),
        }
        return {
            "id": self.id, "object": "response", "created_at": 1763600000, "status": ended, "background": False,
            "error": None, "incomplete_details": {"reason": reason} if ended == "incomplete" else None,
            "instructions": None, "max_output_tokens": None, "model": "m", "output": items, "parallel_tool_calls": True,
            "previous_response_id": None, "reasoning": {"effort": None, "summary": None}, "store": False,
            "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "top_p": 1.0,
            "truncation": "disabled", "usage": None if ended == "in_progress" else usage, "metadata": {},
        }  # fmt: skip

    # ------------------------------------------------------------------ stream

    def frames(self) -> list[bytes]:
        found = [self._event("response.created", response=self._response([], "in_progress"))]
        if "rate_limits" in self.host.noise:
            found.append(self._event("codex.rate_limits", plan_type="pro", rate_limits={"allowed": True}))
        if self.host.tells != "terminal_only":
            found.append(self._event("response.in_progress", response=self._response([], "in_progress")))
            found += self._all_items()
        ended = self._response([] if self.host.empty_end else self.items)
        found.append(self._event(f"response.{ended['status']}", response=ended))
        return found + ([f"data: [DONE]{self.host.line * 2}".encode()] if self.host.done else [])

    def _all_items(self) -> list[bytes]:
        streams = [self._item(index, item) for index, item in enumerate(self.items)]
        if not self.host.interleaved:
            return [event for stream in streams for event in stream]
        calls = [stream for stream, item in zip(streams, self.items, strict=True) if item["type"] == "function_call"]
        others = [s for s, item in zip(streams, self.items, strict=True) if item["type"] != "function_call"]
        found = [event for stream in others for event in stream]
        waiting = list(calls)
        while waiting:
            stream = self.draw.one(waiting)
            event = next(stream, None)
            if event is None:
                waiting = [other for other in waiting if other is not stream]
            else:
                found.append(event)
        return found

    def _item(self, index: int, item: Json) -> Iterator[bytes]:
        shown = self.host.tells
        if shown not in ("done_only", "no_added"):
            begun = {**item, "status": "in_progress"} if "status" in item else dict(item)
            begun |= {
                name: empty for name, empty in (("content", []), ("summary", []), ("arguments", "")) if name in item
            }
            if "encrypted_content" in item:
                begun["encrypted_content"] = "gAAAA-not-yet-whole"
            yield self._event("response.output_item.added", output_index=index, item=self._odd(begun))
        if shown != "done_only":
            yield from self._within(index, item)
        if self.draw.chance(0.3) and "keepalive" in self.host.noise:
            yield self._event("keepalive")
        if self.draw.chance(0.3) and "comment" in self.host.noise:
            yield f": OPENROUTER PROCESSING{self.host.line * 2}".encode()
        yield self._event("response.output_item.done", output_index=index, item=self._odd(item))

    def _odd(self, item: Json) -> Json:
        return {**item, "id": self.draw.id("odd_")} if self.host.tells == "odd_ids" else item

    def _within(self, index: int, item: Json) -> Iterator[bytes]:
        at = {"output_index": index, "item_id": self.draw.id("odd_") if self.host.tells == "odd_ids" else item["id"]}
        match item["type"]:
            case "message":
                yield from self._message(at, item["content"][0])
            case "reasoning":
                for number, part in enumerate(item["summary"]):
                    yield from self._summary({**at, "summary_index": number}, part)
                for number, part in enumerate(item.get("content", ())):
                    here = {**at, "content_index": number}
                    for piece in self.draw.pieces(part["text"]):
                        yield self._event("response.reasoning_text.delta", **here, delta=piece)
                    yield self._event("response.reasoning_text.done", **here, text=part["text"])
            case "function_call":
                for piece in self.draw.pieces(item["arguments"]):
                    yield self._event("response.function_call_arguments.delta", **at, delta=piece, obfuscation="x")
                done = {**at, "name": item["name"], "arguments": item["arguments"]}
                yield self._event("response.function_call_arguments.done", **done)
            case kind:
                for step in ("in_progress", "completed"):
                    yield self._event(f"response.{kind}.{step}", **at)

    def _summary(self, at: Json, part: Json) -> Iterator[bytes]:
        if self.host.tells != "no_parts":
            yield self._event("response.reasoning_summary_part.added", **at, part={"type": "summary_text", "text": ""})
        for piece in self.draw.pieces(part["text"]):
            yield self._event("response.reasoning_summary_text.delta", **at, delta=piece)
        yield self._event("response.reasoning_summary_text.done", **at, text=part["text"])
        if self.host.tells != "no_parts":
            yield self._event("response.reasoning_summary_part.done", **at, part=part)

    def _message(self, at: Json, part: Json) -> Iterator[bytes]:
        kind, name = ("refusal", "refusal") if part["type"] == "refusal" else ("output_text", "text")
        here = {**at, "content_index": 0}
        if self.host.tells != "no_parts":
            empty = {**part, name: ""} | ({"annotations": []} if name == "text" else {})
            yield self._event("response.content_part.added", **here, part=empty)
        for piece in self.draw.pieces(part[name]):
            more = {"logprobs": []} if name == "text" else {}
            yield self._event(f"response.{kind}.delta", **here, delta=piece, **more)
        for number, cite in enumerate(part.get("annotations", ())):
            told = {"annotation_index": number, "annotation": cite}
            yield self._event("response.output_text.annotation.added", **here, **told)
        yield self._event(
            f"response.{kind}.done", **here, **{name: part[name]}, **({"logprobs": []} if name == "text" else {})
        )
        if self.host.tells != "no_parts":
            yield self._event("response.content_part.done", **here, part=part)

    def _event(self, kind: str, **fields: Any) -> bytes:
        name = f"event: {kind}{self.host.line}" if self.host.named_events else ""
        data = dumps({"type": kind, "sequence_number": self.number, **fields})
        self.number += 1
        return f"{name}data: {data}{self.host.line * 2}".encode()
