"""The core's text and media, written as content parts of the chat wire. Knows parts; knows no messages."""

from collections.abc import Sequence

from hostler.core.messages import Media, Refusal, Text
from hostler.core.wires import OPENAI_CHAT, OPENAI_RESPONSES
from hostler.errors import Unsupported
from hostler.wire.dialects import Dialect
from hostler.wire.openai_content import AUDIO_TYPES, in_words

Json = dict[str, object]
Spoken = Text | Refusal | Media
"""What may stand in `content`."""

_AUDIO_FORMATS = {media_type: name for name, media_type in AUDIO_TYPES.items()} | {
    "audio/mp3": "mp3",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
}


_MOST_MARKS = 4
"""Prompt-cache breakpoints that a request may hold, with every vendor that has them."""


class ContentWriter:
    """Writes the content of one request within one dialect; `dropped` names what it cannot say."""

    def __init__(self, dialect: Dialect) -> None:
        self.dropped: set[str] = set()
        self._joins = not dialect.text_parts
        self._marks = dialect.cache_marks
        self._marks_left = _MOST_MARKS if dialect.cache_marks != "none" else 0
        self._audio_url = dialect.audio_data_url

    def write(self, parts: Sequence[Spoken]) -> str | list[Json]:
        """`content` for `parts`: a string where text alone stands there, else an array in the parts' order."""
        if not parts:
            return ""
        first = parts[0]
        if len(parts) == 1 and isinstance(first, Text) and first.cache is None:
            return first.text
        if self._is_string(parts):
            for part in parts:
                self._mark(part)
            return "\n\n".join(part.text for part in parts if isinstance(part, Text))
        return [self._part(part) for part in parts]

    def _is_string(self, parts: Sequence[Spoken]) -> bool:
        if any(not isinstance(part, Text) for part in parts):
            return False
        if self._marks_left and any(isinstance(part, Text) and part.cache is not None for part in parts):
            return False
        return self._joins or len(parts) == 1

    def _part(self, part: Spoken) -> Json:
        if isinstance(part, Media) and part.name and part.kind != "document":
            self.dropped.add("messages[].content[].filename")
        written = write_part(part)
        sound = written.get("input_audio")
        if self._audio_url and isinstance(sound, dict) and isinstance(part, Media):
            written["input_audio"] = {**sound, "data": _url(part)}
        mark = self._mark(part)
        return {**written, **mark} if mark else written

    def _mark(self, part: Spoken) -> Json:
        """The member that marks a part as the end of a cached prefix."""
        if isinstance(part, Refusal) or part.cache is None:
            return {}
        if not self._marks_left:
            self.dropped.add("messages[].cache_control")
            return {}
        self._marks_left -= 1
        long = part.cache == "1h"
        if self._marks == "breakpoint":
            mode: Json = {"mode": "explicit"}
            return {"prompt_cache_breakpoint": {**mode, "ttl": "12h"} if long else mode}
        kind: Json = {"type": "ephemeral"}
        return {"cache_control": {**kind, "ttl": "1h"} if long else kind}


def write_part(part: Spoken) -> Json:
    """One content part; raises Unsupported for media that the wire has no form for."""
    match part:
        case Text(text=text):
            return {"type": "text", "text": text}
        case Refusal(text=text):
            return {"type": "refusal", "refusal": text}
        case Media(file_id=str() as file_id):
            if part.origin is not None and part.origin.wire not in (OPENAI_CHAT, OPENAI_RESPONSES):
                hint = "Send the file itself, as base64 data or as a URL."
                raise Unsupported(f"The file id '{file_id}' belongs to another vendor.", hint=hint)
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
        return {"type": "text", "text": in_words(part.text, part.name)}
    if part.data is None:
        raise Unsupported(
            "A document by URL cannot be sent to this upstream.", hint="Send its content as base64 data instead."
        )
    return {"type": "file", "file": {"filename": part.name or "document.pdf", "file_data": _url(part)}}


def _url(part: Media) -> str:
    if part.url is not None:
        return part.url
    return f"data:{part.media_type or 'application/octet-stream'};base64,{part.data or ''}"
