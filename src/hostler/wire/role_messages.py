"""Messages that have a role and a content each, as most wires have them: read, and put in an order that they take.

Knows roles, and which result answers which call. Does not know what a wire's content may hold, nor how it is written.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from hostler.core.messages import (
    CacheMark,
    Media,
    Message,
    Origin,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from hostler.core.requests import ChatRequest
from hostler.errors import WireError
from hostler.wire.call_arguments import as_json_text
from hostler.wire.dialects import Dialect
from hostler.wire.fields import Members, as_text, need_items, need_members, need_text, text_or_none
from hostler.wire.waiting_calls import WaitingCalls

Spoken = Text | Refusal | Media
"""What may stand in a content."""

_ROLES: Final[dict[Role, Role]] = {
    "system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "user",
}  # fmt: skip


@dataclass(slots=True)
class RoleReader:
    """Reads messages in order. `thinking` is the field for it; `spoken` reads a message's content, at its place."""

    origin: Origin
    thinking: str
    spoken: Callable[[Members, str], tuple[Spoken, ...]]
    _waiting: WaitingCalls = field(default_factory=WaitingCalls)

    def read(self, value: object, path: str) -> tuple[Message, ...]:
        """All messages; raises WireError that names the place."""
        items = enumerate(need_items(value, path))
        return tuple(self._message(index, need_members(item, f"{path}[{index}]"), path=path) for index, item in items)

    def _message(self, index: int, members: Members, *, path: str) -> Message:
        path = f"{path}[{index}]"
        parts: tuple[Part, ...]
        role: Role
        match as_text(members.get("role")).lower():
            case "system" | "developer" | "user" as role:
                parts = self.spoken(members, path)
            case "assistant" | "bot":
                role, parts = "assistant", self._assistant(members, path, turn=f"call_{index}")
            case "tool" | "function":
                role, parts = "tool", (self._result(members, path),)
            case other:
                raise WireError(f"{path}.role: {other!r} is none of system, user, assistant, tool.")
        return Message(role, parts)

    def _assistant(self, members: Members, path: str, *, turn: str) -> tuple[Part, ...]:
        thinking = text_or_none(members, self.thinking, path=f"{path}.")
        parts: list[Part] = [Reasoning(text=thinking, origin=self.origin)] if thinking else []
        parts += self.spoken(members, path)
        self._waiting.forget()
        for position, item in enumerate(need_items(members.get("tool_calls") or [], f"{path}.tool_calls")):
            place = f"{path}.tool_calls[{position}]"
            parts.append(self._call(need_members(item, place), place, made_id=f"{turn}_{position}"))
        return tuple(parts)

    def _call(self, item: Members, path: str, *, made_id: str) -> ToolCall:
        function = need_members(item.get("function"), f"{path}.function")
        name = need_text(function.get("name"), f"{path}.function.name")
        id_ = self._waiting.add(as_text(item.get("id")), name, made_id=made_id)
        return ToolCall(id=id_, name=name, arguments=as_json_text(function.get("arguments")))

    def _result(self, members: Members, path: str) -> ToolResult:
        name = as_text(members.get("tool_name")) or as_text(members.get("name"))
        id_ = self._waiting.take(as_text(members.get("tool_call_id")), name, by_order=True)
        if not id_:
            raise WireError(f"{path}: no call waits for a result, and {path}.tool_call_id is missing.")
        return ToolResult(call_id=id_, content=of_result(self.spoken(members, path)), name=name)


def of_result(spoken: Sequence[Spoken]) -> tuple[Text | Media, ...]:
    """What a tool says: nobody refuses there."""
    return tuple(Text(text=part.text) if isinstance(part, Refusal) else part for part in spoken)


def in_order(
    request: ChatRequest, dialect: Dialect, *, spelled: Callable[[str], str] = str
) -> tuple[list[Message], set[str]]:
    """A request's messages as such a wire takes them, and what is lost by that. `spelled`: a call's id on the wire.

    They have no names. Each result is a message of its own; media that it cannot hold follow as the user's. System text
    behind the first turn becomes user text in `<system>` tags where the dialect has no place for it.
    """
    messages: list[Message] = []
    moved: list[Message] = []
    dropped: set[str] = set()
    leading = True
    for message in request.messages:
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        if message.name:
            dropped.add("messages[].name")
        for result in results:
            kept, media = (result, None) if dialect.tool_result_media else _without_media(result, spelled)
            messages.append(Message("tool", (kept,)))
            if media is not None:
                moved.append(media)
        if len(results) < len(message.parts) or not results:
            spoken = _spoken(message, bool(results))
            if spoken.role == "system" and not (leading or dialect.mid_system):
                dropped.add("messages[].role")
                spoken = _as_user(spoken)
            messages += [*moved, spoken]
            moved = []
        leading = leading and message.role in ("system", "developer")
    return [*messages, *moved], dropped


def _spoken(message: Message, answers: bool) -> Message:
    """What a message says beside the results in it, if it `answers` calls, under the role that it has here."""
    if not answers and not message.name and message.role in ("system", "user", "assistant"):  # nearly all
        return message
    parts = tuple(part for part in message.parts if not isinstance(part, ToolResult)) if answers else message.parts
    return Message(_ROLES[message.role], parts)


def _without_media(result: ToolResult, spelled: Callable[[str], str]) -> tuple[ToolResult, Message | None]:
    """A result with its texts alone, and its media in a message of the user's, if it has any."""
    media = [part for part in result.content if isinstance(part, Media) and part.text is None]
    if not media:
        return result, None
    texts = (part for part in result.content if isinstance(part, Text) or part.text is not None)
    told = Text(text=f"[{', '.join(part.kind for part in media)}: see the next user message]")
    label = Text(text=f"From the result of tool call {spelled(result.call_id)}:")
    return replace(result, content=(*texts, told)), Message("user", (label, *media))


def _as_user(system: Message) -> Message:
    """System text as the user's, with whatever media stand beside it."""
    texts = [part for part in system.parts if isinstance(part, Text)]
    told = "\n\n".join(part.text for part in texts)
    cache: CacheMark | None = next((part.cache for part in reversed(texts) if part.cache is not None), None)
    media = (part for part in system.parts if isinstance(part, Media))
    return Message("user", (Text(text=f"<system>\n{told}\n</system>", cache=cache), *media))
