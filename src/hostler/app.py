"""The composition root: builds each part, hands it down, and takes everything apart again in order.

Knows: everything. Does not know: how any part does its work. `open_app` is what a process has that owns a data folder
(engines, accounts, registry, dispatch); `serve` puts the gateway's port on top of it.
"""

import asyncio
import contextlib
import logging
import ssl
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hostler.accounts.keys import Keys
from hostler.accounts.ledger import Ledger
from hostler.accounts.ledger_fold import LedgerFold
from hostler.accounts.tables import MIGRATIONS
from hostler.client.client import Client
from hostler.client.remote import open_remote
from hostler.client.sessions import tables as session_tables
from hostler.engines.engine import Engine
from hostler.engines.leftovers import sweep_leftovers
from hostler.engines.llama_cpp import find_engine
from hostler.engines.prepare import prepare
from hostler.engines.recipe import Recipe
from hostler.engines.supervision import Surroundings, options_from
from hostler.engines.supervisor import Supervisor
from hostler.errors import EngineMissing, OwnershipError, StorageError
from hostler.gateway.access import Access, check_binding, is_loopback
from hostler.gateway.control import Control, ControlParts
from hostler.gateway.front_page import FrontPage, FrontPageParts
from hostler.gateway.gateway import Gateway, GatewayParts
from hostler.gateway.workers import GatewayWorkers, Ports, WorkersParts, WorkerStatus
from hostler.owned import App
from hostler.registry.catalogue import Catalogue
from hostler.registry.discovery import Discovery
from hostler.registry.matrix import Matrix
from hostler.registry.model_files import ModelFiles
from hostler.registry.overrides import OverridesFile
from hostler.registry.providers_file import ProvidersFile
from hostler.registry.resolver import Resolver
from hostler.routing.dispatch import Dispatch, Engines, NoEngines, Parts
from hostler.routing.health import Health
from hostler.routing.lanes import LocalLanes
from hostler.routing.opaque import OpaqueStore
from hostler.serving import background, calm_memory, http_server, pool_limits, port_errors, stop_signals, tls_context
from hostler.settings import Settings, load
from hostler.system import event_store
from hostler.system.event_log import EventLog
from hostler.system.event_store import EventStore
from hostler.system.hardware import read_memory
from hostler.system.http_server import HttpServer
from hostler.system.journal import Journal
from hostler.system.listening import LOOPBACK, base_url, private_url
from hostler.system.owner import Owner, OwnerInfo, find_owner, token
from hostler.system.shared_port import hold_port
from hostler.system.store import Store
from hostler.system.upstream import UpstreamPool
from hostler.workbench.kept_kinds import STORED
from hostler.workbench.static import StaticPages
from hostler.workbench.workbench import Rooms, Workbench

_log = logging.getLogger(__name__)
KEYS_POLL = 0.5
"""Seconds after which a key that another process made or revoked counts."""
WORKER = (sys.executable, "-P", "-m", "hostler.worker")
"""The program of a gateway worker."""
OPENING_S = 10.0
"""Seconds that another process may take between owning the data folder and listening."""
OPENING_POLL = 0.05
UNBUILT = "<p>The workbench is not built yet: <code>make web</code> builds it, and then it is here.</p>"


@dataclass(frozen=True, slots=True)
class Listening:
    """Where `serve` listens, once it does."""

    app: App
    address: str
    """Base URL, for example http://127.0.0.1:8484."""


@contextlib.asynccontextmanager
async def open_app(settings: Settings, *, new_token: bool = False) -> AsyncGenerator[App]:
    """Become the owner of the data folder and build the parts; on the way out all is stopped, flushed and released.

    Raises OwnershipError (somebody else owns the folder), StorageError, ConfigError.
    """
    async with contextlib.AsyncExitStack() as stack:
        owner = Owner.acquire(settings.data_dir)
        stack.callback(owner.release)
        secret = token(settings.data_dir, renew=new_token)
        store = Store.open(settings.data_dir / "hostler.db", MIGRATIONS, session_tables.MIGRATIONS)
        stack.callback(store.close)
        events = _events(settings, stack=stack)
        for leftover in sweep_leftovers(settings.data_dir / "engines"):
            _log.warning("ended an engine that a dead hostler left behind: %s", leftover)
        ledger, fold = _open_ledger(settings, store, stack=stack)
        keys = Keys(store, fixed=settings.gateway.keys, require_key=settings.gateway.require_key)
        providers = ProvidersFile(settings, events.publish)
        catalogue, files = Catalogue(settings.data_dir), ModelFiles()
        overrides = OverridesFile(settings.overrides_file, events.publish)
        matrix = Matrix(providers, catalogue, files=files, overrides=overrides)
        checks = settings.models.checks
        resolver = Resolver(providers, settings.aliases, catalogue=catalogue, matrix=matrix, checks=checks)
        discovery = Discovery(providers, catalogue, publish=events.publish, environment=settings.environment)
        supervisor = _supervisor(settings, resolver, events=events)
        stack.push_async_callback(supervisor.close)
        pool = UpstreamPool(pool_limits(settings), settings.environment)
        stack.callback(pool.close)
        lanes, keeper = LocalLanes(settings.gateway.queue), OpaqueStore()
        engines: Engines = supervisor if settings.engine.enabled else NoEngines()
        dispatch = Dispatch(Parts(pool, lanes, engines, ledger, Health(), keeper))
        await stack.enter_async_context(
            background(providers.watch, overrides.watch, discovery.run, partial(files.watch, providers, events.publish))
        )
        yield App(
            settings, owner, secret, store, keys, ledger, fold, events, providers, catalogue, matrix, resolver,
            discovery, supervisor, pool, lanes, keeper, dispatch,
        )  # fmt: skip


async def serve(
    settings: Settings,
    on_ready: Callable[[Listening], None],
    *,
    new_token: bool = False,
    stop: asyncio.Event | None = None,
) -> None:
    """Run the gateway until SIGTERM, SIGINT or `stop`; calls that run then get `drain_s` seconds to end.

    A second signal cancels: it ends at once, engines included, with CancelledError.
    """
    stopping = stop or asyncio.Event()
    context = tls_context(settings)
    async with open_app(settings, new_token=new_token) as app:
        check_binding(settings.gateway, has_keys=app.keys.usable > 0)
        door = _single_door(app, context) if settings.gateway.workers <= 1 else _shared_door(app)
        with stop_signals(stopping):
            async with door as address:
                calm_memory()
                on_ready(Listening(app, address))
                await stopping.wait()


@contextlib.asynccontextmanager
async def _single_door(app: App, context: ssl.SSLContext | None) -> AsyncGenerator[str]:
    """This process serves the port; gives the address. Drains at the end, and only cuts when the block failed."""
    settings = app.settings
    async with _gateway(app) as (gateway, server):
        with port_errors(settings):
            port = await server.listen(settings.gateway.host, settings.gateway.port, ssl=context)
        address = control = base_url(settings, port)
        if context is not None:
            # our own commands need no certificate that names this machine: they come in by a private port
            control = private_url(await server.listen(LOOPBACK, 0))
        app.owner.announce(address, control)
        yield address
        gateway.drain()
        await server.drain(settings.gateway.drain_s)


@contextlib.asynccontextmanager
async def _shared_door(app: App) -> AsyncGenerator[str]:
    """Gateway workers serve the port, and this process what they forward and ask; else as `_single_door`."""
    settings = app.settings
    engines = app.supervisor if settings.engine.enabled else NoEngines()
    workers = GatewayWorkers(
        WorkersParts(
            settings=settings,
            token=app.token,
            program=WORKER,
            lanes=app.lanes,
            engines=engines,
            keeper=app.keeper,
            providers=app.providers,
            publish=app.events.publish,
        )
    )
    async with _gateway(app, workers.statistics) as (gateway, server), contextlib.AsyncExitStack() as stack:
        with port_errors(settings):
            port = await stack.enter_async_context(hold_port(settings.gateway.host, settings.gateway.port))
        private = await server.listen(LOOPBACK, 0)
        stack.push_async_callback(workers.close)
        await workers.start(Ports(port, private))
        address = base_url(settings, port)
        app.owner.announce(address, private_url(private))
        yield address
        gateway.drain()  # first: pages that follow the events would keep the workers waiting
        await workers.drain(settings.gateway.drain_s)
        await server.drain(settings.gateway.drain_s)


@contextlib.asynccontextmanager
async def open_client(settings: Settings) -> AsyncGenerator[Client]:
    """A client of the process that owns the data folder; without one, this process becomes the owner for so long.

    Raises OwnershipError when the owner does not listen, StorageError, ConfigError.
    """
    owner = await _wait_listening(settings)
    if owner is not None:
        secret = token(settings.data_dir)
        async with open_remote(owner.control or owner.address, secret, environment=settings.environment) as client:
            yield client
        return
    async with open_app(settings) as app:
        await app.providers.follow_keyring()  # one call may be all that this process lives for
        yield app.client()


@contextlib.asynccontextmanager
async def open_here(
    *, data: str | Path | None = None, config: str | Path | None = None, address: str = "", key: str = ""
) -> AsyncGenerator[Client]:
    """`hostler.open()`: a client for Python programs.

    With an `address` (http://127.0.0.1:8484) that gateway is asked, with `key` where it wants one. Else it is the one
    that has the data folder (`data`, or the usual one), and without such a one this process does its work itself, as
    the settings (`config`, or the usual file) say. Raises ConfigError, OwnershipError, StorageError.
    """
    settings = load(data=Path(data) if data else None, config=Path(config) if config else None)
    door = open_remote(address, key, environment=settings.environment) if address else open_client(settings)
    async with door as client:
        yield client


async def _wait_listening(settings: Settings) -> OwnerInfo | None:
    """The folder's owner once it listens; None when there is no owner."""
    owner = find_owner(settings.data_dir)
    for _ in range(round(OPENING_S / OPENING_POLL)):
        if owner is None or owner.address:
            return owner
        await asyncio.sleep(OPENING_POLL)
        owner = find_owner(settings.data_dir)
    raise OwnershipError(
        f"Another hostler{f' (pid {owner.pid})' if owner else ''} uses {settings.data_dir} and does not listen.",
        hint="Wait for it to end, or start `hostler up`, which several can talk to.",
    )


@contextlib.asynccontextmanager
async def _gateway(
    app: App, workers: Callable[[], tuple[WorkerStatus, ...]] = tuple
) -> AsyncGenerator[tuple[Gateway, HttpServer]]:
    """The gateway of this process and its server, which does not listen yet; both are closed at the end."""
    settings = app.settings.gateway
    control = Control(
        ControlParts(
            resolver=app.resolver, supervisor=app.supervisor, events=app.events, lanes=app.lanes, pool=app.pool,
            providers=app.providers, discovery=app.discovery, fold=app.fold, owner=app.owner.info, workers=workers,
        )
    )  # fmt: skip
    page = FrontPage(
        FrontPageParts(
            app.resolver, app.supervisor, app.keys, lambda: app.owner.info.address,
            note=UNBUILT if app.settings.workbench.enabled else "",
        )
    )  # fmt: skip
    async with contextlib.AsyncExitStack() as stack:
        workbench = await stack.enter_async_context(_workbench(app)) if app.settings.workbench.enabled else None
        gateway = Gateway(
            GatewayParts(
                settings=settings,
                access=Access(settings, app.keys, token=app.token),
                resolver=app.resolver,
                dispatch=app.dispatch,
                ledger=app.ledger,
                keeper=app.keeper,
                control=control.answer,
                front_page=page.render,
                health=dict,
                workbench=workbench,
                loaded=app.supervisor.statistics,
            )
        )
        server = http_server(gateway, app.settings)
        stack.callback(server.close)
        stack.callback(gateway.close)
        await stack.enter_async_context(background(partial(_follow_keys, app.keys, server.forget_heads)))
        yield gateway, server


@contextlib.asynccontextmanager
async def _workbench(app: App) -> AsyncGenerator[Workbench]:
    """The workbench of the process that owns the data folder; what stands behind its pages is opened when asked for."""
    scheme = "https" if app.settings.gateway.tls_cert else "http"
    workbench = Workbench(partial(_open_rooms, app, time.time_ns() // 1_000_000), pages=StaticPages(), scheme=scheme)
    try:
        yield workbench
    finally:
        await workbench.close()


async def _open_rooms(app: App, started_ms: int) -> Rooms:
    """Open what stands behind the pages; its modules are loaded in a thread, for the loop has calls to serve."""

    def load() -> Callable[[App, int], Awaitable[Rooms]]:
        # lazy: a gateway without visitors pays neither the time nor the memory
        from hostler.rooms import open_rooms

        return open_rooms

    open_rooms = await asyncio.to_thread(load)
    return await open_rooms(app, started_ms)


def _events(settings: Settings, *, stack: contextlib.AsyncExitStack) -> EventLog:
    """The event log, whose numbers go on where the folder's last owner ended."""
    store = Store.open(settings.data_dir / "events.db", event_store.MIGRATIONS)
    stack.callback(store.close)
    kept = EventStore(store, days=settings.log.event_days, rows=settings.log.event_rows)
    return EventLog(store=kept, stored=STORED)


def _open_ledger(settings: Settings, store: Store, *, stack: contextlib.AsyncExitStack) -> tuple[Ledger, LedgerFold]:
    folder = settings.data_dir / "journal"
    journal = Journal(folder)
    fold = LedgerFold(store, folder, log=settings.log, journal=journal)
    fold.start()
    # last in, first out: the journal ends, then its lines are folded, then the store closes
    stack.callback(_flush, fold)
    stack.callback(journal.close)
    return Ledger(journal), fold


def _flush(fold: LedgerFold) -> None:
    try:
        fold.flush()
    except StorageError as error:  # the journal keeps the lines; the next start folds them
        _log.error("the ledger could not be brought up to date: %s", error.text)


def _supervisor(settings: Settings, resolver: Resolver, *, events: EventLog) -> Supervisor:
    def recipe_of(model_id: str) -> Recipe:
        recipe = resolver.resolve(model_id).candidates[0].recipe
        if recipe is None:
            raise EngineMissing(f"'{model_id}' is not served by an engine of ours.")
        return recipe

    def engine_for(_recipe: Recipe) -> Engine:
        return find_engine(settings.environment, llama_server=settings.engine.llama_server)

    around = Surroundings(
        recipe_of=recipe_of,
        engine_for=engine_for,
        prepare=partial(prepare, folder=settings.data_dir),
        available=lambda: read_memory().available,
        publish=events.publish,
    )
    return Supervisor(options_from(settings), around)


async def _follow_keys(keys: Keys, on_change: Callable[[], None]) -> None:
    """Take over keys that another process made or revoked, and say so: heads that were found good may be no more."""
    while True:
        await asyncio.sleep(KEYS_POLL)
        try:
            changed = await asyncio.to_thread(keys.reload_if_changed)
        except StorageError as error:  # the next look may fare better; until then the keys of before hold
            _log.error("keys could not be read: %s", error.text)
            continue
        if changed:
            on_change()


# what commands need beside the parts: they may import the composition root, and no other surface
__all__ = ["App", "Listening", "is_loopback", "open_app", "open_client", "open_here", "serve", "tls_context"]
