"""Tiny real HTTP servers that speak the listings of local servers and vendors, from published examples of our own."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from hostler.system.address import Address

Page = object
"""A JSON value, bytes to send as they are, a status as a number, or a status with its page."""

NOWHERE = Address("127.0.0.1", 1)


@dataclass
class Seen:
    """One request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Machine:
    """A server's pages by path (without query), what it was asked, and events to steer it."""

    pages: dict[str, Page]
    server: str = "test"
    seen: list[Seen] = field(default_factory=list)
    hold: asyncio.Event | None = None
    held: tuple[str, ...] = ()
    """Paths that `hold` holds; none named: all."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    address: Address = NOWHERE

    @property
    def url(self) -> str:
        return self.address.url

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ")
            headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:]) if k}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.seen.append(Seen(method, target, headers, body))
            self.asked.set()
            if self.hold is not None and (not self.held or target.startswith(self.held)):
                await self.hold.wait()
            writer.write(self.reply(target, body))
            await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    def reply(self, target: str, body: bytes) -> bytes:
        page = self.pages.get(target, self.pages.get(target.partition("?")[0], 404))
        if isinstance(page, dict) and body and "by model" in page:
            page = page["by model"].get(json.loads(body)["model"], 404)
        status, page = page if isinstance(page, tuple) else (page if isinstance(page, int) else 200, page)
        data = page if isinstance(page, bytes) else json.dumps({} if isinstance(page, int) else page).encode()
        head = (
            f"HTTP/1.1 {status} X\r\nserver: {self.server}\r\ncontent-length: {len(data)}\r\nconnection: close\r\n\r\n"
        )
        return head.encode() + data


@asynccontextmanager
async def serving(machine: Machine, port: int = 0) -> AsyncIterator[Machine]:
    """Serve `machine` on loopback while the block runs."""
    server = await asyncio.start_server(machine.answer, "127.0.0.1", port)
    machine.address = Address("127.0.0.1", server.sockets[0].getsockname()[1])
    try:
        yield machine
    finally:
        server.close()
        if machine.hold is not None:
            machine.hold.set()
        await server.wait_closed()


def models(*names: str, owner: str = "somebody", **more: object) -> dict[str, object]:
    """The chat wire's model list."""
    data = [{"id": name, "object": "model", "created": 1_700_000_000, "owned_by": owner, **more} for name in names]
    return {"object": "list", "data": data}


def llama_cpp(name: str = "qwen3", *, context: int = 8192, vision: bool = False, tools: bool = True) -> Machine:
    """A llama.cpp server with one model."""
    listed = models(
        name,
        owner="llamacpp",
        architecture={"input_modalities": ["text", "image"] if vision else ["text"], "output_modalities": ["text"]},
        meta={"n_ctx_train": 131072, "n_params": 1},
    )
    props = {
        "default_generation_settings": {"n_ctx": context},
        "total_slots": 4,
        "modalities": {"vision": vision, "audio": False},
        "chat_template_caps": {"supports_tools": tools, "supports_tool_calls": tools},
    }
    return Machine({"/v1/models": listed, "/props": props, "/health": {"status": "ok"}}, "llama.cpp")


def llama_swap(*names: str) -> Machine:
    """llama-swap with several models, none of which may be loaded by being listed."""
    return Machine({"/v1/models": models(*names, owner="llama-swap"), "/running": {"running": []}})


def ollama() -> Machine:
    """Ollama with a chat model, one with its window set, and an embedding model."""
    tags = [{"name": name, "model": name, "size": 5_000} for name in ("qwen3:8b", "tiny:latest", "embed:latest")]
    shown = {
        "qwen3:8b": {
            "capabilities": ["completion", "tools", "thinking"],
            "model_info": {"general.architecture": "qwen3", "qwen3.context_length": 40960},
            "parameters": 'stop "<|im_end|>"\ntemperature 0.6',
        },
        "tiny:latest": {
            "capabilities": ["completion", "vision"],
            "model_info": {"llama.context_length": 8192},
            "parameters": "num_ctx                        2048",
        },
        "embed:latest": {"capabilities": ["embedding"], "model_info": {"bert.context_length": 512}},
    }
    return Machine(
        {
            "/": b"Ollama is running",
            "/api/version": {"version": "0.40.0"},
            "/api/tags": {"models": tags},
            "/api/show": {"by model": shown},
            "/v1/models": models("qwen3:8b", "tiny:latest", owner="library"),
        }
    )


def lm_studio(*, old: bool = False) -> Machine:
    """LM Studio with a loaded vision model and an embedding model, by its new or its old native list."""
    listed = models("google/gemma", "nomic", owner="organization_owner")
    if old:
        native: dict[str, Page] = {
            "/api/v0/models": {
                "data": [
                    {
                        "id": "google/gemma",
                        "type": "vlm",
                        "state": "loaded",
                        "compatibility_type": "gguf",
                        "max_context_length": 131072,
                        "loaded_context_length": 4096,
                        "capabilities": ["tool_use"],
                    },
                    {"id": "nomic", "type": "embeddings", "compatibility_type": "gguf", "max_context_length": 2048},
                ]
            }
        }
    else:
        native = {
            "/api/v1/models": {
                "models": [
                    {
                        "type": "llm",
                        "key": "google/gemma",
                        "size_bytes": 7_000,
                        "max_context_length": 131072,
                        "loaded_instances": [{"id": "google/gemma", "config": {"context_length": 4096}}],
                        "capabilities": {"vision": True, "trained_for_tool_use": True},
                    },
                    {"type": "embedding", "key": "nomic", "max_context_length": 2048, "loaded_instances": []},
                ]
            }
        }
    return Machine({"/v1/models": listed, **native})


def vllm() -> Machine:
    """vLLM with one model."""
    return Machine({"/v1/models": models("org/big", owner="vllm", max_model_len=32768), "/version": {"version": "1"}})


def anthropic_pages() -> Machine:
    """Anthropic's list over two pages, with cards."""
    card = {
        "image_input": {"supported": True},
        "thinking": {"supported": True},
        "structured_outputs": {"supported": False},
        "server_tools": {"supported": True, "web_search": {"supported": True}, "code_execution": {"supported": False}},
    }
    first = {
        "id": "claude-a",
        "type": "model",
        "created_at": "2026-02-01T00:00:00Z",
        "max_input_tokens": 1000000,
        "max_tokens": 64000,
        "lifecycle": "active",
        "capabilities": card,
    }
    gone = {**first, "id": "claude-gone", "lifecycle": "retired"}
    second = {"id": "claude-b", "type": "model", "created_at": "nonsense"}
    return Machine(
        {
            "/v1/models?limit=1000": {"data": [first, gone], "has_more": True, "last_id": "claude-gone"},
            "/v1/models?limit=1000&after_id=claude-gone": {"data": [second], "has_more": False, "last_id": "claude-b"},
        }
    )
