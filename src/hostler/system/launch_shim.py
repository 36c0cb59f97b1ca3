"""The first thing that runs in a child process: ties its life to its parent's, then becomes the real program.

Knows: parent-death signals, the leash pipe, process groups. Does not know: hostler (it runs alone, `python -I -S`).

    launch_shim.py signal|leash PARENT_PID LEASH_FD REPORT_FD PROGRAM [ARGUMENT ...]

`signal`: the kernel kills the child when the parent's main thread ends (Linux). `leash`: a watcher, a member of the
child's process group, holds one end of a pipe whose other end only the parent has; when the parent is gone the
pipe ends and the watcher kills the group. A thread inside the child would not do: a loading engine holds the GIL.
REPORT_FD, unless -1, becomes descriptor 3 of the program. Exit status 127: the program could not be run; 125: the
parent was already gone.
"""

import contextlib
import fcntl
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
REPORT_FD = 3
PARENT_GONE = 125
NOT_RUN = 127


def main(arguments: list[str]) -> int:
    """Tie, then exec; returns only when something is wrong."""
    way, parent, leash, report = arguments[0], int(arguments[1]), int(arguments[2]), int(arguments[3])
    program = arguments[4:]
    if os.getpgrp() != os.getpid():
        _say("launch_shim: must lead its own process group")
        return PARENT_GONE
    if way == "signal":
        _die_with_parent()
    # Checked after the tie: a parent that died before it would never be noticed.
    if os.getppid() != parent:
        return PARENT_GONE
    if way == "leash":
        leash = _out_of_the_way(leash)
        if os.fork() == 0:
            _watch(leash)
        os.close(leash)
    if report >= 0:
        _move_report(report)
    try:
        os.execvp(program[0], program)
    except OSError as error:
        _say(f"{program[0]} cannot be run: {error.strerror}")
        return NOT_RUN


def _say(line: str) -> None:
    os.write(2, f"{line}\n".encode())


def _die_with_parent() -> None:
    import ctypes  # lazy: the leash way does without it

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        _say(f"prctl(PR_SET_PDEATHSIG): {os.strerror(ctypes.get_errno())}")
        os._exit(NOT_RUN)


def _out_of_the_way(descriptor: int) -> int:
    """Move a descriptor above those with a meaning (0, 1, 2 and the report's 3)."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return moved


def _watch(leash: int) -> None:
    """Wait until the parent is gone, then kill the group, this process included. Never returns.

    As a member of the group the watcher keeps its number from being given away: the kill cannot hit a stranger.
    The parent ends a watcher whose engine is gone with the same kill.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    empty = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(empty, descriptor)
    os.closerange(3, leash)
    os.closerange(leash + 1, leash + 64)
    with contextlib.suppress(OSError):
        while os.read(leash, 64):
            pass
    os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(0)


def _move_report(descriptor: int) -> None:
    if descriptor == REPORT_FD:
        os.set_inheritable(descriptor, True)
    else:
        os.dup2(descriptor, REPORT_FD, inheritable=True)
        os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
