"""Requests of this wire, both ways. Knows contents, parts, tools and every setting; does not know replies or streams.

Facts: ai.google.dev/api/generate-content, /docs/thought-signatures, /docs/thinking and the types of the `google-genai`
SDK 3.4. Clients mix camelCase and snake_case; both are read everywhere. Model and operation are in the path.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final, Literal, cast

import msgspec

from hostler.core.messages import Media, Message, Origin, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from hostler.core.requests import ChatRequest, OutputFormat, Sampling
from hostler.core.wires import GEMINI
from hostler.errors import WireError
from hostler.wire import fields
from hostler.wire.call_arguments import as_json_text, as_object
from hostler.wire.codec import Encoded
from hostler.wire.dialects import Dialect
from hostler.wire.fields import Members, as_items, as_members, as_text
from hostler.wire.gemini_thinking import generation, read_thinking, write_thinking
from hostler.wire.gemini_tools import read_choice, read_tools, write_tools
from hostler.wire.inline_media import inline_data, media_kind, refuse_foreign_file, type_by_name, usual_type
from hostler.wire.losses import lost_of_media, lost_of_request, lost_of_sampling
from hostler.wire.own_fields import own_extra
from hostler.wire.proto_json import json_schema, read_list, read_object, standard_base64
from hostler.wire.turns import Turn, Turns
from hostler.wire.waiting_calls import WaitingCalls

Json = dict[str, object]
HISTORY: Final = Origin("", GEMINI, "")
"""Origin of what a client's history or a bare body holds: only the wire is known."""
DUMMY_SIGNATURE: Final = "skip_thought_signature_validator"
"""What the vendor documents for calls that another model made."""

_NO_SIGNATURES: Final = tuple(
    form
    for text in (DUMMY_SIGNATURE, "context_engineering_is_the_way_to_go")
    for form in (text, b64encode(text.encode()).decode())
)
_MOST_STOPS: Final = 5
_NUMBERS: Final = {
    "temperature": "temperature", "top_p": "topP", "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}  # fmt: skip
_WHOLES: Final = {"top_k": "topK", "seed": "seed"}
_SETTINGS: Final = {**_NUMBERS, **_WHOLES}
_SECTIONS: Final = ("generationConfig", "toolConfig")
_READ: Final = frozenset(("contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "model"))
_READ_SETTINGS: Final = frozenset((
    *_SETTINGS.values(), "maxOutputTokens", "stopSequences", "responseMimeType", "responseSchema",
    "responseJsonSchema", "_responseJsonSchema", "thinkingConfig",
))  # fmt: skip
_PART_KINDS: Final = ("functionCall", "functionResponse", "inlineData", "fileData", "text")
_PART_FIELDS: Final = frozenset((*_PART_KINDS, "thought", "thoughtSignature"))
_UPLOADED: Final = re.compile(r"^(https?://[^/]+/v\w+/)?files/[^/]+$|^gs://")
_FILM: Final = re.compile(r"^https?://(www\.|m\.)?(youtube\.com|youtu\.be)/")
_IN_RESULTS: Final = ("image/", "application/pdf", "text/plain")


def decode_request(body: bytes) -> ChatRequest:
    """The request that a client posted; `model` is empty, and `stream` unknown: both are for the path to say.

    Raises WireError that names the place.
    """
    members = read_object(fields.parse_object(body), "body")
    config = read_object(members.get("generationConfig") or {}, "generationConfig")
    extra: Json = {key: value for key, value in members.items() if key not in _READ}
    extra |= {f"generationConfig.{key}": value for key, value in config.items() if key not in _READ_SETTINGS}
    reader = _ContentsReader()
    reader.read_system(members.get("systemInstruction"))
    reader.read(read_list(members.get("contents"), "contents"))
    extra |= dict.fromkeys(sorted(reader.lost), True)
    choice, strict = read_choice(members.get("toolConfig"), extra)
    return ChatRequest(
        model="",
        messages=tuple(reader.messages),
        tools=read_tools(members.get("tools"), extra, strict=strict),
        tool_choice=choice,
        max_tokens=fields.whole_or_none(config, "maxOutputTokens", path="generationConfig."),
        sampling=_read_sampling(config),
        reasoning=read_thinking(config.get("thinkingConfig"), extra),
        output_format=_read_format(config, extra),
        include_usage=True,
        wire=GEMINI,
        extra=extra,
    )


class _ContentsReader:
    """Reads contents in order into messages; `lost` names what has no place in core.

    Clients send one answer as many contents, one for each piece that was streamed; they become one message. Ids are
    optional: calls without one get one from their place, and results find their call by its id, else by its name.
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.lost: set[str] = set()
        self._answer: list[Part] = []  # what the model says, as long as nobody else speaks
        self._waiting = WaitingCalls()

    def read_system(self, value: object) -> None:
        if value is not None:
            content = {"parts": [{"text": value}]} if isinstance(value, str) else value
            self._add("system", self._parts(read_object(content, "systemInstruction"), "systemInstruction"))

    def read(self, contents: Sequence[object]) -> None:
        for index, item in enumerate(contents):
            path = f"contents[{index}]"
            content = read_object(item, path)
            role = fields.text_or_none(content, "role", path=f"{path}.") or "user"
            if role not in ("user", "model", "function", "tool", "assistant", "system"):
                raise WireError(f"{path}.role must be user or model, not '{role}'.")
            if role in ("model", "assistant"):
                if not self._answer:
                    self._waiting.forget()
                self._answer += self._parts(content, path, calls=f"call_{index}_")
            else:
                self._end_answer()
                parts = self._parts(content, path)
                self._add("tool", [part for part in parts if isinstance(part, ToolResult)])
                others = [part for part in parts if not isinstance(part, ToolResult)]
                self._add("system" if role == "system" else "user", others)
        self._end_answer()

    def _add(self, role: Literal["system", "user", "assistant", "tool"], parts: Sequence[Part]) -> None:
        if parts:
            self.messages.append(Message(role, tuple(parts)))

    def _end_answer(self) -> None:
        self._add("assistant", _joined(self._answer))
        self._answer = []

    def _parts(self, content: Members, path: str, *, calls: str = "") -> list[Part]:
        parts: list[Part] = []
        for index, item in enumerate(read_list(content.get("parts") or [], f"{path}.parts")):
            place = f"{path}.parts[{index}]"
            part = self._part(read_object(item, place), place, made_id=f"{calls}{index}" if calls else "")
            if part is not None:
                parts.append(part)
        return parts

    def _part(self, part: Members, path: str, *, made_id: str) -> Part | None:
        text = part.get("text")
        if len(part) == 1 and isinstance(text, str):  # nearly all
            return Text(text=text) if text else None
        signature = as_text(part.get("thoughtSignature"))
        opaque = signed(signature) if signature and signature not in _NO_SIGNATURES else None
        origin = HISTORY if opaque is not None else None
        kind = next((key for key in _PART_KINDS if part.get(key) is not None), None)
        if kind is not None and not _PART_FIELDS.issuperset(part):
            self.lost |= {f"contents[].parts[].{key}" for key in part.keys() - _PART_FIELDS}
        match kind:
            case "functionCall" if made_id:
                return self._call(read_object(part[kind], f"{path}.{kind}"), path, made_id=made_id, opaque=opaque)
            case "functionResponse" if not made_id:
                return self._result(read_object(part[kind], f"{path}.{kind}"), f"{path}.{kind}")
            case "functionCall" | "functionResponse":
                raise WireError(f"{path}.{kind} has no place in what this role says.")
            case "text" if part.get("thought") is True:
                return Reasoning(text=fields.need_text(part[kind], f"{path}.{kind}"), origin=HISTORY, opaque=opaque)
            case "text":
                text = fields.need_text(part[kind], f"{path}.{kind}")
                return Text(text=text, origin=origin, opaque=opaque) if text or opaque else None
            case "inlineData" | "fileData" if opaque is None:
                return _read_media(part, path)
            case _:
                return Text(text="", origin=HISTORY, opaque=msgspec.json.encode(part)) if part else None

    def _call(self, call: Members, path: str, *, made_id: str, opaque: bytes | None) -> ToolCall:
        name = fields.need_text(call.get("name"), f"{path}.functionCall.name")
        id_ = fields.text_or_none(call, "id", path=f"{path}.functionCall.") or ""
        id_ = self._waiting.add(id_, name, made_id=made_id)
        arguments = as_json_text(fields.need_members(call.get("args") or {}, f"{path}.functionCall.args"))
        return ToolCall(id=id_, name=name, arguments=arguments, origin=HISTORY if opaque else None, opaque=opaque)

    def _result(self, result: Members, path: str) -> ToolResult:
        name = fields.text_or_none(result, "name", path=f"{path}.") or ""
        id_ = self._waiting.take(fields.text_or_none(result, "id", path=f"{path}.") or "", name)
        if not id_:
            raise WireError(f"{path}: no call of '{name}' waits for a result.")
        content, is_error = _read_result(result.get("response"))
        media = (
            _read_media(read_object(part, f"{path}.parts[{index}]"), f"{path}.parts[{index}]")
            for index, part in enumerate(as_items(result.get("parts")))
        )
        return ToolResult(call_id=id_, content=(*content, *media), is_error=is_error, name=name)


def _read_result(response: object) -> tuple[tuple[Text, ...], bool]:
    """What a tool said: under `output` or `error`, or as a whole, says the schema; the SDK wraps it in `result`."""
    members = as_members(response)
    key = next(iter(members)) if len(members) == 1 else ""
    value = members[key] if key in ("output", "result", "error") else response or ""
    text = value if isinstance(value, str) else "" if value is None else msgspec.json.encode(value).decode()
    return (Text(text=text),) if text else (), key == "error"


def _read_media(part: Members, path: str) -> Media:
    key = "inlineData" if part.get("inlineData") is not None else "fileData"
    blob = read_object(part.get(key), f"{path}.{key}")
    media_type, name = as_text(blob.get("mimeType")).lower(), as_text(blob.get("displayName"))
    kind = media_kind(media_type)
    if key == "inlineData":
        data = standard_base64(fields.need_text(blob.get("data"), f"{path}.{key}.data"))
        return Media(kind=kind, media_type=media_type, data=data, name=name)
    uri = fields.need_text(blob.get("fileUri"), f"{path}.{key}.fileUri")
    if _UPLOADED.search(uri):
        return Media(kind=kind, media_type=media_type, file_id=uri, name=name, origin=HISTORY)
    return Media(kind="video" if _FILM.match(uri) else kind, media_type=media_type, url=uri, name=name)


def _joined(parts: Sequence[Part]) -> list[Part]:
    """The parts with neighbours of one kind as one, unless one is signed: an answer's pieces, as they were streamed."""
    joined: list[Part] = []
    for kind, run in groupby(parts, lambda part: type(part) if getattr(part, "opaque", None) is None else None):
        pieces = list(run)
        if len(pieces) > 1 and isinstance(pieces[0], Text | Reasoning) and kind is not None:
            text = "".join(part.text for part in pieces if isinstance(part, Text | Reasoning))
            pieces = [replace(pieces[0], text=text)]
        joined += pieces
    return joined


def _read_sampling(config: Members) -> Sampling:
    path = "generationConfig."
    stops = fields.need_items(config.get("stopSequences") or [], f"{path}stopSequences")
    return Sampling(
        **{name: fields.number_or_none(config, key, path=path) for name, key in _NUMBERS.items()},
        **{name: fields.whole_or_none(config, key, path=path) for name, key in _WHOLES.items()},
        stop=tuple(fields.need_text(stop, f"{path}stopSequences[{index}]") for index, stop in enumerate(stops)),
    )


def _read_format(config: Members, extra: Json) -> OutputFormat | None:
    kind = fields.text_or_none(config, "responseMimeType", path="generationConfig.") or "text/plain"
    schema = config.get("responseJsonSchema", config.get("_responseJsonSchema"))
    if schema is None and config.get("responseSchema") is not None:
        schema = json_schema(fields.need_members(config["responseSchema"], "generationConfig.responseSchema"))
    if kind == "application/json":
        known = None if schema is None else fields.need_members(schema, "generationConfig.responseJsonSchema")
        return OutputFormat("json_object" if known is None else "json_schema", known)
    if kind != "text/plain":  # one word of an enumeration, say
        kept = ("responseMimeType", "responseSchema", "responseJsonSchema")
        extra |= {f"generationConfig.{key}": config[key] for key in kept if key in config}
    return None


def encode_request(request: ChatRequest, dialect: Dialect) -> Encoded:
    """The body for `request`; its model and whether it streams are in the path. Raises Unsupported."""
    writer = _Writer(request, dialect)
    return Encoded(msgspec.json.encode(writer.write()), tuple(sorted(writer.dropped)))


def signed(signature: str) -> bytes:
    """A part's signature as its opaque block."""
    return b'{"thoughtSignature":' + msgspec.json.encode(signature) + b"}"


def signed_part(part: Json, opaque: bytes) -> Json | None:
    """`part` with its signature, or, for a part that only this wire knows, that part; None: the block is not ours."""
    try:
        block = msgspec.json.decode(opaque, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if "type" in block:  # every block of the other wires has one
        return None
    return {**part, **block} if block.keys() <= {"thoughtSignature"} else {**block}


class _Writer:
    """Writes one request; `dropped` names what the wire or the dialect cannot say."""

    def __init__(self, request: ChatRequest, dialect: Dialect) -> None:
        self.dropped: set[str] = set()
        self._request = request
        self._dialect = dialect
        self._signs = (generation(request.model) or 0) >= 3
        self._names: dict[str, str] = {}  # tools by the ids of their calls

    def write(self) -> Json:
        turns = Turns[Json](self)
        turns.fold(self._request.messages)
        body: Json = {"contents": [self._content(turn) for turn in turns.turns]}
        if turns.system:
            body["systemInstruction"] = {"parts": turns.system}
        body |= write_tools(self._request, self._dialect, self.dropped)
        config = self._config()
        if config:
            body["generationConfig"] = config
        self._write_extra(body)
        return body

    def _content(self, turn: Turn[Json]) -> Json:
        parts = turn.blocks
        first = next((index for index, part in enumerate(parts) if "functionCall" in part), None)
        if first is not None and self._signs and "thoughtSignature" not in parts[first]:
            parts[first] = {**parts[first], "thoughtSignature": DUMMY_SIGNATURE}
        return {"role": "model" if turn.is_model else "user", "parts": parts}

    def write_text(self, text: str) -> Json:
        return {"text": text}

    def write_part(self, part: Part, path: str) -> Json | None:
        if isinstance(part, Text | ToolCall | Media) and part.cache is not None:
            self.dropped.add("messages[].cache_control")
        match part:
            case Text() | Refusal():
                written = self._signed(part, {"text": part.text})
                return written if written != {"text": ""} else None
            case Reasoning():
                if part.origin is None or part.origin.wire != GEMINI:
                    self.dropped.add("messages[].reasoning")
                    return None
                return self._signed(part, {"text": part.text, "thought": True})
            case ToolCall():
                self._names[part.id] = part.name
                arguments = as_object(part, "messages[].tool_calls[].arguments", dropped=self.dropped)
                call = {"id": part.id, "name": part.name, "args": arguments}
                return self._signed(part, {"functionCall": call})
            case Media():
                return self._media(part, path)
            case ToolResult():
                return None  # has a place of its own in its turn

    def _signed(self, part: Text | Refusal | Reasoning | ToolCall, written: Json) -> Json:
        if isinstance(part, Refusal) or part.opaque is None:
            return written
        if part.origin is not None and part.origin.wire == GEMINI:
            return signed_part(written, part.opaque) or written
        self.dropped.add(f"messages[].{'tool_calls' if isinstance(part, ToolCall) else 'content'}[].opaque")
        return written

    def write_result(self, result: ToolResult, path: str) -> tuple[Json, list[Json]]:
        if result.cache is not None:
            self.dropped.add("messages[].cache_control")
        text = "\n".join(part.text for part in result.content if isinstance(part, Text))
        name = result.name or self._names.get(result.call_id, "tool")
        said = {"error" if result.is_error else "output": text}
        answer: Json = {"id": result.call_id, "name": name, "response": said}
        media = [self._media(part, path) for part in result.content if isinstance(part, Media)]
        inside = [part for part in media if self._fits_result(part)]
        if inside:
            answer["parts"] = inside
        beside = [part for part in media if not self._fits_result(part)]
        label: list[Json] = [{"text": f"From the result of tool call {result.call_id}:"}] if beside else []
        return {"functionResponse": answer}, label + beside

    def _fits_result(self, part: Json) -> bool:
        kind = as_text(as_members(part.get("inlineData")).get("mimeType"))
        return kind.startswith(_IN_RESULTS) and (self._signs or self._dialect.tool_result_media)

    def _media(self, part: Media, path: str) -> Json:
        self.dropped |= lost_of_media(part, titled=False)
        inline = inline_data(part)
        if inline is not None:
            return {"inlineData": {"mimeType": inline[0], "data": inline[1]}}
        refuse_foreign_file(part, path, given_on=self._request.wire, taken_by=(GEMINI,))
        told = part.media_type or type_by_name(part.url or "")
        kind = told or ("" if part.kind == "document" else usual_type(part.kind))
        return {"fileData": {**({"mimeType": kind} if kind else {}), "fileUri": part.file_id or part.url or ""}}

    def _config(self) -> Json:
        request, dialect = self._request, self._dialect
        config: Json = {}
        limit = dialect.max_tokens_default if request.max_tokens is None else request.max_tokens
        if limit is not None:
            config["maxOutputTokens"] = limit
        sampling = request.sampling
        for name, key in _SETTINGS.items():
            value: object = getattr(sampling, name)
            if value is not None and name in dialect.forbidden:
                self.dropped.add(name)
            elif value is not None:
                config[key] = value
        self.dropped |= lost_of_sampling(sampling, known=(*_SETTINGS, "stop"))
        if len(sampling.stop) > _MOST_STOPS:
            self.dropped.add("stop")
        if sampling.stop:
            config["stopSequences"] = sampling.stop[:_MOST_STOPS]
        if request.reasoning is not None:
            asked, model = request.reasoning, request.model
            config["thinkingConfig"] = write_thinking(asked, dialect, model=model, dropped=self.dropped)
        self._write_format(config)
        return config

    def _write_format(self, config: Json) -> None:
        wanted = self._request.output_format
        if wanted is None:
            return
        config["responseMimeType"] = "application/json"
        if wanted.description:
            self.dropped.add("response_format.json_schema.description")
        if wanted.kind == "json_schema" and not self._dialect.json_schema:
            self.dropped.add("response_format.json_schema")
        elif wanted.schema is not None:
            config["responseJsonSchema"] = wanted.schema

    def _write_extra(self, body: Json) -> None:
        self.dropped |= lost_of_request(self._request)
        for section, name, value in own_extra(self._request, GEMINI, sections=_SECTIONS, dropped=self.dropped):
            if not section:
                body.setdefault(name, value)
            elif section in _SECTIONS:
                cast("Json", body.setdefault(section, {})).setdefault(name, value)
            elif section != "tools[]":
                self.dropped.add(f"{section}.{name}")
