"""A program that is run for one request, and what is left of it when the request is given up."""

import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from hostler.errors import UpstreamBroken
from hostler.system.program import Program, ProgramDoor
from tests.waiting import wait_until

SLEEPER = (sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)")


async def test_its_folder_goes_at_once_with_a_call_that_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever ends it may end itself before it hears that the program has."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = set(psutil.Process().children(recursive=True))
    program = Program(SLEEPER, {}, b"text/plain", lambda status, said: UpstreamBroken(f"{status}: {said}"))
    connection = await ProgramDoor(program).connect()
    started = set(psutil.Process().children(recursive=True)) - before
    assert len(left_in(tmp_path)) == 1
    connection.abort()
    assert left_in(tmp_path) == []
    await wait_until(lambda: not any(one.is_running() for one in started))


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())
