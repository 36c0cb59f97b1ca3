"""Programs that the launcher tests start: parents that die, children that cling to life."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from hostler.system.launcher import Command, Tie, spawn

STUBBORN = (
    "import os,signal,sys,time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "os.write(3, b'up\\n')\n"
    "while True: time.sleep(60)\n"
)
"""Ignores SIGTERM, never ends."""

FAMILY = (
    "import os,subprocess,sys\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "os.write(3, f'{child.pid}\\n'.encode())\n"
    "child.wait()\n"
)
"""Has a child of its own and reports its pid."""


def python(code: str, log: Path, *, reports: bool = True, stdin: bytes = b"") -> Command:
    """A command that runs this code."""
    argv = (sys.executable, "-I", "-S", "-c", code)
    return Command(argv, {"PATH": os.defpath}, log, stdin=stdin, reports=reports)


async def _parent(tie: Tie, log: Path) -> None:
    child = spawn(python(STUBBORN, log), tie=tie)
    await child.wait_report()
    os.write(1, f"{child.pid}\n".encode())
    await child.wait()


def start_parent(tie: Tie, log: Path) -> subprocess.Popen[bytes]:
    """A process that starts a stubborn child, prints its pid, and waits for it."""
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        (sys.executable, "-m", "tests.system.child_programs", tie, str(log)),
        stdout=subprocess.PIPE,
        cwd=root,
        env={"PYTHONPATH": f"{root / 'src'}:{root}"},
    )


if __name__ == "__main__":
    asyncio.run(_parent("signal" if sys.argv[1] == "signal" else "leash", Path(sys.argv[2])))
