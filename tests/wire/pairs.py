"""Two wires, and how a conversation is told and compared on its way between them. Knows what each wire cannot say.

`CLIENTS` of one wire and upstreams of another: what a pair cannot carry stands in the tables here; all else must come
back as it was.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise, permutations
from typing import Final

import msgspec
from hypothesis import strategies as st

from hostler.core.deltas import Delta
from hostler.core.messages import Media, Message, Reasoning, Refusal, Text, ToolCall, ToolResult, visible_text
from hostler.core.requests import Asked, ChatRequest, FinishReason, Reply, ToolChoice
from hostler.core.usage import Usage
from hostler.core.wires import DASHSCOPE, GEMINI, OLLAMA, OPENAI_CHAT, OPENAI_RESPONSES, WIRES, Wire
from hostler.wire.call_arguments import INVALID_JSON
from hostler.wire.codecs import codec_of
from hostler.wire.dialects import PLAIN
from tests.wire.strategies import MEDIA

PAIRS: Final = tuple(permutations(WIRES, 2))
ASKED: Final = Asked("mine/model", "abc", 1_700_000_000)

LEAST_TOKENS: Final[Mapping[Wire, int]] = {OPENAI_RESPONSES: 16}
"""Wires on which a limit is never lower."""
SILENT: Final[Mapping[Wire, frozenset[str]]] = {
    OLLAMA: frozenset(("cache_read", "cache_write", "reasoning")),
    GEMINI: frozenset(("cache_write",)),
}
"""Counts that a wire holds within its sums alone."""
TEXT_FIRST: Final = frozenset((OPENAI_CHAT, OLLAMA, DASHSCOPE))
"""Wires on which what an answer says stands beside its calls, so that it reads as said before them."""
ENDS: Final[Mapping[FinishReason, str]] = {
    "stop": "end",
    "stop_sequence": "end",
    "length": "cut",
    "context": "cut",
    "tool_calls": "calls",
    "content_filter": "filtered",
    "refusal": "filtered",
}
"""Classes of finish reasons: what a client does next is the same within each."""


def sent(wire: Wire, request: ChatRequest) -> tuple[ChatRequest, tuple[str, ...]]:
    """What an upstream of `wire` reads of a request, and what was told to be lost."""
    codec = codec_of(wire)
    encoded = codec.encode_request(request, PLAIN)
    return codec.decode_request(encoded.body), encoded.dropped


def answered(wire: Wire, reply: Reply) -> Reply:
    """What a client of `wire` reads of a reply."""
    codec = codec_of(wire)
    return codec.decode_response(codec.encode_response(reply, ASKED).body)


def streamed(wire: Wire, deltas: Sequence[Delta], *, data: st.DataObject, asked: Asked = ASKED) -> list[Delta]:
    """Deltas written by a wire's encoder, in several batches, cut anyhow, and read again."""
    codec = codec_of(wire)
    encoder, decoder = codec.stream_encoder(asked), codec.stream_decoder(PLAIN)
    middle = data.draw(st.integers(0, len(deltas)))
    body = encoder.encode(deltas[:middle]) + encoder.encode(deltas[middle:]) + encoder.finish()
    places = sorted(len(body) * share // 1000 for share in data.draw(st.lists(st.integers(0, 1000), max_size=12)))
    pieces = [body[start:end] for start, end in pairwise([0, *places, len(body)])]  # the length holds a measured time
    read = [delta for piece in pieces for delta in decoder.feed(piece)]
    return [*read, *decoder.flush()]


def said(messages: Iterable[Message]) -> list[object]:
    """A conversation as a flat list: who said what, calls and their results in order; blank text left out."""
    told: list[object] = []
    for message in messages:
        role = "system" if message.role == "developer" else message.role
        for part in message.parts:
            match part:
                case Text(text=text) | Refusal(text=text):
                    told += [(role, text)] if text.strip() else []
                case ToolCall():
                    told.append(("call", part.id, part.name, arguments_of(part)))
                case ToolResult():
                    told.append(("result", part.call_id, visible_text(part.content).strip()))
                case Media():
                    told.append((role, *medium(part)))
                case Reasoning():
                    pass
    return told


def arguments_of(call: ToolCall) -> object:
    """A call's arguments, however they were written."""
    return msgspec.json.decode(call.arguments or "{}")


def medium(part: Media) -> tuple[object, ...]:
    """What must stay of an image, sound, film or document."""
    return part.kind, part.data, part.url


def media_in(messages: Iterable[Message]) -> list[tuple[object, ...]]:
    """All media in order, also those in results of tools."""
    found: list[tuple[object, ...]] = []
    for message in messages:
        for part in message.parts:
            inner = part.content if isinstance(part, ToolResult) else (part,)
            found += [medium(piece) for piece in inner if isinstance(piece, Media)]
    return found


def story(messages: Iterable[Message], *wires: Wire) -> list[str]:
    """A conversation as fragments in the order that `wires` can tell, whoever says them, without blanks.

    Calls are numbered, and results go by that number.
    """
    told: list[str] = []
    calls, number = dict[str, int](), -1
    for message in messages:
        calls_last = message.role == "assistant" and not TEXT_FIRST.isdisjoint(wires)
        for part in sorted(message.parts, key=lambda part: calls_last and isinstance(part, ToolCall)):
            match part:
                case Text(text=text) | Refusal(text=text):
                    told.append("".join(text.split()))
                case ToolCall():
                    number += 1
                    calls[part.id] = number
                    told.append(f"<call {calls[part.id]} {part.name} {canonical(part.arguments)}>")
                case ToolResult(call_id=id_, content=content):
                    told.append(f"<result {calls.get(id_)}>" + "".join(visible_text(content).split()))
                case Media() | Reasoning():
                    pass
    return told


def canonical(arguments: str) -> str:
    """A call's arguments, however they were written, also where they are no JSON or in the wrapping of such."""
    try:
        value = msgspec.json.decode(arguments or "{}")
    except msgspec.DecodeError:
        return arguments
    if isinstance(value, dict) and list(value) == [INVALID_JSON]:  # type: ignore[reportUnknownArgumentType]
        return canonical(value[INVALID_JSON])  # type: ignore[reportUnknownArgumentType]
    return msgspec.json.encode(value).decode()


def missing(told: Sequence[str], whole: Sequence[str]) -> str:
    """The first fragment of a story that does not stand in another where it should; empty where all do."""
    text, at = "".join(whole), 0
    for fragment in told:
        found = text.find(fragment, at)
        if found < 0:
            return fragment
        at = found + len(fragment)
    return ""


def speaks(request: ChatRequest) -> bool:
    """Whether there is anything to answer: no wire takes a history of nothing but blanks."""
    return any(said([message]) for message in request.messages if message.role != "system")


def carries(wire: Wire, request: ChatRequest) -> bool:
    """Whether a wire has a form for all media of a request."""
    media = (part for message in request.messages for part in message.parts if isinstance(part, Media))
    return all(("url" if part.url is not None else "data") in MEDIA[wire].get(part.kind, ()) for part in media)


def offered(wire: Wire, request: ChatRequest) -> list[str]:
    """Names of the tools that an upstream of `wire` hears of: without words for a choice, some are left out."""
    choice = request.tool_choice
    names = [tool.name for tool in request.tools]
    if wire != OLLAMA or choice is None or choice.mode in ("auto", "required"):
        return names
    return [choice.name] if choice.mode == "named" else []


def chosen(wire: Wire, request: ChatRequest) -> ToolChoice | None:
    """What an upstream of `wire` is told of the choice."""
    choice = request.tool_choice
    if choice is None or wire == OLLAMA:
        return None
    if wire == DASHSCOPE and choice.mode == "required":
        return ToolChoice("named", request.tools[0].name) if len(request.tools) == 1 else ToolChoice()
    return choice


def form_of(request: ChatRequest) -> tuple[str, object] | None:
    """The structure that is asked for; how strictly is the vendor's to say."""
    asked = request.output_format
    return None if asked is None else (asked.kind, (asked.schema or {}).get("properties"))


def thinking(reply: Reply) -> str:
    """All that can be read of it."""
    return "".join(part.text for part in reply.parts if isinstance(part, Reasoning))


def parts_of(reply: Reply) -> tuple[str, str, list[tuple[str, str, object]]]:
    """Visible text, thinking, and calls."""
    return reply.text, thinking(reply), [(call.id, call.name, arguments_of(call)) for call in reply.tool_calls]


def counted(usage: Usage, *wires: Wire) -> dict[str, int | None]:
    """What is left of the counts when they went through these wires."""
    silent = frozenset[str]().union(*(SILENT.get(wire, frozenset()) for wire in wires))
    told = {name: getattr(usage, name) for name in ("cache_read", "cache_write", "reasoning") if name not in silent}
    sums = {"prompt": usage.prompt_tokens, "completion": usage.completion_tokens, "total": usage.total_tokens}
    return {**told, **sums}
