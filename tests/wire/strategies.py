"""What messages, requests and replies may be, for every wire's property tests. Knows the core's words; knows no wire.

Everything is in canonical form: no empty texts, no two results in one tool message, ids and names that all wires
allow. So a wire that keeps what it is given gives back exactly what went in.
"""

from itertools import pairwise
from typing import Literal

import msgspec
from hypothesis import strategies as st

from hostler.core.messages import Media, Message, Origin, Part, Reasoning, Text, ToolCall, ToolResult
from hostler.core.requests import ChatRequest, FinishReason, OutputFormat, Reply, Sampling, ToolChoice
from hostler.core.tools import Tool
from hostler.core.usage import Usage
from hostler.core.wires import Wire

ResultsIn = Literal["tool", "user"]

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_-]{0,20}", fullmatch=True)
call_ids = st.from_regex(r"[a-zA-Z0-9_-]{1,40}", fullmatch=True)
base64_data = st.sampled_from(["AAAA", "aGVsbG8=", "iVBORw0KGgo="])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
json_objects = st.dictionaries(texts, json_values, max_size=3)
arguments = json_objects.map(lambda value: msgspec.json.encode(value).decode())
"""A tool call's arguments as compact JSON text."""
schemas = st.dictionaries(names, st.sampled_from([{"type": "string"}, {"type": "integer"}]), max_size=3).map(
    lambda properties: {"type": "object", "properties": properties}
)
tools = st.builds(Tool, name=names, description=st.just("") | texts, parameters=schemas)
images = st.builds(
    Media, kind=st.just("image"), media_type=st.sampled_from(["image/png", "image/jpeg"]), data=base64_data
) | st.builds(Media, kind=st.just("image"), url=st.just("https://example.org/cat.png"))
documents = st.builds(
    Media, kind=st.just("document"), media_type=st.just("application/pdf"), data=base64_data, name=st.just("a.pdf")
)


def tool_calls(max_size: int = 3) -> st.SearchStrategy[list[ToolCall]]:
    """Calls with different ids."""
    call = st.builds(ToolCall, id=call_ids, name=names, arguments=arguments)
    return st.lists(call, max_size=max_size, unique_by=lambda each: each.id)


def reasonings(wire: Wire | None) -> st.SearchStrategy[Reasoning]:
    """Readable thinking without an opaque block, as a client's history (with `wire`) or a reply (None) holds it."""
    origin = None if wire is None else Origin("", wire, "")
    return st.builds(Reasoning, text=texts, origin=st.just(origin))


@st.composite
def assistant_parts(draw: st.DrawFn, wire: Wire | None, *, calls: int = 3) -> tuple[Part, ...]:
    """Reasoning at most once, text at most once, then calls; never nothing at all."""
    parts: list[Part] = []
    if wire is not None and draw(st.booleans()):
        parts.append(draw(reasonings(wire)))
    made = draw(tool_calls(calls))
    if not made or draw(st.booleans()):
        parts.append(Text(text=draw(texts)))
    return (*parts, *made)


@st.composite
def turns(draw: st.DrawFn, wire: Wire | None, *, results_in: ResultsIn = "tool", media: bool = True) -> list[Message]:
    """A user's message, the assistant's, and the answer to every call that it made."""
    user: list[Part] = [Text(text=draw(texts))]
    if media:
        user += draw(st.lists(images | documents, max_size=1))
    assistant = draw(assistant_parts(wire))
    results: list[Part] = [
        ToolResult(call_id=part.id, content=(Text(text=draw(texts)),))
        for part in assistant
        if isinstance(part, ToolCall)
    ]
    messages = [Message("user", tuple(user)), Message("assistant", assistant)]
    if results and results_in == "user":
        messages.append(Message("user", tuple(results)))
    elif results:
        messages += [Message("tool", (result,)) for result in results]
    return messages


@st.composite
def conversations(
    draw: st.DrawFn, wire: Wire | None, *, results_in: ResultsIn = "tool", media: bool = True
) -> tuple[Message, ...]:
    """Perhaps a system message, some turns, and a last question. `wire`: the reasoning's origin; None: no reasoning."""
    messages: list[Message] = []
    if draw(st.booleans()):
        messages.append(Message("system", (Text(text=draw(texts)),)))
    for turn in draw(st.lists(turns(wire, results_in=results_in, media=media), max_size=2)):
        messages += turn
    if not messages or messages[-1].role != "user":
        messages.append(Message("user", (Text(text=draw(texts)),)))
    return tuple(messages)


samplings = st.builds(
    Sampling,
    temperature=st.none() | st.sampled_from([0.0, 0.5, 1.0]),
    top_p=st.none() | st.sampled_from([0.5, 1.0]),
    top_k=st.none() | st.integers(1, 100),
    stop=st.lists(texts, max_size=2).map(tuple),
)


@st.composite
def requests(draw: st.DrawFn, wire: Wire, *, results_in: ResultsIn = "tool", media: bool = True) -> ChatRequest:
    """A request as a client of `wire` would make it, with nothing that another wire lacks."""
    offered = tuple(draw(st.lists(tools, max_size=2, unique_by=lambda tool: tool.name)))
    choices: list[ToolChoice | None] = [None]
    if offered:
        choices += [ToolChoice(), ToolChoice("none"), ToolChoice("required"), ToolChoice("named", offered[0].name)]
    formats = st.builds(OutputFormat, kind=st.just("json_schema"), schema=schemas, name=names)
    return ChatRequest(
        model=draw(texts),
        messages=draw(conversations(wire, results_in=results_in, media=media)),
        tools=offered,
        tool_choice=draw(st.sampled_from(choices)),
        max_tokens=draw(st.integers(1, 100_000)),
        sampling=draw(samplings),
        output_format=draw(st.none() | formats),
        stream=draw(st.booleans()),
        wire=wire,
    )


usages = st.builds(
    Usage,
    input=st.integers(0, 10_000),
    cache_read=st.integers(0, 10_000),
    cache_write=st.integers(0, 10_000),
    output=st.integers(1, 10_000),
    reasoning=st.integers(0, 10_000),
    cost=st.none(),
)


@st.composite
def replies(draw: st.DrawFn, *, reasoning: bool = True) -> Reply:
    """A whole good reply, its finish reason in keeping with its parts, its usage complete."""
    parts = list(draw(assistant_parts(None)))
    if reasoning and draw(st.booleans()):
        parts.insert(0, draw(reasonings(None)))
    finishes: tuple[FinishReason, ...] = ("stop", "length", "content_filter")
    finish: FinishReason = "tool_calls" if isinstance(parts[-1], ToolCall) else draw(st.sampled_from(finishes))
    return Reply(id=draw(call_ids), model=draw(texts), parts=tuple(parts), finish=finish, usage=draw(usages))


@st.composite
def cuts(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """`data` in pieces: the ways in which a network may cut it."""
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    edges = [0, *places, len(data)]
    return [data[start:end] for start, end in pairwise(edges)]
