"""This machine's own addresses on its networks. Knows psutil's list; does not know who listens on them."""

import ipaddress
import socket

import psutil


def own_addresses() -> tuple[str, ...]:
    """Addresses by which other machines may reach this one, version 4 first; none where it has no network.

    Loopback is left out, and link-local version 6 too, which means nothing without the name of an interface.
    """
    families = (socket.AF_INET, socket.AF_INET6)
    entries = [entry for interface in psutil.net_if_addrs().values() for entry in interface if entry.family in families]
    found = dict.fromkeys(ipaddress.ip_address(entry.address.partition("%")[0]) for entry in entries)
    reachable = [address for address in found if not address.is_loopback and not address.is_link_local]
    return tuple(map(str, sorted(reachable, key=lambda address: (address.version, int(address)))))
