"""Begins calls: for an outlet that answers a client, and for whoever takes deltas.

Knows: what calls work with. Does not know: how one is performed (running), faces, HTTP clients.
"""

from hostler.engines.engine import EngineEndpoint
from hostler.errors import EngineError, EngineMissing
from hostler.routing.call import Call
from hostler.routing.fit import check_request
from hostler.routing.outlets import DeltaOutlet, Take
from hostler.routing.running import Engines, OnEnd, Outlet, Parts, Running

__all__ = ["Dispatch", "Engines", "NoEngines", "Parts"]


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


class Dispatch:
    """Begins calls. One per process that speaks HTTP."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def prepare(self, call: Call, outlet: Outlet, on_end: OnEnd) -> Running:  # signature: positions, see Running
        """A call that `start` begins and `cancel` stops: the upstream is aborted then, and the ledger gets its row."""
        return Running(self._parts, call, outlet, on_end)

    async def feed(self, call: Call, take: Take) -> None:
        """Hand the reply to `call.request` to `take` as it comes, until its end; raises what went wrong.

        Cancelling it cancels the upstream.
        """
        if call.request is not None:
            check_request(call.plan, call.request)
        outlet = DeltaOutlet(call, take, keeper=self._parts.keeper)
        running = self.prepare(call, outlet, outlet.on_end)
        running.start()
        try:
            await outlet.over
        finally:
            running.cancel()
