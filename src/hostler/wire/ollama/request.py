"""Requests of this wire, both ways, with roles (chat) and without (generate). Knows no replies and no streams.

Facts: docs/api.md and api/types.go of ollama 0.33, and the types of its Python package 0.6. Streams are the default.
What only this wire has goes to `ChatRequest.extra` under its name, or under a path: `options.num_ctx`.
"""

from collections.abc import Sequence
from typing import Final, Literal, cast

import msgspec

from hostler.core.messages import Media, Message, Origin, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from hostler.core.requests import ChatRequest, Effort, OutputFormat, ReasoningOptions, Sampling
from hostler.core.tools import Tool
from hostler.core.wires import OLLAMA
from hostler.errors import Unsupported, WireError
from hostler.wire import fields
from hostler.wire.call_arguments import as_object
from hostler.wire.codec import Encoded
from hostler.wire.dialects import Dialect
from hostler.wire.efforts import EFFORTS, effort_word, nearest_effort
from hostler.wire.fields import Members, need_items, need_members, need_text, text_or_none
from hostler.wire.free_text import without_free_text
from hostler.wire.losses import lost_of_media, lost_of_request, lost_of_said
from hostler.wire.media_types import read_media
from hostler.wire.openai_content import in_words, read_content
from hostler.wire.openai_tools import read_tools
from hostler.wire.own_fields import own_extra
from hostler.wire.role_messages import RoleReader, Spoken, in_order
from hostler.wire.tool_offers import offer_tools

Json = dict[str, object]
HISTORY: Final = Origin("", OLLAMA, "")
"""Origin of what a client's history or a bare body holds: only the wire is known."""

_NO_FREE_TEXT: Final = Dialect(custom_tools=False)
_LEVELS: Final = ("low", "medium", "high", "max")
_NUMBERS: Final = ("temperature", "top_p", "min_p", "presence_penalty", "frequency_penalty")
_SECTIONS: Final = ("options",)
_READ: Final = frozenset(("model", "messages", "tools", "stream", "format", "think", "options"))
_READ_PROMPT: Final = frozenset(("model", "prompt", "system", "images", "stream", "format", "think", "options"))
_READ_OPTIONS: Final = frozenset((*_NUMBERS, "top_k", "seed", "stop", "num_predict"))
_DEFAULTS: Final[Members] = {
    "truncate": True, "shift": True, "logprobs": False, "top_logprobs": 0, "raw": False, "suffix": "", "template": "",
    "context": [],
}  # fmt: skip
"""What a field says that asks for nothing; such a field is not kept, so that nobody names it as lost."""


def decode_request(body: bytes) -> ChatRequest:
    """The request that a client posted to `/api/chat`, perhaps only to load or unload the model. Raises WireError."""
    members = fields.parse_object(body)
    value = members.get("messages")
    reader = RoleReader(HISTORY, "thinking", _read_spoken)
    messages = () if value is None else reader.read(value, "messages")
    return _read_settings(members, _READ, messages=messages, tools=read_tools(members))


def decode_prompt(body: bytes) -> ChatRequest:
    """The request that a client posted to `/api/generate`; without a prompt it only loads or unloads the model."""
    members = fields.parse_object(body)
    system, prompt = text_or_none(members, "system"), text_or_none(members, "prompt")
    parts: list[Part] = [Text(text=prompt)] if prompt else []
    parts += _read_images(members.get("images"), "images")
    messages = [Message("system", (Text(text=system),))] if system and parts else []
    if parts:
        messages.append(Message("user", tuple(parts)))
    return _read_settings(members, _READ_PROMPT, messages=messages)


def _read_settings(
    members: Members, read: frozenset[str], *, messages: Sequence[Message], tools: tuple[Tool, ...] = ()
) -> ChatRequest:
    options = need_members(members.get("options") or {}, "options")
    asking = {key: value for key, value in members.items() if value is not None and value != _DEFAULTS.get(key)}
    extra: Json = {key: value for key, value in asking.items() if key not in read}
    extra |= {f"options.{key}": value for key, value in options.items() if key not in _READ_OPTIONS}
    limit = fields.whole_or_none(options, "num_predict", path="options.")
    stream = fields.flag_or_none(members, "stream")
    return ChatRequest(
        model=need_text(members.get("model"), "model"),
        messages=tuple(messages),
        tools=tools,
        max_tokens=limit if limit is not None and limit > 0 else None,  # -1: no limit, -2: up to the window
        sampling=_read_sampling(options),
        reasoning=_read_think(members.get("think")),
        output_format=_read_format(members.get("format")),
        stream=stream is not False,
        include_usage=True,
        wire=OLLAMA,
        extra=extra,
    )


def _read_sampling(options: Members) -> Sampling:
    numbers = {name: fields.number_or_none(options, name, path="options.") for name in _NUMBERS}
    seed = fields.whole_or_none(options, "seed", path="options.")
    stop = options.get("stop")
    stops = [stop] if isinstance(stop, str) else [] if stop is None else need_items(stop, "options.stop")
    return Sampling(
        **numbers,
        top_k=fields.whole_or_none(options, "top_k", path="options."),
        seed=seed if seed is not None and seed >= 0 else None,  # -1: any
        stop=tuple(need_text(item, f"options.stop[{index}]") for index, item in enumerate(stops)),
    )


def _read_think(value: object) -> ReasoningOptions | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return ReasoningOptions("on" if value else "off")
    if value in EFFORTS:
        return ReasoningOptions(effort=cast("Effort", value))
    raise WireError(f"think must be true, false, low, medium, high or max, not {value!r}.")


def _read_format(value: object) -> OutputFormat | None:
    if value is None or value == "":
        return None
    if value == "json":
        return OutputFormat("json_object")
    return OutputFormat("json_schema", need_members(value, "format"))


def _read_spoken(members: Members, path: str) -> tuple[Spoken, ...]:
    content = read_content(members.get("content"), f"{path}.content")
    return (*content, *_read_images(members.get("images"), f"{path}.images"))


def _read_images(value: object, path: str) -> list[Media]:
    items = [] if value is None else need_items(value, path)
    return [read_media(need_text(item, f"{path}[{index}]")) for index, item in enumerate(items)]


def encode_request(request: ChatRequest, dialect: Dialect) -> Encoded:
    """The body for `/api/chat`, and what had to be left out. Raises Unsupported."""
    writer = _Writer(request, dialect)
    body = writer.settings({"model": request.model, "messages": writer.messages()})
    return Encoded(msgspec.json.encode(body), tuple(sorted(writer.dropped)))


def encode_prompt(request: ChatRequest, dialect: Dialect) -> Encoded:
    """The body for `/api/generate`; raises Unsupported for a conversation, which is no prompt."""
    writer = _Writer(request, dialect)
    written = writer.messages()
    system = written.pop(0)["content"] if written and written[0]["role"] == "system" else ""
    if len(written) > 1 or any(message["role"] != "user" for message in written):
        raise Unsupported("A conversation cannot be sent as a prompt.", hint="Send it as chat.")
    said = {"prompt": "", **(written[0] if written else {})}
    said["prompt"] = said.pop("content", "")
    said.pop("role", None)
    body = writer.settings({"model": request.model, **said, **({"system": system} if system else {})})
    if body.pop("tools", None) is not None:
        writer.dropped.add("tools")
    return Encoded(msgspec.json.encode(body), tuple(sorted(writer.dropped)))


class _Writer:
    """Writes one request; `dropped` names what the wire or the dialect cannot say."""

    def __init__(self, request: ChatRequest, dialect: Dialect) -> None:
        self._dialect = dialect.of(request.model)
        self._request, lost = without_free_text(request, _NO_FREE_TEXT)
        self._messages, self.dropped = in_order(self._request, self._dialect)
        self.dropped |= lost
        self._names: dict[str, str] = {}  # tools by the ids of their calls

    def messages(self) -> list[Json]:
        """All messages, in their order."""
        return [self._message(message) for message in self._messages]

    def _message(self, message: Message) -> Json:
        result = message.parts[0] if message.parts else None
        return self._result(result) if isinstance(result, ToolResult) else self._spoken(message)

    def settings(self, body: Json) -> Json:
        """Add all that a request says beside its messages."""
        request = self._request
        body["stream"] = request.stream
        tools, _ = offer_tools(request, self._dialect, wire=OLLAMA, dropped=self.dropped, says_choice=False)
        if tools:
            body["tools"] = [self._tool(tool) for tool in tools]
        if request.output_format is not None:
            body["format"] = self._format(request.output_format)
        think = None if request.reasoning is None else self._think(request.reasoning)
        if think is not None:
            body["think"] = think
        if request.parallel_tool_calls is False:
            self.dropped.add("parallel_tool_calls")
        self.dropped |= lost_of_request(request)
        self._extra(body, self._options())
        return body

    def _extra(self, body: Json, options: Json) -> None:
        for section, name, value in own_extra(self._request, OLLAMA, sections=_SECTIONS, dropped=self.dropped):
            if section == "options":
                options[name] = value
            else:
                body.setdefault(name, value)
        if options:
            body["options"] = options

    def _spoken(self, message: Message) -> Json:
        written = self._content(message.parts, "" if message.role == "assistant" else "\n\n")
        thinking = [part for part in message.parts if isinstance(part, Reasoning)]
        calls = [part for part in message.parts if isinstance(part, ToolCall)]
        shown = "\n\n".join(part.text for part in thinking if self._goes_back(part, calls=bool(calls)) and part.text)
        if shown:
            written["thinking"] = shown
        if calls:
            written["tool_calls"] = [self._call(call) for call in calls]
        written["role"] = message.role
        return written

    def _goes_back(self, part: Reasoning, *, calls: bool) -> bool:
        """Readable thinking is sent where this wire's history had it, and elsewhere if the dialect wants it."""
        wanted = part.opaque is None and self._dialect.wants_thinking(calls=calls)
        if wanted or part.origin is None or part.origin.wire == OLLAMA:
            return True
        self.dropped.add("messages[].reasoning")
        return False

    def _content(self, parts: Sequence[Part], between: str = "\n\n") -> Json:
        """Text, and images, of which the wire knows no order."""
        texts: list[str] = []
        images: list[str] = []
        for part in parts:
            self.dropped |= lost_of_said(part)
            if isinstance(part, Text | Refusal) and part.text:
                texts.append(part.text)
            elif isinstance(part, Media):
                self._media(part, texts, images=images)
        return {"content": between.join(texts), **({"images": images} if images else {})}

    def _media(self, part: Media, texts: list[str], *, images: list[str]) -> None:
        self.dropped |= lost_of_media(part)
        if part.text is not None:
            texts.append(in_words(part.text, part.name))
        elif part.data is not None and part.kind in ("image", "audio"):
            images.append(part.data)
        else:
            hint = "It takes images and sound as base64 data, and documents as text."
            raise Unsupported(f"This model's interface does not take this {part.kind}.", hint=hint)

    def _result(self, result: ToolResult) -> Json:
        self.dropped |= lost_of_said(result)
        name = result.name or self._names.get(result.call_id, "")
        named = {"tool_name": name} if name else {}
        return {"role": "tool", "tool_call_id": result.call_id, **named, **self._content(result.content)}

    def _call(self, call: ToolCall) -> Json:
        self._names[call.id] = call.name
        arguments = as_object(call, "messages[].tool_calls[].arguments", dropped=self.dropped)
        return {"id": call.id, "function": {"name": call.name, "arguments": arguments}}

    def _tool(self, tool: Tool) -> Json | msgspec.Raw:
        if tool.server is not None:
            return msgspec.Raw(tool.server)
        if tool.cache is not None:
            self.dropped.add("tools[].cache_control")
        if tool.strict is True:
            self.dropped.add("tools[].strict")
        schema: Json = {"type": "object", "properties": {}, **tool.parameters}
        described: Json = {"name": tool.name, "description": tool.description, "parameters": schema}
        return {"type": "function", "function": described}

    def _format(self, asked: OutputFormat) -> object:
        if asked.description:
            self.dropped.add("response_format.json_schema.description")
        if asked.kind == "json_schema" and not self._dialect.json_schema:
            self.dropped.add("response_format.json_schema")
        elif asked.schema is not None:
            return asked.schema
        return "json"

    def _think(self, options: ReasoningOptions) -> str | bool | None:
        """A level, on or off, or None to leave it to the model: one that does not think refuses to be told to."""
        if options.hidden:
            self.dropped.add("thinking.display")
        word, dropped = effort_word(options, EFFORTS, name="reasoning_effort")
        self.dropped |= dropped - {"thinking"}
        if word is None:
            return True if options.mode == "on" else None
        if word == "none":
            return False
        level = nearest_effort(word, tuple(each for each in _LEVELS if each in self._dialect.efforts))
        if level != word:
            self.dropped.add("reasoning_effort")
        return level or True

    def _options(self) -> Json:
        request, dialect = self._request, self._dialect
        sampling = request.sampling
        limit = dialect.max_tokens_default if request.max_tokens is None else request.max_tokens
        given: Json = {"num_ctx": dialect.num_ctx, "num_predict": limit}
        given |= {name: getattr(sampling, name) for name in (*_NUMBERS, "top_k", "seed")}
        given["stop"] = list(sampling.stop) or None
        options = {name: value for name, value in given.items() if value is not None}
        for name in dialect.forbidden:
            if options.pop(name, None) is not None:
                self.dropped.add(name)
        return options


def loading(request: ChatRequest) -> Literal["", "load", "unload"]:
    """What a request asks for that holds no message: only to load the model, or to unload it; "" for every other."""
    if request.messages:
        return ""
    return "unload" if request.extra.get("keep_alive") in (0, "0", "0s", "0m", "0h") else "load"
