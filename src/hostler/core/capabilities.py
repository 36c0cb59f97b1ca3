"""Capabilities: what a model can do and what it costs, each fact with its source and date.

Knows: the fields, yes/no/unknown, how layers of facts merge. Does not know: any model, and where facts come from.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Generic, Literal, TypeVar, cast

from hostler.core.price_tiers import read_tiers

Answer = Literal["yes", "no", "unknown"]
FieldKind = Literal["text", "answer", "tokens", "usd_per_million", "tiers"]
Scalar = bool | int | float | str

USER: Final = "user"
"""Source of the user's own overrides: they win, and nothing makes them uncertain."""

T = TypeVar("T", bound=Scalar)


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """One value, who says so, and when (ISO date, "" when it was never dated).

    `uncertain`: another source says something else.
    """

    value: T
    source: str
    as_of: str = ""
    uncertain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What is known about one model. None: nobody said anything, which is never the same as no."""

    vendor: Fact[str] | None = None
    model: Fact[str] | None = None
    vision: Fact[bool] | None = None
    tool_calling: Fact[bool] | None = None
    caching: Fact[bool] | None = None
    streaming: Fact[bool] | None = None
    model_discovery: Fact[bool] | None = None
    context_window: Fact[int] | None = None
    cost_tracking: Fact[bool] | None = None
    input_price: Fact[float] | None = None
    output_price: Fact[float] | None = None
    notes: Fact[str] | None = None
    audio: Fact[bool] | None = None
    video: Fact[bool] | None = None
    grounding: Fact[bool] | None = None
    computer_use: Fact[bool] | None = None
    local: Fact[bool] | None = None
    reasoning: Fact[bool] | None = None
    web_search: Fact[bool] | None = None
    x_search: Fact[bool] | None = None
    code_execution: Fact[bool] | None = None
    file_search: Fact[bool] | None = None
    mcp_support: Fact[bool] | None = None
    structured_output: Fact[bool] | None = None
    max_output: Fact[int] | None = None
    cache_minimum: Fact[int] | None = None
    cache_read_price: Fact[float] | None = None
    cache_write_price: Fact[float] | None = None
    batch_input_price: Fact[float] | None = None
    batch_output_price: Fact[float] | None = None
    price_tiers: Fact[str] | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One column: its name, what kind of value it holds, and what it means in one line."""

    name: str
    kind: FieldKind
    doc: str


FIELDS: Final[Mapping[str, Field]] = {
    field.name: field
    for field in (
        Field("vendor", "text", "Who makes the model, or whose server answers."),
        Field("model", "text", "The name that the upstream knows it by."),
        Field("vision", "answer", "Reads images."),
        Field("tool_calling", "answer", "Calls tools that the request describes."),
        Field("caching", "answer", "Reads a repeated prefix from a prompt cache."),
        Field("streaming", "answer", "Sends its reply piece by piece."),
        Field("model_discovery", "answer", "Its server lists it."),
        Field("context_window", "tokens", "Prompt and reply together, as it is being served."),
        Field("cost_tracking", "answer", "What it costs can be computed."),
        Field("input_price", "usd_per_million", "US dollars per million tokens read anew."),
        Field("output_price", "usd_per_million", "US dollars per million tokens written."),
        Field("notes", "text", "What a person should know."),
        Field("audio", "answer", "Hears sound."),
        Field("video", "answer", "Watches film."),
        Field("grounding", "answer", "Backs its reply with sources that the vendor looks up."),
        Field("computer_use", "answer", "Works a screen, mouse and keyboard."),
        Field("local", "answer", "Runs on a machine of the user's; tokens cost nothing."),
        Field("reasoning", "answer", "Thinks before it answers."),
        Field("web_search", "answer", "Searches the web on the vendor's side."),
        Field("x_search", "answer", "Searches X on the vendor's side."),
        Field("code_execution", "answer", "Runs code on the vendor's side."),
        Field("file_search", "answer", "Searches files stored at the vendor."),
        Field("mcp_support", "answer", "Calls MCP servers from the vendor's side."),
        Field("structured_output", "answer", "Keeps to a JSON Schema."),
        Field("max_output", "tokens", "The longest reply."),
        Field("cache_minimum", "tokens", "The shortest prefix that a prompt cache takes."),
        Field("cache_read_price", "usd_per_million", "US dollars per million tokens read from a prompt cache."),
        Field("cache_write_price", "usd_per_million", "US dollars per million tokens written into a prompt cache."),
        Field("batch_input_price", "usd_per_million", "US dollars per million tokens read anew in a batch."),
        Field("batch_output_price", "usd_per_million", "US dollars per million tokens written in a batch."),
        Field("price_tiers", "tiers", "Other prices for all of a request whose prompt is longer than so many tokens."),
    )
}

NOTHING_KNOWN: Final = Capabilities()


def answer(fact: Fact[bool] | None) -> Answer:
    """A yes/no fact in words; nobody guesses, so a missing one is unknown."""
    if fact is None:
        return "unknown"
    return "yes" if fact.value else "no"


def facts(capabilities: Capabilities) -> Mapping[str, Fact[Scalar]]:
    """The facts that are known, by field name, in the order of FIELDS."""
    known: dict[str, Fact[Scalar]] = {}
    for name in FIELDS:
        fact = cast("Fact[Scalar] | None", getattr(capabilities, name))
        if fact is not None:
            known[name] = fact
    return known


def make(values: Mapping[str, Scalar | None], *, source: str, as_of: str = "") -> Capabilities:
    """Capabilities from plain values of one source; None is left out as unknown.

    Raises ValueError for a field that does not exist and for a value of the wrong kind.
    """
    given = {name: Fact(_checked(name, value), source, as_of) for name, value in values.items() if value is not None}
    return Capabilities(**given)  # pyright: ignore[reportArgumentType]  # _checked held each value against its field


def merge(layers: Iterable[Capabilities]) -> Capabilities:
    """Fold layers, weakest first: a later fact wins, and is marked uncertain where an earlier one differed.

    What the user says is never uncertain.
    """
    merged: dict[str, Fact[Scalar]] = {}
    for layer in layers:
        for name, fact in facts(layer).items():
            merged[name] = _over(merged.get(name), fact)
    return Capabilities(**merged)  # pyright: ignore[reportArgumentType]  # each fact comes from the field of its name


def as_json(capabilities: Capabilities) -> dict[str, dict[str, Scalar]]:
    """Known facts as plain JSON: field -> value, source, as_of and, where it is so, uncertain."""
    plain: dict[str, dict[str, Scalar]] = {}
    for name, fact in facts(capabilities).items():
        plain[name] = {"value": fact.value, "source": fact.source, "as_of": fact.as_of}
        if fact.uncertain:
            plain[name]["uncertain"] = True
    return plain


def from_json(plain: Mapping[str, Mapping[str, object]]) -> Capabilities:
    """The reverse of `as_json`; facts that cannot be read (an older or newer version wrote them) are left out."""
    read: dict[str, Fact[Scalar]] = {}
    for name, fact in plain.items():
        value = fact.get("value")
        if name in FIELDS and isinstance(value, bool | int | float | str) and fits(FIELDS[name].kind, value):
            source, as_of = str(fact.get("source", "")), str(fact.get("as_of", ""))
            read[name] = Fact(value, source, as_of, fact.get("uncertain") is True)
    return Capabilities(**read)  # pyright: ignore[reportArgumentType]  # fits held each value against its field


def _over(older: Fact[Scalar] | None, newer: Fact[Scalar]) -> Fact[Scalar]:
    if older is None or newer.source == USER:
        return newer
    if older.source == USER:
        return older
    return newer if older.value == newer.value and not older.uncertain else replace(newer, uncertain=True)


def _checked(name: str, value: Scalar) -> Scalar:
    if name not in FIELDS:
        raise ValueError(f"there is no capability '{name}'")
    if not fits(FIELDS[name].kind, value):
        raise ValueError(f"capability '{name}' cannot be {value!r}")
    return value


def fits(kind: FieldKind, value: object) -> bool:
    """Whether a value is of a field's kind."""
    match kind:
        case "answer":
            return isinstance(value, bool)
        case "text":
            return isinstance(value, str)
        case "tiers":
            return isinstance(value, str) and read_tiers(value) is not None
        case "tokens":
            return isinstance(value, int) and not isinstance(value, bool) and value >= 0
        case "usd_per_million":
            return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
