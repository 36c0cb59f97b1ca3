"""What the supervisor is told, what it asks of the rest of the program, and what it remembers of each model.

Knows: options, the questions, one model's state. Does not know: when anything is started or stopped (supervisor).
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from hostler.engines.engine import Engine, EngineEndpoint, EngineState, EngineStatus
from hostler.engines.prepare import Prepare
from hostler.engines.recipe import Recipe
from hostler.engines.run import EngineRun
from hostler.errors import EngineError, HostlerError
from hostler.settings import Settings
from hostler.system.process import private_bytes

MIB = 1 << 20

Publish = Callable[[str, dict[str, object]], object]


@dataclass(frozen=True, slots=True)
class SupervisorOptions:
    """Folders, times in seconds and sizes in bytes."""

    folder: Path
    """Records and logs of engines."""
    enabled: bool = True
    idle_ttl_s: float = 900.0
    start_timeout_s: float = 600.0
    stop_grace_s: float = 5.0
    reserve_bytes: int = 0
    """Available memory that engines leave untouched."""
    limit_bytes: int = 0
    """All engines together; 0: what the machine has."""
    log_bytes: int = 8 * MIB
    backoff_base_s: float = 1.0


def options_from(settings: Settings) -> SupervisorOptions:
    """The settings that concern engines."""
    engine = settings.engine
    return SupervisorOptions(
        folder=settings.data_dir / "engines",
        enabled=engine.enabled,
        idle_ttl_s=engine.idle_ttl_s,
        start_timeout_s=engine.start_timeout_s,
        stop_grace_s=engine.stop_grace_s,
        reserve_bytes=engine.memory_reserve_mb * MIB,
        limit_bytes=engine.memory_limit_mb * MIB,
        log_bytes=settings.log.engine_log_mb * MIB,
    )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the supervisor asks of the rest of the program."""

    recipe_of: Callable[[str], Recipe]
    """Model id to the recipe it has now; cheap, it is asked at every call. Raises HostlerError."""
    engine_for: Callable[[Recipe], Engine]
    """The engine that a recipe names; called in a thread. Raises EngineMissing."""
    prepare: Prepare
    """Checks files and predicts bytes; called in a thread."""
    available: Callable[[], int]
    """Bytes of memory that are free or can be freed without swapping."""
    publish: Publish
    """Puts an event into the event log."""


@dataclass(slots=True, eq=False)
class Attempt:
    """One start, and how many callers wait for its outcome."""

    outcome: asyncio.Future[HostlerError | None]
    """None: the engine is ready."""
    waiters: int = 0


@dataclass(slots=True, eq=False)
class ModelState:
    """What is known about one model id from its first call on. Times are the event loop's."""

    id: str
    state: EngineState = "stopped"
    run: EngineRun | None = None
    """There from the moment it has a place in memory until its process is gone."""
    recipe: Recipe | None = None
    """As it was looked up for the last run."""
    recipe_id: str = ""
    predicted: int = 0
    in_flight: int = 0
    """Calls, over restarts: every hold has its release."""
    last_used: float = 0.0
    ready_at: float = 0.0
    asked_away: bool = False
    """A start waits for its memory, or its recipe has changed: no new calls."""
    attempt: Attempt | None = None
    """The start that is under way."""
    task: asyncio.Task[None] | None = None
    done: Attempt | None = None
    """The last start that went well; its waiters are served even when the engine has been asked away since."""
    waiting: int = 0
    failures: int = 0
    error: HostlerError | None = None
    not_before: float = 0.0
    since: float | None = None
    """Unix seconds of the last event that changed its state."""
    fraction: float | None = None
    waits_for: tuple[str, ...] = ()
    last_end: tuple[EngineEndpoint, EngineError, float] | None = field(default=None)
    """The last run that ended: its endpoint, why, when."""

    @property
    def endpoint(self) -> EngineEndpoint | None:
        """Where it answers, if it is ready."""
        return self.run.endpoint if self.run is not None and self.state == "ready" else None

    @property
    def about_to_be_used(self) -> bool:
        """Callers that waited for its start have yet to wake up and take it."""
        return self.done is not None and self.done.waiters > 0

    def is_idle(self) -> bool:
        """Ready, and nobody uses it or is about to."""
        return self.endpoint is not None and not self.in_flight and not self.waiting

    def serves(self, recipe: Recipe) -> EngineEndpoint | None:
        """Where a new call with this recipe may go now."""
        if self.asked_away or (self.recipe is not recipe and self.recipe != recipe):
            return None
        return self.endpoint

    def private_bytes(self) -> int:
        """Memory that only its end gives back."""
        child = self.run.child if self.run else None
        return private_bytes(child.pid) if child else 0

    def note(self, kind: str, data: Mapping[str, object]) -> None:
        """Remember what an event of it tells that its other fields do not."""
        if kind == "engine.progress":
            fraction = data.get("fraction")
            self.fraction = fraction if isinstance(fraction, float | int) else None
            return
        self.since, self.fraction = time.time(), None
        waits_for = data.get("waits_for")
        self.waits_for = tuple(map(str, cast("list[object]", waits_for))) if isinstance(waits_for, list) else ()

    def status(self, now: float) -> EngineStatus:
        """For people."""
        run, endpoint = self.run, self.endpoint
        return EngineStatus(
            model_id=self.id,
            state="starting" if self.attempt and not endpoint else self.state,
            pid=run.child.pid if run and run.child else None,
            port=endpoint.port if endpoint else None,
            slots=endpoint.slots if endpoint else 0,
            in_flight=self.in_flight,
            waiting=self.waiting,
            predicted_bytes=self.predicted if run else 0,
            idle_s=now - self.last_used if endpoint and not self.in_flight else None,
            uptime_s=now - self.ready_at if endpoint else None,
            recipe_id=self.recipe_id,
            failures=self.failures,
            error=self.error.text if self.error else None,
            retry_after_s=max(0.0, self.not_before - now) if self.error else None,
            since=self.since,
            fraction=self.fraction,
            waits_for=self.waits_for,
            error_code=self.error.code if self.error else None,
            error_hint=self.error.hint if self.error else None,
        )
