"""What running replies tell the event log: text as it comes, all of them by one timer.

Knows: frames, and the events of a reply that runs. Does not know: where the text comes from, who reads the events.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from hostler.client.sessions.records import Message
from hostler.client.turn_parts import ReplyParts

FRAME_S: Final = 0.016
Publish = Callable[[str, Mapping[str, object]], object]


class Telling(Protocol):
    """A reply that has something to tell."""

    parts: ReplyParts
    dirty: bool

    @property
    def id(self) -> str: ...
    @property
    def session(self) -> str: ...
    def message(self) -> Message: ...


class Frames:
    """Tells of each reply at most once per `frame_s` seconds. A token costs nothing here, but the first of a frame."""

    def __init__(self, publish: Publish, frame_s: float = FRAME_S) -> None:
        self._publish = publish
        self._frame_s = frame_s
        self._dirty: list[Telling] = []
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0

    def mark(self, reply: Telling) -> None:
        """There is news of this reply; it is told at once when the last frame is long enough ago."""
        reply.dirty = True
        self._dirty.append(reply)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(self._next, loop.time()), self._tick)

    def tell(self, reply: Telling) -> None:
        """Tell what there is of this reply now, since it is over."""
        if reply.dirty:
            self._dirty.remove(reply)
            self._tell(reply)

    def close(self) -> None:
        """Nothing is told any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        self._next = asyncio.get_running_loop().time() + self._frame_s
        replies, self._dirty = self._dirty, []
        for reply in replies:
            self._tell(reply)

    def _tell(self, reply: Telling) -> None:
        reply.dirty = False
        parts = reply.parts
        news = parts.take_news()
        if parts.changed:
            parts.changed = False
            self._publish("message.changed", {"session": reply.session, "message": reply.message()})
            return
        for grown in news:
            self._publish(
                "message.delta",
                {
                    "session": reply.session,
                    "message": reply.id,
                    "part": grown.part,
                    "type": grown.type,
                    "at": grown.at,
                    "text": grown.text,
                },
            )
