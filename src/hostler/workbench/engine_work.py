"""What the page has done with engines: models that are being loaded, logs that somebody follows.

Knows: tasks of its own, how long a log is followed. Does not know: how an engine is started (supervisor), HTTP.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

from hostler.engines.engine_log import EngineLog
from hostler.engines.leftovers import log_path
from hostler.errors import HostlerError

WATCHED_S: Final = 900.0
"""Seconds that a log is followed after somebody last asked for it."""
POLL_S: Final = 0.2
MOST_LINES: Final = 200
"""Lines of one event: more at once are noise, and the file has them."""
Publish = Callable[[str, Mapping[str, object]], object]

_log = logging.getLogger(__name__)


class Holds(Protocol):
    """Who starts engines."""

    async def hold(self, model_id: str) -> object: ...
    def release(self, model_id: str) -> None: ...


class EngineWork:
    """Belongs to one event loop; `close` ends what it does."""

    def __init__(self, supervisor: Holds, folder: Path, *, publish: Publish) -> None:
        """`folder` is where engines' logs lie."""
        self._supervisor = supervisor
        self._folder = folder
        self._publish = publish
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._following: dict[str, asyncio.Task[None]] = {}
        self._asked: dict[str, float] = {}

    def load(self, model_id: str) -> None:
        """Have the engine started, unless it is being started already; the events tell how it goes."""
        if model_id not in self._loading:
            task = asyncio.get_running_loop().create_task(self._load(model_id))
            self._loading[model_id] = task
            task.add_done_callback(lambda _: self._loading.pop(model_id, None))

    async def log(self, model_id: str, count: int) -> tuple[str, ...]:
        """The last `count` lines of the engine's log; from now on its new lines are events for a while."""
        log = await asyncio.to_thread(EngineLog, log_path(self._folder, model_id))
        log.start = 0
        lines = await asyncio.to_thread(log.lines)
        loop = asyncio.get_running_loop()
        self._asked[model_id] = loop.time()
        if model_id not in self._following:
            task = loop.create_task(self._follow(model_id, log))
            self._following[model_id] = task
            task.add_done_callback(lambda _: self._following.pop(model_id, None))
        return lines[-count:]

    async def close(self) -> None:
        """Let go of everything; engines are the supervisor's to end."""
        tasks = [*self._loading.values(), *self._following.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _load(self, model_id: str) -> None:
        try:
            await self._supervisor.hold(model_id)
        except HostlerError as error:  # the supervisor has told everybody by an event
            _log.info("%s was not loaded: %s", model_id, error.message)
        else:
            self._supervisor.release(model_id)

    async def _follow(self, model_id: str, log: EngineLog) -> None:
        """Task: tell new lines, a few times a second, until nobody has asked for a while."""
        loop = asyncio.get_running_loop()
        while loop.time() - self._asked[model_id] < WATCHED_S:
            await asyncio.sleep(POLL_S)
            lines = await asyncio.to_thread(log.new_lines)
            if lines:
                self._publish("engine.log", {"model": model_id, "lines": list(lines[-MOST_LINES:])})
