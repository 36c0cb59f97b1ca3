"""What an upstream may do to a connection that is kept: nothing of it may reach the next answer."""

import asyncio

import pytest

from hostler.errors import UpstreamGarbled, UpstreamUnreachable
from hostler.system.address import Address
from hostler.system.upstream import UpstreamConnection
from tests.system.test_upstream import ASK, OK, PATIENCE, Heard, ask, door_to, pooling, saying, serving
from tests.waiting import wait_until

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"


@pytest.mark.parametrize("cut", range(1, 8))
async def test_a_known_answer_that_comes_in_two_segments_is_read_whole(cut: int) -> None:
    answers = iter(((OK,), (OK[:cut], OK[cut:])))

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in next(answers):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)  # a segment of its own: the receiver is in the same loop

    async with serving(script) as server, pooling() as pool:
        for _ in range(2):
            _, heard = await ask(door_to(pool, server))
            assert (heard.status, heard.body, heard.error) == (200, b"hello", None)
        assert server.opened == 1


async def test_trailers_do_not_become_headers_of_the_next_answer() -> None:
    with_trailers = CHUNKED + b"set-cookie: a=1\r\nx-two: 2\r\n\r\n"
    answers = iter((with_trailers, OK, OK))

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(next(answers))

    async with serving(script) as server, pooling() as pool:
        _, first = await ask(door_to(pool, server))
        _, second = await ask(door_to(pool, server))
        _, third = await ask(door_to(pool, server))
    assert first.body == second.body == third.body == b"hello"
    assert second.headers == third.headers == [(b"content-length", b"5")]


class Slow(Heard):
    """A receiver whose client cannot keep up: it has reading paused with the last piece, as a full buffer does."""

    connection: UpstreamConnection

    def on_body(self, data: bytes) -> None:
        super().on_body(data)
        self.connection.set_reading(False)


async def test_a_connection_whose_reading_was_paused_at_the_end_serves_the_next_call() -> None:
    async with serving(saying(OK)) as server, pooling() as pool:
        connection = await door_to(pool, server).connect()
        slow = Slow()
        slow.connection = connection
        connection.send(ASK, slow, patience=PATIENCE)
        await slow.wait()
        again, heard = await ask(door_to(pool, server))
        assert again is connection
        assert heard.body == b"hello"


def _say_nothing(_loop: asyncio.AbstractEventLoop, _context: dict[str, object]) -> None:
    """The bug is on purpose."""


class Faulty(Heard):
    """A receiver with a bug, in one of its methods."""

    def __init__(self, at: str) -> None:
        super().__init__()
        self._at = at

    def on_head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        super().on_head(status, headers)
        if self._at == "head":
            raise AttributeError("a bug")

    def on_body(self, data: bytes) -> None:
        if self._at == "body":
            raise AttributeError("a bug")
        super().on_body(data)


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("at", ["head", "body"])
async def test_a_receiver_that_fails_is_told_so_and_the_connection_goes(*, at: str, known: bool) -> None:
    asyncio.get_running_loop().set_exception_handler(_say_nothing)
    async with serving(saying(OK)) as server, pooling() as pool:
        door = door_to(pool, server)
        if known:
            await ask(door)
        connection = door.take_nowait() or await door.connect()
        faulty = Faulty(at)
        connection.send(ASK, faulty, patience=PATIENCE)
        await faulty.wait()
        assert faulty.error is not None
        assert not connection.usable()
        assert len(door) == 0


async def test_interim_answers_without_end_are_cut_off() -> None:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.transport.is_closing():
            writer.write(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" * 100)
            await writer.drain()

    async with serving(script) as server, pooling() as pool:
        _, heard = await ask(door_to(pool, server))
        assert isinstance(heard.error, UpstreamGarbled)
        await wait_until(lambda: server.open == 0)


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".test"])
async def test_a_host_that_no_name_service_takes_is_unreachable(host: str) -> None:
    async with pooling() as pool:
        with pytest.raises(UpstreamUnreachable):
            await pool.door(Address(host, 1, tls=False)).connect()
