"""Engines of dead owners are found by pid and start time, and ended; nobody else's are."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hostler.engines.leftovers import (
    EngineRecord,
    log_path,
    read_records,
    remove_record,
    slug,
    state_path,
    sweep_leftovers,
    write_record,
)
from hostler.system.process import ProcessId, identify, is_alive, own_identity
from tests.waiting import wait_until

MODEL = "here/demo"
DEAD = ProcessId(2**22 + 1, 1.0)


@pytest.fixture
def engine() -> Iterator[ProcessId]:
    """A process that some owner has left behind."""
    code = "import time; time.sleep(600)"
    child = subprocess.Popen((sys.executable, "-I", "-S", "-c", code), start_new_session=True)
    identity = identify(child.pid)
    assert identity is not None
    yield identity
    child.kill()
    child.wait()


def recorded(owner: ProcessId, engine: ProcessId) -> EngineRecord:
    return EngineRecord(owner, engine, MODEL, "id", 5000)


def test_an_engine_of_a_dead_owner_is_ended(tmp_path: Path, engine: ProcessId) -> None:
    write_record(tmp_path, recorded(DEAD, engine))
    (leftover,) = sweep_leftovers(tmp_path)
    assert leftover.ended and leftover.record.engine == engine
    assert not is_alive(engine)
    assert read_records(tmp_path) == () and sweep_leftovers(tmp_path) == ()


def test_an_engine_of_a_living_owner_is_untouched(tmp_path: Path, engine: ProcessId) -> None:
    write_record(tmp_path, recorded(own_identity(), engine))
    assert sweep_leftovers(tmp_path) == ()
    assert is_alive(engine) and len(read_records(tmp_path)) == 1


def test_an_owner_whose_number_was_given_away_is_dead(tmp_path: Path, engine: ProcessId) -> None:
    me = own_identity()
    write_record(tmp_path, recorded(replace(me, started=me.started - 1000), engine))
    assert [leftover.ended for leftover in sweep_leftovers(tmp_path)] == [True]
    assert not is_alive(engine)


def test_a_process_that_got_the_engines_number_is_untouched(tmp_path: Path, engine: ProcessId) -> None:
    write_record(tmp_path, recorded(DEAD, replace(engine, started=engine.started - 1000)))
    assert sweep_leftovers(tmp_path) == ()
    assert is_alive(engine) and read_records(tmp_path) == ()


def test_what_is_no_record_is_passed_over(tmp_path: Path) -> None:
    for number, data in enumerate((b"", b"{", b"[]", b'{"owner": 1}', b"\xff")):
        (tmp_path / f"{number}.json").write_bytes(data)
    assert sweep_leftovers(tmp_path) == ()
    assert sweep_leftovers(tmp_path / "missing") == ()


def test_records_are_private_and_names_are_safe(tmp_path: Path) -> None:
    write_record(tmp_path, recorded(DEAD, DEAD))
    path = state_path(tmp_path, MODEL)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    remove_record(tmp_path, MODEL)
    assert not path.exists()
    names = {slug(model) for model in ("a/b", "a_b", "../../etc/passwd", "x" * 500, "")}
    assert len(names) == 5
    assert all("/" not in name and not name.startswith(".") and len(name) < 100 for name in names)
    assert log_path(tmp_path, "../x").parent == tmp_path


def led_group(code: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen((sys.executable, "-c", code), stdout=subprocess.PIPE, start_new_session=True)


async def test_killing_takes_the_group_along(tmp_path: Path) -> None:
    code = (
        "import subprocess,sys; c=subprocess.Popen([sys.executable,'-c','import time; time.sleep(600)']);"
        "print(c.pid,flush=True); c.wait()"
    )
    leader = led_group(code)
    assert leader.stdout is not None
    with leader.stdout:
        member = identify(int(leader.stdout.readline()))
    engine = identify(leader.pid)
    assert engine is not None and member is not None
    write_record(tmp_path, recorded(DEAD, engine))
    sweep_leftovers(tmp_path)
    leader.wait(10)
    assert not is_alive(engine)
    await wait_until(lambda: not is_alive(member))
