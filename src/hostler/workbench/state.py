"""How things stand: all that moves, in one record, for a page that begins to follow events.

Knows: which parts are asked. Does not know: how they know, and how the answer is sent.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from hostler import __version__
from hostler.client.sessions.records import Message
from hostler.engines.engine import EngineStatus
from hostler.registry.resolver import ProviderEntry
from hostler.system.clock import Clock, SystemClock
from hostler.system.hardware import read_memory
from hostler.workbench.event_schema import State, TurnState
from hostler.workbench.views import Memory, PullState, engine_state, provider_view


class Engines(Protocol):
    """Who knows the engines."""

    def statistics(self) -> tuple[EngineStatus, ...]: ...


class Machines(Protocol):
    """Who knows the providers and their machines."""

    def providers(self) -> tuple[ProviderEntry, ...]: ...


_CLOCK: Final = SystemClock()


def _nothing() -> tuple[()]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkbenchState:
    """Called, it tells how things stand. It reads memory and system counters only: about a millisecond."""

    engines: Engines
    machines: Machines
    turns: Callable[[], Iterable[Message]] = _nothing
    """The replies that are being written, as far as they have come."""
    pulls: Callable[[], Iterable[PullState]] = _nothing
    clock: Clock = _CLOCK

    def __call__(self) -> State:
        """The record, new each time."""
        now_ms = self.clock.time_ns() // 1_000_000
        memory = read_memory()
        return State(
            version=__version__,
            turns=tuple(TurnState(session=message.session, message=message.public()) for message in self.turns()),
            engines=tuple(engine_state(status, now_ms=now_ms) for status in self.engines.statistics()),
            machines=tuple(provider_view(entry) for entry in self.machines.providers()),
            pulls=tuple(self.pulls()),
            memory=Memory(memory.total, memory.available),
        )
