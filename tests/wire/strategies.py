"""What messages, requests and replies may be, for every wire's property tests. Knows the core's words; knows no wire.

Everything is in canonical form: no empty texts, no two results in one tool message, ids and names that all wires
allow. So a wire that keeps what it is given gives back exactly what went in.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Final, Literal

import msgspec
from hypothesis import strategies as st

from hostler.core.messages import (
    Media,
    MediaKind,
    Message,
    Origin,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from hostler.core.requests import ChatRequest, FinishReason, OutputFormat, Reply, Sampling, ToolChoice
from hostler.core.tools import Tool
from hostler.core.usage import Usage
from hostler.core.wires import ANTHROPIC, DASHSCOPE, GEMINI, OLLAMA, OPENAI_CHAT, OPENAI_RESPONSES, Wire

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

MediaSource = Literal["data", "url"]
_BOTH: Final = frozenset[MediaSource](("data", "url"))
_DATA: Final = frozenset[MediaSource](("data",))
MEDIA: Final[Mapping[Wire, Mapping[MediaKind, frozenset[MediaSource]]]] = {
    OPENAI_CHAT: {"image": _BOTH, "audio": _BOTH, "video": _BOTH, "document": _DATA},
    OPENAI_RESPONSES: {"image": _BOTH, "audio": _DATA, "document": _BOTH},
    ANTHROPIC: {"image": _BOTH, "document": _BOTH},
    GEMINI: {"image": _BOTH, "audio": _BOTH, "video": _BOTH, "document": _BOTH},
    OLLAMA: {"image": _DATA, "audio": _DATA},
    DASHSCOPE: {"image": _BOTH, "audio": _BOTH, "video": _BOTH},
}
"""Which media each wire has a form for (films and sound by URL on the chat wire: one that servers agree on)."""
_SAMPLES: Final[Mapping[MediaKind, tuple[tuple[str, str, str], ...]]] = {
    "image": (
        ("image/png", "iVBORw0KGgo=", "https://example.org/cat.png"),
        ("image/jpeg", "/9j/4AAQSkZJRg==", "https://example.org/a%20cat.jpg?size=2"),
    ),
    "audio": (("audio/wav", "UklGRgAAAABXQVZFZm10IA==", "https://example.org/neigh.wav"),),
    "video": (("video/mp4", "AAAAGGZ0eXBtcDQy", "https://example.org/gallop.mp4"),),
    "document": (("application/pdf", "JVBERi0xLjQK", "https://example.org/hay.pdf"),),
}
"""Type, data (with the first bytes that tell the type) and address."""


@st.composite
def media_of(draw: st.DrawFn, wire: Wire, *, only: MediaSource | None = None) -> Media:
    """Something that a client of `wire` can send."""
    kinds: list[MediaKind] = [kind for kind, ways in MEDIA[wire].items() if only is None or only in ways]
    kind = draw(st.sampled_from(kinds))
    source = only or draw(st.sampled_from(sorted(MEDIA[wire][kind])))
    media_type, data, url = draw(st.sampled_from(_SAMPLES[kind]))
    if source == "url":
        return Media(kind=kind, url=url)
    return Media(kind=kind, media_type=media_type, data=data, name="hay.pdf" if kind == "document" else "")


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
def turns(
    draw: st.DrawFn, wire: Wire | None, *, results_in: ResultsIn = "tool", media: bool | st.SearchStrategy[Media] = True
) -> list[Message]:
    """A user's message, the assistant's, and the answer to every call that it made."""
    user: list[Part] = [Text(text=draw(texts))]
    if media is not False:
        user += draw(st.lists(images | documents if media is True else media, max_size=1))
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
    draw: st.DrawFn, wire: Wire | None, *, results_in: ResultsIn = "tool", media: bool | st.SearchStrategy[Media] = True
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


strange_ids = st.sampled_from(["call_0", "call_1", "toolu_01/a:b", "fc-é", "x" * 70, "functions.feed:0"])
odd_arguments = arguments | st.sampled_from(["", "{}", "not json", "[1]", '"x"', '{"a":', ' { "b" : 1 } '])


@st.composite
def _pieces(draw: st.DrawFn, media: st.SearchStrategy[Media], *, most: int = 3) -> list[Text | Media]:
    """Texts and media in any order; there is something to read."""
    said = draw(st.lists(st.builds(Text, text=texts) | media, max_size=most - 1))
    said.insert(draw(st.integers(0, len(said))), Text(text="~" + draw(texts)))
    return said


@st.composite
def wild_histories(draw: st.DrawFn, wire: Wire, media: st.SearchStrategy[Media]) -> tuple[Message, ...]:
    """What clients send that lost or mixed up things: calls without results, results that come late or twice or of no
    call, ids that no vendor allows and that come again, arguments that are no object, media in results, system messages
    anywhere, several of one role in a row."""
    messages: list[Message] = [Message("user", tuple(draw(_pieces(media))))]
    known: list[str] = []
    for kind in draw(st.lists(st.sampled_from(["user", "system", "assistant", "tool", "tool"]), max_size=6)):
        match kind:
            case "assistant":
                ids = draw(st.lists(strange_ids, max_size=2, unique=True))
                known += ids
                calls = [ToolCall(id=id_, name=draw(names), arguments=draw(odd_arguments)) for id_ in ids]
                parts: list[Part] = [draw(reasonings(wire))] if draw(st.booleans()) else []
                parts += calls
                if not calls or draw(st.booleans()):
                    parts.insert(draw(st.integers(len(parts) - len(calls), len(parts))), Text(text="~" + draw(texts)))
                messages.append(Message("assistant", tuple(parts)))
            case "tool":
                asked = draw(st.sampled_from([*known[-3:], "call_1"]))
                content = tuple(draw(_pieces(media, most=2)))
                messages.append(
                    Message("tool", (ToolResult(call_id=asked, content=content, is_error=draw(st.booleans())),))
                )
            case "system":
                messages.append(Message("system", (Text(text="~" + draw(texts)),)))
            case _:
                messages.append(Message("user", tuple(draw(_pieces(media)))))
    messages.append(Message("user", (Text(text="~" + draw(texts)),)))
    return tuple(messages)


samplings = st.builds(
    Sampling,
    temperature=st.none() | st.sampled_from([0.0, 0.5, 1.0]),
    top_p=st.none() | st.sampled_from([0.5, 1.0]),
    top_k=st.none() | st.integers(1, 100),
    stop=st.lists(texts, max_size=2).map(tuple),
)


@st.composite
def requests(
    draw: st.DrawFn, wire: Wire, *, results_in: ResultsIn = "tool", media: bool | st.SearchStrategy[Media] = True
) -> ChatRequest:
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
def replies(
    draw: st.DrawFn,
    *,
    reasoning: bool = True,
    finishes: tuple[FinishReason, ...] = ("stop", "length", "content_filter"),
) -> Reply:
    """A whole good reply, its finish reason in keeping with its parts, its usage complete."""
    parts = list(draw(assistant_parts(None)))
    if reasoning and draw(st.booleans()):
        parts.insert(0, draw(reasonings(None)))
    finish: FinishReason = "tool_calls" if isinstance(parts[-1], ToolCall) else draw(st.sampled_from(finishes))
    return Reply(id=draw(call_ids), model=draw(texts), parts=tuple(parts), finish=finish, usage=draw(usages))


some_counts = st.none() | st.integers(0, 10_000)
partial_usages = st.just(Usage()) | st.builds(
    Usage,
    input=st.integers(0, 10_000),
    cache_read=some_counts,
    cache_write=some_counts,
    output=st.integers(0, 10_000),
    reasoning=some_counts,
    cost=st.none(),
)


@st.composite
def wild_replies(draw: st.DrawFn) -> Reply:
    """What upstreams send: parts in any order and number, a refusal beside text, arguments that are no object, ids that
    no other vendor allows or none at all, counts that are told in part."""
    texts_said = st.builds(Text, text=texts)
    thoughts = st.builds(Reasoning, text=texts)
    calls = st.builds(ToolCall, id=st.just("") | strange_ids | call_ids, name=names, arguments=odd_arguments)
    parts: list[Part] = list(draw(st.lists(texts_said | thoughts | calls, min_size=1, max_size=5, unique_by=_id_of)))
    called = any(isinstance(part, ToolCall) for part in parts)
    if not called and draw(st.booleans()):
        parts.append(Refusal(text=draw(texts)))
    ends: tuple[FinishReason, ...] = ("stop", "stop_sequence", "length", "context", "content_filter", "refusal")
    finish: FinishReason = "tool_calls" if called else draw(st.sampled_from(ends))
    return Reply(id=draw(call_ids), model="m", parts=tuple(parts), finish=finish, usage=draw(partial_usages))


def _id_of(part: Part) -> object:
    return part.id if isinstance(part, ToolCall) and part.id else id(part)


@st.composite
def cuts(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """`data` in pieces: the ways in which a network may cut it."""
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    edges = [0, *places, len(data)]
    return [data[start:end] for start, end in pairwise(edges)]
