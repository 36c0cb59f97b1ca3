"""The control API: what other commands ask of the process that owns the data folder.

Knows: /hostler/api/control/... and its JSON. Does not know: who may call (access), how engines or machines work.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qs, unquote

import msgspec

from hostler import __version__
from hostler.accounts.ledger_fold import LedgerFold
from hostler.core.capabilities import as_json
from hostler.engines.engine import EngineStatus
from hostler.errors import HostlerError, NotFound, UpstreamTimeout, WireError
from hostler.gateway.workers import WorkerStatus
from hostler.registry.discovery import Discovery
from hostler.registry.providers_file import ProvidersFile
from hostler.registry.resolver import ModelEntry, Resolver
from hostler.routing.answer import JSON_TYPE
from hostler.routing.lanes import LaneStatistics
from hostler.system.event_log import Event, EventLog
from hostler.system.http_server import Exchange
from hostler.system.owner import OwnerInfo
from hostler.system.upstream import UpstreamPool

MOST_DIGITS = 18
"""Of a sequence number."""
EDGE = 30.0
"""Seconds that a request for discovery may take."""

_log = logging.getLogger(__name__)


class Engines(Protocol):
    """What the control API asks of the supervisor."""

    def statistics(self) -> tuple[EngineStatus, ...]: ...
    async def hold(self, model_id: str) -> object: ...
    def release(self, model_id: str) -> None: ...
    async def stop(self, model_id: str) -> bool: ...


class Lanes(Protocol):
    """What the control API asks of the lanes."""

    def statistics(self) -> tuple[LaneStatistics, ...]: ...


@dataclass(frozen=True, slots=True)
class ControlParts:
    """What the control API tells about."""

    resolver: Resolver
    supervisor: Engines
    events: EventLog
    lanes: Lanes
    pool: UpstreamPool
    providers: ProvidersFile
    discovery: Discovery
    fold: LedgerFold
    owner: OwnerInfo
    workers: Callable[[], tuple[WorkerStatus, ...]] = tuple


class Control:
    """Answers control requests. Long ones run as tasks of this object; a caller that leaves cancels its own."""

    def __init__(self, parts: ControlParts) -> None:
        self._parts = parts
        self._tasks: set[asyncio.Task[None]] = set()
        self._table: Mapping[tuple[str, str], Callable[[str, Exchange], Awaitable[object]]] = {
            ("GET", "status"): self._status,
            ("GET", "models"): self._models,
            ("GET", "providers"): self._providers,
            ("GET", "engines"): self._engines,
            ("GET", "events"): self._events,
            ("POST", "reload"): self._reload,
            ("POST", "refresh"): self._refresh,
            ("POST", "flush"): self._flush,
            ("POST", "engines/start"): self._start_engine,
            ("POST", "engines/stop"): self._stop_engine,
        }

    def answer(self, exchange: Exchange, rest: str) -> None:
        """Answer one request; `rest` is the path behind /hostler/api/control/."""
        method = "GET" if exchange.method == "HEAD" else exchange.method
        action, _, name = rest.partition(":")
        work = self._table.get((method, action))
        if work is None:
            raise NotFound(f"The control API has no {method} {rest}.")
        task = asyncio.get_running_loop().create_task(self._run(work, unquote(name), exchange=exchange))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        exchange.on_disconnect = lambda: _cancel(task)

    async def _run(self, work: Callable[[str, Exchange], Awaitable[object]], name: str, *, exchange: Exchange) -> None:
        try:
            result = msgspec.json.encode(await work(name, exchange))
        except HostlerError as error:
            _refuse(exchange, error)
        except Exception:  # noqa: BLE001  # the named edge of a control request: a bug of ours must leave nobody waiting
            _log.exception("a request to the control API failed unexpectedly")
            _refuse(exchange, HostlerError("hostler failed at this request; its log says why."))
        else:
            exchange.respond(200, [JSON_TYPE], result)

    async def _status(self, _name: str, _exchange: Exchange) -> object:
        parts = self._parts
        return {
            "version": __version__,
            "pid": parts.owner.pid,
            "started": parts.owner.started,
            "providers": len(parts.resolver.providers()),
            "models": len(parts.resolver.models()),
            "engines": [msgspec.to_builtins(e) for e in parts.supervisor.statistics()],
            "lanes": [msgspec.to_builtins(lane) for lane in parts.lanes.statistics()],
            "upstream": msgspec.to_builtins(parts.pool.statistics()),
            "ledger": msgspec.to_builtins(parts.fold.statistics()),
            "workers": [msgspec.to_builtins(worker) for worker in parts.workers()],
        }

    async def _models(self, _name: str, _exchange: Exchange) -> object:
        return {"models": [_model(entry) for entry in self._parts.resolver.models()]}

    async def _providers(self, _name: str, _exchange: Exchange) -> object:
        entries = self._parts.resolver.providers()
        return {
            "path": str(self._parts.providers.path),
            "providers": [
                {
                    "id": e.provider.id,
                    "label": e.provider.label,
                    "kind": e.provider.kind,
                    "wire": e.provider.wire,
                    "default": e.default,
                    "state": e.machine.state,
                    "since": e.machine.since,
                    "reason": e.problem or e.machine.reason,
                    "ready": not e.problem,
                    "models": e.models,
                    "tags": list(e.provider.tags),
                    "key": e.provider.key_from,
                    "note": e.provider.note,
                }
                for e in entries
            ],
        }

    async def _engines(self, _name: str, _exchange: Exchange) -> object:
        return {"engines": [msgspec.to_builtins(e) for e in self._parts.supervisor.statistics()]}

    async def _events(self, _name: str, exchange: Exchange) -> object:
        since = parse_qs(exchange.query).get("since", ["0"])[0]
        if not since.isascii() or not since.isdigit() or len(since) > MOST_DIGITS:
            raise WireError("since: must be a sequence number.")
        found = self._parts.events.tail(int(since))
        return {"events": [msgspec.Raw(e.json) if isinstance(e, Event) else msgspec.to_builtins(e) for e in found]}

    async def _reload(self, _name: str, _exchange: Exchange) -> object:
        status = self._parts.providers.load()
        return {"path": str(status.path), "providers": len(status.directory.providers)}

    async def _refresh(self, _name: str, _exchange: Exchange) -> object:
        try:
            async with asyncio.timeout(EDGE):
                await self._parts.discovery.refresh()
        except TimeoutError:
            raise UpstreamTimeout(f"Not all machines answered within {EDGE:g} s.") from None
        return await self._providers("", _exchange)

    async def _flush(self, _name: str, _exchange: Exchange) -> object:
        await asyncio.to_thread(self._parts.fold.flush)
        return msgspec.to_builtins(self._parts.fold.statistics())

    async def _start_engine(self, name: str, _exchange: Exchange) -> object:
        model_id = self._engine_id(name)
        await self._parts.supervisor.hold(model_id)
        self._parts.supervisor.release(model_id)
        return await self._engines("", _exchange)

    async def _stop_engine(self, name: str, _exchange: Exchange) -> object:
        model_id = self._engine_id(name)
        return {"model": model_id, "stopped": await self._parts.supervisor.stop(model_id)}

    def _engine_id(self, name: str) -> str:
        candidate = self._parts.resolver.resolve(name).candidates[0]
        if candidate.recipe is None:
            raise WireError(f"'{candidate.model_id}' is not served by an engine of ours.")
        return candidate.model_id


def _refuse(exchange: Exchange, error: HostlerError) -> None:
    body = msgspec.json.encode({"error": {"code": error.code, "message": error.message, "hint": error.hint}})
    exchange.respond(error.status, [JSON_TYPE], body)


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()


def _model(entry: ModelEntry) -> dict[str, object]:
    return {
        "id": entry.id,
        "provider": entry.provider,
        "model": entry.model,
        "state": entry.state,
        "context": entry.context,
        "capabilities": as_json(entry.capabilities),
    }
