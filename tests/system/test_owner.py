"""One owner per data folder, with real processes that race for it and die."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hostler.errors import OwnershipError, StorageError
from hostler.system.owner import Owner, find_owner, token
from hostler.system.process import own_identity

CHILD = """
import sys
from pathlib import Path
from hostler.errors import OwnershipError
from hostler.system.owner import Owner, token
print("ready", flush=True)
sys.stdin.readline()
try:
    owner = Owner.acquire(Path(sys.argv[1]))
except OwnershipError as error:
    print("refused", error.message, flush=True)
else:
    owner.announce("http://127.0.0.1:1")
    print("owner", token(Path(sys.argv[1])), flush=True)
sys.stdin.readline()
"""


class Child:
    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def children(folder: Path, count: int) -> Iterator[list[Child]]:
    started = [Child(folder) for _ in range(count)]
    try:
        for child in started:
            assert child.line() == "ready"
        yield started
    finally:
        for child in started:
            child.kill()
            assert child.process.stdin is not None
            assert child.process.stdout is not None
            child.process.stdin.close()
            child.process.stdout.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "below" / "data"


def test_an_owner_is_found_until_it_lets_go(folder: Path) -> None:
    assert find_owner(folder) is None
    owner = Owner.acquire(folder)
    found = find_owner(folder)
    assert found is not None
    assert found.process == own_identity()
    assert found.address == ""
    owner.announce("http://127.0.0.1:8484", "http://127.0.0.1:8484/hostler/api/control")
    assert find_owner(folder) == owner.info
    assert owner.info.control.endswith("control")
    with pytest.raises(OwnershipError, match=rf"pid {os.getpid()}, started 20.* at http://127.0.0.1:8484\."):
        Owner.acquire(folder)
    owner.release()
    owner.release()
    assert find_owner(folder) is None
    Owner.acquire(folder).release()


def test_the_folder_and_its_files_are_private(folder: Path) -> None:
    owner = Owner.acquire(folder)
    token(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "owner.lock": 0o600,
        "owner.json": 0o600,
        "token": 0o600,
    }
    owner.release()


@pytest.mark.slow
def test_a_second_starter_is_refused_and_a_killed_owner_is_taken_over(folder: Path) -> None:
    with children(folder, 2) as (first, second):
        first.go()
        assert first.line().startswith("owner ")
        second.go()
        refusal = second.line()
        assert f"pid {first.process.pid}" in refusal
        assert "http://127.0.0.1:1" in refusal
        found = find_owner(folder)
        assert found is not None
        assert found.pid == first.process.pid
        first.kill()
        assert find_owner(folder) is None
        owner = Owner.acquire(folder)
        assert find_owner(folder) == owner.info
        owner.release()


@pytest.mark.slow
def test_of_many_that_start_at_once_one_owns_and_the_others_name_it(folder: Path) -> None:
    with children(folder, 4) as starters:
        for child in starters:
            child.go()
        lines = {child.process.pid: child.line() for child in starters}
    (winner,) = [pid for pid, line in lines.items() if line.startswith("owner ")]
    for pid, line in lines.items():
        assert pid == winner or f"refused Another hostler already uses {folder}: pid {winner}," in line


def test_a_pid_that_was_given_to_somebody_else_is_no_owner(folder: Path) -> None:
    folder.mkdir(parents=True)
    me = own_identity()
    (folder / "owner.json").write_text(json.dumps({"pid": me.pid, "started": me.started - 3600}))
    assert find_owner(folder) is None
    owner = Owner.acquire(folder)
    owner.release()
    (folder / "owner.json").write_text("{half")
    assert find_owner(folder) is None
    Owner.acquire(folder).release()


def test_a_lock_file_removed_under_a_living_owner_does_not_make_two(folder: Path) -> None:
    owner = Owner.acquire(folder)
    (folder / "owner.lock").unlink()
    with pytest.raises(OwnershipError, match=f"pid {os.getpid()}"):
        Owner.acquire(folder)
    owner.release()


def test_a_folder_that_cannot_be_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be created"):
        Owner.acquire(tmp_path / "file" / "data")


def test_the_token_stays_until_it_is_renewed(folder: Path) -> None:
    first = token(folder)
    assert len(first) == 43
    assert token(folder) == first
    second = token(folder, renew=True)
    assert second not in (first, "")
    assert token(folder) == second
    assert [path.name for path in folder.iterdir()] == ["token"]


def test_an_open_or_empty_token_file_is_mended(folder: Path) -> None:
    first = token(folder)
    (folder / "token").chmod(0o644)
    assert token(folder) == first
    assert (folder / "token").stat().st_mode & 0o777 == 0o600
    (folder / "token").write_text("")
    assert len(token(folder)) == 43


@pytest.mark.slow
def test_starters_agree_on_one_token(tmp_path: Path) -> None:
    child = (
        "import sys; from pathlib import Path; from hostler.system.owner import token; print(token(Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", child, str(tmp_path)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert len({process.communicate()[0] for process in started}) == 1
