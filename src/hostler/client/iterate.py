"""From deltas that are handed on to deltas that are iterated over.

Knows: when who iterates is woken. Does not know: where deltas come from, what they say.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Final

from hostler.core.deltas import Delta
from hostler.routing.outlets import Take

GATHER_S: Final = 0.01
"""Seconds between two times that who iterates is woken: a hundred a second look like a steady flow."""


class Gathered:
    """Deltas that wait to be read. The reader is woken at once for the first, else at most every GATHER_S seconds:
    waking it for each token costs more than reading the token does.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._deltas: list[Delta] = []
        self._over = False
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0

    def add(self, batch: Sequence[Delta]) -> None:
        """Keep a batch."""
        self._deltas += batch
        if self._waiter is not None and self._timer is None:
            if self._loop.time() >= self._next:
                self._wake()
            else:
                self._timer = self._loop.call_at(self._next, self._wake)

    def end(self, _: object = None) -> None:
        """Nothing comes any more; the reader is woken at once."""
        self._over = True
        self._wake()

    async def next_batch(self) -> Sequence[Delta]:
        """What has come since the last call; nothing at the end."""
        while not self._deltas and not self._over:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
                self._stop_timer()
        batch, self._deltas = self._deltas, []
        self._next = self._loop.time() + GATHER_S
        return batch

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


async def iterate(feed: Callable[[Take], Awaitable[None]]) -> AsyncGenerator[Delta]:
    """What `feed` hands on, one by one; then its error, if it has one. Closing the generator cancels it."""
    gathered = Gathered()
    feeding = asyncio.ensure_future(feed(gathered.add))
    feeding.add_done_callback(gathered.end)
    try:
        while batch := await gathered.next_batch():
            for delta in batch:
                yield delta
        await feeding
    finally:
        if not feeding.done():
            feeding.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await feeding
