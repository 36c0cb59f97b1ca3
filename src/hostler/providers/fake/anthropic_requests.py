"""Knows what Anthropic demands of message requests, and the words in which it refuses.

`read` takes from a request what a script needs and refuses only what nobody could answer; `check` refuses what the
vendor refuses. Written after the published API reference; does not know replies.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

from hostler.providers.fake.answer import count_words
from hostler.providers.fake.anthropic_thinking import check_asked, check_returned
from hostler.providers.fake.asked import Asked, AskedTool, Fault, Rules
from hostler.providers.fake.json_values import (
    Json,
    array_at,
    is_array,
    is_number,
    is_object,
    object_at,
    text_at,
    texts_of,
)
from hostler.providers.fake.script import Dialect, Operation

_TOOL_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
_TOOL_NAME: Final = re.compile(r"[a-zA-Z0-9_-]+")
_TOOL_NAME_LENGTH: Final = 128
_NO_SAMPLING: Final = "2026-10-21"  # from this version on temperature, top_p and top_k are refused
_MOST_MARKS: Final = 4
_IMAGES: Final = ("image/jpeg", "image/png", "image/gif", "image/webp")
_SOURCES: Final = {
    "image": ("base64", "url", "file"),
    "document": ("base64", "text", "content", "url", "file"),
}
_FIELDS: Final = frozenset((
    "model", "messages", "max_tokens", "system", "stream", "stop_sequences", "temperature", "top_p", "top_k",
    "metadata", "tools", "tool_choice", "thinking", "service_tier", "container", "context_management",
    "mcp_servers", "output_config", "output_format", "cache_control", "inference_geo", "diagnostics", "betas",
    "speed",
))  # fmt: skip
_COUNT_FIELDS: Final = _FIELDS - {"max_tokens", "stream", "stop_sequences", "metadata", "temperature", "top_p", "top_k"}
_BLOCKS: Final = {
    "user": frozenset(("text", "image", "document", "tool_result", "search_result", "container_upload")),
    "assistant": frozenset(
        ("text", "tool_use", "thinking", "redacted_thinking", "server_tool_use", "web_search_tool_result",
         "web_fetch_tool_result", "code_execution_tool_result", "mcp_tool_use", "mcp_tool_result", "compaction")
    ),
    "system": frozenset(("text",)),
}  # fmt: skip
_NEEDS: Final = {
    "text": ("text",),
    "image": ("source",),
    "document": ("source",),
    "tool_use": ("id", "name", "input"),
    "tool_result": ("tool_use_id",),
    "thinking": ("thinking", "signature"),
    "redacted_thinking": ("data",),
}
_RESULTS: Final = frozenset(("text", "image", "document", "search_result", "tool_reference"))


def read(operation: Operation, body: object) -> Asked:
    """What a script needs of a request. Raises Fault when the body is no object or names no model."""
    if not is_object(body):
        raise Fault("The request body is not valid JSON.")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Fault("model: Field required")
    messages = array_at(body, "messages")
    last = messages[-1] if messages else None
    spoken = [texts_of(m.get("content")) for m in messages if is_object(m) and text_at(m, "role") == "user"]
    results = [block for block in array_at(last, "content") if text_at(block, "type") == "tool_result"]
    return Asked(
        wire="anthropic",
        operation=operation,
        model=model,
        stream=body.get("stream") is True,
        include_usage=True,
        text="\n".join(map(_result_text, results)) if results else next((t for t in reversed(spoken) if t), ""),
        system=texts_of(body.get("system")),
        tool_result=bool(results),
        tools=tuple(_tools(body)),
        tool_choice=_tool_choice(object_at(body, "tool_choice")),
        words=count_words(messages) + count_words(body.get("system")) + count_words(body.get("tools")),
        body=body,
    )


def _result_text(block: object) -> str:
    return texts_of(block.get("content")) if is_object(block) else ""


def _tools(body: Json) -> Iterator[AskedTool]:
    for tool in array_at(body, "tools"):
        if text_at(tool, "type") in ("", "custom"):
            yield AskedTool(text_at(tool, "name"), object_at(tool, "input_schema"))


def _tool_choice(choice: Json) -> str:
    return text_at(choice, "name") or text_at(choice, "type") or "auto"


# ---------------------------------------------------------------------------- what the vendor refuses


def check(asked: Asked, rules: Rules) -> None:
    """Raise Fault with the vendor's words for the first thing that it would refuse."""
    body = asked.body
    version = rules.headers.get("anthropic-version")
    if not version:
        raise Fault("anthropic-version: header is required")
    known = _FIELDS if asked.operation == "messages" else _COUNT_FIELDS
    for name in body:
        if name not in known or name in rules.dialect.forbidden:
            raise Fault(f"{name}: Extra inputs are not permitted")
    if asked.operation == "messages":
        _check_limits(body, version)
    _check_messages(body)
    if version >= _NO_SAMPLING:
        _check_citations(body)
    messages = [message for message in array_at(body, "messages") if is_object(message)]
    for place, message in enumerate(messages):
        _check_content(message, f"messages.{place}", last=place == len(messages) - 1)
    _check_pairs(messages)
    check_returned(body, rules)
    _check_system(body.get("system"))
    _check_tools(body)
    check_asked(body, rules)
    _check_marks(body)
    _check_habits(body, rules.dialect)


def _check_limits(body: Json, version: str) -> None:
    if "max_tokens" not in body:
        raise Fault("max_tokens: Field required")
    limit = body["max_tokens"]
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise Fault("max_tokens: Input should be a valid integer")
    if limit < 0:
        raise Fault("max_tokens: Input should be greater than or equal to 0")
    for name, most in (("temperature", 1), ("top_p", 1), ("top_k", None)):
        value = body.get(name)
        if value is None:
            continue
        if version >= _NO_SAMPLING:
            raise Fault(f"{name}: Extra inputs are not permitted")
        if not is_number(value):
            raise Fault(f"{name}: Input should be a valid number")
        if value < 0:
            raise Fault(f"{name}: Input should be greater than or equal to 0")
        if most is not None and value > most:
            raise Fault(f"{name}: Input should be less than or equal to {most}")


def _check_messages(body: Json) -> None:
    if "messages" not in body:
        raise Fault("messages: Field required")
    messages = body["messages"]
    if not is_array(messages):
        raise Fault("messages: Input should be a valid list")
    if not messages:
        raise Fault("messages: at least one message is required")
    for place, message in enumerate(messages):
        _check_message(message, f"messages.{place}")
    first = messages[0]
    if text_at(first, "role") != "user":
        raise Fault('messages: first message must use the "user" role')


def _check_message(message: object, where: str) -> None:
    if not is_object(message):
        raise Fault(f"{where}: Input should be a valid dictionary")
    for name in ("role", "content"):
        if name not in message:
            raise Fault(f"{where}.{name}: Field required")
    for name in message:
        if name not in ("role", "content"):
            raise Fault(f"{where}.{name}: Extra inputs are not permitted")
    if text_at(message, "role") not in _BLOCKS:
        raise Fault(f"{where}.role: Input should be 'user', 'assistant' or 'system'")


def _check_citations(body: Json) -> None:
    for place, message in enumerate(array_at(body, "messages")):
        for number, block in enumerate(array_at(message, "content")):
            if text_at(message, "role") == "user" and array_at(block, "citations"):
                raise Fault(f"messages.{place}.content.{number}.text.citations: Extra inputs are not permitted")


def _check_content(message: Json, where: str, *, last: bool) -> None:
    content = message["content"]
    role = text_at(message, "role")
    if not isinstance(content, str) and not is_array(content):
        raise Fault(f"{where}.content: Input should be a valid string or list")
    if not content and not (last and role == "assistant"):
        raise Fault(
            f"{where}: all messages must have non-empty content except for the optional final assistant message"
        )
    if isinstance(content, str):
        if last and role == "assistant" and content != content.rstrip():
            raise Fault("messages: final assistant content cannot end with trailing whitespace")
        return
    for number, block in enumerate(content):
        _check_block(block, role, where=f"{where}.content.{number}")


def _check_block(block: object, role: str, *, where: str) -> None:
    if not is_object(block):
        raise Fault(f"{where}: Input should be a valid dictionary")
    kind = text_at(block, "type")
    if not kind:
        raise Fault(f"{where}.type: Field required")
    if kind not in _BLOCKS[role]:
        if any(kind in kinds for kinds in _BLOCKS.values()):
            raise Fault(f"{where}: `{kind}` blocks are not permitted in `{role}` messages")
        names = ", ".join(f"'{name}'" for name in sorted(_BLOCKS[role]))
        raise Fault(f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {names}")
    for name in _NEEDS.get(kind, ()):
        if name not in block:
            raise Fault(f"{where}.{kind}.{name}: Field required")
    _check_fields(block, kind, where=where)


def _check_fields(block: Json, kind: str, *, where: str) -> None:
    if kind == "text" and not text_at(block, "text").strip():
        problem = "must be non-empty" if not block["text"] else "must contain non-whitespace text"
        raise Fault(f"messages: text content blocks {problem}")
    if kind == "tool_use":
        if not _TOOL_ID.fullmatch(text_at(block, "id")):
            raise Fault(f"{where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
        _check_name(text_at(block, "name"), f"{where}.tool_use")
        if not is_object(block["input"]):
            raise Fault(f"{where}.tool_use.input: Input should be a valid dictionary")
    if kind in _SOURCES:
        _check_source(object_at(block, "source"), kind, where=where)
    if kind == "tool_result":
        for number, part in enumerate(array_at(block, "content")):
            if text_at(part, "type") not in _RESULTS:
                raise Fault(
                    f"{where}.tool_result.content.{number}: Input tag '{text_at(part, 'type')}' is not expected"
                )


def _check_source(source: Json, kind: str, *, where: str) -> None:
    sort = text_at(source, "type")
    if sort not in _SOURCES[kind]:
        names = ", ".join(f"'{name}'" for name in _SOURCES[kind])
        raise Fault(
            f"{where}.{kind}.source: Input tag '{sort}' found using 'type' does not match any of the expected tags: "
            f"{names}"
        )
    if sort != "base64":
        return
    media = text_at(source, "media_type")
    if kind == "image" and media not in _IMAGES:
        names = ", ".join(f"'{name}'" for name in _IMAGES[:-1])
        path = f"{where}.image.source.base64.media_type"
        raise Fault(f"{path}: Input should be {names} or '{_IMAGES[-1]}'")
    if kind == "document" and media != "application/pdf":
        raise Fault(f"{where}.document.source.base64.media_type: Input should be 'application/pdf'")
    try:
        base64.b64decode(text_at(source, "data"), validate=True)
    except (binascii.Error, ValueError):
        raise Fault(f"{where}.{kind}.source.base64: Invalid base64 data") from None


def _check_marks(body: Json) -> None:
    """No more than four places are marked for the cache."""
    lives = list(_lives([body.get("tools"), body.get("system"), body.get("messages")]))
    if len(lives) > _MOST_MARKS:
        raise Fault(f"A maximum of {_MOST_MARKS} blocks with cache_control may be provided. Found {len(lives)}.")
    if "5m" in lives and "1h" in lives[lives.index("5m") :]:
        raise Fault(
            "A ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are "
            "processed in the following order: `tools`, `system`, `messages`."
        )


def _lives(value: object) -> Iterator[str]:
    """The times to live of all marks, in the order in which the vendor reads them."""
    if is_object(value):
        for name, inner in value.items():
            if name not in ("input", "input_schema", "cache_control"):
                yield from _lives(inner)
        if value.get("cache_control") is not None:
            yield text_at(value["cache_control"], "ttl") or "5m"
    elif is_array(value):
        for inner in value:
            yield from _lives(inner)


def _check_habits(body: Json, dialect: Dialect) -> None:
    """What single models refuse."""
    if not dialect.forced_tools and text_at(object_at(body, "tool_choice"), "type") in ("any", "tool"):
        raise Fault("tool_choice: forced tool use is not supported by this model. Use 'auto' or 'none'.")
    if array_at(body, "tools") and not dialect.tools:
        raise Fault("tools: tool use is not supported by this model.")
    messages = array_at(body, "messages")
    if not dialect.prefill and text_at(messages[-1], "role") == "assistant":
        raise Fault(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )


def _blocks(message: Json, kind: str) -> list[Json]:
    return [b for b in array_at(message, "content") if is_object(b) and b.get("type") == kind]


def _check_pairs(messages: list[Json]) -> None:
    """Calls are answered in the very next message, all of them, and nothing else is."""
    seen: set[str] = set()
    for place, message in enumerate(messages):
        before = messages[place - 1] if place else {}
        called = (
            {text_at(b, "id") for b in _blocks(before, "tool_use")}
            if text_at(before, "role") == "assistant"
            else set[str]()
        )
        answered = [text_at(b, "tool_use_id") for b in _blocks(message, "tool_result")]
        for number, answer in enumerate(answered):
            if answer not in called:
                raise Fault(
                    f"messages.{place}.content.{number}: unexpected `tool_use_id` found in `tool_result` blocks: "
                    f"{answer}. "
                    "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                )
        if len(set(answered)) < len(answered):
            raise Fault(
                f"messages.{place}.content: each tool_use must have a single result. "
                "Found multiple `tool_result` blocks"
            )
        if missing := sorted(called - set(answered)):
            raise _unanswered(place - 1, missing)
        ids = [text_at(b, "id") for b in _blocks(message, "tool_use")]
        if len(set(ids)) < len(ids) or seen & set(ids):
            raise Fault(f"messages.{place}: `tool_use` ids must be unique")
        seen.update(ids)
    if messages and (left := sorted(text_at(b, "id") for b in _blocks(messages[-1], "tool_use"))):
        raise _unanswered(len(messages) - 1, left)


def _unanswered(place: int, ids: list[str]) -> Fault:
    return Fault(
        f"messages.{place}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(ids)}. Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    )


def _check_system(system: object) -> None:
    if system is None or isinstance(system, str):
        return
    if not is_array(system):
        raise Fault("system: Input should be a valid list")
    for place, block in enumerate(system):
        if text_at(block, "type") != "text":
            raise Fault(f"system.{place}.type: Input should be 'text'")
        if not text_at(block, "text"):
            raise Fault("system: text content blocks must be non-empty")


def _check_tools(body: Json) -> None:
    names: set[str] = set()
    for place, tool in enumerate(array_at(body, "tools")):
        name = text_at(tool, "name")
        if name in names:
            raise Fault("tools: Tool names must be unique.")
        names.add(name)
        if text_at(tool, "type") not in ("", "custom"):
            continue
        _check_name(name, f"tools.{place}.custom")
        if not is_object(tool) or "input_schema" not in tool:
            raise Fault(f"tools.{place}.custom.input_schema: Field required")
        if object_at(tool, "input_schema").get("type") != "object":
            raise Fault(f"tools.{place}.custom.input_schema.type: Input should be 'object'")
    _check_choice(object_at(body, "tool_choice"), names)


def _check_name(name: str, where: str) -> None:
    if len(name) > _TOOL_NAME_LENGTH:
        raise Fault(f"{where}.name: String should have at most {_TOOL_NAME_LENGTH} characters")
    if not _TOOL_NAME.fullmatch(name):
        raise Fault(f"{where}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")


def _check_choice(choice: Json, names: set[str]) -> None:
    kind = choice.get("type")
    if not choice:
        return
    if kind not in ("auto", "any", "tool", "none"):
        raise Fault(
            f"tool_choice: Input tag '{kind}' does not match any of the expected tags: 'auto', 'any', 'tool', 'none'"
        )
    if not names:
        raise Fault("tool_choice: may only be specified while providing tools")
    if kind == "tool" and text_at(choice, "name") not in names:
        raise Fault(f"tool_choice.tool.name: Tool '{text_at(choice, 'name')}' not found in provided tools")
