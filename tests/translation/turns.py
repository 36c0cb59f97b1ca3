"""What stands in a second request, read by each wire's published form: who said what, called what, and got what."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass
class History:
    """A conversation as the vendor sees it. `blobs`: each text of the assistant's turns but what is visible."""

    users: list[str] = field(default_factory=list)
    said: str = ""
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    results: list[tuple[str, str]] = field(default_factory=list)
    blobs: list[str] = field(default_factory=list)


def read_history(wire: str, body: Json) -> History:
    """The conversation in a request's body."""
    return _READERS[wire](body)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)


def _texts(content: object, *names: str) -> str:
    """The text of a content that is a text or a list of parts."""
    if isinstance(content, list):
        return "".join(part.get("text") or "" for part in content if not names or part.get("type", "") in names)
    return content if isinstance(content, str) else ""


def _chat(body: Json) -> History:
    seen = History()
    for message in body["messages"]:
        text = _texts(message.get("content"), "text", "refusal") + (message.get("refusal") or "")
        match message["role"]:
            case "user":
                seen.users.append(text)
            case "assistant":
                seen.said += text
                seen.blobs += list(_strings(message))
                for call in message.get("tool_calls") or ():
                    function = call["function"]
                    seen.calls.append((call["id"], function["name"], json.loads(function["arguments"])))
            case "tool":
                seen.results.append((message["tool_call_id"], text))
            case _:
                pass
    return seen


def _messages(body: Json) -> History:
    seen = History()
    for message in body["messages"]:
        content = message["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for part in parts:
            if part["type"] == "tool_result":
                seen.results.append((part["tool_use_id"], _texts(part.get("content", ""))))
            elif part["type"] == "tool_use":
                seen.calls.append((part["id"], part["name"], part["input"]))
            elif part["type"] == "text" and message["role"] == "user":
                seen.users.append(part["text"])
            elif part["type"] == "text":
                seen.said += part["text"]
            if message["role"] == "assistant":
                seen.blobs += list(_strings(part))
    return seen


def _responses(body: Json) -> History:
    seen = History()
    for item in body["input"]:
        kind = item.get("type", "message")
        match kind:
            case "message" if item["role"] == "assistant":
                parts = item["content"] if isinstance(item["content"], list) else [{"text": item["content"]}]
                seen.said += "".join(part.get("text", "") + part.get("refusal", "") for part in parts)
            case "message":
                seen.users.append(_texts(item["content"]))
            case "function_call":
                seen.calls.append((item["call_id"], item["name"], json.loads(item["arguments"] or "{}")))
            case "function_call_output":
                seen.results.append((item["call_id"], _texts(item["output"])))
            case _:
                pass
        seen.blobs += list(_strings(item))
    return seen


def _gemini(body: Json) -> History:
    seen = History()
    for content in body["contents"]:
        for part in content["parts"]:
            if "functionCall" in part:
                call = part["functionCall"]
                seen.calls.append((call.get("id", ""), call["name"], call.get("args", {})))
            elif "functionResponse" in part:
                told = part["functionResponse"]
                seen.results.append((told.get("id", ""), "".join(_strings(told["response"]))))
            elif "text" in part and content["role"] == "user":
                seen.users.append(part["text"])
            elif "text" in part and not part.get("thought"):
                seen.said += part["text"]
            if content["role"] == "model":
                seen.blobs += list(_strings(part))
    return seen


def _ollama(body: Json) -> History:
    seen = History()
    for message in body["messages"]:
        match message["role"]:
            case "user":
                seen.users.append(message["content"])
            case "assistant":
                seen.said += message.get("content") or ""
                seen.blobs += list(_strings(message))
                for call in message.get("tool_calls") or ():
                    function = call["function"]
                    seen.calls.append((call.get("id", ""), function["name"], function["arguments"]))
            case "tool":
                seen.results.append((message.get("tool_call_id", ""), message["content"]))
            case _:
                pass
    return seen


def _dashscope(body: Json) -> History:
    return _chat({"messages": body["input"]["messages"]})


_READERS = {
    "openai-chat": _chat,
    "openai-responses": _responses,
    "anthropic": _messages,
    "gemini": _gemini,
    "ollama": _ollama,
    "dashscope": _dashscope,
}
