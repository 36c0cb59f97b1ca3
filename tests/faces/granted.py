"""What a vendor was asked for, read off a request's body by each vendor's published names. Knows no codec."""

import json
from typing import Any

Json = dict[str, Any]


def media(wire: str, body: Json) -> list[tuple[str, str]]:
    """Each file as its published kind, and its base64 or URL."""
    return [found for part in _parts(wire, body) if (found := _medium(wire, part)) is not None]


def _parts(wire: str, body: Json) -> list[Json]:
    match wire:
        case "gemini":
            return body["contents"][-1]["parts"]
        case "openai-responses":
            content = body["input"][-1]["content"]
        case "dashscope":
            content = body["input"]["messages"][-1]["content"]
        case "ollama":
            return [{"image": data} for data in body["messages"][-1].get("images", ())]
        case _:
            content = body["messages"][-1]["content"]
    return content if isinstance(content, list) else []


def _medium(wire: str, part: Json) -> tuple[str, str] | None:
    match part:
        case {"type": "image_url", "image_url": {"url": url}} | {"type": "input_image", "image_url": url}:
            return "image", _bare(url)
        case {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}:
            return "audio", _bare(data)
        case {"type": "file", "file": {"file_data": data}} | {"type": "input_file", "file_data": data}:
            return "pdf", _bare(data)
        case {"type": "input_file", "file_url": url}:
            return "pdf", url
        case {"type": "image" | "document" as kind, "source": {"data": value} | {"url": value}}:
            return {"image": "image", "document": "pdf"}[kind], value
        case {"inlineData": blob} | {"fileData": blob}:
            kinds = {"image/png": "image", "application/pdf": "pdf", "audio/wav": "audio"}
            told = {name.replace("_", "").lower(): value for name, value in blob.items()}  # it takes either spelling
            return kinds[told["mimetype"]], told.get("data") or told["fileuri"]
        case {"image": value} if wire == "ollama":  # it tells files by their first bytes
            return ("audio" if value.startswith("UklGR") else "image"), value
        case {"image": value} | {"audio": value}:
            return next(iter(part)), _bare(value)
        case _:
            return None


def _bare(url: str) -> str:
    return url.partition(";base64,")[2] if url.startswith("data:") else url


def form(wire: str, body: Json) -> Json | str | None:
    """The schema that the answer is to follow, "json" for any JSON, or None."""
    match wire:
        case "ollama":
            return body.get("format")
        case "gemini":
            config = body.get("generationConfig", {})
            free = "json" if config.get("responseMimeType") == "application/json" else None
            return config.get("responseJsonSchema") or free
        case "anthropic":
            return body.get("output_config", {}).get("format", {}).get("schema")
        case "openai-responses":
            asked = body.get("text", {}).get("format", {})
            return "json" if asked.get("type") == "json_object" else asked.get("schema")
        case _:
            holder = body["parameters"] if wire == "dashscope" else body
            asked = holder.get("response_format", {})
            return "json" if asked.get("type") == "json_object" else asked.get("json_schema", {}).get("schema")


def tools(wire: str, body: Json) -> list[str]:
    """The names of the tools on offer."""
    match wire:
        case "gemini":
            return [each["name"] for tool in body.get("tools", ()) for each in tool["functionDeclarations"]]
        case "anthropic" | "openai-responses":
            return [tool["name"] for tool in body.get("tools", ())]
        case _:
            holder = body["parameters"] if wire == "dashscope" else body
            return [tool["function"]["name"] for tool in holder.get("tools", ())]


def choice(wire: str, body: Json) -> str | None:
    """auto, none, required, the name of the one tool that must be called, or None where nothing is said."""
    match wire:
        case "ollama":
            return None
        case "gemini":
            calling = body.get("toolConfig", {}).get("functionCallingConfig", {})
            names = calling.get("allowedFunctionNames")
            return names[0] if names else {"AUTO": "auto", "NONE": "none", "ANY": "required"}.get(calling.get("mode"))
        case "anthropic":
            asked = body.get("tool_choice") or {}
            return asked.get("name") or {"any": "required"}.get(asked.get("type"), asked.get("type"))
        case _:
            asked = (body["parameters"] if wire == "dashscope" else body).get("tool_choice")
            return asked if not isinstance(asked, dict) else asked.get("name") or asked["function"]["name"]


def one_by_one(wire: str, body: Json) -> bool:
    """Whether parallel calls are forbidden."""
    if wire == "anthropic":
        return bool((body.get("tool_choice") or {}).get("disable_parallel_tool_use"))
    return (body["parameters"] if wire == "dashscope" else body).get("parallel_tool_calls") is False


def stops(wire: str, body: Json) -> list[str]:
    """The sequences at which the answer ends."""
    match wire:
        case "gemini":
            return body.get("generationConfig", {}).get("stopSequences", [])
        case "anthropic":
            return body.get("stop_sequences", [])
        case "ollama":
            return body.get("options", {}).get("stop", [])
        case "dashscope":
            return body["parameters"].get("stop", [])
        case _:
            return body.get("stop", [])


def holds(body: Json, text: str) -> bool:
    """Whether a text stands anywhere in a request."""
    return json.dumps(text)[1:-1] in json.dumps(body)
