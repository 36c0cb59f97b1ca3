"""The event log with a store: numbers over restarts and kills, what is kept, what a full disk does."""

import json
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostler.errors import StorageError
from hostler.system.clock import FakeClock
from hostler.system.event_log import Event, EventLog, Gap
from hostler.system.event_store import MAX_DATA, MAX_WAITING, MIGRATIONS, EventStore, EventStoreStatistics, StoredEvent
from hostler.system.store import Store

DAY = 86_400.0

PROGRAM = """
import sys
from pathlib import Path
from hostler.system.event_log import EventLog
from hostler.system.event_store import MIGRATIONS, EventStore
from hostler.system.store import Store
log = EventLog(store=EventStore(Store.open(Path(sys.argv[1]), MIGRATIONS)), stored={"x"}, block=64)
while True:
    print(log.publish("x", {"n": 1}), flush=True)
"""


def opened(folder: Path) -> Store:
    return Store.open(folder / "events.db", MIGRATIONS)


def image(folder: Path, number: int) -> Path:
    """The folder as a kill at this moment would leave it to the next process."""
    copy = folder.parent / f"{folder.name}-{number}"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*-shm"))  # made anew from the rest, as after a crash
    return copy


@pytest.mark.parametrize("killed", [False, True])
def test_numbers_go_on_behind_those_of_the_process_before(tmp_path: Path, killed: bool) -> None:
    folder, last = tmp_path / "data", 0
    for restart in range(4):
        store = opened(folder)
        log = EventLog(store=EventStore(store), block=8)
        first = log.publish("x")
        assert first > last
        if last:
            assert log.tail(last) == [Gap(last + 1, first - 1), *log.snapshot()[1]]
        for _ in range(20):
            last = log.publish("x")
        folder = image(folder, restart) if killed else folder
        store.close()


def test_a_reader_that_knows_everything_of_the_last_process_still_gets_a_gap(tmp_path: Path) -> None:
    store = opened(tmp_path)
    last = EventLog(store=EventStore(store)).publish("x")
    store.close()
    store = opened(tmp_path)
    log = EventLog(store=EventStore(store))
    assert log.tail(last) == [Gap(last + 1, log.last)], "also before anything has happened"
    store.close()


def test_a_block_is_written_before_its_first_number_is_used(tmp_path: Path) -> None:
    store = opened(tmp_path)
    kept = EventStore(store)
    log = EventLog(store=kept, block=100)
    for _ in range(1000):
        last = log.publish("x")
        if last % 40 == 0:
            store.flush()
        assert kept.begin() >= last
    store.close()


@pytest.mark.slow
def test_kill_9_repeats_no_number(tmp_path: Path) -> None:
    last = 0
    for _ in range(3):
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / "events.db")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            seen = [int(child.stdout.readline()) for _ in range(500)]
            child.send_signal(signal.SIGKILL)
            seen += [int(line) for line in child.stdout if line.endswith("\n")]
        assert seen == list(range(seen[0], seen[0] + len(seen)))
        assert seen[0] > last
        last = seen[-1]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 30)),
        st.tuples(st.just("read"), st.integers(1, 20)),
        st.tuples(st.sampled_from(("close", "kill")), st.just(0)),
    ),
    max_size=25,
)


@pytest.mark.slow
@settings(max_examples=60)
@given(steps=STEPS)
def test_any_order_of_publishes_restarts_and_reads(tmp_path_factory: pytest.TempPathFactory, steps: object) -> None:
    """Numbers only grow, and between two reads nothing is missing that no gap tells of."""
    folder = tmp_path_factory.mktemp("events") / "data"
    store, restarts = opened(folder), 0
    log = EventLog(16, store=EventStore(store), block=8)
    published: list[int] = []
    place = 0
    known: set[int] = set()
    for step, amount in steps:  # type: ignore[attr-defined]
        if step == "publish":
            published += [log.publish("x", {"n": n}) for n in range(amount)]
        elif step == "read":
            for item in log.tail(place, limit=amount):
                if isinstance(item, Gap):
                    assert item.first == place + 1, "no reader of this folder comes from the future"
                    known.update(seq for seq in published if item.first <= seq <= item.last)
                    place = item.last
                else:
                    assert item.seq == place + 1
                    known.add(item.seq)
                    place = item.seq
            assert known == {seq for seq in published if seq <= place}
        else:
            restarts += 1
            folder = image(folder, restarts) if step == "kill" else folder
            store.close()
            store = opened(folder)
            log = EventLog(16, store=EventStore(store), block=8)
    assert published == sorted(set(published))
    store.close()


def test_only_the_kinds_it_is_told_are_kept_and_read_again(tmp_path: Path) -> None:
    store, clock = opened(tmp_path), FakeClock()
    kept = EventStore(store)
    log = EventLog(store=kept, stored={"pull.done", "engine.ready"}, clock=clock)
    log.publish("message.delta", {"text": "x"})
    second = log.publish("pull.done", {"pull": {"id": "p"}})
    log.publish("engine.log", {})
    fourth = log.publish("engine.ready", {"model": "ü"})
    kept.flush()
    store.close()
    store = opened(tmp_path)
    kept = EventStore(store)
    at = clock.time_ns() // 1_000_000
    rows = [
        StoredEvent(second, at, "pull.done", '{"pull":{"id":"p"}}'),
        StoredEvent(fourth, at, "engine.ready", '{"model":"ü"}'),
    ]
    assert kept.read() == rows
    assert kept.read(second) == kept.read(limit=1) == kept.read(kinds=("engine.ready",)) == rows[1:]
    assert kept.statistics().waiting == 0
    store.close()


def test_threads_that_publish_at_once_lose_nothing(tmp_path: Path) -> None:
    store = opened(tmp_path)
    kept = EventStore(store)
    log = EventLog(store=kept, stored={"x"}, block=16)
    threads = [threading.Thread(target=lambda: [log.publish("x") for _ in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept.flush()
    assert kept.statistics() == EventStoreStatistics(waiting=0, dropped=0)
    assert [event.seq for event in kept.read()] == list(range(1, 801))
    for seq in (803, 801, 802):
        kept.put(StoredEvent(seq, 0, "x", "{}"))
    kept.flush()
    assert [event.seq for event in kept.read(800)] == [801, 802, 803]
    store.close()


@pytest.mark.parametrize(("days", "rows", "left"), [(0, 0, 10), (2, 0, 2), (0, 4, 4), (2, 2, 2)])
def test_what_is_old_or_too_much_is_forgotten(tmp_path: Path, days: int, rows: int, left: int) -> None:
    store, clock = opened(tmp_path), FakeClock()
    log = EventLog(store=EventStore(store), stored={"x"}, clock=clock)
    for _ in range(10):
        last = log.publish("x")
        clock.advance(DAY)
    store.close()
    store = opened(tmp_path)
    kept = EventStore(store, days=days, rows=rows, clock=clock)
    store.submit(kept.sweep, transaction=False).result()
    found = kept.read()
    assert [event.seq for event in found] == list(range(last - left + 1, last + 1))
    store.close()


def test_what_is_too_large_is_not_kept_but_in_the_ring(tmp_path: Path) -> None:
    store = opened(tmp_path)
    kept = EventStore(store)
    log = EventLog(store=kept, stored={"x"})
    log.publish("x", {"text": "y" * MAX_DATA})
    kept.flush()
    assert (kept.read(), kept.statistics().dropped, len(log.tail())) == ([], 1, 1)
    store.close()


class Full(Store):
    """A store whose disk can be full."""

    full = False

    def submit(self, job, *, transaction=True):  # type: ignore[no-untyped-def]
        if not self.full:
            return super().submit(job, transaction=transaction)
        future: Future[object] = Future()
        future.set_exception(StorageError("the disk is full"))
        return future


def test_a_full_disk_keeps_no_event_from_readers(tmp_path: Path) -> None:
    store = Full.open(tmp_path / "events.db", MIGRATIONS)
    assert isinstance(store, Full)
    kept = EventStore(store)
    log = EventLog(store=kept, stored={"x"}, block=16)
    store.full = True
    for _ in range(MAX_WAITING + 10):
        last = log.publish("x")
    assert log.last == last
    assert kept.statistics() == EventStoreStatistics(waiting=MAX_WAITING, dropped=10)
    store.full = False
    log.publish("x")
    kept.flush()
    assert len(kept.read(limit=10_000)) == MAX_WAITING
    assert kept.statistics().waiting == 0
    store.close()
    log.publish("x")
    assert log.last == last + 2, "events go on after the store is closed"
    store = opened(tmp_path)
    assert EventLog(store=EventStore(store)).publish("x") > last + 2, "also those that were given out unreserved"
    store.close()


def test_the_ring_is_bounded_in_bytes() -> None:
    log = EventLog(max_bytes=10_000)
    for _ in range(100):
        log.publish("x", {"text": "y" * 1000})
    assert log.statistics().kept == 9
    assert log.statistics().bytes <= 10_000
    last = log.publish("x", {"text": "y" * 50_000})
    assert [item.seq for item in log.tail(last - 1) if isinstance(item, Event)] == [last], "the newest is always there"
    assert log.statistics().kept == 1
    log.publish("x")
    assert log.statistics().kept == 1
    assert log.statistics().bytes < 100


def test_an_event_is_json_as_it_was_when_it_was_published() -> None:
    log, data = EventLog(clock=FakeClock()), {"lines": ["ä"]}
    log.publish("x", data)
    data["lines"].append("later")
    (event,) = log.snapshot()[1]
    assert json.loads(event.json) == {"seq": 1, "at": 1_700_000_000_000, "kind": "x", "data": {"lines": ["ä"]}}
    assert event.data == {"lines": ["ä"]}
    with pytest.raises(TypeError):
        log.publish("x", {"what": object()})
    assert log.publish("y") == 2, "what cannot be told takes no number"


def test_a_tail_may_be_cut_by_bytes() -> None:
    log = EventLog()
    for _ in range(10):
        log.publish("x", {"text": "y" * 100})
    size = len(log.snapshot()[1][0].json)
    assert len(log.tail(0, max_bytes=1)) == 1
    assert len(log.tail(3, max_bytes=size * 2)) == 2
    assert len(log.tail(3, max_bytes=1 << 20)) == 7
