"""Fake vendors for tests, and a client that sees the bytes. Use `serving`, or the fixture `fake_vendor`."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import msgspec
import pytest

from hostler.providers.fake import FakeVendor, Script

READ_S = 20.0


@asynccontextmanager
async def serving(
    script: Script | Mapping[str, object] | Path | str | None = None, *, strict: bool | None = None
) -> AsyncGenerator[FakeVendor]:
    """A fake vendor that serves while the block runs; its address is `fake.address`."""
    fake = FakeVendor(script, strict=strict)
    async with fake.serving():
        yield fake


class StartFake(Protocol):
    """Starts a fake vendor that serves until the test ends."""

    async def __call__(
        self, script: Script | Mapping[str, object] | Path | str | None = None, *, strict: bool | None = None
    ) -> FakeVendor: ...


@pytest.fixture
async def fake_vendor() -> AsyncGenerator[StartFake]:
    """A factory of fake vendors: `fake = await fake_vendor(script)`. As often as needed in one test."""
    async with AsyncExitStack() as stack:

        async def start(
            script: Script | Mapping[str, object] | Path | str | None = None, *, strict: bool | None = None
        ) -> FakeVendor:
            return await stack.enter_async_context(serving(script, strict=strict))

        yield start


@dataclass(frozen=True, slots=True)
class RawReply:
    """Everything that came back on one connection; `reset` when it ended by a TCP reset; `reads` as they arrived."""

    data: bytes
    reset: bool
    reads: tuple[bytes, ...] = ()

    @property
    def status(self) -> int:
        """Of the status line; 0 without one."""
        return int(self.data[9:12]) if self.data.startswith(b"HTTP/1.1 ") else 0

    @property
    def headers(self) -> dict[str, str]:
        """By lower-cased name."""
        head = self.data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head)}

    @property
    def body(self) -> bytes:
        """As it stands after the head, chunks taken apart; what is missing is missing."""
        rest = self.data.partition(b"\r\n\r\n")[2]
        return b"".join(self.chunks) if self.headers.get("transfer-encoding") == "chunked" else rest

    @property
    def chunks(self) -> list[bytes]:
        """The HTTP chunks of the body, the last one perhaps cut."""
        rest = self.data.partition(b"\r\n\r\n")[2]
        found: list[bytes] = []
        while rest:
            line, _, rest = rest.partition(b"\r\n")
            size = int(line, 16)
            if size:
                found.append(rest[:size])
            rest = rest[size + 2 :]
        return found

    @property
    def whole(self) -> bool:
        """Whether the body has its end, as its framing tells."""
        headers = self.headers
        if headers.get("transfer-encoding") == "chunked":
            return self.data.endswith(b"\r\n0\r\n\r\n") and not self.reset
        return not self.reset and len(self.body) == int(headers.get("content-length", len(self.body)))

    @property
    def json(self) -> object:
        """The body as JSON."""
        return msgspec.json.decode(self.body)


async def raw_post(address: str, path: str, body: object, headers: Mapping[str, str] | None = None) -> RawReply:
    """POST on a connection of its own and read until the server closes it (it is asked to after the reply)."""
    reader, writer = await raw_open(address, path, body, headers)
    try:
        return await raw_read(reader)
    finally:
        writer.close()


async def raw_open(
    address: str, path: str, body: object, headers: Mapping[str, str] | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a request and leave the reply to the caller."""
    parts = urlsplit(address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    fields = {"host": "fake", "content-type": "application/json", "connection": "close", **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    writer.write(f"POST {path} HTTP/1.1\r\n{lines}content-length: {len(data)}\r\n\r\n".encode() + data)
    await writer.drain()
    return reader, writer


async def raw_read(reader: asyncio.StreamReader) -> RawReply:
    """Everything up to the end of the connection."""
    reads: list[bytes] = []
    async with asyncio.timeout(READ_S):
        try:
            while piece := await reader.read(65536):
                reads.append(piece)
        except ConnectionError:
            return RawReply(b"".join(reads), reset=True, reads=tuple(reads))
    return RawReply(b"".join(reads), reset=False, reads=tuple(reads))
