"""A gateway worker: the composition root of the processes that share the public port (`python -m hostler.worker N`).

Knows: everything that a worker has. It speaks HTTP and relays; engines, lanes, the ledger's tables and the control API
are the owner's, which it asks over the socket that it is given as its stdin.
"""

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from functools import partial

import msgspec
import uvloop

from hostler.accounts.keys import Keys
from hostler.accounts.ledger import Ledger
from hostler.accounts.tables import MIGRATIONS
from hostler.errors import HostlerError, StorageError
from hostler.gateway.access import Access
from hostler.gateway.forward import Forward, OwnersWorkbench
from hostler.gateway.gateway import Gateway, GatewayParts
from hostler.registry.catalogue import Catalogue, Machine
from hostler.registry.directory import Directory, KeyringKeys
from hostler.registry.matrix import Matrix
from hostler.registry.model_files import ModelFiles
from hostler.registry.overrides import OverridesFile
from hostler.registry.providers_file import read_directory
from hostler.registry.resolver import Resolver
from hostler.routing.dispatch import Dispatch, Parts
from hostler.routing.health import Health
from hostler.routing.opaque import KeptReply, OpaqueStore, Place
from hostler.routing.remote import OwnerAsks, RemoteEngines, RemoteLanes
from hostler.routing.worker_messages import (
    FromWorker,
    GaveUp,
    Hello,
    Kept,
    Listening,
    Providers,
    Said,
    Welcome,
    decode_from_owner,
    encode,
    trouble_of,
)
from hostler.serving import background, calm_memory, http_server, pool_limits, port_errors, stop_signals, tls_context
from hostler.settings import Settings
from hostler.system.address import Address
from hostler.system.http_server import HttpServer
from hostler.system.journal import Journal
from hostler.system.line_socket import LineSocket
from hostler.system.listening import LOOPBACK
from hostler.system.store import Store
from hostler.system.upstream import UpstreamPool

WELCOME_S = 30.0
"""Seconds in which the owner must answer."""
FOLLOW_S = 0.25
"""Seconds between two looks at what other processes changed: keys, the catalogue."""

_log = logging.getLogger(__name__)


class ToldProviders:
    """The directory of the providers file's text, as the owner last told it."""

    def __init__(self, settings: Settings, text: bytes, *, keyring: KeyringKeys) -> None:
        self._settings = settings
        self.directory: Directory = read_directory(text, settings, keyring=keyring)

    def take(self, text: bytes, keyring: KeyringKeys) -> None:
        """A new text, which the owner found good, and what it read in the keyring."""
        self.directory = read_directory(text, self._settings, keyring=keyring)


class OwnerLine:
    """The worker's end of its line to the owner."""

    def __init__(self) -> None:
        """Use `OwnerLine.open`."""
        self.welcome: asyncio.Future[Welcome] = asyncio.get_running_loop().create_future()
        self.lost = asyncio.Event()
        """The owner is gone, or wants no more of us."""
        self.asks = OwnerAsks(self.send)
        self.keeper = OpaqueStore()
        self.keeper.on_kept = self._share
        self.providers: ToldProviders
        self._line: LineSocket

    @classmethod
    async def open(cls, sock: socket.socket) -> "OwnerLine":
        """Take over the socket and introduce ourselves."""
        owner = cls()
        owner._line = await LineSocket.open(sock, owner._on_line, on_end=owner._on_end)
        owner.send(Hello(os.getpid()))
        return owner

    def send(self, message: FromWorker) -> None:
        """Tell the owner."""
        self._line.send(encode(message))

    async def close(self) -> None:
        """Send what is left, and end the line."""
        self._line.close()
        await self.lost.wait()

    def _on_line(self, line: bytes) -> None:
        message = decode_from_owner(line)
        match message:
            case Welcome():
                self.providers = ToldProviders(message.settings, message.providers, keyring=message.keyring)
                self.welcome.set_result(message)
            case Providers():
                self.providers.take(message.text, message.keyring)
            case Kept():
                self.keeper.put((message.key_id, message.origin, message.anchor), message.reply)
            case _:
                self.asks.answer(message)

    def _on_end(self) -> None:
        self.lost.set()
        self.asks.close()

    def _share(self, place: Place, reply: KeptReply) -> None:
        self.send(Kept(*place, reply))


class OwnerLog(logging.Handler):
    """Hands log lines to the owner, so that there is one log."""

    def __init__(self, owner: OwnerLine) -> None:
        super().__init__()
        self._owner = owner
        self._loop = asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        """From any thread."""
        said = Said(record.levelno, record.name, self.format(record))
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._owner.send, said)


@dataclass(frozen=True, slots=True)
class _Serving:
    gateway: Gateway
    server: HttpServer


async def run(number: int, sock: socket.socket) -> int:
    """Be worker `number` of the owner at the other end of `sock`; returns the exit status."""
    owner = await OwnerLine.open(sock)
    stopping = asyncio.Event()
    try:
        with stop_signals(stopping):
            async with asyncio.timeout(WELCOME_S):
                welcome = await owner.welcome
            logging.basicConfig(handlers=[OwnerLog(owner)], level=welcome.settings.log.level.upper())
            await _serve(number, owner, stopping=stopping)
    except HostlerError as error:
        owner.send(GaveUp(trouble_of(error)))
        return 1
    finally:
        await owner.close()
    return 0


async def _serve(number: int, owner: OwnerLine, *, stopping: asyncio.Event) -> None:
    welcome = owner.welcome.result()
    settings = welcome.settings
    context = tls_context(settings)
    async with _parts(number, owner) as serving:
        gateway, server = serving.gateway, serving.server
        try:
            with port_errors(settings):
                await server.listen(settings.gateway.host, welcome.port, ssl=context, reuse_port=True)
            calm_memory()
            owner.send(Listening())
            await _wait_any(stopping, owner.lost)
            if stopping.is_set():  # without the owner there is nothing to end well
                gateway.drain()
                await server.drain(settings.gateway.drain_s)
        finally:
            gateway.close()
            server.close()


@contextlib.asynccontextmanager
async def _parts(number: int, owner: OwnerLine) -> AsyncGenerator[_Serving]:
    """Build the parts; on the way out all is stopped and released. Raises StorageError."""
    welcome = owner.welcome.result()
    settings = welcome.settings
    async with contextlib.AsyncExitStack() as stack:
        store = Store.open(settings.data_dir / "hostler.db", MIGRATIONS)
        stack.callback(store.close)
        journal = Journal(settings.data_dir / "journal", f"worker-{number}")
        stack.callback(journal.close)
        keys = Keys(store, fixed=settings.gateway.keys, require_key=settings.gateway.require_key)
        catalogue, files = Catalogue(settings.data_dir), ModelFiles()
        overrides = OverridesFile(settings.overrides_file)
        matrix = Matrix(owner.providers, catalogue, files=files, overrides=overrides)
        checks = settings.models.checks
        resolver = Resolver(owner.providers, settings.aliases, catalogue=catalogue, matrix=matrix, checks=checks)
        pool = UpstreamPool(pool_limits(settings), settings.environment)
        stack.callback(pool.close)
        lanes = RemoteLanes(owner.asks, settings.gateway.queue)
        engines = RemoteEngines(owner.asks, lanes)
        ledger = Ledger(journal)
        gateway = Gateway(
            GatewayParts(
                settings=settings.gateway,
                access=Access(settings.gateway, keys, token=welcome.token),
                resolver=resolver,
                dispatch=Dispatch(Parts(pool, lanes, engines, ledger, Health(), owner.keeper)),
                ledger=ledger,
                keeper=owner.keeper,
                control=lambda exchange, rest: None,  # plain pages are forwarded
                front_page=str,
                health=dict,
                workbench=OwnersWorkbench() if settings.workbench.enabled else None,
            )
        )
        forward = Forward(gateway.handle, pool.door(Address(LOOPBACK, welcome.private_port, tls=False)))
        server = http_server(gateway, settings, handler=forward.handle)
        keep_up = partial(_follow_others, keys, catalogue, journal=journal, on_keys=server.forget_heads)
        read_files = partial(files.watch, owner.providers)
        await stack.enter_async_context(background(keep_up, read_files, overrides.watch))
        yield _Serving(gateway, server)


async def _follow_others(keys: Keys, catalogue: Catalogue, *, journal: Journal, on_keys: Callable[[], None]) -> None:
    """Take over what other processes changed, and have the journal's next segment ready."""

    def look() -> tuple[bool, Mapping[str, Machine] | None]:
        journal.prepare()
        changed = False
        try:
            changed = keys.reload_if_changed()
            return changed, catalogue.read_if_changed()
        except StorageError as error:  # the next look may fare better; until then what was read before holds
            _log.error("what other processes changed could not be read: %s", error.text)
            return changed, None

    while True:
        await asyncio.sleep(FOLLOW_S)
        keys_changed, machines = await asyncio.to_thread(look)
        if keys_changed:
            on_keys()
        if machines is not None:
            catalogue.take(machines)


async def _wait_any(*events: asyncio.Event) -> None:
    tasks = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def _line_to_owner() -> socket.socket:
    """The socket on stdin, moved to a descriptor of its own: stdin becomes empty, as for any other service."""
    sock = socket.socket(fileno=os.dup(0))
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return sock


def main() -> int:
    """The process's entry."""
    try:
        return uvloop.run(run(int(sys.argv[1]), _line_to_owner()))
    except msgspec.MsgspecError as error:
        sys.stderr.write(f"the owner says what nobody understands: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
