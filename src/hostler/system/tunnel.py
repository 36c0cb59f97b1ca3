"""Joins a client's connection, for good, with one to a server of ours: bytes pass both ways as they come.

Knows: the pace and the end of both. Does not know: what the bytes say.
"""

import asyncio
from typing import cast

from hostler.system.address import Address
from hostler.system.http_exchange import Exchange, OnLost


async def open_tunnel(address: Address) -> "Tunnel":
    """Connect to the server. Raises OSError."""
    far = _End()
    await asyncio.get_running_loop().create_connection(lambda: far, address.host, address.port)
    return Tunnel(far)


class Tunnel:
    """A connection to the server that waits for a client: `take` one, or `close` it."""

    def __init__(self, far: "_End") -> None:
        """Use `open_tunnel`."""
        self._far = far
        self._near = _End()
        self._opening = b""

    def take(self, exchange: Exchange, opening: bytes) -> None:
        """Have the exchange's connection, after sending `opening` to the server; close if the client is gone."""
        if exchange.disconnected:
            self._far.transport.abort()
            return
        self._opening = opening
        exchange.give_away(self)

    def begin(self, transport: asyncio.Transport, held: bytes, *, on_lost: OnLost) -> None:
        near, far = self._near, self._far
        near.other, far.other, near.on_lost = far, near, on_lost
        near.connection_made(transport)
        transport.set_protocol(near)
        if far.transport.is_closing():
            transport.abort()
            return
        far.transport.write(self._opening + held)

    def shutdown(self) -> None:
        """The server behind takes leave in its own manner, and that ends both connections."""


class _End(asyncio.Protocol):
    """One of the two connections."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.other: _End | None = None
        self.on_lost: OnLost | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        """This side takes no more for now: nothing is read from the other."""
        if self.other is not None and not self.other.transport.is_closing():
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        other, self.other = self.other, None
        if other is not None:
            other.transport.close()  # after what is still to be written
        on_lost, self.on_lost = self.on_lost, None
        if on_lost is not None:
            on_lost(exc)
