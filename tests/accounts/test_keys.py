"""Keys: shown once, known by their hash, taken away at once, also by another process."""

import subprocess
import sys
from pathlib import Path

import pytest

from hostler.accounts.keys import KeyRecord, Keys
from hostler.accounts.ledger import Ledger
from hostler.accounts.ledger_fold import KEY_USE_PAUSE_S, LedgerFold
from hostler.accounts.tables import MIGRATIONS
from hostler.errors import ConfigError
from hostler.system.clock import FakeClock
from hostler.system.journal import Journal
from hostler.system.store import Store
from tests.accounts.lines import START_NS, begin, end


def test_a_key_is_known_by_its_hash_alone(store: Store, tmp_path: Path) -> None:
    keys = Keys(store, clock=FakeClock())
    row, secret = keys.create(" laptop ")
    assert secret.startswith("sk-hostler-")
    assert len(secret) == len("sk-hostler-") + 43
    assert keys.check(secret.encode()) == KeyRecord(row.id, "laptop")
    assert keys.check(b"sk-hostler-" + b"A" * 43) is None
    assert keys.check(b"") is None
    assert keys.rows() == [row]
    assert row.created_us == START_NS // 1000
    store.close()
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert secret.encode() not in written
    assert row.prefix.encode() in written


def test_a_revoked_key_is_refused_and_its_name_is_free_again(store: Store) -> None:
    keys = Keys(store)
    row, secret = keys.create("laptop")
    with pytest.raises(ConfigError, match="already"):
        keys.create("laptop")
    assert keys.revoke("laptop").id == row.id
    assert keys.check(secret.encode()) is None
    assert keys.usable == 0
    with pytest.raises(ConfigError, match="no key 'laptop'"):
        keys.revoke("laptop")
    again, _ = keys.create("laptop")
    assert keys.revoke(again.id).id == again.id
    assert [r.revoked_us is None for r in keys.rows()] == [False, False]
    assert keys.forget("laptop").id == again.id
    assert keys.rows()[0].id == row.id
    for bad in ("", " ", "a\nb"):
        with pytest.raises(ConfigError, match="name"):
            keys.create(bad)


def test_when_a_key_is_asked_for(store: Store) -> None:
    keys = Keys(store)
    assert not keys.required(loopback=True)
    assert keys.required(loopback=False)
    assert Keys(store, require_key=True).required(loopback=True)
    assert Keys(store, fixed=("mine",)).required(loopback=True)
    row, _ = keys.create("laptop")
    assert keys.required(loopback=True)
    keys.revoke(row.id)
    assert keys.required(loopback=True), "taking the only key away must not open the door"
    keys.forget(row.id)
    assert not keys.required(loopback=True)


def test_keys_of_the_settings_are_accepted_and_not_listed(store: Store) -> None:
    keys = Keys(store, fixed=("one", "zwei-ä"))
    assert keys.check(b"one") == KeyRecord("settings-1", "settings 1")
    assert keys.check("zwei-ä".encode()) == KeyRecord("settings-2", "settings 2")
    assert keys.usable == 2
    assert keys.rows() == []


def test_changes_by_another_process_are_seen(store: Store) -> None:
    keys = Keys(store)
    assert not keys.reload_if_changed()
    child = """
import sys
from pathlib import Path
from hostler.accounts.keys import Keys
from hostler.accounts.tables import MIGRATIONS
from hostler.system.store import Store
store = Store.open(Path(sys.argv[1]), MIGRATIONS)
print(Keys(store).create("theirs")[1])
store.close()
"""
    done = subprocess.run([sys.executable, "-c", child, str(store.path)], capture_output=True, text=True, check=True)
    secret = done.stdout.strip().encode()
    assert keys.check(secret) is None
    assert keys.reload_if_changed()
    assert keys.check(secret) is not None
    other = Store.open(store.path, MIGRATIONS)
    Keys(other).revoke("theirs")
    other.close()
    assert keys.reload_if_changed()
    assert keys.check(secret) is None


def test_last_use_comes_from_the_ledger_once_in_a_while(store: Store, tmp_path: Path) -> None:
    clock = FakeClock()
    keys, journal = Keys(store), Journal(tmp_path / "journal")
    ledger, fold = Ledger(journal), LedgerFold(store, tmp_path / "journal", clock=clock)
    row, _ = keys.create("laptop")

    def used(at: int) -> int | None:
        ledger.begin(*begin(f"r{at}", at=at, key=row.id))
        ledger.end(end(f"r{at}"))
        store.submit(fold.fold_batch, transaction=False).result()
        return keys.rows()[0].last_used_us

    assert used(1) == START_NS // 1000 + 1
    assert used(2) == START_NS // 1000 + 1
    clock.advance(KEY_USE_PAUSE_S)
    assert used(3) == START_NS // 1000 + 3
    assert used(4) == START_NS // 1000 + 3
    fold.flush()
    assert keys.rows()[0].last_used_us == START_NS // 1000 + 4
    journal.close()
