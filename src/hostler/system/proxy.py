"""HTTP proxies from the environment: which address goes through which, and the CONNECT handshake.

Knows: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY as curl reads them. Does not know: what is sent through.
"""

import asyncio
import base64
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from hostler.errors import ConfigError, UpstreamUnreachable
from hostler.system.address import Address

MAX_CONNECT_HEAD = 16 * 1024


@dataclass(frozen=True, slots=True)
class Proxy:
    """A plain-HTTP proxy; `authorization` is the value of Proxy-Authorization or empty."""

    host: str
    port: int
    authorization: str = ""


class Proxies:
    """Finds the proxy for an address. Loopback never goes through one."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        def read(name: str) -> str:
            return environment.get(name.lower()) or environment.get(name.upper()) or ""

        both = read("all_proxy")
        # HTTP_PROXY in capitals is ignored where a CGI request could have set it; curl's rule
        plain = environment.get("http_proxy") or ("" if "REQUEST_METHOD" in environment else read("http_proxy"))
        self._plain = _parse(plain or both)
        self._tls = _parse(read("https_proxy") or both)
        self._direct = tuple(
            entry.strip().lower().lstrip(".") for entry in read("no_proxy").split(",") if entry.strip()
        )

    def find(self, address: Address) -> Proxy | None:
        """The proxy to use, or None to go straight."""
        proxy = self._tls if address.tls else self._plain
        return None if proxy is None or self._goes_straight(address.host.lower()) else proxy

    def _goes_straight(self, host: str) -> bool:
        if host == "localhost" or _is_loopback(host):
            return True
        return any(
            entry == "*" or host == entry or host.endswith("." + entry) or _is_within(host, entry)
            for entry in self._direct
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_within(host: str, network: str) -> bool:
    """Whether an address lies in a network such as 10.0.0.0/8."""
    if "/" not in network:
        return False
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _parse(url: str) -> Proxy | None:
    if not url:
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme != "http" or not parts.hostname:
        raise ConfigError(f"proxy '{parts.scheme}://{parts.hostname}' is not supported", hint="Use an http:// proxy.")
    authorization = ""
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        authorization = "Basic " + base64.b64encode(pair).decode()
    return Proxy(parts.hostname, parts.port or 80, authorization)


async def open_tunnel(proxy: Proxy, address: Address) -> socket.socket:
    """Connect to the proxy and ask it for a tunnel; the socket then speaks with `address`."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(proxy.host, proxy.port, type=socket.SOCK_STREAM)
    sock = socket.socket(found[0][0], socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        await loop.sock_connect(sock, found[0][4])
        host = f"[{address.host}]" if ":" in address.host else address.host
        target = f"{host}:{address.port}"  # always with the port, which a Host header leaves out where it is usual
        request = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"
        if proxy.authorization:
            request += f"Proxy-Authorization: {proxy.authorization}\r\n"
        await loop.sock_sendall(sock, (request + "\r\n").encode())
        head = b""
        while b"\r\n\r\n" not in head:
            more = await loop.sock_recv(sock, 1)  # byte by byte: what follows the head belongs to TLS
            head += more
            if not more or len(head) > MAX_CONNECT_HEAD:
                raise UpstreamUnreachable(f"The proxy {proxy.host}:{proxy.port} broke off the CONNECT handshake.")
        status = head.split(b" ", 2)[1:2]
        if status != [b"200"]:
            line = head.split(b"\r\n", 1)[0].decode("latin-1")
            raise UpstreamUnreachable(f"The proxy {proxy.host}:{proxy.port} refused the tunnel: {line}.")
    except BaseException:
        sock.close()
        raise
    return sock
