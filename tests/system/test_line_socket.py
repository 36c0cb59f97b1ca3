"""Lines arrive whole and in order, however they are cut; a peer that floods or ends is noticed."""

import asyncio
import socket

import pytest

from hostler.system import line_socket
from hostler.system.line_socket import LineSocket
from tests.waiting import wait_until


class End:
    """One end with all that it heard."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.ends = 0
        self.line: LineSocket

    def over(self) -> None:
        self.ends += 1


async def opened(sock: socket.socket) -> End:
    end = End()
    end.line = await LineSocket.open(sock, end.lines.append, on_end=end.over)
    return end


async def test_lines_of_every_size_arrive_whole_and_in_order() -> None:
    ours, theirs = map(opened, socket.socketpair())
    here, there = await ours, await theirs
    sent = [b"", b"a", b"b" * 70_000, b"", b"c" * 3_000_000, b"d"]
    for line in sent:
        here.line.send(line)
    there.line.send(b"back")
    await wait_until(lambda: len(there.lines) == len(sent) and here.lines == [b"back"])
    assert there.lines == sent
    here.line.close()
    here.line.close()
    await wait_until(lambda: here.ends == there.ends == 1)
    there.line.send(b"to nobody")


async def test_lines_may_be_cut_anywhere() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        there = await opened(theirs)
        ours.setblocking(False)
        heard = 0
        for piece in (b"a", b"b\nc", b"\n", b"\nd\ne", b"f", b"\nleft"):
            await asyncio.get_running_loop().sock_sendall(ours, piece)
            heard += piece.count(b"\n")
            await wait_until(lambda heard=heard: len(there.lines) == heard)
        assert there.lines == [b"ab", b"c", b"", b"d", b"ef"]
    await wait_until(lambda: there.ends == 1)


async def test_a_peer_that_never_ends_a_line_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_socket, "LONGEST_LINE", 1000)
    ours, theirs = map(opened, socket.socketpair())
    here, there = await ours, await theirs
    here.line._transport.write(b"x" * 1001)  # pyright: ignore[reportPrivateUsage]  # what no caller can send
    await wait_until(lambda: here.ends == there.ends == 1)
    assert not there.lines


async def test_a_peer_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_socket, "MOST_UNSENT", 1000)
    ours, theirs = socket.socketpair()
    with theirs:
        here = await opened(ours)
        for _ in range(100):
            here.line.send(b"x" * 10_000)
        await wait_until(lambda: here.ends == 1)
