"""A gateway for tests, in the test's own loop: composed as `hostler up` composes it, on a free port."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hostler.accounts.ledger_queries import RequestRow, recent
from hostler.app import App, Listening, serve
from hostler.settings import (
    EngineSettings,
    GatewaySettings,
    ModelsSettings,
    Settings,
    UpstreamSettings,
    WorkbenchSettings,
)
from tests.end_to_end.machine import Machine
from tests.system.http_server.door import Client, Reply, post
from tests.waiting import wait_until

PATIENCE = 30.0
CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
COUNT = "/v1/messages/count_tokens"
COMPLETIONS = "/v1/completions"
EMBEDDINGS = "/v1/embeddings"


@dataclass
class Gate:
    """A gateway that runs, and clients of it."""

    listening: Listening
    port: int
    stop: asyncio.Event
    task: asyncio.Task[None]
    clients: list[Client] = field(default_factory=list)

    @property
    def app(self) -> App:
        return self.listening.app

    @property
    def address(self) -> str:
        return self.listening.address

    def listens(self) -> bool:
        """Whether a connection would be accepted."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    async def stopped(self) -> None:
        """Wait until a gateway that was told to stop has."""
        async with asyncio.timeout(PATIENCE):
            await asyncio.shield(self.task)

    async def client(self) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 22)
        client = Client(reader, writer)
        self.clients.append(client)
        return client

    async def ask(self, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Reply:
        """One request on a connection of its own; a body makes it a POST."""
        client = await self.client()
        client.send(request(path, body, headers))
        return await client.reply()

    async def rows(self) -> list[RequestRow]:
        """The ledger, oldest first."""
        await asyncio.to_thread(self.app.fold.flush)
        return recent(self.app.store, 10_000)[::-1]

    async def wait_rows(self, count: int) -> list[RequestRow]:
        """The ledger once it has so many rows."""
        async with asyncio.timeout(PATIENCE):
            while len(rows := await self.rows()) < count:
                pass
        return rows

    async def wait_idle(self) -> None:
        """Until no lane and no upstream connection is in use."""
        lanes, pool = self.app.lanes, self.app.pool
        await wait_until(
            lambda: (
                pool.statistics().busy == 0 and all(lane.in_flight == lane.waiting == 0 for lane in lanes.statistics())
            ),
            PATIENCE,
        )


def request(path: str, body: object = None, headers: Mapping[str, str] | None = None) -> bytes:
    """A request's bytes."""
    lines = [f"{name}: {value}".encode() for name, value in (headers or {}).items()]
    if body is None:
        return get(path, *lines)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return post(data, b"Content-Type: application/json", *lines, target=path.encode()).replace(b"Host: here", HOST, 1)


HOST = b"Host: localhost"


def get(path: str, *lines: bytes, method: bytes = b"GET") -> bytes:
    return b"\r\n".join((b"%b %b HTTP/1.1" % (method, path.encode()), HOST, *lines, b"", b""))


def chat(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "hello"}], **more}


def messages(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}], **more}


def provider(name: str, machine: Machine, kind: str = "openai-compatible", **more: Any) -> dict[str, Any]:
    return {"id": name, "kind": kind, "baseUrl": machine.url, **more}


@dataclass(frozen=True)
class Setup:
    """What is not the same in every test: settings by section, aliases, the default provider, the environment."""

    gateway: Mapping[str, Any] = field(default_factory=dict)
    engine: Mapping[str, Any] = field(default_factory=lambda: {"enabled": False})
    upstream: Mapping[str, Any] = field(default_factory=dict)
    workbench: Mapping[str, Any] = field(default_factory=lambda: {"enabled": False})
    models: Mapping[str, Any] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    default: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


PLAIN = Setup()


def settings_of(folder: Path, providers: Sequence[Mapping[str, Any]], setup: Setup) -> Settings:
    folder.mkdir(parents=True, exist_ok=True)
    document: dict[str, Any] = {"providers": list(providers)}
    if setup.default:
        document["defaultProvider"] = setup.default
    file = folder / "llama-providers.json"
    file.write_text(json.dumps(document))
    return Settings(
        gateway=GatewaySettings(**{"port": 0, "drain_s": 5.0, **setup.gateway}),
        engine=EngineSettings(**setup.engine),
        upstream=UpstreamSettings(**setup.upstream),
        workbench=WorkbenchSettings(**setup.workbench),
        models=ModelsSettings(**setup.models),
        aliases=setup.aliases,
        data_dir=folder / "data",
        providers_file=file,
        config_file=folder / "settings.toml",
        environment=setup.environment,
    )


@asynccontextmanager
async def gate(folder: Path, *providers: Mapping[str, Any], setup: Setup = PLAIN) -> AsyncIterator[Gate]:
    """A gateway over these providers; stopped gracefully at the end, and nothing may be left in use then."""
    stop = asyncio.Event()
    ready: asyncio.Future[Listening] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(settings_of(folder, providers, setup), ready.set_result, stop=stop))
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    listening = ready.result()
    made = Gate(listening, int(listening.address.rpartition(":")[2]), stop, task)
    try:
        yield made
        await made.wait_idle()
    finally:
        for client in made.clients:
            await client.close()
        stop.set()
        await task
