"""Each face's documents: which schema its replies, streams and errors follow, and how its streams are framed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hostler.core.wires import ANTHROPIC, GEMINI, OLLAMA, OPENAI_CHAT, OPENAI_RESPONSES, Wire
from tests.published.judge import complaints
from tests.published.order import check_chat, check_responses

Framing = Literal["events", "lines", "array"]


@dataclass(frozen=True, slots=True)
class Documents:
    """The names of a face's documents; `in_stream` is what an error within a stream is."""

    whole: str
    piece: str
    error: str
    in_stream: str
    framing: Framing = "events"


FACES: dict[Wire, Documents] = {
    OPENAI_CHAT: Documents("chat", "chat.chunk", "openai.error", "openai.error"),
    OPENAI_RESPONSES: Documents("response", "response.event", "openai.error", "response.event"),
    ANTHROPIC: Documents("messages", "messages.event", "anthropic.error", "anthropic.error"),
    GEMINI: Documents("gemini", "gemini", "gemini.error", "gemini.error"),
    OLLAMA: Documents("ollama.chat", "ollama.chat", "ollama.error", "ollama.error", "lines"),
}


def pieces(body: bytes, framing: Framing) -> list[tuple[str, Any]]:
    """The pieces of a stream, each with the name of its frame (empty: none); None for the end mark."""
    if framing == "array":
        return [("", each) for each in json.loads(body)]
    if framing == "lines":
        return [("", json.loads(line)) for line in body.split(b"\n") if line]
    found: list[tuple[str, Any]] = []
    text = body.decode().replace("\r\n", "\n").replace("\r", "\n")
    for block in text.split("\n\n"):
        name = "".join(line[6:].strip() for line in block.split("\n") if line.startswith("event:"))
        data = "\n".join(line[5:].removeprefix(" ") for line in block.split("\n") if line.startswith("data:"))
        bare = block.strip() if block.lstrip().startswith("{") else ""  # an error object without a frame
        if data or bare:
            found.append((name, None if data == "[DONE]" else json.loads(data or bare)))
    return found


def judge_stream(wire: Wire, body: bytes, framing: Framing | None = None) -> tuple[list[str], bool]:
    """What is wrong with a stream's pieces and their order, and whether it ended in an error."""
    documents = FACES[wire]
    found = pieces(body, framing or documents.framing)
    assert found, "a stream says something"
    failed = _is_error(found[-1][1])
    wrong: list[str] = []
    for _, value in found:
        if value is not None and not (isinstance(value, dict) and value.get("type") == "ping"):
            document = documents.in_stream if _is_error(value) else documents.piece
            wrong += complaints(document, json.dumps(value))
    return wrong + _out_of_order(wire, found, failed=failed), failed


def _is_error(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return value.get("type") in ("error", "response.failed") or ("error" in value and "type" not in value)


def _out_of_order(wire: Wire, found: Sequence[tuple[str, Any]], *, failed: bool) -> list[str]:
    try:
        if wire == OPENAI_RESPONSES:
            check_responses(found)
        elif wire == OPENAI_CHAT and not failed:
            check_chat([value for _, value in found])
    except (AssertionError, KeyError, IndexError) as error:
        return [f"order: {error!r:.600}"]
    return []
