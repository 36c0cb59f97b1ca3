"""Proxies from the environment: which addresses go through which, and what is said to them."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from hostler.errors import ConfigError, UpstreamUnreachable
from hostler.system.address import Address
from hostler.system.proxy import MAX_CONNECT_HEAD, Proxies, Proxy, open_tunnel
from hostler.system.upstream import PoolLimits, UpstreamPool
from tests.system.test_upstream import ASK, OK, PATIENCE, Heard, context_of, saying, serving, shut
from tests.waiting import wait_until

PLAIN = Address("api.example", 80)
SECURE = Address("api.example", 443, tls=True)
VIA = Proxy("proxy.example", 3128)


def find(address: Address, **environment: str) -> Proxy | None:
    return Proxies(environment).find(address)


def test_each_scheme_has_its_variable() -> None:
    assert find(PLAIN, http_proxy="http://proxy.example:3128") == VIA
    assert find(SECURE, http_proxy="http://proxy.example:3128") is None
    assert find(SECURE, https_proxy="http://proxy.example:3128") == VIA
    assert find(PLAIN, HTTPS_PROXY="http://proxy.example:3128") is None
    for address in (PLAIN, SECURE):
        assert find(address, ALL_PROXY="proxy.example:3128") == VIA, "without a scheme it is plain HTTP"
        assert find(address) is None
        assert find(address, http_proxy="", https_proxy="", all_proxy="") is None


def test_small_letters_win_and_a_cgi_request_cannot_set_one() -> None:
    both = {"http_proxy": "http://proxy.example:3128", "HTTP_PROXY": "http://other.example"}
    assert find(PLAIN, **both) == VIA
    assert find(PLAIN, HTTP_PROXY="http://proxy.example:3128") == VIA
    assert find(PLAIN, HTTP_PROXY="http://evil.example", REQUEST_METHOD="GET") is None
    assert find(PLAIN, http_proxy="http://proxy.example:3128", REQUEST_METHOD="GET") == VIA


@pytest.mark.parametrize(
    ("host", "excepted", "straight"),
    [
        ("api.example", "api.example", True),
        ("api.example", ".example", True),
        ("api.example", "example", True),
        ("API.Example", "other, api.EXAMPLE ", True),
        ("api.example", "*", True),
        ("api.example", "pi.example", False),
        ("api.example", "api.example.org", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.1.2.4", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("fd00::7", "fd00::/8", True),
        ("10.1.2.3", "10.0.0.0/99", False),
        ("api.example", "10.0.0.0/8", False),
        ("api.example", "", False),
    ],
)
def test_exceptions(host: str, excepted: str, straight: bool) -> None:
    found = find(Address(host, 443, tls=True), https_proxy="http://proxy.example:3128", no_proxy=excepted)
    assert (found is None) is straight


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_this_machine_is_never_asked_through_a_proxy(host: str) -> None:
    assert find(Address(host, 8080), ALL_PROXY="http://proxy.example:3128") is None


def test_a_user_and_a_password_become_a_header() -> None:
    found = find(PLAIN, http_proxy="http://us%40er:p%3Aw@proxy.example:3128")
    assert found is not None
    assert found.authorization == "Basic " + base64.b64encode(b"us@er:p:w").decode()


@pytest.mark.parametrize("url", ["socks5://proxy.example:1080", "https://proxy.example", "http://", "ftp://x:pass@y"])
def test_other_proxies_are_refused_without_showing_a_password(url: str) -> None:
    with pytest.raises(ConfigError, match="not supported") as caught:
        Proxies({"all_proxy": url})
    assert "pass" not in caught.value.text


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_variables_are_read_or_refused(url: str, excepted: str) -> None:
    try:
        Proxies({"all_proxy": url, "no_proxy": excepted}).find(SECURE)
    except ConfigError:
        return


# ------------------------------------------------------------------------- through a proxy that is there


@dataclass
class Tunnels:
    """A proxy that connects what is asked for to one place."""

    to: int
    answer: bytes = b"HTTP/1.1 200 Connection established\r\nproxy-agent: x\r\n\r\n"
    heads: list[bytes] = field(default_factory=list)
    port: int = 0
    open: int = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(self.answer)
            if not self.answer.startswith(b"HTTP/1.1 200"):
                await writer.drain()
                return
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to)
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            await shut(writer)
            self.open -= 1


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    await shut(writer)


@contextlib.asynccontextmanager
async def tunnels(made: Tunnels) -> AsyncIterator[Tunnels]:
    listener = await asyncio.start_server(made.handle, "127.0.0.1", 0)
    made.port = listener.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        listener.close()
        await wait_until(lambda: made.open == 0)
        await listener.wait_closed()


async def through(via: Tunnels, address: Address, user: str = "") -> Heard:
    """One call; the name is looked up by the proxy, never here."""
    environment = {"all_proxy": f"http://{user}127.0.0.1:{via.port}"}
    pool = UpstreamPool(PoolLimits(connect=5.0), environment)
    try:
        connection = await pool.door(address).connect()
        heard = Heard()
        connection.send(ASK, heard, patience=PATIENCE)
        await heard.wait()
        return heard
    finally:
        pool.close()


async def test_tls_goes_through_a_tunnel_and_is_checked_against_the_far_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with (
        serving(saying(OK), context_of(authority, "api.example")) as server,
        tunnels(Tunnels(server.port)) as via,
    ):
        heard = await through(via, SECURE, "me:secret@")
        assert (heard.status, heard.body) == (200, b"hello")
        (head,) = via.heads
        assert head.startswith(b"CONNECT api.example:443 HTTP/1.1\r\n")
        assert b"Proxy-Authorization: Basic " + base64.b64encode(b"me:secret") in head
        assert b"Host: api.example:443" in head, "with its port, as RFC 9110 asks"
        assert b"proxy-authorization" not in server.requests[0].lower(), "the far end learns nothing of it"
        with pytest.raises(UpstreamUnreachable, match=r"TLS with other\.example:443 failed"):
            await through(via, Address("other.example", 443, tls=True))


async def test_plain_http_is_asked_in_the_absolute_form_with_the_proxys_key() -> None:
    async with serving(saying(OK)) as server:
        via = Tunnels(0)
        via.port = server.port
        heard = await through(via, PLAIN, "me:secret@")
        assert heard.body == b"hello"
        (request,) = server.requests
        assert request.startswith(b"POST http://api.example/x HTTP/1.1\r\n")
        wanted = b"proxy-authorization: basic " + base64.b64encode(b"me:secret").lower()
        assert wanted in request.lower()
        assert request.endswith(b"\r\n\r\n{}")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "407 Proxy Authentication Required"),
        (b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n", "503 No"),
        (b"", "broke off"),
        (b"SSH-2.0-x\r\n\r\n", "SSH-2.0-x"),
        (b"x" * (MAX_CONNECT_HEAD + 10), "broke off"),
    ],
    ids=lambda value: str(value)[:16],
)
async def test_a_proxy_that_refuses_is_named(answer: bytes, words: str) -> None:
    async with tunnels(Tunnels(0, answer)) as via:
        with pytest.raises(UpstreamUnreachable, match=words) as caught:
            await through(via, SECURE, "me:secret@")
        assert f"127.0.0.1:{via.port}" in caught.value.message and "secret" not in caught.value.text


async def test_any_good_status_opens_the_tunnel() -> None:
    async with tunnels(Tunnels(0, b"HTTP/1.0 200 OK\r\n\r\n")) as via:
        sock = await open_tunnel(Proxy("127.0.0.1", via.port), SECURE)
        sock.close()


async def test_a_proxy_that_is_not_there_is_named() -> None:
    via = Tunnels(0)
    async with tunnels(via):
        pass
    with pytest.raises(UpstreamUnreachable):
        await through(via, SECURE)


async def test_a_cancelled_handshake_leaves_no_socket() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1024):
            asked.set()
        await shut(writer)
        gone.set()

    asked, gone = asyncio.Event(), asyncio.Event()
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        pool = UpstreamPool(PoolLimits(), {"all_proxy": f"http://127.0.0.1:{port}"})
        connecting = asyncio.create_task(pool.door(SECURE).connect())
        async with asyncio.timeout(20):
            await asked.wait()
            connecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connecting
            await gone.wait()
        pool.close()
