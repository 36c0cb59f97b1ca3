"""Requests of the Responses wire, both ways: items, tools, fields. Knows no replies, no stores, no events.

What only this wire has goes to `ChatRequest.extra`, under its name or, where a known field holds it, under a path
(`reasoning.summary`, `tools[].defer_loading`). Facts: the types of the `openai` SDK 3.51.
"""

import hashlib
from typing import Final, cast

import msgspec
from msgspec import Raw

from hostler.core.messages import Media, Message, Part, Reasoning, Refusal, Role, Text, ToolCall, ToolResult
from hostler.core.requests import ChatRequest, Effort, ReasoningOptions, Sampling
from hostler.core.wires import OPENAI_RESPONSES
from hostler.errors import WireError
from hostler.wire import fields, responses_tools
from hostler.wire.codec import Encoded
from hostler.wire.dialects import Dialect
from hostler.wire.efforts import EFFORTS, effort_word
from hostler.wire.fields import Members, as_text, need_items, need_members, need_text
from hostler.wire.free_text import without_free_text
from hostler.wire.ids import ToolIds
from hostler.wire.json_mode import with_format_told
from hostler.wire.losses import lost_of_said, lost_of_sampling
from hostler.wire.openai_content import read_content, write_flat_part
from hostler.wire.own_fields import own_extra
from hostler.wire.responses_items import Json, said
from hostler.wire.role_messages import of_result
from hostler.wire.tool_offers import offer_tools, write_parallel
from hostler.wire.waiting_calls import WaitingCalls

_LONGEST_USER: Final = 64
_FEWEST_TOKENS: Final = 16  # the vendor refuses a lower limit
_SECTIONS: Final = ("reasoning", "text")
_READ: Final = frozenset(
    {
        "model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "max_output_tokens", "user",
        "temperature", "top_p", "reasoning", "text", "stream", "safety_identifier", "prompt_cache_key",
    }
)  # fmt: skip
_IDLE: Final[Members] = {
    "background": False, "include": [], "metadata": {}, "service_tier": "auto", "store": False, "truncation": "disabled"
}  # fmt: skip
"""What a field says that asks for nothing; such a field is not kept, so that nobody names it as lost."""
_STORED: Final = ("previous_response_id", "conversation", "background", "store")  # in vain without a stored reply


class _Input(msgspec.Struct):
    input: list[Raw]


def decode_request(body: bytes) -> ChatRequest:
    """The request that a client posted to `/v1/responses`; raises WireError that names the place."""
    members = fields.parse_object(body)
    reasoning, text = (need_members(members.get(key) or {}, key) for key in ("reasoning", "text"))
    extra = {k: v for k, v in members.items() if k not in _READ and v is not None and v != _IDLE.get(k)}
    extra |= {f"text.{k}": v for k, v in text.items() if k != "format" and v is not None}
    effort = reasoning.get("effort") if reasoning.get("effort") in EFFORTS else None
    extra |= {f"reasoning.{k}": v for k, v in reasoning.items() if v is not None and (k != "effort" or not effort)}
    return ChatRequest(
        model=need_text(members.get("model"), "model"),
        messages=_read_messages(members, body),
        tools=responses_tools.read_tools(members.get("tools"), extra),
        tool_choice=responses_tools.read_choice(members, extra),
        parallel_tool_calls=fields.flag_or_none(members, "parallel_tool_calls"),
        max_tokens=fields.whole_or_none(members, "max_output_tokens"),
        sampling=Sampling(
            temperature=fields.number_or_none(members, "temperature"), top_p=fields.number_or_none(members, "top_p")
        ),
        reasoning=ReasoningOptions(effort=cast("Effort", effort)) if effort else None,
        output_format=responses_tools.read_format(text.get("format"), extra),
        stream=fields.flag_or_none(members, "stream") or False,
        include_usage=True,
        cache_key=fields.text_or_none(members, "prompt_cache_key") or "",
        user=fields.text_or_none(members, "safety_identifier") or fields.text_or_none(members, "user") or "",
        wire=OPENAI_RESPONSES,
        extra=extra,
    )


# ------------------------------------------------------------------------------------------- reading


def _read_messages(members: Members, body: bytes) -> tuple[Message, ...]:
    reader, value = _Reader(), members.get("input")
    instructions = fields.text_or_none(members, "instructions")
    if instructions:
        reader.messages.append(Message("system", (Text(text=instructions),)))
    if value is None or isinstance(value, str):
        reader.messages += [Message("user", read_content(value, "input"))] if value else []
        return tuple(reader.messages)
    items = need_items(value, "input")
    for position, (item, raw) in enumerate(zip(items, msgspec.json.decode(body, type=_Input).input, strict=True)):
        reader.read(need_members(item, f"input[{position}]"), bytes(raw), path=f"input[{position}]")
    reader.end_turn()
    return tuple(reader.messages)


class _Reader:
    """Reads items in order; what the model said in a row is one message."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._said: list[Part] = []
        self._waiting = WaitingCalls()

    def read(self, item: Members, raw: bytes, *, path: str) -> None:
        role = item.get("role")
        match item.get("type") or ("message" if role else None):
            case "message" if role in ("user", "system", "developer"):
                self._add(cast("Role", role), read_content(item.get("content"), f"{path}.content"))
            case "message" if role != "assistant":
                raise WireError(f"{path}.role: {role!r} is none of user, assistant, system, developer.")
            case "function_call_output" | "custom_tool_call_output":
                self._add("tool", (self._result(item, path),))
            case "item_reference":
                hint = "Send the item itself; a reference needs a stored response."
                raise WireError(f"{path}: nothing is known here of the item {item.get('id')!r}.", hint=hint)
            case "function_call" | "custom_tool_call" if not item.get("name"):
                raise WireError(f"{path}.name is required.")
            case str():
                parts = said(item, raw, call_id=f"call_{len(self.messages)}_{len(self._said)}")
                for call in (part for part in parts if isinstance(part, ToolCall)):
                    self._waiting.add(call.id, call.name, made_id="")
                self._said += parts
            case _:
                raise WireError(f"{path}.type is required.")

    def end_turn(self) -> None:
        """Make a message of what the model said so far."""
        if self._said:
            self.messages.append(Message("assistant", tuple(self._said)))
            self._said = []

    def _add(self, role: Role, parts: tuple[Part, ...]) -> None:
        self.end_turn()
        self.messages.append(Message(role, parts))

    def _result(self, item: Members, path: str) -> ToolResult:
        call_id = self._waiting.take(as_text(item.get("call_id")), "", by_order=True)
        if not call_id:
            raise WireError(f"{path}.call_id is missing, and no call waits for a result.")
        content = of_result(read_content(item.get("output"), f"{path}.output"))
        return ToolResult(call_id=call_id, content=content, name=as_text(item.get("name")))


# ------------------------------------------------------------------------------------------- writing


def encode_request(request: ChatRequest, dialect: Dialect) -> Encoded:
    """The body for `/v1/responses`, and what had to be left out; raises Unsupported for media that have no place.

    Replies are not stored by the vendor unless a client of this very wire asks for it.
    """
    dialect = dialect.of(request.model)
    request, lost = without_free_text(with_format_told(request, dialect, wire=OPENAI_RESPONSES), dialect)
    items = _ItemWriter(request, dialect)
    for position, message in enumerate(request.messages):
        items.write(message, f"messages[{position}]")
    writer = _FieldWriter(request, dialect, dropped=items.dropped | lost)
    writer.body |= {"input": items.items} | ({"instructions": items.instructions} if items.instructions else {})
    writer.write()
    return Encoded(msgspec.json.encode(writer.body), tuple(sorted(writer.dropped)))


def _ours(part: Part) -> bytes:
    """A part's opaque block if it is an item of this wire, else nothing."""
    if not isinstance(part, Text | Reasoning | ToolCall) or part.origin is None:
        return b""
    return part.opaque or b"" if part.origin.wire == OPENAI_RESPONSES else b""


class _ItemWriter:
    """Writes messages as items, in order."""

    def __init__(self, request: ChatRequest, dialect: Dialect) -> None:
        self.items: list[object] = []
        self.instructions = ""
        self.dropped: set[str] = set()
        self._request = request
        self._dialect = dialect
        self._ids = ToolIds(dialect.tool_id_pattern)
        self._same_wire = request.wire == OPENAI_RESPONSES
        self._raw_ids: set[str] = set()
        self._custom_ids: set[str] = set()

    def write(self, message: Message, path: str) -> None:
        """Write one message, which may become several items, or none."""
        if message.name:
            self.dropped.add("messages[].name")
        if message.role in ("system", "developer"):
            self._system(message, path)
        elif message.role == "assistant":
            self._assistant(message, path)
        else:
            spoken = tuple(part for part in message.parts if not isinstance(part, ToolResult))
            for part in message.parts:
                if isinstance(part, ToolResult):
                    self._result(part, path)
            self._say("user", self._content(spoken, path))

    def _system(self, message: Message, path: str) -> None:
        texts = [part.text for part in message.parts if isinstance(part, Text)]
        several = len(texts) > 1 and self._same_wire
        if message.role == "developer" or self.items or self.instructions or several or len(texts) < len(message.parts):
            role = "developer" if message.role == "developer" and self._dialect.developer_role else "system"
            self._say(role, self._content(message.parts, path))
            return
        self.instructions = "\n\n".join(text for text in texts if text)
        self.dropped = self.dropped.union(*map(lost_of_said, message.parts))

    def _say(self, role: Role, content: str | list[Json]) -> None:
        if content:
            self.items.append({"type": "message", "role": role, "content": content})

    def _content(self, parts: tuple[Part, ...], path: str) -> str | list[Json]:
        """A message's content or a call's output: one text as itself, else an array."""
        first = parts[0] if len(parts) == 1 else None
        if isinstance(first, Text) and first.cache is None and first.opaque is None:  # nearly all
            return first.text
        pieces = (
            write_flat_part(part, f"{path}.content[{index}]", wire=self._request.wire, dropped=self.dropped)
            for index, part in enumerate(parts)
        )
        written = [piece for piece in pieces if piece is not None]
        if not written or (len(written) == 1 and written[0].keys() == {"type", "text"}):
            return str(written[0]["text"]) if written else ""
        return written

    def _assistant(self, message: Message, path: str) -> None:
        calls = any(isinstance(part, ToolCall) for part in message.parts)
        answered = len(self.items)
        for part in message.parts:
            before = len(self.items)
            if isinstance(part, Reasoning):
                self._reasoning(part, calls=calls)
                continue
            self._said(part, path)
            answered = len(self.items) if len(self.items) > before else answered
        if answered < len(self.items):  # the vendor refuses reasoning that nothing follows
            del self.items[answered:]
            self.dropped.add("messages[].reasoning")

    def _said(self, part: Text | Refusal | Media | ToolCall | ToolResult, path: str) -> None:
        ours = _ours(part)
        match part:
            case ToolCall():
                self._call(part, ours)
            case Text() if ours:
                self.items.append(Raw(ours))
            case Text(text=text):
                self.dropped |= lost_of_said(part)
                self._say("assistant", text)
            case Refusal(text=text):
                self._say("assistant", [{"type": "refusal", "refusal": text}])
            case ToolResult():
                self._result(part, path)
            case Media(kind=kind):
                self.dropped.add(f"messages[].{kind}")

    def _reasoning(self, part: Reasoning, *, calls: bool) -> None:
        back = self._dialect.wants_thinking(calls=calls)
        if _ours(part):
            self.items.append(Raw(_ours(part)))
        elif part.text and back and (part.origin is None or part.origin.wire == OPENAI_RESPONSES):
            content = [{"type": "reasoning_text", "text": part.text}]
            self.items.append({"type": "reasoning", "id": f"rs_{len(self.items)}", "summary": [], "content": content})
        elif part.text or part.opaque is not None:
            self.dropped.add("messages[].reasoning")

    def _call(self, call: ToolCall, ours: bytes) -> None:
        if call.custom:
            self._custom_ids.add(call.id)
        if ours:
            self._raw_ids.add(call.id)
            self.items.append(Raw(ours))
            return
        self.dropped |= lost_of_said(call)
        kind, key = ("custom_tool_call", "input") if call.custom else ("function_call", "arguments")
        text = call.arguments if call.custom else call.arguments or "{}"
        names = responses_tools.spelled(call.name, self._request)
        self.items.append({"type": kind, "call_id": self._ids.to_wire(call.id), **names, key: text})

    def _result(self, result: ToolResult, path: str) -> None:
        self.dropped |= lost_of_said(result)
        kind = "custom_tool_call_output" if result.call_id in self._custom_ids else "function_call_output"
        call_id = result.call_id if result.call_id in self._raw_ids else self._ids.to_wire(result.call_id)
        self.items.append({"type": kind, "call_id": call_id, "output": self._content(result.content, path)})


class _FieldWriter:
    """Writes all top-level fields but the input."""

    def __init__(self, request: ChatRequest, dialect: Dialect, *, dropped: set[str]) -> None:
        self.body: Json = {"model": request.model}
        self.dropped = dropped
        self._request = request
        self._dialect = dialect
        self._same_wire = request.wire == OPENAI_RESPONSES

    def write(self) -> None:
        request, body = self._request, self.body
        limit = self._dialect.max_tokens_default if request.max_tokens is None else request.max_tokens
        if limit is not None:
            body["max_output_tokens"] = limit if self._same_wire else max(limit, _FEWEST_TOKENS)
            if body["max_output_tokens"] != limit:
                self.dropped.add("max_tokens")
        self._sampling(request.sampling)
        self._tools()
        self._reasoning()
        if request.output_format is not None:
            form = responses_tools.write_format(request.output_format, self._dialect, same_wire=self._same_wire)
            body["text"] = {"format": form}
            if request.output_format.kind == "json_schema" and not self._dialect.json_schema:
                self.dropped.add("response_format.json_schema")
        if request.user:  # the vendor refuses long ones; a digest tells users apart as well
            digest = hashlib.sha256(request.user.encode()).hexdigest()
            body["user"] = digest if len(request.user) > _LONGEST_USER else request.user
        if request.cache is not None:
            self.dropped.add("cache_control")
        body.update({"stream": True} if request.stream or self._dialect.stream_only else {})
        body.update({"prompt_cache_key": request.cache_key} if request.cache_key else {})
        self._extra(request)
        self.dropped |= self._dialect.depart(body)

    def _sampling(self, sampling: Sampling) -> None:
        given = {"temperature": sampling.temperature, "top_p": sampling.top_p}
        self.body.update((name, value) for name, value in given.items() if value is not None)
        self.dropped |= lost_of_sampling(sampling, known=given)

    def _tools(self) -> None:
        request = self._request
        offered, choice = offer_tools(request, self._dialect, wire=OPENAI_RESPONSES, dropped=self.dropped)
        if offered:
            self.body["tools"] = responses_tools.write_tools(offered, request, dialect=self._dialect)
            if any(tool.cache is not None for tool in offered):
                self.dropped.add("tools[].cache_control")
        if choice is not None:
            self.body["tool_choice"] = responses_tools.write_choice(choice, request)
        self.body |= write_parallel(request, self._dialect, offered=bool(offered), dropped=self.dropped)

    def _reasoning(self) -> None:
        options = self._request.reasoning
        if options is None:
            return
        effort, dropped = effort_word(options, self._dialect.efforts, name="reasoning_effort")
        self.dropped |= dropped
        if effort is None:
            return
        reasoning: Json = {"effort": effort}
        if not self._same_wire and effort != "none":
            self.body["include"] = ["reasoning.encrypted_content"]
            if not options.hidden and "reasoning.summary" not in self._dialect.forbidden:
                reasoning["summary"] = "auto"  # without it nothing of the thinking can be read
        self.body["reasoning"] = reasoning

    def _extra(self, request: ChatRequest) -> None:
        for section, name, value in own_extra(request, OPENAI_RESPONSES, sections=_SECTIONS, dropped=self.dropped):
            if not section:
                self.body[name] = value
            elif section != "tools[]":  # the tools hold that
                cast("Json", self.body.setdefault(section, {}))[name] = value
        stores = self._same_wire and self._dialect.stores_responses
        if not (stores and any(key in self._request.extra for key in _STORED)):
            self.body["store"] = False
