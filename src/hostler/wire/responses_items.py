"""One item of the Responses wire: what it says, and whose it is. Knows items' fields; knows no order, no events.

A whole item is the opaque block of what the core cannot hold of it: encrypted reasoning, a message's `phase` and
citations, a call's namespace, every item that nobody told us about. Facts: the types of the `openai` SDK 3.51.
"""

from typing import Final

import msgspec

from hostler.core.messages import Citation, Origin, Part, Reasoning, Refusal, Text, ToolCall
from hostler.core.wires import OPENAI_RESPONSES
from hostler.wire.blocks import Block
from hostler.wire.fields import Members, as_items, as_members, as_text
from hostler.wire.responses_tools import flat_name

Json = dict[str, object]
HISTORY: Final = Origin("", OPENAI_RESPONSES, "")
"""Origin of what a client's history or a bare body holds: only the wire is known."""
CALLS: Final = ("function_call", "custom_tool_call")

_OTHERS: Final = ("message", "mcp_list_tools", "mcp_approval_request", "program", "additional_tools")


def said(item: Members, raw: bytes, *, call_id: str = "") -> list[Part]:
    """What an item of the model's says, read with tolerance; `call_id` is for a call that has none."""
    match item.get("type") or "message":
        case "message":
            return _spoken(item, raw)
        case "reasoning":
            text = _thinking(item)
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


def _thinking(item: Members) -> str:
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
        cites = tuple(Citation(url, as_text(n.get("title"))) for n in _notes(pieces) if (url := as_text(n.get("url"))))
        return [Text(text=text, citations=cites, origin=HISTORY, opaque=raw)]
    parts: list[Part] = [Text(text=text)] if text else []
    return [*parts, Refusal(text=refusal)] if refusal else parts


def _notes(pieces: list[Members]) -> list[Members]:
    return [as_members(note) for piece in pieces for note in as_items(piece.get("annotations"))]


def write_citations(block: Block) -> list[Json]:
    """The `annotations` of a block's text: those of the item that it is, else each of all of it."""
    if ours := item_in(block):
        return [dict(note) for note in _notes([as_members(piece) for piece in as_items(ours.get("content"))])]
    place: Json = {"start_index": 0, "end_index": sum(map(len, block.text))}
    return [{"type": "url_citation", "url": each.url, "title": each.title, **place} for each in block.citations]


def part_of(block: Block) -> Json:
    """The part of a message or a summary that a block amounts to so far."""
    text = "".join(block.text)
    if block.tag == "text":
        return {"type": "output_text", "text": text, "annotations": write_citations(block), "logprobs": []}
    return {"type": "refusal", "refusal": text} if block.tag == "refusal" else {"type": "summary_text", "text": text}


def item_in(block: Block) -> Members:
    """The item of this wire that a block's opaque state is; empty for another wire's state."""
    if block.opaque is None:
        return {}
    try:
        members = as_members(msgspec.json.decode(block.opaque))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    kind = as_text(members.get("type"))
    if block.kind == "raw":
        sealed = "encrypted_content" in members and "id" in members  # other wires' compactions have no id
        known = kind.endswith(("_call", "_output")) or kind in _OTHERS or sealed
    elif block.kind == "call":
        known = kind in CALLS
    else:
        known = kind == ("reasoning" if block.kind == "reasoning" else "message")
    return members if known else {}
