"""Questions about processes, asked by pid AND start time: a number alone may have been given to somebody else.

Knows: identity, life, memory, listening sockets. Does not know: how our children are started (launcher).
"""

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

START_TOLERANCE_S = 2.0
"""Start times count as equal within this: Linux derives them from a boot time that jitters by a second."""


def start_time(pid: int) -> float | None:
    """When the process started, in seconds since the epoch; None when there is none or it is a zombie."""
    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return None
        return process.create_time()
    except psutil.Error:
        return None
    except ValueError:  # a pid below 0
        return None


@dataclass(frozen=True, slots=True)
class ProcessId:
    """One process, for good: a pid and when it started (seconds since the epoch)."""

    pid: int
    started: float


def identify(pid: int) -> ProcessId | None:
    """The living process with this pid."""
    started = start_time(pid)
    return None if started is None else ProcessId(pid, started)


def own_identity() -> ProcessId:
    """This process."""
    return ProcessId(os.getpid(), psutil.Process().create_time())


def is_alive(process: ProcessId) -> bool:
    """Whether this very process lives; a zombie and a newcomer with its number count as dead."""
    started = start_time(process.pid)
    return started is not None and abs(started - process.started) <= START_TOLERANCE_S


def kill_leftover(process: ProcessId, within: float) -> bool:
    """Kill a process that is not our child, with its group if it leads one; True when it is gone `within` seconds.

    Does nothing and returns True when it does not live any more. Raises PermissionError.
    """
    if not is_alive(process):
        return True
    try:
        if os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            os.kill(process.pid, signal.SIGKILL)
        psutil.Process(process.pid).wait(timeout=within)
    except (ProcessLookupError, psutil.NoSuchProcess):
        return True
    except psutil.TimeoutExpired:
        return not is_alive(process)
    return True


def private_bytes(pid: int) -> int:
    """Memory that comes back only when the process ends: resident without clean file pages; 0 when it is gone.

    Where the system does not tell them apart (macOS) it is the whole resident size.
    """
    try:
        memory = psutil.Process(pid).memory_info()
    except psutil.Error:
        return 0
    shared: int = getattr(memory, "shared", 0)
    return max(0, memory.rss - shared)


def resident_bytes(pid: int) -> int:
    """Resident memory of a process; 0 when it is gone."""
    try:
        return psutil.Process(pid).memory_info().rss
    except psutil.Error:
        return 0


def listens_on(pid: int, port: int) -> bool:
    """Whether the process or one of its descendants listens on this TCP port. Reads the socket table: use a thread."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return False
    return any(_listens(member, port) for member in family)


def _listens(process: psutil.Process, port: int) -> bool:
    try:
        connections = process.net_connections(kind="tcp")
    except psutil.Error:
        return False
    return any(c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port for c in connections)


def out_of_memory_kills() -> int:
    """How often the kernel has killed for lack of memory since it started; 0 where it does not say."""
    if sys.platform != "linux":
        return 0
    try:
        lines = Path("/proc/vmstat").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
