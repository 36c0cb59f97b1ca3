"""Recorded exchanges of the chat completions wire: OpenAI's own, and what some twenty hosts and servers make of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import zip_longest
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
    """One vendor or server. Where it differs, it says so."""

    name: str
    provider: str = "openai-compatible"
    thinks: Literal["", "reasoning_content", "reasoning", "both", "details", "tags", "chunks"] = "reasoning_content"
    usage: Literal["own", "last", "every", "x_groq", "no_choices_key", "with_choice", "cumulative"] = "own"
    counts: Literal["openai", "hits", "excluded", "plain", "timings", "flat"] = "openai"
    calls: Literal["pieces", "whole", "index_0", "no_index", "repeated", "legacy", "objects", "empty_later",
                   "interleaved"] = "pieces"  # fmt: skip
    comments: tuple[str, ...] = ()
    first: Literal["role", "filter", "none", "content_null", "x_groq"] = "role"
    ends: tuple[tuple[str, str], ...] = ()
    """Other words for the ends."""
    finish_with_last: bool = False
    open_end: Literal["", None] = None
    """What stands in place of a finish reason before the end."""
    done: bool = True
    line: str = "\n"
    space: str = " "
    head: tuple[tuple[str, Any], ...] = ()
    choice: tuple[tuple[str, Any], ...] = ()
    delta: tuple[tuple[str, Any], ...] = ()
    refuses: bool = False
    cites: Literal["", "annotations", "citations"] = ""
    states: Literal["", "details", "google", "field"] = ""
    prefix: str = "call_"
    length: int = 24
    cumulative_message: bool = False
    after: tuple[str, ...] = ()
    """More frames behind the last one."""


HOSTS = (
    Host("openai", thinks="", refuses=True, cites="annotations", delta=(("refusal", None),),
         choice=(("logprobs", None),),
         head=(("service_tier", "default"), ("system_fingerprint", "fp_1"), ("usage", None), ("obfuscation", "aB3"))),
    Host("azure", thinks="", first="filter", refuses=True, provider="azure",
         choice=(("content_filter_results", {"hate": {"filtered": False, "severity": "safe"}}), ("logprobs", None)),
         after=(('{"id":"","object":"","created":0,"model":"","choices":[{"index":0,"finish_reason":null,'
                '"content_filter_offsets":{"check_offset":44,"start_offset":44,"end_offset":198},'
                '"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}}}]}'),)),
    Host("deepseek", provider="deepseek", usage="last", counts="hits", comments=(": keep-alive",), states="field",
         first="content_null", prefix="call_00_", choice=(("logprobs", None),)),
    Host("openrouter", provider="openrouter", thinks="details", usage="with_choice", cites="annotations",
         comments=(": OPENROUTER PROCESSING",), states="details", head=(("provider", "Anthropic"),),
         delta=(("role", "assistant"),), choice=(("native_finish_reason", None), ("logprobs", None)), prefix="toolu_"),
    Host("groq", provider="groq", thinks="reasoning", usage="x_groq", calls="whole", first="x_groq",
         choice=(("logprobs", None),), prefix="", length=9),
    Host("mistral", provider="mistral", thinks="chunks", usage="last", calls="whole", prefix="", length=9,
         ends=(("length", "model_length"),), counts="flat", finish_with_last=True, head=(("p", "abcd"),)),
    Host("xai", usage="own", counts="excluded", calls="whole", delta=(("role", "assistant"),), cites="citations",
         head=(("system_fingerprint", "fp_x"),)),
    Host("together", provider="together", usage="last", thinks="reasoning", ends=(("stop", "eos"),),
         choice=(("text", "ignored"), ("seed", None), ("logprobs", None)), delta=(("token_id", 17),)),
    Host("fireworks", provider="fireworks", usage="last", calls="repeated", line="\n"),
    Host("cerebras", provider="cerebras", thinks="reasoning", usage="last", calls="whole",
         head=(("time_info", {"queue_time": 0.1, "created": 17.5}),), prefix="", length=9),
    Host("nvidia", provider="nvidia", usage="every", delta=(("tool_calls", []), ("refusal", None)),
         prefix="chatcmpl-tool-"),
    Host("huggingface", provider="huggingface", thinks="", calls="objects", usage="last", done=False,
         ends=(("stop", "eos_token"),), prefix="", length=1),
    Host("llama.cpp", provider="llama.cpp", counts="timings", first="content_null", prefix="", length=32,
         head=(("system_fingerprint", "b6000-abc"),)),
    Host("llama.cpp, tags", provider="llama-swap", thinks="tags", counts="plain", prefix="", length=32),
    Host("vllm", provider="vllm", thinks="reasoning", usage="cumulative", prefix="chatcmpl-tool-", length=32,
         choice=(("logprobs", None), ("stop_reason", None), ("token_ids", None)), head=(("prompt_token_ids", None),)),
    Host("vllm, older", provider="vllm", first="content_null", calls="empty_later", prefix="chatcmpl-tool-", length=32),
    Host("sglang", provider="sglang", delta=(("tool_calls", None), ("reasoning_content", None)), calls="pieces",
         choice=(("matched_stop", 7), ("logprobs", None)), head=(("usage", None),)),
    Host("lmstudio", provider="lmstudio", thinks="reasoning", usage="own", prefix="", length=9,
         head=(("stats", {}), ("system_fingerprint", "qwen")), choice=(("logprobs", None),)),
    Host("tabbyapi", provider="tabbyapi", comments=(": ping - 2026-11-20",), calls="whole", usage="own", counts="plain",
         line="\r\n", prefix="", length=9, choice=(("logprobs", None),)),
    Host("ollama, /v1", thinks="reasoning", calls="index_0", usage="own", counts="plain", prefix="call_", length=8,
         head=(("system_fingerprint", "fp_ollama"),), delta=(("role", "assistant"),), ends=(("tool_calls", "stop"),)),
    Host("mlx", provider="mlx", thinks="reasoning", calls="no_index", usage="last", counts="plain",
         comments=(": keepalive 1/9",)),
    Host("localai", provider="localai", thinks="tags", usage="every", first="none", counts="plain", calls="whole"),
    Host("google, compatible", thinks="", usage="every", calls="index_0", counts="excluded", states="google",
         prefix="function-call-", length=18, finish_with_last=True),
    Host("perplexity", thinks="tags", usage="every", cites="citations", cumulative_message=True, counts="plain",
         line="\r\n", calls="whole"),
    Host("legacy functions", thinks="", calls="legacy", ends=(("tool_calls", "function_call"),), usage="own"),
    Host("proxy whose calls interleave", calls="interleaved", open_end="", usage="last", counts="plain"),
    Host("proxy without choices in its last frame", thinks="both", usage="no_choices_key", space="", done=False),
)  # fmt: skip
_ENDS = {"stop": "stop", "length": "length", "tool_calls": "tool_calls", "refusal": "content_filter"}


def each_chat() -> list[Callable[[Draw], Exchange]]:
    """A source for every host."""
    return [lambda draw, host=host: _exchange(draw, host) for host in HOSTS]


def _exchange(draw: Draw, host: Host) -> Exchange:
    can = Can(
        thinks=bool(host.thinks),
        states=host.states == "details",
        refuses=host.refuses,
        cites=bool(host.cites),
        parallel=host.calls != "legacy",
        blank=not host.refuses,
        id_prefix=host.prefix,
        id_length=host.length,
    )
    answer = draw_answer(draw, can)
    if host.states == "google" and answer.calls:  # the first call alone is signed
        signed = replace(answer.calls[0], state=draw.state())
        answer = replace(answer, parts=tuple(signed if part is answer.calls[0] else part for part in answer.parts))
    if host.calls == "objects":
        answer = replace(answer, parts=tuple(_without_ids(answer)))
    again = plain_answer(draw)
    states = [part.state for part in answer.parts if isinstance(part, Thought | Call) and part.state]
    if host.states == "field" and answer.calls:
        states = [part.text for part in answer.parts if isinstance(part, Thought)]
    known = Known(
        cached=host.counts != "plain",
        thought=host.counts in ("openai", "excluded", "hits"),
        stripped=host.thinks == "tags",
    )
    return Exchange(
        "openai-chat",
        host.provider,
        host.name,
        host.name.split(",")[0].split()[0],
        answer,
        served_as(draw, host, answer),
        served_as(draw, host, again),
        again.text,
        known,
        states=tuple(states),
    )


def _without_ids(answer: Answer) -> list[Any]:
    """That server numbers its calls anew in each reply."""
    number = 0
    made = []
    for part in answer.parts:
        if isinstance(part, Call):
            part = replace(part, id=str(number))
            number += 1
        made.append(part)
    return made


def served_as(draw: Draw, host: Host, answer: Answer) -> Served:
    """An answer as a host serves it, whole and as a stream."""
    writer = _Writer(draw, host, answer)
    return Served(dumps(writer.whole()).encode(), tuple(writer.frames()))


@dataclass
class _Writer:
    draw: Draw
    host: Host
    answer: Answer

    def __post_init__(self) -> None:
        self.top: Json = {"id": self.draw.id("chatcmpl-", 20), "created": 1763600000, "model": "m"}
        words = dict(self.host.ends)
        calls_end = words.get("tool_calls", "tool_calls")
        refused_in_words = any(isinstance(part, Words) and part.refuses for part in self.answer.parts)
        end = "stop" if refused_in_words else self.answer.finish
        self.end = calls_end if end == "tool_calls" else words.get(end, _ENDS[end])

    # ------------------------------------------------------------------ whole

    def whole(self) -> Json:
        message: Json = {"role": "assistant", "content": None}
        text = self.answer.text
        refusal = next((p for p in self.answer.parts if isinstance(p, Words) and p.refuses), None)
        if refusal:
            message["refusal"] = refusal.text
        elif text:
            message["content"] = text
        self._whole_thought(message)
        if self.answer.calls:
            if self.host.calls == "legacy":
                message["function_call"] = self._function(self.answer.calls[0])
            else:
                message["tool_calls"] = [self._call(call, n, whole=True) for n, call in enumerate(self.answer.calls)]
        choice = {"index": 0, "message": message, "finish_reason": self.end, **dict(self.host.choice)}
        reply = {**self.top, "object": "chat.completion", **dict(self.host.head), "choices": [choice]}
        if self.answer.cites and self.host.cites == "annotations":
            message["annotations"] = self._annotations()
        if self.host.cites == "citations":
            reply["citations"] = sorted(self.answer.cites)
        return {**reply, **self._usage()}

    def _whole_thought(self, message: Json) -> None:
        thoughts = [part for part in self.answer.parts if isinstance(part, Thought)]
        thought = "".join(part.text for part in thoughts)
        match self.host.thinks:
            case "reasoning_content" | "reasoning":
                message[self.host.thinks] = thought or None
            case "both":
                message |= {"reasoning": thought, "reasoning_content": thought}
            case "details" if thought:
                message["reasoning"] = thought
                message["reasoning_details"] = [
                    self._detail(n, part.text, part.state) for n, part in enumerate(thoughts)
                ]
            case "tags" if thought:
                message["content"] = f"<think>\n{thought}\n</think>\n\n{message['content'] or ''}"
            case "chunks" if thought:
                chunks: list[Json] = [{"type": "thinking", "thinking": [{"type": "text", "text": thought}]}]
                if message["content"]:
                    chunks.append({"type": "text", "text": message["content"]})
                message["content"] = chunks
            case _:
                pass

    def _detail(self, index: int, text: str, state: str) -> Json:
        told: Json = {"type": "reasoning.text", "text": text, "format": "anthropic-claude-v1", "index": index}
        return told | ({"signature": state} if state else {})

    def _function(self, call: Call) -> Json:
        written: Any = dumps(call.arguments)
        if self.host.calls == "objects":
            written = call.arguments
        elif not call.arguments:
            written = self.draw.one(("", "{}", "{ }"))
        return {"name": call.name, "arguments": written}

    def _call(self, call: Call, index: int, *, whole: bool = False) -> Json:
        made: Json = {"id": call.id, "type": "function", "function": self._function(call)}
        if call.state:
            made["extra_content"] = {"google": {"thought_signature": call.state}}
        if whole or self.host.calls == "no_index":
            return made
        return {"index": 0 if self.host.calls == "index_0" else index, **made}

    def _annotations(self) -> list[Json]:
        cites = [(c, p.text) for p in self.answer.parts if isinstance(p, Words) for c in p.cites]
        return [
            {"type": "url_citation", "url_citation": {"url": u, "title": t, "start_index": 0, "end_index": len(text)}}
            for (u, t), text in cites
        ]

    # ------------------------------------------------------------------ counts

    def _usage(self) -> Json:
        c = self.answer.counts
        told: Json = {"prompt_tokens": c.prompt, "completion_tokens": c.completion}
        told["total_tokens"] = c.prompt + c.completion
        match self.host.counts:
            case "openai":
                told["prompt_tokens_details"] = {"cached_tokens": c.read, "audio_tokens": 0}
                told["completion_tokens_details"] = {"reasoning_tokens": c.reasoning, "audio_tokens": 0}
            case "hits":
                told |= {"prompt_cache_hit_tokens": c.read, "prompt_cache_miss_tokens": c.input}
                told["completion_tokens_details"] = {"reasoning_tokens": c.reasoning}
            case "excluded":
                told["completion_tokens"] = c.output
                told["completion_tokens_details"] = {"reasoning_tokens": c.reasoning}
                told["prompt_tokens_details"] = {"cached_tokens": c.read}
            case "timings":
                return {"usage": told, "timings": {"cache_n": c.read, "prompt_n": c.input, "predicted_n": c.completion}}
            case "flat":
                told |= {"prompt_tokens_details": {"cached_tokens": c.read}, "prompt_audio_seconds": {}}
            case _:
                told |= {"prompt_tokens_details": None} if self.draw.chance(0.5) else {}
        return {"usage": told}

    # ------------------------------------------------------------------ stream

    def frames(self) -> list[bytes]:
        events = [*self._opening(), *self._middle()]
        cited: Json = {}
        if self.answer.cites and self.host.cites == "annotations":
            events.append(self._event({"content": "", "annotations": self._annotations()}))
        if self.host.cites == "citations":
            cited = {"citations": sorted(self.answer.cites)}
        if self.host.finish_with_last and events:
            events[-1]["choices"][0]["finish_reason"] = self.end
            last = events[-1]
        else:
            last = self._event({}, self.end)
            events.append(last)
        last |= cited
        self._count(events, last)
        lines = [self._line(dumps(event)) for event in events]
        lines += [self._line(event) for event in self.host.after]
        found = []
        for line in lines:
            if self.host.comments and self.draw.chance(0.3):
                found.append(f"{self.draw.one(self.host.comments)}{self.host.line * 2}".encode())
            found.append(line)
        return found + ([self._line("[DONE]")] if self.host.done else [])

    def _line(self, data: str) -> bytes:
        return f"data:{self.host.space}{data}{self.host.line * 2}".encode()

    def _event(self, delta: Json, end: str | None = None) -> Json:
        end = self.host.open_end if end is None else end
        choice = {"index": 0, "delta": {**dict(self.host.delta), **delta}, "finish_reason": end}
        more = {name: value for name, value in self.host.choice if name != "text"}
        return {**self.top, "object": "chat.completion.chunk", **dict(self.host.head), "choices": [{**choice, **more}]}

    def _opening(self) -> list[Json]:
        match self.host.first:
            case "none":
                return []
            case "content_null":
                return [self._event({"role": "assistant", "content": None})]
            case "filter":
                filtered = {"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False}}}
                empty = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
                return [
                    {**empty, "prompt_filter_results": [filtered]},
                    self._event({"role": "assistant", "content": ""}),
                ]
            case "x_groq":
                return [{**self._event({"role": "assistant", "content": ""}), "x_groq": {"id": self.draw.id("req_")}}]
            case _:
                return [self._event({"role": "assistant", "content": ""})]

    def _middle(self) -> list[Json]:
        events: list[Json] = []
        for number, part in enumerate(self.answer.parts):
            match part:
                case Thought():
                    events += self._thought(number, part)
                case Words(text, _, refuses):
                    events += self._words(text, "refusal" if refuses else "content")
                case Call():
                    pass
        calls = [self._called(call, index) for index, call in enumerate(self.answer.calls)]
        if self.host.calls == "interleaved":
            calls = [[event for events in zip_longest(*calls) for event in events if event is not None]]
        return events + [event for called in calls for event in called]

    def _words(self, text: str, name: str) -> list[Json]:
        events = []
        said = ""
        for piece in self.draw.pieces(text):
            said += piece
            event = self._event({name: piece})
            if self.host.cumulative_message:
                event["choices"][0]["message"] = {"role": "assistant", "content": said}
            if self.host.thinks == "chunks" and self.draw.chance(0.2):
                event["choices"][0]["delta"][name] = [{"type": "text", "text": piece}]
            events.append(event)
        return events

    def _thought(self, number: int, part: Thought) -> list[Json]:
        pieces = self.draw.pieces(part.text)
        match self.host.thinks:
            case "reasoning_content" | "reasoning":
                empty = self.draw.one(({}, {"content": None}, {"content": ""}))
                return [self._event({**empty, self.host.thinks: piece}) for piece in pieces]
            case "both":
                return [self._event({"reasoning": piece, "reasoning_content": piece}) for piece in pieces]
            case "details":
                events = [
                    self._event({"content": "", "reasoning": p, "reasoning_details": [self._detail(number, p, "")]})
                    for p in pieces
                ]
                sealed = {"type": "reasoning.text", "signature": part.state, "format": "anthropic-claude-v1"}
                return [*events, self._event({"content": "", "reasoning_details": [{**sealed, "index": number}]})]
            case "chunks":
                return [
                    self._event({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": piece}]}]})
                    for piece in pieces
                ]
            case _:
                return self._words(f"<think>\n{part.text}\n</think>\n\n", "content")

    def _called(self, call: Call, index: int) -> list[Json]:
        whole = self._call(call, index)
        if self.host.calls == "legacy":
            pieces = self.draw.pieces(dumps(call.arguments))
            first = self._event({"function_call": {"name": call.name, "arguments": ""}})
            return [first, *(self._event({"function_call": {"arguments": piece}}) for piece in pieces)]
        if self.host.calls in ("whole", "index_0", "objects", "no_index"):
            return [self._event({"tool_calls": [whole]})]
        written = whole["function"]["arguments"]
        first = {**whole, "function": {"name": call.name, "arguments": ""}}
        events = [self._event({"tool_calls": [first]})]
        for piece in self.draw.pieces(written):
            more: Json = {"index": index, "function": {"arguments": piece}}
            if self.host.calls == "repeated":
                more |= {"id": call.id, "type": "function"}
                more["function"]["name"] = None
            elif self.host.calls == "empty_later":
                more |= {"id": "", "type": "function"}
                more["function"]["name"] = ""
            events.append(self._event({"tool_calls": [more]}))
        return events

    def _count(self, events: list[Json], last: Json) -> None:
        usage = self._usage()
        match self.host.usage:
            case "last":
                last |= usage
            case "x_groq":
                last["x_groq"] = {"id": self.draw.id("req_"), **usage}
            case "no_choices_key":
                events.append({**self.top, "object": "chat.completion.chunk", **usage})
            case "with_choice":
                events.append({**self._event({"content": ""}), **usage})
            case "every" | "cumulative":
                c = self.answer.counts
                so_far = {"prompt_tokens": c.prompt, "completion_tokens": 1, "total_tokens": c.prompt + 1}
                for event in events[:-1]:
                    event["usage"] = so_far
                last |= usage
                if self.host.usage == "cumulative":
                    events.append({**last, "choices": []})
            case _:
                events.append({**last, "choices": [], **usage})
