"""What an upstream may do to a connection that is kept: nothing of it may reach the next answer."""

import asyncio

import pytest

from hostler.errors import UpstreamError, UpstreamGarbled, UpstreamTimeout, UpstreamUnreachable
from hostler.system import upstream
from hostler.system.address import Address
from hostler.system.upstream import Patience, PoolLimits, UpstreamConnection
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
    """A receiver whose client cannot keep up: it has reading paused with its last bytes, as a full buffer does.

    These are the last piece (`at` "body"), or what is written once the answer is whole, as a translated one is ("end").
    """

    connection: UpstreamConnection

    def __init__(self, at: str) -> None:
        super().__init__()
        self._at = at

    def on_body(self, data: bytes) -> None:
        super().on_body(data)
        if self._at == "body":
            self.connection.set_reading(False)

    def on_complete(self) -> None:
        if self._at == "end":
            self.connection.set_reading(False)
        super().on_complete()


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("answer", [OK, CHUNKED + b"\r\n"], ids=["with its length", "in chunks"])
@pytest.mark.parametrize("at", ["body", "end"])
async def test_a_connection_whose_reading_was_paused_at_the_end_serves_the_next_call(
    *, at: str, answer: bytes, known: bool
) -> None:
    async with serving(saying(answer)) as server, pooling() as pool:
        door = door_to(pool, server)
        if known:
            await ask(door)
        connection = door.take_nowait() or await door.connect()
        slow = Slow(at)
        slow.connection = connection
        connection.send(ASK, slow, patience=PATIENCE)
        await slow.wait()
        again, heard = await ask(door)
        assert again is connection and server.opened == 1
        assert heard.body == b"hello"


async def test_a_limit_for_the_first_byte_does_not_cut_a_stream_that_may_pause_for_ever() -> None:
    late = asyncio.Event()

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK[:-2])
        await late.wait()
        writer.write(OK[-2:])

    async with serving(script) as server, pooling() as pool:
        connection = await door_to(pool, server).connect()
        heard = Heard()
        connection.send(ASK, heard, patience=Patience(first_byte=9, idle=0))
        limit = connection.deadline
        await wait_until(lambda: heard.body == b"hel")
        connection.check_silence(limit + 1)  # as the sweep does then
        late.set()
        await heard.wait()
        assert (heard.body, heard.error) == (b"hello", None)


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

    def on_failed(self, error: UpstreamError) -> None:
        super().on_failed(error)
        if self._at == "failure":
            raise AttributeError("a bug")


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


async def test_a_receiver_that_fails_in_the_sweep_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One call's bug must not take everybody's limits away."""
    monkeypatch.setattr(upstream, "SWEEP", 0.01)
    asyncio.get_running_loop().set_exception_handler(_say_nothing)

    async def script(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()
        raise ConnectionError

    async with serving(script) as server, pooling() as pool:
        door = door_to(pool, server)
        for receiver in (Faulty("failure"), Heard()):
            connection = await door.connect()
            connection.send(ASK, receiver, patience=Patience(first_byte=0.01))
            await receiver.wait()
            assert isinstance(receiver.error, UpstreamTimeout)


async def test_a_door_in_use_is_not_dropped_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine takes a new port at each start; its old doors go, but none that a connection is to come back to."""
    monkeypatch.setattr(upstream, "SWEEP", 0.01)
    answered = asyncio.Event()

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answered.wait()
        writer.write(OK)

    async with serving(script) as server, pooling() as pool:
        door = door_to(pool, server)
        connection = await door.connect()
        heard = Heard()
        connection.send(ASK, heard, patience=PATIENCE)
        for port in range(1, 2 * upstream.MOST_DOORS):
            pool.door(Address("127.0.0.1", port, tls=True))
        assert door_to(pool, server) is door
        answered.set()
        await heard.wait()
        assert (pool.statistics().busy, pool.statistics().unused) == (0, 1)
        pool.limits = PoolLimits(idle=0)
        await wait_until(lambda: not pool.connections)  # the sweep has closed it
        assert pool.statistics().unused == 0


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
