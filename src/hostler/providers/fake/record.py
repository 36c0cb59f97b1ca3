"""Knows what the fake has been asked: a bounded ring of requests, counts by path and model, and how each ended.

Does not know: what was answered. Secrets stand in it as they came, for this is a tool for tests.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from hostler.providers.fake.json_values import Json, is_object

KEPT: Final = 1000
"""Requests that the ring holds."""

Outcome = Literal["running", "answered", "refused", "broken", "client gone"]


@dataclass(slots=True)
class Received:
    """One request. `outcome` changes while it is answered: `refused` by an error status, `broken` as scripted."""

    number: int
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    connection: str
    """The client's address and port."""
    model: str = ""
    wire: str = ""
    stream: bool = False
    status: int = 0
    outcome: Outcome = "running"
    chunks: int = 0
    """Pieces of content sent so far."""

    @property
    def json(self) -> Json:
        """The body as a JSON object; empty when it is none."""
        try:
            read: object = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return {}
        return read if is_object(read) else {}

    def report(self) -> Json:
        """What `GET /fake/requests` tells of it."""
        return {
            "number": self.number,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "headers": self.headers,
            "body": self.json or self.body.decode("utf-8", "replace"),
            "connection": self.connection,
            "model": self.model,
            "wire": self.wire,
            "stream": self.stream,
            "status": self.status,
            "outcome": self.outcome,
            "chunks": self.chunks,
        }


@dataclass(slots=True)
class Record:
    """Everything received since the start or the last reset, and a way to wait for more."""

    requests: deque[Received] = field(default_factory=lambda: deque[Received](maxlen=KEPT))
    counts: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    """Requests by (path, model)."""
    total: int = 0
    _watchers: set[asyncio.Event] = field(default_factory=set[asyncio.Event])

    def add(self, received: Received) -> None:
        """Keep a request."""
        self.requests.append(received)
        self.changed()

    def count(self, received: Received) -> None:
        """Count a request under its model, once that is known."""
        self.counts[received.path, received.model] += 1

    def clear(self) -> None:
        """Forget all."""
        self.requests.clear()
        self.counts.clear()
        self.total = 0
        self.changed()

    def changed(self) -> None:
        """Wake all who wait."""
        for watcher in self._watchers:
            watcher.set()

    async def wait_for(self, condition: Callable[[], bool], within: float) -> None:
        """Return as soon as the condition holds; it is asked again on each change. TimeoutError after `within` s."""
        watcher = asyncio.Event()
        self._watchers.add(watcher)
        try:
            async with asyncio.timeout(within):
                while not condition():
                    await watcher.wait()
                    watcher.clear()
        finally:
            self._watchers.discard(watcher)

    def report(self, last: int = 0) -> Mapping[str, object]:
        """What `GET /fake/requests` answers; only the `last` requests unless that is 0."""
        counts = [
            {"path": path, "model": model, "count": count} for (path, model), count in sorted(self.counts.items())
        ]
        return {
            "total": self.total,
            "counts": counts,
            "requests": [received.report() for received in list(self.requests)[-last:]],
        }
