"""The gateway workers, as the owner of the data folder has them: started, served, replaced when one dies, drained.

Knows: their processes, the line to each, what each may ask for. Does not know: what a worker does with a connection.
"""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

import msgspec

from hostler.errors import HostlerError
from hostler.registry.providers_file import ProvidersFile
from hostler.routing.dispatch import Engines
from hostler.routing.lane_desk import LaneDesk
from hostler.routing.lanes import LocalLanes
from hostler.routing.opaque import KeptReply, OpaqueStore, Place
from hostler.routing.worker_messages import (
    FromOwner,
    GaveUp,
    Hello,
    Kept,
    Listening,
    Providers,
    Said,
    Welcome,
    decode_from_worker,
    encode,
    error_of,
)
from hostler.settings import Settings
from hostler.system.launcher import ChildProcess, Command, spawn
from hostler.system.line_socket import LineSocket

START_S: Final = 60.0
"""Seconds in which all workers must listen after the start."""
FIRST_PAUSE_S: Final = 0.1
"""Seconds before a worker that died is started again; doubles with each failure in a row, up to LONGEST_PAUSE_S."""
LONGEST_PAUSE_S: Final = 30.0
STEADY_S: Final = 60.0
"""Seconds of life after which earlier failures are forgotten."""
GRACE_S: Final = 5.0
"""Seconds beyond the drain time before a worker that still runs is killed."""
LAST_LINES: Final = 20

_log = logging.getLogger(__name__)

State = Literal["starting", "ready", "waiting", "ended"]


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker as people may see it; `waiting`: until it is started again. `slots`: lane slots it has now."""

    number: int
    state: State
    pid: int | None
    restarts: int
    slots: int


@dataclass(frozen=True, slots=True)
class WorkersParts:
    """What the workers live on."""

    settings: Settings
    token: str
    program: tuple[str, ...]
    """What a worker runs; it gets its number as the last argument, and the line to us as its stdin."""
    lanes: LocalLanes
    engines: Engines
    keeper: OpaqueStore
    providers: ProvidersFile
    publish: Callable[[str, dict[str, object]], object]


@dataclass(frozen=True, slots=True)
class Ports:
    """The public port that the workers share, and the owner's own on loopback."""

    public: int
    private: int


class _Worker:
    """One place among the workers, and the process that has it now."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.state: State = "starting"
        self.restarts = 0
        self.failures = 0
        self.child: ChildProcess | None = None
        self.line: LineSocket | None = None
        self.desk: LaneDesk | None = None
        self.error: HostlerError | None = None
        """Why it said that it cannot work."""
        self.began: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """When it listened for the first time."""

    def send(self, message: FromOwner) -> None:
        if self.line is not None:
            self.line.send(encode(message))

    def status(self) -> WorkerStatus:
        slots = self.desk.statistics().slots if self.desk else 0
        return WorkerStatus(self.number, self.state, self.child.pid if self.child else None, self.restarts, slots)


class GatewayWorkers:
    """All workers of one owner. Belongs to one event loop, that of the main thread: workers are tied to its life."""

    def __init__(self, parts: WorkersParts) -> None:
        self._parts = parts
        self._settings = parts.settings
        self._folder = parts.settings.data_dir / "workers"
        self._workers = [_Worker(number) for number in range(1, parts.settings.gateway.workers + 1)]
        self._tasks: list[asyncio.Task[None]] = []
        self._draining = False
        self._ports = Ports(0, 0)

    async def start(self, ports: Ports) -> None:
        """Start all; returns when each listens. Raises what the first one that cannot gave as its reason."""
        self._ports = ports
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._parts.keeper.on_kept = self._share
        create = asyncio.get_running_loop().create_task
        self._tasks = [create(self._keep(worker)) for worker in self._workers]
        self._tasks.append(create(self._follow_providers()))
        try:
            async with asyncio.timeout(START_S):
                for worker in self._workers:
                    await worker.began
        except TimeoutError:
            raise HostlerError(
                f"The gateway workers did not begin to listen within {START_S:g} s.",
                hint=f"Their logs are in {self._folder}.",
            ) from None

    async def drain(self, seconds: float) -> None:
        """Let each end its running calls for up to `seconds`; returns when all are gone."""
        self._draining = True
        async with asyncio.TaskGroup() as group:
            for worker in self._workers:
                if worker.child is not None:
                    group.create_task(_end(worker.child, seconds + GRACE_S))

    async def close(self) -> None:
        """Kill what still runs."""
        self._draining = True
        self._parts.keeper.on_kept = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for worker in self._workers:
            if worker.began.done() and not worker.began.cancelled():
                worker.began.exception()  # seen: `start` raised the first of them

    def statistics(self) -> tuple[WorkerStatus, ...]:
        """Every worker as it stands."""
        return tuple(worker.status() for worker in self._workers)

    # ---------------------------------------------------------------- their lives

    async def _keep(self, worker: _Worker) -> None:
        """Task: keep one worker running; ends when it is drained, or when it cannot even begin."""
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            how = await self._run(worker)
            if self._draining:
                worker.state = "ended"
                return
            if not worker.began.done():
                worker.began.set_exception(worker.error or self._failure(worker, how))
                return
            worker.failures = 1 if loop.time() - started >= STEADY_S else worker.failures + 1
            pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(worker.failures - 1, 30))
            _log.error("gateway worker %d ended (%s); it is started again in %g s", worker.number, how, pause)
            self._parts.publish("worker.ended", {"worker": worker.number, "reason": how, "restart_in_s": pause})
            worker.state = "waiting"
            await asyncio.sleep(pause)
            worker.restarts += 1

    async def _run(self, worker: _Worker) -> str:
        """One process from its start to its end; returns how it ended."""
        worker.state, worker.error = "starting", None
        own, theirs = socket.socketpair()
        try:
            child = worker.child = self._spawn(worker, theirs)
        except OSError as error:
            own.close()
            return f"it could not be started: {error.strerror or error}"
        finally:
            theirs.close()
        worker.desk = LaneDesk(self._parts.lanes, self._parts.engines, send=worker.send)
        try:
            worker.line = await LineSocket.open(
                own, partial(self._on_line, worker), on_end=partial(self._on_line_end, worker, child)
            )
            return _how(await child.wait())
        finally:
            child.kill_group_nowait()
            worker.desk.close()
            if worker.line is not None:
                worker.line.close()
            worker.child = worker.line = worker.desk = None

    def _spawn(self, worker: _Worker, theirs: socket.socket) -> ChildProcess:
        log = self._log_of(worker)
        log.unlink(missing_ok=True)  # what it has to say comes over the line; here stands only how it died
        argv = (*self._parts.program, str(worker.number))
        return spawn(Command(argv, self._settings.environment, log, theirs))

    def _failure(self, worker: _Worker, how: str) -> HostlerError:
        try:
            lines = self._log_of(worker).read_text("utf-8", errors="replace").splitlines()[-LAST_LINES:]
        except OSError:
            lines = []
        tail = f" Last log lines: {' | '.join(lines)}" if lines else ""
        return HostlerError(f"Gateway worker {worker.number} could not begin: {how}.{tail}")

    def _log_of(self, worker: _Worker) -> Path:
        return self._folder / f"{worker.number}.log"

    # ---------------------------------------------------------------- what they say

    def _on_line(self, worker: _Worker, line: bytes) -> None:
        try:
            message = decode_from_worker(line)
        except msgspec.MsgspecError as error:
            _log.error("gateway worker %d says what nobody understands: %s", worker.number, error)
            if worker.child is not None:
                worker.child.kill_group_nowait()
            return
        match message:
            case Hello():
                self._welcome(worker)
            case Listening():
                self._note_ready(worker)
            case GaveUp():
                worker.error = error_of(message.trouble)
            case Said():
                logging.getLogger(message.logger).log(message.level, "worker %d: %s", worker.number, message.text)
            case Kept():
                self._parts.keeper.put((message.key_id, message.origin, message.anchor), message.reply)
                self._tell_others(message, but=worker)
            case _:
                if worker.desk is not None:
                    worker.desk.answer(message)

    def _on_line_end(self, worker: _Worker, child: ChildProcess) -> None:
        """What it held is free at once, however long its process takes to be gone."""
        if worker.child is child and worker.desk is not None:
            worker.desk.close()
            if not self._draining:
                child.kill_group_nowait()

    def _welcome(self, worker: _Worker) -> None:
        parts, ports = self._parts, self._ports
        text, keyring = parts.providers.status.text, parts.providers.keyring
        worker.send(Welcome(self._settings, parts.token, ports.public, ports.private, text, keyring))
        for (key_id, origin, anchor), reply in parts.keeper.entries():
            worker.send(Kept(key_id, origin, anchor, reply))

    def _note_ready(self, worker: _Worker) -> None:
        worker.state = "ready"
        pid = worker.child.pid if worker.child else None
        self._parts.publish("worker.ready", {"worker": worker.number, "pid": pid})
        if not worker.began.done():
            worker.began.set_result(None)

    def _share(self, place: Place, reply: KeptReply) -> None:
        """What the owner's own gateway kept."""
        self._tell_others(Kept(*place, reply))

    def _tell_others(self, message: FromOwner, *, but: _Worker | None = None) -> None:
        for worker in self._workers:
            if worker is not but:
                worker.send(message)

    async def _follow_providers(self) -> None:
        """Task: one process reads the file, so all have the same providers, and the last good ones after a bad edit."""
        while True:
            status = await self._parts.providers.wait_changed()
            self._tell_others(Providers(status.text, self._parts.providers.keyring))


async def _end(child: ChildProcess, grace: float) -> None:
    await child.terminate_group(grace)


def _how(returncode: int) -> str:
    if returncode >= 0:
        return f"exit status {returncode}"
    try:
        return f"killed by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"killed by signal {-returncode}"
