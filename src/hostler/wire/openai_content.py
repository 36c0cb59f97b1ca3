"""Content parts of the two OpenAI wires, read into the core's parts. Knows text, images, sound, files; no messages.

The two spell images and files differently, and clients mix them up: either spelling is taken on both.
"""

from typing import Final

from hostler.core.messages import CacheMark, Media, MediaKind, Part, Refusal, Text
from hostler.core.wires import OPENAI_CHAT, OPENAI_RESPONSES, Wire
from hostler.errors import Unsupported, WireError
from hostler.wire.fields import Members, as_members, as_text, need_items, need_members, need_text, text_or_none
from hostler.wire.inline_media import refuse_foreign_file
from hostler.wire.losses import lost_of_said

AUDIO_TYPES: Final = {"wav": "audio/wav", "mp3": "audio/mpeg"}
"""The sound formats that the wire publishes, by its own names."""

_AUDIO_FORMATS: Final = {kind: name for name, kind in AUDIO_TYPES.items()} | {"audio/mp3": "mp3", "audio/x-wav": "wav"}
_URL_KINDS: Final[dict[str, MediaKind]] = {"image_url": "image", "video_url": "video", "audio_url": "audio"}


def read_content(value: object, path: str) -> tuple[Text | Refusal | Media, ...]:
    """A message's `content`: a string, an array of parts, or null. Empty text is no part."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (Text(text=value),) if value else ()
    parts = (read_part(part, f"{path}[{index}]") for index, part in enumerate(need_items(value, path)))
    return tuple(part for part in parts if not isinstance(part, Text) or part.text)


def read_part(value: object, path: str) -> Text | Refusal | Media:
    """One content part; raises WireError for a kind that nobody could pass on."""
    if isinstance(value, str):  # several local servers take bare strings
        return Text(text=value)
    part = need_members(value, path)
    kind = as_text(part.get("type"))
    cache = _cache_mark(part)
    match kind:
        case "text" | "input_text" | "output_text":
            return Text(text=need_text(part.get("text"), f"{path}.text"), cache=cache)
        case "refusal":
            return Refusal(text=need_text(part.get("refusal"), f"{path}.refusal"))
        case "image_url" | "video_url" | "audio_url":
            return _by_url(part.get(kind), f"{path}.{kind}", kind=_URL_KINDS[kind], cache=cache)
        case "input_audio" | "input_video":
            return _by_data(need_members(part.get(kind), f"{path}.{kind}"), f"{path}.{kind}", kind=kind, cache=cache)
        case "file":
            return _file(need_members(part.get("file"), f"{path}.file"), f"{path}.file", cache=cache)
        case "input_file":
            return _file(part, path, cache=cache)
        case "input_image":
            return _input_image(part, path, cache=cache)
        case _:
            raise WireError(f"{path}.type: {kind!r} is not a content part that can be passed on.")


def in_words(text: str, name: str) -> str:
    """A document as text, where there is no other place for it."""
    title = f' title="{name}"' if name else ""
    return f"<document{title}>\n{text}\n</document>"


def split_data_url(url: str) -> tuple[str, str] | None:
    """Media type and base64 data of a `data:` URL; None for every other URL (also for one without base64)."""
    if not url.startswith("data:"):
        return None
    head, comma, data = url[5:].partition(",")
    if not comma or not head.endswith(";base64"):
        return None
    return head.removesuffix(";base64").split(";")[0], data


def _input_image(part: Members, path: str, *, cache: CacheMark | None) -> Media:
    file_id = text_or_none(part, "file_id", path=f"{path}.")
    if file_id:
        return Media(kind="image", file_id=file_id, detail=as_text(part.get("detail")), cache=cache)
    value = part.get("image_url")
    image: Members = {"url": value} if isinstance(value, str) else need_members(value, f"{path}.image_url")
    return _by_url({"detail": part.get("detail"), **image}, f"{path}.image_url", kind="image", cache=cache)


def _by_url(value: object, path: str, *, kind: MediaKind, cache: CacheMark | None) -> Media:
    members: Members = {"url": value} if isinstance(value, str) else need_members(value, path)
    url = need_text(members.get("url"), f"{path}.url")
    detail = text_or_none(members, "detail", path=f"{path}.") or ""
    inline = split_data_url(url)
    if inline is None:
        return Media(kind=kind, url=url, detail=detail, cache=cache)
    return Media(kind=kind, media_type=inline[0], data=inline[1], detail=detail, cache=cache)


def _by_data(members: Members, path: str, *, kind: str, cache: CacheMark | None) -> Media:
    data = need_text(members.get("data"), f"{path}.data")
    inline = split_data_url(data)
    if kind == "input_video":
        media_type = inline[0] if inline else f"video/{text_or_none(members, 'format', path=f'{path}.') or 'mp4'}"
        return Media(kind="video", media_type=media_type, data=inline[1] if inline else data, cache=cache)
    name = text_or_none(members, "format", path=f"{path}.") or "wav"
    media_type = inline[0] if inline else AUDIO_TYPES.get(name, f"audio/{name}")
    return Media(kind="audio", media_type=media_type, data=inline[1] if inline else data, cache=cache)


def _file(members: Members, path: str, *, cache: CacheMark | None) -> Media:
    name = text_or_none(members, "filename", path=f"{path}.") or ""
    file_id = text_or_none(members, "file_id", path=f"{path}.")
    if file_id:
        return Media(kind="document", file_id=file_id, name=name, cache=cache)
    data = text_or_none(members, "file_url", path=f"{path}.") or need_text(
        members.get("file_data"), f"{path}.file_data"
    )
    if data.startswith(("https://", "http://")):  # OpenRouter takes addresses here
        return Media(kind="document", url=data, name=name, cache=cache)
    inline = split_data_url(data)
    media_type = inline[0] if inline else "application/pdf"
    return Media(
        kind=_kind_of(media_type), media_type=media_type, data=inline[1] if inline else data, name=name, cache=cache
    )


def _kind_of(media_type: str) -> MediaKind:
    kind = media_type.partition("/")[0]
    return kind if kind in ("image", "audio", "video") else "document"


def _cache_mark(part: Members) -> CacheMark | None:
    """A breakpoint in the published form, or in the form that several vendors took over from another wire."""
    published = as_members(part.get("prompt_cache_breakpoint"))
    if published:
        return "1h" if published.get("ttl") == "12h" else "5m"
    borrowed = as_members(part.get("cache_control"))
    if borrowed:
        return "1h" if borrowed.get("ttl") == "1h" else "5m"
    return None


def write_flat_part(part: Part, path: str, *, wire: Wire | None, dropped: set[str]) -> dict[str, object] | None:
    """A part of a content as the Responses wire has it; None where nothing is left of it. Raises Unsupported.

    `wire` is where the request came from: marks of the prompt cache are only passed on, as only the newest models of
    the vendor take them.
    """
    written: dict[str, object] | None = None
    match part:
        case Media(name=name, kind=kind):
            dropped |= {"messages[].content[].filename"} if name and kind != "document" else set()
            written = _write_flat_media(part, path, wire=wire)
        case Text(text=text) | Refusal(text=text):
            written = {"type": "input_text", "text": text} if text else None
        case _:
            dropped.add("messages[].content[].opaque")
    lost = lost_of_said(part)
    if wire == OPENAI_RESPONSES and written is not None and isinstance(part, Text | Media) and part.cache is not None:
        ttl = {"ttl": "12h"} if part.cache == "1h" else {}
        written["prompt_cache_breakpoint"] = {"mode": "explicit", **ttl}
        lost -= {"messages[].cache_control"}
    dropped |= lost
    return written


def _write_flat_media(part: Media, path: str, *, wire: Wire | None) -> dict[str, object]:
    """A media part; raises Unsupported. `wire` is where the request came from."""
    refuse_foreign_file(part, path, given_on=wire, taken_by=(OPENAI_RESPONSES, OPENAI_CHAT))
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
            return {"type": "input_text", "text": in_words(text, part.name)}
        case Media(file_id=str() as file_id):
            return {"type": "input_file", "file_id": file_id}
        case Media(url=str()):
            return {"type": "input_file", "file_url": url}
        case _:
            return {"type": "input_file", "filename": part.name or "document.pdf", "file_data": url}
