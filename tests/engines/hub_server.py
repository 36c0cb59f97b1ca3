"""A model hub on this machine: the published API with a separate storage host, and faults on demand."""

import asyncio
import hashlib
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

REPO = "org/model-GGUF"
Head = dict[str, str]


@dataclass
class Seen:
    """One request as it arrived."""

    host: str
    """`hub` or `store`."""
    path: str
    headers: Head


@dataclass
class Answer:
    """A whole answer."""

    status: int
    headers: Head = field(default_factory=dict)
    body: bytes = b""
    cut: int | None = None
    """Bytes of the body after which the connection is dropped."""
    hang: bool = False
    """Say nothing more after the cut, instead of dropping the connection."""


@dataclass
class HubServer:
    """What the hub holds and how it misbehaves. Change the fields between requests."""

    files: dict[str, bytes]
    cuts: list[int] = field(default_factory=list)
    """The next transfers end after so many bytes."""
    hang: bool = False
    ranges: bool = True
    hashes: dict[str, str] = field(default_factory=dict)
    """Promised SHA-256 by path, where it is not the true one."""
    listed_hashes: bool = True
    refusals: list[Answer] = field(default_factory=list)
    """Given instead of the next file lists."""
    failures: list[Answer] = field(default_factory=list)
    """Given instead of the next transfers, by the storage host."""
    gated: bool = False
    """Lists its files to everybody, gives them to those who have consented."""
    page: int = 1000
    """Entries per page of a file list."""
    tag: str = '"v1"'
    location: str = ""
    """Where files are redirected to, instead of the storage host."""
    seen: list[Seen] = field(default_factory=list)
    address: str = ""
    store: str = ""
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a transfer hangs."""

    def transfers(self) -> list[Seen]:
        """Requests at the storage host."""
        return [seen for seen in self.seen if seen.host == "store"]

    def at_hub(self, path: str) -> Answer:
        """The hub's answer."""
        url = urlsplit(path)
        if url.path == f"/api/models/{REPO}/tree/main":
            return self.refusals.pop(0) if self.refusals else self._list(url.query)
        if url.path == "/api/models/org/renamed/tree/main":
            return Answer(307, {"location": f"/api/models/{REPO}/tree/main?recursive=true"})
        prefix = f"/{REPO}/resolve/main/"
        name = unquote(url.path.removeprefix(prefix))
        if url.path.startswith(prefix) and self.gated:
            return Answer(401, {"x-error-code": "GatedRepo"}, b"Access to this model is restricted.")
        if url.path.startswith(prefix) and name in self.files:
            location = self.location or f"{self.store}/blob/{name}?signature=x"
            linked = {"x-linked-size": str(len(self.files[name])), "x-linked-etag": f'"{self._hash(name)}"'}
            return Answer(302, {"location": location, **linked})
        return Answer(401, {"x-error-code": "RepoNotFound"}, b'{"error": "Repository not found"}')

    def _hash(self, name: str) -> str:
        return self.hashes.get(name, hashlib.sha256(self.files[name]).hexdigest())

    def _list(self, query: str) -> Answer:
        assert "recursive=true" in query
        start = int(query.partition("cursor=")[2] or 0)
        names = sorted(self.files)[start : start + self.page]
        entries: list[dict[str, object]] = [{"type": "directory", "path": "folder", "size": 0, "oid": "0"}]
        for name in names:
            lfs = {"lfs": {"oid": self._hash(name), "size": len(self.files[name]), "pointerSize": 130}}
            entry = {"type": "file", "path": name, "size": len(self.files[name]), "oid": "1"}
            entries.append({**entry, **(lfs if self.listed_hashes else {})})
        more = start + self.page < len(self.files)
        link = f'<{self.address}/api/models/{REPO}/tree/main?recursive=true&cursor={start + self.page}>; rel="next"'
        return Answer(200, {"link": link} if more else {}, json.dumps(entries).encode())

    def at_store(self, path: str, headers: Head) -> Answer:
        """The storage host's answer."""
        if self.failures:
            return self.failures.pop(0)
        body = self.files[unquote(urlsplit(path).path).removeprefix("/blob/")]
        cut = self.cuts.pop(0) if self.cuts else None
        start = self._start(headers)
        if start is None:
            return Answer(200, {"etag": self.tag}, body, cut, self.hang)
        if start >= len(body):
            return Answer(416, {"content-range": f"bytes */{len(body)}"})
        span = f"bytes {start}-{len(body) - 1}/{len(body)}"
        return Answer(206, {"etag": self.tag, "content-range": span}, body[start:], cut, self.hang)

    def _start(self, headers: Head) -> int | None:
        if not self.ranges or "range" not in headers or headers.get("if-range", self.tag) != self.tag:
            return None
        return int(headers["range"].removeprefix("bytes=").removesuffix("-"))

    async def serve(self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                lines = request.decode("latin-1").split("\r\n")
                path = lines[0].split(" ")[1]
                headers = {
                    name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
                }
                self.seen.append(Seen(host, path, headers))
                answer = self.at_hub(path) if host == "hub" else self.at_store(path, headers)
                if not await self._send(answer, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _send(self, answer: Answer, writer: asyncio.StreamWriter) -> bool:
        headers = {"content-length": str(len(answer.body)), **answer.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
        writer.write(f"HTTP/1.1 {answer.status} X\r\n{head}\r\n".encode() + answer.body[: answer.cut])
        await writer.drain()
        if answer.cut is None:
            return True
        if answer.hang:
            self.hanging.set()
            await asyncio.Event().wait()
        return False


@asynccontextmanager
async def serving(files: dict[str, bytes], tls: ssl.SSLContext | None = None) -> AsyncIterator[HubServer]:
    """A hub with these files; it ends with the block."""
    scheme = "https" if tls else "http"
    hub = HubServer(files)
    running: set[asyncio.Task[None]] = set()

    def accept(host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(hub.serve(host, reader, writer))
        running.add(task)
        task.add_done_callback(running.discard)

    servers = [
        await asyncio.start_server(lambda r, w: accept("hub", r, w), "127.0.0.1", 0, ssl=tls),
        await asyncio.start_server(lambda r, w: accept("store", r, w), "127.0.0.1", 0, ssl=tls),
    ]
    hub.address, hub.store = (f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in servers)
    try:
        yield hub
    finally:
        for server in servers:
            server.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
