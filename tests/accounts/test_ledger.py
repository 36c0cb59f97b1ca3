"""From the hot path's lines to rows: every answer appears once, whatever is killed, damaged or full."""

import contextlib
import errno
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostler.accounts import ledger_fold
from hostler.accounts.ledger import Ledger, encode_line
from hostler.accounts.ledger_fold import LedgerFold
from hostler.accounts.ledger_queries import AttemptRow, RequestRow, Totals, attempts, find, recent, totals
from hostler.accounts.tables import MIGRATIONS
from hostler.errors import StorageError
from hostler.settings import LogSettings
from hostler.system.journal import Journal
from hostler.system.store import Store
from tests.accounts.lines import START_NS, begin, end, refusal

START = START_NS // 1000

CHILD = """
import sys
from pathlib import Path
from hostler.accounts.ledger import Ledger
from hostler.system.journal import Journal
from tests.accounts.lines import begin, end, refusal
journal = Journal(Path(sys.argv[1]), sys.argv[2], segment_size=int(sys.argv[3]))
ledger = Ledger(journal)
ledger.begin(*begin("open-early", at=3))
for number in range(int(sys.argv[4])):
    ledger.begin(*begin(f"r{number}", at=number))
    ledger.end(end(f"r{number}"))
ledger.refuse(refusal("refused"))
ledger.begin(*begin("open-late"))
ledger.begin(*begin("second-try"))
ledger.end(end("second-try", final=False, status=500, error="upstream_error"))
ledger.begin(*begin("second-try", 2, at=9))
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal")
    yield journal
    journal.close()


@pytest.fixture
def ledger(journal: Journal) -> Ledger:
    return Ledger(journal)


@pytest.fixture
def fold(store: Store, tmp_path: Path, journal: Journal) -> LedgerFold:
    no_retention = LogSettings(ledger_days=0)  # the lines of these tests are years old
    return LedgerFold(store, tmp_path / "journal", journal=journal, log=no_retention)


def row(store: Store, request_id: str) -> RequestRow:
    found = find(store, request_id)
    assert found is not None
    return found


def outcomes(store: Store) -> dict[str, str]:
    rows = store.query("SELECT request_id, outcome FROM requests")
    assert len(rows) == len(dict(rows))  # pyright: ignore[reportArgumentType]
    return dict(rows)  # pyright: ignore[reportReturnType, reportArgumentType]


def killed_child(folder: Path, writer: str = "main", segment_size: int = 1 << 20, requests: int = 100) -> None:
    command = [sys.executable, "-c", CHILD, str(folder), writer, str(segment_size), str(requests)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGKILL)


def test_a_request_becomes_one_row_and_its_attempt_another(ledger: Ledger, fold: LedgerFold, store: Store) -> None:
    ledger.begin(*begin("a", key="k1"))
    fold.flush()
    assert recent(store) == []
    ledger.end(end("a", waited=50))
    fold.flush()
    (found,) = recent(store)
    assert found == RequestRow(
        START + 2000, "a", START, "k1", "openai-chat", "chat", "a/m", "p1", "m", True, 200, "ok", 1,
        7, 1, 0, 5, None, 0.25, 1000, 2000, None, "top_k,seed", 50,
    )  # fmt: skip
    assert attempts(store, found.id) == [
        AttemptRow(found.id, 1, START + 50, 50, "p1", "m", 200, "ok", 950, 1950, None),
    ]
    assert fold.statistics() == ledger_fold.FoldStatistics(1, 0, 0, 0)


def test_a_request_that_was_sent_elsewhere_has_a_row_per_attempt(
    ledger: Ledger, fold: LedgerFold, store: Store
) -> None:
    ledger.begin(*begin("a"))
    ledger.end(end("a", final=False, status=529, error="overloaded", waited=10))
    fold.flush()
    ledger.begin(*begin("a", 2, at=400))
    ledger.end(end("a", 2))
    fold.flush()
    found = row(store, "a")
    assert (found.provider, found.status, found.outcome, found.attempts) == ("p2", 200, "ok", 2)
    assert (found.started_us, found.ttft_us, found.duration_us, found.waited_us) == (START, 1400, 2400, 10)
    assert [(a.started_us, a.waited_us, a.duration_us) for a in attempts(store, found.id)] == [
        (START + 10, 10, 290),
        (START + 400, 0, 2000),
    ]
    assert [(a.attempt, a.provider, a.status, a.outcome, a.error) for a in attempts(store, found.id)] == [
        (1, "p1", 529, "error", "overloaded"),
        (2, "p2", 200, "ok", None),
    ]


def test_a_request_given_up_between_attempts_and_one_refused(ledger: Ledger, fold: LedgerFold, store: Store) -> None:
    ledger.begin(*begin("a"))
    ledger.end(end("a", final=False, status=500, error="upstream_error"))
    ledger.end(end("a", final=True, status=500, error="upstream_error"))
    ledger.refuse(refusal("b"))
    fold.flush()
    assert (row(store, "a").outcome, row(store, "a").attempts, row(store, "a").duration_us) == ("error", 1, 300)
    refused = row(store, "b")
    assert (refused.status, refused.outcome, refused.attempts) == (401, "refused", 0)
    assert (refused.model, refused.cost, refused.duration_us, refused.error) == (None, None, 40, "invalid_api_key")
    assert attempts(store, refused.id) == []


@pytest.mark.parametrize("how", ["interrupted", "ended twice", "cut off between the two ends"])
def test_a_request_of_one_attempt_lists_it_once_however_it_ends(how: str, store: Store, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    ledger = Ledger(journal)
    ledger.begin(*begin("a"))
    if how != "interrupted":
        ledger.end(end("a", final=False, status=529, error="overloaded"))
    if how == "ended twice":
        ledger.end(end("a", final=True, status=529, error="overloaded"))
    journal.close()
    LedgerFold(store, tmp_path / "journal", log=LogSettings(ledger_days=0)).flush()
    found = row(store, "a")
    assert (found.attempts, found.outcome) == (1, "error" if how == "ended twice" else "interrupted")
    assert [(a.attempt, a.outcome, a.status) for a in attempts(store, found.id)] == [(1, found.outcome, found.status)]
    assert store.query("SELECT count(*) FROM several_attempts") == [(0,)]


def test_unknown_cost_stays_unknown_in_totals(ledger: Ledger, fold: LedgerFold, store: Store) -> None:
    for number in range(3):
        ledger.begin(*begin(f"r{number}", at=number))
        ledger.end(end(f"r{number}"))
    ledger.begin(*begin("old", at=-10_000))
    ledger.end(end("old", status=500, error="x"))
    ledger.refuse(refusal("no model"))
    fold.flush()
    assert totals(store, by="model") == [
        Totals("a/m", 4, 3, 21, 3, 0, 15, None, 0.75, 0),
        Totals(None, 1, 0, None, None, None, None, None, None, 0),
    ]
    assert [(t.group, t.requests) for t in totals(store, by="outcome", since_us=START)] == [("ok", 3), ("refused", 1)]
    first, second = recent(store, 2), recent(store, 2, before=recent(store, 2)[-1].id)
    assert len({r.id for r in first + second}) == 4
    assert find(store, "nobody") is None


@pytest.mark.parametrize("segment_size", [1 << 20, 1 << 14])
def test_kill_9_loses_nothing_and_closes_what_was_open(store: Store, tmp_path: Path, segment_size: int) -> None:
    folder = tmp_path / "journal"
    killed_child(folder, segment_size=segment_size)
    LedgerFold(store, folder).flush()
    expected = {f"r{n}": "ok" for n in range(100)} | {"refused": "refused"}
    lost = {"open-early": "interrupted", "open-late": "interrupted", "second-try": "interrupted"}
    assert outcomes(store) == expected | lost
    assert list(folder.iterdir()) == []
    tried = row(store, "second-try")
    assert (tried.status, tried.attempts, tried.error, tried.provider) == (None, 2, "interrupted", "p2")
    assert [(a.outcome, a.error) for a in attempts(store, tried.id)] == [
        ("error", "upstream_error"),
        ("interrupted", "interrupted"),
    ]
    LedgerFold(store, folder).flush()
    assert len(outcomes(store)) == 104
    assert store.query("SELECT value FROM counters WHERE name = 'requests'") == [(104,)]


def test_journals_of_several_writers_are_folded_and_only_the_dead_are_closed(
    ledger: Ledger, fold: LedgerFold, store: Store, tmp_path: Path
) -> None:
    killed_child(tmp_path / "journal", "w1", requests=2)
    other = Journal(tmp_path / "journal", "w2")
    ledger.begin(*begin("mine"))
    Ledger(other).begin(*begin("theirs"))
    Ledger(other).begin(*begin("theirs-done"))
    Ledger(other).end(end("theirs-done"))
    fold.flush()
    expected = {"r0": "ok", "r1": "ok", "refused": "refused", "theirs-done": "ok"}
    expected |= dict.fromkeys(("open-early", "open-late", "second-try"), "interrupted")
    assert outcomes(store) == expected
    assert fold.statistics().open == 2
    other.close()
    fold.flush()
    assert outcomes(store) == expected | {"theirs": "interrupted"}
    ledger.end(end("mine"))
    fold.flush()
    assert outcomes(store) == expected | {"theirs": "interrupted", "mine": "ok"}
    assert {p.name.split(".")[0] for p in (tmp_path / "journal").iterdir()} == {"main"}


def test_a_request_that_outlives_its_segment_and_its_folder(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    journal = Journal(folder, segment_size=1 << 13)
    ledger = Ledger(journal)
    ledger.begin(*begin("long"))
    for number in range(100):
        ledger.begin(*begin(f"r{number}"))
        ledger.end(end(f"r{number}"))
    LedgerFold(store, folder).flush()
    assert len(list(folder.glob("*.log"))) == 1
    ledger.begin(*begin("also"))
    LedgerFold(store, folder).flush()  # a new one, as after a crash of the owner while this worker lives on
    ledger.end(end("also"))
    ledger.end(end("long"))
    LedgerFold(store, folder).flush()
    assert outcomes(store) == {f"r{n}": "ok" for n in range(100)} | {"long": "ok", "also": "ok"}
    journal.close()
    LedgerFold(store, folder).flush()
    assert list(folder.iterdir()) == []
    assert store.query("SELECT count(*) FROM journal_open") == [(0,)]


class Crash(BaseException):
    """Stands for the end of the process."""


def test_a_crash_between_commit_and_removal_doubles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the fold before each file that it removes in turn, then start over with a new one."""
    monkeypatch.setattr(ledger_fold, "BATCH", 20)
    killed_journal(tmp_path / "probe")
    segments = len(list((tmp_path / "probe").glob("*.log")))
    assert segments > 1
    unlink = Path.unlink
    left = 0

    def unlink_or_crash(path: Path, missing_ok: bool = False) -> None:
        nonlocal left
        left -= path.suffix == ".log"
        if left < 0:
            raise Crash
        unlink(path, missing_ok)

    def crashes_before(removal: int) -> bool:
        nonlocal left
        data, left = tmp_path / str(removal), removal
        store = Store.open(data / "hostler.db", MIGRATIONS)
        killed_journal(data / "journal")
        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", unlink_or_crash)
            with pytest.raises(Crash) if removal < segments else contextlib.nullcontext():
                LedgerFold(store, data / "journal").flush()
        LedgerFold(store, data / "journal").flush()
        assert len(outcomes(store)) == 104
        assert list((data / "journal").iterdir()) == []
        store.close()
        return left < 0

    assert [crashes_before(n) for n in range(segments + 1)] == [True] * segments + [False]


def killed_journal(folder: Path) -> None:
    """What `killed_child` leaves, without the price of a process."""
    journal = Journal(folder, segment_size=1 << 13)
    ledger = Ledger(journal)
    for name in ("open-early", "open-late", "second-try"):
        ledger.begin(*begin(name))
    for number in range(100):
        ledger.begin(*begin(f"r{number}", at=number))
        ledger.end(end(f"r{number}"))
    ledger.refuse(refusal("refused"))
    journal.close()


def test_a_full_disk_in_the_tables_keeps_the_journal(
    ledger: Ledger, fold: LedgerFold, store: Store, tmp_path: Path
) -> None:
    ledger.begin(*begin("before"))
    fold.flush()
    pages = store.query("PRAGMA page_count")[0][0]
    store.submit(lambda c: c.execute(f"PRAGMA max_page_count = {pages}"), transaction=False).result()
    for number in range(500):
        ledger.begin(*begin(f"r{number}"))
        ledger.end(end(f"r{number}"))
    ledger.end(end("before"))
    with pytest.raises(StorageError, match="full"):
        fold.flush()
    assert outcomes(store) == {}
    store.submit(lambda c: c.execute("PRAGMA max_page_count = 100000"), transaction=False).result()
    fold.flush()
    assert len(outcomes(store)) == 501


def test_a_full_disk_refuses_beginnings_but_takes_ends(tmp_path: Path, store: Store) -> None:
    full: list[bool] = []

    def allocate(descriptor: int, size: int) -> None:
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.ftruncate(descriptor, size)

    journal = Journal(tmp_path / "journal", segment_size=1 << 16, allocate=allocate)
    ledger = Ledger(journal)
    full.append(True)
    begun: list[str] = []
    with pytest.raises(StorageError):
        while True:
            ledger.begin(*begin(f"r{len(begun)}"))
            begun.append(f"r{len(begun)}")
    for request in begun[:50]:
        ledger.end(end(request))
    journal.close()
    LedgerFold(store, tmp_path / "journal").flush()
    assert outcomes(store) == {r: "ok" if n < 50 else "interrupted" for n, r in enumerate(begun)}


def test_damaged_and_stray_lines_are_left_out_and_counted(
    journal: Journal, ledger: Ledger, fold: LedgerFold, store: Store
) -> None:
    ledger.begin(*begin("a"))
    journal.append(b"not a line\n")
    journal.append(b'["x",1]\n')
    ledger.end(end("nobody"))
    ledger.end(end("a"))
    fold.flush()
    assert outcomes(store) == {"a": "ok"}
    assert (fold.statistics().damaged, fold.statistics().stray) == (2, 1)


@pytest.mark.parametrize("left", [0, 100])
def test_a_segment_that_lost_its_lines_does_not_stop_the_others(store: Store, tmp_path: Path, left: int) -> None:
    folder = tmp_path / "journal"
    journal = Journal(folder, "a")
    Ledger(journal).begin(*begin("lost"))
    LedgerFold(store, folder).flush()
    journal.close()
    (segment,) = folder.glob("a.*.log")
    segment.write_bytes(bytes(left))
    other = Journal(folder, "b")
    Ledger(other).refuse(refusal("kept"))
    fold = LedgerFold(store, folder)
    fold.flush()
    assert outcomes(store) == {"kept": "refused"}
    assert fold.statistics().damaged == 1
    other.close()


def test_old_and_surplus_rows_are_deleted_with_their_attempts(
    ledger: Ledger, store: Store, tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_fold, "RETENTION_CHUNK", 7)
    for number in range(50):
        ledger.begin(*begin(f"r{number}", at=number * 10_000))
        ledger.end(end(f"r{number}"))
    LedgerFold(store, tmp_path / "journal", journal=journal).flush()

    def kept(log: LogSettings) -> int:
        fold = LedgerFold(store, tmp_path / "journal", log=log)
        while store.submit(fold.expire, transaction=False).result():
            pass
        (requests,), (tries,) = store.query("SELECT count(*) FROM requests UNION ALL SELECT count(*) FROM attempts")
        assert requests == tries == store.query("SELECT value FROM counters WHERE name = 'requests'")[0][0]
        return int(str(requests))

    assert kept(LogSettings(ledger_days=0, ledger_rows=0)) == 50
    assert kept(LogSettings(ledger_days=0, ledger_rows=20)) == 20
    assert recent(store)[-1].request_id == "r30"
    assert kept(LogSettings(ledger_days=90, ledger_rows=0)) == 0


def test_folding_goes_on_by_itself_once_started(ledger: Ledger, fold: LedgerFold, store: Store) -> None:
    fold.start()
    for number in range(2000):
        ledger.begin(*begin(f"r{number}"))
        ledger.end(end(f"r{number}"))
    fold.flush()
    assert len(outcomes(store)) == 2000


def test_rows_are_written_when_the_schema_says_so(store: Store) -> None:
    """The keys between tables hold: no attempt without its request."""
    with pytest.raises(StorageError, match="FOREIGN KEY"):
        store.execute("INSERT INTO several_attempts VALUES (1, 1, 1, 0, 'p', 'm', 200, 'ok', 1, 1, NULL)").result()


@pytest.mark.slow
def test_any_mixture_of_lines_and_restarts_gives_each_request_once(store: Store, tmp_path: Path) -> None:
    @settings(max_examples=25)
    @given(
        st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["begin", "end", "final", "refuse", "fold", "restart"])))
    )
    def check(steps: list[tuple[int, str]]) -> None:
        store.execute("DELETE FROM request_rows").result()
        expected = written_and_folded(store, tmp_path / "journal", steps)
        rows = [str(name) for (name,) in store.query("SELECT request_id FROM requests")]
        assert sorted(rows) == sorted(expected)

    check()


def written_and_folded(store: Store, folder: Path, steps: list[tuple[int, str]]) -> list[str]:
    """Play the steps; returns the requests that must have a row each."""
    fold, journal = LedgerFold(store, folder), Journal(folder, segment_size=4096)
    ledger = Ledger(journal)
    attempt: dict[str, int] = {}
    expected: list[str] = []
    for number, step in steps:
        name = f"r{number}"
        if step == "begin":
            attempt[name] = attempt.get(name, 0) + 1
            ledger.begin(*begin(name, attempt[name]))
        elif step in ("end", "final") and name in attempt:
            ledger.end(end(name, attempt[name], final=step == "final"))
            if step == "final":
                del attempt[name]
                expected.append(name)
        elif step == "refuse":
            expected.append(f"refused{len(expected)}")
            ledger.refuse(refusal(expected[-1]))
        elif step == "fold":
            fold.flush()
        elif step == "restart":
            fold = LedgerFold(store, folder)
    journal.close()
    fold.flush()
    return expected + list(attempt)


def test_lines_have_no_raw_newline_and_no_nul() -> None:
    line = encode_line(end("a\n\0", error="x\ny\0"))
    assert line.count(b"\n") == 1
    assert b"\0" not in line


def test_the_tables_can_be_read_by_any_sqlite(ledger: Ledger, fold: LedgerFold, store: Store) -> None:
    ledger.begin(*begin("a"))
    ledger.end(end("a"))
    fold.flush()
    connection = sqlite3.connect(store.path)
    assert connection.execute("SELECT count(*) FROM requests JOIN attempts ON requests.id = request").fetchone() == (1,)
    connection.close()
