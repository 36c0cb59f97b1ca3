"""A data folder with the accounts' tables, as the parts under test get it from the composition root."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hostler.accounts.tables import MIGRATIONS
from hostler.system.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "hostler.db", MIGRATIONS)
    yield store
    store.close()
