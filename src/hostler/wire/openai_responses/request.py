"""Requests of the Responses wire, both ways: items, tools, fields. Knows no replies, no stores, no events.

Facts: the types of the `openai` SDK 3.51 (`types.responses`). What only this wire has goes to `ChatRequest.extra`, under
its name or, where a known field holds it, under a path (`reasoning.summary`, `tools[].defer_loading`). A whole item is
the opaque block of what the core cannot hold of it: encrypted reasoning, a message's `phase` and citations, a call's
namespace, and every item that nobody told us about.
"""

import hashlib
from typing import Final, cast

import msgspec
from msgspec import Raw

from hostler.core.messages import Media, Message, Origin, Part, Reasoning, Refusal, Role, Text, ToolCall, ToolResult
from hostler.core.requests import ChatRequest, Effort, OutputFormat, ReasoningOptions, Sampling, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import OPENAI_CHAT, OPENAI_RESPONSES
from hostler.errors import Unsupported, WireError
from hostler.wire import fields
from hostler.wire.codec import Encoded
from hostler.wire.dialects import Dialect
from hostler.wire.efforts import EFFORTS, effort_word
from hostler.wire.fields import Members, as_items, as_members, as_text, need_items, need_members, need_text
from hostler.wire.ids import ToolIds
from hostler.wire.openai_content import AUDIO_TYPES, read_content
from hostler.wire.openai_tools import read_tool, read_tool_choice
from hostler.wire.tool_offers import offer_tools

Json = dict[str, object]
HISTORY: Final = Origin("", OPENAI_RESPONSES, "")
"""Origin of what a client's history or a bare body holds: only the wire is known."""
NAMESPACE: Final = "tools[].namespace"
"""The key of `extra` under which flat tool names stand, each with its namespace, name, and the namespace's purpose."""

_LONGEST_NAME: Final = 64
_LONGEST_USER: Final = 64
_FEWEST_TOKENS: Final = 16
"""The vendor refuses a smaller `max_output_tokens`."""
_AUDIO_FORMATS: Final = {kind: name for name, kind in AUDIO_TYPES.items()} | {"audio/mp3": "mp3", "audio/x-wav": "wav"}
_READ: Final = frozenset(
    {
        "model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "max_output_tokens", "user",
        "temperature", "top_p", "reasoning", "text", "stream", "safety_identifier",
    }
)  # fmt: skip
_READ_IN_TOOL: Final = frozenset(
    ("type", "name", "description", "parameters", "strict", "format", "function", "custom")
)
_IDLE: Final[Members] = {
    "background": False, "include": [], "metadata": {}, "service_tier": "auto", "store": False, "truncation": "disabled",
}  # fmt: skip
"""What a field says that asks for nothing; such a field is not kept, so that nobody names it as lost."""
_STORED: Final = ("previous_response_id", "conversation", "background", "store")
"""Fields that mean nothing unless the vendor stores the reply."""


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
        tools=_read_tools(members.get("tools"), extra),
        tool_choice=_read_choice(members, extra),
        parallel_tool_calls=fields.flag_or_none(members, "parallel_tool_calls"),
        max_tokens=fields.whole_or_none(members, "max_output_tokens"),
        sampling=Sampling(
            temperature=fields.number_or_none(members, "temperature"), top_p=fields.number_or_none(members, "top_p")
        ),
        reasoning=ReasoningOptions(effort=cast("Effort", effort)) if effort else None,
        output_format=_read_format(text.get("format"), extra),
        stream=fields.flag_or_none(members, "stream") or False,
        include_usage=True,
        user=fields.text_or_none(members, "safety_identifier") or fields.text_or_none(members, "user") or "",
        wire=OPENAI_RESPONSES,
        extra=extra,
    )


def flat_name(space: str, name: str) -> str:
    """A tool's name where there are no namespaces; within the length that every vendor allows."""
    flat = f"{space.removesuffix('__')}__{name}" if space else name
    if len(flat) <= _LONGEST_NAME or not space:
        return flat
    return f"{flat[: _LONGEST_NAME - 9]}_{hashlib.sha256(flat.encode()).hexdigest()[:8]}"


def spelled(flat: str, request: ChatRequest | None) -> Json:
    """A tool's `name`, and its `namespace` where the request offered it in one."""
    space = as_items(as_members(request.extra.get(NAMESPACE)).get(flat)) if request is not None else []
    return {"namespace": space[0], "name": space[1]} if space else {"name": flat}


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
        self._waiting: list[str] = []

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
                self._waiting += [part.id for part in parts if isinstance(part, ToolCall)]
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
        call_id = as_text(item.get("call_id")) or (self._waiting[0] if self._waiting else "")
        if not call_id:
            raise WireError(f"{path}.call_id is missing, and no call waits for a result.")
        self._waiting = [each for each in self._waiting if each != call_id]
        parts = read_content(item.get("output"), f"{path}.output")
        content = tuple(Text(text=part.text) if isinstance(part, Refusal) else part for part in parts)
        return ToolResult(call_id=call_id, content=content, name=as_text(item.get("name")))


def said(item: Members, raw: bytes, *, call_id: str = "") -> list[Part]:
    """What an item of the model's says, read with tolerance; `call_id` is for a call that has none."""
    match item.get("type") or "message":
        case "message":
            return _spoken(item, raw)
        case "reasoning":
            text = thinking_of(item)
            if item.get("encrypted_content"):
                return [Reasoning(text=text, origin=HISTORY, opaque=raw)]
            return [Reasoning(text=text)] if text else []  # perhaps another wire's, shown to this one's client by us
        case "function_call" | "custom_tool_call" as kind:
            arguments = item.get("input" if kind == "custom_tool_call" else "arguments")
            if not isinstance(arguments, str):
                arguments = msgspec.json.encode(arguments).decode() if arguments else ""
            keep = bool(item.get("namespace") or item.get("caller"))
            call = ToolCall(
                id=as_text(item.get("call_id")) or as_text(item.get("id")) or call_id,
                name=flat_name(as_text(item.get("namespace")), as_text(item.get("name"))),
                arguments=arguments,
                custom=kind == "custom_tool_call",
                origin=HISTORY if keep else None,
                opaque=raw if keep else None,
            )
            return [call]
        case _:
            return [Text(text="", origin=HISTORY, opaque=raw)]


def thinking_of(item: Members) -> str:
    """The readable part of a reasoning item: the thinking itself where it is given, else its summary."""
    parts = as_items(item.get("content")) or as_items(item.get("summary"))
    return "\n\n".join(text for part in parts if (text := as_text(as_members(part).get("text"))))


def _spoken(item: Members, raw: bytes) -> list[Part]:
    content = item.get("content")
    pieces = [as_members(piece) for piece in as_items(content)]
    text = as_text(content) + "".join(as_text(piece.get("text")) for piece in pieces)
    refusal = "".join(as_text(piece.get("refusal")) for piece in pieces)
    if not refusal and (
        item.get("phase") or any(piece.get("annotations") or piece.get("logprobs") for piece in pieces)
    ):
        return [Text(text=text, origin=HISTORY, opaque=raw)]
    parts: list[Part] = [Text(text=text)] if text else []
    return [*parts, Refusal(text=refusal)] if refusal else parts


def _read_tools(value: object, extra: Json, space: Members | None = None) -> tuple[Tool, ...]:
    tools: list[Tool] = []
    for position, item in enumerate([] if value is None else need_items(value, "tools")):
        path = f"tools[{position}]" if space is None else f"tools[].tools[{position}]"
        members = need_members(item, path)
        if members.get("type") == "namespace":
            need_text(members.get("name"), f"{path}.name")
            tools += _read_tools(members.get("tools"), extra, members)
            continue
        if space is not None:
            purpose = [space["name"], need_text(members.get("name"), f"{path}.name"), as_text(space.get("description"))]
            members = {**members, "name": flat_name(str(purpose[0]), str(purpose[1]))}
            cast("Json", extra.setdefault(NAMESPACE, {}))[as_text(members["name"])] = purpose
        tool = read_tool(members, path)
        tools.append(tool)
        for key in members.keys() - _READ_IN_TOOL if tool.server is None else ():
            if members[key] is not None:
                cast("Json", extra.setdefault(f"tools[].{key}", {}))[tool.name] = members[key]
    return tuple(tools)


def _read_choice(members: Members, extra: Json) -> ToolChoice | None:
    choice = as_members(members.get("tool_choice"))
    if not choice:
        return read_tool_choice({"tool_choice": members.get("tool_choice")})
    listed = [as_members(tool) for tool in as_items(choice.get("tools"))] or [choice]
    ours = [tool for tool in listed if tool.get("type") in ("function", "custom", "allowed_tools")]
    if len(ours) < len(listed):
        extra["tool_choice"] = choice  # tools that the vendor runs itself
    flat = [
        {**t, "name": flat_name(as_text(t.get("namespace")), as_text(t["name"]))} if "name" in t else t for t in ours
    ]
    if choice.get("type") == "allowed_tools":
        return read_tool_choice({"tool_choice": {**choice, "tools": flat}})
    return read_tool_choice({"tool_choice": flat[0]}) if flat else None


def _read_format(value: object, extra: Json) -> OutputFormat | None:
    form = need_members(value or {}, "text.format")
    match form.get("type"):
        case None | "text":
            return None
        case "json_object":
            return OutputFormat("json_object")
        case "json_schema":
            form = as_members(form.get("json_schema")) or form
            schema, strict = need_members(form.get("schema"), "text.format.schema"), form.get("strict")
            name, description = as_text(form.get("name")), as_text(form.get("description"))
            return OutputFormat("json_schema", schema, name, strict if isinstance(strict, bool) else None, description)
        case _:
            extra["text.format"] = value  # a grammar, say
            return None


# ------------------------------------------------------------------------------------------- writing


def encode_request(request: ChatRequest, dialect: Dialect) -> Encoded:
    """The body for `/v1/responses`, and what had to be left out; raises Unsupported for media that have no place.

    Replies are not stored by the vendor unless a client of this very wire asks for it.
    """
    items = _ItemWriter(request, dialect)
    for position, message in enumerate(request.messages):
        items.write(message, f"messages[{position}]")
    writer = _FieldWriter(request, dialect, dropped=items.dropped)
    writer.body["input"] = items.items
    if items.instructions:
        writer.body["instructions"] = "\n\n".join(items.instructions)
    writer.write()
    return Encoded(msgspec.json.encode(writer.body), tuple(sorted(writer.dropped)))


def _ours(part: Text | Reasoning | ToolCall) -> bytes:
    """A part's opaque block if it is an item of this wire, else nothing."""
    return part.opaque or b"" if part.origin is not None and part.origin.wire == OPENAI_RESPONSES else b""


class _ItemWriter:
    """Writes messages as items, in order."""

    def __init__(self, request: ChatRequest, dialect: Dialect) -> None:
        self.items: list[object] = []
        self.instructions: list[str] = []
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
            self._say("user", spoken, path)

    def _system(self, message: Message, path: str) -> None:
        texts = [part.text for part in message.parts if isinstance(part, Text) and part.text]
        leading, mid = not self.items, self._dialect.mid_system
        whole = len(message.parts) == 1 if self._same_wire else message.role == "system" and texts
        if leading and (not mid or (whole and message.role == "system" and not self.instructions)):
            self.instructions += texts
            if any(isinstance(part, Text) and part.cache is not None for part in message.parts):
                self.dropped.add("messages[].cache_control")
        elif mid:
            role = "developer" if message.role == "developer" and self._dialect.developer_role else "system"
            self._say(role, message.parts, path)
        else:
            self.dropped.add("messages[].role")
            text = "\n\n".join(texts)
            self._say("user", (Text(text=f"<system>\n{text}\n</system>"),), path)

    def _say(self, role: Role, parts: tuple[Part, ...], path: str) -> None:
        content = self._content(parts, path)
        if content:
            self.items.append({"type": "message", "role": role, "content": content})

    def _content(self, parts: tuple[Part, ...], path: str) -> str | list[Json]:
        """A message's content or a call's output: one text as itself, else an array."""
        written = [each for i, part in enumerate(parts) if (each := self._piece(part, f"{path}.content[{i}]"))]
        texts = [str(each["text"]) for each in written if each.keys() == {"type", "text"}]
        if len(texts) == len(written) and (len(texts) < 2 or not self._dialect.text_parts):
            return "\n\n".join(texts)
        return written

    def _piece(self, part: Part, path: str) -> Json | None:
        written: Json | None = None
        if isinstance(part, Media):
            written = self._media(part, path)
        elif isinstance(part, Text | Refusal) and part.text:
            written = {"type": "input_text", "text": part.text}
        if written is None or (isinstance(part, Text) and part.opaque is not None):
            self.dropped.add("messages[].content[]")
        if written is not None and isinstance(part, Text | Media) and part.cache is not None:
            if self._same_wire:  # only the newest models of the vendor take marks
                ttl = {"ttl": "12h"} if part.cache == "1h" else {}
                written["prompt_cache_breakpoint"] = {"mode": "explicit", **ttl}
            else:
                self.dropped.add("messages[].cache_control")
        return written

    def _media(self, part: Media, path: str) -> Json:
        wire = part.origin.wire if part.origin is not None else self._request.wire
        if part.file_id is not None and wire not in (None, OPENAI_RESPONSES, OPENAI_CHAT):
            hint = "Send the file itself, as base64 data or as a URL."
            raise Unsupported(f"{path}: the file id '{part.file_id}' belongs to another vendor.", hint=hint)
        fallback = "image/png" if part.kind == "image" else "application/pdf"
        url = part.url or f"data:{part.media_type or fallback};base64,{part.data or ''}"
        match part:
            case Media(kind="image"):
                where = {"image_url": url} if part.file_id is None else {"file_id": part.file_id}
                return {"type": "input_image", "detail": part.detail or "auto", **where}
            case Media(kind="audio", data=str() as data, media_type=kind) if kind in _AUDIO_FORMATS:
                return {"type": "input_audio", "input_audio": {"data": data, "format": _AUDIO_FORMATS[kind]}}
            case Media(kind="audio" | "video"):
                hint = f"Choose a model that takes {part.kind}, or leave it out."
                raise Unsupported(f"{path}: this model's interface takes no such {part.kind}.", hint=hint)
            case Media(text=str() as text):
                title = f' title="{part.name}"' if part.name else ""
                return {"type": "input_text", "text": f"<document{title}>\n{text}\n</document>"}
            case Media(file_id=str() as file_id):
                return {"type": "input_file", "file_id": file_id}
            case Media(url=str()):
                return {"type": "input_file", "file_url": url}
            case _:
                return {"type": "input_file", "filename": part.name or "document.pdf", "file_data": url}

    def _assistant(self, message: Message, path: str) -> None:
        calls = any(isinstance(part, ToolCall) for part in message.parts)
        answered = len(self.items)
        for part in message.parts:
            before = len(self.items)
            match part:
                case Reasoning():
                    self._reasoning(part, calls=calls)
                    continue
                case Text():
                    self._spoken(part)
                case Refusal(text=text):
                    content = [{"type": "refusal", "refusal": text}]
                    self.items.append({"type": "message", "role": "assistant", "content": content})
                case ToolCall():
                    self._call(part)
                case ToolResult():
                    self._result(part, path)
                case Media():
                    self.dropped.add(f"messages[].{part.kind}")
            answered = len(self.items) if len(self.items) > before else answered
        if answered < len(self.items):  # the vendor refuses reasoning that nothing follows
            del self.items[answered:]
            self.dropped.add("messages[].reasoning")

    def _spoken(self, part: Text) -> None:
        if _ours(part):
            self.items.append(Raw(_ours(part)))
            return
        if part.opaque is not None:
            self.dropped.add("messages[].content[].opaque")
        if part.cache is not None:
            self.dropped.add("messages[].cache_control")
        if part.text:
            self.items.append({"type": "message", "role": "assistant", "content": part.text})

    def _reasoning(self, part: Reasoning, *, calls: bool) -> None:
        policy = self._dialect.reasoning_back
        back = policy == "always" or (policy == "tool-turns" and calls)
        if _ours(part):
            self.items.append(Raw(_ours(part)))
        elif part.text and back and (part.origin is None or part.origin.wire == OPENAI_RESPONSES):
            content = [{"type": "reasoning_text", "text": part.text}]
            self.items.append({"type": "reasoning", "id": f"rs_{len(self.items)}", "summary": [], "content": content})
        elif part.text or part.opaque is not None:
            self.dropped.add("messages[].reasoning")

    def _call(self, call: ToolCall) -> None:
        if call.custom:
            self._custom_ids.add(call.id)
        if call.cache is not None:
            self.dropped.add("messages[].cache_control")
        if _ours(call):
            self._raw_ids.add(call.id)
            self.items.append(Raw(_ours(call)))
            return
        if call.opaque is not None:
            self.dropped.add("messages[].tool_calls[].opaque")
        kind, key = ("custom_tool_call", "input") if call.custom else ("function_call", "arguments")
        text = call.arguments if call.custom else call.arguments or "{}"
        names = spelled(call.name, self._request)
        self.items.append({"type": kind, "call_id": self._ids.to_wire(call.id), **names, key: text})

    def _result(self, result: ToolResult, path: str) -> None:
        if result.is_error:
            self.dropped.add("messages[].content[].is_error")
        if result.cache is not None:
            self.dropped.add("messages[].cache_control")
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
        for name in ("temperature", "top_p", "top_k", "min_p", "seed", "presence_penalty", "frequency_penalty", "stop"):
            value = getattr(request.sampling, name)
            if name in ("temperature", "top_p") and value is not None:
                body[name] = value
            elif value or (name == "seed" and value is not None):
                self.dropped.add(name)
        self._tools()
        self._reasoning()
        self._format()
        if request.user:  # the vendor refuses long ones; a digest tells users apart as well
            digest = hashlib.sha256(request.user.encode()).hexdigest()
            body["user"] = digest if len(request.user) > _LONGEST_USER else request.user
        if request.stream:
            body["stream"] = True
        if not (self._same_wire and any(key in request.extra for key in _STORED)):
            body["store"] = False
        self._extra()
        for name in self._dialect.forbidden:
            if body.pop(name, None) is not None:
                self.dropped.add(name)

    def _tools(self) -> None:
        request = self._request
        offered, choice = offer_tools(request, self._dialect, wire=OPENAI_RESPONSES, dropped=self.dropped)
        if offered:
            self.body["tools"] = write_tools(offered, request)
            if any(tool.cache is not None for tool in offered):
                self.dropped.add("tools[].cache_control")
        if choice is not None:
            self.body["tool_choice"] = write_choice(choice, request)
        if request.parallel_tool_calls is not None:
            if offered and self._dialect.parallel_tool_calls:
                self.body["parallel_tool_calls"] = request.parallel_tool_calls
            else:
                self.dropped.add("parallel_tool_calls")

    def _reasoning(self) -> None:
        options = self._request.reasoning
        if options is None:
            return
        effort, dropped = effort_word(options, self._dialect, name="reasoning.effort")
        self.dropped |= dropped
        if effort is None:
            return
        reasoning: Json = {"effort": effort}
        if not self._same_wire and effort != "none":
            self.body["include"] = ["reasoning.encrypted_content"]
            if not options.hidden and "reasoning.summary" not in self._dialect.forbidden:
                reasoning["summary"] = "auto"  # without it nothing of the thinking can be read
        self.body["reasoning"] = reasoning

    def _format(self) -> None:
        asked = self._request.output_format
        if asked is None:
            return
        form: Json = {"type": "json_object"}
        if asked.kind == "json_schema" and self._dialect.json_schema:
            form = {"type": "json_schema", "name": asked.name or "reply", "schema": asked.schema or {}}
            if asked.strict is not None:
                form["strict"] = asked.strict
            if asked.description:
                form["description"] = asked.description
        elif asked.kind == "json_schema":
            self.dropped.add("response_format.json_schema")
        self.body["text"] = {"format": form}

    def _extra(self) -> None:
        for key, value in self._request.extra.items():
            section, found, name = key.partition(".")
            if not self._same_wire:
                self.dropped.add(key)
            elif not found:
                self.body[key] = value
            elif section != "tools[]":  # the tools hold that
                cast("Json", self.body.setdefault(section, {}))[name] = value


def write_choice(choice: ToolChoice, request: ChatRequest) -> str | Json:
    """`tool_choice` of a request, by the kinds and namespaces of its tools."""
    custom = {tool.name for tool in request.tools if tool.custom}
    named = (choice.name,) if choice.mode == "named" else choice.allowed
    tools = [{"type": "custom" if name in custom else "function", **spelled(name, request)} for name in named]
    if choice.mode == "named":
        return tools[0]
    return {"type": "allowed_tools", "mode": choice.mode, "tools": tools} if tools else choice.mode


def write_tools(tools: tuple[Tool, ...], request: ChatRequest) -> list[object]:
    """Tools as this wire offers them, within their namespaces."""
    written: list[object] = []
    spaces: dict[object, list[Json]] = {}
    same_wire = request.wire == OPENAI_RESPONSES
    more = {k[8:]: as_members(v) for k, v in request.extra.items() if same_wire and k.startswith("tools[].")}
    table = more.pop("namespace", {})
    for tool in tools:
        if tool.server is not None:
            written.append(Raw(tool.server))
            continue
        item = {**_tool(tool, same_wire=same_wire), **{key: v[tool.name] for key, v in more.items() if tool.name in v}}
        if tool.name not in table:
            written.append(item)
            continue
        space, item["name"], purpose = as_items(table[tool.name])
        if space not in spaces:
            spaces[space] = []
            written.append({"type": "namespace", "name": space, "description": purpose, "tools": spaces[space]})
        spaces[space].append(item)
    return written


def _tool(tool: Tool, *, same_wire: bool) -> Json:
    item: Json = {"type": "custom" if tool.custom else "function", "name": tool.name}
    if tool.description:
        item["description"] = tool.description
    if tool.custom:
        return {**item, "format": tool.parameters} if tool.parameters else item
    item["parameters"] = tool.parameters or {"type": "object", "properties": {}}
    if tool.strict is not None or not same_wire:
        item["strict"] = bool(tool.strict)  # what other wires mean by silence; here it asks for a strict schema
    return item
