"""Recorded exchanges of DashScope's own generation services: text and multimodal, growing or piece by piece."""

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
    draw_answer,
    dumps,
    plain_answer,
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Host:
    """One family of models or form."""

    name: str
    model: str
    cumulative: bool = False
    parts: bool = False
    """Contents are arrays of parts, as of the multimodal service."""
    null: Literal["null", None] = "null"
    calls: Literal["pieces", "whole"] = "pieces"
    later_id: Literal["", "same", "none"] = ""
    thinks: bool = True
    framed: Literal["full", "data_only"] = "full"
    space: str = ""
    end_frame: bool = False
    """The end comes with an empty piece of its own."""
    details: bool = True
    bare: bool = False
    """The older form of results: a text without a message around it."""


HOSTS = (
    Host("qwen, pieces", "qwen-plus"),
    Host("qwen, growing", "qwen-max", cumulative=True),
    Host("qwen, end of its own", "qwen3-max", end_frame=True, later_id="none"),
    Host("qwen-vl, parts", "qwen3-vl-plus", parts=True),
    Host("qwen-vl, growing parts", "qwen-vl-max", parts=True, cumulative=True, thinks=False),
    Host("qwq", "qwq-plus", calls="whole", null=None, later_id="same"),
    Host("deepseek there", "deepseek-v4", details=False, space=" ", end_frame=True),
    Host("kimi there, growing", "kimi-k3", cumulative=True, framed="data_only", space=" "),
    Host("older text form", "qwen-turbo", bare=True, thinks=False, cumulative=True, details=False),
    Host("workspace host", "qwen-flash", framed="data_only", later_id="same", null=None),
)


def each_dashscope() -> list[Callable[[Draw], Exchange]]:
    """A source for every form."""
    return [lambda draw, host=host: _exchange(draw, host) for host in HOSTS]


def _exchange(draw: Draw, host: Host) -> Exchange:
    answer = draw_answer(draw, Can(thinks=host.thinks, blank=True))
    while answer.finish == "refusal" or (host.bare and answer.calls):
        answer = draw_answer(draw, Can(thinks=host.thinks, blank=True))
    again = plain_answer(draw)
    return Exchange(
        "dashscope",
        "dashscope",
        host.name,
        host.model,
        answer,
        _Writer(draw, host, answer).served(),
        _Writer(draw, host, again).served(),
        again.text,
        Known(cached=host.details, thought=host.details),
    )


class _Writer:
    """One answer; in a stream each frame has all so far or what is new."""

    def __init__(self, draw: Draw, host: Host, answer: Answer) -> None:
        self.draw, self.host, self.answer = draw, host, answer
        self.end = "length" if answer.finish == "length" else answer.finish
        self.frame = 0

    def served(self) -> Served:
        calls = [self._call(call, n, dumps(call.arguments)) for n, call in enumerate(self.answer.calls)]
        message = self._message(self.answer.text, self.answer.reasoning, calls)
        whole = self._reply(message, self.end) | {"status_code": 200, "code": "", "message": ""}
        return Served(dumps(whole).encode(), tuple(self.frames()))

    def _message(self, text: str, thought: str, calls: list[Json]) -> Json:
        content: Any = ([{"text": text}] if text else []) if self.host.parts else text
        told: Json = {"role": "assistant", "content": content}
        if self.host.thinks:
            told["reasoning_content"] = thought
        return told | ({"tool_calls": calls} if calls else {})

    def _call(self, call: Call, index: int, written: str) -> Json:
        return {
            "index": index,
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": written},
        }

    def _reply(self, message: Json, end: str | None) -> Json:
        c = self.answer.counts
        usage: Json = {"input_tokens": c.prompt, "output_tokens": c.completion, "total_tokens": c.prompt + c.completion}
        if self.host.details:
            usage |= {"prompt_tokens_details": {"cached_tokens": c.read}}
            usage |= {"output_tokens_details": {"reasoning_tokens": c.reasoning, "text_tokens": c.output}}
        output: Json = {"choices": [{"finish_reason": end, "message": message}]}
        if self.host.bare:
            output = {"text": message["content"], "finish_reason": end}
        return {"output": output, "usage": usage, "request_id": "b0e9-1"}

    def frames(self) -> list[bytes]:
        steps = self._steps()
        text, thought = "", ""
        calls: list[Json] = []
        found: list[bytes] = []
        for number, (said, thinking, called) in enumerate(steps):
            text, thought = text + said, thought + thinking
            calls = self._grown(calls, called)
            last = number == len(steps) - 1 and not self.host.end_frame
            shown = (text, thought, calls) if self.host.cumulative else (said, thinking, called)
            found.append(self._event(self._reply(self._message(*shown), self.end if last else self.host.null)))
        if self.host.end_frame or not steps:
            shown = (text, thought, calls) if self.host.cumulative else ("", "", [])
            found.append(self._event(self._reply(self._message(*shown), self.end)))
        return found

    def _steps(self) -> list[tuple[str, str, list[Json]]]:
        steps: list[tuple[str, str, list[Json]]] = []
        steps += [("", piece, []) for piece in self.draw.pieces(self.answer.reasoning)]
        steps += [(piece, "", []) for piece in self.draw.pieces(self.answer.text)]
        for index, call in enumerate(self.answer.calls):
            written = dumps(call.arguments)
            pieces = [written] if self.host.calls == "whole" else self.draw.pieces(written)
            steps.append(("", "", [self._call(call, index, pieces[0])]))
            for piece in pieces[1:]:
                more: Json = {"index": index, "type": "function", "function": {"arguments": piece}}
                if self.host.later_id != "none":
                    more["id"] = call.id if self.host.later_id == "same" else ""
                    more["function"]["name"] = call.name if self.host.later_id == "same" else ""
                steps.append(("", "", [more]))
        return steps

    def _grown(self, calls: list[Json], more: list[Json]) -> list[Json]:
        grown = list(calls)
        for call in more:
            if call["index"] >= len(grown):
                grown.append(call)
            else:
                old = grown[call["index"]]
                whole = old["function"]["arguments"] + call["function"]["arguments"]
                grown[call["index"]] = {**old, "function": {**old["function"], "arguments": whole}}
        return grown

    def _event(self, reply: Json) -> bytes:
        self.frame += 1
        data = f"data:{self.host.space}{dumps(reply)}\n\n"
        if self.host.framed == "data_only":
            return data.encode()
        return f"id:{self.frame}\nevent:result\n:HTTP_STATUS/200\n{data}".encode()
