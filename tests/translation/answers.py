"""What a model said, drawn by chance and free of any wire, and an exchange: that answer as one vendor puts it.

The writers of the wires (`chat`, `messages`, ...) are made from the vendors' published pages and know no codec of ours.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Finish = Literal["stop", "length", "tool_calls", "refusal", "odd"]
"""`odd`: an end that is none of the others; it may be told as an error, and never as a good end."""
TOOLS = ("weather", "read_file", "search-notes", "get_time_2", "mcp__db__query")
_TEXT = (
    "the quick brown fox jumps over a lazy dog while rain falls on Oslo and Tromsø über die Straße где живёт "
    "世界 データ 🐴 👩‍👩‍👧 naïve café “quoted” it's 50% {braces} [brackets] <b>bold</b> `code` **strong** "
    "C:\\temp \\n $x^2$ data: event: [DONE] null true 0.1 a/b & ™ 한국어 مرحبا ✓ – — … \u00a0 & &amp; //"
)
_WORDS = _TEXT.split(" ")
_JOINTS = (" ", " ", " ", " ", " ", "\n", "\n\n", ", ", "\t", "\r\n", "\u2028")


@dataclass(frozen=True, slots=True)
class Thought:
    """Reasoning; `state` is what its maker wants to see again with it."""

    text: str
    state: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """Visible text; `cites` are the addresses that it refers to. `refuses`: a refusal in words."""

    text: str
    cites: tuple[tuple[str, str], ...] = ()
    refuses: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool; `state` as of a thought."""

    name: str
    arguments: dict[str, Any]
    id: str
    state: str = ""


Part = Thought | Words | Call


@dataclass(frozen=True, slots=True)
class Counts:
    """Tokens, in disjoint numbers."""

    input: int
    read: int
    written: int
    output: int
    reasoning: int

    @property
    def prompt(self) -> int:
        return self.input + self.read + self.written

    @property
    def completion(self) -> int:
        return self.output + self.reasoning


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said, in order."""

    parts: tuple[Part, ...]
    finish: Finish
    counts: Counts

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, Words))

    @property
    def reasoning(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, Thought))

    @property
    def calls(self) -> list[Call]:
        return [part for part in self.parts if isinstance(part, Call)]

    @property
    def cites(self) -> set[str]:
        return {url for part in self.parts if isinstance(part, Words) for url, _ in part.cites}


@dataclass(frozen=True, slots=True)
class Served:
    """What the vendor sends: one body, or a stream frame by frame. `cut`: the connection ends behind it, unframed."""

    whole: bytes
    frames: tuple[bytes, ...]
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What of the answer the vendor tells, so that it may be asked for at the other end."""

    cached: bool = True
    thought: bool = True
    stripped: bool = False
    """Blank space around the text is not the model's."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One recorded exchange: how `provider` answered, in `shape`; `again` is its answer to what follows.

    `fails` is the status of a refusal, 0 for a stream that breaks; `states` are what must come back byte for byte.
    """

    wire: str
    provider: str
    shape: str
    model: str
    answer: Answer
    served: Served
    again: Served
    again_text: str
    known: Known = Known()
    fails: int | None = None
    told: str = ""
    states: tuple[str, ...] = ()
    modes: tuple[Literal["whole", "stream"], ...] = ("whole", "stream")


@dataclass
class Draw:
    """Chance with a seed."""

    dice: random.Random

    def chance(self, share: float) -> bool:
        return self.dice.random() < share

    def one(self, items: Sequence[Any]) -> Any:
        return self.dice.choice(items)

    def number(self, low: int, high: int) -> int:
        return self.dice.randint(low, high)

    def id(self, prefix: str = "", length: int = 24) -> str:
        return prefix + "".join(
            self.dice.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=length)
        )

    def state(self) -> str:
        """An opaque block in base64, as vendors have them, with the signs that JSON and addresses trip over."""
        body = "".join(self.dice.choices("abcdefABCDEF0123456789+/", k=self.number(40, 400)))
        return body + "=" * self.number(0, 2)

    def text(self, most: int = 40) -> str:
        """Words of many scripts; it begins and ends with one."""
        said = self.one(_WORDS[:20])
        for _ in range(self.number(0, most)):
            said += self.one(_JOINTS) + self.one(_WORDS)
        return said + self.one(("", ".", "!", " 🐴"))

    def pieces(self, text: str) -> list[str]:
        """The same text, cut anywhere."""
        found: list[str] = []
        while text:
            size = self.one((1, 2, 3, 5, 8, 13, 40, 400))
            found.append(text[:size])
            text = text[size:]
        return found

    def value(self, depth: int = 2) -> Any:
        """Any JSON value."""
        kind = self.number(0, 9 if depth else 6)
        plain: tuple[Any, ...] = ("", self.text(4), self.number(-5, 10**9), 0.5, True, None, 'a"b\\c\n</think>')
        if kind <= 6:
            return plain[kind]
        if kind == 7:
            return [self.value(depth - 1) for _ in range(self.number(0, 3))]
        return {self.one(("a", "b c", "ключ", "x.y", "$ref")): self.value(depth - 1) for _ in range(self.number(0, 3))}

    def arguments(self) -> dict[str, Any]:
        """Of a call; often with none at all."""
        if self.chance(0.2):
            return {}
        return {"city": self.text(3)} | {f"k{n}": self.value() for n in range(self.number(0, 3))}

    def counts(self) -> Counts:
        read = self.one((0, 0, self.number(1, 900)))
        return Counts(self.number(1, 900), read, 0, self.number(1, 900), 0)


def dumps(value: object) -> str:
    """JSON as any of the servers might write it: without escapes beyond need."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Can:
    """What a wire's answers may have."""

    thinks: bool = True
    several: bool = False
    """Thoughts and texts may come more than once."""
    states: bool = False
    refuses: bool = False
    writes: bool = False
    cites: bool = False
    parallel: bool = True
    blank: bool = False
    """Blank space may stand before calls, as open models write it."""
    id_prefix: str = "call_"
    id_length: int = 24


def draw_answer(draw: Draw, can: Can) -> Answer:
    """An answer of one of many kinds."""
    kind = draw.one(("text", "text", "thought", "call", "call", "calls", "calls", "cut", "refusal", "mixed", "silent"))
    if kind == "silent":
        return Answer((), "stop", draw.counts())
    if kind == "refusal":
        words = (Words(draw.text(8), refuses=True),) if can.refuses else ()
        return Answer(words, "refusal", draw.counts())
    parts: list[Part] = []
    for _ in range(draw.number(1, 3) if can.several and kind == "mixed" else 1):
        if can.thinks and kind != "text" and draw.chance(0.8):
            parts.append(Thought(draw.text(), draw.state() if can.states else ""))
        if kind not in ("call", "calls") or draw.chance(0.4):
            cites = tuple(_source(draw) for _ in range(draw.number(1, 2))) if can.cites and draw.chance(0.3) else ()
            parts.append(Words(draw.text(), cites))
    if can.blank and kind in ("call", "calls") and not any(isinstance(part, Words) for part in parts):
        parts += [Words("\n\n")] if draw.chance(0.3) else []
    if kind in ("call", "calls") or (kind == "mixed" and draw.chance(0.6)):
        number = draw.number(2, 3) if kind == "calls" and can.parallel else 1
        ids = [draw.id(can.id_prefix, can.id_length) for _ in range(number)]
        parts += [Call(draw.one(TOOLS), draw.arguments(), id_) for id_ in ids]
    ends = "tool_calls" if any(isinstance(part, Call) for part in parts) else "length" if kind == "cut" else "stop"
    counts = draw.counts()
    thought = draw.number(1, 500) if any(isinstance(part, Thought) for part in parts) else 0
    written = draw.one((0, draw.number(1, 900))) if can.writes else 0
    return Answer(tuple(parts), ends, Counts(counts.input, counts.read, written, counts.output, thought))


def _source(draw: Draw) -> tuple[str, str]:
    return f"https://{draw.id('', 8).lower()}.example/{draw.id('', 4)}?q={draw.number(1, 99)}", draw.text(3)


def plain_answer(draw: Draw) -> Answer:
    """One text."""
    return Answer((Words(draw.text(10)),), "stop", draw.counts())
