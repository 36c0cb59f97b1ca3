"""Tool names as an upstream accepts them, and back. Knows what vendors publish of names; does not know any wire's JSON.

A client may offer `fs.read`, `github/search` or a name of a hundred letters, as tool protocols allow; a vendor with
narrower rules answers 400. So names that it refuses travel as others, and replies come back with the client's own. A
name's image depends on the name and the pattern alone: it is the same in each turn of a conversation.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import count
from typing import Final

from hostler.core.deltas import Delta, ToolCallStarted
from hostler.core.messages import Message, Part, ToolCall, ToolResult
from hostler.core.requests import ChatRequest
from hostler.core.wires import ANTHROPIC, DASHSCOPE, GEMINI, OLLAMA, OPENAI_CHAT, OPENAI_RESPONSES, Wire
from hostler.errors import ConfigError
from hostler.wire.dialects import Dialect

PUBLISHED: Final[Mapping[Wire, str]] = {
    OPENAI_CHAT: r"[a-zA-Z0-9_-]{1,64}",
    OPENAI_RESPONSES: r"[a-zA-Z0-9_-]{1,64}",
    ANTHROPIC: r"[a-zA-Z0-9_-]{1,128}",
    GEMINI: r"[a-zA-Z_][a-zA-Z0-9_.-]{0,63}",  # colons too, but not wherever the wire is spoken
    OLLAMA: r"(?s:.+)",
    DASHSCOPE: r"[a-zA-Z0-9_-]{1,64}",
}
"""What a name must match, where a dialect says nothing else."""
_LENGTHS: Final = (64, 32, 16)
"""Lengths of images that are tried, the most telling first."""
_DIGITS: Final = 8
_STRANGE: Final = re.compile(r"[^a-zA-Z0-9_-]+")

Images = Mapping[str, str]
"""The client's own name for each that was changed; empty where none was."""


def accepted_names(request: ChatRequest, dialect: Dialect, *, wire: Wire) -> tuple[ChatRequest, Images]:
    """The request with names that its upstream accepts: in tools, choice and history alike.

    A client of the same wire knows its vendor's rules: its names stay. Raises ConfigError for a pattern that nothing of
    ours matches.
    """
    if request.wire == wire:
        return request, {}
    names = _names(request)
    if not names:
        return request, {}
    pattern = dialect.tool_name_pattern or PUBLISHED[wire]
    fits = re.compile(pattern).fullmatch
    refused = sorted(name for name in names if not fits(name))
    if not refused:
        return request, {}
    taken = names | {tool.name for tool in request.tools if tool.server is not None}
    images: dict[str, str] = {}
    for name in refused:
        image = next(image for again in count() if (image := _image(name, pattern, again=again)) not in taken)
        taken.add(image)
        images[name] = image
    return _renamed(request, images), {image: name for name, image in images.items()}


def with_own_names(deltas: Sequence[Delta], images: Images) -> Sequence[Delta]:
    """A reply's deltas with the names that the client knows."""
    return [
        replace(delta, name=images[delta.name])
        if isinstance(delta, ToolCallStarted) and delta.name in images
        else delta
        for delta in deltas
    ]


def own_names(parts: Iterable[Part], images: Images) -> tuple[Part, ...]:
    """A whole reply's parts with the names that the client knows."""
    return tuple(
        replace(part, name=images[part.name]) if isinstance(part, ToolCall) and part.name in images else part
        for part in parts
    )


def _names(request: ChatRequest) -> set[str]:
    """All names of tools that the client runs, except where one is not given."""
    parts = (part for message in request.messages for part in message.parts)
    named = {part.name for part in parts if isinstance(part, ToolCall | ToolResult) and part.name}
    return named.union(tool.name for tool in request.tools if tool.server is None)


def _renamed(request: ChatRequest, images: Images) -> ChatRequest:
    def part_of(part: Part) -> Part:
        if isinstance(part, ToolCall | ToolResult) and part.name in images:
            return replace(part, name=images[part.name])
        return part

    choice = request.tool_choice
    if choice is not None:
        allowed = tuple(images.get(name, name) for name in choice.allowed)
        choice = replace(choice, name=images.get(choice.name, choice.name), allowed=allowed)
    tools = tuple(
        replace(tool, name=images[tool.name]) if tool.server is None and tool.name in images else tool
        for tool in request.tools
    )
    messages = tuple(Message(m.role, tuple(map(part_of, m.parts)), m.name) for m in request.messages)
    return replace(request, tools=tools, tool_choice=choice, messages=messages)


@lru_cache(maxsize=4096)
def _image(name: str, pattern: str, *, again: int) -> str:
    """What is told of `name`: as much of it as goes, and a digest that keeps it apart from all others."""
    said = name if not again else f"{name}\n{again}"
    digest = hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    plain = _STRANGE.sub("_", name).strip("_-")
    for stem in (plain, f"tool_{plain}", f"tool_{re.sub('[^a-zA-Z0-9]', '', plain)}", "t"):
        for length in _LENGTHS:
            image = f"{stem[: length - _DIGITS - 1]}_{digest}"
            if re.fullmatch(pattern, image):
                return image
    raise ConfigError(f"No tool name of ours matches the pattern {pattern!r}.")
