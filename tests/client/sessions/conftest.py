"""A data folder with the sessions' tables, its sessions, and what they told."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from hostler.client.sessions.records import Message
from hostler.client.sessions.store import Sessions
from hostler.client.sessions.tables import MIGRATIONS
from hostler.client.sessions.writing import News
from hostler.system.clock import FakeClock
from hostler.system.store import Store


class _OneMessage(msgspec.Struct):
    message: Message


class Told(list[tuple[str, News]]):
    """Every event in order."""

    def publish(self, kind: str, data: News) -> None:
        self.append((kind, data))

    @staticmethod
    def message(data: News) -> Message:
        """The message that an event tells."""
        return msgspec.json.decode(msgspec.json.encode(data), type=_OneMessage).message

    def take(self) -> list[str]:
        """The kinds since the last look."""
        kinds = [kind for kind, _ in self]
        self.clear()
        return kinds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "hostler.db", MIGRATIONS)
    yield store
    store.close()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def sessions(store: Store, told: Told, clock: FakeClock) -> Sessions:
    return Sessions(store, told.publish, started_ms=clock.time_ns() // 1_000_000, clock=clock)
