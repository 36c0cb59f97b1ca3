#!/usr/bin/env python3
"""A scripted source of tokens: an OpenAI-compatible upstream that answers at a fixed rate, in a process of its own.

    python bench/web/source.py MODEL ...        prints its port as JSON, serves until it is ended

A model's name says what it does: `d500-2500-a` sends 500 deltas a second, 2,500 in all; the rest tells models apart.
`GET /log` tells of every answer when it was asked for, when its first and last text left (unix ms), how many deltas
that were, and when the connection was gone.

Knows: enough HTTP for one client that behaves. Does not know: hostler.
"""

import asyncio
import json
import sys
import time
from typing import cast

import uvloop
from texts import answer

TICK_S = 0.002
CHUNK = (
    '{"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
    '"choices":[{"index":0,"delta":%s,"finish_reason":%s}]}'
)
Told = dict[str, float | str | None]
MODELS = sys.argv[1:]


def now_ms() -> float:
    """Unix time in ms, as the pages tell it too."""
    return time.time() * 1000


def event(data: str) -> bytes:
    """One server-sent event as a chunk of HTTP's chunked coding."""
    raw = f"data: {data}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(raw), raw)


def reply(body: object) -> bytes:
    """A whole JSON reply."""
    raw = json.dumps(body).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(raw), raw)


class Upstream(asyncio.Protocol):
    """One connection."""

    def __init__(self, log: list[Told]) -> None:
        self.log = log
        self.buffer = b""
        self.told: Told | None = None
        self.task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self.out = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever asked has left."""
        if self.told is not None:
            self.told["closed"] = now_ms()
        if self.task is not None:
            self.task.cancel()

    def data_received(self, data: bytes) -> None:
        """Take requests, one after the other."""
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.decode().lower().split("\r\n")
        length = next((int(line.partition(":")[2]) for line in lines if line.startswith("content-length:")), 0)
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        if lines[0].startswith("get /log"):
            self.out.write(reply(self.log))
        elif lines[0].startswith("get "):
            self.out.write(reply({"object": "list", "data": [{"id": name, "object": "model"} for name in MODELS]}))
        else:
            self.task = asyncio.get_running_loop().create_task(self.stream(json.loads(rest[:length])["model"]))

    async def stream(self, model: str) -> None:
        """Send the deltas, each by itself, as many as are due at every tick."""
        rate, count = (int(part) for part in model.removeprefix("d").split("-")[:2])
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunks = [event(CHUNK % (json.dumps({"content": piece}), "null")) for piece in answer(count)]
        told: Told = {"model": model, "asked": now_ms(), "first": None, "last": None, "sent": 0, "closed": None}
        self.told = told
        self.log.append(told)
        self.out.write(head + event(CHUNK % ('{"role":"assistant","content":""}', "null")))
        loop = asyncio.get_running_loop()
        began, done = loop.time(), 0
        while done < count:
            await asyncio.sleep(TICK_S)
            due = min(count, int((loop.time() - began) * rate))
            for chunk in chunks[done:due]:
                self.out.write(chunk)
            if due > done:
                told.update(sent=due, last=now_ms())
                told["first"] = told["first"] or told["last"]
            done = due
        self.told = None
        self.out.write(event(CHUNK % ("{}", '"stop"')) + event("[DONE]") + b"0\r\n\r\n")


async def main() -> None:
    """Serve on a free port."""
    log: list[Told] = []
    server = await asyncio.get_running_loop().create_server(lambda: Upstream(log), "127.0.0.1", 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
