"""Parts into content blocks, for requests and replies alike.

Knows: which part has which block, and what this wire cannot carry. Does not know: the order of messages, streams.
"""

import binascii
from base64 import b64decode
from typing import Final, Literal

import msgspec

from hostler.core.messages import Citation, Media, Origin, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from hostler.core.wires import ANTHROPIC, Wire
from hostler.errors import Unsupported
from hostler.wire.anthropic.content_decode import INVALID_JSON
from hostler.wire.anthropic.vocabulary import UNSIGNED_SIGNATURE, cache_to_wire
from hostler.wire.ids import ToolIds
from hostler.wire.losses import lost_of_part

Block = dict[str, object] | msgspec.Raw
"""One content block: built here, or the raw block that this wire once published."""

CUSTOM_INPUT: Final = "input"
"""The one argument under which a free-form tool's text travels."""

_PDF: Final = "application/pdf"


_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class BlockEncoder:
    """Turns parts into blocks, and gathers in `dropped` the names of what it left out.

    `wire` is where the request came from: file ids without an origin belong to it. `replies`: the blocks go to a
    client, so reasoning that nobody signed is kept, under a signature that says so.
    """

    def __init__(self, tool_ids: ToolIds, *, wire: Wire | None = None, replies: bool = False) -> None:
        self.dropped: set[str] = set()
        self.marked: list[dict[str, object]] = []
        """The blocks with cache breakpoints, in their order."""
        self._ids = tool_ids
        self._wire = wire
        self._replies = replies
        self._place: Literal["messages[]", "message"] = "message" if replies else "messages[]"

    def encode(self, parts: tuple[Part, ...], path: str) -> list[Block]:
        """The blocks of `parts`, in their order; empty text yields none, as the wire refuses it."""
        blocks: list[Block] = []
        for position, part in enumerate(parts):
            block = self.encode_part(part, f"{path}[{position}]")
            if block is not None:
                blocks.append(block)
        return blocks

    def encode_part(self, part: Part, path: str) -> Block | None:
        """The block of one part, None where nothing of it is sent."""
        match part:  # the most frequent kinds first
            case Text():
                return self._text(part)
            case ToolCall():
                return self._tool_use(part)
            case ToolResult():
                return self._tool_result(part, path)
            case Reasoning():
                return self._reasoning(part)
            case Media():
                return self._media(part, path)
            case Refusal(text=text):
                return {"type": "text", "text": text} if self._says(text) else None

    def _says(self, text: str) -> bool:
        """Whether a text may be a block: "text content blocks must contain non-whitespace text" in history."""
        return bool(text if self._replies else text.strip())

    def _text(self, part: Text) -> Block | None:
        if part.opaque is not None:
            if _is_ours(part.origin):
                return msgspec.Raw(part.opaque)
            self.dropped.add(f"{self._place}.content[].opaque")
        cites = part.citations if self._replies else ()
        if not self._says(part.text) and not cites:
            return None
        block: dict[str, object] = {"type": "text", "text": part.text}
        if cites:
            block["citations"] = [write_citation(citation) for citation in cites]
        return self._mark(block, part)

    def _reasoning(self, part: Reasoning) -> Block | None:
        if part.opaque is not None and _is_ours(part.origin):
            return msgspec.Raw(part.opaque)
        if self._replies:
            self.dropped |= lost_of_part(part)
            if not part.text:
                return None
            return {"type": "thinking", "thinking": part.text, "signature": UNSIGNED_SIGNATURE}
        if part.text or part.opaque is not None:
            self.dropped.add("messages[].reasoning")
        return None

    def _tool_use(self, part: ToolCall) -> Block:
        if part.opaque is not None:
            if _is_ours(part.origin):
                return msgspec.Raw(part.opaque)
            self.dropped.add(f"{self._place}.tool_calls[].opaque")
        block: dict[str, object] = {
            "type": "tool_use",
            "id": self._ids.to_wire(part.id),
            "name": part.name,
            "input": self._input(part),
        }
        return self._mark(block, part)

    def _input(self, part: ToolCall) -> msgspec.Raw | dict[str, str]:
        if part.custom:
            return {CUSTOM_INPUT: part.arguments}
        if not part.arguments.strip():
            return msgspec.Raw(b"{}")
        try:
            _decode_object(part.arguments)
            return msgspec.Raw(part.arguments.strip().encode())
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            pass
        # A call that was cut off stays in some clients' history; this is the form that the vendor asks for.
        self.dropped.add(f"{self._place}.tool_calls[].arguments")
        return {INVALID_JSON: part.arguments}

    def _tool_result(self, part: ToolResult, path: str) -> Block:
        block: dict[str, object] = {"type": "tool_result", "tool_use_id": self._ids.to_wire(part.call_id)}
        first = part.content[0] if len(part.content) == 1 else None
        if isinstance(first, Text) and first.cache is None and first.opaque is None and first.text.strip():
            block["content"] = first.text
            if part.is_error:
                block["is_error"] = True
            return self._mark(block, part)
        content = self.encode(part.content, f"{path}.content")
        if part.is_error:
            block["is_error"] = True
        if len(part.content) == 1 and isinstance(part.content[0], Text) and _is_plain(content):
            block["content"] = part.content[0].text
        elif content:
            block["content"] = content
        elif part.is_error:  # "content cannot be empty if is_error is true"
            block["content"] = "error"
        return self._mark(block, part)

    def _mark(self, block: dict[str, object], part: Text | ToolCall | ToolResult | Media) -> dict[str, object]:
        if part.cache is not None:
            block["cache_control"] = cache_to_wire(part.cache)
            self.marked.append(block)
        return block

    def _media(self, part: Media, path: str) -> Block | None:
        if self._replies:
            self.dropped |= lost_of_part(part)
            return None
        if part.kind not in ("image", "document"):
            raise Unsupported(
                f"{path}: this model's interface takes no {part.kind}.",
                hint=f"Choose a model that takes {part.kind}, or leave it out.",
            )
        if part.detail not in ("", "auto"):
            self.dropped.add("messages[].content[].image_url.detail")
        if part.name and part.kind != "document":
            self.dropped.add("messages[].content[].filename")
        block: dict[str, object] = {"type": part.kind, "source": self._source(part, path)}
        if part.kind == "document" and part.name:
            block["title"] = part.name
        return self._mark(block, part)

    def _source(self, part: Media, path: str) -> dict[str, str]:
        if part.file_id is not None:
            if (part.origin.wire if part.origin is not None else self._wire) not in (None, ANTHROPIC):
                raise Unsupported(
                    f"{path}: the file id '{part.file_id}' belongs to another vendor.",
                    hint="Send the file itself, as base64 data or as a URL.",
                )
            return {"type": "file", "file_id": part.file_id}
        if part.text is not None:
            return {"type": "text", "media_type": "text/plain", "data": part.text}
        media_type, data = part.media_type, part.data
        if data is None:
            url = part.url or ""
            if not url.startswith("data:"):
                return {"type": "url", "url": url}
            media_type, data = split_data_url(url, path)
        return _inline(part.kind, media_type, data=data, path=path)


def write_citation(citation: Citation) -> dict[str, str]:
    """A source that another wire's model named; the empty index says that it is none of this vendor's."""
    source = {"url": citation.url, "title": citation.title, "cited_text": ""}
    return {"type": "web_search_result_location", **source, "encrypted_index": ""}


def split_data_url(url: str, path: str) -> tuple[str, str]:
    """Media type and base64 data of a `data:` URL (RFC 2397); other encodings than base64 are refused."""
    head, found, data = url.removeprefix("data:").partition(",")
    media_type, *options = head.split(";")
    if not found or "base64" not in options:
        raise Unsupported(f"{path}: only base64 data URLs can be read.")
    return media_type, data


def _inline(kind: str, media_type: str, *, data: str, path: str) -> dict[str, str]:
    media_type = media_type.lower()
    if kind == "image":
        media_type = "image/jpeg" if media_type == "image/jpg" else media_type
        return {"type": "base64", "media_type": media_type, "data": data}
    if media_type in ("", _PDF):
        return {"type": "base64", "media_type": _PDF, "data": data}
    if media_type.startswith("text/") or media_type == "application/json":
        try:
            text = b64decode(data, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise Unsupported(f"{path}: the document is no base64 of UTF-8 text.") from error
        return {"type": "text", "media_type": "text/plain", "data": text}
    raise Unsupported(
        f"{path}: this model's interface takes PDF and plain text, no {media_type}.",
        hint="Convert the document, or send its text.",
    )


def _is_ours(origin: Origin | None) -> bool:
    return origin is not None and origin.wire == ANTHROPIC


def _is_plain(content: list[Block]) -> bool:
    """Whether the content is one text block without a cache mark, which a string can carry."""
    return len(content) == 1 and isinstance(content[0], dict) and "cache_control" not in content[0]
