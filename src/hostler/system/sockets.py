"""What is asked of the kernel for a TCP socket, beyond what asyncio asks for. Does not know what travels over it."""

import contextlib
import socket
from typing import Final

_PROBES: Final = (("TCP_KEEPIDLE", 30), ("TCP_KEEPALIVE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 5))
"""Options and seconds (a count for the last); each system has some of them."""
_UNPACED: Final = b"reno"
"""A congestion control that every Linux has, lets everybody use, and that sends at once."""


def notice_death(sock: socket.socket) -> None:
    """Let the kernel find half-open connections: the first probe after 30 s of silence, five at 10 s intervals."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _PROBES:
        number = getattr(socket, option, None)
        if number is not None:
            sock.setsockopt(socket.IPPROTO_TCP, number, value)


def spare_pacing(sock: socket.socket) -> None:
    """Send without pacing where the other end is on this machine; does nothing for others, and where it cannot be had.

    A listening socket hands it on to what it accepts. Where the system's congestion control is BBR, estimating the
    bandwidth of a network that is not there takes about 5 % of a small request's CPU.
    """
    option = getattr(socket, "TCP_CONGESTION", None)
    if option is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    host: str = sock.getsockname()[0]
    if host.startswith(("127.", "::ffff:127.")) or host == "::1":
        with contextlib.suppress(OSError):  # it is only faster
            sock.setsockopt(socket.IPPROTO_TCP, option, _UNPACED)
