"""The core's messages, written as the chat wire's within one dialect. Knows roles and order; no top-level field."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from hostler.core.messages import Media, Message, Part, Reasoning, Refusal, Role, Text, ToolCall, ToolResult
from hostler.core.wires import OPENAI_CHAT
from hostler.wire.dialects import Dialect
from hostler.wire.fill_ins import BEGIN, GO_ON, HEARD
from hostler.wire.ids import ToolIds
from hostler.wire.openai_chat.content_out import ContentWriter, Json, Spoken
from hostler.wire.openai_chat.response import is_details, joined_details
from hostler.wire.think_tags import in_tags

_DETAILS = "reasoning_details"


class MessagesWriter:
    """Writes the messages of one request in order; `dropped` names what this wire or dialect cannot say.

    What has no place where it stood is moved, not lost: images out of tool results, and system messages that a
    dialect refuses behind the first turn, become user text and images at the nearest place that is allowed.
    `tool_turns`: there are tools, or were, so that vendors who think between calls may want their thinking back.
    """

    def __init__(self, dialect: Dialect, *, tool_turns: bool = False) -> None:
        self._tool_turns = tool_turns
        self._writer = ContentWriter(dialect)
        self.dropped = self._writer.dropped
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
        if self._dialect.prefill != "free" and self.written and self.written[-1]["role"] == "assistant":
            self._begun(self.written[-1])
        return self.written

    def _begun(self, last: Json) -> None:
        """The beginning of the answer, which some vendors want marked and others do not go on from."""
        if "tool_calls" in last:
            return
        if self._dialect.prefill == "marked":
            last["prefix"] = True
            return
        self.dropped.add("messages[-1]")
        self._append({"role": "user", "content": GO_ON})

    def _append(self, message: Json, name: str = "") -> None:
        if name and "messages[].name" in self._dialect.forbidden:
            self.dropped.add("messages[].name")
        elif name:
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
        self.dropped.add("messages[].role")
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
        if not self._dialect.user_after_results and self.written and self.written[-1]["role"] == "tool":
            self._append({"role": "assistant", "content": HEARD})
        self._append({"role": "user", "content": self._content(parts)}, name)
        self._last_user = parts

    def _grow_user(self, spoken: list[Spoken]) -> None:
        parts = [*(self._last_user or []), *self._moved, *spoken]
        self._moved = []
        self.written[-1]["content"] = self._content(parts)
        self._last_user = parts

    def _content(self, parts: Sequence[Spoken]) -> str | list[Json]:
        return self._writer.write(parts)

    def _assistant(self, message: Message) -> None:
        self._flush_moved()
        if self._leading and not self._dialect.mid_system:  # such templates want the user's word first
            self._append({"role": "user", "content": BEGIN})
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
        thoughts = [part for part in message.parts if isinstance(part, Reasoning)]
        if thoughts or (self._tool_turns and self._dialect.reasoning_back == "tool-turns"):
            self._reasoning(thoughts, written)
        if calls:
            written["tool_calls"] = [self._call(call) for call in calls]
        self._append(written, message.name)

    def _reasoning(self, parts: list[Reasoning], written: Json) -> None:
        policy = self._dialect.reasoning_back
        demanded = policy == "tool-turns" and self._tool_turns
        ours = [part for part in parts if part.origin is None or part.origin.wire == OPENAI_CHAT]
        if not demanded and policy != "always":
            ours = []
        if len(ours) < len(parts):
            self.dropped.add("messages[].reasoning")
        blocks = [part.opaque for part in ours if part.opaque is not None and part.origin is not None]
        match self._dialect.reasoning_back_as:
            case "field":
                texts = [part.text for part in ours if part.text]
                if texts or demanded:  # there even an empty one is demanded
                    written[self._dialect.reasoning_fields[0]] = "\n\n".join(texts)
                kept = [block for block in blocks if is_details(block)]
                if kept and _DETAILS in self._dialect.reasoning_fields:
                    written[_DETAILS] = joined_details(kept)
                    blocks = [block for block in blocks if not is_details(block)]
            case "tags":
                self._in_tags([part.text for part in ours if part.text], written)
            case "chunks":
                self._in_chunks(ours, written)
                blocks = [block for block in blocks if is_details(block)]
        if blocks or any(part.opaque is not None and part.origin is None for part in ours):
            self.dropped.add("messages[].reasoning")

    def _in_tags(self, texts: list[str], written: Json) -> None:
        if not texts:
            return
        before = in_tags("\n\n".join(texts), next(iter(self._dialect.reasoning_tags), "think"))
        content = written["content"]
        if isinstance(content, list):
            written["content"] = [{"type": "text", "text": before}, *content]
        else:
            written["content"] = before + (content or "") if isinstance(content, str) or content is None else content

    def _in_chunks(self, ours: list[Reasoning], written: Json) -> None:
        chunks: list[object] = []
        for part in ours:
            if part.opaque is not None and part.origin is not None and not is_details(part.opaque):
                chunks.append(msgspec.Raw(part.opaque))
            elif part.text:
                chunks.append({"type": "thinking", "thinking": [{"type": "text", "text": part.text}]})
        content = written["content"]
        if chunks:
            said = [{"type": "text", "text": content}] if isinstance(content, str) and content else content or []
            written["content"] = [*chunks, *said] if isinstance(said, list) else content

    def _call(self, call: ToolCall) -> Json:
        if call.cache is not None:
            self.dropped.add("messages[].cache_control")
        extra: Json = {}
        if call.opaque is not None and call.origin is not None and call.origin.wire == OPENAI_CHAT:
            extra = msgspec.json.decode(call.opaque, type=Json)
        elif call.opaque is not None:
            self.dropped.add("messages[].tool_calls[].opaque")
        id_ = self._ids.to_wire(call.id)
        if call.custom:
            return {"id": id_, "type": "custom", "custom": {"name": call.name, "input": call.arguments}, **extra}
        function = {"name": call.name, "arguments": call.arguments or "{}"}
        return {"id": id_, "type": "function", "function": function, **extra}

    def _result(self, result: ToolResult) -> None:
        if result.is_error:
            self.dropped.add("messages[].content[].is_error")
        id_ = self._ids.to_wire(result.call_id)
        spoken = self._spoken(result.content)
        if result.cache is not None and spoken and not isinstance(spoken[-1], Refusal):
            spoken[-1] = replace(spoken[-1], cache=result.cache)
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
                self.dropped.add("messages[].content[].opaque")
                if not part.text:  # a block that only its own wire understands
                    continue
            if isinstance(part, Text | Refusal | Media):
                spoken.append(part)
        return spoken
