"""Is an engine ready: is the listener on its port our child, and does its own health say so.

Knows: ports, the health question over HTTP. Does not know: what to do about the answer (run).
No key is sent: until the listener is known to be ours it may be anybody.
"""

import asyncio
import contextlib
import socket
from typing import Literal

from hostler.engines.engine import LOOPBACK
from hostler.system.process import listens_on

Readiness = Literal["ready", "loading", "silent", "stranger"]
ANSWER_S = 2.0
"""Seconds that a health question may take; an engine that loads may be too busy to answer."""


def free_port() -> int:
    """A loopback port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


async def readiness(pid: int, port: int, *, path: str) -> Readiness:
    """Ask once. `silent`: nobody listens; `stranger`: somebody does, but not this process or a descendant."""
    try:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return "silent"
    try:
        if not await asyncio.to_thread(listens_on, pid, port):
            return "stranger"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\nConnection: close\r\n\r\n".encode())
        async with asyncio.timeout(ANSWER_S):
            status = (await reader.readline()).split()
        return "ready" if len(status) > 1 and status[1] == b"200" else "loading"
    except (OSError, TimeoutError, ValueError):
        return "loading"
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
