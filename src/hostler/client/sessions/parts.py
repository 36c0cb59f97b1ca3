"""The pieces of a kept message, as JSON, and the way to and from core's parts.

Knows: what the browser sees, and what else the database keeps of a part (`origin`, `opaque`). Does not know: messages,
tables, any wire.

Fields that only the database keeps are UNSET elsewhere, so one record serves both views: `stored` parts carry them,
`public` ones do not.
"""

from typing import Final, Literal, assert_never

import msgspec
from msgspec import UNSET, Raw, UnsetType

from hostler.core import messages as core
from hostler.core.wires import WIRES
from hostler.system.long_json import decode_long_text, encode_long, give_way


class OriginRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who made a part."""

    provider: str = ""
    wire: str = ""
    model: str = ""


class TextPart(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="text"):
    """Visible text."""

    text: str = ""
    origin: OriginRecord | UnsetType = UNSET
    opaque: bytes | UnsetType = UNSET


class ReasoningPart(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="reasoning"):
    """Hidden thinking; `duration_ms` is how long it took, None while it runs or unknown."""

    text: str = ""
    duration_ms: int | None = None
    redacted: bool = False
    origin: OriginRecord | UnsetType = UNSET
    opaque: bytes | UnsetType = UNSET


class ImagePart(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="image"):
    """An image as base64 `data`."""

    media_type: str
    data: str
    name: str = ""
    origin: OriginRecord | UnsetType = UNSET


class DocumentPart(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="document"):
    """A long text that was attached."""

    name: str = ""
    text: str = ""


class ToolCallPart(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="tool_call"):
    """A call that the model asks for; `arguments` is JSON text, or plain text for a `custom` tool."""

    id: str
    name: str
    arguments: str = ""
    custom: Literal[True] | UnsetType = UNSET
    origin: OriginRecord | UnsetType = UNSET
    opaque: bytes | UnsetType = UNSET


class ToolResultPart(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="tool_result"):
    """The answer to the tool call `call_id`; `name` is the tool's, where it is known."""

    call_id: str
    text: str = ""
    is_error: bool = False
    name: str | UnsetType = UNSET


class RefusalPart(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="refusal"):
    """The model's refusal, where its wire keeps it apart from text."""

    text: str = ""
    origin: OriginRecord | UnsetType = UNSET


Part = TextPart | ReasoningPart | ImagePart | DocumentPart | ToolCallPart | ToolResultPart | RefusalPart
Parts = tuple[Part, ...]

LONG: Final = 256 << 10
"""Bytes of JSON from which on it is read in slices."""
_DECODER: Final = msgspec.json.Decoder(Parts)
_RAW: Final = msgspec.json.Decoder(tuple[dict[str, Raw], ...])


def stored(parts: Parts) -> bytes:
    """The JSON that the database keeps, with origin and opaque state (base64). Long parts belong into a thread."""
    return encode_long(parts)


def stored_part(part: Part) -> bytes:
    """One of them."""
    return encode_long(part)


def from_stored(json: bytes) -> Parts:
    """Read `stored` again. Raises msgspec.ValidationError when it is something else."""
    return _DECODER.decode(json) if len(json) <= LONG else tuple(_long_part(raw) for raw in _RAW.decode(json))


def _long_part(raw: dict[str, Raw]) -> Part:
    """One part, long texts of it read slice by slice."""
    long = {name: value for name, value in raw.items() if len(memoryview(value)) > LONG and name != "opaque"}
    give_way()
    (part,) = _DECODER.decode(msgspec.json.encode((raw | dict.fromkeys(long, ""),)))
    return msgspec.structs.replace(part, **{name: decode_long_text(value) for name, value in long.items()})


def public(parts: Parts) -> Parts:
    """What a browser may see, and what is kept of what a browser sends: no origin, no opaque state."""
    return tuple(_public(part) for part in parts)


def _public(part: Part) -> Part:
    match part:
        case DocumentPart():
            return part
        case TextPart(text=text):
            return TextPart(text=text)
        case RefusalPart(text=text):
            return RefusalPart(text=text)
        case ReasoningPart(text=text, duration_ms=duration, redacted=redacted):
            return ReasoningPart(text=text, duration_ms=duration, redacted=redacted)
        case ImagePart(media_type=kind, data=data, name=name):
            return ImagePart(media_type=kind, data=data, name=name)
        case ToolCallPart(id=call, name=name, arguments=arguments, custom=custom):
            return ToolCallPart(id=call, name=name, arguments=arguments, custom=custom)
        case ToolResultPart(call_id=call, text=text, is_error=is_error, name=name):
            return ToolResultPart(call_id=call, text=text, is_error=is_error, name=name)
        case _:
            assert_never(part)


def visible_text(parts: Parts) -> str:
    """What a person reads of it: text, refusals and attached documents, a blank line between them."""
    return "\n\n".join(p.text for p in parts if isinstance(p, TextPart | RefusalPart | DocumentPart) and p.text)


# ------------------------------------------------------------------------- to core and back


def to_core(parts: Parts) -> tuple[core.Part, ...]:
    """The parts as core has them, for a request; opaque state goes along with its origin."""
    return tuple(_to_core(part) for part in parts)


def from_core(parts: tuple[core.Part, ...]) -> Parts:
    """A reply's parts as they are kept. What this record has no place for becomes text that names it."""
    return tuple(_from_core(part) for part in parts)


def _to_core(part: Part) -> core.Part:
    match part:
        case TextPart():
            return core.Text(text=part.text, origin=_origin(part.origin), opaque=part.opaque or None)
        case RefusalPart():
            return core.Refusal(text=part.text, origin=_origin(part.origin))
        case ReasoningPart():
            origin, opaque = _origin(part.origin), part.opaque or None
            return core.Reasoning(text=part.text, redacted=part.redacted, origin=origin, opaque=opaque)
        case ImagePart():
            kind, data, origin = part.media_type, part.data, _origin(part.origin)
            return core.Media(kind="image", media_type=kind, data=data, name=part.name, origin=origin)
        case DocumentPart():
            return core.Media(kind="document", media_type="text/plain", text=part.text, name=part.name)
        case ToolCallPart():
            return core.ToolCall(
                id=part.id,
                name=part.name,
                arguments=part.arguments,
                custom=part.custom is True,
                origin=_origin(part.origin),
                opaque=part.opaque or None,
            )
        case ToolResultPart():
            content = (core.Text(text=part.text),) if part.text else ()
            return core.ToolResult(call_id=part.call_id, content=content, is_error=part.is_error, name=part.name or "")
        case _:
            assert_never(part)


def _from_core(part: core.Part) -> Part:
    match part:
        case core.Text():
            return TextPart(text=part.text, origin=_record(part.origin), opaque=part.opaque or UNSET)
        case core.Refusal():
            return RefusalPart(text=part.text, origin=_record(part.origin))
        case core.Reasoning():
            origin, opaque = _record(part.origin), part.opaque or UNSET
            return ReasoningPart(text=part.text, redacted=part.redacted, origin=origin, opaque=opaque)
        case core.ToolCall():
            return ToolCallPart(
                id=part.id,
                name=part.name,
                arguments=part.arguments,
                custom=True if part.custom else UNSET,
                origin=_record(part.origin),
                opaque=part.opaque or UNSET,
            )
        case core.ToolResult():
            texts = [p.text if isinstance(p, core.Text) else _named(p) for p in part.content]
            name = part.name or UNSET
            return ToolResultPart(call_id=part.call_id, text="\n".join(texts), is_error=part.is_error, name=name)
        case core.Media():
            return _from_media(part)
        case _:
            assert_never(part)


def _from_media(part: core.Media) -> Part:
    if part.kind == "image" and part.data is not None:
        origin = _record(part.origin)
        return ImagePart(media_type=part.media_type, data=part.data, name=part.name, origin=origin)
    if part.text is not None:
        return DocumentPart(name=part.name, text=part.text)
    return TextPart(text=_named(part))


def _named(part: core.Media) -> str:
    return part.text if part.text is not None else f"[{part.kind}: {part.name or part.url or part.media_type}]"


def _origin(record: OriginRecord | UnsetType) -> core.Origin | None:
    """None for a wire that this version does not know: its opaque state could go nowhere."""
    if record is UNSET or record.wire not in WIRES:
        return None
    return core.Origin(record.provider, record.wire, record.model)


def _record(origin: core.Origin | None) -> OriginRecord | UnsetType:
    if origin is None:
        return UNSET
    return OriginRecord(provider=origin.provider, wire=origin.wire, model=origin.model)
