"""How each face says things, as its published schema has it: refusals, broken streams, whole ones."""

import json
from typing import Any

from tests.end_to_end.gate import CHAT, MESSAGES, chat, messages
from tests.system.http_server.door import Reply

FACES = (CHAT, MESSAGES)
KINDS = {CHAT: "openai-compatible", MESSAGES: "anthropic"}
OTHER = {CHAT: "anthropic", MESSAGES: "openai-compatible"}
ERROR_TYPES = frozenset(
    {
        *("invalid_request_error", "authentication_error", "permission_error", "not_found_error", "request_too_large"),
        *("rate_limit_error", "api_error", "overloaded_error", "timeout_error", "billing_error"),
    }
)
"""Error types that the anthropic wire publishes."""


def ask_of(path: str, model: str, **more: Any) -> dict[str, Any]:
    """A plain request of a face."""
    return chat(model, **more) if path == CHAT else messages(model, **more)


def error_of(path: str, reply: Reply | bytes) -> dict[str, Any]:
    """The error in a reply, checked against the face's published shape."""
    body = reply if isinstance(reply, bytes) else reply.body
    if isinstance(reply, Reply):
        assert reply.headers[b"content-type"].startswith(b"application/json"), reply
    return check_error(path, json.loads(body))


def check_error(path: str, tree: Any) -> dict[str, Any]:
    """One error object of a face."""
    error = tree["error"]
    assert isinstance(error["message"], str) and error["message"]
    if path == MESSAGES:
        assert tree["type"] == "error" and error["type"] in ERROR_TYPES, tree
    else:
        assert isinstance(error["type"], str) and error["type"] and "code" in error and "param" in error, tree
    return error


def frames(body: bytes) -> list[tuple[str, Any]]:
    """The frames of an event stream: event name ("" without) and its JSON, or "[DONE]"."""
    found: list[tuple[str, Any]] = []
    for block in body.replace(b"\r\n", b"\n").split(b"\n\n"):
        name, texts = "", []
        for line in block.split(b"\n"):
            if line.startswith(b"event:"):
                name = line[6:].strip().decode()
            elif line.startswith(b"data:"):
                texts.append(line[5:].strip())
        if texts:
            text = b"\n".join(texts)
            found.append((name, "[DONE]" if text == b"[DONE]" else parsed(text)))
    return found


def parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {"cut": text.decode("utf-8", "replace")}


def ended_well(path: str, body: bytes) -> bool:
    """Whether a client would take this stream for a whole, good answer."""
    seen = frames(body)
    if any("error" in tree for _, tree in seen if isinstance(tree, dict)):
        return False
    if path == MESSAGES:
        return any(tree.get("type") == "message_stop" for _, tree in seen)
    return any(tree == "[DONE]" for _, tree in seen)


def broke_loudly(path: str, body: bytes) -> dict[str, Any]:
    """The in-band error that ends a broken stream; asserts that there is one, in the face's form, and nothing after."""
    seen = frames(body)
    assert not ended_well(path, body), body
    name, last = seen[-1]
    assert isinstance(last, dict), body
    if path == MESSAGES:
        assert name == "error"
        assert not [tree for _, tree in seen if tree.get("type") in ("message_stop", "message_delta")]
        return check_error(path, last)
    assert not [tree for _, tree in seen if tree == "[DONE]"]
    assert last["error"]["message"]
    return last["error"]


def text_of(path: str, body: bytes) -> str:
    """The visible text of a stream."""
    if path == MESSAGES:
        return "".join(
            tree["delta"].get("text", "") for _, tree in frames(body) if tree.get("type") == "content_block_delta"
        )
    return "".join(
        choice["delta"].get("content") or ""
        for _, tree in frames(body)
        if tree != "[DONE]"
        for choice in tree.get("choices", [])
    )
