"""Recorded exchanges of Google's generateContent, in the forms of its own services and of those that imitate them."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from tests.translation.answers import (
    Answer,
    Call,
    Can,
    Draw,
    Exchange,
    Finish,
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
    """One form of its replies."""

    name: str
    model: str = "gemini-3-pro"
    ids: bool = True
    signs: Literal["call", "text", "empty_end", "none"] = "call"
    usage: Literal["end", "every", "own_frame"] = "every"
    thinks: bool = True
    extras: tuple[str, ...] = ()
    line: str = "\r\n"
    role: bool = True
    one_frame: bool = False
    pretty: bool = False
    ends: tuple[Finish, str] | None = None
    empty: Literal["", "no_content", "no_parts", "role_only"] = ""


HOSTS = (
    Host("gemini 3"),
    Host("gemini 3, signature on text", signs="text"),
    Host("gemini 3, signature on an empty end", signs="empty_end"),
    Host("gemini 2.5", "gemini-2.5-flash", signs="none", ids=False),
    Host("gemini 2.5, usage at the end", "gemini-2.5-pro", signs="none", ids=False, usage="end", pretty=True),
    Host("grounded", signs="text", extras=("grounding",)),
    Host("cited", signs="none", extras=("citation",)),
    Host("code execution", signs="text", extras=("code",)),
    Host("url context", signs="call", extras=("url_context",), usage="end"),
    Host("vertex", extras=("vertex",), ids=False, line="\n"),
    Host("counts in a frame of their own", usage="own_frame", extras=("tool_prompt",)),
    Host("older proxy", "gemini-2.0-flash", ids=False, thinks=False, signs="none", line="\n", role=False, usage="end"),
    Host("all in one frame", one_frame=True, usage="end"),
    *(Host(f"cut with {empty}", ends=("length", "MAX_TOKENS"), empty=empty)
      for empty in ("no_content", "no_parts", "role_only")),
    *(Host(f"blocked answer, {word}", ends=("refusal", word), empty="no_content")
      for word in ("SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "IMAGE_SAFETY")),
    *(Host(f"odd end, {word}", ends=("odd", word), empty="no_parts", extras=("message",))
      for word in ("UNEXPECTED_TOOL_CALL", "MALFORMED_FUNCTION_CALL", "OTHER", "TOO_MANY_TOOL_CALLS",
                   "MALFORMED_RESPONSE")),
    *(Host(f"blocked prompt, {word}", ends=("refusal", word), extras=("prompt",))
      for word in ("SAFETY", "PROHIBITED_CONTENT", "OTHER")),
)  # fmt: skip
_ENDS = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "refusal": "SAFETY"}


def each_gemini() -> list[Callable[[Draw], Exchange]]:
    """A source for every form."""
    return [lambda draw, host=host: _exchange(draw, host) for host in HOSTS]


def _exchange(draw: Draw, host: Host) -> Exchange:
    cites = "grounding" in host.extras or "citation" in host.extras
    can = Can(thinks=host.thinks, several=not cites, cites=cites, id_prefix="", id_length=8)
    answer = draw_answer(draw, can)
    while host.signs == "empty_end" and answer.calls:
        answer = draw_answer(draw, can)
    if host.ends:
        answer = Answer((), host.ends[0], replace(answer.counts, output=0))
        if host.empty == "" or host.ends[0] != "length":
            answer = replace(answer, counts=replace(answer.counts, reasoning=0))
    elif host.signs != "none":
        answer = _signed(draw, host, answer)
    again = plain_answer(draw)
    states = [part.state for part in answer.parts if isinstance(part, Call | Thought) and part.state]
    writer = _Writer(draw, host, answer)
    second = _Writer(draw, replace(host, ends=None, empty="", extras=(), signs="none"), again)
    return Exchange(
        "gemini",
        "gemini",
        host.name,
        host.model,
        answer,
        writer.served(),
        second.served(),
        again.text,
        Known(),
        states=tuple(states + writer.states),
    )


def _signed(draw: Draw, host: Host, answer: Answer) -> Answer:
    """The first call of a step has the signature."""
    if host.signs != "call" or not answer.calls:
        return answer
    first = answer.calls[0]
    signed = tuple(replace(part, state=draw.state()) if part is first else part for part in answer.parts)
    return replace(answer, parts=signed)


class _Writer:
    """One answer as parts, cut into frames."""

    def __init__(self, draw: Draw, host: Host, answer: Answer) -> None:
        self.draw, self.host, self.answer = draw, host, answer
        self.states: list[str] = []
        self.parts = self._parts()

    def _parts(self) -> list[Json]:
        found: list[Json] = []
        for extra in self.host.extras:
            found += self._extra(extra)
        last = self.answer.parts[-1] if self.answer.parts else None
        for part in self.answer.parts:
            match part:
                case Thought(text):
                    found.append({"text": text, "thought": True})
                case Words(text):
                    made: Json = {"text": text}
                    if self.host.signs == "text" and part is last:
                        self.states.append(self.draw.state())
                        made["thoughtSignature"] = self.states[-1]
                    found.append(made)
                case Call(name, arguments, id_, state):
                    called: Json = {"name": name}
                    if arguments or self.draw.chance(0.5):
                        called["args"] = arguments
                    if self.host.ids:
                        called["id"] = id_
                    found.append({"functionCall": called} | ({"thoughtSignature": state} if state else {}))
        if self.host.signs == "empty_end" and self.answer.parts:
            self.states.append(self.draw.state())
            found.append({"text": "", "thoughtSignature": self.states[-1]})
        return found

    def _extra(self, extra: str) -> list[Json]:
        if extra != "code":
            return []
        return [
            {"executableCode": {"language": "PYTHON", "code": "print(4)"}},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "4\n"}},
        ]

    # ------------------------------------------------------------------ pieces around the parts

    def _usage(self) -> Json:
        c = self.answer.counts
        told: Json = {"promptTokenCount": c.prompt, "totalTokenCount": c.prompt + c.completion}
        if c.output:
            told["candidatesTokenCount"] = c.output
        if c.reasoning:
            told["thoughtsTokenCount"] = c.reasoning
        if c.read:
            told |= {
                "cachedContentTokenCount": c.read,
                "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": c.read}],
            }
        told["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": c.prompt}]
        if "tool_prompt" in self.host.extras:
            told["toolUsePromptTokenCount"] = 0
        if "vertex" in self.host.extras:
            told["trafficType"] = "ON_DEMAND"
        return told

    def _ends(self) -> Json:
        """What the last candidate has beside its content."""
        if "prompt" in self.host.extras:
            return {}
        word = self.host.ends[1] if self.host.ends else _ENDS[self.answer.finish]
        told: Json = {"finishReason": word}
        if "message" in self.host.extras:
            told["finishMessage"] = "Unexpected tool call: print(x)"
        if word == "SAFETY":
            told["safetyRatings"] = [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH", "blocked": True}]
        if "vertex" in self.host.extras:
            told["avgLogprobs"] = -0.2
        if "url_context" in self.host.extras:
            told["urlContextMetadata"] = {"urlMetadata": [{"retrievedUrl": "https://x.example"}]}
        return told | self._cites()

    def _cites(self) -> Json:
        cites = [cite for part in self.answer.parts if isinstance(part, Words) for cite in part.cites]
        if not cites:
            return {}
        if "citation" in self.host.extras:
            return {
                "citationMetadata": {"citationSources": [{"startIndex": 0, "endIndex": 3, "uri": u} for u, _ in cites]}
            }
        return {
            "groundingMetadata": {
                "webSearchQueries": ["q"],
                "searchEntryPoint": {"renderedContent": "<div>not of the answer</div>"},
                "groundingChunks": [{"web": {"uri": url, "title": title}} for url, title in cites],
                "groundingSupports": [
                    {"segment": {"endIndex": 3, "text": "x"}, "groundingChunkIndices": [n]} for n in range(len(cites))
                ],
            }
        }

    def _content(self, parts: list[Json]) -> Json:
        match self.host.empty:
            case "no_content":
                return {}
            case "no_parts":
                return {"content": {}}
            case "role_only":
                return {"content": {"role": "model"}}
            case _:
                return {"content": {"parts": parts} | ({"role": "model"} if self.host.role else {})}

    def _reply(self, parts: list[Json], *, last: bool, counts: bool) -> Json:
        told: Json = {}
        if "prompt" in self.host.extras:
            word = self.host.ends[1] if self.host.ends else "SAFETY"
            told["promptFeedback"] = {"blockReason": word, "safetyRatings": []}
        else:
            told["candidates"] = [{**self._content(parts), **(self._ends() if last else {}), "index": 0}]
        if counts:
            told["usageMetadata"] = self._usage()
        return told | {"modelVersion": "m", "responseId": "r1"}

    # ------------------------------------------------------------------ forms

    def served(self) -> Served:
        whole = self._reply(self.parts, last=True, counts=True)
        body = json.dumps(whole, indent=2, ensure_ascii=False) if self.host.pretty else dumps(whole)
        return Served(body.encode(), tuple(self.frames()))

    def frames(self) -> list[bytes]:
        if self.host.one_frame or not self.parts:
            return [self._frame(self._reply(self.parts, last=True, counts=True))]
        groups: list[list[Json]] = []
        for part in self.parts:
            groups += self._cut(part)
        groups = self._merged(groups)
        if self.draw.chance(0.4) and self.host.signs != "empty_end":
            groups.append([{"text": ""}])  # the end often comes with an empty text
        own = self.host.usage == "own_frame"
        found = []
        for number, group in enumerate(groups):
            last = number == len(groups) - 1
            counts = self.host.usage == "every" or (last and not own)
            found.append(self._frame(self._reply(group, last=last, counts=counts)))
        return [*found, self._frame({"usageMetadata": self._usage(), "modelVersion": "m"})] if own else found

    def _cut(self, part: Json) -> list[list[Json]]:
        text = part.get("text")
        if not text:
            return [[part]]
        pieces = self.draw.pieces(text)
        signature = part.get("thoughtSignature")
        bare = {name: value for name, value in part.items() if name != "thoughtSignature"}
        cut = [[{**bare, "text": piece}] for piece in pieces]
        if signature:
            cut[-1][0]["thoughtSignature"] = signature
        return cut

    def _merged(self, groups: list[list[Json]]) -> list[list[Json]]:
        """Some frames have several parts."""
        found: list[list[Json]] = []
        for group in groups:
            if found and self.draw.chance(0.2):
                found[-1] = [*found[-1], *group]
            else:
                found.append(group)
        return found

    def _frame(self, reply: Json) -> bytes:
        return f"data: {dumps(reply)}{self.host.line * 2}".encode()
