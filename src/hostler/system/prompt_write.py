"""Writes to a socket in the turn that has the bytes, past a transport that would keep them until the turn's end.

Knows: when that is safe (nothing is queued, nothing encrypts), and when it is better to wait a moment. Does not know:
what is written.

uvloop sends what transports were given only after all sockets of a turn were read. When ten requests arrive together,
the first one's bytes then wait for the work of the other nine, on the way to the upstream and again on the way back.
It also saves the transport's own work, a tenth of what a small request takes.

A loop that is busy for good has no use for that haste: each single write wakes a peer that has gone to sleep since the
one before, which takes longer than the write does. So it gathers a few (`TurnWrites`) and sends them in a row.
"""

import asyncio
import os
import socket
from collections.abc import Sequence
from typing import Final, cast

Bytes = bytes | memoryview
_BUSY: Final = 8
"""Writes within a millisecond, or in a turn that follows another, that make a loop a busy one."""
_BATCH: Final = 8
"""Writes that are gathered at most: what the first of them waits for the others stays below 0.1 ms."""
_SMALL: Final = 16 << 10
"""Bytes of a write that is gathered; a longer one gives its peer enough to do by itself."""
_LULL_S: Final = 0.002
"""Seconds without a turn of writes after which a loop is busy no more. uvloop's clock counts milliseconds."""
_TURNS: Final = 2
"""Turns of the loop after which a transport has tried to send what it was given; what a timer gave waits for two."""


class TurnWrites:
    """What connections of one kind write within a turn of their loop: sent at once, or gathered while it is busy."""

    __slots__ = ("_count", "_loop", "_millisecond", "_scheduled", "_since", "_waiting", "busy")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._millisecond = 0.0
        self._count = 0
        """Writes in this millisecond; once busy, in this turn."""
        self._since = 0.0
        """When the last turn of gathered writes ended (the loop's time)."""
        self._scheduled = False
        self._waiting: list[tuple[PromptWriter, bytes]] = []
        self.busy = False

    def note(self) -> None:
        """Count a write that was sent at once."""
        now = self._loop.time()
        if now != self._millisecond:
            self._millisecond = now
            self._count = 1
        else:
            self._count += 1
            if self._count >= _BUSY:
                self.busy = True
                self._since = now

    def take(self, writer: "PromptWriter", data: bytes) -> bool:  # signature: positions, on every request's way
        """Gather a write; False when the loop turns out to be busy no more: then it is to be sent at once."""
        if not self._scheduled:
            if self._loop.time() - self._since > _LULL_S:
                self.busy = False
                return False
            self._scheduled = True
            self._loop.call_soon(self._end_turn)
        waiting = self._waiting
        waiting.append((writer, data))
        if len(waiting) >= _BATCH:
            self.send()
        return True

    def send(self) -> None:
        """Send what was gathered, in order."""
        waiting, self._waiting = self._waiting, []
        self._count += len(waiting)
        for writer, data in waiting:
            writer.send(data)

    def _end_turn(self) -> None:
        self._scheduled = False
        self.send()
        self.busy = self._count >= _BUSY
        self._count = 0
        self._since = self._loop.time()


class PromptWriter:
    """Sends bytes over one transport, in order. All that is written to the transport must come through here.

    Say `flush` before the transport is closed in good order, or given to somebody else.
    """

    __slots__ = ("_descriptor", "_gathered", "_queued", "_transport", "_turn")

    def __init__(self, transport: asyncio.Transport, turn: TurnWrites) -> None:
        self._transport = transport
        self._turn = turn
        self._descriptor = _descriptor_of(transport)
        self._gathered = False
        """Whether the turn holds a write of ours."""
        self._queued = 0
        """Turns for which the transport may hold bytes that `get_write_buffer_size` does not tell of (uvloop)."""

    def write(self, data: bytes) -> None:
        """Send in this turn what the kernel takes; the transport gets the rest, and meets the errors."""
        turn = self._turn
        if turn.busy:
            if len(data) <= _SMALL:
                self._gathered = True
                if turn.take(self, data):
                    return
            else:
                self.flush()
        else:
            turn.note()
        self.send(data)

    def flush(self) -> None:
        """Send what the turn has gathered of ours, and so of others."""
        if self._gathered:
            self._turn.send()

    def send(self, data: bytes) -> None:
        """Send now: for `write`, and for `TurnWrites` when the moment has come. What is closing gets nothing more."""
        self._gathered = False
        transport, sent = self._transport, 0
        if transport.is_closing():  # it may have closed its descriptor, whose number is another's then
            return
        if self._descriptor >= 0 and not (self._queued or transport.get_write_buffer_size()):
            try:
                sent = os.write(self._descriptor, data)
            except OSError:  # the kernel's buffer is full, or the connection broken
                sent = 0
            if sent == len(data):
                return
        self._queue((memoryview(data)[sent:],))

    def write_pieces(self, pieces: Sequence[Bytes]) -> None:
        """As `write`, for bytes that lie in several places: together they are long, and leave at once."""
        self.flush()
        transport, sent = self._transport, 0
        if self._descriptor >= 0 and not (self._queued or transport.is_closing() or transport.get_write_buffer_size()):
            try:
                sent = os.writev(self._descriptor, pieces)
            except OSError:
                sent = 0
            if sent == sum(map(len, pieces)):
                return
        self._queue(_without(pieces, sent))

    def _queue(self, pieces: Sequence[Bytes]) -> None:
        transport = self._transport
        for piece in pieces:  # not writelines: asyncio's before 3.12.9 and 3.13.2 never says that the buffer is full
            transport.write(piece)
        if self._descriptor >= 0:
            if not self._queued:
                asyncio.get_running_loop().call_soon(self._count_turn)
            self._queued = _TURNS

    def _count_turn(self) -> None:
        self._queued -= 1
        if self._queued:
            asyncio.get_running_loop().call_soon(self._count_turn)


def _descriptor_of(transport: asyncio.Transport) -> int:
    """The socket's descriptor; -1 where the bytes are not what the socket carries (TLS), and without one."""
    if transport.get_extra_info("sslcontext") is not None:
        return -1
    carrier = cast("socket.socket | None", transport.get_extra_info("socket"))
    return -1 if carrier is None else carrier.fileno()


def _without(pieces: Sequence[Bytes], sent: int) -> list[Bytes]:
    """What is left of the pieces behind their first `sent` bytes."""
    left: list[Bytes] = []
    for piece in pieces:
        if sent < len(piece):
            left.append(memoryview(piece)[sent:] if sent else piece)
        sent = max(sent - len(piece), 0)
    return left
