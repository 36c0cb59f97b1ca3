"""What several wires lack alike, by the names that a client is told. Knows the core's words; knows no wire's JSON."""

from collections.abc import Container, Iterable, Set
from dataclasses import fields
from typing import Final

from hostler.core.deltas import Delta, Finished, PartEnded, ReasoningSealed, ToolCallEnded
from hostler.core.messages import Media, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from hostler.core.requests import ChatRequest, Reply, Sampling

CONTENT: Final = "message.content[].opaque"
REASONING: Final = "message.reasoning.opaque"
CALL: Final = "message.tool_calls[].opaque"
CITATIONS: Final = "message.content[].citations"

_STATED: Final = (Text, ToolCall)
_NOTHING: Final = frozenset[str]()
_SAMPLING: Final = tuple(field.name for field in fields(Sampling))


def lost_of_request(request: ChatRequest) -> set[str]:
    """On wires that know neither users nor a cache that a client steers."""
    given = {"user": request.user, "cache_control": request.cache, "prompt_cache_key": request.cache_key}
    return {name for name, value in given.items() if value}


def lost_of_extra(request: ChatRequest) -> set[str]:
    """On other wires than its own: what nobody else has a word for, unless it says no or nothing."""
    return {name for name, value in request.extra.items() if value is not None and value is not False}


def lost_of_sampling(sampling: Sampling, *, known: Container[str]) -> set[str]:
    """What is given of it, and not `known`; a penalty of 0 asks for nothing."""
    given = {name: getattr(sampling, name) for name in _SAMPLING if name not in known}
    return {name for name, value in given.items() if value or (name == "seed" and value is not None)}


def lost_of_media(part: Media, *, titled: bool = True) -> set[str]:
    """On wires that know neither file names nor resolutions. `titled`: a document told as text has its name there."""
    lost = set[str]()
    if part.name and not (titled and part.text is not None):
        lost.add("messages[].content[].filename")
    if part.detail not in ("", "auto"):
        lost.add("messages[].content[].image_url.detail")
    return lost


def lost_of_said(part: Part) -> Set[str]:
    """What of a request's part has no place on wires without cache marks, other wires' state and results' failures."""
    if isinstance(part, _STATED):
        if part.cache is None and part.opaque is None:  # nearly all
            return _NOTHING
        name = "messages[].content[].opaque" if isinstance(part, Text) else "messages[].tool_calls[].opaque"
        lost = set[str]() if part.opaque is None else {name}
    elif isinstance(part, ToolResult):
        lost = {"messages[].content[].is_error"} if part.is_error else set[str]()
    else:
        lost = set[str]()
    if not isinstance(part, Refusal | Reasoning) and part.cache is not None:
        lost.add("messages[].cache_control")
    return lost


def lost_of_part(part: Part) -> set[str]:
    """What of a reply's part has no place on wires that carry text, readable thinking and calls."""
    match part:
        case Text(opaque=bytes()) | Media() | ToolResult():
            return {CONTENT}
        case Reasoning(opaque=bytes()):
            return {REASONING}
        case ToolCall(opaque=bytes()):
            return {CALL}
        case _:
            return set()


def lost_of_end(end: Finished | Reply) -> set[str]:
    """On wires whose replies tell neither which stop sequence was met nor of what kind a refusal is."""
    detail = end.detail if isinstance(end, Finished) else end.finish_detail
    given = {"stop_details.category": detail, "stop_sequence": end.stop_sequence}
    return {name for name, value in given.items() if value}


def lost_of_sources(parts: Iterable[Part]) -> set[str]:
    """On wires that have no place for the sources of a text."""
    return {CITATIONS for part in parts if isinstance(part, Text) and part.citations}


def lost_of_reply(reply: Reply) -> set[str]:
    """Both, of a whole reply."""
    return lost_of_end(reply).union(*map(lost_of_part, reply.parts))


def lost_of_delta(delta: Delta) -> set[str]:
    """Both, of a streamed one."""
    match delta:
        case PartEnded(opaque=bytes()):
            return {CONTENT}
        case ReasoningSealed():
            return {REASONING}
        case ToolCallEnded(opaque=bytes()):
            return {CALL}
        case Finished():
            return lost_of_end(delta)
        case _:
            return set()
