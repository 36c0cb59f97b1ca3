"""Starts engines on first use, keeps them while they are used, and makes room for others.

Knows: who runs, who waits, who failed; performs what `swap` decides. Does not know: models and providers (recipes are
looked up), how memory is measured, how an engine works (Engine), processes (run).

One start per model at a time, shared by all who wait; it goes on when a waiting caller leaves. Places are given in the
order asked: a start that waits for busy engines keeps new calls away from them (they queue behind it), so two models
that do not fit together take turns instead of starving each other.
"""

import asyncio
import contextlib

from hostler.engines.engine import Engine, EngineEndpoint, EngineStatus
from hostler.engines.failures import MEMORY_HINT, backoff_s, copy_of, crash_error
from hostler.engines.leftovers import remove_record
from hostler.engines.prepare import Prepared
from hostler.engines.recipe import Recipe, recipe_id
from hostler.engines.run import EngineRun, Progress, RunPlan
from hostler.engines.supervision import Attempt, ModelState, SupervisorOptions, Surroundings
from hostler.engines.swap import Decision, Evict, Refuse, Resident, StartNow, Wait, decide
from hostler.errors import (
    ConfigError,
    Draining,
    EngineCrashed,
    EngineError,
    EngineFailed,
    EngineMissing,
    HostlerError,
    ModelFileError,
    NotEnoughMemory,
)

STEADY_S = 60.0
"""Seconds of service after which earlier failures are forgotten."""
CHEAP = (ConfigError, EngineMissing, ModelFileError, NotEnoughMemory)
"""Errors that are found before a process is started; they are found again at every call, at no cost."""
HOUSEKEEPING_S = 5.0
MIN_HOUSEKEEPING_S = 0.02


class Supervisor:
    """All engines of one owner. Belongs to one event loop; engines are started from its thread."""

    def __init__(self, options: SupervisorOptions, around: Surroundings) -> None:
        self._options = options
        self._around = around
        self._models: dict[str, ModelState] = {}
        self._placing = asyncio.Lock()
        self._changes: set[asyncio.Future[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._housekeeper: asyncio.Task[None] | None = None
        self._closed = False

    # ---------------------------------------------------------------- calls

    def hold_nowait(self, model_id: str) -> EngineEndpoint | None:
        """The engine if it is ready now, with one call counted in flight; None: it must be started (`hold`)."""
        model = self._models.get(model_id)
        if model is None:
            return None
        endpoint = model.serves(self._around.recipe_of(model_id))
        if endpoint is not None:
            model.in_flight += 1
        return endpoint

    async def hold(self, model_id: str) -> EngineEndpoint:
        """The engine, started if need be, with one call counted in flight until `release`.

        Raises EngineError (with `retry_after` while an engine that failed is left alone), Draining, and what looking up
        the recipe raises. Cancelling it leaves the start to others.
        """
        self._around.recipe_of(model_id)  # nothing is remembered about ids that do not exist
        model = self._models.setdefault(model_id, ModelState(model_id))
        model.waiting += 1
        try:
            while True:
                if self._closed:
                    raise Draining("hostler is shutting down")
                endpoint = self.hold_nowait(model_id) or await self._start_and_take(model)
                if endpoint is not None:
                    return endpoint
        finally:
            model.waiting -= 1

    async def _start_and_take(self, model: ModelState) -> EngineEndpoint | None:
        """Wait for a start, shared with others; None: it went well, but the engine is gone again."""
        attempt = model.attempt or self._begin_start(model)
        attempt.waiters += 1
        try:
            await asyncio.wait((attempt.outcome,))
        finally:
            attempt.waiters -= 1
            self._notify()
        error = attempt.outcome.result()
        if error is not None:
            raise copy_of(error, retry_after=error.retry_after)
        endpoint = model.endpoint if model.done is attempt else None
        if endpoint is not None:
            model.in_flight += 1
        return endpoint

    def release(self, model_id: str) -> None:
        """A call is over; stamps the last use."""
        model = self._models[model_id]
        model.in_flight -= 1
        model.last_used = self._now()
        if not model.in_flight:
            self._notify()

    async def wait_failure(
        self, model_id: str, within: float, *, endpoint: EngineEndpoint | None = None
    ) -> EngineError | None:
        """After an upstream broke: why its engine ended, waiting at most `within` seconds for the end to show.

        None: the engine lives. `endpoint`, what `hold` gave, tells this run from one that was started since.
        """
        model = self._models.get(model_id)
        if model is None:
            return None
        run = model.run
        if run is not None and run.child is not None and endpoint in (None, run.endpoint):
            await asyncio.wait((run.child.ended,), timeout=within)
            await asyncio.sleep(0)  # the end's own callback comes first
        if model.last_end is None:
            return None
        ended, error, at = model.last_end
        recent = self._now() - at <= within + 1.0
        same = recent if endpoint is None else ended == endpoint
        return error if same else None

    # ---------------------------------------------------------------- control

    def statistics(self) -> tuple[EngineStatus, ...]:
        """Every engine that runs, starts or waits out a failure."""
        now = self._now()
        return tuple(m.status(now) for m in self._models.values() if m.run or m.attempt or m.error is not None)

    def is_ready(self, model_id: str) -> bool:
        """Whether calls would be served at once."""
        model = self._models.get(model_id)
        return model is not None and model.endpoint is not None and not model.asked_away

    async def stop(self, model_id: str) -> bool:
        """Unload an engine now, also one that is starting or serving; its calls fail. False: it did not run.

        Earlier failures are forgotten.
        """
        model = self._models.get(model_id)
        if model is None:
            return False
        model.failures, model.not_before, model.error = 0, 0.0, None
        if model.task is not None:
            model.task.cancel()
            await asyncio.wait((model.task,))
            return True
        if model.run is None:
            return False
        await self._unload(model, "stopped on request")
        return True

    async def close(self) -> None:
        """Stop all engines; later calls get Draining."""
        self._closed = True
        tasks = [task for task in self._tasks if not task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        async with asyncio.TaskGroup() as group:
            for model in self._models.values():
                if model.run is not None:
                    group.create_task(self._unload(model, "hostler is shutting down"))

    # ---------------------------------------------------------------- starting

    def _begin_start(self, model: ModelState) -> Attempt:
        loop = asyncio.get_running_loop()
        attempt = Attempt(loop.create_future())
        if model.recipe != self._around.recipe_of(model.id):
            model.failures, model.not_before = 0, 0.0  # they were another recipe's
        left = model.not_before - self._now()
        if left > 0 and model.error is not None:
            attempt.outcome.set_result(copy_of(model.error, retry_after=left))
            return attempt
        model.attempt = attempt
        task = model.task = loop.create_task(self._start(model, attempt))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._settle(model, attempt, task=done))
        return attempt

    def _settle(self, model: ModelState, attempt: Attempt, *, task: asyncio.Task[None]) -> None:
        """A start is over, however it ended, also when it was cancelled before its first step."""
        self._tasks.discard(task)
        if model.attempt is attempt:
            model.attempt = model.task = None
        if not attempt.outcome.done():
            reason = "hostler is shutting down" if self._closed else "stopped on request"
            attempt.outcome.set_result(EngineFailed(f"the start of {model.id} was given up: {reason}"))
            self._publish("engine.stopped", model, reason=reason)
        self._notify()

    async def _start(self, model: ModelState, attempt: Attempt) -> None:
        """Task: bring one model up and tell all who wait. Raises only when cancelled."""
        error: HostlerError | None = None
        try:
            await self._bring_up(model)
            model.done = attempt
        except HostlerError as failure:
            error = failure
        except OSError as failure:
            error = EngineFailed(f"the engine of {model.id} could not be started: {failure}")
        if error is not None:
            self._note_failure(model, error, served=False)
        model.attempt = model.task = None
        attempt.outcome.set_result(error)

    async def _bring_up(self, model: ModelState) -> None:
        if not self._options.enabled:
            raise EngineMissing("engines are switched off", hint="Start hostler without --no-engine.")
        recipe = self._around.recipe_of(model.id)
        engine, build, prepared = await asyncio.to_thread(self._look_up, recipe)
        async with self._placing:
            while model.state == "stopping":
                await self._wait_change()
            if model.run is not None and model.recipe == recipe:
                return  # it was only kept from new calls while another start waited
            if model.run is not None:
                await self._replace(model)
            await self._make_room(model, prepared)
            model.recipe, model.predicted, model.state = recipe, prepared.predicted_bytes, "starting"
            model.recipe_id = recipe_id(prepared.recipe, model_hash=prepared.model_hash, engine_build=build)
            model.run = self._new_run(model, prepared, engine=engine)
        await self._load(model, model.run)

    def _look_up(self, recipe: Recipe) -> tuple[Engine, str, Prepared]:
        """In a thread: all that reads files."""
        engine = self._around.engine_for(recipe)
        return engine, engine.build(), self._around.prepare(recipe)

    def _new_run(self, model: ModelState, prepared: Prepared, *, engine: Engine) -> EngineRun:
        self._options.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        plan = RunPlan(
            model.id,
            engine,
            prepared,
            model.recipe_id,
            self._options.folder,
            self._options.start_timeout_s,
            self._options.stop_grace_s,
        )
        return EngineRun(plan, lambda progress: self._tell_progress(model, progress))

    async def _load(self, model: ModelState, run: EngineRun) -> None:
        self._publish("engine.starting", model, predicted_bytes=model.predicted, recipe_id=model.recipe_id)
        began = self._now()
        try:
            endpoint = await run.bring_up()
        except BaseException:
            model.run, model.state = None, "stopped"
            raise
        assert run.child is not None
        now = self._now()
        model.state, model.ready_at, model.last_used = "ready", now, now
        model.asked_away, model.error = False, None
        run.child.ended.add_done_callback(lambda _: self._on_end(model, run))
        self._publish("engine.ready", model, pid=run.child.pid, port=endpoint.port, took_s=round(now - began, 3))
        if self._housekeeper is None:
            self._housekeeper = asyncio.get_running_loop().create_task(self._keep_house())
            self._tasks.add(self._housekeeper)

    async def _replace(self, model: ModelState) -> None:
        """The recipe has changed: no new calls, and once the running ones are over the old run ends."""
        model.asked_away = True
        while model.run is not None and model.in_flight:
            await self._wait_change()
        if model.run is not None:
            await self._unload(model, "its recipe has changed")

    async def _make_room(self, model: ModelState, prepared: Prepared) -> None:
        """Unload others until the engine fits. Raises NotEnoughMemory."""
        asked: set[str] = set()
        try:
            while True:
                match self._decide(model, prepared):
                    case StartNow():
                        return
                    case Evict(ids):
                        for other in ids:
                            await self._unload(self._models[other], f"its memory is needed for {model.id}")
                    case Wait(ids):
                        for other in ids:
                            self._models[other].asked_away = True
                        if not asked.issuperset(ids):
                            asked.update(ids)
                            self._publish("engine.waiting", model, waits_for=list(ids))
                        await self._wait_change()
                    case Refuse(reason):
                        raise NotEnoughMemory(f"{model.id} does not fit: {reason}", hint=MEMORY_HINT)
        finally:
            for other in asked:
                self._models[other].asked_away = False

    def _decide(self, model: ModelState, prepared: Prepared) -> Decision:
        options = self._options
        others = [m for m in self._models.values() if m.run is not None and m is not model]
        # What loaded engines have not touched yet (mapped pages count as available) is spoken for all the same.
        untouched = sum(max(0, m.predicted - m.private_bytes()) for m in others)
        free = self._around.available() - options.reserve_bytes - untouched
        if options.limit_bytes:
            free = min(free, options.limit_bytes - sum(m.predicted for m in others))
        residents = [
            Resident(m.id, m.predicted, m.endpoint is None or m.in_flight > 0 or m.about_to_be_used, m.last_used)
            for m in others
        ]
        return decide(residents, wanted=prepared.predicted_bytes, free=free)

    # ---------------------------------------------------------------- ending

    async def _unload(self, model: ModelState, reason: str) -> None:
        run = model.run
        if run is None:
            return
        if model.state == "stopping":
            while model.run is run:
                await self._wait_change()
            return
        model.state = "stopping"
        self._publish("engine.stopping", model, reason=reason)
        if run.endpoint is not None:
            error = EngineCrashed(f"the engine of {model.id} was ended: {reason}")
            self._remember_end(model, run.endpoint, error=error)
        try:
            await run.end()
        finally:
            if model.run is run:
                model.run, model.state, model.asked_away = None, "stopped", False
            self._notify()
        self._publish("engine.stopped", model, reason=reason)

    def _on_end(self, model: ModelState, run: EngineRun) -> None:
        """The process of a ready engine is gone: a crash, unless it was being stopped."""
        if model.run is not run or model.state != "ready" or run.endpoint is None:
            return
        remove_record(self._options.folder, model.id)
        model.run, model.state, model.asked_away = None, "stopped", False
        error = crash_error(model.id, run.how_it_ended(), engine=run.plan.engine)
        self._remember_end(model, run.endpoint, error=error)
        if self._now() - model.ready_at >= STEADY_S:
            model.failures = 0
        self._note_failure(model, error, served=True)
        self._notify()

    def _remember_end(self, model: ModelState, endpoint: EngineEndpoint, *, error: EngineError) -> None:
        model.last_end = (endpoint, error, self._now())

    def _note_failure(self, model: ModelState, error: HostlerError, *, served: bool) -> None:
        """Count, publish, and leave the engine alone for a while. What is checked before a start costs no waiting."""
        model.error = error
        if model.run is None:  # one with an earlier recipe may still be serving
            model.state = "failed"
        tail = list(error.log_tail) if isinstance(error, EngineError) else []
        wait = 0.0
        if served or tail or not isinstance(error, CHEAP):
            model.failures += 1
            wait = backoff_s(model.failures, served=served, base=self._options.backoff_base_s)
        model.not_before = self._now() + wait
        kind = "engine.crashed" if served else "engine.failed"
        self._publish(kind, model, code=error.code, message=error.message, log_tail=tail, retry_after_s=round(wait, 3))

    # ---------------------------------------------------------------- housekeeping

    async def _keep_house(self) -> None:
        """Task: unload engines that nobody has used for the idle time, keep logs within their bound."""
        ttl = self._options.idle_ttl_s
        pause = min(HOUSEKEEPING_S, max(MIN_HOUSEKEEPING_S, ttl / 4)) if ttl else HOUSEKEEPING_S
        while True:
            await asyncio.sleep(pause)
            for model in list(self._models.values()):
                if model.run is None or model.endpoint is None:
                    continue
                with contextlib.suppress(OSError):
                    await asyncio.to_thread(model.run.log.keep_within, self._options.log_bytes)
                if ttl and model.is_idle() and self._now() - model.last_used >= ttl:
                    await self._unload(model, f"unused for {ttl:g} s")

    # ---------------------------------------------------------------- small things

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _wait_change(self) -> None:
        """Wait until a call ends, an engine ends or a start is over."""
        change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._changes.add(change)
        try:
            await change
        finally:
            self._changes.discard(change)

    def _notify(self) -> None:
        for change in self._changes:
            if not change.done():
                change.set_result(None)

    def _tell_progress(self, model: ModelState, progress: Progress) -> None:
        fraction = None if progress.fraction is None else round(progress.fraction, 3)
        self._publish(
            "engine.progress", model, elapsed_s=round(progress.elapsed_s, 1), line=progress.line, fraction=fraction
        )

    def _publish(self, kind: str, model: ModelState, **data: object) -> None:
        model.note(kind, data)
        self._around.publish(kind, {"model": model.id, **data})
