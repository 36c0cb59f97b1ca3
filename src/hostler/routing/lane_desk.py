"""The owner's end of one gateway worker's asks: grants slots and engines, and takes back all of them when it is gone.

Knows: what this worker holds and waits for. Does not know: sockets, processes, calls.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from hostler.errors import EngineError, HostlerError
from hostler.routing.dispatch import Engines
from hostler.routing.lanes import LocalLanes
from hostler.routing.worker_messages import (
    Failed,
    FromOwner,
    GiveBack,
    Held,
    Hold,
    Leave,
    PostMortem,
    Release,
    Take,
    Taken,
    Told,
    trouble_of,
)

_log = logging.getLogger(__name__)

Ask = Take | Hold | PostMortem | Leave | Release | GiveBack


@dataclass(frozen=True, slots=True)
class DeskStatistics:
    """What one worker has now: slots in use, engines held, asks that wait."""

    slots: int
    engines: int
    waiting: int


class LaneDesk:
    """Serves one worker. A release of what was never granted is ignored: one worker's fault must not free another's."""

    def __init__(self, lanes: LocalLanes, engines: Engines, *, send: Callable[[FromOwner], None]) -> None:
        self._lanes = lanes
        self._engines = engines
        self._send = send
        self._slots: Counter[str] = Counter()
        self._held: Counter[str] = Counter()
        self._waiting: dict[int, asyncio.Task[None]] = {}

    def answer(self, ask: Ask) -> None:
        """Act on one message of the worker; a grant that needs no waiting goes out at once."""
        match ask:
            case Take():
                self._take(ask)
            case Hold():
                self._begin(ask.ask, self._wait_engine(ask))
            case PostMortem():
                self._begin(ask.ask, self._look_why(ask))
            case Leave() if ask.ask in self._waiting:
                self._waiting[ask.ask].cancel()
            case Release() if _take_off(self._slots, ask.lane):
                self._lanes.release(ask.lane, ask.seconds)
            case GiveBack() if _take_off(self._held, ask.model_id):
                self._engines.release(ask.model_id)
            case Leave() | Release() | GiveBack():
                pass  # its grant is on the way, or it never had one

    def close(self) -> None:
        """The worker is gone: leave every queue, free all it held."""
        for task in list(self._waiting.values()):
            task.cancel()
        for model_id in list(self._held.elements()):
            self._engines.release(model_id)
        for lane in list(self._slots.elements()):
            self._lanes.release(lane, None)
        self._held.clear()
        self._slots.clear()

    def statistics(self) -> DeskStatistics:
        """What the worker has now."""
        return DeskStatistics(self._slots.total(), self._held.total(), len(self._waiting))

    def _take(self, ask: Take) -> None:
        if self._lanes.acquire_nowait(ask.lane, ask.slots):
            self._grant(ask)
        else:
            self._begin(ask.ask, self._wait_slot(ask))

    def _grant(self, ask: Take) -> None:
        """Give the slot, together with the engine if it needs no start: one round trip for both."""
        self._slots[ask.lane] += 1
        try:
            endpoint = self._engines.hold_nowait(ask.lane)
        except HostlerError:
            endpoint = None  # the worker will ask for the engine by itself, and be told why not
        if endpoint is not None:
            self._held[ask.lane] += 1
        self._send(Taken(ask.ask, ask.lane, endpoint))

    async def _wait_slot(self, ask: Take) -> None:
        await self._lanes.acquire(ask.lane, ask.slots, key=ask.key)
        self._grant(ask)

    async def _wait_engine(self, ask: Hold) -> None:
        endpoint = await self._engines.hold(ask.model_id)
        self._held[ask.model_id] += 1
        self._send(Held(ask.ask, ask.model_id, endpoint))

    async def _look_why(self, ask: PostMortem) -> None:
        error: EngineError | None = await self._engines.wait_failure(ask.model_id, ask.within, endpoint=ask.endpoint)
        self._send(Told(ask.ask, None if error is None else trouble_of(error)))

    def _begin(self, ask: int, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._run(ask, work))
        self._waiting[ask] = task
        task.add_done_callback(lambda _: self._waiting.pop(ask, None))

    async def _run(self, ask: int, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except HostlerError as error:
            self._send(Failed(ask, trouble_of(error)))
        except Exception:  # noqa: BLE001  # the named edge of an ask: a bug of ours must not leave a worker's call waiting
            _log.exception("an ask of a gateway worker failed unexpectedly")
            self._send(Failed(ask, trouble_of(HostlerError("hostler failed at this call; its log says why."))))


def _take_off(counts: "Counter[str]", name: str) -> bool:
    if counts[name] <= 0:
        return False
    counts[name] -= 1
    if not counts[name]:
        del counts[name]
    return True
