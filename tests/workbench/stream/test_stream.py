"""The stream against a real server and raw sockets: snapshots, tails, gaps, slow readers, many tabs, the end."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from hostler.system.event_log import EventLog
from hostler.system.event_store import MIGRATIONS, EventStore
from hostler.system.http_server import HttpServer
from hostler.system.store import Store
from hostler.workbench.event_schema import State
from hostler.workbench.stream import EventStream
from hostler.workbench.views import Memory
from tests.workbench.events import PATIENCE, Reader, seqs


def state() -> State:
    return State(version="1", turns=(), engines=(), machines=(), pulls=(), memory=Memory(2, 1))


class Bench:
    """A log, its stream and a server that answers with nothing else."""

    def __init__(self, log: EventLog, *, frame_s: float = 0.002, keep_alive_s: float = 60.0, most: int = 256) -> None:
        self.log = log
        self.asked = 0
        self.broken = False
        self.stream = EventStream(log, self.state, frame_s=frame_s, keep_alive_s=keep_alive_s, max_streams=most)
        self.server = HttpServer(self.stream.answer)
        self.port = 0
        self.tabs: list[Reader] = []

    def state(self) -> State:
        self.asked += 1
        if self.broken:
            raise RuntimeError("a part of the state is broken")
        return state()

    async def tab(self, since: int | None = None, **more: str) -> Reader:
        self.port = self.port or await self.server.listen("127.0.0.1", 0)
        self.tabs.append(await Reader.open(self.port, since=since, **more))
        return self.tabs[-1]

    async def until_alone(self) -> None:
        """Until the server has seen that all tabs hung up."""
        async with asyncio.timeout(PATIENCE):
            while self.stream.statistics().streams:  # noqa: ASYNC110  # nothing tells a test of it
                await asyncio.sleep(0)

    async def close(self) -> None:
        await self.stream.close()
        for tab in self.tabs:
            await tab.close()
        await self.server.drain(PATIENCE)
        assert self.stream.statistics().streams == 0
        assert self.log.statistics().readers == 0


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench(EventLog())
    yield made
    await made.close()


async def test_a_tab_gets_a_snapshot_and_then_what_happens(bench: Bench) -> None:
    bench.log.publish("x")
    tab = await bench.tab()
    assert (tab.status, tab.headers["content-type"]) == (200, "text/event-stream")
    assert tab.headers["cache-control"] == "no-store"
    assert await tab.snapshot() == state()
    assert tab.frames[0].id == 1
    bench.log.publish("a", {"text": 'line\n\n"quoted"\u2028'})
    bench.log.publish("b")
    frames = await tab.until(3)
    assert seqs(frames) == [2, 3]
    first = frames[1].events[0]
    assert (first["kind"], first["data"]) == ("a", {"text": 'line\n\n"quoted"\u2028'})


async def test_the_first_line_says_when_to_come_back(bench: Bench) -> None:
    tab = await bench.tab()
    piece = await tab.chunk()
    assert piece is not None
    assert piece.startswith(b"retry: 1000\n\nevent: snapshot\nid: 0\n")


@pytest.mark.parametrize("query", [False, True])
async def test_a_tab_that_comes_back_gets_only_what_it_missed(bench: Bench, query: bool) -> None:
    for _ in range(5):
        bench.log.publish("x")
    tab = await (bench.tab(query="?since=3") if query else bench.tab(3))
    assert seqs(await tab.until(5)) == [4, 5]
    again = await bench.tab(5)
    bench.log.publish("y")
    assert seqs(await again.until(6)) == [6]
    assert bench.asked == 0


@pytest.mark.parametrize("since", ["", "x", "-1", "1.5", "9" * 40, "²"])
async def test_a_number_that_is_none_means_a_first_visit(bench: Bench, since: str) -> None:
    bench.log.publish("x")
    tab = await bench.tab(extra=f"Last-Event-ID: {since}\r\n" if since.isascii() else "Last-Event-ID: \xb2\r\n")
    await tab.snapshot()


@pytest.mark.parametrize(("since", "first"), [(2, 3), (99, 1)], ids=["of long ago", "never given out"])
async def test_what_the_ring_does_not_hold_is_a_gap_and_a_snapshot(since: int, first: int) -> None:
    bench = Bench(EventLog(capacity=4))
    for _ in range(10):
        bench.log.publish("x")
    tab = await bench.tab(since)
    frame = await tab.next()
    assert frame is not None
    assert (frame.name, frame.data) == ("gap", {"first": first, "last": 6})
    await tab.snapshot()
    assert tab.frames[-1].id == 10
    bench.log.publish("y")
    assert seqs(await tab.until(11)) == [11]
    await bench.close()


async def test_after_a_restart_a_tab_goes_on_by_a_snapshot(tmp_path: Path) -> None:
    last = 0
    for _ in range(3):
        store = Store.open(tmp_path / "events.db", MIGRATIONS)
        bench = Bench(EventLog(store=EventStore(store)))
        try:
            tab = await bench.tab(last)
            if last:
                frame = await tab.next()
                assert frame is not None
                assert (frame.name, frame.id > last) == ("gap", True)
                await tab.snapshot()
            new = bench.log.publish("x")
            assert new > last
            await tab.until(new)
            last = new
        finally:
            await bench.close()
            store.close()


async def test_a_reader_that_is_too_slow_costs_no_memory_and_gets_a_gap() -> None:
    bench = Bench(EventLog(max_bytes=1 << 20), frame_s=0.0)
    port = await bench.server.listen("127.0.0.1", 0)
    slow = socket.create_connection(("127.0.0.1", port))
    slow.sendall(b"GET /hostler/api/events HTTP/1.1\r\nHost: here\r\n\r\n")
    bench.port = port
    quick = await bench.tab()
    await quick.snapshot()
    text = "x" * 10_000
    for _ in range(200):  # 20 MB: far more than the kernel's buffers and ours
        for _ in range(10):
            last = bench.log.publish("x", {"text": text})
        await quick.until(last)
    assert seqs(quick.frames) == list(range(1, last + 1)), "a slow tab keeps nobody else waiting"
    assert bench.stream.statistics().bytes < 45_000_000
    stuck, bytes_now = bench.stream.statistics().frames, bench.stream.statistics().bytes
    assert bytes_now < 21_000_000 + 8_000_000, "the slow one was sent no more than fits the buffers"
    assert stuck > 100
    reader, writer = await asyncio.open_connection(sock=slow, limit=1 << 24)
    tab = Reader(reader, writer)
    bench.tabs.append(tab)
    await reader.readuntil(b"\r\n\r\n")
    frames = await tab.until(last)
    names = [frame.name for frame in frames]
    assert names[0] == "snapshot"
    assert "gap" in names
    at = names.index("gap")
    assert names[at + 1] == "snapshot"
    assert frames[at - 1].id + 1 == frames[at].data["first"]  # type: ignore[index]
    await bench.close()


async def test_tabs_share_their_frames(bench: Bench) -> None:
    tabs = [await bench.tab() for _ in range(5)]
    for tab in tabs:
        await tab.snapshot()
    for _ in range(20):
        last = bench.log.publish("x")
        for tab in tabs:
            await tab.until(last)
    for tab in tabs:
        assert seqs(tab.frames) == list(range(1, last + 1))
    assert len({tuple(frame.id for frame in tab.frames) for tab in tabs}) == 1, "all tabs were told the same at a time"


async def test_one_snapshot_serves_all_that_need_one() -> None:
    bench = Bench(EventLog(capacity=4), frame_s=0.05)
    tabs = [await bench.tab() for _ in range(4)]
    for tab in tabs:
        await tab.snapshot()
    bench.asked = 0
    for _ in range(50):
        bench.log.publish("x")
    for tab in tabs:
        assert [frame.name for frame in await tab.until(50)] == ["snapshot", "gap", "snapshot"]
    assert bench.asked == 1
    await bench.close()


async def test_a_tab_gets_one_frame_in_a_picture_however_much_happens() -> None:
    bench = Bench(EventLog(), frame_s=0.02)
    tab = await bench.tab()
    await tab.snapshot()
    loop = asyncio.get_running_loop()
    began = loop.time()
    last = 0
    while loop.time() < began + 0.1 or last <= 50:  # the time may pass while others compute
        last = bench.log.publish("x")
        await asyncio.sleep(0)
    await tab.until(last)
    took = loop.time() - began
    assert seqs(tab.frames) == list(range(1, last + 1))
    assert len(tab.frames) - 1 <= took / 0.02 + 2
    await bench.close()


async def test_threads_publish_while_tabs_read(bench: Bench) -> None:
    tabs = [await bench.tab() for _ in range(2)]
    threads = [threading.Thread(target=lambda: [bench.log.publish("x") for _ in range(300)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for tab in tabs:
        frames = await tab.until(1200)
        assert seqs(frames) == list(range(frames[0].id + 1, 1201))
    for thread in threads:
        thread.join()


async def test_silence_is_kept_alive() -> None:
    bench = Bench(EventLog(), keep_alive_s=0.01)
    tab = await bench.tab()
    await tab.snapshot()
    async with asyncio.timeout(PATIENCE):
        for _ in range(3):
            assert await tab.chunk() == b": keep-alive\n\n"
    await bench.close()


async def test_the_last_tab_leaves_nothing_running(bench: Bench) -> None:
    tabs = [await bench.tab() for _ in range(2)]
    assert bench.log.statistics().readers == 1
    for tab in tabs:
        await tab.close()
    await bench.until_alone()
    assert bench.log.statistics().readers == 0
    bench.log.publish("x")
    again = await bench.tab()
    await again.snapshot()


async def test_draining_ends_streams_in_good_order_and_refuses_new_ones(bench: Bench) -> None:
    tab = await bench.tab()
    await tab.snapshot()
    bench.stream.drain()
    assert await tab.next() is None
    bench.log.publish("x")
    refused = await bench.tab()
    assert refused.status == 503
    async with asyncio.timeout(PATIENCE):
        await bench.server.drain(PATIENCE)


async def test_bounds_and_methods() -> None:
    bench = Bench(EventLog(), most=1)
    await bench.tab()
    refused = await bench.tab()
    assert refused.status == 429
    size = int(refused.headers["content-length"])
    assert b'"hint"' in await refused.reader.readexactly(size)
    refused.writer.write(b"POST /hostler/api/events HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\n\r\n")
    assert b" 405 " in await refused.reader.readuntil(b"\r\n")
    await bench.close()


async def test_a_state_that_cannot_be_told_costs_one_tab_and_not_the_server() -> None:
    bench = Bench(EventLog(capacity=2))
    tab = await bench.tab()
    await tab.snapshot()
    bench.broken = True
    for _ in range(9):
        bench.log.publish("x")
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await tab.next()
    bench.broken = False
    await (await bench.tab()).snapshot()
    await bench.close()
