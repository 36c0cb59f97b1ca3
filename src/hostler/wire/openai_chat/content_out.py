"""The core's text and media, written as content parts of the chat wire. Knows parts; knows no messages."""

from collections.abc import Sequence

from hostler.core.messages import Media, Refusal, Text
from hostler.errors import Unsupported
from hostler.wire.openai_content import AUDIO_TYPES

Json = dict[str, object]
Spoken = Text | Refusal | Media
"""What may stand in `content`."""

_AUDIO_FORMATS = {media_type: name for name, media_type in AUDIO_TYPES.items()} | {
    "audio/mp3": "mp3",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
}


def write_content(parts: Sequence[Spoken], *, text_parts: bool = True) -> str | list[Json]:
    """`content` for `parts`: a string where text alone stands there, else an array in the parts' order.

    `text_parts` False joins several texts by an empty line instead.
    """
    texts = [part.text for part in parts if isinstance(part, Text)]
    if len(texts) == len(parts) and (len(parts) < 2 or not text_parts):
        return "\n\n".join(texts)
    return [write_part(part) for part in parts]


def write_part(part: Spoken) -> Json:
    """One content part; raises Unsupported for media that the wire has no form for."""
    match part:
        case Text(text=text):
            return {"type": "text", "text": text}
        case Refusal(text=text):
            return {"type": "refusal", "refusal": text}
        case Media(file_id=str() as file_id):
            return {"type": "file", "file": {"file_id": file_id}}
        case Media(kind="image"):
            image: Json = {"url": _url(part)}
            if part.detail:
                image["detail"] = part.detail
            return {"type": "image_url", "image_url": image}
        case Media(kind="audio", data=str() as data):
            subtype = part.media_type.rpartition("/")[2]
            return {
                "type": "input_audio",
                "input_audio": {"data": data, "format": _AUDIO_FORMATS.get(part.media_type, subtype)},
            }
        case Media(kind="audio" | "video" as kind):  # no published form, but one that local servers agree on
            return {"type": f"{kind}_url", f"{kind}_url": {"url": _url(part)}}
        case _:
            return _write_document(part)


def _write_document(part: Media) -> Json:
    if part.text is not None:
        title = f' title="{part.name}"' if part.name else ""
        return {"type": "text", "text": f"<document{title}>\n{part.text}\n</document>"}
    if part.data is None:
        raise Unsupported(
            "A document by URL cannot be sent to this upstream.", hint="Send its content as base64 data instead."
        )
    return {"type": "file", "file": {"filename": part.name or "document.pdf", "file_data": _url(part)}}


def _url(part: Media) -> str:
    if part.url is not None:
        return part.url
    return f"data:{part.media_type or 'application/octet-stream'};base64,{part.data or ''}"
