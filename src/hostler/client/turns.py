"""Durable turns: replies that go on whoever looks, and can be stopped, taken up again, and seen through to their end.

Knows: which replies run, what may begin beside them, how a turn is refused before anything is stored. Does not know:
HTTP, tables, how one reply is read (turn_run).

Every reply is a task of `Turns`, whatever becomes of the request that asked for it. A run stays registered under its
message until its end is stored; only then may another run of the same message begin, so a stop and a retry cannot race.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import msgspec

from hostler.client.asking import Options
from hostler.client.client import Client
from hostler.client.sessions.parts import OriginRecord, Parts
from hostler.client.sessions.records import NO_PARAMS, Message, Params, Session
from hostler.client.sessions.requests import Begun, Edit, Edited, NewTurn
from hostler.client.turn_frames import FRAME_S, Frames, Publish
from hostler.client.turn_history import check_images, continued, conversation, options_of, spoken
from hostler.client.turn_run import FLUSH_S, Asking, ReplyStore, Run, Stopped, Surroundings
from hostler.core import messages as core
from hostler.core.capabilities import Capabilities, answer
from hostler.core.pricing import Price, price_of
from hostler.errors import Conflict, Draining, QueueFull, RequestError
from hostler.registry.resolver import Route
from hostler.system.clock import Clock, SystemClock

MOST_RUNNING: Final = 64
MOST_MODELS: Final = 8
RETRY_S: Final = 5.0
T = TypeVar("T")


class TurnStore(ReplyStore, Protocol):
    """Where turns are kept; see Sessions."""

    async def session(self, id: str) -> Session: ...
    async def message(self, id: str) -> Message: ...
    async def path(self, id: str) -> tuple[Message, ...]: ...
    async def begin_turn(self, session: str, turn: NewTurn) -> Begun: ...
    async def regenerate(self, id: str, *, models: tuple[str, ...], params: Params) -> tuple[Message, ...]: ...
    async def edit(self, id: str, edit: Edit) -> Edited: ...
    async def resume(self, id: str) -> Message: ...
    async def interrupt_running(self) -> object: ...


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What turns ask about models: where a name leads (raises HostlerError), and what a model id can do."""

    resolve: Callable[[str], Route]
    capabilities: Callable[[str], Capabilities]


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: between two frames of events, between two times that a running reply is kept; and how many may run."""

    frame_s: float = FRAME_S
    flush_s: float = FLUSH_S
    most_running: int = MOST_RUNNING


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A model that is to answer."""

    id: str
    origin: OriginRecord
    local: bool
    blind: bool
    price: Price | None


class Turns:
    """All running replies of one process. Belongs to one event loop."""

    def __init__(
        self,
        client: Client,
        sessions: TurnStore,
        *,
        publish: Publish,
        models: ModelFacts,
        clock: Clock | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._pace = pace or Pace()
        self._sessions = sessions
        self._models = models
        self._around = Surroundings(
            client=client,
            store=sessions,
            frames=Frames(publish, self._pace.frame_s),
            publish=publish,
            clock=clock or SystemClock(),
            flush_s=self._pace.flush_s,
        )
        self._runs: dict[str, Run] = {}
        self._beginning = 0
        self._resuming: set[str] = set()
        self._tasks: set[asyncio.Task[object]] = set()
        self._closed = False

    # ---------------------------------------------------------------- beginning

    async def begin(self, session: str, turn: NewTurn) -> Begun:
        """Store what a person says, and begin the models' replies; they run on by themselves.

        Raises, before anything is stored: ModelNotFound, ProviderNotReady, Unsupported (a model that cannot see),
        RequestError, NotFound, Conflict (the reply that is answered still runs), QueueFull.
        """
        return await self._see_through(self._begin(session, turn))

    async def _begin(self, session: str, turn: NewTurn) -> Begun:
        if not turn.parts:
            raise RequestError("There is nothing in this message.", hint="Write something, or attach a file.")
        chosen = self._choose(turn.models)
        with self._room(len(chosen)):
            kept = await self._sessions.session(session)
            path = await self._path(turn.parent)
            turn = msgspec.structs.replace(turn, models=_ids(chosen), params=turn.params.over(kept.params))
            options = options_of(turn.params, kept.system)
            check_images([*path, _unsaid(turn.parts)], _blind(chosen))
            begun = await self._sessions.begin_turn(session, turn)
            prompt = conversation([*path, begun.user])
            self._run_all(begun.replies, chosen, prompt=prompt, options=options)
        return begun

    async def regenerate(
        self, message: str, models: Sequence[str] = (), *, params: Params = NO_PARAMS
    ) -> tuple[Message, ...]:
        """Further replies beside this one, by these models or by its own. For a person's message: replies to it.

        Raises as `begin` does.
        """
        return await self._see_through(self._regenerate(message, models, params=params))

    async def _regenerate(self, message: str, models: Sequence[str], *, params: Params) -> tuple[Message, ...]:
        old = await self._sessions.message(message)
        parent = old.parent if old.role == "assistant" else old.id
        if parent is None or old.role == "system":
            raise Conflict("This message answers nothing, so there is nothing to answer again.")
        chosen = self._choose(models or ((old.model,) if old.model else ()))
        with self._room(len(chosen)):
            kept = await self._sessions.session(old.session)
            path = await self._path(parent)
            params = params.over(kept.params)
            options = options_of(params, kept.system)
            check_images(path, _blind(chosen))
            replies = await self._sessions.regenerate(message, models=_ids(chosen), params=params)
            prompt = conversation(path)
            self._run_all(replies, chosen, prompt=prompt, options=options)
        return replies

    async def edit(self, message: str, edit: Edit) -> Edited:
        """A message in other words, as a new sibling; a person's is answered by `edit.models`. Raises as `begin`."""
        return await self._see_through(self._edit(message, edit))

    async def _edit(self, message: str, edit: Edit) -> Edited:
        if not edit.parts:
            raise RequestError("There is nothing in this message.", hint="Write something, or attach a file.")
        old = await self._sessions.message(message)
        if not edit.models or old.role != "user":
            return await self._sessions.edit(message, msgspec.structs.replace(edit, models=()))
        chosen = self._choose(edit.models)
        with self._room(len(chosen)):
            kept = await self._sessions.session(old.session)
            path = await self._path(old.parent)
            edit = msgspec.structs.replace(edit, models=_ids(chosen), params=edit.params.over(kept.params))
            options = options_of(edit.params, kept.system)
            check_images([*path, _unsaid(edit.parts)], _blind(chosen))
            edited = await self._sessions.edit(message, edit)
            prompt = conversation([*path, edited.message])
            self._run_all(edited.replies, chosen, prompt=prompt, options=options)
        return edited

    async def continue_(self, message: str) -> Message:
        """Go on with a reply that ended early, in the same message. Raises Conflict while it runs, else as `begin`."""
        return await self._see_through(self._continue(message))

    async def _continue(self, message: str) -> Message:
        if message in self._resuming:
            raise _running(message)
        self._resuming.add(message)
        try:
            await self._wait_ending(message)
            with self._room(1):
                return await self._resume(message)
        finally:
            self._resuming.discard(message)

    async def _resume(self, message: str) -> Message:
        old = await self._sessions.message(message)
        if old.role != "assistant" or old.parent is None:
            raise Conflict("Only a reply can be gone on with.")
        if old.state == "complete" and old.finish != "length":
            raise Conflict("This reply came to its end.", hint="Ask for another one, or say something.")
        (model,) = self._choose((old.model,))
        kept = await self._sessions.session(old.session)
        path = await self._path(old.parent)
        options = options_of(old.params, kept.system)
        check_images(path, _blind((model,)))
        resumed = await self._sessions.resume(message)
        before = old.parts if spoken(old.parts) else ()
        asking = Asking(
            reply=msgspec.structs.replace(old, state="streaming"),
            prompt=continued(path, old.parts),
            options=options,
            origin=model.origin,
            local=model.local,
            price=model.price,
            before=before,
        )
        self._run(asking)
        return resumed.public()

    # ---------------------------------------------------------------- running

    async def stop(self, message: str) -> Message:
        """Stop a reply; returns it as it was stored, when its run has really ended. Raises Conflict: it does not run.

        The upstream is let go of at once.
        """
        run = self._runs.get(message)
        if run is None:
            raise Conflict("This reply does not run.")
        run.stop("cancelled")
        return await asyncio.shield(run.task)

    async def stop_all(self, messages: Iterable[str] | None = None, *, session: str = "") -> None:
        """Stop those of these messages that run, or all of a session; returns when they have ended."""
        wanted = [run for run in self._runs.values() if run.session == session]
        if messages is not None:
            wanted = [run for id in messages if (run := self._runs.get(id))]
        await self._stop(wanted, "cancelled")

    def running(self) -> tuple[Message, ...]:
        """Every reply that runs, as it stands now."""
        return tuple(run.message() for run in self._runs.values())

    def current(self, messages: Iterable[Message]) -> list[Message]:
        """The same messages, those that run as they stand now instead of as they were last kept."""
        return [run.message() if (run := self._runs.get(message.id)) else message for message in messages]

    async def interrupt_left(self) -> None:
        """At start-up: what an earlier process left running is interrupted. Raises StorageError."""
        await self._sessions.interrupt_running()

    async def close(self) -> None:
        """Begin nothing more; running replies become interrupted, with what they have."""
        self._closed = True
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._stop(list(self._runs.values()), "interrupted")
        self._around.frames.close()

    # ---------------------------------------------------------------- parts of it

    async def _see_through(self, work: Coroutine[object, object, T]) -> T:
        """Do it to its end, also when who asked leaves: what is stored as running must run."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits gets it; if nobody does any more, it is nobody's

    def _run_all(
        self,
        replies: Sequence[Message],
        chosen: Sequence[_Chosen],
        *,
        prompt: tuple[core.Message, ...],
        options: Options,
    ) -> None:
        for reply, model in zip(replies, chosen, strict=True):
            asking = Asking(
                reply=reply, prompt=prompt, options=options, origin=model.origin, local=model.local, price=model.price
            )
            self._run(asking)

    def _run(self, asking: Asking) -> None:
        run = Run(asking, self._around)
        self._runs[run.id] = run
        run.task.add_done_callback(lambda _: self._forget(run))
        if self._closed:
            run.stop("interrupted")

    def _forget(self, run: Run) -> None:
        """A run is over; another one may have taken its place."""
        if self._runs.get(run.id) is run:
            del self._runs[run.id]

    async def _stop(self, runs: Sequence[Run], state: Stopped) -> None:
        for run in runs:
            run.stop(state)
        if runs:
            await asyncio.wait([run.task for run in runs])

    async def _wait_ending(self, message: str) -> None:
        """Return once nothing runs for the message; a run that was not stopped is not waited for: Conflict."""
        run = self._runs.get(message)
        if run is None:
            return
        if not run.ending:
            raise _running(message)
        await asyncio.wait((run.task,))

    @contextmanager
    def _room(self, count: int) -> Generator[None]:
        """Reserve places for replies that are about to begin. Raises QueueFull, Draining."""
        if self._closed:
            raise Draining("hostler is shutting down")
        most = self._pace.most_running
        if len(self._runs) + self._beginning + count > most:
            raise QueueFull(
                f"{len(self._runs)} replies are running, and at most {most} may.",
                hint="Wait for some to end, or stop them.",
                retry_after=RETRY_S,
            )
        self._beginning += count
        try:
            yield
        finally:
            self._beginning -= count

    def _choose(self, models: Sequence[str]) -> tuple[_Chosen, ...]:
        """Raises what resolving raises, and RequestError for none or too many."""
        if not 1 <= len(models) <= MOST_MODELS:
            raise RequestError(
                f"A turn needs a model and takes at most {MOST_MODELS}; {len(models)} were named.",
                hint="Choose a model first." if not models else None,
            )
        return tuple(self._one(model) for model in models)

    def _one(self, model: str) -> _Chosen:
        candidate = self._models.resolve(model).candidates[0]
        provider = candidate.provider
        origin = OriginRecord(provider=provider.id, wire=provider.wire, model=candidate.model)
        facts = self._models.capabilities(candidate.model_id)
        local = provider.local or provider.ours
        return _Chosen(candidate.model_id, origin, local, answer(facts.vision) == "no", price_of(facts))

    async def _path(self, message: str | None) -> tuple[Message, ...]:
        """From the root to this message. Raises Conflict when something on it still runs."""
        if message is None:
            return ()
        path = await self._sessions.path(message)
        for each in path:
            if each.id in self._runs:
                raise Conflict("The reply that this would follow is still running.", hint="Stop it, or wait for it.")
        return path


def _running(message: str) -> Conflict:
    return Conflict(f"The reply {message} is running.", hint="Stop it first.")


def _ids(chosen: Sequence[_Chosen]) -> tuple[str, ...]:
    return tuple(model.id for model in chosen)


def _blind(chosen: Sequence[_Chosen]) -> list[str]:
    return [model.id for model in chosen if model.blind]


def _unsaid(parts: Parts) -> Message:
    """A message that is not stored yet."""
    return Message(id="", session="", parent=None, role="user", parts=parts, created=0)
