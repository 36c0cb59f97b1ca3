"""Children die with their parent, end as a group, and are reaped."""

import asyncio
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import get_args

import pytest

from hostler.system.launcher import MAX_STDIN, Command, Tie, best_tie, spawn
from hostler.system.process import identify, is_alive
from tests.system.child_programs import FAMILY, STUBBORN, python, start_parent
from tests.waiting import wait_until

TIES: list[Tie] = list(get_args(Tie)) if sys.platform == "linux" else ["leash"]

pytestmark = pytest.mark.parametrize("tie", TIES)


def open_descriptors() -> int:
    folder = Path("/proc/self/fd" if sys.platform == "linux" else "/dev/fd")
    return len(list(folder.iterdir()))


async def test_stdin_log_and_report_reach_the_child(tie: Tie, tmp_path: Path) -> None:
    code = "import os,sys; os.write(3, b'got ' + sys.stdin.buffer.read() + b'\\n'); print('said')"
    child = spawn(python(code, tmp_path / "log", stdin=b"secret"), tie=tie)
    assert await child.wait_report() == "got secret"
    assert await child.wait() == 0
    assert child.returncode == 0
    assert (tmp_path / "log").read_text() == "said\n"
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


async def test_the_environment_is_the_given_one_and_the_group_its_own(tie: Tie, tmp_path: Path) -> None:
    code = (
        "import os; print(sorted(k for k in os.environ if k != 'LC_CTYPE'), os.getpgrp() == os.getpid(), os.getsid(0))"
    )
    child = spawn(python(code, tmp_path / "log", reports=False), tie=tie)
    assert await child.wait_report() is None
    assert await child.wait() == 0
    assert (tmp_path / "log").read_text().split() == ["['PATH']", "True", str(child.pid)]


async def test_a_child_that_closes_its_report_without_a_line_reports_nothing(tie: Tie, tmp_path: Path) -> None:
    child = spawn(python("import os; os.write(3, b'half')", tmp_path / "log"), tie=tie)
    assert await child.wait_report() is None
    assert await child.wait() == 0


async def test_sigterm_first_then_sigkill(tie: Tie, tmp_path: Path) -> None:
    polite = spawn(python("import os,time; os.write(3, b'up\\n'); time.sleep(600)", tmp_path / "polite"), tie=tie)
    stubborn = spawn(python(STUBBORN, tmp_path / "stubborn"), tie=tie)
    await polite.wait_report()
    await stubborn.wait_report()
    assert await polite.terminate_group(30.0) == -signal.SIGTERM
    assert await stubborn.terminate_group(0.05) == -signal.SIGKILL
    assert await stubborn.terminate_group(0.05) == -signal.SIGKILL, "ending what has ended changes nothing"


async def test_cancelling_the_end_kills_at_once(tie: Tie, tmp_path: Path) -> None:
    child = spawn(python(STUBBORN, tmp_path / "log"), tie=tie)
    await child.wait_report()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await child.terminate_group(60.0)
    assert await child.wait() == -signal.SIGKILL


async def test_the_whole_group_ends_with_its_leader(tie: Tie, tmp_path: Path) -> None:
    child = spawn(python(FAMILY, tmp_path / "log"), tie=tie)
    grandchild = identify(int(await child.wait_report() or 0))
    assert grandchild is not None
    os.kill(child.pid, signal.SIGKILL)
    assert await child.wait() == -signal.SIGKILL
    await wait_until(lambda: not is_alive(grandchild))


async def test_a_program_that_is_not_there_says_so(tie: Tie, tmp_path: Path) -> None:
    child = spawn(Command(("/no/such/engine",), {}, tmp_path / "log"), tie=tie)
    assert await child.wait() == 127
    assert "/no/such/engine cannot be run" in (tmp_path / "log").read_text()


async def test_too_much_stdin_is_refused(tie: Tie, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="limited"):
        spawn(python("", tmp_path / "log", stdin=b"x" * (MAX_STDIN + 1)), tie=tie)


async def test_no_descriptor_is_left_open(tie: Tie, tmp_path: Path) -> None:
    before = open_descriptors()
    for _ in range(3):
        child = spawn(python("import os; os.write(3, b'x\\n')", tmp_path / "log"), tie=tie)
        await child.wait_report()
        await child.wait()
    assert open_descriptors() == before


async def test_nothing_survives_kill_9_of_the_parent(tie: Tie, tmp_path: Path) -> None:
    parent = start_parent(tie, tmp_path / "log")
    assert parent.stdout is not None
    with parent.stdout:
        line = await asyncio.to_thread(parent.stdout.readline)
    child = identify(int(line))
    assert child is not None
    parent.kill()
    parent.wait()
    await wait_until(lambda: not is_alive(child))


def test_the_kernels_signal_is_used_from_the_main_thread_only(tie: Tie) -> None:
    seen: list[Tie] = []
    thread = threading.Thread(target=lambda: seen.append(best_tie()))
    thread.start()
    thread.join()
    assert seen == ["leash"]
    assert best_tie() == ("signal" if sys.platform == "linux" else "leash")


async def test_a_socket_as_stdin_is_a_line_to_the_child_alone(tie: Tie, tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            code = "import os,socket,sys; s=socket.socket(fileno=os.dup(0)); s.sendall(s.recv(9)[::-1]); sys.exit(3)"
            child = spawn(Command(python(code, tmp_path / "log").argv, {}, tmp_path / "log", theirs), tie=tie)
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(ours, b"hello")
        assert await loop.sock_recv(ours, 9) == b"olleh"
        assert await loop.sock_recv(ours, 9) == b""  # it ended, and nobody else holds its end
        assert await child.wait() == 3
