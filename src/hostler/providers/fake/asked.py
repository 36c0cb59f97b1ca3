"""Knows what the fake wants to know of a request, whatever its wire; and which reply a model gives to it.

Does not know: any wire's JSON.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from hostler.providers.fake.json_values import Json
from hostler.providers.fake.script import PLAIN, Dialect, Model, Operation, Reply, When, Wire


@dataclass(frozen=True, slots=True)
class AskedTool:
    """A tool that the request offers. A `custom` one takes free text; a namespace stands before the name in calls."""

    name: str
    schema: Json
    kind: Literal["function", "custom"] = "function"
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as far as a script can depend on it.

    `words` is the number of words in everything that was sent; `tool_result` whether its last message brings results;
    `tool_choice` "auto", "none", "any" or the name of the one tool that must be called.
    """

    wire: Wire
    operation: Operation
    model: str
    stream: bool = False
    include_usage: bool = False
    text: str = ""
    system: str = ""
    tool_result: bool = False
    tools: tuple[AskedTool, ...] = ()
    tool_choice: str = "auto"
    words: int = 0
    array: bool = False
    """The stream is asked for as one JSON array, not as events."""
    parts: bool = False
    """Text is to come as a list of parts."""
    body: Json = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class Rules:
    """What a strict vendor goes by, besides the request: its dialect, headers (names in lower case), signatures that
    the script gives by itself."""

    dialect: Dialect = PLAIN
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    signatures: frozenset[str] = frozenset()


OPEN: Final = Rules()
"""No habits, no headers, no signatures of its own."""


class Fault(Exception):
    """What is wrong with a request, as its vendor says it; `kind` is the error type (on the gemini wire the reason),
    `param` and `code` belong to OpenAI's wires. `retry_s` is set where the body is to say it.
    """

    def __init__(
        self, message: str, status: int = 400, *, kind: str = "", param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.param = param
        self.code = code
        self.retry_s: float | None = None


@dataclass(slots=True)
class Course:
    """How far one model has come in its script."""

    model: Model
    requests: int = 0
    taken: int = 0
    given: Counter[int] = field(default_factory=Counter[int])
    """How often each reply with a condition was given, by its place."""

    def begin_again(self) -> None:
        """Forget how far it has come."""
        self.requests = self.taken = 0
        self.given.clear()

    def next_reply(self, asked: Asked) -> Reply | None:
        """The reply to this request: the first rule that holds, else the next of the others; None when there is none.

        Counting tokens takes part only in rules that name it, so that it uses up nothing.
        """
        counting = asked.operation == "count_tokens"
        if not counting:
            self.requests += 1
        for place, reply in enumerate(self.model.replies):
            when = reply.when
            if when is None or (counting and when.operation != "count_tokens"):
                continue
            if holds(when, asked, nth=self.requests) and (when.times is None or self.given[place] < when.times):
                self.given[place] += 1
                return reply
        row = [reply for reply in self.model.replies if reply.when is None]
        if counting or not row:
            return None
        place = self.taken % len(row) if self.model.after == "cycle" else min(self.taken, len(row) - 1)
        self.taken += 1
        return row[place]


def holds(when: When, asked: Asked, *, nth: int) -> bool:
    """Whether all conditions that are given hold; `nth` counts the model's requests from 1."""
    return (
        (when.contains is None or when.contains in asked.text)
        and (when.matches is None or re.search(when.matches, asked.text) is not None)
        and (when.system is None or when.system in asked.system)
        and when.tool_result in (None, asked.tool_result)
        and (when.offers is None or any(tool.name == when.offers for tool in asked.tools))
        and when.nth in (None, nth)
        and when.stream in (None, asked.stream)
        and when.wire in (None, asked.wire)
        and when.operation in (None, asked.operation)
    )
