"""A connection joined with another: bytes as they come, at the slower one's pace, until either ends."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hostler.system.address import Address
from hostler.system.http_server import Exchange
from hostler.system.tunnel import open_tunnel
from tests.system.http_server.door import GET, PATIENCE, Client, Door
from tests.waiting import wait_until

MUCH = 64 << 20


class Far:
    """The server behind."""

    def __init__(self) -> None:
        self.clients: asyncio.Queue[Client] = asyncio.Queue()
        self.server: asyncio.Server

    async def listen(self) -> Address:
        def arrived(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.clients.put_nowait(Client(reader, writer))

        self.server = await asyncio.start_server(arrived, "127.0.0.1", 0, limit=1 << 16)
        return Address("127.0.0.1", self.server.sockets[0].getsockname()[1], tls=False)


@pytest_asyncio.fixture
async def ends() -> AsyncIterator[tuple[Door, Client, Client]]:
    """The door, its client, and the server's end of the tunnel that the client's first request became."""
    far, door = Far(), Door()
    address = await far.listen()
    tasks: list[asyncio.Task[None]] = []

    async def join(exchange: Exchange) -> None:
        (await open_tunnel(address)).take(exchange, b"opening ")

    await door.listen(lambda exchange: tasks.append(asyncio.get_running_loop().create_task(join(exchange))))
    near = await door.client()
    near.send(GET + b"behind it")
    async with asyncio.timeout(PATIENCE):
        other = await far.clients.get()
        assert await other.reader.readexactly(17) == b"opening behind it"
    yield door, near, other
    await other.close()
    far.server.close()
    await door.shut()


async def test_bytes_go_both_ways(ends: tuple[Door, Client, Client]) -> None:
    _, near, far = ends
    for sender, receiver in ((near, far), (far, near)):
        data = bytes(range(256)) * 2000
        sender.send(data)
        async with asyncio.timeout(PATIENCE):
            assert await receiver.reader.readexactly(len(data)) == data


@pytest.mark.parametrize("who", ["near", "far"])
async def test_either_end_ends_both_after_its_last_bytes(ends: tuple[Door, Client, Client], who: str) -> None:
    door, near, far = ends
    first, second = (near, far) if who == "near" else (far, near)
    first.send(b"last words")
    first.writer.close()
    assert await second.rest() == b"last words"
    await wait_until(lambda: door.server.statistics().connections == 0)


@pytest.mark.slow
@pytest.mark.parametrize("who", ["near", "far"])
async def test_a_reader_that_waits_holds_the_writer_back(ends: tuple[Door, Client, Client], who: str) -> None:
    """Without it all that one side sends would be in memory."""
    door, near, far = ends
    writer, reader = (near, far) if who == "near" else (far, near)
    piece, sent = b"x" * (1 << 16), 0
    while sent < MUCH:
        writer.send(piece)
        sent += len(piece)
    transport, before = writer.writer.transport, -1
    while before != (before := transport.get_write_buffer_size()):
        await door.turns()
    assert before > MUCH // 2  # it stands still, with most of it not even sent
    async with asyncio.timeout(PATIENCE):
        assert len(await reader.reader.readexactly(sent)) == sent
        await writer.writer.drain()


async def test_a_client_that_is_gone_leaves_no_connection_behind() -> None:
    far, door = Far(), Door()
    address = await far.listen()
    await door.listen(lambda exchange: None)
    near = await door.client()
    near.send(GET)
    exchange = await door.request(1)
    tunnel = await open_tunnel(address)
    near.writer.transport.abort()
    await wait_until(lambda: exchange.disconnected)
    tunnel.take(exchange, b"opening")
    async with asyncio.timeout(PATIENCE):
        other = await far.clients.get()
        assert await other.reader.read() == b""
    await other.close()
    far.server.close()
    await door.shut()


async def test_a_server_that_is_gone_is_an_error() -> None:
    far = Far()
    address = await far.listen()
    far.server.close()
    await far.server.wait_closed()
    with pytest.raises(OSError):
        await open_tunnel(address)
