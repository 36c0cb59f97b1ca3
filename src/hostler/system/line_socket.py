"""Lines over a Unix socket between two processes of ours.

Knows: framing, and bounds for a peer that sends too much or takes nothing. Does not know: what a line says.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Final, Self, cast

LONGEST_LINE: Final = 64 << 20
"""Bytes; a peer that sends more without a newline is not one of ours."""
MOST_UNSENT: Final = 64 << 20
"""Bytes that may wait for a peer; beyond it the peer is given up."""


class LineSocket(asyncio.Protocol):
    """One end. `on_line` gets each line without its newline; `on_end` is called once, when the connection is over."""

    def __init__(self, on_line: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        """Use `LineSocket.open`."""
        self._on_line = on_line
        self._on_end = on_end
        self._held: list[bytes] = []
        self._size = 0
        self._transport: asyncio.Transport

    @classmethod
    async def open(cls, sock: socket.socket, on_line: Callable[[bytes], None], *, on_end: Callable[[], None]) -> Self:
        """Take over a connected Unix stream socket."""
        loop = asyncio.get_running_loop()
        _, line_socket = await loop.create_unix_connection(lambda: cls(on_line, on_end), sock=sock)
        return line_socket

    def send(self, line: bytes) -> None:
        """Send one line, which holds no newline. Does nothing when the connection is over."""
        transport = self._transport
        if transport.is_closing():
            return
        transport.write(line + b"\n")
        if transport.get_write_buffer_size() > MOST_UNSENT:
            transport.abort()

    def close(self) -> None:
        """End the connection once all is sent. Twice is once."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        first, newline, rest = data.partition(b"\n")
        if not newline:
            self._held.append(data)
            self._size += len(data)
            if self._size > LONGEST_LINE:
                self._transport.abort()
            return
        *lines, last = rest.split(b"\n")
        self._held.append(first)
        lines.insert(0, b"".join(self._held))
        self._held, self._size = ([last], len(last)) if last else ([], 0)
        for line in lines:
            self._on_line(line)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc  # however it ended, the peer is gone
        self._on_end()
