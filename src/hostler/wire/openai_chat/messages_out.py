"""The core's messages, written as the chat wire's within one dialect. Knows roles and order; no top-level field."""

from collections.abc import Sequence

import msgspec

from hostler.core.messages import Media, Message, Part, Reasoning, Refusal, Role, Text, ToolCall, ToolResult
from hostler.core.wires import OPENAI_CHAT
from hostler.wire.dialects import Dialect
from hostler.wire.ids import ToolIds
from hostler.wire.openai_chat.content_out import Json, Spoken, write_content

_DETAILS = "reasoning_details"


class MessagesWriter:
    """Writes the messages of one request in order; `dropped` names what this wire or dialect cannot say.

    What has no place where it stood is moved, not lost: images out of tool results, and system messages that a
    dialect refuses behind the first turn, become user text and images at the nearest place that is allowed.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.dropped: set[str] = set()
        self.written: list[Json] = []
        self._dialect = dialect
        self._ids = ToolIds(dialect.tool_id_pattern)
        self._moved: list[Spoken] = []
        self._last_user: list[Spoken] | None = None  # the parts of the last message written, if it may still grow
        self._leading = True

    def write(self, message: Message) -> None:
        """Write one message, which may become several."""
        match message.role:
            case "system" | "developer" as role:
                self._system(role, message)
            case "assistant":
                self._assistant(message)
            case "user" | "tool":
                results = [part for part in message.parts if isinstance(part, ToolResult)]
                for result in results:
                    self._result(result)
                spoken = self._spoken(message.parts)
                if spoken or not results:
                    self._user(spoken, name=message.name)
        self._leading = self._leading and message.role in ("system", "developer")

    def finish(self) -> list[Json]:
        """All messages, once the last one was given."""
        if self._moved:
            self._user([])
        return self.written

    def _append(self, message: Json, name: str = "") -> None:
        if name:
            message["name"] = name
        self.written.append(message)
        self._last_user = None

    def _system(self, role: Role, message: Message) -> None:
        spoken = self._spoken(message.parts)
        text = "\n\n".join(part.text for part in spoken if not isinstance(part, Media))
        if self._dialect.mid_system or self._leading:
            if not self._dialect.developer_role:
                role = "system"
            self._flush_moved()
            if self._dialect.mid_system:
                self._append({"role": role, "content": self._content(spoken)}, message.name)
            elif self.written:  # templates without a place for a second system message
                self.written[-1]["content"] = f"{self.written[-1]['content']}\n\n{text}"
            else:
                self._append({"role": role, "content": text}, message.name)
            return
        self._moved.append(Text(text=f"<system>\n{text}\n</system>"))
        if self._last_user is not None:  # keeps roles alternating, which strict templates demand
            self._grow_user([])

    def _flush_moved(self) -> None:
        if self._moved:
            self._user([])

    def _user(self, spoken: list[Spoken], *, name: str = "") -> None:
        if self._last_user is not None and not self._dialect.mid_system and not name:
            self._grow_user(spoken)
            return
        parts = [*self._moved, *spoken]
        self._moved = []
        self._append({"role": "user", "content": self._content(parts)}, name)
        self._last_user = parts

    def _grow_user(self, spoken: list[Spoken]) -> None:
        parts = [*(self._last_user or []), *self._moved, *spoken]
        self._moved = []
        self.written[-1]["content"] = self._content(parts)
        self._last_user = parts

    def _content(self, parts: Sequence[Spoken]) -> str | list[Json]:
        return write_content(parts, text_parts=self._dialect.text_parts)

    def _assistant(self, message: Message) -> None:
        self._flush_moved()
        calls = [part for part in message.parts if isinstance(part, ToolCall)]
        spoken = self._spoken(message.parts)
        texts: list[Spoken] = [part for part in spoken if isinstance(part, Text)]
        refusal = "".join(part.text for part in spoken if isinstance(part, Refusal))
        speechless = not texts and (calls or refusal)
        written: Json = {"role": "assistant", "content": None if speechless else self._content(texts)}
        if refusal:
            written["refusal"] = refusal
        for media in (part for part in spoken if isinstance(part, Media)):
            if media.kind == "audio" and media.file_id:
                written["audio"] = {"id": media.file_id}
            else:
                self.dropped.add(f"messages[].{media.kind}")
        self._reasoning([part for part in message.parts if isinstance(part, Reasoning)], written, calls=bool(calls))
        if calls:
            written["tool_calls"] = [self._call(call) for call in calls]
        self._append(written, message.name)

    def _reasoning(self, parts: list[Reasoning], written: Json, *, calls: bool) -> None:
        policy = self._dialect.reasoning_back
        back = policy == "always" or (policy == "tool-turns" and calls)
        ours = [part for part in parts if back and (part.origin is None or part.origin.wire == OPENAI_CHAT)]
        if len(ours) < len(parts):
            self.dropped.add("messages[].reasoning")
        texts = [part.text for part in ours if part.text]
        if texts or (policy == "tool-turns" and calls):  # there even an empty one is demanded
            written[self._dialect.reasoning_fields[0]] = "\n\n".join(texts)
        blocks = [part.opaque for part in ours if part.opaque is not None and part.origin is not None]
        if blocks and _DETAILS in self._dialect.reasoning_fields:
            written[_DETAILS] = msgspec.Raw(blocks[0]) if len(blocks) == 1 else _joined(blocks)
        elif any(part.opaque is not None for part in ours):
            self.dropped.add("messages[].reasoning")

    def _call(self, call: ToolCall) -> Json:
        if call.cache is not None:
            self.dropped.add("messages[].cache_control")
        if call.opaque is not None:
            self.dropped.add("messages[].tool_calls[].signature")
        id_ = self._ids.to_wire(call.id)
        if call.custom:
            return {"id": id_, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
        function = {"name": call.name, "arguments": call.arguments or "{}"}
        return {"id": id_, "type": "function", "function": function}

    def _result(self, result: ToolResult) -> None:
        if result.cache is not None:
            self.dropped.add("messages[].cache_control")
        if result.is_error:
            self.dropped.add("messages[].content[].is_error")
        id_ = self._ids.to_wire(result.call_id)
        spoken = self._spoken(result.content)
        media = [part for part in spoken if isinstance(part, Media)]
        if media and not self._dialect.tool_result_media:
            spoken = [part for part in spoken if not isinstance(part, Media)]
            kinds = ", ".join(part.kind for part in media)
            spoken.append(Text(text=f"[{kinds}: see the next user message]"))
            self._moved += [Text(text=f"From the result of tool call {id_}:"), *media]
        self._append({"role": "tool", "tool_call_id": id_, "content": self._content(spoken)})

    def _spoken(self, parts: tuple[Part, ...]) -> list[Spoken]:
        spoken: list[Spoken] = []
        for part in parts:
            if isinstance(part, Text) and part.opaque is not None:
                self.dropped.add("messages[].content[]")
                if not part.text:  # a block that only its own wire understands
                    continue
            if isinstance(part, Text | Media) and part.cache is not None:
                self.dropped.add("messages[].cache_control")
            if isinstance(part, Text | Refusal | Media):
                spoken.append(part)
        return spoken


def _joined(blocks: list[bytes]) -> list[object]:
    items: list[object] = []
    for block in blocks:
        items += msgspec.json.decode(block, type=list[msgspec.Raw])
    return items
