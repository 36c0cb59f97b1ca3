"""Identity, life and sockets of processes."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from hostler.system.process import (
    ProcessId,
    identify,
    is_alive,
    kill_leftover,
    listens_on,
    out_of_memory_kills,
    own_identity,
    private_bytes,
    resident_bytes,
    start_time,
)

SLEEPER = (sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)")


def test_this_process_is_alive_under_its_own_start_time_only() -> None:
    me = own_identity()
    assert is_alive(me)
    assert identify(os.getpid()) is not None
    assert not is_alive(ProcessId(me.pid, me.started - 60))


@pytest.mark.parametrize("pid", [-1, 2**30])
def test_no_such_process_has_no_start_time(pid: int) -> None:
    assert start_time(pid) is None
    assert identify(pid) is None
    assert private_bytes(max(pid, 0) or 2**30) == 0


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="needs waitid to look without reaping")
def test_a_zombie_counts_as_dead() -> None:
    child = subprocess.Popen(SLEEPER)
    identity = identify(child.pid)
    assert identity is not None and is_alive(identity)
    os.kill(child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, but not reaped: a zombie
    assert not is_alive(identity)
    assert start_time(child.pid) is None
    child.wait()


def test_a_leftover_is_killed_only_under_its_start_time() -> None:
    child = subprocess.Popen(SLEEPER, start_new_session=True)
    identity = identify(child.pid)
    assert identity is not None
    assert kill_leftover(ProcessId(identity.pid, identity.started - 60), 1.0)
    assert child.poll() is None, "another start time names another process"
    kill_leftover(identity, 0.0)
    child.wait(10)  # the status is lost when `kill_leftover` saw the end first: it is this process's own child
    assert not is_alive(identity)
    assert kill_leftover(identity, 1.0)


def test_memory_is_counted() -> None:
    assert 0 < private_bytes(os.getpid()) <= resident_bytes(os.getpid())
    assert out_of_memory_kills() >= 0


def test_a_listener_belongs_to_its_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert listens_on(os.getpid(), port)
        child = subprocess.Popen(SLEEPER)
        try:
            assert not listens_on(child.pid, port)
        finally:
            child.kill()
            child.wait()
    assert not listens_on(os.getpid(), port)
