"""Ids that sort by when they were made: a prefix and a ULID. Knows the clock it is given; does not know what ids name.

A ULID (github.com/ulid/spec): 48 bits of unix milliseconds, 80 random bits, 26 characters of Crockford's base 32.
Within a process ids only ever grow: within one millisecond, or when the clock is put back, the last one is counted up.
"""

import os
import re
import threading
from typing import Final, Literal

from hostler.system.clock import Clock

SESSION: Final = "s_"
MESSAGE: Final = "m_"
PULL: Final = "p_"
PROMPT: Final = "t_"
Prefix = Literal["s_", "m_", "p_", "t_"]

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SHAPE: Final = re.compile(rf"[a-z]_[0-7][{_ALPHABET}]{{25}}")
_LENGTH: Final = 26
_RANDOM_BITS: Final = 80
_LIMIT: Final = 1 << 128


class _Last:
    """The newest number given out; one for the process, so that ids of any prefix are in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0

    def next(self, milliseconds: int) -> int:
        fresh = (milliseconds << _RANDOM_BITS) | int.from_bytes(os.urandom(_RANDOM_BITS // 8))
        with self._lock:
            if fresh >> _RANDOM_BITS <= self._number >> _RANDOM_BITS:
                fresh = self._number + 1
            self._number = fresh
            return fresh


_LAST: Final = _Last()


def new_id(prefix: Prefix, clock: Clock) -> str:
    """A fresh id, larger than every one this process has made with a clock that was not ahead of this one."""
    return prefix + written(_LAST.next(clock.time_ns() // 1_000_000))


def written(number: int) -> str:
    """128 bits as 26 characters that sort as the number does. Raises ValueError when it does not fit."""
    if not 0 <= number < _LIMIT:
        raise ValueError(f"a ULID has 128 bits: {number}")
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range((_LENGTH - 1) * 5, -1, -5))


def is_id(text: str) -> bool:
    """Whether the text looks like an id of ours."""
    return _SHAPE.fullmatch(text) is not None
