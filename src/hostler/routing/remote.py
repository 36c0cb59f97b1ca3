"""A gateway worker's lanes and engines: those of the owner, asked over a socket.

Knows: which asks are open, and that a grant which nobody waits for is given back. Does not know: sockets, processes.
Lanes without a limit stay here and cost nothing.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import count
from typing import TypeVar

from hostler.engines.engine import EngineEndpoint
from hostler.errors import Draining, EngineError
from hostler.routing.lanes import LocalLanes
from hostler.routing.worker_messages import (
    Failed,
    FromWorker,
    GiveBack,
    Grant,
    Held,
    Hold,
    Leave,
    PostMortem,
    Release,
    Take,
    Taken,
    Told,
    error_of,
)

Asking = Take | Hold | PostMortem
G = TypeVar("G", Taken, Held, Told)


class OwnerAsks:
    """The asks of one worker that are not answered yet."""

    def __init__(self, send: Callable[[FromWorker], None]) -> None:
        self.send = send
        self._numbers = count(1)
        self._open: dict[int, asyncio.Future[Grant]] = {}
        self._over = False

    def number(self) -> int:
        """The number for a new ask."""
        return next(self._numbers)

    async def ask(self, asking: Asking, answer: type[G]) -> G:
        """Send an ask and wait for its grant; raises what the owner refuses with. Cancelling it withdraws the ask."""
        if self._over:
            raise Draining("hostler is shutting down.", retry_after=5)
        future: asyncio.Future[Grant] = asyncio.get_running_loop().create_future()
        self._open[asking.ask] = future
        self.send(asking)
        try:
            grant = await future
        except asyncio.CancelledError:
            if self._open.pop(asking.ask, None) is not None:
                self.send(Leave(asking.ask))
            elif not future.cancelled() and future.exception() is None:
                self._give_back(future.result())  # it came in the turn in which the call was cancelled
            raise
        assert isinstance(grant, answer)
        return grant

    def answer(self, answer: Grant | Failed) -> None:
        """The owner's answer to one ask."""
        future = self._open.pop(answer.ask, None)
        if future is None or future.done():
            if not isinstance(answer, Failed):
                self._give_back(answer)
        elif isinstance(answer, Failed):
            future.set_exception(error_of(answer.trouble))
        else:
            future.set_result(answer)

    def close(self) -> None:
        """The owner is gone: nothing will be answered any more."""
        self._over = True
        waiting, self._open = list(self._open.values()), {}
        for future in waiting:
            if not future.done():
                future.set_exception(Draining("hostler is shutting down.", retry_after=5))

    def statistics(self) -> int:
        """Asks that wait for their answer."""
        return len(self._open)

    def _give_back(self, grant: Grant) -> None:
        """Nobody waits for this grant any more, and the owner counts it as ours."""
        match grant:
            case Taken():
                if grant.endpoint is not None:
                    self.send(GiveBack(grant.lane))
                self.send(Release(grant.lane, None))
            case Held():
                self.send(GiveBack(grant.model_id))
            case Told():
                pass


class RemoteLanes:
    """The owner's lanes. A grant brings the lane's engine along if it is ready: `take_endpoint_nowait` has it then."""

    def __init__(self, asks: OwnerAsks, bound: int) -> None:
        self._asks = asks
        self._unlimited = LocalLanes(bound)
        self._taken: Counter[str] = Counter()
        self._endpoints: defaultdict[str, list[EngineEndpoint]] = defaultdict(list)

    def acquire_nowait(self, name: str, slots: int) -> bool:
        """A lane without a limit is taken at once; of the others the owner must be asked (`acquire`)."""
        return not slots and self._unlimited.acquire_nowait(name, 0)

    async def acquire(self, name: str, slots: int, *, key: str) -> None:
        """Wait for a slot in the turn of `key`, among the calls of all workers; raises QueueFull."""
        grant = await self._asks.ask(Take(self._asks.number(), name, slots, key), Taken)
        self._taken[name] += 1
        if grant.endpoint is not None:
            self._endpoints[name].append(grant.endpoint)

    def release(self, name: str, seconds: float | None) -> None:
        """Give a slot back after a call of so many seconds."""
        if not self._taken[name]:
            self._unlimited.release(name, seconds)
            return
        self._taken[name] -= 1
        endpoints = self._endpoints[name]
        if len(endpoints) > self._taken[name]:  # the call ended before it used what came along
            endpoints.pop()
            self._asks.send(GiveBack(name))
        if not self._taken[name]:
            del self._taken[name], self._endpoints[name]
        self._asks.send(Release(name, seconds))

    def take_endpoint_nowait(self, name: str) -> EngineEndpoint | None:
        """An engine that came along with a slot of this lane and is not used yet."""
        endpoints = self._endpoints.get(name)
        return endpoints.pop() if endpoints else None


class RemoteEngines:
    """The owner's engines."""

    def __init__(self, asks: OwnerAsks, lanes: RemoteLanes) -> None:
        self._asks = asks
        self._lanes = lanes

    def hold_nowait(self, model_id: str) -> EngineEndpoint | None:
        """The engine that was held when the lane was granted."""
        return self._lanes.take_endpoint_nowait(model_id)

    async def hold(self, model_id: str) -> EngineEndpoint:
        """The engine, started by the owner; raises EngineError and whatever else the owner was refused with."""
        return (await self._asks.ask(Hold(self._asks.number(), model_id), Held)).endpoint

    def release(self, model_id: str) -> None:
        """A call is over."""
        self._asks.send(GiveBack(model_id))

    async def wait_failure(
        self, model_id: str, within: float, *, endpoint: EngineEndpoint | None = None
    ) -> EngineError | None:
        """Why the engine died, None if it lives; the owner looks."""
        told = await self._asks.ask(PostMortem(self._asks.number(), model_id, within, endpoint), Told)
        error = None if told.trouble is None else error_of(told.trouble)
        return error if isinstance(error, EngineError) else None
