"""Knows what a benchmark asks of the machine: process trees with their memory and CPU time, pinning, names.

Linux only. Does not know gateways.
"""

import contextlib
import os
import platform
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

PROC = Path("/proc")
STEP_S = 0.02
GRACE_S = 5.0


def pause(seconds: float) -> None:
    """Let time pass: nothing tells a benchmark when a foreign program is ready or has come to rest."""
    threading.Event().wait(seconds)


def wait_until(condition: Callable[[], bool], within: float) -> bool:
    """Ask until the condition holds or `within` seconds are over; whether it holds."""
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            return False
        pause(STEP_S)
    return True


def pinned(core: str) -> list[str]:
    """The words before a command that bind it to a core; none for ""."""
    return ["taskset", "-c", core] if core and shutil.which("taskset") else []


def stat_fields(pid: int) -> list[str]:
    """Fields of /proc/PID/stat behind the name; empty when the process is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def tree(pid: int) -> list[int]:
    """The process and its descendants, parents first."""
    parents = {
        int(p.name): int(fields[1]) for p in PROC.iterdir() if p.name.isdigit() and (fields := stat_fields(int(p.name)))
    }
    found = [pid]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found


def memory_mb(pid: int) -> float:
    """Proportional set size of the process tree in MiB."""
    kib = 0
    for member in tree(pid):
        with contextlib.suppress(OSError):
            lines = (PROC / str(member) / "smaps_rollup").read_text().splitlines()
            kib += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return round(kib / 1024, 1)


def resident_mb(pid: int) -> float:
    """Resident set size of the process tree in MiB; pages that processes share count for each."""
    pages = 0
    for member in tree(pid):
        with contextlib.suppress(OSError):
            pages += int((PROC / str(member) / "statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def cpu_seconds(pid: int) -> float:
    """User and system time of the process tree."""
    rows = [fields for member in tree(pid) if (fields := stat_fields(member))]
    return sum(int(row[11]) + int(row[12]) for row in rows) / os.sysconf("SC_CLK_TCK")


def cpu_name() -> str:
    """The processor as it calls itself."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def described() -> dict[str, object]:
    """Date and machine, to keep beside results."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "cpus": os.cpu_count(),
        "cpu": cpu_name(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }


def stop(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    """End processes that were started here, with their children, by pid."""
    own = list(processes)
    pids = [pid for process in own if process.poll() is None for pid in tree(process.pid)[::-1]]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in alive(own, pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if wait_until(lambda: not alive(own, pids), GRACE_S):
            return


def alive(processes: list[subprocess.Popen[bytes]], pids: list[int]) -> list[int]:
    """Those of `pids` that still run; ended children among `processes` are taken note of."""
    for process in processes:
        process.poll()
    return [pid for pid in pids if (fields := stat_fields(pid)) and fields[0] != "Z"]
