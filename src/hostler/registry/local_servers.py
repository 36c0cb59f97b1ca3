"""Finds model servers that already run on this machine, and says which entry would add each.

Knows: which ports to try, how many at once, which servers the directory has already. Does not know: servers' marks
(providers.fingerprints), the providers file.
"""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from hostler.errors import UpstreamError
from hostler.providers.fingerprints import USUAL_PORTS, fingerprint
from hostler.registry.directory import Directory
from hostler.registry.http_asker import HttpAsker
from hostler.registry.questions import Asker, Target, converse
from hostler.system.address import Address

LOOPBACK: Final = "127.0.0.1"
_ITSELF: Final = frozenset({LOOPBACK, "localhost", "::1"})
_AT_ONCE: Final = 8
_KNOCK_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A server on this machine. `entry` is what the providers file would hold; `known_as` the provider that is there
    already for it, None when it would be new."""

    kind: str
    address: Address
    entry: dict[str, object]
    known_as: str | None = None


async def probe_local_servers(
    directory: Directory | None = None, *, ports: Iterable[int] = USUAL_PORTS, asker: Asker | None = None
) -> tuple[FoundServer, ...]:
    """Knock at the usual ports of this machine and tell who answers; a few seconds at most. Raises nothing."""
    open_ports = await _open_ports(tuple(ports))
    if not open_ports:
        return ()
    own = asker or HttpAsker()
    try:
        room = asyncio.Semaphore(_AT_ONCE)
        kinds = await asyncio.gather(*(_kind_at(Address(LOOPBACK, port), own, room=room) for port in open_ports))
    finally:
        if asker is None:
            await own.close()
    return _entries([(Address(LOOPBACK, port), kind) for port, kind in zip(open_ports, kinds, strict=True)], directory)


async def _open_ports(ports: tuple[int, ...]) -> list[int]:
    """Which ports take a connection at all; most are closed."""
    found = await asyncio.gather(*(_knock(port) for port in ports))
    return [port for port, is_open in zip(ports, found, strict=True) if is_open]


async def _knock(port: int) -> bool:
    try:
        async with asyncio.timeout(_KNOCK_S):
            _, writer = await asyncio.open_connection(LOOPBACK, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def _kind_at(address: Address, asker: Asker, *, room: asyncio.Semaphore) -> str | None:
    async with room:
        try:
            return await converse(asker, Target(address), dialogue=fingerprint())
        except UpstreamError:
            return None


def _entries(found: list[tuple[Address, str | None]], directory: Directory | None) -> tuple[FoundServer, ...]:
    taken = set(directory.providers) if directory else set[str]()
    servers: list[FoundServer] = []
    for address, kind in found:
        if kind is None:
            continue
        known = _known_as(address, directory)
        name = known or _free_id(kind, taken)
        taken.add(name)
        entry: dict[str, object] = {"id": name, "kind": kind, "baseUrl": address.url}
        servers.append(FoundServer(kind, address, entry, known))
    return tuple(servers)


def _known_as(address: Address, directory: Directory | None) -> str | None:
    for provider in directory.providers.values() if directory else ():
        if provider.address.port == address.port and provider.address.host in _ITSELF:
            return provider.id
    return None


def _free_id(kind: str, taken: Collection[str]) -> str:
    """The kind as an id; with a number where it is taken."""
    plain = kind.replace(".", "-")
    return next(name for n in range(1, len(taken) + 2) if (name := plain if n == 1 else f"{plain}-{n}") not in taken)
