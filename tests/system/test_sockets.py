"""What the kernel is asked for, read back from it."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from hostler.system.http_server import HttpServer
from hostler.system.sockets import notice_death, spare_pacing

CONGESTION = getattr(socket, "TCP_CONGESTION", 0)
on_linux = pytest.mark.skipif(not CONGESTION, reason="only Linux lets a socket choose its congestion control")


def control(sock: socket.socket) -> bytes:
    return sock.getsockopt(socket.IPPROTO_TCP, CONGESTION, 16).rstrip(b"\0")


@pytest.fixture(params=["127.0.0.1", "::1", "0.0.0.0"])
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with closing(socket.socket(family)) as sock:
        try:
            sock.bind((request.param, 0))
        except OSError:
            pytest.skip("this machine has no such address")
        sock.listen()
        yield sock


@on_linux
def test_what_stays_on_this_machine_is_not_paced(listener: socket.socket) -> None:
    host, port, *_ = listener.getsockname()
    before = control(listener)
    spare_pacing(listener)
    with socket.create_connection((host, port)) as client, closing(listener.accept()[0]) as accepted:
        assert control(accepted) == control(listener) == (before if host == "0.0.0.0" else b"reno")
        spare_pacing(client)
        assert control(client) == b"reno"


def test_a_dead_peer_is_noticed() -> None:
    with closing(socket.socket()) as sock:
        notice_death(sock)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_a_socket_that_is_no_tcp_is_left_alone() -> None:
    for sock in socket.socketpair():
        with closing(sock):
            notice_death(sock)
            spare_pacing(sock)
            assert not sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


@on_linux
async def test_a_server_hands_it_on_to_its_connections() -> None:
    server = HttpServer(lambda exchange: None)
    port = await server.listen("127.0.0.1", 0)
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    (listener,) = server._listeners[0].sockets
    assert control(listener) == b"reno"
    writer.close()
    server.close()
