"""The guard of conftest.py: what it refuses and what it lets through."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from hostler import settings


def test_a_connection_beyond_loopback_is_refused() -> None:
    with socket.socket() as sock, pytest.raises(RuntimeError, match="may not reach"):
        sock.connect(("192.0.2.1", 80))


def test_a_datagram_beyond_loopback_is_refused() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock, pytest.raises(RuntimeError, match="may not reach"):
        sock.sendto(b"x", ("192.0.2.1", 53))


def test_a_look_up_is_refused() -> None:
    with pytest.raises(RuntimeError, match="may not look up"):
        socket.getaddrinfo("example.org", 443)


async def test_asyncio_is_guarded_too() -> None:
    with pytest.raises(RuntimeError, match="may not reach"):
        await asyncio.open_connection("192.0.2.1", 80)


async def test_loopback_is_open() -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "localhost", 0) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
        assert await reader.read() == b"hello"
        writer.close()
        await writer.wait_closed()


def test_folders_and_environment_are_the_tests_own(own_folders: Path) -> None:
    found = settings.load()
    assert found.data_dir.is_relative_to(own_folders)
    assert found.config_file.is_relative_to(own_folders) or not found.config_file.exists()
    assert not [name for name in os.environ if name.endswith("_API_KEY")]
