"""The ONE place that performs upstream attempts: a call under way, from its first attempt to its end.

Knows: the order of things within an attempt (lane, engine, connection, request, ledger) and when another may follow.
Does not know: faces, HTTP clients, how a reply is read (attempts), how engines start (supervisor).

    way -> lane -> engine ready -> connection -> send -> attempt ... -> settle (journal) -> last byte
              \\_________________ on failure, before a byte was forwarded: the next way ______/

Each step calls the next at once, in the turn of whoever brought what it waited for. As a coroutine in a task the same
would take three turns of the loop (start, resume, done callbacks), and the frames more than all that they do. Where a
step has to wait, a task of its own does so (`_Wait`): for a slot, an engine, a connection.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Generic, Protocol, TypeVar  # edge: what a coroutine yields is asyncio's own

from hostler.accounts.ledger import Ledger
from hostler.engines.engine import EngineEndpoint
from hostler.errors import Cancelled, EngineError, HostlerError, StorageError, UpstreamError, UpstreamRefused
from hostler.routing import router
from hostler.routing.attempt import Attempt
from hostler.routing.call import Call, Connection, Target, Way, patience_of
from hostler.routing.health import Health
from hostler.routing.lanes import Lanes
from hostler.routing.opaque import OpaqueStore
from hostler.system.address import Address
from hostler.system.program import ProgramDoor
from hostler.system.upstream import Message, UpstreamPool

_log = logging.getLogger(__name__)
POST_MORTEM = 2.0
"""Seconds to learn whether a broken reply means that its engine died."""

T = TypeVar("T")


class Engines(Protocol):
    """What a call asks of the supervisor, or of the owner process that has it."""

    def hold_nowait(self, model_id: str) -> EngineEndpoint | None: ...
    async def hold(self, model_id: str) -> EngineEndpoint: ...
    def release(self, model_id: str) -> None: ...
    async def wait_failure(
        self, model_id: str, within: float, *, endpoint: EngineEndpoint | None = None
    ) -> EngineError | None: ...


class Outlet(Protocol):
    """Takes one call's answer, over as many attempts as it needs.

    `forwarded`: bytes of an upstream have reached the client; from then on no attempt may follow.
    """

    @property
    def forwarded(self) -> bool: ...
    def attempt(self, way: Way, number: int) -> Attempt: ...
    def fail(self, error: HostlerError) -> None: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What calls work with."""

    pool: UpstreamPool
    lanes: Lanes
    engines: Engines
    ledger: Ledger
    health: Health
    keeper: OpaqueStore


OnEnd = Callable[["Running", BaseException | None], None]


class Running:
    """One call under way. Failures go to `outlet.fail`; `on_end` is called exactly once, at the very end.

    It gets None, or the exception that ended the call: CancelledError, or a bug of ours.
    """

    __slots__ = (
        "_attempt", "_call", "_endpoint", "_message", "_on_end", "_outlet", "_parts", "_since", "_target", "_waiting",
        "_ways", "ended",
    )  # fmt: skip

    _attempt: Attempt
    _message: Message
    _target: Target

    def __init__(  # signature: positions, since a name costs every request time
        self, parts: Parts, call: Call, outlet: Outlet, on_end: OnEnd
    ) -> None:
        self._parts = parts
        self._call = call
        self._outlet = outlet
        self._on_end = on_end
        self._ways = call.plan.ways
        self._since = 0.0
        """When the lane's slot was taken (perf_counter); 0.0: it is not held."""
        self._endpoint: EngineEndpoint | None = None
        """Of the engine that is held."""
        self._waiting: _Wait[Any] | None = None
        self.ended = False

    def start(self) -> None:
        """Begin at once; may end it already."""
        try:
            if len(self._ways) > 1:
                self._ways = router.order(self._ways, self._is_ill)
            self._try(1)
        except Exception as bug:  # noqa: BLE001  # edge: whatever ended it is handed to the owner
            self._crash(bug)

    def cancel(self) -> None:
        """Stop it: the upstream is aborted at once, what is held is given back, and the ledger gets its line."""
        if not self.ended:
            self._stop(asyncio.CancelledError(), Cancelled("The client hung up."))

    def over(self, error: HostlerError | None) -> None:
        """For the attempt: its answer is over."""
        try:
            if error is None:
                self._release()
                self._parts.health.note_success(self._attempt.way.candidate.provider.id)
                del self._attempt  # it holds us, and a circle would wait for the garbage collector
                self._end(None)
            else:
                self._look_into(error)
        except Exception as bug:  # noqa: BLE001  # edge: whatever ended it is handed to the owner
            self._crash(bug)

    # the steps of an attempt

    def _try(self, number: int) -> None:
        way = self._ways[number - 1]
        attempt = self._outlet.attempt(way, number)
        attempt.owner = self
        lanes = self._parts.lanes
        try:
            attempt.begin(self._parts.ledger)
        except StorageError as full:
            self._end_unbegun(full)
            return
        self._attempt = attempt  # until here the one before, whose lines alone can tell how the request ended
        if lanes.acquire_nowait(way.lane, way.slots):
            self._since = attempt.started
            self._approach(way)
        else:
            waiting = lanes.acquire(way.lane, way.slots, key=self._call.plan.key_id)
            self._wait(waiting, self._enter, give_back=lambda _: lanes.release(way.lane, None), queued=True)

    def _enter(self, _: None) -> None:
        """The slot is ours, after a wait."""
        self._since = perf_counter()
        self._approach(self._attempt.way)

    def _approach(self, way: Way) -> None:
        """Find out where to send the request."""
        target = way.target
        if target is not None:
            self._exchange(target)
        elif way.candidate.recipe is not None:
            self._hold(way.candidate.model_id)
        else:
            provider = way.candidate.provider
            refusal = provider.refusal()
            if refusal is not None:
                self._fail(refusal)
                return
            pool = self._parts.pool
            door = pool.door(provider.address) if provider.program is None else ProgramDoor(provider.run(way.model))
            way.target = Target(door, provider.host, provider.sent, patience_of(provider))
            self._exchange(way.target)

    def _hold(self, model_id: str) -> None:
        """Have the engine ready, and not unloaded during the exchange."""
        engines = self._parts.engines
        endpoint = engines.hold_nowait(model_id)
        if endpoint is None:
            held = engines.hold(model_id)
            self._wait(held, self._held, give_back=lambda _: engines.release(model_id), queued=True)
        else:
            self._held(endpoint)

    def _held(self, endpoint: EngineEndpoint) -> None:
        self._endpoint = endpoint
        door = self._parts.pool.door(Address(endpoint.host, endpoint.port, tls=False))
        key = (b"authorization", b"Bearer " + endpoint.api_key.encode())
        patience = patience_of(self._attempt.way.candidate.provider)
        self._exchange(Target(door, door.address.authority.encode(), (key,), patience))

    def _exchange(self, target: Target) -> None:
        """Send the request; its answer goes to the attempt."""
        attempt = self._attempt
        self._target = target
        try:
            message = self._message = attempt.message(target)
        except HostlerError as error:
            self._fail(error)
            return
        connection = target.door.take_nowait()
        if connection is None:
            self._connect()
        else:
            attempt.connection = connection
            connection.send(message, attempt, target.patience)

    def _connect(self) -> None:
        target = self._target
        connecting = target.door.connect(target.patience.connect)
        self._wait(connecting, self._send, give_back=_close)

    def _send(self, connection: Connection) -> None:
        attempt = self._attempt
        attempt.connection = connection
        connection.send(self._message, attempt, self._target.patience)

    # its end

    def _look_into(self, error: HostlerError) -> None:
        """The exchange failed: perhaps it may be had once more, perhaps its engine died."""
        attempt, connection = self._attempt, self._attempt.connection
        if router.may_try_again(error, reused=connection.reused, started=connection.started):
            attempt.again()
            self._connect()
            return
        endpoint = self._endpoint
        if endpoint is None or not isinstance(error, UpstreamError) or isinstance(error, UpstreamRefused):
            self._fail(error)
            return
        self._target.door.close()
        self._release_engine()
        model_id = attempt.way.candidate.model_id
        death = self._parts.engines.wait_failure(model_id, POST_MORTEM, endpoint=endpoint)
        self._wait(death, lambda found: self._fail(found or error))

    def _fail(self, error: HostlerError) -> None:
        """The attempt came to nothing: try the next way, or give up."""
        attempt, outlet = self._attempt, self._outlet
        provider, number = attempt.way.candidate.provider.id, attempt.number
        self._release()
        if isinstance(error, UpstreamError):
            error.provider = provider
        if router.is_providers_fault(error):
            self._parts.health.note_failure(provider, time.monotonic())
        final = outlet.forwarded or number == len(self._ways) or not router.may_go_elsewhere(error)
        attempt.close(error, final=final)
        if final:
            del self._attempt
            outlet.fail(error)
            self._end(None)
        else:
            self._try(number + 1)

    def _end_unbegun(self, full: StorageError) -> None:
        """The next attempt has no line that an end could belong to: the request is over with the one before, if any."""
        before: Attempt | None = getattr(self, "_attempt", None)
        if before is not None:
            del self._attempt
            before.close(full, final=True)
        self._outlet.fail(full)
        self._end(None)

    def _crash(self, bug: BaseException) -> None:
        if self.ended:
            _log.error("call %s failed after its end", self._call.id, exc_info=bug)
        else:
            self._stop(bug, HostlerError("hostler failed at this call."))

    def _stop(self, reason: BaseException, error: HostlerError) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.drop()
        self._release()
        attempt: Attempt | None = getattr(self, "_attempt", None)
        try:
            if attempt is not None:  # else already its making failed
                del self._attempt
                attempt.abandon()
                attempt.close(error, final=True)
        except Exception:  # noqa: BLE001  # edge: what cannot be written down must not keep the call from ending
            _log.exception("the ledger will tell of call %s as interrupted", self._call.id)
        finally:
            self._end(reason)

    def _release(self) -> None:
        if self._endpoint is not None:
            self._release_engine()
        since = self._since
        if since:
            self._since = 0.0
            self._parts.lanes.release(self._attempt.way.lane, perf_counter() - since)

    def _release_engine(self) -> None:
        self._endpoint = None
        self._parts.engines.release(self._attempt.way.candidate.model_id)

    def _end(self, reason: BaseException | None) -> None:
        if not self.ended:
            self.ended = True
            self._on_end(self, reason)

    def _is_ill(self, way: Way) -> bool:
        return self._parts.health.is_ill(way.candidate.provider.id, time.monotonic())

    # waiting

    def _wait(
        self,
        coroutine: Coroutine[Any, Any, T],
        then: Callable[[T], None],
        *,
        give_back: Callable[[T], None] | None = None,
        queued: bool = False,
    ) -> None:
        """Go on with `then` when the coroutine has its result, which is given back if the call was cancelled meanwhile.

        `queued`: the time counts as waited, however the wait ends.
        """
        self._waiting = _Wait(self, coroutine, then, give_back=give_back, queued=queued)

    def arrived(self, wait: "_Wait[T]", task: "asyncio.Task[T]") -> None:
        """For a wait that was not dropped: its task is done."""
        self._waiting = None
        try:
            if task.cancelled():
                self.cancel()
                return
            error = task.exception()
            if error is None:
                wait.then(task.result())
            elif isinstance(error, HostlerError):
                self._fail(error)
            else:
                self._crash(error)
        except Exception as bug:  # noqa: BLE001  # edge: whatever ended it is handed to the owner
            self._crash(bug)

    def note_waited(self) -> None:
        """For a wait in a queue: it is over."""
        attempt = self._attempt
        attempt.waited = perf_counter() - attempt.started


def _close(connection: Connection) -> None:
    connection.close()


class _Wait(Generic[T]):
    """One result that a call waits for, in a task."""

    __slots__ = ("_dropped", "_give_back", "_queued", "_running", "_task", "then")

    def __init__(
        self,
        running: Running,
        coroutine: Coroutine[Any, Any, T],
        then: Callable[[T], None],
        *,
        give_back: Callable[[T], None] | None,
        queued: bool,
    ) -> None:  # signature: all that a wait is made of
        self.then = then
        self._running = running
        self._give_back = give_back
        self._queued = queued
        self._dropped = False
        self._task = asyncio.ensure_future(coroutine)
        self._task.add_done_callback(self._done)

    def drop(self) -> None:
        """The call is cancelled: the result, if it comes nevertheless, goes back to where it is from."""
        self._dropped = True
        if self._queued:
            self._running.note_waited()
        self._task.cancel()

    def _done(self, task: "asyncio.Task[T]") -> None:
        if not self._dropped:
            if self._queued:
                self._running.note_waited()
            self._running.arrived(self, task)
        elif not task.cancelled() and task.exception() is None and self._give_back is not None:
            self._give_back(task.result())
