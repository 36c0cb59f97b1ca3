"""Wall clock and steady clock as one small part, and a fake of it that tests and simulations move by hand.

Knows: time. Does not know: who waits for it (asyncio's loop has its own clock for that).
"""

import time
from typing import Protocol


class Clock(Protocol):
    """What time it is."""

    def time_ns(self) -> int:
        """Wall clock, ns since the epoch; may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds that only ever grow, from no particular start."""
        ...


class SystemClock:
    """The machine's clocks."""

    __slots__ = ()

    time_ns = staticmethod(time.time_ns)
    monotonic = staticmethod(time.monotonic)


class FakeClock:
    """A clock that stands still until it is moved."""

    __slots__ = ("_monotonic", "_time_ns")

    def __init__(self, time_ns: int = 1_700_000_000_000_000_000, monotonic: float = 1000.0) -> None:
        self._time_ns = time_ns
        self._monotonic = monotonic

    def time_ns(self) -> int:
        """Wall clock, ns since the epoch."""
        return self._time_ns

    def monotonic(self) -> float:
        """Seconds."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        if seconds < 0:
            raise ValueError("time does not run backwards; use set_wall for a clock that is put back")
        self._monotonic += seconds
        self._time_ns += round(seconds * 1_000_000_000)

    def set_wall(self, time_ns: int) -> None:
        """Put the wall clock elsewhere, as its owner may; the steady one does not notice."""
        self._time_ns = time_ns
