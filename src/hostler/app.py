"""The composition root: builds each part, hands it down, and takes everything apart again in order.

Knows: everything. Does not know: how any part does its work. `open_app` is what a process has that owns a data folder
(engines, accounts, registry, dispatch); `serve` puts the gateway's port on top of it.
"""

import asyncio
import contextlib
import gc
import logging
import signal
import ssl
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any

from hostler.accounts.keys import Keys
from hostler.accounts.ledger import Ledger
from hostler.accounts.ledger_fold import LedgerFold
from hostler.accounts.tables import MIGRATIONS
from hostler.client.client import Client, ModelInfo
from hostler.client.remote import open_remote
from hostler.engines.engine import Engine
from hostler.engines.leftovers import sweep_leftovers
from hostler.engines.llama_cpp import find_engine
from hostler.engines.prepare import prepare
from hostler.engines.recipe import Recipe
from hostler.engines.supervision import Surroundings, options_from
from hostler.engines.supervisor import Supervisor
from hostler.errors import ConfigError, EngineMissing, OwnershipError, StorageError
from hostler.gateway.access import Access, check_binding, is_loopback
from hostler.gateway.control import Control, ControlParts
from hostler.gateway.front_page import FrontPage
from hostler.gateway.gateway import Gateway, GatewayParts
from hostler.registry.catalogue import Catalogue
from hostler.registry.discovery import Discovery
from hostler.registry.matrix import Matrix
from hostler.registry.providers_file import ProvidersFile
from hostler.registry.resolver import Resolver
from hostler.routing.dispatch import Dispatch, Engines, NoEngines, Parts
from hostler.routing.health import Health
from hostler.routing.lanes import LocalLanes
from hostler.routing.opaque import OpaqueStore
from hostler.settings import Settings
from hostler.system.event_log import EventLog
from hostler.system.hardware import read_memory
from hostler.system.http_server import HttpServer, Limits
from hostler.system.journal import Journal
from hostler.system.owner import Owner, OwnerInfo, find_owner, token
from hostler.system.store import Store
from hostler.system.upstream import PoolLimits, UpstreamPool

_log = logging.getLogger(__name__)
KEYS_POLL = 0.5
"""Seconds after which a key that another process made or revoked counts."""
OPENING_S = 10.0
"""Seconds that another process may take between owning the data folder and listening."""
OPENING_POLL = 0.05


@dataclass(frozen=True, slots=True)
class App:
    """The parts of a process that owns its data folder."""

    settings: Settings
    owner: Owner
    token: str
    store: Store
    keys: Keys
    ledger: Ledger
    fold: LedgerFold
    events: EventLog
    providers: ProvidersFile
    catalogue: Catalogue
    resolver: Resolver
    discovery: Discovery
    supervisor: Supervisor
    pool: UpstreamPool
    lanes: LocalLanes
    keeper: OpaqueStore
    dispatch: Dispatch


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
        store = Store.open(settings.data_dir / "hostler.db", MIGRATIONS)
        stack.callback(store.close)
        events = EventLog()
        for leftover in sweep_leftovers(settings.data_dir / "engines"):
            _log.warning("ended an engine that a dead hostler left behind: %s", leftover)
        ledger, fold = _open_ledger(settings, store, stack)
        keys = Keys(store, fixed=settings.gateway.keys, require_key=settings.gateway.require_key)
        providers = ProvidersFile(settings, events.publish)
        catalogue = Catalogue(settings.data_dir)
        matrix = Matrix(providers, catalogue)
        resolver = Resolver(providers, settings.aliases, catalogue=catalogue, matrix=matrix)
        discovery = Discovery(providers, catalogue, publish=events.publish, environment=settings.environment)
        supervisor = _supervisor(settings, resolver, events)
        stack.push_async_callback(supervisor.close)
        pool = UpstreamPool(_pool_limits(settings), settings.environment)
        stack.callback(pool.close)
        lanes, keeper = LocalLanes(settings.gateway.queue), OpaqueStore()
        engines: Engines = supervisor if settings.engine.enabled else NoEngines()
        dispatch = Dispatch(Parts(pool, lanes, engines, ledger, Health(), keeper))
        await stack.enter_async_context(_background(providers.watch, discovery.run))
        yield App(
            settings, owner, secret, store, keys, ledger, fold, events, providers, catalogue, resolver, discovery,
            supervisor, pool, lanes, keeper, dispatch,
        )  # fmt: skip


async def serve(
    settings: Settings, on_ready: Callable[[Listening], None], *, new_token: bool = False, stop: asyncio.Event | None = None
) -> None:
    """Run the gateway until SIGTERM, SIGINT or `stop`; calls that run then get `drain_s` seconds to end.

    A second signal cancels: it ends at once, engines included, with CancelledError.
    """
    stopping = stop or asyncio.Event()
    context = tls_context(settings)
    async with open_app(settings, new_token=new_token) as app:
        check_binding(settings.gateway, has_keys=app.keys.usable > 0)
        with _signals(stopping):
            gateway, server = _gateway(app)
            following = asyncio.create_task(_follow_keys(app.keys, server.forget_heads))
            try:
                port = await _listen(server, settings, context)
                address = base_url(settings, port)
                app.owner.announce(address, address)
                calm_collector()
                on_ready(Listening(app, address))
                await stopping.wait()
                gateway.drain()
                await server.drain(settings.gateway.drain_s)
            finally:
                following.cancel()
                gateway.close()
                server.close()


def calm_collector() -> None:
    """Have the garbage collector pass over what start-up made, and look less often: calls leave no circles behind."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@contextlib.asynccontextmanager
async def open_client(settings: Settings) -> AsyncGenerator[Client]:
    """A client of the process that owns the data folder; without one, this process becomes the owner for so long.

    Raises OwnershipError when the owner does not listen, StorageError, ConfigError.
    """
    owner = await _wait_listening(settings)
    if owner is not None:
        secret = token(settings.data_dir)
        async with open_remote(owner.address, secret, environment=settings.environment) as client:
            yield client
        return
    async with open_app(settings) as app:

        async def models() -> tuple[ModelInfo, ...]:
            return tuple(ModelInfo(entry.id, entry.context) for entry in app.resolver.models() if entry.listed)

        yield Client(app.dispatch.stream, app.resolver.resolve, models=models)


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


def base_url(settings: Settings, port: int) -> str:
    """The address that clients on this machine use."""
    host = settings.gateway.host
    if host in ("0.0.0.0", "::"):  # shown, not bound
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"
    scheme = "https" if settings.gateway.tls_cert else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """The server's TLS from settings, None without. Raises ConfigError naming the file that is wrong."""
    cert, key = settings.gateway.tls_cert, settings.gateway.tls_key
    if not cert and not key:
        return None
    if not (cert and key):
        raise ConfigError("TLS needs both a certificate and a key", hint="Give --tls-cert and --tls-key together.")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert, key)
    except OSError as error:
        raise ConfigError(f"TLS certificate {cert} or key {key} cannot be used: {error}") from None
    context.set_alpn_protocols(["http/1.1"])
    return context


def _gateway(app: App) -> tuple[Gateway, HttpServer]:
    settings = app.settings.gateway
    control = Control(
        ControlParts(
            resolver=app.resolver, supervisor=app.supervisor, events=app.events, lanes=app.lanes, pool=app.pool,
            providers=app.providers, discovery=app.discovery, fold=app.fold, owner=app.owner.info,
        )
    )  # fmt: skip
    page = FrontPage(app.resolver, app.supervisor, app.keys, app.settings)
    gateway = Gateway(
        GatewayParts(
            settings=settings,
            access=Access(settings, app.keys, app.token),
            resolver=app.resolver,
            dispatch=app.dispatch,
            ledger=app.ledger,
            keeper=app.keeper,
            control=control.answer,
            front_page=page.render,
            health=dict,
        )
    )
    limits = Limits(max_head=settings.max_head_kb << 10, max_body=settings.max_body_mb << 20)
    return gateway, HttpServer(gateway.handle, gateway.check_head, limits, on_refusal=gateway.refuse)


async def _listen(server: HttpServer, settings: Settings, context: ssl.SSLContext | None) -> int:
    gateway = settings.gateway
    try:
        return await server.listen(gateway.host, gateway.port, ssl=context, reuse_port=gateway.workers > 1)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {gateway.host}:{gateway.port}: {error.strerror or error}",
            hint="Another program may have the port; choose one with --port, or 0 for a free one.",
        ) from None


def _open_ledger(settings: Settings, store: Store, stack: contextlib.AsyncExitStack) -> tuple[Ledger, LedgerFold]:
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


def _supervisor(settings: Settings, resolver: Resolver, events: EventLog) -> Supervisor:
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


def _pool_limits(settings: Settings) -> PoolLimits:
    upstream = settings.upstream
    return PoolLimits(connect=upstream.connect_s, idle=upstream.pool_idle_s, size=upstream.pool_size)


async def _follow_keys(keys: Keys, on_change: Callable[[], None]) -> None:
    """Take over keys that another process made or revoked, and say so: heads that were found good may be no more."""
    while True:
        await asyncio.sleep(KEYS_POLL)
        if await asyncio.to_thread(keys.reload_if_changed):
            on_change()


@contextlib.asynccontextmanager
async def _background(*work: Callable[[], Coroutine[Any, Any, None]]) -> AsyncGenerator[None]:
    """Run work beside the body; it is cancelled at the end. One that fails is logged, and the others go on."""
    tasks = [asyncio.create_task(_logged(w)) for w in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _logged(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    try:
        await work()
    except Exception:  # noqa: BLE001  # the named edge of background work: the gateway goes on without it
        _log.exception("background work ended unexpectedly")


@contextlib.contextmanager
def _signals(stopping: asyncio.Event) -> Generator[None]:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def on_signal() -> None:
        if stopping.is_set() and task is not None:
            task.cancel()
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


__all__ = ["App", "Listening", "base_url", "is_loopback", "open_app", "open_client", "serve", "tls_context"]
