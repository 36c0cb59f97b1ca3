"""One answer of a model: streamed to a painter, folded into a reply, timed.

Knows: deltas and what each means to a reader. Does not know: how text gets its looks (paint), or conversations.
"""

import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from hostler.cli.chat import ChatOptions
from hostler.cli.work.output import say
from hostler.client.asking import Options
from hostler.client.client import Client
from hostler.core.deltas import ReasoningDelta, RefusalDelta, ReplyBuilder, TextDelta
from hostler.core.messages import Message, Reasoning, visible_text
from hostler.core.requests import Reply


class Painter(Protocol):
    """Shows a reply as it comes. `end` is called once, however it ends."""

    def text(self, fragment: str) -> None: ...
    def reasoning(self, fragment: str) -> None: ...
    def end(self) -> None: ...


class Silent:
    """Shows nothing."""

    def text(self, fragment: str) -> None:
        del fragment

    def reasoning(self, fragment: str) -> None:
        del fragment

    def end(self) -> None:
        """Nothing to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply and how long it took: seconds to its first token (None: there was none) and to its end."""

    asked: str
    reply: Reply
    first_token_s: float | None
    total_s: float

    @property
    def text(self) -> str:
        """What a reader sees."""
        return visible_text(self.reply.parts)

    @property
    def tokens_per_s(self) -> float | None:
        """Tokens written per second after the first; None when too little is known."""
        written = self.reply.usage.completion_tokens
        writing = self.total_s - (self.first_token_s or 0.0)
        return (written - 1) / writing if written > 1 and writing > 0 and self.first_token_s is not None else None

    def as_json(self) -> dict[str, object]:
        """What `--json` prints."""
        usage = self.reply.usage
        return {
            "model": self.asked,
            "reported_model": self.reply.model,
            "reply": self.text,
            "reasoning": "".join(part.text for part in self.reply.parts if isinstance(part, Reasoning)),
            "tool_calls": [{"name": call.name, "arguments": call.arguments} for call in self.reply.tool_calls],
            "finish": self.reply.finish,
            "usage": {name: getattr(usage, name) for name in _COUNTS},
            "timing": {
                "first_token_s": _rounded(self.first_token_s),
                "total_s": _rounded(self.total_s),
                "tokens_per_s": _rounded(self.tokens_per_s),
            },
        }

    def summary(self) -> str:
        """One line about it: tokens, speed, why it ended."""
        usage = self.reply.usage
        words = [self.asked, f"{usage.prompt_tokens} tokens in, {usage.completion_tokens} out"]
        if self.first_token_s is not None:
            words.append(f"first after {self.first_token_s:.2f} s")
        if self.tokens_per_s is not None:
            words.append(f"{self.tokens_per_s:.1f} tokens/s")
        return " · ".join([*words, f"{self.reply.finish}"])


_COUNTS = ("input", "cache_read", "cache_write", "output", "reasoning")


class Asking:
    """An answer under way; what came stays here, also when it is interrupted."""

    def __init__(self, model: str) -> None:
        self.model = model
        self._builder = ReplyBuilder()
        self._begun = time.perf_counter()
        self._first: float | None = None

    async def run(self, client: Client, messages: Sequence[Message], *, options: Options, painter: Painter) -> Answer:
        """Stream it to its end. Raises HostlerError."""
        try:
            async with aclosing(client.stream(self.model, messages, **options)) as deltas:
                async for delta in deltas:
                    self._builder.add(delta)
                    match delta:
                        case TextDelta(text) | RefusalDelta(text):
                            self._note_token()
                            painter.text(text)
                        case ReasoningDelta(text):
                            self._note_token()
                            painter.reasoning(text)
                        case _:
                            pass
        finally:
            painter.end()
        answer = self.so_far()
        for call in answer.reply.tool_calls:
            say(f"The model asks for the tool {call.name}({call.arguments}); chat has none to run.")
        return answer

    def so_far(self) -> Answer:
        """As much as has come."""
        return Answer(
            asked=self.model,
            reply=self._builder.reply(),
            first_token_s=None if self._first is None else self._first - self._begun,
            total_s=time.perf_counter() - self._begun,
        )

    def _note_token(self) -> None:
        if self._first is None:
            self._first = time.perf_counter()


def options_of(options: ChatOptions, system: str) -> Options:
    """What the flags say about the reply."""
    given: Options = {}
    if system:
        given["system"] = system
    if options.temperature is not None:
        given["temperature"] = options.temperature
    if options.max_tokens is not None:
        given["max_tokens"] = options.max_tokens
    return given


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
