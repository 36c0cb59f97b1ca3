"""Knows how a scripted reply becomes a concrete answer to one request: pieces, calls with ids, counts.

Does not know: how an answer is written on a wire, or when it is sent.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

import msgspec

from hostler.providers.fake.asked import Asked, AskedTool
from hostler.providers.fake.json_values import Json, array_at, is_array, is_number, is_object, object_at, text_at
from hostler.providers.fake.script import PLAIN, Call, Chunks, Counts, Dialect, Framing, Reply

_WORD: Final = re.compile(r"\S+\s*|\s+")
_ITEMS: Final = 16  # elements of an array at most, whatever the schema asks for
_DEPTH: Final = 8  # levels of a schema that are filled in; a schema may contain itself


@dataclass(frozen=True, slots=True)
class AnswerCall:
    """A tool call: `pieces` joined are its argument text; `arguments` is that text read, {} where it is no object.

    `tool` is the one of the request that is called, where it offers such a one.
    """

    id: str
    name: str
    pieces: tuple[str, ...]
    arguments: Json
    tool: AskedTool | None = None

    @property
    def text(self) -> str:
        """The argument text, whole."""
        return "".join(self.pieces)

    @property
    def custom(self) -> bool:
        """Whether its argument is free text."""
        return self.tool is not None and self.tool.kind == "custom"


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything that a writer needs; `finish` is the script's word, never empty. `created` is in Unix seconds."""

    number: int
    created: int
    asked: Asked
    text: tuple[str, ...]
    reasoning: tuple[str, ...]
    signature: str
    redacted: str
    refusal: str
    calls: tuple[AnswerCall, ...]
    interleave: bool
    finish: str
    usage: Counts
    cost: float
    framing: Framing
    scripted_signature: str = ""
    """As the script gives it; empty when `signature` is made from the reasoning."""
    dialect: Dialect = PLAIN

    @property
    def told_cost(self) -> Json:
        """What OpenAI's wires add to their usage where the vendor tells what a reply cost."""
        match self.dialect.cost:
            case "usd":
                return {"cost": self.cost}
            case "ticks":
                return {"cost_in_usd_ticks": round(self.cost * 10_000_000_000)}
            case "none":
                return {}


def answer_to(asked: Asked, reply: Reply, *, number: int, created: int, dialect: Dialect = PLAIN) -> Answer:
    """The answer that `reply` gives to this request; `number` makes its ids unique within one fake."""
    offered = {tool.name: tool for tool in asked.tools}
    calls = tuple(
        _called(call, f"{number}_{place}", tool=offered.get(call.name), whole=not dialect.fragments)
        for place, call in enumerate(_calls(asked, reply))
    )
    says = "" if calls and reply.call_first_tool else reply.text + (asked.text if reply.echo else "")
    text = reply.chunks.pieces or pieces_of(says, reply.chunks)
    reasoning = pieces_of(reply.reasoning, reply.chunks)
    return Answer(
        number=number,
        created=created,
        asked=asked,
        text=text,
        reasoning=reasoning,
        signature=reply.signature or (signature_of(reply.reasoning) if reply.reasoning else ""),
        redacted=reply.redacted,
        refusal=reply.refusal,
        calls=calls,
        interleave=reply.interleave,
        finish=reply.finish or _finish(reply, calls),
        usage=reply.usage or Counts(input=max(1, asked.words), output=_said(text, calls), reasoning=_words(reasoning)),
        cost=reply.cost,
        framing=reply.framing,
        scripted_signature=reply.signature,
        dialect=dialect,
    )


def signature_of(reasoning: str) -> str:
    """The signature that the fake gives to this reasoning, so that it can tell later whether both came back whole."""
    return "fake-" + hashlib.sha256(reasoning.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def call_signature(name: str, arguments: Json) -> str:
    """The signature that the fake gives to a call, where calls are signed; the order of arguments does not matter."""
    return signature_of(name + msgspec.json.encode(arguments, order="sorted").decode())


def pieces_of(text: str, chunks: Chunks) -> tuple[str, ...]:
    """The text cut as `chunks` says; nothing for an empty text."""
    if chunks.by == "whole":
        return (text,) if text else ()
    units = _WORD.findall(text) if chunks.by == "words" else list(text)
    size = max(1, chunks.size)
    return tuple("".join(units[at : at + size]) for at in range(0, len(units), size))


def count_words(value: object) -> int:
    """Words in all strings of a JSON value; the fake's tokens."""
    if isinstance(value, str):
        return len(value.split())
    if is_object(value):
        return sum(count_words(inner) for inner in value.values())
    if is_array(value):
        return sum(count_words(inner) for inner in value)
    return 0


def example_of(schema: Json, root: Json | None = None, *, depth: int = 0) -> object:
    """A value that fits a JSON Schema (the parts of it that tools use)."""
    root = schema if root is None else root
    if depth > _DEPTH:
        return None
    if reference := text_at(schema, "$ref"):
        return example_of(_resolved(reference, root), root, depth=depth + 1)
    for choice in ("anyOf", "oneOf", "allOf"):
        if options := [option for option in array_at(schema, choice) if is_object(option)]:
            return example_of(options[0], root, depth=depth + 1)
    for fixed in ("const", "default"):
        if fixed in schema:
            return schema[fixed]
    if values := array_at(schema, "enum"):
        return values[0]
    return _typed(schema, root, depth=depth)


def _typed(schema: Json, root: Json, *, depth: int) -> object:
    kind = schema.get("type")
    if is_array(kind):
        kind = kind[0] if kind else None
    match kind:
        case "object" | None:
            properties = object_at(schema, "properties")
            wanted = [name for name in array_at(schema, "required") if isinstance(name, str)] or list(properties)
            return {name: example_of(object_at(properties, name), root, depth=depth + 1) for name in wanted}
        case "array":
            least = schema.get("minItems", 1)
            one = example_of(object_at(schema, "items"), root, depth=depth + 1)
            return [one] * (min(max(1, int(least)), _ITEMS) if is_number(least) else 1)
        case "integer" | "number":
            least = schema.get("minimum", 1)
            return least if is_number(least) else 1
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return "example"


def _resolved(reference: str, root: Json) -> Json:
    found: object = root
    for step in reference.removeprefix("#/").split("/"):
        found = object_at(found, step)
    return found if is_object(found) else {}


def _calls(asked: Asked, reply: Reply) -> tuple[Call, ...]:
    if not reply.call_first_tool:
        return reply.calls
    tool = _first_tool(asked)
    if tool is None:
        return ()
    made = {"input": "example"} if tool.kind == "custom" else example_of(tool.schema)
    return (Call(name=tool.name, arguments=made if is_object(made) else {}),)


def _first_tool(asked: Asked) -> AskedTool | None:
    if asked.tool_choice == "none":
        return None
    named = [tool for tool in asked.tools if tool.name == asked.tool_choice]
    return next(iter(named or asked.tools), None)


def _called(call: Call, number: str, *, tool: AskedTool | None, whole: bool) -> AnswerCall:
    text = call.raw if call.raw is not None else msgspec.json.encode(call.arguments).decode()
    if tool and tool.kind == "custom" and call.raw is None:
        text = text_at(call.arguments, "input") or text
    size = (0 if whole else call.fragment) or len(text) or 1
    pieces = tuple(text[at : at + size] for at in range(0, len(text), size))
    try:
        read: object = msgspec.json.decode(text)
    except msgspec.DecodeError:
        read = None
    return AnswerCall(call.id or number, call.name, pieces, read if is_object(read) else {}, tool)


def _finish(reply: Reply, calls: tuple[AnswerCall, ...]) -> str:
    if calls:
        return "tool_calls"
    return "refusal" if reply.refusal else "stop"


def _said(text: tuple[str, ...], calls: tuple[AnswerCall, ...]) -> int:
    return _words(text) + sum(1 + len(call.pieces) for call in calls)


def _words(pieces: tuple[str, ...]) -> int:
    return count_words("".join(pieces))
