"""A stand-in for llama-server that does at once what a real one does now and then: crash, hang, refuse to load.

Run as a program with llama-server's flags. What it does at its start is told by the model file's name, what it does
with a call by the last message: see `begin` and `answer`. As a module it makes the executable and the recipes.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

DEMO = Path(__file__).parents[2] / "src" / "hostler" / "engines" / "demo.gguf"


def executable(folder: Path) -> str:
    """An executable in `folder` that is this program."""
    path = folder / "llama-server"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{__file__}" "$@"\n')
    path.chmod(0o755)
    return str(path)


def recipe(folder: Path, name: str, **knobs: object) -> dict[str, object]:
    """A providers file's model whose file is a good one, called `name`."""
    path = folder / f"{name}.gguf"
    if not path.exists():
        path.symlink_to(DEMO)
    return {"id": name, "recipe": {"path": str(path), "context": 1024, "prompt_cache_mib": 0, **knobs}}


def flag(name: str, default: str) -> str:
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else default


class Llama:
    """The server; ends itself when more calls run at once than it has slots."""

    def __init__(self) -> None:
        self.slots = int(flag("--parallel", "1"))
        self.alias = flag("--alias", "?")
        self.ready = True
        self.calls = 0

    async def begin(self) -> None:
        """What the model file's name says."""
        name = Path(flag("--model", "")).stem
        say(f"loading model '{name}'")
        match name:
            case "exits":
                say("error: unknown model architecture: 'horse'")
                sys.exit(1)
            case "no-memory":
                say("ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 99999999999")
                sys.exit(1)
            case "never-ready":
                self.ready = False
            case _:
                pass
        server = await asyncio.start_server(self.serve, "127.0.0.1", int(flag("--port", "0")), backlog=512)
        say("server is listening on")
        await server.serve_forever()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                if head.startswith(b"get "):
                    status = b"200 OK" if self.ready else b"503 Loading"
                    writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 2\r\n\r\n{}")
                    continue
                length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
                body = json.loads(await reader.readexactly(length))
                self.calls += 1
                if self.calls > self.slots:
                    say("more calls than slots")
                    os._exit(7)
                try:
                    await self.answer(body, reader, writer)
                finally:
                    self.calls -= 1
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def answer(self, body: dict, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # type: ignore[type-arg]
        said = body["messages"][-1]["content"]
        word, _, rest = (said if isinstance(said, str) else said[0]["text"]).partition(" ")
        if word == "crash-before":
            crash()
        if not body.get("stream"):
            if word == "crash":
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{")
                await writer.drain()
                crash()
            message = {"role": "assistant", "content": f"you said {word}"}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            reply = json.dumps(
                {"id": "c", "object": "chat.completion", "model": self.alias, "choices": [choice]}
            ).encode()
            kind = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            writer.write(kind % len(reply) + reply)
            return
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        self.frame(writer, {"content": "you said "})
        self.frame(writer, {"content": word})
        await writer.drain()
        if word == "crash":
            crash()
        if word == "hold":
            await reader.read(1)  # until the gateway hangs up
            raise ConnectionError
        while word == "until" and not os.access(rest, os.F_OK):  # noqa: ASYNC110  # another process makes the file
            await asyncio.sleep(0.01)
        self.frame(writer, {}, "stop")
        writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")

    def frame(self, writer: asyncio.StreamWriter, delta: dict[str, str], finish: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        chunk = {"id": "c", "object": "chat.completion.chunk", "model": self.alias, "choices": [choice]}
        data = b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"
        writer.write(b"%x\r\n%b\r\n" % (len(data), data))


def crash() -> None:
    say("ggml_abort: the horse has bolted")
    os._exit(3)


def say(line: str) -> None:
    os.write(2, line.encode() + b"\n")


if __name__ == "__main__":
    asyncio.run(Llama().begin())
