"""Opens what stands behind the workbench's pages: sessions, running replies, the stream of events, the API.

Knows: which parts the workbench works with, and the order of their end. Does not know: the gateway, how the parts
below were built (app). It is loaded with the first visitor.
"""

import asyncio
import contextlib
import logging

from hostler.client.sessions.preferences import Preferences
from hostler.client.sessions.prompts import Prompts
from hostler.client.sessions.store import Sessions
from hostler.client.turns import ModelFacts, Turns
from hostler.errors import StorageError
from hostler.owned import App
from hostler.registry.http_asker import HttpAsker
from hostler.system.asgi import AsgiApp
from hostler.workbench.engine_work import EngineWork
from hostler.workbench.machine_work import LOAD_S, MachineWork
from hostler.workbench.parts import WorkbenchParts
from hostler.workbench.pulls import Pulls
from hostler.workbench.state import WorkbenchState
from hostler.workbench.stream import EventStream

SWEEP_S = 3600.0
"""Seconds between two times that deleted sessions are swept away."""
ASK_S = 4.0
"""Seconds that a machine gets to say what it holds in memory; it is asked while somebody looks."""

_log = logging.getLogger(__name__)


class OpenRooms:
    """What is open; `close` ends it, running replies last, which become interrupted."""

    def __init__(self, parts: WorkbenchParts) -> None:
        """Use `open_rooms`."""
        self._parts = parts
        state = WorkbenchState(
            engines=parts.supervisor, machines=parts.resolver, turns=parts.turns.running, pulls=parts.pulls.list
        )
        self.stream = EventStream(parts.events, state)
        self._sweeping = asyncio.get_running_loop().create_task(_sweep(parts.sessions))

    def make_api(self) -> AsgiApp:
        """The API's application. Slow at the first time, and made for a thread."""
        # lazy: FastAPI takes 0.4 s; the stream of events is there before it
        from hostler.workbench.api.app import make_app

        return make_app(self._parts)

    async def close(self) -> None:
        """End what runs."""
        self._sweeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._sweeping
        await self.stream.close()
        await self._parts.engine_work.close()
        await self._parts.machine_work.close()
        await self._parts.pulls.close()
        await self._parts.turns.close()


async def open_rooms(app: App, started_ms: int) -> OpenRooms:
    """Build the parts; what an earlier process left running is interrupted first. Raises StorageError."""
    publish = app.events.publish
    sessions = Sessions(app.store, publish, started_ms=started_ms)
    facts = ModelFacts(app.resolver.resolve, app.matrix.capabilities)
    turns = Turns(app.client(), sessions, publish=publish, models=facts)
    await turns.interrupt_left()
    return OpenRooms(
        WorkbenchParts(
            settings=app.settings,
            token=app.token,
            sessions=sessions,
            turns=turns,
            preferences=Preferences(app.store, publish),
            prompts=Prompts(app.store),
            pulls=Pulls(app.settings, publish, providers=app.providers),
            engine_work=EngineWork(app.supervisor, app.settings.data_dir / "engines", publish=publish),
            machine_work=_machine_work(app),
            resolver=app.resolver,
            matrix=app.matrix,
            supervisor=app.supervisor,
            providers=app.providers,
            discovery=app.discovery,
            catalogue=app.catalogue,
            events=app.events,
            owner=app.owner.info,
            started_ms=started_ms,
        )
    )


def _machine_work(app: App) -> MachineWork:
    environment = app.settings.environment
    return MachineWork(
        app.providers,
        app.events.publish,
        catalogue=app.catalogue,
        asker=HttpAsker(environment, timeout_s=ASK_S),
        patient=HttpAsker(environment, timeout_s=LOAD_S),
        doubt=app.discovery.look_soon,
    )


async def _sweep(sessions: Sessions) -> None:
    """Take away, now and then, what was deleted long enough ago."""
    while True:
        try:
            await sessions.sweep()
        except StorageError as error:  # the next time may fare better
            _log.error("deleted sessions could not be swept away: %s", error.text)
        await asyncio.sleep(SWEEP_S)
