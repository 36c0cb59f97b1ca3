#!/usr/bin/env python3
"""CPU from event log to socket per 20,000 tokens: 8 replies at 500 tokens/s for 5 s, told to tabs in another process.

    python bench/web/stream_cpu.py [--short] [--tabs N ...] [--folder FOLDER]

Process CPU of log, stream and HTTP server, with what the token source itself takes measured beside it. Rows: with
0, 1 and 8 tabs, told as the turn runner tells (every 16 ms), and one tab told of each token by itself.
"""

import argparse
import asyncio
import json
import selectors
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from hostler.system.event_log import EventLog
from hostler.system.event_store import MIGRATIONS, EventStore
from hostler.system.http_server import HttpServer
from hostler.system.store import Store
from hostler.workbench.event_schema import STORED, State
from hostler.workbench.stream import EventStream
from hostler.workbench.views import Memory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from kept import FOLDER, keep

REPLIES = 8
RATE = 500
TOKEN = "token "
PER = 20_000
FRAME_S = 0.016


@dataclass(frozen=True, slots=True)
class Row:
    """One run. CPU in seconds per 20,000 tokens; `source` is what the tokens themselves cost, and is in neither."""

    tabs: int
    coalesced: bool
    tokens: int
    log_and_stream: float
    source: float
    frames_per_tab: float


async def tokens(publish: Callable[[str, dict[str, object]], object], *, seconds: float, coalesced: bool) -> int:
    """Eight replies, as a turn runner tells of them. Returns the number of tokens."""
    loop = asyncio.get_running_loop()
    began, done, ats = loop.time(), 0, [0] * REPLIES
    total = round(seconds * RATE)
    while done < total:
        await asyncio.sleep(FRAME_S)
        due = min(total, round((loop.time() - began) * RATE)) - done
        done += due
        pieces = [TOKEN * due] if coalesced and due else [TOKEN] * due
        for reply in range(REPLIES):
            for piece in pieces:
                data = {
                    "session": f"s_01ARZ3NDEKTSV4RRFFQ69G5F{reply:02d}",
                    "message": f"m_01ARZ3NDEKTSV4RRFFQ69G5F{reply:02d}",
                    "part": 0,
                    "type": "text",
                    "at": ats[reply],
                    "text": piece,
                }
                ats[reply] += len(piece)
                publish("message.delta", data)
    return total * REPLIES


def read(port: int, tabs: int) -> list[tuple[int, int]]:
    """In the other process: tokens and frames that each of so many tabs was told of, until its stream ended."""
    marks = (TOKEN.encode(), b"event: events")
    keep_bytes = max(map(len, marks)) - 1
    chosen = selectors.DefaultSelector()
    counts: dict[socket.socket, list[int]] = {}
    for _ in range(tabs):
        tab = socket.create_connection(("127.0.0.1", port))
        tab.sendall(b"GET /hostler/api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        counts[tab] = [0, 0]
        chosen.register(tab, selectors.EVENT_READ, bytearray())
    print("ready", flush=True)
    while chosen.get_map():
        for key, _ in chosen.select():
            tab, seen = key.fileobj, key.data
            data = tab.recv(1 << 20)
            seen += data
            end = len(seen) - (keep_bytes if data else 0)  # a mark may be cut in two
            for place, mark in enumerate(marks):
                whole = seen[: max(end, 0) + len(mark) - 1]
                counts[tab][place] += whole.count(mark)
            del seen[: max(end, 0)]
            if not data:
                chosen.unregister(tab)
    return [(tokens, frames) for tokens, frames in counts.values()]


async def measure(folder: Path, tabs: int, *, seconds: float, coalesced: bool) -> Row:
    """One run with so many tabs."""
    began = time.process_time()
    count = await tokens(lambda kind, data: None, seconds=seconds, coalesced=coalesced)
    source = time.process_time() - began
    store = Store.open(folder / f"events-{tabs}-{coalesced}.db", MIGRATIONS)
    log = EventLog(store=EventStore(store), stored=STORED)
    stream = EventStream(
        log, lambda: State(version="", turns=(), engines=(), machines=(), pulls=(), memory=Memory(1, 1))
    )
    server = HttpServer(stream.answer)
    port = await server.listen("127.0.0.1", 0)
    reader = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--read", str(port), str(tabs), stdout=asyncio.subprocess.PIPE
    )
    assert reader.stdout is not None
    await reader.stdout.readline()
    while stream.statistics().streams < tabs:  # noqa: ASYNC110  # the streams' own count is what is waited for
        await asyncio.sleep(0.01)
    began = time.process_time()
    await tokens(log.publish, seconds=seconds, coalesced=coalesced)
    await asyncio.sleep(0.1)
    spent = time.process_time() - began
    stream.drain()
    await server.drain(5)
    told = json.loads(await reader.stdout.read())
    await reader.wait()
    store.close()
    if any(got != count for got, _ in told):
        sys.exit(f"tabs were told of {told}, not of {count} tokens")
    scale = PER / count
    frames = sum(frames for _, frames in told) / tabs if tabs else 0.0
    return Row(tabs, coalesced, count, round((spent - source) * scale, 4), round(source * scale, 4), frames)


async def measure_all(counts: list[int], *, seconds: float) -> list[Row]:
    """All rows."""
    with tempfile.TemporaryDirectory(prefix="stream-bench-") as folder:
        rows = [await measure(Path(folder), tabs, seconds=seconds, coalesced=True) for tabs in counts]
        rows.append(await measure(Path(folder), 1, seconds=seconds, coalesced=False))
    return rows


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="half a second: a check, no measurement")
    parser.add_argument("--tabs", type=int, nargs="+", default=[0, 1, 8])
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--read", type=int, nargs=2, metavar=("PORT", "TABS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.read:
        print(json.dumps(read(*asked.read)), flush=True)
        return
    rows = uvloop.run(measure_all(asked.tabs, seconds=0.5 if asked.short else 5.0))
    for row in rows:
        how = "every 16 ms" if row.coalesced else "each token "
        print(
            f"{row.tabs:3} tabs, {how}: {row.log_and_stream:.3f} s CPU per {PER} tokens (source {row.source:.3f} s)",
            end="",
        )
        print(f", {row.frames_per_tab:.0f} frames a tab")
    print(keep("stream_cpu", [asdict(row) for row in rows], folder=asked.folder, short=asked.short))


if __name__ == "__main__":
    main()
