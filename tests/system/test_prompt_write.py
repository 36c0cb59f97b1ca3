"""Bytes arrive once and in order, however writes fall upon turns of the loop and whatever the kernel takes of them."""

import asyncio
import contextlib
import random
import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
import uvloop

from hostler.system.prompt_write import PromptWriter, TurnWrites

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
SMALL = 4096


class Sender(asyncio.Protocol):
    """Counts what the transport asks for."""

    def __init__(self) -> None:
        self.paused = 0

    def pause_writing(self) -> None:
        self.paused += 1

    def resume_writing(self) -> None:
        """Nothing waits for it here."""


@asynccontextmanager
async def joined(*, small: bool = True) -> AsyncGenerator[tuple[asyncio.Transport, Sender, asyncio.StreamReader]]:
    """A transport, and a reader at its other end, over a pair of sockets whose buffers are small."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
        if small:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_connection(Sender, sock=ours)
    reader, writer = await asyncio.open_connection(sock=theirs)
    try:
        yield transport, protocol, reader
    finally:
        transport.abort()
        writer.close()


def writer_of(transport: asyncio.Transport, turn: TurnWrites | None = None) -> PromptWriter:
    return PromptWriter(transport, turn or TurnWrites(asyncio.get_running_loop()))


def arrived(reader: asyncio.StreamReader) -> bytes:
    """What the kernel has got for the other end by now."""
    carrier = reader._transport.get_extra_info("socket")  # pyright: ignore[reportAttributeAccessIssue]
    with socket.socket(fileno=socket.dup(carrier.fileno())) as theirs:
        try:
            return theirs.recv(1 << 20, socket.MSG_PEEK)
        except BlockingIOError:
            return b""


async def everything(reader: asyncio.StreamReader, length: int) -> bytes:
    async with asyncio.timeout(10):
        return await reader.readexactly(length)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("seed", range(12))
def test_bytes_keep_their_order_over_turns_timers_and_full_buffers(loop: str, seed: int) -> None:
    async def run() -> None:
        chance = random.Random(seed)
        async with joined() as (transport, _, reader):
            writer, sent = writer_of(transport), bytearray()
            done = asyncio.get_running_loop().create_future()

            def step(left: int) -> None:
                for _ in range(chance.randint(1, 4)):
                    data = chance.randbytes(chance.choice((1, 7, 300, 5000, 40_000)))
                    sent.extend(data)
                    if chance.random() < 0.3:
                        cut = chance.randrange(len(data))
                        writer.write_pieces((data[:cut], memoryview(data)[cut:]))
                    else:
                        writer.write(data)
                if not left:
                    done.set_result(None)
                elif chance.random() < 0.5:
                    asyncio.get_running_loop().call_soon(step, left - 1)
                else:
                    asyncio.get_running_loop().call_later(0, step, left - 1)

            reading = asyncio.ensure_future(reader.readexactly(1))
            step(30)
            first = await reading
            await done
            assert first + await everything(reader, len(sent) - 1) == sent

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(run())


@pytest.mark.parametrize("loop", LOOPS)
def test_what_fits_is_sent_in_the_same_turn_and_what_does_not_pauses_the_writer(loop: str) -> None:
    async def run() -> None:
        async with joined(small=False) as (transport, protocol, reader):
            writer = writer_of(transport)
            writer.write(b"at once")
            assert arrived(reader) == b"at once"
            transport.set_write_buffer_limits(high=1000)
            writer.write(bytes(8 << 20))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert protocol.paused == 1
            assert await everything(reader, 7 + (8 << 20)) == b"at once" + bytes(8 << 20)

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(run())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_closed_transport_gets_nothing_by_its_old_descriptor(loop: str) -> None:
    async def run() -> None:
        async with joined() as (transport, _, reader):
            writer = writer_of(transport)
            transport.abort()
            await asyncio.sleep(0)
            ours, theirs = socket.socketpair()  # may well get the number that was freed
            with ours, theirs:
                theirs.setblocking(False)
                with contextlib.suppress(RuntimeError):  # uvloop says so, asyncio does not
                    writer.write(b"for nobody")
                with contextlib.suppress(RuntimeError):
                    writer.write_pieces((b"for", b"nobody"))
                with pytest.raises(BlockingIOError):
                    theirs.recv(1)
            assert await reader.read() == b""

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(run())


@pytest.mark.parametrize("loop", LOOPS)
def test_encrypted_bytes_go_through_the_transport(loop: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server_side)
    client_side = ssl.create_default_context()
    authority.configure_trust(client_side)

    async def run() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            prompt = writer_of(writer.transport)  # pyright: ignore[reportArgumentType]
            prompt.write(await reader.readexactly(5))
            prompt.write_pieces((b" and", b" more"))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_side)
        try:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=client_side, server_hostname="localhost"
            )
            writer.write(b"hello")
            async with asyncio.timeout(10):
                assert await reader.read() == b"hello and more"
            writer.close()
        finally:
            server.close()

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(run())


def make_busy(writer: PromptWriter) -> bytes:
    """Write until the loop counts as busy; what was written so far. Within a millisecond, or it is tried again."""
    sent = b""
    while not writer._turn.busy:  # pyright: ignore[reportPrivateUsage]
        sent += b"."
        writer.write(b".")
    return sent


def test_a_busy_loop_gathers_writes_until_the_turn_ends_and_a_long_one_leaves_with_all_before_it() -> None:
    async def run() -> None:
        async with joined(small=False) as (transport, _, reader), joined(small=False) as (second, _, at_second):
            turn = TurnWrites(asyncio.get_running_loop())
            writer, other = writer_of(transport, turn), writer_of(second, turn)
            sent = make_busy(writer)
            assert arrived(reader) == sent
            writer.write(b"one ")
            other.write(b"two ")
            assert (arrived(reader), arrived(at_second)) == (sent, b"")
            other.write(b"x" * (64 << 10))  # long enough to be worth a peer's waking, and behind what came before
            assert arrived(reader) == sent + b"one "
            assert arrived(at_second)[:5] == b"two x"
            writer.write(b"three")
            assert await everything(reader, len(sent) + 9) == sent + b"one three"
            writer.write(b"alone")
            assert await everything(reader, 5) == b"alone"
            assert not turn.busy, "a turn of few writes ends it"

    with asyncio.Runner(loop_factory=LOOPS["uvloop"]) as runner:
        runner.run(run())


def test_a_lull_ends_the_gathering() -> None:
    async def run() -> None:
        async with joined(small=False) as (transport, _, reader):
            writer = writer_of(transport)
            sent = make_busy(writer)
            assert await everything(reader, len(sent)) == sent
            await asyncio.sleep(0.01)
            writer.write(b"at once")
            assert arrived(reader) == b"at once"

    with asyncio.Runner(loop_factory=LOOPS["uvloop"]) as runner:
        runner.run(run())


@pytest.mark.parametrize("end", ["flush and close", "abort"])
def test_the_end_of_one_connection_costs_others_nothing(end: str) -> None:
    async def run() -> None:
        async with joined(small=False) as (transport, _, reader), joined(small=False) as (second, _, at_second):
            turn = TurnWrites(asyncio.get_running_loop())
            writer, other = writer_of(transport, turn), writer_of(second, turn)
            sent = make_busy(other)
            writer.write(b"last words")
            other.write(b" and on")
            if end == "abort":
                transport.abort()
            else:
                writer.flush()
                transport.close()
            assert await everything(at_second, len(sent) + 7) == sent + b" and on"
            assert await reader.read() == (b"" if end == "abort" else b"last words")

    with asyncio.Runner(loop_factory=LOOPS["uvloop"]) as runner:
        runner.run(run())


@pytest.mark.parametrize("seed", range(6))
def test_bytes_keep_their_order_in_a_busy_loop(seed: int) -> None:
    async def run() -> None:
        chance, sent = random.Random(seed), [bytearray() for _ in range(5)]
        async with contextlib.AsyncExitStack() as stack:
            ends = [await stack.enter_async_context(joined(small=chance.random() < 0.5)) for _ in sent]
            turn = TurnWrites(asyncio.get_running_loop())
            writers = [writer_of(transport, turn) for transport, _, _ in ends]
            readings = [asyncio.ensure_future(reader.read(1 << 30)) for _, _, reader in ends]
            kept = [bytearray() for _ in sent]
            for _ in range(120):
                for _ in range(chance.randint(0, 25)):
                    which = chance.randrange(len(sent))
                    data = chance.randbytes(chance.choice((1, 30, 900, 20_000)))
                    sent[which].extend(data)
                    if chance.random() < 0.1:
                        writers[which].write_pieces((data[:1], memoryview(data)[1:]))
                    else:
                        writers[which].write(data)
                    if chance.random() < 0.05:
                        writers[which].flush()
                await asyncio.sleep(0)
            for which, (_, _, reader) in enumerate(ends):
                async with asyncio.timeout(10):
                    kept[which].extend(await readings[which])
                    while len(kept[which]) < len(sent[which]):
                        kept[which].extend(await reader.read(1 << 30))
            assert kept == sent

    with asyncio.Runner(loop_factory=LOOPS["uvloop"]) as runner:
        runner.run(run())
