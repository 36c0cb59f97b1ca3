"""Starts child processes that cannot outlive us, and ends them with all they started.

Knows: the shim, process groups, reaping. Does not know: what the children are for.

A child leads its own session and process group. It dies with us, also on kill -9: by the kernel's parent-death
signal where there is one, else by a watcher on a pipe (launch_shim). That signal fires when the *thread* that forked
ends, so it is used from the main thread only; from another thread the watcher is used.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

from hostler.system.process import ProcessId, start_time

MAX_STDIN = 32 * 1024
"""Bytes that a child may be handed on stdin: they must fit a pipe's buffer, because nobody waits for the child."""
SHIM = Path(__file__).with_name("launch_shim.py")

Tie = Literal["signal", "leash"]


@dataclass(frozen=True, slots=True)
class Command:
    """What to start."""

    argv: tuple[str, ...]
    """Program and arguments; everybody on the machine can read them: no secrets."""
    environment: Mapping[str, str] = field(repr=False)
    """The whole environment of the child."""
    log: Path
    """File that stdout and stderr are appended to (created 0600)."""
    stdin: bytes | socket.socket = field(repr=False, default=b"")
    """What the child reads on stdin, at most 32 KiB; then the stream ends. A socket is handed over as it is: a line to
    a process of ours that no path leads to, and that ends with either side. The caller closes its copy."""
    answers: bool = False
    """What it writes on stdout goes to the socket that it has on stdin; only stderr to `log`."""
    folder: Path | None = None
    """The child's working folder; None: ours."""
    reports: bool = False
    """Give the child a pipe back to us as its descriptor 3; see `ChildProcess.wait_report`."""


def best_tie() -> Tie:
    """The kernel's parent-death signal where it exists and is safe, else the watcher."""
    main = threading.current_thread() is threading.main_thread()
    return "signal" if sys.platform == "linux" and main else "leash"


class ChildProcess:
    """A running or ended child; made by `spawn`. Belongs to one event loop."""

    def __init__(
        self, popen: subprocess.Popen[bytes], log: Path, *, leash: int | None, report: int | None, tie: Tie
    ) -> None:
        self.pid = popen.pid
        self.identity = ProcessId(popen.pid, start_time(popen.pid) or 0.0)
        self.log = log
        self.returncode: int | None = None
        """Exit status once ended; negative: the signal that ended it."""
        self._popen = popen
        self._leash = leash
        self._report = report
        self._tie: Tie = tie
        self._reaping = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = self._loop.create_future()
        threading.Thread(target=self._reap, name=f"reap-{popen.pid}", daemon=True).start()

    @property
    def ended(self) -> asyncio.Future[int]:
        """Resolves to the return code once the child and its whole group are gone; never cancel it."""
        return self._ended

    async def wait(self) -> int:
        """Wait for the end; safe to cancel and to call from several tasks."""
        await asyncio.wait((self._ended,))
        return self._ended.result()

    async def wait_report(self) -> str | None:
        """Wait for the first line that the child writes to its descriptor 3; None when it closes it without one."""
        if self._report is None:
            return None
        descriptor, self._report = self._report, None
        try:
            return await _first_line(self._loop, descriptor)
        finally:
            os.close(descriptor)

    async def terminate_group(self, grace: float) -> int:
        """SIGTERM to the group, SIGKILL after `grace` seconds; returns when all of it is gone.

        Cancelling it kills at once.
        """
        self._signal_group(signal.SIGTERM)
        try:
            await asyncio.wait((self._ended,), timeout=grace)
        finally:
            self._signal_group(signal.SIGKILL)
        return await self.wait()

    def kill_group_nowait(self) -> None:
        """SIGKILL to the group, without waiting."""
        self._signal_group(signal.SIGKILL)

    def _signal_group(self, number: int) -> None:
        # Under the lock the leader is at worst an unreaped zombie, so its number is still its group's.
        with self._reaping:
            if self._popen.returncode is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a zombie's group
                    os.killpg(self.pid, number)

    def _reap(self) -> None:
        """Thread: wait for the child's end, end what it left behind in its group, reap it, tell the loop."""
        unreaped = hasattr(os, "waitid")
        if unreaped:
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        else:
            self._popen.wait()  # the watcher, a member of the group, keeps the group's number ours
        with self._reaping:
            if unreaped or self._tie == "leash":
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, signal.SIGKILL)
            returncode = self._popen.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._finish, returncode)

    def _finish(self, returncode: int) -> None:
        self.returncode = returncode
        for descriptor in (self._leash, self._report):
            if descriptor is not None:
                os.close(descriptor)
        self._leash = self._report = None
        if not self._ended.done():
            self._ended.set_result(returncode)


def spawn(command: Command, *, tie: Tie | None = None) -> ChildProcess:
    """Start a child. Must be called from a running event loop; takes a few milliseconds.

    A program that cannot be run shows as exit status 127 with the reason in the log. Raises OSError when the log
    cannot be opened or no process can be made, ValueError when `stdin` is too long.
    """
    given = command.stdin
    if isinstance(given, bytes) and len(given) > MAX_STDIN:
        raise ValueError(f"stdin of a child is limited to {MAX_STDIN} bytes, got {len(given)}")
    way = tie or best_tie()
    with _Descriptors() as descriptors:
        stdin = descriptors.filled_pipe(given) if isinstance(given, bytes) else given.fileno()
        log = descriptors.appending(command.log)
        leash_child, leash_own = descriptors.pipe() if way == "leash" else (-1, -1)
        report_child, report_own = descriptors.pipe(child_writes=True) if command.reports else (-1, -1)
        shim = (sys.executable, "-I", "-S", str(SHIM), way, str(os.getpid()), str(leash_child), str(report_child))
        popen = subprocess.Popen(
            (*shim, *command.argv),
            stdin=stdin,
            stdout=stdin if command.answers else log,
            stderr=log,
            env=dict(command.environment),
            cwd=command.folder,
            pass_fds=[fd for fd in (leash_child, report_child) if fd >= 0],
            start_new_session=True,
        )
        descriptors.keep_own_ends()
    return ChildProcess(
        popen,
        command.log,
        leash=leash_own if leash_own >= 0 else None,
        report=report_own if report_own >= 0 else None,
        tie=way,
    )


class _Descriptors:
    """Descriptors of one start: the child's are closed once it has them, ours only when the start fails."""

    def __init__(self) -> None:
        self._child: list[int] = []
        self._own: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in (*self._child, *self._own):
            os.close(descriptor)

    def keep_own_ends(self) -> None:
        """The start went well: our ends stay open."""
        self._own.clear()

    def pipe(self, *, child_writes: bool = False) -> tuple[int, int]:
        """A pipe as (the child's end, our end)."""
        reading, writing = os.pipe()
        child, own = (writing, reading) if child_writes else (reading, writing)
        self._child.append(child)
        self._own.append(own)
        return child, own

    def filled_pipe(self, data: bytes) -> int:
        """The reading end of a pipe that holds `data` and then ends."""
        reading, writing = os.pipe()
        self._child.append(reading)
        try:
            os.write(writing, data)
        finally:
            os.close(writing)
        return reading

    def appending(self, path: Path) -> int:
        """A file to append to, readable by its owner only."""
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._child.append(descriptor)
        return descriptor


async def _first_line(loop: asyncio.AbstractEventLoop, descriptor: int) -> str | None:
    """Read a non-blocking pipe up to the first newline; at most one line is kept."""
    os.set_blocking(descriptor, False)
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    held = b""
    try:
        while True:
            await readable.wait()
            readable.clear()
            with contextlib.suppress(BlockingIOError):
                data = os.read(descriptor, 4096)
                held += data
                line, newline, _ = held.partition(b"\n")
                if newline:
                    return line.decode("utf-8", "replace")
                if not data:
                    return None
    finally:
        loop.remove_reader(descriptor)
