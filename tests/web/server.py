"""A real `hostler up` for browsers: on a free port, with folders of its own, which can be killed and come back."""

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2

from hostler.workbench.static import DIST
from tests.end_to_end.process import STOP_S, Running, Up, first_words, start
from tests.web.judge import Judge

API_S = 30.0


@dataclass(frozen=True)
class Serve:
    """How the server is started: providers of its file, lines of settings.toml, flags, variables."""

    providers: Sequence[Mapping[str, Any]] = ()
    settings: str = ""
    flags: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Server:
    """A server that runs, or is down until `restart`. The port stays the same for its whole life."""

    folder: Path
    up: Up
    running: Running | None = None
    address: str = ""
    judge: Judge | None = None
    """Follows all that the server tells; None: nobody does."""
    _judging: "asyncio.Task[None] | None" = None

    @property
    def now(self) -> Running:
        assert self.running is not None, "the server is down"
        return self.running

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def providers_file(self) -> Path:
        return self.folder / "providers.json"

    @property
    def token(self) -> str:
        return (self.data / "token").read_text().strip()

    @property
    def link(self) -> str:
        """The address as `hostler up` prints it, which makes a browser known."""
        return f"{self.address}/?token={self.token}"

    def said(self) -> str:
        """Everything on its stderr so far."""
        return (self.folder / "up.log").read_text()

    async def start(self) -> None:
        """Start it, on its old port if it had one."""
        port = self.address.rpartition(":")[2]
        up = replace(self.up, flags=(*self.up.flags, *(("--port", port) if port else ())))
        kept = self.providers_file.read_bytes() if self.providers_file.exists() else None
        process = await asyncio.to_thread(start, self.folder, up)
        if kept is not None:
            self.providers_file.write_bytes(kept)  # edits of a test outlive a restart
        words = await asyncio.to_thread(first_words, process)
        assert words, f"it ended: {self.said()}"
        self.running = Running(process, self.folder, json.loads(words), self.folder / "up.log")
        self.address = self.running.address
        if self.judge is not None:
            self._judging = asyncio.create_task(self.judge.follow(self.address, self.token))

    async def kill(self) -> None:
        """kill -9."""
        self.now.process.kill()
        await self._ended()

    async def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        self.now.process.send_signal(signal.SIGTERM)
        await self._ended()

    async def restart(self) -> None:
        """Stop and start again, on the same port and folders."""
        await self.stop()
        await self.start()

    async def _ended(self) -> None:
        running, self.running = self.now, None
        await asyncio.to_thread(running.process.wait, STOP_S)
        assert running.process.stdout is not None
        running.process.stdout.close()
        judging, self._judging = self._judging, None
        if judging is not None:
            async with asyncio.timeout(STOP_S):  # a test that ended at once may have ended the server before it began
                with contextlib.suppress(httpx2.TransportError, OSError):
                    await judging

    # ------------------------------------------------------------------ beside the browser

    async def api(self, path: str, body: object = None, *, method: str = "") -> Any:
        """Ask the workbench's API as a page would; a body makes it a POST. AssertionError when it refuses."""
        headers = {"authorization": f"Bearer {self.token}"}
        async with httpx2.AsyncClient(base_url=self.address, headers=headers, timeout=API_S) as client:
            how = method or ("GET" if body is None else "POST")
            answer = await client.request(how, f"/hostler/api{path}", json=body)
        assert answer.status_code < 400, f"{how} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def wait_kept(self, condition: Callable[[dict[str, Any]], bool]) -> None:
        """Until this holds for the preferences: a page shows a choice before the server has it."""
        kept: dict[str, Any] = {}
        try:
            async with asyncio.timeout(API_S):
                while not condition(kept):
                    kept = (await self.api("/preferences"))["preferences"]
        except TimeoutError:
            raise AssertionError(f"this is kept: {kept}") from None

    def write_providers(self, text: str) -> None:
        """Edit the providers file as a person would."""
        self.providers_file.write_text(text)


@asynccontextmanager
async def serving(folder: Path, serve: Serve | None = None, *, judged: bool = True) -> AsyncIterator[Server]:
    """A hostler that serves while the block runs. AssertionError at its end if it told anything unlike its schema."""
    assert DIST.joinpath("index.html").is_file(), "the workbench is not built: make web builds it"
    given = serve or Serve()
    up = Up(given.providers, given.settings, given.flags, given.environment)
    server = Server(folder, up, judge=Judge() if judged else None)
    await server.start()
    try:
        yield server
    finally:
        if server.running is not None:
            with contextlib.suppress(ProcessLookupError):
                await server.kill()
    if server.judge is not None:
        assert not server.judge.complaints, "\n".join(server.judge.complaints)
