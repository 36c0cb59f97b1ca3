"""The ONE place that performs an upstream attempt: `run` for an outlet, `stream` for whoever iterates over deltas.

Knows: the order of things within an attempt (lane, engine, connection, request, ledger) and when another may follow.
Does not know: faces, HTTP clients, how a reply is read (receivers), how engines start (supervisor).

    candidates -> lane -> engine ready -> connection -> send -> receiver ... -> settle (journal) -> last byte
                   \\______________________ on failure, before a byte was forwarded: the next candidate
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

from hostler.accounts.ledger import Ledger
from hostler.core.deltas import Delta
from hostler.engines.engine import EngineEndpoint
from hostler.errors import (
    Cancelled,
    EngineError,
    EngineMissing,
    HostlerError,
    ProviderNotReady,
    StorageError,
    UpstreamError,
    UpstreamRefused,
)
from hostler.providers.provider import Provider
from hostler.registry.resolver import Route
from hostler.routing import router
from hostler.routing.attempt import Attempt, Target
from hostler.routing.call import Call
from hostler.routing.health import Health
from hostler.routing.lanes import Lanes
from hostler.routing.opaque import OpaqueStore
from hostler.routing.outlets import DeltaOutlet, Outlet
from hostler.system.address import Address
from hostler.system.eager import Eager, in_task
from hostler.system.upstream import Door, Patience, UpstreamConnection, UpstreamPool

POST_MORTEM = 2.0
"""Seconds to learn whether a broken reply means that its engine died."""


class Engines(Protocol):
    """What dispatch asks of the supervisor, or of the owner process that has it."""

    def hold_nowait(self, model_id: str) -> EngineEndpoint | None: ...
    async def hold(self, model_id: str) -> EngineEndpoint: ...
    def release(self, model_id: str) -> None: ...
    async def wait_failure(
        self, model_id: str, within: float, *, endpoint: EngineEndpoint | None = None
    ) -> EngineError | None: ...


class NoEngines:
    """Stands where engines are switched off."""

    def hold_nowait(self, model_id: str) -> EngineEndpoint | None:
        """Nothing runs."""
        del model_id
        return None

    async def hold(self, model_id: str) -> EngineEndpoint:
        """Refuse."""
        raise EngineMissing(
            f"'{model_id}' needs a local engine, and engines are switched off.", hint="Start without --no-engine."
        )

    def release(self, model_id: str) -> None:
        """Nothing was held."""

    async def wait_failure(
        self, model_id: str, within: float, *, endpoint: EngineEndpoint | None = None
    ) -> EngineError | None:
        """Nothing can have died."""
        del model_id, within, endpoint
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


class Dispatch:
    """Performs calls. One per process that speaks HTTP."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._targets: dict[str, tuple[Provider, Target]] = {}

    async def run(self, route: Route, outlet: Outlet, *, key_id: str) -> None:
        """Answer a call through `outlet`, by as many attempts as it takes.

        Failures go to `outlet.fail`. Cancelling it aborts the upstream at once and leaves a ledger row.
        """
        candidates = router.order(route, self._is_ill)
        error: HostlerError | None = None
        for number, candidate in enumerate(candidates, 1):
            attempt = outlet.attempt(candidate, number)
            error = await self._attempt(attempt, key_id)
            if error is None:
                return
            final = outlet.forwarded or number == len(candidates) or not router.may_go_elsewhere(error)
            attempt.close(error, final=final)
            if final:
                break
        outlet.fail(error or ProviderNotReady(f"'{route.asked}' leads to no provider."))

    def start(self, call: Call, outlet: Outlet, *, on_end: Callable[[Eager, BaseException | None], None]) -> Eager:
        """Begin `run` at once; cancelling what is returned aborts the upstream. `on_end` is called exactly once."""
        eager = Eager(self.run(call.route, outlet, key_id=call.key_id), on_end)
        eager.start()
        return eager

    async def stream(self, call: Call) -> AsyncIterator[Delta]:
        """The reply to `call.request` as deltas; raises what went wrong. Closing the iterator cancels the upstream."""
        outlet = DeltaOutlet(call, self._parts.keeper)
        running = self.start(call, outlet, on_end=outlet.on_end)
        try:
            while (batch := await outlet.next_batch()) is not None:
                for delta in batch:
                    yield delta
        finally:
            running.cancel()

    def _is_ill(self, provider: str) -> bool:
        return self._parts.health.is_ill(provider, time.monotonic())

    async def _attempt(self, attempt: Attempt, key_id: str) -> HostlerError | None:
        """One attempt, in a slot of its candidate's lane; returns what went wrong."""
        parts, candidate = self._parts, attempt.candidate
        recipe, provider = candidate.recipe, candidate.provider
        lane, slots = (provider.id, 0) if recipe is None else (candidate.model_id, recipe.slots)
        try:
            attempt.begin(parts.ledger)
        except StorageError as full:
            attempt.settled = True  # there is no line that an end could belong to
            return full
        error: HostlerError | None
        try:
            if not parts.lanes.acquire_nowait(lane, slots):
                await self._wait_slot(attempt, lane, slots=slots, key_id=key_id)
            begun = perf_counter()
            try:
                if recipe is None:
                    error = await self._exchange(attempt, self._target(provider))
                else:
                    error = await self._with_engine(attempt)
            finally:
                parts.lanes.release(lane, perf_counter() - begun)
        except asyncio.CancelledError:
            attempt.close(Cancelled("The client hung up."), final=True)
            raise
        except HostlerError as raised:
            error = raised
        if error is None:
            parts.health.note_success(provider.id)
        else:
            self._note_failure(provider.id, error)
        return error

    async def _wait_slot(self, attempt: Attempt, lane: str, *, slots: int, key_id: str) -> None:
        """Queue for a slot; the time counts as waited, however the wait ends."""
        lanes = self._parts.lanes
        try:
            await in_task(lanes.acquire(lane, slots, key=key_id), lambda _: lanes.release(lane, None))
        finally:
            attempt.waited = perf_counter() - attempt.started

    def _note_failure(self, provider: str, error: HostlerError) -> None:
        if isinstance(error, UpstreamError):
            error.provider = provider
        if router.is_providers_fault(error):
            self._parts.health.note_failure(provider, time.monotonic())

    async def _with_engine(self, attempt: Attempt) -> HostlerError | None:
        """Hold the candidate's engine for the time of the exchange; name its death if it dies."""
        engines, model_id = self._parts.engines, attempt.candidate.model_id
        endpoint = engines.hold_nowait(model_id)
        if endpoint is None:
            endpoint = await in_task(engines.hold(model_id), lambda _: engines.release(model_id))
            attempt.waited = perf_counter() - attempt.started
        door = self._parts.pool.door(Address(endpoint.host, endpoint.port, tls=False))
        try:
            error = await self._exchange(attempt, _engine_target(door, endpoint, provider=attempt.candidate.provider))
        finally:
            engines.release(model_id)
        if isinstance(error, UpstreamError) and not isinstance(error, UpstreamRefused):
            door.close()
            error = await in_task(engines.wait_failure(model_id, POST_MORTEM, endpoint=endpoint)) or error
        return error

    async def _exchange(self, attempt: Attempt, target: Target) -> HostlerError | None:
        """Send the request and wait for the end of its answer."""
        message = attempt.message(target)
        door = target.door
        connection = door.take_nowait() or await in_task(
            door.connect(target.patience.connect), UpstreamConnection.close
        )
        while True:
            attempt.connection = connection
            connection.send(message, attempt, patience=target.patience)
            try:
                error = await attempt
            except asyncio.CancelledError:
                connection.abort()
                raise
            if error is None or not router.may_try_again(error, reused=connection.reused, started=connection.started):
                return error
            attempt.again()
            connection = await in_task(door.connect(target.patience.connect), UpstreamConnection.close)

    def _target(self, provider: Provider) -> Target:
        """Where a provider's calls go; made once for each, since nothing of it changes."""
        known = self._targets.get(provider.id)
        if known is not None and known[0] is provider:
            return known[1]
        refusal = provider.refusal()
        if refusal is not None:
            raise refusal
        target = Target(self._parts.pool.door(provider.address), provider.host, provider.sent, _patience(provider))
        self._targets[provider.id] = (provider, target)
        return target


def _patience(provider: Provider) -> Patience:
    limits = provider.timeouts
    return Patience(limits.first_byte_s, limits.idle_s, limits.connect_s)


def _engine_target(door: Door, endpoint: EngineEndpoint, *, provider: Provider) -> Target:
    key = (b"authorization", b"Bearer " + endpoint.api_key.encode())
    return Target(door, door.address.authority.encode(), (key,), _patience(provider))
