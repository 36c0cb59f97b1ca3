"""Lanes: the concurrency that one upstream really has. Calls beyond it queue, fairly between keys, with a bound.

Knows: slots, queues, who waits. Does not know: engines, sockets, what a call does.
"""

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Protocol

from hostler.errors import QueueFull


@dataclass(frozen=True, slots=True)
class LaneStatistics:
    """One lane as it stands: calls in flight, slots (0: no limit), calls waiting."""

    name: str
    in_flight: int
    slots: int
    waiting: int


class Lane:
    """Slots of one upstream. Waiting callers are served in turn by key, and by age within a key.

    A waiter's future belongs to the caller; cancelling it leaves the queue. There is no lock: every method runs on
    the loop's thread and none awaits between reading and changing the state.
    """

    __slots__ = ("_queues", "_waiting", "bound", "in_flight", "name", "seconds_per_call", "slots")

    def __init__(self, name: str, slots: int, *, bound: int) -> None:
        self.name = name
        self.slots = slots
        self.bound = bound
        self.in_flight = 0
        self.seconds_per_call = 1.0
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._waiting = 0

    def acquire_nowait(self) -> bool:
        """Take a slot if one is free and nobody waits for it."""
        if self.slots and (self.in_flight >= self.slots or self._waiting):
            return False
        self.in_flight += 1
        return True

    async def acquire(self, key: str) -> None:
        """Wait for a slot; raises QueueFull (429, with retry_after) when the queue is at its bound."""
        if self.acquire_nowait():
            return
        if self._waiting >= self.bound:
            seconds = max(1.0, self.seconds_per_call * (self._waiting + 1) / max(self.slots, 1))
            raise QueueFull(
                f"{self.name} is busy: {self.in_flight} calls run on its {self.slots} slots and {self._waiting} wait.",
                hint=f"Try again in about {seconds:.0f} s.",
                retry_after=seconds,
            )
        ticket: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(key, deque()).append(ticket)
        self._waiting += 1
        try:
            await ticket
        except asyncio.CancelledError:
            if ticket.done() and not ticket.cancelled():  # the slot was ours already: hand it on
                self.release()
            else:
                self._leave(key, ticket)
            raise

    def release(self) -> None:
        """Give a slot back; the next in turn gets it."""
        self.in_flight -= 1
        if self._waiting:
            self._grant()

    def resize(self, slots: int) -> None:
        """Change the number of slots; running calls go on."""
        self.slots = slots
        self._grant()

    def note_duration(self, seconds: float) -> None:
        """Feed the moving average behind `retry_after`."""
        self.seconds_per_call += 0.2 * (seconds - self.seconds_per_call)

    def statistics(self) -> LaneStatistics:
        """The lane as it stands."""
        return LaneStatistics(self.name, self.in_flight, self.slots, self._waiting)

    def _grant(self) -> None:
        while self._waiting and (not self.slots or self.in_flight < self.slots):
            key, queue = next(iter(self._queues.items()))
            ticket = queue.popleft()
            if queue:
                self._queues.move_to_end(key)
            else:
                del self._queues[key]
            self._waiting -= 1
            if not ticket.done():
                self.in_flight += 1
                ticket.set_result(None)

    def _leave(self, key: str, ticket: asyncio.Future[None]) -> None:
        queue = self._queues.get(key)
        if queue is not None and ticket in queue:
            queue.remove(ticket)
            self._waiting -= 1
            if not queue:
                del self._queues[key]


class Lanes(Protocol):
    """Where dispatch gets its slots; workers get them from the owner over a socket."""

    def acquire_nowait(self, name: str, slots: int) -> bool: ...
    async def acquire(self, name: str, slots: int, *, key: str) -> None: ...
    def release(self, name: str, seconds: float | None) -> None: ...


class LocalLanes:
    """All lanes of this process. A lane that is idle and empty is kept: there are as many as upstreams."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._lanes: dict[str, Lane] = {}

    def acquire_nowait(self, name: str, slots: int) -> bool:
        """Take a slot of lane `name` if one is free."""
        lane = self._lanes.get(name)
        if lane is None or lane.slots != slots:
            lane = self._lane(name, slots)
        if not slots:  # nobody can be waiting
            lane.in_flight += 1
            return True
        return lane.acquire_nowait()

    async def acquire(self, name: str, slots: int, *, key: str) -> None:
        """Wait for a slot of lane `name` in the turn of `key`."""
        await self._lane(name, slots).acquire(key)

    def release(self, name: str, seconds: float | None) -> None:
        """Give a slot back after a call of so many seconds; None: it is not known, or there was no call."""
        lane = self._lanes[name]
        if not lane.slots:
            lane.in_flight -= 1
            return
        if seconds is not None:
            lane.note_duration(seconds)
        lane.release()

    def statistics(self) -> tuple[LaneStatistics, ...]:
        """Every lane as it stands."""
        return tuple(lane.statistics() for lane in self._lanes.values())

    def _lane(self, name: str, slots: int) -> Lane:
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = Lane(name, slots, bound=self._bound)
        elif lane.slots != slots:
            lane.resize(slots)
        return lane
