"""What the faces' SDKs can wish for beyond a text: media, a form, a choice of tools, an end. Each in its own words.

A wish that an SDK has no words for (`says`) is one that its client cannot lose.
"""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import anthropic
import httpx2
import ollama
import openai
from google import genai
from google.genai import errors as genai_errors
from google.genai import types

from tests.faces.clients import SCHEMA, Refused

Kind = Literal["image", "pdf", "audio"]
DATA: dict[str, bytes] = {
    "image": b"\x89PNG\r\n\x1a\n" + bytes(12),
    "pdf": b"%PDF-1.7\n%%EOF",
    "audio": b"RIFF\x24\x00\x00\x00WAVEfmt ",
}
TYPES = {"image": "image/png", "pdf": "application/pdf", "audio": "audio/wav"}
URLS = {"image": "https://example.org/a.png", "pdf": "https://example.org/a.pdf", "audio": "https://example.org/a.wav"}
TOOLS = ("weather", "time")
TEXT = "Look, and answer in JSON."  # several vendors want that word beside the form


class Unsayable(Exception):
    """This SDK has no words for it."""


@dataclass(frozen=True)
class Medium:
    """One file, by data or by URL."""

    kind: Kind
    by: Literal["data", "url"]

    @property
    def base64(self) -> str:
        return base64.b64encode(DATA[self.kind]).decode()

    @property
    def data_url(self) -> str:
        return f"data:{TYPES[self.kind]};base64,{self.base64}"

    @property
    def url(self) -> str:
        return URLS[self.kind]


@dataclass(frozen=True)
class Wish:
    """What is asked for beside the text. `choice`: auto, none, required, or a tool's name."""

    medium: Medium | None = None
    schema: bool = False
    json: bool = False
    choice: str = ""
    one_by_one: bool = False
    stop: tuple[str, ...] = ()


def _chat_part(medium: Medium) -> dict[str, Any]:
    match medium:
        case Medium("image", by):
            return {"type": "image_url", "image_url": {"url": medium.url if by == "url" else medium.data_url}}
        case Medium("audio", "data"):
            return {"type": "input_audio", "input_audio": {"data": medium.base64, "format": "wav"}}
        case Medium("pdf", "data"):
            return {"type": "file", "file": {"filename": "a.pdf", "file_data": medium.data_url}}
        case _:
            raise Unsayable


def _chat(wish: Wish) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": TEXT}]
    content += [_chat_part(wish.medium)] if wish.medium is not None else []
    more: dict[str, Any] = {"messages": [{"role": "user", "content": content}]}
    if wish.schema:
        form = {"name": "place", "schema": SCHEMA}
        more["response_format"] = {"type": "json_schema", "json_schema": form}
    if wish.json:
        more["response_format"] = {"type": "json_object"}
    if wish.choice:
        more["tools"] = [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in TOOLS]
        named = {"type": "function", "function": {"name": wish.choice}}
        more["tool_choice"] = named if wish.choice in TOOLS else wish.choice
    if wish.one_by_one:
        more["parallel_tool_calls"] = False
    if wish.stop:
        more["stop"] = list(wish.stop)
    return more


def _responses_part(medium: Medium) -> dict[str, Any]:
    match medium:
        case Medium("image", by):
            url = medium.url if by == "url" else medium.data_url
            return {"type": "input_image", "image_url": url, "detail": "auto"}
        case Medium("audio", "data"):
            return {"type": "input_audio", "input_audio": {"data": medium.base64, "format": "wav"}}
        case Medium("pdf", "url"):
            return {"type": "input_file", "file_url": medium.url}
        case Medium("pdf", "data"):
            return {"type": "input_file", "filename": "a.pdf", "file_data": medium.data_url}
        case _:
            raise Unsayable


def _responses(wish: Wish) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "input_text", "text": TEXT}]
    content += [_responses_part(wish.medium)] if wish.medium is not None else []
    more: dict[str, Any] = {"input": [{"role": "user", "content": content}], "store": False}
    if wish.schema:
        more["text"] = {"format": {"type": "json_schema", "name": "place", "schema": SCHEMA}}
    if wish.json:
        more["text"] = {"format": {"type": "json_object"}}
    if wish.choice:
        more["tools"] = [{"type": "function", "name": name, "parameters": SCHEMA, "strict": False} for name in TOOLS]
        named = {"type": "function", "name": wish.choice}
        more["tool_choice"] = named if wish.choice in TOOLS else wish.choice
    if wish.one_by_one:
        more["parallel_tool_calls"] = False
    if wish.stop:
        raise Unsayable
    return more


def _messages(wish: Wish) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": TEXT}]
    match wish.medium:
        case Medium("image" | "pdf" as kind, by) as medium:
            source = {"type": "base64", "media_type": TYPES[kind], "data": medium.base64}
            block = {"image": "image", "pdf": "document"}[kind]
            content.append({"type": block, "source": {"type": "url", "url": medium.url} if by == "url" else source})
        case Medium():
            raise Unsayable
        case None:
            pass
    more: dict[str, Any] = {"max_tokens": 900, "messages": [{"role": "user", "content": content}]}
    if wish.schema:
        closed = {**SCHEMA, "additionalProperties": False}
        more["output_config"] = {"format": {"type": "json_schema", "schema": closed}}
    if wish.json:
        raise Unsayable
    if wish.choice:
        more["tools"] = [{"name": name, "input_schema": SCHEMA} for name in TOOLS]
        words = {"required": "any"}
        named = {"type": "tool", "name": wish.choice}
        more["tool_choice"] = named if wish.choice in TOOLS else {"type": words.get(wish.choice, wish.choice)}
    if wish.one_by_one:
        more["tool_choice"]["disable_parallel_tool_use"] = True
    if wish.stop:
        more["stop_sequences"] = list(wish.stop)
    return more


def _gemini(wish: Wish) -> tuple[list[Any], types.GenerateContentConfig]:
    parts = [types.Part(text=TEXT)]
    if wish.medium is not None:
        kind = wish.medium.kind
        inline = types.Part(inline_data=types.Blob(mime_type=TYPES[kind], data=DATA[kind]))
        by_url = types.Part(file_data=types.FileData(mime_type=TYPES[kind], file_uri=wish.medium.url))
        parts.append(inline if wish.medium.by == "data" else by_url)
    if wish.one_by_one:
        raise Unsayable
    more: dict[str, Any] = {}
    if wish.schema or wish.json:
        more["response_mime_type"] = "application/json"
        more["response_json_schema"] = SCHEMA if wish.schema else None
    if wish.choice:
        declared = [
            types.FunctionDeclaration(name=name, description="x", parameters_json_schema=SCHEMA) for name in TOOLS
        ]
        more["tools"] = [types.Tool(function_declarations=declared)]
        mode = {"auto": "AUTO", "none": "NONE"}.get(wish.choice, "ANY")
        names = [wish.choice] if wish.choice in TOOLS else None
        calling = types.FunctionCallingConfig(mode=mode, allowed_function_names=names)  # type: ignore[arg-type]
        more["tool_config"] = types.ToolConfig(function_calling_config=calling)
    return [types.Content(role="user", parts=parts)], types.GenerateContentConfig(
        stop_sequences=list(wish.stop) or None, **more
    )


def _ollama(wish: Wish) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "user", "content": TEXT}
    match wish.medium:
        case Medium("image" | "audio", "data") as medium:
            message["images"] = [medium.base64]
        case Medium():
            raise Unsayable
        case None:
            pass
    if wish.choice or wish.one_by_one:
        raise Unsayable
    more: dict[str, Any] = {"messages": [message]}
    if wish.schema or wish.json:
        more["format"] = SCHEMA if wish.schema else "json"
    if wish.stop:
        more["options"] = {"stop": list(wish.stop)}
    return more


def says(name: str, wish: Wish) -> bool:
    """Whether the SDK of a face has words for it."""
    forms: dict[str, Any] = {"chat": _chat, "responses": _responses, "messages": _messages, "gemini": _gemini}
    try:
        forms.get(name, _ollama)(wish)
    except Unsayable:
        return False
    return True


class Wishing:
    """One SDK that asks for one thing; raises Refused."""

    def __init__(self, name: str, client: Any) -> None:
        self._name = name
        self._client = client

    async def ask(self, model: str, wish: Wish) -> None:
        try:
            await self._ask(model, wish)
        except (openai.APIStatusError, anthropic.APIStatusError) as error:
            raise Refused(error.status_code, error.message) from None
        except genai_errors.APIError as error:
            raise Refused(error.code, str(error.message)) from None
        except ollama.ResponseError as error:
            raise Refused(error.status_code, error.error) from None

    async def _ask(self, model: str, wish: Wish) -> None:
        match self._name:
            case "chat":
                await self._client.chat.completions.create(model=model, **_chat(wish))
            case "responses":
                await self._client.responses.create(model=model, **_responses(wish))
            case "messages":
                await self._client.messages.create(model=model, **_messages(wish))
            case "gemini":
                contents, config = _gemini(wish)
                await self._client.aio.models.generate_content(model=model, contents=contents, config=config)
            case _:
                await self._client.chat(model=model, **_ollama(wish))


@asynccontextmanager
async def wishing(name: str, address: str) -> AsyncIterator[Wishing]:
    """The SDK of a face, pointed at an address."""
    match name:
        case "chat" | "responses":
            async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="k", max_retries=0) as client:
                yield Wishing(name, client)
        case "messages":
            async with anthropic.AsyncAnthropic(base_url=address, api_key="k", max_retries=0) as claude:
                yield Wishing(name, claude)
        case "gemini":
            options = types.HttpOptions(
                base_url=address,
                async_client_args={"transport": httpx2.AsyncHTTPTransport()},  # its other way, aiohttp, warns of itself
                retry_options=types.HttpRetryOptions(attempts=1),
            )
            google = genai.Client(api_key="k", http_options=options)
            yield Wishing(name, google)
            await google.aio.aclose()
            google.close()
        case _:
            local = ollama.AsyncClient(host=address)
            yield Wishing(name, local)
            await local._client.aclose()  # pyright: ignore[reportPrivateUsage]  # it has no door of its own
