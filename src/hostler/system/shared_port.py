"""Settles the number of a port that several processes will share (SO_REUSEPORT).

Knows: sockets that are bound and do not listen. Does not know: who shares the port, or for what.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator
from typing import Final

_Address = tuple[object, ...]
_NUMBER: Final = 1
"""Where an internet address holds its port."""


@contextlib.asynccontextmanager
async def hold_port(host: str, port: int) -> AsyncGenerator[int]:
    """Hold a port (0: a free one) on every address of `host`, without listening; gives its number.

    A stranger who listens there already is an OSError, though the kernel would let one of the same user's share it.
    Processes that listen with SO_REUSEPORT meanwhile get all the connections; only they can have the port.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    with contextlib.ExitStack() as stack:
        for family, _, _, _, address in dict.fromkeys(found):
            with _bound(family, _with_port(address, port), shared=False) as alone:
                port = alone.getsockname()[_NUMBER]
            stack.enter_context(_bound(family, _with_port(address, port), shared=True))
        yield port


def _with_port(address: _Address, port: int) -> _Address:
    return (*address[:_NUMBER], port, *address[_NUMBER + 1 :])


def _bound(family: int, address: _Address, *, shared: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # old connections are no strangers
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock
