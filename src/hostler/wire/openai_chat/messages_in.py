"""Messages of a chat request, read into the core's messages. Knows roles and pairing; knows no top-level field.

Legacy forms are accepted: `function_call` with `function` messages, calls and results without ids.
"""

from typing import cast

import msgspec
from msgspec import Struct

from hostler.core.messages import Media, Message, Origin, Part, Reasoning, Refusal, Role, Text, ToolCall, ToolResult
from hostler.core.wires import OPENAI_CHAT
from hostler.errors import WireError
from hostler.wire.fields import (
    Members,
    as_items,
    as_members,
    as_text,
    need_items,
    need_members,
    need_text,
    text_or_none,
)
from hostler.wire.openai_content import read_content, read_part

CLIENT_ORIGIN = Origin("", OPENAI_CHAT, "")
"""Origin of reasoning in a client's history, which names no provider and no model."""


_RARE = frozenset(("reasoning_content", "reasoning", "reasoning_details", "refusal", "audio"))
"""Members of an assistant's message that most messages lack."""


class _RawDetails(Struct):
    reasoning_details: msgspec.Raw = msgspec.Raw()


class _RawMessages(Struct):
    messages: list[_RawDetails]


_decode_details = msgspec.json.Decoder(_RawMessages).decode


def read_messages(value: object, body: bytes) -> tuple[Message, ...]:
    """All messages. `body` is the request's own bytes, from which opaque blocks are cut byte for byte."""
    items = need_items(value, "messages")
    reader = _Reader(_opaque_details(body) if b'"reasoning_details"' in body else {})
    return tuple(reader.read(index, need_members(item, f"messages[{index}]")) for index, item in enumerate(items))


def details_text(details: object) -> str:
    """The readable part of `reasoning_details`."""
    members = (as_members(item) for item in as_items(details))
    return "".join(as_text(item.get("text")) or as_text(item.get("summary")) for item in members)


def arguments_text(value: object) -> str:
    """A call's arguments as JSON text; some servers write the object itself instead of its text."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _opaque_details(body: bytes) -> dict[int, bytes]:
    try:
        raw = [message.reasoning_details for message in _decode_details(body).messages]
    except msgspec.ValidationError:  # a message is no object: the reader says which
        return {}
    return {index: bytes(each) for index, each in enumerate(raw) if bytes(each) not in (b"", b"null")}


class _Reader:
    """Reads messages in order, and pairs results that carry no id with the oldest call that waits for one."""

    def __init__(self, details: dict[int, bytes]) -> None:
        self._details = details
        self._waiting: list[ToolCall] = []

    def read(self, index: int, members: Members) -> Message:
        path = f"messages[{index}]"
        parts: tuple[Part, ...]
        role: Role
        match as_text(members.get("role")):
            case "system" | "developer" | "user" as role:
                parts = read_content(members.get("content"), f"{path}.content")
            case "assistant" as role:
                parts = self._assistant(members, index)
            case "tool" | "function" as kind:
                return Message("tool", (self._result(members, path, legacy=kind == "function"),))
            case other:
                raise WireError(f"{path}.role: {other!r} is not a role of this wire.")
        return Message(role, parts, text_or_none(members, "name", path=f"{path}.") or "")

    def _assistant(self, members: Members, index: int) -> tuple[Part, ...]:
        path = f"messages[{index}]"
        content = members.get("content")
        parts: list[Part] = []
        if isinstance(content, str):
            parts += (Text(text=content),) if content else ()
        else:
            parts += _assistant_content(content, f"{path}.content")
        if not _RARE.isdisjoint(members):
            parts = self._rare(members, index, parts=parts)
        calls = _calls(members, index)
        self._waiting = list(calls)
        return (*parts, *calls)

    def _rare(self, members: Members, index: int, *, parts: list[Part]) -> list[Part]:
        path = f"messages[{index}]"
        reasoning = self._reasoning(index, members)
        if reasoning is not None:
            parts.insert(0, reasoning)
        refusal = text_or_none(members, "refusal", path=f"{path}.")
        if refusal:
            parts.append(Refusal(text=refusal))
        audio = as_members(members.get("audio"))
        if audio:
            parts.append(Media(kind="audio", file_id=need_text(audio.get("id"), f"{path}.audio.id")))
        return parts

    def _reasoning(self, index: int, members: Members) -> Reasoning | None:
        details = members.get("reasoning_details")
        text = as_text(members.get("reasoning_content")) or as_text(members.get("reasoning")) or details_text(details)
        opaque = self._details.get(index) if details else None
        if not text and opaque is None:
            return None
        return Reasoning(text=text, origin=CLIENT_ORIGIN, opaque=opaque)

    def _result(self, members: Members, path: str, *, legacy: bool) -> ToolResult:
        call_id, content = members.get("tool_call_id"), members.get("content")
        if isinstance(call_id, str) and call_id and isinstance(content, str) and "name" not in members:
            self._waiting = [call for call in self._waiting if call.id != call_id]
            return ToolResult(call_id=call_id, content=(Text(text=content),) if content else ())
        name = text_or_none(members, "name", path=f"{path}.") or ""
        call_id = text_or_none(members, "tool_call_id", path=f"{path}.") or self._oldest_waiting(name if legacy else "")
        if call_id is None:
            raise WireError(f"{path}.tool_call_id is missing, and no call waits for a result.")
        self._waiting = [call for call in self._waiting if call.id != call_id]
        parts = read_content(content, f"{path}.content")
        texts = tuple(Text(text=part.text) if isinstance(part, Refusal) else part for part in parts)
        return ToolResult(call_id=call_id, content=texts, name=name)

    def _oldest_waiting(self, name: str) -> str | None:
        return next((call.id for call in self._waiting if not name or call.name == name), None)


def _assistant_content(value: object, path: str) -> list[Part]:
    """As any content, but it may hold chunks of thinking, which the server that made them may want back."""
    if value is None or not isinstance(value, list):
        return list(read_content(value, path))
    parts: list[Part] = []
    for position, item in enumerate(cast("list[object]", value)):
        chunk = as_members(item)
        if chunk.get("type") != "thinking":
            part = read_part(item, f"{path}[{position}]")
            parts += [part] if not isinstance(part, Text) or part.text else []
            continue
        thinking, signature = chunk_thinking(chunk), as_text(chunk.get("signature"))
        opaque = signed_chunk(thinking, signature) if signature else None
        parts.append(Reasoning(text=thinking, origin=CLIENT_ORIGIN, opaque=opaque))
    return parts


def chunk_thinking(chunk: Members) -> str:
    """The readable thinking of a chunk: a list of texts, or one."""
    inner = chunk.get("thinking")
    return (
        inner if isinstance(inner, str) else "".join(as_text(as_members(each).get("text")) for each in as_items(inner))
    )


def signed_chunk(thinking: str, signature: str) -> bytes:
    """A chunk of signed thinking, as it goes back into history."""
    texts = [{"type": "text", "text": thinking}] if thinking else []
    return msgspec.json.encode({"type": "thinking", "thinking": texts, "signature": signature})


def extra_of(call: Members) -> bytes | None:
    """What a vendor wants to see again with a call, as Google's signatures on this wire (`extra_content`).

    Its type tells it from the blocks of other wires.
    """
    extra = as_members(call.get("extra_content"))
    return msgspec.json.encode({"type": "function", "extra_content": extra}) if extra else None


def _calls(members: Members, index: int) -> list[ToolCall]:
    path = f"messages[{index}]"
    value = members.get("tool_calls")
    items = [] if value is None else need_items(value, f"{path}.tool_calls")
    calls: list[ToolCall] = []
    for position, item in enumerate(items):
        place = f"{path}.tool_calls[{position}]"
        calls.append(_call(need_members(item, place), place, default_id=f"call_{index}_{position}"))
    legacy = members.get("function_call")
    if legacy is not None:
        function = need_members(legacy, f"{path}.function_call")
        name = need_text(function.get("name"), f"{path}.function_call.name")
        calls.append(ToolCall(id=f"call_{index}_f", name=name, arguments=arguments_text(function.get("arguments"))))
    return calls


def _call(call: Members, path: str, *, default_id: str) -> ToolCall:
    function = call.get("function")
    if isinstance(function, dict) and call.get("type") == "function":  # as nearly every client writes it
        members, given = cast("Members", function), call.get("id")
        name, arguments = members.get("name"), members.get("arguments")
        if isinstance(given, str) and given and isinstance(name, str) and isinstance(arguments, str):
            return ToolCall(id=given, name=name, arguments=arguments)
    id_ = text_or_none(call, "id", path=f"{path}.") or default_id
    if call.get("type") == "custom" or ("custom" in call and "function" not in call):
        custom = need_members(call.get("custom"), f"{path}.custom")
        name = need_text(custom.get("name"), f"{path}.custom.name")
        return ToolCall(id=id_, name=name, arguments=as_text(custom.get("input")), custom=True)
    function = need_members(call.get("function"), f"{path}.function")
    name = need_text(function.get("name"), f"{path}.function.name")
    return ToolCall(id=id_, name=name, arguments=arguments_text(function.get("arguments")))
