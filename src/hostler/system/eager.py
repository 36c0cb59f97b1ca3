"""Runs a coroutine at once, in the caller's own turn, and resumes it in the turn of whoever has its result.

Knows: coroutines, futures, cancellation. Does not know: what they do.

A call that needs no waiting in lane, pool or engine is one coroutine with one pause: for the end of the upstream's
answer. An asyncio task would take three turns of the loop for it (start, resume, done callbacks), some 8 µs of CPU, a
quarter of all that a request may cost. `Eager` takes none: it starts within the call that made it, and a `Signal`
resumes it within the call that set it. Inside, `asyncio.timeout`, task groups and other users of `current_task`
do not work: what needs them is awaited as a task of its own (`asyncio.ensure_future`).
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar  # edge: what a coroutine yields is asyncio's own

T = TypeVar("T")
Awaited = Generator[Any, Any, T]


class Signal(Generic[T]):
    """One value that one `Eager` waits for. Setting it resumes the waiter at once; a second `set` does nothing."""

    __slots__ = ("_resume", "_value", "is_set")

    def __init__(self) -> None:
        self.is_set = False
        self._value: T | None = None
        self._resume: Callable[[], None] | None = None

    def set(self, value: T) -> None:
        """Give the value and resume the waiter."""
        if self.is_set:
            return
        self.is_set = True
        self._value = value
        resume, self._resume = self._resume, None
        if resume is not None:
            resume()

    def attach(self, resume: Callable[[], None] | None) -> None:
        """For `Eager`: whom to resume; None when it waits no more."""
        self._resume = resume

    def __await__(self) -> Awaited[T]:
        if not self.is_set:
            yield self
        return self._value  # pyright: ignore[reportReturnType]  # set by now, by the resume


async def in_task(coroutine: Coroutine[Any, Any, T], give_back: Callable[[T], object] | None = None) -> T:
    """For what needs a task to wait in (timeouts), awaited inside an `Eager` and cancelled with it.

    `give_back` gets a result that came in the very turn in which the waiter was cancelled: nobody else would see it.
    """
    task = asyncio.ensure_future(coroutine)
    try:
        return await task
    except asyncio.CancelledError:
        if give_back is not None and task.done() and not task.cancelled() and task.exception() is None:
            give_back(task.result())
        raise


class Eager:
    """One coroutine, driven by hand. `on_end` gets None, or the exception that ended it (CancelledError included).

    `start` may end it already. `cancel` raises CancelledError inside it, at once if it is paused.
    """

    __slots__ = ("_cancelled", "_coroutine", "_on_end", "_running", "_waits_for", "ended")

    def __init__(
        self, coroutine: Coroutine[Any, Any, None], on_end: Callable[["Eager", BaseException | None], None]
    ) -> None:
        self._coroutine = coroutine
        self._on_end = on_end
        self._waits_for: Signal[Any] | asyncio.Future[Any] | None = None
        self._running = False
        self._cancelled = False
        self.ended = False

    def start(self) -> None:
        """Run to the first pause."""
        self._step(None)

    def cancel(self) -> None:
        """Stop it: from within its own turn, or when what it waits for is there already, at its next pause.

        So what it was given (a slot, a connection) reaches it, and it can give it back.
        """
        if self.ended:
            return
        waits_for = self._waits_for
        if self._running or (isinstance(waits_for, asyncio.Future) and waits_for.done()):
            self._cancelled = True
            return
        self._waits_for = None
        if isinstance(waits_for, Signal):
            waits_for.attach(None)
        elif waits_for is not None:
            waits_for.remove_done_callback(self._wake)
            waits_for.cancel()
        self._step(asyncio.CancelledError())

    def _resume(self) -> None:
        self._waits_for = None
        self._step(None)

    def _wake(self, future: "asyncio.Future[Any]") -> None:
        if self._waits_for is not future:
            return  # it was done, and this call under way, when the wait was cancelled
        self._waits_for = None
        self._step(None)

    def _step(self, error: BaseException | None) -> None:
        self._running = True
        try:
            yielded = self._coroutine.send(None) if error is None else self._coroutine.throw(error)
        except StopIteration:
            self._finish(None)
            return
        except BaseException as raised:  # noqa: BLE001  # edge: whatever ended it is handed to the owner
            self._finish(raised)
            return
        self._running = False
        self._waits_for = yielded
        if isinstance(yielded, Signal):
            yielded.attach(self._resume)
        else:
            # the handshake of asyncio's own tasks: a future that was awaited says so by this flag
            yielded._asyncio_future_blocking = False
            yielded.add_done_callback(self._wake)
        if self._cancelled:
            self._cancelled = False
            self.cancel()

    def _finish(self, error: BaseException | None) -> None:
        self._running = False
        self.ended = True
        self._on_end(self, error)
