"""Downloads of models that the page began: their progress as events, their cancel, and the model at their end.

Knows: which pulls run and how they stand. Does not know: hubs and files (registry.fetching), HTTP.

A pull has a thread with a loop of its own, for it writes and checks files, and the loop that serves must not wait.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from hostler.client.sessions.ids import PULL, new_id
from hostler.errors import Conflict, HostlerError, NotFound, QueueFull
from hostler.settings import Settings
from hostler.system.clock import Clock, SystemClock
from hostler.workbench.views import Problem, PullState

if TYPE_CHECKING:
    from hostler.engines.download import Progress, Report
    from hostler.registry.fetching import Fetched

MOST_RUNNING: Final = 4
MOST_KEPT: Final = 50
FRAME_S: Final = 0.25
"""Seconds between two reports of one pull."""
Publish = Callable[[str, Mapping[str, object]], object]
Fetch = Callable[[str, "Report"], Coroutine[object, object, "Fetched"]]

_log = logging.getLogger(__name__)


class Reloads(Protocol):
    """Who reads the providers file."""

    def load(self) -> object: ...


class Pulls:
    """All pulls since the start. Belongs to one event loop."""

    def __init__(
        self,
        settings: Settings,
        publish: Publish,
        *,
        providers: Reloads,
        clock: Clock | None = None,
        fetch: Fetch | None = None,
    ) -> None:
        """`fetch` stands for fetching from the hub that the settings name."""
        self._publish = publish
        self._providers = providers
        self._clock = clock or SystemClock()
        self._fetch = fetch or _fetch_by(settings)
        self._pulls: dict[str, _Pull] = {}

    def list(self) -> tuple[PullState, ...]:
        """How they stand, oldest first; those that are over for a while too."""
        return tuple(pull.state for pull in self._pulls.values())

    def begin(self, spec: str) -> PullState:
        """Begin to fetch ORG/NAME[:QUANT]; the same that runs already is that one. Raises QueueFull."""
        running = [pull for pull in self._pulls.values() if pull.running]
        for pull in running:
            if pull.state.spec == spec:
                return pull.state
        if len(running) >= MOST_RUNNING:
            raise QueueFull(f"{MOST_RUNNING} downloads are running.", hint="Wait for one to end, or cancel it.")
        pull = _Pull(PullState(new_id(PULL, self._clock), spec, "running", 0), self._publish)
        self._pulls[pull.state.id] = pull
        self._forget_old()
        pull.start(self._fetch, self._providers)
        return pull.state

    async def cancel(self, id: str) -> PullState:
        """Stop a pull; what has come is kept for the next one. Raises NotFound, Conflict when it is over."""
        pull = self._pulls.get(id)
        if pull is None:
            raise NotFound(f"There is no pull {id}.")
        if not pull.running:
            raise Conflict("This pull is over.")
        await pull.stop()
        return pull.state

    async def close(self) -> None:
        """Stop all of them."""
        await asyncio.gather(*[pull.stop() for pull in self._pulls.values()])

    def _forget_old(self) -> None:
        over = [id for id, pull in self._pulls.items() if not pull.running]
        for id in over[: max(0, len(self._pulls) - MOST_KEPT)]:
            del self._pulls[id]


class _Pull:
    """One pull: a task here that waits, and a thread that works."""

    def __init__(self, state: PullState, publish: Publish) -> None:
        self.state = state
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0
        self._seen: Progress | None = None
        self._worker = _Worker()

    @property
    def running(self) -> bool:
        """Whether it is not over yet."""
        return self.state.state == "running"

    def start(self, fetch: Fetch, providers: Reloads) -> None:
        """Begin."""
        self._publish("pull.progress", {"pull": self.state})
        self._task = self._loop.create_task(self._run(fetch, providers))

    async def stop(self) -> None:
        """Cancel it and wait for its end."""
        self._worker.cancel()
        if self._task is not None:
            await asyncio.wait((self._task,))

    async def _run(self, fetch: Fetch, providers: Reloads) -> None:
        """Task: see the thread through, and tell how it ended."""
        try:
            fetched = await asyncio.to_thread(self._worker.run, lambda: fetch(self.state.spec, self._report))
            if fetched is not None:
                providers.load()
        except HostlerError as error:
            self._end("pull.failed", state="failed", error=Problem(error.code, error.message, error.hint or ""))
        except Exception:  # noqa: BLE001  # the named edge of a download: the page must hear of its end
            _log.exception("a download failed unexpectedly")
            problem = Problem("internal_error", "hostler failed at this download.", "Its log says why.")
            self._end("pull.failed", state="failed", error=problem)
        else:
            if fetched is None:
                self._end("pull.failed", state="cancelled")
                return
            size = fetched.pulled.size
            self._end("pull.done", state="done", done=size, total=size, model=fetched.model_id)

    def _report(self, progress: "Progress") -> None:
        """In the thread."""
        self._loop.call_soon_threadsafe(self._take, progress)

    def _take(self, progress: "Progress") -> None:
        if not self.running:
            return
        self._seen = progress
        if self._timer is None:
            self._timer = self._loop.call_at(max(self._next, self._loop.time()), self._tell)

    def _tell(self) -> None:
        self._timer = None
        self._next = self._loop.time() + FRAME_S
        if self._seen is not None:
            total = self._seen.total or None
            self.state = msgspec.structs.replace(self.state, done=self._seen.done, total=total)
            self._publish("pull.progress", {"pull": self.state})

    def _end(self, kind: str, **changes: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._seen is not None:
            changes = {"done": self._seen.done, "total": self._seen.total or None, **changes}
        self.state = msgspec.structs.replace(self.state, **changes)
        self._publish(kind, {"pull": self.state})


class _Worker:
    """Runs one coroutine on a loop in whatever thread `run` is called; `cancel` comes from any other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._at: tuple[asyncio.AbstractEventLoop, asyncio.Task[Fetched]] | None = None

    def run(self, work: "Callable[[], Coroutine[object, object, Fetched]]") -> "Fetched | None":
        """Its result, None when it was cancelled. Raises what it raises."""
        try:
            return asyncio.run(self._main(work))
        except asyncio.CancelledError:
            return None

    async def _main(self, work: "Callable[[], Coroutine[object, object, Fetched]]") -> "Fetched":
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._cancelled:
                raise asyncio.CancelledError
            task = loop.create_task(work())
            self._at = (loop, task)
        try:
            return await task
        finally:
            with self._lock:
                self._at = None

    def cancel(self) -> None:
        """Now, or as soon as it begins; nothing when it is over."""
        with self._lock:
            self._cancelled = True
            if self._at is not None:
                loop, task = self._at
                loop.call_soon_threadsafe(task.cancel)


def _fetch_by(settings: Settings) -> Fetch:
    async def fetch(spec: str, report: "Report") -> "Fetched":
        from hostler.registry.fetching import fetch_model  # lazy: 10 ms of start-up, in a thread of its own here

        return await fetch_model(settings, spec, progress=report)

    return fetch
