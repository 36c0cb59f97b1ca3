"""The store against real files: transactions, migrations, damage, a full disk, several processes."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostler.errors import StorageError
from hostler.system.store import Connection, Migrations, Store

FIRST = """-- notes; with a semicolon
CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE marks (note INTEGER NOT NULL REFERENCES notes (id));
CREATE TRIGGER no_empty BEFORE INSERT ON notes WHEN new.text = '' BEGIN SELECT RAISE(ABORT, 'empty; note'); END;
"""


@pytest.fixture
def migrations(tmp_path: Path) -> Migrations:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "001_notes.sql").write_text(FIRST)
    return Migrations("notes", folder)


@pytest.fixture
def store(tmp_path: Path, migrations: Migrations) -> Iterator[Store]:
    store = Store.open(tmp_path / "data" / "test.db", migrations)
    yield store
    store.close()


async def test_writes_then_reads(store: Store) -> None:
    assert await store.write(lambda c: c.execute("INSERT INTO notes (text) VALUES ('a')").lastrowid) == 1
    assert store.execute("INSERT INTO notes (text) VALUES (?), (?)", ("b", "c")).result() == 2
    assert await store.read("SELECT text FROM notes WHERE id > ? ORDER BY id", (1,)) == [("b",), ("c",)]
    assert store.query("PRAGMA journal_mode") == [("wal",)]


def test_the_file_is_private(store: Store) -> None:
    store.execute("INSERT INTO notes (text) VALUES ('a')").result()
    assert store.path.parent.stat().st_mode & 0o077 == 0
    assert {p.stat().st_mode & 0o777 for p in store.path.parent.iterdir()} == {0o600}


def test_a_job_that_fails_leaves_nothing(store: Store) -> None:
    def half(connection: Connection) -> None:
        connection.execute("INSERT INTO notes (text) VALUES ('a')")
        raise KeyError("stop")

    with pytest.raises(KeyError):
        store.submit(half).result()
    with pytest.raises(StorageError, match="empty; note"):
        store.execute("INSERT INTO notes (text) VALUES ('b'), ('')").result()
    assert store.query("SELECT count(*) FROM notes") == [(0,)]
    assert store.execute("INSERT INTO notes (text) VALUES ('c')").result() == 1


def test_foreign_keys_hold_and_readers_cannot_write(store: Store) -> None:
    with pytest.raises(StorageError, match="FOREIGN KEY"):
        store.execute("INSERT INTO marks VALUES (7)").result()
    with pytest.raises(StorageError, match="readonly"):
        store.query("DELETE FROM notes")


def test_reads_from_many_threads_while_writing(store: Store) -> None:
    seen: list[object] = []
    start = threading.Barrier(8)

    def read() -> None:
        start.wait(5)
        seen.extend(store.query("SELECT count(*) >= 0 FROM notes") for _ in range(20))

    threads = [threading.Thread(target=read) for _ in range(7)]
    for thread in threads:
        thread.start()
    start.wait(5)
    for number in range(50):
        store.execute("INSERT INTO notes (text) VALUES (?)", (str(number),))
    for thread in threads:
        thread.join()
    store.flush()
    assert seen == [[(1,)]] * 140
    assert store.query("SELECT count(*) FROM notes") == [(50,)]


def test_migrations_are_applied_once_and_forward(tmp_path: Path, migrations: Migrations) -> None:
    path = tmp_path / "m.db"
    Store.open(path, migrations).close()
    (migrations.folder / "002_more.sql").write_text("ALTER TABLE notes ADD COLUMN colour TEXT\n")
    other = tmp_path / "other"
    other.mkdir()
    (other / "001_x.sql").write_text("CREATE TABLE x (y);")
    for _ in range(2):
        store = Store.open(path, migrations, Migrations("other", other))
        assert store.query("SELECT * FROM schema_versions ORDER BY part") == [("notes", 2), ("other", 1)]
        assert store.query("SELECT colour FROM notes") == []
        store.close()


def test_a_newer_file_is_refused(tmp_path: Path, migrations: Migrations) -> None:
    path = tmp_path / "m.db"
    store = Store.open(path, migrations)
    store.execute("UPDATE schema_versions SET version = 9").result()
    store.close()
    with pytest.raises(StorageError, match=r"newer hostler \(notes version 9; this one knows 1\)"):
        Store.open(path, migrations)


def test_a_migration_that_fails_leaves_the_old_schema(tmp_path: Path, migrations: Migrations) -> None:
    path = tmp_path / "m.db"
    Store.open(path, migrations).close()
    (migrations.folder / "002_bad.sql").write_text("CREATE TABLE new (a);\nCREATE TABLE notes (b);\n")
    with pytest.raises(StorageError, match="already exists"):
        Store.open(path, migrations)
    (migrations.folder / "002_bad.sql").unlink()
    store = Store.open(path, migrations)
    assert store.query("SELECT name FROM sqlite_master WHERE name = 'new'") == []
    store.close()
    (migrations.folder / "003_gap.sql").write_text("SELECT 1;")
    with pytest.raises(ValueError, match="not numbered"):
        Store.open(path, migrations)


def test_what_is_no_database_is_refused(tmp_path: Path, migrations: Migrations) -> None:
    path = tmp_path / "m.db"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(StorageError, match="not a database"):
        Store.open(path, migrations)
    with pytest.raises(StorageError):
        Store.open(path / "below" / "m.db", migrations)


def test_damage_is_a_storage_error(tmp_path: Path, migrations: Migrations) -> None:
    path = tmp_path / "m.db"
    store = Store.open(path, migrations)
    store.submit(lambda c: c.executemany("INSERT INTO notes (text) VALUES (?)", [("x" * 500,)] * 400)).result()
    store.close()
    data = bytearray(path.read_bytes())
    data[20000:90000] = b"\xff" * 70000
    path.write_bytes(data)
    store = Store.open(path, migrations)
    with pytest.raises(StorageError, match="malformed") as caught:
        store.query("SELECT sum(length(text)) FROM notes")
    assert "backup" in caught.value.text
    store.close()


def test_a_full_disk_is_a_storage_error_and_leaves_nothing(store: Store) -> None:
    store.submit(lambda c: c.execute("PRAGMA max_page_count = 20"), transaction=False).result()
    with pytest.raises(StorageError, match="full") as caught:
        store.execute("INSERT INTO notes (text) VALUES (?)", ("x" * 500_000,)).result()
    assert "Free some space" in caught.value.text
    assert store.query("SELECT count(*) FROM notes") == [(0,)]
    store.execute("INSERT INTO notes (text) VALUES ('small')").result()


def test_background_steps_run_and_a_failure_is_kept_and_retried(store: Store) -> None:
    ran = threading.Semaphore(0)
    times = 0

    def step(connection: Connection) -> float:
        nonlocal times
        times += 1
        ran.release()
        if times == 2:
            raise StorageError("no room")
        return 0.0 if times < 2 else 60.0

    store.add_background(step)
    assert ran.acquire(timeout=5)
    assert ran.acquire(timeout=5)
    store.flush()
    failure = store.statistics().failure
    assert failure is not None
    assert failure.message == "no room"


def test_a_closed_store_refuses_everything(store: Store) -> None:
    last = store.execute("INSERT INTO notes (text) VALUES ('a')")
    store.close()
    store.close()
    assert last.result() == 1
    for call in (store.flush, lambda: store.query("SELECT 1"), lambda: store.add_background(lambda _: 1.0)):
        with pytest.raises(StorageError, match="closed"):
            call()


@pytest.mark.slow
def test_processes_that_open_a_new_file_at_once_do_not_hinder_each_other(
    tmp_path: Path, migrations: Migrations
) -> None:
    child = """
import sys
from pathlib import Path
from hostler.system.store import Migrations, Store
print("ready", flush=True)
sys.stdin.readline()
store = Store.open(Path(sys.argv[1]), Migrations("notes", Path(sys.argv[2])))
for number in range(20):
    store.execute("INSERT INTO notes (text) VALUES (?)", (str(number),)).result()
store.close()
"""
    path = tmp_path / "m.db"
    command = [sys.executable, "-c", child, str(path), str(migrations.folder)]
    children = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for process in children:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in children:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in children:
        process.communicate()
        assert process.returncode == 0
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM notes").fetchone() == (80,)
    connection.close()
