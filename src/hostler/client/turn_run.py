"""One reply while it runs: asks the model, collects what comes, keeps it from time to time, and ends it.

Knows: how a run ends (well, failed, stopped, interrupted) and what is stored then. Does not know: which replies run
beside it, where its request comes from.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import msgspec

from hostler.client.asking import Options
from hostler.client.client import Client
from hostler.client.sessions.parts import OriginRecord, Parts
from hostler.client.sessions.records import ErrorRecord, Message, State
from hostler.client.sessions.requests import Ending, Piece
from hostler.client.turn_frames import Frames, Publish
from hostler.client.turn_parts import ReplyParts, total
from hostler.core import messages as core
from hostler.core.deltas import Delta
from hostler.core.pricing import CostState, Price, cost_of, cost_state
from hostler.errors import Cancelled, Draining, HostlerError, NotFound
from hostler.system.clock import Clock

FLUSH_S: Final = 0.5
"""Seconds between two times that a running reply is kept."""
Stopped = Literal["cancelled", "interrupted"]
_MS: Final = 1000

_log = logging.getLogger(__name__)


class ReplyStore(Protocol):
    """Where replies are kept; see Sessions."""

    async def keep_pieces(self, id: str, pieces: tuple[Piece, ...]) -> bool: ...
    async def finish(self, id: str, ending: Ending) -> Message | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What one reply is asked with. `before` are the parts that it goes on from."""

    reply: Message
    """As stored, streaming and empty; when it is gone on with, as it had ended."""
    prompt: tuple[core.Message, ...]
    options: Options
    origin: OriginRecord
    local: bool
    price: Price | None = None
    before: Parts = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all runs work with."""

    client: Client
    store: ReplyStore
    frames: Frames
    publish: Publish
    clock: Clock
    flush_s: float = FLUSH_S


class Run:
    """One reply on its way. `dirty`: it has something to tell that no frame has told."""

    def __init__(self, asking: Asking, around: Surroundings) -> None:
        self.id: Final = asking.reply.id
        self.session: Final = asking.reply.session
        self.parts = ReplyParts(asking.origin, around.clock, before=asking.before)
        self.dirty = False
        self._unkept: list[Piece] = []
        self._asking = asking
        self._around = around
        self._began = around.clock.monotonic()
        self._stopped: Stopped | None = None
        loop = asyncio.get_running_loop()
        self._reading = loop.create_task(self._read())
        self.task: Final = loop.create_task(self._see_through())
        """Ends when the reply is stored as it ended, with the message; nothing cancels it."""

    def stop(self, state: Stopped) -> None:
        """Let go of the upstream now; how it had got on is stored with this state. Twice is once."""
        if self._stopped is None:
            self._stopped = state
            self._reading.cancel()

    @property
    def ending(self) -> bool:
        """Whether it was stopped or has all it will get."""
        return self._stopped is not None or self._reading.done()

    def message(self) -> Message:
        """As it stands, for a browser."""
        reply = msgspec.structs.replace(
            self._asking.reply, state="streaming", parts=self.parts.parts(), error=None, ttft_ms=self._ttft()
        )
        return reply.public()

    async def _read(self) -> None:
        """Task: everything the model says. What goes wrong is its outcome."""
        asking, around = self._asking, self._around
        add, mark = self.parts.add, around.frames.mark

        def take(batch: Sequence[Delta]) -> None:
            for delta in batch:
                add(delta)
            if not self.dirty:
                mark(self)

        await around.client.follow(asking.reply.model, asking.prompt, take=take, **asking.options)

    async def _see_through(self) -> Message:
        """Task: keep what has come from time to time, one time after the other; at the end store how it ended."""
        try:
            while not self._reading.done():
                await asyncio.wait((self._reading,), timeout=self._around.flush_s)
                if not self._reading.done() and self.parts.unsaved:
                    await self._keep()
        finally:
            self._reading.cancel()  # only when somebody ended this task all the same
        self.parts.close()
        self._around.frames.tell(self)
        return await self._end(self._ending())

    async def _keep(self) -> None:
        self.parts.unsaved = False
        self._unkept += self.parts.take_unkept()
        try:
            await self._around.store.keep_pieces(self.id, tuple(self._unkept))
            self._unkept.clear()
        except HostlerError as error:  # the next time may fare better, and the end says so if not
            self.parts.unsaved = True
            _log.warning("a reply that runs could not be kept: %s", error.text)

    async def _end(self, ending: Ending) -> Message:
        try:
            stored = await self._around.store.finish(self.id, ending)
        except NotFound:
            stored = None
        except HostlerError as error:
            _log.error("a reply could not be stored: %s", error.text)
            failed = msgspec.structs.replace(ending, state="failed", error=_told(error))
            message = _ended(self._asking.reply, failed).public()
            self._around.publish("message.changed", {"session": self.session, "message": message})
            return message
        # None: it was deleted meanwhile, so nobody needs to be told
        return (stored or _ended(self._asking.reply, ending)).public()

    def _ending(self) -> Ending:
        state, error = self._outcome()
        earlier, parts = self._asking.reply, self.parts
        cost, how = self._cost()
        usages = [*([earlier.usage] if earlier.usage else []), *([parts.usage] if parts.usage.known else [])]
        took = round((self._around.clock.monotonic() - self._began) * _MS)
        return Ending(
            state=state,
            parts=parts.parts(),
            usage=total(usages) if usages else None,
            cost=cost,
            cost_state=how,
            ttft_ms=self._ttft(),
            duration_ms=took + (earlier.duration_ms or 0),
            finish=parts.finish if state == "complete" else "",
            error=error,
        )

    def _cost(self) -> tuple[float | None, CostState]:
        """What it cost, with what it had cost before it was gone on with; if one is not known, neither is the sum."""
        asking, usage = self._asking, self.parts.usage
        cost = 0.0 if asking.local else cost_of(asking.price, usage)
        before = asking.reply
        if before.usage is not None and cost is not None:
            cost = None if before.cost is None else before.cost + cost
        state = cost_state(cost, usage, local=asking.local)
        return cost, "estimate" if state == "known" and before.cost_state == "estimate" else state

    def _outcome(self) -> tuple[State, ErrorRecord | None]:
        """How the reading ended."""
        if self._reading.cancelled():
            return self._stopped or "interrupted", None
        error = self._reading.exception()
        if error is None:
            return "complete", None
        if self._stopped is not None:
            return self._stopped, None
        if isinstance(error, Draining | Cancelled):
            return "interrupted", None
        if not isinstance(error, HostlerError):
            _log.error("a reply failed unexpectedly", exc_info=error)
            error = HostlerError("hostler failed at this reply; its log says why.")
        return "failed", _told(error)

    def _ttft(self) -> int | None:
        if self._asking.reply.ttft_ms is not None or self.parts.first_at is None:
            return self._asking.reply.ttft_ms
        return round((self.parts.first_at - self._began) * _MS)


def _told(error: HostlerError) -> ErrorRecord:
    return ErrorRecord(code=error.code, message=error.message, hint=error.hint or "")


def _ended(reply: Message, ending: Ending) -> Message:
    """The reply as it would have been stored."""
    fields = {name: getattr(ending, name) for name in ending.__struct_fields__}
    return msgspec.structs.replace(reply, **fields)
