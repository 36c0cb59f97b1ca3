"""A machine for tests: a real upstream on loopback that remembers what it was asked and answers as it is told.

It writes its replies by hand, from the published wires, and knows no codec.
"""

import asyncio
import contextlib
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.waiting import wait_until

EVENTS = "text/event-stream"
JSON = "application/json"


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        return next((value for n, value in self.headers if n == name), None)


class Line:
    """The connection that a request came on."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.close_after = False

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def whole(self, body: object, status: int = 200, kind: str = JSON, **headers: str) -> None:
        """A reply with its length."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"content-type: {kind}", f"content-length: {len(data)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.send(f"HTTP/1.1 {status} X\r\n".encode() + head(lines) + data)

    async def begin(self, kind: str = EVENTS, *, chunked: bool = True, status: int = 200, **headers: str) -> None:
        """The head of a streamed reply."""
        lines = [f"content-type: {kind}", "transfer-encoding: chunked" if chunked else "connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.close_after = not chunked
        await self.send(f"HTTP/1.1 {status} X\r\n".encode() + head(lines))

    async def chunk(self, data: bytes) -> None:
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def end(self) -> None:
        await self.send(b"0\r\n\r\n")

    def reset(self) -> None:
        self.writer.transport.abort()

    async def gone(self) -> None:
        """Wait until the other side has closed."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass


def head(lines: list[str]) -> bytes:
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


Script = Callable[[Asked, Line], Awaitable[None]]


@dataclass
class Machine:
    """Answers model calls with `script` (by default as a well-behaved server of its `models`)."""

    models: tuple[str, ...] = ("m",)
    script: Script | None = None
    name: str = "machine"
    asked: list[Asked] = field(default_factory=list)
    open: int = 0
    opened: int = 0
    port: int = 0
    tls: bool = False

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def calls(self) -> list[Asked]:
        """What was asked, but for listings."""
        return [each for each in self.asked if each.method == "POST"]

    @property
    def named(self) -> Counter[tuple[str, str]]:
        """How often which model was asked for on which path."""
        return Counter((each.path, each.json["model"]) for each in self.calls)

    async def wait_calls(self, count: int, within: float = 30.0) -> None:
        await wait_until(lambda: len(self.calls) >= count, within)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.opened += 1
        line = Line(reader, writer)
        try:
            while not line.close_after and not writer.transport.is_closing():
                asked = await read(reader)
                self.asked.append(asked)
                await (self.script if self.script and asked.method == "POST" else self.serve)(asked, line)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError, asyncio.CancelledError):
                await writer.wait_closed()

    async def serve(self, asked: Asked, line: Line) -> None:
        """What a well-behaved server answers."""
        if asked.method == "GET":
            listed = [{"id": name, "object": "model", "owned_by": self.name} for name in self.models]
            await line.whole({"object": "list", "data": listed} if asked.path == "/v1/models" else {})
            return
        body = asked.json
        text = f"{self.name} as {body['model']}"
        answer = ANSWERS[asked.path]
        if body.get("stream"):
            await line.begin()
            for frame in answer(body["model"], text, stream=True):
                await line.chunk(frame)
            await line.end()
        else:
            (reply,) = answer(body["model"], text, stream=False)
            await line.whole(reply)


async def read(reader: asyncio.StreamReader) -> Asked:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = lines[0].split(" ")
    headers = tuple((n.lower(), v) for n, _, v in (each.partition(": ") for each in lines[1:]) if n)
    length = int(dict(headers).get("content-length", 0))
    return Asked(method, path, headers, await reader.readexactly(length))


# ------------------------------------------------------------------------- replies, from the published wires

CHAT_USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
MESSAGES_USAGE = {"input_tokens": 11, "output_tokens": 7}


def data(value: object) -> bytes:
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


def event(value: dict[str, Any]) -> bytes:
    return b"event: " + value["type"].encode("utf-8", "replace") + b"\n" + data(value)


def chat_chunk(model: str, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": [choice]}


def chat(model: str, text: str, *, stream: bool) -> list[Any]:
    if stream:
        usage = {**chat_chunk(model, {}), "choices": [], "usage": CHAT_USAGE}
        start = chat_chunk(model, {"role": "assistant", "content": ""})
        words = [chat_chunk(model, {"content": word + " "}) for word in text.split()]
        return [*map(data, [start, *words, chat_chunk(model, {}, "stop"), usage]), b"data: [DONE]\n\n"]
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    reply = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model, "choices": [choice]}
    return [{**reply, "usage": CHAT_USAGE, "x_unknown": {"kept": [1, 2.50]}}]


def completion(model: str, text: str, *, stream: bool) -> list[Any]:
    choice = {"index": 0, "text": text, "finish_reason": "stop", "logprobs": None}
    reply = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": model, "choices": [choice]}
    reply["usage"] = CHAT_USAGE
    return [data(reply), b"data: [DONE]\n\n"] if stream else [reply]


def embedding(model: str, text: str, *, stream: bool) -> list[Any]:
    del text, stream
    one = {"object": "embedding", "index": 0, "embedding": [0.25, 0.5]}
    return [{"object": "list", "data": [one], "model": model, "usage": {"prompt_tokens": 3, "total_tokens": 3}}]


def messages(model: str, text: str, *, stream: bool) -> list[Any]:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "stop_sequence": None}
    if not stream:
        block = {"type": "text", "text": text}
        return [{**message, "content": [block], "stop_reason": "end_turn", "usage": MESSAGES_USAGE, "x_unknown": 2.50}]
    start = {**message, "content": [], "stop_reason": None, "usage": {"input_tokens": 11, "output_tokens": 1}}
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word + " "}}
        for word in text.split()
    ]
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    frames: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *deltas,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    ]
    return [event(frame) for frame in frames]


def count(model: str, text: str, *, stream: bool) -> list[Any]:
    del model, text, stream
    return [{"input_tokens": 13}]


ANSWERS: dict[str, Callable[..., list[Any]]] = {
    "/v1/chat/completions": chat,
    "/v1/completions": completion,
    "/v1/embeddings": embedding,
    "/v1/messages": messages,
    "/v1/messages/count_tokens": count,
}


@asynccontextmanager
async def machine(made: Machine | None = None, context: ssl.SSLContext | None = None) -> AsyncIterator[Machine]:
    """Serve a machine on loopback while the block runs."""
    made = made or Machine()
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await made.handle(reader, writer)
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(handle, "127.0.0.1", 0, backlog=1024, ssl=context)
    made.port = server.sockets[0].getsockname()[1]
    made.tls = context is not None
    try:
        yield made
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
