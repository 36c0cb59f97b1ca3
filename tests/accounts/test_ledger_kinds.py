"""What calls have in common is stored once, found again, and never in the way of a row."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hostler.accounts import ledger_kinds
from hostler.accounts.ledger import CallKind, End, Ledger, Refusal, encode_kind
from hostler.accounts.ledger_fold import LedgerFold
from hostler.accounts.ledger_queries import attempts, find, recent, totals
from hostler.accounts.ledger_rows import ATTEMPT_COLUMNS, REQUEST_COLUMNS
from hostler.settings import LogSettings
from hostler.system.journal import Journal
from hostler.system.store import Store
from tests.accounts.lines import START_NS, begin, end, refusal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal")
    yield journal
    journal.close()


@pytest.fixture
def ledger(journal: Journal) -> Ledger:
    return Ledger(journal)


def new_fold(store: Store, tmp_path: Path, log: LogSettings | None = None) -> LedgerFold:
    return LedgerFold(store, tmp_path / "journal", log=log)


def call(ledger: Ledger, request: str, model: str = "a/m", *, at: int = 0) -> None:
    kind = CallKind("anthropic", "messages", model, "a", "m", False, None)
    ledger.begin(request, 1, START_NS + at * 1000, encode_kind(kind))
    ledger.end(end(request))


def kinds(store: Store) -> list[str]:
    return [str(model) for (model,) in store.query("SELECT model FROM kinds ORDER BY id")]


def models(store: Store) -> dict[str, str | None]:
    return {row.request_id: row.model for row in recent(store)}


def test_requests_of_one_kind_share_its_row_after_a_restart_too(ledger: Ledger, store: Store, tmp_path: Path) -> None:
    for number in range(3):
        call(ledger, f"a{number}")
        call(ledger, f"b{number}", "b/m")
        ledger.refuse(refusal(f"r{number}"))
        new_fold(store, tmp_path).flush()
    assert kinds(store) == ["a/m", "b/m", ""]
    expected: dict[str, str | None] = {f"{m}{n}": f"{m}/m" for n in range(3) for m in "ab"}
    assert models(store) == expected | dict.fromkeys(("r0", "r1", "r2"))


def test_a_kind_that_is_new_after_a_restart_gets_a_row_of_its_own(ledger: Ledger, store: Store, tmp_path: Path) -> None:
    call(ledger, "first")
    ledger.begin(*begin("open"))
    new_fold(store, tmp_path).flush()
    assert kinds(store) == ["a/m"]
    ledger.end(end("open"))  # its kind was read by the fold before, which is gone
    call(ledger, "second", "c/m")
    new_fold(store, tmp_path).flush()
    found = find(store, "open")
    assert found is not None
    assert (found.face, found.operation, found.model, found.provider, found.stream) == (
        "openai-chat", "chat", "a/m", "p1", True,
    )  # fmt: skip
    assert models(store) == {"first": "a/m", "open": "a/m", "second": "c/m"}


def test_a_kind_that_no_one_can_read_costs_its_line_only(
    journal: Journal, ledger: Ledger, store: Store, tmp_path: Path
) -> None:
    call(ledger, "before")
    for kind in (
        b'"x"',
        b"[]",
        b'["anthropic","messages",null,"a","m",false,null]',
        b"[1,2,3,4,5,6,7]",
        b"{}",
        b"[" * 100_000 + b"]" * 100_000,
    ):
        ledger.begin("damaged", 1, START_NS, kind)
    journal.append(b'["s","damaged",1,1,["anthropic","messages","\xff","a","m",false,null]]\n')
    journal.append(b'["s","\xff",1,1,["anthropic","messages","a","a","m",false,null]]\n')
    journal.append(b'["s","damaged",1,1,["anthropic","messages","\\ud800","a","m",false,null]]\n')
    ledger.begin("too large", 1, 1 << 62, encode_kind(CallKind("f", "o", "m", "p", "u", stream=True)))
    ledger.end(end("damaged"))
    call(ledger, "after")
    fold = new_fold(store, tmp_path)
    fold.flush()
    assert models(store) == {"before": "a/m", "after": "a/m"}
    assert (fold.statistics().damaged, fold.statistics().stray) == (10, 1)
    assert kinds(store) == ["a/m"]


def test_kinds_without_end_do_not_fill_the_memory(
    ledger: Ledger, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_kinds, "MAX_KINDS", 8)
    fold = new_fold(store, tmp_path)
    for number in range(20):
        call(ledger, f"r{number}", f"a/{number}")
    fold.flush()
    call(ledger, "again", "a/0")  # forgotten by now: another row, and the same name
    call(ledger, "known", "a/19")
    long = "x" * ledger_kinds.LONGEST
    call(ledger, "long", long)
    call(ledger, "long too", long)
    fold.flush()
    expected = {f"r{n}": f"a/{n}" for n in range(20)}
    assert models(store) == expected | {"again": "a/0", "known": "a/19", "long": long, "long too": long}
    assert kinds(store) == [*expected.values(), "a/0", long, long]
    assert {t.group: t.requests for t in totals(store)}["a/0"] == 2
    found = store.submit(ledger_kinds.Kinds).result()
    assert len(found) <= 4
    for number in range(100):
        found[encode_kind(CallKind("f", "o", f"{number}", "p", "u", stream=True))]
        assert len(found) <= 8


def test_a_kind_goes_with_its_last_request_and_comes_again(ledger: Ledger, store: Store, tmp_path: Path) -> None:
    fold = new_fold(store, tmp_path, LogSettings(ledger_days=0, ledger_rows=2))

    def expire() -> None:
        while store.submit(fold.expire, transaction=False).result():
            pass

    call(ledger, "old", "old/m")
    fold.flush()
    for number in range(3):
        call(ledger, f"r{number}")
    fold.flush()
    expire()
    assert (models(store), kinds(store)) == ({"r1": "a/m", "r2": "a/m"}, ["a/m"])
    call(ledger, "new", "old/m")  # remembered, but its row is gone
    fold.flush()
    expire()
    assert (models(store), sorted(kinds(store))) == ({"r2": "a/m", "new": "old/m"}, ["a/m", "old/m"])


def test_a_short_row_and_a_full_one_say_the_same(ledger: Ledger, store: Store, tmp_path: Path) -> None:
    """Good ends are inserted in one of two forms of their own: with counts that few upstreams give, and without."""
    for number, cost in enumerate((None, 0.0, 1.5)):
        for cached in (None, 3):
            name = f"{number}{cached}"
            ledger.begin(*begin(name))
            ledger.end(End(name, 1, 200, "ok", final=True, input=None, cache_read=cached, output=5, cost=cost))
    new_fold(store, tmp_path).flush()
    for number, cost in enumerate((None, 0.0, 1.5)):
        for cached in (None, 3):
            row = find(store, f"{number}{cached}")
            assert row is not None
            assert (row.status, row.outcome, row.attempts, row.error, row.dropped) == (200, "ok", 1, None, None)
            assert (row.input, row.cache_read, row.output, row.reasoning, row.cost) == (None, cached, 5, None, cost)
            assert (row.ttft_us, row.duration_us, row.waited_us) == (None, None, 0)
            assert len(attempts(store, row.id)) == 1


def test_a_refusal_names_what_was_asked_for(ledger: Ledger, store: Store, tmp_path: Path) -> None:
    ledger.refuse(Refusal("a", START_NS, "gemini", "chat", 404, "refused", "model_not_found", "no/such", "k"))
    new_fold(store, tmp_path).flush()
    row = find(store, "a")
    assert row is not None
    assert (row.face, row.operation, row.model, row.key_id, row.stream) == ("gemini", "chat", "no/such", "k", False)
    assert (row.provider, row.upstream_model, row.waited_us) == (None, None, None)


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT {REQUEST_COLUMNS} FROM requests WHERE id < 9 ORDER BY id DESC LIMIT 5",
        "SELECT model, count(*), sum(cost) FROM requests WHERE id >= 9 AND started_us >= 9 GROUP BY model",
        f"SELECT {ATTEMPT_COLUMNS} FROM attempts WHERE request = 9 ORDER BY attempt",
        "DELETE FROM request_rows WHERE id IN (SELECT id FROM request_rows WHERE id < 9 ORDER BY id LIMIT 5)",
    ],
)
def test_what_asks_for_some_requests_does_not_go_through_all(store: Store, sql: str) -> None:
    plan = [str(step[3]) for step in store.query(f"EXPLAIN QUERY PLAN {sql}")]
    assert any(step.startswith("SEARCH request_rows USING INTEGER PRIMARY KEY") for step in plan)
    assert not [step for step in plan if step.startswith(("SCAN request_rows", "SCAN kinds"))]
