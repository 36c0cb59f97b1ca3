"""A port's number is settled once for all who will share it, and never taken from a stranger."""

import errno
import socket

import pytest

from hostler.system.http_server import HttpServer
from hostler.system.shared_port import hold_port


def listening(port: int, *, reuse_port: bool) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse_port:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        sock.bind(("127.0.0.1", port))
    except OSError:
        sock.close()
        raise
    sock.listen()
    return sock


async def test_several_may_listen_on_a_held_port_and_nobody_else() -> None:
    servers = [HttpServer(lambda exchange: exchange.respond(200, [], b"")) for _ in range(2)]
    async with hold_port("127.0.0.1", 0) as port:
        for server in servers:
            assert await server.listen("127.0.0.1", port, reuse_port=True) == port
        with pytest.raises(OSError) as caught:
            listening(port, reuse_port=False)
        assert caught.value.errno == errno.EADDRINUSE
        for _ in range(20):  # each connection finds somebody who listens
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.close()
    for server in servers:
        server.close()


@pytest.mark.parametrize("reuse_port", [False, True])
async def test_a_port_on_which_a_stranger_listens_is_refused(reuse_port: bool) -> None:
    with listening(0, reuse_port=reuse_port) as stranger:
        with pytest.raises(OSError) as caught:
            async with hold_port("127.0.0.1", stranger.getsockname()[1]):
                pass
        assert caught.value.errno == errno.EADDRINUSE


async def test_a_held_port_is_free_again_afterwards() -> None:
    async with hold_port("127.0.0.1", 0) as port:
        pass
    listening(port, reuse_port=False).close()


async def test_every_address_of_a_name_gets_the_same_port() -> None:
    async with hold_port("localhost", 0) as port, hold_port("localhost", 0) as other:
        assert 0 < port != other
