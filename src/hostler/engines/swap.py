"""What to do so that one more engine fits: start, unload others first, wait, or refuse. Pure.

Knows: bytes, who is busy, who was used last. Does not know: how bytes are predicted or measured, and how to stop one.

The least recently used go first, never one with calls in flight, and none that need not go.
"""

from collections.abc import Sequence
from dataclasses import dataclass

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Resident:
    """One engine that holds memory, or is about to."""

    id: str
    bytes: int
    """What comes back when it is gone."""
    busy: bool
    """It may not be stopped now: calls in flight, loading, or already stopping."""
    last_used: float
    """Any clock that grows."""


@dataclass(frozen=True, slots=True)
class StartNow:
    """It fits."""


@dataclass(frozen=True, slots=True)
class Evict:
    """It fits once these idle engines are gone; least recently used first."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """It will fit once these busy engines (and perhaps some idle ones) are gone."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refuse:
    """It does not fit even with every engine gone."""

    reason: str


Decision = StartNow | Evict | Wait | Refuse


def decide(residents: Sequence[Resident], *, wanted: int, free: int) -> Decision:
    """Choose what to do for an engine that takes `wanted` bytes when `free` are free (negative: overcommitted)."""
    if wanted <= free:
        return StartNow()
    by_age = sorted(residents, key=lambda r: (r.last_used, r.id))
    idle = [r for r in by_age if not r.busy]
    needed = _fewest(idle, wanted - free)
    if needed is not None:
        return Evict(tuple(r.id for r in needed))
    # All idle ones would go, so only what they leave short is asked of the busy ones.
    short = wanted - free - sum(r.bytes for r in idle)
    busy = _fewest([r for r in by_age if r.busy], short)
    if busy is not None:
        return Wait(tuple(r.id for r in busy))
    most = free + sum(r.bytes for r in residents)
    return Refuse(f"it needs {gib(wanted)} and {gib(max(0, most))} can be made available")


def _fewest(candidates: Sequence[Resident], short: int) -> list[Resident] | None:
    """The oldest that give back `short` bytes, without those that turn out not to be needed; None: not enough."""
    chosen: list[Resident] = []
    got = 0
    for resident in candidates:
        if got >= short:
            break
        chosen.append(resident)
        got += resident.bytes
    if got < short:
        return None
    for resident in reversed(chosen.copy()):
        if got - resident.bytes >= short:
            chosen.remove(resident)
            got -= resident.bytes
    return chosen


def gib(count: int) -> str:
    """Bytes for people: `5.2 GiB`, or MiB below one."""
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / (1 << 20):.0f} MiB"
