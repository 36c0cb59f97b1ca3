#!/usr/bin/env python3
"""How long until hostler answers: `hostler up` to its first 200, `hostler --help`, `import hostler`, Python alone.

    python bench/start.py [--repeats 15] [--short] [--folder FOLDER]

CPU time counts (user and system, of the process and what it started): that is what an idle core would need. The runs
are interleaved, so that a busy moment meets all of them. Linux only.
"""

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from gateway.machine import STEP_S, stop, tree
from kept import FOLDER, keep

Run = dict[str, float]
PROBE = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
LIMIT_S = 30.0


def program() -> str:
    """The hostler beside this Python, else the one on PATH."""
    beside = Path(sys.executable).parent / "hostler"
    found = str(beside) if beside.exists() else shutil.which("hostler")
    if not found:
        sys.exit("there is no hostler beside this Python or on PATH: run 'make up' once")
    return found


def once(command: list[str]) -> Run:
    """CPU and wall seconds of a command that ends by itself."""
    began = time.monotonic()
    pid = os.posix_spawn(
        command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    )
    _, status, used = os.wait4(pid, 0)
    wall = time.monotonic() - began
    if os.waitstatus_to_exitcode(status):
        sys.exit(f"{' '.join(command)} failed with exit code {os.waitstatus_to_exitcode(status)}")
    return {"cpu_s": used.ru_utime + used.ru_stime, "wall_s": wall}


def on_cpu_s(pid: int) -> float:
    """Seconds that the process tree has run so far, threads and all, in nanosecond steps."""
    spent = 0
    for member in tree(pid):
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{member}/task").iterdir():
                spent += int((task / "schedstat").read_text().split()[0])
    return spent / 1e9


def answers(port: int) -> bool:
    """Whether /health says 200 by now."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as client:
        client.sendall(PROBE)
        return client.recv(64).startswith(b"HTTP/1.1 200")
    return False


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def up(hostler: str, *, workbench: bool = False) -> Run:
    """`hostler up` in a folder of its own, until it answers."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        own = {"HOSTLER_DATA_DIR": f"{folder}/data", "LLAMA_PROVIDERS_PATH": f"{folder}/none.json"}
        flags = [*([] if workbench else ["--no-workbench"]), "--no-engine", "--no-browser", "--port", str(port)]
        with Path(folder, "log").open("wb") as log:
            began = time.monotonic()
            process = subprocess.Popen([hostler, "up", *flags], env={**os.environ, **own}, stdout=log, stderr=log)
        try:
            while not answers(port):
                if process.poll() is not None or time.monotonic() - began > LIMIT_S:
                    sys.exit(f"hostler up did not answer: {Path(folder, 'log').read_text()[-500:]}")
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(STEP_S / 4)
            return {"wall_s": time.monotonic() - began, "cpu_s": on_cpu_s(process.pid)}
        finally:
            stop([process])


def measure(repeats: int) -> dict[str, list[Run]]:
    """Every command, `repeats` times in turn, after one round that warms the disk cache."""
    hostler = program()
    jobs: dict[str, Callable[[], Run]] = {
        "up": lambda: up(hostler),
        "help": lambda: once([hostler, "--help"]),
        "import": lambda: once([sys.executable, "-c", "import hostler"]),
        "python": lambda: once([sys.executable, "-c", "pass"]),
    }
    runs: dict[str, list[Run]] = {name: [] for name in jobs}
    for number in range(repeats + 1):
        for name, job in jobs.items():
            run = job()
            if number:
                runs[name].append(run)
    return runs


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--short", action="store_true", help="2 repeats: a check, no measurement")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    asked = parser.parse_args()
    runs = measure(asked.repeats or (2 if asked.short else 15))
    for name, told in runs.items():
        least = min(run["cpu_s"] for run in told)
        middle = sorted(run["cpu_s"] for run in told)[len(told) // 2]
        print(f"{name}: {middle:.3f} s CPU at the median, {least:.3f} at least")
    print(keep("start", runs, folder=asked.folder, short=asked.short))


if __name__ == "__main__":
    main()
