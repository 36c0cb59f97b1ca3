"""Writes to a socket in the turn that has the bytes, past a transport that would keep them until the turn's end.

Knows: when that is safe (nothing is queued, nothing encrypts). Does not know: what is written.

uvloop sends what transports were given only after all sockets of a turn were read. When ten requests arrive together,
the first one's bytes then wait for the work of the other nine, on the way to the upstream and again on the way back.
It also saves the transport's own work, a tenth of what a small request takes.
"""

import asyncio
import os
import socket
from collections.abc import Sequence
from typing import Final, cast

Bytes = bytes | memoryview
_TURNS: Final = 2
"""Turns of the loop after which a transport has tried to send what it was given; what a timer gave waits for two."""


class PromptWriter:
    """Sends bytes over one transport, in order. All that is written to the transport must come through here."""

    __slots__ = ("_descriptor", "_queued", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._descriptor = _descriptor_of(transport)
        self._queued = 0
        """Turns for which the transport may hold bytes that `get_write_buffer_size` does not tell of (uvloop)."""

    def write(self, data: bytes) -> None:
        """Send at once what the kernel takes; the transport gets the rest, and meets the errors."""
        transport, sent = self._transport, 0
        # a closing transport may have closed its descriptor, whose number is another's then
        if self._descriptor >= 0 and not (self._queued or transport.is_closing() or transport.get_write_buffer_size()):
            try:
                sent = os.write(self._descriptor, data)
            except OSError:  # the kernel's buffer is full, or the connection broken
                sent = 0
            if sent == len(data):
                return
        self._queue((memoryview(data)[sent:],))

    def write_pieces(self, pieces: Sequence[Bytes]) -> None:
        """As `write`, for bytes that lie in several places."""
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
