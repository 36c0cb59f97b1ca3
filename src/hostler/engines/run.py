"""One run of one engine: from its process's start to its end.

Knows: spawning, waiting until it is ready, progress, its record and log, ending it. Does not know: which engines should
run, who waits for them and what happens after a failure (supervisor).
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hostler.engines.engine import LOOPBACK, Engine, EngineEndpoint, Start
from hostler.engines.engine_log import EngineLog
from hostler.engines.failures import End, start_error, tail_of, why
from hostler.engines.leftovers import EngineRecord, log_path, remove_record, write_record
from hostler.engines.prepare import Prepared
from hostler.engines.readiness import free_port, readiness
from hostler.errors import EngineFailed, EngineTimeout
from hostler.system.launcher import ChildProcess, Command, spawn
from hostler.system.process import out_of_memory_kills, own_identity, resident_bytes

FIRST_STEP_S = 0.01
LONGEST_STEP_S = 0.25
PROGRESS_S = 0.5
"""Seconds between two words about progress."""
TRIES = 2
"""Starts when somebody else takes the port."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a start has come."""

    elapsed_s: float
    line: str
    """Last telling line of the engine's log."""
    fraction: float | None
    """Loaded bytes against predicted ones, 0 to 0.99; None when nothing was predicted."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Everything one run needs to know."""

    model_id: str
    engine: Engine
    prepared: Prepared
    recipe_id: str
    folder: Path
    """Records and logs."""
    start_timeout_s: float
    stop_grace_s: float


class _PortTaken(Exception):
    """A stranger has the port; `error` is what to say when it happens again."""

    def __init__(self, error: EngineFailed) -> None:
        super().__init__(error.message)
        self.error = error


class EngineRun:
    """One engine process. `bring_up` once, then `end` once; `child` is there in between."""

    def __init__(self, plan: RunPlan, on_progress: Callable[[Progress], None]) -> None:
        self.plan = plan
        self.child: ChildProcess | None = None
        self.endpoint: EngineEndpoint | None = None
        """Set once it is ready."""
        self.log = EngineLog(log_path(plan.folder, plan.model_id))
        self._on_progress = on_progress
        self._kills_before = out_of_memory_kills()
        self._began = 0.0
        self._told = 0.0

    async def bring_up(self) -> EngineEndpoint:
        """Start the engine and wait until it is ready.

        Raises EngineError (ModelFileError, NotEnoughMemory, EngineFailed, EngineTimeout, EngineMissing); then, and when
        cancelled, nothing of it is left. A stranger on the port is answered with one more try on another one.
        """
        loop = asyncio.get_running_loop()
        self._began = self._told = loop.time()
        try:
            async with asyncio.timeout(self.plan.start_timeout_s):
                return await self._try_ports()
        except TimeoutError:
            raise EngineTimeout(
                f"the engine of {self.plan.model_id} was not ready after {self.plan.start_timeout_s:g} s and was ended",
                hint="A large model on a slow disk may need more: `start_timeout_s` under [engine] in settings.toml.",
                log_tail=tail_of(self.log.lines()),
            ) from None

    async def _try_ports(self) -> EngineEndpoint:
        for left in reversed(range(TRIES)):
            try:
                return await self._try_once()
            except _PortTaken as taken:
                if not left:
                    raise taken.error from None
        raise AssertionError("unreachable")

    async def _try_once(self) -> EngineEndpoint:
        plan = self.plan
        port = 0 if plan.engine.reports_port else free_port()
        start = Start(plan.model_id, plan.prepared.recipe, api_key=secrets.token_urlsafe(32), port=port)
        spawned = plan.engine.spawn(start)
        self._kills_before = out_of_memory_kills()
        command = Command(
            spawned.argv, spawned.environment, self.log.path, spawned.stdin, reports=plan.engine.reports_port
        )
        child = self.child = spawn(command)
        self._record(port)
        try:
            port = await self._wait_ready(child, start)
        except BaseException:
            child.kill_group_nowait()
            await child.wait()
            remove_record(plan.folder, plan.model_id)
            raise
        self._record(port)
        self.endpoint = EngineEndpoint(LOOPBACK, port, start.api_key, start.recipe.slots, plan.model_id)
        return self.endpoint

    def _record(self, port: int) -> None:
        assert self.child is not None
        plan = self.plan
        record = EngineRecord(own_identity(), self.child.identity, plan.model_id, plan.recipe_id, port)
        write_record(plan.folder, record)

    async def _wait_ready(self, child: ChildProcess, start: Start) -> int:
        port = start.port
        step = FIRST_STEP_S
        report = asyncio.ensure_future(child.wait_report()) if self.plan.engine.reports_port else None
        try:
            while True:
                events = [child.ended, report] if report is not None and not report.done() else [child.ended]
                await asyncio.wait(events, timeout=step, return_when=asyncio.FIRST_COMPLETED)
                step = min(step * 1.5, LONGEST_STEP_S)
                self._tell_progress(child)
                if child.ended.done():
                    raise self._start_failure(start)
                if report is not None:
                    if not report.done():
                        continue
                    port = int(report.result() or 0)
                if port and await self._is_ready(child, port):
                    return port
        finally:
            if report is not None:
                report.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await report

    async def _is_ready(self, child: ChildProcess, port: int) -> bool:
        answer = await readiness(child.pid, port, path=self.plan.engine.health_path)
        if answer == "stranger":
            # It may have ended just now; then its exit says more than the port.
            await asyncio.wait((child.ended,), timeout=FIRST_STEP_S)
            if not child.ended.done():
                raise _PortTaken(self._port_error(port))
        return answer == "ready"

    def _start_failure(self, start: Start) -> Exception:
        end = self.how_it_ended()
        if start.port and why(self.plan.engine, end).kind == "port":
            return _PortTaken(self._port_error(start.port))
        return start_error(self.plan.model_id, end, engine=self.plan.engine)

    def _port_error(self, port: int) -> EngineFailed:
        return EngineFailed(
            f"port {port}, meant for the engine of {self.plan.model_id}, was taken by another program",
            hint="Try again; if it stays so, something on this machine takes every free port.",
            log_tail=tail_of(self.log.lines()),
        )

    def how_it_ended(self) -> End:
        """Exit status, log and whether memory had run out; once the child has ended."""
        returncode = self.child.returncode if self.child else None
        return End(returncode or 0, self.log.lines(), out_of_memory_kills() > self._kills_before)

    def _tell_progress(self, child: ChildProcess) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._told < PROGRESS_S:
            return
        self._told = now
        said = [text for line in self.log.new_lines() if (text := self.plan.engine.progress(line))]
        predicted = self.plan.prepared.predicted_bytes
        fraction = min(0.99, resident_bytes(child.pid) / predicted) if predicted else None
        self._on_progress(Progress(now - self._began, said[-1] if said else "", fraction))

    async def end(self) -> None:
        """Stop it: SIGTERM, SIGKILL after the grace; returns when its memory is free. Cancelling it kills at once."""
        if self.child is not None:
            await self.child.terminate_group(self.plan.stop_grace_s)
        remove_record(self.plan.folder, self.plan.model_id)
