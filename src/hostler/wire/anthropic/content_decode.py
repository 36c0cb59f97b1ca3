"""Content blocks into parts, for requests and replies alike.

Knows: every block kind that has an equal in core. Does not know: messages, roles, streams. A block that nobody told
us about becomes an empty text part with its raw JSON, which only this wire sends again.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from hostler.core.messages import Citation, Media, Part, Reasoning, Text, ToolCall, ToolResult
from hostler.errors import WireError
from hostler.wire.anthropic.vocabulary import HISTORY, UNSIGNED_SIGNATURE, CacheControl, cache_to_core
from hostler.wire.fields import as_items, as_members, as_text, parse

INVALID_JSON: Final = "INVALID_JSON"
"""The key under which the vendor's documentation asks for arguments that are no JSON object."""

_NULL: Final = msgspec.Raw(b"null")
_NOTHING: Final = (b"null", b"[]")


class _Kind(msgspec.Struct):
    type: str


class _TextBlock(msgspec.Struct):
    text: str
    cache_control: CacheControl | None = None
    citations: msgspec.Raw = _NULL


class _Source(msgspec.Struct):
    type: str
    media_type: str = ""
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    content: msgspec.Raw = _NULL


class _MediaBlock(msgspec.Struct):
    source: _Source
    cache_control: CacheControl | None = None
    title: str | None = None
    context: str | None = None
    citations: msgspec.Raw = _NULL
    transformations: msgspec.Raw = _NULL


class _ThinkingBlock(msgspec.Struct):
    thinking: str = ""
    signature: str | None = None


class _ToolUseBlock(msgspec.Struct):
    id: str
    name: str
    input: msgspec.Raw = _NULL
    cache_control: CacheControl | None = None
    caller: msgspec.Raw = _NULL
    toolset_name: str | None = None


class _ToolResultBlock(msgspec.Struct):
    tool_use_id: str
    content: msgspec.Raw = _NULL
    is_error: bool | None = None
    cache_control: CacheControl | None = None


class _Plain(msgspec.Struct, gc=False):
    """The fields of the blocks that nearly every history consists of, for reading them all in one pass."""

    type: str
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = _NULL
    tool_use_id: str | None = None
    content: msgspec.Raw = _NULL
    is_error: bool | None = None
    cache_control: CacheControl | None = None
    citations: msgspec.Raw = _NULL
    caller: msgspec.Raw = _NULL
    toolset_name: str | None = None


_decode_plain = msgspec.json.Decoder(list[_Plain]).decode
_decode_text = msgspec.json.Decoder(str).decode


class _SearchResultBlock(msgspec.Struct):
    title: str = ""
    source: str = ""
    content: list[_TextBlock] = []
    cache_control: CacheControl | None = None


class _ToolReferenceBlock(msgspec.Struct):
    tool_name: str = ""


class Notes:
    """What one reading gathers and must know beside the blocks.

    `lost` names what has no place in core, so that no wire loses it silently. `keep_citations`: citations on a text
    are kept in its raw block; on a user's text the vendor refuses them when they come back.
    """

    __slots__ = ("keep_citations", "lost")

    def __init__(self) -> None:
        self.lost: set[str] = set()
        self.keep_citations = True


def decode_content(content: msgspec.Raw, path: str, *, notes: Notes) -> tuple[Part, ...]:
    """Parts of a `content` or `system` value: a string, a list of blocks, or nothing."""
    head = memoryview(content)[:1].tobytes()
    if head == b'"':
        return (Text(text=_decode_text(content)),)
    if head == b"n":
        return ()
    if head != b"[":
        raise WireError(f"{path}: expected a string or a list of content blocks")
    plain = _plain_parts(content, path, notes=notes)
    if plain is not None:
        return plain
    parts: list[Part] = []
    for position, raw in enumerate(parse(content, list[msgspec.Raw], path=path)):
        parts += decode_block(raw, f"{path}[{position}]", notes=notes)
    return tuple(parts)


def _plain_parts(content: msgspec.Raw, path: str, *, notes: Notes) -> tuple[Part, ...] | None:
    """The parts of a list of plain blocks; None where one of them is of another kind, or wrong."""
    try:
        blocks = _decode_plain(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    parts: list[Part] = []
    for block in blocks:
        part: Part | None = None
        match block.type:
            case "text":
                if block.text is not None and bytes(block.citations) in _NOTHING:
                    part = Text(text=block.text, cache=cache_to_core(block.cache_control))
            case "tool_use":
                part = _plain_call(block)
            case "tool_result":
                part = _plain_result(block, path, notes=notes)
            case _:
                pass
        if part is None:
            return None
        parts.append(part)
    return tuple(parts)


def _plain_call(block: _Plain) -> ToolCall | None:
    arguments = bytes(block.input)
    rare = block.toolset_name is not None or bytes(block.caller) != b"null"
    if block.id is None or block.name is None or rare or arguments[:1] != b"{" or INVALID_JSON.encode() in arguments:
        return None
    cache = cache_to_core(block.cache_control)
    return ToolCall(id=block.id, name=block.name, arguments=arguments.decode(), cache=cache)


def _plain_result(block: _Plain, path: str, *, notes: Notes) -> ToolResult | None:
    if block.tool_use_id is None:
        return None
    inner = decode_content(block.content, f"{path}[].content", notes=notes)
    content = tuple(part for part in inner if isinstance(part, Text | Media))
    if len(content) < len(inner):
        return None
    cache = cache_to_core(block.cache_control)
    return ToolResult(call_id=block.tool_use_id, content=content, is_error=bool(block.is_error), cache=cache)


def decode_block(raw: msgspec.Raw, path: str, *, notes: Notes) -> list[Part]:
    """The parts of one block; mostly one, more where a document carries a context or pictures."""
    kind = parse(raw, _Kind, path=path).type
    reader = _READERS.get(kind)
    return [_unknown(raw)] if reader is None else reader(raw, path, notes)


def _unknown(raw: msgspec.Raw) -> Text:
    return Text(text="", origin=HISTORY, opaque=bytes(raw))


def _text(raw: msgspec.Raw, path: str, notes: Notes) -> list[Part]:
    block = parse(raw, _TextBlock, path=path)
    cache = cache_to_core(block.cache_control)
    if bytes(block.citations) in (b"null", b"[]"):
        return [Text(text=block.text, cache=cache)]
    if not notes.keep_citations:
        notes.lost.add("messages[].content[].citations")
        return [Text(text=block.text, cache=cache)]
    given = as_items(msgspec.json.decode(block.citations))
    if all(as_members(each).get("encrypted_index") == "" for each in given):  # shown to this wire's client by us
        return [Text(text=block.text, citations=cited_in(given), cache=cache)]
    return [Text(text=block.text, citations=cited_in(given), cache=cache, origin=HISTORY, opaque=bytes(raw))]


def cited_in(citations: object) -> tuple[Citation, ...]:
    """The sources among a text's citations that have an address; others refer to what the request held."""
    found = ((as_text(c.get("url")) or as_text(c.get("source")), c) for c in map(as_members, as_items(citations)))
    return tuple(Citation(url, as_text(c.get("title"))) for url, c in found if url.startswith(("https://", "http://")))


def _thinking(raw: msgspec.Raw, path: str, notes: Notes) -> list[Part]:
    block = parse(raw, _ThinkingBlock, path=path)
    if block.signature in (None, "", UNSIGNED_SIGNATURE):  # made elsewhere, and shown to this wire's client by us
        return [Reasoning(text=block.thinking)]
    return [Reasoning(text=block.thinking, origin=HISTORY, opaque=bytes(raw))]


def _redacted(raw: msgspec.Raw, path: str, notes: Notes) -> list[Part]:
    return [Reasoning(redacted=True, origin=HISTORY, opaque=bytes(raw))]


def _tool_use(raw: msgspec.Raw, path: str, notes: Notes) -> list[Part]:
    block = parse(raw, _ToolUseBlock, path=path)
    keep = block.toolset_name is not None or bytes(block.caller) != b"null"
    return [
        ToolCall(
            id=block.id,
            name=block.name,
            arguments=arguments_text(block.input, f"{path}.input"),
            cache=cache_to_core(block.cache_control),
            origin=HISTORY if keep else None,
            opaque=bytes(raw) if keep else None,
        )
    ]


def arguments_text(value: msgspec.Raw, path: str) -> str:
    """A call's arguments as the JSON text that came; nothing means no arguments."""
    text = bytes(value).decode()
    if text == "null":
        return "{}"
    if not text.startswith("{"):
        raise WireError(f"{path}: expected an object")
    if INVALID_JSON in text:
        fields = parse(value, dict[str, object], path=path)
        wrapped = fields.get(INVALID_JSON)
        if len(fields) == 1 and isinstance(wrapped, str):
            return wrapped
    return text


def _tool_result(raw: msgspec.Raw, path: str, notes: Notes) -> list[Part]:
    block = parse(raw, _ToolResultBlock, path=path)
    inner = decode_content(block.content, f"{path}.content", notes=notes)
    for part in inner:
        if not isinstance(part, Text | Media):
            raise WireError(f"{path}.content: a tool result holds no {type(part).__name__} blocks")
    return [
        ToolResult(
            call_id=block.tool_use_id,
            content=tuple(part for part in inner if isinstance(part, Text | Media)),
            is_error=bool(block.is_error),
            cache=cache_to_core(block.cache_control),
        )
    ]


def _search_result(raw: msgspec.Raw, path: str, notes: Notes) -> list[Part]:
    block = parse(raw, _SearchResultBlock, path=path)
    lines = [line for line in (block.title, block.source) if line]
    lines += [item.text for item in block.content]
    cache = cache_to_core(block.cache_control)
    return [Text(text="\n".join(lines), cache=cache, origin=HISTORY, opaque=bytes(raw))]


def _tool_reference(raw: msgspec.Raw, path: str, notes: Notes) -> list[Part]:
    block = parse(raw, _ToolReferenceBlock, path=path)
    return [Text(text=block.tool_name, origin=HISTORY, opaque=bytes(raw))]


def _image(raw: msgspec.Raw, path: str, notes: Notes) -> list[Part]:
    block = parse(raw, _MediaBlock, path=path)
    source = block.source
    cache = cache_to_core(block.cache_control)
    if bytes(block.transformations) != b"null":
        notes.lost.add("messages[].image.transformations")
    match source.type:
        case "base64":
            media = Media(kind="image", media_type=source.media_type, data=source.data or "", cache=cache)
        case "url":
            media = Media(kind="image", url=source.url or "", cache=cache)
        case "file":
            media = Media(kind="image", file_id=source.file_id or "", cache=cache, origin=HISTORY)
        case _:
            return [_unknown(raw)]
    return [media]


def _document(raw: msgspec.Raw, path: str, notes: Notes) -> list[Part]:
    block = parse(raw, _MediaBlock, path=path)
    source, name = block.source, block.title or ""
    cache = cache_to_core(block.cache_control)
    if bytes(block.citations) != b"null":
        notes.lost.add("messages[].document.citations")
    parts: list[Part] = [Text(text=block.context)] if block.context else []
    match source.type:
        case "base64":
            kind = source.media_type or "application/pdf"
            parts.append(Media(kind="document", media_type=kind, data=source.data or "", name=name, cache=cache))
        case "url":
            parts.append(Media(kind="document", url=source.url or "", name=name, cache=cache))
        case "file":
            file_id = source.file_id or ""
            parts.append(Media(kind="document", file_id=file_id, name=name, cache=cache, origin=HISTORY))
        case "text":
            kind = source.media_type or "text/plain"
            parts.append(Media(kind="document", media_type=kind, text=source.data or "", name=name, cache=cache))
        case "content":
            inner = decode_content(source.content, f"{path}.source.content", notes=notes)
            texts = [part.text for part in inner if isinstance(part, Text)]
            parts.append(Media(kind="document", media_type="text/plain", text="\n".join(texts), name=name, cache=cache))
            parts += [part for part in inner if isinstance(part, Media)]
        case _:
            return [_unknown(raw)]
    return parts


_READERS: Final[dict[str, Callable[[msgspec.Raw, str, Notes], list[Part]]]] = {
    "text": _text,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "tool_reference": _tool_reference,
}
