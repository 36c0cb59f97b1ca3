"""Endpoints of engines and of other machines' memory: what runs, load, unload, logs. Knows parameters; does not know
how engines work, nor machines' calls."""

import time
from typing import Annotated

from fastapi import Query

from hostler.engines.supervision import MIB
from hostler.errors import RequestError
from hostler.system.hardware import read_memory
from hostler.workbench.api import shapes
from hostler.workbench.api.endpoint import Endpoint
from hostler.workbench.engine_work import EngineWork
from hostler.workbench.machine_work import MachineWork
from hostler.workbench.parts import WorkbenchParts
from hostler.workbench.views import engine_state


class EnginesApi:
    """Answers for engines."""

    def __init__(self, parts: WorkbenchParts) -> None:
        self._parts = parts
        self._work: EngineWork = parts.engine_work
        self._machines: MachineWork = parts.machine_work

    def endpoints(self) -> list[Endpoint]:
        """All of them. Model ids hold slashes and anything else, so they stand in bodies and queries."""
        return [
            Endpoint("GET", "/engines", self.list_engines),
            Endpoint("POST", "/engines/load", self.load_engine, status=202),
            Endpoint("POST", "/engines/unload", self.unload_engine),
            Endpoint("GET", "/engines/log", self.engine_log),
            Endpoint("GET", "/machines/memory", self.machines_memory),
        ]

    async def list_engines(self) -> shapes.Engines:
        """Every engine that runs, starts or waits out a failure, and the machine's memory."""
        now_ms, memory, limits = time.time_ns() // 1_000_000, read_memory(), self._parts.settings.engine
        return shapes.Engines(
            engines=tuple(engine_state(status, now_ms=now_ms) for status in self._parts.supervisor.statistics()),
            memory=shapes.EngineMemory(
                total=memory.total,
                available=memory.available,
                limit=limits.memory_limit_mb * MIB,
                reserve=limits.memory_reserve_mb * MIB,
            ),
        )

    async def load_engine(self, body: shapes.ModelBody) -> shapes.Loading:
        """Start a model's engine, or have its machine load it or keep it warm; events tell how it goes."""
        candidate = self._parts.resolver.resolve(body.model).candidates[0]
        if candidate.recipe is None:
            self._machines.load(candidate.provider, candidate.model)
        else:
            self._work.load(candidate.model_id)
        return shapes.Loading(model=candidate.model_id)

    async def unload_engine(self, body: shapes.ModelBody) -> shapes.Stopped:
        """End a model's engine, also one that is starting or serving, or have its machine unload it."""
        candidate = self._parts.resolver.resolve(body.model).candidates[0]
        if candidate.recipe is None:
            return shapes.Stopped(stopped=await self._machines.unload(candidate.provider, candidate.model))
        return shapes.Stopped(stopped=await self._parts.supervisor.stop(candidate.model_id))

    async def machines_memory(self) -> shapes.MachinesMemory:
        """What every other machine that can tell holds in memory; asked now, so a slow one takes seconds."""
        return shapes.MachinesMemory(machines=await self._machines.look())

    async def engine_log(self, model: str, lines: Annotated[int, Query(ge=1, le=2000)] = 200) -> shapes.LogLines:
        """The end of an engine's log; its new lines are events (`engine.log`) from now on, for a quarter of an hour."""
        return shapes.LogLines(lines=await self._work.log(self._engine_id(model), lines))

    def _engine_id(self, name: str) -> str:
        """Raises ModelNotFound, ProviderNotReady, RequestError."""
        candidate = self._parts.resolver.resolve(name).candidates[0]
        if candidate.recipe is None:
            raise RequestError(f"'{candidate.model_id}' is not served by an engine of ours.")
        return candidate.model_id
