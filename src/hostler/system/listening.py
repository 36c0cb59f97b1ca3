"""The addresses at which a server of ours is reached: from this machine, and from others.

Knows: what settings say it listens on. Does not know: sockets, who is reached.
"""

from types import MappingProxyType
from typing import Final

from hostler.settings import Settings
from hostler.system.interfaces import own_addresses

LOOPBACK: Final = "127.0.0.1"
EVERYWHERE: Final = MappingProxyType({"0.0.0.0": LOOPBACK, "::": "::1"})
"""What is listened on for all addresses and is none to call, and where this machine reaches it."""


def base_url(settings: Settings, port: int) -> str:
    """The address that clients on this machine use."""
    host = settings.gateway.host
    return _url(EVERYWHERE.get(host, host), port, tls=bool(settings.gateway.tls_cert))


def outside_urls(settings: Settings, port: int) -> tuple[str, ...]:
    """Where other machines reach a server that listens on all addresses; none for one that listens on a single one."""
    host = settings.gateway.host
    if host not in EVERYWHERE:
        return ()
    hosts = (address for address in own_addresses() if host == "::" or ":" not in address)
    return tuple(_url(address, port, tls=bool(settings.gateway.tls_cert)) for address in hosts)


def private_url(port: int) -> str:
    """The address of a port of ours on loopback."""
    return _url(LOOPBACK, port, tls=False)


def _url(host: str, port: int, *, tls: bool) -> str:
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
