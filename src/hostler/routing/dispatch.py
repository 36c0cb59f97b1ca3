"""The ONE place that performs an upstream attempt: `run` for an outlet, `stream` for whoever iterates over deltas.

Knows: the order of things within an attempt (lane, engine, connection, request, ledger) and when another may follow.
Does not know: faces, HTTP clients, how a reply is read (receivers), how engines start (supervisor).

    candidates -> lane -> engine ready -> connection -> send -> receiver ... -> settle (journal) -> last byte
                   \\______________________ on failure, before a byte was forwarded: the next candidate
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from hostler.accounts.ledger import Begin, End, Ledger, Outcome
from hostler.core.deltas import Delta
from hostler.core.usage import UNKNOWN
from hostler.errors import (
    Cancelled,
    EngineError,
    EngineMissing,
    HostlerError,
    ProviderNotReady,
    UpstreamError,
    UpstreamRefused,
)
from hostler.providers.provider import Provider
from hostler.routing import router
from hostler.routing.call import Attempt, Call
from hostler.routing.health import Health
from hostler.routing.lanes import Lanes
from hostler.routing.opaque import OpaqueStore
from hostler.routing.outlets import DeltaOutlet, Outlet, Target, Translating
from hostler.routing.receiver import AttemptReceiver, Done
from hostler.system.address import Address
from hostler.system.eager import Eager, Signal
from hostler.system.upstream import Patience, UpstreamConnection, UpstreamPool

T = TypeVar("T")
POST_MORTEM = 2.0
"""Seconds to learn whether a broken reply means that its engine died."""


class EngineEndpoint(Protocol):
    """Where a running engine listens."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def api_key(self) -> str: ...
    @property
    def model(self) -> str: ...


class Engines(Protocol):
    """What dispatch asks of the supervisor, or of the owner process that has it."""

    def hold_nowait(self, model_id: str) -> EngineEndpoint | None: ...
    async def hold(self, model_id: str) -> EngineEndpoint: ...
    def release(self, model_id: str) -> None: ...
    async def wait_failure(self, model_id: str, within: float) -> EngineError | None: ...


class NoEngines:
    """Stands where engines are switched off."""

    def hold_nowait(self, model_id: str) -> EngineEndpoint | None:
        """Nothing runs."""
        del model_id
        return None

    async def hold(self, model_id: str) -> EngineEndpoint:
        """Refuse."""
        raise EngineMissing(f"'{model_id}' needs a local engine, and engines are switched off.", hint="Start without --no-engine.")

    def release(self, model_id: str) -> None:
        """Nothing was held."""

    async def wait_failure(self, model_id: str, within: float) -> EngineError | None:
        """Nothing can have died."""
        del model_id, within
        return None


@dataclass(frozen=True, slots=True)
class Parts:
    """What dispatch works with."""

    pool: UpstreamPool
    lanes: Lanes
    engines: Engines
    ledger: Ledger
    health: Health
    keeper: OpaqueStore


@dataclass(slots=True)
class _Progress:
    """How far one attempt came; read when it ends, however it ends."""

    started: float
    receiver: AttemptReceiver | None = None
    connection: UpstreamConnection | None = None
    settled: bool = False
    dropped: str = ""


class Dispatch:
    """Performs calls. One per process that speaks HTTP."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._translating = Translating(parts.keeper)
        self._targets: dict[str, tuple[Provider, Target]] = {}

    async def run(self, call: Call, outlet: Outlet) -> None:
        """Answer a call through `outlet`, by as many attempts as it takes.

        Failures go to `outlet.fail`. A cancelled task aborts the upstream at once and leaves its ledger row.
        """
        candidates = router.order(call.route, self._is_ill)
        error: HostlerError | None = None
        for number, candidate in enumerate(candidates, 1):
            # an engine serves one model under whatever name: the asked one spares the splice
            model = candidate.model if candidate.recipe is None else call.asked
            attempt = Attempt(call, candidate, number, model)
            error = await self._attempt(attempt, outlet, last=number == len(candidates))
            if error is None:
                return
            if outlet.forwarded or not router.may_go_elsewhere(error):
                break
        outlet.fail(error or ProviderNotReady(f"'{call.asked}' leads to no provider."))

    def start(self, call: Call, outlet: Outlet, on_end: Callable[[Eager, BaseException | None], None]) -> Eager:
        """Begin `run` at once; cancelling what is returned aborts the upstream. `on_end` is called exactly once."""
        eager = Eager(self.run(call, outlet), on_end)
        eager.start()
        return eager

    async def stream(self, call: Call) -> AsyncIterator[Delta]:
        """The reply to `call.request` as deltas; raises what went wrong. Closing the iterator cancels the upstream."""
        outlet = DeltaOutlet(call, self._translating)
        running = self.start(call, outlet, outlet.on_end)
        try:
            while (batch := await outlet.next_batch()) is not None:
                for delta in batch:
                    yield delta
        finally:
            running.cancel()

    def _is_ill(self, provider: str) -> bool:
        return self._parts.health.is_ill(provider, time.monotonic())

    async def _attempt(self, attempt: Attempt, outlet: Outlet, *, last: bool) -> HostlerError | None:
        """One attempt from its first journal line to its last; returns what went wrong."""
        progress = _Progress(time.perf_counter())
        self._parts.ledger.begin(_begin_of(attempt))
        error: HostlerError | None
        try:
            error = await self._perform(attempt, outlet, progress)
        except asyncio.CancelledError:
            self._record(attempt, progress, Cancelled("The client hung up."), final=True)
            raise
        except HostlerError as raised:
            error = raised
        provider = attempt.candidate.provider.id
        if error is None:
            self._parts.health.note_success(provider)
            return None
        if isinstance(error, UpstreamError):
            error.provider = provider
        if router.is_providers_fault(error):
            self._parts.health.note_failure(provider, time.monotonic())
        if not progress.settled:
            final = last or outlet.forwarded or not router.may_go_elsewhere(error)
            self._record(attempt, progress, error, final=final)
        return error

    async def _perform(self, attempt: Attempt, outlet: Outlet, progress: _Progress) -> HostlerError | None:
        """Take a slot of the candidate's lane for the time of the exchange."""
        candidate, lanes = attempt.candidate, self._parts.lanes
        recipe = candidate.recipe
        name, slots = (candidate.model_id, recipe.slots) if recipe is not None else (candidate.provider.id, 0)
        if not lanes.acquire_nowait(name, slots):
            await _as_task(lanes.acquire(name, slots, attempt.call.key_id))
        begun = time.perf_counter()
        try:
            if recipe is None:
                return await self._exchange(attempt, outlet, progress, self._target(candidate.provider))
            return await self._with_engine(attempt, outlet, progress)
        finally:
            lanes.release(name, time.perf_counter() - begun)

    async def _with_engine(self, attempt: Attempt, outlet: Outlet, progress: _Progress) -> HostlerError | None:
        """Hold the candidate's engine for the time of the exchange; name its death if it dies."""
        engines, model_id = self._parts.engines, attempt.candidate.model_id
        endpoint = engines.hold_nowait(model_id) or await _as_task(engines.hold(model_id))
        try:
            error = await self._exchange(attempt, outlet, progress, _engine_target(endpoint, attempt.candidate.provider))
        finally:
            engines.release(model_id)
        if isinstance(error, UpstreamError) and not isinstance(error, UpstreamRefused):
            self._parts.pool.drop(Address(endpoint.host, endpoint.port, tls=False))
            error = await _as_task(engines.wait_failure(model_id, POST_MORTEM, endpoint=endpoint)) or error
        return error

    async def _exchange(
        self, attempt: Attempt, outlet: Outlet, progress: _Progress, target: Target
    ) -> HostlerError | None:
        """Send the request and wait for the end of its answer."""
        pool = self._parts.pool
        message = outlet.message(attempt, target)
        connection = pool.acquire_nowait(target.address) or await _as_task(pool.connect(target.address))
        while True:
            done: Done = Signal()
            receiver = outlet.receiver(attempt, connection, done)
            receiver.on_settle = lambda _, progress=progress: self._settle(attempt, progress)
            progress.receiver, progress.connection = receiver, connection
            connection.send(message, receiver, target.patience)
            try:
                error: HostlerError | None = await done
            except asyncio.CancelledError:
                connection.abort()
                raise
            if error is None or not router.may_try_again(error, reused=connection.reused, started=connection.started):
                return error
            connection = await _as_task(pool.connect(target.address))

    def _target(self, provider: Provider) -> Target:
        """Where a provider's calls go; made once for each, since nothing of it changes."""
        known = self._targets.get(provider.id)
        if known is not None and known[0] is provider:
            return known[1]
        refusal = provider.refusal()
        if refusal is not None:
            raise refusal
        target = Target(provider.address, provider.host, provider.sent, _patience(provider))
        self._targets[provider.id] = (provider, target)
        return target

    def _settle(self, attempt: Attempt, progress: _Progress) -> None:
        progress.settled = True
        self._record(attempt, progress, None, final=True)

    def _record(self, attempt: Attempt, progress: _Progress, error: HostlerError | None, *, final: bool) -> None:
        """The attempt's line at its end: before the last byte of a good answer, after the last of a failed one."""
        receiver = progress.receiver
        status, ttft = 0, None
        usage = UNKNOWN
        if receiver is not None:
            status, usage = receiver.status, receiver.usage
            if receiver.first_byte:
                ttft = int((receiver.first_byte - progress.started) * 1e6)
        self._parts.ledger.end(
            End(
                attempt.call.id, attempt.number, status if error is None else error.status, _outcome(error), final,
                ttft, int((time.perf_counter() - progress.started) * 1e6),
                usage.input, usage.cache_read, usage.cache_write, usage.output, usage.reasoning,
                0.0 if attempt.candidate.provider.local else None,
                None if error is None else error.code, progress.dropped or None,
            )
        )  # fmt: skip


async def _as_task(coroutine: Coroutine[Any, Any, T]) -> T:
    """What may wait long, and needs a task to do it (timeouts): in one of its own; cancelled with the call."""
    return await asyncio.ensure_future(coroutine)


def _patience(provider: Provider) -> Patience:
    return Patience(provider.timeouts.first_byte_s, provider.timeouts.idle_s)


def _engine_target(endpoint: EngineEndpoint, provider: Provider) -> Target:
    address = Address(endpoint.host, endpoint.port, tls=False)
    key = (b"authorization", b"Bearer " + endpoint.api_key.encode())
    return Target(address, address.authority.encode(), (key,), _patience(provider))


def _outcome(error: HostlerError | None) -> Outcome:
    if error is None:
        return "ok"
    return "cancelled" if isinstance(error, Cancelled) else "error"


def _begin_of(attempt: Attempt) -> Begin:
    call, candidate = attempt.call, attempt.candidate
    return Begin(
        call.id, attempt.number, time.time_ns(), call.face, call.operation, call.asked, candidate.provider.id,
        candidate.model, call.stream, call.key_id or None,
    )  # fmt: skip
